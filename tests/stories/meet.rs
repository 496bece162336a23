//! Phones that meet: real processes on one network, without a server, and over networks of their own.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use loket_tests::{Office, Outcome, Phone, Running, VILLAGE, eventually, program};
use serde_json::Value;

use super::script::text;

/// For two phones to meet, also on a machine that does much else.
const MEETING: Duration = Duration::from_secs(60);

/// A phone that waits to be met, and its code.
struct Waits {
    process: Running,
    code: String,
}

impl Waits {
    fn new(phone: &Phone, more: &[&str]) -> Self {
        let file = phone.path().join("kode");
        let _ = fs::remove_file(&file);
        let mut command = phone.command();
        command.args(["meet", "wait", "--code", file.to_str().unwrap()]).args(more);
        let mut process = Running::start(command);
        let code = eventually("the code is shown", MEETING, || {
            assert!(process.runs(), "the phone does not wait");
            fs::read_to_string(&file).ok()
        });
        Self { process, code }
    }

    /// How its meeting ended.
    fn ends(mut self) -> Outcome {
        eventually("the meeting ends", MEETING, || (!self.process.runs()).then_some(()));
        self.process.kill()
    }
}

/// The second phone calls the first; what both say of it.
fn meet(waits: &Phone, calls: &Phone) -> [Value; 2] {
    let waiting = Waits::new(waits, &[]);
    let called = calls.run(&["meet", "call", &waiting.code]);
    [waiting.ends().json(), called]
}

/// What both say of a meeting that does not come about.
pub fn refused(waits: &Phone, calls: &Phone) -> [String; 2] {
    let waiting = Waits::new(waits, &[]);
    let called = calls.fails(&["meet", "call", &waiting.code]);
    [waiting.ends().refusal().to_owned(), called]
}

fn mark(phone: &Phone, id: &str) -> String {
    text(&phone.run(&["show", id]), "mark").to_owned()
}

/// An application of lost KTP with a scan of this size, submitted.
fn submitted(phone: &Phone, scan: usize) -> String {
    let (id, _) = phone.begin("ktp-el-hilang");
    phone.run(&["set", &id, "nama=Contoh Fiktif", "nik=3312081503900007", "alamat=Dusun Krajan 1"]);
    let photo = phone.path().join("foto.jpg");
    let bytes: Vec<u8> = (0..scan).map(|n| (n * 31 + n / 251) as u8).collect();
    fs::write(&photo, bytes).unwrap();
    phone.run(&["attach", &id, "surat_kehilangan", photo.to_str().unwrap()]);
    id
}

#[test]
fn work_goes_from_phone_to_phone_to_the_office_and_its_receipt_comes_home() {
    let office = Office::new();
    let server = office.serve();
    // Each was enrolled before the next: none of the first three knows those after it.
    let phones: Vec<Phone> =
        (0..4).map(|_| Phone::enrolled(&office, &server, "petugas-lapangan", VILLAGE)).collect();
    let [first, second, third, last] = &phones[..] else { unreachable!() };
    let id = submitted(first, 300_000);
    assert_eq!(mark(first, &id), "phone");

    let [waited, called] = meet(first, second);
    assert_eq!(waited["entries_sent"], called["entries_received"]);
    assert!(waited["entries_sent"].as_u64().unwrap() >= 3, "{waited}");
    assert_eq!((&waited["attachments_sent"], &called["attachments_received"]), (&1.into(), &1.into()));
    let bytes = waited["bytes_sent"].as_u64().unwrap();
    assert!((300_000..315_000).contains(&bytes), "a scan of 300,000 bytes took {bytes}");
    assert_eq!(mark(first, &id), "carried");
    // What was exchanged is not exchanged again.
    let [waited, called] = meet(second, first);
    for said in [&waited, &called] {
        assert_eq!((&said["entries_sent"], &said["attachments_sent"]), (&0.into(), &0.into()), "{said}");
    }
    meet(third, second);
    meet(third, last);
    let sync = last.sync();
    assert_eq!(sync["attachments_sent"], 1, "any phone that holds a scan brings it: {sync}");
    assert_eq!(office.run(&["show", &id])["attachments"][0]["complete"], true);

    for (one, other) in [(last, third), (third, second), (second, first)] {
        meet(one, other);
    }
    assert_eq!(mark(first, &id), "office");
    assert!(server.stop());
}

