//! The office's answer to a wish: a decision, or the first refusal in order of precedence.

use crate::catalogue::{ActRef, Guard, Kind, Need, OutcomeKind, Service, parse_date};
use crate::journal::EntryHash;
use crate::refusal::Refusal;

use super::available::{NEED_FREE_REASON, NEED_REASON, ReasonNeed};
use super::moves::{self, ACT_COMPLETE, MARK_CODES, MARK_PREFIX, Move, NEED_OLD_CARD};
use super::record::{Actor, Decision, Event, Frozen, Who};
use super::state::{Position, State};

/// Longest reason, in characters.
pub const MAX_REASON: usize = 2000;
/// Most parameters and marks of an act, together.
pub const MAX_PARAMS: usize = 50;
/// Longest value of a parameter, in characters.
pub const MAX_VALUE: usize = 2000;
/// Longest name of a parameter or a marked requirement, in bytes.
pub const MAX_KEY: usize = 100;
/// Longest mark in free words, in characters.
const MAX_MARK: usize = 200;

/// What somebody wants done, or reports as done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The act.
    pub act: String,
    /// Who, under which role.
    pub actor: Actor,
    /// Whether the application lies in the actor's partitions.
    pub place_ok: bool,
    /// The request that brought it; none from the console.
    pub request: Option<EntryHash>,
    /// The time the phone claims, in unix seconds.
    pub claimed_at: Option<i64>,
    /// The reason in free words.
    pub reason: Option<String>,
    /// Marks on requirements: id, code or free words. Parameters named `tanda.<id>` are marks as well.
    pub marks: Vec<(String, String)>,
    /// What the act is told: need id, value.
    pub params: Vec<(String, String)>,
    /// Whether a device reports it as a fact: printed, sent, received, handed over cannot be refused away.
    pub fact: bool,
}

/// What is decided on.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The service, in the version the application was filed under.
    pub service: &'a Service,
    /// The official record.
    pub record: &'a [Decision],
    /// The fold over it.
    pub state: &'a State,
    /// The version that a submission (or a correction) freezes; none where nothing is to be frozen.
    pub submission: Option<Submission<'a>>,
    /// Whether an old card has to be surrendered: some such requirement applies to this application.
    pub surrender_applies: bool,
}

/// The version that is to be frozen.
#[derive(Debug, Clone, Copy)]
pub struct Submission<'a> {
    /// Heads and attachments.
    pub frozen: &'a Frozen,
    /// Whether it holds anything that the version frozen before does not (true where there was none): a request
    /// that was long on its way must not bring an older version back.
    pub newer: bool,
    /// What keeps it from being submitted: what, id.
    pub missing: &'a [(String, String)],
    /// How many required fields hold several values.
    pub open_conflicts: usize,
    /// Whether every entry that it builds on has arrived.
    pub parents_known: bool,
    /// Whether every attachment that it names is at the office.
    pub attachments_complete: bool,
}

/// A wish as it will be recorded: marks apart, blanks dropped.
struct Told {
    reason: Option<String>,
    marks: Vec<(String, String)>,
    params: Vec<(String, String)>,
}

impl Told {
    fn from(wish: &Wish) -> Told {
        let kept = |(key, value): &(String, String)| {
            let value = value.trim();
            (!value.is_empty()).then(|| (key.trim().to_owned(), value.to_owned()))
        };
        let (marked, params): (Vec<_>, Vec<_>) =
            wish.params.iter().filter_map(kept).partition(|(key, _)| key.starts_with(MARK_PREFIX));
        let (reasons, params): (Vec<_>, Vec<_>) =
            params.into_iter().partition(|(key, _)| key == NEED_FREE_REASON);
        let mut marks: Vec<_> = wish.marks.iter().filter_map(kept).collect();
        marks.extend(marked.into_iter().map(|(key, value)| (key.replacen(MARK_PREFIX, "", 1), value)));
        let reason = wish.reason.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let reason = reason.or_else(|| reasons.into_iter().next().map(|(_, reason)| reason));
        Told { reason, marks, params }
    }

    fn value(&self, id: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == id).map(|(_, value)| value.as_str())
    }
}

