//! `loket-load`: plays phones against a real office and prints what it measured, as one JSON document; `all` prints a table.
//!
//! The office is a process of its own (`loket serve`, as it is shipped); phones are this process's. What phones
//! would have prepared long before (entries, signatures, batches) is made before the clock starts, so that the
//! figures are the office's. Everyone in it is fictional.

mod commands;
mod device;
mod filed;
mod line;
mod office;
mod pen;
mod people;
mod phone;
mod slow;
mod stats;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Whatever went wrong, in words.
pub type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// Open files that the process asks for: a connection of ten thousand takes one here and one in the office.
const OPEN_FILES: u64 = 20_000;

#[derive(Parser)]
#[command(name = "loket-load", version, about = "Measures an office and its phones")]
struct Arguments {
    /// Folder of the office; kept. Without it: a temporary one, removed at the end.
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
    /// The program `loket`; without it: the one beside this program.
    #[arg(long, global = true)]
    program: Option<PathBuf>,
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Trouble> {
    more_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let place = office::Place { dir: arguments.dir, program: arguments.program };
    let answer = runtime.block_on(commands::run(arguments.command, place))?;
    // Tasks of cut connections are not waited for.
    runtime.shutdown_background();
    let mut out = std::io::stdout().lock();
    match answer {
        serde_json::Value::String(text) => writeln!(out, "{text}")?,
        answer => writeln!(out, "{answer:#}")?,
    }
    Ok(out.flush()?)
}

/// Raises the limit of open files, which the office inherits.
fn more_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        // Where the system refuses, `idle` says how many it could open.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    }
}

#[cfg(test)]
mod tests {
    use super::people::{SERVICE, fields};
    use loket_core::catalogue::Catalogue;
    use loket_core::journal::ChangeHash;
    use loket_core::journal::body::Edit;
    use loket_core::replica::rules::check_edit;

    #[test]
    fn everybody_s_fields_are_such_as_the_service_takes_and_nobody_s_are_another_s() {
        let catalogue = Catalogue::builtin();
        let file = catalogue.get(SERVICE, "2026.1").unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..500 {
            let ops = fields(seed, "33.12.08.2002");
            let edit = Edit { parents: vec![], change: ChangeHash([0; 32]), time: 0, ops, staff: None };
            assert_eq!(check_edit(&file.service, &edit, true, false), Ok(()), "{seed}");
            assert!(seen.insert(format!("{:?}", edit.ops)), "{seed}");
        }
    }
}
