//! `catalogue`: what the services ask, and whether a file of one can work.

use std::path::{Path, PathBuf};

use loket_core::catalogue::check::{Fault, read};
use loket_core::catalogue::{Catalogue, MAX_FILE, ServiceFile, show};
use loket_core::time::today;
use serde_json::json;

use super::Answer;
use crate::config::{Failure, Folder, dice, now};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    #[command(about = "Periksa berkas layanan")]
    Check {
        #[arg(required = true, help = "Berkas layanan (TOML)")]
        files: Vec<PathBuf>,
    },
    #[command(about = "Apa yang diminta sebuah layanan, dan langkah-langkahnya")]
    Show {
        #[arg(help = "Kode layanan, seperti nama berkasnya di katalog")]
        service: String,
    },
    #[command(about = "Umumkan versi baru sebuah layanan ke semua perangkat")]
    Publish {
        #[arg(help = "Berkas layanan (TOML)")]
        file: PathBuf,
    },
}

pub(super) fn run(folder: &Folder, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Check { files } => check(&files),
        Command::Show { service } => shown(folder, &service),
        Command::Publish { file } => publish(folder, &file),
    }
}

/// Reads a file, one byte more than allowed at most: the checks say that it is too large.
fn load(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|error| Failure::file(path, &error))?;
    Ok(bytes)
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")
}

fn check(files: &[PathBuf]) -> Result<Answer, Failure> {
    let (mut json, mut text, mut wrong) = (Vec::new(), String::new(), Vec::new());
    for path in files {
        let name = path.display().to_string();
        let (service, faults) = read(&name, &load(path)?);
        let failed = faults.iter().any(Fault::is_error);
        let Some(service) = service.filter(|_| !failed) else {
            wrong.push(lines(&faults));
            continue;
        };
        text.push_str(&format!("{name}: {} versi {} dapat dipakai.\n", service.service, service.version));
        if !faults.is_empty() {
            text.push_str(&format!("{}\n", lines(&faults)));
        }
        let warnings: Vec<String> = faults.iter().map(Fault::to_string).collect();
        json.push(json!({
            "file": name, "service": service.service, "version": service.version, "warnings": warnings,
        }));
    }
    if wrong.is_empty() { Ok(Answer::new(json!(json), text)) } else { Err(Failure(wrong.join("\n"))) }
}

/// The version that new applications use today: of the office in the folder, or of this program.
fn shown(folder: &Folder, service: &str) -> Result<Answer, Failure> {
    let catalogue = match folder.signer().and_then(|signer| folder.replica(&*signer)) {
        Ok(replica) => replica.catalogue().clone(),
        Err(_) => Catalogue::builtin(),
    };
    let Some(file) = catalogue.current(service, today(now())) else {
        let all: Vec<&str> = catalogue.services().collect();
        return Err(Failure(format!("layanan {service} tidak dikenal: pilih {}", all.join(", "))));
    };
    Ok(Answer::new(show::show(&file.service), show::describe(&file.service)))
}

fn publish(folder: &Folder, path: &Path) -> Result<Answer, Failure> {
    let bytes = load(path)?;
    let file =
        ServiceFile::parse(&path.display().to_string(), &bytes).map_err(|faults| Failure(lines(&faults)))?;
    let mut office = folder.office()?;
    let new = super::write(&mut office, |office| office.publish_service(&file, &mut dice))?;
    let (service, version) = (&file.service.service, &file.service.version);
    let text = if new {
        format!(
            "{service} versi {version} diumumkan; berlaku untuk permohonan baru mulai {}.",
            file.service.valid_from
        )
    } else {
        format!("{service} versi {version} sudah ada: tidak ada yang berubah.")
    };
    Ok(Answer::new(json!({ "service": service, "version": version, "published": new }), text))
}
