//! The commands of `loket`. Each does its work on the office's folder, also while `serve` runs on it.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use indicatif::ProgressBar;
use loket_core::catalogue::Role;
use loket_core::replica::ReplicaError;
use loket_core::store::Store;
use serde_json::Value;

use crate::config::{Failure, Folder, limits};
use crate::office::Office;

mod act;
mod backup;
mod bundle;
mod catalogue;
mod demo;
mod device;
mod export;
mod healing;
mod held;
mod init;
mod invite;
mod pin;
mod queue;
mod restore;
mod retention;
mod serve;
mod show;
mod staff;
mod token;
mod verify;
mod waiting;

/// Where an office is unless told otherwise.
const DEFAULT_DIR: &str = "./loket-data";

/// The command line. Help is in Indonesian: clerks read it.
#[derive(Parser)]
#[command(
    name = "loket",
    version,
    about = "Kantor Dukcapil: menerima, menggabungkan, dan memutuskan permohonan"
)]
struct Line {
    #[arg(long, global = true, default_value = DEFAULT_DIR, help = "Folder kantor")]
    dir: PathBuf,
    #[arg(long, global = true, help = "Keluarkan satu dokumen JSON")]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(about = "Dirikan kantor baru di sebuah folder")]
    Init(init::Args),
    #[command(about = "Layani HP petugas sampai diminta berhenti")]
    Serve(serve::Args),
    #[command(about = "Ceritakan pekerjaan utama dari awal sampai akhir, lalu tetap melayani")]
    Demo(demo::Args),
    #[command(subcommand, about = "Petugas kantor")]
    Staff(staff::Command),
    #[command(subcommand, about = "Token untuk sistem Dinas yang lain")]
    Token(token::Command),
    #[command(about = "Buat kode sekali pakai untuk mendaftarkan sebuah perangkat")]
    Invite(invite::Args),
    #[command(about = "Cocokkan enam angka di layar HP yang sedang didaftarkan")]
    Confirm(invite::ConfirmArgs),
    #[command(subcommand, about = "Perangkat yang terdaftar")]
    Device(device::Command),
    #[command(about = "Beri sebuah perangkat akses ke permohonan yang perlu dijaga")]
    Grant(device::GrantArgs),
    #[command(subcommand, about = "Bundel: berkas tersegel dari dan untuk HP yang jauh dari jaringan")]
    Bundle(bundle::Command),
    #[command(about = "Kunci TLS yang diterima HP dari kantor ini, siapa pun yang menjaminnya")]
    Pin(pin::Args),
    #[command(about = "Permohonan yang menunggu di sebuah meja, yang tertua dahulu")]
    Queue(queue::Args),
    #[command(about = "Pengajuan yang menunggu isian dari HP yang belum sinkron")]
    Waiting,
    #[command(subcommand, about = "Isian yang ditahan: disimpan dan tidak dihitung")]
    Held(held::Command),
    #[command(about = "Satu permohonan")]
    Show(show::Args),
    #[command(about = "Lakukan tindakan resmi")]
    Act(act::Args),
    #[command(about = "Periksa setiap tanda tangan, rantai, dan keadaan")]
    Verify,
    #[command(about = "Cadangkan kantor ke sebuah berkas, sambil tetap melayani, dan periksa hasilnya")]
    Backup(backup::Args),
    #[command(about = "Pulihkan kantor dari cadangan ke folder yang belum berisi kantor")]
    Restore(restore::Args),
    #[command(about = "Wilayah yang setelah pemulihan masih menunggu HP, dan HP mana")]
    Healing,
    #[command(about = "Lanjutkan keputusan sebuah wilayah tanpa HP yang belum sinkron sejak pemulihan")]
    Waive(healing::WaiveArgs),
    #[command(about = "Permohonan selesai yang masa simpannya dihitung, menurut waktunya")]
    Retention,
    #[command(about = "Musnahkan permohonan yang sudah selesai sebelum masa simpannya berakhir")]
    Destroy(retention::DestroyArgs),
    #[command(about = "Simpan dokumen permohonan sebagai berkas Automerge")]
    Export(export::Args),
    #[command(subcommand, about = "Katalog layanan")]
    Catalogue(catalogue::Command),
}

