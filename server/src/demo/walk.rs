//! Walking an application along its line, knowing the catalogue and nothing of any service.

use std::collections::BTreeMap;
use std::path::PathBuf;

use loket_core::catalogue::{ActKind, Catalogue, OutcomeKind, Role, Service};
use loket_core::client::Draft;
use serde_json::Value;

use super::cast::{Cast, Phone};
use super::{expect, people, say};
use crate::config::{Failure, now};
use crate::console::words;

/// Things that one application may lack, one after the other; more is a loop.
const MAX_ROUNDS: usize = 60;

/// Width and height of a made-up scan, in dots.
const SHEET: (usize, usize) = (620, 877);
/// Applications of each service that are left waiting.
const ROUNDS: usize = 3;

/// How an application goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Straight to its end.
    Straight,
    /// Returned by the first desk that can, completed, submitted again.
    ReturnedOnce,
}

/// Opens an application of a service with a fictional person; returns its number.
pub fn open(phone: &Phone, service: &str, variant: Option<&str>, seed: usize) -> Result<String, Failure> {
    let file = current(service)?;
    let variant = variant.or_else(|| file.default_variant());
    let draft = Draft {
        service: service.to_owned(),
        variant: variant.map(str::to_owned),
        fields: people::fields(&file, variant, seed),
        ..Draft::default()
    };
    let mut phone = phone.open()?;
    let ready = phone.check(&draft)?;
    let created = phone.create(&[ready], &mut |_| {})?;
    created.into_iter().next().map(|one| one.number).ok_or_else(|| Failure::new("permohonan tidak terbuka"))
}

/// One service: every variant straight to its end.
pub async fn service(cast: &mut Cast, service: &str) -> Result<(), Failure> {
    let file = current(service)?;
    let variants: Vec<Option<&str>> = match file.variants.len() {
        0 => vec![None],
        _ => file.variants.iter().map(|variant| Some(variant.id.as_str())).collect(),
    };
    for (n, variant) in variants.into_iter().enumerate() {
        let seed = 10 + n + 3 * service.len();
        let number = submitted(cast, service, variant, seed).await?;
        to_the_end(cast, &number, Way::Straight).await?;
    }
    Ok(())
}

/// A need-to-know application that the first desk cancels; its officer files it anew, with everything copied.
pub async fn cancelled_and_filed_again(cast: &mut Cast) -> Result<(), Failure> {
    let services = cast.services();
    let cancels = |service: &&String| {
        current(service).is_ok_and(|file| {
            file.steps.iter().flat_map(|s| &s.outcomes).all(|o| o.kind != OutcomeKind::Return)
        }) && current(service).is_ok_and(|file| {
            file.steps.iter().any(|s| s.kind == ActKind::Catat && s.roles.contains(&Role::KepalaDinas))
        })
    };
    let Some(service) = services.iter().find(cancels) else { return Ok(()) };
    let number = open(&cast.first, service, None, 77)?;
    attach_and_tick(&cast.first, &number)?;
    cast.first.submit(&number)?;
    cast.sync_all().await?;
    let file = current(service)?;
    for step in file.line().iter().skip(1) {
        if let Some(outcome) = step.outcomes.iter().find(|outcome| outcome.kind == OutcomeKind::Cancel) {
            let role = *step.roles.first().ok_or_else(|| Failure::new("langkah tanpa peran"))?;
            let sebab = outcome.reasons.first().cloned().unwrap_or_default();
            cast.at_desk(
                role,
                &number,
                &outcome.act,
                Some("penetapan belum berkekuatan hukum tetap"),
                vec![("sebab".into(), sebab)],
            )?;
            break;
        }
        perform(cast, &number, step.act.as_str(), step.roles.first().copied()).await?;
    }
    cast.sync_all().await?;
    let shown = cast.first.show(&number)?;
    say(&format!("{number}: {} — {}", text(&shown, "label"), last_reason(&shown)));
    let draft = Draft { service: service.clone(), link: Some(number.clone()), ..Draft::default() };
    let mut phone = cast.first.open()?;
    let ready = phone.check(&draft)?;
    let created = phone.create(&[ready], &mut |_| {})?;
    let again = created.first().map(|one| one.number.clone()).unwrap_or_default();
    drop(phone);
    say(&format!("Petugas mengajukan ulang sebagai {again}: data dan scan ikut, asalnya tercatat."));
    attach_and_tick(&cast.first, &again)?;
    cast.first.submit(&again)?;
    cast.sync_all().await?;
    to_the_end(cast, &again, Way::Straight).await
}

