//! What a service's file can say: the closed set of concepts of the procedure, as it stands in TOML.
//!
//! Every type here is plain data. `check` refuses a file whose references do not resolve, so the rest of
//! the program may follow them without looking twice.

use serde::{Deserialize, Serialize};

/// One service, as its file declares it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Id, e.g. `ktp-el-hilang`.
    pub service: String,
    /// Version of this file, e.g. `2026.1`; an application keeps the one it was filed under.
    pub version: String,
    /// Civil date (`YYYY-MM-DD`) from which new applications use this version.
    pub valid_from: String,
    /// Title for people.
    pub title: String,
    /// The number in the office's published procedure, e.g. `S3`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Laws and regulations it rests on.
    #[serde(default)]
    pub legal: Vec<String>,
    /// Forms that are filled from the file and printed, e.g. `F-1.02`.
    #[serde(default)]
    pub forms: Vec<String>,
    /// Whose document it is.
    pub subject: Subject,
    /// Who may hold the application.
    pub privacy: Privacy,
    /// Where the card or document is printed.
    pub print_site: Site,
    /// Where the applicant collects it.
    pub pickup_site: Site,
    /// Where the papers are posted to; none where the applicant carries them in.
    pub paper_site: Option<Site>,
    /// Whether printing waits until the papers are received.
    #[serde(default)]
    pub gate_print_on_paper: bool,
    /// When "the document is ready" is told.
    pub notify_at: NotifyAt,
    /// How long data are kept after the application is final.
    pub retention_days: Retention,
    /// Working hours within which the service should be finished.
    pub service_time_hours: u32,
    /// Variants; the first is taken where none is named. Empty: the service has none.
    #[serde(default)]
    pub variants: Vec<Variant>,
    /// Fields, in the order a form shows them.
    pub fields: Vec<Field>,
    /// Groups of which some members are enough.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Papers that the service asks for.
    pub requirements: Vec<Requirement>,
    /// Checks across fields that the officer ticks off, eligibility included.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// Values that keep the application from being submitted, each with what to do about it.
    #[serde(default)]
    pub blocks: Vec<Warning>,
    /// States with the words people know them by.
    pub states: Vec<StateInfo>,
    /// The straight line, in order, from filing to hand-over. Transport steps stand here too and are left
    /// out where the card is printed where it is collected.
    pub steps: Vec<Step>,
    /// Acts that repair something beside the line and lead back to it.
    #[serde(default)]
    pub detours: Vec<Detour>,
    /// Acts on the papers, beside the line.
    #[serde(default)]
    pub parallel: Vec<ParallelAct>,
    /// Withdrawal by the applicant.
    pub withdraw: Withdraw,
    /// Why a file is returned, cancelled or sent back.
    #[serde(default)]
    pub reasons: Vec<Reason>,
    /// What is told to whom.
    #[serde(default)]
    pub notifications: Vec<Notification>,
    /// What is offered when the application ends.
    #[serde(default)]
    pub follow_ups: Vec<FollowUp>,
}

/// Whose document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Somebody who can have a KTP-el.
    Dewasa,
    /// A child, with parents or a guardian.
    Anak,
}

/// Who may hold the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// Personal data as usual: the devices of the village.
    Biasa,
    /// Data of a child (specific data by law): the devices of the village.
    Anak,
    /// Need to know: a partition of its own.
    PerluTahu,
}

/// A place, relative to where the application was filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// The village office.
    Desa,
    /// The kecamatan office.
    Kecamatan,
    /// The registry office.
    Dinas,
}

/// When "the document is ready" is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotifyAt {
    /// As soon as it is printed, wherever that is (the procedure's letter).
    Cetak,
    /// When it can be collected (after transport, where there is one).
    Siap,
}

/// How long data are kept, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// On phones, after the application is final.
    pub phone: u32,
    /// At the office, after the application is final.
    pub office: u32,
    /// A draft that nobody touches, until the office takes it back.
    #[serde(default = "draft_days")]
    pub draft: u32,
}

fn draft_days() -> u32 {
    180
}

/// A variant of a service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Id, e.g. `usia-0-5`.
    pub id: String,
    /// Title for people.
    pub title: String,
}

