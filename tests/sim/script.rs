//! What people do: officers on their phones, staff at the office. Drawn, but after the catalogue alone.

use loket_core::catalogue::{ActKind, Need, OutcomeKind, Service};
use loket_core::checks::{Missing, What};
use loket_core::journal::body::{Op, Value};
use loket_core::journal::{AttachmentHash, EntryHash, Partition};
use loket_core::number::Number;
use loket_core::replica::ReplicaError;
use loket_core::replica::case::Case;
use loket_core::replica::write::{Asked, Author, Opening, text};
use loket_core::store::Store;
use loket_core::time::today;
use loket_core::workflow::{Available, NEED_REASON, ReasonNeed, available, available_all};
use loket_server::office::desk::{ActError, DeskAct};

use super::dice::Dice;
use super::invariants;
use super::world::{Event, Phone, World};

/// What is said to a correction that corrects nothing.
const NOTHING: &str = "tidak ada yang berubah";
/// Applications of one world; enough to meet, few enough to be quick.
const MOST: u64 = 9;

impl World {
    /// An officer does something, and will do something again.
    pub fn officer(&mut self, phone: usize) -> Result<(), String> {
        if !self.faulty {
            return Ok(());
        }
        match self.officer_does(phone) {
            Ok(what) => {
                self.note(format!("officer of phone {phone}: {what}"));
                self.count(what);
            }
            Err(ReplicaError::Refused(_)) => self.count("officer refused by the phone"),
            Err(error) => self.phone_failed(phone, "work", &error)?,
        }
        if self.dice.chance(15) {
            // As a backup of the phone would.
            let copy = self.phones[phone].replica.store.crashed();
            self.phones[phone].saved.push(copy);
        }
        if self.dice.chance(75) {
            let soon = self.dice.range(0, 3_000);
            self.after(soon, Event::Seal(phone));
        }
        let next = if self.dice.chance(60) {
            self.dice.range(1_000, 60_000)
        } else {
            self.dice.range(60_000, 7_200_000)
        };
        self.after(next, Event::Officer(phone));
        Ok(())
    }

    fn officer_does(&mut self, phone: usize) -> Result<&'static str, ReplicaError> {
        let now = self.seconds() + self.phones[phone].clock;
        let known = self.counts.get("opened").copied().unwrap_or(0);
        let p = &mut self.phones[phone];
        let mut open = Vec::new();
        p.replica.for_each_application(|partition, id, row| {
            if !row.fin {
                open.push((partition, id));
            }
            Ok(())
        })?;
        let fresh = open.is_empty() || self.dice.chance(12);
        if fresh {
            if known >= MOST || p.revoked {
                return Ok("looks");
            }
            return begin(p, &mut self.dice, now);
        }
        let (partition, id) = *self.dice.pick(&open);
        let case = p.replica.case(&partition, &id)?;
        match self.dice.below(100) {
            0..=24 => fill(p, &mut self.dice, case, now),
            25..=29 => attach(p, &mut self.dice, case, now),
            30..=36 => choose(p, &mut self.dice, case, now),
            37..=41 => remark(p, &mut self.dice, case, now),
            42..=44 => request(p, &mut self.dice, case, now, &["tarik"]),
            45..=72 => submit(p, &mut self.dice, case, now),
            _ => report(p, &mut self.dice, case, now),
        }
    }

    /// A member of staff does something that may be done, and another will soon.
    pub fn staff_acts(&mut self) -> Result<(), String> {
        if !self.faulty {
            return Ok(());
        }
        let next = self.dice.range(5_000, 240_000);
        self.after(next, Event::Staff);
        let mut open = Vec::new();
        let each = |partition, id, row: loket_core::replica::rows::ApplicationRow| {
            if !row.fin && row.revision > 0 {
                open.push((partition, id));
            }
            Ok(())
        };
        self.office.replica.for_each_application(each).map_err(|e| e.to_string())?;
        if open.is_empty() {
            return Ok(());
        }
        let (partition, id) = *self.dice.pick(&open);
        let case = self.office.replica.case(&partition, &id).map_err(|e| e.to_string())?;
        let Some(act) = self.staff_act(&case) else { return Ok(()) };
        self.do_act(&partition, &id, act)
    }

    fn staff_act(&mut self, case: &Case) -> Option<DeskAct> {
        let file = case.service.clone()?;
        let state = case.state()?;
        let mine = |offer: &Available| self.staff.iter().any(|(_, role)| *role == offer.role);
        let offers: Vec<_> = available_all(&file.service, &state).into_iter().filter(mine).collect();
        let straight: Vec<_> = offers
            .iter()
            .filter(|offer| offer.outcome.is_none() && offer.kind != ActKind::Tarik)
            .cloned()
            .collect();
        let from = if self.dice.chance(85) && !straight.is_empty() { &straight } else { &offers };
        if from.is_empty() {
            return None;
        }
        let offer = self.dice.pick(from).clone();
        let staff: Vec<u32> =
            self.staff.iter().filter(|(_, role)| *role == offer.role).map(|(id, _)| *id).collect();
        let mut params = told(&mut self.dice, &offer);
        let correct =
            file.service.detours.iter().any(|detour| detour.act == offer.act) || self.dice.chance(15);
        if correct && self.dice.chance(80) {
            let field = self.dice.pick(&file.service.fields).clone();
            params.push((
                format!("isian.{}", field.id),
                self.dice.value(field.kind, &field.options, field.many),
            ));
        }
        let reason =
            (offer.reason != ReasonNeed::None || self.dice.chance(10)).then(|| "alasan contoh".to_owned());
        Some(DeskAct { act: offer.act, staff: *self.dice.pick(&staff), reason, params })
    }

    fn do_act(&mut self, partition: &Partition, id: &EntryHash, act: DeskAct) -> Result<(), String> {
        let what = format!("staff {} {}", act.staff, act.act);
        let (now, dice) = (self.seconds(), &mut self.dice);
        let done = self.office.write(|office| {
            office.act(partition, id, act, now, &mut |bytes| dice.fill(bytes)).map_err(|error| match error {
                ActError::Refused(refusal) => ReplicaError::refused(refusal.code()),
                ActError::Replica(error) => error,
            })
        });
        match done {
            Ok((_, news)) => {
                self.note(&what);
                self.count("staff acts");
                invariants::after_commit(self)?;
                self.wake(&news)
            }
            Err(ReplicaError::Refused(code)) => {
                self.count(&format!("staff refused: {code}"));
                // Words rather than a code: that is no rule's answer.
                if code.contains(' ') && code != NOTHING { Err(format!("{what}: {code}")) } else { Ok(()) }
            }
            Err(error) => Err(format!("{what}: {error}")),
        }
    }
}

