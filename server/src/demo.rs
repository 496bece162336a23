//! `demo`: the main job told as a story, on a fresh machine, with nothing but this program. A real office on real
//! SQLite, real phones in folders of their own, a real WebSocket between them; the people are fictional.

use std::path::Path;
use std::time::Instant;

use loket_core::client::SyncReport;

use crate::config::{Failure, Folder, now};
use crate::office::verify::verify;
use crate::serve::{Server, asked_to_end};

mod cast;
mod people;
mod walk;

use cast::Cast;

/// The village of the story, and its neighbour.
const VILLAGE: &str = "33.12.08.2002";
const NEIGHBOUR: &str = "33.12.08.2004";
/// Its kecamatan.
const KECAMATAN: &str = "33.12.08";

/// What travelled, in all.
#[derive(Default)]
struct Figures {
    syncs: u64,
    entries: u64,
    bytes: u64,
    round_trips: u64,
}

impl Figures {
    fn count(&mut self, report: &SyncReport) {
        self.syncs += 1;
        self.entries += report.entries_sent + report.entries_received;
        self.bytes += report.bytes_sent + report.bytes_received;
        self.round_trips += report.round_trips;
    }
}

/// Tells the story in `folder`, then serves until asked to end.
///
/// # Errors
/// Where the folder holds an office already, or anything of the story does not come true.
pub async fn run(folder: &Folder, listen: &str) -> Result<(), Failure> {
    let begun = Instant::now();
    folder.found("33.12", None)?;
    let server = Server::start(folder, listen).await?;
    let url = format!("http://{}", server.address());
    chapter("Kantor");
    say(&format!(
        "Dinas Dukcapil Wonogiri (33.12) berdiri di {} dan melayani di {url}.",
        folder.path().display()
    ));
    let mut cast = Cast::gather(folder, &url).await?;
    cast.introduce();

    two_phones_meet(&mut cast).await?;
    frozen_means_frozen(&mut cast).await?;
    chapter("Sembilan layanan, masing-masing sampai selesai");
    for service in cast.services() {
        walk::service(&mut cast, &service).await?;
    }
    chapter("Layanan 9 ditolak, lalu diajukan ulang");
    walk::cancelled_and_filed_again(&mut cast).await?;
    chapter("Antrean di setiap meja");
    walk::fill_the_desks(&mut cast).await?;
    close(&cast, folder.path(), begun)?;
    say("");
    say(&format!("Konsol Dinas: {url}/kantor"));
    for (desk, staff, password) in cast.let_in()? {
        say(&format!("  {desk:<26} petugas {staff}, kata sandi {password}"));
    }
    say(&format!("  Kode masuknya: loket --dir {} staff code NOMOR-PETUGAS", folder.path().display()));
    say("");
    say("Kantor tetap melayani sampai Anda menekan Ctrl-C. Lihat dari terminal lain:");
    say(&format!("  loket --dir {} queue front-office", folder.path().display()));
    say(&format!("  loket-officer --dir {} list", cast.first.dir().display()));
    println(&url);
    server.run_until(asked_to_end()).await
}

