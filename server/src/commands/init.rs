//! `init`: founds an office.

use std::path::PathBuf;

use serde_json::json;

use super::Answer;
use crate::config::{Failure, Folder};

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(long, help = "Kode kabupaten/kota, misalnya 33.12")]
    region: String,
    #[arg(long, help = "Daftar wilayah (kode,nama) bila bukan 33.12")]
    regions: Option<PathBuf>,
}

pub(super) fn run(folder: &Folder, args: &Args) -> Result<Answer, Failure> {
    let list = match &args.regions {
        Some(path) => Some(std::fs::read(path).map_err(|error| Failure::file(path, &error))?),
        None => None,
    };
    let office = folder.found(&args.region, list.as_deref())?;
    let text = format!(
        "Kantor {} didirikan di {}.\nCadangkan office.key di tempat aman: tanpa kunci itu kantor tidak dapat diteruskan.\n\
         Lanjutkan: loket staff add, loket invite, loket serve.",
        args.region,
        folder.path().display()
    );
    Ok(Answer::new(json!({ "office": office.to_hex(), "region": args.region }), text))
}
