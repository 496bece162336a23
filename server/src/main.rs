//! `loket`: the office.

fn main() -> std::process::ExitCode {
    loket_server::commands::run()
}