/// Decides on a wish at the office's time `now` (unix seconds). A reported fact that does not fit is recorded as
/// a contradiction; it is refused only where nobody of this role and place could have reported it.
pub fn decide(view: &View<'_>, wish: &Wish, now: i64) -> Result<Decision, Refusal> {
    if answered(view, wish) {
        return Err(Refusal::SudahDijawab);
    }
    let known = moves::known(view.service, &wish.act);
    let authority = authority(wish, view, &known);
    let way = authority.as_ref().ok().and_then(|()| current(view, wish));
    let told = told(wish);

    let mut objections: Vec<Refusal> = authority.as_ref().err().cloned().into_iter().collect();
    if view.state.fin && !matches!(way, Some(Move::Told)) {
        objections.push(Refusal::SudahSelesai);
    }
    if authority.is_ok() {
        match &way {
            Some(way) => objections.extend(objections_to(view, wish, way, &told)),
            None => objections.push(no_way(view, &known, wish)),
        }
    }
    // The first of equals stays first: needs are reported in the file's order.
    let first = objections.into_iter().min_by_key(Refusal::rank);
    let reports = wish.fact && known.iter().any(Move::reports);
    match (first, way) {
        (None, Some(way)) => Ok(done(view, wish, &way, told, now)),
        (Some(refusal), _) if reports && authority.is_ok() => {
            Ok(record(view, wish, told, Event::Contradiction(refusal), now))
        }
        (Some(refusal), _) => Err(refusal),
        (None, None) => Err(Refusal::BelumWaktunya(view.state.code.clone())),
    }
}

/// The answer to a request as the record keeps it, whichever way it went; none where the record answers this
/// request already.
pub fn answer(view: &View<'_>, wish: &Wish, now: i64) -> Option<Decision> {
    match decide(view, wish, now) {
        Ok(decision) => Some(decision),
        Err(Refusal::SudahDijawab) => None,
        Err(refusal) => Some(record(view, wish, told(wish), Event::Refused(refusal), now)),
    }
}

fn answered(view: &View<'_>, wish: &Wish) -> bool {
    wish.request.is_some() && view.record.iter().any(|decision| decision.request == wish.request)
}

/// The office's own event that all attachments of the frozen version have arrived; none where nothing waits for
/// that. The caller has looked.
pub fn complete(view: &View<'_>, actor: Actor, now: i64) -> Option<Decision> {
    let state = view.state;
    if state.frozen.is_none() || state.complete || state.fin {
        return None;
    }
    Some(Decision {
        act: ACT_COMPLETE.to_owned(),
        kind: Event::Complete,
        request: None,
        actor,
        at: now,
        claimed_at: None,
        reason: None,
        marks: Vec::new(),
        params: Vec::new(),
        revision: state.revision,
        frozen: None,
        complete: true,
    })
}

/// What will be recorded of a wish; of an oversized one nothing.
fn told(wish: &Wish) -> Told {
    if fits_in(wish) {
        Told::from(wish)
    } else {
        Told { reason: None, marks: Vec::new(), params: Vec::new() }
    }
}

fn fits_in(wish: &Wish) -> bool {
    let short = |(key, value): &(String, String)| key.len() <= MAX_KEY && value.chars().count() <= MAX_VALUE;
    wish.params.len() + wish.marks.len() <= MAX_PARAMS
        && wish.params.iter().chain(&wish.marks).all(short)
        && wish.reason.as_deref().is_none_or(|text| text.chars().count() <= MAX_REASON)
}

/// Whether the service has the act and the actor may do it at all, here or elsewhere on the line.
fn authority(wish: &Wish, view: &View<'_>, known: &[Move<'_>]) -> Result<(), Refusal> {
    if known.is_empty() {
        return Err(Refusal::TindakanTidakDikenal);
    }
    let here = current_any(view, wish);
    let allowed = match &here {
        Some(way) => way.roles().contains(&wish.actor.role),
        None => known.iter().any(|way| way.roles().contains(&wish.actor.role)),
    };
    if !allowed {
        return Err(Refusal::BukanWewenang(
            known.first().map(|way| way.act().to_owned()).unwrap_or_default(),
        ));
    }
    if !wish.place_ok {
        return Err(Refusal::BukanWilayah);
    }
    if fits_in(wish) { Ok(()) } else { Err(Refusal::TerlaluBesar) }
}

