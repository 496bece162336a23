//! The counter: an officer without a phone opens, fills in, scans, submits, and completes what comes back, in a browser alone.

use loket_tests::{KECAMATAN, VILLAGE};
use reqwest::StatusCode;
use serde_json::json;

use super::browser::{Browser, clerk};
use super::script::{Person, SERVICES, Town, items, sound, text};

/// A scan as a browser sends it.
fn attach(browser: &Browser, page: &str, key: &str, requirement: &str, scan: &str) -> StatusCode {
    let bound = "batas-bagian";
    let mut body = String::new();
    for (name, value) in [("kunci", key), ("syarat", requirement)] {
        body += &format!("--{bound}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += &format!(
        "--{bound}\r\nContent-Disposition: form-data; name=\"berkas\"; filename=\"a.pdf\"\r\n\r\n{scan}\r\n--{bound}--\r\n"
    );
    browser.send(&format!("{page}/lampirkan"), &format!("multipart/form-data; boundary={bound}"), body).status
}

/// Names of the controls of a form page.
fn names(page: &str, before: &str) -> Vec<String> {
    let start = format!("name=\"{before}");
    let all = page.split(&start).skip(1);
    let mut names: Vec<String> = all.map(|after| after.split('"').next().unwrap().to_owned()).collect();
    names.dedup();
    names
}

/// Fills in everything that is asked, as the service's file describes it, until nothing is missing.
fn complete(town: &Town, browser: &Browser, service: &str, person: Person, page: &str) {
    let form = format!("{page}/isi");
    for _ in 0..6 {
        let shown = browser.get(&form);
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
        if shown.text.contains("Sudah lengkap") {
            return;
        }
        let key = shown.key();
        let mut fields: Vec<(String, String)> = vec![("kunci".into(), key.clone())];
        for name in names(&shown.text, "isi.") {
            let asked =
                items(&town.service(service)["fields"]).iter().find(|field| text(field, "id") == name);
            let asked = asked.unwrap_or_else(|| panic!("{name}"));
            if asked["required"] == true || ["telepon", "setuju_sms"].contains(&name.as_str()) {
                fields.push((format!("isi.{name}"), person.value(asked)));
            }
        }
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let saved = browser.post(&form, &pairs);
        assert_eq!(saved.location, form, "{}", saved.text);
        let shown = browser.get(&form);
        for requirement in names(&shown.text, "syarat\" value=\"") {
            assert_eq!(
                attach(browser, page, &key, &requirement, &format!("%PDF-1.4 {requirement}")),
                StatusCode::SEE_OTHER
            );
        }
        for warning in names(&browser.get(&form).text, "centang\" value=\"") {
            let tick = [("kunci", key.as_str()), ("centang", warning.as_str())];
            assert_eq!(browser.post(&form, &tick).location, form);
        }
    }
    panic!("never complete: {}", browser.get(&form).text);
}

/// Opens an application; its page.
fn open(browser: &Browser, service: &str, variant: &str, place: &str) -> String {
    let key = browser.get("/kantor/baru").key();
    let chosen = format!("{service}/{variant}");
    let opened = browser.post("/kantor/baru", &[("kunci", &key), ("layanan", &chosen), ("wilayah", place)]);
    let page = opened.location.strip_suffix("/isi").unwrap_or_else(|| panic!("{}", opened.text));
    page.to_owned()
}

#[test]
fn every_service_is_filed_in_a_browser_alone() {
    let town = Town::new();
    let (_, _, village) = clerk(&town, "operator-desa", Some(VILLAGE));
    let (_, _, kecamatan) = clerk(&town, "operator-kecamatan", Some(KECAMATAN));
    let mut numbers = Vec::new();
    for (n, service) in SERVICES.iter().enumerate() {
        let variant = town.variants(service)[0].clone();
        let (browser, place) = if n == 0 { (&kecamatan, KECAMATAN) } else { (&village, VILLAGE) };
        let person = Person(700 + n as u64);
        let page = open(browser, service, &variant, place);
        complete(&town, browser, service, person, &page);
        let shown = browser.get(&page);
        let submitted = browser.post(&format!("{page}/tindakan/ajukan"), &[("kunci", &shown.key())]);
        assert_eq!(submitted.status, StatusCode::SEE_OTHER, "{service}: {}", submitted.text);
        let number = page.rsplit('/').next().unwrap();
        let shown = town.office.run(&["show", number]);
        numbers.push((*service, number.to_owned()));
        assert!(
            ["ANTRI_FO", "PEREKAMAN"].contains(&text(&shown, "state")),
            "{service}: {}",
            text(&shown, "state")
        );
        assert_eq!(shown["fields"]["nama"], json!(person.name()), "{service}");
    }
    assert!(!village.get("/kantor/baru").text.contains("Belum diajukan"));
    // The village's phones hold what is not kept from them.
    town.sync();
    let listed = town.village.run(&["list"]).to_string();
    for (service, number) in &numbers {
        let is_here = *service != SERVICES[8] && *service != SERVICES[0];
        assert_eq!(listed.contains(number), is_here, "{service}: {listed}");
    }
    sound(&town.office);
}

#[test]
fn what_comes_back_is_completed_at_the_counter() {
    let town = Town::new();
    let (_, _, village) = clerk(&town, "operator-desa", Some(VILLAGE));
    let (service, variant) = ("ktp-el-hilang", town.variants("ktp-el-hilang")[0].clone());
    let page = open(&village, service, &variant, VILLAGE);
    assert!(village.get("/kantor/baru").text.contains("Belum diajukan"), "a draft is found again");
    let key = village.get(&format!("{page}/isi")).key();
    // What cannot be meant is said, and nothing of it is kept.
    let odd = village.post(&format!("{page}/isi"), &[("kunci", &key), ("isi.nik", "123")]);
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
    assert!(odd.text.contains("role=\"alert\""), "{}", odd.text);
    for wrong in [("isi.tidak_ada", "x"), ("isi._nomor", "x"), ("lepas", "lampiran/tidak/1")] {
        let answer = village.post(&format!("{page}/isi"), &[("kunci", &key), wrong]);
        assert!(
            answer.status == StatusCode::BAD_REQUEST || answer.status == StatusCode::SEE_OTHER,
            "{wrong:?}"
        );
    }
    assert_eq!(attach(&village, &page, &key, "tidak_ada", "%PDF"), StatusCode::BAD_REQUEST);
    assert_eq!(attach(&village, &page, &key, "surat_kehilangan", ""), StatusCode::BAD_REQUEST);
    assert_eq!(attach(&village, &page, "salah", "surat_kehilangan", "%PDF"), StatusCode::FORBIDDEN);
    let early = village.post(&format!("{page}/tindakan/ajukan"), &[("kunci", &key)]);
    assert_eq!(early.status, StatusCode::CONFLICT, "it is not complete");
    complete(&town, &village, service, Person(801), &page);
    village.post(&format!("{page}/tindakan/ajukan"), &[("kunci", &key)]);
    // While it is elsewhere nobody fills it in; once it is back, at any counter of the village.
    assert_eq!(village.get(&format!("{page}/isi")).location, page);
    let late = village.post(&format!("{page}/isi"), &[("kunci", &key), ("isi.alamat", "Dusun Lain")]);
    assert_eq!(late.status, StatusCode::SEE_OTHER);
    let number = page.rsplit('/').next().unwrap().to_owned();
    assert_ne!(town.office.run(&["show", &number])["fields"]["alamat"], "Dusun Lain");
    let front = &town.staff["front-office"];
    town.office.run(&["act", &number, "klaim_fo", "--as", front]);
    let back = ["--set", "tanda.surat_kehilangan=buram", "--set", "sebab=buram"];
    let mut act = vec!["act", &number, "kembalikan_fo", "--as", front];
    act.extend(back);
    town.office.run(&act);
    let shown = village.get(&format!("{page}/isi")).text;
    assert!(shown.contains("Buram, tidak terbaca"), "{shown}");
    let scan = names(&shown, "lepas\" value=\"lampiran/surat_kehilangan").first().cloned();
    let scan = format!("lampiran/surat_kehilangan{}", scan.expect("a scan to take away"));
    assert_eq!(
        village.post(&format!("{page}/isi"), &[("kunci", &key), ("lepas", &scan)]).status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        attach(&village, &page, &key, "surat_kehilangan", "%PDF-1.4 yang jelas"),
        StatusCode::SEE_OTHER
    );
    let again = village.post(&format!("{page}/tindakan/ajukan"), &[("kunci", &key)]);
    assert_eq!(again.status, StatusCode::SEE_OTHER, "{}", again.text);
    let shown = town.office.run(&["show", &number]);
    assert_eq!((text(&shown, "state"), &shown["revision"]), ("ANTRI_FO", &json!(2)));
    // Elsewhere and to others it is closed.
    let (_, _, other) = clerk(&town, "operator-desa", Some("33.12.09.2001"));
    assert_eq!(other.get(&format!("{page}/isi")).status, StatusCode::NOT_FOUND);
    let (_, _, desk) = clerk(&town, "front-office", None);
    for path in [format!("{page}/isi"), "/kantor/baru".to_owned()] {
        assert_eq!(desk.get(&path).status, StatusCode::FORBIDDEN, "{path}");
    }
    let key = other.get("/kantor/baru").key();
    let elsewhere = [("kunci", key.as_str()), ("layanan", "ktp-el-hilang/"), ("wilayah", VILLAGE)];
    assert_eq!(other.post("/kantor/baru", &elsewhere).status, StatusCode::BAD_REQUEST);
    let not_here = [("kunci", key.as_str()), ("layanan", "tidak-ada/"), ("wilayah", "33.12.09.2001")];
    assert_eq!(other.post("/kantor/baru", &not_here).status, StatusCode::BAD_REQUEST);
    sound(&town.office);
}
