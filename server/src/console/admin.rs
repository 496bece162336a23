//! The administrator's pages.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use loket_core::catalogue::Role;
use loket_core::replica::Replica;
use loket_core::store::Store;

use super::page::{Page, Trouble, send};
use super::session::Entered;

pub mod calendar;
pub mod counters;
pub mod devices;
pub mod export;
pub mod readings;
pub mod regions;
pub mod retention;
pub mod services;
pub mod staff;
pub mod texts;

/// What there is: address, title, what for.
const PAGES: [(&str, &str, &str); 9] = [
    ("perangkat", "Perangkat", "Undang petugas, cabut izin HP, lihat isi HP yang hilang"),
    ("petugas", "Petugas", "Tambah petugas Dinas, beri kata sandi, akhiri"),
    ("katalog", "Katalog layanan", "Versi layanan: periksa, bandingkan, umumkan; kalimat SMS"),
    ("kalender", "Kalender", "Jam kerja dan hari libur untuk waktu pelayanan"),
    ("loket", "Kantor dan loket", "Nama kantor dan alamat loket untuk cetakan"),
    ("wilayah", "Wilayah", "Petugas dan HP tiap kecamatan dan desa"),
    ("retensi", "Masa simpan", "Permohonan selesai dan kapan dimusnahkan"),
    ("pembacaan", "Pembacaan", "Siapa membaca data siapa, dan apa yang dilakukan pengelola"),
    ("ekspor", "Ekspor", "Daftar permohonan dan data satu orang, sebagai CSV atau JSON"),
];

#[derive(Template)]
#[template(path = "kelola.html")]
struct IndexPage {
    page: Page,
    pages: [(&'static str, &'static str, &'static str); 9],
}

/// `GET /kantor/kelola`.
pub async fn index(entered: Entered) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    Ok(send(StatusCode::OK, &IndexPage { page: Page::of(&entered), pages: PAGES }))
}

fn only_admin(entered: &Entered) -> Result<(), Trouble> {
    (entered.staff.role == Role::Admin).then_some(()).ok_or(Trouble::Forbidden)
}

/// Regions that somebody may be given: code, name, villages behind their kecamatan.
fn regions<S: Store>(replica: &Replica<S>) -> Vec<(String, String)> {
    let mut regions = Vec::new();
    for (kecamatan, name) in replica.regions().kecamatan() {
        regions.push((kecamatan.to_string(), format!("Kec. {name}")));
        for (village, name) in replica.regions().villages_of(kecamatan) {
            regions.push((village.to_string(), format!("— {name}")));
        }
    }
    regions
}
