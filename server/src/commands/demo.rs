//! `demo`: the main job as a story, then the office goes on serving.

use std::path::Path;

use super::{DEFAULT_DIR, runtime};
use crate::config::{Failure, Folder};
use crate::demo;
use crate::telemetry;

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(long, default_value = "127.0.0.1:0", help = "Alamat dan port; port 0: port bebas mana pun")]
    listen: String,
}

pub(super) fn run(folder: &Folder, args: &Args) -> Result<(), Failure> {
    telemetry::quiet_logs();
    // Every telling begins from nothing, unless a folder is named.
    let fresh = std::env::temp_dir().join(format!("loket-demo-{}", std::process::id()));
    let folder = if folder.path() == Path::new(DEFAULT_DIR) { Folder::new(fresh) } else { folder.clone() };
    runtime()?.block_on(demo::run(&folder, &args.listen))
}
