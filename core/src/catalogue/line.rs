//! Finding one's way in a service: its straight line and its acts by id.

use super::model::{
    ActKind, Detour, Field, Group, Need, Notification, Outcome, ParallelAct, Reason, Requirement, Role,
    Service, Site, StateInfo, Step, Subject, Withdraw,
};

/// The act that sends the card to the counter where it is collected.
pub const SEND_CARD: &str = "kirim_kartu";
/// The act that receives it there.
pub const RECEIVE_CARD: &str = "terima_kartu";
/// The need by which a card's blank is recorded.
pub const SERIAL: &str = "nomor_seri";
/// The state of a draft.
pub const DRAFT: &str = "DRAF";
/// The state after submission, until all attachments are at the office.
pub const SUBMITTED: &str = "DIAJUKAN";
/// The state of an application that was sent back to be completed.
pub const RETURNED: &str = "DIKEMBALIKAN";
/// The final state of an application whose document was handed over.
pub const COLLECTED: &str = "DIAMBIL";
/// The final state of an application that the office cancelled.
pub const CANCELLED: &str = "DIBATALKAN";
/// The final state of an application that the applicant withdrew.
pub const WITHDRAWN: &str = "DIBATALKAN_PEMOHON";

/// The register that holds an application's variant; conditions may ask it like a field.
pub const VARIANT: &str = "_varian";

/// Whether nothing can follow this state.
pub fn is_final(state: &str) -> bool {
    matches!(state, COLLECTED | CANCELLED | WITHDRAWN)
}

/// An act, wherever in the file it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ActRef<'a> {
    /// A step of the straight line, with its place in `Service::line()`.
    Step(usize, &'a Step),
    /// Another way out of the step at that place in `Service::line()`.
    Outcome(usize, &'a Step, &'a Outcome),
    /// An act that repairs something beside the line.
    Detour(&'a Detour),
    /// An act on the papers.
    Parallel(&'a ParallelAct),
    /// Withdrawal.
    Withdraw(&'a Withdraw),
}

impl<'a> ActRef<'a> {
    /// Roles that may do it, the usual one first.
    pub fn roles(&self) -> &'a [Role] {
        match self {
            ActRef::Step(_, step) => &step.roles,
            ActRef::Outcome(_, step, outcome) if outcome.roles.is_empty() => &step.roles,
            ActRef::Outcome(_, _, outcome) => &outcome.roles,
            ActRef::Detour(detour) => &detour.roles,
            ActRef::Parallel(act) => &act.roles,
            ActRef::Withdraw(withdraw) => &withdraw.roles,
        }
    }

    /// What it has to be told, besides a reason.
    pub fn needs(&self) -> &'a [Need] {
        match self {
            ActRef::Step(_, step) => &step.needs,
            ActRef::Outcome(_, _, outcome) => &outcome.needs,
            ActRef::Detour(detour) => &detour.needs,
            ActRef::Parallel(act) => &act.needs,
            ActRef::Withdraw(_) => &[],
        }
    }

    /// Label for people.
    pub fn label(&self) -> &'a str {
        match self {
            ActRef::Step(_, step) => &step.label,
            ActRef::Outcome(_, _, outcome) => &outcome.label,
            ActRef::Detour(detour) => &detour.label,
            ActRef::Parallel(act) => &act.label,
            ActRef::Withdraw(withdraw) => &withdraw.label,
        }
    }

    /// What kind of act; an outcome is of its step's kind.
    pub fn kind(&self) -> ActKind {
        match self {
            ActRef::Step(_, step) | ActRef::Outcome(_, step, _) => step.kind,
            ActRef::Detour(detour) => detour.kind,
            ActRef::Parallel(act) => act.kind,
            ActRef::Withdraw(_) => ActKind::Tarik,
        }
    }

    /// Whether fields of the application may be written with it.
    pub fn writes(&self) -> bool {
        match self {
            ActRef::Step(place, step) => *place > 0 && step.entry,
            ActRef::Detour(_) => true,
            _ => false,
        }
    }

    /// The notification it names, if any.
    pub fn notify(&self) -> Option<&'a str> {
        match self {
            ActRef::Step(_, step) => step.notify.as_deref(),
            ActRef::Outcome(_, _, outcome) => outcome.notify.as_deref(),
            ActRef::Parallel(act) => act.notify.as_deref(),
            ActRef::Detour(_) | ActRef::Withdraw(_) => None,
        }
    }

    /// The state in which the application waits for it; none for acts beside the line.
    pub fn waits(&self) -> Option<&'a str> {
        match self {
            ActRef::Step(_, step) | ActRef::Outcome(_, step, _) => Some(&step.waits),
            ActRef::Detour(detour) => Some(&detour.waits),
            ActRef::Parallel(_) | ActRef::Withdraw(_) => None,
        }
    }
}

