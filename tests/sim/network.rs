//! Links, sessions over them, what both sides do with what comes out, and what goes wrong in between.

use std::collections::BTreeSet;

use loket_core::journal::body::CAUSE_LOST;
use loket_core::journal::{AttachmentHash, EntryHash, Partition};
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use loket_core::store::memory::MemoryStore;
use loket_core::sync::message::{Message, ProtocolError};
use loket_core::sync::session::{Output, Session, SessionError};
use loket_server::office::library::Receipts;
use loket_server::office::{Delivered, Delivery, Office};

use super::invariants;
use super::world::{Event, Link, Phone, World};

const UP: usize = 0;
pub const DOWN: usize = 1;
/// Code of the farewell to a device that is not known, or lost.
const UNKNOWN: u16 = 3;
/// Code of the farewell of an office that can be called again at once.
pub const STOPPED: u16 = 98;
/// Code of the farewell of an office that failed.
pub const TROUBLE: u16 = 99;
/// Bytes of a scan in one request.
const CHUNK: u64 = 64 << 10;

impl World {
    /// A phone calls, if it can.
    pub fn connect(&mut self, phone: usize) -> Result<(), String> {
        let p = &self.phones[phone];
        if !p.awake || p.session.is_some() || p.told {
            return Ok(());
        }
        if self.faulty && self.dice.chance(15) {
            let retry = self.dice.range(1_000, 120_000);
            self.after(retry, Event::Connect(phone));
            return Ok(());
        }
        self.seal(phone)?;
        if self.phones[phone].awake {
            self.sweep(phone)?;
        }
        if !self.phones[phone].awake {
            // Its disk failed.
            return Ok(());
        }
        let mut nonce = [0; 16];
        self.dice.fill(&mut nonce);
        let (session, hello) = Session::call(self.phones[phone].author, nonce);
        let link = self.links.len();
        let ready = self.now + 2 * self.phones[phone].latency;
        self.links.push(Link {
            phone,
            sent: [0; 2],
            arrives: [ready; 2],
            lost_from: [u64::MAX; 2],
            arrived: [0; 2],
            dead: false,
            session: None,
        });
        self.phones[phone].session = Some((link, session));
        self.note(format!("phone {phone} calls, link {link}"));
        self.after(ready - self.now, Event::Accept(link));
        self.send(link, UP, hello);
        if self.faulty && self.dice.chance(40) {
            // Cut somewhere: often in the first seconds, while much is on its way.
            let most = *self.dice.pick(&[3_000, 60_000, 3_600_000]);
            let lives = self.dice.range(1, most);
            let frames = [self.dice.range(0, 6), self.dice.range(0, 6)];
            self.links[link].lost_from = if self.dice.chance(50) { frames } else { [u64::MAX; 2] };
            let (notice, later) = (lives + self.dice.range(1, 15_000), lives + self.dice.range(1, 30_000));
            self.after(notice, Event::PhoneNotices(link));
            self.after(later, Event::OfficeNotices(link));
        }
        Ok(())
    }

    /// The office takes a call.
    pub fn accept(&mut self, link: usize) -> Result<(), String> {
        let mut nonce = [0; 16];
        self.dice.fill(&mut nonce);
        self.links[link].session = Some(Session::answer(self.office.public_key().author(), nonce));
        Ok(())
    }

    pub fn send(&mut self, link: usize, way: usize, frame: Vec<u8>) {
        let p = &self.phones[self.links[link].phone];
        let took = p.latency + frame.len() as u64 / p.speed;
        let l = &mut self.links[link];
        let number = l.sent[way];
        l.sent[way] += 1;
        l.arrives[way] = l.arrives[way].max(self.now) + 1;
        l.arrives[way] = l.arrives[way].max(self.now + took);
        if number >= l.lost_from[way] {
            return;
        }
        let delay = l.arrives[way] - self.now;
        self.count("frames");
        self.after(
            delay,
            if way == UP { Event::Up(link, number, frame) } else { Event::Down(link, number, frame) },
        );
    }

