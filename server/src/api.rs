//! The interface for the office's own systems: the desks' reads and acts as JSON, described in `static/openapi.json`. A
//! token acts as a member of staff, so the same rules and regions hold, and every reading is noted.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::{BASE32_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use loket_core::catalogue::{Role, show as shape};
use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::rows::ApplicationRow;
use loket_core::replica::view::time_text;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use loket_core::time::today;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::config::{Failure, dice, limits, now};
use crate::console::application::{find, may_know};
use crate::console::dashboard::leads;
use crate::figures::latest;
use crate::ingest::Unavailable;
use crate::office::desk::{ActError, DeskAct};
use crate::office::look::Look;
use crate::office::people::StaffRow;
use crate::office::reads::{Read, Reader};
use crate::office::tokens::{self, Scope};

/// Bytes of a token.
pub const TOKEN_BYTES: usize = 32;
/// The header in which a need-to-know application is asked for with a reason.
const REASON: &str = "loket-reason";
/// Longest such reason, in characters.
const MAX_REASON: usize = 300;

/// What the interface answers where it does not do as asked.
#[derive(Debug)]
pub struct Refused {
    status: StatusCode,
    code: String,
    sentence: String,
}

impl Refused {
    fn new(status: StatusCode, code: &str, sentence: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), sentence: sentence.into() }
    }

    fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "tidak_ada", "Tidak ada, atau di luar wilayah dan peran token ini.")
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response =
            (self.status, Json(json!({ "code": self.code, "sentence": self.sentence }))).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<ReplicaError> for Refused {
    fn from(error: ReplicaError) -> Self {
        match error {
            ReplicaError::NotFound => Self::not_found(),
            ReplicaError::Refused(sentence) => Self::new(StatusCode::CONFLICT, "ditolak", sentence),
            error => {
                tracing::error!(%error, "the interface could not answer");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "gangguan", "Gangguan di kantor: ulangi nanti.")
            }
        }
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        tracing::error!(%failure, "the interface could not read");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "gangguan", "Gangguan di kantor: ulangi nanti.")
    }
}

impl From<Unavailable> for Refused {
    fn from(cause: Unavailable) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "gangguan", cause.to_string())
    }
}

type Answer = Result<Json<Value>, Refused>;

/// A system that has shown its token.
pub struct Caller {
    staff: StaffRow,
    scopes: Vec<Scope>,
}

impl Caller {
    fn may(&self, scope: Scope) -> Result<(), Refused> {
        let sentence = format!("Token ini tidak mempunyai lingkup {}.", scope.as_str());
        let holds = self.scopes.contains(&scope);
        holds.then_some(()).ok_or_else(|| Refused::new(StatusCode::FORBIDDEN, "lingkup", sentence))
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        let unknown = || {
            let sentence = "Sertakan token yang berlaku: Authorization: Bearer TOKEN.";
            Refused::new(StatusCode::UNAUTHORIZED, "token", sentence)
        };
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = given.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(unknown)?;
        let token = BASE32_NOPAD.decode(token.trim().to_uppercase().as_bytes()).map_err(|_| unknown())?;
        let hash = tokens::hash(&token);
        let found = app.readers.run(move |replica| tokens::holder(replica, &hash, now())).await??;
        let (row, staff) = found.ok_or_else(unknown)?;
        if !app.pace.takes(hash, now()) {
            let sentence = format!("Lebih dari {} permintaan semenit: tunggu.", limits::API_A_MINUTE);
            return Err(Refused::new(StatusCode::TOO_MANY_REQUESTS, "terlalu_sering", sentence));
        }
        Ok(Self { staff, scopes: row.scopes })
    }
}

/// How often each token was used within the minute.
#[derive(Default)]
pub struct Pace(Mutex<HashMap<[u8; 32], (i64, u32)>>);

impl Pace {
    fn takes(&self, token: [u8; 32], now: i64) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now / 60;
        // Tokens that hold are few; what others left goes with their minute.
        counts.retain(|_, (of, _)| *of == minute);
        let (_, count) = counts.entry(token).or_insert((minute, 0));
        *count += 1;
        *count <= limits::API_A_MINUTE
    }
}

