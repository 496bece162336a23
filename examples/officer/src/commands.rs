//! The commands, one a file.

use std::path::Path;

use loket_core::client::{ClientError, Keys, Phone, SEALED};
use serde_json::json;

use crate::arguments::{Arguments, Command};
use crate::output::Answer;

mod act;
mod bundle;
mod edit;
mod enroll;
mod import;
mod list;
mod look;
mod meet;
mod new;
mod services;
mod show;
mod submit;
mod sync;

/// Where the phone is: its folder and that of its keys.
pub struct Place<'a> {
    dir: &'a Path,
    keys: &'a Path,
}

impl Place<'_> {
    fn open(&self) -> Result<Phone, ClientError> {
        Phone::open_with(self.dir, &Keys::read(self.keys)?)
    }
}

/// Does what the command line asks.
pub fn run(arguments: &Arguments) -> Result<Answer, ClientError> {
    let dir: &Path = &arguments.dir;
    let place = Place { dir, keys: arguments.keys.as_deref().unwrap_or(dir) };
    match &arguments.command {
        Command::Enroll(asked) => enroll::run(&place, asked),
        Command::Sync(asked) => sync::run(&place, asked, arguments.json),
        Command::Meet(asked) => meet::run(&place, asked),
        command => with_phone(&mut place.open()?, command),
    }
}

fn with_phone(phone: &mut Phone, command: &Command) -> Result<Answer, ClientError> {
    match command {
        Command::Services => Ok(services::run(phone)),
        Command::New(asked) => new::run(phone, asked),
        Command::Set(asked) => edit::set(phone, asked),
        Command::Choose(asked) => edit::choose(phone, asked),
        Command::Tick(asked) => edit::tick(phone, asked),
        Command::Attach(asked) => edit::attach(phone, asked),
        Command::Missing(asked) => look::missing(phone, &asked.id),
        Command::Conflicts(asked) => look::conflicts(phone, &asked.id),
        Command::Submit(asked) => submit::run(phone, asked),
        Command::Act(asked) => act::run(phone, asked),
        Command::Bundle(asked) => bundle::run(phone, asked),
        Command::Wipe { .. } => wipe(phone),
        Command::List => list::run(phone),
        Command::Show(asked) => show::run(phone, &asked.id),
        Command::Enroll(_) | Command::Sync(_) | Command::Meet(_) => Err(ClientError::NotEnrolled),
    }
}

fn wipe(phone: &mut Phone) -> Result<Answer, ClientError> {
    phone.wipe()?;
    let text =
        format!("perangkat dihapus; yang belum terkirim ada di {SEALED}: serahkan berkas itu ke Dinas");
    Ok(Answer::new(json!({ "sealed": SEALED }), text))
}

/// A runtime for commands that talk to the office.
fn runtime() -> Result<tokio::runtime::Runtime, ClientError> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}
