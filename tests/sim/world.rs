//! The world: an office, phones, the network between them and the clock, all in one queue of events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use loket_core::catalogue::Role;
use loket_core::identity::{SeededKey, Signer};
use loket_core::journal::receipt::Receipt;
use loket_core::journal::{AttachmentHash, AuthorId, EntryHash, Partition};
use loket_core::replica::Replica;
use loket_core::store::memory::{Ill, MemoryStore};
use loket_core::sync::session::Session;
use loket_server::office::library::Receipts;
use loket_server::office::people::CERTIFICATE_SECONDS;
use loket_server::office::{Delivery, Office};

use super::dice::Dice;
use super::{invariants, meeting};

/// Simulated time is in milliseconds; this is when it begins, in seconds since 1970.
pub const BEGIN: i64 = 1_795_400_000;
/// From the last fault on, everything has to be in order within this.
pub const HEALED_WITHIN: u64 = 60_000;
/// The villages of one kecamatan, of which a world has some.
const VILLAGES: [&str; 4] = ["33.12.08.2001", "33.12.08.2002", "33.12.08.2004", "33.12.08.2005"];
/// What is counted of all worlds together: simulated minutes in which things went wrong.
pub const FAULT_MINUTES: &str = "minutes of faults";
/// Events of the log that a failure shows.
const LOG: usize = 40;

/// Something that will happen.
pub enum Event {
    /// The officer of this phone does something.
    Officer(usize),
    /// Somebody at the office does something.
    Staff,
    /// The phone calls the office.
    Connect(usize),
    /// The office takes the call.
    Accept(usize),
    /// A frame arrives at the office: connection, number of the frame.
    Up(usize, u64, Vec<u8>),
    /// A frame arrives at the phone.
    Down(usize, u64, Vec<u8>),
    /// The phone notices that a connection is dead.
    PhoneNotices(usize),
    /// The office notices.
    OfficeNotices(usize),
    /// The office makes what it has collected durable.
    Commit,
    /// Something late or repeated from an old connection reaches the office's queue.
    Late(Delivery),
    /// The phone signs what its officer wrote and offers it.
    Seal(usize),
    /// The phone goes on with its scans.
    Upload(usize),
    /// Two phones meet.
    Meet,
    /// A fault somewhere.
    Fault,
    /// The phone is switched on again.
    Wake(usize),
    /// The office ends a device's certificate.
    Revoke,
    /// The office is put back to an old copy once more.
    Restore,
    /// A supervisor goes on without the devices that a restored office waits for.
    Waive,
    /// The office lets a second phone into a need-to-know application.
    Grant,
    /// An officer is moved to another village.
    Transfer,
    /// Certificates whose time is over end.
    Expire,
    /// A supervisor looks at held edits.
    Judge,
    /// The office destroys what has ended.
    Destroy,
    /// The office is backed up, and what has ended leaves the phones.
    Retire,
}

/// A connection: an ordered stream each way until it is cut.
pub struct Link {
    pub phone: usize,
    /// Frames sent, and when the last will arrive: up, down.
    pub sent: [u64; 2],
    pub arrives: [u64; 2],
    /// Frames from this number on are lost.
    pub lost_from: [u64; 2],
    /// Frames that arrived.
    pub arrived: [u64; 2],
    /// A cut link, of which both sides learn sooner or later.
    pub dead: bool,
    /// The office's side, while it lives.
    pub session: Option<Session>,
}

/// A phone.
pub struct Phone {
    pub key: SeededKey,
    pub author: AuthorId,
    pub replica: Replica<MemoryStore>,
    /// Copies of its store, as a backup of the phone keeps them: the oldest first.
    pub saved: Vec<MemoryStore>,
    pub role: Role,
    /// Its certificate's partitions.
    pub places: Vec<Partition>,
    /// How wrong its clock is, in seconds.
    pub clock: i64,
    /// Milliseconds one way.
    pub latency: u64,
    /// Bytes that its link carries in a millisecond.
    pub speed: u64,
    pub awake: bool,
    pub session: Option<(usize, Session)>,
    pub next_upload: u64,
    /// Applications begun, for their numbers.
    pub begun: u32,
    pub revoked: bool,
    /// It was revoked because it is in other hands: the office takes nothing of it any more.
    pub lost: bool,
    /// When its certificate is over, in seconds since 1970, where that comes within the day.
    pub expires: Option<i64>,
    /// Partitions that it was moved away from.
    pub left: BTreeSet<Partition>,
    /// It was told that it is no longer known.
    pub told: bool,
}

/// What has happened so far, to see that the runs are worth something.
pub type Counts = BTreeMap<String, u64>;

