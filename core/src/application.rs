//! Documents: an application's registers as they merge. The only file that names Automerge.
//!
//! A document is a flat map of registers that hold text. It is never parsed from foreign bytes: edits travel as
//! field operations, and every replica replays each under its own actor at the same parents, arriving at the
//! same change hash. What is loaded here was saved by this replica.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU64;

use automerge::Value as Held;
use automerge::legacy::{Key, ObjectId, Op as Operation, OpType};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, Change, ExpandedChange, ObjId, ROOT, ReadDoc, ScalarValue};

use crate::journal::ChangeHash;
use crate::journal::body::{Edit, Op, Value};

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
pub struct Document(Kept);

/// How a document is kept. Most applications are written once, as a whole, and many are never edited again: as
/// long as there is that one edit, the merge library has nothing to merge and is not asked.
#[derive(Clone, Default)]
enum Kept {
    #[default]
    Empty,
    Sole(Box<Sole>),
    Whole(Box<Automerge>),
}

/// The one edit of a document: it puts registers, each once.
#[derive(Clone)]
struct Sole {
    actor: [u8; 16],
    time: i64,
    ops: Vec<Op>,
    hash: ChangeHash,
}

/// Documents kept as [`Branches`]. Two devices with as many lines as an office lets them have.
const MAX_BRANCHES: usize = 32;

