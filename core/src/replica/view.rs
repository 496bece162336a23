//! What people and scripts see of an application: the JSON that `show` prints, on phone and office alike.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::case::{Case, Standing};
use super::rows::{self, LateRow};
use super::{Replica, ReplicaError};
use crate::catalogue::Audience;
use crate::checks::{self, Form, Missing, What};
use crate::journal::body::Value as Held;
use crate::journal::{AttachmentHash, AuthorId, ChangeHash};
use crate::store::{Store, Table};
use crate::time::{jakarta, today};
use crate::workflow::{
    Available, ClockReading, Decision, Due, Event, Unreached, Who, act_label, available_all, clock,
    notifications, with_old_card,
};

/// Applications that are named as possible duplicates at most.
const MAX_DUPLICATES: usize = 20;
/// The warning that another application of the same person for the same service is open.
pub const DUPLICATE: &str = "permohonan_ganda";

/// What the surroundings know and the replica does not.
pub struct Surroundings<'a> {
    /// Seconds since 1970.
    pub now: i64,
    /// How far the work has come: `phone`, `carried`, `office` or `decided`.
    pub mark: &'a str,
    /// The state of a notification to the applicant.
    pub sms: &'a dyn Fn(&Due) -> Option<String>,
    /// The name of a member of staff.
    pub staff: &'a dyn Fn(u32) -> Option<String>,
    /// The device that asks, on a phone.
    pub me: Option<AuthorId>,
}

impl<S: Store> Replica<S> {
    /// What keeps the application from being submitted as it stands here.
    pub fn missing(&self, case: &Case, now: i64) -> Result<Vec<Missing>, ReplicaError> {
        self.missing_of(case, &case.document.registers(), &conflict_names(case), now)
    }

    /// As [`Replica::missing`], for given registers of the case: a frozen version's.
    pub fn missing_of(
        &self,
        case: &Case,
        registers: &BTreeMap<String, String>,
        conflicts: &BTreeSet<String>,
        now: i64,
    ) -> Result<Vec<Missing>, ReplicaError> {
        let mut missing = self.with_form(case, registers, conflicts, now, checks::missing)?;
        let twins = self.duplicates(case)?;
        if let Some(fingerprint) = duplicate_fingerprint(&twins)
            && registers.get(&format!("periksa/{DUPLICATE}")) != Some(&fingerprint)
        {
            missing.push(Missing {
                what: What::Warning,
                id: DUPLICATE.into(),
                sentence: duplicate_sentence(&twins),
            });
        }
        Ok(missing)
    }

    /// Warnings that hold now: id, sentence, ticked, and the fingerprint that a tick stores.
    pub fn warnings(&self, case: &Case, now: i64) -> Result<Vec<checks::WarningState>, ReplicaError> {
        let registers = case.document.registers();
        let mut warnings = self.with_form(case, &registers, &conflict_names(case), now, checks::warnings)?;
        let twins = self.duplicates(case)?;
        if let Some(fingerprint) = duplicate_fingerprint(&twins) {
            let ticked = registers.get(&format!("periksa/{DUPLICATE}")) == Some(&fingerprint);
            let (id, sentence) = (DUPLICATE.to_owned(), duplicate_sentence(&twins));
            warnings.push(checks::WarningState { id, sentence, ticked, fingerprint });
        }
        Ok(warnings)
    }

