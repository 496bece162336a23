//! One side of a session. The driver passes frames in and out, makes learned runs durable, and says so.

use std::collections::{BTreeMap, BTreeSet};

use super::known::{ASK_WHOLE, Known, forks, have_of};
use super::message::{
    Batch, Common, Have, Hello, Message, PartitionDigest, ProtocolError, Taken, Trail, VERSION,
};
use super::{Library, Sending};
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

/// In a [`Message::Proof`], for the digest: "a [`Have`] follows at once".
const HASTY: [u8; 32] = [0; 32];

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
    /// The peer has sent everything of which it was known at one moment that this side lacked it; all of it stands
    /// in runs that were handed out before.
    PeerDone,
    /// The peer says that this side's certificate was ended, and shows the office's word for it.
    Revoked(Box<Run>),
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

/// What ties a session between phones to its line, and to what was agreed before it.
#[derive(Debug, Clone, Default)]
pub struct Bond {
    /// The handshake hash of the encrypted line. Both sign it, so that nobody can have two lines and pass all on.
    pub line: Option<[u8; 32]>,
    /// The certificate to show.
    pub certificate: Option<Run>,
    /// Whom to expect, as the code said that was read from its screen.
    pub expected: Option<AuthorId>,
}

/// One side of a session.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    caller: bool,
    me: AuthorId,
    nonce: [u8; 16],
    bond: Box<Bond>,
    /// Who the peer says it is, proven or not.
    named: Option<AuthorId>,
    peer: Option<(Hello, PublicKey)>,
    /// What the peer has, by partition. A map keeps room for eleven, and most peers have one or two.
    peers: BTreeMap<Partition, Box<Known>>,
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
    /// Partitions of which this side has said with its proof what it has, without being asked.
    hasty: BTreeSet<Partition>,
    /// The caller was hasty: its next [`Have`] speaks of what it knew of before it heard what is here.
    hurried: bool,
    /// Partitions of which a hasty caller had not heard: it speaks of them next, and until then nothing can be said
    /// of what it lacks there.
    unsaid: BTreeSet<Partition>,
    /// Answers to a [`Have`] that are still to come.
    awaited: u8,
    /// Partitions of which a vector was asked for, or said, whole, and nothing has come back yet.
    whole: BTreeSet<Partition>,
    /// Lines of which the peer has more than was here when it said so.
    ahead: Vec<(Partition, JournalId)>,
    /// Partitions of this side's that the peer does not name as exchanged with this side.
    unnamed: BTreeSet<Partition>,
}

impl Session {
    /// The calling side, with its first frame.
    pub fn call(me: AuthorId, nonce: [u8; 16]) -> (Session, Vec<u8>) {
        Session::call_bound(me, nonce, Bond::default())
    }

    /// As [`Session::call`], to another phone.
    pub fn call_bound(me: AuthorId, nonce: [u8; 16], bond: Bond) -> (Session, Vec<u8>) {
        let session = Session::new(me, nonce, true, bond);
        let hello = Message::Hello(session.hello());
        (session, hello.to_bytes())
    }

    /// The answering side.
    pub fn answer(me: AuthorId, nonce: [u8; 16]) -> Session {
        Session::answer_bound(me, nonce, Bond::default())
    }

    /// As [`Session::answer`], to another phone.
    pub fn answer_bound(me: AuthorId, nonce: [u8; 16], bond: Bond) -> Session {
        Session::new(me, nonce, false, bond)
    }

    fn hello(&self) -> Hello {
        let certificate = self.bond.certificate.clone();
        Hello { version: VERSION, author: self.me, nonce: self.nonce, certificate }
    }

