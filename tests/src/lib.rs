//! What the stories share: an office and phones that are real processes, in folders of their own.
//!
//! A story reads like its telling: [`Office::new`], [`Office::serve`], [`Phone::enrolled`], and then the
//! commands as a script would type them. Whatever goes wrong panics with the program's own words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod fuzz;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use loket_core::client::STORE;
use serde_json::Value;
use tempfile::TempDir;

/// Longest that one command may take.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(180);
/// Longest that a compiler of another language may take, which may have to be fetched first.
pub const COMPILER_LIMIT: Duration = Duration::from_secs(900);
/// Longest that a server may take until it answers.
pub const START_LIMIT: Duration = Duration::from_secs(60);
/// The region of the office in the stories.
pub const REGION: &str = "33.12";
/// The village of most stories.
pub const VILLAGE: &str = "33.12.08.2002";
/// Its kecamatan.
pub const KECAMATAN: &str = "33.12.08";

/// The program of that name, as the build left it beside the tests.
///
/// # Panics
/// Where it was not built.
pub fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.ancestors().nth(2).unwrap();
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{name} is not built: run `cargo build --release --workspace` first, or tests/run"
    );
    path
}

/// A file below `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Tries until there is an answer.
///
/// # Panics
/// After `limit`, naming `what`.
pub fn eventually<T>(what: &str, limit: Duration, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Outcome {
    /// Whether its exit code was 0.
    pub success: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// The one JSON document on standard output.
    ///
    /// # Panics
    /// Where the command failed, or printed anything else.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert!(self.success, "the command failed: {}{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {}", self.stdout))
    }

    /// The sentence on standard error of a command that failed as promised: with nothing on standard output.
    ///
    /// # Panics
    /// Where it did not.
    #[track_caller]
    pub fn refusal(&self) -> &str {
        assert!(!self.success, "the command was expected to fail: {}", self.stdout);
        assert_eq!(self.stdout, "", "a command that failed printed on standard output");
        assert_ne!(self.stderr.trim(), "", "a command that failed did not say why");
        self.stderr.trim()
    }
}

/// Kills and reaps a process that the story began and did not wait for.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command to its end, or kills it.
///
/// # Panics
/// Where it takes longer than [`COMMAND_LIMIT`].
pub fn run(command: &mut Command) -> Outcome {
    run_within(COMMAND_LIMIT, command)
}

