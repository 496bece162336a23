//! Edits: fields, scans, choices, ticks.

use std::path::Path;

use super::draft::{check_file, note_here};
use super::fields::{check_size, known_requirement, operation, unknown};
use super::pen::Pen;
use super::{ClientError, Phone};
use crate::catalogue::Service;
use crate::journal::body::{Op, Value};
use crate::journal::{AttachmentHash, EntryHash, Partition};
use crate::replica::ReplicaError;
use crate::replica::case::Case;
use crate::replica::write::text;
use crate::value;

/// A scan that was attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attached {
    /// Its hash.
    pub hash: AttachmentHash,
    /// Its size.
    pub bytes: u64,
}

impl Phone {
    /// Puts fields, as `set` takes them: only what is named is written, an empty text clears.
    pub fn set(&mut self, id: &str, fields: &[(String, String)]) -> Result<EntryHash, ClientError> {
        let at = self.editable(id)?;
        self.write(|pen| {
            let case = pen.case(&at)?;
            let service = service_of(&case)?;
            let mut ops: Vec<Op> = Vec::new();
            for (field, typed) in fields {
                let op = operation(&service.service, field, typed, pen.random())?;
                ops.retain(|other| other.register != op.register);
                ops.push(op);
            }
            // Clearing what is not there is no change.
            let registers = case.document.registers();
            ops.retain(|op| op.value != Value::Clear || registers.contains_key(&op.register));
            check_size(&ops)?;
            pen.edit(case, ops).map(|case| case.id)
        })
    }

    /// Attaches a scan to a requirement, beside those that are attached.
    pub fn attach(&mut self, id: &str, requirement: &str, path: &Path) -> Result<Attached, ClientError> {
        let at = self.editable(id)?;
        let case = self.replica.case(&at.0, &at.1)?;
        known_requirement(&service_of(&case)?.service, requirement)?;
        check_file(path)?;
        let (hash, bytes) = self.files.import(path)?;
        let attached = self.write(|pen| {
            let case = pen.case(&at)?;
            let prefix = format!("lampiran/{requirement}/");
            let registers = case.document.registers();
            let used = registers.keys().filter_map(|name| name.strip_prefix(&prefix)?.parse::<u32>().ok());
            let n = used.max().unwrap_or(0).saturating_add(1);
            let op = Op { register: format!("{prefix}{n}"), value: Value::Attachment(hash, bytes) };
            let case = pen.edit(case, vec![op])?;
            note_here(pen.replica, &case.partition, &hash, true, false)?;
            Ok(Attached { hash, bytes })
        })?;
        if !self.files.contains(&hash)? {
            // Another process let it go just before, with an application that nobody keeps any more.
            self.files.import(path)?;
        }
        Ok(attached)
    }

    /// Settles a conflict: one of the values that stand beside each other becomes the value.
    pub fn choose(&mut self, id: &str, field: &str, typed: &str) -> Result<EntryHash, ClientError> {
        let at = self.editable(id)?;
        self.write(|pen| {
            let case = pen.case(&at)?;
            let service = service_of(&case)?;
            let conflicts = case.document.conflicts();
            let Some(conflict) = conflicts.iter().find(|conflict| conflict.register == field) else {
                return Err(no_such_conflict(field, conflicts.iter().map(|c| c.register.as_str())));
            };
            let values: Vec<&str> = conflict.values.iter().map(|(value, _)| value.as_str()).collect();
            let chosen = chosen(&service.service, field, typed, &values).ok_or_else(|| {
                ReplicaError::refused(format!(
                    "{field}: pilih persis salah satu nilai yang bertentangan; lihat `conflicts`"
                ))
            })?;
            pen.edit(case, vec![chosen]).map(|case| case.id)
        })
    }

    /// Ticks a warning off: somebody has looked at it. Once what it is about changes, it asks again.
    pub fn tick(&mut self, id: &str, warning: &str) -> Result<EntryHash, ClientError> {
        let at = self.editable(id)?;
        self.write(|pen| {
            let case = pen.case(&at)?;
            let warnings = pen.replica.warnings(&case, pen.now)?;
            let Some(found) = warnings.iter().find(|found| found.id == warning) else {
                return Err(unknown("peringatan", warning, warnings.iter().map(|found| found.id.as_str())));
            };
            let op = text(&format!("periksa/{}", found.id), &found.fingerprint);
            pen.edit(case, vec![op]).map(|case| case.id)
        })
    }

    /// The application of this name, if this device may write in it.
    fn editable(&self, id: &str) -> Result<(Partition, EntryHash), ClientError> {
        let found = self.find(id)?;
        if found.row.fin {
            return Err(ClientError::refused(
                "permohonan sudah selesai dan tidak dapat diubah: bila perlu, buat permohonan baru",
            ));
        }
        let at = (found.partition, found.id);
        self.may_write(&at)?;
        Ok(at)
    }

    /// Refuses where the office would hold it back. Who opened a need-to-know application writes in it before its
    /// partition has a certificate.
    pub(super) fn may_write(&self, at: &(Partition, EntryHash)) -> Result<(), ClientError> {
        if matches!(at.0, Partition::NeedToKnow(_))
            && self.replica.certificate(&at.0, &self.author())?.is_none()
        {
            let case = self.replica.case(&at.0, &at.1)?;
            if case.edits.iter().any(|edit| edit.hash == at.1 && edit.author == self.author()) {
                return Ok(());
            }
        }
        self.check_writer(&at.0)
    }
}

/// The service's file of a case.
pub(super) fn service_of(case: &Case) -> Result<std::sync::Arc<crate::catalogue::ServiceFile>, ReplicaError> {
    case.service.clone().ok_or_else(|| {
        ReplicaError::refused("versi layanan permohonan ini belum ada di perangkat: sinkronkan dahulu")
    })
}

fn no_such_conflict<'a>(field: &str, open: impl Iterator<Item = &'a str>) -> ReplicaError {
    let open: Vec<&str> = open.collect();
    if open.is_empty() {
        return ReplicaError::refused("tidak ada isian yang bertentangan pada permohonan ini");
    }
    unknown("isian yang bertentangan", field, open.into_iter())
}

/// The operation that writes one of the values of a conflict.
fn chosen(service: &Service, field: &str, typed: &str, values: &[&str]) -> Option<Op> {
    let register = field.to_owned();
    if field.starts_with("lampiran/") {
        let named =
            |value: &&&str| **value == typed || (typed.len() >= 8 && value.split(' ').next() == Some(typed));
        let (hash, bytes) = Value::parse_attachment(values.iter().find(named)?)?;
        return Some(Op { register, value: Value::Attachment(hash, bytes) });
    }
    if values.contains(&typed) {
        return Some(text(field, typed));
    }
    let known = service.field(field)?;
    let canonical = value::parse(known.kind, &known.options, known.many, typed).ok()?;
    values.contains(&canonical.as_str()).then(|| text(field, &canonical))
}

impl Pen<'_> {
    /// The service's file of a case.
    pub(super) fn service(
        &self,
        case: &Case,
    ) -> Result<std::sync::Arc<crate::catalogue::ServiceFile>, ReplicaError> {
        service_of(case)
    }
}