fn current_any<'a>(view: &View<'a>, wish: &Wish) -> Option<Move<'a>> {
    moves::moves(view.service, view.state).into_iter().find(|way| way.act() == wish.act)
}

fn current<'a>(view: &View<'a>, wish: &Wish) -> Option<Move<'a>> {
    current_any(view, wish).filter(|way| way.roles().contains(&wish.actor.role))
}

/// Why an act that the service knows leads nowhere from here.
fn no_way(view: &View<'_>, known: &[Move<'_>], wish: &Wish) -> Refusal {
    let waits_for_files = view.state.position == Position::AwaitingAttachments;
    let next = |way: &Move<'_>| matches!(way, Move::Act(ActRef::Step(1, _) | ActRef::Outcome(1, ..)));
    if known.iter().any(Move::submits) && !parents_known(view) {
        Refusal::MenungguData
    } else if view.state.done.contains_key(&wish.act) {
        Refusal::SudahDilakukan(wish.act.clone())
    } else if waits_for_files && known.iter().any(next) {
        Refusal::LampiranBelumLengkap
    } else {
        Refusal::BelumWaktunya(view.state.code.clone())
    }
}

fn parents_known(view: &View<'_>) -> bool {
    view.submission.is_some_and(|submission| submission.parents_known)
}

fn objections_to(view: &View<'_>, wish: &Wish, way: &Move<'_>, told: &Told) -> Vec<Refusal> {
    let mut found = Vec::new();
    if way.submits() {
        found.extend(submission_objections(view));
    }
    found.extend(moves::guards(view.service, way).iter().filter_map(|guard| unmet(view, wish, told, guard)));
    found.extend(need_objections(view, way, told));
    found.extend(reason_objection(way, told));
    found.extend(mark_objection(view.service, told));
    found
}

fn submission_objections(view: &View<'_>) -> Vec<Refusal> {
    let Some(submission) = view.submission.filter(|submission| submission.parents_known) else {
        return vec![Refusal::MenungguData];
    };
    let mut found = Vec::new();
    if !submission.newer || view.state.frozen.as_ref() == Some(submission.frozen) {
        found.push(Refusal::VersiUsang);
    }
    if let Some((what, id)) = submission.missing.first() {
        found.push(Refusal::MasihKurang(format!("{what}/{id}")));
    }
    if submission.open_conflicts > 0 {
        found.push(Refusal::KonflikTerbuka);
    }
    found
}

fn unmet(view: &View<'_>, wish: &Wish, told: &Told, guard: &Guard) -> Option<Refusal> {
    let state = view.state;
    match guard {
        Guard::Done(act) => {
            (!state.done.contains_key(act)).then(|| Refusal::LangkahBelumSelesai(act.clone()))
        }
        Guard::OtherPerson(act) => {
            let same = state.done.get(act).is_some_and(|(actor, _)| same_person(actor.who, wish.actor.who));
            same.then(|| Refusal::OrangYangSama(act.clone()))
        }
        Guard::PapersReceived => {
            (!moves::papers_there(view.service, state)).then_some(Refusal::BerkasBelumDiterima)
        }
        Guard::OldCard => {
            let there = !view.surrender_applies || state.old_card || told.value(NEED_OLD_CARD).is_some();
            (!there).then_some(Refusal::KartuLamaBelumDiserahkan)
        }
        Guard::CardAtPickup => {
            (!moves::card_at_pickup(view.service, state)).then_some(Refusal::KartuBelumDiLoket)
        }
    }
}

/// The office itself is no person, so two of its own acts are not one person's.
fn same_person(one: Who, other: Who) -> bool {
    one == other && one != Who::Office
}