#[test]
fn a_meeting_that_is_cut_goes_on_where_it_stopped() {
    let office = Office::new();
    let server = office.serve();
    let [one, other] = [(); 2].map(|()| Phone::enrolled(&office, &server, "petugas-lapangan", VILLAGE));
    let id = submitted(&one, 12_000_000);
    // The phone that takes is killed while the scan comes, again and again, each time a little later.
    let mut pieces = 0;
    for after in [30, 60, 90, 120, 150] {
        let waiting = Waits::new(&one, &[]);
        let mut command = other.command();
        command.args(["meet", "call", &waiting.code]);
        let mut calling = Running::start(command);
        std::thread::sleep(Duration::from_millis(after));
        pieces += usize::from(calling.runs());
        calling.kill();
        // Whether it noticed or still waits: it goes as well.
        waiting.process.kill();
    }
    assert!(pieces > 0, "all were too quick to be cut");
    let [waited, _] = meet(&one, &other);
    assert!(waited["bytes_sent"].as_u64().unwrap() < 12_700_000, "{waited}");
    assert_eq!(other.sync()["attachments_sent"], 1);
    assert_eq!(office.run(&["show", &id])["attachments"][0]["complete"], true);
    assert!(server.stop());
}

#[test]
fn whoever_has_no_business_in_a_meeting_is_sent_away_with_the_reason() {
    let office = Office::new();
    let server = office.serve();
    let (one, device) = Phone::enrolled_as(&office, &server, "operator-desa", VILLAGE);
    let other = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let elsewhere = Phone::enrolled(&office, &server, "operator-desa", "33.12.08.2001");
    let [waited, called] = refused(&one, &elsewhere);
    assert!(waited.contains("wilayah lain") && called.contains("wilayah lain"), "{waited} / {called}");
    for code in ["halo", "LOKET-TEMU:127.0.0.1/1/AAAA"] {
        assert!(one.fails(&["meet", "call", code]).contains("kode pertemuan"));
    }
    // Somebody who has read no code is not heard, and the phone goes on waiting.
    let waiting = Waits::new(&one, &[]);
    let at = waiting.code.len() - 10;
    let other_letter = if waiting.code.as_bytes()[at] == b'A' { "B" } else { "A" };
    let mut guessed = waiting.code.clone();
    guessed.replace_range(at..=at, other_letter);
    let said = other.fails(&["meet", "call", &guessed]);
    assert!(said.contains("terputus"), "{said}");
    other.run(&["meet", "call", &waiting.code]);
    waiting.ends().json();
    // A revoked one, as soon as the other has heard of it.
    office.run(&["device", "revoke", &device]);
    other.sync();
    let [waited, called] = refused(&other, &one);
    assert!(waited.contains("dicabut") && called.contains("dicabut"), "{waited} / {called}");
    assert!(server.stop());
}

/// A network namespace, gone with this.
struct Network(String);

impl Network {
    /// A new one; none where this machine does not let us make any.
    fn new(name: &str) -> Option<Self> {
        let network = Self(format!("loket-{}-{name}", std::process::id()));
        ip(&["netns", "add", &network.0]).then_some(())?;
        assert!(ip(&["-n", &network.0, "link", "set", "lo", "up"]));
        Some(network)
    }