    /// A frame arrives at the office.
    pub fn up(&mut self, link: usize, number: u64, frame: &[u8]) -> Result<(), String> {
        let l = &mut self.links[link];
        l.arrived[UP] = number + 1;
        let Some(session) = &mut l.session else { return Ok(()) };
        let library = self.office.library(&self.receipts, super::world::BEGIN + (self.now / 1000) as i64);
        match session.receive(frame, &library, &*self.office.signer()) {
            Ok(outputs) => self.office_does(link, outputs),
            Err(error) => {
                let phone = self.links[link].phone;
                self.note(format!("office ends link {link}: {error}"));
                self.links[link].session = None;
                self.send(link, DOWN, Session::farewell(&error));
                let p = &self.phones[phone];
                let excused = p.revoked
                    || !p.left.is_empty()
                    || matches!(error, SessionError::Protocol(ProtocolError::Ended(_)));
                if excused {
                    Ok(())
                } else {
                    Err(format!("the office ended a session with an honest phone: {error}"))
                }
            }
        }
    }

    fn office_does(&mut self, link: usize, outputs: Vec<Output>) -> Result<(), String> {
        for output in outputs {
            match output {
                Output::Send(frame) => {
                    invariants::no_leak(self, link, &frame)?;
                    self.send(link, DOWN, frame);
                }
                Output::Learn { batch, runs } => {
                    let author = self.phones[self.links[link].phone].author;
                    if self.faulty && self.dice.chance(8) {
                        let late = self.dice.range(1, 90_000);
                        self.after(late, Event::Late(Delivery { author, runs: runs.clone() }));
                    }
                    self.pending.push((Some((link, batch)), Delivery { author, runs }));
                    self.commit_soon();
                }
                Output::Revoked(_) => {}
                Output::PeerDone => {
                    // What it brought waits for the next group.
                    self.synced.push(self.phones[self.links[link].phone].author);
                    self.commit_soon();
                }
                Output::Receipt(receipt) => {
                    if receipt.epoch > self.epoch() {
                        self.shown.push(*receipt);
                        self.commit_soon();
                    }
                }
                Output::Taken { .. } => {}
            }
        }
        Ok(())
    }

    fn epoch(&self) -> u64 {
        self.office.office_epoch()
    }

    pub fn commit_soon(&mut self) {
        if !self.commit_due {
            self.commit_due = true;
            let wait = self.dice.range(2, 400);
            self.after(wait, Event::Commit);
        }
    }

    /// The office takes in what it has collected as one group; only then does it say so.
    pub fn commit(&mut self) -> Result<(), String> {
        self.commit_due = false;
        let pending = std::mem::take(&mut self.pending);
        let (from, group): (Vec<_>, Vec<_>) = pending.into_iter().unzip();
        let epoch = self.epoch();
        let (now, dice) = (self.seconds(), &mut self.dice);
        if let Some((ill, writes)) = self.ailing.take() {
            self.office.replica.store.fail_after(writes, ill);
        }
        let done = self.office.ingest(&group, now, &mut |bytes| dice.fill(bytes));
        self.office.replica.store.mend();
        let (delivered, mut news) = match done {
            Ok(done) => done,
            Err(error @ ReplicaError::Store(_)) if self.faulty => {
                self.office_disk_failed(&from, &error.to_string());
                return Ok(());
            }
            Err(error) => return Err(format!("ingest: {error}")),
        };
        let arrived: Vec<_> = std::mem::take(&mut self.arrived).into_iter().collect();
        if !arrived.is_empty() {
            let dice = &mut self.dice;
            let told = self
                .office
                .write(|office| office.attachments_arrived(&arrived, now, &mut |bytes| dice.fill(bytes)));
            news.extend(told.map_err(|e| format!("attachments: {e}"))?.1);
        }
        self.unlink();
        for author in std::mem::take(&mut self.synced) {
            let dice = &mut self.dice;
            let told = self.office.write(|office| office.synced(&author, now, &mut |bytes| dice.fill(bytes)));
            news.extend(told.map_err(|e| format!("synced: {e}"))?.1);
        }
        for receipt in std::mem::take(&mut self.shown) {
            let dice = &mut self.dice;
            let noticed = self
                .office
                .write(|office| office.notice_receipt(&receipt, now, &mut |bytes| dice.fill(bytes)));
            news.extend(noticed.map_err(|e| format!("receipt shown: {e}"))?.1);
        }
        self.note(format!("office commits {} deliveries, {} scans", group.len(), arrived.len()));
        invariants::after_commit(self)?;
        if self.epoch() != epoch {
            self.begin_anew();
        }
        for (at, what) in from.into_iter().zip(delivered) {
            let Delivered::Taken(refused) = what else { return Err(format!("a delivery failed: {what:?}")) };
            let Some((link, batch)) = at else { continue };
            let honest = !self.phones[self.links[link].phone].revoked;
            if honest && !refused.is_empty() {
                return Err(format!("the office refused runs of an honest phone: {refused:?}"));
            }
            let library = self.office.library(&self.receipts, now);
            let Some(session) = &mut self.links[link].session else { continue };
            let outputs = session.taken(batch, &refused, &library).map_err(|e| format!("taken: {e}"))?;
            self.office_does(link, outputs)?;
        }
        self.wake(&news)
    }

