//! The office: a folder, and `loket serve` on it as a process of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use loket_core::catalogue::Role;
use loket_core::client::{LINE_KIND, PINS_NAME, Pin};
use loket_core::enrol::{CODE_BYTES, Code};
use loket_core::identity::PublicKey;
use loket_core::journal::{AttachmentHash, Partition};
use loket_core::replica::ReplicaError;
use loket_core::store::sqlite::SqliteStore;
use loket_server::config::{BUILTIN_REGION, Folder, dice, now};
use loket_server::office::access;
use loket_server::office::invites::{INVITE_SECONDS, InviteRow};
use tempfile::TempDir;

use crate::Trouble;
use crate::device::Device;

/// Longest that the office may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(120);
/// Devices that are certified in one transaction.
const CERTIFIED_AT_ONCE: usize = 500;
/// Scans that arrive in one transaction.
const SCANS_AT_ONCE: usize = 600;
/// Ticks of a processor's time in a second, as Linux counts for everyone.
const TICKS: f64 = 100.0;

/// Where an office is to be.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Its folder; none: a temporary one.
    pub dir: Option<PathBuf>,
    /// The program; none: beside this one.
    pub program: Option<PathBuf>,
}

/// An office and, once it serves, its process. Dropping it kills the process.
pub struct Office {
    folder: Folder,
    program: PathBuf,
    public: PublicKey,
    process: Option<Child>,
    url: String,
    /// Keys of TLS by which phones know it.
    pins: Vec<Pin>,
    /// Removed with it.
    _temporary: Option<TempDir>,
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Memory that it holds now, in bytes.
    pub resident: u64,
    /// Processor time, in seconds.
    pub seconds: f64,
}

impl Office {
    /// Opens the office at this place; founds it where there is none.
    pub fn open(place: &Place) -> Result<Self, Trouble> {
        let temporary = if place.dir.is_none() { Some(TempDir::new()?) } else { None };
        let dir = place.dir.clone().or_else(|| temporary.as_ref().map(|dir| dir.path().to_owned()));
        let dir = dir.ok_or("no folder")?;
        let program = match &place.program {
            Some(program) => program.clone(),
            None => std::env::current_exe()?.with_file_name("loket"),
        };
        if !program.exists() {
            return Err(format!("{} is not built: cargo build --release", program.display()).into());
        }
        let folder = Folder::new(&dir);
        if !dir.join("office.db").exists() {
            folder.found(BUILTIN_REGION, None)?;
        }
        let public = folder.signer()?.public_key();
        Ok(Self {
            folder,
            program,
            public,
            process: None,
            url: String::new(),
            pins: Vec::new(),
            _temporary: temporary,
        })
    }

    /// Its key.
    pub fn public_key(&self) -> PublicKey {
        self.public
    }

