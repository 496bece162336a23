//! Doors of the console and of the public page: who has not the role, the region, the session or the form's key gets
//! nothing, and nothing that is typed anywhere runs in a page.

use std::collections::BTreeMap;

use loket_tests::{Phone, VILLAGE};
use reqwest::StatusCode;

use super::browser::{Browser, Page, ROLES, clerk, pdf_text};
use super::script::{Application, SERVICES, Town, sound, text};
use super::walk::{Walk, lead};

/// An application at the Front Office, with whatever was typed into its address.
fn filed(town: &Town, service: &str, address: &str) -> Application {
    let application = town.begin(service, &town.variants(service)[0]);
    town.fill(&application);
    town.home(service).run(&["set", &application.id, &format!("alamat={address}")]);
    town.submit(&application);
    town.sync();
    town.sync();
    application
}

#[test]
fn nobody_gets_in_without_the_key_to_the_door() {
    let town = Town::new();
    let application = filed(&town, "ktp-el-hilang", "Dusun Krajan 1");
    let (page, act) = (
        format!("/kantor/berkas/{}", application.number),
        format!("/kantor/berkas/{}/tindakan/ambil", application.number),
    );
    // Nobody.
    let nobody = Browser::new(town.server.url());
    let hash = text(&town.show(&application)["attachments"][0], "hash").to_owned();
    let scan = format!("{page}/lampiran/{hash}");
    for path in [
        "/kantor",
        "/kantor/cari",
        "/kantor/antrean/front-office",
        "/kantor/antrean/front-office/berita",
        &page,
        &scan,
    ] {
        let answer = nobody.get(path);
        assert_eq!(
            (answer.status, answer.location.as_str()),
            (StatusCode::SEE_OTHER, "/kantor/masuk"),
            "{path}"
        );
        assert!(answer.text.is_empty(), "{path}");
    }
    for path in [&act, "/kantor/keluar", "/kantor/cari", &format!("{page}/buka")] {
        let answer = nobody.post(path, &[("kunci", "x"), ("cari", "x"), ("alasan", "x")]);
        assert_eq!(
            (answer.status, answer.location.as_str()),
            (StatusCode::SEE_OTHER, "/kantor/masuk"),
            "{path}"
        );
    }
    // A cookie that somebody else chose opens nothing, and is not taken over by who signs in.
    let (id, password, mut front) = clerk(&town, "front-office", None);
    let chosen = format!("__Host-loket={}", "ab".repeat(32));
    let fixed = Browser { cookie: Some(chosen.clone()), ..Browser::new(town.server.url()) };
    assert_eq!(fixed.get("/kantor").location, "/kantor/masuk");
    assert_ne!(front.cookie.as_deref(), Some(chosen.as_str()));
    // The role.
    for role in ["kepala-dinas", "bagian-produksi"] {
        let (_, _, other) = clerk(&town, role, None);
        assert_eq!(other.get("/kantor/antrean/front-office").status, StatusCode::FORBIDDEN, "{role}");
        let seen = other.get(&page);
        assert!(seen.status == StatusCode::NOT_FOUND || !seen.text.contains("/tindakan/"), "{role} may act");
    }
    // The region.
    let (_, _, elsewhere) = clerk(&town, "front-office", Some("33.12.09"));
    assert_eq!(elsewhere.get(&page).status, StatusCode::NOT_FOUND);
    assert_eq!(elsewhere.get(&scan).status, StatusCode::NOT_FOUND);
    assert!(!elsewhere.get("/kantor/antrean/front-office").text.contains(&application.number));
    // The form's key: none, another session's.
    let shown = front.get(&page);
    assert_eq!(shown.status, StatusCode::OK);
    let act = shown.text.split("action=\"").find(|part| part.contains("/tindakan/")).unwrap();
    let act = act.split('"').next().unwrap().to_owned();
    let (_, _, colleague) = clerk(&town, "front-office", None);
    for key in ["", "x", &colleague.get(&page).key()] {
        assert_eq!(front.post(&act, &[("kunci", key)]).status, StatusCode::FORBIDDEN, "key {key}");
    }
    assert_eq!(text(&town.show(&application), "state"), "ANTRI_FO", "nothing of it was done");
    assert_eq!(front.post(&act, &[("kunci", &shown.key())]).status, StatusCode::SEE_OTHER);
    assert_ne!(text(&town.show(&application), "state"), "ANTRI_FO");
    // Scans: only those of the application, by their hash.
    assert_eq!(front.get(&scan).status, StatusCode::OK);
    let neighbour = filed(&town, "ktp-el-rusak", "Dusun Krajan 2");
    let other = text(&town.show(&neighbour)["attachments"][0], "hash").to_owned();
    let ways = [other, "..%2f..%2f..%2foffice.key".into(), "%2e%2e".into(), "a".repeat(63), String::new()];
    for way in ways {
        assert_eq!(front.get(&format!("{page}/lampiran/{way}")).status, StatusCode::NOT_FOUND, "{way}");
    }
    // Whoever is out stays out.
    let before = front.cookie.clone();
    let key = front.get("/kantor/cari").key();
    assert_eq!(front.post("/kantor/keluar", &[("kunci", &key)]).location, "/kantor/masuk");
    front.cookie = before;
    assert_eq!(front.get(&page).location, "/kantor/masuk");
    // Failures lock; then the right password does not help either.
    for _ in 0..5 {
        let wrong = front
            .post("/kantor/masuk", &[("petugas", &id), ("sandi", "salah sama sekali"), ("kode", "000000")]);
        assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    }
    let locked = front.sign_in(&town.office, &id, &password);
    assert_eq!(locked.status, StatusCode::FORBIDDEN);
    assert!(locked.text.contains("Terlalu banyak percobaan"), "{}", locked.text);
}