impl Step {
    /// Whether it only moves the card from where it is printed to where it is collected.
    pub fn is_transport(&self) -> bool {
        match self.kind {
            ActKind::Kirim => self.act == SEND_CARD,
            ActKind::Terima => self.act == RECEIVE_CARD,
            _ => false,
        }
    }
}

impl Service {
    /// The straight line, in order; without the card's transport where the card is printed where it is collected.
    pub fn line(&self) -> Vec<&Step> {
        let travels = self.print_site != self.pickup_site;
        self.steps.iter().filter(|step| travels || !step.is_transport()).collect()
    }

    /// The kind of card blank that a step uses up: what the file says, and otherwise, where a card is printed away from the
    /// Dinas, the card of the service's subject.
    pub fn blank_of<'a>(&'a self, step: &'a Step) -> Option<&'a str> {
        let usual = match self.subject {
            Subject::Dewasa => "KTP-el",
            Subject::Anak => "KIA",
        };
        let is_card = step.site != Site::Dinas && step.needs.iter().any(|need| need.id == SERIAL);
        let prints = step.kind == ActKind::Cetak;
        step.blank.as_deref().or_else(|| is_card.then_some(usual)).filter(|_| prints)
    }

    /// The step of the straight line with this act.
    pub fn step(&self, act: &str) -> Option<&Step> {
        self.line().into_iter().find(|step| step.act == act)
    }

    /// A declared state.
    pub fn state(&self, id: &str) -> Option<&StateInfo> {
        self.states.iter().find(|state| state.id == id)
    }

