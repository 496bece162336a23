//! What sync costs, counted on the wire between phone and office: exact promises, and the figures for the docs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use loket_tests::{Office, Phone, Server, VILLAGE};
use serde_json::{Value, json};

use super::proxy::{Proxy, Tally};
use super::script::{Dice, Person, items, scan, text};

/// Most bytes, both ways, of a reconnect where nothing is new.
const NOTHING_NEW: u64 = 1 << 10;
/// Most bytes, both ways, of ten changed among a thousand, three fields each.
const TEN_CHANGED: u64 = 3 << 10;
/// Most bytes for each of a thousand new applications, receipts included.
const PUSHED_EACH: u64 = 400;
/// Most bytes for each of a thousand applications that a new phone fetches.
const FETCHED_EACH: u64 = 450;

/// One filled application as a line for `new --from`: 34 fields of somebody else each, three papers.
fn line(seed: u64, papers: &[PathBuf; 3]) -> String {
    let mut dice = Dice(seed);
    let mut pick = |of: &[&str]| of[usize::try_from(dice.below(of.len() as u64)).unwrap()].to_owned();
    // Nobody's numbers follow from those of the one before.
    let mut anybody = Dice(!seed);
    let mut anybody = || Person(anybody.below(1 << 40));
    let (person, mother, father, card) = (anybody(), anybody(), anybody(), anybody());
    let hamlets = ["Krajan", "Ngasinan", "Sumberejo", "Jatirejo", "Karanglo", "Pule", "Tempel", "Bakalan"];
    let jobs = ["Petani/pekebun", "Buruh harian lepas", "Wiraswasta", "Pedagang", "Karyawan swasta", "Guru"];
    let faiths = ["islam", "islam", "islam", "kristen", "katolik", "hindu", "buddha"];
    let road = |hamlet: String, house: u64| {
        format!("Dusun {hamlet}, Jalan Raya Purwantoro nomor {}", 1 + house % 97)
    };
    let (old, new) = (road(pick(&hamlets), seed), road(pick(&hamlets), seed / 7));
    let day = format!("{:02}-{:02}-2026", 1 + seed % 28, 1 + seed % 10);
    let path = |at: usize| papers[at].to_str().unwrap();
    json!({
        "nik": person.nik(), "nama": person.name(), "nomor_kk": card.nik(),
        "tempat_lahir": pick(&["Wonogiri", "Sukoharjo", "Surakarta", "Pacitan", "Karanganyar"]),
        "tanggal_lahir": person.birthday(), "jenis_kelamin": "laki-laki",
        "golongan_darah": pick(&["A", "B", "AB", "O", "tidak_tahu"]), "agama": pick(&faiths),
        "status_perkawinan": pick(&["kawin", "belum_kawin", "cerai_mati"]),
        "hubungan_keluarga": pick(&["kepala_keluarga", "istri", "anak", "orang_tua"]),
        "pendidikan": pick(&["sd", "smp", "sma", "d3", "s1"]), "pekerjaan": pick(&jobs),
        "kewarganegaraan": "WNI", "nama_ibu": mother.name(), "nik_ibu": mother.nik(),
        "nama_ayah": father.name(), "nik_ayah": father.nik(), "alamat": new, "rt": format!("{:03}", 1 + seed % 7),
        "rw": format!("{:03}", 1 + seed % 5), "desa": VILLAGE, "kecamatan": "33.12.08", "kabupaten": "33.12",
        "provinsi": "33", "kode_pos": "57654", "telepon": format!("0812{:08}", card.0 % 100_000_000),
        "setuju_sms": "ya", "perubahan": "alamat", "semula_alamat": old, "menjadi_alamat": new,
        "asal_pindah": "luar_kabupaten", "dasar_alamat": format!("Surat keterangan pindah WNI nomor SKPWNI/3313/{:05} tanggal {day}", father.0 % 100_000),
        "email": format!("warga{}@surat.example", mother.0 % 999_983), "pelapor": "pemohon_sendiri",
        "lampiran": { "kartu_keluarga": path(0), "ktp_lama": path(1), "surat_pindah": path(2) },
    })
    .to_string()
}

/// A file of such lines, for these seeds.
fn lines(folder: &Path, seeds: std::ops::Range<u64>) -> PathBuf {
    let papers = ["kartu keluarga halaman 1", "ktp lama tampak depan", "surat keterangan pindah"]
        .map(|name| scan(folder, name));
    let path = folder.join(format!("{}.jsonl", seeds.start));
    let mut file = fs::File::create(&path).unwrap();
    let count = seeds.end - seeds.start;
    let mut bytes = 0;
    for line in seeds.map(|seed| line(seed, &papers)) {
        bytes += line.len() as u64;
        writeln!(file, "{line}").unwrap();
    }
    assert!((1_100..1_500).contains(&(bytes / count)), "about 1,300 bytes each: {}", bytes / count);
    path
}

/// An office, a wire and a phone at its end.
struct Wire {
    office: Office,
    _server: Server,
    proxy: Proxy,
    phone: Phone,
}