/// What a field or a need holds: a closed list. Values are text in each case; the kind says what text is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 16 digits.
    Nik,
    /// 16 digits.
    NomorKk,
    /// A person's name.
    Nama,
    /// A civil date, stored `YYYY-MM-DD`.
    Tanggal,
    /// A line of text.
    Teks,
    /// A phone number, stored E.164.
    Telepon,
    /// One of `options`, or several where `many`.
    Pilihan,
    /// A region code, dotted.
    Wilayah,
    /// A whole number.
    Bilangan,
    /// `ya` or `tidak`.
    YaTidak,
    /// Longer text; as an application's field, remarks are added and never rewritten.
    Catatan,
}

/// A choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What is stored.
    pub id: String,
    /// What people read.
    pub label: String,
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Word(String),
            Pair { id: String, label: String },
        }
        Ok(match Either::deserialize(input)? {
            Either::Word(id) => Choice { label: id.clone(), id },
            Either::Pair { id, label } => Choice { id, label },
        })
    }
}

/// A field of the application.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Id and name of the register, e.g. `tanggal_lahir`.
    pub id: String,
    /// Label for people.
    pub label: String,
    /// What it holds.
    pub kind: Kind,
    /// Choices, where `kind` is `pilihan`; the straight line's first.
    #[serde(default)]
    pub options: Vec<Choice>,
    /// Whether several choices may be held (stored in the options' order, joined by commas).
    #[serde(default)]
    pub many: bool,
    /// Whether submission needs it (where `when` holds, if given).
    #[serde(default)]
    pub required: bool,
    /// Condition under which the field is asked at all.
    pub when: Option<Condition>,
    /// Variants that ask it; empty: all.
    #[serde(default)]
    pub variants: Vec<String>,
    /// The heading under which a form shows it, e.g. `pemohon`.
    #[serde(default)]
    pub section: String,
    /// Its place in SIAK's order of typing.
    pub siak: Option<u32>,
    /// For data that change: the field that holds the value before.
    pub old: Option<String>,
    /// The requirement it describes (a letter's number, say); it is then asked where that is.
    pub requirement: Option<String>,
    /// The desk that writes it, at its own step; nobody else may, and no phone asks it.
    pub desk: Option<Role>,
    /// The words that such a desk begins with: `{id}` stands for what the field says.
    pub template: Option<String>,
}

/// A group of requirements of which some are enough.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Id.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// How many members are needed at least.
    pub least: u32,
    /// How many at most; more are only warned of.
    pub most: Option<u32>,
    /// Condition under which the group is asked.
    pub when: Option<Condition>,
}

/// How strongly a requirement is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Obligation {
    /// Always (where `when` holds, if given: JSON then says `when`).
    Must,
    /// If the applicant has it.
    IfAvail,
    /// One of a group.
    OneOf,
}

/// What the officer photographs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// A photo of the original.
    Original,
    /// Nothing.
    None,
}

/// The form in which a paper is handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum PaperForm {
    /// The original, handed in.
    O,
    /// The original, shown and returned.
    #[serde(rename = "OS")]
    Os,
    /// A photocopy.
    C,
    /// A legalised copy.
    #[serde(rename = "CL")]
    Cl,
    /// A court's or an office's official copy.
    #[serde(rename = "CC")]
    Cc,
    /// A photo print.
    P,
}

/// A paper of a requirement.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    /// Acceptable forms, the preferred first.
    pub forms: Vec<PaperForm>,
    /// How many.
    #[serde(default = "one")]
    pub count: u32,
}

fn one() -> u32 {
    1
}

/// A paper that the service asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Id: an Indonesian word, e.g. `surat_kehilangan`.
    pub id: String,
    /// The number in the table of requirements, e.g. `3.2`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Title for people.
    pub title: String,
    /// How strongly.
    pub obligation: Obligation,
    /// Group, where `one_of`.
    pub group: Option<String>,
    /// Condition under which it is asked.
    pub when: Option<Condition>,
    /// Variants that ask it; empty: all.
    #[serde(default)]
    pub variants: Vec<String>,
    /// What is photographed.
    pub capture: Capture,
    /// What paper is handed in, all of these.
    #[serde(default)]
    pub papers: Vec<Paper>,
    /// Whether the office keeps it for good (an old or damaged card).
    #[serde(default)]
    pub surrender: bool,
    /// The least resolution of the photo, in dots per inch.
    pub photo_min_dpi: Option<u32>,
}

