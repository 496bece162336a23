//! Services and forms, so that a screen can be drawn without knowing any service.

use loket_core::catalogue::{self, Kind, Obligation, ServiceFile};
use loket_core::checks::{Missing, What};
use loket_core::client::FormView;
use serde_json::Value;

/// A service that can be filed today.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ServiceSummary {
    /// Id.
    pub service: String,
    /// Title for people.
    pub title: String,
    /// Version of its file.
    pub version: String,
    /// Variants; the first is taken where none is named. Empty: it has none.
    pub variants: Vec<ServiceVariant>,
}

/// A variant of a service.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ServiceVariant {
    /// Id.
    pub id: String,
    /// Title for people.
    pub title: String,
}

/// What a field holds. The value is text in each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum FieldKind {
    /// NIK: 16 digits.
    Nik,
    /// Family card number: 16 digits.
    FamilyCard,
    /// A person's name.
    Name,
    /// A date: typed as people write it, given back as `YYYY-MM-DD`.
    Date,
    /// A line of text.
    Text,
    /// A phone number.
    Phone,
    /// One of the choices, or several where `many` (joined by commas).
    Choice,
    /// A region's code.
    Region,
    /// A whole number.
    Number,
    /// `ya` or `tidak`.
    YesNo,
    /// A remark: each is added, none rewritten.
    Remark,
}

impl From<Kind> for FieldKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Nik => Self::Nik,
            Kind::NomorKk => Self::FamilyCard,
            Kind::Nama => Self::Name,
            Kind::Tanggal => Self::Date,
            Kind::Teks => Self::Text,
            Kind::Telepon => Self::Phone,
            Kind::Pilihan => Self::Choice,
            Kind::Wilayah => Self::Region,
            Kind::Bilangan => Self::Number,
            Kind::YaTidak => Self::YesNo,
            Kind::Catatan => Self::Remark,
        }
    }
}

/// A choice.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Choice {
    /// What is stored.
    pub id: String,
    /// What people read.
    pub label: String,
}

pub(crate) fn choices(options: &[catalogue::Choice]) -> Vec<Choice> {
    options.iter().map(|one| Choice { id: one.id.clone(), label: one.label.clone() }).collect()
}

/// The form of an application: what its service asks of it now. It changes with what is filled in.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ApplicationForm {
    /// Id of the service.
    pub service: String,
    /// Title of the service.
    pub title: String,
    /// Variant.
    pub variant: Option<String>,
    /// Fields, in the order in which they are shown.
    pub fields: Vec<FormField>,
    /// Papers, in their order.
    pub requirements: Vec<FormRequirement>,
}

/// A field that is asked.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct FormField {
    /// Id, as `set` takes it.
    pub id: String,
    /// Label for people.
    pub label: String,
    /// Heading under which it is shown.
    pub section: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Choices, where it is one.
    pub options: Vec<Choice>,
    /// Whether several may be chosen.
    pub many: bool,
    /// Whether the submission needs it.
    pub required: bool,
    /// The field that holds the value before, for data that change.
    pub old: Option<String>,
    /// The paper that it describes.
    pub requirement: Option<String>,
    /// What stands there; nothing also while values contradict each other.
    pub value: Option<String>,
    /// Whether values contradict each other: one has to be chosen.
    pub conflict: bool,
}

/// A paper that is asked.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct FormRequirement {
    /// Id, as `attach` takes it.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// Whether the submission needs it; of a group, enough of its members.
    pub required: bool,
    /// The group of which some members are enough.
    pub group: Option<String>,
    /// Whether the office keeps the original for good.
    pub surrender: bool,
    /// The least resolution of its photo, in dots per inch.
    pub least_dpi: Option<u32>,
    /// Its scans.
    pub scans: Vec<Scan>,
}

/// A scan.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Scan {
    /// Its number under the paper.
    pub n: u32,
    /// BLAKE3 of its bytes.
    pub hash: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What keeps an application from being submitted.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Lack {
    /// What kind of thing.
    pub kind: LackKind,
    /// The field, paper or warning.
    pub id: String,
    /// What to do.
    pub sentence: String,
}

/// What kind of thing is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LackKind {
    /// A field's value: `set`.
    Field,
    /// A paper's scan: `attach`.
    Requirement,
    /// A choice between values: `choose`.
    Conflict,
    /// Something to look at: `tick`.
    Warning,
    /// A scan that is named and neither here nor at the office.
    Attachment,
}

pub(crate) fn lack(missing: Missing) -> Lack {
    let kind = match missing.what {
        What::Field => LackKind::Field,
        What::Requirement => LackKind::Requirement,
        What::Conflict => LackKind::Conflict,
        What::Warning => LackKind::Warning,
        What::Attachment => LackKind::Attachment,
    };
    Lack { kind, id: missing.id, sentence: missing.sentence }
}

/// Values that contradict each other: nobody's is lost, and one is chosen.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Conflict {
    /// The field.
    pub field: String,
    /// The values.
    pub values: Vec<ConflictValue>,
}

/// One of the values.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ConflictValue {
    /// The value, as `choose` takes it.
    pub value: String,
    /// Who wrote it.
    pub author: String,
    /// When, by their clock.
    pub time: String,
}

pub(crate) fn conflict(shown: &Value) -> Conflict {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let values = shown["values"].as_array().map(Vec::as_slice).unwrap_or_default().iter().map(|one| {
        ConflictValue { value: text(one, "value"), author: text(one, "author"), time: text(one, "time") }
    });
    Conflict { field: text(shown, "field"), values: values.collect() }
}

/// Something to look at before submitting.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Warning {
    /// Id, as `tick` takes it.
    pub id: String,
    /// What to look at.
    pub sentence: String,
    /// Whether it was ticked off for the present values.
    pub ticked: bool,
}

pub(crate) fn service(file: &ServiceFile) -> ServiceSummary {
    let variants = file.service.variants.iter();
    ServiceSummary {
        service: file.service.service.clone(),
        title: file.service.title.clone(),
        version: file.service.version.clone(),
        variants: variants
            .map(|one| ServiceVariant { id: one.id.clone(), title: one.title.clone() })
            .collect(),
    }
}

pub(crate) fn form(view: FormView) -> ApplicationForm {
    let service = &view.file.service;
    let fields = view.fields.into_iter().filter_map(|asked| {
        let field = service.fields.get(asked.place)?;
        Some(FormField {
            id: field.id.clone(),
            label: field.label.clone(),
            section: field.section.clone(),
            kind: field.kind.into(),
            options: choices(&field.options),
            many: field.many,
            required: field.required,
            old: field.old.clone(),
            requirement: field.requirement.clone(),
            value: asked.value,
            conflict: asked.conflict,
        })
    });
    let requirements = view.requirements.into_iter().filter_map(|asked| {
        let one = service.requirements.get(asked.place)?;
        let scans = asked.scans.iter();
        Some(FormRequirement {
            id: one.id.clone(),
            title: one.title.clone(),
            required: one.obligation != Obligation::IfAvail,
            group: one.group.clone(),
            surrender: one.surrender,
            least_dpi: one.photo_min_dpi,
            scans: scans
                .map(|scan| Scan { n: scan.n, hash: scan.hash.to_hex(), bytes: scan.bytes })
                .collect(),
        })
    });
    ApplicationForm {
        service: service.service.clone(),
        title: service.title.clone(),
        variant: view.variant.clone(),
        fields: fields.collect(),
        requirements: requirements.collect(),
    }
}
