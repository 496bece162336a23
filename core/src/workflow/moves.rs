//! Which acts lead where: the one place that follows the service's line. `available`, `decide` and the fold all
//! ask here, so they cannot disagree.

use crate::catalogue::{
    ActKind, Choice, Detour, Guard, Kind, Need, Outcome, OutcomeKind, Papers, ParallelAct, Role, Service,
    Step,
};

use super::available::{NEED_REASON, ReasonNeed};
use super::state::{Position, State};

/// The engine's act that lets a file into the queue although attachments are still missing.
pub const ACT_RELEASE: &str = "lepaskan";
/// The engine's act under which the arrival of the attachments is recorded.
pub const ACT_COMPLETE: &str = "lampiran_lengkap";
/// The state in which a withdrawn application ends.
pub const WITHDRAWN: &str = "DIBATALKAN_PEMOHON";
/// The state of an application that waits for its attachments, where the file names none.
const SUBMITTED: &str = "DIAJUKAN";
/// Prefix of a need (and a parameter) that marks a requirement: `tanda.<requirement>`.
pub const MARK_PREFIX: &str = "tanda.";
/// What a requirement can be marked with: code, label.
pub const MARK_CODES: [(&str, &str); 5] = [
    ("buram", "Buram, tidak terbaca"),
    ("bukan_terbaru", "Bukan yang terbaru"),
    ("tidak_sesuai", "Tidak sesuai dengan isian"),
    ("tidak_lengkap", "Tidak lengkap"),
    ("tidak_ada", "Tidak ada"),
];
/// The need that tells what became of the old card.
pub const NEED_OLD_CARD: &str = "kartu_lama";
/// The need that names a card blank.
pub const NEED_SERIAL: &str = "nomor_seri";

/// Roles that may let a file in without its attachments.
const RELEASE_ROLES: &[Role] = &[Role::FrontOffice, Role::Admin];

/// A way on, wherever the application is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Move<'a> {
    /// Submit, for the first time or again.
    Submit(&'a Step),
    /// Do the step of this index.
    Advance(usize, &'a Step),
    /// Leave a step another way.
    Leave(usize, &'a Step, &'a Outcome),
    /// Do the detour.
    Detour(&'a Detour),
    /// Something about the papers.
    Papers(&'a ParallelAct),
    /// The applicant withdraws.
    Withdraw(&'a Service),
    /// Into the queue without attachments.
    Release,
}

/// The straight line: the file's steps without the card's transport where it is printed where it is collected.
pub(super) fn line(service: &Service) -> Vec<&Step> {
    let stays = service.print_site == service.pickup_site;
    let printed = service.steps.iter().position(|step| step.kind == ActKind::Cetak);
    let carries = |index: usize, step: &Step| {
        matches!(step.kind, ActKind::Kirim | ActKind::Terima) && printed.is_some_and(|print| index > print)
    };
    service
        .steps
        .iter()
        .enumerate()
        .filter(|(i, step)| !(stays && carries(*i, step)))
        .map(|(_, step)| step)
        .collect()
}

/// The state in which an application waits for its attachments.
pub(super) fn submitted_state(service: &Service) -> &str {
    line(service).first().and_then(|step| step.done.as_deref()).unwrap_or(SUBMITTED)
}

/// Everything that may happen in this state, whoever does it and whatever guards it.
pub(super) fn moves<'a>(service: &'a Service, state: &State) -> Vec<Move<'a>> {
    let line = line(service);
    let mut found = Vec::new();
    match &state.position {
        Position::Final => return found,
        Position::Step(index) => {
            if let Some(step) = line.get(*index) {
                found.push(if *index == 0 { Move::Submit(step) } else { Move::Advance(*index, step) });
                found.extend(step.outcomes.iter().map(|outcome| Move::Leave(*index, step, outcome)));
            }
        }
        Position::Returned => found.extend(line.first().map(|step| Move::Submit(step))),
        Position::AwaitingAttachments => found.push(Move::Release),
        Position::Detour(act) => {
            found.extend(service.detours.iter().find(|detour| detour.act == *act).map(Move::Detour));
        }
    }
    found.extend(service.parallel.iter().filter(|act| act.from.contains(&state.papers)).map(Move::Papers));
    if may_withdraw(service, state) {
        found.push(Move::Withdraw(service));
    }
    found
}

fn may_withdraw(service: &Service, state: &State) -> bool {
    let line = line(service);
    let until = line.iter().position(|step| step.act == service.withdraw.until).unwrap_or(0);
    match &state.position {
        Position::Step(index) => *index <= until,
        Position::Returned | Position::AwaitingAttachments => true,
        Position::Detour(act) => {
            service.detours.iter().find(|detour| detour.act == *act).is_some_and(|detour| {
                line.iter().position(|step| step.waits == detour.back_to).is_some_and(|back| back <= until)
            })
        }
        Position::Final => false,
    }
}

/// Every move of this name that the service knows, wherever the application is (an outcome may stand at
/// several steps under one name).
pub(super) fn known<'a>(service: &'a Service, act: &str) -> Vec<Move<'a>> {
    let mut all = Vec::new();
    for (index, step) in line(service).into_iter().enumerate() {
        all.push(if index == 0 { Move::Submit(step) } else { Move::Advance(index, step) });
        all.extend(step.outcomes.iter().map(|outcome| Move::Leave(index, step, outcome)));
    }
    all.extend(service.detours.iter().map(Move::Detour));
    all.extend(service.parallel.iter().map(Move::Papers));
    all.extend([Move::Withdraw(service), Move::Release]);
    all.retain(|found| found.act() == act);
    all
}

