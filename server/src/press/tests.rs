use serde_json::json;

use super::*;

/// What every template may ask for.
fn data() -> Value {
    let field = |id: &str| (id.to_owned(), Value::from("Contoh #panic() *tebal* $x$ <b>"));
    let fields = ["nama", "alamat", "desa", "tempat_lahir", "pelapor_nama"].into_iter().map(field);
    let mut fields: serde_json::Map<String, Value> = fields.collect();
    fields.insert("nik".into(), "3312086001000001".into());
    json!({
        "nomor": "3312082002-2026-A-0001-X", "kantor": "Dinas Contoh", "kabupaten": "Kabupaten Contoh",
        "layanan": "KTP-el Hilang", "layanan_id": "ktp-el-hilang", "kode": "S3", "varian": "", "dijaga": false,
        "asal": "Contoh, Kec. Contoh", "ambil": "Loket", "tujuan": "Loket Kecamatan", "alamat_tujuan": "Jalan Contoh 1",
        "diajukan": "1 Mei 2026", "dicetak": "2 Mei 2026", "tanggal": "2 Mei 2026", "oleh": "Petugas",
        "status": "http://localhost/status", "isian": fields,
        "bagian": [{ "judul": "Pemohon", "isian": [{ "label": "Nama", "nilai": "Contoh" }] }],
        "perubahan": [{ "elemen": "Nama", "semula": "A", "menjadi": "B", "dasar": "C" }],
        "syarat": ["Kartu Keluarga"], "syarat_semua": [{ "judul": "Kartu Keluarga", "ada": true }],
        "teks": [{ "judul": "Catatan pinggir", "isi": "Satu.\nDua." }], "tanda_tangan": [["Jenis", "TTE"]],
        "dari": "A", "ke": "B", "dikirim": "2 Mei 2026",
        "isi": [{ "nomor": "1", "layanan": "KIA", "seri": "AB1" }],
    })
}

fn pictures() -> Vec<Picture> {
    let number = "3312082002-2026-A-0001-X";
    let all = [
        qr("status.svg", "http://localhost/status"),
        qr("nomor-qr.svg", number),
        qr("kiriman.svg", number),
        code128("nomor.svg", number),
    ];
    all.into_iter().map(Option::unwrap).collect()
}

fn press() -> Press {
    Press::load(Path::new("/tidak/ada")).unwrap()
}

#[test]
fn every_template_fills_and_no_value_is_markup() {
    let press = press();
    for (name, _) in TEMPLATES.into_iter().filter(|(name, _)| *name != FRAME) {
        let name = name.strip_suffix(".typ").unwrap();
        let printed = press.set(name, &data(), &pictures()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(printed.pages(), 1, "{name}");
        let svg = printed.svg(1).unwrap();
        assert!(svg.starts_with("<svg") && !svg.contains("<script"), "{name}");
        assert!(printed.svg(0).is_none() && printed.svg(2).is_none());
        let pdf = printed.pdf().unwrap();
        assert!(pdf.starts_with(b"%PDF-") && pdf.len() < 200_000, "{name}: {}", pdf.len());
    }
}

#[test]
fn what_is_no_template_is_not_printed() {
    let press = press();
    for name in ["", "rangka", "../rangka", "tidak-ada", "data.json"] {
        assert!(matches!(press.set(name, &data(), &[]), Err(PressError::Unknown(_))), "{name}");
    }
    // A template that asks for what it does not get says so, without what was filled in.
    let wrong =
        press.set("label", &json!({ "nomor": "1", "rahasia": "Contoh" }), &[]).err().unwrap().to_string();
    assert!(wrong.contains("label") && !wrong.contains("Contoh"), "{wrong}");
    let large = json!({ "nomor": "x".repeat(MAX_DATA) });
    assert!(matches!(press.set("label", &large, &[]), Err(PressError::TooLarge)));
}

#[test]
fn an_offices_own_template_takes_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join(FOLDER);
    fs::create_dir(&own).unwrap();
    fs::write(own.join("label.typ"), "#set page(width: 5cm, height: 5cm)\nSatu\n#pagebreak()\nDua").unwrap();
    fs::write(own.join("f-9.99.typ"), "Formulir baru").unwrap();
    let press = Press::load(folder.path()).unwrap();
    assert_eq!(press.set("label", &data(), &[]).unwrap().pages(), 2);
    assert!(press.knows("F-9.99"));
    // It reads nothing of the machine.
    fs::write(own.join("label.typ"), "#read(\"/etc/hostname\")").unwrap();
    let press = Press::load(folder.path()).unwrap();
    assert!(matches!(press.set("label", &data(), &[]), Err(PressError::Template { .. })));
    fs::write(own.join("label.typ"), "#for n in range(50) { pagebreak(weak: false) }").unwrap();
    let press = Press::load(folder.path()).unwrap();
    assert!(matches!(press.set("label", &data(), &[]), Err(PressError::TooLarge)));
}

#[test]
fn codes_are_drawn_within_their_limits() {
    assert!(
        code128("a", "").is_none() && code128("a", "é").is_none() && code128("a", &"1".repeat(201)).is_none()
    );
    assert!(qr("a", &"1".repeat(201)).is_none());
    assert!(code128("a", "3312082002-2026-A-0001-X").unwrap().svg.contains("<rect"));
}