#[test]
fn what_is_typed_runs_nowhere_and_is_in_no_address() {
    let town = Town::new();
    let typed = "<img src=x onerror=alert(1)> &amp; \"'><script>alert(2)</script>";
    let application = filed(&town, "ktp-el-hilang", typed);
    let (_, _, front) = clerk(&town, "front-office", None);
    let page = front.get(&format!("/kantor/berkas/{}", application.number));
    assert!(page.text.contains("onerror=alert(1)&#62;") && page.text.contains("&#60;img"), "{}", page.text);
    assert!(!page.text.contains("<img src=x") && !page.text.contains("<script>alert"));
    // Found by NIK, from the body of a form.
    let (nik, key) = (application.person.nik(), page.key());
    let found = front.post("/kantor/cari", &[("kunci", &key), ("cari", &nik)]);
    assert!(found.text.contains(&application.number), "{}", found.text);
    assert!(!found.text.contains(&nik));
    let named = front.post("/kantor/cari", &[("kunci", &key), ("cari", &application.number)]);
    assert_eq!(named.location, format!("/kantor/berkas/{}", application.number));
    let odd = front.post("/kantor/cari", &[("kunci", &key), ("cari", "<script>alert(3)</script>")]);
    assert!(odd.status.is_success() && !odd.text.contains("<script>alert"));
    assert!(!town.office.log().contains(&nik) && !town.office.log().contains("onerror"));
}

#[test]
fn the_public_page_tells_the_state_and_nothing_else() {
    let town = Town::new();
    let plain = filed(&town, "ktp-el-hilang", "Dusun Krajan 1");
    let kept = filed(&town, SERVICES[8], "Dusun Krajan 2");
    let anybody = Browser::new(town.server.url());
    let ask = |number: &str, born: &str| anybody.post("/status", &[("nomor", number), ("lahir", born)]);
    assert!(anybody.get("/status").text.len() < 4_000);
    let told = ask(&plain.number, &plain.person.birthday());
    assert!(told.text.contains("Antri di Front Office") && told.text.contains("KTP-el"), "{}", told.text);
    let told_of_kept = ask(&kept.number, &kept.person.birthday());
    assert!(told_of_kept.text.contains("Sedang diproses"), "{}", told_of_kept.text);
    let title = text(town.service(SERVICES[8]), "title");
    assert!(!told_of_kept.text.contains(title) && !told_of_kept.text.contains("Kelamin"));
    let of: BTreeMap<&str, (&Application, &Page)> =
        [("plain", (&plain, &told)), ("kept", (&kept, &told_of_kept))].into();
    for (application, page) in of.values() {
        for secret in [application.person.nik(), application.person.name(), application.person.birthday()] {
            assert!(!page.text.contains(&secret));
        }
    }
    // Wrong: a slip in the number, another day, a number that does not exist; and then guessing ends.
    assert_eq!(ask("3312082002-26-7K3Q-0001A", "01-01-1990").status, StatusCode::BAD_REQUEST);
    assert_eq!(ask(&plain.number, "kapan saja").status, StatusCode::BAD_REQUEST);
    for _ in 0..8 {
        assert_eq!(ask(&plain.number, "01-01-1930").status, StatusCode::NOT_FOUND);
    }
    assert_eq!(ask(&plain.number, "01-01-1930").status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask(&plain.number, &plain.person.birthday()).status, StatusCode::TOO_MANY_REQUESTS);
    assert!(ask(&kept.number, &kept.person.birthday()).status.is_success(), "of others people still hear");
}