fn write(
    p: &mut Phone,
    dice: &mut Dice,
    work: impl FnOnce(
        &mut loket_core::replica::Replica<loket_core::store::memory::MemoryStore>,
        &Author<'_>,
        &mut Dice,
    ) -> Result<(), ReplicaError>,
) -> Result<(), ReplicaError> {
    let key = &p.key;
    p.replica.transaction(|replica| {
        let epoch = replica.epoch(&mut |bytes| dice.fill(bytes))?;
        let author = Author { signer: key, epoch };
        work(replica, &author, dice)?;
        // What is written is signed in the same transaction, as the client does.
        for partition in replica.store.partitions()? {
            replica.seal(&author, partition)?;
        }
        Ok(())
    })
}

fn begin(p: &mut Phone, dice: &mut Dice, now: i64) -> Result<&'static str, ReplicaError> {
    let services: Vec<String> = p.replica.catalogue().services().map(str::to_owned).collect();
    // One in four is need-to-know, which has its own ways to go wrong.
    let secret = |p: &Phone, id: &String| {
        let file = p.replica.catalogue().current(id, today(now));
        file.is_some_and(|file| file.service.privacy == loket_core::catalogue::Privacy::PerluTahu)
    };
    let wanted = dice.chance(25);
    let from: Vec<&String> = services.iter().filter(|id| secret(p, id) == wanted).collect();
    let service: &str = dice.pick(&from).as_str();
    let Some(file) = p.replica.catalogue().current(service, today(now)) else { return Ok("looks") };
    let variant = (!file.service.variants.is_empty()).then(|| dice.pick(&file.service.variants).id.clone());
    let place = *dice.pick(&p.places);
    let Partition::Place(village) = place else { return Ok("looks") };
    p.begun += 1;
    let number = Number::new(village, 2026, u32::from_be_bytes(p.author.0[..4].try_into().unwrap()), p.begun);
    let number = number.unwrap().to_string();
    let fields = some_fields(dice, &file.service, 3);
    write(p, dice, |replica, author, dice| {
        let opening =
            Opening { file: &file, variant: variant.as_deref(), place, number: &number, from: None };
        replica.open_application(author, &opening, fields, now, &mut |bytes| dice.fill(bytes)).map(drop)
    })?;
    Ok("opened")
}