    /// The office has learned from a phone that its epoch was used before: whoever is connected is told to call anew.
    fn begin_anew(&mut self) {
        self.note("the office begins anew, beyond an epoch that it had lost");
        self.count("lost epochs found");
        for link in 0..self.links.len() {
            if self.links[link].session.take().is_some() {
                self.send(link, DOWN, Message::Error(STOPPED, "mulai lagi".into()).to_bytes());
            }
        }
    }

    /// Sessions at the office look whether these partitions have something for them.
    pub fn wake(&mut self, news: &BTreeSet<Partition>) -> Result<(), String> {
        for link in 0..self.links.len() {
            let library = self.office.library(&self.receipts, super::world::BEGIN + (self.now / 1000) as i64);
            let Some(session) = &mut self.links[link].session else { continue };
            let outputs = session.poll(&library, Some(news)).map_err(|e| format!("poll: {e}"))?;
            self.office_does(link, outputs)?;
        }
        Ok(())
    }

    /// A frame arrives at the phone.
    pub fn down(&mut self, link: usize, number: u64, frame: &[u8]) -> Result<(), String> {
        self.links[link].arrived[DOWN] = number + 1;
        let phone = self.links[link].phone;
        let p = &mut self.phones[phone];
        let Some((_, session)) = p.session.as_mut().filter(|(current, _)| *current == link && p.awake) else {
            return Ok(());
        };
        let received = session.receive(frame, &p.replica, &p.key);
        let (ahead, me) = (session.take_ahead(), p.author);
        let noticed = p.replica.transaction(|replica| replica.notice_ahead(&me, &ahead));
        if let Err(error) = noticed {
            return self.phone_failed(phone, "noticing", &error);
        }
        match received {
            Ok(outputs) => self.phone_does(phone, link, outputs),
            Err(error) => {
                self.note(format!("phone {phone} ends link {link}: {error}"));
                let p = &mut self.phones[phone];
                p.session = None;
                if p.revoked {
                    p.told = matches!(error, SessionError::Protocol(ProtocolError::Ended(UNKNOWN)));
                    self.reconnect(phone);
                    return Ok(());
                }
                if matches!(error, SessionError::Protocol(ProtocolError::Ended(STOPPED | TROUBLE))) {
                    self.reconnect(phone);
                    return Ok(());
                }
                Err(format!("a session of an honest phone ended: {error}"))
            }
        }
    }