/// `GET /v1/api/openapi.json`: the description, to anybody.
pub async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("../static/openapi.json")).into_response()
}

/// `GET /v1/api/services`.
pub async fn services(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    caller.may(Scope::Daftar)?;
    let list = |replica: &Replica<_>| {
        let current = |id: &str| replica.catalogue().current(id, today(now()));
        let all = replica.catalogue().services().filter_map(current);
        all.map(|file| json!({ "service": file.service.service, "title": file.service.title })).collect()
    };
    Ok(Json(Value::Array(app.readers.run(list).await?)))
}

/// `GET /v1/api/services/{service}`.
pub async fn service(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.may(Scope::Daftar)?;
    let read = move |replica: &Replica<_>| {
        replica.catalogue().current(&id, today(now())).map(|file| shape::show(&file.service))
    };
    app.readers.run(read).await?.map(Json).ok_or_else(Refused::not_found)
}

/// `GET /v1/api/figures`: over the whole office, for those who lead it.
pub async fn figures(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    caller.may(Scope::Daftar)?;
    if !leads(caller.staff.role) {
        return Err(Refused::not_found());
    }
    let later =
        || Refused::new(StatusCode::SERVICE_UNAVAILABLE, "dihitung", "Sedang dihitung: ulangi nanti.");
    latest(&app).await.map(|figures| Json(figures.json())).ok_or_else(later)
}

/// Where in a queue to go on.
#[derive(Deserialize)]
pub struct Behind {
    after: Option<String>,
}

/// `GET /v1/api/queues/{desk}`.
pub async fn queue(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(desk): Path<String>,
    Query(behind): Query<Behind>,
) -> Answer {
    caller.may(Scope::Daftar)?;
    let role = Role::ALL.into_iter().find(|role| role.as_str() == desk).ok_or_else(Refused::not_found)?;
    let staff = caller.staff;
    if staff.role != role && staff.role != Role::Admin {
        return Err(Refused::not_found());
    }
    let after = behind.after.and_then(|after| HEXLOWER_PERMISSIVE.decode(after.as_bytes()).ok());
    let read = move |replica: &Replica<_>| -> Result<Value, ReplicaError> {
        let fits = |row: &ApplicationRow| row.place.is_none_or(|place| staff.covers(&place));
        let part = replica.queue_part(role, after.as_deref(), limits::PAGE, &fits)?;
        let line = |one: &crate::office::look::Waiting| {
            // Which service is need-to-know, is said to those who ask with a reason.
            let kept = matches!(one.partition, Partition::NeedToKnow(_));
            json!({ "number": one.row.number, "service": (!kept).then_some(&one.row.service),
                "state": one.row.state, "since": time_text(one.since) })
        };
        let next = part.next.as_deref().map(|key| HEXLOWER.encode(key));
        Ok(json!({ "waiting": part.waiting.iter().map(line).collect::<Vec<_>>(), "next": next }))
    };
    Ok(Json(app.readers.run(read).await??))
}

/// The application that a caller may read now: noted, where it is need-to-know with the reason in the request's head.
async fn opened(
    app: &App,
    caller: &Caller,
    number: &str,
    headers: &HeaderMap,
) -> Result<(Partition, EntryHash), Refused> {
    let (staff, number) = (caller.staff.clone(), number.to_owned());
    let found = app.readers.run(move |replica| find(replica, &staff, &number)).await??;
    let reason = headers.get(REASON).and_then(|value| value.to_str().ok()).map(str::trim);
    let reason =
        reason.filter(|text| !text.is_empty() && text.chars().count() <= MAX_REASON).map(str::to_owned);
    if matches!(found.partition, Partition::NeedToKnow(_)) && reason.is_none() {
        let sentence = format!("Permohonan ini perlu dijaga: sebut alasan di kepala {REASON}.");
        return Err(Refused::new(StatusCode::FORBIDDEN, "alasan", sentence));
    }
    let (by, application) = (Reader::Staff(caller.staff.id), found.id);
    let note = move |office: &mut crate::office::Office<_>| {
        let read = Read { by, what: "antarmuka", application: Some(application), reason: reason.as_deref() };
        office.note_read(&read, now(), &mut dice)
    };
    app.writer.write(false, note).await??;
    Ok((found.partition, found.id))
}

