//! `pages`: how long the console takes for its pages, with so many applications at the Front Office.

use std::time::Instant;

use loket_core::catalogue::Role;
use loket_core::journal::Partition;
use reqwest::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::ingest::Load;
use crate::Trouble;
use crate::device::spread;
use crate::filed::{field, papers};
use crate::office::{Office, Place};
use crate::stats::Times;

/// Applications that are sent at once.
const SOME: usize = 30_000;
/// Applications of one batch.
const EACH: usize = 20;

#[derive(clap::Args)]
pub struct Arguments {
    /// Applications that are filed, their scans at the office
    #[arg(long, default_value_t = 100_000)]
    applications: usize,
    /// Phones that file them, each of another village
    #[arg(long, default_value_t = 120)]
    phones: usize,
    /// How often each page is asked for
    #[arg(long, default_value_t = 40)]
    rounds: usize,
}

/// Files the applications, and measures.
pub async fn run(arguments: Arguments, place: &Place) -> Result<Value, Trouble> {
    let mut office = Office::open(place)?;
    let devices = spread(arguments.phones)?;
    let villages: Vec<String> = devices.iter().map(|device| device.village.to_string()).collect();
    let partitions: Vec<Partition> = devices.iter().map(|device| device.partition()).collect();
    office.certify(&devices)?;
    office.serve()?;
    let start = Instant::now();
    let mut load = Load::connect(devices, &office, EACH, true).await?;
    let mut stored = 0;
    let mut scans = Vec::new();
    while stored < arguments.applications {
        let count = SOME.min(arguments.applications - stored);
        load.send(count, &office).await?;
        let share = count.div_ceil(arguments.phones);
        for (at, (village, partition)) in villages.iter().zip(&partitions).enumerate() {
            let seeds = stored + at * share..(stored + (at + 1) * share).min(stored + count);
            let some = seeds.flat_map(|seed| papers(seed as u64, village));
            scans.extend(some.map(|hash| (*partition, hash)));
        }
        stored += count;
    }
    drop(load);
    let filed = start.elapsed();
    office.stop()?;
    office.scans_arrive(&scans)?;
    let queued = start.elapsed() - filed;
    let clerk = office.clerk(Role::FrontOffice)?;
    office.serve()?;
    let browser = Browser::sign_in(&office, clerk).await?;
    let pages = browser.measure(&arguments, villages.first().ok_or("no phones")?).await?;
    let usage = office.usage();
    office.stop()?;
    Ok(json!({ "pages": pages, "applications": stored, "filed_seconds": filed.as_secs(),
        "queued_seconds": queued.as_secs(), "stored_bytes": office.stored_bytes(),
        "office_resident_mib": usage.resident >> 20 }))
}

/// A browser: it keeps one cookie and one connection, and follows nothing.
struct Browser {
    client: Client,
    url: String,
    cookie: String,
    key: String,
}

impl Browser {
    async fn sign_in(office: &Office, (id, password, code): (u32, String, String)) -> Result<Self, Trouble> {
        let client = Client::builder().redirect(Policy::none()).no_proxy().build()?;
        let url = format!("http://{}", office.address());
        let form = format!("petugas={id}&sandi={password}&kode={code}");
        let request = client.post(format!("{url}/kantor/masuk")).header(CONTENT_TYPE, FORM).body(form);
        let answer = request.send().await?;
        let set = answer.headers().get(SET_COOKIE).ok_or("the sign-in failed")?.to_str()?;
        let cookie = set.split(';').next().unwrap_or_default().to_owned();
        let mut browser = Self { client, url, cookie, key: String::new() };
        let page = browser.get("/kantor/cari").await?;
        let key = page.split("name=\"kunci\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        browser.key = key.ok_or("a page without a form")?.to_owned();
        Ok(browser)
    }

    async fn get(&self, path: &str) -> Result<String, Trouble> {
        let answer =
            self.client.get(format!("{}{path}", self.url)).header(COOKIE, &self.cookie).send().await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("{path}: {}", answer.status()).into());
        }
        Ok(answer.text().await?)
    }

    /// Searches; the page, or where it leads.
    async fn search(&self, wanted: &str) -> Result<(StatusCode, String), Trouble> {
        let form = format!("kunci={}&cari={}", self.key, wanted.replace(' ', "+"));
        let request = self.client.post(format!("{}/kantor/cari", self.url)).header(COOKIE, &self.cookie);
        let answer = request.header(CONTENT_TYPE, FORM).body(form).send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    async fn measure(&self, arguments: &Arguments, village: &str) -> Result<Value, Trouble> {
        let queue = self.get("/kantor/antrean/front-office").await?;
        let numbers: Vec<&str> =
            queue.split("/kantor/berkas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        if numbers.is_empty() {
            return Err("nothing waits at the Front Office".into());
        }
        let (mut queues, mut by_number, mut by_nik) = (Times::default(), Times::default(), Times::default());
        let (mut by_word, mut by_name, mut opened) = (Times::default(), Times::default(), Times::default());
        for round in 0..arguments.rounds {
            let number = numbers.get(round % numbers.len()).copied().unwrap_or_default();
            // Somebody of the first village, whose people have the first seeds.
            let person = (round * 7 % (arguments.applications.min(SOME) / arguments.phones).max(1)) as u64;
            let start = Instant::now();
            self.get("/kantor/antrean/front-office").await?;
            queues.add(start.elapsed());

            let start = Instant::now();
            let (status, _) = self.search(number).await?;
            by_number.add(start.elapsed());
            found(status == StatusCode::SEE_OTHER, "by number")?;

            let start = Instant::now();
            let (_, page) = self.search(&field(person, village, "nik")).await?;
            by_nik.add(start.elapsed());
            found(page.contains("/kantor/berkas/"), "by NIK")?;

            let name = field(person, village, "nama");
            let begins: Vec<&str> = name.split(' ').filter_map(|word| word.get(..4)).collect();
            let start = Instant::now();
            let (_, page) = self.search(begins.first().copied().unwrap_or_default()).await?;
            by_word.add(start.elapsed());
            found(page.contains("/kantor/berkas/"), "by one word")?;

            let start = Instant::now();
            let (_, page) = self.search(&begins.join(" ")).await?;
            by_name.add(start.elapsed());
            found(page.contains("/kantor/berkas/"), "by three words")?;

            let start = Instant::now();
            self.get(&format!("/kantor/berkas/{number}")).await?;
            opened.add(start.elapsed());
        }
        Ok(json!({ "queue": queues.json(), "by_number": by_number.json(), "by_nik": by_nik.json(),
            "by_four_letters_of_a_name": by_word.json(), "by_four_letters_of_three": by_name.json(),
            "opened": opened.json() }))
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn found(is: bool, how: &str) -> Result<(), Trouble> {
    if is { Ok(()) } else { Err(format!("nothing was found {how}").into()) }
}