    fn phone_does(&mut self, phone: usize, link: usize, outputs: Vec<Output>) -> Result<(), String> {
        for output in outputs {
            match output {
                Output::Send(frame) => self.send(link, UP, frame),
                Output::Learn { batch, runs } => {
                    let crash = self.faulty && self.dice.chance(2);
                    let p = &mut self.phones[phone];
                    p.replica.store.begin().map_err(|e| e.to_string())?;
                    let learned = p.replica.learn(&runs);
                    if crash {
                        self.crash(phone);
                        return Ok(());
                    }
                    let kept = learned.and_then(|learned| {
                        p.replica.store.finish(true)?;
                        Ok(learned)
                    });
                    let learned = match kept {
                        Ok(learned) => learned,
                        Err(error) => return self.phone_failed(phone, "learning", &error),
                    };
                    if !learned.refused.is_empty() {
                        return Err(format!(
                            "phone {phone} refused what the office sent: {:?}",
                            learned.refused
                        ));
                    }
                    let Some((_, session)) = &mut p.session else { return Ok(()) };
                    let more = session
                        .taken(batch, &learned.refused, &p.replica)
                        .map_err(|e| format!("taken: {e}"))?;
                    self.phone_does(phone, link, more)?;
                }
                Output::Receipt(receipt) => {
                    let p = &mut self.phones[phone];
                    let kept = p.replica.transaction(|replica| replica.learn_receipt(&receipt));
                    match kept {
                        Ok(false) => {}
                        Ok(true) => invariants::receipt(self, &receipt)?,
                        Err(error) => return self.phone_failed(phone, "a receipt", &error),
                    }
                }
                Output::Revoked(_) | Output::PeerDone => {}
                Output::Taken { refused } if refused.is_empty() || self.phones[phone].revoked => {}
                Output::Taken { .. } if !self.phones[phone].left.is_empty() => {}
                Output::Taken { refused } => return Err(format!("the office did not take {refused:?}")),
            }
        }
        Ok(())
    }

    /// The phone's process dies: what was not durable is gone.
    pub fn crash(&mut self, phone: usize) {
        self.note(format!("phone {phone} crashes"));
        self.count("crashes");
        let office = self.office.public_key();
        let p = &mut self.phones[phone];
        p.replica = Replica::open(p.replica.store.crashed(), office).unwrap();
        p.session = None;
        p.awake = false;
        let back = self.dice.range(1_000, 600_000);
        self.after(back, Event::Wake(phone));
    }

    /// The phone's store is put back to an older copy, unnoticed: what came since is gone from it, and its officer
    /// goes on under numbers that may have been used.
    fn restore(&mut self, phone: usize) {
        if self.phones[phone].saved.is_empty() || self.phones[phone].revoked {
            return;
        }
        let copy = self.dice.below(self.phones[phone].saved.len());
        self.note(format!("phone {phone} is restored to an old copy"));
        self.count("phones restored");
        let office = self.office.public_key();
        let p = &mut self.phones[phone];
        p.replica = Replica::open(p.saved[copy].clone(), office).unwrap();
        p.session = None;
        p.awake = true;
        self.lose();
        let (back, work) = (self.dice.range(1_000, 900_000), self.dice.range(0, 60_000));
        self.after(back, Event::Connect(phone));
        self.after(work, Event::Officer(phone));
    }

    pub fn phone_notices(&mut self, link: usize) -> Result<(), String> {
        let phone = self.links[link].phone;
        let cut = self.faulty || self.links[link].dead;
        if cut && self.phones[phone].session.as_ref().is_some_and(|(current, _)| *current == link) {
            self.note(format!("link {link} of phone {phone} is cut"));
            self.count("cuts");
            self.phones[phone].session = None;
            self.reconnect(phone);
        }
        Ok(())
    }

    fn reconnect(&mut self, phone: usize) {
        let most = if self.faulty { 60_000 } else { 4_000 };
        let wait = self.dice.range(500, most);
        self.after(wait, Event::Connect(phone));
    }

