//! `serve`: the office at work.

use std::io::Write;

use crate::config::{Failure, Folder};
use crate::office::admission::{self, Allowances};
use crate::serve::{Server, asked_to_end};
use crate::telemetry;

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(long, default_value = "127.0.0.1:7312", help = "Alamat dan port; port 0: port bebas mana pun")]
    listen: String,
    #[arg(
        long,
        env = "LOKET_ENTRIES_PER_DAY",
        default_value_t = admission::ENTRIES_A_DAY,
        help = "Batas harian satu perangkat: entri"
    )]
    entries_per_day: u64,
    #[arg(
        long,
        env = "LOKET_BYTES_PER_DAY",
        default_value_t = admission::BYTES_A_DAY,
        help = "Batas harian satu perangkat: bita isi entri"
    )]
    bytes_per_day: u64,
    #[arg(
        long,
        env = "LOKET_ATTACHMENT_BYTES_PER_DAY",
        default_value_t = admission::ATTACHMENT_BYTES_A_DAY,
        help = "Batas harian satu perangkat: bita lampiran"
    )]
    attachment_bytes_per_day: u64,
}

impl Args {
    fn allowances(&self) -> Allowances {
        Allowances {
            entries: self.entries_per_day,
            bytes: self.bytes_per_day,
            attachment_bytes: self.attachment_bytes_per_day,
            ..Allowances::default()
        }
    }
}

pub(super) fn run(folder: &Folder, args: &Args) -> Result<(), Failure> {
    telemetry::logs();
    super::runtime()?.block_on(async {
        let server = Server::start_with(folder, &args.listen, args.allowances()).await?;
        let mut out = std::io::stdout();
        let said =
            writeln!(out, "Loket mendengarkan di http://{}", server.address()).and_then(|()| out.flush());
        if said.is_err() {
            tracing::warn!("standard output is closed");
        }
        server.run_until(asked_to_end()).await
    })
}