fn some_fields(dice: &mut Dice, service: &Service, most: usize) -> Vec<Op> {
    let mut fields: Vec<_> = service.fields.iter().collect();
    dice.shuffle(&mut fields);
    let many = 1 + dice.below(most);
    fields
        .into_iter()
        .take(many)
        .map(|field| text(&field.id, &dice.value(field.kind, &field.options, field.many)))
        .collect()
}

fn edit(p: &mut Phone, dice: &mut Dice, case: Case, ops: Vec<Op>, now: i64) -> Result<(), ReplicaError> {
    write(p, dice, |replica, author, dice| {
        replica.edit(author, case, ops, now, &mut |bytes| dice.fill(bytes)).map(drop)
    })
}

fn fill(p: &mut Phone, dice: &mut Dice, case: Case, now: i64) -> Result<&'static str, ReplicaError> {
    let Some(file) = case.service.clone() else { return Ok("looks") };
    let mut ops = some_fields(dice, &file.service, 4);
    if dice.chance(10) {
        let register =
            case.document.registers().into_keys().filter(|name| !name.starts_with('_')).nth(dice.below(5));
        let free = |register: &String| !ops.iter().any(|op| op.register == *register);
        if let Some(register) = register.filter(free) {
            ops.push(Op { register, value: Value::Clear });
        }
    }
    edit(p, dice, case, ops, now)?;
    Ok("edited")
}

/// A scan for a requirement: mostly a new one, sometimes one that is known already.
fn scan(p: &mut Phone, dice: &mut Dice, case: &Case, requirement: &str) -> Result<Op, ReplicaError> {
    let known = invariants::scans(&p.replica).unwrap_or_default();
    let again = known
        .iter()
        .filter(|(partition, _, row)| *partition == case.partition && row.here)
        .collect::<Vec<_>>();
    let (hash, bytes) = if !again.is_empty() && dice.chance(20) {
        let (_, hash, row) = dice.pick(&again);
        (*hash, row.bytes)
    } else {
        let mut hash = [0; 32];
        dice.fill(&mut hash);
        (AttachmentHash(hash), dice.range(20_000, 400_000))
    };
    let partition = case.partition;
    p.replica.transaction(|replica| {
        let mut row = replica.attachment(&partition, &hash)?.unwrap_or_default();
        row.bytes = bytes;
        row.here = true;
        replica.put_attachment(&partition, &hash, &row)
    })?;
    let register = format!("lampiran/{requirement}/{}", dice.range(1, 2));
    Ok(Op { register, value: Value::Attachment(hash, bytes) })
}

fn attach(p: &mut Phone, dice: &mut Dice, case: Case, now: i64) -> Result<&'static str, ReplicaError> {
    let Some(file) = case.service.clone() else { return Ok("looks") };
    let requirement = dice.pick(&file.service.requirements).id.clone();
    let op = scan(p, dice, &case, &requirement)?;
    edit(p, dice, case, vec![op], now)?;
    Ok("attached")
}

fn choose(p: &mut Phone, dice: &mut Dice, case: Case, now: i64) -> Result<&'static str, ReplicaError> {
    let conflicts = case.document.conflicts();
    if conflicts.is_empty() {
        return Ok("looks");
    }
    let op = choice(dice, &conflicts[0]);
    edit(p, dice, case, vec![op], now)?;
    Ok("chose")
}

fn choice(dice: &mut Dice, conflict: &loket_core::application::Conflict) -> Op {
    let value = dice.pick(&conflict.values).0.clone();
    match Value::parse_attachment(&value) {
        Some((hash, bytes)) if conflict.register.starts_with("lampiran/") => {
            Op { register: conflict.register.clone(), value: Value::Attachment(hash, bytes) }
        }
        _ => text(&conflict.register, &value),
    }
}

fn remark(p: &mut Phone, dice: &mut Dice, case: Case, now: i64) -> Result<&'static str, ReplicaError> {
    let op = text(&format!("catatan/{:08x}", dice.next() as u32), "sudah diperiksa");
    edit(p, dice, case, vec![op], now)?;
    Ok("remarked")
}

