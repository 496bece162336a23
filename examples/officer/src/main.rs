//! `loket-officer`: a phone without a screen, for people and scripts.

use std::process::ExitCode;

use clap::Parser;

mod arguments;
mod commands;
mod output;

fn main() -> ExitCode {
    let arguments = match arguments::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no failures and belong on standard output; clap knows.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let json = arguments.json;
    match commands::run(&arguments) {
        Ok(answer) => output::print(&answer, json),
        Err(error) => {
            output::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
