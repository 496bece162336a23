//! A script that drives any service through the two programs and knows only what `catalogue show`, `show` and
//! `missing` tell it: fields and needs are filled by their kind, papers attached, warnings ticked.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use loket_tests::{KECAMATAN, Office, Phone, Server, VILLAGE};
use serde_json::{Value, json};

/// The nine services, in the order of the published procedure.
pub const SERVICES: [&str; 9] = [
    "ktp-el-baru",
    "ktp-el-perubahan",
    "ktp-el-hilang",
    "ktp-el-rusak",
    "kia-baru",
    "kia-perubahan",
    "kia-hilang",
    "kia-rusak",
    "peristiwa-penting-lainnya",
];
/// The one that begins and ends at the kecamatan.
pub const AT_KECAMATAN: &str = "ktp-el-baru";
/// Roles that work at a desk of the Dinas; the others hold phones.
const DESKS: [&str; 6] = [
    "front-office",
    "kasi-pendaftaran",
    "kasi-pencatatan-sipil",
    "loket-pengambilan",
    "bagian-produksi",
    "kepala-dinas",
];
/// Rounds of `missing` until an application has to be complete: what is filled in may call for more.
const MOST_ROUNDS: usize = 8;

/// The text under a key.
///
/// # Panics
/// Where there is none.
#[track_caller]
pub fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key} in {value}"))
}

/// The items of an array.
#[track_caller]
pub fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no array: {value}"))
}

/// The texts of an array, or those under a key of its items.
#[track_caller]
pub fn texts(value: &Value, key: Option<&str>) -> Vec<String> {
    let one = |item: &Value| key.map_or(item, |key| &item[key]).as_str().unwrap_or_default().to_owned();
    items(value).iter().map(one).collect()
}

/// Verifies the office: every signature, chain and fold. Returns what `verify` counted.
///
/// # Panics
/// Where it finds a fault.
#[track_caller]
pub fn sound(office: &Office) -> Value {
    let verified = office.run(&["verify"]);
    assert_eq!(verified["faults"], 0, "{verified}");
    verified
}

/// A small deterministic source of numbers (SplitMix64): stories that roll dice say with which seed.
pub struct Dice(pub u64);

impl Dice {
    /// The next number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// A person who does not exist; the same seed is the same person.
#[derive(Debug, Clone, Copy)]
pub struct Person(pub u64);

impl Person {
    fn birth(self) -> (u64, u64, u64) {
        let mut dice = Dice(self.0);
        (1960 + dice.below(40), 1 + dice.below(12), 1 + dice.below(28))
    }

    fn digits(self) -> String {
        let (year, month, day) = self.birth();
        format!("331208{day:02}{month:02}{:02}{:04}", year % 100, 1 + self.0 % 9_999)
    }

    /// Birth date.
    pub fn birthday(self) -> String {
        let (year, month, day) = self.birth();
        format!("{year}-{month:02}-{day:02}")
    }

    /// NIK, fitting the birth date.
    pub fn nik(self) -> String {
        self.digits()
    }

    /// Name, seldom anyone else's.
    pub fn name(self) -> String {
        let first = ["Sutarmi", "Wagiman", "Lestari", "Paijo", "Murni", "Sukarno", "Tukinem", "Bambang"];
        let last =
            ["Wirasaba", "Purwodadi", "Girimarto", "Kismantara", "Slogohima", "Jatipurna", "Bulukarta"];
        let mut dice = Dice(self.0 ^ 0x6e61_6d61);
        let pick = |from: &[&str], at: u64| from[usize::try_from(at).unwrap()].to_owned();
        let (first, last) = (pick(&first, dice.below(8)), pick(&last, dice.below(7)));
        // Letters for the seed, so that a search for this name finds this person only.
        let mut seed = self.0 + 26;
        let mut own = String::new();
        while seed > 0 {
            own.insert(0, char::from(b'a' + u8::try_from(seed % 26).unwrap()));
            seed /= 26;
        }
        format!("{first} Q{own} {last}")
    }

