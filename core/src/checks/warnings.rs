//! What a person has to look at: never an error, never silently passed over.
//!
//! A tick is a register holding the fingerprint of the values on which the warning was raised, so a tick lapses
//! when one of them changes.

use crate::catalogue::{Field, Kind, PaperForm, Privacy};
use crate::journal::partition::Place;
use crate::nik::{Nik, NikDoubt};
use crate::telepon::Telepon;
use crate::value;

use super::{ATTACHMENTS, Form, TICKS, attachments, condition_fields, has, under};

/// Fields of the person whose document it is, held against the NIK.
const NIK: &str = "nik";
const BIRTH: &str = "tanggal_lahir";
const SEX: &str = "jenis_kelamin";
/// The field of the applicant's village, held against the office's regions.
const VILLAGE: &str = "desa";
/// Bytes of a fingerprint.
const FINGERPRINT: usize = 8;

/// A warning that is raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarningState {
    /// Id, as `tick` takes it.
    pub id: String,
    /// What to look at, in Indonesian.
    pub sentence: String,
    /// Whether it was ticked off for the present values.
    pub ticked: bool,
    /// What the register `periksa/<id>` holds once it is ticked off: 16 hexadecimal digits.
    pub fingerprint: String,
}

/// The warnings raised on this form: the service's own, then those on fields, groups and papers, in the form's
/// order.
pub fn warnings(form: &Form<'_>) -> Vec<WarningState> {
    let mut raised = Raised { form, states: Vec::new() };
    for warning in form.service.warnings.iter().filter(|warning| form.holds(&warning.when)) {
        raised.add(warning.id.clone(), warning.sentence.clone(), &condition_fields(&warning.when));
    }
    for field in form.service.fields.iter().filter(|field| form.asks_field(field)) {
        raised.field(field);
    }
    raised.groups();
    raised.originals();
    raised.states
}

struct Raised<'f, 'a> {
    form: &'f Form<'a>,
    states: Vec<WarningState>,
}

impl Raised<'_, '_> {
    /// Raises a warning on the values of these registers.
    fn add(&mut self, id: String, sentence: String, registers: &[&str]) {
        let fingerprint = fingerprint(self.form, &id, registers);
        let ticked = self.form.value(&format!("{TICKS}{id}")) == Some(fingerprint.as_str());
        self.states.push(WarningState { id, sentence, ticked, fingerprint });
    }

    fn field(&mut self, field: &Field) {
        let Some(text) = self.form.value(&field.id) else { return };
        if value::parse(field.kind, &field.options, field.many, text).is_err() {
            // It is reported as a field to be corrected; doubts about it come later.
            return;
        }
        match field.kind {
            Kind::Nik => self.nik(field, text),
            Kind::Telepon if Telepon::parse(text).is_ok_and(|number| number.is_landline()) => self.add(
                format!("{}.bukan_seluler", field.id),
                format!(
                    "{} bukan nomor seluler dan tidak dapat menerima SMS. Tandai bila memang demikian.",
                    field.label
                ),
                &[&field.id],
            ),
            Kind::Wilayah if field.id == VILLAGE && !self.knows_village(text) => self.add(
                format!("{}.wilayah", field.id),
                format!("{} di luar wilayah kantor ini. Tandai bila memang demikian.", field.label),
                &[&field.id],
            ),
            _ => {}
        }
    }

    fn knows_village(&self, code: &str) -> bool {
        Place::parse(code).is_some_and(|place| place.is_village() && self.form.regions.contains(place))
    }

    /// Birth date and sex on the form are the applicant's, so only the applicant's own NIK is held against them.
    fn nik(&mut self, field: &Field, text: &str) {
        let Ok(nik) = Nik::parse(text) else { return };
        let own = field.id == NIK;
        let birth = self.form.value(BIRTH).filter(|_| own).and_then(value::stored_date);
        let female = self.form.value(SEX).filter(|_| own).and_then(is_female);
        for doubt in nik.doubts(birth, female, self.form.regions) {
            // Where the sex itself is what a need-to-know service is about, a mismatch is expected.
            if doubt == NikDoubt::Sex && self.form.service.privacy == Privacy::PerluTahu {
                continue;
            }
            let registers: &[&str] = match doubt {
                NikDoubt::BirthDate => &[&field.id, BIRTH],
                NikDoubt::Sex => &[&field.id, SEX],
                NikDoubt::ImpossibleDate | NikDoubt::Region => &[&field.id],
            };
            self.add(format!("{}.{}", field.id, doubt.id()), doubt.sentence(&field.label), registers);
        }
    }

    fn groups(&mut self) {
        let (form, attached) = (self.form, attachments(self.form));
        for group in &form.service.groups {
            let members =
                form.service.requirements.iter().filter(|member| member.group.as_ref() == Some(&group.id));
            let given: Vec<&str> =
                members.filter(|m| form.asks(m) && has(&attached, &m.id)).map(|m| m.id.as_str()).collect();
            let Some(most) =
                group.most.filter(|most| given.len() > usize::try_from(*most).unwrap_or(usize::MAX))
            else {
                continue;
            };
            let registers: Vec<String> = given.iter().flat_map(|id| attachment_registers(form, id)).collect();
            let registers: Vec<&str> = registers.iter().map(String::as_str).collect();
            let sentence =
                format!("{}: cukup {most} lampiran. Tandai bila semuanya memang perlu.", group.title);
            self.add(format!("{}.terlalu_banyak", group.id), sentence, &registers);
        }
    }

    /// An original that is shown and returned cannot be posted: whoever saw it says so.
    fn originals(&mut self) {
        let (form, attached) = (self.form, attachments(self.form));
        for paper in
            form.service.requirements.iter().filter(|paper| form.asks(paper) && has(&attached, &paper.id))
        {
            if !paper.papers.iter().any(|one| one.forms.contains(&PaperForm::Os)) {
                continue;
            }
            let registers = attachment_registers(form, &paper.id);
            let registers: Vec<&str> = registers.iter().map(String::as_str).collect();
            let sentence = format!("Tandai bahwa asli telah ditunjukkan: {}.", paper.title);
            self.add(format!("asli.{}", paper.id), sentence, &registers);
        }
    }
}

fn attachment_registers(form: &Form<'_>, requirement: &str) -> Vec<String> {
    let prefix = format!("{ATTACHMENTS}{requirement}/");
    under(form.registers, &prefix).map(|(n, _)| format!("{prefix}{n}")).collect()
}

/// What the field `jenis_kelamin` says, in any spelling of its two ids.
fn is_female(value: &str) -> Option<bool> {
    match value.to_lowercase().as_str() {
        "perempuan" | "p" => Some(true),
        "laki-laki" | "laki_laki" | "l" => Some(false),
        _ => None,
    }
}

/// Hash of the warning's id and of the registers it was raised on, with their lengths, so that no two lists of
/// values run into the same bytes.
fn fingerprint(form: &Form<'_>, id: &str, registers: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("loket 1 periksa");
    let mut text = |part: &str| {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    };
    text(id);
    for register in registers {
        text(register);
        text(form.value(register).unwrap_or_default());
    }
    let hash = hasher.finalize();
    data_encoding::HEXLOWER.encode(hash.as_bytes().get(..FINGERPRINT).unwrap_or_default())
}
