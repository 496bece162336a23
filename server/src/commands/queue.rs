//! `queue`: what waits at a desk.

use loket_core::replica::view::time_text;
use serde_json::json;

use super::Answer;
use crate::config::{Failure, Folder};
use crate::office::look::Look;

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(help = "Meja: peran petugasnya, misalnya front-office")]
    desk: String,
}

pub(super) fn run(folder: &Folder, args: &Args) -> Result<Answer, Failure> {
    let desk = super::role(&args.desk)?;
    let waiting = folder.office()?.replica.queue(desk)?;
    let mut json = Vec::with_capacity(waiting.len());
    let mut text = String::new();
    for one in &waiting {
        let (row, since) = (&one.row, time_text(one.since));
        text.push_str(&format!("{since}  {:<28} {:<28} {}\n", row.number, row.service, row.state));
        json.push(json!({
            "number": row.number, "service": row.service, "state": row.state, "since": since,
        }));
    }
    if waiting.is_empty() {
        text.push_str("Tidak ada yang menunggu.");
    }
    Ok(Answer::new(json!(json), text))
}
