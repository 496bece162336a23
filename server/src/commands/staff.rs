//! `staff`: who works at the office.

use loket_core::catalogue::Role;
use serde_json::json;

use super::Answer;
use crate::config::{Failure, Folder};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    #[command(about = "Tambahkan petugas")]
    Add(AddArgs),
    #[command(about = "Daftar petugas")]
    List,
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
    }
}

fn add(folder: &Folder, args: &AddArgs) -> Result<Answer, Failure> {
    let role = super::role(&args.role)?;
    let mut office = folder.office()?;
    let id = super::write(&mut office, |office| office.add_staff(role, &args.name, &args.partition))?;
    Ok(Answer::new(json!({ "id": id.to_string() }), format!("Petugas {id} ({role}) ditambahkan.")))
}

fn list(folder: &Folder) -> Result<Answer, Failure> {
    let staff = folder.office()?.staff_list()?;
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