fn need_objections(view: &View<'_>, way: &Move<'_>, told: &Told) -> Vec<Refusal> {
    let needs = way.needs(view.service);
    let mut found = Vec::new();
    for need in needs.iter().filter(|need| !need.id.starts_with(MARK_PREFIX)) {
        let old_card_settled = need.id == NEED_OLD_CARD && (view.state.old_card || !view.surrender_applies);
        let mut values = told.params.iter().filter(|(key, _)| *key == need.id);
        match (values.next(), values.next()) {
            (None, _) if need.required && !old_card_settled => {
                found.push(Refusal::IsianWajib(need.id.clone()))
            }
            (None, _) => {}
            (Some((_, value)), None) if need_fits(need, value) => {}
            _ => found.push(Refusal::IsianTidakSah(need.id.clone())),
        }
    }
    found
}

fn reason_objection(way: &Move<'_>, told: &Told) -> Option<Refusal> {
    let marked = way.outcome() == Some(OutcomeKind::Return) && !told.marks.is_empty();
    // Only a listed reason counts, and an unlisted one is objected to as a need.
    let given =
        told.reason.is_some() || told.value(NEED_REASON).is_some() && way.outcome().is_some() || marked;
    (way.reason() == ReasonNeed::Required && !given).then_some(Refusal::AlasanWajib)
}

fn mark_objection(service: &Service, told: &Told) -> Option<Refusal> {
    let fits = |(id, mark): &(String, String)| {
        service.requirement(id).is_some()
            && (MARK_CODES.iter().any(|(code, _)| code == mark) || mark.chars().count() <= MAX_MARK)
    };
    (!told.marks.iter().all(fits)).then_some(Refusal::TandaTidakDikenal)
}

/// Whether a value is one that the need can take. Only what cannot be meant is refused: a doubtful format is
/// the form's to warn of.
pub fn need_fits(need: &Need, value: &str) -> bool {
    let option = |id: &str| need.options.iter().any(|choice| choice.id == id);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match need.kind {
        Kind::Nama | Kind::Teks | Kind::Catatan => {
            !value.trim().is_empty() && value.chars().count() <= MAX_VALUE
        }
        Kind::Nik | Kind::NomorKk => value.len() == 16 && digits(value),
        Kind::Tanggal => parse_date(value).is_some(),
        Kind::Telepon => {
            let bare: String = value.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
            let number = bare.strip_prefix('+').unwrap_or(&bare);
            (6..=15).contains(&number.len()) && digits(number)
        }
        Kind::Pilihan if need.many => {
            let chosen: Vec<&str> = value.split(',').collect();
            let unique =
                chosen.iter().enumerate().all(|(i, id)| chosen.iter().skip(i + 1).all(|other| other != id));
            chosen.iter().all(|id| option(id)) && unique
        }
        Kind::Pilihan => option(value),
        Kind::Wilayah => value.len() <= 13 && value.split('.').all(digits),
        Kind::Bilangan => {
            let number = value.strip_prefix('-').unwrap_or(value);
            number.len() <= 18 && digits(number)
        }
        Kind::YaTidak => matches!(value, "ya" | "tidak"),
    }
}

fn done(view: &View<'_>, wish: &Wish, way: &Move<'_>, told: Told, now: i64) -> Decision {
    let mut decision = record(view, wish, told, Event::Done, now);
    match (way, view.submission) {
        (Move::Act(ActRef::Step(0, _)), Some(submission)) => {
            decision.revision = view.state.revision + 1;
            decision.frozen = Some(submission.frozen.clone());
            decision.complete = submission.attachments_complete;
        }
        // A correction by the office is decided on from now, under the same revision.
        (Move::Act(found), Some(submission)) if found.writes() => {
            decision.frozen = Some(submission.frozen.clone());
        }
        _ => {}
    }
    decision
}

fn record(view: &View<'_>, wish: &Wish, told: Told, kind: Event, now: i64) -> Decision {
    Decision {
        act: wish.act.chars().take(MAX_KEY).collect(),
        kind,
        request: wish.request,
        actor: wish.actor,
        at: now,
        claimed_at: wish.claimed_at,
        reason: told.reason,
        marks: told.marks,
        params: told.params,
        revision: view.state.revision,
        frozen: None,
        complete: false,
    }
}
