//! What an administrator does in the console, and what comes of it: staff, catalogue, calendar, exports, devices.

use loket_tests::{KECAMATAN, VILLAGE};
use reqwest::StatusCode;
use serde_json::Value;

use super::browser::{Browser, clerk};
use super::script::{SERVICES, Town, sound, text};

/// A form of the console's, sent as browsers send files.
fn upload(browser: &Browser, path: &str, key: &str, file: &str) -> (StatusCode, String) {
    let bound = "batas-bagian";
    let part = |name: &str, value: &str| {
        format!("--{bound}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = format!(
        "{}--{bound}\r\nContent-Disposition: form-data; name=\"berkas\"; filename=\"a.toml\"\r\n\
         Content-Type: text/plain\r\n\r\n{file}\r\n--{bound}--\r\n",
        part("kunci", key)
    );
    let kind = format!("multipart/form-data; boundary={bound}");
    let page = browser.send(path, &kind, body);
    (page.status, page.text)
}

#[test]
fn staff_come_and_go() {
    let town = Town::new();
    let (admin_id, _, admin) = clerk(&town, "admin", None);
    let key = admin.get("/kantor/petugas").key();
    let add =
        [("kunci", key.as_str()), ("peran", "front-office"), ("nama", "Bu Sari"), ("wilayah", KECAMATAN)];
    assert_eq!(admin.post("/kantor/petugas/tambah", &add).location, "/kantor/petugas");
    let odd = [("kunci", key.as_str()), ("peran", "raja"), ("nama", "X")];
    assert_eq!(admin.post("/kantor/petugas/tambah", &odd).status, StatusCode::BAD_REQUEST);
    let staff = town.office.run(&["staff", "list"]);
    let sari = staff.as_array().unwrap().iter().find(|one| text(one, "name") == "Bu Sari").unwrap();
    let id = text(sari, "id").to_owned();
    // What they sign in with is shown once, and works.
    let given = admin.post("/kantor/petugas/akses", &[("kunci", &key), ("petugas", &id)]).text;
    let password = given.split("class=\"nomor\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert!(given.contains("<svg") && !admin.get("/kantor/petugas").text.contains(&password));
    let mut front = Browser::new(town.server.url());
    assert_eq!(front.sign_in(&town.office, &id, &password).location, "/kantor");
    assert_eq!(front.get("/kantor/antrean/front-office").status, StatusCode::OK);
    // Nobody ends themselves; who is ended is out at once, everywhere, and their name stays.
    let own = admin.post("/kantor/petugas/akhiri", &[("kunci", &key), ("petugas", &admin_id)]);
    assert_eq!(own.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        admin.post("/kantor/petugas/akhiri", &[("kunci", &key), ("petugas", &id)]).location,
        "/kantor/petugas"
    );
    assert_eq!(front.get("/kantor/antrean/front-office").location, "/kantor/masuk");
    let again = admin.post("/kantor/petugas/akses", &[("kunci", &key), ("petugas", &id)]);
    assert_eq!(again.status, StatusCode::BAD_REQUEST, "{}", again.text);
    let page = admin.get("/kantor/petugas").text;
    assert!(page.contains("Bu Sari") && page.contains("sudah berakhir"));
    // All of it is on record.
    let record = admin.get("/kantor/pembacaan").text;
    for deed in ["Tambah petugas", "Beri kata sandi", "Akhiri petugas"] {
        assert!(record.contains(deed), "{deed}: {record}");
    }
    assert!(!admin.get("/kantor/pembacaan?petugas=9999").text.contains("Tambah petugas"));
}

#[test]
fn a_service_is_changed_looked_at_and_published() {
    let town = Town::new();
    let (_, _, admin) = clerk(&town, "admin", None);
    let key = admin.get("/kantor/katalog").key();
    let now = admin.get("/kantor/katalog/kia-hilang").text;
    assert!(now.contains("service = \"kia-hilang\""));
    // A mistake is named with its line; nothing can be published then.
    let (status, page) = upload(
        &admin,
        "/kantor/katalog/periksa",
        &key,
        &now.replace("kind = \"serah\"", "kind = \"terbang\""),
    );
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(page.contains("role=\"alert\"") && !page.contains("/kantor/katalog/umumkan"), "{page}");
    // The same version with other words is refused: applications were filed under it.
    let (status, page) = upload(
        &admin,
        "/kantor/katalog/periksa",
        &key,
        &now.replace("service_time_hours = 24", "service_time_hours = 16"),
    );
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(page.contains("version"), "{page}");
    // A new one shows what differs, and is published.
    let new = now
        .replace("service_time_hours = 24", "service_time_hours = 16")
        .replace("version = \"2026.1\"", "version = \"2026.2\"");
    let (status, page) = upload(&admin, "/kantor/katalog/periksa", &key, &new);
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("service_time_hours = 24") && page.contains("service_time_hours = 16"), "{page}");
    assert_eq!(upload(&admin, "/kantor/katalog/periksa", "salah", &new).0, StatusCode::FORBIDDEN);
    let publish = [("kunci", key.as_str()), ("berkas", new.as_str())];
    assert_eq!(admin.post("/kantor/katalog/umumkan", &publish).location, "/kantor/katalog");
    // The console's own readers know it at once; so does the command line.
    assert!(admin.get("/kantor/katalog").text.contains("2026.2 sejak"));
    let shown = town.office.run(&["catalogue", "show", "kia-hilang"]);
    assert_eq!(shown["version"], "2026.2");
    // The words of an SMS, as the next version.
    let sms = admin.get("/kantor/katalog/kia-hilang/sms").text;
    assert!(sms.contains("name=\"teks.N4\"") && sms.contains("huruf GSM-7"));
    let words = "Dokumen permohonan {nomor} selesai. Ambil di loket {tempat}. Gratis.";
    let looked = admin.post("/kantor/katalog/kia-hilang/sms", &[("kunci", &key), ("teks.N4", words)]);
    assert!(
        looked.text.contains("versi 2026.3") && looked.text.contains("Ambil di loket"),
        "{}",
        looked.text
    );
    let long = words.repeat(4);
    let looked = admin.post("/kantor/katalog/kia-hilang/sms", &[("kunci", &key), ("teks.N4", &long)]);
    assert_eq!(looked.status, StatusCode::BAD_REQUEST, "more than one SMS holds");
}

#[test]
fn the_calendar_reaches_the_phones() {
    let town = Town::new();
    let (_, _, admin) = clerk(&town, "admin", None);
    let page = admin.get("/kantor/kalender");
    assert!(page.text.contains("senin 07.30-15.30"), "{}", page.text);
    let key = page.key();
    let post = |path: &str, form: &[(&str, &str)]| {
        admin.post(&format!("/kantor/kalender/{path}"), &[&[("kunci", key.as_str())][..], form].concat())
    };
    assert_eq!(post("jam", &[("jam", "senin 15.00-07.00")]).status, StatusCode::BAD_REQUEST);
    assert_eq!(
        post("jam", &[("jam", "senin 08.00-12.00\r\nselasa 08.00-12.00")]).location,
        "/kantor/kalender"
    );
    let year = &page.text.split("name=\"tahun\" value=\"").nth(1).unwrap()[..4].to_owned();
    let days = format!("{year}-12-25 Hari Natal\n{year}-12-26");
    assert_eq!(post("libur", &[("tahun", year), ("hari", "1999-12-25")]).status, StatusCode::BAD_REQUEST);
    assert_eq!(post("libur", &[("tahun", year), ("hari", &days)]).location, "/kantor/kalender");
    // A second time: the newest alone holds.
    let fewer = format!("{year}-12-25 Hari Natal");
    assert_eq!(post("libur", &[("tahun", year), ("hari", &fewer)]).location, "/kantor/kalender");
    let after = admin.get("/kantor/kalender").text;
    assert!(after.contains("selasa 08.00-12.00") && !after.contains("jumat"), "{after}");
    assert!(after.contains("25 Desember") && !after.contains("26 Desember"), "{after}");
    town.sync();
    sound(&town.office);
}

#[test]
fn data_leave_as_files_and_on_record() {
    let town = Town::new();
    let plain = town.file("ktp-el-hilang", &town.variants("ktp-el-hilang")[0]);
    let kept = town.file(SERVICES[8], &town.variants(SERVICES[8])[0]);
    town.sync();
    town.sync();
    let (admin_id, _, admin) = clerk(&town, "admin", None);
    let key = admin.get("/kantor/ekspor").key();
    let span = [("kunci", key.as_str()), ("dari", "2020-01-01"), ("sampai", "2099-12-31")];
    let csv = admin.post("/kantor/ekspor/daftar", &[&span[..], &[("bentuk", "csv")]].concat()).text;
    assert!(csv.starts_with("nomor,layanan,") && csv.contains(&plain.number), "{csv}");
    let line = csv.lines().find(|line| line.contains(&kept.number)).unwrap();
    assert!(line.contains("dijaga") && !csv.contains(SERVICES[8]), "{line}");
    for secret in [plain.person.nik(), plain.person.name(), kept.person.nik()] {
        assert!(!csv.contains(&secret));
    }
    let json = admin.post("/kantor/ekspor/daftar", &[&span[..], &[("bentuk", "json")]].concat()).text;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap().as_array().unwrap().len(), 2);
    // One person: all that is kept, and each of it is noted as read, with the reason.
    let ask = |nik: &str, reason: &str, form: &str| {
        let fields = [("kunci", key.as_str()), ("nik", nik), ("alasan", reason), ("bentuk", form)];
        admin.post("/kantor/ekspor/orang", &fields)
    };
    assert_eq!(ask(&plain.person.nik(), " ", "json").status, StatusCode::BAD_REQUEST);
    assert_eq!(ask("3312080101010001", "tidak ada", "json").status, StatusCode::BAD_REQUEST);
    let all = ask(&kept.person.nik(), "permintaan pemohon", "json");
    assert_eq!(all.status, StatusCode::OK, "{}", all.text);
    let all: Value = serde_json::from_str(&all.text).unwrap();
    assert_eq!(
        (all[0]["number"].as_str(), all[0]["fields"]["nik"].as_str()),
        (Some(kept.number.as_str()), Some(kept.person.nik().as_str()))
    );
    let csv = ask(&plain.person.nik(), "permintaan pemohon", "csv").text;
    assert!(csv.contains(&plain.person.name()) && csv.contains("keputusan,ajukan"), "{csv}");
    let record = admin.get(&format!("/kantor/pembacaan?petugas={admin_id}&nomor={}", kept.number)).text;
    assert!(record.contains("permintaan pemohon") && !record.contains(&plain.number), "{record}");
}