    /// A wire to another one, with an address at each end.
    fn join(&self, other: &Network, number: u8) {
        let [here, there] = ["a", "b"].map(|end| format!("lk{}{number}{end}", std::process::id()));
        let args = ["link", "add", &here, "netns", &self.0, "type", "veth", "peer", "name", &there, "netns"];
        assert!(ip(&[&args[..], &[&other.0]].concat()));
        for (network, end, address) in [(self, here, 1), (other, there, 2)] {
            assert!(ip(&[
                "-n",
                &network.0,
                "addr",
                "add",
                &format!("10.77.{number}.{address}/24"),
                "dev",
                &end
            ]));
            assert!(ip(&["-n", &network.0, "link", "set", &end, "up"]));
        }
    }

    /// The command, inside.
    fn within(&self, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.0]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            inside.env(name, value.unwrap_or_default());
        }
        inside
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        ip(&["netns", "delete", &self.0]);
    }
}

fn ip(args: &[&str]) -> bool {
    let done = Command::new("ip").args(args).output();
    done.is_ok_and(|done| done.status.success())
}

/// The office of a network of its own, with a certificate that its phones pin.
fn serve(office: &Office, network: &Network, address: &str, folder: &Path) -> Running {
    let made = rcgen::generate_simple_self_signed(["loket.contoh".to_owned()]).unwrap();
    let [chain, key] = ["kantor.pem", "kantor.key"].map(|name| folder.join(name));
    fs::write(&chain, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let chain = chain.to_str().unwrap();
    office.run(&["pin", chain]);
    let mut command = Command::new(program("loket"));
    command.arg("--dir").arg(office.path()).args(["serve", "--listen", address]);
    command.args(["--tls-certificate", chain, "--tls-key", key.to_str().unwrap()]);
    Running::start(network.within(&command))
}

#[test]
fn phones_in_networks_of_their_own_meet_and_one_reaches_the_office() {
    let networks: Option<Vec<_>> = ["kantor", "satu", "dua"].into_iter().map(Network::new).collect();
    let Some([town, first, second]) = networks.as_deref().and_then(|all| all.as_array()) else {
        println!("left out: this machine makes no network namespaces");
        return;
    };
    // The field worker's network has a wire to the village officer's alone, and that one another to the town.
    first.join(second, 1);
    second.join(town, 2);
    let (office, folder) = (Office::new(), tempfile::tempdir().unwrap());
    let mut server = serve(&office, town, "10.77.2.2:7312", folder.path());
    let enrolled = |from: &Network| {
        let (phone, code) = (Phone::unknown(), office.invite("petugas-lapangan", VILLAGE));
        let mut command = phone.command();
        command.args(["enroll", "--url", "https://10.77.2.2:7312", "--code", &code]);
        eventually("the office answers", MEETING, || {
            assert!(server.runs());
            let done = loket_tests::run(&mut from.within(&command));
            done.success.then_some(())
        });
        phone
    };
    let mut enrolled = enrolled;
    // Both are enrolled in town; then one goes where only the other is.
    let [field, village] = [enrolled(town), enrolled(town)];
    let id = submitted(&field, 100_000);
    let run = |network: &Network, phone: &Phone, args: &[&str]| {
        let mut command = phone.command();
        command.args(args);
        loket_tests::run(&mut network.within(&command))
    };
    assert!(run(first, &field, &["sync"]).refusal().contains("tidak dapat dihubungi"));

    let meet = || {
        let file = village.path().join("kode");
        let _ = fs::remove_file(&file);
        let mut command = village.command();
        command.args(["meet", "wait", "--at", "10.77.1.2:0", "--code", file.to_str().unwrap()]);
        let mut waiting = Running::start(second.within(&command));
        let code = eventually("the code is shown", MEETING, || fs::read_to_string(&file).ok());
        let met = run(first, &field, &["meet", "call", &code]).json();
        eventually("the meeting ends", MEETING, || (!waiting.runs()).then_some(()));
        met
    };
    assert_eq!(meet()["attachments_sent"], 1);
    assert_eq!(run(second, &village, &["sync"]).json()["attachments_sent"], 1);
    meet();
    assert_eq!(mark(&field, &id), "office");
    server.kill();
}