    /// Signs what the officer wrote; a phone does so before it sends.
    pub fn seal(&mut self, phone: usize) -> Result<(), String> {
        let (p, dice) = (&mut self.phones[phone], &mut self.dice);
        let key = &p.key;
        let sealed = p.replica.transaction(|replica| {
            let epoch = replica.epoch(&mut |bytes| dice.fill(bytes))?;
            let author = loket_core::replica::write::Author { signer: key, epoch };
            for partition in replica.store.partitions()? {
                replica.seal(&author, partition)?;
            }
            Ok(())
        });
        sealed.or_else(|error| self.phone_failed(phone, "a signature", &error))
    }

    /// The phone signs and offers what is new to an open session.
    pub fn offer(&mut self, phone: usize) -> Result<(), String> {
        self.seal(phone)?;
        let p = &mut self.phones[phone];
        if !p.awake {
            return Ok(());
        }
        let all: BTreeSet<Partition> =
            p.replica.store.partitions().map_err(|e| e.to_string())?.into_iter().collect();
        let Some((link, session)) = &mut p.session else { return Ok(()) };
        let link = *link;
        let outputs = session.poll(&p.replica, Some(&all)).map_err(|e| format!("poll: {e}"))?;
        self.phone_does(phone, link, outputs)
    }

    /// One request about the scan that is next: how much is there, and then some more of it.
    pub fn upload(&mut self, phone: usize) -> Result<(), String> {
        let p = &self.phones[phone];
        if !p.awake || p.told || p.next_upload != self.now {
            return Ok(());
        }
        let Some((partition, hash, bytes)) = self.next_scan(phone)? else {
            self.upload_in(phone, if self.faulty { 60_000 } else { 1_000 });
            return Ok(());
        };
        let known = self.office.replica.attachment(&partition, &hash).map_err(|e| e.to_string())?;
        let scope = self.office.replica.scope_of(&self.phones[phone].author).map_err(|e| e.to_string())?;
        let lost = self.faulty && self.dice.chance(25);
        let may = scope.contains(&partition) || self.phones[phone].left.contains(&partition);
        if known.is_none() || !may || lost {
            let wait = if self.faulty { self.dice.range(1_000, 60_000) } else { 1_000 };
            self.upload_in(phone, wait);
            return Ok(());
        }
        let at = self.uploads.entry((partition, hash)).or_default();
        let mut piece = CHUNK.min(bytes - *at);
        if self.faulty && self.dice.chance(25) {
            piece = self.dice.range(0, piece);
            self.count("uploads cut");
        }
        let at = self.uploads.entry((partition, hash)).or_default();
        *at += piece;
        if *at == bytes && known.is_some_and(|row| !row.here) {
            self.arrived.insert((partition, hash));
            self.commit_soon();
        }
        let p = &self.phones[phone];
        // In the healed minute links are quick, or large scans would not fit into it.
        let took = if self.faulty { 2 * p.latency + piece / p.speed } else { 50 + piece / 400 };
        self.upload_in(phone, took + 1);
        Ok(())
    }

    /// A phone has one upload at a time: the last word on when it goes on counts.
    pub fn upload_in(&mut self, phone: usize, delay: u64) {
        self.phones[phone].next_upload = self.now + delay;
        self.after(delay, Event::Upload(phone));
    }

    /// The smallest scan that is on this phone and, as far as it knows, not at the office.
    fn next_scan(&mut self, phone: usize) -> Result<Option<(Partition, AttachmentHash, u64)>, String> {
        let scans = invariants::scans(&self.phones[phone].replica)?;
        let (office, left) = (&self.office.replica, &self.phones[phone].left);
        // Of where it was, the office takes what counts there; a phone passes over what is not taken.
        let taken = |partition: &Partition, hash: &AttachmentHash| {
            !left.contains(partition) || office.attachment(partition, hash).is_ok_and(|row| row.is_some())
        };
        // One that is whole is asked for all the same until it is on record: the asking makes the office record what a
        // restored store does not know of.
        let recorded = |partition: &Partition, hash: &AttachmentHash| {
            self.arrived.contains(&(*partition, *hash))
                || office.attachment(partition, hash).is_ok_and(|row| row.is_some_and(|row| row.here))
        };
        let open = scans.into_iter().filter(|(partition, hash, row)| {
            row.here && taken(partition, hash) && !row.at_office && row.named && !recorded(partition, hash)
        });
        Ok(open
            .min_by_key(|(_, hash, row)| (row.bytes, *hash))
            .map(|(partition, hash, row)| (partition, hash, row.bytes)))
    }