    /// A valid value for a field or a need, by its kind alone: of choices the first.
    pub fn value(self, asked: &Value) -> String {
        match text(asked, "kind") {
            "nik" => self.nik(),
            "nomor_kk" => self.digits(),
            "nama" => self.name(),
            "tanggal" => self.birthday(),
            "telepon" => format!("0812{:08}", self.0 % 100_000_000),
            "pilihan" => {
                let first = &items(&asked["options"])[0];
                first.as_str().unwrap_or_else(|| text(first, "id")).to_owned()
            }
            "wilayah" => VILLAGE.to_owned(),
            "bilangan" => (1 + self.0 % 90).to_string(),
            "ya_tidak" => "ya".to_owned(),
            "teks" | "catatan" => format!("{:03}", 1 + self.0 % 900),
            other => panic!("the kind {other} is not in the closed list"),
        }
    }
}

/// An application as the script follows it.
#[derive(Debug, Clone)]
pub struct Application {
    /// Its id.
    pub id: String,
    /// Its registration number.
    pub number: String,
    /// The service it asks for.
    pub service: String,
    /// The variant; empty where the service has none.
    pub variant: String,
    /// Whose it is.
    pub person: Person,
}

/// An office with a server, staff at every desk, a phone at the village and one at the kecamatan.
pub struct Town {
    /// The office.
    pub office: Office,
    /// Its server.
    pub server: Server,
    /// Phone of the operator at the village.
    pub village: Phone,
    /// Phone of the operator at the kecamatan.
    pub kecamatan: Phone,
    /// Id of the one who sits at each desk.
    pub staff: BTreeMap<&'static str, String>,
    catalogue: BTreeMap<String, Value>,
    scans: PathBuf,
    next: std::cell::Cell<u64>,
}

impl Town {
    /// Founds it.
    pub fn new() -> Self {
        let office = Office::new();
        let server = office.serve();
        let staff = DESKS.map(|role| (role, office.staff(role, &format!("Petugas {role}")))).into();
        let village = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
        let kecamatan = Phone::enrolled(&office, &server, "operator-kecamatan", KECAMATAN);
        let catalogue =
            SERVICES.map(|id| (id.to_owned(), office.run(&["catalogue", "show", id]))).into_iter().collect();
        let scans = office.path().join("pindaian");
        fs::create_dir(&scans).unwrap();
        let next = std::cell::Cell::new(1);
        Self { office, server, village, kecamatan, staff, catalogue, scans, next }
    }

    /// What `catalogue show` says of a service.
    pub fn service(&self, id: &str) -> &Value {
        &self.catalogue[id]
    }

    /// The straight line of a service: the acts and who does each.
    pub fn line(&self, service: &str) -> Vec<(String, String)> {
        let steps = items(&self.service(service)["steps"]);
        steps.iter().map(|step| (text(step, "act").to_owned(), text(step, "role").to_owned())).collect()
    }

    /// The variants of a service; one nameless where it has none.
    pub fn variants(&self, service: &str) -> Vec<String> {
        let named = texts(&self.service(service)["variants"], None);
        if named.is_empty() { vec![String::new()] } else { named }
    }

    /// The phone where such applications are made.
    pub fn home(&self, service: &str) -> &Phone {
        if service == AT_KECAMATAN { &self.kecamatan } else { &self.village }
    }

    /// The phone of a role, or none for a desk of the Dinas.
    pub fn phone(&self, role: &str) -> Option<&Phone> {
        match role {
            "operator-desa" => Some(&self.village),
            "operator-kecamatan" => Some(&self.kecamatan),
            _ => None,
        }
    }

    /// Begins an application of a person whom nobody else is.
    pub fn begin(&self, service: &str, variant: &str) -> Application {
        let person = Person(self.next.replace(self.next.get() + 1));
        begin(self.home(service), service, variant, person)
    }

    /// Fills whatever is missing, from the first field to the last tick.
    pub fn fill(&self, application: &Application) {
        fill(self.home(&application.service), self.service(&application.service), application, &self.scans);
    }

    /// Begins an application, fills it and asks for its submission; nothing is synced yet.
    pub fn file(&self, service: &str, variant: &str) -> Application {
        let application = self.begin(service, variant);
        self.fill(&application);
        self.submit(&application);
        application
    }

    /// Asks for the submission.
    pub fn submit(&self, application: &Application) -> Value {
        self.home(&application.service).run(&["submit", &application.id])
    }

    /// Both phones, first the village.
    pub fn sync(&self) {
        self.village.sync();
        self.kecamatan.sync();
    }

    /// What the office knows of it.
    pub fn show(&self, application: &Application) -> Value {
        self.office.run(&["show", &application.number])
    }

