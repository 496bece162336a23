//! What is told to whom: which notifications a record has made due, and the words of an SMS.

use std::collections::HashSet;

use crate::catalogue::{ActKind, Audience, Notification, NotifyAt, Privacy, Service};
use crate::mask;

use super::available::NEED_REASON;
use super::moves::{self, Move};
use super::record::{Decision, Event};
use super::state::{Position, State, apply};

/// A notification that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Id of the notification, e.g. `N1`.
    pub id: String,
    /// The revision it belongs to. Id, event and revision together are due once.
    pub revision: u32,
    /// The act that it tells of.
    pub event: String,
    /// Who is told.
    pub audience: Vec<Audience>,
    /// Office time since when it is due, in unix seconds.
    pub at: i64,
    /// The cause in neutral words, where a listed reason was chosen.
    pub sebab: Option<String>,
    /// Index of the decision in the record that made it due.
    pub decision_index: usize,
}

/// Every notification that this record has made due, in order. Replaying a record, or printing a card anew,
/// makes nothing due a second time within a revision.
pub fn notifications(service: &Service, record: &[Decision]) -> Vec<Due> {
    let mut state = State::draft(service);
    let mut due: Vec<Due> = Vec::new();
    let mut told: HashSet<(String, String, u32)> = HashSet::new();
    for (decision_index, decision) in record.iter().enumerate() {
        let way = moves::moves(service, &state).into_iter().find(|way| way.act() == decision.act);
        let before = state.position.clone();
        if !apply(service, &mut state, decision) || decision.kind != Event::Done {
            continue;
        }
        let Some(way) = way else { continue };
        for (id, event) in fired(service, &way, &before, &state) {
            let Some(notification) = service.notification(id) else {
                continue;
            };
            if told.insert((id.to_owned(), event.to_owned(), state.revision)) {
                due.push(Due {
                    id: id.to_owned(),
                    revision: state.revision,
                    event: event.to_owned(),
                    audience: notification.audience.clone(),
                    at: decision.at,
                    sebab: cause(service, decision),
                    decision_index,
                });
            }
        }
    }
    due
}

/// Notification and event of what has just happened. That the card is printed is told when it can be collected,
/// unless the service tells it at once.
fn fired<'a>(
    service: &'a Service,
    way: &Move<'a>,
    before: &Position,
    after: &State,
) -> Vec<(&'a str, &'a str)> {
    let waits_for_collection = |kind: ActKind| kind == ActKind::Cetak && service.notify_at == NotifyAt::Siap;
    let mut fired = Vec::new();
    if let Some(id) = way.notify().filter(|_| way.outcome().is_some() || !waits_for_collection(way.kind())) {
        fired.push((id, way.act()));
    }
    let line = service.line();
    let handed_over = line.iter().position(|step| step.kind == ActKind::Serah);
    let arrived = handed_over.map(Position::Step).is_some_and(|at| after.position == at && *before != at);
    if arrived {
        let prints = line.iter().filter(|step| waits_for_collection(step.kind));
        fired.extend(prints.filter_map(|step| Some((step.notify.as_deref()?, step.act.as_str()))));
    }
    fired
}

fn cause(service: &Service, decision: &Decision) -> Option<String> {
    let (_, id) = decision.params.iter().find(|(key, _)| key == NEED_REASON)?;
    service.reason(id).map(|reason| reason.sms.clone())
}

/// What is said of an SMS that did not reach the applicant, in the parameters of a decision: the notification, and the act
/// and the revision that made it due.
const PARAM_NOTIFICATION: &str = "pemberitahuan";
const PARAM_EVENT: &str = "peristiwa";
const PARAM_REVISION: &str = "revisi";
const PARAM_DOUBT: &str = "tidak_pasti";

/// A notification that did not reach the applicant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// The notification, e.g. `N1`.
    pub id: String,
    /// The act that it tells of.
    pub event: String,
    /// The revision it belongs to.
    pub revision: u32,
    /// Whether nobody knows if it arrived; it failed for certain otherwise.
    pub doubtful: bool,
}

