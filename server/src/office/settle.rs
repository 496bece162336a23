//! Settling: what the office does about an application after something of it has changed. Requests are answered,
//! each exactly once; a file whose scans have arrived enters its queue; jobs and queues follow.

use std::collections::BTreeSet;

use loket_core::catalogue::{ActKind, Role};
use loket_core::checks::{self, What};
use loket_core::journal::body::{Body, frozen_digest};
use loket_core::journal::{AttachmentHash, ChangeHash, EntryHash, Partition};
use loket_core::number::Number;
use loket_core::refusal::Refusal;
use loket_core::replica::ReplicaError;
use loket_core::replica::case::{Case, CaseRequest};
use loket_core::replica::lines::At;
use loket_core::replica::view::{DUPLICATE, conflict_names};
use loket_core::replica::write::{Dice, attachments};
use loket_core::store::{Store, Table};
use loket_core::time::today;
use loket_core::workflow::{
    Actor, Decision, Event, Frozen, Submission, View, Who, Wish, answer, complete, state,
};

use super::Office;
use super::desk::place_of;

/// The version that an act would freeze, and what the rules say of it.
pub(crate) struct Freeze {
    pub(crate) frozen: Frozen,
    missing: Vec<(String, String)>,
    conflicts: usize,
    complete: bool,
}

