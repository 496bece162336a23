//! Gammu SMSD, by its SQLite database (its `service = sql`, `driver = sqlite3`). A message is a row of its outbox, put there
//! in one transaction that first looks whether the message was ever there, so that an attempt may be repeated.
//!
//! Gammu itself sends again what it was sending when it was killed. Triggers in its database keep that from happening:
//! a row that it takes up a second time is put aside instead, and the message is doubtful.

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use loket_core::workflow::{septets, sms_parts};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use tracing::warn;

use super::gateway::PATIENCE;
use crate::config::Failure;
use crate::office::messages::{Attempt, News, Token};

/// The schema that is written for.
const SCHEMA: i64 = 17;
/// Septets of one part of several.
const PART: usize = 153;
/// Characters of one part of several that is not within GSM-7.
const WIDE_PART: usize = 67;

/// What is added to Gammu's database: where a message is looked up, and that it is taken up once. Gammu locks a row by its
/// time-out before it sends; a row of ours begins with a time-out that nobody else sets.
const ADDITIONS: &str = "
    CREATE INDEX IF NOT EXISTS loket_outbox ON outbox(CreatorID);
    CREATE INDEX IF NOT EXISTS loket_sentitems ON sentitems(CreatorID);
    CREATE TABLE IF NOT EXISTS loket_doubtful (CreatorID TEXT PRIMARY KEY);
    CREATE TRIGGER IF NOT EXISTS loket_once AFTER UPDATE OF SendingTimeOut ON outbox
      WHEN old.CreatorID LIKE 'loket/%' AND old.SendingTimeOut <> '2000-01-01 00:00:00'
       AND new.SendingTimeOut <> old.SendingTimeOut
      BEGIN
        INSERT OR IGNORE INTO loket_doubtful VALUES (old.CreatorID);
        DELETE FROM outbox_multipart WHERE ID = old.ID;
        DELETE FROM outbox WHERE ID = old.ID;
      END;";

/// A Gammu SMSD.
pub struct Gammu {
    database: PathBuf,
    /// Until it has to have sent a message, in seconds.
    pub(super) wait: i64,
}

