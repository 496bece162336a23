//! New applications: checked as a whole, then written, many in one transaction.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fields::{check_size, known_requirement, operation, unknown};
use super::pen::Pen;
use super::{ClientError, Phone};
use crate::attachment::{AttachmentError, MAX_ATTACHMENT};
use crate::catalogue::{Privacy, ServiceFile};
use crate::journal::body::{Op, Value};
use crate::journal::{AttachmentHash, AuthorId, EntryHash, Partition, Place};
use crate::replica::rules::may_edit;
use crate::replica::write::Opening;
use crate::replica::{Replica, ReplicaError};
use crate::store::Store;
use crate::time::today;
use crate::value;

/// Applications that one transaction opens.
pub const GROUP: usize = 64;

/// A new application, as somebody asks for it.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The service.
    pub service: String,
    /// The variant; the first where none is named.
    pub variant: Option<String>,
    /// Where it is filed; the device's first partition where none is named.
    pub place: Option<Place>,
    /// The application it follows from, whose fields and scans are copied: number or id.
    pub link: Option<String>,
    /// Fields with what was typed.
    pub fields: Vec<(String, String)>,
    /// Requirements with their scans.
    pub attachments: Vec<(String, PathBuf)>,
}

/// A new application that was found to be in order.
pub struct Ready {
    file: Arc<ServiceFile>,
    variant: Option<String>,
    place: Place,
    from: Option<EntryHash>,
    ops: Vec<Op>,
    attachments: Vec<(String, PathBuf)>,
    /// Scans that are known already: requirement, hash, size, whether they are here, and at the office.
    copied: Vec<Copied>,
}

struct Copied {
    requirement: String,
    hash: AttachmentHash,
    bytes: u64,
    here: bool,
    at_office: bool,
}

/// What a linked application takes over from the one before.
#[derive(Default)]
struct TakenOver {
    from: Option<EntryHash>,
    ops: Vec<Op>,
    scans: Vec<Copied>,
}

/// An application that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub id: EntryHash,
    /// Its registration number.
    pub number: String,
    /// Its service.
    pub service: String,
    /// Its variant.
    pub variant: Option<String>,
}

impl Phone {
    /// Checks a new application; nothing is written.
    pub fn check(&self, draft: &Draft) -> Result<Ready, ClientError> {
        let file = self.replica.catalogue().current(&draft.service, today(self.now()));
        let file =
            file.ok_or_else(|| unknown("layanan", &draft.service, self.replica.catalogue().services()))?;
        let variant = variant_of(&file, draft.variant.as_deref())?;
        let place = self.place_of(draft.place)?;
        let TakenOver { from, mut ops, scans: copied } = match &draft.link {
            Some(link) => self.copy_of(&file, link, place)?,
            None => TakenOver::default(),
        };
        for (field, typed) in &draft.fields {
            let mut random = [0; 8];
            getrandom::fill(&mut random).map_err(|_| {
                ClientError::refused("perangkat tidak dapat membuat bilangan acak: mulai ulang")
            })?;
            let op = operation(&file.service, field, typed, random)?;
            ops.retain(|other| other.register != op.register);
            if op.value != Value::Clear {
                ops.push(op);
            }
        }
        check_size(&ops)?;
        for (requirement, path) in &draft.attachments {
            known_requirement(&file.service, requirement)?;
            check_file(path)?;
        }
        Ok(Ready { file, variant, place, from, ops, attachments: draft.attachments.clone(), copied })
    }

    /// Opens applications. `each` is told after every transaction how many are durable. Scans are taken in before
    /// the applications that name them.
    pub fn create(
        &mut self,
        drafts: &[Ready],
        each: &mut dyn FnMut(usize),
    ) -> Result<Vec<Created>, ClientError> {
        let mut created = Vec::with_capacity(drafts.len());
        // One file often serves many applications; it is taken in once.
        let mut taken: BTreeMap<&Path, (AttachmentHash, u64)> = BTreeMap::new();
        for group in drafts.chunks(GROUP) {
            let mut with_scans = Vec::with_capacity(group.len());
            for draft in group {
                let mut scans = Vec::with_capacity(draft.attachments.len());
                for (requirement, path) in &draft.attachments {
                    let (hash, bytes) = match taken.get(path.as_path()) {
                        Some(known) => *known,
                        None => self.files.import(path)?,
                    };
                    taken.insert(path, (hash, bytes));
                    let requirement = requirement.clone();
                    scans.push(Copied { requirement, hash, bytes, here: true, at_office: false });
                }
                with_scans.push((draft, scans));
            }
            let me = self.author();
            let written = self.write(|pen| {
                with_scans
                    .iter()
                    .map(|(draft, scans)| open(pen, &me, draft, scans))
                    .collect::<Result<Vec<_>, _>>()
            })?;
            created.extend(written);
            each(created.len());
        }
        Ok(created)
    }

    /// Where a new application is filed.
    fn place_of(&self, asked: Option<Place>) -> Result<Place, ClientError> {
        let place = match asked {
            Some(place) => place,
            None => self
                .partitions()?
                .iter()
                .find_map(|partition| match partition {
                    Partition::Place(place) => Some(*place),
                    _ => None,
                })
                .ok_or_else(|| {
                    ClientError::refused("perangkat ini tidak punya wilayah kerja: hubungi Dinas")
                })?,
        };
        self.check_writer(&Partition::Place(place))?;
        Ok(place)
    }

