//! Messages to applicants: written in the transaction that made them due, one per application, event and revision;
//! handed to the SMS gateway afterwards by [`crate::sms`], which asks here what to send and tells here what became of it.
//!
//! A message goes out at most once. That an attempt begins is durable before the gateway is asked, and an attempt whose
//! end nobody saw is not repeated unless the gateway itself says that it knows nothing of it. What cannot be found out
//! becomes a line of the official record, and with it a task for whoever meets the applicant.

use loket_core::catalogue::{ActKind, Audience, Site};
use loket_core::journal::{EntryHash, Partition, Place};
use loket_core::replica::case::Case;
use loket_core::replica::view::sms_state;
use loket_core::replica::write::Dice;
use loket_core::replica::{Replica, ReplicaError, rows};
use loket_core::store::{Store, Table};
use loket_core::workflow::{
    ACT_TOLD, Decision, Due, Event, Position, Unreached, Vars, notifications, state, text,
};
use minicbor::{Decode, Encode};

use super::Office;

#[cfg(test)]
mod tests;

/// Prefix of the rows of an application's messages, in its partition.
const MESSAGE: &[u8] = b"sms/";
/// Prefix of the office's own rows of messages that wait for an attempt: time, token.
const QUEUED: &[u8] = b"sms_antri/";
/// Prefix of those that the gateway has been given: time by which it has to say more, token.
const OUT: &[u8] = b"sms_jalan/";
/// Prefix of the rows that lead from a token to its message.
const TOKEN: &[u8] = b"sms_tanda/";
/// The row of the secret from which tokens are made.
const SECRET: &str = "sms_secret";

/// A message that waited for longer than this, in seconds, says something old: somebody calls instead.
const MAX_AGE: i64 = 3 * 24 * 3600;
/// After the first attempt that failed for certain, in seconds; twice as long after each further one.
const FIRST_PAUSE: i64 = 15;
/// The longest such pause.
const LONGEST_PAUSE: i64 = 3600;
/// How long an answer is waited for that says that a sent message has arrived, in seconds.
const ARRIVAL: i64 = 3 * 24 * 3600;
/// Until a message is looked at again whose partition is being healed, in seconds.
const AGAIN: i64 = 600;

/// What names a message to the gateway: nobody can guess it, and it is the same after a restore.
pub type Token = [u8; 16];

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Standing {
    /// It waits for an attempt.
    #[n(0)]
    Antri,
    /// An attempt has begun.
    #[n(1)]
    Mengirim,
    /// The end of an attempt was not seen: the gateway is asked.
    #[n(2)]
    Ditanyakan,
    /// The gateway has it.
    #[n(3)]
    DiGateway,
    /// The network has it.
    #[n(4)]
    Terkirim,
    /// The applicant's phone has it.
    #[n(5)]
    Sampai,
    /// It did not go out, and will not.
    #[n(6)]
    Gagal,
    /// Nobody knows whether it went out.
    #[n(7)]
    TidakPasti,
    /// There is no number.
    #[n(8)]
    TanpaNomor,
    /// The applicant wants no SMS.
    #[n(9)]
    TanpaPersetujuan,
}

impl Standing {
    /// As people and scripts read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Antri => "antri",
            Standing::Mengirim => "mengirim",
            Standing::Ditanyakan => "ditanyakan",
            Standing::DiGateway => "di_gateway",
            Standing::Terkirim => "terkirim",
            Standing::Sampai => "sampai",
            Standing::Gagal => "gagal",
            Standing::TidakPasti => "tidak_pasti",
            Standing::TanpaNomor => "tanpa_nomor",
            Standing::TanpaPersetujuan => "tanpa_persetujuan",
        }
    }
}

/// A message to an applicant.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Message {
    /// Where it stands.
    #[n(0)]
    pub standing: Standing,
    /// The notification, e.g. `N1`.
    #[n(1)]
    pub notification: String,
    /// The act that made it due.
    #[n(2)]
    pub event: String,
    /// The revision that it belongs to.
    #[n(3)]
    pub revision: u32,
    /// The registration number.
    #[n(4)]
    pub number: String,
    /// E.164; empty where there is none.
    #[n(5)]
    pub to: String,
    /// The words.
    #[n(6)]
    pub text: String,
    /// Office time when it became due.
    #[n(7)]
    pub due: i64,
    /// Office time since when it stands there.
    #[n(8)]
    pub since: i64,
    /// Attempts that have begun.
    #[n(9)]
    pub attempts: u32,
    /// The office epoch in which it was last certain that it had not gone out: after a restore the copy does not know.
    #[n(10)]
    pub epoch: u64,
    /// Where it stands among the office's own rows.
    #[n(11)]
    pub place: Option<Vec<u8>>,
    /// Why it failed, in the gateway's words.
    #[n(12)]
    pub cause: Option<String>,
}

