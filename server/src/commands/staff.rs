//! `staff`: who works at the office.

use std::io::{BufRead, Read};

use data_encoding::BASE32_NOPAD;
use loket_core::catalogue::Role;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;

use super::Answer;
use crate::config::{Failure, Folder, dice, now};
use crate::office::access::{self, Entrance};
use crate::office::look::Look;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    #[command(about = "Tambahkan petugas")]
    Add(AddArgs),
    #[command(about = "Daftar petugas")]
    List,
    #[command(about = "Beri petugas kata sandi dan kode masuk yang baru untuk konsol; sesi lamanya berakhir")]
    Access(AccessArgs),
    #[command(about = "Kode masuk petugas yang berlaku sekarang, bila HP-nya tidak ada di tangan")]
    Code(CodeArgs),
}

#[derive(clap::Args)]
pub(super) struct CodeArgs {
    #[arg(help = "Nomor petugas; lihat `loket staff list`")]
    staff: u32,
}

#[derive(clap::Args)]
pub(super) struct AccessArgs {
    #[arg(help = "Nomor petugas; lihat `loket staff list`")]
    staff: u32,
    #[arg(long, help = "Baca kata sandi dari masukan baku; tanpa ini dibuatkan")]
    password_stdin: bool,
}

#[derive(clap::Args)]
pub(super) struct AddArgs {
    #[arg(long, help = "Peran, misalnya front-office")]
    role: String,
    #[arg(long, help = "Nama petugas")]
    name: String,
    #[arg(long, num_args = 1.., help = "Kode kecamatan atau desa; tanpa ini seluruh kantor")]
    partition: Vec<String>,
}

pub(super) fn run(folder: &Folder, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Add(args) => add(folder, &args),
        Command::List => list(folder),
        Command::Access(args) => access(folder, &args),
        Command::Code(args) => code(folder, &args),
    }
}

fn add(folder: &Folder, args: &AddArgs) -> Result<Answer, Failure> {
    let role = super::role(&args.role)?;
    let mut office = folder.office()?;
    let id = super::write(&mut office, |office| office.add_staff(role, &args.name, &args.partition))?;
    Ok(Answer::new(json!({ "id": id.to_string() }), format!("Petugas {id} ({role}) ditambahkan.")))
}

fn access(folder: &Folder, args: &AccessArgs) -> Result<Answer, Failure> {
    let password = if args.password_stdin { read_password()? } else { access::make_password(&mut dice) };
    let (hash, secret) = access::make(&password, &mut dice)?;
    let mut office = folder.office()?;
    super::write(&mut office, |office| office.set_access(args.staff, hash, secret))?;
    let factor = access::factor(&secret, args.staff)?;
    let url = factor.to_url().map_err(|error| Failure::new(error.to_string()))?;
    let key = BASE32_NOPAD.encode(&secret);
    let picture = QrCode::new(&url).map(|code| code.render::<Dense1x2>().build());
    let text = format!(
        "Petugas {} masuk ke konsol dengan nomornya, kata sandi ini, dan kode dari aplikasi autentikator.\n\n\
         Kata sandi: {}\nKunci kode masuk: {key}\n\nPindai ini dengan aplikasi autentikator:\n\n{}\n\n\
         Keduanya tidak akan ditampilkan lagi.",
        args.staff,
        if args.password_stdin { "(seperti yang diberikan)" } else { &password },
        picture.unwrap_or_else(|_| url.clone()),
    );
    let shown = (!args.password_stdin).then_some(password);
    let json = json!({ "id": args.staff.to_string(), "password": shown, "secret": key, "otpauth": url });
    Ok(Answer::new(json, text))
}

/// Whoever has the office's folder has the secret too: this only reads it out.
fn code(folder: &Folder, args: &CodeArgs) -> Result<Answer, Failure> {
    let row = folder.office()?.replica.access(args.staff)?;
    let row = row.ok_or_else(|| {
        Failure::new("petugas ini belum dapat masuk ke konsol: jalankan `loket staff access` dahulu")
    })?;
    let code = access::factor(&row.secret, args.staff)?.generate(u64::try_from(now()).unwrap_or_default());
    let text = format!("{code}  (berlaku setengah menit, sekali pakai)");
    Ok(Answer::new(json!({ "id": args.staff.to_string(), "code": code.to_string() }), text))
}

fn read_password() -> Result<String, Failure> {
    let mut line = String::new();
    let limit = 4 * *access::PASSWORD.end() as u64;
    let read = std::io::stdin().lock().take(limit).read_line(&mut line);
    read.map_err(|error| Failure::new(format!("kata sandi tidak terbaca ({error})")))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

fn list(folder: &Folder) -> Result<Answer, Failure> {
    let staff = folder.office()?.replica.staff_list()?;
    let json: Vec<_> = staff
        .iter()
        .map(|one| {
            let partitions: Vec<String> = one.partitions.iter().map(ToString::to_string).collect();
            json!({ "id": one.id.to_string(), "name": one.name, "role": one.role, "partitions": partitions })
        })
        .collect();
    let mut text = String::new();
    for one in &staff {
        let place = match one.partitions.len() {
            0 => "seluruh kantor".to_owned(),
            count => format!("{count} wilayah"),
        };
        text.push_str(&format!("{:>4}  {:<24} {} ({place})\n", one.id, Role::as_str(&one.role), one.name));
    }
    if staff.is_empty() {
        text.push_str("Belum ada petugas: tambahkan dengan `loket staff add`.");
    }
    Ok(Answer::new(json!(json), text))
}
