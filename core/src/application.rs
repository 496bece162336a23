//! Documents: an application's registers as they merge. The only file that names Automerge.
//!
//! A document is a flat map of registers that hold text. It is never parsed from foreign bytes: edits travel as
//! field operations, and every replica replays them under the same actor at the same parents, arriving at the
//! same change hash. What is loaded here was saved by this replica.

use std::collections::BTreeMap;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ObjId, ROOT, ReadDoc, ScalarValue, Value as Held};

use crate::journal::body::{Op, Value};
use crate::journal::{ChangeHash, JournalId};

/// An edit could not be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// A parent is not in the document.
    #[error("perubahan bertumpu pada perubahan yang belum ada")]
    Parents,
    /// The operations change nothing, so there is no change to name.
    #[error("tidak ada yang berubah")]
    Nothing,
    /// The replay arrived at another hash than the edit claims.
    #[error("hasil penerapan berbeda dari yang dinyatakan")]
    Hash,
    /// The merge library refused (a defect, or a document that is not ours).
    #[error("dokumen tidak dapat diolah")]
    Document,
}

/// An application's document.
#[derive(Clone, Default)]
pub struct Document(Automerge);

/// A document as it was after one of its edits, to replay the next upon; empty to begin with.
#[derive(Default)]
pub struct Branch(Option<Document>);

/// A register with more than one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The register.
    pub register: String,
    /// The values, each with the change that wrote it, in a stable order.
    pub values: Vec<(String, ChangeHash)>,
}

impl Document {
    /// Loads what [`Document::save`] of this replica wrote.
    pub fn load(bytes: &[u8]) -> Result<Self, ReplayError> {
        Automerge::load_unverified_heads(bytes).map(Self).map_err(|_| ReplayError::Document)
    }

    /// Bytes for this replica's cache; the caller compresses.
    pub fn save(&self) -> Vec<u8> {
        self.0.save_nocompress()
    }

    /// A file that any Automerge opens.
    pub fn export(&self) -> Vec<u8> {
        self.0.save()
    }