impl<'a> Move<'a> {
    /// The act.
    pub(super) fn act(&self) -> &'a str {
        match self {
            Move::Submit(step) | Move::Advance(_, step) => &step.act,
            Move::Leave(_, _, outcome) => &outcome.act,
            Move::Detour(detour) => &detour.act,
            Move::Papers(act) => &act.act,
            Move::Withdraw(service) => &service.withdraw.act,
            Move::Release => ACT_RELEASE,
        }
    }

    /// Its label for people.
    pub(super) fn label(&self) -> &'a str {
        match self {
            Move::Submit(step) | Move::Advance(_, step) => &step.label,
            Move::Leave(_, _, outcome) => &outcome.label,
            Move::Detour(detour) => &detour.label,
            Move::Papers(act) => &act.label,
            Move::Withdraw(service) => &service.withdraw.label,
            Move::Release => "Lepaskan ke antrian tanpa menunggu lampiran",
        }
    }

    /// Roles that may do it.
    pub(super) fn roles(&self) -> &'a [Role] {
        match self {
            Move::Submit(step) | Move::Advance(_, step) => &step.roles,
            Move::Leave(_, step, outcome) if outcome.roles.is_empty() => &step.roles,
            Move::Leave(_, _, outcome) => &outcome.roles,
            Move::Detour(detour) => &detour.roles,
            Move::Papers(act) => &act.roles,
            Move::Withdraw(service) => &service.withdraw.roles,
            Move::Release => RELEASE_ROLES,
        }
    }

    /// What kind of act it is; for another way out, that of its step.
    pub(super) fn kind(&self) -> ActKind {
        match self {
            Move::Submit(step) | Move::Advance(_, step) | Move::Leave(_, step, _) => step.kind,
            Move::Detour(detour) => detour.kind,
            Move::Papers(act) => act.kind,
            Move::Withdraw(_) => ActKind::Tarik,
            Move::Release => ActKind::Catat,
        }
    }

    /// How it leaves the line, where it does.
    pub(super) fn outcome(&self) -> Option<OutcomeKind> {
        match self {
            Move::Leave(_, _, outcome) => Some(outcome.kind),
            _ => None,
        }
    }

    /// Whether it reports something that has happened in the world, rather than wishing for it.
    pub(super) fn reports(&self) -> bool {
        self.outcome().is_none()
            && matches!(self.kind(), ActKind::Cetak | ActKind::Kirim | ActKind::Terima | ActKind::Serah)
    }

    /// What must hold before.
    pub(super) fn guards(&self) -> &'a [Guard] {
        match self {
            Move::Advance(_, step) => &step.guards,
            _ => &[],
        }
    }

    /// Needs as the file declares them.
    pub(super) fn declared_needs(&self) -> &'a [Need] {
        match self {
            Move::Submit(step) | Move::Advance(_, step) => &step.needs,
            Move::Leave(_, _, outcome) => &outcome.needs,
            Move::Detour(detour) => &detour.needs,
            Move::Papers(act) => &act.needs,
            Move::Withdraw(_) | Move::Release => &[],
        }
    }

    /// All needs: the declared ones, the reasons to choose from, and for a return a mark per requirement.
    pub(super) fn needs(&self, service: &Service) -> Vec<Need> {
        let mut needs = self.declared_needs().to_vec();
        let Move::Leave(_, _, outcome) = self else { return needs };
        if !outcome.reasons.is_empty() && !needs.iter().any(|need| need.id == NEED_REASON) {
            let options =
                outcome.reasons.iter().map(|id| Choice { id: id.clone(), label: reason_label(service, id) });
            needs.push(choice_need(NEED_REASON.to_owned(), "Sebab".to_owned(), options.collect()));
        }
        if outcome.kind == OutcomeKind::Return {
            needs.extend(service.requirements.iter().map(|requirement| {
                let options =
                    MARK_CODES.map(|(id, label)| Choice { id: id.to_owned(), label: label.to_owned() });
                let id = format!("{MARK_PREFIX}{}", requirement.id);
                choice_need(id, format!("Tandai: {}", requirement.title), options.to_vec())
            }));
        }
        needs
    }

    /// Whether it needs a reason.
    pub(super) fn reason(&self) -> ReasonNeed {
        match self {
            Move::Leave(_, _, outcome) if outcome.kind == OutcomeKind::Wait => ReasonNeed::Optional,
            Move::Leave(..) | Move::Release => ReasonNeed::Required,
            Move::Papers(act) if act.reason => ReasonNeed::Required,
            Move::Withdraw(_) => ReasonNeed::Optional,
            _ => ReasonNeed::None,
        }
    }

    /// The notification that it sends.
    pub(super) fn notify(&self) -> Option<&'a str> {
        match self {
            Move::Advance(_, step) => step.notify.as_deref(),
            Move::Leave(_, _, outcome) => outcome.notify.as_deref(),
            Move::Papers(act) => act.notify.as_deref(),
            _ => None,
        }
    }
}

