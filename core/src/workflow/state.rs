//! Where an application is: a fold over its official record.

use std::collections::BTreeMap;

use crate::catalogue::line::{CANCELLED, WITHDRAWN};
use crate::catalogue::{ActKind, ActRef, OutcomeKind, Papers, Service, Step};

use super::moves::{self, Move, NEED_OLD_CARD, NEED_SERIAL};
use super::notify::Unreached;
use super::record::{Actor, Decision, Event, Frozen};

/// Where the application stands on its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// It waits for the step of this index of the straight line; 0 is a draft.
    Step(usize),
    /// Submitted, and attachments of the frozen version have not all arrived.
    AwaitingAttachments,
    /// Back with the officer.
    Returned,
    /// It waits for the detour of this act.
    Detour(String),
    /// It has ended.
    Final,
}

/// The state of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The state's id, e.g. `ANTRI_FO`.
    pub code: String,
    /// Where it stands.
    pub position: Position,
    /// How often it was submitted.
    pub revision: u32,
    /// The version that is decided on.
    pub frozen: Option<Frozen>,
    /// Whether all attachments of that version are at the office.
    pub complete: bool,
    /// Where the papers are.
    pub papers: Papers,
    /// Whether the old card was surrendered.
    pub old_card: bool,
    /// Number of the printed card's blank.
    pub card_serial: Option<String>,
    /// Numbers of the blanks that were spoiled, in order.
    pub spoiled: Vec<String>,
    /// Acts that are done and still hold, in this revision: by whom and when (unix seconds).
    pub done: BTreeMap<String, (Actor, i64)>,
    /// What was last heard of a wait on something outside.
    pub afis: Option<String>,
    /// The states it came through, each with the time it was reached (unix seconds); a draft has none.
    pub passed: Vec<(String, i64)>,
    /// The last other way out of the line: why it was returned, cancelled or sent back.
    pub last_reason: Option<String>,
    /// The marks on requirements that came with the last return.
    pub marks: Vec<(String, String)>,
    /// How many reported facts did not fit and wait for a desk to look.
    pub contradictions: usize,
    /// Notifications that did not reach the applicant and of which nobody has said yet that they were told.
    pub unreached: Vec<Unreached>,
    /// Whether it has ended.
    pub fin: bool,
}

impl State {
    /// The state of a draft.
    pub fn draft(service: &Service) -> State {
        let code = service.steps.first().map(|step| step.waits.clone()).unwrap_or_default();
        State {
            code,
            position: Position::Step(0),
            revision: 0,
            frozen: None,
            complete: false,
            papers: Papers::TidakPerlu,
            old_card: false,
            card_serial: None,
            spoiled: Vec::new(),
            done: BTreeMap::new(),
            afis: None,
            passed: Vec::new(),
            last_reason: None,
            marks: Vec::new(),
            contradictions: 0,
            unreached: Vec::new(),
            fin: false,
        }
    }

    /// Passes into a state; a state it is already in counts once.
    fn pass(&mut self, code: &str, at: i64) {
        if self.passed.last().is_none_or(|(last, _)| last != code) {
            self.passed.push((code.to_owned(), at));
        }
        self.code = code.to_owned();
    }

    fn end(&mut self, code: &str, at: i64) {
        self.pass(code, at);
        self.position = Position::Final;
        self.fin = true;
    }

    /// Waits for the line's step of this index; past the last one it has ended.
    fn wait_for(&mut self, service: &Service, index: usize, at: i64) {
        let line = service.line();
        match line.get(index) {
            Some(step) => {
                self.pass(&step.waits, at);
                self.position = Position::Step(index);
            }
            None => {
                let code = self.code.clone();
                self.end(&code, at);
            }
        }
    }

    /// Waits again for an earlier step: what was done from there on holds no more, and its card is spoiled.
    fn go_back(&mut self, service: &Service, target: usize, at: i64) {
        for (index, step) in service.line().into_iter().enumerate().skip(target) {
            self.done.remove(&step.act);
            let printed = index > 0 && step.kind == ActKind::Cetak;
            if let Some(serial) = self.card_serial.take_if(|_| printed) {
                self.spoiled.push(serial);
            }
        }
        self.wait_for(service, target, at);
    }
}

/// The state after this record. A decision that does not fit leaves the state as it is.
pub fn state(service: &Service, record: &[Decision]) -> State {
    let mut state = State::draft(service);
    for decision in record {
        apply(service, &mut state, decision);
    }
    state
}

/// Applies one decision; tells whether it fitted (a refusal never does).
pub fn apply(service: &Service, state: &mut State, decision: &Decision) -> bool {
    match &decision.kind {
        Event::Done => {
            let ways = moves::moves(service, state);
            let Some(way) = ways.into_iter().find(|way| way.act() == decision.act) else {
                // Decided anew after a restore, and what had been decided before came back.
                state.contradictions += 1;
                return false;
            };
            carry_out(service, state, &way, decision);
            true
        }
        Event::Complete => {
            if state.frozen.is_none() || state.complete || decision.revision != state.revision || state.fin {
                return false;
            }
            state.complete = true;
            if state.position == Position::AwaitingAttachments {
                state.wait_for(service, 1, decision.at);
            }
            true
        }
        Event::Contradiction(_) => {
            state.contradictions += 1;
            false
        }
        Event::Unreached => {
            let Some(unreached) = Unreached::of(decision) else { return false };
            state.unreached.retain(|other| !other.is_of(&unreached));
            state.unreached.push(unreached);
            true
        }
        Event::Refused(_) | Event::Numbered | Event::Other(_) => false,
    }
}