    /// Something goes wrong.
    pub fn fault(&mut self) -> Result<(), String> {
        if !self.faulty {
            return Ok(());
        }
        let phone = self.dice.below(self.phones.len());
        match self.dice.below(15) {
            0 | 1 => self.crash(phone),
            13 | 14 => self.ail(phone),
            10..=12 => self.restore(phone),
            2..=4 => {
                let hours = self.dice.range(60_000, 3 * 3_600_000);
                self.note(format!("phone {phone} sleeps"));
                self.phones[phone].awake = false;
                self.phones[phone].session = None;
                self.after(hours, Event::Wake(phone));
            }
            5 => self.restart(),
            6 if self.dice.chance(20) => self.restart(),
            6 => self.restore_office()?,
            _ => {
                if let Some((link, _)) = &self.phones[phone].session {
                    let link = *link;
                    let l = &mut self.links[link];
                    for way in [UP, DOWN] {
                        let on_their_way = l.sent[way] - l.arrived[way].min(l.sent[way]);
                        l.lost_from[way] = l.arrived[way] + self.dice.range(0, on_their_way);
                    }
                    let (one, other) = (self.dice.range(1, 15_000), self.dice.range(1, 30_000));
                    self.after(one, Event::PhoneNotices(link));
                    self.after(other, Event::OfficeNotices(link));
                }
            }
        }
        let next = self.dice.range(10_000, 1_200_000);
        self.after(next, Event::Fault);
        Ok(())
    }

    /// The office is put back to an older copy of its store and its scans, and begins a new epoch.
    pub fn restore_office(&mut self) -> Result<(), String> {
        if self.copies.is_empty() {
            return Ok(());
        }
        let (store, uploads) = self.dice.pick(&self.copies).clone();
        self.note("the office is restored to an old copy");
        self.count("offices restored");
        self.uploads = uploads;
        self.start(store);
        // Its clock may have stopped with its power.
        let behind = if self.dice.chance(60) { self.dice.range(0, 86_400) as i64 } else { 0 };
        let (now, dice) = (self.seconds() - behind, &mut self.dice);
        let anew = self.office.write(|office| office.begin_anew(now, &mut |bytes| dice.fill(bytes)));
        anew.map_err(|e| format!("restore: {e}"))?;
        if self.dice.chance(50) {
            // It was not the last time, and the same copy has to serve once more.
            let soon = self.dice.range(300_000, 3_600_000);
            self.after(soon, Event::Restore);
        } else {
            self.copies.clear();
        }
        self.watch = invariants::Watch::default();
        self.lose();
        // It looks at once for what ended meanwhile.
        self.expire()
    }

    /// What nobody has any more, neither the office nor a phone, is lost with the copies' days. (A revoked phone
    /// brings nothing, and one that was moved nothing of where it was.)
    pub fn lose(&mut self) {
        let mut receipted = std::mem::take(&mut self.receipted);
        receipted.retain(|(partition, hash)| {
            let bring = |phone: &&Phone| !phone.revoked && !phone.left.contains(partition);
            let phones = self.phones.iter().filter(bring).map(|phone| &phone.replica);
            let mut all = phones.chain([&self.office.replica]);
            all.any(|replica| replica.locate(partition, hash).is_ok_and(|at| at.is_some()))
        });
        self.receipted = receipted;
    }

    /// A supervisor goes on without the devices that do not come.
    pub fn waive(&mut self) -> Result<(), String> {
        let (now, admin) = (self.seconds(), self.admin());
        for healing in self.office.healing().map_err(|e| e.to_string())? {
            let dice = &mut self.dice;
            let waived = self.office.write(|office| {
                office.waive(&healing.partition, admin, "hilang", now, &mut |bytes| dice.fill(bytes))
            });
            let (_, news) = waived.map_err(|e| format!("waive: {e}"))?;
            self.count("partitions waived");
            invariants::after_commit(self)?;
            self.wake(&news)?;
        }
        Ok(())
    }

