//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Folder where none is named.
pub const FOLDER: &str = "./loket-officer-data";

/// Ponsel petugas tanpa layar: mengisi, mengajukan, dan menyinkronkan permohonan, juga tanpa jaringan.
#[derive(Parser)]
#[command(name = "loket-officer", version)]
pub struct Arguments {
    /// Folder perangkat
    #[arg(long, global = true, default_value = FOLDER, value_name = "FOLDER")]
    pub dir: PathBuf,
    /// Folder kunci perangkat dan penyimpanan; bila tidak disebut, folder perangkat
    #[arg(long, global = true, env = "LOKET_KEYS", value_name = "FOLDER")]
    pub keys: Option<PathBuf>,
    /// Cetak tepat satu dokumen JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// What is to be done.
#[derive(Subcommand)]
pub enum Command {
    /// Daftarkan perangkat ini dengan kode dari Dinas
    #[command(alias = "enrol")]
    Enroll(Enroll),
    /// Layanan yang dapat diajukan
    Services,
    /// Buka permohonan baru; nomor pendaftaran langsung diberikan
    New(New),
    /// Isi atau hapus isian: ISIAN=NILAI
    Set(Set),
    /// Pilih satu dari nilai yang bertentangan
    Choose(Choose),
    /// Tandai peringatan sebagai sudah diperiksa
    Tick(Tick),
    /// Lampirkan berkas untuk suatu persyaratan
    Attach(Attach),
    /// Apa yang masih kurang
    Missing(One),
    /// Isian yang bertentangan
    Conflicts(One),
    /// Ajukan permohonan ke Dinas
    Submit(Submit),
    /// Minta suatu tindakan, atau laporkan yang sudah terjadi
    Act(Act),
    /// Semua permohonan di perangkat ini
    List,
    /// Satu permohonan selengkapnya
    Show(One),
    /// Sinkronkan dengan Dinas
    Sync(Sync),
    /// Hapus perangkat ini untuk selamanya; yang belum terkirim disegel untuk Dinas
    Wipe {
        /// Ya, hapus
        #[arg(long, required = true)]
        yes: bool,
    },
    /// Bundel: berkas tersegel, lewat kartu memori, kabel, atau pengirim pesan mana pun
    #[command(subcommand)]
    Bundle(Bundle),
    /// Bertemu HP lain di jaringan yang sama, tanpa Dinas
    #[command(subcommand)]
    Meet(Meet),
}

#[derive(Subcommand)]
pub enum Bundle {
    /// Buat bundel untuk Dinas, atau untuk HP lain
    Export {
        /// Berkas bundel yang dibuat
        #[arg(long, value_name = "BERKAS")]
        out: PathBuf,
        /// Kode perangkat penerima; bila tidak disebut, Dinas
        #[arg(long = "for", value_name = "PERANGKAT")]
        device: Option<String>,
    },
    /// Terima bundel yang ditujukan ke perangkat ini
    Import {
        /// Berkas bundel
        file: PathBuf,
    },
}

#[derive(Subcommand)]
pub enum Meet {
    /// Tunggu HP lain; tampilkan kode yang dipindainya
    Wait(Wait),
    /// Hubungi HP yang menunggu
    Call {
        /// Kode di layar HP yang menunggu
        code: String,
    },
}

#[derive(Args)]
pub struct Wait {
    /// Alamat perangkat ini di Wi-Fi atau hotspot yang sedang dipakai; port 0: port bebas mana pun
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ALAMAT")]
    pub at: SocketAddr,
    /// Simpan kodenya juga di berkas ini
    #[arg(long, value_name = "BERKAS")]
    pub code: Option<PathBuf>,
}

#[derive(Args)]
pub struct Enroll {
    /// Alamat Dinas: ws, wss, http atau https
    #[arg(long)]
    pub url: String,
    /// Kode dari Dinas
    #[arg(long)]
    pub code: String,
}

#[derive(Args)]
pub struct New {
    /// Layanan, lihat `services`
    pub service: String,
    /// Varian; yang pertama bila tidak disebut
    #[arg(long)]
    pub variant: Option<String>,
    /// Satu permohonan tiap baris JSON: isian → teks, dan lampiran: {persyaratan: berkas}
    #[arg(long, value_name = "BERKAS.jsonl", conflicts_with = "link")]
    pub from: Option<PathBuf>,
    /// Kode wilayah tempat diajukan, bila bukan wilayah pertama perangkat ini
    #[arg(long, value_name = "KODE")]
    pub village: Option<String>,
    /// Permohonan asal: isian dan lampirannya disalin
    #[arg(long, value_name = "ID")]
    pub link: Option<String>,
}

#[derive(Args)]
pub struct One {
    /// Nomor pendaftaran atau id permohonan
    pub id: String,
}

#[derive(Args)]
pub struct Set {
    /// Nomor pendaftaran atau id permohonan
    pub id: String,
    /// Isian, misalnya nama="Sri Wahyuni"; nilai kosong menghapus
    #[arg(required = true, value_name = "ISIAN=NILAI", value_parser = pair)]
    pub fields: Vec<(String, String)>,
}

#[derive(Args)]
pub struct Choose {
    /// Nomor pendaftaran atau id permohonan
    pub id: String,
    /// Isian yang bertentangan
    pub field: String,
    /// Nilai yang benar
    #[arg(allow_hyphen_values = true)]
    pub value: String,
}

#[derive(Args)]
pub struct Tick {
    /// Nomor pendaftaran atau id permohonan
    pub id: String,
    /// Peringatan, lihat `missing`
    pub warning: String,
}

#[derive(Args)]
pub struct Attach {
    /// Nomor pendaftaran atau id permohonan
    pub id: String,
    /// Persyaratan
    pub requirement: String,
    /// Berkas hasil pindaian
    pub file: PathBuf,
    /// Foto asli yang diperkecil menjadi berkas itu; disimpan sampai Dinas punya pindaiannya
    #[arg(long, value_name = "BERKAS")]
    pub original: Option<PathBuf>,
}

#[derive(Args)]
pub struct Submit {
    /// Nomor pendaftaran atau id permohonan
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub id: Option<String>,
    /// Semua draf yang sudah lengkap
    #[arg(long)]
    pub all: bool,
}

#[derive(Args)]
pub struct Act {
    /// Nomor pendaftaran atau id permohonan
    pub id: String,
    /// Tindakan, lihat `show`
    pub act: String,
    /// Yang perlu diberitahukan, misalnya penerima="Sri Wahyuni"
    #[arg(long = "set", value_name = "KUNCI=NILAI", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// Alasan
    #[arg(long)]
    pub reason: Option<String>,
}

#[derive(Args)]
pub struct Sync {
    /// Tetap tersambung sampai dihentikan
    #[arg(long)]
    pub follow: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    // What was typed may be personal, so it is not repeated.
    let (key, value) = text.split_once('=').ok_or("tulis sebagai NAMA=NILAI")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}
