//! Acts: submissions, requests and reported facts. The office answers; what is plain already is said here.

use super::draft::GROUP;
use super::edits::service_of;
use super::fields::unknown;
use super::pen::Pen;
use super::profile::role_text;
use super::{ClientError, Phone};
use crate::catalogue::{ActKind, ActRef, Need, Role, Service};
use crate::checks::Missing;
use crate::journal::body::frozen_digest;
use crate::journal::{AuthorId, EntryHash, Partition};
use crate::replica::ReplicaError;
use crate::replica::case::Case;
use crate::replica::write::{Asked, attachments};
use crate::value;
use crate::workflow::{ACT_TOLD, MARK_PREFIX, NEED_FREE_REASON, NEED_REASON, State, available_all};

/// Things that a refusal names at most.
const MAX_NAMED: usize = 8;

/// A submission that is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The application.
    pub id: EntryHash,
    /// Its number.
    pub number: String,
    /// The revision that it becomes.
    pub revision: u32,
}

impl Phone {
    /// Submits an application as it stands here.
    ///
    /// # Errors
    /// With what is missing, or where it is not at an officer's hand.
    pub fn submit(&mut self, name: &str) -> Result<Submitted, ClientError> {
        let found = self.find(name)?;
        let at = (found.partition, found.id);
        let role = self.role()?;
        let me = self.author();
        self.may_write(&at)?;
        self.write(|pen| submit(pen, &at, role, &me))
    }

    /// Submits every draft that is complete; returns those, and the others with the reason. `each` is told after
    /// every transaction how many drafts were looked at, and of how many.
    #[expect(clippy::type_complexity, reason = "submitted, and left with the reason")]
    pub fn submit_all(
        &mut self,
        each: &mut dyn FnMut(usize, usize),
    ) -> Result<(Vec<Submitted>, Vec<(String, String)>), ClientError> {
        let drafts: Vec<(String, (Partition, EntryHash))> = self
            .list()?
            .into_iter()
            .filter(|listed| listed.row.revision == 0 && !listed.row.fin)
            .map(|listed| (listed.row.number, (listed.partition, listed.id)))
            .collect();
        let (role, me) = (self.role()?, self.author());
        let (mut submitted, mut left) = (Vec::new(), Vec::new());
        for (group, drafts_of_group) in drafts.chunks(GROUP).enumerate() {
            let mut open = Vec::new();
            for (number, at) in drafts_of_group {
                match self.may_write(at) {
                    Ok(()) => open.push((number, at)),
                    Err(error) => left.push((number.clone(), error.to_string())),
                }
            }
            let done = self.write(|pen| {
                let mut done = Vec::with_capacity(open.len());
                for (number, at) in &open {
                    let case = pen.case(at)?;
                    if pending(&case, &me)? {
                        continue;
                    }
                    // Only what a person can mend is a reason to go on; anything else undoes the group.
                    match submit(pen, at, role, &me) {
                        Err(ReplicaError::Refused(sentence)) => done.push(Err(((*number).clone(), sentence))),
                        other => done.push(Ok(other?)),
                    }
                }
                Ok(done)
            })?;
            for one in done {
                match one {
                    Ok(one) => submitted.push(one),
                    Err(one) => left.push(one),
                }
            }
            each((group * GROUP + drafts_of_group.len()).min(drafts.len()), drafts.len());
        }
        Ok((submitted, left))
    }

    /// Asks for an act, or reports a fact. Returns the application, and what the officer should know: the office
    /// may see it otherwise.
    pub fn act(
        &mut self,
        name: &str,
        act: &str,
        reason: Option<&str>,
        params: &[(String, String)],
    ) -> Result<(EntryHash, Option<String>), ClientError> {
        let found = self.find(name)?;
        let at = (found.partition, found.id);
        let (role, me) = (self.role()?, self.author());
        let case = self.replica.case(&at.0, &at.1)?;
        let file = service_of(&case)?;
        let service = &file.service;
        let code = case.state().map(|state| state.code).unwrap_or_default();
        let known = service.act_at(act, &code);
        if known.is_none() && act != ACT_TOLD {
            return Err(unknown("tindakan", act, service.acts().iter().map(|(id, _)| *id)).into());
        }
        if known.is_some_and(|known| known.kind() == ActKind::Ajukan && matches!(known, ActRef::Step(..))) {
            self.may_write(&at)?;
            return self.write(|pen| submit(pen, &at, role, &me)).map(|submitted| (submitted.id, None));
        }
        let params = parameters(known.map_or(&[], |known| known.needs()), params)?;
        let warning = case.state().and_then(|state| doubt(service, &state, act, role));
        self.write(|pen| {
            let case = pen.case(&at)?;
            let asked = Asked {
                act: act.to_owned(),
                freezes: false,
                reason: reason.map(str::trim).filter(|reason| !reason.is_empty()).map(str::to_owned),
                params,
            };
            pen.request(&case, asked).map(|case| (case.id, warning))
        })
    }
}