    fn new(me: AuthorId, nonce: [u8; 16], caller: bool, bond: Bond) -> Session {
        Session {
            phase: if caller { Phase::Called } else { Phase::Listening },
            caller,
            me,
            nonce,
            bond: Box::new(bond),
            named: None,
            peer: None,
            peers: BTreeMap::new(),
            batches: 0,
            taken: 0,
            peer_done: false,
            said_done: false,
            agreed: false,
            stopped: BTreeSet::new(),
            haves: 0,
            hasty: BTreeSet::new(),
            hurried: false,
            unsaid: BTreeSet::new(),
            awaited: 0,
            whole: BTreeSet::new(),
            ahead: Vec::new(),
            unnamed: BTreeSet::new(),
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

    /// Lines of which the peer has said, since this was last asked, that it has more than is here. A phone that finds
    /// its own among them was put back to an old copy, and may not write on under numbers that were used.
    pub fn take_ahead(&mut self) -> Vec<(Partition, JournalId)> {
        std::mem::take(&mut self.ahead)
    }

    /// Partitions of this side's that the peer does not name as exchanged with this side: it has never heard of them,
    /// or this side's certificate there has ended. Nothing before the peer has said.
    pub fn unnamed(&self) -> &BTreeSet<Partition> {
        &self.unnamed
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
            (_, Message::Revoked(run)) => Ok(vec![Output::Revoked(run)]),
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
            (Phase::Open, Message::Trail(trail)) => self.on_trail(&trail, library),
            (Phase::Open, Message::Common(common)) => self.on_common(&common, library),
            (Phase::Open, Message::Done) => {
                // One that came before all answers speaks of less than everything.
                self.peer_done = self.awaited == 0;
                let all = self.peer_done && !self.is_asking();
                Ok(if all { vec![Output::PeerDone] } else { Vec::new() })
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

    /// Before a farewell: what the office has said of the peer's certificate, if it ended it. It is for whoever holds that
    /// phone now, and tells nothing that the peer did not know of itself.
    pub fn last_word(&self, library: &impl Library) -> Result<Option<Vec<u8>>, SessionError> {
        let Some(peer) = self.named else { return Ok(None) };
        let word = library.end_of(&peer)?;
        Ok(word.map(|run| Message::Revoked(Box::new(run)).to_bytes()))
    }

    fn known_peer(&mut self, hello: &Hello, library: &impl Library) -> Result<PublicKey, SessionError> {
        self.named = Some(hello.author);
        if hello.version != VERSION {
            return Err(ProtocolError::Version.into());
        }
        if self.bond.expected.is_some_and(|expected| expected != hello.author) {
            return Err(ProtocolError::Impostor.into());
        }
        Ok(library.key(&hello.author, hello.certificate.as_ref())??)
    }

    /// What `by_caller` or the other side signs: both randoms, both names, which side, and the line between phones.
    fn transcript(&self, peer: &Hello, by_caller: bool) -> Vec<u8> {
        let mine = [&self.me.0[..], &self.nonce].concat();
        let theirs = [&peer.author.0[..], &peer.nonce].concat();
        let (first, second) = if self.caller { (mine, theirs) } else { (theirs, mine) };
        let line = self.bond.line.as_ref().map_or(&[][..], |line| &line[..]);
        [&b"loket 1 session"[..], &[u8::from(by_caller)], &first, &second, line].concat()
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
        let me = self.hello();
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
        let hasty = self.has_news(library)?;
        let digest = if hasty {
            HASTY
        } else {
            scope_digest(digests.iter().map(|(partition, digest)| (partition, *digest)))
        };
        let mut outputs = vec![Output::Send(Message::Proof(proof, digest).to_bytes())];
        if hasty {
            // The digests cannot be equal, so what comes next is said at once: a round trip less.
            self.hasty = self.peers.keys().copied().collect();
            let have = self.hasty.iter().map(|partition| have_of(library, partition));
            let have = have.collect::<Result<Vec<_>, _>>()?;
            self.awaited += 1;
            outputs.push(Output::Send(Message::Have(have).to_bytes()));
        }
        Ok(outputs)
    }

    /// Whether something is here that no receipt knows.
    fn has_news(&self, library: &impl Library) -> Result<bool, SessionError> {
        for partition in self.peers.keys() {
            let receipt = library.receipt(partition)?;
            if receipt.is_some_and(|receipt| library.vector(partition).is_ok_and(|own| own != receipt.vector))
            {
                return Ok(true);
            }
        }
        Ok(false)
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
        self.hurried = digest == HASTY;
        if scope_digest(mine.iter().map(|(partition, digest)| (partition, *digest))) == digest {
            self.peer_done = true;
            self.said_done = true;
            self.agreed = true;
            return Ok(vec![Output::Send(Message::Same.to_bytes()), Output::PeerDone]);
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
        for their in theirs.iter().filter(|their| !self.hasty.contains(&their.partition)) {
            if mine.get(&their.partition) == Some(&their.digest) {
                self.peers.extend(as_here(library, [&their.partition].into_iter())?);
            } else {
                have.push(have_of(library, &their.partition)?);
            }
        }
        let unnamed = |p: &&Partition| !theirs.iter().any(|their| their.partition == **p);
        self.unnamed = mine.keys().filter(unnamed).copied().collect();
        for partition in self.unnamed.iter().filter(|p| !self.hasty.contains(p)) {
            have.push(have_of(library, partition)?);
        }
        if have.is_empty() && self.awaited > 0 {
            return Ok(Vec::new());
        }
        self.awaited += 1;
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
        if std::mem::take(&mut self.hurried) {
            self.unsaid = self.peers.keys().copied().collect();
        }
        let (mut answer, mut trails) = (Vec::new(), Vec::new());
        for have in theirs {
            let partition = have.partition;
            self.unsaid.remove(&partition);
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
                self.whole.insert(partition);
                let heads = vec![ASK_WHOLE];
                answer.push(Have { partition, base: have.base, heads, backup_at: None });
                continue;
            };
            if have.heads.first() == Some(&ASK_WHOLE) {
                // What the caller had said was of use to nobody, and is answered once it has said it whole. What the
                // answerer had said is lost on the caller alone, whose own vector stands.
                if self.caller {
                    self.peers.remove(&partition);
                    self.whole.insert(partition);
                }
                let vector = library.vector(&partition)?;
                answer.push(Have::whole(partition, &vector));
                continue;
            }
            self.whole.remove(&partition);
            let vector = base.with(&have.heads);
            if !self.caller {
                let mine = library.vector(&partition)?;
                let heads = mine.since(&base);
                answer.push(Have { partition, base: have.base, heads, backup_at: None });
            }
            let backup_at = have.backup_at.unwrap_or(0);
            let known = Known { vector, base: have.base, backup_at, ..Known::default() };
            trails.extend(self.meet(partition, known, library)?);
        }
        if !self.caller {
            // One that came into its scope since its proof: it was in no list, and the peer has nothing of it.
            for partition in scope.iter().filter(|partition| !self.whole.contains(partition)) {
                self.peers.entry(*partition).or_default();
            }
        }
        self.awaited = self.awaited.saturating_sub(1);
        if self.caller && !answer.is_empty() {
            self.awaited += 1;
        }
        self.agreed = self.awaited == 0;
        // Of what the peer speaks now, it has not been told that all was sent.
        self.said_done &= self.caller;
        let mut outputs = Vec::new();
        // The caller waits for an answer, even where nothing it speaks of is exchanged with it.
        if !answer.is_empty() || !self.caller {
            outputs.push(Output::Send(Message::Have(answer).to_bytes()));
        }
        outputs.extend(trails.into_iter().map(|trail| Output::Send(Message::Trail(trail).to_bytes())));
        outputs.extend(self.poll(library, None)?);
        Ok(outputs)
    }

    /// Takes note of what the peer has of a partition. Where it stands on another branch of a journal, it is asked
    /// where the two part.
    fn meet(
        &mut self,
        partition: Partition,
        mut known: Known,
        library: &impl Library,
    ) -> Result<Vec<Trail>, SessionError> {
        let mut trails = Vec::new();
        let mine = library.vector(&partition)?;
        for (line, seq) in forks(library, &partition, &known.vector, &mine)? {
            trails.push(known.part(library, &partition, line, seq)?);
            // It will have more to send than it thought.
            self.peer_done = false;
        }
        if self.caller {
            let more = known.vector.0.iter().filter(|(line, head)| head.seq > mine.head(line).seq);
            self.ahead.extend(more.map(|(line, _)| (partition, *line)));
        }
        self.peers.insert(partition, known.into());
        Ok(trails)
    }

    /// The peer sees that the branch here is another than its own: the newest of its entries that are here too
    /// tells both what the other lacks.
    fn on_trail(&mut self, trail: &Trail, library: &impl Library) -> Result<Vec<Output>, SessionError> {
        let Some(peer) = self.peer() else { return Err(ProtocolError::Unexpected.into()) };
        let (partition, line) = (trail.partition, trail.line);
        let may = library.scope(&peer)?.contains(&partition) || library.admits(&peer, &partition)?;
        let Some(known) = self.peers.get_mut(&partition).filter(|_| may) else {
            return Err(ProtocolError::Unexpected.into());
        };
        let mut common = Head::EMPTY;
        for head in &trail.heads {
            if head.seq > common.seq && library.hash_at(&partition, &line, head.seq)? == Some(head.hash) {
                common = *head;
            }
        }
        known.parted_at(line, common);
        self.said_done = false;
        let mut outputs =
            vec![Output::Send(Message::Common(Common { partition, line, head: common }).to_bytes())];
        outputs.extend(self.poll(library, None)?);
        Ok(outputs)
    }

    fn on_common(&mut self, common: &Common, library: &impl Library) -> Result<Vec<Output>, SessionError> {
        let (partition, line, head) = (common.partition, common.line, common.head);
        let parted = self.peers.get_mut(&partition).filter(|known| known.parted.contains(&line));
        let Some(known) = parted else { return Err(ProtocolError::Unexpected.into()) };
        if !known.asked.contains(&line) {
            // Both asked at once, and the peer's own trail has told already.
            return Ok(Vec::new());
        }
        // Only what is here can be common.
        if head.seq > 0 && library.hash_at(&partition, &line, head.seq)? != Some(head.hash) {
            return Err(ProtocolError::Unexpected.into());
        }
        known.parted_at(line, head);
        // It says so before it sends what it found to be lacking, and is done only after that.
        self.peer_done = false;
        self.poll(library, None)
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
            let seq = run.first.saturating_add(run.entries.len() as u64).saturating_sub(1);
            known.sent_by_peer(run.journal.id(), seq);
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
                known.backup_at = receipt.backup_at;
            }
            outputs.push(Output::Receipt(Box::new(receipt)));
        }
        Ok(outputs)
    }

    /// Whether something was asked of the peer, and nothing can be said of what it lacks, or has, before it answers.
    fn is_asking(&self) -> bool {
        !self.whole.is_empty()
            || !self.unsaid.is_empty()
            || self.peers.values().any(|known| !known.asked.is_empty())
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
        let mut heard = library.scope(&peer)?;
        if let Some(partitions) = partitions {
            heard.retain(|partition| partitions.contains(partition));
        }
        let sent = heard.clone();
        for partition in self.peers.keys().filter(|p| partitions.is_none_or(|named| named.contains(p))) {
            if !sent.contains(partition) && library.parted(&peer, partition)? {
                heard.insert(*partition);
            }
        }
        let mut all_sent = true;
        while let Some(sending) = self.gather(library, &sent)? {
            if self.batches - self.taken >= WINDOW {
                all_sent = false;
                break;
            }
            self.batches += 1;
            self.note_sent(&sending);
            let runs: Vec<Run> = sending.into_iter().map(|sending| sending.run).collect();
            outputs.push(Output::Send(Message::Batch(Batch::pack(self.batches, &runs)?).to_bytes()));
        }
        if all_sent {
            let receipts = self.receipts(library, &heard)?;
            if !receipts.is_empty() {
                outputs.push(Output::Send(Message::Receipts(receipts).to_bytes()));
            }
            if !self.said_done && !self.is_asking() {
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
                self.peers.insert(*partition, Box::default());
            }
        }
        Ok(())
    }

    /// The next batch's runs: of each partition the office's journals first.
    fn gather(
        &self,
        library: &impl Library,
        partitions: &BTreeSet<Partition>,
    ) -> Result<Option<Vec<Sending>>, SessionError> {
        let mut runs: Vec<Sending> = Vec::new();
        let mut bytes = 0;
        for (partition, known) in &self.peers {
            if self.unsaid.contains(partition) || !partitions.contains(partition) {
                continue;
            }
            let mine = library.vector(partition)?;
            let covered = known.covered(library, partition, &mine)?;
            let mut lacking: Vec<((u8, u64), JournalId, u64)> = Vec::new();
            for (line, head) in mine.0.iter().filter(|(line, _)| !self.stopped.contains(line)) {
                let theirs = covered.get(line).copied().unwrap_or(0);
                if head.seq > theirs && !known.waits(library, partition, line, head)? {
                    lacking.push((library.turn(partition, line)?, *line, theirs));
                }
            }
            lacking.sort_unstable();
            for (_, line, after) in lacking {
                let room = BATCH_BYTES.saturating_sub(bytes);
                let Some(sending) = library.run(partition, &line, after, room)? else { continue };
                // A line behind a fork has another name than its journal.
                if self.stopped.contains(&sending.run.journal.id()) {
                    continue;
                }
                bytes += sending.run.size();
                // What comes after a run that was cut may build on the rest of it.
                let cut = sending.heads.iter().any(|(on, at)| *on == line && at.seq < mine.head(on).seq);
                runs.push(sending);
                if cut || bytes >= BATCH_BYTES {
                    return Ok(Some(runs));
                }
            }
        }
        Ok((!runs.is_empty()).then_some(runs))
    }

    fn note_sent(&mut self, sent: &[Sending]) {
        for sending in sent {
            if let Some(known) = self.peers.get_mut(&sending.run.journal.partition) {
                known.vector.0.extend(sending.heads.iter().copied());
            }
        }
    }

    fn receipts(
        &mut self,
        library: &impl Library,
        partitions: &BTreeSet<Partition>,
    ) -> Result<Vec<crate::journal::receipt::WireReceipt>, SessionError> {
        let mut receipts = Vec::new();
        for (partition, known) in &mut self.peers {
            if self.unsaid.contains(partition) || !partitions.contains(partition) {
                continue;
            }
            let Some(receipt) = library.receipt(partition)? else { continue };
            let digest = receipt.digest();
            let here = (Some((receipt.epoch, receipt.number)), receipt.backup_at);
            if known.receipt == Some(digest) || (known.base, known.backup_at) == here {
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
                if known.backup_at == receipt.backup_at {
                    wire.backup = None;
                }
            }
            receipts.push(wire);
            known.receipt = Some(digest);
            (known.base, known.backup_at) = here;
        }
        Ok(receipts)
    }
}

/// What a peer has that has exactly what is here.
fn as_here<'a>(
    library: &impl Library,
    partitions: impl Iterator<Item = &'a Partition>,
) -> Result<BTreeMap<Partition, Box<Known>>, SessionError> {
    let known = partitions.map(|partition| Ok((*partition, Known::as_here(library, partition)?.into())));
    known.collect()
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
