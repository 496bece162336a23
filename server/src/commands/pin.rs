//! `pin`: keys of TLS that phones accept from this office.

use std::fs;
use std::path::PathBuf;

use loket_core::client::{LINE_KIND, MAX_PINS, PINS_NAME, Pin, published_pins};
use serde_json::json;

use super::Answer;
use crate::config::{Failure, Folder, dice, limits};
use crate::tls::read_chain;

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(value_name = "BERKAS", num_args = 0.., help = "Sertifikat (PEM): yang dipakai sekarang, dan yang berikutnya")]
    certificate: Vec<PathBuf>,
    #[arg(long, conflicts_with = "certificate", help = "HP kembali percaya pada otoritas sertifikat umum")]
    none: bool,
}

pub(super) fn run(folder: &Folder, args: &Args) -> Result<Answer, Failure> {
    let mut office = folder.office()?;
    let before = published_pins(&office.replica)?.unwrap_or_default();
    if args.certificate.is_empty() && !args.none {
        return Ok(answer(&before));
    }
    let pins = args.certificate.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if pins.len() > MAX_PINS {
        return Err(Failure::new(format!("terlalu banyak kunci: paling banyak {MAX_PINS}")));
    }
    // Phones reach the office by a key that they know: with none in common they would never hear of the new ones.
    if !before.is_empty() && !pins.is_empty() && !pins.iter().any(|pin| before.contains(pin)) {
        return Err(Failure::new(
            "tidak satu pun kunci ini dikenal HP: sertakan juga sertifikat yang sekarang dipakai, dan lepaskan setelah \
             semua HP sinkron",
        ));
    }
    super::write(&mut office, |office| {
        office.publish(LINE_KIND, PINS_NAME, Pin::write_list(&pins).as_bytes(), &mut dice)
    })?;
    Ok(answer(&pins))
}

fn read(path: &PathBuf) -> Result<Pin, Failure> {
    let none = || Failure::new(format!("{}: tidak ada sertifikat PEM", path.display()));
    let about = fs::metadata(path).map_err(|error| Failure::file(path, &error))?;
    if about.len() > limits::CERTIFICATE {
        return Err(none());
    }
    let bytes = fs::read(path).map_err(|error| Failure::file(path, &error))?;
    let chain = read_chain(&bytes).ok_or_else(none)?;
    let own = chain.first().ok_or_else(none)?;
    Pin::of(own).map_err(|error| Failure::new(error.to_string()))
}

fn answer(pins: &[Pin]) -> Answer {
    let list: Vec<String> = pins.iter().map(Pin::to_string).collect();
    let text = match list.is_empty() {
        true => "HP percaya pada otoritas sertifikat umum; tidak ada kunci yang diumumkan.".to_owned(),
        false => format!("HP hanya menerima kunci ini:\n{}", list.join("\n")),
    };
    Answer::new(json!({ "pins": list }), text)
}
