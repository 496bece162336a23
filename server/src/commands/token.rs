//! `token`: what the office's own systems show at the interface.

use data_encoding::BASE32_NOPAD;
use serde_json::json;

use super::Answer;
use crate::api::TOKEN_BYTES;
use crate::config::{Failure, Folder, dice, now};
use crate::office::tokens::{self, MAX_DAYS, MAX_LABEL, Scope, TokenRow};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    #[command(about = "Buat token untuk sebuah sistem; hanya ditampilkan sekali")]
    Add(AddArgs),
    #[command(about = "Daftar token")]
    List,
    #[command(about = "Akhiri sebuah token")]
    Revoke(RevokeArgs),
}

#[derive(clap::Args)]
pub(super) struct AddArgs {
    #[arg(
        long = "as",
        value_name = "STAFF",
        help = "Bertindak sebagai petugas ini; peran dan wilayahnya berlaku"
    )]
    staff: u32,
    #[arg(long, help = "Sistem yang memakainya")]
    label: String,
    #[arg(long, num_args = 1.., required = true, help = "daftar (antrean dan angka), baca (berkas), tindak")]
    scope: Vec<String>,
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_DAYS)), help = "Berlaku sekian hari")]
    days: u32,
}

#[derive(clap::Args)]
pub(super) struct RevokeArgs {
    #[arg(help = "Nama token; lihat `loket token list`")]
    name: String,
}

pub(super) fn run(folder: &Folder, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Add(args) => add(folder, args),
        Command::List => list(folder),
        Command::Revoke(args) => revoke(folder, &args.name),
    }
}

fn add(folder: &Folder, args: AddArgs) -> Result<Answer, Failure> {
    let scope = |word: &String| {
        let found = Scope::ALL.into_iter().find(|scope| scope.as_str() == word.as_str());
        found.ok_or_else(|| Failure::new(format!("{word} bukan lingkup: pilih daftar, baca, tindak")))
    };
    let mut scopes = args.scope.iter().map(scope).collect::<Result<Vec<_>, _>>()?;
    scopes.sort_unstable();
    scopes.dedup();
    if args.label.trim().is_empty() || args.label.chars().count() > MAX_LABEL {
        return Err(Failure::new(format!(
            "sebut sistemnya dengan --label, paling panjang {MAX_LABEL} huruf"
        )));
    }
    let mut token = [0; TOKEN_BYTES];
    dice(&mut token);
    let hash = tokens::hash(&token);
    let expires = now().saturating_add(i64::from(args.days) * 24 * 3600);
    let row = TokenRow { staff: args.staff, scopes, label: args.label, expires };
    let mut office = folder.office()?;
    super::write(&mut office, |office| office.add_token(&hash, &row, now()))?;
    let (token, name) = (BASE32_NOPAD.encode(&token).to_lowercase(), tokens::name(&hash));
    let text = format!("Token {name} untuk {}:\n\n{token}\n\nTidak akan ditampilkan lagi.", row.label);
    let until = loket_core::replica::view::time_text(expires);
    Ok(Answer::new(json!({ "name": name, "token": token, "expires": until }), text))
}

fn list(folder: &Folder) -> Result<Answer, Failure> {
    let all = tokens::all(&folder.office()?.replica)?;
    let scopes = |row: &TokenRow| row.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>();
    let until = |row: &TokenRow| loket_core::replica::view::time_text(row.expires);
    let json: Vec<_> = all
        .iter()
        .map(|(hash, row)| {
            json!({ "name": tokens::name(hash), "staff": row.staff.to_string(), "label": row.label,
                "scopes": scopes(row), "expires": until(row) })
        })
        .collect();
    let line = |(hash, row): &([u8; 32], TokenRow)| {
        let (name, scopes) = (tokens::name(hash), scopes(row).join(", "));
        format!("{name}  petugas {}  {scopes}  sampai {}  {}", row.staff, until(row), row.label)
    };
    let text = all.iter().map(line).collect::<Vec<_>>().join("\n");
    let none = "Belum ada token: buat dengan `loket token add`.".to_owned();
    Ok(Answer::new(json!(json), if text.is_empty() { none } else { text }))
}

fn revoke(folder: &Folder, wanted: &str) -> Result<Answer, Failure> {
    let mut office = folder.office()?;
    let found = tokens::all(&office.replica)?.into_iter().find(|(hash, _)| tokens::name(hash) == wanted);
    let (hash, row) = found.ok_or_else(|| {
        Failure::new(format!("tidak ada token {wanted}: lihat namanya dengan `loket token list`"))
    })?;
    super::write(&mut office, |office| office.end_token(&hash))?;
    Ok(Answer::new(json!({ "name": wanted }), format!("Token {wanted} ({}) berakhir.", row.label)))
}
