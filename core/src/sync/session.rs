//! One side of a session. The driver passes frames in and out, makes learned runs durable, and says so.

use std::collections::{BTreeMap, BTreeSet};

use super::Library;
use super::message::{Batch, Have, Hello, Message, PartitionDigest, ProtocolError, Taken, VERSION};
use crate::identity::{PublicKey, Signer};
use crate::journal::receipt::Receipt;
use crate::journal::run::{Head, Run};
use crate::journal::vector::{Vector, scope_digest};
use crate::journal::{AuthorId, JournalId, Partition};
use crate::replica::ReplicaError;
use crate::replica::learn::LearnError;

/// Batches that may be on their way without being taken.
pub const WINDOW: u64 = 8;
/// Bytes of bodies after which a batch is closed.
pub const BATCH_BYTES: usize = 256 << 10;

/// Times that a peer may say in one session what it has.
pub const MAX_HAVES: u32 = 8;

/// What ends a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The peer's fault, or the wire's: tell it, close, and go on another time.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// Ours.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// What the driver has to do.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Send this frame.
    Send(Vec<u8>),
    /// Make these runs durable, then call [`Session::taken`].
    Learn {
        /// The peer's number of the batch.
        batch: u64,
        /// The runs.
        runs: Vec<Run>,
    },
    /// Keep this receipt.
    Receipt(Box<Receipt>),
    /// The peer made a batch durable but for these journals.
    Taken {
        /// Journals and codes of what it did not take.
        refused: Vec<(JournalId, u8)>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The caller waits for the welcome.
    Called,
    /// The answering side waits for the call.
    Listening,
    /// The answering side waits for the proof.
    Welcomed,
    /// The caller waits to hear whether anything differs.
    Proven,
    /// Known to each other.
    Open,
}

/// What is known of the peer in a partition.
#[derive(Debug, Default)]
struct Known {
    vector: Vector,
    /// Digest of the receipt it has.
    receipt: Option<[u8; 32]>,
    /// The receipt it has, by epoch and number.
    base: Option<(u64, u64)>,
    /// Journals that have another branch there; they are left alone.
    forked: BTreeSet<JournalId>,
}

/// One side of a session.
pub struct Session {
    phase: Phase,
    caller: bool,
    me: AuthorId,
    nonce: [u8; 16],
    peer: Option<(Hello, PublicKey)>,
    peers: BTreeMap<Partition, Known>,
    batches: u64,
    taken: u64,
    peer_done: bool,
    said_done: bool,
    /// Both sides know what the other had at one moment; before that nothing can be said of what it lacks.
    agreed: bool,
    /// Journals of which the peer did not take a run: what follows would only be a gap to it.
    stopped: BTreeSet<JournalId>,
    /// How often the peer has said what it has.
    haves: u32,
}

impl Session {
    /// The calling side, with its first frame.
    pub fn call(me: AuthorId, nonce: [u8; 16]) -> (Session, Vec<u8>) {
        let hello = Message::Hello(Hello { version: VERSION, author: me, nonce });
        (Session::new(me, nonce, true), hello.to_bytes())
    }

    /// The answering side.
    pub fn answer(me: AuthorId, nonce: [u8; 16]) -> Session {
        Session::new(me, nonce, false)
    }

    fn new(me: AuthorId, nonce: [u8; 16], caller: bool) -> Session {
        Session {
            phase: if caller { Phase::Called } else { Phase::Listening },
            caller,
            me,
            nonce,
            peer: None,
            peers: BTreeMap::new(),
            batches: 0,
            taken: 0,
            peer_done: false,
            said_done: false,
            agreed: false,
            stopped: BTreeSet::new(),
            haves: 0,
        }
    }

    /// The proven peer.
    pub fn peer(&self) -> Option<AuthorId> {
        self.is_open().then_some(self.peer.as_ref()?.0.author)
    }

    /// Whether both sides have proven who they are.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether everything that was known on both sides at the time has been exchanged and taken.
    pub fn is_settled(&self) -> bool {
        self.is_open() && self.peer_done && self.said_done && self.taken == self.batches
    }

