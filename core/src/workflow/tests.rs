//! Tests of the workflow. Here: what they share, and the table of every service in the catalogue.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod clocks;
mod folds;
mod notices;
mod random;
mod refusals;

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;

use super::*;
use crate::catalogue::{Kind, Need, Role, Service};
use crate::journal::ChangeHash;
use crate::refusal::Refusal;

/// Office time of the first decision in tests: Monday, 5 January 2026, 08.00 in Western Indonesia.
pub(super) const START: i64 = 1_767_574_800;

/// A service made for tests, with everything that the model can say about a workflow.
pub(super) fn fixture() -> Service {
    toml::from_str(include_str!("tests/fixture.toml")).unwrap()
}

/// An application under test: its record, and what a submission of it would freeze.
#[derive(Clone)]
pub(super) struct Case {
    pub service: Service,
    pub record: Vec<Decision>,
    pub state: State,
    pub now: i64,
    pub edits: u8,
    pub missing: Vec<(String, String)>,
    pub newer: bool,
    pub conflicts: usize,
    pub parents_known: bool,
    pub attachments_complete: bool,
    pub surrender: bool,
}

impl Case {
    pub fn new(service: Service) -> Case {
        let state = State::draft(&service);
        Case {
            service,
            record: Vec::new(),
            state,
            now: START,
            edits: 1,
            missing: Vec::new(),
            newer: true,
            conflicts: 0,
            parents_known: true,
            attachments_complete: true,
            surrender: true,
        }
    }

    pub fn decide(&self, wish: &Wish) -> Result<Decision, Refusal> {
        self.ask(|view| decide(view, wish, self.now))
    }

    pub fn ask<T>(&self, question: impl FnOnce(&View<'_>) -> T) -> T {
        let frozen = Frozen { heads: vec![ChangeHash([self.edits; 32])], attachments: vec![] };
        question(&View {
            service: &self.service,
            record: &self.record,
            state: &self.state,
            submission: Some(Submission {
                frozen: &frozen,
                newer: self.newer,
                missing: &self.missing,
                open_conflicts: self.conflicts,
                parents_known: self.parents_known,
                attachments_complete: self.attachments_complete,
            }),
            surrender_applies: self.surrender,
        })
    }

    /// Records a decision; a minute passes.
    pub fn push(&mut self, decision: Decision) {
        self.record.push(decision);
        self.state = state(&self.service, &self.record);
        self.now += 60;
    }

    /// Does an act that has to work, by its usual role, with everything it asks for.
    pub fn act(&mut self, act: &str) -> &mut Self {
        let offer = self.offer(act);
        self.wish(fill(&offer))
    }

    pub fn wish(&mut self, wish: Wish) -> &mut Self {
        let decision = self.decide(&wish).unwrap_or_else(|refusal| {
            panic!("{} at {}: {}", wish.act, self.state.code, refusal.as_text());
        });
        self.push(decision);
        self
    }

    pub fn offers(&self) -> Vec<Available> {
        let offers = available_all(&self.service, &self.state);
        with_old_card(&self.service, &self.state, self.surrender, offers)
    }

    pub fn offer(&self, act: &str) -> Available {
        self.offers()
            .into_iter()
            .find(|offer| offer.act == act)
            .unwrap_or_else(|| panic!("{act} at {}", self.state.code))
    }

    /// Follows the straight line until it waits for this act (or to the end).
    pub fn until(&mut self, act: &str) -> &mut Self {
        for _ in 0..30 {
            if self.state.fin || self.state.position == Position::Final {
                break;
            }
            let next = moves::moves(&self.service, &self.state)[0].act().to_owned();
            if next == act {
                break;
            }
            self.act(&next);
            self.edits += 1;
        }
        self
    }
}

/// A wish for an offered act with a valid value for every need that is asked, and a reason where one is.
pub(super) fn fill(offer: &Available) -> Wish {
    let params = offer.needs.iter().filter(|need| need.required).map(|need| (need.id.clone(), valid(need)));
    Wish { params: params.collect(), ..bare(&offer.act, offer.role) }
        .with_reason((offer.reason == ReasonNeed::Required).then_some("lihat catatan"))
}

/// A wish that says nothing but the act and the role.
pub(super) fn bare(act: &str, role: Role) -> Wish {
    Wish {
        act: act.into(),
        actor: Actor { who: Who::Staff(role as u32 + 1), role },
        place_ok: true,
        request: None,
        claimed_at: None,
        reason: None,
        marks: vec![],
        params: vec![],
        fact: false,
    }
}

impl Wish {
    pub(super) fn with_reason(mut self, reason: Option<&str>) -> Wish {
        self.reason = reason.map(str::to_owned);
        self
    }

