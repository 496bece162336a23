//! A whole day of an office and two phones on disks that may fail: enrolment, applications, scans, a conflict, acts at
//! desks, a return. Every step is tried again until it succeeds, as people would; each that fails has to say so.

use std::collections::BTreeMap;

use loket_tests::{Office, Outcome, Phone, REGION, Server, VILLAGE};
use serde_json::{Value, json};

use super::disk::Disk;
use super::script::{Person, items, scan, sound, text};

/// Times that a step is tried, the server's start included.
const MOST_TRIES: usize = 12;
/// Times after which whatever fails for ever is mended.
const PATIENCE: usize = 3;

/// The office and its phones.
pub struct Day {
    /// The office.
    pub office: Office,
    /// Its disk.
    pub office_disk: Disk,
    /// Phones of two operators at the village.
    pub phones: [Phone; 2],
    /// The disk of the first phone.
    pub phone_disk: Disk,
    server: Option<Server>,
    address: String,
    /// What a phone was told is saved: of an application, field → value.
    saved: BTreeMap<String, BTreeMap<String, String>>,
    /// Steps that failed, with what was said.
    pub said: Vec<String>,
}

/// Who does a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Office,
    Phone(usize),
}

impl Day {
    /// Before anything was done.
    pub fn new() -> Self {
        let mut office = Office::unfounded();
        let mut phones = [Phone::unknown(), Phone::unknown()];
        let (office_disk, phone_disk) = (Disk::under(office.path()), Disk::under(phones[0].path()));
        office.set_variables(office_disk.variables(false));
        phones[0].set_variables(phone_disk.variables(false));
        let (saved, said, address) = (BTreeMap::new(), vec![], "127.0.0.1:0".to_owned());
        Self { office, office_disk, phones, phone_disk, server: None, address, saved, said }
    }

    /// A server that serves; one that had ended by itself had to say so, and is started again.
    fn serving(&mut self) -> bool {
        if let Some(server) = &mut self.server
            && let Some(well) = server.ended()
        {
            assert!(!well, "a server that ends by itself ends well");
            let log = self.office.log();
            assert!(log.contains("penyimpanan kantor gagal"), "it did not say why it ended: {log}");
            self.said.push("serve ended".into());
            self.server = None;
        }
        if self.server.is_none() {
            self.server = self.office.try_serve(&self.address);
            match &self.server {
                // The phones know the port.
                Some(server) => self.address = server.url().trim_start_matches("http://").to_owned(),
                None => self.said.push("serve did not start".into()),
            }
        }
        self.server.is_some()
    }

    fn run(&self, who: Who, args: &[&str]) -> Outcome {
        match who {
            Who::Office => self.office.outcome(args),
            Who::Phone(at) => self.phones[at].outcome(args),
        }
    }

    /// Tries a step until it succeeds, and returns what it printed. `done` tells of a refusal whether it says that
    /// an earlier try had succeeded after all: that one's answer is lost, so nothing is returned.
    #[track_caller]
    fn step(&mut self, who: Who, args: &[&str], done: &[&str]) -> Option<Value> {
        let mut failed = 0;
        for tries in 1..=MOST_TRIES {
            if tries > PATIENCE {
                self.lift();
            }
            if self.address != "127.0.0.1:0" && !self.serving() {
                failed += 1;
                continue;
            }
            let outcome = self.run(who, args);
            assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
            if outcome.success {
                if failed > 0 {
                    self.check_receipts();
                }
                return Some(outcome.json());
            }
            let sentence = outcome.refusal();
            let of_the_disk = ["cakram", "penyimpanan"].iter().any(|word| sentence.contains(word));
            if failed > 0 && !of_the_disk && done.iter().any(|word| sentence.contains(word)) {
                return None;
            }
            self.said.push(format!("{}: {sentence}", args[0]));
            failed += 1;
        }
        panic!("{args:?} never succeeded: {:#?}\n{}", self.said, self.office.log());
    }

    #[track_caller]
    fn phone(&mut self, at: usize, args: &[&str]) -> Value {
        self.step(Who::Phone(at), args, &[]).expect("an answer")
    }