/// What an act is told, each value as its kind stores it.
fn parameters(needs: &[Need], typed: &[(String, String)]) -> Result<Vec<(String, String)>, ReplicaError> {
    let mut params: Vec<(String, String)> = Vec::new();
    for (name, typed) in typed {
        let free = name == NEED_REASON || name == NEED_FREE_REASON || name.starts_with(MARK_PREFIX);
        let value = match needs.iter().find(|need| need.id == *name) {
            Some(need) => parameter(need, typed)?,
            None if free => typed.trim().to_owned(),
            None => return Err(unknown("isian tindakan", name, needs.iter().map(|need| need.id.as_str()))),
        };
        params.retain(|(other, _)| other != name);
        params.push((name.clone(), value));
    }
    let lacking = needs.iter().find(|need| need.required && !params.iter().any(|(name, _)| *name == need.id));
    match lacking {
        Some(need) => {
            Err(ReplicaError::refused(format!("{} belum diisi: tambahkan --set {}=…", need.label, need.id)))
        }
        None => Ok(params),
    }
}

fn parameter(need: &Need, typed: &str) -> Result<String, ReplicaError> {
    value::parse(need.kind, &need.options, need.many, typed)
        .map_err(|error| ReplicaError::refused(format!("{}: {error}", need.id)))
}

/// What an officer should know before the office answers: as far as this phone can tell.
fn doubt(service: &Service, state: &State, act: &str, role: Role) -> Option<String> {
    let offers = available_all(service, state);
    let label = service.state(&state.code).map_or(state.code.as_str(), |info| info.label.as_str());
    if !offers.iter().any(|offer| offer.act == act) {
        return Some(format!("menurut perangkat ini tindakan {act} belum waktunya (status: {label})"));
    }
    let mine = offers.iter().any(|offer| offer.act == act && offer.role == role);
    (!mine).then(|| format!("tindakan {act} bukan tugas peran {}", role_text(role)))
}

/// Whether a submission of this device has not been answered.
fn pending(case: &Case, me: &AuthorId) -> Result<bool, ReplicaError> {
    let file = service_of(case)?;
    let step = submission(&file.service)?;
    Ok(case.open_requests().any(|open| open.author == *me && open.request.act == step))
}

/// The act by which this service is submitted.
fn submission(service: &Service) -> Result<&str, ReplicaError> {
    let step = service.steps.iter().find(|step| step.kind == ActKind::Ajukan);
    step.map(|step| step.act.as_str())
        .ok_or_else(|| ReplicaError::refused("layanan ini tidak diajukan dari sini"))
}

fn submit(
    pen: &mut Pen<'_>,
    at: &(Partition, EntryHash),
    role: Role,
    me: &AuthorId,
) -> Result<Submitted, ReplicaError> {
    let case = pen.case(at)?;
    let file = pen.service(&case)?;
    let service = &file.service;
    let act = submission(service)?.to_owned();
    let state = case.state().unwrap_or_else(|| State::draft(service));
    let number = case.reserved("_nomor").unwrap_or_default();
    let done = Submitted { id: case.id, number, revision: state.revision + 1 };
    if let Some(open) = case.open_requests().find(|open| open.author == *me && open.request.act == act) {
        let digest = frozen_digest(&case.document.heads(), &attachments(&case.document.registers()));
        if open.request.frozen == Some(digest) {
            return Ok(done);
        }
        return Err(ReplicaError::refused(
            "pengajuan sebelumnya belum dijawab Dinas: sinkronkan dahulu, lalu ajukan perubahannya",
        ));
    }
    check_turn(service, &state, &act, role)?;
    let missing = pen.replica.missing(&case, pen.now)?;
    if !missing.is_empty() {
        return Err(ReplicaError::refused(lacking(&missing)));
    }
    let asked = Asked { act, freezes: true, reason: None, params: Vec::new() };
    pen.request(&case, asked)?;
    Ok(done)
}

/// Refuses a submission that the office could only refuse.
fn check_turn(service: &Service, state: &State, act: &str, role: Role) -> Result<(), ReplicaError> {
    let offers = available_all(service, state);
    if !offers.iter().any(|offer| offer.act == act) {
        let label = service.state(&state.code).map_or(state.code.as_str(), |info| info.label.as_str());
        return Err(ReplicaError::refused(format!(
            "permohonan tidak dapat diajukan sekarang (status: {label}): tunggu keputusan Dinas"
        )));
    }
    if !offers.iter().any(|offer| offer.act == act && offer.role == role) {
        return Err(ReplicaError::refused(format!(
            "peran {} tidak mengajukan permohonan: mintalah operator desa atau kecamatan",
            role_text(role)
        )));
    }
    Ok(())
}

fn lacking(missing: &[Missing]) -> String {
    let named: Vec<String> =
        missing.iter().take(MAX_NAMED).map(|one| format!("{} ({})", one.sentence, one.id)).collect();
    let more = missing.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" … dan {more} lagi") } else { String::new() };
    format!("permohonan belum lengkap: {}{more}", named.join(" "))
}