/// A condition: a closed list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// The person is younger than so many years.
    AgeBelow(Age),
    /// The person is at least so many years old.
    AgeAtLeast(Age),
    /// The field has this value.
    Equals(FieldValue),
    /// The field (of many choices) contains this one.
    Contains(FieldValue),
    /// All of these.
    All(Vec<Condition>),
    /// Any of these.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
}

/// An age at the date of the submission (today, for a draft), in Asia/Jakarta.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Age {
    /// The field with the date of birth.
    pub field: String,
    /// Years.
    pub years: i16,
}

/// A field and a value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldValue {
    /// The field.
    pub field: String,
    /// The value.
    pub value: String,
}

/// Something that a person has to look at.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// Id, as `tick` takes it.
    pub id: String,
    /// What is wrong and what to do, in Indonesian.
    pub sentence: String,
    /// When it is raised.
    pub when: Condition,
}

/// How the service-time clock behaves in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// It runs.
    #[default]
    Jalan,
    /// It pauses.
    Jeda,
    /// It has not begun, or has ended.
    Henti,
}

/// A state, with the words people know it by.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateInfo {
    /// Id, e.g. `ANTRI_FO`.
    pub id: String,
    /// Label for people.
    pub label: String,
    /// The desk that owns the wait; none in final states.
    pub desk: Option<Role>,
    /// How the clock behaves.
    #[serde(default)]
    pub clock: Clock,
}

/// Somebody's role at a desk or a counter: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Village officer.
    OperatorDesa,
    /// Officer of the kecamatan.
    OperatorKecamatan,
    /// Field team: drafts and edits only.
    PetugasLapangan,
    /// Front Office of the registry office.
    FrontOffice,
    /// Head of section, population registration (or validator).
    KasiPendaftaran,
    /// Head of section, civil registration (or validator).
    KasiPencatatanSipil,
    /// Pickup counter.
    LoketPengambilan,
    /// Production.
    BagianProduksi,
    /// Head of the registry office.
    KepalaDinas,
    /// Administrator and supervisor.
    Admin,
}

/// Kind of act: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    /// Submit.
    Ajukan,
    /// Examine: ok, or one of the outcomes.
    Periksa,
    /// Attest something done elsewhere or on paper.
    Catat,
    /// Wait for something outside.
    Tunggu,
    /// Print.
    Cetak,
    /// Send off.
    Kirim,
    /// Receive.
    Terima,
    /// Hand over.
    Serah,
    /// Withdraw.
    Tarik,
}

/// What has to hold before an act: a closed list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Guard {
    /// A step's act has been done in this revision (signed before printed).
    Done(String),
    /// Another person than at that step's act (four eyes).
    OtherPerson(String),
    /// The papers were received (or waived).
    PapersReceived,
    /// The old card was surrendered with the papers, or is now.
    OldCard,
    /// The card is at the pickup site.
    CardAtPickup,
}

/// Something an act has to be told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// Id, as `--set` takes it.
    pub id: String,
    /// Label for people.
    pub label: String,
    /// What it holds.
    pub kind: Kind,
    /// Choices, the straight line's first.
    #[serde(default)]
    pub options: Vec<Choice>,
    /// Whether several may be chosen.
    #[serde(default)]
    pub many: bool,
    /// Whether the act is refused without it.
    #[serde(default = "yes")]
    pub required: bool,
}

fn yes() -> bool {
    true
}

/// A step of the straight line. While the application waits for it, it is in the state `waits`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The act that does it, e.g. `periksa_fo`; unique in the file.
    pub act: String,
    /// What kind of act.
    pub kind: ActKind,
    /// Label for people.
    pub label: String,
    /// Roles that may do it, the usual one first.
    pub roles: Vec<Role>,
    /// Where it is done.
    pub site: Site,
    /// The state in which the application waits for this act.
    pub waits: String,
    /// A state that the act leaves behind in the record on the way to the next step's `waits` (and, for the
    /// last step, the state in which everything ends).
    pub done: Option<String>,
    /// Systems in which it is done, e.g. `SIAK`.
    #[serde(default)]
    pub systems: Vec<String>,
    /// Working hours within which it should be done.
    pub hours: Option<u32>,
    /// The kind of card blank that it uses up, e.g. `KIA`, where that is not the usual one ([`Service::blank_of`]); its
    /// serial is what the step is told.
    pub blank: Option<String>,
    /// What it has to be told.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// What has to hold before.
    #[serde(default)]
    pub guards: Vec<Guard>,
    /// The notification that the straight way out sends.
    pub notify: Option<String>,
    /// Whether fields are written with it: those of its desk, where there are any, else those that the form asks. What is
    /// written is decided on from then on.
    #[serde(default)]
    pub entry: bool,
    /// The other ways out; the first is the refusal that `catalogue show` names.
    #[serde(default)]
    pub outcomes: Vec<Outcome>,
}

