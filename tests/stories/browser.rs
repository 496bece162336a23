//! A browser without a screen, and people of the staff who sit before one.

use std::io::Write;
use std::process::{Command, Stdio};

use loket_tests::Office;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use tokio::runtime::Runtime;

use super::script::{Town, text};

/// A browser without a screen: it keeps one cookie and follows nothing by itself.
pub struct Browser {
    pub runtime: Runtime,
    pub client: Client,
    pub url: String,
    pub cookie: Option<String>,
}

/// What came back.
pub struct Page {
    /// Its status.
    pub status: StatusCode,
    /// Where it sends to; empty where nowhere.
    pub location: String,
    /// The cookie that it sets.
    pub cookie: Option<String>,
    /// What it says.
    pub text: String,
    /// The same as bytes.
    pub bytes: Vec<u8>,
}

impl Page {
    /// The key that the page's forms carry.
    pub fn key(&self) -> String {
        let after = self.text.split("name=\"kunci\" value=\"").nth(1).expect("a form with a key");
        after.split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    /// At this address.
    pub fn new(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { runtime, client, url: url.to_owned(), cookie: None }
    }

    /// Asks for a page, or sends a form.
    pub fn ask(&self, path: &str, form: Option<&[(&str, &str)]>) -> Page {
        let address = format!("{}{path}", self.url);
        let Some(fields) = form else { return self.finish(self.client.get(address)) };
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        self.send(path, "application/x-www-form-urlencoded", pairs.join("&"))
    }

    /// Sends a body of some kind.
    pub fn send(&self, path: &str, kind: &str, body: String) -> Page {
        self.finish(self.client.post(format!("{}{path}", self.url)).header("content-type", kind).body(body))
    }

    fn finish(&self, mut request: RequestBuilder) -> Page {
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            let (location, cookie) = (header(LOCATION).unwrap_or_default(), header(SET_COOKIE));
            let (status, bytes) = (answer.status(), answer.bytes().await.unwrap().to_vec());
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Page { status, location, cookie, text, bytes }
        })
    }

    /// Opens a page.
    pub fn get(&self, path: &str) -> Page {
        self.ask(path, None)
    }

    /// Sends a form.
    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> Page {
        self.ask(path, Some(form))
    }

    /// Signs somebody in.
    pub fn sign_in(&mut self, office: &Office, id: &str, password: &str) -> Page {
        let code = office.run(&["staff", "code", id]);
        let form = [("petugas", id), ("sandi", password), ("kode", text(&code, "code"))];
        let page = self.post("/kantor/masuk", &form);
        if let Some(set) = &page.cookie {
            self.cookie = Some(set.split(';').next().unwrap().to_owned());
        }
        page
    }
}

fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Every role that somebody of the staff may have.
pub const ROLES: [&str; 10] = [
    "operator-desa",
    "operator-kecamatan",
    "petugas-lapangan",
    "front-office",
    "kasi-pendaftaran",
    "kasi-pencatatan-sipil",
    "loket-pengambilan",
    "bagian-produksi",
    "kepala-dinas",
    "admin",
];

/// Somebody of the staff with a browser, signed in.
pub fn clerk(town: &Town, role: &str, region: Option<&str>) -> (String, String, Browser) {
    let mut args = vec!["staff", "add", "--role", role, "--name", "Petugas"];
    args.extend(region.iter().flat_map(|region| ["--partition", region]));
    let id = text(&town.office.run(&args), "id").to_owned();
    let password = text(&town.office.run(&["staff", "access", &id]), "password").to_owned();
    let mut browser = Browser::new(town.server.url());
    let page = browser.sign_in(&town.office, &id, &password);
    assert_eq!((page.status, page.location.as_str()), (StatusCode::SEE_OTHER, "/kantor"), "{}", page.text);
    (id, password, browser)
}

/// The text of a PDF, as a reader of it finds it.
pub fn pdf_text(pdf: &[u8]) -> String {
    assert!(pdf.starts_with(b"%PDF-"), "{}", String::from_utf8_lossy(pdf));
    String::from_utf8(through(Command::new("pdftotext").args(["-layout", "-", "-"]), pdf)).unwrap()
}

/// What a scanner reads of a PDF's first page: kind and text of each code, in order.
pub fn scanned(pdf: &[u8]) -> Vec<(String, String)> {
    let picture =
        through(Command::new("pdftoppm").args(["-png", "-r", "300", "-f", "1", "-l", "1", "-"]), pdf);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("halaman.png");
    std::fs::write(&path, picture).unwrap();
    let read = through(Command::new("zbarimg").args(["--quiet", "--nodbus"]).arg(&path), &[]);
    let lines = String::from_utf8(read).unwrap();
    let mut codes: Vec<(String, String)> = lines
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(kind, text)| (kind.to_owned(), text.to_owned()))
        .collect();
    codes.sort();
    codes
}

fn through(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("poppler-utils, zbar-tools");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input).ok());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    output.stdout
}
