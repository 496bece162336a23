//! What an application still lacks before it can be submitted, and what a person has to look at.
//!
//! Pure: the same form gives the same answer on the phone and at the office. Only the service's file says what is
//! asked; this module knows fields by their kind, and by name only those few that [`warnings`] holds against each
//! other. Sentences name fields and papers by their labels and never repeat a value.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::catalogue::line::VARIANT;
use crate::catalogue::{Capture, Condition, Field, Group, Kind, Obligation, Requirement, Service};
use crate::journal::AttachmentHash;
use crate::region::Regions;
use crate::value;

mod warnings;

pub use warnings::{WarningState, warnings};

/// Registers below this name attachments: `lampiran/<requirement>/<n>`.
pub const ATTACHMENTS: &str = "lampiran/";
/// Registers below this say why a requirement is not asked: `abaikan/<requirement>`.
pub const OVERRIDES: &str = "abaikan/";
/// Registers below this hold the fingerprint of a warning that was ticked off: `periksa/<warning>`.
pub const TICKS: &str = "periksa/";

/// An application as one replica sees it at one moment.
pub struct Form<'a> {
    /// The service, in the version under which the application was filed.
    pub service: &'a Service,
    /// The variant; none where the service has none.
    pub variant: Option<&'a str>,
    /// The document's registers with their values.
    pub registers: &'a BTreeMap<String, String>,
    /// Names of the registers in which different values wait for a choice.
    pub conflicts: &'a BTreeSet<String>,
    /// Whether this replica holds an attachment's bytes.
    pub attachments_here: &'a dyn Fn(&AttachmentHash) -> bool,
    /// Civil date in Asia/Jakarta: of the submission, or today for a draft.
    pub today: Date,
    /// The regions that this replica knows.
    pub regions: &'a Regions,
}

/// What kind of thing is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A field's value: `id` is the field.
    Field,
    /// A paper's scan: `id` is the requirement.
    Requirement,
    /// A choice between values: `id` is the register.
    Conflict,
    /// A tick: `id` is the warning.
    Warning,
    /// An attachment's bytes: `id` is the requirement.
    Attachment,
}

impl What {
    /// The word that JSON uses.
    pub fn as_str(&self) -> &'static str {
        match self {
            What::Field => "field",
            What::Requirement => "requirement",
            What::Conflict => "conflict",
            What::Warning => "warning",
            What::Attachment => "attachment",
        }
    }
}

/// One thing that keeps the application from being submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What kind of thing.
    pub what: What,
    /// What `set`, `attach`, `choose` or `tick` takes.
    pub id: String,
    /// What to do, in Indonesian.
    pub sentence: String,
}

/// An attachment that the document names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The requirement it satisfies.
    pub requirement: String,
    /// Its number under the requirement.
    pub n: u32,
    /// Its hash.
    pub hash: AttachmentHash,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What keeps the application from being submitted, in the form's order: fields, then papers, then warnings.
pub fn missing(form: &Form<'_>) -> Vec<Missing> {
    let attached = attachments(form);
    let mut missing = Vec::new();
    for field in form.service.fields.iter().filter(|field| form.asks_field(field)) {
        missing.extend(missing_field(form, field, &attached));
    }
    for block in form.service.blocks.iter().filter(|block| form.holds(&block.when)) {
        let id =
            condition_fields(&block.when).first().map_or_else(|| block.id.clone(), |id| (*id).to_owned());
        missing.push(Missing { what: What::Field, id, sentence: block.sentence.clone() });
    }
    for requirement in &form.service.requirements {
        missing.extend(missing_paper(form, requirement, &attached));
        missing.extend(missing_attachments(form, requirement, &attached));
    }
    let unticked = warnings(form).into_iter().filter(|warning| !warning.ticked);
    missing.extend(unticked.map(|warning| Missing {
        what: What::Warning,
        id: warning.id,
        sentence: warning.sentence,
    }));
    missing
}

