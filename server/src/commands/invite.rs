//! `invite`: a one-time code for a device.

use loket_core::enrol::{CODE_BYTES, Code};
use loket_core::replica::view::time_text;
use serde_json::json;

use super::Answer;
use crate::config::{Failure, Folder, dice, now};
use crate::office::Office;

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(long, help = "Peran petugas pemegang perangkat, misalnya operator-desa")]
    role: String,
    #[arg(long, required = true, num_args = 1.., help = "Kode desa, atau kecamatan untuk semua desanya")]
    partition: Vec<String>,
    #[arg(long, help = "Nama petugas, seperti terlihat di riwayat; bila kosong: peran dan tempat")]
    name: Option<String>,
    #[arg(long, help = "HP baru diterima setelah enam angka di layarnya dicocokkan dengan `loket confirm`")]
    confirm: bool,
}

#[derive(clap::Args)]
pub(super) struct ConfirmArgs {
    #[arg(help = "Enam angka yang dibacakan petugas dari layar HP-nya")]
    digits: String,
}

pub(super) fn run(folder: &Folder, args: Args) -> Result<Answer, Failure> {
    let role = super::role(&args.role)?;
    let mut bytes = [0; CODE_BYTES];
    dice(&mut bytes);
    let code = Code::new(bytes);
    let mut office = folder.office()?;
    let invite = |office: &mut Office<_>| {
        office.invite_device((role, &args.partition), args.name.as_deref(), (&code, args.confirm), now())
    };
    let expires = super::write(&mut office, invite)?;
    let expires = time_text(expires);
    let text = format!(
        "Kode: {code}\nBerlaku sampai {expires}, untuk satu perangkat. Berikan langsung kepada petugasnya."
    );
    Ok(Answer::new(json!({ "code": code.to_string(), "expires": expires }), text))
}

pub(super) fn confirm(folder: &Folder, args: &ConfirmArgs) -> Result<Answer, Failure> {
    let mut office = folder.office()?;
    // Wrong digits are counted: what is not found is kept too.
    let officer = super::write(&mut office, |office| office.confirm(&args.digits, now()))??;
    Ok(Answer::new(
        json!({ "officer": officer }),
        format!("HP {officer} diterima; petugas dapat melanjutkan."),
    ))
}