/// `GET /v1/api/applications/{number}`.
pub async fn application(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(number): Path<String>,
    headers: HeaderMap,
) -> Answer {
    caller.may(Scope::Baca)?;
    let (partition, id) = opened(&app, &caller, &number, &headers).await?;
    let read = move |replica: &Replica<_>| -> Result<Value, ReplicaError> {
        replica.shown(&replica.judged_case(&partition, &id)?, now())
    };
    Ok(Json(app.readers.run(read).await??))
}

/// What an act is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    reason: Option<String>,
    #[serde(default)]
    params: BTreeMap<String, String>,
}

/// `POST /v1/api/applications/{number}/acts/{act}`.
pub async fn act(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((number, act)): Path<(String, String)>,
    headers: HeaderMap,
    told: Result<Json<Told>, JsonRejection>,
) -> Answer {
    caller.may(Scope::Tindak)?;
    let Json(told) = told.map_err(|_| {
        let sentence = "Kirim {\"reason\": …, \"params\": {…}} sebagai application/json.";
        Refused::new(StatusCode::BAD_REQUEST, "badan", sentence)
    })?;
    let (partition, id) = opened(&app, &caller, &number, &headers).await?;
    let wish = DeskAct {
        act,
        staff: caller.staff.id,
        reason: told.reason,
        params: told.params.into_iter().collect(),
    };
    let done = move |office: &mut crate::office::Office<_>| {
        Ok(match office.act(&partition, &id, wish, now(), &mut dice) {
            Ok((case, decision)) => Ok(office.replica.shown_decision(&case, &decision, now())?),
            Err(ActError::Refused(refusal)) => Err((refusal.code().to_owned(), refusal.sentence())),
            Err(ActError::Replica(error)) => return Err(error),
        })
    };
    match app.writer.write(false, done).await?? {
        Ok(decision) => Ok(Json(json!({ "decision": decision }))),
        Err((code, sentence)) => Err(Refused::new(StatusCode::CONFLICT, &code, sentence)),
    }
}

/// What is looked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    nik: Option<String>,
    name: Option<String>,
}

/// `POST /v1/api/search`: by NIK or name, in the body, so that no address holds them.
pub async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Answer {
    caller.may(Scope::Baca)?;
    let bad = || Refused::new(StatusCode::BAD_REQUEST, "badan", "Kirim {\"nik\": …} atau {\"name\": …}.");
    let Json(wanted) = wanted.map_err(|_| bad())?;
    let staff = caller.staff.clone();
    let read = move |replica: &Replica<_>| found(replica, &staff, &wanted);
    let matches = app.readers.run(read).await??.ok_or_else(bad)?;
    let (by, ids) =
        (Reader::Staff(caller.staff.id), matches.found.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    let note = move |office: &mut crate::office::Office<_>| {
        ids.into_iter().try_for_each(|application| {
            office.note_read(
                &Read { by, what: "antarmuka", application: Some(application), reason: None },
                now(),
                &mut dice,
            )
        })
    };
    app.writer.write(false, note).await??;
    let line = |(_, row): &(EntryHash, ApplicationRow)| json!({ "number": row.number, "service": row.service, "state": row.state, "name": row.name });
    let all: Vec<_> = matches.found.iter().map(line).collect();
    Ok(Json(json!({ "found": all, "more": matches.more })))
}

fn found<S: Store>(
    replica: &Replica<S>,
    staff: &StaffRow,
    wanted: &Wanted,
) -> Result<Option<crate::office::words::Matches>, ReplicaError> {
    use crate::office::words::{of_name, of_person};
    let fits = |row: &ApplicationRow| may_know(replica, row, staff);
    match (&wanted.nik, &wanted.name) {
        (Some(nik), None) => of_person(replica, nik, &fits, limits::PAGE).map(Some),
        (None, Some(name)) => of_name(replica, name, &fits, limits::PAGE),
        _ => Ok(None),
    }
}
