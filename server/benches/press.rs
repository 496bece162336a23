//! What a print-out costs: `cargo bench -p loket-server --bench press`.

#![allow(missing_docs, reason = "the macros below write public functions")]
#![allow(clippy::unwrap_used, reason = "a benchmark that fails has nothing to tell")]

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use loket_server::press::{Picture, Press, code128, qr};
use serde_json::{Value, json};

/// What the form and the label ask for.
fn data() -> Value {
    json!({
        "nomor": "3312082002-26-7K3Q-00010", "kantor": "Dinas", "kabupaten": "Kabupaten Wonogiri",
        "layanan": "KTP-el karena hilang", "layanan_id": "ktp-el-hilang", "varian": "", "dijaga": false,
        "asal": "Pucung, Kec. Eromoko", "ambil": "Loket", "dicetak": "28 November 2026", "tanggal": "28 November 2026",
        "oleh": "Petugas fiktif",
        "isian": {
            "nama": "Bayu Misalkan", "nik": "3312080501880104", "nomor_kk": "3312082001150104", "alamat": "Dusun Krajan",
            "rt": "001", "rw": "002", "desa": "Pucung", "tempat_lahir": "Pucung", "tanggal_lahir": "5 Januari 1988",
        },
        "syarat_semua": [{ "judul": "Kartu Keluarga", "ada": true }, { "judul": "Surat kehilangan", "ada": true }],
    })
}

fn pictures() -> Vec<Picture> {
    let number = "3312082002-26-7K3Q-00010";
    [qr("nomor-qr.svg", number), code128("nomor.svg", number)].into_iter().flatten().collect()
}

fn prints(c: &mut Criterion) {
    let press = Press::load(Path::new("/")).unwrap();
    let (data, pictures) = (data(), pictures());
    let mut group = c.benchmark_group("press");
    for name in ["f-1.02", "label"] {
        group.bench_function(format!("{name} as a page"), |b| {
            b.iter(|| press.set(name, &data, &pictures).unwrap().svg(1).unwrap());
        });
        group.bench_function(format!("{name} as PDF"), |b| {
            b.iter(|| press.set(name, &data, &pictures).unwrap().pdf().unwrap());
        });
    }
    group.finish();
}

criterion_group!(press, prints);
criterion_main!(press);
