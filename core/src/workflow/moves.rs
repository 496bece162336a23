//! Which acts lead where: the one place that follows the service's line. `available`, `decide` and the fold all
//! ask here, so they cannot disagree.

use crate::catalogue::line::SUBMITTED;
use crate::catalogue::{ActKind, ActRef, Choice, Guard, Kind, Need, OutcomeKind, Papers, Role, Service};

use super::available::{NEED_REASON, ReasonNeed};
use super::state::{Position, State};

/// The engine's act that lets a file into the queue although attachments are still missing.
pub const ACT_RELEASE: &str = "lepaskan";
/// The engine's act under which the arrival of the attachments is recorded.
pub const ACT_COMPLETE: &str = "lampiran_lengkap";
/// The engine's act that ends a draft which nobody went on with.
pub const ACT_LAPSE: &str = "gugur";
/// The engine's act that says that the applicant was told what an SMS did not bring them.
pub const ACT_TOLD: &str = "dihubungi";
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
pub const NEED_SERIAL: &str = crate::catalogue::line::SERIAL;

/// Roles that may let a file in without its attachments.
const RELEASE_ROLES: &[Role] = &[Role::FrontOffice, Role::Admin];
/// Roles that may call an applicant: whoever meets them first.
const TOLD_ROLES: &[Role] =
    &[Role::OperatorDesa, Role::OperatorKecamatan, Role::LoketPengambilan, Role::FrontOffice, Role::Admin];

/// A way on, wherever the application is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Move<'a> {
    /// An act of the service's file. The line's first step is the submission, for the first time or again.
    Act(ActRef<'a>),
    /// Into the queue without attachments.
    Release,
    /// A draft that nobody went on with ends.
    Lapse,
    /// The applicant was told what an SMS did not bring them; also after the application has ended.
    Told,
}

/// The state in which an application waits for its attachments.
pub(super) fn submitted_state(service: &Service) -> &str {
    service.steps.first().and_then(|step| step.done.as_deref()).unwrap_or(SUBMITTED)
}

/// Everything that may happen in this state, whoever does it and whatever guards it; the straight way first.
pub(super) fn moves<'a>(service: &'a Service, state: &State) -> Vec<Move<'a>> {
    let here = |found: &ActRef<'_>| match (found, &state.position) {
        (_, Position::Final) => false,
        (ActRef::Step(place, _), Position::Returned) => *place == 0,
        (ActRef::Step(place, _) | ActRef::Outcome(place, ..), Position::Step(index)) => place == index,
        (ActRef::Detour(detour), Position::Detour(act)) => detour.act == *act,
        (ActRef::Parallel(act), _) => act.from.contains(&state.papers),
        (ActRef::Withdraw(_), _) => may_withdraw(service, state),
        _ => false,
    };
    let release = (state.position == Position::AwaitingAttachments).then_some(Move::Release);
    let draft = state.revision == 0 && state.position == Position::Step(0);
    let lapse = draft.then_some(Move::Lapse);
    let acts = service.acts().into_iter().map(|(_, found)| found).filter(here).map(Move::Act);
    let told = (!state.unreached.is_empty()).then_some(Move::Told);
    release.into_iter().chain(acts).chain(lapse).chain(told).collect()
}

fn may_withdraw(service: &Service, state: &State) -> bool {
    let line = service.line();
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
    let acts = service.acts().into_iter().map(|(_, found)| Move::Act(found));
    acts.chain([Move::Release, Move::Lapse, Move::Told]).filter(|found| found.act() == act).collect()
}

/// What an act is called, for people: as its service's file has it, or as everybody calls what the office does beside
/// the files.
pub fn act_label(service: Option<&Service>, act: &str) -> String {
    if let Some(found) = service.and_then(|service| service.act(act)) {
        return found.label().to_owned();
    }
    let known = match act {
        ACT_COMPLETE => "Lampiran lengkap di Dinas",
        ACT_RELEASE => Move::Release.label(),
        ACT_LAPSE => Move::Lapse.label(),
        ACT_TOLD => Move::Told.label(),
        "ganti_nomor" => "Nomor pendaftaran diganti",
        "sms_gagal" => "SMS tidak sampai",
        "sms_tidak_pasti" => "SMS tidak pasti sampai",
        _ => return heading(act),
    };
    known.to_owned()
}

/// An id as a heading, where nothing gives it a title.
pub fn heading(id: &str) -> String {
    capitalised(&id.replace(['_', '-'], " "))
}