/// Attaches what is missing, fills what is asked, ticks what is warned of, until nothing but conflicts is left.
pub fn attach_and_tick(phone: &Phone, number: &str) -> Result<(), Failure> {
    for round in 0..MAX_ROUNDS {
        let mut open = phone.open()?;
        let missing = open.missing(number)?;
        let Some(first) = missing.iter().find(|missing| missing.what.as_str() != "conflict") else {
            return Ok(());
        };
        match first.what.as_str() {
            "requirement" | "attachment" => {
                let scan = scan(phone, &first.id, number)?;
                open.attach(number, &first.id, &scan)?;
            }
            "warning" => {
                open.tick(number, &first.id)?;
            }
            _ => {
                let shown = open.show(number)?;
                let file = current(&text(&shown, "service"))?;
                let field = file
                    .field(&first.id)
                    .ok_or_else(|| Failure::new(format!("isian {} tidak dikenal", first.id)))?;
                open.set(number, &[(first.id.clone(), people::of_field(field, round))])?;
            }
        }
    }
    Err(Failure::new("permohonan demo tidak kunjung lengkap"))
}

/// A made-up scan: a sheet with grey lines where words would be, other ones for each paper.
fn scan(phone: &Phone, requirement: &str, number: &str) -> Result<PathBuf, Failure> {
    let path = phone.dir().join("scan.png");
    let words = blake3::hash(format!("{requirement} {number}").as_bytes());
    let mut page = vec![0xf4; SHEET.0 * SHEET.1];
    for (row, length) in words.as_bytes().iter().enumerate() {
        let (top, right) = (60 + 22 * row, 60 + 2 * usize::from(*length));
        for line in page.chunks_mut(SHEET.0).skip(top).take(9) {
            line.iter_mut().take(right).skip(60).for_each(|dot| *dot = 0x50);
        }
    }
    let written = std::fs::File::create(&path).and_then(|file| Ok(draw(file, &page)?));
    written.map_err(|error| Failure::file(&path, &error))?;
    Ok(path)
}

fn draw(file: std::fs::File, page: &[u8]) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(file, SHEET.0 as u32, SHEET.1 as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header()?.write_image_data(page)
}

/// From the office's queue to the applicant's hand.
pub async fn to_the_end(cast: &mut Cast, number: &str, way: Way) -> Result<(), Failure> {
    let shown = cast.office_show(number)?;
    let file = current(&text(&shown, "service"))?;
    let mut passed = vec![text(&shown, "state")];
    let mut returned = way == Way::Straight;
    for _ in 0..MAX_ROUNDS {
        let shown = cast.office_show(number)?;
        if shown.get("final") == Some(&true.into()) {
            break;
        }
        let state = text(&shown, "state");
        let step = file.line().into_iter().find(|step| step.waits == state).cloned();
        let step = step.ok_or_else(|| Failure::new(format!("{number} tersangkut di {state}")))?;
        let back = step.outcomes.iter().find(|outcome| outcome.kind == OutcomeKind::Return);
        if let Some(back) = back.filter(|_| !returned) {
            returned = true;
            let role = *step.roles.first().ok_or_else(|| Failure::new("langkah tanpa peran"))?;
            let mark = file.requirements.first().map(|r| (format!("tanda.{}", r.id), "buram".to_owned()));
            cast.at_desk(
                role,
                number,
                &back.act,
                Some("foto buram, mohon diulang"),
                mark.into_iter().collect(),
            )?;
            cast.sync_all().await?;
            say(&format!("{number} dikembalikan: {}", last_reason(&cast.first.show(number)?)));
            cast.first.set(number, &[("catatan", "Sudah difoto ulang.")])?;
            cast.first.submit(number)?;
            cast.sync_all().await?;
            say("Petugas memotret ulang dan mengajukan lagi: revisi 2, tempatnya di antrean tetap.");
            continue;
        }
        perform(cast, number, &step.act, step.roles.first().copied()).await?;
        passed.push(text(&cast.office_show(number)?, "state"));
    }
    cast.sync_all().await?;
    let shown = cast.office_show(number)?;
    expect(shown.get("final") == Some(&true.into()), &format!("{number} tidak sampai selesai"))?;
    passed.dedup();
    let sms = shown.get("notifications").and_then(Value::as_array).map_or(0, Vec::len);
    say(&format!("{} {number}\n    {}  ({sms} SMS)", file.title, passed.join(" → ")));
    Ok(())
}

