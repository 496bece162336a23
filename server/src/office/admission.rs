//! Admission: how much one device may bring in a day, so that a permitted one that is greedy, broken or stolen can
//! neither fill the office nor crowd out others.
//!
//! Pure but for the rows in which it is counted: the office's clock says which day it is, so a phone cannot. Counted
//! is the author of an entry, whoever carried it here, and only what was new and has been taken in: nobody can use up
//! another's allowance.

use std::collections::{BTreeMap, BTreeSet};

use loket_core::journal::run::Run;
use loket_core::journal::vector::MAX_JOURNALS;
use loket_core::journal::{AuthorId, JournalId, Partition};
use loket_core::replica::ReplicaError;
use loket_core::replica::learn::{LearnError, Learned, MAX_SCOPE};
use loket_core::store::{Store, Table};
use loket_core::time::WIB;
use minicbor::{Decode, Encode};

use super::Office;
use super::look::Look;

/// Entries of one device in a day: a thousand applications typed in from paper, twice over.
pub const ENTRIES_A_DAY: u64 = 20_000;
/// Bytes of bodies of one device in a day.
pub const BYTES_A_DAY: u64 = 32 << 20;
/// Bytes of attachments of one device in a day: three scans of each of a thousand applications.
pub const ATTACHMENT_BYTES_A_DAY: u64 = 2 << 30;
/// Need-to-know applications that one device opens in a day: each is a partition of its own.
pub const SECRETS_A_DAY: u64 = 100;
/// Journals of one author in one partition: how often a phone may be restored before it has to be enrolled anew.
pub const JOURNALS: usize = 8;
/// Lines of one author in one partition, its journals among them: each restore from an old copy may leave one, and cut
/// another in two.
pub const LINES: usize = 16;

/// What one device may bring. An office that imports an archive sets others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowances {
    /// Entries a day.
    pub entries: u64,
    /// Bytes of bodies a day.
    pub bytes: u64,
    /// Bytes of attachments a day.
    pub attachment_bytes: u64,
    /// Need-to-know applications opened a day.
    pub secrets: u64,
    /// Journals in one partition, ever.
    pub journals: usize,
    /// Lines in one partition, ever.
    pub lines: usize,
}

impl Default for Allowances {
    fn default() -> Self {
        Self {
            entries: ENTRIES_A_DAY,
            bytes: BYTES_A_DAY,
            attachment_bytes: ATTACHMENT_BYTES_A_DAY,
            secrets: SECRETS_A_DAY,
            journals: JOURNALS,
            lines: LINES,
        }
    }
}

/// What a device has brought on one day (a row of the office's own, so a restart forgets nothing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(array)]
pub struct Usage {
    /// Day of the office's clock, in Jakarta, counted from 1970.
    #[n(0)]
    pub day: i64,
    /// Entries.
    #[n(1)]
    pub entries: u64,
    /// Bytes of bodies.
    #[n(2)]
    pub bytes: u64,
    /// Bytes of attachments.
    #[n(3)]
    pub attachment_bytes: u64,
    /// Need-to-know applications opened.
    #[n(4)]
    pub secrets: u64,
}

/// The day in Jakarta of a time in seconds since 1970.
pub fn day(now: i64) -> i64 {
    now.saturating_add(WIB).div_euclid(24 * 3600)
}

impl Usage {
    /// What counts now: nothing of another day.
    pub fn at(self, now: i64) -> Usage {
        let day = day(now);
        if self.day == day { self } else { Usage { day, ..Usage::default() } }
    }

    /// With something more.
    pub fn plus(self, more: &Usage) -> Usage {
        Usage {
            day: self.day,
            entries: self.entries.saturating_add(more.entries),
            bytes: self.bytes.saturating_add(more.bytes),
            attachment_bytes: self.attachment_bytes.saturating_add(more.attachment_bytes),
            secrets: self.secrets.saturating_add(more.secrets),
        }
    }

    /// Whether all of it is allowed.
    pub fn is_within(&self, allowed: &Allowances) -> bool {
        self.entries <= allowed.entries
            && self.bytes <= allowed.bytes
            && self.attachment_bytes <= allowed.attachment_bytes
            && self.secrets <= allowed.secrets
    }
}