/// A message that an attempt was begun for.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Its token.
    pub token: Token,
    /// The number, E.164.
    pub to: String,
    /// The words, in GSM-7.
    pub text: String,
    /// The notification and the registration number, for the log.
    pub about: (String, String),
}

impl Attempt {
    fn of(found: &Found) -> Self {
        let message = &found.message;
        Self {
            token: found.token,
            to: message.to.clone(),
            text: message.text.clone(),
            about: (message.notification.clone(), message.number.clone()),
        }
    }
}

/// What became of a message, as the gateway says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It was not taken, for certain: try again later.
    Later(String),
    /// It will never be taken.
    Refused(String),
    /// Nobody knows whether it was taken.
    Unclear,
    /// The gateway knows nothing of it.
    Unknown,
    /// The gateway has it.
    Taken,
    /// The network has it.
    Sent,
    /// It has arrived.
    Arrived,
    /// The gateway gave it up.
    Failed(String),
    /// The gateway itself lost sight of it.
    Lost,
}

/// Where a message is stored: partition and key.
type At = (Partition, minicbor::bytes::ByteVec);

/// A message that was looked up by its token.
struct Found {
    token: Token,
    partition: Partition,
    key: Vec<u8>,
    message: Message,
}

impl Found {
    /// The application that it is about.
    fn application(&self) -> Option<EntryHash> {
        let id = self.key.strip_prefix(MESSAGE)?.get(..32)?;
        Some(EntryHash(id.try_into().ok()?))
    }

    fn unreached(&self, doubtful: bool) -> Unreached {
        Unreached {
            id: self.message.notification.clone(),
            event: self.message.event.clone(),
            revision: self.message.revision,
            doubtful,
        }
    }
}

impl<S: Store> Office<S> {
    /// Writes the messages that a record has made due and that are not there yet.
    pub(super) fn write_messages(&mut self, case: &Case, now: i64) -> Result<(), ReplicaError> {
        let Some(file) = case.service.clone() else { return Ok(()) };
        for due in notifications(&file.service, &case.record) {
            if !due.audience.contains(&Audience::Pemohon) {
                continue;
            }
            let key = message_key(case, &due);
            if self.replica.store.get(&case.partition, Table::Job, &key)?.is_some() {
                continue;
            }
            let message = self.make_message(case, &due)?;
            let token = self.token(&case.partition, &key)?;
            let mut found = Found { token, partition: case.partition, key, message };
            if found.message.standing == Standing::Antri {
                let at: At = (found.partition, found.key.clone().into());
                self.put_local(Table::Job, &[TOKEN, &token].concat(), &at)?;
                self.stand(&mut found, Standing::Antri, now, now)?;
            }
            self.keep(&found)?;
        }
        Ok(())
    }

    fn make_message(&self, case: &Case, due: &Due) -> Result<Message, ReplicaError> {
        let frozen = case.state().and_then(|state| state.frozen);
        let fields = frozen.and_then(|f| case.document.registers_at(&f.heads).ok()).unwrap_or_default();
        let number = case.number();
        let words = case.service.as_ref().and_then(|file| {
            let notification = file.service.notification(&due.id)?;
            let vars = Vars {
                nomor: &number,
                tempat: &self.place_of(case, due),
                sebab: due.sebab.as_deref(),
                nama: fields.get("nama").map_or("", String::as_str),
            };
            Some(text(&file.service, notification, &vars))
        });
        let standing = match sms_state(case).as_str() {
            "antri" => Standing::Antri,
            "tanpa_nomor" => Standing::TanpaNomor,
            _ => Standing::TanpaPersetujuan,
        };
        Ok(Message {
            standing,
            notification: due.id.clone(),
            event: due.event.clone(),
            revision: due.revision,
            number: number.clone(),
            to: fields.get("telepon").cloned().unwrap_or_default(),
            text: words.unwrap_or_default(),
            due: due.at,
            since: due.at,
            attempts: 0,
            // What was decided before a restore may have been sent before it as well.
            epoch: if u64::try_from(due.at).unwrap_or_default() < self.office_epoch {
                0
            } else {
                self.office_epoch
            },
            place: None,
            cause: None,
        })
    }

