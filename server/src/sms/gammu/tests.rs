//! What is written into Gammu's tables, and what they say. The daemon itself runs in the stories.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

/// As far as we read and write them (schema 17).
const TABLES: &str = "
    CREATE TABLE gammu (Version INTEGER);
    INSERT INTO gammu VALUES (17);
    CREATE TABLE outbox (ID INTEGER PRIMARY KEY AUTOINCREMENT, CreatorID TEXT, DestinationNumber TEXT, TextDecoded TEXT,
      Coding TEXT, UDH TEXT, MultiPart TEXT, DeliveryReport TEXT, InsertIntoDB TEXT, SendingDateTime TEXT,
      SendingTimeOut TEXT);
    CREATE TABLE outbox_multipart (ID INTEGER, SequencePosition INTEGER, TextDecoded TEXT, Coding TEXT, UDH TEXT);
    CREATE TABLE sentitems (ID INTEGER, CreatorID TEXT, Status TEXT, SequencePosition INTEGER);";

struct Daemon {
    _folder: tempfile::TempDir,
    gammu: Gammu,
}

impl Daemon {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("smsd.db");
        Connection::open(&path).unwrap().execute_batch(TABLES).unwrap();
        Self { _folder: folder, gammu: Gammu::open(path, 9).unwrap() }
    }

    fn run(&self, sql: &str) {
        self.gammu.connect().unwrap().execute_batch(sql).unwrap();
    }

    fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.gammu.connect().unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    fn news(&self, attempt: &Attempt) -> News {
        self.gammu.look(&[attempt.token]).unwrap().remove(0).1
    }
}

fn attempt(text: &str) -> Attempt {
    Attempt {
        token: [7; 16],
        to: "+6281200000000".into(),
        text: text.into(),
        about: ("N1".into(), "3312".into()),
    }
}

#[test]
fn a_message_is_put_into_the_outbox_once() {
    let daemon = Daemon::new();
    let attempt = attempt("Permohonan disetujui.");
    assert_eq!(daemon.news(&attempt), News::Unknown);
    daemon.gammu.put(&attempt).unwrap();
    daemon.gammu.put(&attempt).unwrap();
    assert_eq!((daemon.count("outbox"), daemon.news(&attempt)), (1, News::Taken));
    // Sent, and not yet taken out of the outbox.
    daemon.run("INSERT INTO sentitems SELECT ID, CreatorID, 'SendingOK', 1 FROM outbox");
    assert_eq!(daemon.news(&attempt), News::Sent);
    daemon.run("DELETE FROM outbox");
    daemon.gammu.put(&attempt).unwrap();
    assert_eq!(daemon.count("outbox"), 0, "what was sent is not put there again");
    for (status, news) in [
        ("SendingOKNoReport", News::Sent),
        ("DeliveryPending", News::Sent),
        ("DeliveryOK", News::Arrived),
        ("DeliveryFailed", News::Failed("Gammu: DeliveryFailed".into())),
        ("SendingError", News::Failed("Gammu: SendingError".into())),
    ] {
        daemon.run(&format!("UPDATE sentitems SET Status = '{status}'"));
        assert_eq!(daemon.news(&attempt), news, "{status}");
    }
}

#[test]
fn what_gammu_takes_up_a_second_time_is_put_aside() {
    let daemon = Daemon::new();
    let attempt = attempt("Permohonan disetujui.");
    daemon.gammu.put(&attempt).unwrap();
    daemon.run("INSERT INTO outbox (CreatorID, SendingTimeOut) VALUES ('orang lain', '2000-01-01 00:00:00')");
    let lock = "UPDATE outbox SET SendingTimeOut = datetime('now', '+60 seconds')";
    daemon.run(lock);
    assert_eq!((daemon.count("outbox"), daemon.news(&attempt)), (2, News::Taken));
    daemon.run("UPDATE outbox SET SendingTimeOut = datetime('now', '+90 seconds')");
    assert_eq!(daemon.count("outbox"), 1, "others' messages are left alone");
    assert_eq!(daemon.news(&attempt), News::Lost);
    daemon.gammu.put(&attempt).unwrap();
    assert_eq!((daemon.count("outbox"), daemon.news(&attempt)), (1, News::Lost));
}

#[test]
fn a_long_message_goes_in_parts() {
    let daemon = Daemon::new();
    let long = attempt(&"Mohon lengkapi [satu] ".repeat(16));
    daemon.gammu.put(&long).unwrap();
    assert_eq!((daemon.count("outbox"), daemon.count("outbox_multipart")), (1, 2));
    let parts = parts(&long);
    assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<String>(), long.text);
    assert!(parts.iter().all(|part| septets(&part.text).unwrap() <= PART), "an escape is never parted");
    assert_eq!(parts[2].header, "050003070303");
    let wide = attempt(&"“".repeat(100));
    assert_eq!(super::parts(&wide).len(), 2);
    assert_eq!(super::parts(&wide)[0].coding, "Unicode_No_Compression");
}

#[test]
fn a_database_that_is_none_of_gammu_s_is_refused_with_a_cure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("smsd.db");
    let said = |path: &std::path::Path| Gammu::open(path.to_owned(), 9).err().unwrap().to_string();
    assert!(said(&path).contains("sqlite.sql"), "{}", said(&path));
    assert!(!path.exists(), "nothing is made where nothing was");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE gammu AS SELECT 12 AS Version").unwrap();
    assert!(said(&path).contains("berversi 12") || said(&path).contains("sqlite.sql"), "{}", said(&path));
}