/// Leaves something waiting at every desk: of each service one application, at the first step of a desk that has had
/// nothing so far, or where the fewest wait.
pub async fn fill_the_desks(cast: &mut Cast) -> Result<(), Failure> {
    let mut waiting: BTreeMap<Role, usize> = BTreeMap::new();
    for round in 0..ROUNDS {
        for (n, service) in cast.services().iter().enumerate() {
            let file = current(service)?;
            let line = file.line();
            let desks =
                line.iter().enumerate().skip(1).filter_map(|(at, step)| Some((at, *step.roles.first()?)));
            let desks = desks.filter(|(_, role)| !matches!(role, Role::PetugasLapangan | Role::Admin));
            let next = desks.min_by_key(|(at, role)| (waiting.get(role).copied().unwrap_or_default(), *at));
            let Some((until, role)) = next else { continue };
            let number = submitted(cast, service, None, 100 + ROUNDS * n + round).await?;
            for step in file.line().iter().take(until).skip(1) {
                perform(cast, &number, &step.act, step.roles.first().copied()).await?;
            }
            *waiting.entry(role).or_default() += 1;
        }
    }
    cast.sync_all().await?;
    for (role, count) in waiting {
        say(&format!("{:<26} {count} menunggu", words::desk(role)));
    }
    Ok(())
}

/// Files an application of a service, complete, by the counter that files it.
async fn submitted(
    cast: &mut Cast,
    service: &str,
    variant: Option<&str>,
    seed: usize,
) -> Result<String, Failure> {
    let file = current(service)?;
    let filer = file.line().first().and_then(|step| step.roles.first()).copied();
    let phone =
        filer.and_then(|role| cast.phone_of(role)).ok_or_else(|| Failure::new("layanan tanpa pengaju"))?;
    let number = open(phone, service, variant, seed)?;
    attach_and_tick(phone, &number)?;
    phone.submit(&number)?;
    cast.sync_all().await?;
    Ok(number)
}

/// Does a step's act: on the phone of the counter that owns it, or at a desk.
async fn perform(cast: &mut Cast, number: &str, act: &str, role: Option<Role>) -> Result<(), Failure> {
    let role = role.ok_or_else(|| Failure::new("langkah tanpa peran"))?;
    let shown = cast.office_show(number)?;
    let file = current(&text(&shown, "service"))?;
    let needs = file.act_at(act, &text(&shown, "state")).map(|act| act.needs()).unwrap_or_default();
    let params =
        needs.iter().map(|need| (need.id.clone(), people::of_need(need, number.len()))).collect::<Vec<_>>();
    if cast.phone_of(role).is_none() {
        return cast.at_desk(role, number, act, None, params);
    }
    cast.sync_one(role).await?;
    if let Some(phone) = cast.phone_of(role) {
        phone.act(number, act, &params)?;
    }
    cast.sync_one(role).await
}

fn last_reason(shown: &Value) -> String {
    let record = shown.get("record").and_then(Value::as_array);
    let reason =
        record.into_iter().flatten().rev().find_map(|line| line.get("reason").and_then(Value::as_str));
    reason.unwrap_or_default().to_owned()
}

/// Text of a member.
pub fn text(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn current(service: &str) -> Result<Service, Failure> {
    let file = Catalogue::builtin().current(service, loket_core::time::today(now()));
    file.map(|file| file.service.clone()).ok_or_else(|| Failure::new(format!("layanan {service} tidak ada")))
}
