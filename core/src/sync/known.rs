//! What is known of the peer in one partition, and where it leaves what is here.

use std::collections::{BTreeMap, BTreeSet};

use super::Library;
use super::message::{Have, Trail};
use crate::journal::receipt::Receipt;
use crate::journal::run::Head;
use crate::journal::vector::Vector;
use crate::journal::{JournalId, Partition};
use crate::replica::ReplicaError;

/// Entries of one [`Trail`]: the gaps double, so this reaches back over any journal.
pub const MAX_TRAIL: usize = 64;

/// What is known of the peer in a partition.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What it has, by the lines' names as it or this side knew them at the time.
    pub vector: Vector,
    /// Digest of the receipt it has.
    pub receipt: Option<[u8; 32]>,
    /// The receipt it has, by epoch and number.
    pub base: Option<(u64, u64)>,
    /// When the backup was made that its receipt tells of; 0 where it tells of none.
    pub backup_at: i64,
    /// Lines on which it stands on another branch. What both have of them is asked for; nothing is sent before.
    pub asked: BTreeSet<JournalId>,
    /// Lines of which the peer has said, or heard, where the branches part.
    pub parted: BTreeSet<JournalId>,
}

impl Known {
    /// Of a peer that has exactly what is here.
    pub fn as_here(library: &impl Library, partition: &Partition) -> Result<Known, ReplicaError> {
        let receipt = library.receipt(partition)?;
        Ok(Known {
            vector: library.vector(partition)?,
            receipt: receipt.as_ref().map(Receipt::digest),
            backup_at: receipt.as_ref().map_or(0, |receipt| receipt.backup_at),
            base: receipt.map(|receipt| (receipt.epoch, receipt.number)),
            ..Known::default()
        })
    }

    /// How far the peer has each line that is here. Of a line that goes on there beyond what is here, it is taken
    /// to have all that is here: were that another branch, it would see so from our vector, and say so.
    pub fn covered(
        &self,
        library: &impl Library,
        partition: &Partition,
        mine: &Vector,
    ) -> Result<BTreeMap<JournalId, u64>, ReplicaError> {
        let mut covered: BTreeMap<JournalId, u64> = BTreeMap::new();
        let mut cover = |line: JournalId, seq: u64| {
            let at = covered.entry(line).or_default();
            *at = seq.max(*at);
        };
        for (line, theirs) in &self.vector.0 {
            let here = mine.head(line).seq;
            cover(*line, theirs.seq.min(here));
            // It may be known here under another name, where the journal is forked.
            if theirs.seq > here && theirs.hash != Head::EMPTY.hash {
                library.way(partition, &theirs.hash)?.into_iter().for_each(|at| cover(at.line, at.seq));
            }
        }
        Ok(covered)
    }

    /// Whether nothing is to be sent of a line for now: the peer was asked where it leaves it, or a line before it.
    pub fn waits(
        &self,
        library: &impl Library,
        partition: &Partition,
        line: &JournalId,
        head: &Head,
    ) -> Result<bool, ReplicaError> {
        if self.asked.is_empty() || self.asked.contains(line) {
            return Ok(!self.asked.is_empty());
        }
        Ok(library.way(partition, &head.hash)?.iter().any(|at| self.asked.contains(&at.line)))
    }

    /// Takes note that the peer stands on another branch of a line; the entries that let it find the fork.
    pub fn part(
        &mut self,
        library: &impl Library,
        partition: &Partition,
        line: JournalId,
        below: u64,
    ) -> Result<Trail, ReplicaError> {
        let mut heads = Vec::new();
        let (mut seq, mut gap) = (below, 1);
        while let Some(at) = seq.checked_sub(gap).filter(|at| *at > 0 && heads.len() < MAX_TRAIL) {
            if let Some(hash) = library.hash_at(partition, &line, at)? {
                heads.push(Head { seq: at, hash });
            }
            (seq, gap) = (at, gap * 2);
        }
        self.asked.insert(line);
        self.parted.insert(line);
        Ok(Trail { partition: *partition, line, heads })
    }

    /// Takes note of where the branches part: of this line the peer has what is here up to `common`.
    pub fn parted_at(&mut self, line: JournalId, common: Head) {
        self.asked.remove(&line);
        self.parted.insert(line);
        if common.seq > 0 {
            self.vector.0.insert(line, common);
        } else {
            self.vector.0.remove(&line);
        }
    }

    /// The peer has sent entries up to this number; their names are not known before they are learned.
    pub fn sent_by_peer(&mut self, line: JournalId, seq: u64) {
        if self.vector.head(&line).seq < seq && !self.parted.contains(&line) {
            self.vector.0.insert(line, Head { seq, ..Head::EMPTY });
        }
    }
}

/// Lines on which the peer stands on a branch that is not known here, each with the number below which both may be
/// one: it has another entry under the head's number, or goes on where the line is known to end at a fork.
pub(super) fn forks(
    library: &impl Library,
    partition: &Partition,
    theirs: &Vector,
    mine: &Vector,
) -> Result<Vec<(JournalId, u64)>, ReplicaError> {
    let mut forked = Vec::new();
    for (line, head) in &theirs.0 {
        let here = mine.head(line).seq;
        let below = match head.seq > here {
            true if library.forked(partition, line)? => here + 1,
            false if library.hash_at(partition, line, head.seq)? != Some(head.hash) => head.seq,
            _ => continue,
        };
        // Its head may be known here all the same, on a line behind the fork.
        if library.way(partition, &head.hash)?.is_empty() {
            forked.push((*line, below));
        }
    }
    Ok(forked)
}

/// In a [`Have`]: "say your vector whole, I do not know its base".
pub(super) const ASK_WHOLE: (JournalId, Head) = (JournalId([0; 32]), Head::EMPTY);

/// What is here of a partition, as short as may be.
pub(super) fn have_of(library: &impl Library, partition: &Partition) -> Result<Have, ReplicaError> {
    let vector = library.vector(partition)?;
    Ok(match library.receipt(partition)? {
        Some(receipt) => Have {
            partition: *partition,
            base: Some((receipt.epoch, receipt.number)),
            heads: vector.since(&receipt.vector),
            backup_at: (receipt.backup_at != 0).then_some(receipt.backup_at),
        },
        None => Have::whole(*partition, &vector),
    })
}