/// A document as it was after the last edit of each of some lines, to replay the next upon; the oldest go first.
#[derive(Default)]
pub struct Branches(VecDeque<Document>);

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
        let whole = Automerge::load_unverified_heads(bytes).map_err(|_| ReplayError::Document)?;
        Ok(Self(Kept::Whole(Box::new(whole))))
    }

    /// The document of one edit that this replica has replayed before; none where that takes a replay.
    pub fn of_first(actor: &[u8; 16], edit: &Edit) -> Option<Self> {
        Some(Self(Kept::Sole(Box::new(Sole::new(actor, edit.time, &edit.ops, edit.change)?))))
    }

    /// Bytes for this replica's cache, which the caller compresses; none while [`Document::of_first`] is as good.
    pub fn save(&self) -> Option<Vec<u8>> {
        match &self.0 {
            Kept::Empty | Kept::Sole(_) => None,
            Kept::Whole(whole) => Some(whole.save_nocompress()),
        }
    }

    /// Whether [`Document::of_first`] is as good as what could be saved of it.
    pub fn is_of_first(&self) -> bool {
        matches!(self.0, Kept::Sole(_))
    }

    /// A file that any Automerge opens.
    ///
    /// # Errors
    /// Where the merge library refuses (a defect).
    pub fn export(&self) -> Result<Vec<u8>, ReplayError> {
        Ok(self.whole()?.save())
    }

    /// The document's heads, sorted.
    pub fn heads(&self) -> Vec<ChangeHash> {
        match &self.0 {
            Kept::Empty => Vec::new(),
            Kept::Sole(sole) => vec![sole.hash],
            Kept::Whole(whole) => heads(whole),
        }
    }

    /// Replays operations at `parents` under an edit's own actor ([`crate::journal::actor`]), takes the change over
    /// and returns its hash.
    /// With `expected`, the document stays as it was unless the hash comes out equal.
    pub fn replay(
        &mut self,
        parents: &[ChangeHash],
        actor: &[u8; 16],
        time: i64,
        ops: &[Op],
        expected: Option<ChangeHash>,
    ) -> Result<ChangeHash, ReplayError> {
        if let (Kept::Empty, [], Some(expected)) = (&self.0, parents, expected)
            && let Some(sole) = Sole::new(actor, time, ops, expected)
            && sole.change().hash().0 == expected.0
        {
            self.0 = Kept::Sole(Box::new(sole));
            return Ok(expected);
        }
        let mut sorted = parents.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let whole = self.widen()?;
        let at_heads = sorted == heads(whole);
        let native: Vec<_> = sorted.iter().map(|hash| automerge::ChangeHash(hash.0)).collect();
        let mut fork = if at_heads {
            whole.clone()
        } else {
            whole.fork_at(&native).map_err(|_| ReplayError::Parents)?
        };
        fork.set_actor(ActorId::from(&actor[..]));
        let hash = commit(&mut fork, time, ops)?;
        if expected.is_some_and(|expected| expected != hash) {
            return Err(ReplayError::Hash);
        }
        if at_heads {
            *whole = fork;
        } else {
            let changes = fork.get_changes(&native);
            whole.apply_changes(changes).map_err(|_| ReplayError::Document)?;
        }
        Ok(hash)
    }

    /// As [`Document::replay`], for lines of edits each of which builds on the one before while the document moves on:
    /// `branches` keeps it as it was after the last of each. So a line costs what its edits and those that it takes
    /// over cost, and not a fork of the whole history each time.
    pub fn replay_along(
        &mut self,
        branches: &mut Branches,
        parents: &[ChangeHash],
        actor: &[u8; 16],
        time: i64,
        ops: &[Op],
        expected: Option<ChangeHash>,
    ) -> Result<ChangeHash, ReplayError> {
        let mut sorted = parents.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted == self.heads() {
            return self.replay(&sorted, actor, time, ops, expected);
        }
        let mut fork = match branches.make(self, &sorted)? {
            Some(branch) => branch,
            None => self.at(&sorted)?,
        };
        let hash = fork.replay(&sorted, actor, time, ops, expected)?;
        let change = fork.widen()?.get_change_by_hash(&automerge::ChangeHash(hash.0));
        let change = change.ok_or(ReplayError::Document)?;
        self.widen()?.apply_changes([change]).map_err(|_| ReplayError::Document)?;
        branches.keep(fork);
        Ok(hash)
    }

    /// Takes over from `whole` what these changes build on and is not here yet. Nothing else may be here, or the heads
    /// come out as others.
    fn catch_up(&mut self, whole: &Automerge, heads: &[ChangeHash]) -> Result<(), ReplayError> {
        let mine = self.widen()?;
        let mut todo: Vec<_> = heads.iter().map(|hash| automerge::ChangeHash(hash.0)).collect();
        let (mut seen, mut lacking) = (BTreeSet::new(), Vec::new());
        while let Some(hash) = todo.pop() {
            if !seen.insert(hash) || mine.get_change_meta_by_hash(&hash).is_some() {
                continue;
            }
            let change = whole.get_change_by_hash(&hash).ok_or(ReplayError::Parents)?;
            todo.extend(change.deps().iter().copied());
            lacking.push(change);
        }
        // In any order: what lacks a parent yet waits inside.
        lacking.reverse();
        mine.apply_changes(lacking).map_err(|_| ReplayError::Document)
    }

    /// All registers with the value that shows (one of them, where several conflict).
    pub fn registers(&self) -> BTreeMap<String, String> {
        match &self.0 {
            Kept::Empty => BTreeMap::new(),
            Kept::Sole(sole) => sole.registers().collect(),
            Kept::Whole(whole) => {
                let value = |key: &String| text(whole.get(ROOT, key).ok()??);
                whole.keys(ROOT).filter_map(|key| value(&key).map(|value| (key, value))).collect()
            }
        }
    }

    /// The value that one register shows.
    pub fn register(&self, register: &str) -> Option<String> {
        match &self.0 {
            Kept::Empty => None,
            Kept::Sole(sole) => sole.ops.iter().find(|op| op.register == register)?.value.text(),
            Kept::Whole(whole) => text(whole.get(ROOT, register).ok()??),
        }
    }

    /// All registers as they were at these heads.
    pub fn registers_at(&self, heads: &[ChangeHash]) -> Result<BTreeMap<String, String>, ReplayError> {
        Ok(self.at(heads)?.registers())
    }

    /// The document as it was at these heads.
    pub fn at(&self, heads: &[ChangeHash]) -> Result<Document, ReplayError> {
        if let Kept::Sole(sole) = &self.0
            && heads == [sole.hash]
        {
            return Ok(self.clone());
        }
        let native: Vec<_> = heads.iter().map(|hash| automerge::ChangeHash(hash.0)).collect();
        let fork = self.whole()?.fork_at(&native).map_err(|_| ReplayError::Parents)?;
        Ok(Self(Kept::Whole(Box::new(fork))))
    }

    /// Whether a change is in the document.
    pub fn contains(&self, change: &ChangeHash) -> bool {
        match &self.0 {
            Kept::Empty => false,
            Kept::Sole(sole) => sole.hash == *change,
            Kept::Whole(whole) => whole.get_change_meta_by_hash(&automerge::ChangeHash(change.0)).is_some(),
        }
    }

    /// Registers with different values written concurrently. Equal values are no conflict for anybody.
    pub fn conflicts(&self) -> Vec<Conflict> {
        match &self.0 {
            Kept::Empty | Kept::Sole(_) => Vec::new(),
            Kept::Whole(whole) => whole.keys(ROOT).filter_map(|key| conflict(whole, key)).collect(),
        }
    }

    /// The document as the merge library holds it.
    fn whole(&self) -> Result<Cow<'_, Automerge>, ReplayError> {
        Ok(match &self.0 {
            Kept::Empty => Cow::Owned(Automerge::new()),
            Kept::Sole(sole) => Cow::Owned(sole.whole()?),
            Kept::Whole(whole) => Cow::Borrowed(whole),
        })
    }

    /// Hands the document to the merge library; it says the same afterwards.
    fn widen(&mut self) -> Result<&mut Automerge, ReplayError> {
        if !matches!(self.0, Kept::Whole(_)) {
            self.0 = Kept::Whole(Box::new(self.whole()?.into_owned()));
        }
        match &mut self.0 {
            Kept::Whole(whole) => Ok(whole),
            Kept::Empty | Kept::Sole(_) => Err(ReplayError::Document),
        }
    }
}