fn carry_out(service: &Service, state: &mut State, way: &Move<'_>, decision: &Decision) {
    let at = decision.at;
    note_old_card(state, way, decision);
    match way {
        Move::Release => state.wait_for(service, 1, at),
        Move::Lapse => state.end(CANCELLED, at),
        Move::Told => match Unreached::of(decision) {
            Some(named) => state.unreached.retain(|open| !open.is_of(&named)),
            None => state.unreached.clear(),
        },
        Move::Act(ActRef::Step(0, _)) => submit(service, state, decision),
        Move::Act(ActRef::Step(index, step)) => {
            if let Some(frozen) = decision.frozen.as_ref().filter(|_| step.entry) {
                state.frozen = Some(frozen.clone());
            }
            advance(service, state, *index, step, decision);
        }
        Move::Act(ActRef::Withdraw(_)) => state.end(WITHDRAWN, at),
        Move::Act(ActRef::Parallel(act)) => state.papers = act.to,
        Move::Act(ActRef::Outcome(index, _, outcome)) => {
            state.last_reason.clone_from(&decision.reason);
            match outcome.kind {
                OutcomeKind::Cancel => state.end(&outcome.to, at),
                OutcomeKind::Return => {
                    state.marks.clone_from(&decision.marks);
                    state.pass(&outcome.to, at);
                    state.position = Position::Returned;
                }
                OutcomeKind::Wait => state.afis = heard(way, decision).or_else(|| decision.reason.clone()),
                OutcomeKind::Redo => redo(service, state, *index, &outcome.to, at),
            }
        }
        Move::Act(ActRef::Detour(detour)) => {
            if let Some(frozen) = &decision.frozen {
                state.frozen = Some(frozen.clone());
            }
            let back = service.line().iter().position(|step| step.waits == detour.back_to);
            if let Some(index) = back {
                state.go_back(service, index, at);
            }
        }
    }
    // What a step did on the way out of the line is recorded, but done is only what carried it on.
    let holds = matches!(way, Move::Act(ActRef::Step(..) | ActRef::Detour(_) | ActRef::Parallel(_)));
    if holds {
        state.done.insert(decision.act.clone(), (decision.actor, at));
    }
}

fn submit(service: &Service, state: &mut State, decision: &Decision) {
    state.revision += 1;
    state.frozen.clone_from(&decision.frozen);
    state.complete = decision.complete;
    state.marks.clear();
    state.last_reason = None;
    state.afis = None;
    // The papers were sent once; what was done about them still holds in the new revision.
    state.done.retain(|act, _| service.parallel.iter().any(|parallel| parallel.act == *act));
    state.pass(moves::submitted_state(service), decision.at);
    if decision.complete {
        state.wait_for(service, 1, decision.at);
    } else {
        state.position = Position::AwaitingAttachments;
    }
}

fn advance(service: &Service, state: &mut State, index: usize, step: &Step, decision: &Decision) {
    match step.kind {
        ActKind::Cetak => state.card_serial = param(decision, NEED_SERIAL).map(str::to_owned),
        ActKind::Tunggu => state.afis = heard(&Move::Act(ActRef::Step(index, step)), decision),
        // What is received on the line and is not the card are the papers.
        ActKind::Terima if !step.is_transport() => state.papers = Papers::Diterima,
        _ => {}
    }
    if asks_for_papers(service, step) && state.papers == Papers::TidakPerlu {
        state.papers = Papers::Belum;
    }
    if let Some(done) = &step.done {
        state.pass(done, decision.at);
    }
    state.wait_for(service, index + 1, decision.at);
}

fn redo(service: &Service, state: &mut State, from: usize, to: &str, at: i64) {
    let line = service.line();
    if let Some(target) = line.iter().position(|step| step.waits == to) {
        state.go_back(service, target.min(from), at);
    } else if let Some(detour) = service.detours.iter().find(|detour| detour.waits == to) {
        state.pass(to, at);
        state.position = Position::Detour(detour.act.clone());
    }
}

/// The applicant is asked to post the papers by the first examination that tells them anything on its straight
/// way out (where none does: by the first examination).
fn asks_for_papers(service: &Service, step: &Step) -> bool {
    if service.paper_site.is_none() {
        return false;
    }
    let line = service.line();
    let mut examinations = line.iter().filter(|step| step.kind == ActKind::Periksa);
    let first = examinations.clone().next();
    examinations.find(|step| step.notify.is_some()).or(first).is_some_and(|asking| asking.act == step.act)
}

/// The value of the act's first choice: what was heard of the thing waited for.
fn heard(way: &Move<'_>, decision: &Decision) -> Option<String> {
    let need = way.declared_needs().iter().find(|need| !need.options.is_empty())?;
    param(decision, &need.id).map(str::to_owned)
}

/// The old card is surrendered by any answer at the hand-over, and with the papers by the straight line's
/// answer (the first option) alone: another one says that it was not among them.
fn note_old_card(state: &mut State, way: &Move<'_>, decision: &Decision) {
    let Some(need) = way.declared_needs().iter().find(|need| need.id == NEED_OLD_CARD) else { return };
    let Some(value) = param(decision, NEED_OLD_CARD) else { return };
    let with_papers = matches!(way, Move::Act(ActRef::Parallel(_)));
    if !with_papers || need.options.first().is_none_or(|first| first.id == value) {
        state.old_card = true;
    }
}

fn param<'a>(decision: &'a Decision, id: &str) -> Option<&'a str> {
    decision.params.iter().find(|(key, _)| key == id).map(|(_, value)| value.as_str())
}