/// How an outcome leaves the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// Back to the officer, to be completed and submitted again.
    Return,
    /// The end; it may be filed anew.
    Cancel,
    /// Back to an earlier step, or to a detour.
    Redo,
    /// It stays where it is, with a remark (AFIS: duplicate under examination).
    Wait,
}

/// Another way out of a step.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The act, e.g. `kembalikan_fo`; unique in the file.
    pub act: String,
    /// How it leaves the line.
    pub kind: OutcomeKind,
    /// Label for people.
    pub label: String,
    /// The state it leads to: `DIKEMBALIKAN` (return), `DIBATALKAN` (cancel), the `waits` of a step or detour
    /// (redo), the step's own `waits` (wait).
    pub to: String,
    /// Roles, where they are not the step's.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// What it has to be told besides its reason.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// Ids of the reasons to choose from; empty: free text.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// The notification it sends.
    pub notify: Option<String>,
}

/// An act that repairs something beside the line.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detour {
    /// The act, e.g. `perbaiki_input`.
    pub act: String,
    /// What kind of act.
    pub kind: ActKind,
    /// Label for people.
    pub label: String,
    /// Roles, the owner first.
    pub roles: Vec<Role>,
    /// Where.
    pub site: Site,
    /// The state in which the application waits for it.
    pub waits: String,
    /// The state it leads back to: a step's `waits`.
    pub back_to: String,
    /// What it has to be told.
    #[serde(default)]
    pub needs: Vec<Need>,
}

/// Where the papers are: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Papers {
    /// None are posted in this service, or not yet asked for.
    #[default]
    TidakPerlu,
    /// Awaited.
    Belum,
    /// On their way.
    Dikirim,
    /// Received.
    Diterima,
    /// Received, and something is lacking.
    Kurang,
    /// Waived, with a reason.
    Dibebaskan,
}

/// An act on the papers, beside the line.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParallelAct {
    /// The act, e.g. `kirim_berkas`.
    pub act: String,
    /// What kind of act.
    pub kind: ActKind,
    /// Label for people.
    pub label: String,
    /// Roles, the usual one first.
    pub roles: Vec<Role>,
    /// Where.
    pub site: Site,
    /// States of the papers in which it is possible.
    pub from: Vec<Papers>,
    /// The state of the papers afterwards.
    pub to: Papers,
    /// What it has to be told.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// Whether it needs a reason.
    #[serde(default)]
    pub reason: bool,
    /// The notification it sends.
    pub notify: Option<String>,
}

/// Withdrawal by the applicant: before `until` is done, and in `DIKEMBALIKAN`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// The act, `tarik`.
    pub act: String,
    /// Label for people.
    pub label: String,
    /// Roles that may ask for it.
    pub roles: Vec<Role>,
    /// The act of the step from which on it is too late: possible while the line waits at an earlier step or
    /// at this one.
    pub until: String,
}

/// A reason for a return, a cancellation or a redo.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Id.
    pub id: String,
    /// Full words, for the desk.
    pub label: String,
    /// Neutral words, for an SMS.
    pub sms: String,
}

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The applicant, by SMS.
    Pemohon,
    /// The officers of the village, in the app.
    Operator,
}

/// What is told to whom.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// Id, `N1`…`N8`.
    pub id: String,
    /// Who is told; officers always get a notice besides.
    pub audience: Vec<Audience>,
    /// The text, within GSM-7. Variables: `{nomor}`, `{tempat}`, `{sebab}`, `{nama}` (masked), `{layanan}`.
    pub text: String,
}

/// What is offered when the application reaches a state.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowUp {
    /// The state, e.g. `DIAMBIL`.
    pub at: String,
    /// The service of the new, linked application.
    pub service: String,
    /// Label for people.
    pub label: String,
}