/// What of a run may be new where the journal's head has this number. What leaves the journal before that is not seen
/// here, and counted when it has been taken in.
fn asked(run: &Run, head: u64) -> Usage {
    let known = usize::try_from(head.saturating_add(1).saturating_sub(run.first)).unwrap_or(usize::MAX);
    let new = run.entries.iter().skip(known);
    let (mut entries, mut bytes) = (0, 0);
    for entry in new {
        entries += 1;
        bytes += entry.body.as_ref().map_or(0, Vec::len) as u64;
    }
    Usage { entries, bytes, ..Usage::default() }
}

/// What was found of a delivery's runs.
#[derive(Default)]
pub(super) struct Admission {
    /// Runs that are not looked at any further.
    pub(super) refused: Vec<(JournalId, LearnError)>,
    /// Authors of runs that open a need-to-know application, where they are taken in.
    opening: Vec<(JournalId, AuthorId)>,
    /// What each author would have brought by now.
    usage: BTreeMap<AuthorId, Usage>,
    /// Journals that begin in this delivery.
    begun: BTreeSet<JournalId>,
    /// Journals and lines of a partition by author, those of this delivery among them.
    lines: BTreeMap<Partition, BTreeMap<AuthorId, (usize, usize)>>,
}

impl Admission {
    /// Whether a run was admitted.
    pub(super) fn admits(&self, run: &Run) -> bool {
        let id = run.journal.id();
        !self.refused.iter().any(|(refused, _)| *refused == id)
    }
}

impl<S: Store> Office<S> {
    /// Which of these runs may be looked at. Nothing is counted before it has been taken in ([`Office::charge`]).
    pub(super) fn admission(&self, runs: &[Run], now: i64) -> Result<Admission, ReplicaError> {
        let mut admission = Admission::default();
        for run in runs {
            if let Err(error) = self.weigh(run, now, &mut admission)? {
                admission.refused.push((run.journal.id(), error));
            }
        }
        Ok(admission)
    }

    fn weigh(
        &self,
        run: &Run,
        now: i64,
        admission: &mut Admission,
    ) -> Result<Result<(), LearnError>, ReplicaError> {
        let (author, partition) = (run.journal.author, run.journal.partition);
        if author == self.replica.office_author() {
            return Ok(Ok(()));
        }
        let id = run.journal.id();
        let head = self.replica.head(&partition, &id)?.seq;
        let mut more = asked(run, head);
        let begins = head == 0 && admission.begun.insert(id);
        if !self.goes_on(run, head)? && !self.one_more_line(&author, &partition, begins, admission)? {
            return Ok(Err(LearnError::Journals));
        }
        if self.replica.opens(&author, &partition)? {
            more.secrets = 1;
            admission.opening.push((id, author));
            if self.replica.scope_of(&author)?.len() >= MAX_SCOPE {
                return Ok(Err(LearnError::Allowance));
            }
        }
        let before = match admission.usage.get(&author) {
            Some(usage) => *usage,
            None => self.usage(&author, now)?,
        };
        let after = before.plus(&more);
        // Beyond already: what seems to be known may be another branch.
        let is_beyond = !before.is_within(&self.allowances);
        if is_beyond || (more.entries > 0 && !after.is_within(&self.allowances)) {
            return Ok(Err(LearnError::Allowance));
        }
        admission.usage.insert(author, after);
        Ok(Ok(()))
    }

    /// Whether a run goes on where a line ends: then it adds none.
    fn goes_on(&self, run: &Run, head: u64) -> Result<bool, ReplicaError> {
        let Some(after) = run.after else { return Ok(head > 0 && run.first == head.saturating_add(1)) };
        let partition = run.journal.partition;
        let Some(at) = self.replica.locate(&partition, &after)? else { return Ok(false) };
        Ok(self.replica.line(&partition, &at.line)?.is_some_and(|row| row.head.hash == after && !row.forked))
    }