    /// The act with this id. An outcome that several steps offer is found at the first of them: where the
    /// application's state is known, ask `act_at`.
    pub fn act(&self, act: &str) -> Option<ActRef<'_>> {
        self.acts().into_iter().find(|(id, _)| *id == act).map(|(_, found)| found)
    }

    /// The act with this id as it is offered in this state, or else wherever it is offered.
    pub fn act_at(&self, act: &str, state: &str) -> Option<ActRef<'_>> {
        let here = |found: &ActRef<'_>| found.waits() == Some(state);
        let found = self.acts().into_iter().find(|(id, found)| *id == act && here(found));
        found.map(|(_, found)| found).or_else(|| self.act(act))
    }

    /// All acts with their ids: the line with its outcomes, detours, acts on papers, withdrawal.
    pub fn acts(&self) -> Vec<(&str, ActRef<'_>)> {
        let mut acts = Vec::new();
        for (place, step) in self.line().into_iter().enumerate() {
            acts.push((step.act.as_str(), ActRef::Step(place, step)));
            for outcome in &step.outcomes {
                acts.push((outcome.act.as_str(), ActRef::Outcome(place, step, outcome)));
            }
        }
        acts.extend(self.detours.iter().map(|detour| (detour.act.as_str(), ActRef::Detour(detour))));
        acts.extend(self.parallel.iter().map(|act| (act.act.as_str(), ActRef::Parallel(act))));
        acts.push((self.withdraw.act.as_str(), ActRef::Withdraw(&self.withdraw)));
        acts
    }

    /// A field.
    pub fn field(&self, id: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.id == id)
    }

    /// A requirement.
    pub fn requirement(&self, id: &str) -> Option<&Requirement> {
        self.requirements.iter().find(|requirement| requirement.id == id)
    }

    /// A group of requirements.
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// A reason.
    pub fn reason(&self, id: &str) -> Option<&Reason> {
        self.reasons.iter().find(|reason| reason.id == id)
    }

    /// A notification.
    pub fn notification(&self, id: &str) -> Option<&Notification> {
        self.notifications.iter().find(|notification| notification.id == id)
    }

    /// The fields that a variant asks, conditions aside; with no variant, those that all variants ask.
    pub fn fields_for(&self, variant: Option<&str>) -> Vec<&Field> {
        self.fields.iter().filter(|field| in_variant(&field.variants, variant)).collect()
    }

    /// The requirements that a variant asks, conditions aside; with no variant, those that all variants ask.
    pub fn requirements_for(&self, variant: Option<&str>) -> Vec<&Requirement> {
        self.requirements.iter().filter(|requirement| in_variant(&requirement.variants, variant)).collect()
    }

    /// The variant that is taken where none is named; none where the service has no variants.
    pub fn default_variant(&self) -> Option<&str> {
        self.variants.first().map(|variant| variant.id.as_str())
    }
}

fn in_variant(variants: &[String], variant: Option<&str>) -> bool {
    variants.is_empty() || variant.is_some_and(|variant| variants.iter().any(|one| one == variant))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use jiff::civil::date;

    use super::*;
    use crate::catalogue::{Catalogue, Site};

    fn service(id: &str) -> Service {
        Catalogue::builtin().current(id, date(2026, 6, 1)).unwrap().service.clone()
    }

    #[test]
    fn the_card_travels_only_where_it_is_printed_elsewhere() {
        let mut service = service("ktp-el-perubahan");
        let acts = |service: &Service| service.line().iter().map(|step| step.act.clone()).collect::<Vec<_>>();
        assert!(!acts(&service).contains(&SEND_CARD.to_owned()));
        assert_eq!(service.act(SEND_CARD), None);
        service.pickup_site = Site::Desa;
        let line = acts(&service);
        let place = |act: &str| line.iter().position(|one| one == act).unwrap();
        assert_eq!(place(SEND_CARD) + 1, place(RECEIVE_CARD));
        assert_eq!(place(RECEIVE_CARD) + 1, place("serah"));
    }

    #[test]
    fn an_act_is_found_wherever_it_stands() {
        let service = service("peristiwa-penting-lainnya");
        let Some(ActRef::Outcome(place, step, outcome)) = service.act("tolak_ttd") else {
            panic!("no outcome")
        };
        assert_eq!(
            (service.line()[place].act.as_str(), outcome.to.as_str()),
            ("periksa_ttd", "ANTRI_PRODUKSI")
        );
        assert_eq!(service.act("tolak_ttd").unwrap().roles(), step.roles);
        assert!(matches!(service.act("perbaiki_input"), Some(ActRef::Detour(_))));
        assert!(matches!(service.act("kirim_berkas"), Some(ActRef::Parallel(_))));
        assert!(matches!(service.act("tarik"), Some(ActRef::Withdraw(_))));
        assert_eq!(service.act("tidak_ada"), None);
    }

    #[test]
    fn an_act_offered_at_several_steps_is_found_at_the_state() {
        let mut service = service("ktp-el-perubahan");
        service.pickup_site = Site::Desa;
        for state in ["DICETAK", "DIKIRIM_KE_LOKET", "SIAP_DIAMBIL"] {
            assert_eq!(service.act_at("cetak_ulang", state).unwrap().waits(), Some(state));
        }
    }
}