    /// Runs a check over the case's form.
    pub fn with_form<T: Default>(
        &self,
        case: &Case,
        registers: &BTreeMap<String, String>,
        conflicts: &BTreeSet<String>,
        now: i64,
        check: impl Fn(&Form<'_>) -> T,
    ) -> Result<T, ReplicaError> {
        let Some(file) = &case.service else { return Ok(T::default()) };
        let variant = case.reserved("_varian");
        let here = |hash: &AttachmentHash| {
            let row = self.attachment(&case.partition, hash).ok().flatten();
            row.is_some_and(|row| row.here || row.at_office)
        };
        Ok(check(&Form {
            service: &file.service,
            variant: variant.as_deref(),
            registers,
            conflicts,
            attachments_here: &here,
            today: today(now),
            regions: self.regions(),
        }))
    }

    /// Other open applications of the same person for the same service, by number.
    pub fn duplicates(&self, case: &Case) -> Result<Vec<String>, ReplicaError> {
        let Some(person) = self.row(&case.partition, &case.id)?.and_then(|row| row.person) else {
            return Ok(Vec::new());
        };
        let rows = self.store.scan(
            &crate::journal::Partition::Office,
            Table::Person,
            &person,
            None,
            MAX_DUPLICATES,
        )?;
        let mut numbers = Vec::new();
        for (_, at) in rows {
            let (partition, id) = rows::decode(&at)?;
            if id != case.id
                && let Some(row) = self.row(&partition, &id)?
            {
                numbers.push(row.number);
            }
        }
        Ok(numbers)
    }

    /// The officer behind an author, as people know them here.
    pub fn author_name(&self, case: &Case, author: &AuthorId) -> Result<String, ReplicaError> {
        if *author == self.office_author() {
            return Ok("Dinas".into());
        }
        let mut certificate = self.certificate(&case.partition, author)?;
        if certificate.is_none()
            && let Some(place) = case.reserved("_wilayah").and_then(|place| place.parse().ok())
        {
            certificate = self.certificate(&place, author)?;
        }
        let device = author.to_hex();
        let device = device.get(..8).unwrap_or_default();
        Ok(certificate.map_or_else(
            || format!("perangkat {device}"),
            |row| format!("{} ({device})", row.certificate.officer),
        ))
    }

    /// Open conflicts, each with its values, who wrote them and when (by their clock).
    pub fn conflicts(&self, case: &Case) -> Result<Vec<Value>, ReplicaError> {
        let mut all = Vec::new();
        for conflict in case.document.conflicts() {
            let mut values = Vec::new();
            for (value, change) in conflict.values {
                let Some(edit) = case.edit_of(&change) else { continue };
                let time = edit.edit.as_ref().map_or(0, |edit| edit.time);
                let author = self.author_name(case, &edit.author)?;
                values.push(json!({ "value": value, "author": author, "time": time_text(time) }));
            }
            all.push(json!({ "field": conflict.register, "values": values }));
        }
        Ok(all)
    }

    /// The whole of `show`.
    pub fn show(&self, case: &Case, around: &Surroundings<'_>) -> Result<Value, ReplicaError> {
        let row = self.row(&case.partition, &case.id)?.ok_or(ReplicaError::NotFound)?;
        let registers = case.document.registers();
        let state = case.state();
        let service = case.service.as_ref().map(|file| &file.service);
        let code = state.as_ref().map_or("DRAF", |state| state.code.as_str());
        let label = service.and_then(|service| service.state(code)).map_or(code, |info| info.label.as_str());
        let available = match (service, &state) {
            (Some(service), Some(state)) => {
                let surrender = self.with_form(
                    case,
                    &registers,
                    &BTreeSet::new(),
                    around.now,
                    checks::surrender_applies,
                )?;
                with_old_card(service, state, surrender, available_all(service, state))
            }
            _ => Vec::new(),
        };
        let site = |site: Option<crate::catalogue::Site>| json!(site);
        Ok(json!({
            "id": case.id.to_hex(),
            "number": row.number,
            "service": row.service,
            "version": row.version,
            "variant": row.variant,
            "place": row.place.map(|place| place.to_string()),
            "state": code,
            "label": label,
            "revision": row.revision,
            "mark": around.mark,
            "fields": fields_of(&registers),
            "registers": registers,
            "heads": hex(&case.document.heads()),
            "submitted": self.submitted(case, &registers),
            "attachments": self.attachments_of(case, &registers)?,
            "conflicts": self.conflicts(case)?,
            "warnings": self.warnings(case, around.now)?.iter().map(|w| json!({
                "id": w.id, "sentence": w.sentence, "ticked": w.ticked,
            })).collect::<Vec<_>>(),
            "missing": self.missing(case, around.now)?.iter().map(missing_json).collect::<Vec<_>>(),
            "available": available.iter().map(available_json).collect::<Vec<_>>(),
            "final": row.fin,
            "record": self.record(case, around)?,
            "papers": state.as_ref().map(|state| state.papers),
            "old_card": state.as_ref().map(|state| state.old_card),
            "service_time": match (service, &state) {
                (Some(service), Some(state)) => service_time(&clock(service, state, self.calendar(), around.now)),
                _ => Value::Null,
            },
            "duplicates": self.duplicates(case)?,
            "waiting": row.waiting,
            "held": self.held(case)?,
            "follow_ups": service.map(|service| service.follow_ups.iter().filter(|f| f.at == code).map(|f| {
                json!({ "service": f.service, "label": f.label })
            }).collect::<Vec<_>>()),
            "print_site": site(service.map(|service| service.print_site)),
            "pickup_site": site(service.map(|service| service.pickup_site)),
            "paper_site": site(service.and_then(|service| service.paper_site)),
            "notifications": self.sms(case, around),
            "notices": self.notices(case, around)?,
            "gone": self.gone_json(case, around)?,
        }))
    }

    /// Edits that are held: by the rules, as far as they are known here, and by the office, as its receipt says.
    fn held(&self, case: &Case) -> Result<Vec<Value>, ReplicaError> {
        let at_office = self.receipt(&case.partition)?.map(|receipt| receipt.held).unwrap_or_default();
        let held = case.edits.iter().filter_map(|edit| {
            let reason = match edit.standing {
                Standing::Held(hold) => hold.to_string(),
                _ if at_office.contains(&edit.hash) => HELD_THERE.to_owned(),
                _ => return None,
            };
            Some(json!({ "entry": edit.hash.to_hex(), "reason": reason }))
        });
        Ok(held.collect())
    }

    /// The frozen version, and how what is written since differs from it.
    fn submitted(&self, case: &Case, current: &BTreeMap<String, String>) -> Value {
        let Some(frozen) = case.state().and_then(|state| state.frozen.map(|f| (state.revision, f))) else {
            return Value::Null;
        };
        let (revision, frozen) = frozen;
        let Ok(fields) = case.document.registers_at(&frozen.heads) else { return Value::Null };
        let names: BTreeSet<_> = fields.keys().chain(current.keys()).collect();
        let differences: Vec<_> = names
            .into_iter()
            .filter(|name| !name.starts_with('_') && fields.get(*name) != current.get(*name))
            .map(|name| json!({ "field": name, "submitted": fields.get(name), "current": current.get(name) }))
            .collect();
        json!({
            "revision": revision,
            "heads": hex(&frozen.heads),
            "fields": fields_of(&fields),
            "registers": fields,
            "attachments": frozen.attachments.iter().map(AttachmentHash::to_hex).collect::<Vec<_>>(),
            "differences": differences,
        })
    }

    fn attachments_of(
        &self,
        case: &Case,
        registers: &BTreeMap<String, String>,
    ) -> Result<Vec<Value>, ReplicaError> {
        let mut all = Vec::new();
        for (name, value) in registers {
            let requirement = name.strip_prefix("lampiran/").and_then(|rest| rest.split('/').next());
            let (Some(requirement), Some((hash, bytes))) = (requirement, Held::parse_attachment(value))
            else {
                continue;
            };
            let row = self.attachment(&case.partition, &hash)?.unwrap_or_default();
            all.push(json!({
                "requirement": requirement, "register": name, "hash": hash.to_hex(), "bytes": bytes,
                "complete": row.here || row.at_office, "at_office": row.at_office,
            }));
        }
        Ok(all)
    }

    fn record(&self, case: &Case, around: &Surroundings<'_>) -> Result<Vec<Value>, ReplicaError> {
        case.record.iter().map(|decision| self.decision(case, decision, around)).collect()
    }

    /// A line of the official record.
    fn decision(
        &self,
        case: &Case,
        decision: &Decision,
        around: &Surroundings<'_>,
    ) -> Result<Value, ReplicaError> {
        let by = match &decision.actor.who {
            Who::Device(author) => self.author_name(case, author)?,
            Who::Staff(id) => (around.staff)(*id).unwrap_or_else(|| format!("staf {id}")),
            Who::Office => "sistem".into(),
        };
        let (outcome, refusal) = match &decision.kind {
            Event::Refused(refusal) => ("ditolak", Some(refusal)),
            Event::Contradiction(refusal) => ("bertentangan", Some(refusal)),
            _ => ("dicatat", None),
        };
        let label = act_label(case.service.as_ref().map(|file| &file.service), &decision.act);
        Ok(json!({
            "act": decision.act, "label": label, "by": by, "role": decision.actor.role, "at": time_text(decision.at),
            "claimed_at": decision.claimed_at.map(time_text), "reason": decision.reason,
            "marks": decision.marks.iter().cloned().collect::<BTreeMap<_, _>>(),
            "params": decision.params.iter().cloned().collect::<BTreeMap<_, _>>(),
            "revision": decision.revision, "outcome": outcome,
            "refusal": refusal.map(|r| r.code().to_owned()),
            "sentence": refusal.map(|r| r.sentence()),
        }))
    }

    /// What officers are told in the app, and whoever asks of work that came too late.
    fn notices(&self, case: &Case, around: &Surroundings<'_>) -> Result<Vec<Value>, ReplicaError> {
        let mut all = notices(case);
        let (Some(me), Some(remains)) = (&around.me, &case.remains) else { return Ok(all) };
        let late = self.late(&case.partition, &case.id, me)?;
        if late.edits + late.requests > 0 {
            let text = too_late(late);
            all.push(json!({ "id": "terlambat", "text": text, "at": time_text(remains.at) }));
        }
        Ok(all)
    }

    /// Why only an application's remains are here.
    fn gone_json(&self, case: &Case, around: &Surroundings<'_>) -> Result<Value, ReplicaError> {
        let Some(remains) = &case.remains else { return Ok(Value::Null) };
        let destroyed = self.gone(&case.partition, &case.id)?.is_some_and(|gone| gone.destroyed);
        let text = if destroyed { DESTROYED } else { RETIRED };
        let by = remains.staff.map(|id| (around.staff)(id).unwrap_or_else(|| format!("staf {id}")));
        Ok(json!({
            "destroyed": destroyed, "cause": remains.cause, "at": time_text(remains.at), "by": by,
            "reason": remains.reason, "text": text,
        }))
    }

    fn sms(&self, case: &Case, around: &Surroundings<'_>) -> Vec<Value> {
        let Some(file) = &case.service else { return Vec::new() };
        notifications(&file.service, &case.record)
            .iter()
            .filter(|due| due.audience.contains(&Audience::Pemohon))
            .map(|due| {
                let state = (around.sms)(due).unwrap_or_else(|| told_state(case, due));
                json!({ "id": due.id, "revision": due.revision, "state": state, "at": time_text(due.at) })
            })
            .collect()
    }
}

/// Why an edit is held that counts as far as is known here.
const HELD_THERE: &str =
    "ditahan Dinas, karena izin perangkat sudah berakhir saat isian ini sampai: hubungi Dinas";
/// What is said of an application of which phones keep the remains alone.
pub const RETIRED: &str = "permohonan sudah selesai: isian dan lampirannya kini hanya disimpan di Dinas";
/// What is said of one of which nobody keeps more.
pub const DESTROYED: &str =
    "permohonan sudah dimusnahkan sesuai aturan: isian dan lampirannya tidak ada lagi";

/// What an officer is told whose work came too late.
pub fn too_late(late: LateRow) -> String {
    let what = match (late.edits, late.requests) {
        (edits, 0) => format!("{edits} isian"),
        (0, requests) => format!("{requests} permintaan"),
        (edits, requests) => format!("{edits} isian dan {requests} permintaan"),
    };
    format!(
        "{what} Anda sampai setelah permohonan ini berakhir, sehingga tidak dipakai: bila masih perlu, buat \
         permohonan baru"
    )
}

/// What a replica without the office's own rows can say of an SMS: what the record tells of those that did not arrive, or
/// what will become of it.
fn told_state(case: &Case, due: &Due) -> String {
    let unreached = case.record.iter().rev().filter(|decision| decision.kind == Event::Unreached);
    match unreached.filter_map(Unreached::of).find(|one| one.is(due)) {
        Some(one) if one.doubtful => "tidak_pasti".into(),
        Some(_) => "gagal".into(),
        None => sms_state(case),
    }
}

/// What will become of an SMS, from what the frozen version says of phone and consent: `antri`, `tanpa_nomor` or
/// `tanpa_persetujuan`.
pub fn sms_state(case: &Case) -> String {
    let frozen = case.state().and_then(|state| state.frozen);
    let fields = frozen.and_then(|frozen| case.document.registers_at(&frozen.heads).ok()).unwrap_or_default();
    match (fields.get("telepon"), fields.get("setuju_sms").map(String::as_str)) {
        (None, _) => "tanpa_nomor".into(),
        (Some(_), Some("ya")) => "antri".into(),
        (Some(_), _) => "tanpa_persetujuan".into(),
    }
}

/// What officers are told in the app: refusals, returns, contradictions and what the catalogue addresses to them.
fn notices(case: &Case) -> Vec<Value> {
    let Some(file) = case.service.as_ref().filter(|_| case.remains.is_none()) else { return Vec::new() };
    let mut all: Vec<Value> = Vec::new();
    for decision in &case.record {
        let text = match &decision.kind {
            Event::Refused(refusal) => format!("Permintaan {} ditolak: {}", decision.act, refusal.sentence()),
            Event::Contradiction(refusal) => {
                format!("Laporan {} dicatat tetapi bertentangan: {}", decision.act, refusal.sentence())
            }
            _ => continue,
        };
        all.push(json!({ "id": decision.act, "text": text, "at": time_text(decision.at) }));
    }
    for due in notifications(&file.service, &case.record) {
        let decision = case.record.get(due.decision_index);
        let reason =
            decision.and_then(|d| d.reason.clone()).or_else(|| due.sebab.clone()).unwrap_or_default();
        let marks = decision.map(|d| d.marks.iter().cloned().collect::<BTreeMap<_, _>>()).unwrap_or_default();
        all.push(json!({ "id": due.id, "text": reason, "marks": marks, "at": time_text(due.at) }));
    }
    let open = case.state().map(|state| state.unreached).unwrap_or_default();
    for decision in case.record.iter().filter(|decision| decision.kind == Event::Unreached) {
        if let Some(one) = Unreached::of(decision).filter(|one| open.contains(one)) {
            all.push(json!({ "id": "sms", "text": one.sentence(), "at": time_text(decision.at) }));
        }
    }
    all
}

/// Registers with open conflicts.
pub fn conflict_names(case: &Case) -> BTreeSet<String> {
    case.document.conflicts().into_iter().map(|conflict| conflict.register).collect()
}

/// A time for people and scripts: ISO 8601 in Jakarta's time.
pub fn time_text(time: i64) -> String {
    format!("{}+07:00", jakarta(time))
}

/// An item of `missing`.
pub fn missing_json(missing: &Missing) -> Value {
    json!({ "what": missing.what.as_str(), "id": missing.id, "sentence": missing.sentence })
}

fn service_time(reading: &ClockReading) -> Value {
    json!({
        "clock": reading.mode, "worked_minutes": reading.worked_minutes, "limit_minutes": reading.limit_minutes,
        "overdue": reading.overdue, "step_minutes": reading.step_minutes,
        "step_limit_minutes": reading.step_limit_minutes, "step_overdue": reading.step_overdue,
    })
}

fn available_json(available: &Available) -> Value {
    json!({
        "act": available.act, "role": available.role, "label": available.label, "kind": available.kind,
        "needs": available.needs.iter().map(|need| json!({
            "id": need.id, "kind": need.kind, "label": need.label,
            "options": need.options, "many": need.many, "required": need.required,
        })).collect::<Vec<_>>(),
    })
}

fn hex(heads: &[ChangeHash]) -> Vec<String> {
    heads.iter().map(ChangeHash::to_hex).collect()
}

/// The form's fields among the registers: neither what the program keeps for itself nor collections.
fn fields_of(registers: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    let fields = registers.iter().filter(|(name, _)| !name.starts_with('_') && !name.contains('/'));
    fields.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn duplicate_fingerprint(twins: &[String]) -> Option<String> {
    if twins.is_empty() {
        return None;
    }
    let hash = blake3::derive_key("loket 1 duplicates", twins.join("\n").as_bytes());
    Some(data_encoding::HEXLOWER.encode(hash.get(..8).unwrap_or_default()))
}

fn duplicate_sentence(twins: &[String]) -> String {
    format!(
        "Orang ini sudah punya permohonan terbuka untuk layanan yang sama ({}): periksa dahulu, lalu tandai bila memang perlu.",
        twins.join(", ")
    )
}
