//! What leaves on paper: forms, receipts and labels, read back as people and scanners read them; card blanks and cards on
//! their way between counters.

use loket_tests::{KECAMATAN, VILLAGE};
use reqwest::StatusCode;

use super::browser::{clerk, pdf_text, scanned};
use super::script::{Town, sound, text};
use super::walk::{Walk, lead};

#[test]
fn every_service_prints_its_papers() {
    let town = Town::new();
    let (_, _, admin) = clerk(&town, "admin", None);
    let filed = [
        ("ktp-el-hilang", &["tanda-terima", "f-1.02", "label", "amplop"][..]),
        ("ktp-el-perubahan", &["tanda-terima", "f-1.02", "f-1.06", "label", "amplop"]),
        ("ktp-el-baru", &["tanda-terima", "f-1.02", "permohonan_cetak", "label"]),
        ("kia-rusak", &["tanda-terima", "f-1.02", "label", "amplop"]),
    ];
    for (service, wanted) in filed {
        let application = town.file(service, &town.variants(service)[0]);
        town.sync();
        town.sync();
        let page = format!("/kantor/berkas/{}", application.number);
        let shown = admin.get(&page).text;
        let offered: Vec<&str> = shown
            .split(&format!("href=\"{page}/cetak/"))
            .skip(1)
            .map(|after| after.split('"').next().unwrap())
            .collect();
        assert_eq!(offered, wanted, "{service}");
        for print in wanted {
            let address = format!("{page}/cetak/{print}");
            assert!(admin.get(&address).text.contains(&format!("src=\"{address}/1\"")), "{address}");
            let picture = admin.get(&format!("{address}/1")).text;
            assert!(picture.starts_with("<svg") && !picture.contains("<script"), "{address}");
            assert_eq!(admin.get(&format!("{address}/99")).status, StatusCode::NOT_FOUND);
            let said = pdf_text(&admin.get(&format!("{address}/pdf")).bytes);
            assert!(said.contains(&application.number), "{address}: {said}");
            let names = said.contains(&application.person.name());
            assert_eq!(names, *print != "label", "{address}: {said}");
        }
        for code in ["surat", "kiriman", "rangka", "..%2frangka", "f-2.01"] {
            assert_eq!(admin.get(&format!("{page}/cetak/{code}")).status, StatusCode::NOT_FOUND, "{code}");
        }
    }
    sound(&town.office);
}

#[test]
fn labels_and_receipts_are_scanned() {
    let town = Town::new();
    let (_, _, front) = clerk(&town, "front-office", None);
    let application = town.file("kia-rusak", &town.variants("kia-rusak")[0]);
    town.sync();
    town.sync();
    let page = format!("/kantor/berkas/{}", application.number);
    let codes = scanned(&front.get(&format!("{page}/cetak/label/pdf")).bytes);
    let number = application.number.clone();
    assert_eq!(codes, [("CODE-128".to_owned(), number.clone()), ("QR-Code".to_owned(), number.clone())]);
    let codes = scanned(&front.get(&format!("{page}/cetak/tanda-terima/pdf")).bytes);
    assert!(codes.iter().any(|(_, text)| text.ends_with("/status")), "{codes:?}");
    // A scanner types into the box for searches.
    let key = front.get("/kantor/cari").key();
    assert_eq!(front.post("/kantor/cari", &[("kunci", &key), ("cari", &codes_of(&number))]).location, page);
}

/// A scanner may type in capitals.
fn codes_of(number: &str) -> String {
    number.to_uppercase()
}

