//! `invite`: a one-time code for a device.

use loket_core::enrol::{CODE_BYTES, Code};
use loket_core::replica::ReplicaError;
use loket_core::replica::view::time_text;
use serde_json::json;

use super::Answer;
use crate::config::{Failure, Folder, dice, now};
use crate::office::people::{INVITE_SECONDS, InviteRow, MAX_NAME};

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(long, help = "Peran petugas pemegang perangkat, misalnya operator-desa")]
    role: String,
    #[arg(long, required = true, num_args = 1.., help = "Kode desa, atau kecamatan untuk semua desanya")]
    partition: Vec<String>,
    #[arg(long, help = "Nama petugas, seperti terlihat di riwayat; bila kosong: peran dan tempat")]
    name: Option<String>,
}

pub(super) fn run(folder: &Folder, args: Args) -> Result<Answer, Failure> {
    let role = super::role(&args.role)?;
    let mut bytes = [0; CODE_BYTES];
    dice(&mut bytes);
    let code = Code::new(bytes);
    let expires = now().saturating_add(INVITE_SECONDS);
    let mut office = folder.office()?;
    super::write(&mut office, |office| {
        let partitions = office.expand(&args.partition)?;
        let name = args.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        if name.is_some_and(|name| name.chars().count() > MAX_NAME) {
            return Err(ReplicaError::refused(format!(
                "nama terlalu panjang: paling banyak {MAX_NAME} huruf"
            )));
        }
        let place = args.partition.first().map_or("", String::as_str);
        let place = office.replica.regions().name(place).unwrap_or(place);
        let officer = name.map_or_else(|| format!("{role} {place}"), str::to_owned);
        let row = InviteRow { role, partitions, expires, officer, used: None, secret: code.secret().0 };
        office.invite(&code.invite(), &row)
    })?;
    let expires = time_text(expires);
    let text = format!(
        "Kode: {code}\nBerlaku sampai {expires}, untuk satu perangkat. Berikan langsung kepada petugasnya."
    );
    Ok(Answer::new(json!({ "code": code.to_string(), "expires": expires }), text))
}
