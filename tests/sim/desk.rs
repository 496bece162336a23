//! What the office does beside the applications: it moves devices and lets certificates end, judges held edits, and
//! destroys what its time is over for. Also disks that fail, at the office and on phones.

use loket_core::catalogue::Role;
use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::ReplicaError;
use loket_core::store::Store as _;
use loket_core::store::memory::Ill;
use loket_core::sync::message::Message;
use loket_server::office::held::{HeldEdit, Verdict};

use super::invariants;
use super::network::{DOWN, STOPPED, TROUBLE};
use super::world::World;

/// Seconds by which the office's clock is ahead when it asks what may leave the phones: no period is as short as a day.
const SEASON: i64 = 200 * 24 * 3600;
/// Writes until a disk fails, at most: about those of one group.
const SOON: u64 = 60;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl World {
    /// The supervisor.
    pub fn admin(&self) -> u32 {
        self.staff.iter().find(|(_, role)| *role == Role::Admin).map_or(0, |(id, _)| *id)
    }

    /// An officer is moved to another village.
    pub fn transfer(&mut self) -> Result<(), String> {
        let phone = self.dice.below(self.phones.len());
        let p = &self.phones[phone];
        let villages = self.phones.iter().find(|one| one.role == Role::PetugasLapangan);
        let others: Vec<Partition> = villages.map(|one| one.places.clone()).unwrap_or_default();
        let others: Vec<_> = others.into_iter().filter(|place| !p.places.contains(place)).collect();
        if p.role != Role::OperatorDesa || p.revoked || others.is_empty() {
            return Ok(());
        }
        let (author, to) = (p.author, *self.dice.pick(&others));
        let (now, dice) = (self.seconds(), &mut self.dice);
        let moved = self
            .office
            .write(|office| office.transfer(&author, &[to.to_string()], now, &mut |bytes| dice.fill(bytes)));
        let ((places, left), news) = moved.map_err(|e| format!("transfer: {e}"))?;
        self.note(format!("phone {phone} is moved to {to}"));
        self.count("transfers");
        let p = &mut self.phones[phone];
        (p.places, p.expires) = (places, None);
        p.left.extend(left);
        p.left.retain(|partition| !p.places.contains(partition));
        // An office that is put back before that knows nothing of it, and nobody may be there to tell.
        self.copies.clear();
        self.part_with(phone, STOPPED);
        self.lose();
        invariants::after_commit(self)?;
        self.wake(&news)
    }

    /// Ends the sessions of a device whose certificate ended somewhere: what they hold open is no longer its.
    pub fn part_with(&mut self, phone: usize, code: u16) {
        for link in 0..self.links.len() {
            if self.links[link].phone == phone && self.links[link].session.take().is_some() {
                self.send(link, DOWN, Message::Error(code, "izin berakhir".into()).to_bytes());
            }
        }
    }

    /// Certificates whose time is over end.
    pub fn expire(&mut self) -> Result<(), String> {
        let now = self.seconds();
        for phone in 0..self.phones.len() {
            let p = &mut self.phones[phone];
            if p.expires.is_some_and(|at| at <= now) && !p.revoked {
                p.revoked = true;
                self.note(format!("the certificate of phone {phone} is over"));
                self.count("expiries");
            }
        }
        self.lose();
        let dice = &mut self.dice;
        let ended = self.office.write(|office| office.expire(None, now, &mut |bytes| dice.fill(bytes)));
        let (_, news) = ended.map_err(|e| format!("expire: {e}"))?;
        invariants::after_commit(self)?;
        self.wake(&news)
    }

    /// A supervisor looks at what is held.
    pub fn judge(&mut self) -> Result<(), String> {
        if !self.faulty {
            return Ok(());
        }
        let next = self.dice.range(300_000, 1_800_000);
        self.after(next, super::world::Event::Judge);
        let held: Vec<HeldEdit> = self.office.held().map_err(|e| format!("held: {e}"))?;
        if held.is_empty() {
            return Ok(());
        }
        let entries = [self.dice.pick(&held).entry.to_hex()];
        let verdict = Verdict { entries: &entries, staff: self.admin(), reason: "alasan contoh" };
        let (adopts, now, dice) = (self.dice.chance(60), self.seconds(), &mut self.dice);
        let judged = self.office.write(|office| match adopts {
            true => office.adopt(&verdict, now, &mut |bytes| dice.fill(bytes)),
            false => office.discard(&verdict, now),
        });
        match judged {
            Ok((_, news)) => {
                self.note(if adopts { "a held edit is adopted" } else { "a held edit is discarded" });
                self.count(if adopts { "adopted" } else { "discarded" });
                invariants::after_commit(self)?;
                self.wake(&news)
            }
            Err(ReplicaError::Refused(_)) => {
                self.count("verdicts refused");
                Ok(())
            }
            Err(error) => Err(format!("verdict: {error}")),
        }
    }

    /// An application that has ended is destroyed.
    pub fn destroy(&mut self) -> Result<(), String> {
        if !self.faulty {
            return Ok(());
        }
        let next = self.dice.range(600_000, 2_400_000);
        self.after(next, super::world::Event::Destroy);
        let mut ended: Vec<EntryHash> = Vec::new();
        let each = |_, id, row: loket_core::replica::rows::ApplicationRow| {
            if row.fin && !row.gone {
                ended.push(id);
            }
            Ok(())
        };
        self.office.replica.for_each_application(each).map_err(text)?;
        if ended.is_empty() {
            return Ok(());
        }
        let id = *self.dice.pick(&ended);
        let (admin, now, dice) = (self.admin(), self.seconds(), &mut self.dice);
        let name = id.to_hex();
        let done = self.office.write(|office| {
            office.destroy(&name, admin, "alasan contoh", now, &mut |bytes| dice.fill(bytes))
        });
        match done {
            Ok((_, news)) => {
                self.note(format!("application {id} is destroyed"));
                self.count("destroyed");
                self.unlink();
                invariants::after_commit(self)?;
                self.wake(&news)
            }
            // It is not over after all, or the office waits for its phones.
            Err(ReplicaError::Refused(_)) => {
                self.count("destructions refused");
                Ok(())
            }
            Err(error) => Err(format!("destroy: {error}")),
        }
    }

    /// The office is backed up, the copy is verified, and what has ended leaves the phones. Whoever restores takes the
    /// newest backup that was verified, so older copies are of no use from here on.
    pub fn retire(&mut self) -> Result<(), String> {
        if !self.faulty {
            return Ok(());
        }
        let next = self.dice.range(600_000, 3_600_000);
        self.after(next, super::world::Event::Retire);
        self.copies.clear();
        self.copies.push((self.office.replica.store.crashed(), self.uploads.clone()));
        let (now, dice) = (self.seconds(), &mut self.dice);
        let backed_up = self.office.write(|office| {
            for partition in office.replica.store.partitions()? {
                let vector = office.replica.vector(&partition)?;
                office.backed_up(&partition, &vector, now)?;
            }
            let ended = office.end_drafts(now + SEASON, &mut |bytes| dice.fill(bytes))?.ended;
            Ok((office.retain(now + SEASON, &mut |bytes| dice.fill(bytes))?, ended))
        });
        let ((retained, ended), news) = backed_up.map_err(|e| format!("backup: {e}"))?;
        *self.counts.entry("drafts taken back".into()).or_default() += ended as u64;
        *self.counts.entry("retired".into()).or_default() += retained.retired as u64;
        self.note(format!("the office is backed up, {} leave the phones", retained.retired));
        self.unlink();
        invariants::after_commit(self)?;
        self.wake(&news)
    }

    /// A phone lets go what it may.
    pub fn sweep(&mut self, phone: usize) -> Result<(), String> {
        let replica = &mut self.phones[phone].replica;
        let swept = replica.transaction(|replica| {
            let mut swept = 0;
            for partition in replica.store.partitions()? {
                swept += replica.sweep(&partition)?;
            }
            Ok(swept)
        });
        match swept {
            Ok(swept) => {
                *self.counts.entry("swept from phones".into()).or_default() += swept as u64;
                Ok(())
            }
            Err(error) => self.phone_failed(phone, "letting go", &error),
        }
    }

    /// Files of scans that nobody names any more are removed.
    pub fn unlink(&mut self) {
        let replica = &self.office.replica;
        self.uploads.retain(|(partition, hash), _| {
            replica.attachment(partition, hash).is_ok_and(|row| row.is_some())
        });
    }

    /// The disk of the office, or of a phone, will fail soon.
    pub fn ail(&mut self, phone: usize) {
        let (ill, writes) =
            (if self.dice.chance(50) { Ill::Full } else { Ill::Broken }, self.dice.range(0, SOON));
        if self.dice.chance(50) {
            self.ailing = Some((ill, writes));
        } else {
            self.phones[phone].replica.store.fail_after(writes, ill);
        }
    }

    /// The office could not keep a group: nobody of it is acknowledged, and those who brought it are told.
    pub fn office_disk_failed(&mut self, from: &[Option<(usize, u64)>], error: &str) {
        self.note(format!("the office's disk fails: {error}"));
        self.count("disks failed at the office");
        // It takes a new connection to what is durable.
        self.office.replica.store = self.office.replica.store.crashed();
        for (link, _) in from.iter().flatten() {
            let author = self.phones[self.links[*link].phone].author;
            self.synced.retain(|synced| *synced != author);
            if self.links[*link].session.take().is_some() {
                self.send(*link, DOWN, Message::Error(TROUBLE, "penyimpanan".into()).to_bytes());
            }
        }
        if !(self.arrived.is_empty() && self.synced.is_empty() && self.shown.is_empty()) {
            self.commit_soon();
        }
    }

    /// A phone could not write: its program ends, and starts again on what was durable. All else is a defect.
    pub fn phone_failed(&mut self, phone: usize, what: &str, error: &ReplicaError) -> Result<(), String> {
        if !matches!(error, ReplicaError::Store(_)) || !self.faulty {
            return Err(format!("{what} of phone {phone}: {error}"));
        }
        self.note(format!("the disk of phone {phone} fails: {error}"));
        self.count("disks failed on a phone");
        self.crash(phone);
        Ok(())
    }
}
