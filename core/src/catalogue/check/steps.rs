//! How a service goes: states, the straight line and its ways out, sites, papers.

use super::{Check, MAX_LABEL, MAX_OUTCOMES};
use crate::catalogue::line::{
    CANCELLED, COLLECTED, DRAFT, RECEIVE_CARD, RETURNED, SEND_CARD, SERIAL, SUBMITTED, WITHDRAWN, is_final,
};
use crate::catalogue::model::{
    ActKind, Guard, NotifyAt, Outcome, OutcomeKind, Papers, Privacy, Role, Site, Step,
};

/// The need by which a surrendered card is recorded.
const OLD_CARD: &str = "kartu_lama";

impl Check<'_> {
    pub(super) fn steps(&mut self) {
        self.states();
        self.acts();
        self.ends();
        for i in 0..self.service.steps.len() {
            self.step(i);
        }
        self.detours();
        self.withdraw();
        self.card();
        self.paper_track();
        self.follow_ups();
    }

    fn states(&mut self) {
        let service = self.service;
        self.unique("states", "id", service.states.iter().map(|state| state.id.as_str()));
        for must in [DRAFT, SUBMITTED, COLLECTED, CANCELLED, WITHDRAWN] {
            if service.state(must).is_none() {
                let cure = format!("Tambahkan {{ id = \"{must}\", label = \"...\" }} pada `states`");
                self.error("states", format!("Keadaan \"{must}\" belum ada"), cure);
            }
        }
        for (i, state) in service.states.iter().enumerate() {
            let place = format!("states.{i}");
            let id = &state.id;
            self.words(&format!("{place}.id"), id, MAX_LABEL);
            self.words(&format!("{place}.label"), &state.label, MAX_LABEL);
            match (state.desk, is_final(id)) {
                (None, false) => {
                    let cure = "Tulis desk = \"...\", peran yang harus menindaklanjuti";
                    self.error(&place, format!("Tidak ada meja yang memiliki keadaan \"{id}\""), cure);
                }
                (Some(_), true) => {
                    let what = format!("Keadaan akhir \"{id}\" masih mempunyai meja");
                    self.error(&place, what, "Hapus `desk`");
                }
                _ => {}
            }
            let step = service.steps.iter().find(|step| &step.waits == id);
            if let (Some(step), Some(desk)) = (step, state.desk)
                && !step.roles.is_empty()
                && !step.roles.contains(&desk)
            {
                let what = format!("Meja keadaan \"{id}\" tidak berwenang atas langkah \"{}\"", step.act);
                self.warn(&place, what, "Samakan `desk` dengan salah satu `roles` langkah itu");
            }
            self.leaves(&place, id);
        }
    }

    /// A state that is declared can be reached, and is no dead end.
    fn leaves(&mut self, place: &str, id: &str) {
        let service = self.service;
        if is_final(id) || matches!(id, DRAFT | SUBMITTED | RETURNED) {
            return;
        }
        let waited = service.steps.iter().any(|step| step.waits == id)
            || service.detours.iter().any(|detour| detour.waits == id);
        let passed = service.steps.iter().any(|step| step.done.as_deref() == Some(id));
        let led_to = service.steps.iter().flat_map(|step| &step.outcomes).any(|outcome| outcome.to == id);
        if !waited && led_to {
            let cure = "Tambahkan langkah atau [[detours]] dengan `waits` keadaan ini";
            self.error(
                place,
                format!("Keadaan \"{id}\" jalan buntu: tidak ada tindakan yang meninggalkannya"),
                cure,
            );
        } else if !waited && !passed {
            let cure = "Hapus, atau pakai pada `waits` sebuah langkah";
            self.warn(place, format!("Keadaan \"{id}\" tidak pernah dicapai"), cure);
        }
    }

    fn is_state(&mut self, place: &str, id: &str) -> bool {
        let ids = self.service.states.iter().map(|state| state.id.as_str());
        self.refers(place, "keadaan", id, ids)
    }

    /// Ids of acts are unique; only the same outcome may stand at several steps.
    fn acts(&mut self) {
        let service = self.service;
        let mut seen: Vec<(&str, String, Option<&Outcome>)> = Vec::new();
        let mut all = Vec::new();
        for (i, step) in service.steps.iter().enumerate() {
            all.push((step.act.as_str(), format!("steps.{i}.act"), None));
            for (j, outcome) in step.outcomes.iter().enumerate() {
                all.push((outcome.act.as_str(), format!("steps.{i}.outcomes.{j}.act"), Some(outcome)));
            }
        }
        all.extend(
            service
                .detours
                .iter()
                .enumerate()
                .map(|(i, one)| (one.act.as_str(), format!("detours.{i}.act"), None)),
        );
        all.extend(
            service
                .parallel
                .iter()
                .enumerate()
                .map(|(i, one)| (one.act.as_str(), format!("parallel.{i}.act"), None)),
        );
        all.push((&service.withdraw.act, "withdraw.act".to_owned(), None));
        for (act, place, outcome) in all {
            self.id(&place, act);
            let step = |place: &str| place.split('.').nth(1).map(str::to_owned);
            let clash = seen.iter().find(|(other, at, was)| {
                let same = was.zip(outcome).is_some_and(|(a, b)| a.kind == b.kind && a.to == b.to);
                *other == act && !(same && step(at) != step(&place))
            });
            if let Some((_, at, _)) = clash {
                let what = format!("Tindakan \"{act}\" sudah ada di baris {}", self.lines.line(at));
                self.error(&place, what, "Beri nama lain");
            }
            seen.push((act, place, outcome));
        }
    }

    /// The line begins with filing and ends with handing over.
    fn ends(&mut self) {
        let steps = &self.service.steps;
        let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
            self.error("steps", "Belum ada langkah", "Tambahkan [[steps]], dari `ajukan` sampai `serah`");
            return;
        };
        if first.kind != ActKind::Ajukan || first.waits != DRAFT || first.done.as_deref() != Some(SUBMITTED) {
            let cure = "Tulis kind = \"ajukan\", waits = \"DRAF\" dan done = \"DIAJUKAN\"";
            self.error("steps.0", "Langkah pertama bukan pengajuan", cure);
        }
        if last.kind != ActKind::Serah || last.done.as_deref() != Some(COLLECTED) {
            let place = format!("steps.{}", steps.len() - 1);
            let cure = "Akhiri dengan kind = \"serah\" dan done = \"DIAMBIL\"";
            self.error(&place, "Langkah terakhir bukan penyerahan", cure);
        }
        for (i, step) in steps.iter().enumerate() {
            let alone = match step.kind {
                ActKind::Ajukan => i == 0,
                ActKind::Serah => i + 1 == steps.len(),
                ActKind::Tarik => false,
                _ => true,
            };
            if !alone {
                let what = format!("Langkah \"{}\" tidak boleh berada di sini", step.act);
                let cure = "`ajukan` hanya di awal, `serah` hanya di akhir, `tarik` hanya pada [withdraw]";
                self.error(&format!("steps.{i}.kind"), what, cure);
            }
            if i + 1 < steps.len() && step.done.as_deref().is_some_and(is_final) {
                let what = format!("Langkah sesudah \"{}\" tidak pernah dicapai", step.act);
                self.error(&format!("steps.{i}.done"), what, "Keadaan akhir hanya pada langkah terakhir");
            }
        }
    }

    fn step(&mut self, i: usize) {
        let service = self.service;
        let Some(step) = service.steps.get(i) else { return };
        let place = format!("steps.{i}");
        self.words(&format!("{place}.label"), &step.label, MAX_LABEL);
        self.roles(&place, &step.act, &step.roles, Some(step.site));
        if self.is_state(&format!("{place}.waits"), &step.waits) && is_final(&step.waits) {
            let what = format!("Langkah \"{}\" menunggu dalam keadaan akhir", step.act);
            self.error(&format!("{place}.waits"), what, "Pakai keadaan lain");
        }
        if let Some(other) = service.steps.iter().take(i).find(|other| other.waits == step.waits) {
            let what =
                format!("Langkah \"{}\" dan \"{}\" menunggu dalam keadaan yang sama", other.act, step.act);
            self.error(&format!("{place}.waits"), what, "Beri keadaan sendiri, supaya keduanya dicapai");
        }
        if let Some(done) = &step.done {
            self.is_state(&format!("{place}.done"), done);
        }
        if let Some(blank) = &step.blank {
            self.words(&format!("{place}.blank"), blank, MAX_LABEL);
            let tells = step.needs.iter().any(|need| need.id == SERIAL);
            if step.kind != ActKind::Cetak || !tells {
                let what = format!("Langkah \"{}\" memakai blangko tanpa mencatat nomor serinya", step.act);
                let cure = "Pakai kind = \"cetak\" dengan needs `nomor_seri`, atau hapus `blank`";
                self.error(&format!("{place}.blank"), what, cure);
            }
        }
        self.needs(&place, &step.needs);
        self.notify(&place, step.notify.as_deref());
        self.guards(&place, i, step);
        self.outcomes(&place, i, step);
    }

    fn roles(&mut self, place: &str, act: &str, roles: &[Role], site: Option<Site>) {
        let Some(first) = roles.first() else {
            let cure = "Tulis roles = [\"...\"], yang lazim lebih dulu";
            self.error(place, format!("Tidak ada yang berwenang atas \"{act}\""), cure);
            return;
        };
        let home = match first {
            Role::OperatorDesa => Some(Site::Desa),
            Role::OperatorKecamatan => Some(Site::Kecamatan),
            Role::FrontOffice | Role::KasiPendaftaran | Role::KasiPencatatanSipil => Some(Site::Dinas),
            Role::BagianProduksi | Role::KepalaDinas => Some(Site::Dinas),
            Role::LoketPengambilan | Role::PetugasLapangan | Role::Admin => None,
        };
        if let (Some(home), Some(site)) = (home, site)
            && home != site
        {
            let what = format!(
                "\"{act}\" dikerjakan di {}, sedangkan perannya bertugas di {}",
                name(site),
                name(home)
            );
            self.error(&format!("{place}.site"), what, "Samakan `site` dengan peran pertama pada `roles`");
        }
    }

    fn notify(&mut self, place: &str, notify: Option<&str>) {
        if let Some(notify) = notify {
            let ids = self.service.notifications.iter().map(|one| one.id.as_str());
            self.refers(&format!("{place}.notify"), "pemberitahuan", notify, ids);
        }
    }

    fn guards(&mut self, place: &str, i: usize, step: &Step) {
        let service = self.service;
        for (j, guard) in step.guards.iter().enumerate() {
            let place = format!("{place}.guards.{j}");
            match guard {
                Guard::Done(act) | Guard::OtherPerson(act) => {
                    let earlier = service.steps.iter().take(i).map(|step| step.act.as_str());
                    self.refers(&place, "langkah sebelumnya", act, earlier);
                }
                Guard::PapersReceived if service.paper_site.is_none() => {
                    let what = "Menunggu berkas fisik, padahal tidak ada yang dikirim";
                    self.error(&place, what, "Hapus \"papers_received\", atau tulis `paper_site`");
                }
                Guard::OldCard => {
                    if !service.requirements.iter().any(|one| one.surrender) {
                        let what = "Kartu lama harus diserahkan, tetapi tidak ada persyaratan yang ditarik";
                        self.error(&place, what, "Tulis surrender = true pada persyaratannya");
                    }
                    if !step.needs.iter().any(|need| need.id == OLD_CARD) {
                        let what = format!("\"{}\" tidak menanyakan kartu lama", step.act);
                        self.error(&place, what, "Tambahkan isian `kartu_lama` pada `needs`");
                    }
                }
                Guard::PapersReceived | Guard::CardAtPickup => {}
            }
        }
    }

    fn outcomes(&mut self, place: &str, i: usize, step: &Step) {
        if step.outcomes.len() > MAX_OUTCOMES {
            let what = format!("Langkah \"{}\" mempunyai lebih dari {MAX_OUTCOMES} jalan keluar", step.act);
            self.error(place, what, "Kurangi");
            return;
        }
        let has = |kind| step.outcomes.iter().any(|outcome| outcome.kind == kind);
        let card = step.is_transport();
        if step.kind == ActKind::Periksa && step.outcomes.is_empty() {
            let what = format!("Pemeriksaan \"{}\" tidak dapat menolak", step.act);
            self.error(place, what, "Tambahkan [[steps.outcomes]] untuk mengembalikan atau membatalkan");
        }
        if matches!(step.kind, ActKind::Tunggu | ActKind::Terima) && !card && !has(OutcomeKind::Cancel) {
            let what = format!("\"{}\" menunggu pihak luar tanpa jalan keluar", step.act);
            self.error(place, what, "Tambahkan [[steps.outcomes]] dengan kind = \"cancel\"");
        }
        for (j, outcome) in step.outcomes.iter().enumerate() {
            self.outcome(&format!("{place}.outcomes.{j}"), i, step, outcome);
        }
    }

    fn outcome(&mut self, place: &str, i: usize, step: &Step, outcome: &Outcome) {
        let service = self.service;
        self.words(&format!("{place}.label"), &outcome.label, MAX_LABEL);
        self.needs(place, &outcome.needs);
        self.notify(place, outcome.notify.as_deref());
        for (j, reason) in outcome.reasons.iter().enumerate() {
            let ids = service.reasons.iter().map(|reason| reason.id.as_str());
            self.refers(&format!("{place}.reasons.{j}"), "alasan", reason, ids);
        }
        let secret = service.privacy == Privacy::PerluTahu;
        if secret && outcome.notify.is_some() && outcome.reasons.is_empty() {
            let what = format!("\"{}\" memberi tahu sebab yang ditulis bebas", outcome.act);
            self.error(place, what, "Tulis `reasons`: untuk layanan ini SMS hanya memuat kata netral");
        }
        let to = format!("{place}.to");
        if !self.is_state(&to, &outcome.to) {
            return;
        }
        let back = service.steps.iter().take(i + 1).skip(1).any(|other| other.waits == outcome.to)
            || service.detours.iter().any(|detour| detour.waits == outcome.to);
        let (fine, cure) = match outcome.kind {
            OutcomeKind::Return => (outcome.to == RETURNED, "Tulis to = \"DIKEMBALIKAN\""),
            OutcomeKind::Cancel => (outcome.to == CANCELLED, "Tulis to = \"DIBATALKAN\""),
            OutcomeKind::Redo => {
                (back, "Tulis `waits` dari langkah ini, langkah sebelumnya, atau sebuah [[detours]]")
            }
            OutcomeKind::Wait => {
                (outcome.to == step.waits, "Tulis keadaan yang sama dengan `waits` langkah ini")
            }
        };
        if !fine {
            let what = format!("\"{}\" tidak boleh menuju ke \"{}\"", outcome.act, outcome.to);
            self.error(&to, what, cure);
        }
    }

    fn detours(&mut self) {
        let service = self.service;
        for (i, detour) in service.detours.iter().enumerate() {
            let place = format!("detours.{i}");
            self.words(&format!("{place}.label"), &detour.label, MAX_LABEL);
            self.roles(&place, &detour.act, &detour.roles, Some(detour.site));
            self.needs(&place, &detour.needs);
            self.is_state(&format!("{place}.waits"), &detour.waits);
            let waits = service.steps.iter().skip(1).map(|step| step.waits.as_str());
            self.refers(&format!("{place}.back_to"), "keadaan tunggu sebuah langkah", &detour.back_to, waits);
            let mut outcomes = service.steps.iter().flat_map(|step| &step.outcomes);
            if !outcomes.any(|outcome| outcome.to == detour.waits) {
                let cure =
                    format!("Tambahkan [[steps.outcomes]] dengan to = \"{}\", atau hapus", detour.waits);
                self.error(&place, format!("\"{}\" tidak pernah dicapai", detour.act), cure);
            }
        }
    }

    fn withdraw(&mut self) {
        let service = self.service;
        let withdraw = &service.withdraw;
        self.words("withdraw.label", &withdraw.label, MAX_LABEL);
        self.roles("withdraw", &withdraw.act, &withdraw.roles, None);
        let line = service.line();
        let acts = line.iter().map(|step| step.act.as_str());
        self.refers("withdraw.until", "langkah", &withdraw.until, acts);
    }

    /// The card is printed and collected where the head of the file says, and travels in between.
    fn card(&mut self) {
        let service = self.service;
        let travels = service.print_site != service.pickup_site;
        for (i, step) in service.steps.iter().enumerate() {
            let (want, key) = match (step.kind, step.act.as_str()) {
                (ActKind::Cetak, _) => (service.print_site, "print_site"),
                (ActKind::Serah, _) => (service.pickup_site, "pickup_site"),
                (ActKind::Kirim, SEND_CARD) if travels => (service.print_site, "print_site"),
                (ActKind::Terima, RECEIVE_CARD) if travels => (service.pickup_site, "pickup_site"),
                _ => continue,
            };
            if step.site != want {
                let what = format!(
                    "\"{}\" dikerjakan di {}, tetapi `{key}` = {}",
                    step.act,
                    name(step.site),
                    name(want)
                );
                self.error(
                    &format!("steps.{i}.site"),
                    what,
                    format!("Samakan `site` langkah ini dengan `{key}`"),
                );
            }
        }
        let place = |wanted: &dyn Fn(&Step) -> bool| service.steps.iter().position(wanted);
        let printed = place(&|step| step.kind == ActKind::Cetak);
        let sent = place(&|step| step.is_transport() && step.kind == ActKind::Kirim);
        let received = place(&|step| step.is_transport() && step.kind == ActKind::Terima);
        if travels {
            let ordered = matches!((printed, sent, received), (Some(p), Some(s), Some(r)) if p < s && s < r);
            if !ordered {
                let what = "Dicetak dan diambil di tempat berbeda, tetapi kartu tidak dikirim";
                let cure = "Tambahkan langkah `kirim_kartu` lalu `terima_kartu` sesudah `cetak`";
                self.error("pickup_site", what, cure);
            }
            let what =
                format!("Dicetak di {}, diambil di {}", name(service.print_site), name(service.pickup_site));
            self.warn("print_site", what, "Pastikan kartu memang harus dikirim dari tempat cetak ke loket");
            if service.notify_at == NotifyAt::Cetak {
                let what = "Pemohon diberi tahu sebelum kartu sampai di loket pengambilan";
                self.warn("notify_at", what, "Tulis notify_at = \"siap\"");
            }
        }
        self.contradiction(printed);
        let surrendered = service.requirements.iter().any(|one| one.surrender);
        let asked = service.steps.iter().any(|step| step.guards.contains(&Guard::OldCard));
        if surrendered && !asked {
            let what = "Kartu lama ditarik, tetapi penyerahan tidak menanyakannya";
            self.warn("requirements", what, "Tambahkan \"old_card\" pada `guards` langkah `serah`");
        }
        if printed.is_none() && service.paper_site.is_none() {
            let what = "Layanan ini tidak mencetak apa pun dan tidak meminta berkas dikirim";
            self.warn("steps", what, "Periksa apakah langkah `cetak` atau `paper_site` terlupa");
        }
    }

    /// The card is made ready at one place, printed at another, and collected at the first again.
    fn contradiction(&mut self, printed: Option<usize>) {
        let service = self.service;
        let before = printed.and_then(|i| i.checked_sub(1)).and_then(|i| service.steps.get(i));
        let (Some(i), Some(before)) = (printed, before) else { return };
        if service.print_site != service.pickup_site && before.site == service.pickup_site {
            let what = format!(
                "Prosedur bertentangan: \"{}\" dan pengambilan di {}, tetapi dicetak di {}",
                before.act,
                name(before.site),
                name(service.print_site)
            );
            self.warn(
                &format!("steps.{i}"),
                what,
                "Tanyakan kepada Dinas, lalu sesuaikan `print_site` bila keliru",
            );
        }
    }

    fn paper_track(&mut self) {
        let service = self.service;
        for (i, act) in service.parallel.iter().enumerate() {
            let place = format!("parallel.{i}");
            self.words(&format!("{place}.label"), &act.label, MAX_LABEL);
            self.roles(&place, &act.act, &act.roles, Some(act.site));
            self.needs(&place, &act.needs);
            self.notify(&place, act.notify.as_deref());
            if act.from.is_empty() || act.to == Papers::TidakPerlu {
                let what = format!("\"{}\" tidak mengubah keadaan berkas", act.act);
                self.error(
                    &place,
                    what,
                    "Tulis `from` dan `to`, misalnya from = [\"belum\"], to = \"dikirim\"",
                );
            }
        }
        let Some(site) = service.paper_site else {
            if service.gate_print_on_paper || !service.parallel.is_empty() {
                let what = "Ada tindakan atas berkas fisik, tetapi `paper_site` tidak ditulis";
                self.error(
                    "parallel",
                    what,
                    "Tulis `paper_site`, atau hapus [[parallel]] dan `gate_print_on_paper`",
                );
            }
            return;
        };
        let on_line = |step: &Step| step.kind == ActKind::Terima && !step.is_transport() && step.site == site;
        let received = service.parallel.iter().any(|act| act.to == Papers::Diterima && act.site == site);
        if !received && !service.steps.iter().any(on_line) {
            let what = format!("Berkas dikirim ke {}, tetapi tidak ada yang menerimanya", name(site));
            self.error("paper_site", what, "Tambahkan [[parallel]] dengan to = \"diterima\" di tempat itu");
        }
        let lacking = service.parallel.iter().any(|act| act.to == Papers::Kurang);
        if lacking && !service.parallel.iter().any(|act| act.from.contains(&Papers::Kurang)) {
            let what = "Berkas yang kurang tidak dapat dilengkapi";
            self.error(
                "parallel",
                what,
                "Tulis \"kurang\" pada `from` tindakan yang menerima atau membebaskan",
            );
        }
    }

    fn follow_ups(&mut self) {
        for (i, follow) in self.service.follow_ups.iter().enumerate() {
            let place = format!("follow_ups.{i}");
            self.is_state(&format!("{place}.at"), &follow.at);
            self.id(&format!("{place}.service"), &follow.service);
            self.words(&format!("{place}.label"), &follow.label, MAX_LABEL);
        }
    }
}

/// A site, in words.
fn name(site: Site) -> &'static str {
    match site {
        Site::Desa => "desa/kelurahan",
        Site::Kecamatan => "kecamatan",
        Site::Dinas => "Dinas",
    }
}
