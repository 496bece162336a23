//! Files of the office: a service's, and the list of regions.
//!
//! The first byte says which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use loket_core::catalogue::{Catalogue, Role, ServiceFile, check, show};
use loket_core::checks::{Form, missing, warnings};
use loket_core::region::Regions;
use loket_core::time::today;
use loket_core::workflow::{State, available};

use super::seeds::Seeds;
use super::world::NOW;

/// Runs the target.
pub fn run(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else { return };
    if first % 2 == 0 {
        service(rest);
    } else {
        regions(rest);
    }
}

fn service(bytes: &[u8]) {
    let (read, faults) = check::read("layanan.toml", bytes);
    for fault in &faults {
        assert!(fault.line >= 1 && fault.line <= bytes.iter().filter(|b| **b == b'\n').count() + 2);
        assert!(!fault.what.is_empty() && !fault.cure.is_empty());
        let _ = fault.to_string();
    }
    assert!(
        read.is_some() || faults.iter().any(check::Fault::is_error),
        "nothing was read and nothing is wrong"
    );
    let parsed = ServiceFile::parse("layanan.toml", bytes);
    assert_eq!(parsed.is_ok(), !faults.iter().any(check::Fault::is_error));
    let Ok(file) = parsed else { return };
    assert_eq!(file.hash, *blake3::hash(bytes).as_bytes());
    let service = &file.service;
    let _ = (show::show(service), show::describe(service));
    let draft = State::draft(service);
    for role in [Role::OperatorDesa, Role::FrontOffice, Role::Admin] {
        let _ = available(service, &draft, role);
    }
    let registers: BTreeMap<String, String> =
        service.fields.iter().map(|field| (field.id.clone(), "ya".to_owned())).collect();
    for registers in [&BTreeMap::new(), &registers] {
        let form = Form {
            service,
            variant: service.default_variant(),
            registers,
            conflicts: &BTreeSet::new(),
            attachments_here: &|_| false,
            today: today(NOW),
            regions: &Regions::default(),
        };
        let _ = (missing(&form), warnings(&form));
    }
    let mut catalogue = Catalogue::builtin();
    let _ = catalogue.add(file);
}

fn regions(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(regions) = Regions::parse(text) else { return };
    for (place, name) in regions.kecamatan() {
        assert!(regions.contains(place) && regions.name(&place.to_string()) == Some(name));
        assert!(regions.villages_of(place).iter().all(|(village, _)| village.kecamatan() == place));
    }
}

/// The smallest service that ships, its parts, and a few regions.
pub fn seeds() -> Seeds {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/catalogue");
    let mut seeds = Seeds::new();
    for name in ["ktp-el-baru", "kia-baru"] {
        let text = fs::read_to_string(format!("{folder}/{name}.toml")).unwrap();
        let head = text.split("\n[[").next().unwrap_or_default();
        for (at, part) in text.split("\n[[").enumerate().skip(1).step_by(5) {
            seeds.push((
                format!("{name}-bagian-{at}"),
                [b"\0", head.as_bytes(), b"\n[[", part.as_bytes()].concat(),
            ));
        }
        seeds.push((name.to_owned(), [b"\0", text.as_bytes()].concat()));
    }
    let regions = "code,name\n33.12,Wonogiri\n33.12.08,\"Purwantoro\"\n33.12.08.2002,Contoh\n";
    seeds.push(("wilayah".into(), [b"\x01", regions.as_bytes()].concat()));
    seeds
}