    /// Counts one more line of an author in a partition, which may begin a journal; says whether there may be one.
    fn one_more_line(
        &self,
        author: &AuthorId,
        partition: &Partition,
        begins: bool,
        admission: &mut Admission,
    ) -> Result<bool, ReplicaError> {
        let all = match admission.lines.entry(*partition) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let mut all: BTreeMap<AuthorId, (usize, usize)> = BTreeMap::new();
                for row in self.replica.journals(partition)?.values() {
                    let (journals, lines) = all.entry(row.journal.author).or_default();
                    *journals += usize::from(row.fork.is_none());
                    *lines += 1;
                }
                entry.insert(all)
            }
        };
        // The office's own is always among those that a vector has to hold.
        let full = all.values().map(|(_, lines)| lines).sum::<usize>() >= MAX_JOURNALS - 1;
        let (journals, lines) = all.entry(*author).or_default();
        if full || *lines >= self.allowances.lines || (begins && *journals >= self.allowances.journals) {
            return Ok(false);
        }
        *journals += usize::from(begins);
        *lines += 1;
        Ok(true)
    }

    /// Counts what was taken in of the runs that were admitted; the caller holds a transaction.
    pub(super) fn charge(
        &mut self,
        admission: &Admission,
        learned: &Learned,
        now: i64,
    ) -> Result<(), ReplicaError> {
        for (author, (entries, bytes)) in &learned.brought {
            if *author == self.replica.office_author() {
                continue;
            }
            let opened = admission.opening.iter().filter(|(journal, by)| {
                by == author && !learned.refused.iter().any(|(refused, _)| refused == journal)
            });
            let secrets = opened.count() as u64;
            let more = Usage { entries: *entries, bytes: *bytes, secrets, ..Usage::default() };
            let usage = self.usage(author, now)?.plus(&more);
            self.put_local(Table::Meta, &usage_key(author), &usage)?;
        }
        Ok(())
    }

    /// What a device has brought today.
    pub fn usage(&self, author: &AuthorId, now: i64) -> Result<Usage, ReplicaError> {
        let row: Option<Usage> = self.replica.local(Table::Meta, &usage_key(author))?;
        Ok(row.unwrap_or_default().at(now))
    }

    /// Counts so many bytes of an attachment that a device is about to bring; says whether it may. The caller holds a
    /// transaction.
    pub fn reserve_attachment(
        &mut self,
        author: &AuthorId,
        bytes: u64,
        now: i64,
    ) -> Result<bool, ReplicaError> {
        let more = Usage { attachment_bytes: bytes, ..Usage::default() };
        let usage = self.usage(author, now)?.plus(&more);
        // What came in by entries does not matter here, nor would it there what comes in by attachments.
        let allowed = usage.attachment_bytes <= self.allowances.attachment_bytes;
        if allowed {
            self.put_local(Table::Meta, &usage_key(author), &usage)?;
        }
        Ok(allowed)
    }

    /// Takes back what was counted and did not come. The caller holds a transaction.
    pub fn return_attachment(&mut self, author: &AuthorId, bytes: u64, now: i64) -> Result<(), ReplicaError> {
        let usage = self.usage(author, now)?;
        let usage = Usage { attachment_bytes: usage.attachment_bytes.saturating_sub(bytes), ..usage };
        self.put_local(Table::Meta, &usage_key(author), &usage)
    }
}