/// As [`run`], with another limit.
///
/// # Panics
/// Where it takes longer.
pub fn run_within(limit: Duration, command: &mut Command) -> Outcome {
    // Files rather than pipes: nobody has to read them for the process to go on.
    let (mut out, mut err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
    let mut child = Killed(command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}")));
    let what = format!("{command:?}");
    let status = eventually(&what, limit, || child.0.try_wait().unwrap());
    Outcome { success: status.success(), stdout: text(&mut out), stderr: text(&mut err) }
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A folder and the program that works on it.
#[derive(Debug)]
pub struct Folder {
    program: &'static str,
    path: PathBuf,
    /// Variables that its programs are given besides.
    variables: Vec<(String, PathBuf)>,
    /// Removed with it; none where the folder is somebody else's.
    _dir: Option<TempDir>,
}

impl Folder {
    fn new(program: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { program, path: dir.path().to_owned(), variables: vec![], _dir: Some(dir) }
    }

    /// The program `loket` or `loket-officer` on a folder that may not even exist.
    pub fn at(program: &'static str, path: &Path) -> Self {
        Self { program, path: path.to_owned(), variables: vec![], _dir: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives its programs these variables from now on, and no others.
    pub fn set_variables(&mut self, variables: Vec<(String, PathBuf)>) {
        self.variables = variables;
    }

    fn start(&self) -> Command {
        let mut command = Command::new(program(self.program));
        command.arg("--dir").arg(self.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The program on this folder with `--json`, to be given more arguments.
    pub fn command(&self) -> Command {
        let mut command = self.start();
        command.arg("--json");
        command
    }

    /// Runs a command, however it ends.
    pub fn outcome(&self, args: &[&str]) -> Outcome {
        run(self.command().args(args))
    }

    /// Runs a command and returns its JSON.
    ///
    /// # Panics
    /// Where it fails.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Value {
        self.outcome(args).json()
    }

    /// Runs a command that is to fail, and returns its sentence.
    ///
    /// # Panics
    /// Where it does not fail, or not as promised.
    #[track_caller]
    pub fn fails(&self, args: &[&str]) -> String {
        self.outcome(args).refusal().to_owned()
    }
}

/// An office: its folder, and commands of `loket` on it.
#[derive(Debug)]
pub struct Office {
    folder: Folder,
}

impl std::ops::Deref for Office {
    type Target = Folder;
    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl std::ops::DerefMut for Office {
    fn deref_mut(&mut self) -> &mut Folder {
        &mut self.folder
    }
}

impl Default for Office {
    fn default() -> Self {
        Self::new()
    }
}

impl Office {
    /// A new office for [`REGION`].
    pub fn new() -> Self {
        let office = Self::unfounded();
        office.run(&["init", "--region", REGION]);
        office
    }

    /// A folder in which no office was founded yet.
    pub fn unfounded() -> Self {
        Self { folder: Folder::new("loket") }
    }

    /// Starts the server on a free port; it is killed when dropped.
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// As [`Office::serve`], with further options.
    pub fn serve_with(&self, options: &[&str]) -> Server {
        self.serve_at("127.0.0.1:0", options)
    }

    /// As [`Office::serve_with`], at this address.
    pub fn serve_at(&self, listen: &str, options: &[&str]) -> Server {
        let started = Server::start(self, listen, options);
        started.unwrap_or_else(|| panic!("no server: {}", self.log()))
    }

    /// Starts the server at this address, if it starts; why not is in the log then.
    pub fn try_serve(&self, listen: &str) -> Option<Server> {
        self.try_serve_with(listen, &[])
    }

    /// As [`Office::try_serve`], with options.
    pub fn try_serve_with(&self, listen: &str, options: &[&str]) -> Option<Server> {
        Server::start(self, listen, options)
    }

    /// What its servers logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.path().join("serve.log")
    }

    /// Adds a member of staff for the whole office and returns the id.
    pub fn staff(&self, role: &str, name: &str) -> String {
        let added = self.run(&["staff", "add", "--role", role, "--name", name]);
        // A number, which a command line takes as text.
        added["id"].as_str().map_or_else(|| added["id"].to_string(), str::to_owned)
    }

    /// A one-time code for a device.
    pub fn invite(&self, role: &str, partition: &str) -> String {
        let invited = self.run(&["invite", "--role", role, "--partition", partition]);
        invited["code"].as_str().expect("invite prints a code").to_owned()
    }
}

/// A running server. Dropping it kills it as a loss of power would.
pub struct Server {
    process: Killed,
    url: String,
}

impl Server {
    fn start(office: &Office, listen: &str, options: &[&str]) -> Option<Self> {
        let log = File::options().create(true).append(true).open(office.log_path()).unwrap();
        let mut command = office.folder.start();
        command.args(["serve", "--listen", listen]).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let process = Killed(child);
        let (sender, receiver) = mpsc::channel();
        // Reads on to the end: a full pipe would stop the server.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let first = match receiver.recv_timeout(START_LIMIT) {
            Ok(first) => first,
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("no server: {}", office.log()),
        };
        let url = first.split_whitespace().find(|word| word.contains("://"));
        let url = url.unwrap_or_else(|| panic!("no address in: {first}")).trim_end_matches('/').to_owned();
        Some(Self { process, url })
    }

    /// Its address, `http://127.0.0.1:PORT`, or `https://…` with TLS.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process, as the system numbers it.
    pub fn process_id(&self) -> u32 {
        self.process.0.id()
    }

    /// What it has in memory, in bytes, as Linux tells it.
    ///
    /// # Panics
    /// Where the system is another, or the process is gone.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a running process");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kilobytes << 10
    }

    /// Kills it with signal 9, as a loss of power would.
    pub fn kill(&mut self) {
        let _ = self.process.0.kill();
        let _ = self.process.0.wait();
    }

    /// How it has ended by itself, if it has: whether well.
    pub fn ended(&mut self) -> Option<bool> {
        self.process.0.try_wait().unwrap().map(|status| status.success())
    }

    /// Asks it to stop (SIGTERM) and tells whether it ended well.
    ///
    /// # Panics
    /// Where it has not ended after [`START_LIMIT`].
    pub fn stop(mut self) -> bool {
        let asked = Command::new("kill").args(["-TERM", &self.process.0.id().to_string()]).status().unwrap();
        assert!(asked.success());
        eventually("the server stops", START_LIMIT, || self.process.0.try_wait().unwrap()).success()
    }
}

/// A command that runs while the story goes on. Dropping it kills it with signal 9.
pub struct Running {
    process: Killed,
    out: File,
    err: File,
}

impl Running {
    /// Starts it.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start(mut command: Command) -> Self {
        let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
        Self { process: Killed(command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"))), out, err }
    }

    /// Starts it; what it says on standard error goes to this file, to be read while it runs.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start_into(mut command: Command, said: &Path) -> Self {
        let out = tempfile::tempfile().unwrap();
        let err = File::options().read(true).write(true).create(true).truncate(true).open(said).unwrap();
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
        Self { process: Killed(command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"))), out, err }
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.process.0.try_wait().unwrap().is_none()
    }

    /// Kills it with signal 9 and returns what it had printed; `success` where it had ended well before.
    pub fn kill(mut self) -> Outcome {
        let _ = self.process.0.kill();
        let status = self.process.0.wait().unwrap();
        Outcome { success: status.success(), stdout: text(&mut self.out), stderr: text(&mut self.err) }
    }
}

/// A phone without a screen: its folder, and commands of `loket-officer` on it.
#[derive(Debug)]
pub struct Phone {
    folder: Folder,
}

impl std::ops::Deref for Phone {
    type Target = Folder;
    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl std::ops::DerefMut for Phone {
    fn deref_mut(&mut self) -> &mut Folder {
        &mut self.folder
    }
}

impl Phone {
    /// A phone that knows no office yet.
    pub fn unknown() -> Self {
        Self { folder: Folder::new("loket-officer") }
    }

    /// A new phone, invited by the office and enrolled with the server.
    pub fn enrolled(office: &Office, server: &Server, role: &str, partition: &str) -> Self {
        Self::enrolled_at(office, server.url(), role, partition).0
    }

    /// [`Phone::enrolled`], and the id of the device.
    pub fn enrolled_as(office: &Office, server: &Server, role: &str, partition: &str) -> (Self, String) {
        Self::enrolled_at(office, server.url(), role, partition)
    }

    /// [`Phone::enrolled_as`] by another way to the server.
    pub fn enrolled_at(office: &Office, url: &str, role: &str, partition: &str) -> (Self, String) {
        let phone = Self::unknown();
        let code = office.invite(role, partition);
        let enrolled = phone.run(&["enroll", "--url", url, "--code", &code]);
        let device = enrolled["device"].as_str().expect("enroll prints the device").to_owned();
        (phone, device)
    }

    /// Begins an application and returns id and number.
    pub fn begin(&self, service: &str) -> (String, String) {
        let new = self.run(&["new", service]);
        let text = |key: &str| new[key].as_str().expect("new prints id and number").to_owned();
        (text("id"), text("number"))
    }

    /// Syncs until everything has arrived and returns what it cost.
    pub fn sync(&self) -> Value {
        self.run(&["sync"])
    }
}

/// Everything that a phone's store keeps, deciphered with the key that lies beside it: what somebody with that key could
/// read. Of the file as it lies there, see [`Phone::path`].
///
/// # Panics
/// Where it cannot be opened.
pub fn deciphered(phone: &Path) -> Vec<u8> {
    let out = tempfile::tempdir().unwrap();
    let plain = out.path().join("plain.db");
    let key = fs::read(phone.join("store.key")).unwrap();
    let store = rusqlite::Connection::open(phone.join(STORE)).unwrap();
    let key = format!("x'{}'", data_encoding::HEXLOWER.encode(&key));
    store.pragma_update_and_check(None, "key", key, |_| Ok(())).unwrap();
    store.execute("ATTACH DATABASE ?1 AS plain KEY ''", [plain.to_str().unwrap()]).unwrap();
    store.query_row("SELECT sqlcipher_export('plain')", [], |_| Ok(())).unwrap();
    store.execute("DETACH DATABASE plain", []).unwrap();
    fs::read(plain).unwrap()
}

/// Opens an exported document with Automerge's own JavaScript: `{heads, values}`.
///
/// # Panics
/// Where it cannot be opened, or the JavaScript is not installed.
#[track_caller]
pub fn open_with_javascript(document: &Path) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    assert!(folder.join("node_modules").exists(), "run `npm ci` in tests/js first, or tests/run");
    run(Command::new("node").arg(folder.join("check.mjs")).arg(document)).json()
}