#[test]
fn a_lost_phone_is_looked_into() {
    let town = Town::new();
    let application = town.file("ktp-el-hilang", &town.variants("ktp-el-hilang")[0]);
    town.sync();
    let (_, _, admin) = clerk(&town, "admin", None);
    let devices = town.office.run(&["device", "list"]);
    let held = |device: &str| admin.get(&format!("/kantor/perangkat/{device}"));
    let holders: Vec<bool> = devices
        .as_array()
        .unwrap()
        .iter()
        .map(|device| {
            let page = held(text(device, "device"));
            assert_eq!(page.status, StatusCode::OK);
            assert!(!page.text.contains(&application.person.nik()) && page.text.contains("Terdaftar sejak"));
            page.text.contains(&application.number)
        })
        .collect();
    assert!(holders.contains(&true), "the village's own phone holds it");
    assert_eq!(held("zz").status, StatusCode::NOT_FOUND);
    assert_eq!(held(&"ab".repeat(32)).status, StatusCode::NOT_FOUND);
    // Who works where, and where the counters are.
    assert!(admin.get("/kantor/wilayah").text.contains(VILLAGE));
    let key = admin.get("/kantor/loket").key();
    let address = [("kunci", key.as_str()), ("loket", KECAMATAN), ("alamat", "Jalan Contoh 1")];
    assert_eq!(admin.post("/kantor/loket/alamat", &address).location, "/kantor/loket");
    assert!(admin.get("/kantor/loket").text.contains("Jalan Contoh 1"));
    let nowhere = [("kunci", key.as_str()), ("loket", "99"), ("alamat", "x")];
    assert_eq!(admin.post("/kantor/loket/alamat", &nowhere).status, StatusCode::BAD_REQUEST);
    assert_eq!(admin.get("/kantor/retensi").status, StatusCode::OK);
}