    /// Takes a frame in. After an error the session is over; [`Session::farewell`] says so to the peer.
    pub fn receive(
        &mut self,
        frame: &[u8],
        library: &impl Library,
        signer: &dyn Signer,
    ) -> Result<Vec<Output>, SessionError> {
        let message = Message::from_bytes(frame)?;
        if let Message::Error(code, _) = message {
            return Err(ProtocolError::Ended(code).into());
        }
        match (self.phase, message) {
            (Phase::Listening, Message::Hello(hello)) => self.on_hello(hello, library, signer),
            (Phase::Called, Message::Welcome(hello, signature)) => {
                self.on_welcome(hello, signature, library, signer)
            }
            (Phase::Welcomed, Message::Proof(signature, digest)) => self.on_proof(signature, digest, library),
            (Phase::Proven, Message::Same) => {
                self.phase = Phase::Open;
                self.peer_done = true;
                self.said_done = true;
                self.agreed = true;
                Ok(self.poll(library, None)?)
            }
            (Phase::Proven, Message::Differ(digests)) => self.on_differ(&digests, library),
            (Phase::Open, Message::Have(have)) => self.on_have(&have, library),
            (Phase::Open, Message::Batch(batch)) => self.on_batch(&batch, library),
            (Phase::Open, Message::Taken(taken)) => self.on_taken(taken, library),
            (Phase::Open, Message::Receipts(receipts)) => self.on_receipts(&receipts, library),
            (Phase::Open, Message::Done) => {
                self.peer_done = true;
                Ok(Vec::new())
            }
            _ => Err(ProtocolError::Unexpected.into()),
        }
    }

    /// The frame that tells the peer why this side ends the session.
    pub fn farewell(error: &SessionError) -> Vec<u8> {
        match error {
            SessionError::Protocol(error) => Message::Error(error.code(), error.to_string()).to_bytes(),
            // What failed here is none of the peer's business.
            SessionError::Replica(_) => {
                Message::Error(99, "gangguan di pihak ini: ulangi nanti".into()).to_bytes()
            }
        }
    }

    fn known_peer(&self, hello: &Hello, library: &impl Library) -> Result<PublicKey, SessionError> {
        if hello.version != VERSION {
            return Err(ProtocolError::Version.into());
        }
        Ok(library.key(&hello.author)?.ok_or(ProtocolError::Unknown)?)
    }

    /// What `by_caller` or the other side signs: both randoms, both names, which side.
    fn transcript(&self, peer: &Hello, by_caller: bool) -> Vec<u8> {
        let mine = [&self.me.0[..], &self.nonce].concat();
        let theirs = [&peer.author.0[..], &peer.nonce].concat();
        let (first, second) = if self.caller { (mine, theirs) } else { (theirs, mine) };
        [&b"loket 1 session"[..], &[u8::from(by_caller)], &first, &second].concat()
    }

    fn on_hello(
        &mut self,
        hello: Hello,
        library: &impl Library,
        signer: &dyn Signer,
    ) -> Result<Vec<Output>, SessionError> {
        let key = self.known_peer(&hello, library)?;
        let signature = signer.sign(&self.transcript(&hello, false)).map_err(ReplicaError::from)?;
        self.peer = Some((hello, key));
        self.phase = Phase::Welcomed;
        let me = Hello { version: VERSION, author: self.me, nonce: self.nonce };
        Ok(vec![Output::Send(Message::Welcome(me, signature).to_bytes())])
    }

    fn on_welcome(
        &mut self,
        hello: Hello,
        signature: crate::identity::Signature,
        library: &impl Library,
        signer: &dyn Signer,
    ) -> Result<Vec<Output>, SessionError> {
        let key = self.known_peer(&hello, library)?;
        if !key.verifies(&self.transcript(&hello, false), &signature) {
            return Err(ProtocolError::Signature.into());
        }
        let proof = signer.sign(&self.transcript(&hello, true)).map_err(ReplicaError::from)?;
        let author = hello.author;
        self.peer = Some((hello, key));
        self.phase = Phase::Proven;
        let digests = digests(library, &author)?;
        // Should the digests be equal, this is what the peer has. More may be written here before it says so.
        self.peers = as_here(library, digests.keys())?;
        let digest = scope_digest(digests.iter().map(|(partition, digest)| (partition, *digest)));
        Ok(vec![Output::Send(Message::Proof(proof, digest).to_bytes())])
    }

    fn on_proof(
        &mut self,
        signature: crate::identity::Signature,
        digest: [u8; 32],
        library: &impl Library,
    ) -> Result<Vec<Output>, SessionError> {
        let Some((hello, key)) = &self.peer else { return Err(ProtocolError::Unexpected.into()) };
        if !key.verifies(&self.transcript(hello, true), &signature) {
            return Err(ProtocolError::Signature.into());
        }
        let mine = digests(library, &hello.author)?;
        // Of partitions that the caller does not speak of, it has just this.
        self.peers = as_here(library, mine.keys())?;
        self.phase = Phase::Open;
        if scope_digest(mine.iter().map(|(partition, digest)| (partition, *digest))) == digest {
            self.peer_done = true;
            self.said_done = true;
            self.agreed = true;
            return Ok(vec![Output::Send(Message::Same.to_bytes())]);
        }
        let list =
            mine.into_iter().map(|(partition, digest)| PartitionDigest { partition, digest }).collect();
        Ok(vec![Output::Send(Message::Differ(list).to_bytes())])
    }

