//! Vectors: what a replica has of a partition, journal by journal.

use std::collections::BTreeMap;

use super::run::Head;
use super::{JournalId, Partition};

/// Journals of one partition that a vector may name.
pub const MAX_JOURNALS: usize = 4096;

/// For a partition: journal → head.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vector(pub BTreeMap<JournalId, Head>);

impl Vector {
    /// Hash over journals and heads in order; equal digests mean equal entries.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("loket 1 vector");
        for (journal, head) in &self.0 {
            hasher.update(&journal.0);
            hasher.update(&head.seq.to_be_bytes());
            hasher.update(&head.hash.0);
        }
        *hasher.finalize().as_bytes()
    }

    /// The head of a journal; [`Head::EMPTY`] where nothing is known of it.
    pub fn head(&self, journal: &JournalId) -> Head {
        self.0.get(journal).copied().unwrap_or(Head::EMPTY)
    }

    /// Whether the entry of this number is covered.
    pub fn covers(&self, journal: &JournalId, seq: u64) -> bool {
        self.head(journal).seq >= seq
    }

    /// Whether all of `other` is covered.
    pub fn covers_all(&self, other: &Vector) -> bool {
        other.0.iter().all(|(journal, head)| self.covers(journal, head.seq))
    }

    /// What has to be put on top of `base` to get this vector: heads that differ, and empty heads for journals
    /// that only `base` has.
    pub fn since(&self, base: &Vector) -> Vec<(JournalId, Head)> {
        let changed = self.0.iter().filter(|(journal, head)| base.0.get(journal) != Some(head));
        let gone = base.0.keys().filter(|journal| !self.0.contains_key(journal));
        changed.map(|(journal, head)| (*journal, *head)).chain(gone.map(|j| (*j, Head::EMPTY))).collect()
    }

    /// Undoes [`Vector::since`].
    pub fn with(&self, changes: &[(JournalId, Head)]) -> Vector {
        let mut vector = self.clone();
        for (journal, head) in changes {
            if head.seq == 0 {
                vector.0.remove(journal);
            } else {
                vector.0.insert(*journal, *head);
            }
        }
        vector
    }
}

/// One digest over all partitions in a session's scope.
pub fn scope_digest<'a>(partitions: impl Iterator<Item = (&'a Partition, [u8; 32])>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("loket 1 scope");
    for (partition, digest) in partitions {
        let key = partition.to_bytes();
        hasher.update(&[key.len() as u8]);
        hasher.update(&key);
        hasher.update(&digest);
    }
    *hasher.finalize().as_bytes()
}