#[test]
fn production_corrects_what_was_typed() {
    let town = Town::new();
    let service = SERVICES[8];
    let application = town.file(service, &town.variants(service)[0]);
    let (number, nik) = (application.number.clone(), application.person.nik());
    town.sync();
    let mut walks = [Walk::before("periksa_produksi", application)];
    lead(&town, &mut walks);
    let application = &walks[0].application;
    let (_, _, desk) = clerk(&town, "bagian-produksi", None);
    let page = format!("/kantor/berkas/{number}");
    // Nothing of it is shown before a reason is given.
    let shut = desk.get(&page);
    assert!(shut.text.contains("Alasan membuka") && !shut.text.contains(&nik), "{}", shut.text);
    let title = text(town.service(service), "title");
    assert!(
        !shut.text.contains(title)
            && !desk.get("/kantor/antrean/bagian-produksi").text.contains("<td data-l=\"Layanan\">Peristiwa")
    );
    assert_eq!(desk.get(&format!("{page}/cetak/tanda-terima")).location, page);
    let unopened = desk.post(&format!("{page}/tindakan/perbaikan_input"), &[("kunci", &shut.key())]);
    assert_eq!(unopened.status, StatusCode::FORBIDDEN);
    let blank = desk.post(&format!("{page}/buka"), &[("kunci", &shut.key()), ("alasan", "  ")]);
    assert_eq!(blank.status, StatusCode::BAD_REQUEST);
    let opened =
        desk.post(&format!("{page}/buka"), &[("kunci", &shut.key()), ("alasan", "giliran produksi")]);
    assert_eq!(opened.location, page);
    let shown = desk.get(&page);
    assert!(shown.text.contains(&nik) && shown.text.contains(title));
    let receipt = pdf_text(&desk.get(&format!("{page}/cetak/tanda-terima/pdf")).bytes);
    assert!(receipt.contains(&number) && receipt.contains("GRATIS"), "{receipt}");
    assert!(!receipt.contains(title) && !receipt.contains(&nik), "what lies about says no more");
    // Sent to be corrected, and corrected: what is left as it is changes nothing.
    let key = shown.key();
    let form = [("kunci", key.as_str()), ("isi.sebab", "kesalahan_input"), ("alasan", "dusun keliru")];
    let sent = desk.post(&format!("{page}/tindakan/perbaikan_input"), &form);
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let waits = desk.get(&page);
    assert!(
        waits.text.contains("name=\"isi.isian.alamat\"") && waits.text.contains(&format!("value=\"{nik}\""))
    );
    let form = [
        ("kunci", key.as_str()),
        ("isi.isian.nik", nik.as_str()),
        ("isi.isian.alamat", "Dusun Pembetulan 7"),
        ("isi.keterangan", "dusun"),
    ];
    let mended = desk.post(&format!("{page}/tindakan/perbaiki_input"), &form);
    assert_eq!(mended.status, StatusCode::SEE_OTHER, "{}", mended.text);
    let after = town.show(application);
    assert_eq!(after["submitted"]["fields"]["alamat"], "Dusun Pembetulan 7");
    assert_eq!((text(&after, "state"), &after["revision"]), ("ANTRI_PRODUKSI", &1.into()));

    // What production writes begins with the court's decision, and is decided on from then on.
    let court = text(&after["submitted"]["fields"], "pengadilan").to_owned();
    let begun = desk.get(&page);
    let draft = begun.text.split("name=\"isi.isian.catatan_pinggir\"").nth(1).expect("words to write");
    let draft = draft.split_once('>').unwrap().1.split("</textarea>").next().unwrap();
    assert!(draft.contains(&court) && !draft.contains('{') && !draft.contains("  "), "{draft}");
    assert_eq!(
        desk.get(&format!("{page}/cetak/surat")).status,
        StatusCode::NOT_FOUND,
        "nothing is written yet"
    );
    let note = "Telah dicatat perubahan jenis kelamin.\r\nDemikian <b>bunyinya</b>.";
    let form = [("kunci", key.as_str()), ("isi.isian.catatan_pinggir", note), ("isi.isian.alamat", "x")];
    let other = desk.post(&format!("{page}/tindakan/periksa_produksi"), &form);
    assert!(other.status.is_success() || other.status == StatusCode::SEE_OTHER, "{}", other.text);
    let written = town.show(application);
    let fields = &written["submitted"]["fields"];
    assert_eq!(fields["catatan_pinggir"], note.replace("\r\n", "\n"));
    let letter = || pdf_text(&desk.get(&format!("{page}/cetak/surat/pdf")).bytes);
    let draft = letter();
    assert!(draft.contains("Demikian <b>bunyinya</b>.") && draft.contains("belum ditandatangani"), "{draft}");
    // Nobody else writes it: no other desk, no phone.
    let phone = town.home(service);
    assert!(phone.fails(&["set", &application.id, "catatan_pinggir=Lain"]).contains("tidak"));
    let kasi = &town.staff["kasi-pencatatan-sipil"];
    let act = ["act", &number, "periksa_ttd", "--as", kasi, "--set", "isian.catatan_pinggir=Lain"];
    assert!(town.office.fails(&act).contains("catatan_pinggir"));
    let kadis = &town.staff["kepala-dinas"];
    town.office.run(&["act", &number, "periksa_ttd", "--as", kasi]);
    let signed = ["jenis_ttd=tte", "waktu_ttd=2026-11-28", "referensi_ttd=TTE-7"];
    let mut act = vec!["act", &number, "tanda_tangan", "--as", kadis];
    act.extend(signed.iter().flat_map(|set| ["--set", set]));
    town.office.run(&act);
    let signed = letter();
    for said in ["Elektronik (TTE)", "28 November 2026", "TTE-7"] {
        assert!(signed.contains(said), "{signed}");
    }
    sound(&town.office);
}