    fn on_differ(
        &mut self,
        theirs: &[PartitionDigest],
        library: &impl Library,
    ) -> Result<Vec<Output>, SessionError> {
        self.phase = Phase::Open;
        let Some(peer) = self.peer() else { return Err(ProtocolError::Unexpected.into()) };
        let mine = digests(library, &peer)?;
        self.peers.clear();
        let mut have = Vec::new();
        for their in theirs {
            if mine.get(&their.partition) == Some(&their.digest) {
                self.peers.extend(as_here(library, [&their.partition].into_iter())?);
            } else {
                have.push(have_of(library, &their.partition)?);
            }
        }
        for partition in mine.keys().filter(|p| !theirs.iter().any(|their| their.partition == **p)) {
            have.push(have_of(library, partition)?);
        }
        Ok(vec![Output::Send(Message::Have(have).to_bytes())])
    }

    fn on_have(&mut self, theirs: &[Have], library: &impl Library) -> Result<Vec<Output>, SessionError> {
        let Some(peer) = self.peer() else { return Err(ProtocolError::Unexpected.into()) };
        // Each may cost a look at all that is here; an honest peer needs one, and a second for an unknown base.
        self.haves += 1;
        if self.haves > MAX_HAVES {
            return Err(ProtocolError::Unexpected.into());
        }
        let scope = library.scope(&peer)?;
        let mut answer = Vec::new();
        for have in theirs {
            let partition = have.partition;
            if !scope.contains(&partition) && !library.admits(&peer, &partition)? {
                continue;
            }
            let base = match have.base {
                None => Some(Vector::default()),
                Some((epoch, number)) => library.receipted(&partition, epoch, number)?,
            };
            // An unknown base: nothing can be said of its vector. Asking for it whole costs one more message.
            let Some(base) = base else {
                self.peers.remove(&partition);
                answer.push(Have { partition, base: have.base, heads: vec![ASK_WHOLE] });
                continue;
            };
            if have.heads.first() == Some(&ASK_WHOLE) {
                self.peers.remove(&partition);
                let vector = library.vector(&partition)?;
                answer.push(Have { partition, base: None, heads: vector.since(&Vector::default()) });
                continue;
            }
            let vector = base.with(&have.heads);
            let forked = forks(library, &partition, &vector)?;
            let mine = library.vector(&partition)?;
            if !self.caller {
                answer.push(Have { partition, base: have.base, heads: mine.since(&base) });
            }
            let known = Known { vector, receipt: None, base: have.base, forked };
            self.peers.insert(partition, known);
        }
        self.agreed = true;
        let mut outputs = Vec::new();
        // The caller waits for an answer, even where nothing it speaks of is exchanged with it.
        if !answer.is_empty() || !self.caller {
            outputs.push(Output::Send(Message::Have(answer).to_bytes()));
        }
        outputs.extend(self.poll(library, None)?);
        Ok(outputs)
    }

    fn on_batch(&mut self, batch: &Batch, library: &impl Library) -> Result<Vec<Output>, SessionError> {
        let Some(peer) = self.peer() else { return Err(ProtocolError::Unexpected.into()) };
        let scope = library.scope(&peer)?;
        let mut runs = Vec::new();
        for run in batch.unpack()? {
            let partition = run.journal.partition;
            if scope.contains(&partition) || library.admits(&peer, &partition)? {
                runs.push(run);
            } else {
                // Nothing of a foreign partition is looked at.
                return Err(ProtocolError::Unexpected.into());
            }
        }
        for run in &runs {
            let known = self.peers.entry(run.journal.partition).or_default();
            let id = run.journal.id();
            let seq = run.first.saturating_add(run.entries.len() as u64).saturating_sub(1);
            if known.vector.head(&id).seq < seq {
                known.vector.0.insert(id, Head { seq, ..Head::EMPTY });
            }
        }
        Ok(vec![Output::Learn { batch: batch.id, runs }])
    }

