//! What a service asks for: fields, groups, requirements, and the conditions under which it does.

use super::{Check, MAX_DEPTH, MAX_LABEL, MAX_PARTS, MAX_SENTENCE};
use crate::catalogue::line::VARIANT;
use crate::catalogue::model::{Age, Capture, Condition, Field, FieldValue, Kind, Obligation, Step, Warning};

/// The greatest age that a condition may name, in years.
const MAX_AGE: i16 = 130;
/// The most papers of one requirement, and the most copies of one.
const MAX_PAPERS: u32 = 20;
/// Names of registers that are not a service's to give.
const RESERVED: [&str; 3] = ["lampiran", "periksa", "abaikan"];

impl Check<'_> {
    pub(super) fn asks(&mut self) {
        self.fields();
        self.groups();
        self.requirements();
        let service = self.service;
        self.sentences("warnings", &service.warnings);
        self.sentences("blocks", &service.blocks);
    }

    fn fields(&mut self) {
        let service = self.service;
        self.unique("fields", "id", service.fields.iter().map(|field| field.id.as_str()));
        if service.fields.is_empty() {
            self.error("fields", "Belum ada isian", "Tambahkan isian pada `fields`");
        }
        for (i, field) in service.fields.iter().enumerate() {
            let place = format!("fields.{i}");
            self.id(&format!("{place}.id"), &field.id);
            if RESERVED.contains(&field.id.as_str()) {
                let what = format!("\"{}\" dipakai oleh aplikasi sendiri", field.id);
                self.error(&format!("{place}.id"), what, "Beri nama lain");
            }
            self.words(&format!("{place}.label"), &field.label, MAX_LABEL);
            self.options(&place, field.kind, &field.options, field.many);
            self.field_refers(&place, field);
        }
    }

    fn field_refers(&mut self, place: &str, field: &Field) {
        let service = self.service;
        self.variants(place, &field.variants);
        self.condition(&format!("{place}.when"), field.when.as_ref());
        if field.when.as_ref().is_some_and(|when| names(when).contains(&field.id.as_str())) {
            let what = format!("\"{}\" baru ditanyakan bila sudah diisi", field.id);
            self.error(&format!("{place}.when"), what, "Pakai isian lain pada `when`");
        }
        if let Some(old) = &field.old {
            let place = format!("{place}.old");
            let ids = service.fields.iter().map(|field| field.id.as_str());
            if self.refers(&place, "isian", old, ids)
                && service.field(old).is_some_and(|other| other.kind != field.kind)
            {
                let what = format!("Jenis isian \"{}\" dan \"{old}\" berbeda", field.id);
                self.error(&place, what, "Samakan `kind` keduanya");
            }
        }
        self.of_desk(place, field);
        if let Some(requirement) = &field.requirement {
            let ids = service.requirements.iter().map(|requirement| requirement.id.as_str());
            self.refers(&format!("{place}.requirement"), "persyaratan", requirement, ids);
        }
    }

    /// What a desk writes: at a step of its own, from words whose variables are fields.
    fn of_desk(&mut self, place: &str, field: &Field) {
        let service = self.service;
        if let Some(desk) = field.desk {
            let writes = |step: &&Step| step.entry && step.roles.contains(&desk);
            if !service.steps.iter().any(|step| writes(&step)) {
                let cure = format!("Tulis entry = true pada langkah meja {}", desk.as_str());
                self.error(
                    &format!("{place}.desk"),
                    "Tidak ada langkah untuk menulis isian ini".to_owned(),
                    cure,
                );
            }
            if field.required || field.when.is_some() || field.requirement.is_some() {
                let cure = "Hapus `required`, `when` dan `requirement`";
                self.error(place, "Isian meja tidak ditanyakan di formulir".to_owned(), cure);
            }
        }
        let Some(template) = &field.template else { return };
        if field.desk.is_none() {
            self.error(
                &format!("{place}.template"),
                "Hanya isian meja mempunyai `template`".to_owned(),
                "Tulis `desk`",
            );
        }
        for id in template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(id, _)| id) {
            let ids =
                service.fields.iter().filter(|other| other.desk.is_none()).map(|field| field.id.as_str());
            self.refers(&format!("{place}.template"), "isian", id, ids);
        }
    }

    fn groups(&mut self) {
        let service = self.service;
        self.unique("groups", "id", service.groups.iter().map(|group| group.id.as_str()));
        for (i, group) in service.groups.iter().enumerate() {
            let place = format!("groups.{i}");
            self.id(&format!("{place}.id"), &group.id);
            self.words(&format!("{place}.title"), &group.title, MAX_LABEL);
            self.condition(&format!("{place}.when"), group.when.as_ref());
            let of_group = |id: &Option<String>| id.as_deref() == Some(group.id.as_str());
            let members = service.requirements.iter().filter(|one| of_group(&one.group)).count();
            if members == 0 || group.least as usize > members {
                let what =
                    format!("Kelompok \"{}\" meminta {} dari {members} persyaratan", group.id, group.least);
                let cure =
                    format!("Tambahkan persyaratan dengan group = \"{}\", atau kurangi `least`", group.id);
                self.error(&place, what, cure);
            }
            if group.least == 0 || group.most.is_some_and(|most| most < group.least) {
                let what = format!("Kelompok \"{}\" meminta paling sedikit {}", group.id, group.least);
                self.error(
                    &format!("{place}.least"),
                    what,
                    "Tulis `least` mulai dari 1 dan tidak lebih dari `most`",
                );
            }
        }
    }

    fn requirements(&mut self) {
        let service = self.service;
        self.unique("requirements", "id", service.requirements.iter().map(|one| one.id.as_str()));
        if service.requirements.is_empty() {
            self.error("requirements", "Belum ada persyaratan", "Tambahkan [[requirements]]");
        }
        for (i, requirement) in service.requirements.iter().enumerate() {
            let place = format!("requirements.{i}");
            let id = &requirement.id;
            self.id(&format!("{place}.id"), id);
            self.words(&format!("{place}.title"), &requirement.title, MAX_LABEL);
            self.words(&format!("{place}.ref"), &requirement.reference, MAX_LABEL);
            self.variants(&place, &requirement.variants);
            self.condition(&format!("{place}.when"), requirement.when.as_ref());
            match (&requirement.group, requirement.obligation) {
                (Some(group), Obligation::OneOf) => {
                    let ids = service.groups.iter().map(|group| group.id.as_str());
                    self.refers(&format!("{place}.group"), "kelompok", group, ids);
                }
                (None, Obligation::OneOf) => {
                    let cure = "Tambahkan `group`, atau tulis obligation = \"must\"";
                    self.error(
                        &place,
                        format!("\"{id}\" adalah salah satu dari kelompok yang tidak disebut"),
                        cure,
                    );
                }
                (Some(_), _) => {
                    let cure = "Tulis obligation = \"one_of\", atau hapus `group`";
                    self.error(&place, format!("\"{id}\" berada dalam kelompok tetapi bukan pilihan"), cure);
                }
                (None, _) => {}
            }
            self.papers(&place, i);
        }
    }

    fn papers(&mut self, place: &str, i: usize) {
        let Some(requirement) = self.service.requirements.get(i) else { return };
        let id = &requirement.id;
        let many = requirement.papers.len() > MAX_PAPERS as usize;
        if many || requirement.papers.iter().any(|paper| paper.count == 0 || paper.count > MAX_PAPERS) {
            let cure = format!("Tulis `count` dari 1 sampai {MAX_PAPERS}");
            self.error(&format!("{place}.papers"), format!("Jumlah berkas \"{id}\" tidak masuk akal"), cure);
        }
        if requirement.papers.iter().any(|paper| paper.forms.is_empty()) {
            let cure = "Tulis bentuknya, misalnya forms = [\"C\"] untuk fotokopi";
            self.error(&format!("{place}.papers"), format!("Bentuk berkas \"{id}\" belum disebut"), cure);
        }
        if requirement.capture == Capture::None && requirement.papers.is_empty() {
            let cure = "Tulis capture = \"original\", atau sebut berkasnya pada `papers`";
            self.warn(place, format!("\"{id}\" diminta, tetapi tidak difoto dan tidak diserahkan"), cure);
        }
        if requirement.surrender && requirement.papers.is_empty() {
            let cure = "Sebut berkasnya pada `papers`, atau hapus `surrender`";
            self.error(place, format!("\"{id}\" ditarik, tetapi tidak ada berkas yang diserahkan"), cure);
        }
        if requirement.photo_min_dpi.is_some_and(|dpi| !(72..=600).contains(&dpi)) {
            let what = format!("Ketajaman foto \"{id}\" tidak masuk akal");
            self.error(&format!("{place}.photo_min_dpi"), what, "Tulis antara 72 dan 600, lazimnya 200");
        }
    }

    fn sentences(&mut self, list: &str, sentences: &[Warning]) {
        self.unique(list, "id", sentences.iter().map(|one| one.id.as_str()));
        for (i, one) in sentences.iter().enumerate() {
            self.id(&format!("{list}.{i}.id"), &one.id);
            self.words(&format!("{list}.{i}.sentence"), &one.sentence, MAX_SENTENCE);
            self.condition(&format!("{list}.{i}.when"), Some(&one.when));
        }
    }

    fn variants(&mut self, place: &str, variants: &[String]) {
        let known = &self.service.variants;
        for (i, variant) in variants.iter().enumerate() {
            let ids = known.iter().map(|variant| variant.id.as_str());
            self.refers(&format!("{place}.variants.{i}"), "varian", variant, ids);
        }
    }

    fn condition(&mut self, place: &str, when: Option<&Condition>) {
        let Some(when) = when else { return };
        let mut parts = 0;
        if !within(when, MAX_DEPTH, &mut parts) {
            let cure = "Sederhanakan, misalnya dengan memecah persyaratannya";
            self.error(place, "Syarat `when` terlalu panjang atau terlalu dalam", cure);
            return;
        }
        self.part(place, when);
    }

    fn part(&mut self, place: &str, when: &Condition) {
        match when {
            Condition::AgeBelow(age) => self.age(&format!("{place}.age_below"), age),
            Condition::AgeAtLeast(age) => self.age(&format!("{place}.age_at_least"), age),
            Condition::Equals(want) => self.value(&format!("{place}.equals"), want, false),
            Condition::Contains(want) => self.value(&format!("{place}.contains"), want, true),
            Condition::All(parts) => self.parts(&format!("{place}.all"), parts),
            Condition::Any(parts) => self.parts(&format!("{place}.any"), parts),
            Condition::Not(part) => self.part(&format!("{place}.not"), part),
        }
    }

    fn parts(&mut self, place: &str, parts: &[Condition]) {
        if parts.is_empty() {
            self.error(place, "Daftar syarat kosong", "Isi daftarnya, atau hapus `when`");
        }
        for (i, part) in parts.iter().enumerate() {
            self.part(&format!("{place}.{i}"), part);
        }
    }

    fn age(&mut self, place: &str, age: &Age) {
        let service = self.service;
        let field = &age.field;
        let ids = service.fields.iter().map(|field| field.id.as_str());
        if self.refers(place, "isian", field, ids)
            && service.field(field).is_some_and(|field| field.kind != Kind::Tanggal)
        {
            let what = format!("Usia dihitung dari \"{field}\" yang bukan tanggal");
            self.error(place, what, "Pakai isian berjenis `tanggal`, misalnya tanggal_lahir");
        }
        if !(0..=MAX_AGE).contains(&age.years) {
            let what = format!("Usia {} tahun tidak masuk akal", age.years);
            self.error(place, what, format!("Tulis antara 0 dan {MAX_AGE}"));
        }
    }

    fn value(&mut self, place: &str, want: &FieldValue, many: bool) {
        let service = self.service;
        if want.field == VARIANT {
            let ids = service.variants.iter().map(|variant| variant.id.as_str());
            self.refers(place, "varian", &want.value, ids);
            return;
        }
        let ids = service.fields.iter().map(|field| field.id.as_str());
        if !self.refers(place, "isian", &want.field, ids) {
            return;
        }
        let Some(field) = service.field(&want.field) else { return };
        let id = &field.id;
        if many != field.many {
            let (wrong, right) = if many { ("contains", "equals") } else { ("equals", "contains") };
            let holds = if field.many { "beberapa pilihan" } else { "satu nilai" };
            let what = format!("`{wrong}` dipakai untuk \"{id}\" yang memuat {holds}");
            self.error(place, what, format!("Ganti dengan `{right}`"));
        }
        match field.kind {
            Kind::Pilihan => {
                let options = field.options.iter().map(|choice| choice.id.as_str());
                self.refers(place, &format!("pilihan pada isian \"{id}\":"), &want.value, options);
            }
            Kind::YaTidak => {
                self.refers(place, "jawaban", &want.value, ["ya", "tidak"].into_iter());
            }
            _ => self.words(&format!("{place}.value"), &want.value, MAX_LABEL),
        }
    }
}

fn within(when: &Condition, depth: usize, parts: &mut usize) -> bool {
    *parts += 1;
    if depth == 0 || *parts > MAX_PARTS {
        return false;
    }
    match when {
        Condition::All(list) | Condition::Any(list) => list.iter().all(|part| within(part, depth - 1, parts)),
        Condition::Not(part) => within(part, depth - 1, parts),
        _ => true,
    }
}

/// The fields that a condition looks at.
fn names(when: &Condition) -> Vec<&str> {
    match when {
        Condition::AgeBelow(age) | Condition::AgeAtLeast(age) => vec![&age.field],
        Condition::Equals(want) | Condition::Contains(want) => vec![&want.field],
        Condition::All(parts) | Condition::Any(parts) => parts.iter().flat_map(names).collect(),
        Condition::Not(part) => names(part),
    }
}