impl Branches {
    /// The document at these heads, made from what is kept of one of the lines that lead to them.
    fn make(&self, whole: &Document, heads: &[ChangeHash]) -> Result<Option<Document>, ReplayError> {
        let leads = |kept: &&Document| kept.heads().iter().all(|head| heads.contains(head));
        // Another line may go on from there too.
        let Some(mut kept) = self.0.iter().rev().find(leads).cloned() else { return Ok(None) };
        kept.catch_up(&*whole.whole()?, heads)?;
        Ok((kept.heads() == heads).then_some(kept))
    }

    fn keep(&mut self, branch: Document) {
        if self.0.len() >= MAX_BRANCHES {
            self.0.pop_front();
        }
        self.0.push_back(branch);
    }
}

impl Sole {
    /// None where the operations are more than puts of different registers: what then is written, or whether
    /// anything is, the merge library has to say.
    fn new(actor: &[u8; 16], time: i64, ops: &[Op], hash: ChangeHash) -> Option<Self> {
        let mut seen = BTreeSet::new();
        let plain = ops.iter().all(|op| op.value != Value::Clear && seen.insert(op.register.as_str()));
        let plain = plain && !ops.is_empty();
        plain.then(|| Self { actor: *actor, time, ops: ops.to_vec(), hash })
    }

    fn registers(&self) -> impl Iterator<Item = (String, String)> {
        self.ops.iter().filter_map(|op| Some((op.register.clone(), op.value.text()?)))
    }

    /// The change that the merge library would write for this edit into an empty document: the same bytes, and
    /// so the same hash, without a document.
    fn change(&self) -> Change {
        let put = |(register, value): (String, String)| Operation {
            action: OpType::Put(ScalarValue::Str(value.as_str().into())),
            obj: ObjectId::Root,
            key: Key::Map(register.as_str().into()),
            pred: Vec::new().into(),
            insert: false,
        };
        Change::from(ExpandedChange {
            operations: self.registers().map(put).collect(),
            actor_id: ActorId::from(&self.actor[..]),
            hash: None,
            seq: 1,
            start_op: NonZeroU64::MIN,
            time: self.time,
            message: None,
            deps: Vec::new(),
            extra_bytes: Vec::new(),
            author: None,
        })
    }

    fn whole(&self) -> Result<Automerge, ReplayError> {
        let mut whole = Automerge::new();
        whole.apply_changes([self.change()]).map_err(|_| ReplayError::Document)?;
        Ok(whole)
    }
}

fn heads(whole: &Automerge) -> Vec<ChangeHash> {
    let mut heads: Vec<_> = whole.get_heads().iter().map(|head| ChangeHash(head.0)).collect();
    heads.sort_unstable();
    heads
}