    /// The driver has made a batch durable but for the refused runs; the frames that say so.
    pub fn taken(
        &mut self,
        batch: u64,
        refused: &[(JournalId, LearnError)],
        library: &impl Library,
    ) -> Result<Vec<Output>, SessionError> {
        let refused = refused.iter().map(|(journal, error)| (*journal, error.code())).collect();
        let mut outputs = vec![Output::Send(Message::Taken(Taken { batch, refused }).to_bytes())];
        outputs.extend(self.poll(library, None)?);
        Ok(outputs)
    }

    fn on_taken(&mut self, taken: Taken, library: &impl Library) -> Result<Vec<Output>, SessionError> {
        if taken.batch != self.taken + 1 || taken.batch > self.batches {
            return Err(ProtocolError::Unexpected.into());
        }
        self.taken = taken.batch;
        self.stopped.extend(taken.refused.iter().map(|(journal, _)| *journal));
        let mut outputs = vec![Output::Taken { refused: taken.refused }];
        outputs.extend(self.poll(library, None)?);
        Ok(outputs)
    }

    fn on_receipts(
        &mut self,
        receipts: &[crate::journal::receipt::WireReceipt],
        library: &impl Library,
    ) -> Result<Vec<Output>, SessionError> {
        let mut outputs = Vec::new();
        for wire in receipts {
            let have = library.receipt(&wire.partition)?;
            let Some(receipt) = wire.open(have.as_ref()) else { continue };
            if let Some(known) = self.peers.get_mut(&wire.partition) {
                known.receipt = Some(receipt.digest());
                known.base = Some((receipt.epoch, receipt.number));
            }
            outputs.push(Output::Receipt(Box::new(receipt)));
        }
        Ok(outputs)
    }

    /// What can be sent now: entries that the peer lacks, as far as the window allows, then receipts. The driver
    /// calls it when something has changed; `partitions` narrows where to look.
    pub fn poll(
        &mut self,
        library: &impl Library,
        partitions: Option<&BTreeSet<Partition>>,
    ) -> Result<Vec<Output>, SessionError> {
        let Some(peer) = self.peer().filter(|_| self.agreed) else { return Ok(Vec::new()) };
        let mut outputs = Vec::new();
        if let Some(partitions) = partitions {
            self.widen(library, &peer, partitions)?;
        }
        // A certificate may end while the session is open: what was in scope once need not be any more.
        let scope = library.scope(&peer)?;
        let partitions: BTreeSet<Partition> = match partitions {
            Some(partitions) => scope.intersection(partitions).copied().collect(),
            None => scope,
        };
        let partitions = Some(&partitions);
        let mut all_sent = true;
        while let Some(runs) = self.gather(library, partitions)? {
            if self.batches - self.taken >= WINDOW {
                all_sent = false;
                break;
            }
            self.batches += 1;
            for run in &runs {
                self.note_sent(library, run)?;
            }
            outputs.push(Output::Send(Message::Batch(Batch::pack(self.batches, &runs)?).to_bytes()));
        }
        if all_sent {
            let receipts = self.receipts(library, partitions)?;
            if !receipts.is_empty() {
                outputs.push(Output::Send(Message::Receipts(receipts).to_bytes()));
            }
            if !self.said_done {
                self.said_done = true;
                outputs.push(Output::Send(Message::Done.to_bytes()));
            }
        }
        Ok(outputs)
    }

    /// A partition that came into the peer's scope while the session was open.
    fn widen(
        &mut self,
        library: &impl Library,
        peer: &AuthorId,
        partitions: &BTreeSet<Partition>,
    ) -> Result<(), SessionError> {
        let new: Vec<_> = partitions.iter().filter(|p| !self.peers.contains_key(p)).collect();
        if !new.is_empty() {
            let scope = library.scope(peer)?;
            for partition in new.into_iter().filter(|p| scope.contains(p)) {
                self.peers.insert(*partition, Known::default());
            }
        }
        Ok(())
    }

    /// The next batch's runs: of each partition the office's journals first.
    fn gather(
        &self,
        library: &impl Library,
        partitions: Option<&BTreeSet<Partition>>,
    ) -> Result<Option<Vec<Run>>, SessionError> {
        let mut runs: Vec<Run> = Vec::new();
        let mut bytes = 0;
        for (partition, known) in &self.peers {
            if partitions.is_some_and(|named| !named.contains(partition)) {
                continue;
            }
            let mine = library.vector(partition)?;
            let mut lacking: Vec<(bool, JournalId, u64)> = Vec::new();
            for (journal, head) in &mine.0 {
                let theirs = known.vector.head(journal).seq;
                if head.seq > theirs && !known.forked.contains(journal) && !self.stopped.contains(journal) {
                    lacking.push((!library.goes_first(partition, journal)?, *journal, theirs));
                }
            }
            lacking.sort_unstable();
            for (_, journal, after) in lacking {
                let Some(run) = library.run(partition, &journal, after, BATCH_BYTES.saturating_sub(bytes))?
                else {
                    continue;
                };
                bytes += run.entries.iter().map(|e| e.body.as_ref().map_or(0, Vec::len) + 48).sum::<usize>();
                runs.push(run);
                if bytes >= BATCH_BYTES {
                    return Ok(Some(runs));
                }
            }
        }
        Ok((!runs.is_empty()).then_some(runs))
    }