#[test]
fn the_front_office_types_into_the_file_and_into_siak() {
    let town = Town::new();
    let service = SERVICES[8];
    let application = town.file(service, &town.variants(service)[0]);
    town.sync();
    let mut walks = [Walk::before("catat_siak", application)];
    lead(&town, &mut walks);
    let application = &walks[0].application;
    let (_, _, front) = clerk(&town, "front-office", None);
    let page = format!("/kantor/berkas/{}", application.number);
    let key = front.get(&page).key();
    front.post(&format!("{page}/buka"), &[("kunci", &key), ("alasan", "input SIAK")]);
    let shown = front.get(&page).text;
    let siak: Vec<&str> = shown.split("id=\"siak\"").nth(1).unwrap().split("<label").skip(1).collect();
    assert!(siak[0].contains("NIK") && siak[0].contains(&application.person.nik()), "{}", siak[0]);
    assert!(siak[1].contains("Nama lengkap") && siak[1].contains(&application.person.name().to_uppercase()));
    let before = town.show(application);
    let form =
        [("kunci", key.as_str()), ("isi.referensi_siak", "SIAK-9"), ("isi.isian.pekerjaan", "Penjahit")];
    let typed = front.post(&format!("{page}/tindakan/catat_siak"), &form);
    assert_eq!(typed.status, StatusCode::SEE_OTHER, "{}", typed.text);
    let after = town.show(application);
    assert_eq!(after["submitted"]["fields"]["pekerjaan"], "Penjahit");
    assert_ne!(after["submitted"]["heads"], before["submitted"]["heads"]);
    assert_eq!((text(&after, "state"), &after["revision"]), ("ANTRI_VALIDATOR", &before["revision"]));
    // At a step where nothing is typed nothing can be.
    let kasi = &town.staff["kasi-pencatatan-sipil"];
    let act = ["act", &application.number, "periksa_kasi", "--as", kasi, "--set", "isian.pekerjaan=Lain"];
    assert!(town.office.fails(&act).contains("isian.pekerjaan"));
    sound(&town.office);
}

