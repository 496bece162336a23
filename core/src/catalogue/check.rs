//! Everything that a service's file can get wrong, said to somebody who knows the procedure and not Rust:
//! which line, what is wrong, and what to do about it.

mod asks;
mod lines;
mod messages;
mod steps;
mod syntax;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use super::condition::parse_date;
use super::load::MAX_FILE;
use super::model::{Choice, Kind, Need, Service};
use lines::Lines;
pub use messages::SMS_SEPTETS;

/// The most fields of a service.
pub const MAX_FIELDS: usize = 200;
/// The most requirements, and the most groups of them.
pub const MAX_REQUIREMENTS: usize = 60;
/// The most steps, detours, and acts on papers.
pub const MAX_STEPS: usize = 60;
/// The most choices of a field or a need, and the most reasons.
pub const MAX_OPTIONS: usize = 200;
/// The most outcomes of a step, and needs of an act.
pub const MAX_OUTCOMES: usize = 20;
/// The most states, warnings, notifications and variants.
pub const MAX_OTHER: usize = 60;
/// The most characters of a label, a title or an id.
pub const MAX_LABEL: usize = 200;
/// The most characters of a sentence.
pub const MAX_SENTENCE: usize = 500;
/// How deep conditions may stand in one another.
pub const MAX_DEPTH: usize = 8;
/// The most parts of one condition, at all depths.
pub const MAX_PARTS: usize = 100;

/// Whether a fault keeps the file from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not, but somebody should look.
    Warning,
}

/// Something wrong in a service's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in Indonesian, without a full stop.
    pub what: String,
    /// What to do about it, in Indonesian, without a full stop.
    pub cure: String,
}

impl Fault {
    pub(super) fn error(file: &str, line: usize, what: String, cure: String) -> Fault {
        Fault { file: file.to_owned(), line, severity: Severity::Error, what, cure }
    }

    /// Whether it keeps the file from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.is_error() { "" } else { "peringatan: " };
        write!(out, "{}:{}: {severity}{}. {}.", self.file, self.line, self.what, self.cure)
    }
}

/// Reads a file and checks it: the service where it can be read at all, and everything that is wrong, by line.
/// A file with errors must not be used; see [`Fault::is_error`].
pub fn read(name: &str, bytes: &[u8]) -> (Option<Service>, Vec<Fault>) {
    if bytes.len() > MAX_FILE {
        let what = format!("Berkas terlalu besar: {} bita, paling banyak {MAX_FILE}", bytes.len());
        return (None, vec![Fault::error(name, 1, what, "Periksa apakah ini memang berkas layanan".into())]);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
            let cure = "Simpan berkas sebagai teks UTF-8".into();
            return (
                None,
                vec![Fault::error(name, line, "Berkas memuat huruf yang bukan UTF-8".into(), cure)],
            );
        }
    };
    match syntax::parse(name, text) {
        Err(faults) => (None, faults),
        Ok(service) => {
            let mut check =
                Check { file: name, service: &service, lines: Lines::of(text), faults: Vec::new() };
            check.all();
            let mut faults = check.faults;
            faults.sort_by(|a, b| (a.line, a.severity, &a.what).cmp(&(b.line, b.severity, &b.what)));
            faults.dedup();
            (Some(service), faults)
        }
    }
}

/// A check in progress. Places are dotted paths as in the file: `steps.3.outcomes.0.to`.
struct Check<'a> {
    file: &'a str,
    service: &'a Service,
    lines: Lines<'a>,
    faults: Vec<Fault>,
}