fn usage_key(author: &AuthorId) -> Vec<u8> {
    [&b"usage/"[..], author.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::sync::Arc;

    use loket_core::catalogue::Role;
    use loket_core::identity::{SeededKey, Signer};
    use loket_core::journal::body::{Body, Destroyed, NONCE};
    use loket_core::journal::run::{Head, WireEntry, signed_bytes};
    use loket_core::journal::{Content, EntryHash, HEADER_VERSION, Header, Journal, StoredEntry, body_hash};
    use loket_core::store::memory::MemoryStore;

    use super::*;
    use crate::office::{Delivered, Delivery};

    const NOW: i64 = 1_795_400_000;
    const DAY: i64 = 24 * 3600;
    const VILLAGE: &str = "33.12.08.2002";
    /// No run is refused.
    const TAKEN: [u8; 0] = [];

    fn usage(entries: u64, bytes: u64, attachment_bytes: u64, secrets: u64) -> Usage {
        Usage { day: 0, entries, bytes, attachment_bytes, secrets }
    }

    #[test]
    fn what_is_within_an_allowance() {
        let allowed =
            Allowances { entries: 10, bytes: 100, attachment_bytes: 1000, secrets: 2, journals: 8, lines: 8 };
        let table = [
            (usage(0, 0, 0, 0), true),
            (usage(10, 100, 1000, 2), true),
            (usage(11, 0, 0, 0), false),
            (usage(0, 101, 0, 0), false),
            (usage(0, 0, 1001, 0), false),
            (usage(0, 0, 0, 3), false),
            (usage(u64::MAX, 0, 0, 0).plus(&usage(u64::MAX, 0, 0, 0)), false),
        ];
        for (usage, within) in table {
            assert_eq!(usage.is_within(&allowed), within, "{usage:?}");
        }
    }

    #[test]
    fn a_day_is_the_office_s_and_begins_at_midnight_in_jakarta() {
        let used = Usage { day: day(NOW), ..usage(7, 70, 700, 1) };
        let midnight = (day(NOW) + 1) * DAY - WIB;
        let table = [(NOW, true), (midnight - 1, true), (midnight, false), (midnight - DAY - 1, false)];
        for (now, counts) in table {
            let left = used.at(now);
            assert_eq!(left.entries > 0, counts, "{now}");
            assert_eq!(left.day, day(now));
        }
        let _ = (used.at(i64::MAX), used.at(i64::MIN));
    }

    /// Runs that a device really signed, whose entries nobody can read: they count all the same.
    fn runs(seed: u64, epoch: u8, counts: &[usize]) -> Vec<Run> {
        let key = SeededKey::new(seed);
        let journal =
            Journal { author: key.author(), partition: VILLAGE.parse().unwrap(), epoch: [epoch; 8] };
        let (mut at, mut runs) = (Head::EMPTY, Vec::new());
        for count in counts {
            let first = at.seq + 1;
            let mut entries = Vec::new();
            for _ in 0..*count {
                let body = Body::Destroyed(Destroyed { applications: vec![] }).to_bytes([epoch; NONCE]);
                let header = Header {
                    version: HEADER_VERSION,
                    journal: journal.id(),
                    seq: at.seq + 1,
                    prev: (at.seq > 0).then_some(at.hash),
                    body_hash: body_hash(&body),
                    application: Some(EntryHash([1; 32])),
                    extension: None,
                };
                let entry = StoredEntry::new(header, Content::Present(body));
                at = Head { seq: at.seq + 1, hash: entry.hash };
                entries.push(WireEntry::close(&entry, None));
            }
            let signature = key.sign(&signed_bytes(&journal.id(), &at)).unwrap();
            runs.push(Run { journal, first, entries, signature, after: None });
        }
        runs
    }

    /// The run under its journal as it is named now.
    fn resigned(seed: u64, run: Run) -> Run {
        let (id, mut at) = (run.journal.id(), Head::EMPTY);
        for entry in &run.entries {
            let header = Header {
                version: HEADER_VERSION,
                journal: id,
                seq: at.seq + 1,
                prev: (at.seq > 0).then_some(at.hash),
                body_hash: body_hash(entry.body.as_ref().unwrap()),
                application: Some(EntryHash([1; 32])),
                extension: None,
            };
            at = Head { seq: at.seq + 1, hash: header.hash() };
        }
        let signature = SeededKey::new(seed).sign(&signed_bytes(&id, &at)).unwrap();
        Run { signature, ..run }
    }

    struct Bench(Office<MemoryStore>);

    impl Bench {
        fn new(allowances: Allowances) -> Self {
            let mut office =
                Office::open(MemoryStore::default(), Arc::new(SeededKey::new(0)), &mut |b| b.fill(1))
                    .unwrap();
            office.allowances = allowances;
            for seed in [1, 2] {
                let key = SeededKey::new(seed).public_key();
                let place = [VILLAGE.parse().unwrap()];
                let certify = |office: &mut Office<MemoryStore>| {
                    office.certify(key, Role::OperatorDesa, &place, "Petugas", NOW, &mut |b| b.fill(2))
                };
                office.write(certify).unwrap();
            }
            Self(office)
        }

        /// The codes with which the runs are refused.
        fn brings(&mut self, carrier: u64, runs: Vec<Run>, now: i64) -> Vec<u8> {
            let group = [Delivery { author: SeededKey::new(carrier).author(), runs }];
            let (delivered, _) = self.0.ingest(&group, now, &mut |b| b.fill(3)).unwrap();
            let Delivered::Taken(refused) = &delivered[0] else { unreachable!("{delivered:?}") };
            refused.iter().map(|(_, error)| error.code()).collect()
        }

        fn used(&self, seed: u64, now: i64) -> u64 {
            self.0.usage(&SeededKey::new(seed).author(), now).unwrap().entries
        }
    }

    fn ten() -> Allowances {
        Allowances { entries: 10, ..Allowances::default() }
    }

    #[test]
    fn a_device_brings_its_allowance_and_the_rest_another_day() {
        let mut bench = Bench::new(ten());
        let [first, second] = <[Run; 2]>::try_from(runs(1, 1, &[8, 4])).unwrap();
        assert_eq!(bench.brings(1, vec![first.clone()], NOW), TAKEN);
        assert_eq!(bench.brings(1, vec![second.clone()], NOW), [8]);
        assert_eq!(bench.used(1, NOW), 8);
        // What is here already costs nothing, however often it comes.
        assert_eq!(bench.brings(1, vec![first; 3], NOW), TAKEN);
        assert_eq!(bench.used(1, NOW), 8);
        // Another device is not concerned, and what is carried for somebody counts as theirs.
        assert_eq!(bench.brings(1, runs(2, 1, &[10]), NOW), TAKEN);
        assert_eq!((bench.used(1, NOW), bench.used(2, NOW)), (8, 10));
        // A restart forgets nothing.
        let Office { replica, .. } = bench.0;
        let office = Office::open(replica.store, Arc::new(SeededKey::new(0)), &mut |b| b.fill(1)).unwrap();
        let mut bench = Bench(office);
        bench.0.allowances = ten();
        assert_eq!(bench.brings(1, vec![second.clone()], NOW), [8]);
        assert_eq!(bench.brings(1, vec![second], NOW + DAY), TAKEN);
        assert_eq!(bench.used(1, NOW + DAY), 4);
    }

    #[test]
    fn what_is_not_taken_in_is_not_counted() {
        let mut bench = Bench::new(ten());
        // A stranger's signature under somebody else's name uses up nothing of theirs.
        let mut forged = runs(1, 1, &[10]);
        forged[0].signature = SeededKey::new(2).sign(b"x").unwrap();
        assert_eq!(bench.brings(2, forged, NOW), [6]);
        assert_eq!(bench.used(1, NOW), 0);
        assert_eq!(bench.brings(1, runs(1, 1, &[10]), NOW), TAKEN);
    }

    #[test]
    fn one_delivery_is_weighed_run_by_run() {
        let mut bench = Bench::new(ten());
        let many = [runs(1, 1, &[6]), runs(1, 2, &[6]), runs(1, 3, &[4])].concat();
        assert_eq!(bench.brings(1, many, NOW), [8]);
        assert_eq!(bench.used(1, NOW), 10);
    }

    #[test]
    fn journals_are_few() {
        let mut bench = Bench::new(Allowances { journals: 3, ..Allowances::default() });
        let many = (1..=5).flat_map(|epoch| runs(1, epoch, &[1])).collect();
        assert_eq!(bench.brings(1, many, NOW), [9, 9]);
        assert_eq!(bench.brings(1, runs(1, 9, &[1]), NOW + DAY), [9]);
        assert_eq!(bench.brings(1, runs(1, 1, &[1, 1]), NOW), TAKEN);
        assert_eq!(bench.brings(2, runs(2, 1, &[1]), NOW), TAKEN);
    }

    #[test]
    fn branches_are_few_and_their_entries_count() {
        let mut bench = Bench::new(Allowances { lines: 4, ..Allowances::default() });
        let branch = |nonce: u8| {
            let mut run = runs(1, nonce, &[3]).remove(0);
            run.journal.epoch = [1; 8];
            resigned(1, run)
        };
        assert_eq!(bench.brings(1, vec![branch(1)], NOW), TAKEN);
        // The first fork leaves three lines, the next adds one, and that is all.
        assert_eq!(bench.brings(1, vec![branch(2)], NOW), TAKEN);
        assert_eq!(bench.brings(1, vec![branch(3)], NOW), TAKEN);
        assert_eq!(bench.used(1, NOW), 9);
        assert_eq!(bench.brings(1, vec![branch(4)], NOW), [9]);
        assert_eq!(bench.used(1, NOW), 9);
    }

    #[test]
    fn bytes_and_attachments_count_too() {
        let mut bench = Bench::new(Allowances { bytes: 100, attachment_bytes: 100, ..Allowances::default() });
        assert_eq!(bench.brings(1, runs(1, 1, &[50]), NOW), [8]);
        let author = SeededKey::new(1).author();
        let mut reserve =
            |bytes, now| bench.0.write(|office| office.reserve_attachment(&author, bytes, now)).unwrap().0;
        assert!(reserve(60, NOW) && !reserve(60, NOW) && reserve(40, NOW) && !reserve(1, NOW));
        assert!(reserve(100, NOW + DAY));
        bench.0.write(|office| office.return_attachment(&author, 30, NOW + DAY)).unwrap();
        assert_eq!(bench.0.usage(&author, NOW + DAY).unwrap().attachment_bytes, 70);
    }
}