#[test]
fn an_administrator_invites_revokes_and_sees_who_read_what() {
    let town = Town::new();
    let application = filed(&town, "ktp-el-hilang", "Dusun Krajan 1");
    let (front_id, _, front) = clerk(&town, "front-office", None);
    let (_, _, admin) = clerk(&town, "admin", None);
    for path in ["/kantor/perangkat", "/kantor/pembacaan"] {
        assert_eq!(front.get(path).status, StatusCode::FORBIDDEN, "{path}");
        assert!(admin.get(path).status.is_success(), "{path}");
    }
    let key = front.get("/kantor/cari").key();
    let invite = [("peran", "operator-desa"), ("wilayah", VILLAGE), ("nama", "Bu Wulan")];
    fn by<'a>(key: &'a str, form: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [&[("kunci", key)][..], form].concat()
    }
    assert_eq!(front.post("/kantor/perangkat/undang", &by(&key, &invite)).status, StatusCode::FORBIDDEN);
    let key = admin.get("/kantor/perangkat").key();
    let odd = [("kunci", key.as_str()), ("peran", "kepala-dinas"), ("wilayah", VILLAGE), ("nama", "")];
    assert_eq!(admin.post("/kantor/perangkat/undang", &odd).status, StatusCode::BAD_REQUEST);
    let invited = admin.post("/kantor/perangkat/undang", &by(&key, &invite));
    let code =
        invited.text.split("class=\"nomor\">").nth(1).expect("a code").split('<').next().unwrap().to_owned();
    let phone = Phone::unknown();
    let enrolled = phone.run(&["enroll", "--url", town.server.url(), "--code", &code]);
    assert_eq!(enrolled["role"], "operator-desa");
    let device = text(&enrolled, "device").to_owned();
    let listed = admin.get("/kantor/perangkat").text;
    assert!(listed.contains("Bu Wulan") && listed.contains(&device));
    let revoke = [("kunci", key.as_str()), ("perangkat", device.as_str()), ("sebab", "dicabut")];
    assert_eq!(front.post("/kantor/perangkat/cabut", &revoke).status, StatusCode::FORBIDDEN);
    assert_eq!(admin.post("/kantor/perangkat/cabut", &revoke).status, StatusCode::SEE_OTHER);
    assert!(admin.get("/kantor/perangkat").text.contains("izin berakhir"));
    // Who read what, today, by name of who read and number of what.
    let read = |page: Page| page.text.matches(&application.number).count();
    let before = read(admin.get("/kantor/pembacaan"));
    front.get(&format!("/kantor/berkas/{}", application.number));
    let after = admin.get("/kantor/pembacaan");
    assert!(after.text.contains(&format!("petugas {front_id}")), "{}", after.text);
    assert_eq!(read(after), before + 1);
    assert_eq!(read(admin.get("/kantor/pembacaan?tanggal=2020-01-01")), 0);
}

/// Pages that are the administrator's alone.
const ADMINISTRATION: [&str; 12] = [
    "/kantor/kelola",
    "/kantor/perangkat",
    "/kantor/petugas",
    "/kantor/katalog",
    "/kantor/katalog/kia-baru",
    "/kantor/katalog/kia-baru/sms",
    "/kantor/kalender",
    "/kantor/loket",
    "/kantor/wilayah",
    "/kantor/retensi",
    "/kantor/pembacaan",
    "/kantor/ekspor",
];
/// And what they alone do there.
const ADMINISTRATIVE_ACTS: [&str; 14] = [
    "/kantor/perangkat/undang",
    "/kantor/perangkat/cabut",
    "/kantor/perangkat/cocokkan",
    "/kantor/petugas/tambah",
    "/kantor/petugas/akses",
    "/kantor/petugas/akhiri",
    "/kantor/katalog/umumkan",
    "/kantor/katalog/kia-baru/sms",
    "/kantor/kalender/jam",
    "/kantor/kalender/libur",
    "/kantor/loket/nama",
    "/kantor/loket/alamat",
    "/kantor/ekspor/daftar",
    "/kantor/ekspor/orang",
];