/// The world.
pub struct World {
    pub now: u64,
    pub dice: Dice,
    queue: BTreeMap<(u64, u64), Event>,
    numbers: u64,
    pub phones: Vec<Phone>,
    pub links: Vec<Link>,
    pub office: Office<MemoryStore>,
    pub receipts: Receipts,
    pub key: Arc<SeededKey>,
    /// Deliveries that wait for the next group, each with its connection and batch.
    pub pending: Vec<(Option<(usize, u64)>, Delivery)>,
    pub commit_due: bool,
    /// Bytes of scans that the office has on disk.
    pub uploads: BTreeMap<(Partition, AttachmentHash), u64>,
    /// Whole scans that the next group will tell of.
    pub arrived: BTreeSet<(Partition, AttachmentHash)>,
    /// Devices that have brought what they had, of which the next group will tell.
    pub synced: Vec<AuthorId>,
    /// Receipts of later epochs than the office's that phones have shown, which the next group will look at.
    pub shown: Vec<Receipt>,
    /// Copies of the office's store and its scans, as backups keep them.
    pub copies: Vec<(MemoryStore, BTreeMap<(Partition, AttachmentHash), u64>)>,
    /// Staff by role.
    pub staff: Vec<(u32, Role)>,
    pub faulty: bool,
    /// Whether phones meet in this world.
    meets: bool,
    /// What the office's disk will fail of when it takes the next group in.
    pub ailing: Option<(Ill, u64)>,
    /// Receipted entries that any phone has seen a receipt of.
    pub receipted: BTreeSet<(Partition, EntryHash)>,
    pub watch: invariants::Watch,
    pub counts: Counts,
    log: VecDeque<String>,
}

impl World {
    /// A new district.
    pub fn new(seed: u64) -> World {
        let mut dice = Dice::new(seed);
        let key = Arc::new(SeededKey::new(seed.wrapping_mul(1000)));
        let office =
            Office::open(MemoryStore::default(), Arc::clone(&key) as Arc<dyn Signer>, &mut |bytes| {
                dice.fill(bytes)
            })
            .unwrap();
        let mut world = World {
            now: 0,
            dice,
            queue: BTreeMap::new(),
            numbers: 0,
            phones: Vec::new(),
            links: Vec::new(),
            office,
            receipts: Receipts::default(),
            key,
            pending: Vec::new(),
            commit_due: false,
            uploads: BTreeMap::new(),
            arrived: BTreeSet::new(),
            synced: Vec::new(),
            shown: Vec::new(),
            copies: Vec::new(),
            staff: Vec::new(),
            faulty: true,
            meets: meeting::meets(seed),
            ailing: None,
            receipted: BTreeSet::new(),
            watch: invariants::Watch::default(),
            counts: Counts::new(),
            log: VecDeque::new(),
        };
        world.hire();
        world.enrol(seed);
        world
    }

    fn hire(&mut self) {
        let dice = &mut self.dice;
        let roles: Vec<Role> = Role::ALL.into_iter().filter(|role| *role != Role::PetugasLapangan).collect();
        let (staff, _) = self
            .office
            .write(|office| {
                let mut staff = Vec::new();
                for role in roles {
                    for name in 0..1 + dice.below(2) {
                        staff.push((office.add_staff(role, &format!("{role} {name}"), &[])?, role));
                    }
                }
                Ok(staff)
            })
            .unwrap();
        self.staff = staff;
    }

    fn enrol(&mut self, seed: u64) {
        let kecamatan = "33.12.08";
        let villages: Vec<String> =
            VILLAGES.iter().take(self.dice.range(2, 4) as usize).map(|&code| code.to_owned()).collect();
        let mut who: Vec<(Role, Vec<String>)> = Vec::new();
        for village in &villages {
            for _ in 0..1 + self.dice.below(3) * self.dice.below(2) {
                who.push((Role::OperatorDesa, vec![village.clone()]));
            }
        }
        let mut all = vec![kecamatan.to_owned()];
        all.extend(villages.iter().cloned());
        who.push((Role::OperatorKecamatan, all));
        who.push((Role::PetugasLapangan, villages));
        for (index, (role, codes)) in who.into_iter().enumerate() {
            let key = SeededKey::new(seed.wrapping_mul(1000) + 1 + index as u64);
            let places: Vec<Partition> = codes.iter().map(|code| code.parse().unwrap()).collect();
            // Some were certified almost two years ago.
            let soon = role == Role::OperatorDesa && self.dice.chance(12);
            let hours = self.dice.range(600, 7_200) as i64;
            let now = if soon { BEGIN - CERTIFICATE_SECONDS + hours } else { BEGIN };
            let expires = soon.then_some(BEGIN + hours);
            if soon {
                self.after(hours as u64 * 1_000, Event::Expire);
            }
            let (dice, public) = (&mut self.dice, key.public_key());
            let certify = |office: &mut Office<MemoryStore>| {
                office.certify(public, role, &places, "Petugas", now, &mut |bytes| dice.fill(bytes))
            };
            self.office.write(certify).unwrap();
            let replica = Replica::open(MemoryStore::default(), self.office.public_key()).unwrap();
            let dice = &mut self.dice;
            self.phones.push(Phone {
                author: key.author(),
                key,
                replica,
                saved: Vec::new(),
                role,
                places,
                clock: if dice.chance(20) { dice.range(0, 600_000) as i64 - 300_000 } else { 0 },
                latency: dice.range(20, 1500),
                speed: dice.range(4, 400),
                awake: true,
                session: None,
                next_upload: 0,
                begun: 0,
                revoked: false,
                lost: false,
                expires,
                left: BTreeSet::new(),
                told: false,
            });
        }
    }

