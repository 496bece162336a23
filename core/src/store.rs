//! The store: what a replica keeps, behind one small trait.
//!
//! Two kinds of things are kept. **Entries** are the truth: they are only ever appended (a body may be
//! destroyed, and a forked journal's entries come to stand on lines of their own), and each is given a position within its partition, inside the transaction. **Rows** are
//! everything derived from them or beside them (vectors, documents, queues, jobs), each a small value under a
//! table and a key. The partition leads every key of both, so that a distributed database can spread them.
//!
//! The trait says nothing of Automerge, workflow or people, so a further store has little to get wrong, and
//! the contract suite (`contract`) tells it all of that.

use crate::journal::{EntryHash, JournalId, Partition, StoredEntry};

mod bounds;
#[cfg(any(test, feature = "testing"))]
pub mod contract;
pub mod memory;
#[cfg(feature = "sqlite")]
pub mod sqlite;

/// Longest key of a row, in bytes.
pub const MAX_KEY: usize = 512;
/// Largest value of a row, in bytes.
pub const MAX_VALUE: usize = 16 << 20;

/// Why the store could not do as asked; sorted by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room: tell the person, keep what there is, try again after room was made.
    #[error("penyimpanan penuh: kosongkan ruang, lalu ulangi")]
    Full,
    /// Another process holds the store longer than the named time-out: try again.
    #[error("penyimpanan sedang dipakai proses lain: ulangi sebentar lagi")]
    Busy,
    /// The medium failed or the file is damaged: stop acknowledging, reopen, check.
    #[error("penyimpanan rusak atau tidak terbaca: {0}")]
    Broken(String),
    /// The file does not open with this key: it is encrypted with another, or is no store.
    #[error(
        "penyimpanan tidak terbuka dengan kunci ini: buka kunci HP, atau daftarkan HP ini lagi di folder baru"
    )]
    Locked,
    /// The caller broke the store's contract (a defect of this program).
    #[error("defect: {0}")]
    Misuse(&'static str),
}

/// Tables of rows. The number is stored: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Lines of the partition's journals: id → head.
    Journal = 1,
    /// Signatures on a line: id, sequence number → signature.
    Signature = 2,
    /// Documents: application → materialised state (a cache).
    Document = 3,
    /// Applications: application → summary for lists.
    Application = 4,
    /// Registration number → application.
    Number = 5,
    /// Keyed hash of a NIK and service → applications.
    Person = 6,
    /// Desk, since, application → nothing: what waits where.
    Queue = 7,
    /// Submissions that wait for what they name: request → application.
    Pending = 8,
    /// Requests that are answered: journal, sequence number → position of the decision.
    Answered = 9,
    /// The newest receipt of the partition.
    Receipt = 10,
    /// Certificates and revocations that hold here: author → certificate.
    Certificate = 11,
    /// Held entries: entry → reason.
    Held = 12,
    /// Attachments: hash → size and state.
    Attachment = 13,
    /// Jobs: queue, due, id → job.
    Job = 14,
    /// Catalogue files and other office data: name, version → bytes.
    Catalogue = 15,
    /// Staff of the office.
    Staff = 16,
    /// Invitations.
    Invite = 17,
    /// Single values: name → value.
    Meta = 18,
    /// Notices to officers: application, author → work that came too late.
    Notice = 19,
    /// Who names an attachment beside its row's first: hash, edit → application.
    Naming = 20,
    /// Applications that the office has let go: application → what stays of it.
    Gone = 21,
    /// What is still to be done about them: applications to let go here, files to remove.
    Sweep = 22,
    /// Words by which the office finds filed applications: word, application → partition and all words.
    Word = 23,
}

/// Which entries to read; each comes back in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query<'a> {
    /// Entries of one line with a sequence number above `after`.
    Journal(&'a JournalId, u64),
    /// Entries of the partition with a position above this.
    After(u64),
    /// All entries of one application (by its first entry's hash), in order of position.
    Application(&'a EntryHash),
    /// The entry with this header hash.
    Hash(&'a EntryHash),
}

/// A store of entries and rows. Reads outside a transaction see what was last made durable (by any process);
/// inside, what the transaction wrote as well.
pub trait Store: Send {
    /// Begins a write transaction; a second one before [`Store::finish`] is a misuse.
    fn begin(&mut self) -> Result<(), StoreError>;

    /// Ends the transaction: `keep` makes all of it durable before this returns, otherwise none of it happened.
    fn finish(&mut self, keep: bool) -> Result<(), StoreError>;

    /// Appends an entry and returns its position, one above the partition's last. The caller has checked the
    /// chain; another entry of the same line and sequence number is a misuse. An entry that is here already keeps
    /// its position, and two things of it may change: its body may be destroyed, for good, and it may be moved to
    /// another line. The same entry with nothing changed is a misuse.
    fn append(&mut self, partition: &Partition, entry: &StoredEntry) -> Result<u64, StoreError>;

    /// Reads at most `limit` entries with their positions.
    fn entries(
        &self,
        partition: &Partition,
        query: Query<'_>,
        limit: usize,
    ) -> Result<Vec<(u64, StoredEntry)>, StoreError>;

    /// Writes a row, or deletes it (`None`; deleting what is not there is fine).
    fn put(
        &mut self,
        partition: &Partition,
        table: Table,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), StoreError>;

    /// Reads a row.
    fn get(&self, partition: &Partition, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Reads at most `limit` rows whose key begins with `prefix` and is above `after`, in ascending order.
    fn scan(
        &self,
        partition: &Partition,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError>;

    /// The partitions in which anything is kept, in ascending order.
    fn partitions(&self) -> Result<Vec<Partition>, StoreError>;
}

/// A row: key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Runs `work` in one transaction: kept when it returns `Ok`, undone when it returns `Err`.
pub fn transaction<S: Store, T, E: From<StoreError>>(
    store: &mut S,
    work: impl FnOnce(&mut S) -> Result<T, E>,
) -> Result<T, E> {
    store.begin()?;
    match work(store) {
        Ok(value) => {
            store.finish(true)?;
            Ok(value)
        }
        Err(error) => {
            store.finish(false)?;
            Err(error)
        }
    }
}
