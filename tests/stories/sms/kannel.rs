//! Through `bearerbox` and `smsbox`, with `fakesmsc` in the place of the network.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use loket_tests::eventually;
use tempfile::TempDir;

use super::{Gateway, Processes, free_ports, quiet_day, storm};

const FAKESMSC: &str = "/usr/lib/kannel/test/fakesmsc";
/// For a report to come, in seconds.
const WAIT: u32 = 12;
const START: Duration = Duration::from_secs(20);

struct Kannel {
    folder: TempDir,
    ports: [u16; 4],
    processes: Processes,
}

impl Kannel {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let ports = free_ports();
        let [admin, boxes, network, sendsms] = ports;
        fs::write(
            folder.path().join("kannel.conf"),
            format!(
                "group = core\nadmin-port = {admin}\nadmin-password = rahasia\nadmin-interface = 127.0.0.1\n\
                 smsbox-port = {boxes}\nsmsbox-interface = 127.0.0.1\nbox-allow-ip = \"127.0.0.1\"\n\
                 dlr-storage = internal\nlog-level = 4\n\n\
                 group = smsc\nsmsc = fake\nsmsc-id = JARINGAN\nport = {network}\nconnect-allow-ip = 127.0.0.1\n\n\
                 group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {sendsms}\n\
                 sendsms-interface = 127.0.0.1\nlog-level = 4\nhttp-request-retry = 20\nhttp-queue-delay = 1\n\n\
                 group = sendsms-user\nusername = loket\npassword = rahasia\nmax-messages = 4\n\
                 concatenation = true\ndefault-sender = LOKET\n"
            ),
        )
        .unwrap();
        Self { folder, ports, processes: Processes::default() }
    }

    fn wait_for(&self, port: u16) {
        eventually("Kannel listens", START, || TcpStream::connect(("127.0.0.1", port)).ok());
    }
}

impl Gateway for Kannel {
    fn start(&mut self) {
        let [admin, _, network, sendsms] = self.ports;
        let conf = self.folder.path().join("kannel.conf");
        self.processes.start(Command::new("bearerbox").arg(&conf));
        self.wait_for(admin);
        self.processes.start(Command::new("smsbox").arg(&conf));
        self.wait_for(sendsms);
        let log =
            File::options().create(true).append(true).open(self.folder.path().join("network.log")).unwrap();
        let mut network_end = Command::new(FAKESMSC);
        network_end.args(["-i", "0.01", "-H", "127.0.0.1", "-r", &network.to_string()]);
        // It ends when nothing can be typed any more, so its input stays open as long as it runs.
        let child = network_end.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        self.processes.0.push(child.unwrap());
    }

    fn kill(&mut self) {
        // The network itself stands: it reads to the end what it was sent, and ends with the connection.
        let mut network = self.processes.0.pop().unwrap();
        self.processes.kill();
        eventually("the network ends", START, || network.try_wait().unwrap());
    }

    fn sent(&self) -> BTreeMap<String, u32> {
        let log = fs::read_to_string(self.folder.path().join("network.log")).unwrap_or_default();
        let mut sent = BTreeMap::new();
        for (_, message) in log.lines().filter_map(|line| line.split_once("Got message ")) {
            let to = message.split_whitespace().find(|word| word.starts_with("+62")).unwrap();
            *sent.entry(to.to_owned()).or_insert(0) += 1;
        }
        sent
    }

    fn description(&self, office: &str) -> String {
        let [.., sendsms] = self.ports;
        format!(
            "driver = \"kannel\"\nurl = \"http://127.0.0.1:{sendsms}/cgi-bin/sendsms\"\nusername = \"loket\"\n\
             password = \"rahasia\"\nreport_url = \"{office}\"\nwait_seconds = {WAIT}\n"
        )
    }
}

#[test]
fn kannel_reports_the_delivery() {
    quiet_day(Kannel::new(), "sampai");
}

#[test]
fn nothing_is_sent_twice_by_kannel() {
    storm(Kannel::new());
}