    /// Where the applicant goes or sends papers to: the pickup site once the document can be collected, the
    /// papers' before.
    fn place_of(&self, case: &Case, due: &Due) -> String {
        let Some(file) = &case.service else { return String::new() };
        let service = &file.service;
        let record = case.record.get(..=due.decision_index).unwrap_or(&case.record);
        let ready = match state(service, record).position {
            Position::Step(index) => {
                service.line().get(index).is_some_and(|step| step.kind == ActKind::Serah)
            }
            _ => false,
        };
        let site = if ready { Some(service.pickup_site) } else { service.paper_site };
        let place: Option<Partition> = case.reserved("_wilayah").and_then(|place| place.parse().ok());
        let Some(Partition::Place(place)) = place else { return "Dinas Dukcapil".into() };
        match site {
            Some(Site::Desa) => self.region_name(&place),
            Some(Site::Kecamatan) => format!("Kec. {}", self.region_name(&place.kecamatan())),
            Some(Site::Dinas) | None => "Dinas Dukcapil".into(),
        }
    }

    fn region_name(&self, place: &Place) -> String {
        let code = place.to_string();
        self.replica.regions().name(&code).map_or(code, str::to_owned)
    }

    fn token(&self, partition: &Partition, key: &[u8]) -> Result<Token, ReplicaError> {
        let secret = self.replica.meta(SECRET)?.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let mut hasher = blake3::Hasher::new_keyed(&secret.ok_or(ReplicaError::Damaged("rahasia SMS"))?);
        hasher.update(&partition.to_bytes()).update(key);
        let mut token = Token::default();
        hasher.finalize_xof().fill(&mut token);
        Ok(token)
    }

    fn keep(&mut self, found: &Found) -> Result<(), ReplicaError> {
        let bytes = rows::encode(&found.message);
        Ok(self.replica.store.put(&found.partition, Table::Job, &found.key, Some(&bytes))?)
    }

    /// Puts a message among those that stand so, to be looked at again at `when`; the caller keeps it.
    fn stand(
        &mut self,
        found: &mut Found,
        standing: Standing,
        when: i64,
        now: i64,
    ) -> Result<(), ReplicaError> {
        let message = &mut found.message;
        if let Some(old) = message.place.take() {
            self.replica.store.put(&Partition::Office, Table::Job, &old, None)?;
        }
        if message.standing != standing {
            (message.standing, message.since) = (standing, now);
        }
        let prefix = match standing {
            Standing::Antri => QUEUED,
            Standing::Mengirim | Standing::Ditanyakan | Standing::DiGateway | Standing::Terkirim => OUT,
            _ => return Ok(()),
        };
        let place = [prefix, &when.max(0).to_be_bytes(), &found.token].concat();
        message.place = Some(place.clone());
        self.put_local(Table::Job, &place, &())
    }

    /// What stands under a prefix, the soonest first, and when it is to be looked at. Rows of what is gone go with it.
    fn standing(&mut self, prefix: &[u8], most: usize) -> Result<Vec<(i64, Found)>, ReplicaError> {
        let mut all = Vec::new();
        for (place, _) in self.replica.store.scan(&Partition::Office, Table::Job, prefix, None, most)? {
            let found = match of_place(prefix, &place) {
                Some((when, token)) => find(&self.replica.store, &token)?.map(|found| (when, found)),
                None => None,
            };
            match found {
                Some(found) => all.push(found),
                None => self.replica.store.put(&Partition::Office, Table::Job, &place, None)?,
            }
        }
        Ok(all)
    }