#[test]
fn blanks_are_counted_and_cards_travel_together() {
    let town = Town::new();
    let (_, _, counter) = clerk(&town, "operator-kecamatan", Some(KECAMATAN));
    let key = counter.get("/kantor/blangko").key();
    let tell = |form: &[(&str, &str)]| {
        let fixed = [("kunci", key.as_str()), ("tempat", KECAMATAN), ("jenis", "KIA")];
        counter.post("/kantor/blangko/catat", &[&fixed[..], form].concat())
    };
    assert_eq!(
        tell(&[("apa", "masuk"), ("banyak", "50"), ("alasan", "dari Dinas")]).location,
        "/kantor/blangko"
    );
    assert_eq!(tell(&[("apa", "masuk"), ("banyak", "-3"), ("alasan", "x")]).status, StatusCode::BAD_REQUEST);
    assert_eq!(tell(&[("apa", "masuk"), ("banyak", "3"), ("alasan", " ")]).status, StatusCode::BAD_REQUEST);
    let spoiled = tell(&[("apa", "rusak"), ("seri", "KIA-0001"), ("alasan", "terlipat di mesin")]);
    assert_eq!(spoiled.location, "/kantor/blangko");
    // Two cards are printed at the kecamatan and wait to go to the village.
    let filed: Vec<_> = (0..2).map(|_| town.file("kia-rusak", &town.variants("kia-rusak")[0])).collect();
    town.sync();
    town.sync();
    let mut walks: Vec<Walk> =
        filed.into_iter().map(|application| Walk::before("kirim_kartu", application)).collect();
    lead(&town, &mut walks);
    let page = counter.get("/kantor/blangko").text;
    assert!(page.contains("<td data-l=\"Sisa\">47</td>"), "{page}");
    let book = counter.get(&format!("/kantor/blangko/{KECAMATAN}/KIA")).text;
    assert!(
        book.contains("KIA-0001") && book.contains("terlipat di mesin") && book.contains("+50"),
        "{book}"
    );
    for walk in &walks {
        assert!(book.contains(&walk.application.number) && !book.contains(&walk.application.person.name()));
    }
    assert_eq!(counter.get("/kantor/blangko/33.12.09/KIA").status, StatusCode::NOT_FOUND);
    // They go as one.
    let ready = counter.get("/kantor/kiriman").text;
    let numbers: Vec<&str> = walks.iter().map(|walk| walk.application.number.as_str()).collect();
    assert!(numbers.iter().all(|number| ready.contains(number)), "{ready}");
    let way = [("kunci", key.as_str()), ("dari", KECAMATAN), ("ke", VILLAGE)];
    let cards: Vec<(&str, &str)> = numbers.iter().map(|number| ("kartu", *number)).collect();
    assert_eq!(
        counter.post("/kantor/kiriman/kirim", &way).status,
        StatusCode::BAD_REQUEST,
        "nothing was chosen"
    );
    let wrong = [("kunci", key.as_str()), ("dari", KECAMATAN), ("ke", "dinas")];
    assert_eq!(
        counter.post("/kantor/kiriman/kirim", &[&wrong[..], &cards].concat()).status,
        StatusCode::CONFLICT
    );
    let sent = counter.post("/kantor/kiriman/kirim", &[&way[..], &cards].concat());
    let name =
        sent.location.strip_prefix("/kantor/kiriman/").unwrap_or_else(|| panic!("{}", sent.text)).to_owned();
    let paper = counter.get(&format!("/kantor/kiriman/{name}/cetak/pdf")).bytes;
    assert_eq!(scanned(&paper), [("QR-Code".to_owned(), name.clone())]);
    let said = pdf_text(&paper);
    assert!(numbers.iter().all(|number| said.contains(number)) && said.contains("2 kartu"), "{said}");
    // The village scans it, finds one of the two in the bag, and then the other.
    let (_, _, village) = clerk(&town, "operator-desa", Some(VILLAGE));
    let found =
        village.post("/kantor/cari", &[("kunci", &village.get("/kantor/cari").key()), ("cari", &name)]);
    assert_eq!(found.location, format!("/kantor/kiriman/{name}"));
    let own = village.get(&found.location).key();
    let take = |number: &str| {
        village.post(&format!("/kantor/kiriman/{name}/terima"), &[("kunci", &own), ("kartu", number)])
    };
    let state = |at: usize| text(&town.show(&walks[at].application), "state").to_owned();
    assert_eq!(take(numbers[0]).location, format!("/kantor/kiriman/{name}"));
    assert_eq!((state(0).as_str(), state(1).as_str()), ("SIAP_DIAMBIL", "DIKIRIM_KE_LOKET"));
    assert_eq!(take(numbers[0]).status, StatusCode::CONFLICT, "it is there already");
    assert_eq!(take(numbers[1]).status, StatusCode::SEE_OTHER);
    assert_eq!(state(1), "SIAP_DIAMBIL");
    // Whoever is at neither end knows nothing of it, and who has no cards in hand neither.
    let (_, _, elsewhere) = clerk(&town, "operator-kecamatan", Some("33.12.09"));
    assert_eq!(elsewhere.get(&format!("/kantor/kiriman/{name}")).status, StatusCode::NOT_FOUND);
    let (_, _, front) = clerk(&town, "front-office", None);
    assert_eq!(front.get("/kantor/kiriman").status, StatusCode::FORBIDDEN);
    // A card that comes back spoiled is in the book with its reason, and costs the next blank when it is printed again.
    let staff = &town.staff["loket-pengambilan"];
    let again = ["act", numbers[0], "cetak_ulang", "--as", staff, "--set", "sebab=kartu_rusak"];
    town.office.run(&again);
    let book = counter.get(&format!("/kantor/blangko/{KECAMATAN}/KIA")).text;
    assert!(
        book.contains("Kartu rusak, dicetak ulang")
            && book.contains("Sisa: <span class=\"jumlah\">47</span>"),
        "{book}"
    );
    sound(&town.office);
}