    /// Refuses to write where the office would hold it back.
    pub(super) fn check_writer(&self, partition: &Partition) -> Result<(), ClientError> {
        let Some(row) = self.replica.certificate(partition, &self.author())? else {
            return Err(ClientError::refused(format!(
                "wilayah {partition} belum ada di perangkat ini: sinkronkan dahulu, atau pilih wilayah kerja Anda"
            )));
        };
        if row.revoked.is_some() || super::ended::has_ended(&self.replica, partition)? {
            return Err(ClientError::refused(
                "izin perangkat ini di wilayah itu sudah berakhir, dan yang ditulis akan ditahan Dinas: hubungi Dinas",
            ));
        }
        if !may_edit(row.certificate.role) {
            return Err(ClientError::refused(format!(
                "peran {} tidak mengisi permohonan: mintalah operator desa atau kecamatan",
                super::profile::role_text(row.certificate.role)
            )));
        }
        Ok(())
    }

    /// What a linked application takes over: fields that fit, and scans of requirements that both ask.
    fn copy_of(&self, file: &ServiceFile, link: &str, place: Place) -> Result<TakenOver, ClientError> {
        let found = self.find(link)?;
        let case = self.replica.case(&found.partition, &found.id)?;
        let apart = |privacy| privacy == Privacy::PerluTahu;
        if case.remains.is_some() {
            return Err(ClientError::refused(
                "isian permohonan asal sudah tidak disimpan di HP ini: buat tanpa --link dan isi lagi",
            ));
        }
        if matches!(case.partition, Partition::NeedToKnow(_)) && !apart(file.service.privacy) {
            return Err(ClientError::refused(
                "permohonan asal bersifat rahasia dan tidak dapat disalin ke layanan biasa: buat tanpa --link",
            ));
        }
        let target = (!apart(file.service.privacy)).then_some(Partition::Place(place));
        let (mut ops, mut scans) = (Vec::new(), Vec::new());
        for (register, text) in case.document.registers() {
            if let Some(field) = file.service.field(&register) {
                let fits = value::parse(field.kind, &field.options, field.many, &text);
                if fits.is_ok_and(|canonical| canonical == text) {
                    ops.push(crate::replica::write::text(&register, &text));
                }
            }
            let requirement = register.strip_prefix("lampiran/").and_then(|rest| rest.split('/').next());
            let (Some(requirement), Some((hash, bytes))) = (requirement, Value::parse_attachment(&text))
            else {
                continue;
            };
            let here = self.files.contains(&hash)?;
            let row = self.replica.attachment(&case.partition, &hash)?;
            let at_office = target == Some(case.partition) && row.is_some_and(|row| row.at_office);
            // A scan that nobody could bring to the office under its new name is better taken again.
            if (here || at_office) && file.service.requirement(requirement).is_some() {
                scans.push(Copied { requirement: requirement.to_owned(), hash, bytes, here, at_office });
            }
        }
        Ok(TakenOver { from: Some(case.id), ops, scans })
    }
}

fn variant_of(file: &ServiceFile, asked: Option<&str>) -> Result<Option<String>, ReplicaError> {
    let variants = &file.service.variants;
    match asked {
        None => Ok(variants.first().map(|variant| variant.id.clone())),
        Some(id) if variants.iter().any(|variant| variant.id == id) => Ok(Some(id.to_owned())),
        Some(id) => Err(unknown("varian", id, variants.iter().map(|variant| variant.id.as_str()))),
    }
}

/// Refuses a scan that is not there or does not fit, before anything is written.
pub(super) fn check_file(path: &Path) -> Result<(), ClientError> {
    let found = match std::fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ClientError::refused(format!(
                "berkas {} tidak ada: periksa nama dan foldernya",
                path.display()
            )));
        }
        Err(error) => return Err(AttachmentError::Broken(error.kind()).into()),
    };
    if !found.is_file() || found.len() == 0 {
        return Err(ClientError::refused(format!(
            "berkas {} kosong atau bukan berkas: pilih hasil pindaian yang benar",
            path.display()
        )));
    }
    if found.len() > MAX_ATTACHMENT { Err(AttachmentError::TooLarge.into()) } else { Ok(()) }
}

fn open(pen: &mut Pen<'_>, me: &AuthorId, draft: &Ready, scans: &[Copied]) -> Result<Created, ReplicaError> {
    let number = pen.replica.next_number(draft.place, me, pen.now)?;
    let from = draft.from.map(|from| from.to_hex());
    let opening = Opening {
        file: &draft.file,
        variant: draft.variant.as_deref(),
        place: Partition::Place(draft.place),
        number: &number,
        from: from.as_deref(),
    };
    let mut ops = draft.ops.clone();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let all = || draft.copied.iter().chain(scans);
    for scan in all() {
        let n = counts.entry(&scan.requirement).or_default();
        *n += 1;
        let register = format!("lampiran/{}/{n}", scan.requirement);
        ops.push(Op { register, value: Value::Attachment(scan.hash, scan.bytes) });
    }
    check_size(&ops)?;
    let case = pen.open(&opening, ops)?;
    for scan in all() {
        note_here(pen.replica, &case.partition, &scan.hash, scan.here, scan.at_office)?;
    }
    let (service, variant) = (draft.file.service.service.clone(), draft.variant.clone());
    Ok(Created { id: case.id, number, service, variant })
}

/// Remembers where a scan is, which an entry of this partition already names.
pub(super) fn note_here(
    replica: &mut Replica<impl Store>,
    partition: &Partition,
    hash: &AttachmentHash,
    here: bool,
    at_office: bool,
) -> Result<(), ReplicaError> {
    let Some(mut row) = replica.attachment(partition, hash)? else { return Ok(()) };
    row.here |= here;
    row.at_office |= at_office;
    replica.put_attachment(partition, hash, &row)
}