/// The attachments that the document names for requirements of this service, in the form's order. A register
/// that is not `<64 hex> <bytes>` names none.
pub fn attachments(form: &Form<'_>) -> Vec<Attached> {
    let mut attached = Vec::new();
    for requirement in &form.service.requirements {
        let prefix = format!("{ATTACHMENTS}{}/", requirement.id);
        let mut of_one: Vec<Attached> = under(form.registers, &prefix)
            .filter_map(|(n, text)| {
                let (hash, bytes) = text.split_once(' ')?;
                Some(Attached {
                    requirement: requirement.id.clone(),
                    n: n.parse().ok()?,
                    hash: AttachmentHash::from_hex(hash)?,
                    bytes: bytes.parse().ok()?,
                })
            })
            .collect();
        of_one.sort_by_key(|attachment| attachment.n);
        attached.extend(of_one);
    }
    attached
}

/// Whether an old card has to be surrendered: a paper that the office keeps is asked, or was attached though it
/// is not a must.
pub fn surrender_applies(form: &Form<'_>) -> bool {
    let attached = attachments(form);
    let kept = form.service.requirements.iter().filter(|requirement| requirement.surrender);
    kept.filter(|requirement| form.asks(requirement))
        .any(|requirement| requirement.obligation == Obligation::Must || has(&attached, &requirement.id))
}

impl<'a> Form<'a> {
    /// A register's one value: none where it is empty or open to conflict.
    pub fn value(&self, register: &str) -> Option<&'a str> {
        if self.conflicts.contains(register) {
            return None;
        }
        let stored = self.registers.get(register).map(String::as_str).filter(|text| !text.is_empty());
        stored.or_else(|| if register == VARIANT { self.variant } else { None })
    }

    /// Whether the condition holds for this form's values.
    pub fn holds(&self, condition: &Condition) -> bool {
        condition.holds(&|register| self.value(register).map(str::to_owned), self.today)
    }

    /// Whether the field is asked: its variant, its condition and the requirement it describes, if any.
    pub fn asks_field(&self, field: &Field) -> bool {
        let described = field.requirement.as_ref();
        let requirement = described
            .and_then(|id| self.service.requirements.iter().find(|requirement| requirement.id == *id));
        field.desk.is_none()
            && self.fits(&field.variants)
            && self.holds_or_none(field.when.as_ref())
            && requirement.is_none_or(|requirement| self.asks(requirement))
    }

    /// Whether the requirement is in force: its variant, its condition and its group's, and no officer's override.
    pub fn asks(&self, requirement: &Requirement) -> bool {
        self.applies(requirement) && !self.overridden(requirement)
    }

    fn applies(&self, requirement: &Requirement) -> bool {
        self.fits(&requirement.variants)
            && self.holds_or_none(requirement.when.as_ref())
            && self.group(requirement).is_none_or(|group| self.holds_or_none(group.when.as_ref()))
    }

    fn overridden(&self, requirement: &Requirement) -> bool {
        self.value(&format!("{OVERRIDES}{}", requirement.id)).is_some()
    }

    fn group(&self, requirement: &Requirement) -> Option<&'a Group> {
        let id = requirement.group.as_ref()?;
        self.service.groups.iter().find(|group| group.id == *id)
    }

    fn fits(&self, variants: &[String]) -> bool {
        variants.is_empty() || self.variant.is_some_and(|variant| variants.iter().any(|one| one == variant))
    }

    fn holds_or_none(&self, condition: Option<&Condition>) -> bool {
        condition.is_none_or(|condition| self.holds(condition))
    }
}

fn missing_field(form: &Form<'_>, field: &Field, attached: &[Attached]) -> Option<Missing> {
    let found = |what, sentence| Some(Missing { what, id: field.id.clone(), sentence });
    if form.conflicts.contains(&field.id) {
        return found(
            What::Conflict,
            format!("{} berisi beberapa nilai berbeda; pilih salah satu.", field.label),
        );
    }
    let Some(text) = form.value(&field.id) else {
        let remarks =
            field.kind == Kind::Catatan && under(form.registers, &format!("{}/", field.id)).next().is_some();
        let needed = field.required && !remarks && must_describe(form, field, attached);
        return if needed { found(What::Field, format!("{} belum diisi.", field.label)) } else { None };
    };
    let error = value::parse(field.kind, &field.options, field.many, text).err()?;
    found(What::Field, format!("{} perlu diperbaiki: {error}.", field.label))
}

/// A paper that is only asked if the applicant has it, or is one of several, need be described only once it is
/// attached.
fn must_describe(form: &Form<'_>, field: &Field, attached: &[Attached]) -> bool {
    let described = field.requirement.as_ref();
    let paper = described.and_then(|id| form.service.requirements.iter().find(|paper| paper.id == *id));
    paper.is_none_or(|paper| paper.obligation == Obligation::Must || has(attached, &paper.id))
}