/// Every address of the console by every role: who has nothing to do there gets nothing of it.
#[test]
fn every_address_knows_every_role() {
    let town = Town::new();
    let plain = filed(&town, "ktp-el-hilang", "Dusun Krajan 1");
    let kept = filed(&town, SERVICES[8], "Dusun Krajan 2");
    let of = |application: &Application| {
        let hash = text(&town.show(application)["attachments"][0], "hash").to_owned();
        let page = format!("/kantor/berkas/{}", application.number);
        (page.clone(), format!("{page}/lampiran/{hash}"), format!("{page}/cetak/tanda-terima/pdf"))
    };
    let (plain_page, plain_scan, plain_receipt) = of(&plain);
    let (kept_page, kept_scan, kept_receipt) = of(&kept);
    let has_part = |service: &str, role: &str| {
        let acts = town.office.run(&["catalogue", "show", service]).to_string();
        role == "admin" || acts.contains(&format!("\"{role}\""))
    };
    for role in ROLES {
        let (_, _, browser) = clerk(&town, role, None);
        let status = |path: &str| browser.get(path).status;
        let is_admin = role == "admin";
        let expected = |may: bool, not: StatusCode| if may { StatusCode::OK } else { not };
        for desk in ROLES {
            let may = desk == role || is_admin;
            let path = format!("/kantor/antrean/{desk}");
            assert_eq!(status(&path), expected(may, StatusCode::FORBIDDEN), "{role} at {path}");
        }
        for path in ADMINISTRATION {
            assert_eq!(status(path), expected(is_admin, StatusCode::FORBIDDEN), "{role} at {path}");
        }
        let keeps = ["operator-desa", "operator-kecamatan", "bagian-produksi", "admin"].contains(&role);
        assert_eq!(status("/kantor/blangko"), expected(keeps, StatusCode::FORBIDDEN), "{role} at the blanks");
        let handles = keeps || role == "loket-pengambilan";
        assert_eq!(
            status("/kantor/kiriman"),
            expected(handles, StatusCode::FORBIDDEN),
            "{role} at the cards"
        );
        let leads = ["kepala-dinas", "kasi-pendaftaran", "kasi-pencatatan-sipil", "admin"].contains(&role);
        assert_eq!(status("/kantor/angka"), expected(leads, StatusCode::FORBIDDEN), "{role} at the figures");
        // What changes something is closed to others as well, whatever the form says.
        if let Some(key) = browser.get("/kantor/cari").text.split("name=\"kunci\" value=\"").nth(1) {
            let key = key.split('"').next().unwrap();
            for path in ADMINISTRATIVE_ACTS.iter().filter(|_| !is_admin) {
                let form =
                    ["peran", "nama", "wilayah", "perangkat", "sebab", "berkas", "jam", "hari", "loket"];
                let more = ["alamat", "dari", "sampai", "bentuk", "nik", "alasan", "angka"];
                let mut form: Vec<(&str, &str)> =
                    form.into_iter().chain(more).map(|name| (name, "x")).collect();
                form.extend([("kunci", key), ("petugas", "1"), ("tahun", "2026")]);
                assert_eq!(browser.post(path, &form).status, StatusCode::FORBIDDEN, "{role} at {path}");
            }
        }
        let part = has_part("ktp-el-hilang", role);
        for path in [&plain_page, &plain_scan, &plain_receipt] {
            assert_eq!(status(path), expected(part, StatusCode::NOT_FOUND), "{role} at {path}");
        }
        // What is need-to-know gives nobody anything before a reason is given.
        let part = has_part(SERVICES[8], role);
        let shut = browser.get(&kept_page);
        assert_eq!(shut.status, expected(part, StatusCode::NOT_FOUND), "{role}");
        assert!(
            !shut.text.contains(&kept.person.nik()) && !shut.text.contains(&kept.person.name()),
            "{role}"
        );
        assert_ne!(status(&kept_scan), StatusCode::OK, "{role}");
        assert_ne!(status(&kept_receipt), StatusCode::OK, "{role}");
        // Nobody acts for another's desk.
        if !["front-office", "admin"].contains(&role) && part {
            let key = browser.get("/kantor/cari").key();
            let taken = browser.post(&format!("{plain_page}/tindakan/klaim_fo"), &[("kunci", &key)]);
            assert_ne!(taken.status, StatusCode::SEE_OTHER, "{role} took what waits at the Front Office");
        }
    }
    assert_eq!(text(&town.show(&plain), "state"), "ANTRI_FO");
}