/// Completes what is missing, and submits; sometimes too early.
fn submit(p: &mut Phone, dice: &mut Dice, case: Case, now: i64) -> Result<&'static str, ReplicaError> {
    let (partition, id) = (case.partition, case.id);
    let mut case = case;
    if dice.chance(92) {
        for _ in 0..10 {
            let missing = p.replica.missing(&case, now)?;
            if missing.is_empty() {
                break;
            }
            let mut ops = complete(p, dice, &case, &missing, now)?;
            ops.dedup_by(|a, b| a.register == b.register);
            edit(p, dice, case, ops, now)?;
            case = p.replica.case(&partition, &id)?;
        }
    }
    request(p, dice, case, now, &["ajukan"])?;
    Ok("submitted")
}

fn complete(
    p: &mut Phone,
    dice: &mut Dice,
    case: &Case,
    missing: &[Missing],
    now: i64,
) -> Result<Vec<Op>, ReplicaError> {
    let Some(file) = case.service.clone() else { return Ok(Vec::new()) };
    let mut ops: Vec<Op> = Vec::new();
    for one in missing {
        if ops.iter().any(|op| op.register == one.id) {
            continue;
        }
        match one.what {
            What::Field => {
                if let Some(field) = file.service.field(&one.id) {
                    ops.push(text(&field.id, &dice.value(field.kind, &field.options, field.many)));
                }
            }
            What::Requirement => ops.push(scan(p, dice, case, &one.id)?),
            What::Conflict => {
                let conflicts = case.document.conflicts();
                ops.extend(conflicts.iter().find(|c| c.register == one.id).map(|c| choice(dice, c)));
            }
            What::Warning => {
                let warnings = p.replica.warnings(case, now)?;
                let warning = warnings.iter().find(|warning| warning.id == one.id);
                ops.extend(warning.map(|w| text(&format!("periksa/{}", w.id), &w.fingerprint)));
            }
            What::Attachment => {}
        }
    }
    Ok(ops)
}

fn request(
    p: &mut Phone,
    dice: &mut Dice,
    case: Case,
    now: i64,
    acts: &[&str],
) -> Result<&'static str, ReplicaError> {
    let act = (*dice.pick(acts)).to_owned();
    let freezes = act == "ajukan";
    ask(
        p,
        dice,
        &case,
        Asked { act, freezes, reason: Some("alasan contoh".into()), params: Vec::new() },
        now,
    )?;
    Ok("withdrew")
}

fn ask(p: &mut Phone, dice: &mut Dice, case: &Case, asked: Asked, now: i64) -> Result<(), ReplicaError> {
    write(p, dice, |replica, author, dice| {
        replica.request(author, case, asked, now, &mut |bytes| dice.fill(bytes)).map(drop)
    })
}

/// Reports what an officer of this role may report: printed, sent, received, handed over. Sometimes what is not
/// its turn yet.
fn report(p: &mut Phone, dice: &mut Dice, case: Case, now: i64) -> Result<&'static str, ReplicaError> {
    let (Some(file), Some(state)) = (case.service.clone(), case.state()) else { return Ok("looks") };
    let mut offers = available(&file.service, &state, p.role);
    offers.retain(|offer| !matches!(offer.kind, ActKind::Ajukan | ActKind::Tarik));
    if offers.is_empty() || dice.chance(5) {
        let mine: Vec<_> = file.service.steps.iter().filter(|step| step.roles.contains(&p.role)).collect();
        if mine.is_empty() {
            return Ok("looks");
        }
        let step = *dice.pick(&mine);
        let params = step.needs.iter().map(|need| (need.id.clone(), need_value(dice, need))).collect();
        let freezes = step.kind == ActKind::Ajukan;
        ask(p, dice, &case, Asked { act: step.act.clone(), freezes, reason: None, params }, now)?;
        return Ok("reported out of turn");
    }
    let offer = dice.pick(&offers).clone();
    let params = told(dice, &offer);
    let reason = (offer.reason != ReasonNeed::None).then(|| "alasan contoh".to_owned());
    ask(p, dice, &case, Asked { act: offer.act, freezes: false, reason, params }, now)?;
    Ok("reported")
}

fn need_value(dice: &mut Dice, need: &Need) -> String {
    dice.value(need.kind, &need.options, need.many)
}

/// What an act is told: all that is required, and now and then the rest.
fn told(dice: &mut Dice, offer: &Available) -> Vec<(String, String)> {
    let mut params = Vec::new();
    for need in &offer.needs {
        let mark = need.id.starts_with("tanda.");
        let wanted = match mark {
            true => offer.outcome == Some(OutcomeKind::Return) && dice.chance(20),
            false => need.required || need.id == NEED_REASON || dice.chance(70),
        };
        if wanted {
            params.push((need.id.clone(), if mark { "buram".into() } else { need_value(dice, need) }));
        }
    }
    params
}