fn missing_paper(form: &Form<'_>, paper: &Requirement, attached: &[Attached]) -> Option<Missing> {
    let found = |sentence| Some(Missing { what: What::Requirement, id: paper.id.clone(), sentence });
    if let Some(group) = form.group(paper) {
        return missing_of_group(form, group, paper, attached).and_then(found);
    }
    let lacks = paper.obligation != Obligation::IfAvail
        && paper.capture != Capture::None
        && form.asks(paper)
        && !has(attached, &paper.id);
    if lacks { found(format!("Lampirkan {}.", paper.title)) } else { None }
}

/// What to say at the group's first member that can be attached, where fewer than enough are. An overridden
/// member counts as given: otherwise an override could not help where all members are lacking.
fn missing_of_group(
    form: &Form<'_>,
    group: &Group,
    paper: &Requirement,
    attached: &[Attached],
) -> Option<String> {
    let of_group = |member: &&Requirement| member.group.as_ref() == Some(&group.id);
    let members: Vec<&Requirement> = form
        .service
        .requirements
        .iter()
        .filter(of_group)
        .filter(|member| member.capture != Capture::None && form.applies(member))
        .collect();
    let preferred = members.iter().find(|member| !has(attached, &member.id) && !form.overridden(member))?;
    let given = members.iter().filter(|member| has(attached, &member.id) || form.overridden(member)).count();
    let least = usize::try_from(group.least).unwrap_or(usize::MAX).min(members.len());
    if preferred.id != paper.id || given >= least {
        return None;
    }
    let how_many = least - given;
    Some(format!("{}: lampirkan {how_many} lagi, misalnya {}.", group.title, paper.title))
}

/// Attachments of a requirement in force whose register is in conflict, or whose bytes are elsewhere.
fn missing_attachments(form: &Form<'_>, paper: &Requirement, attached: &[Attached]) -> Vec<Missing> {
    if !form.asks(paper) {
        return Vec::new();
    }
    let prefix = format!("{ATTACHMENTS}{}/", paper.id);
    let conflicts =
        form.conflicts.iter().filter(|register| register.starts_with(&prefix)).map(|register| Missing {
            what: What::Conflict,
            id: register.clone(),
            sentence: format!("Ada beberapa lampiran berbeda untuk {}; pilih salah satu.", paper.title),
        });
    let elsewhere = attached
        .iter()
        .any(|one| one.requirement == paper.id && !(form.attachments_here)(&one.hash))
        .then(|| Missing {
            what: What::Attachment,
            id: paper.id.clone(),
            sentence: format!(
                "Lampiran {} belum ada di perangkat ini; sinkronkan atau lampirkan lagi.",
                paper.title
            ),
        });
    conflicts.chain(elsewhere).collect()
}

fn has(attached: &[Attached], requirement: &str) -> bool {
    attached.iter().any(|one| one.requirement == requirement)
}

/// Registers below a prefix, the prefix taken off, with values that are not empty.
fn under<'a>(
    registers: &'a BTreeMap<String, String>,
    prefix: &str,
) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    let prefix = prefix.to_owned();
    registers
        .range(prefix.clone()..)
        .map_while(move |(name, value)| Some((name.strip_prefix(&prefix)?, value.as_str())))
        .filter(|(_, value)| !value.is_empty())
}

/// The fields that a condition reads, in its order, each once.
fn condition_fields(condition: &Condition) -> Vec<&str> {
    fn collect<'a>(condition: &'a Condition, fields: &mut Vec<&'a str>) {
        let field = match condition {
            Condition::AgeBelow(age) | Condition::AgeAtLeast(age) => &age.field,
            Condition::Equals(want) | Condition::Contains(want) => &want.field,
            Condition::All(parts) | Condition::Any(parts) => {
                return parts.iter().for_each(|p| collect(p, fields));
            }
            Condition::Not(part) => return collect(part, fields),
        };
        if !fields.contains(&field.as_str()) {
            fields.push(field);
        }
    }
    let mut fields = Vec::new();
    collect(condition, &mut fields);
    fields
}

#[cfg(test)]
mod tests;