/// Every address of the console, as the router has them, with these in place of what varies.
fn addresses(number: &str, hash: &str) -> Vec<String> {
    let router = include_str!("../../server/src/router.rs");
    let quoted = router.split('"').skip(1).step_by(2);
    let varies = [
        ("{number}", number),
        ("{other}", number),
        ("{hash}", hash),
        ("{desk}", "front-office"),
        ("{act}", "klaim_fo"),
        ("{print}", "f-1.02"),
        ("{part}", "pdf"),
        ("{device}", hash),
        ("{service}", "kia-baru"),
        ("{site}", "33.12.08"),
        ("{kind}", "KIA"),
        ("{name}", "K-AAAAAAAA"),
    ];
    let filled = quoted.filter(|address| address.starts_with("/kantor")).map(|address| {
        varies.iter().fold(address.to_owned(), |address, (name, value)| address.replace(name, value))
    });
    let all: Vec<String> = filled.collect();
    assert!(all.len() > 50 && all.iter().all(|address| !address.contains('{')), "{all:?}");
    all
}

#[test]
fn without_a_session_no_address_gives_anything_and_with_one_nothing_that_is_kept() {
    let town = Town::new();
    let kept = filed(&town, SERVICES[8], "Dusun Krajan 2");
    let hash = text(&town.show(&kept)["attachments"][0], "hash").to_owned();
    let all = addresses(&kept.number, &hash);
    let nobody = Browser::new(town.server.url());
    for address in all.iter().filter(|address| *address != "/kantor/masuk") {
        for page in [nobody.get(address), nobody.post(address, &[("kunci", "x")])] {
            let is_sent_away = page.status == StatusCode::SEE_OTHER && page.location == "/kantor/masuk";
            assert!(
                is_sent_away || page.status == StatusCode::METHOD_NOT_ALLOWED,
                "{address}: {}",
                page.status
            );
            assert!(page.text.is_empty(), "{address}: {}", page.text);
        }
    }
    for role in ROLES {
        let (_, _, browser) = clerk(&town, role, None);
        // Whoever goes to where live news is told hears of it for as long as they listen.
        for address in all.iter().filter(|address| !address.ends_with("/berita")) {
            let page = browser.get(address);
            assert!(!page.status.is_server_error(), "{role} at {address}: {}", page.status);
            for secret in [kept.person.nik(), kept.person.name()] {
                assert!(!page.text.contains(&secret), "{role} at {address}");
            }
            // A form of nobody's session does nothing.
            let stale = browser.post(address, &[("kunci", "x")]);
            assert!(
                !stale.status.is_success() && stale.status != StatusCode::SEE_OTHER,
                "{role} at {address}"
            );
        }
    }
    assert_eq!(text(&town.show(&kept), "state"), "ANTRI_FO");
}

#[test]
fn those_who_lead_see_where_the_office_stands() {
    let town = Town::new();
    filed(&town, "ktp-el-hilang", "Dusun Krajan 1");
    filed(&town, "ktp-el-hilang", "Dusun Krajan 2");
    let kept = filed(&town, SERVICES[8], "Dusun Krajan 3");
    let (_, _, head) = clerk(&town, "kepala-dinas", None);
    let page = head.get("/kantor/angka").text;
    let title = text(town.service("ktp-el-hilang"), "title");
    assert!(page.contains(&format!("<tr><th scope=\"row\">{title}</th><td>2</td></tr>")), "{page}");
    assert!(
        page.contains("<tr><th scope=\"row\">Front Office</th><td data-l=\"sampai 1 hari\">3</td>"),
        "{page}"
    );
    assert!(page.contains("<svg") && page.contains("Pucung") && !page.contains(&kept.person.name()));
    assert!(!page.contains("style="));
    // Every phone has just been there.
    assert!(!page.contains("belum pernah terdengar") || page.contains("HP yang lebih dari tiga hari"));
    let id = text(&town.office.run(&["staff", "add", "--role", "kepala-dinas", "--name", "Sistem"]), "id")
        .to_owned();
    let given = town.office.run(&["token", "add", "--as", &id, "--label", "papan", "--scope", "daftar"]);
    let address = format!("{}/v1/api/figures", town.server.url());
    let figures = head.runtime.block_on(async {
        let asked = head.client.get(address).bearer_auth(text(&given, "token")).send().await.unwrap();
        asked.text().await.unwrap()
    });
    let figures: serde_json::Value = serde_json::from_str(&figures).unwrap();
    assert_eq!(figures["services"][0]["count"], 2, "{figures}");
    assert_eq!(figures["desks"][0]["waiting"], 3, "{figures}");
}