    /// The document's heads, sorted.
    pub fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self.0.get_heads().iter().map(|head| ChangeHash(head.0)).collect();
        heads.sort_unstable();
        heads
    }

    /// Replays operations at `parents` under the actor of `journal`, takes the change over and returns its hash.
    /// With `expected`, the document stays as it was unless the hash comes out equal.
    pub fn replay(
        &mut self,
        parents: &[ChangeHash],
        journal: &JournalId,
        time: i64,
        ops: &[Op],
        expected: Option<ChangeHash>,
    ) -> Result<ChangeHash, ReplayError> {
        let mut sorted = parents.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let at_heads = sorted == self.heads();
        let native: Vec<_> = sorted.iter().map(|hash| automerge::ChangeHash(hash.0)).collect();
        let mut fork = if at_heads {
            self.0.clone()
        } else {
            self.0.fork_at(&native).map_err(|_| ReplayError::Parents)?
        };
        fork.set_actor(actor(journal));
        let hash = commit(&mut fork, time, ops)?;
        if expected.is_some_and(|expected| expected != hash) {
            return Err(ReplayError::Hash);
        }
        if at_heads {
            self.0 = fork;
        } else {
            let changes = fork.get_changes(&native);
            self.0.apply_changes(changes).map_err(|_| ReplayError::Document)?;
        }
        Ok(hash)
    }

    /// As [`Document::replay`] with the hash it has to arrive at, for edits of which many build on the one before while
    /// the document has moved on: `branch` keeps it as it was after the last of them. So a line of edits costs one
    /// fork of the whole history, not one each.
    pub fn replay_along(
        &mut self,
        branch: &mut Branch,
        parents: &[ChangeHash],
        journal: &JournalId,
        time: i64,
        ops: &[Op],
        expected: ChangeHash,
    ) -> Result<ChangeHash, ReplayError> {
        let mut sorted = parents.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let kept = branch.0.take();
        if sorted == self.heads() {
            return self.replay(&sorted, journal, time, ops, Some(expected));
        }
        let mut fork = match kept.filter(|kept| kept.heads() == sorted) {
            Some(kept) => kept,
            None => self.at(&sorted)?,
        };
        let hash = fork.replay(&sorted, journal, time, ops, Some(expected))?;
        let change =
            fork.0.get_change_by_hash(&automerge::ChangeHash(hash.0)).ok_or(ReplayError::Document)?;
        self.0.apply_changes([change]).map_err(|_| ReplayError::Document)?;
        branch.0 = Some(fork);
        Ok(hash)
    }

    /// All registers with the value that shows (one of them, where several conflict).
    pub fn registers(&self) -> BTreeMap<String, String> {
        let keys = self.0.keys(ROOT);
        keys.filter_map(|key| text(self.0.get(ROOT, &key).ok()??).map(|value| (key, value))).collect()
    }

    /// All registers as they were at these heads.
    pub fn registers_at(&self, heads: &[ChangeHash]) -> Result<BTreeMap<String, String>, ReplayError> {
        Ok(self.at(heads)?.registers())
    }

    /// The document as it was at these heads.
    pub fn at(&self, heads: &[ChangeHash]) -> Result<Document, ReplayError> {
        let native: Vec<_> = heads.iter().map(|hash| automerge::ChangeHash(hash.0)).collect();
        self.0.fork_at(&native).map(Document).map_err(|_| ReplayError::Parents)
    }

    /// Whether a change is in the document.
    pub fn contains(&self, change: &ChangeHash) -> bool {
        self.0.get_change_meta_by_hash(&automerge::ChangeHash(change.0)).is_some()
    }

    /// Registers with different values written concurrently. Equal values are no conflict for anybody.
    pub fn conflicts(&self) -> Vec<Conflict> {
        self.0.keys(ROOT).filter_map(|key| self.conflict(key)).collect()
    }

    fn conflict(&self, register: String) -> Option<Conflict> {
        let all = self.0.get_all(ROOT, &register).ok()?;
        if all.len() < 2 {
            return None;
        }
        let mut values: Vec<(String, ChangeHash)> = all
            .into_iter()
            .filter_map(|(value, id)| Some((text((value, id.clone()))?, self.change_of(&id)?)))
            .collect();
        values.sort_unstable();
        let differs = values.windows(2).any(|pair| matches!(pair, [a, b] if a.0 != b.0));
        differs.then_some(Conflict { register, values })
    }

    fn change_of(&self, id: &ObjId) -> Option<ChangeHash> {
        self.0.hash_for_opid(id).map(|hash| ChangeHash(hash.0))
    }
}

fn actor(journal: &JournalId) -> ActorId {
    ActorId::from(&journal.0[..])
}

fn commit(fork: &mut Automerge, time: i64, ops: &[Op]) -> Result<ChangeHash, ReplayError> {
    let mut transaction = fork.transaction();
    for op in ops {
        let done = match &op.value {
            Value::Clear => transaction.delete(ROOT, op.register.as_str()),
            value => {
                let text = value.text().unwrap_or_default();
                transaction.put(ROOT, op.register.as_str(), ScalarValue::Str(text.into()))
            }
        };
        done.map_err(|_| ReplayError::Document)?;
    }
    let (hash, _) = transaction.commit_with(CommitOptions::default().with_time(time));
    hash.map(|hash| ChangeHash(hash.0)).ok_or(ReplayError::Nothing)
}