/// What a command has to say: for scripts, and for people.
struct Answer {
    json: Value,
    text: String,
}

impl Answer {
    fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into() }
    }
}

/// Runs the command of the process's arguments.
pub fn run() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => return misunderstood(&error),
    };
    let folder = Folder::new(line.dir);
    let done = match line.command {
        // It runs for long and speaks for itself.
        Command::Serve(args) => serve::run(&folder, &args).map(|()| None),
        Command::Demo(args) => demo::run(&folder, &args).map(|()| None),
        command => answer(&folder, command).map(Some),
    };
    let said = done.and_then(|answer| answer.map_or(Ok(()), |answer| say(&answer, line.json)));
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure.0);
            ExitCode::FAILURE
        }
    }
}

/// The runtime of what runs for long.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.max_blocking_threads(limits::BLOCKING_THREADS).enable_all().build();
    runtime.map_err(|error| Failure::new(format!("program tidak dapat dijalankan ({error})")))
}

fn answer(folder: &Folder, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Serve(args) => serve::run(folder, &args).map(|()| Answer::new(Value::Null, "")),
        Command::Demo(args) => demo::run(folder, &args).map(|()| Answer::new(Value::Null, "")),
        Command::Init(args) => init::run(folder, &args),
        Command::Staff(command) => staff::run(folder, command),
        Command::Token(command) => token::run(folder, command),
        Command::Bundle(command) => bundle::run(folder, &command),
        Command::Pin(args) => pin::run(folder, &args),
        Command::Confirm(args) => invite::confirm(folder, &args),
        Command::Invite(args) => invite::run(folder, args),
        Command::Device(command) => device::run(folder, command),
        Command::Grant(args) => device::grant(folder, &args),
        Command::Queue(args) => queue::run(folder, &args),
        Command::Waiting => waiting::run(folder),
        Command::Held(command) => held::run(folder, command),
        Command::Show(args) => show::run(folder, &args),
        Command::Act(args) => act::run(folder, args),
        Command::Verify => verify::run(folder),
        Command::Backup(args) => backup::run(folder, &args),
        Command::Restore(args) => restore::run(folder, &args),
        Command::Healing => healing::run(folder),
        Command::Waive(args) => healing::waive(folder, &args),
        Command::Retention => retention::run(folder),
        Command::Destroy(args) => retention::destroy(folder, &args),
        Command::Export(args) => export::run(folder, &args),
        Command::Catalogue(command) => catalogue::run(folder, command),
    }
}

/// Help and version go to standard output; what cannot be understood to standard error.
fn misunderstood(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        complain(&format!("perintah tidak dapat dibaca: lihat `loket --help`\n{error}"));
        return ExitCode::from(2);
    }
    // A closed pipe is the reader's choice.
    let _ = error.print();
    ExitCode::SUCCESS
}

fn say(answer: &Answer, json: bool) -> Result<(), Failure> {
    let text = if json { answer.json.to_string() } else { answer.text.trim_end().to_owned() };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|_| Failure::new("keluaran tidak dapat ditulis"))
}

fn complain(sentence: &str) {
    // There is nowhere left to say that this failed.
    let _ = writeln!(std::io::stderr().lock(), "{sentence}");
}

/// Runs `work` in one transaction of the office.
fn write<S: Store, T>(
    office: &mut Office<S>,
    work: impl FnOnce(&mut Office<S>) -> Result<T, ReplicaError>,
) -> Result<T, Failure> {
    Ok(office.write(work).map(|(value, _)| value)?)
}

/// Reads a role's word.
fn role(word: &str) -> Result<Role, Failure> {
    Role::parse(word).ok_or_else(|| {
        let all: Vec<&str> = Role::ALL.iter().map(Role::as_str).collect();
        Failure::new(format!("peran {word} tidak dikenal: pilih {}", all.join(", ")))
    })
}

/// Shows that something is at work, where somebody looks.
fn at_work(what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