fn conflict(whole: &Automerge, register: String) -> Option<Conflict> {
    let all = whole.get_all(ROOT, &register).ok()?;
    if all.len() < 2 {
        return None;
    }
    let change_of = |id: &ObjId| whole.hash_for_opid(id).map(|hash| ChangeHash(hash.0));
    let mut values: Vec<(String, ChangeHash)> = all
        .into_iter()
        .filter_map(|(value, id)| Some((text((value, id.clone()))?, change_of(&id)?)))
        .collect();
    values.sort_unstable();
    let differs = values.windows(2).any(|pair| matches!(pair, [a, b] if a.0 != b.0));
    differs.then_some(Conflict { register, values })
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

    /// Actors: each edit has its own.
    const A: [u8; 16] = [1; 16];
    const A2: [u8; 16] = [3; 16];
    const B: [u8; 16] = [2; 16];
    const B2: [u8; 16] = [4; 16];

    #[test]
    fn edits_of_different_fields_both_survive_and_orders_agree() {
        let mut first = Document::default();
        let root = first.replay(&[], &A, 1, &[op("nama", "Sri"), op("rt", "1")], None).unwrap();
        let mut second = first.clone();
        let a = first.replay(&[root], &A2, 2, &[op("rt", "2")], None).unwrap();
        let b = second.replay(&[root], &B, 3, &[op("rw", "5")], None).unwrap();
        first.replay(&[root], &B, 3, &[op("rw", "5")], Some(b)).unwrap();
        second.replay(&[root], &A2, 2, &[op("rt", "2")], Some(a)).unwrap();
        assert_eq!(first.heads(), second.heads());
        assert_eq!(first.registers(), second.registers());
        assert_eq!(first.registers()["rw"], "5");
        assert!(first.conflicts().is_empty());
    }

    #[test]
    fn edits_of_the_same_field_conflict_until_chosen() {
        let mut document = Document::default();
        let root = document.replay(&[], &A, 1, &[op("alamat", "x")], None).unwrap();
        let a = document.replay(&[root], &A2, 2, &[op("alamat", "Jalan A")], None).unwrap();
        let b = document.replay(&[root], &B, 2, &[op("alamat", "Jalan B")], None).unwrap();
        let conflicts = document.conflicts();
        assert_eq!(conflicts.len(), 1);
        assert_eq!(conflicts[0].values, [("Jalan A".into(), a), ("Jalan B".into(), b)]);
        document.replay(&[a, b], &B2, 3, &[op("alamat", "Jalan B")], None).unwrap();
        assert!(document.conflicts().is_empty());
        let copy = Document::load(&document.save().unwrap()).unwrap();
        assert_eq!(copy.heads(), document.heads());
    }

    /// An edit of a made-up history: which of the edits before it were seen, and what it writes.
    #[derive(Debug, Clone)]
    struct Made {
        seen: Vec<usize>,
        ops: Vec<(u8, Option<u8>)>,
    }

    fn made() -> impl proptest::strategy::Strategy<Value = Made> {
        use proptest::prelude::*;
        // Few registers and few values, so that edits meet.
        let op = (0..4_u8, proptest::option::weighted(0.8, 0..3_u8));
        let seen = proptest::collection::vec(0..60_usize, 1..4);
        (seen, proptest::collection::vec(op, 1..6)).prop_map(|(seen, ops)| Made { seen, ops })
    }

    proptest::proptest! {
        #[test]
        fn edits_replayed_along_branches_are_what_they_are_without(
            edits in proptest::collection::vec(made(), 1..40), load in 0..40_usize,
        ) {
            let mut whole = Document::default();
            let mut past = vec![whole.replay(&[], &A, 1, &[op("r0", "v"), op("r1", "v")], None).unwrap()];
            let (mut other, mut branches) = (whole.clone(), Branches::default());
            for (n, edit) in edits.iter().enumerate() {
                if n == load {
                    // What was replayed before comes from a saved document.
                    other = other.save().map_or(other, |bytes| Document::load(&bytes).unwrap());
                    branches = Branches::default();
                }
                // The latest edits are the likeliest to be seen; an ancestor may stand beside its descendant.
                let seen: Vec<ChangeHash> = edit.seen.iter().map(|back| past[past.len().saturating_sub(1 + back / 6)]).collect();
                let ops: Vec<Op> = edit.ops.iter().map(|(register, value)| Op {
                    register: format!("r{register}"),
                    value: value.map_or(Value::Clear, |value| Value::Text(format!("v{value}"))),
                }).collect();
                let (mut actor, time) = ([7; 16], 100 - i64::try_from(n).unwrap());
                // In no order.
                actor[0] = u8::try_from(n * 89 % 251).unwrap();
                let expected = whole.replay(&seen, &actor, time, &ops, None);
                let mut along = |hash| other.replay_along(&mut branches, &seen, &actor, time, &ops, hash);
                if expected.is_ok() {
                    assert_eq!(along(Some(ChangeHash([9; 32]))), Err(ReplayError::Hash));
                }
                assert_eq!(along(expected.ok()), expected);
                past.extend(expected);
            }
            assert_eq!(other.heads(), whole.heads());
            assert_eq!(other.registers(), whole.registers());
            assert_eq!(other.conflicts(), whole.conflicts());
        }
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

    /// The edit as the merge library writes it, and as it is recognised without it.
    fn both(ops: &[Op], time: i64) -> (Document, Document) {
        let mut whole = Document::default();
        let hash = whole.replay(&[], &A, time, ops, None).unwrap();
        let mut sole = Document::default();
        assert_eq!(sole.replay(&[], &A, time, ops, Some(hash)), Ok(hash));
        (whole, sole)
    }

    proptest::proptest! {
        #[test]
        fn a_first_edit_has_the_hash_that_the_merge_library_gives_it(
            fields in proptest::collection::btree_map("\\PC{1,12}", "\\PC{0,40}", 1..60),
            time in proptest::prelude::any::<i64>(),
        ) {
            let ops: Vec<Op> = fields.iter().map(|(register, value)| op(register, value)).rev().collect();
            let (whole, sole) = both(&ops, time);
            assert!(matches!(sole.0, Kept::Sole(_)), "it was recognised without the merge library");
            assert_eq!(sole.whole().unwrap().save(), whole.whole().unwrap().save());
        }
    }

    #[test]
    fn one_edit_says_the_same_with_and_without_the_merge_library() {
        let scan = Value::Attachment(crate::journal::AttachmentHash([7; 32]), 400_000);
        let scan = Op { register: "lampiran/kartu_keluarga/1".into(), value: scan };
        let (whole, mut sole) = both(&[op("nama", "Sri"), op("rt", "1"), scan], 5);
        let heads = whole.heads();
        assert_eq!((sole.heads(), sole.registers()), (heads.clone(), whole.registers()));
        assert_eq!(sole.registers_at(&heads), whole.registers_at(&heads));
        assert_eq!(sole.registers_at(&[]), whole.registers_at(&[]));
        assert_eq!(sole.register("rt"), whole.register("rt"));
        assert_eq!(sole.register("rw"), None);
        assert!(sole.contains(&heads[0]) && !sole.contains(&ChangeHash([9; 32])));
        assert!(sole.at(&[ChangeHash([9; 32])]).is_err());
        assert_eq!(sole.export(), whole.export());
        assert_eq!(sole.save(), None);
        let mut whole = whole;
        let next = whole.replay(&heads, &B, 6, &[op("rt", "2")], None).unwrap();
        assert_eq!(sole.replay(&heads, &B, 6, &[op("rt", "2")], Some(next)), Ok(next));
        assert_eq!((sole.heads(), sole.registers()), (whole.heads(), whole.registers()));
        assert_eq!(sole.save(), whole.save());
    }

    #[test]
    fn a_first_edit_of_another_form_is_left_to_the_merge_library() {
        let clear = Op { register: "rw".into(), value: Value::Clear };
        for ops in [vec![op("rt", "1"), op("rt", "2")], vec![op("rt", "1"), clear.clone()]] {
            let (whole, first) = both(&ops, 1);
            assert_eq!((first.heads(), first.registers()), (whole.heads(), whole.registers()));
            let edit = Edit { parents: vec![], change: first.heads()[0], time: 1, ops, staff: None };
            assert!(Document::of_first(&A, &edit).is_none());
        }
        let wrong = Some(ChangeHash([9; 32]));
        let mut empty = Document::default();
        assert_eq!(empty.replay(&[], &A, 1, &[op("rt", "1")], wrong), Err(ReplayError::Hash));
        assert_eq!(empty.replay(&[], &A, 1, &[clear], wrong), Err(ReplayError::Nothing));
        assert!(empty.heads().is_empty() && empty.registers().is_empty());
    }
}
