//! Through `gammu-smsd` with its dummy phone, which logs what it sends and reports no delivery.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::{Gateway, Processes, quiet_day, storm};

/// Debian's own description of the tables.
const SCHEMA: &str = "/usr/share/doc/gammu-smsd/examples/sqlite.sql";
/// Longer than the minute after which Gammu takes up again what it was sending when it was killed.
const WAIT: u32 = 80;

struct Gammu {
    folder: TempDir,
    processes: Processes,
}

impl Gammu {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let at = folder.path().display();
        fs::create_dir(folder.path().join("phone")).unwrap();
        let schema = fs::read_to_string(SCHEMA).unwrap();
        let database = rusqlite::Connection::open(folder.path().join("smsd.db")).unwrap();
        database.execute_batch(&schema).unwrap();
        fs::write(
            folder.path().join("smsdrc"),
            format!(
                "[gammu]\ndevice = {at}/phone\nconnection = none\nmodel = dummy\n\
                 [smsd]\nservice = sql\ndriver = sqlite3\ndbdir = {at}\ndatabase = smsd.db\n\
                 logfile = {at}/log\ndebuglevel = 255\ncommtimeout = 1\nsendtimeout = 5\nloopsleep = 1\n"
            ),
        )
        .unwrap();
        Self { folder, processes: Processes::default() }
    }
}

impl Gateway for Gammu {
    fn start(&mut self) {
        let rc = self.folder.path().join("smsdrc");
        self.processes.start(Command::new("gammu-smsd").arg("-c").arg(rc));
    }

    fn kill(&mut self) {
        self.processes.kill();
    }

    fn sent(&self) -> BTreeMap<String, u32> {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let mut sent = BTreeMap::new();
        let mut to = None;
        for line in log.lines() {
            if let Some((_, number)) = line.split_once("Recipient number \"") {
                to = Some(number.trim_end_matches('"').to_owned());
            } else if line.contains("gammu: Leaving GSM_SendSMS") {
                *sent.entry(to.take().unwrap()).or_insert(0) += 1;
            }
        }
        sent
    }

    fn description(&self, _office: &str) -> String {
        let database = self.folder.path().join("smsd.db");
        format!("driver = \"gammu\"\ndatabase = {database:?}\nwait_seconds = {WAIT}\n")
    }
}

#[test]
fn gammu_sends_it_once() {
    quiet_day(Gammu::new(), "terkirim");
}

#[test]
fn nothing_is_sent_twice_by_gammu() {
    storm(Gammu::new());
}