    #[track_caller]
    fn sync(&mut self, at: usize) {
        self.phone(at, &["sync"]);
    }

    /// No disk fails any more.
    pub fn lift(&self) {
        self.office_disk.lift();
        self.phone_disk.lift();
    }

    /// What a phone was told is at the office, is there. That it is there as the phone has it, the end of the day
    /// shows, when nobody writes any more.
    fn check_receipts(&self) {
        for phone in &self.phones {
            let listed = phone.outcome(&["list"]);
            if !listed.success {
                continue;
            }
            for row in items(&listed.json()) {
                if !["office", "decided"].contains(&text(row, "mark")) {
                    continue;
                }
                let there = self.office.outcome(&["show", text(row, "number")]);
                let lost = !there.success && there.stderr.contains("tidak ditemukan");
                assert!(!lost, "receipted and lost: {}", there.stderr);
            }
        }
    }

    #[track_caller]
    fn set(&mut self, at: usize, id: &str, pairs: &[String]) {
        let mut args = vec!["set", id];
        args.extend(pairs.iter().map(String::as_str));
        self.phone(at, &args);
        let saved = self.saved.entry(id.to_owned()).or_default();
        for pair in pairs {
            let (field, value) = pair.split_once('=').unwrap();
            saved.insert(field.to_owned(), value.to_owned());
        }
    }

    /// Begins an application on a phone and answers `missing` until nothing is; returns id and number.
    #[track_caller]
    fn fill(&mut self, at: usize, service: &Value, person: Person) -> (String, String) {
        let new = self.phone(at, &["new", text(service, "id")]);
        let (id, number) = (text(&new, "id").to_owned(), text(&new, "number").to_owned());
        for _ in 0..8 {
            let missing = self.phone(at, &["missing", &id]);
            let mut pairs = vec![];
            for one in items(&missing) {
                let name = text(one, "id");
                match text(one, "what") {
                    "field" => {
                        let field =
                            items(&service["fields"]).iter().find(|field| field["id"] == name).unwrap();
                        pairs.push(format!("{name}={}", person.value(field)));
                    }
                    "requirement" => {
                        let file = scan(self.phones[1].path(), &format!("{number} {name}"));
                        self.phone(at, &["attach", &id, name, file.to_str().unwrap()]);
                    }
                    _ => drop(self.phone(at, &["tick", &id, name])),
                }
            }
            if !pairs.is_empty() {
                self.set(at, &id, &pairs);
            }
            if items(&missing).is_empty() {
                return (id, number);
            }
        }
        panic!("never complete: {id}");
    }

    /// Submits and syncs until the office has answered.
    #[track_caller]
    fn submit(&mut self, at: usize, id: &str) {
        self.step(Who::Phone(at), &["submit", id], &["diajukan", "pengajuan", "menunggu"]);
        self.sync(at);
    }

    /// An act at the Front Office's desk: it leads from one state to another, also where the answer to it was lost.
    #[track_caller]
    fn decide(&mut self, staff: &str, number: &str, act: &str) {
        let shown = self.step(Who::Office, &["show", number], &[]).expect("an answer");
        let before = text(&shown, "state").to_owned();
        let offer = items(&shown["available"]).iter().find(|one| one["act"] == act);
        let offer = offer.unwrap_or_else(|| panic!("{act} is not available in {before}"));
        let set: Vec<String> = items(&offer["needs"])
            .iter()
            .map(|need| format!("{}={}", text(need, "id"), Person(7).value(need)))
            .collect();
        let mut args = vec!["act", number, act, "--as", staff];
        set.iter().for_each(|pair| args.extend(["--set", pair]));
        self.step(Who::Office, &args, &[":"]);
        let shown = self.step(Who::Office, &["show", number], &[]).expect("an answer");
        assert_ne!(text(&shown, "state"), before, "{act} was acknowledged and is not there");
    }

