//! A service put into words: for scripts (JSON) and for the office (Indonesian).

use std::fmt::Write;

use serde_json::{Value, json};

use super::model::{
    ActKind, Choice, Condition, Need, NotifyAt, Obligation, OutcomeKind, PaperForm, Requirement, Service,
    Site, Step,
};

/// The service in the shape that scripts rely on: `service, version, title, variants, fields, requirements,
/// steps, print_site, pickup_site, paper_site`, and more. `steps` is the complete straight line; where everything
/// holds for all variants, `variants` names them all.
pub fn show(service: &Service) -> Value {
    json!({
        "service": service.service,
        "version": service.version,
        "valid_from": service.valid_from,
        "title": service.title,
        "ref": service.reference,
        "privacy": service.privacy,
        "variants": service.variants.iter().map(|variant| &variant.id).collect::<Vec<_>>(),
        "variant_titles": service.variants.iter().map(|variant| &variant.title).collect::<Vec<_>>(),
        "fields": service.fields.iter().filter(|field| field.desk.is_none()).map(|field| json!({
            "id": field.id,
            "label": field.label,
            "kind": field.kind,
            "options": field.options,
            "many": field.many,
            "required": field.required,
            "variants": variants(service, &field.variants),
            "requirement": field.requirement,
            "when": field.when.as_ref().map(|when| when.words(service)),
        })).collect::<Vec<_>>(),
        "groups": service.groups.iter().map(|group| json!({
            "id": group.id, "title": group.title, "least": group.least, "most": group.most,
            "when": group.when.as_ref().map(|when| when.words(service)),
        })).collect::<Vec<_>>(),
        "requirements": service.requirements.iter().map(|one| json!({
            "id": one.id,
            "ref": one.reference,
            "title": one.title,
            "obligation": obligation(one),
            "group": one.group,
            "variants": variants(service, &one.variants),
            "papers": one.papers,
            "surrender": one.surrender,
            "when": when_of(service, one).map(|when| when.words(service)),
        })).collect::<Vec<_>>(),
        "steps": steps(service),
        "print_site": service.print_site,
        "pickup_site": service.pickup_site,
        "paper_site": service.paper_site,
    })
}

fn variants<'s>(service: &'s Service, named: &'s [String]) -> Vec<&'s str> {
    if named.is_empty() {
        service.variants.iter().map(|variant| variant.id.as_str()).collect()
    } else {
        named.iter().map(String::as_str).collect()
    }
}

/// The word that says how strongly a requirement is asked.
fn obligation(requirement: &Requirement) -> &'static str {
    match (requirement.obligation, &requirement.when) {
        (Obligation::Must, None) => "must",
        (Obligation::Must, Some(_)) => "when",
        (Obligation::IfAvail, _) => "if_avail",
        (Obligation::OneOf, _) => "one_of",
    }
}

/// The condition of a requirement, or else that of its group.
fn when_of<'s>(service: &'s Service, requirement: &'s Requirement) -> Option<&'s Condition> {
    let group = requirement.group.as_deref().and_then(|group| service.group(group));
    requirement.when.as_ref().or_else(|| group.and_then(|group| group.when.as_ref()))
}

fn steps(service: &Service) -> Vec<Value> {
    let line = service.line();
    let places = 0..line.len();
    let shown = line.iter().zip(places).map(|(step, place)| {
        let refusal = step.outcomes.iter().find(|outcome| outcome.kind != OutcomeKind::Wait);
        json!({
            "act": step.act,
            "kind": step.kind,
            "label": step.label,
            "role": step.roles.first(),
            "roles": step.roles,
            "site": step.site,
            "state": step.waits,
            "done": step.done,
            "needs": step.needs.iter().map(need).collect::<Vec<_>>(),
            "on_refusal": refusal.map(|outcome| json!({
                "act": outcome.act, "kind": outcome.kind, "to": outcome.to, "notify": outcome.notify,
            })),
            "notify": told_after(service, &line, place),
        })
    });
    shown.collect()
}

/// The notification that fires when the step at this place is done. "Printed" is told, where the file says
/// so, only by the step that brings the card to where it is collected.
fn told_after<'s>(service: &Service, line: &[&'s Step], place: usize) -> Option<&'s str> {
    let step = line.get(place)?;
    if service.notify_at == NotifyAt::Cetak {
        return step.notify.as_deref();
    }
    let ready = line.get(place + 1).is_some_and(|next| next.kind == ActKind::Serah);
    let printed =
        line.iter().find(|step| step.kind == ActKind::Cetak).and_then(|step| step.notify.as_deref());
    match (ready, step.kind) {
        (true, _) => printed.or(step.notify.as_deref()),
        (false, ActKind::Cetak) => None,
        _ => step.notify.as_deref(),
    }
}

fn need(need: &Need) -> Value {
    json!({
        "id": need.id, "label": need.label, "kind": need.kind, "options": need.options, "many": need.many,
        "required": need.required,
    })
}

/// The service in Indonesian, for the office to read: requirements with their conditions, and the steps.
pub fn describe(service: &Service) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, service);
    out
}

