//! The desks: what waits where, and official acts of the staff.

use loket_core::catalogue::{ActKind, Field, Role};
use loket_core::journal::body::Op;
use loket_core::journal::{EntryHash, Partition};
use loket_core::refusal::Refusal;
use loket_core::replica::ReplicaError;
use loket_core::replica::case::Case;
use loket_core::replica::write::{Dice, text};
use loket_core::store::{Store, Table};
use loket_core::value;
use loket_core::workflow::{ACT_RELEASE, Actor, Decision, Event, Who, Wish};

use super::look::Look;
use super::{Office, words};

/// Parameters of an act that correct fields of the file: `isian.FIELD`.
pub const CORRECTION: &str = "isian.";

/// An act of a member of staff.
pub struct DeskAct {
    /// The act.
    pub act: String,
    /// Who.
    pub staff: u32,
    /// Why.
    pub reason: Option<String>,
    /// What the act has to be told; `tanda.REQUIREMENT` marks, `isian.FIELD` corrects.
    pub params: Vec<(String, String)>,
}

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// The rules refuse it.
    #[error("{sentence}", sentence = .0.sentence())]
    Refused(Refusal),
    /// Something else.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

impl<S: Store> Office<S> {
    /// Does an official act; the caller holds a transaction ([`Office::write`]). A refused act leaves no trace.
    pub fn act(
        &mut self,
        partition: &Partition,
        id: &EntryHash,
        act: DeskAct,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(Case, Decision), ActError> {
        if self.heals(partition)? {
            return Err(ActError::Refused(Refusal::SedangDipulihkan));
        }
        let case = self.replica.materialise(partition, id)?;
        let staff = self.replica.staff(act.staff)?;
        if act.act == ACT_RELEASE && matches!(staff.role, Role::FrontOffice | Role::Admin) {
            let released = self.release(case, now, dice)?;
            if let (case, Some(decision)) = released {
                return Ok((case, decision));
            }
        }
        let case = self.replica.case(partition, id)?;
        let (case, params) = self.correct(case, &act, now, dice)?;
        let service = case.service.clone();
        let kind = service.as_ref().and_then(|file| file.service.act(&act.act)).map(|act| act.kind());
        let corrects = params.len() != act.params.len();
        // A correction is decided on together with what was frozen before; what officers wrote since is not in it.
        let heads = match self.own_edit(&case).filter(|_| corrects) {
            Some(change) => vec![change],
            None => case.document.heads(),
        };
        let freezes = kind == Some(ActKind::Ajukan) || corrects;
        let freeze = if freezes { Some(self.freeze(&case, heads, now)?) } else { None };
        let wish = Wish {
            act: act.act,
            actor: Actor { who: Who::Staff(staff.id), role: staff.role },
            place_ok: staff.covers(&place_of(&case)),
            request: None,
            claimed_at: None,
            reason: act.reason,
            marks: Vec::new(),
            params,
            fact: false,
        };
        let decision = self.decide_on(&case, &wish, freeze.as_ref(), now)?;
        let decision = decision.ok_or(ActError::Refused(Refusal::SudahDijawab))?;
        if let Event::Refused(refusal) = &decision.kind {
            return Err(ActError::Refused(refusal.clone()));
        }
        let case = self.record(case, decision.clone(), dice)?;
        let case = self.settle(case, now, dice)?;
        Ok((case, decision))
    }

    /// Lets go of a submission that waits for entries of a phone that does not come: it is answered, and may be
    /// made again. Nothing where none waits.
    fn release(
        &mut self,
        case: Case,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(Case, Option<Decision>), ReplicaError> {
        let Some(request) = case.open_requests().next().cloned() else { return Ok((case, None)) };
        let decision = self.unanswerable(&case, &request, now)?;
        let case = self.record(case, decision.clone(), dice)?;
        Ok((self.settle(case, now, dice)?, Some(decision)))
    }

    /// Corrections that come with an act become an edit of the office on the frozen version.
    fn correct(
        &mut self,
        case: Case,
        act: &DeskAct,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(Case, Vec<(String, String)>), ActError> {
        let (corrections, params): (Vec<_>, Vec<_>) =
            act.params.iter().cloned().partition(|(key, _)| key.starts_with(CORRECTION));
        let Some(file) = case.service.clone().filter(|_| !corrections.is_empty()) else {
            return Ok((case, act.params.clone()));
        };
        let role = self.replica.staff(act.staff)?.role;
        let writes = file.service.act(&act.act).is_some_and(|found| found.writes());
        let mut ops: Vec<Op> = Vec::new();
        for (key, given) in &corrections {
            let name = key.trim_start_matches(CORRECTION);
            let field = file.service.field(name).filter(|field| writes && may_write(field, role));
            let field = field.ok_or_else(|| ActError::Refused(Refusal::IsianTidakSah(key.clone())))?;
            let canonical = value::parse(field.kind, &field.options, field.many, given)
                .map_err(|_| ActError::Refused(Refusal::IsianTidakSah(key.clone())))?;
            ops.push(text(name, &canonical));
        }
        let case = self.edit_for(case, ops, act.staff, now, dice)?;
        Ok((case, params))
    }

    /// Brings what follows from a case's record up to date: its place in the queues, its jobs.
    pub(super) fn follow_up(&mut self, case: &Case, now: i64) -> Result<(), ReplicaError> {
        self.write_messages(case, now)?;
        self.count_blanks(case)?;
        let Some(mut row) = self.replica.row(&case.partition, &case.id)? else { return Ok(()) };
        let draft = Self::draft_key(case, &row, now);
        let is_draft = draft.is_some();
        let words = words::of(case);
        let mut changed = row.words != words;
        if changed {
            self.index(&case.partition, &case.id, row.words.as_deref(), words.as_deref())?;
            row.words = words;
        }
        let wanted = draft.or_else(|| self.queue_key(case));
        if row.queue != wanted {
            if let Some(old) = &row.queue {
                self.replica.store.put(&Partition::Office, Table::Queue, old, None)?;
            }
            match &wanted {
                Some(new) if is_draft => self.put_draft(new, case)?,
                Some(new) => self.put_local(Table::Queue, new, &(case.partition, case.id))?,
                None => {}
            }
            row.queue = wanted;
            changed = true;
        }
        if changed {
            self.replica.put_row(&case.partition, &case.id, &row)?;
        }
        self.plan_retention(case, &row)
    }

    /// Desk, since, application: where the case waits. A returned file keeps the age it had.
    fn queue_key(&self, case: &Case) -> Option<Vec<u8>> {
        let file = case.service.as_ref()?;
        let state = case.state().filter(|state| !state.fin && state.revision > 0)?;
        let desk = file.service.state(&state.code)?.desk?;
        let since = state.passed.first().map_or(0, |(_, at)| *at);
        Some([&[desk_byte(desk)][..], &since.to_be_bytes(), case.id.as_bytes()].concat())
    }
}

/// Whether a desk may write a field where it may write at all.
pub fn may_write(field: &Field, desk: Role) -> bool {
    field.desk.is_none_or(|owner| owner == desk)
}

/// Where a case was filed.
pub fn place_of(case: &Case) -> Partition {
    case.reserved("_wilayah").and_then(|place| place.parse().ok()).unwrap_or(case.partition)
}

pub(super) fn desk_byte(desk: Role) -> u8 {
    Role::ALL.iter().position(|role| *role == desk).map_or(u8::MAX, |index| index as u8)
}