fn reason_label(service: &Service, id: &str) -> String {
    service.reasons.iter().find(|reason| reason.id == id).map_or(id, |reason| &reason.label).to_owned()
}

fn choice_need(id: String, label: String, options: Vec<Choice>) -> Need {
    Need { id, label, kind: Kind::Pilihan, options, many: false, required: false }
}

/// A step's guards, with the one that the service's switch adds: printing may wait for the papers.
pub(super) fn guards(service: &Service, way: &Move<'_>) -> Vec<Guard> {
    let mut guards = way.guards().to_vec();
    let gated =
        service.gate_print_on_paper && matches!(way, Move::Advance(_, step) if step.kind == ActKind::Cetak);
    if gated && !guards.contains(&Guard::PapersReceived) {
        guards.push(Guard::PapersReceived);
    }
    guards
}

/// Whether the papers are there, waived, or not asked for by this service.
pub(super) fn papers_there(service: &Service, state: &State) -> bool {
    service.paper_site.is_none() || matches!(state.papers, Papers::Diterima | Papers::Dibebaskan)
}

/// Whether the card is where it is collected: printed, and carried there where the line says so.
pub(super) fn card_at_pickup(service: &Service, state: &State) -> bool {
    let line = line(service);
    let Some(print) = line.iter().position(|step| step.kind == ActKind::Cetak) else { return true };
    line.iter()
        .skip(print)
        .filter(|step| matches!(step.kind, ActKind::Cetak | ActKind::Kirim | ActKind::Terima))
        .all(|step| state.done.contains_key(&step.act))
}