fn write_all(out: &mut String, service: &Service) -> std::fmt::Result {
    writeln!(out, "{} ({}, versi {})", service.title, service.reference, service.version)?;
    writeln!(out, "Berlaku mulai {}. Gratis.", service.valid_from)?;
    for variant in &service.variants {
        writeln!(out, "Varian {}: {}", variant.id, variant.title)?;
    }
    writeln!(out, "\nPersyaratan")?;
    for requirement in &service.requirements {
        write_requirement(out, service, requirement)?;
    }
    writeln!(out, "\nIsian")?;
    for field in &service.fields {
        let must = if field.required { "" } else { " (boleh kosong)" };
        let when = field.when.as_ref().map(|when| format!(", bila {}", when.words(service)));
        writeln!(out, "  {}{must}{}", field.label, when.unwrap_or_default())?;
        if !field.options.is_empty() {
            writeln!(out, "    pilihan: {}", labels(&field.options))?;
        }
    }
    writeln!(out, "\nLangkah")?;
    let line = service.line();
    for (place, step) in line.iter().enumerate() {
        write_step(out, service, &line, place, step)?;
    }
    writeln!(out, "\nDicetak di {}, diambil di {}.", site(service.print_site), site(service.pickup_site))?;
    match service.paper_site {
        Some(place) => writeln!(out, "Berkas fisik dikirim ke {}.", site(place)),
        None => writeln!(out, "Berkas fisik dibawa sendiri oleh pemohon."),
    }
}

fn write_requirement(out: &mut String, service: &Service, one: &Requirement) -> std::fmt::Result {
    let group = one.group.as_deref().and_then(|group| service.group(group));
    let strength = match (one.obligation, group) {
        (Obligation::Must, _) => "wajib".to_owned(),
        (Obligation::IfAvail, _) => "jika ada".to_owned(),
        (Obligation::OneOf, Some(group)) => format!("paling sedikit {} dari: {}", group.least, group.title),
        (Obligation::OneOf, None) => "salah satu".to_owned(),
    };
    write!(out, "  {} {}: {strength}", one.reference, one.title)?;
    if let Some(when) = when_of(service, one) {
        write!(out, ", bila {}", when.words(service))?;
    }
    if !one.variants.is_empty() {
        write!(out, ", varian {}", one.variants.join(", "))?;
    }
    let papers: Vec<String> = one
        .papers
        .iter()
        .map(|paper| {
            let forms: Vec<&str> = paper.forms.iter().map(|form| form_name(*form)).collect();
            format!("{} {} lembar", forms.join(" atau "), paper.count)
        })
        .collect();
    if !papers.is_empty() {
        write!(out, " [{}]", papers.join("; "))?;
    }
    writeln!(out, "{}", if one.surrender { ", ditarik" } else { "" })
}

fn write_step(
    out: &mut String,
    service: &Service,
    line: &[&Step],
    place: usize,
    step: &Step,
) -> std::fmt::Result {
    let role = step.roles.first().and_then(|role| serde_json::to_value(role).ok());
    let role = role.as_ref().and_then(Value::as_str).unwrap_or_default();
    writeln!(out, "  {}. {} ({role}, di {})", place + 1, step.label, site(step.site))?;
    for outcome in &step.outcomes {
        let to = service.state(&outcome.to).map_or(outcome.to.as_str(), |state| state.label.as_str());
        write!(out, "     atau: {} -> {to}", outcome.label)?;
        writeln!(out, "{}", outcome.notify.as_ref().map(|id| format!(", SMS {id}")).unwrap_or_default())?;
    }
    match told_after(service, line, place).and_then(|id| service.notification(id)) {
        Some(told) => writeln!(out, "     SMS {}: {}", told.id, told.text),
        None => Ok(()),
    }
}

fn labels(options: &[Choice]) -> String {
    options.iter().map(|choice| choice.label.as_str()).collect::<Vec<_>>().join(", ")
}

fn site(site: Site) -> &'static str {
    match site {
        Site::Desa => "desa/kelurahan",
        Site::Kecamatan => "kecamatan",
        Site::Dinas => "Dinas",
    }
}

fn form_name(form: PaperForm) -> &'static str {
    match form {
        PaperForm::O => "asli",
        PaperForm::Os => "asli ditunjukkan",
        PaperForm::C => "fotokopi",
        PaperForm::Cl => "fotokopi legalisir",
        PaperForm::Cc => "salinan resmi",
        PaperForm::P => "pas foto",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use jiff::civil::date;

    use super::*;
    use crate::catalogue::Catalogue;

    fn service(id: &str) -> Service {
        Catalogue::builtin().current(id, date(2026, 6, 1)).unwrap().service.clone()
    }

    #[test]
    fn the_services_are_shown_as_scripts_know_them() {
        for id in ["ktp-el-perubahan", "peristiwa-penting-lainnya"] {
            let text = serde_json::to_string_pretty(&show(&service(id))).unwrap();
            insta::assert_snapshot!(id, text);
        }
    }

    #[test]
    fn the_office_reads_conditions_and_steps() {
        let text = describe(&service("ktp-el-perubahan"));
        for line in [
            "  2.1 Kartu Keluarga (KK) asli terakhir: wajib [asli 1 lembar]",
            "bila Data yang berubah mencakup Status perkawinan dan Status perkawinan menjadi = Cerai mati",
            "  1. Ajukan permohonan (operator-desa, di desa/kelurahan)",
            "  9. Serahkan KTP-el kepada penerima (loket-pengambilan, di kecamatan)",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn printed_is_told_where_the_card_is_collected() {
        let told = |service: &Service| {
            let shown = show(service);
            let steps = shown["steps"].as_array().unwrap().clone();
            let step = steps.iter().find(|step| step["notify"] == "N3").unwrap();
            step["act"].as_str().unwrap().to_owned()
        };
        let mut service = service("ktp-el-perubahan");
        assert_eq!(told(&service), "cetak");
        service.pickup_site = Site::Desa;
        assert_eq!(told(&service), "terima_kartu");
        service.notify_at = NotifyAt::Cetak;
        assert_eq!(told(&service), "cetak");
    }
}