/// With its first letter in capitals.
pub fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What a mark on a paper is called, for people; a mark of somebody's own words is those.
pub fn mark_label(mark: &str) -> &str {
    MARK_CODES.iter().find(|(code, _)| *code == mark).map_or(mark, |(_, label)| label)
}

impl<'a> Move<'a> {
    /// The act.
    pub(super) fn act(&self) -> &'a str {
        match self {
            Move::Act(ActRef::Step(_, step)) => &step.act,
            Move::Act(ActRef::Outcome(_, _, outcome)) => &outcome.act,
            Move::Act(ActRef::Detour(detour)) => &detour.act,
            Move::Act(ActRef::Parallel(act)) => &act.act,
            Move::Act(ActRef::Withdraw(withdraw)) => &withdraw.act,
            Move::Release => ACT_RELEASE,
            Move::Lapse => ACT_LAPSE,
            Move::Told => ACT_TOLD,
        }
    }

    /// Its label for people.
    pub(super) fn label(&self) -> &'a str {
        match self {
            Move::Act(found) => found.label(),
            Move::Release => "Lepaskan ke antrian tanpa menunggu lampiran",
            Move::Lapse => "Gugur karena tidak dilanjutkan",
            Move::Told => "Pemohon sudah dihubungi",
        }
    }

    /// Roles that may do it.
    pub(super) fn roles(&self) -> &'a [Role] {
        match self {
            Move::Act(found) => found.roles(),
            Move::Release => RELEASE_ROLES,
            // Nobody's: the office's own, by its clock.
            Move::Lapse => &[],
            Move::Told => TOLD_ROLES,
        }
    }

    /// What kind of act it is; for another way out, that of its step.
    pub(super) fn kind(&self) -> ActKind {
        match self {
            Move::Act(found) => found.kind(),
            Move::Release | Move::Lapse | Move::Told => ActKind::Catat,
        }
    }

    /// Whether it submits.
    pub(super) fn submits(&self) -> bool {
        matches!(self, Move::Act(ActRef::Step(0, _)))
    }

    /// How it leaves the line, where it does.
    pub(super) fn outcome(&self) -> Option<OutcomeKind> {
        match self {
            Move::Act(ActRef::Outcome(_, _, outcome)) => Some(outcome.kind),
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
            Move::Act(ActRef::Step(_, step)) => &step.guards,
            _ => &[],
        }
    }

    /// Needs as the file declares them.
    pub(super) fn declared_needs(&self) -> &'a [Need] {
        match self {
            Move::Act(found) => found.needs(),
            Move::Release | Move::Lapse | Move::Told => &[],
        }
    }

    /// All needs: the declared ones, the reasons to choose from, and for a return a mark per requirement.
    pub(super) fn needs(&self, service: &Service) -> Vec<Need> {
        let mut needs = self.declared_needs().to_vec();
        let Move::Act(ActRef::Outcome(_, _, outcome)) = self else { return needs };
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
            Move::Act(ActRef::Outcome(_, _, outcome)) if outcome.kind == OutcomeKind::Wait => {
                ReasonNeed::Optional
            }
            Move::Act(ActRef::Outcome(..)) | Move::Release => ReasonNeed::Required,
            Move::Act(ActRef::Parallel(act)) if act.reason => ReasonNeed::Required,
            Move::Act(ActRef::Withdraw(_)) => ReasonNeed::Optional,
            Move::Act(_) | Move::Lapse | Move::Told => ReasonNeed::None,
        }
    }

    /// The notification that it sends.
    pub(super) fn notify(&self) -> Option<&'a str> {
        match self {
            Move::Act(found) => found.notify(),
            Move::Release | Move::Lapse | Move::Told => None,
        }
    }
}

fn reason_label(service: &Service, id: &str) -> String {
    service.reason(id).map_or(id, |reason| &reason.label).to_owned()
}

fn choice_need(id: String, label: String, options: Vec<Choice>) -> Need {
    Need { id, label, kind: Kind::Pilihan, options, many: false, required: false }
}

/// A step's guards, with the one that the service's switch adds: printing may wait for the papers.
pub(super) fn guards(service: &Service, way: &Move<'_>) -> Vec<Guard> {
    let mut guards = way.guards().to_vec();
    let gated = service.gate_print_on_paper && way.kind() == ActKind::Cetak && way.outcome().is_none();
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
    let mut way =
        service.line().into_iter().filter(|step| step.kind == ActKind::Cetak || step.is_transport());
    way.all(|step| state.done.contains_key(&step.act))
}