    /// The day, from the founding to the last sync.
    pub fn live(&mut self) {
        self.step(Who::Office, &["init", "--region", REGION], &["sudah berisi kantor"]);
        let names = ["ktp-el-hilang", "kia-hilang"];
        let services = names.map(|name| {
            let mut service = self.step(Who::Office, &["catalogue", "show", name], &[]).expect("an answer");
            service["id"] = json!(name);
            service
        });
        while !self.serving() {
            assert!(self.said.len() < MOST_TRIES, "{:?}\n{}", self.said, self.office.log());
            if self.said.len() > PATIENCE {
                self.lift();
            }
        }
        let staff = ["staff", "add", "--role", "front-office", "--name", "Petugas Depan"];
        let staff = self.step(Who::Office, &staff, &[]).expect("an answer")["id"].clone();
        let staff = staff.as_str().map_or_else(|| staff.to_string(), str::to_owned);
        for at in [0, 1] {
            let invite = ["invite", "--role", "operator-desa", "--partition", VILLAGE];
            let invite = self.step(Who::Office, &invite, &[]).expect("an answer");
            let url = format!("http://{}", self.address);
            let enroll = ["enroll", "--url", &url, "--code", text(&invite, "code")];
            self.step(Who::Phone(at), &enroll, &["sudah terdaftar"]);
            self.sync(at);
        }
        self.work(&services, &staff);
    }

    /// From the first application to the last sync.
    fn work(&mut self, services: &[Value; 2], staff: &str) {
        let (first, number) = self.fill(0, &services[0], Person(31));
        self.sync(0);
        self.sync(1);
        // Both change the same field, apart; the first chooses.
        self.set(1, &first, &["alamat=Dusun Seberang".into()]);
        self.set(0, &first, &["alamat=Dusun Sini".into()]);
        self.sync(1);
        self.sync(0);
        self.step(Who::Phone(0), &["choose", &first, "alamat", "Dusun Sini"], &["alamat", "pilih"]);
        self.submit(0, &first);
        // Returned, mended, and taken.
        let shown = self.step(Who::Office, &["show", &number], &[]).expect("an answer");
        let paper = text(&items(&shown["attachments"])[0], "requirement").to_owned();
        self.decide(staff, &number, "klaim_fo");
        self.decide(staff, &number, "kembalikan_fo");
        self.sync(0);
        let again = scan(self.phones[1].path(), &format!("{number} lagi"));
        self.phone(0, &["attach", &first, &paper, again.to_str().unwrap()]);
        self.set(0, &first, &["alamat=Dusun Pembetulan".into()]);
        let missing = self.phone(0, &["missing", &first]);
        for one in items(&missing) {
            self.phone(0, &["tick", &first, text(one, "id")]);
        }
        self.submit(0, &first);
        self.decide(staff, &number, "klaim_fo");
        self.decide(staff, &number, "periksa_fo");
        let (second, _) = self.fill(0, &services[1], Person(32));
        self.submit(0, &second);
        let (third, _) = self.fill(1, &services[1], Person(33));
        self.submit(1, &third);
        self.sync(0);
    }

    /// After the last fault: everything was kept, everything can be finished.
    ///
    /// # Panics
    /// Where it was not.
    pub fn settle(mut self) -> Vec<String> {
        self.lift();
        for at in [0, 1, 0, 1] {
            self.sync(at);
        }
        let counted = sound(&self.office)["applications"].as_u64().unwrap();
        for phone in &self.phones {
            let listed = phone.run(&["list"]);
            assert_eq!(items(&listed).len() as u64, counted, "each phone has what all wrote: {listed}");
            for row in items(&listed) {
                assert!(["office", "decided"].contains(&text(row, "mark")), "stuck: {row}");
                let (here, there) =
                    (phone.run(&["show", text(row, "id")]), self.office.run(&["show", text(row, "number")]));
                for key in ["heads", "fields", "state", "revision"] {
                    assert_eq!(here[key], there[key], "{key}");
                }
            }
        }
        for (id, fields) in &self.saved {
            let shown = self.phones[0].run(&["show", id]);
            for (field, value) in fields {
                assert_eq!(shown["fields"][field], json!(value), "acknowledged and lost: {field} of {id}");
            }
        }
        assert!(self.server.take().is_none_or(Server::stop), "it stops in order: {}", self.office.log());
        assert!(!self.office.log().contains("panicked"), "{}", self.office.log());
        sound(&self.office);
        self.said
    }
}