    /// Whom an act is available to now, according to `show`, with what it needs filled in by kind.
    #[track_caller]
    pub fn offer(&self, shown: &Value, application: &Application, act: &str, role: &str) -> Vec<String> {
        let offers = items(&shown["available"]);
        let offer = offers.iter().find(|one| one["act"] == act && one["role"] == role);
        let offer = offer.unwrap_or_else(|| {
            let all: Vec<_> = offers.iter().map(|one| (&one["act"], &one["role"])).collect();
            panic!("{}: {act} by {role} is not available in {}: {all:?}", application.service, shown["state"])
        });
        let needs = items(&offer["needs"]).iter();
        needs.map(|need| format!("{}={}", text(need, "id"), application.person.value(need))).collect()
    }

    /// Does an act by the role that `show` offers it to: at a desk, or as a request of a phone, which is
    /// decided at the next sync. `more` are further settings, which take the place of those filled by kind.
    #[track_caller]
    pub fn act(&self, shown: &Value, application: &Application, act: &str, role: &str, more: &[&str]) {
        let mut set = self.offer(shown, application, act, role);
        let key = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
        set.retain(|pair| more.iter().all(|other| key(other) != key(pair)));
        set.extend(more.iter().map(|pair| (*pair).to_owned()));
        self.do_act(application, act, role, &set);
    }

    #[track_caller]
    fn do_act(&self, application: &Application, act: &str, role: &str, set: &[String]) {
        let mut args = match role {
            _ if self.phone(role).is_some() => vec!["act", &application.id, act],
            _ => vec!["act", &application.number, act, "--as", &self.staff[role]],
        };
        for pair in set {
            args.extend(["--set", pair]);
        }
        match self.phone(role) {
            Some(phone) => assert_eq!(phone.run(&args)["id"], json!(application.id)),
            None => assert_ne!(self.office.run(&args)["decision"], Value::Null, "{act} answers a decision"),
        }
    }
}

/// Begins an application on a phone.
pub fn begin(phone: &Phone, service: &str, variant: &str, person: Person) -> Application {
    let new = match variant {
        "" => phone.run(&["new", service]),
        _ => phone.run(&["new", service, "--variant", variant]),
    };
    assert_eq!((text(&new, "service"), new["variant"].as_str().unwrap_or_default()), (service, variant));
    Application {
        id: text(&new, "id").to_owned(),
        number: text(&new, "number").to_owned(),
        service: service.to_owned(),
        variant: variant.to_owned(),
        person,
    }
}

/// Answers `missing` until nothing is: fields by kind in one go, papers by a scan each, warnings by a tick.
///
/// # Panics
/// Where something is still missing after [`MOST_ROUNDS`] rounds, or a field is not in the catalogue.
pub fn fill(phone: &Phone, service: &Value, application: &Application, scans: &Path) {
    let contact = |field: &&Value| ["telepon", "ya_tidak"].contains(&text(field, "kind"));
    let mut set: Vec<String> = items(&service["fields"])
        .iter()
        .filter(contact)
        .map(|field| format!("{}={}", text(field, "id"), application.person.value(field)))
        .collect();
    for _ in 0..MOST_ROUNDS {
        let missing = phone.run(&["missing", &application.id]);
        for one in items(&missing) {
            let id = text(one, "id");
            match text(one, "what") {
                "field" => {
                    let fields = items(&service["fields"]);
                    let field = fields.iter().find(|field| field["id"] == id).expect("a known field");
                    set.push(format!("{id}={}", application.person.value(field)));
                }
                "requirement" => {
                    let file = scan(scans, &format!("{} {id}", application.number));
                    let attached = phone.run(&["attach", &application.id, id, file.to_str().unwrap()]);
                    assert_eq!(attached["bytes"], json!(fs::metadata(&file).unwrap().len()));
                }
                "warning" => drop(phone.run(&["tick", &application.id, id])),
                other => panic!("nobody can fill in a {other}: {one}"),
            }
        }
        if items(&missing).is_empty() {
            return;
        }
        if !set.is_empty() {
            let mut args = vec!["set", &application.id];
            args.extend(set.iter().map(String::as_str));
            phone.run(&args);
            set.clear();
        }
    }
    panic!("{}: never complete: {}", application.service, phone.run(&["missing", &application.id]));
}

/// A scan that nobody else has, under a name that does not say whose it is.
pub fn scan(folder: &Path, of: &str) -> PathBuf {
    let name: String = of.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let path = folder.join(format!("{name}.jpg"));
    // The first bytes of a JPEG, and then what makes it this one.
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0];
    bytes.extend(of.as_bytes().iter().cycle().take(900));
    fs::write(&path, bytes).unwrap();
    path
}
