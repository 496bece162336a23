//! Reading services' files, and keeping every version: an application stays under the one it was filed under.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::civil::Date;

use super::check::{self, Fault};
use super::condition::parse_date;
use super::model::Service;

/// The most bytes that a service's file may have.
pub const MAX_FILE: usize = 256 * 1024;

/// The most versions of one service that a catalogue keeps.
pub const MAX_VERSIONS: usize = 1_000;

/// The services that ship with the program: file name and bytes.
const BUILTIN: &[(&str, &[u8])] = &[
    ("ktp-el-perubahan.toml", include_bytes!("../../catalogue/ktp-el-perubahan.toml")),
    ("peristiwa-penting-lainnya.toml", include_bytes!("../../catalogue/peristiwa-penting-lainnya.toml")),
];

/// One version of a service, as its file gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceFile {
    /// The service.
    pub service: Service,
    /// BLAKE3 of the bytes.
    pub hash: [u8; 32],
    /// The file as it was written.
    pub bytes: Arc<[u8]>,
    /// The date from which new applications use it: `service.valid_from`, read.
    pub valid_from: Date,
}

impl ServiceFile {
    /// Reads and checks a file; `name` is what faults call it. At most [`MAX_FILE`] bytes are looked at.
    ///
    /// # Errors
    /// Everything that is wrong, with its line and a cure; warnings stand among them, but do not fail alone.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<ServiceFile, Vec<Fault>> {
        let (service, faults) = check::read(name, bytes);
        let (Some(service), false) = (service, faults.iter().any(Fault::is_error)) else {
            return Err(faults);
        };
        // `check` has refused a date that does not exist.
        let Some(valid_from) = parse_date(&service.valid_from) else { return Err(faults) };
        Ok(ServiceFile { service, hash: *blake3::hash(bytes).as_bytes(), bytes: bytes.into(), valid_from })
    }
}

/// Every version of every service that is known. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// By service; the versions by the date from which they hold.
    services: Arc<BTreeMap<String, Vec<Arc<ServiceFile>>>>,
}

impl Catalogue {
    /// The services that ship with the program, read once.
    pub fn builtin() -> Catalogue {
        static ONCE: OnceLock<Catalogue> = OnceLock::new();
        let read = || {
            let mut catalogue = Catalogue::default();
            // A test proves that none of them fails.
            for file in BUILTIN.iter().filter_map(|(name, bytes)| ServiceFile::parse(name, bytes).ok()) {
                let _ = catalogue.add(file);
            }
            catalogue
        };
        ONCE.get_or_init(read).clone()
    }

    /// Adds a version of a service. Adding the same file again changes nothing.
    ///
    /// # Errors
    /// Where another file has the same service and version (its applications would change under them), or
    /// there are [`MAX_VERSIONS`] already.
    pub fn add(&mut self, file: ServiceFile) -> Result<(), Fault> {
        let id = file.service.service.clone();
        if let Some(other) = self.get(&id, &file.service.version) {
            if other.hash == file.hash {
                return Ok(());
            }
            return Err(Fault::error(
                &format!("{id}.toml"),
                1,
                format!("Layanan \"{id}\" versi \"{}\" sudah ada dengan isi lain", file.service.version),
                "Naikkan `version` pada berkas yang baru".into(),
            ));
        }
        let versions = Arc::make_mut(&mut self.services).entry(id.clone()).or_default();
        if versions.len() >= MAX_VERSIONS {
            return Err(Fault::error(
                &format!("{id}.toml"),
                1,
                format!("Layanan \"{id}\" sudah mempunyai {MAX_VERSIONS} versi"),
                "Pakai versi yang sudah ada".into(),
            ));
        }
        versions.push(Arc::new(file));
        versions.sort_by(|a, b| (a.valid_from, &a.service.version).cmp(&(b.valid_from, &b.service.version)));
        Ok(())
    }

    /// One version of a service.
    pub fn get(&self, service: &str, version: &str) -> Option<Arc<ServiceFile>> {
        self.services.get(service)?.iter().find(|file| file.service.version == version).cloned()
    }

    /// The version whose file has this BLAKE3 hash.
    pub fn by_hash(&self, hash: &[u8; 32]) -> Option<Arc<ServiceFile>> {
        self.services.values().flatten().find(|file| &file.hash == hash).cloned()
    }

    /// The version that new applications use on this date: the newest that already holds.
    pub fn current(&self, service: &str, today: Date) -> Option<Arc<ServiceFile>> {
        self.services.get(service)?.iter().rev().find(|file| file.valid_from <= today).cloned()
    }

    /// The ids of all services, in alphabetical order.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// Every version of every service.
    pub fn files(&self) -> impl Iterator<Item = &Arc<ServiceFile>> {
        self.services.values().flatten()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_services_that_ship_are_clean() {
        for (name, bytes) in BUILTIN {
            let (_, faults) = check::read(name, bytes);
            let errors: Vec<_> =
                faults.iter().filter(|fault| fault.is_error()).map(ToString::to_string).collect();
            assert_eq!(errors, Vec::<String>::new());
            assert_eq!(ServiceFile::parse(name, bytes).unwrap().service.service + ".toml", *name);
        }
        assert_eq!(Catalogue::builtin().services().count(), BUILTIN.len());
    }

    #[test]
    fn an_application_keeps_its_version_and_new_ones_take_the_newest() {
        let (name, bytes) = BUILTIN[0];
        let text = std::str::from_utf8(bytes).unwrap();
        let newer = text.replace("\"2026.1\"", "\"2027.1\"").replace("\"2026-01-01\"", "\"2027-01-01\"");
        let newer = ServiceFile::parse(name, newer.as_bytes()).unwrap();
        let mut catalogue = Catalogue::builtin();
        let id = newer.service.service.clone();
        catalogue.add(newer.clone()).unwrap();
        catalogue.add(newer.clone()).unwrap();
        let version = |day| catalogue.current(&id, day).map(|file| file.service.version.clone());
        assert_eq!(version(date(2025, 12, 31)), None);
        assert_eq!(version(date(2026, 12, 31)).as_deref(), Some("2026.1"));
        assert_eq!(version(date(2027, 1, 1)).as_deref(), Some("2027.1"));
        assert_eq!(catalogue.by_hash(&newer.hash).unwrap().service, newer.service);
        assert_eq!(Catalogue::builtin().by_hash(&newer.hash), None);
    }

    #[test]
    fn a_version_is_never_replaced_by_another_file() {
        let (name, bytes) = BUILTIN[0];
        let mut changed = bytes.to_vec();
        changed.extend_from_slice(b"\n# changed\n");
        let mut catalogue = Catalogue::builtin();
        let fault = catalogue.add(ServiceFile::parse(name, &changed).unwrap()).unwrap_err();
        assert!(fault.to_string().contains("Naikkan `version`"), "{fault}");
    }

    #[test]
    fn a_file_is_bounded_before_it_is_read() {
        let faults = ServiceFile::parse("besar.toml", &vec![b'#'; MAX_FILE + 1]).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].what.contains("terlalu besar"), "{}", faults[0]);
        let faults = ServiceFile::parse("biner.toml", b"a = 1\nb = \"\xff\"").unwrap_err();
        assert_eq!((faults[0].line, faults.len()), (2, 1));
    }
}
