//! What is told to whom: within one SMS, and not more than the service's privacy allows.

use super::{Check, MAX_LABEL};
use crate::catalogue::model::{Notification, Privacy};

/// The most septets of an SMS in one part.
pub const SMS_SEPTETS: usize = 160;
/// The most septets that each variable may take; `{layanan}` takes the title's.
const VARIABLES: [(&str, usize); 4] = [("nomor", 24), ("tempat", 36), ("sebab", 32), ("nama", 20)];
/// GSM 03.38's basic letters besides the ASCII ones; each takes one septet.
const GSM_EXTRA: &str = "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";
/// ASCII characters that the basic set lacks.
const NOT_GSM: &str = "`^{}\\[~]|\t";

impl Check<'_> {
    pub(super) fn messages(&mut self) {
        let service = self.service;
        self.unique("notifications", "id", service.notifications.iter().map(|one| one.id.as_str()));
        self.unique("reasons", "id", service.reasons.iter().map(|one| one.id.as_str()));
        for (i, notification) in service.notifications.iter().enumerate() {
            let place = format!("notifications.{i}");
            self.words(&format!("{place}.id"), &notification.id, MAX_LABEL);
            if notification.audience.is_empty() {
                self.error(&place, "Pemberitahuan tanpa penerima", "Tulis audience = [\"pemohon\"]");
            }
            self.text(&format!("{place}.text"), notification);
            if !self.is_sent(&notification.id) {
                let what = format!("Pemberitahuan \"{}\" tidak pernah dikirim", notification.id);
                self.warn(&place, what, "Sebut pada `notify` sebuah langkah, atau hapus");
            }
        }
        for (i, reason) in service.reasons.iter().enumerate() {
            let place = format!("reasons.{i}");
            self.id(&format!("{place}.id"), &reason.id);
            self.words(&format!("{place}.label"), &reason.label, MAX_LABEL);
            self.reason_sms(&format!("{place}.sms"), &reason.sms);
        }
    }

    fn is_sent(&self, id: &str) -> bool {
        let is = |notify: &Option<String>| notify.as_deref() == Some(id);
        let steps = self.service.steps.iter();
        steps.clone().any(|step| is(&step.notify) || step.outcomes.iter().any(|outcome| is(&outcome.notify)))
            || self.service.parallel.iter().any(|act| is(&act.notify))
    }

    fn reason_sms(&mut self, place: &str, sms: &str) {
        self.words(place, sms, MAX_LABEL);
        let most = VARIABLES.iter().find(|(name, _)| *name == "sebab").map_or(0, |(_, most)| *most);
        self.letters(place, sms);
        if sms.chars().count() > most {
            self.error(place, format!("Kata untuk SMS lebih dari {most} huruf"), "Persingkat");
        }
        self.secret(place, sms);
    }

    fn text(&mut self, place: &str, notification: &Notification) {
        let text = &notification.text;
        self.words(place, text, 4 * SMS_SEPTETS);
        let Some((plain, variables)) = parts(text) else {
            let what = "Kurung kurawal pada teks tidak berpasangan";
            self.error(place, what, "Tulis isian seperti {nomor}, dan jangan pakai { atau } untuk yang lain");
            return;
        };
        self.letters(place, &plain);
        let mut septets = plain.chars().count();
        for variable in variables {
            let known = VARIABLES.iter().find(|(name, _)| *name == variable).map(|(_, most)| *most);
            match (variable, known) {
                ("layanan", _) => septets += self.service.title.chars().count(),
                (_, Some(most)) => septets += most,
                (_, None) => {
                    let cure = "Yang boleh: {nomor}, {tempat}, {sebab}, {nama}, {layanan}";
                    self.error(place, format!("Isian {{{variable}}} tidak dikenal"), cure);
                }
            }
            if self.service.privacy == Privacy::PerluTahu && matches!(variable, "layanan" | "nama") {
                let what = format!("SMS layanan ini tidak boleh memuat {{{variable}}}");
                self.error(place, what, "Pakai {nomor} saja");
            }
        }
        if septets > SMS_SEPTETS {
            let what = format!("Teks dapat mencapai {septets} huruf, satu SMS memuat {SMS_SEPTETS}");
            self.error(place, what, format!("Persingkat {} huruf", septets - SMS_SEPTETS));
        }
        self.secret(place, &plain);
    }

    /// Letters that would turn an SMS into one of 70.
    fn letters(&mut self, place: &str, text: &str) {
        let basic = |c: char| {
            (c.is_ascii_graphic() || c == ' ' || c == '\n') && !NOT_GSM.contains(c) || GSM_EXTRA.contains(c)
        };
        if let Some(letter) = text.chars().find(|c| !basic(*c)) {
            let what = format!("Huruf \"{letter}\" tidak dapat dikirim dalam SMS biasa");
            self.error(place, what, "Ganti dengan huruf, tanda kutip lurus, tanda hubung atau titik biasa");
        }
    }

    /// Words that would tell which service it is, where only those concerned may know.
    fn secret(&mut self, place: &str, text: &str) {
        if self.service.privacy != Privacy::PerluTahu {
            return;
        }
        let words = |text: &str| -> Vec<String> {
            text.split(|c: char| !c.is_alphanumeric())
                .map(str::to_lowercase)
                .filter(|word| word.len() > 3)
                .collect()
        };
        let title = words(&self.service.title);
        if let Some(word) = words(text).into_iter().find(|word| title.contains(word)) {
            let what = format!("Kata \"{word}\" dapat membuka layanan apa ini");
            self.error(place, what, "Pakai kata netral, misalnya \"permohonan\" atau \"berkas\"");
        }
    }
}

/// The text without its variables, and these; none where braces do not pair.
fn parts(text: &str) -> Option<(String, Vec<&str>)> {
    let (mut plain, mut variables) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (variable, behind) = after.split_once('}')?;
        plain.push_str(before);
        variables.push(variable);
        rest = behind;
    }
    plain.push_str(rest);
    let paired = !plain.contains('}') && variables.iter().all(|variable| !variable.contains('{'));
    paired.then_some((plain, variables))
}
