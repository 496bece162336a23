//! What counts: whether an edit may enter a document. Depends on signed data and the pinned catalogue version
//! alone, never on the reader's clock or version, so every replica says the same.

use crate::attachment::MAX_ATTACHMENT;
use crate::catalogue::{Role, Service};
use crate::journal::body::{Edit, Op, Value};
use crate::value;

/// Edits of one application that an author may have among an edit's ancestors, in all its journals together.
pub const MAX_EDITS: usize = 500;
/// Bytes of their bodies after which further edits do not count. A filled form has two thousand; each version of a value stays in the document for ever.
pub const MAX_EDIT_BYTES: usize = 1 << 20;

/// Registers that an application's first edit writes, and nothing ever again.
pub const RESERVED: [&str; 7] = ["_layanan", "_versi", "_katalog", "_varian", "_nomor", "_wilayah", "_asal"];

/// Why an edit is kept and does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Hold {
    /// Its body is of a later version, or beyond its limits.
    #[error("isi tidak terbaca oleh versi ini")]
    Unreadable,
    /// Its author may not edit here, or no longer.
    #[error("perangkat tidak (lagi) berwenang")]
    NotPermitted,
    /// It breaks the form of an edit: a reserved or unknown register, a value of the wrong kind.
    #[error("isian tidak dikenal atau tidak sah menurut katalog layanan")]
    Invalid,
    /// [`MAX_EDITS`] of its author are among its ancestors already, or [`MAX_EDIT_BYTES`] of them.
    #[error("terlalu banyak perubahan pada satu permohonan")]
    TooMany,
    /// Its author's previous edit is not among its ancestors.
    #[error("perubahan tidak berurutan")]
    Order,
    /// Replaying it gives another hash.
    #[error("hasil penerapan berbeda dari yang dinyatakan")]
    Hash,
    /// It builds on a held edit.
    #[error("bertumpu pada perubahan yang ditahan")]
    Ancestor,
}

impl Hold {
    /// The word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Hold::Unreadable => "tidak_terbaca",
            Hold::NotPermitted => "tidak_berwenang",
            Hold::Invalid => "tidak_sah",
            Hold::TooMany => "terlalu_banyak",
            Hold::Order => "tidak_berurutan",
            Hold::Hash => "hasil_berbeda",
            Hold::Ancestor => "bertumpu",
        }
    }
}

/// Whether a role writes applications.
pub fn may_edit(role: Role) -> bool {
    matches!(role, Role::OperatorDesa | Role::OperatorKecamatan | Role::PetugasLapangan)
}

/// Checks an edit's form against the service under which its application was filed; `office`: whether the office wrote
/// it, which alone writes the fields of its desks.
pub fn check_edit(service: &Service, edit: &Edit, first: bool, office: bool) -> Result<(), Hold> {
    if edit.ops.is_empty() || first != edit.parents.is_empty() {
        return Err(Hold::Invalid);
    }
    let of_desk = |op: &Op| service.field(&op.register).is_some_and(|field| field.desk.is_some());
    if !office && edit.ops.iter().any(of_desk) {
        return Err(Hold::Invalid);
    }
    edit.ops.iter().try_for_each(|op| check_op(service, op, first))
}

fn check_op(service: &Service, op: &Op, first: bool) -> Result<(), Hold> {
    if RESERVED.contains(&op.register.as_str()) {
        return if first { Ok(()) } else { Err(Hold::Invalid) };
    }
    let valid = match op.register.split_once('/') {
        Some(("lampiran", rest)) => {
            let requirement = rest.split_once('/').map(|(requirement, _)| requirement);
            let known = requirement.is_some_and(|id| service.requirement(id).is_some());
            let fits = match &op.value {
                Value::Clear => true,
                Value::Attachment(_, bytes) => *bytes <= MAX_ATTACHMENT,
                Value::Text(_) => false,
            };
            known && fits
        }
        Some(("abaikan", requirement)) => service.requirement(requirement).is_some() && is_text(&op.value),
        Some(("catatan" | "periksa", _)) => is_text(&op.value),
        Some(_) => false,
        None => check_field(service, op),
    };
    if valid { Ok(()) } else { Err(Hold::Invalid) }
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::Clear | Value::Text(_))
}

fn check_field(service: &Service, op: &Op) -> bool {
    let Some(field) = service.field(&op.register) else { return false };
    match &op.value {
        Value::Clear => true,
        Value::Attachment(..) => false,
        Value::Text(text) => value::parse(field.kind, &field.options, field.many, text)
            .is_ok_and(|canonical| canonical == *text),
    }
}