impl Gammu {
    pub(super) fn open(database: PathBuf, wait: i64) -> Result<Self, Failure> {
        let gammu = Self { database, wait };
        let there = gammu.connect().and_then(|connection| {
            let version =
                connection.query_row("SELECT Version FROM gammu", [], |row| row.get::<_, i64>(0))?;
            // Gammu reads while we write.
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.execute_batch(ADDITIONS)?;
            Ok(version)
        });
        let path = gammu.database.display();
        match there {
            Ok(SCHEMA) => Ok(gammu),
            Ok(version) => Err(Failure::new(format!(
                "basis data Gammu {path} berversi {version}, yang dikenal {SCHEMA}: perbarui Gammu SMSD"
            ))),
            Err(error) => Err(Failure::new(format!(
                "basis data Gammu {path} tidak dapat dipakai ({error}): buat dengan sqlite.sql dari paket gammu-smsd"
            ))),
        }
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        use rusqlite::OpenFlags;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.database, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "synchronous", "full")?;
        Ok(connection)
    }

    pub(super) async fn send(&self, attempt: &Attempt) -> News {
        let (database, attempt) =
            (Self { database: self.database.clone(), wait: self.wait }, attempt.clone());
        let put = tokio::task::spawn_blocking(move || database.put(&attempt)).await;
        match put {
            Ok(Ok(())) => News::Taken,
            // Nothing of a transaction that failed is there; and the next attempt looks first.
            Ok(Err(error)) => News::Later(format!("basis data Gammu: {}", code(&error))),
            Err(_) => News::Unclear,
        }
    }

    fn put(&self, attempt: &Attempt) -> rusqlite::Result<()> {
        let mut connection = self.connect()?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let creator = creator(&attempt.token);
        if known(&transaction, &creator)? == News::Unknown {
            let parts = parts(attempt);
            for (index, part) in parts.iter().enumerate() {
                part.insert(&transaction, attempt, &creator, index, parts.len())?;
            }
        }
        transaction.commit()
    }

    pub(super) async fn ask(&self, tokens: Vec<Token>) -> Vec<(Token, News)> {
        let gammu = Self { database: self.database.clone(), wait: self.wait };
        let looked = tokio::task::spawn_blocking(move || gammu.look(&tokens)).await;
        match looked {
            Ok(Ok(news)) => news,
            Ok(Err(error)) => {
                warn!(cause = code(&error), "Gammu's database cannot be read");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    fn look(&self, tokens: &[Token]) -> rusqlite::Result<Vec<(Token, News)>> {
        let mut connection = self.connect()?;
        // One view of all tables: Gammu moves rows between them.
        let view = connection.transaction()?;
        tokens.iter().map(|token| Ok((*token, known(&view, &creator(token))?))).collect()
    }
}

/// What Gammu's tables say of a message: the least that is said of its parts.
fn known(view: &Connection, creator: &str) -> rusqlite::Result<News> {
    let mut sent = view.prepare_cached("SELECT Status FROM sentitems WHERE CreatorID = ?1")?;
    let states = sent.query_map([creator], |row| row.get::<_, String>(0))?;
    let states = states.collect::<rusqlite::Result<Vec<_>>>()?;
    if !states.is_empty() {
        return Ok(of_states(&states));
    }
    let there = |sql: &str| view.query_row(sql, [creator], |_| Ok(())).optional();
    if there("SELECT 1 FROM loket_doubtful WHERE CreatorID = ?1")?.is_some() {
        Ok(News::Lost)
    } else if there("SELECT 1 FROM outbox WHERE CreatorID = ?1")?.is_some() {
        Ok(News::Taken)
    } else {
        Ok(News::Unknown)
    }
}

fn of_states(states: &[String]) -> News {
    let failed = ["SendingError", "DeliveryFailed", "Error"];
    if let Some(state) = states.iter().find(|state| failed.contains(&state.as_str())) {
        News::Failed(format!("Gammu: {state}"))
    } else if states.iter().all(|state| state == "DeliveryOK") {
        News::Arrived
    } else {
        News::Sent
    }
}

/// One SMS of a message.
struct Part {
    text: String,
    coding: &'static str,
    /// What joins the parts, in hexadecimal digits; empty where there is one.
    header: String,
}

impl Part {
    fn insert(
        &self,
        transaction: &Connection,
        attempt: &Attempt,
        creator: &str,
        index: usize,
        parts: usize,
    ) -> rusqlite::Result<()> {
        if index == 0 {
            let several = if parts > 1 { "true" } else { "false" };
            transaction.execute(
                "INSERT INTO outbox (DestinationNumber, TextDecoded, Coding, UDH, MultiPart, DeliveryReport, CreatorID,
                   InsertIntoDB, SendingDateTime, SendingTimeOut)
                 VALUES (?1, ?2, ?3, ?4, ?5, 'yes', ?6, datetime('now', 'localtime'), '2000-01-01 00:00:00',
                   '2000-01-01 00:00:00')",
                params![attempt.to, self.text, self.coding, self.header, several, creator],
            )?;
            return Ok(());
        }
        transaction.execute(
            "INSERT INTO outbox_multipart (ID, SequencePosition, TextDecoded, Coding, UDH)
             VALUES ((SELECT ID FROM outbox WHERE CreatorID = ?1), ?2, ?3, ?4, ?5)",
            params![creator, index as i64 + 1, self.text, self.coding, self.header],
        )?;
        Ok(())
    }
}

fn parts(attempt: &Attempt) -> Vec<Part> {
    let narrow = septets(&attempt.text).is_some();
    let coding = if narrow { "Default_No_Compression" } else { "Unicode_No_Compression" };
    if sms_parts(&attempt.text) == 1 {
        return vec![Part { text: attempt.text.clone(), coding, header: String::new() }];
    }
    let length =
        |c: char| if narrow { septets(c.encode_utf8(&mut [0; 4])).unwrap_or(2) } else { c.len_utf16() };
    let most = if narrow { PART } else { WIDE_PART };
    let mut texts = vec![String::new()];
    let mut taken = 0;
    for c in attempt.text.chars() {
        if taken + length(c) > most {
            texts.push(String::new());
            taken = 0;
        }
        taken += length(c);
        if let Some(last) = texts.last_mut() {
            last.push(c);
        }
    }
    let [reference, ..] = attempt.token;
    let count = texts.len();
    let part = |(index, text)| {
        // Concatenated short message, eight-bit reference (3GPP TS 23.040, 9.2.3.24.1).
        Part { text, coding, header: format!("050003{reference:02X}{count:02X}{:02X}", index + 1) }
    };
    texts.into_iter().enumerate().map(part).collect()
}

fn creator(token: &Token) -> String {
    format!("loket/{}", HEXLOWER.encode(token))
}

/// What failed, without the words of the statement, which may quote a number.
fn code(error: &rusqlite::Error) -> String {
    error.sqlite_error_code().map_or_else(|| "gagal".to_owned(), |code| format!("{code:?}"))
}

#[cfg(test)]
mod tests;
