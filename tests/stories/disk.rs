//! A disk that fails when it is told to: a small library, loaded before the C library into the real programs, through
//! which every write of SQLite and of everything else passes (`tests/faults/faults.c`).

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// How a call fails. The number is the library's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Whatever it is, with EIO.
    Broken = 1,
    /// Whatever it is, with ENOSPC.
    Full = 2,
    /// A write writes half and says so.
    Short = 3,
    /// A write writes half and says EIO.
    Torn = 4,
    /// A sync fails, and what it was to make durable is not.
    Unsynced = 5,
}

impl Fault {
    /// All.
    pub const ALL: [Fault; 5] = [Fault::Broken, Fault::Full, Fault::Short, Fault::Torn, Fault::Unsynced];
}

/// The library, built by the first who asks.
///
/// # Panics
/// Where there is no C compiler.
pub fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults/faults.c");
        let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        let (new, library) =
            (folder.join(format!("libfaults-{}.so", std::process::id())), folder.join("libfaults.so"));
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]).arg(&new).arg(source);
        assert!(compiler.args(["-ldl", "-lpthread"]).status().expect("a C compiler").success());
        // A program that has the old one loaded keeps it.
        fs::rename(&new, &library).unwrap();
        library
    })
}

/// The disk under one folder.
pub struct Disk {
    control: fs::File,
    folder: PathBuf,
    /// Holds the control's file and what a loss of power leaves.
    own: TempDir,
}

/// Numbers of the control's file, by their place.
const CALLS: u64 = 0;
const FROM: u64 = 1;
const TIMES: u64 = 2;
const KIND: u64 = 3;
const FAILED: u64 = 4;

impl Disk {
    /// Of this folder; nothing fails yet.
    pub fn under(folder: &Path) -> Self {
        let own = tempfile::tempdir().unwrap();
        fs::create_dir(own.path().join("disk")).unwrap();
        let control = own.path().join("control");
        fs::write(&control, [0; 40]).unwrap();
        let control = fs::File::options().read(true).write(true).open(control).unwrap();
        Self { control, folder: folder.canonicalize().unwrap(), own }
    }

    /// What programs on this disk are given. `power`: whether what a loss of power would leave is kept too.
    pub fn variables(&self, power: bool) -> Vec<(String, PathBuf)> {
        let mut variables = vec![
            ("LD_PRELOAD".to_owned(), library().to_owned()),
            ("LOKET_FAULTS_UNDER".to_owned(), self.folder.clone()),
            ("LOKET_FAULTS_CONTROL".to_owned(), self.own.path().join("control")),
        ];
        if power {
            variables.push(("LOKET_FAULTS_DISK".to_owned(), self.after_power_loss()));
        }
        variables
    }

    /// The folder as a loss of power would leave it.
    pub fn after_power_loss(&self) -> PathBuf {
        self.own.path().join("disk")
    }

    fn get(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, at * 8).unwrap();
        u64::from_ne_bytes(bytes)
    }

    fn set(&self, at: u64, value: u64) {
        self.control.write_all_at(&value.to_ne_bytes(), at * 8).unwrap();
    }

    /// Calls that wrote so far.
    pub fn calls(&self) -> u64 {
        self.get(CALLS)
    }

    /// Calls that were made to fail since [`Disk::fail`].
    pub fn failed(&self) -> u64 {
        self.get(FAILED)
    }

    /// Lets calls fail: from this one on (counted from 1), so many of those that the fault concerns.
    pub fn fail(&self, fault: Fault, from: u64, times: u64) {
        self.set(FROM, 0);
        self.set(KIND, fault as u64);
        self.set(TIMES, times);
        self.set(FAILED, 0);
        self.set(FROM, from);
    }

    /// No further call fails.
    pub fn lift(&self) {
        self.set(FROM, 0);
    }
}