    /// The office's process dies and starts again on what was durable.
    fn restart(&mut self) {
        self.note("the office restarts");
        self.count("restarts");
        let store = self.office.replica.store.crashed();
        if self.dice.chance(50) {
            self.copies.push((store.clone(), self.uploads.clone()));
        }
        self.start(store);
    }

    fn start(&mut self, store: MemoryStore) {
        let dice = &mut self.dice;
        self.office = Office::open(store, self.key.clone(), &mut |bytes| dice.fill(bytes)).unwrap();
        self.synced.clear();
        self.shown.clear();
        self.receipts = Receipts::default();
        self.pending.clear();
        self.arrived.clear();
        for link in 0..self.links.len() {
            if self.links[link].session.take().is_some() {
                let late = self.dice.range(1, 12_000);
                self.after(late, Event::PhoneNotices(link));
            }
        }
        // Whole files on disk of which no entry tells yet.
        let whole: Vec<_> =
            self.uploads.iter().map(|((partition, hash), at)| (*partition, *hash, *at)).collect();
        for (partition, hash, at) in whole {
            let row = self.office.replica.attachment(&partition, &hash).unwrap();
            if row.is_some_and(|row| !row.here && row.bytes == at) {
                self.arrived.insert((partition, hash));
                self.commit_soon();
            }
        }
    }

    /// The office ends a village phone's certificate.
    pub fn revoke(&mut self) -> Result<(), String> {
        let phone = self.dice.below(self.phones.len());
        if self.phones[phone].revoked {
            return Ok(());
        }
        let (author, dice) = (self.phones[phone].author, &mut self.dice);
        let lost = dice.chance(40);
        let cause = if lost { CAUSE_LOST } else { "dicabut" };
        (self.phones[phone].revoked, self.phones[phone].lost) = (true, lost);
        let (_, news) = self
            .office
            .write(|office| office.revoke(&author, cause, &mut |bytes| dice.fill(bytes)))
            .map_err(|e| format!("revoke: {e}"))?;
        if self.dice.chance(70) {
            // A session that does not hear of it at once ends, or falls silent, later.
            self.part_with(phone, if lost { UNKNOWN } else { STOPPED });
        }
        self.lose();
        self.note(format!("phone {phone} is revoked"));
        self.count("revocations");
        invariants::after_commit(self)?;
        self.wake(&news)
    }

    /// The office lets a second phone into a need-to-know application.
    pub fn grant(&mut self) -> Result<(), String> {
        let mut secret: Vec<(Partition, EntryHash)> = Vec::new();
        let each = |partition, id, _| {
            if matches!(partition, Partition::NeedToKnow(_)) {
                secret.push((partition, id));
            }
            Ok(())
        };
        self.office.replica.for_each_application(each).map_err(|e| e.to_string())?;
        let phone = self.dice.below(self.phones.len());
        // Nobody is let in so late that there is no time left to get it all.
        if self.faulty && !secret.is_empty() && !self.phones[phone].revoked {
            let (partition, _) = *self.dice.pick(&secret);
            let (author, dice) = (self.phones[phone].author, &mut self.dice);
            let known = self.office.replica.certificate(&partition, &author).map_err(|e| e.to_string())?;
            if known.is_none() {
                let (_, news) = self
                    .office
                    .write(|office| office.grant(&author, partition, &mut |bytes| dice.fill(bytes)))
                    .map_err(|e| format!("grant: {e}"))?;
                self.note(format!("phone {phone} is let into {partition}"));
                self.count("grants");
                invariants::after_commit(self)?;
                self.wake(&news)?;
            }
        }
        if self.faulty {
            let next = self.dice.range(600_000, 3_600_000);
            self.after(next, Event::Grant);
        }
        Ok(())
    }
}