impl Unreached {
    /// What a decision says of one.
    pub fn of(decision: &Decision) -> Option<Self> {
        let told =
            |id: &str| decision.params.iter().find(|(key, _)| key == id).map(|(_, value)| value.clone());
        Some(Self {
            id: told(PARAM_NOTIFICATION)?,
            event: told(PARAM_EVENT)?,
            revision: told(PARAM_REVISION)?.parse().ok()?,
            doubtful: told(PARAM_DOUBT).is_some(),
        })
    }

    /// As a decision says it.
    pub fn params(&self) -> Vec<(String, String)> {
        let mut params = vec![
            (PARAM_NOTIFICATION.to_owned(), self.id.clone()),
            (PARAM_EVENT.to_owned(), self.event.clone()),
            (PARAM_REVISION.to_owned(), self.revision.to_string()),
        ];
        if self.doubtful {
            params.push((PARAM_DOUBT.to_owned(), "ya".to_owned()));
        }
        params
    }

    /// Whether it is the same notification, whatever became of it.
    pub fn is_of(&self, other: &Unreached) -> bool {
        (&self.id, &self.event, self.revision) == (&other.id, &other.event, other.revision)
    }

    /// Whether it is this one.
    pub fn is(&self, due: &Due) -> bool {
        (&self.id, &self.event, self.revision) == (&due.id, &due.event, due.revision)
    }

    /// What an officer reads.
    pub fn sentence(&self) -> String {
        let what = if self.doubtful { "tidak pasti sampai" } else { "tidak sampai" };
        format!(
            "SMS {} kepada pemohon {what}: hubungi pemohon, lalu tandai \"Pemohon sudah dihubungi\"",
            self.id
        )
    }
}

/// What a notification's text is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vars<'a> {
    /// Registration number.
    pub nomor: &'a str,
    /// The place to go to, or to post to.
    pub tempat: &'a str,
    /// The cause in neutral words ([`Due::sebab`]).
    pub sebab: Option<&'a str>,
    /// The applicant's name; it is masked here.
    pub nama: &'a str,
}

/// What stands for a cause that was not chosen from the list: free words never go by SMS.
const CAUSE_UNNAMED: &str = "hubungi petugas";

/// The text of an SMS, in GSM-7: the name masked, and the service not named where it is need-to-know.
pub fn text(service: &Service, notification: &Notification, vars: &Vars<'_>) -> String {
    let named = if service.privacy == Privacy::PerluTahu { "permohonan" } else { &service.title };
    let name = mask::name(vars.nama);
    let values = [
        ("nomor", vars.nomor),
        ("tempat", vars.tempat),
        ("sebab", vars.sebab.unwrap_or(CAUSE_UNNAMED)),
        ("nama", name.as_str()),
        ("layanan", named),
    ];
    let mut out = String::new();
    let mut rest = notification.text.as_str();
    // One pass, so that a value which looks like a variable is not filled in turn.
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (key, tail) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(values.iter().find(|(id, _)| *id == key).map_or("", |(_, value)| value));
        rest = tail;
    }
    out.push_str(rest);
    out.chars().map(plain).collect()
}

/// GSM 03.38, basic table (without the escape).
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// GSM 03.38, extension table: two septets each.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// Septets that a text takes in GSM-7; none where it holds a character that GSM-7 has not.
pub fn septets(text: &str) -> Option<usize> {
    text.chars().map(|c| if BASIC.contains(c) { Some(1) } else { EXTENDED.contains(c).then_some(2) }).sum()
}

/// How many SMS a text takes: 160 septets in one, 153 a part in several (70 and 67 characters where it is not
/// within GSM-7).
pub fn sms_parts(text: &str) -> usize {
    let (length, one, part) = match septets(text) {
        Some(septets) => (septets, 160, 153),
        None => (text.encode_utf16().count(), 70, 67),
    };
    if length <= one { 1 } else { length.div_ceil(part) }
}

/// The nearest character that GSM-7 has.
fn plain(c: char) -> char {
    match c {
        '‘' | '’' | '`' | '´' | 'ʼ' => '\'',
        '“' | '”' | '«' | '»' => '"',
        '–' | '—' | '‐' | '‑' | '−' => '-',
        '…' => '.',
        '\u{a0}' | '\t' => ' ',
        c if BASIC.contains(c) || EXTENDED.contains(c) => c,
        _ => '?',
    }
}