    /// Puts an event into the queue.
    pub fn after(&mut self, delay: u64, event: Event) {
        self.numbers += 1;
        self.queue.insert((self.now + delay, self.numbers), event);
    }

    /// Remembers what happened, for the case that something fails.
    pub fn note(&mut self, what: impl Into<String>) {
        if self.log.len() >= LOG {
            self.log.pop_front();
        }
        self.log.push_back(format!("{:>9} {}", self.now, what.into()));
    }

    pub fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// The last events.
    pub fn tail(&self) -> String {
        self.log.iter().map(|line| format!("  {line}\n")).collect()
    }

    /// The office's clock, in seconds since 1970.
    pub fn seconds(&self) -> i64 {
        BEGIN + (self.now / 1000) as i64
    }

    /// Lets everything happen that is due until then.
    pub fn run_until(&mut self, end: u64) -> Result<(), String> {
        while let Some(((at, _), event)) = self.queue.pop_first() {
            if at > end {
                self.queue.insert((at, 0), event);
                break;
            }
            self.now = at;
            self.happen(event)?;
        }
        self.now = end;
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Officer(phone) => self.officer(phone),
            Event::Staff => self.staff_acts(),
            Event::Connect(phone) => self.connect(phone),
            Event::Accept(link) => self.accept(link),
            Event::Up(link, number, frame) => self.up(link, number, &frame),
            Event::Down(link, number, frame) => self.down(link, number, &frame),
            Event::PhoneNotices(link) => self.phone_notices(link),
            Event::OfficeNotices(link) => {
                if self.faulty || self.links[link].dead {
                    self.links[link].session = None;
                }
                Ok(())
            }
            Event::Commit => self.commit(),
            Event::Late(delivery) => {
                self.note("a delivery of an old connection arrives again");
                self.pending.push((None, delivery));
                self.commit_soon();
                Ok(())
            }
            Event::Seal(phone) => self.offer(phone),
            Event::Upload(phone) => self.upload(phone),
            Event::Meet => self.meet(),
            Event::Fault => self.fault(),
            Event::Wake(phone) => {
                self.phones[phone].awake = true;
                self.after(1, Event::Connect(phone));
                self.upload_in(phone, 2);
                Ok(())
            }
            Event::Revoke => self.revoke(),
            Event::Grant => self.grant(),
            Event::Restore if self.faulty => self.restore_office(),
            Event::Restore => Ok(()),
            Event::Waive => self.waive(),
            Event::Transfer => self.transfer(),
            Event::Expire => self.expire(),
            Event::Judge => self.judge(),
            Event::Destroy => self.destroy(),
            Event::Retire => self.retire(),
        }
    }

    /// A day of faults, then a minute without.
    pub fn live(&mut self) -> Result<(), String> {
        let day = self.dice.range(2, 6) * 1_800_000;
        for phone in 0..self.phones.len() {
            let (first, work) = (self.dice.range(0, 60_000), self.dice.range(0, 600_000));
            self.after(first, Event::Connect(phone));
            self.upload_in(phone, first + 5_000);
            self.after(work, Event::Officer(phone));
        }
        self.after(day / 10, Event::Staff);
        self.after(day / 20, Event::Fault);
        if self.meets {
            self.after(day / 30, Event::Meet);
        }
        if self.dice.chance(35) {
            let at = self.dice.range(day / 3, day);
            self.after(at, Event::Revoke);
        }
        if self.dice.chance(30) {
            let at = self.dice.range(day / 4, day);
            self.after(at, Event::Transfer);
        }
        self.after(day / 2, Event::Grant);
        self.after(day / 3, Event::Judge);
        self.after(day / 2, Event::Destroy);
        self.after(day / 3, Event::Retire);
        self.run_until(day)?;
        self.heal();
        self.run_until(day + HEALED_WITHIN)?;
        invariants::all(self)
    }

    fn heal(&mut self) {
        self.note("faults end");
        self.faulty = false;
        *self.counts.entry(FAULT_MINUTES.into()).or_default() += self.now / 60_000;
        self.ailing = None;
        self.phones.iter_mut().for_each(|phone| phone.replica.store.mend());
        // All that can come has come by then; those whose certificate ended do not.
        self.after(HEALED_WITHIN / 2, Event::Waive);
        // What is cut by now is noticed, as a silent link is; no other link is cut any more.
        for link in 0..self.links.len() {
            let l = &mut self.links[link];
            l.dead = l.session.is_none() || l.lost_from != [u64::MAX; 2];
            if l.dead {
                let (one, other) = (self.dice.range(1, 8_000), self.dice.range(1, 20_000));
                self.after(one, Event::PhoneNotices(link));
                self.after(other, Event::OfficeNotices(link));
            }
        }
        for phone in 0..self.phones.len() {
            self.phones[phone].awake = true;
            self.after(1, Event::Seal(phone));
            self.after(2, Event::Connect(phone));
            self.upload_in(phone, 3);
        }
    }
}