fn text((value, _): (Held<'_>, ObjId)) -> Option<String> {
    match value {
        Held::Scalar(scalar) => scalar.as_str().map(str::to_owned),
        Held::Object(_) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn op(register: &str, value: &str) -> Op {
        Op { register: register.into(), value: Value::Text(value.into()) }
    }

    const A: JournalId = JournalId([1; 32]);
    const B: JournalId = JournalId([2; 32]);

    #[test]
    fn edits_of_different_fields_both_survive_and_orders_agree() {
        let mut first = Document::default();
        let root = first.replay(&[], &A, 1, &[op("nama", "Sri"), op("rt", "1")], None).unwrap();
        let mut second = first.clone();
        let a = first.replay(&[root], &A, 2, &[op("rt", "2")], None).unwrap();
        let b = second.replay(&[root], &B, 3, &[op("rw", "5")], None).unwrap();
        first.replay(&[root], &B, 3, &[op("rw", "5")], Some(b)).unwrap();
        second.replay(&[root], &A, 2, &[op("rt", "2")], Some(a)).unwrap();
        assert_eq!(first.heads(), second.heads());
        assert_eq!(first.registers(), second.registers());
        assert_eq!(first.registers()["rw"], "5");
        assert!(first.conflicts().is_empty());
    }

    #[test]
    fn edits_of_the_same_field_conflict_until_chosen() {
        let mut document = Document::default();
        let root = document.replay(&[], &A, 1, &[op("alamat", "x")], None).unwrap();
        let a = document.replay(&[root], &A, 2, &[op("alamat", "Jalan A")], None).unwrap();
        let b = document.replay(&[root], &B, 2, &[op("alamat", "Jalan B")], None).unwrap();
        let conflicts = document.conflicts();
        assert_eq!(conflicts.len(), 1);
        assert_eq!(conflicts[0].values, [("Jalan A".into(), a), ("Jalan B".into(), b)]);
        document.replay(&[a, b], &B, 3, &[op("alamat", "Jalan B")], None).unwrap();
        assert!(document.conflicts().is_empty());
        let copy = Document::load(&document.save()).unwrap();
        assert_eq!(copy.heads(), document.heads());
    }

    #[test]
    fn a_line_replayed_along_a_branch_is_what_it_is_without_one() {
        let mut one = Document::default();
        let root = one.replay(&[], &A, 1, &[op("alamat", "x")], None).unwrap();
        let mut other = one.clone();
        let head = one.replay(&[root], &A, 2, &[op("alamat", "y")], None).unwrap();
        other.replay(&[root], &A, 2, &[op("alamat", "y")], Some(head)).unwrap();
        // B's line goes on from the first edit, then looks at A's, then goes back behind it.
        let (mut branch, mut last) = (Branch::default(), root);
        let parents = |n: usize, last| if n == 3 { vec![last, head] } else { vec![last] };
        for n in 0..6 {
            let ops = [op("rt", &format!("{n}"))];
            let (parents, time) = (parents(n, last), 10 + i64::try_from(n).unwrap());
            let change = one.replay(&parents, &B, time, &ops, None).unwrap();
            let wrong = other.replay_along(&mut branch, &parents, &B, time, &ops, ChangeHash([9; 32]));
            assert_eq!(wrong, Err(ReplayError::Hash));
            assert_eq!(other.replay_along(&mut branch, &parents, &B, time, &ops, change), Ok(change));
            assert_eq!((one.heads(), one.registers()), (other.heads(), other.registers()));
            last = change;
        }
        let nowhere = other.replay_along(&mut branch, &[ChangeHash([9; 32])], &B, 1, &[op("rt", "9")], last);
        assert_eq!(nowhere, Err(ReplayError::Parents));
    }

    #[test]
    fn a_wrong_hash_leaves_the_document_as_it_was() {
        let mut document = Document::default();
        let root = document.replay(&[], &A, 1, &[op("rt", "1")], None).unwrap();
        let wrong = Some(ChangeHash([9; 32]));
        assert_eq!(document.replay(&[root], &A, 2, &[op("rt", "2")], wrong), Err(ReplayError::Hash));
        assert_eq!(document.heads(), [root]);
        let nowhere = [ChangeHash([9; 32])];
        assert_eq!(document.replay(&nowhere, &A, 2, &[op("rt", "2")], None), Err(ReplayError::Parents));
        assert_eq!(document.replay(&[root], &A, 2, &[op("rt", "1")], None), Err(ReplayError::Nothing));
    }
}