    fn note_sent(&mut self, library: &impl Library, run: &Run) -> Result<(), SessionError> {
        let (partition, id) = (run.journal.partition, run.journal.id());
        let seq = run.first + run.entries.len() as u64 - 1;
        let hash = library.hash_at(&partition, &id, seq)?.unwrap_or(Head::EMPTY.hash);
        if let Some(known) = self.peers.get_mut(&partition) {
            known.vector.0.insert(id, Head { seq, hash });
        }
        Ok(())
    }

    fn receipts(
        &mut self,
        library: &impl Library,
        partitions: Option<&BTreeSet<Partition>>,
    ) -> Result<Vec<crate::journal::receipt::WireReceipt>, SessionError> {
        let mut receipts = Vec::new();
        for (partition, known) in &mut self.peers {
            if partitions.is_some_and(|named| !named.contains(partition)) {
                continue;
            }
            let Some(receipt) = library.receipt(partition)? else { continue };
            let digest = receipt.digest();
            if known.receipt == Some(digest) || known.base == Some((receipt.epoch, receipt.number)) {
                continue;
            }
            let base = match known.base {
                Some((epoch, number)) if epoch == receipt.epoch => {
                    library.receipted(partition, epoch, number)?.map(|vector| (number, vector))
                }
                _ => None,
            };
            let mut wire = receipt.close(None);
            if let Some((number, vector)) = base {
                wire.base = Some(number);
                wire.heads = receipt.vector.since(&vector);
            }
            receipts.push(wire);
            known.receipt = Some(digest);
            known.base = Some((receipt.epoch, receipt.number));
        }
        Ok(receipts)
    }
}

/// What a peer has that has exactly what is here.
fn as_here<'a>(
    library: &impl Library,
    partitions: impl Iterator<Item = &'a Partition>,
) -> Result<BTreeMap<Partition, Known>, SessionError> {
    let mut peers = BTreeMap::new();
    for partition in partitions {
        let receipt = library.receipt(partition)?;
        let known = Known {
            vector: library.vector(partition)?,
            receipt: receipt.as_ref().map(Receipt::digest),
            base: receipt.map(|receipt| (receipt.epoch, receipt.number)),
            forked: BTreeSet::new(),
        };
        peers.insert(*partition, known);
    }
    Ok(peers)
}

/// In a [`Have`]: "say your vector whole, I do not know its base".
const ASK_WHOLE: (JournalId, Head) = (JournalId([0; 32]), Head::EMPTY);

fn have_of(library: &impl Library, partition: &Partition) -> Result<Have, SessionError> {
    let vector = library.vector(partition)?;
    Ok(match library.receipt(partition)? {
        Some(receipt) => Have {
            partition: *partition,
            base: Some((receipt.epoch, receipt.number)),
            heads: vector.since(&receipt.vector),
        },
        None => Have { partition: *partition, base: None, heads: vector.since(&Vector::default()) },
    })
}

fn forks(
    library: &impl Library,
    partition: &Partition,
    theirs: &Vector,
) -> Result<BTreeSet<JournalId>, SessionError> {
    let mut forked = BTreeSet::new();
    for (journal, head) in &theirs.0 {
        if library.hash_at(partition, journal, head.seq)?.is_some_and(|hash| hash != head.hash) {
            forked.insert(*journal);
        }
    }
    Ok(forked)
}

/// A digest per partition in scope: what is known of its entries and of its receipt.
fn digests(library: &impl Library, peer: &AuthorId) -> Result<BTreeMap<Partition, [u8; 32]>, SessionError> {
    let mut digests = BTreeMap::new();
    for partition in library.scope(peer)? {
        let receipt = library.receipt(&partition)?.map_or([0; 32], |receipt| receipt.digest());
        let vector = library.vector(&partition)?.digest();
        let both = blake3::derive_key("loket 1 partition", &[vector, receipt].concat());
        digests.insert(partition, both);
    }
    Ok(digests)
}
