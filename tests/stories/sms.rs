//! Messages to applicants through real gateways. Office and gateway are killed again and again; afterwards nobody got a
//! message twice, and whoever perhaps got none is a task.

mod gammu;
mod kannel;
mod webhook;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use loket_tests::{Office, Phone, Server, VILLAGE, eventually};

use super::script::{Application, Dice, Person, fill, items, scan, sound, text, texts};

/// Kills of each side, where nothing else is asked for.
const KILLS: u64 = 12;
/// How often each side is killed.
const VARIABLE: &str = "LOKET_SMS_KILLS";
const SEED: u64 = 20_261_128;
/// For the gateway to say what became of the last message, and the office to hear it.
const SETTLE: Duration = Duration::from_secs(150);

/// A gateway as a process or several.
trait Gateway {
    /// Starts what does not run.
    fn start(&mut self);
    /// Kills it with signal 9.
    fn kill(&mut self);
    /// How often something was sent to each number.
    fn sent(&self) -> BTreeMap<String, u32>;
    /// The operator's description of it.
    fn description(&self, office: &str) -> String;
}

/// Processes that are killed when dropped.
#[derive(Default)]
struct Processes(Vec<Child>);

impl Processes {
    fn start(&mut self, command: &mut Command) {
        self.0.push(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }

    fn kill(&mut self) {
        for mut child in self.0.drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ports that nobody uses now.
fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// An office with a gateway.
struct Post<G: Gateway> {
    gateway: G,
    office: Office,
    listen: String,
    description: PathBuf,
    server: Server,
    phone: Phone,
    desk: String,
}

impl<G: Gateway> Post<G> {
    fn new(gateway: G) -> Self {
        let office = Office::new();
        let [port] = free_ports();
        let listen = format!("127.0.0.1:{port}");
        let description = office.path().join("sms.toml");
        std::fs::write(&description, gateway.description(&format!("http://{listen}"))).unwrap();
        let server = serve(&office, &listen, &description);
        let phone = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
        let desk = office.staff("front-office", "Sulastri");
        Self { gateway, office, listen, description, server, phone, desk }
    }

    fn kill_office(&mut self) {
        self.server.kill();
        self.server = serve(&self.office, &self.listen, &self.description);
    }

    /// Applications that wait at the Front Office, claimed.
    fn claimed(&self, count: u64) -> Vec<Application> {
        let service = self.office.run(&["catalogue", "show", "ktp-el-hilang"]);
        let paper = scan(self.phone.path(), "surat");
        let folder = paper.parent().unwrap();
        let all: Vec<_> = (0..count)
            .map(|at| {
                let (id, number) = self.phone.begin("ktp-el-hilang");
                let application = Application {
                    id,
                    number,
                    service: "ktp-el-hilang".into(),
                    variant: String::new(),
                    person: Person(SEED + at),
                };
                fill(&self.phone, &service, &application, folder);
                application
            })
            .collect();
        self.phone.run(&["submit", "--all"]);
        self.phone.sync();
        for application in &all {
            self.act(application, "klaim_fo", &[]);
        }
        all
    }

    fn act(&self, application: &Application, act: &str, more: &[&str]) {
        let mut args = vec!["act", &application.number, act, "--as", &self.desk];
        args.extend(more);
        self.office.run(&args);
    }

    /// Sends it back, which the applicant is told by SMS.
    fn send_back(&self, application: &Application) {
        self.act(application, "kembalikan_fo", &["--set", "sebab=buram"]);
    }

    /// What the office says of the one message to this applicant.
    fn standing(&self, application: &Application) -> String {
        self.state(&application.number)
    }

    fn state(&self, number: &str) -> String {
        let shown = self.office.run(&["show", number]);
        let messages = items(&shown["notifications"]).to_vec();
        assert_eq!(messages.len(), 1, "{shown}");
        text(&messages[0], "state").to_owned()
    }

    /// The registration numbers on the phone.
    fn numbers(&self) -> Vec<String> {
        texts(&self.phone.run(&["list"]), Some("number"))
    }

    /// Waits until nothing more will be heard of any, and returns where each stands.
    fn settled(&self, all: &[Application]) -> Vec<String> {
        eventually("every message comes to its end", SETTLE, || {
            let standings: Vec<_> = all.iter().map(|one| self.standing(one)).collect();
            let open = ["antri", "mengirim", "ditanyakan", "di_gateway"];
            let ended = !standings.iter().any(|standing| open.contains(&standing.as_str()));
            thread::sleep(Duration::from_millis(500));
            ended.then_some(standings)
        })
    }

    /// Whoever may have got none is a task of the village's, and whoever got one is none.
    fn check(&self, all: &[Application]) {
        let standings = self.settled(all);
        let sent = self.gateway.sent();
        self.phone.sync();
        let mut doubtful = 0;
        for (application, standing) in all.iter().zip(&standings) {
            let times = sent.get(&number(application)).copied().unwrap_or(0);
            let shown = self.phone.run(&["show", &application.id]);
            let told = items(&shown["notices"]).iter().any(|notice| notice["id"] == "sms");
            match standing.as_str() {
                "terkirim" | "sampai" => assert_eq!((times, told), (1, false), "{standing}: {shown}"),
                "tidak_pasti" => {
                    assert!(times <= 1 && told, "sent {times} times, told {told}: {shown}");
                    doubtful += 1;
                }
                other => panic!("{other}: {shown}"),
            }
        }
        println!("{} messages, {doubtful} of them doubtful, none twice", all.len());
        assert!(doubtful * 2 < all.len(), "most outcomes are known: {standings:?}");
        self.call(all, &standings);
        sound(&self.office);
        assert!(!self.office.log().contains("panicked"), "{}", self.office.log());
    }

    /// An officer calls an applicant whom a message perhaps did not reach, and says so.
    fn call(&self, all: &[Application], standings: &[String]) {
        let Some(at) = standings.iter().position(|standing| standing == "tidak_pasti") else { return };
        let application = &all[at];
        self.phone.run(&["act", &application.id, "dihubungi"]);
        self.phone.sync();
        let shown = self.phone.run(&["show", &application.id]);
        assert!(!items(&shown["notices"]).iter().any(|notice| notice["id"] == "sms"), "{shown}");
        let last = items(&shown["record"]).last().unwrap().clone();
        assert_eq!((text(&last, "act"), text(&last, "outcome")), ("dihubungi", "dicatat"));
    }
}

fn serve(office: &Office, listen: &str, description: &Path) -> Server {
    office.serve_at(listen, &["--sms", description.to_str().unwrap()])
}

/// The number of an applicant as it is stored.
fn number(application: &Application) -> String {
    let written = application.person.value(&serde_json::json!({ "kind": "telepon" }));
    format!("+62{}", written.trim_start_matches('0'))
}

fn kills() -> u64 {
    std::env::var(VARIABLE).ok().and_then(|asked| asked.parse().ok()).unwrap_or(KILLS)
}

/// Messages go out while office and gateway are killed in turn.
fn storm<G: Gateway>(gateway: G) {
    let mut post = Post::new(gateway);
    let mut dice = Dice(SEED);
    let all = post.claimed(3 * kills());
    post.gateway.start();
    for (round, batch) in all.chunks(3).enumerate() {
        for application in batch {
            post.send_back(application);
        }
        thread::sleep(Duration::from_millis(dice.below(400)));
        post.kill_office();
        thread::sleep(Duration::from_millis(dice.below(900)));
        post.gateway.kill();
        println!("round {round} (seed {SEED})");
        post.gateway.start();
    }
    post.check(&all);
}

/// A message on a quiet day.
fn quiet_day<G: Gateway>(gateway: G, ends: &str) -> Post<G> {
    let mut post = Post::new(gateway);
    post.gateway.start();
    let all = post.claimed(1);
    post.send_back(&all[0]);
    eventually("the gateway has reported", SETTLE, || (post.standing(&all[0]) == ends).then_some(()));
    let once = BTreeMap::from([(number(&all[0]), 1)]);
    eventually("it has arrived", SETTLE, || (post.gateway.sent() == once).then_some(()));
    let log = post.office.log();
    let phone = number(&all[0]);
    for secret in [all[0].person.nik(), all[0].person.name(), phone.trim_start_matches("+62").to_owned()] {
        assert!(!log.contains(&secret), "an applicant is in the log");
    }
    post
}
