//! `serve`: the office at work.

use std::io::Write;

use crate::config::{Failure, Folder};
use crate::serve::{Server, asked_to_end};
use crate::telemetry;

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(long, default_value = "127.0.0.1:7312", help = "Alamat dan port; port 0: port bebas mana pun")]
    listen: String,
}

pub(super) fn run(folder: &Folder, args: &Args) -> Result<(), Failure> {
    telemetry::logs();
    super::runtime()?.block_on(async {
        let server = Server::start(folder, &args.listen).await?;
        let mut out = std::io::stdout();
        let said =
            writeln!(out, "Loket mendengarkan di http://{}", server.address()).and_then(|()| out.flush());
        if said.is_err() {
            tracing::warn!("standard output is closed");
        }
        server.run_until(asked_to_end()).await
    })
}