    pub(super) fn with(mut self, key: &str, value: &str) -> Wish {
        self.params.retain(|(id, _)| id != key);
        self.params.push((key.into(), value.into()));
        self
    }
}

/// A value that a need takes: of a choice the first.
pub(super) fn valid(need: &Need) -> String {
    match need.kind {
        Kind::Nik => "3312084502900003".into(),
        Kind::NomorKk => "3312080102030004".into(),
        Kind::Tanggal => "2026-01-05".into(),
        Kind::Telepon => "+6281200000000".into(),
        Kind::Pilihan => need.options[0].id.clone(),
        Kind::Wilayah => "33.12.08.2002".into(),
        Kind::Bilangan => "3".into(),
        Kind::YaTidak => "ya".into(),
        Kind::Nama | Kind::Teks | Kind::Catatan => "Contoh 1".into(),
    }
}

/// Walks everything that can happen to an application, breadth first, and writes down who may do what in each
/// state and where it leads. On the way: what is offered works, and what is not offered is refused.
fn table(service: &Service) -> String {
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting = VecDeque::from([Case::new(service.clone())]);
    // Attachments that come later are a state of their own.
    waiting.push_back(Case { attachments_complete: false, ..Case::new(service.clone()) });
    while let Some(case) = waiting.pop_front() {
        let key =
            (case.state.code.clone(), case.state.papers, case.state.complete, case.attachments_complete);
        if !seen.insert(key) {
            continue;
        }
        let offers = case.offers();
        for offer in &offers {
            let mut next = case.clone();
            next.act(&offer.act);
            let row = format!("{} {} -> {}", offer.act, offer.role, arrow(&case.state, &next.state));
            note(&mut rows, &case.state.code, row);
            next.edits = next.edits.wrapping_add(1);
            waiting.push_back(next);
        }
        if let Some(decision) = case.ask(|view| complete(view, bare("", Role::Admin).actor, case.now)) {
            let mut next = case.clone();
            next.push(decision);
            next.attachments_complete = true;
            waiting.push_back(next);
        }
        refuses_the_rest(&case, &offers);
        if case.state.fin {
            note(&mut rows, &case.state.code, "(selesai)".into());
        }
    }
    let mut out = String::new();
    for (code, acts) in rows {
        writeln!(out, "{code}").unwrap();
        acts.iter().for_each(|act| writeln!(out, "    {act}").unwrap());
    }
    out
}

fn arrow(before: &State, after: &State) -> String {
    let papers =
        if before.papers == after.papers { String::new() } else { format!(" berkas {:?}", after.papers) };
    format!("{}{papers}", after.code)
}

fn note(rows: &mut Vec<(String, Vec<String>)>, code: &str, row: String) {
    if !rows.iter().any(|(known, _)| known == code) {
        rows.push((code.to_owned(), Vec::new()));
    }
    let (_, acts) = rows.iter_mut().find(|(known, _)| known == code).unwrap();
    if !acts.contains(&row) {
        acts.push(row);
    }
}

fn refuses_the_rest(case: &Case, offers: &[Available]) {
    let service = &case.service;
    let mut acts: Vec<&str> = service.steps.iter().map(|step| step.act.as_str()).collect();
    acts.extend(service.steps.iter().flat_map(|step| &step.outcomes).map(|outcome| outcome.act.as_str()));
    acts.extend(service.detours.iter().map(|detour| detour.act.as_str()));
    acts.extend(service.parallel.iter().map(|act| act.act.as_str()));
    acts.extend([service.withdraw.act.as_str(), ACT_RELEASE, "tidak_ada"]);
    for act in acts {
        for role in Role::ALL {
            let offered = offers.iter().any(|offer| offer.act == act && offer.role == role);
            if !offered {
                let refused = case.decide(&bare(act, role)).expect_err("not offered");
                assert_ne!(refused.code(), "alasan_wajib", "{act} {role} at {}", case.state.code);
            }
            let listed = available(service, &case.state, role).iter().any(|offer| offer.act == act);
            assert_eq!(listed, offered, "{act} {role} at {}", case.state.code);
        }
    }
}

/// Every service of the catalogue, by its file's name.
pub(super) fn services() -> Vec<Service> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    files.iter().map(|path| toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()).collect()
}

#[test]
fn who_may_do_what_in_every_state_of_every_service() {
    let services = services();
    assert!(!services.is_empty());
    for service in services {
        insta::assert_snapshot!(service.service.clone(), table(&service));
    }
}

#[test]
fn who_may_do_what_in_every_state_of_the_fixture() {
    insta::assert_snapshot!("fixture", table(&fixture()));
}

#[test]
fn the_straight_line_of_every_service_ends_with_the_hand_over() {
    for service in services().into_iter().chain([fixture()]) {
        let mut case = Case::new(service);
        case.until("");
        assert_eq!(case.state.code, "DIAMBIL", "{}", case.service.service);
        assert_eq!((case.state.revision, case.state.contradictions), (1, 0));
        let line = case.service.line();
        assert_eq!(case.record.len(), line.len(), "one decision a step");
        for waits in line.iter().skip(1).flat_map(|step| [Some(&step.waits), step.done.as_ref()]).flatten() {
            assert!(case.state.passed.iter().any(|(code, _)| code == waits), "{waits}");
        }
    }
}