impl Check<'_> {
    fn error(&mut self, place: &str, what: impl Into<String>, cure: impl Into<String>) {
        self.fault(Severity::Error, place, what.into(), cure.into());
    }

    fn warn(&mut self, place: &str, what: impl Into<String>, cure: impl Into<String>) {
        self.fault(Severity::Warning, place, what.into(), cure.into());
    }

    fn fault(&mut self, severity: Severity, place: &str, what: String, cure: String) {
        let line = self.lines.line(place);
        self.faults.push(Fault { file: self.file.to_owned(), line, severity, what, cure });
    }

    fn all(&mut self) {
        if !self.sizes() {
            return;
        }
        self.head();
        self.asks();
        self.steps();
        self.messages();
    }

    /// Whether all lists are within their limits; the other checks look only at files that are.
    fn sizes(&mut self) -> bool {
        let service = self.service;
        let lists = [
            ("fields", service.fields.len(), MAX_FIELDS),
            ("groups", service.groups.len(), MAX_REQUIREMENTS),
            ("requirements", service.requirements.len(), MAX_REQUIREMENTS),
            ("steps", service.steps.len(), MAX_STEPS),
            ("detours", service.detours.len(), MAX_STEPS),
            ("parallel", service.parallel.len(), MAX_STEPS),
            ("reasons", service.reasons.len(), MAX_OPTIONS),
            ("states", service.states.len(), MAX_OTHER),
            ("warnings", service.warnings.len(), MAX_OTHER),
            ("blocks", service.blocks.len(), MAX_OTHER),
            ("notifications", service.notifications.len(), MAX_OTHER),
            ("variants", service.variants.len(), MAX_OTHER),
            ("follow_ups", service.follow_ups.len(), MAX_OTHER),
            ("legal", service.legal.len(), MAX_OTHER),
            ("forms", service.forms.len(), MAX_OTHER),
        ];
        let before = self.faults.len();
        for (list, count, most) in lists {
            if count > most {
                let what = format!("`{list}` berisi {count} buah, paling banyak {most}");
                self.error(list, what, "Kurangi isinya");
            }
        }
        self.faults.len() == before
    }

    fn head(&mut self) {
        let service = self.service;
        self.id("service", &service.service);
        for (place, value) in
            [("version", &service.version), ("title", &service.title), ("ref", &service.reference)]
        {
            self.words(place, value, MAX_LABEL);
        }
        if parse_date(&service.valid_from).is_none() {
            let what = format!("\"{}\" bukan tanggal yang ada", service.valid_from);
            self.error("valid_from", what, "Tulis tanggal sebagai TAHUN-BULAN-HARI, misalnya 2026-01-31");
        }
        if service.service_time_hours == 0 {
            self.error(
                "service_time_hours",
                "Waktu pelayanan nol jam",
                "Tulis jumlah jam kerja, misalnya 24",
            );
        }
        if service.retention_days.office == 0 {
            let cure = "Tulis berapa hari data disimpan di Dinas";
            self.error("retention_days", "Data di Dinas langsung dihapus", cure);
        }
        if service.retention_days.draft == 0 {
            let cure = "Tulis setelah berapa hari tanpa perubahan draf ditarik, misalnya 180";
            self.error("retention_days", "Draf langsung ditarik", cure);
        }
        for (i, variant) in service.variants.iter().enumerate() {
            self.id(&format!("variants.{i}.id"), &variant.id);
            self.words(&format!("variants.{i}.title"), &variant.title, MAX_LABEL);
        }
        self.unique("variants", "id", service.variants.iter().map(|variant| variant.id.as_str()));
    }

    /// An id that is stored: small letters, digits, `_` and `-`.
    fn id(&mut self, place: &str, id: &str) {
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        let first = id.chars().next().is_some_and(|c| c.is_ascii_lowercase());
        if !first || id.len() > MAX_LABEL || !id.chars().all(fine) {
            let what = format!("\"{id}\" tidak dapat dipakai sebagai nama pengenal");
            self.error(place, what, "Pakai huruf kecil, angka, _ dan -, dimulai dengan huruf");
        }
    }

    /// Words that people read: neither empty nor too long.
    fn words(&mut self, place: &str, words: &str, most: usize) {
        let name = place.rsplit('.').next().unwrap_or(place);
        if words.trim().is_empty() {
            self.error(
                place,
                format!("`{name}` masih kosong"),
                "Tulis kata yang dikenal petugas dan pemohon",
            );
        } else if words.chars().count() > most {
            self.error(place, format!("`{name}` lebih dari {most} huruf"), "Persingkat");
        }
    }

    /// Each id of a list once.
    fn unique<'i>(&mut self, list: &str, key: &str, ids: impl Iterator<Item = &'i str>) {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (i, id) in ids.enumerate() {
            if let Some(first) = seen.get(id) {
                let line = self.lines.line(&format!("{list}.{first}.{key}"));
                let what = format!("\"{id}\" sudah dipakai di baris {line}");
                self.error(&format!("{list}.{i}.{key}"), what, "Beri nama lain atau hapus salah satunya");
            } else {
                seen.insert(id, i);
            }
        }
    }

    /// A reference to something of a list: where it does not resolve, the cure names what there is.
    fn refers<'i>(
        &mut self,
        place: &str,
        what: &str,
        id: &str,
        known: impl Iterator<Item = &'i str>,
    ) -> bool {
        let known: Vec<&str> = known.collect();
        if known.contains(&id) {
            return true;
        }
        let cure = match (known.is_empty(), syntax::nearest(id, &known)) {
            (true, _) => format!("Berkas ini belum mempunyai {what}; tambahkan atau hapus baris ini"),
            (_, Some(near)) => format!("Apakah yang dimaksud \"{near}\"? Yang ada: {}", some_of(&known)),
            _ => format!("Yang ada: {}", some_of(&known)),
        };
        self.error(place, format!("{} \"{id}\" tidak ada", capital(what)), cure);
        false
    }

    /// Choices of a field or a need: `pilihan` has them, nothing else does.
    fn options(&mut self, place: &str, kind: Kind, options: &[Choice], many: bool) {
        let list = format!("{place}.options");
        if kind != Kind::Pilihan {
            if !options.is_empty() || many {
                let cure = "Ganti `kind` menjadi \"pilihan\", atau hapus `options` dan `many`";
                self.error(place, "Hanya isian berjenis `pilihan` yang mempunyai pilihan", cure);
            }
            return;
        }
        if options.is_empty() {
            self.error(
                place,
                "Isian berjenis `pilihan` belum mempunyai pilihan",
                "Tambahkan `options = [...]`",
            );
        }
        if options.len() > MAX_OPTIONS {
            self.error(
                &list,
                format!("Lebih dari {MAX_OPTIONS} pilihan"),
                "Kurangi, atau pakai jenis `teks`",
            );
            return;
        }
        let mut seen = std::collections::BTreeSet::new();
        for (i, choice) in options.iter().enumerate() {
            let place = format!("{list}.{i}");
            if choice.id.trim().is_empty() || choice.id.contains(',') || choice.id.chars().count() > MAX_LABEL
            {
                let cure = "Pakai nama pengenal yang tidak kosong dan tanpa koma";
                self.error(&place, format!("Pilihan \"{}\" tidak dapat disimpan", choice.id), cure);
            } else if !seen.insert(choice.id.as_str()) {
                self.error(
                    &place,
                    format!("Pilihan \"{}\" ditulis dua kali", choice.id),
                    "Hapus salah satunya",
                );
            }
            self.words(&format!("{place}.label"), &choice.label, MAX_LABEL);
        }
    }

    /// What an act has to be told.
    fn needs(&mut self, place: &str, needs: &[Need]) {
        let list = format!("{place}.needs");
        if needs.len() > MAX_OUTCOMES {
            self.error(&list, format!("Lebih dari {MAX_OUTCOMES} isian pada satu tindakan"), "Kurangi");
            return;
        }
        self.unique(&list, "id", needs.iter().map(|need| need.id.as_str()));
        for (i, need) in needs.iter().enumerate() {
            let place = format!("{list}.{i}");
            self.id(&format!("{place}.id"), &need.id);
            self.words(&format!("{place}.label"), &need.label, MAX_LABEL);
            self.options(&place, need.kind, &need.options, need.many);
            if need.kind == Kind::YaTidak && need.required {
                let cure = "Pakai `pilihan` dengan dua pilihan yang keduanya boleh";
                self.error(
                    &place,
                    format!("\"{}\" menentukan jalannya langkah dengan ya/tidak", need.id),
                    cure,
                );
            }
        }
    }
}

/// The first of a long list, in words.
fn some_of(known: &[&str]) -> String {
    const SHOWN: usize = 12;
    let shown = known.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match known.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{shown}, dan {more} lagi"),
        _ => shown,
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