    /// Begins attempts for what is due, at most `most`; the caller holds a transaction ([`Office::write`]) and sends when
    /// it is durable. `wait` is how many seconds the gateway may take to say more.
    pub fn begin_attempts(
        &mut self,
        wait: i64,
        most: usize,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Vec<Attempt>, ReplicaError> {
        let mut begun = Vec::new();
        for (when, mut found) in self.standing(QUEUED, most)? {
            if when > now {
                break;
            }
            let later = now.saturating_add(wait);
            if found.message.epoch != self.office_epoch {
                self.stand(&mut found, Standing::Ditanyakan, later, now)?;
            } else if now.saturating_sub(found.message.due) > MAX_AGE {
                found.message.cause = Some("menunggu terlalu lama".to_owned());
                self.give_up(&mut found, false, now, dice)?;
            } else {
                self.stand(&mut found, Standing::Mengirim, later, now)?;
                found.message.attempts = found.message.attempts.saturating_add(1);
                begun.push(Attempt::of(&found));
            }
            self.keep(&found)?;
        }
        Ok(begun)
    }

    /// Attempts that had begun when the office ended: nobody saw how they went. The caller holds a transaction, and is the
    /// only one who sends.
    pub fn doubt_attempts(&mut self, now: i64) -> Result<usize, ReplicaError> {
        let mut doubted = 0;
        for (when, mut found) in self.standing(OUT, usize::MAX)? {
            if found.message.standing == Standing::Mengirim {
                self.stand(&mut found, Standing::Ditanyakan, when, now)?;
                self.keep(&found)?;
                doubted += 1;
            }
        }
        Ok(doubted)
    }

    /// Tells what the gateway said, which may take `wait` seconds to say more. The caller holds a transaction.
    pub fn hear(
        &mut self,
        token: &Token,
        news: News,
        wait: i64,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        use Standing::*;
        let Some(mut found) = find(&self.replica.store, token)? else { return Ok(()) };
        let later = now.saturating_add(wait);
        match (news, found.message.standing) {
            // How these ended was heard before; a late word changes nothing.
            (_, Sampai | TanpaNomor | TanpaPersetujuan) => return Ok(()),
            (News::Later(cause), Mengirim) => {
                (found.message.cause, found.message.epoch) = (Some(cause), self.office_epoch);
                let pause = pause(found.message.attempts);
                self.stand(&mut found, Antri, now.saturating_add(pause), now)?;
            }
            (News::Unknown, Ditanyakan) => {
                found.message.epoch = self.office_epoch;
                self.stand(&mut found, Antri, now, now)?;
            }
            (News::Refused(cause), Mengirim | Ditanyakan)
            | (News::Failed(cause), Mengirim | Ditanyakan | DiGateway | Terkirim) => {
                found.message.cause = Some(cause);
                self.give_up(&mut found, false, now, dice)?;
            }
            (News::Unknown, DiGateway) | (News::Lost, Mengirim | Ditanyakan | DiGateway | Terkirim) => {
                self.give_up(&mut found, true, now, dice)?;
            }
            (News::Unclear, Mengirim) => self.stand(&mut found, Ditanyakan, later, now)?,
            (News::Taken, Mengirim | Ditanyakan) => self.stand(&mut found, DiGateway, later, now)?,
            (News::Sent, Mengirim | Ditanyakan | DiGateway | TidakPasti) => {
                self.take_task_back(&found, now, dice)?;
                self.stand(&mut found, Terkirim, now.saturating_add(ARRIVAL), now)?;
            }
            (News::Arrived, _) => {
                self.take_task_back(&found, now, dice)?;
                self.stand(&mut found, Sampai, now, now)?;
            }
            _ => return Ok(()),
        }
        self.keep(&found)
    }

    /// Gives a message up: a line of the record asks people to call the applicant. Where nothing may be recorded yet, later.
    fn give_up(
        &mut self,
        found: &mut Found,
        doubtful: bool,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        if self.heals(&found.partition)? {
            let was = found.message.standing;
            let standing = if was == Standing::Antri { was } else { Standing::Ditanyakan };
            return self.stand(found, standing, now.saturating_add(AGAIN), now);
        }
        let (standing, act) = match doubtful {
            true => (Standing::TidakPasti, "sms_tidak_pasti"),
            false => (Standing::Gagal, "sms_gagal"),
        };
        self.stand(found, standing, now, now)?;
        let Some(case) = self.case_of(found)? else { return Ok(()) };
        let decision = Decision {
            act: act.to_owned(),
            kind: Event::Unreached,
            params: found.unreached(doubtful).params(),
            ..self.own_event(&case, now)
        };
        self.record(case, decision, dice)?;
        Ok(())
    }

    /// The gateway says after all that it went out: nobody has to call any more.
    fn take_task_back(&mut self, found: &Found, now: i64, dice: &mut Dice<'_>) -> Result<(), ReplicaError> {
        if self.heals(&found.partition)? {
            return Ok(());
        }
        let this = found.unreached(false);
        let Some(case) = self.case_of(found)? else { return Ok(()) };
        if !case.state().is_some_and(|state| state.unreached.iter().any(|open| open.is_of(&this))) {
            return Ok(());
        }
        let decision = Decision {
            act: ACT_TOLD.to_owned(),
            kind: Event::Done,
            reason: Some("menurut gateway SMS sudah terkirim".to_owned()),
            params: this.params(),
            ..self.own_event(&case, now)
        };
        self.record(case, decision, dice)?;
        Ok(())
    }

    fn case_of(&self, found: &Found) -> Result<Option<Case>, ReplicaError> {
        let Some(id) = found.application() else { return Ok(None) };
        Ok(Some(self.replica.case(&found.partition, &id)?).filter(|case| case.remains.is_none()))
    }

    /// Of what the gateway was to say more by now: what was sent has to do without, of the rest nobody knows. The caller
    /// holds a transaction.
    pub fn overdue(&mut self, most: usize, now: i64, dice: &mut Dice<'_>) -> Result<(), ReplicaError> {
        for (when, mut found) in self.standing(OUT, most)? {
            if when > now {
                break;
            }
            if found.message.standing != Standing::Terkirim {
                self.give_up(&mut found, true, now, dice)?;
            } else if let Some(place) = found.message.place.take() {
                self.replica.store.put(&Partition::Office, Table::Job, &place, None)?;
            }
            self.keep(&found)?;
        }
        Ok(())
    }

    /// Forgets the messages of an application, sent or not: they hold a number and a name.
    pub(super) fn drop_messages(
        &mut self,
        partition: &Partition,
        id: &EntryHash,
    ) -> Result<(), ReplicaError> {
        let prefix = [MESSAGE, id.as_bytes()].concat();
        for (key, bytes) in self.replica.store.scan(partition, Table::Job, &prefix, None, usize::MAX)? {
            let message: Message = rows::decode(&bytes)?;
            let token = self.token(partition, &key)?;
            let own = [Some([TOKEN, &token].concat()), message.place];
            for place in own.into_iter().flatten() {
                self.replica.store.put(&Partition::Office, Table::Job, &place, None)?;
            }
            self.replica.store.put(partition, Table::Job, &key, None)?;
        }
        Ok(())
    }
}

/// Draws the secret from which tokens are made, where there is none yet.
pub(super) fn draw_secret<S: Store>(
    replica: &mut Replica<S>,
    dice: &mut Dice<'_>,
) -> Result<(), ReplicaError> {
    if replica.meta(SECRET)?.is_none() {
        let mut secret = [0; 32];
        dice(&mut secret);
        replica.set_meta(SECRET, Some(&secret))?;
    }
    Ok(())
}

/// As [`super::look::Look::messages_due`].
pub(super) fn due(store: &impl Store, now: i64) -> Result<(bool, bool), ReplicaError> {
    let is_due = |prefix: &[u8]| -> Result<bool, ReplicaError> {
        let first = store.scan(&Partition::Office, Table::Job, prefix, None, 1)?;
        Ok(first.iter().any(|(place, _)| of_place(prefix, place).is_none_or(|(when, _)| when <= now)))
    };
    Ok((is_due(QUEUED)?, is_due(OUT)?))
}

/// As [`super::look::Look::messages_out`].
pub(super) fn out(store: &impl Store, most: usize) -> Result<Vec<(Token, Standing)>, ReplicaError> {
    let mut all = Vec::new();
    for (place, _) in store.scan(&Partition::Office, Table::Job, OUT, None, most)? {
        let Some((_, token)) = of_place(OUT, &place) else { continue };
        let Some(found) = find(store, &token)? else { continue };
        all.push((token, found.message.standing));
    }
    Ok(all)
}

/// As [`super::look::Look::knows_message`].
pub(super) fn is_known(store: &impl Store, token: &Token) -> Result<bool, ReplicaError> {
    Ok(find(store, token)?.is_some())
}

/// The message of a token; none where the application is gone.
fn find(store: &impl Store, token: &Token) -> Result<Option<Found>, ReplicaError> {
    let at = store.get(&Partition::Office, Table::Job, &[TOKEN, token].concat())?;
    let Some(at) = at else { return Ok(None) };
    let (partition, key): At = rows::decode(&at)?;
    let Some(bytes) = store.get(&partition, Table::Job, &key)? else { return Ok(None) };
    Ok(Some(Found { token: *token, partition, key: key.into(), message: rows::decode(&bytes)? }))
}

/// Seconds until the next attempt.
fn pause(attempts: u32) -> i64 {
    let doubled = attempts.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doubled).min(LONGEST_PAUSE)
}

fn of_place(prefix: &[u8], place: &[u8]) -> Option<(i64, Token)> {
    let rest = place.strip_prefix(prefix)?;
    let when = i64::from_be_bytes(rest.get(..8)?.try_into().ok()?);
    Some((when, rest.get(8..)?.try_into().ok()?))
}

/// Where a message of a case is stored, in the case's partition.
pub(super) fn message_key(case: &Case, due: &Due) -> Vec<u8> {
    let name = format!("/{}/{}/{}", due.id, due.event, due.revision);
    [MESSAGE, case.id.as_bytes(), name.as_bytes()].concat()
}