impl Wire {
    fn new() -> Self {
        let office = Office::new();
        let server = office.serve();
        let proxy = Proxy::to(server.url());
        let phone = Self::phone(&office, &proxy);
        Self { office, _server: server, proxy, phone }
    }

    fn phone(office: &Office, proxy: &Proxy) -> Phone {
        let phone = Phone::enrolled_at(office, proxy.url(), "operator-desa", VILLAGE).0;
        proxy.take();
        phone
    }

    /// Makes applications of these seeds and returns their ids.
    fn make(&self, seeds: std::ops::Range<u64>) -> Vec<String> {
        let (count, start) = (seeds.end - seeds.start, Instant::now());
        let file = lines(self.office.path(), seeds);
        let made = self.phone.run(&["new", "ktp-el-perubahan", "--from", file.to_str().unwrap()]);
        assert_eq!(items(&made).len() as u64, count);
        println!("{count} applications from a file: {:.1} s", start.elapsed().as_secs_f64());
        items(&made).iter().map(|one| text(one, "id").to_owned()).collect()
    }

    /// Syncs and returns what the one connection of entries carried, and what the program says of it. What
    /// attachments cost beside it is printed.
    fn sync(&self, phone: &Phone, what: &str) -> (Tally, Value) {
        let start = Instant::now();
        let said = phone.sync();
        let seconds = start.elapsed().as_secs_f64();
        let (mut sync, attachments) = self.proxy.take();
        assert_eq!(sync.len(), 1, "one connection for the entries of {what}");
        let tally = sync.remove(0);
        println!(
            "{what}: {} bytes ({} up, {} down), {} turns, {} round trips, {seconds:.1} s; attachments {attachments}",
            tally.bytes(),
            tally.up,
            tally.down,
            tally.turns,
            said["round_trips"]
        );
        (tally, said)
    }

    /// A reconnect with nothing new keeps its promise.
    fn nothing_new(&self, applications: usize) {
        let (tally, said) = self.sync(&self.phone, &format!("nothing new at {applications}"));
        assert!(tally.bytes() <= NOTHING_NEW, "{tally:?}");
        assert_eq!((&said["entries_sent"], &said["entries_received"]), (&json!(0), &json!(0)), "{said}");
        assert!(said["round_trips"].as_u64().unwrap() <= 3, "upgrade, hello, and one more: {said}");
        // The upgrade, the hello and one more: three requests, so two turns, and the closing of the socket.
        assert!(tally.turns <= 3, "{tally:?}");
    }
}

#[test]
fn a_hundred_applications_and_nothing_new() {
    let wire = Wire::new();
    wire.make(0..100);
    wire.sync(&wire.phone, "100 new");
    wire.nothing_new(100);
}

#[test]
fn a_thousand_applications_and_ten_thousand() {
    let wire = Wire::new();
    let ids = wire.make(1_000..2_000);
    let (tally, said) = wire.sync(&wire.phone, "1,000 new");
    assert!(tally.bytes() <= PUSHED_EACH * 1_000, "{tally:?}");
    assert!(said["entries_sent"].as_u64().unwrap() >= 1_000, "{said}");
    wire.nothing_new(1_000);

    let fields =
        |at: usize| [format!("rt={:03}", at + 11), format!("rw={:03}", at + 21), "pekerjaan=Nelayan".into()];
    for (at, id) in ids.iter().step_by(100).enumerate() {
        let [rt, rw, job] = fields(at);
        wire.phone.run(&["set", id, &rt, &rw, &job]);
    }
    let (tally, said) = wire.sync(&wire.phone, "10 of 1,000 changed");
    assert!(tally.bytes() <= TEN_CHANGED, "{tally:?}");
    assert_eq!(said["entries_sent"], 10, "{said}");

    // Enrolling fetches what there is; whatever is left comes with the first sync.
    let other = Phone::enrolled_at(&wire.office, wire.proxy.url(), "operator-desa", VILLAGE).0;
    let (enrolling, rest) = wire.proxy.take();
    let enrolling: u64 = enrolling.iter().map(Tally::bytes).sum();
    let (tally, _) = wire.sync(&other, "first sync of a new phone");
    println!("1,000 fetched by a new phone: {enrolling} bytes while enrolling, {rest} for the code");
    assert!(enrolling + tally.bytes() <= FETCHED_EACH * 1_000, "{enrolling} and {tally:?}");
    let (here, there) = (other.run(&["list"]), wire.phone.run(&["list"]));
    assert_eq!((items(&here).len(), items(&there).len()), (1_000, 1_000));
    let last = ids.last().unwrap();
    assert_eq!(other.run(&["show", last])["heads"], wire.phone.run(&["show", last])["heads"]);

    for start in (10_000..19_000).step_by(1_500) {
        wire.make(start..start + 1_500);
        wire.sync(&wire.phone, "1,500 new");
    }
    wire.nothing_new(10_000);
}