/// Two village phones, offline, edit one application: different fields both survive, the same field is a
/// conflict that a person settles.
async fn two_phones_meet(cast: &mut Cast) -> Result<(), Failure> {
    chapter("Dua HP, satu berkas, tanpa sinyal");
    let number = walk::open(&cast.first, "ktp-el-hilang", None, 1)?;
    say(&format!("Petugas pertama membuka KTP-el hilang. Nomor {number} diberikan di HP, tanpa sinyal."));
    cast.sync_first().await?;
    cast.sync_second().await?;
    say("Kedua HP sempat bertemu sinyal, lalu terputus lagi. Masing-masing mengubah berkas yang sama:");
    cast.first.set(&number, &[("rt", "003"), ("alamat", "Dusun Ngledok No. 4")])?;
    say("  HP pertama: RT menjadi 003, alamat menjadi Dusun Ngledok No. 4");
    cast.second.set(&number, &[("rw", "007"), ("alamat", "Dusun Krajan No. 4")])?;
    say("  HP kedua:   RW menjadi 007, alamat menjadi Dusun Krajan No. 4");
    cast.sync_first().await?;
    cast.sync_second().await?;
    cast.sync_first().await?;
    let shown = cast.first.show(&number)?;
    expect(shown.pointer("/fields/rt") == Some(&"003".into()), "RT dari HP pertama hilang")?;
    expect(shown.pointer("/fields/rw") == Some(&"007".into()), "RW dari HP kedua hilang")?;
    say("RT dan RW: keduanya selamat. Alamat: dua nilai, keduanya ditunjukkan:");
    for value in
        shown.pointer("/conflicts/0/values").and_then(|values| values.as_array()).into_iter().flatten()
    {
        say(&format!(
            "  {} — {}, {}",
            walk::text(value, "value"),
            walk::text(value, "author"),
            walk::text(value, "time")
        ));
    }
    walk::attach_and_tick(&cast.first, &number)?;
    let refused = cast.first.submit(&number).err();
    let refused =
        refused.ok_or_else(|| Failure::new("berkas dengan dua alamat semestinya belum dapat diajukan"))?;
    say(&format!("Diajukan sekarang? Belum: {refused}"));
    cast.first.choose(&number, "alamat", "Dusun Krajan No. 4")?;
    say("Petugas memilih Dusun Krajan. Sekarang berkas dapat diajukan.");
    cast.story = number;
    Ok(())
}

/// A submission names the version it is about; what is written later is shown as a difference.
async fn frozen_means_frozen(cast: &mut Cast) -> Result<(), Failure> {
    chapter("Yang diputuskan ialah yang dilihat");
    let number = cast.story.clone();
    cast.second.set(&number, &[("pekerjaan", "pedagang")])?;
    say("HP kedua, masih tanpa sinyal, sempat mengubah pekerjaan menjadi pedagang.");
    cast.first.submit(&number)?;
    cast.sync_first().await?;
    cast.sync_second().await?;
    let shown = cast.office_show(&number)?;
    let seen = walk::text(shown.pointer("/submitted/fields").unwrap_or(&shown), "pekerjaan");
    let differences = shown.pointer("/submitted/differences").and_then(|d| d.as_array()).map_or(0, Vec::len);
    expect(seen != "pedagang" && differences == 1, "perubahan terlambat masuk ke versi yang diajukan")?;
    say(&format!(
        "Di Dinas keadaannya {}: Front Office tetap melihat pekerjaan '{seen}',",
        walk::text(&shown, "state")
    ));
    say("dan perubahan yang datang terlambat ditunjukkan kepadanya sebagai perbedaan, bukan sebagai isi.");
    walk::to_the_end(cast, &number, walk::Way::ReturnedOnce).await
}

fn close(cast: &Cast, dir: &Path, begun: Instant) -> Result<(), Failure> {
    chapter("Penutup");
    let office = Folder::new(dir).office()?;
    let verified = verify(&office.replica)?;
    expect(verified.faults.is_empty(), "verifikasi menemukan kesalahan")?;
    say(&format!(
        "verify: {} entri, {} permohonan, setiap tanda tangan, rantai dan keadaan cocok.",
        verified.entries, verified.applications
    ));
    let figures = &cast.figures;
    say(&format!(
        "{} kali sinkron: {} entri, {} KB, {} perjalanan bolak-balik; {:.1} detik seluruhnya.",
        figures.syncs,
        figures.entries,
        figures.bytes / 1024,
        figures.round_trips,
        begun.elapsed().as_secs_f64()
    ));
    for phone in cast.phones() {
        let list = phone.list()?;
        let hanging = list.iter().filter(|mark| **mark != "decided" && **mark != "office").count();
        say(&format!("  {}: {} berkas, {hanging} menggantung", phone.name, list.len()));
        expect(hanging == 0, "ada berkas yang menggantung")?;
    }
    Ok(())
}

/// What the story promises has to be so.
fn expect(holds: bool, otherwise: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::new(format!("demo tidak berjalan semestinya: {otherwise}"))) }
}

fn chapter(title: &str) {
    println("");
    println(&format!("== {title}"));
}

fn say(line: &str) {
    println(line);
}

/// A terminal that has gone away ends no office.
fn println(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The year, for papers of the story.
fn this_year() -> i16 {
    loket_core::time::today(now()).year()
}