#[test]
fn what_is_found_of_requirements_is_kept_for_the_next_desk() {
    let town = Town::new();
    let application = town.file("ktp-el-hilang", &town.variants("ktp-el-hilang")[0]);
    town.sync();
    town.sync();
    let mut walks = [Walk::before("periksa_fo", application)];
    lead(&town, &mut walks);
    let number = walks[0].application.number.clone();
    let (page, address) = (format!("/kantor/berkas/{number}"), format!("/kantor/berkas/{number}/periksa"));
    let (_, _, front) = clerk(&town, "front-office", None);
    let key = front.get(&page).key();
    let found = [
        ("kunci", key.as_str()),
        ("syarat.surat_kehilangan", ""),
        ("bebas.surat_kehilangan", "cap <b>kabur</b>"),
    ];
    assert_eq!(front.post(&address, &found).location, format!("{page}#syarat"));
    let shown = front.get(&page).text;
    assert!(shown.contains("cap &#60;b&#62;kabur&#60;/b&#62; (Front Office, petugas"), "{shown}");
    // It stands ready in the act that sends the file back.
    let back =
        shown.split("name=\"isi.tanda.surat_kehilangan\"").nth(1).unwrap().split("</select>").next().unwrap();
    assert!(back.contains("kabur") && back.contains("selected"), "{back}");
    let unknown = [("kunci", key.as_str()), ("syarat.tidak_ada", "sesuai")];
    assert_eq!(front.post(&address, &unknown).status, StatusCode::BAD_REQUEST);
    let good = [("kunci", key.as_str()), ("syarat.surat_kehilangan", "sesuai")];
    assert_eq!(front.post(&address, &good).status, StatusCode::SEE_OTHER);
    // The validator sees what was found; at whose desk it does not wait, nothing is found.
    let (_, _, kasi) = clerk(&town, "kasi-pendaftaran", None);
    let seen = kasi.get(&page).text;
    assert!(seen.contains("Sesuai (Front Office, petugas") && !seen.contains("Simpan pemeriksaan"), "{seen}");
    let early = [("kunci", &*kasi.get(&page).key()), ("syarat.surat_kehilangan", "buram")]
        .map(|(a, b)| (a, b.to_owned()));
    let early: Vec<(&str, &str)> = early.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(kasi.post(&address, &early).status, StatusCode::BAD_REQUEST);
}