    /// Where it listens: address and port.
    pub fn address(&self) -> String {
        self.url.rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// Where it listens, as a URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Keys of TLS by which phones know it.
    pub fn pins(&self) -> &[Pin] {
        &self.pins
    }

    /// Certifies devices in their villages.
    pub fn certify(&self, devices: &[Device]) -> Result<(), Trouble> {
        let mut office = self.folder.office()?;
        for some in devices.chunks(CERTIFIED_AT_ONCE) {
            office.write(|office| {
                for device in some {
                    let (key, home) = (device.public_key(), [device.partition()]);
                    office.certify(key, Role::OperatorDesa, &home, "Petugas fiktif", now(), &mut dice)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// A one-time code for a device of these partitions.
    pub fn invite(&self, partitions: &[Partition]) -> Result<String, Trouble> {
        let mut bytes = [0; CODE_BYTES];
        dice(&mut bytes);
        let code = Code::new(bytes);
        let row = InviteRow {
            role: Role::OperatorDesa,
            partitions: partitions.to_vec(),
            expires: now().saturating_add(INVITE_SECONDS),
            officer: "Petugas fiktif".into(),
            used: None,
            secret: code.secret().0,
            check: None,
        };
        self.folder.office()?.write(|office| office.invite(&code.invite(), &row))?;
        Ok(code.to_string())
    }

    /// Works on the office while it does not serve.
    pub fn write<T>(
        &self,
        work: impl FnOnce(&mut loket_server::office::Office<SqliteStore>) -> Result<T, ReplicaError>,
    ) -> Result<T, Trouble> {
        Ok(self.folder.office()?.write(work)?.0)
    }

    /// Tells it that these scans have arrived; nobody looks at them, so there are none.
    pub fn scans_arrive(&self, scans: &[(Partition, AttachmentHash)]) -> Result<(), Trouble> {
        let mut office = self.folder.office()?;
        for some in scans.chunks(SCANS_AT_ONCE) {
            office.write(|office| office.attachments_arrived(some, now(), &mut dice))?;
        }
        Ok(())
    }

    /// Somebody at a desk, who may sign in: number, password, and the code that is good now.
    pub fn clerk(&self, role: Role) -> Result<(u32, String, String), Trouble> {
        let password = access::make_password(&mut dice);
        let (hash, secret) = access::make(&password, &mut dice)?;
        let id = self.write(|office| {
            let id = office.add_staff(role, "Petugas fiktif", &[])?;
            office.set_access(id, hash, secret)?;
            Ok(id)
        })?;
        let code = access::factor(&secret, id)?.generate(u64::try_from(now())?);
        Ok((id, password, code.to_string()))
    }

    /// Starts to serve by TLS, with a certificate of its own making that phones pin.
    pub fn serve_privately(&mut self) -> Result<(), Trouble> {
        let made = rcgen::generate_simple_self_signed(["loket.contoh".to_owned()])?;
        let [certificate, key] = ["kantor.pem", "kantor.key"].map(|name| self.path().join(name));
        fs::write(&certificate, made.cert.pem())?;
        fs::write(&key, made.signing_key.serialize_pem())?;
        self.pins = vec![Pin::of(made.cert.der())?];
        let list = Pin::write_list(&self.pins);
        self.write(|office| office.publish(LINE_KIND, PINS_NAME, list.as_bytes(), &mut dice))?;
        self.serve_with(&[
            "--tls-certificate".as_ref(),
            certificate.as_ref(),
            "--tls-key".as_ref(),
            key.as_ref(),
        ])
    }

    /// Starts to serve, on a free port.
    pub fn serve(&mut self) -> Result<(), Trouble> {
        self.serve_with(&[])
    }

    fn serve_with(&mut self, options: &[&std::ffi::OsStr]) -> Result<(), Trouble> {
        let log = File::options().create(true).append(true).open(self.path().join("serve.log"))?;
        let mut process = Command::new(&self.program)
            .arg("--dir")
            .arg(self.path())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let said = process.stdout.take().ok_or("the office has no output")?;
        self.process = Some(process);
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        let url = line.split_whitespace().find(|word| word.contains("://"));
        self.url = url.ok_or("the office did not say where it listens: see serve.log")?.to_owned();
        Ok(())
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What its process has used; nothing where the system does not say.
    pub fn usage(&self) -> Usage {
        self.process.as_ref().map_or_else(Usage::default, |process| usage(&process.id().to_string()))
    }

    /// Bytes of its store, without the log that is not moved into it yet.
    pub fn stored_bytes(&self) -> u64 {
        let size = |name: &str| fs::metadata(self.path().join(name)).map_or(0, |found| found.len());
        size("office.db")
    }

    /// Asks it to stop, and waits.
    pub fn stop(&mut self) -> Result<(), Trouble> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let id = rustix::process::Pid::from_child(&process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let asked = Instant::now();
        while process.try_wait()?.is_none() {
            if asked.elapsed() > STOP_LIMIT {
                let _ = process.kill();
                let _ = process.wait();
                return Err("the office did not stop when it was asked to".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// What this process has used.
pub fn own_usage() -> Usage {
    usage("self")
}

fn usage(process: &str) -> Usage {
    let read = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
    let resident = read("status")
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<u64>().ok());
    let stat = read("stat");
    // The name, in brackets, may hold anything.
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    Usage { resident: resident.unwrap_or(0) * 1024, seconds: ticks / TICKS }
}