impl<S: Store> Office<S> {
    /// Answers a case's open requests and brings everything that follows from its record up to date.
    pub(crate) fn settle(
        &mut self,
        mut case: Case,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Case, ReplicaError> {
        // Of what is gone nothing is decided any more.
        if case.remains.is_some() {
            return Ok(case);
        }
        if self.heals(&case.partition)? {
            self.follow_up(&case, now)?;
            return Ok(case);
        }
        case = self.tell_apart(case, now, dice)?;
        let open: Vec<CaseRequest> = case.open_requests().cloned().collect();
        for request in open {
            case = self.answer_request(case, &request, now, dice)?;
        }
        case = self.complete_attachments(case, now, dice)?;
        self.follow_up(&case, now)?;
        Ok(case)
    }

    /// Two applications with one number: the later one to arrive gets another.
    fn tell_apart(&mut self, case: Case, now: i64, dice: &mut Dice<'_>) -> Result<Case, ReplicaError> {
        let number = case.number();
        let taken =
            !number.is_empty() && self.replica.all_named(&number)?.iter().any(|(_, id)| *id != case.id);
        let (true, Partition::Place(place)) = (taken, place_of(&case)) else { return Ok(case) };
        let counter = self.count("counter")?;
        let [a, b, c, d, ..] = self.public_key().author().0;
        let device = u32::from_be_bytes([a, b, c, d]);
        let number = Number::new(place, today(now).year(), device, counter)
            .map_err(|error| ReplicaError::refused(error.to_string()))?;
        let decision = Decision {
            act: "ganti_nomor".into(),
            kind: Event::Numbered,
            params: vec![("nomor".into(), number.to_string())],
            ..self.own_event(&case, now)
        };
        self.record(case, decision, dice)
    }

    /// An event of the office itself.
    pub(super) fn own_event(&self, case: &Case, now: i64) -> Decision {
        Decision {
            act: String::new(),
            kind: Event::Complete,
            request: None,
            actor: Actor { who: Who::Office, role: Role::Admin },
            at: now,
            claimed_at: None,
            reason: None,
            marks: Vec::new(),
            params: Vec::new(),
            revision: case.state().map_or(0, |state| state.revision),
            frozen: None,
            complete: false,
        }
    }

    /// The next value of a counter of the office's own.
    fn count(&mut self, name: &str) -> Result<u32, ReplicaError> {
        let row = self.replica.meta(name)?;
        let next = row.and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?))).unwrap_or(0) + 1;
        self.replica.set_meta(name, Some(&next.to_be_bytes()))?;
        Ok(next)
    }

    fn answer_request(
        &mut self,
        case: Case,
        request: &CaseRequest,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Case, ReplicaError> {
        let Some(file) = case.service.clone() else { return Ok(case) };
        let certificate = self.replica.certificate(&case.partition, &request.author)?;
        let at = At { line: request.line, seq: request.seq };
        let admitted = match &certificate {
            Some(row) => self.replica.admits(&case.partition, row, at)?,
            None => false,
        };
        let role = certificate.as_ref().map_or(Role::PetugasLapangan, |row| row.certificate.role);
        let kind = file.service.act(&request.request.act).map(|act| act.kind());
        let freeze = match kind {
            // Of a device that may not submit here nothing is waited for: it is refused.
            Some(ActKind::Ajukan) if admitted => match self.frozen_of(&case, request, now)? {
                Asked::Waits => return self.wait(case, request),
                Asked::Differs => None,
                Asked::Frozen(freeze) => Some(freeze),
            },
            _ => None,
        };
        let wish = Wish {
            act: request.request.act.clone(),
            actor: Actor { who: Who::Device(request.author), role },
            place_ok: admitted,
            request: Some(request.hash),
            claimed_at: Some(request.request.time),
            reason: request.request.reason.clone(),
            marks: Vec::new(),
            params: request.request.params.clone(),
            fact: matches!(kind, Some(ActKind::Cetak | ActKind::Kirim | ActKind::Terima | ActKind::Serah)),
        };
        let decision = self.decide_on(&case, &wish, freeze.as_ref(), now)?;
        self.drop_pending(&case.partition, &request.hash)?;
        match decision {
            Some(decision) => self.record(case, decision, dice),
            None => Ok(case),
        }
    }

    /// The answer to a submission whose parents do not come.
    pub(crate) fn unanswerable(
        &mut self,
        case: &Case,
        request: &CaseRequest,
        now: i64,
    ) -> Result<Decision, ReplicaError> {
        let certificate = self.replica.certificate(&case.partition, &request.author)?;
        let role = certificate.map_or(Role::PetugasLapangan, |row| row.certificate.role);
        self.drop_pending(&case.partition, &request.hash)?;
        Ok(Decision {
            act: request.request.act.clone(),
            kind: Event::Refused(Refusal::MenungguData),
            request: Some(request.hash),
            actor: Actor { who: Who::Device(request.author), role },
            claimed_at: Some(request.request.time),
            ..self.own_event(case, now)
        })
    }

    /// What the rules answer; nothing where the request was answered before.
    pub(crate) fn decide_on(
        &self,
        case: &Case,
        wish: &Wish,
        freeze: Option<&Freeze>,
        now: i64,
    ) -> Result<Option<Decision>, ReplicaError> {
        let Some(file) = &case.service else {
            return Err(ReplicaError::refused(Refusal::LayananTidakDikenal.sentence()));
        };
        let at = state(&file.service, &case.record);
        let surrender = self.surrender_applies(case, &at.frozen, now)?;
        let submission = freeze.map(|freeze| Submission {
            frozen: &freeze.frozen,
            newer: is_newer(case, at.frozen.as_ref(), &freeze.frozen),
            missing: &freeze.missing,
            open_conflicts: freeze.conflicts,
            parents_known: true,
            attachments_complete: freeze.complete,
        });
        let view = View {
            service: &file.service,
            record: &case.record,
            state: &at,
            submission,
            surrender_applies: surrender,
        };
        Ok(answer(&view, wish, now))
    }

    /// Appends a decision to the record and materialises the case.
    pub(crate) fn record(
        &mut self,
        case: Case,
        decision: Decision,
        dice: &mut Dice<'_>,
    ) -> Result<Case, ReplicaError> {
        self.append(case.partition, Some(case.id), &Body::Decision(decision), dice)?;
        self.replica.materialise(&case.partition, &case.id)
    }

    /// The version that a submission names, as far as it has arrived.
    fn frozen_of(&self, case: &Case, asked: &CaseRequest, now: i64) -> Result<Asked, ReplicaError> {
        if asked.request.parents.is_empty() {
            return Ok(Asked::Differs);
        }
        let heads = case.resolve(&asked.line, asked.seq, &asked.request.parents);
        let Some(mut heads) = heads else { return Ok(Asked::Waits) };
        heads.sort_unstable();
        let freeze = self.freeze(case, heads, now)?;
        let digest = frozen_digest(&freeze.frozen.heads, &freeze.frozen.attachments);
        Ok(if asked.request.frozen == Some(digest) { Asked::Frozen(freeze) } else { Asked::Differs })
    }

    /// A version at these heads, and what the rules say of it.
    pub(crate) fn freeze(
        &self,
        case: &Case,
        heads: Vec<ChangeHash>,
        now: i64,
    ) -> Result<Freeze, ReplicaError> {
        let damaged = |_| ReplicaError::Damaged("versi yang diajukan");
        let document = case.document.at(&heads).map_err(damaged)?;
        let registers = document.registers();
        let conflicts: BTreeSet<String> = document.conflicts().into_iter().map(|c| c.register).collect();
        let all = self.replica.missing_of(case, &registers, &conflicts, now)?;
        // Conflicts are counted apart; scans on their way keep nothing from being submitted. Nor does an
        // application of the same person elsewhere, which a phone may not know of: desks see it and decide.
        let missing = all
            .iter()
            .filter(|missing| !matches!(missing.what, What::Conflict | What::Attachment))
            .filter(|missing| missing.id != DUPLICATE)
            .map(|missing| (missing.what.as_str().to_owned(), missing.id.clone()))
            .collect();
        let open = all.iter().filter(|missing| missing.what == What::Conflict).count();
        let attachments = attachments(&registers);
        let complete = self.all_here(&case.partition, &attachments)?;
        Ok(Freeze { frozen: Frozen { heads, attachments }, missing, conflicts: open, complete })
    }

    fn all_here(&self, partition: &Partition, attachments: &[AttachmentHash]) -> Result<bool, ReplicaError> {
        for hash in attachments {
            if !self.replica.attachment(partition, hash)?.is_some_and(|row| row.here) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn surrender_applies(
        &self,
        case: &Case,
        frozen: &Option<Frozen>,
        now: i64,
    ) -> Result<bool, ReplicaError> {
        let registers = match frozen {
            Some(frozen) => case.document.registers_at(&frozen.heads).unwrap_or_default(),
            None => case.document.registers(),
        };
        self.replica.with_form(case, &registers, &conflict_names(case), now, checks::surrender_applies)
    }

    /// A submission whose parents have not all arrived waits; a row names it.
    fn wait(&mut self, case: Case, request: &CaseRequest) -> Result<Case, ReplicaError> {
        let key = request.hash.as_bytes();
        self.replica.store.put(&case.partition, Table::Pending, key, Some(case.id.as_bytes()))?;
        Ok(case)
    }

    fn drop_pending(&mut self, partition: &Partition, request: &EntryHash) -> Result<(), ReplicaError> {
        Ok(self.replica.store.put(partition, Table::Pending, request.as_bytes(), None)?)
    }

    /// Lets a frozen version whose attachments are all here into its queue.
    fn complete_attachments(
        &mut self,
        case: Case,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Case, ReplicaError> {
        let Some(file) = case.service.clone() else { return Ok(case) };
        let at = state(&file.service, &case.record);
        let Some(frozen) = at.frozen.as_ref().filter(|_| !at.complete && !at.fin) else { return Ok(case) };
        if !self.all_here(&case.partition, &frozen.attachments)? {
            return Ok(case);
        }
        let view = View {
            service: &file.service,
            record: &case.record,
            state: &at,
            submission: None,
            surrender_applies: false,
        };
        let office = Actor { who: Who::Office, role: Role::Admin };
        match complete(&view, office, now) {
            Some(decision) => self.record(case, decision, dice),
            None => Ok(case),
        }
    }
}

/// What a submission names.
enum Asked {
    /// Something that has not arrived.
    Waits,
    /// Something else than its digest says.
    Differs,
    /// This version.
    Frozen(Freeze),
}

/// Whether a version holds any change that the one frozen before does not.
fn is_newer(case: &Case, before: Option<&Frozen>, frozen: &Frozen) -> bool {
    let Some(before) = before.and_then(|before| case.document.at(&before.heads).ok()) else { return true };
    frozen.heads.iter().any(|head| !before.contains(head))
}
