//! Leads applications along the straight line of their service, and off it at every refusal asked for.

use std::collections::BTreeSet;

use serde_json::Value;

use super::script::{Application, Town, items, scan, text};

/// Acts until an application has to have come to its end.
const MOST_ACTS: usize = 80;

/// One application on its way.
pub struct Walk {
    /// The application.
    pub application: Application,
    /// States in which it was seen, in order.
    pub states: Vec<String>,
    /// What was done, in order.
    pub acts: Vec<String>,
    /// Ways off the line still to be taken: at which step, which act, with which further settings.
    pub refusals: Vec<(String, String, Vec<String>)>,
    /// The act before which the walk stops, if it is not to go to the end.
    pub stop: Option<&'static str>,
    /// What the office shows of it at the end.
    pub end: Value,
    /// What the office showed of it last, if nothing was done since.
    shown: Option<Value>,
}

impl Walk {
    /// Along the straight line only.
    pub fn straight(application: Application) -> Self {
        Self {
            application,
            states: vec![],
            acts: vec![],
            refusals: vec![],
            stop: None,
            end: Value::Null,
            shown: None,
        }
    }

    /// Along the straight line, until this act would be next.
    pub fn before(act: &'static str, application: Application) -> Self {
        Self { stop: Some(act), ..Self::straight(application) }
    }

    /// Also through these ways off the line, each once: at which step, which act.
    pub fn through(application: Application, refusals: &[(String, String)]) -> Self {
        let refusals = refusals.iter().map(|(at, act)| (at.clone(), act.clone(), vec![])).collect();
        Self { refusals, ..Self::straight(application) }
    }

    /// What to do now: act, role, further settings. None at the end.
    fn next(&mut self, town: &Town, shown: &Value) -> Option<(String, String, Vec<String>)> {
        let state = text(shown, "state").to_owned();
        if self.states.last() != Some(&state) {
            self.states.push(state);
        }
        assert!(self.acts.len() < MOST_ACTS, "{} goes in circles: {:?}", self.application.service, self.acts);
        if shown["final"] == true {
            self.end = shown.clone();
            return None;
        }
        let open: BTreeSet<_> =
            items(&shown["available"]).iter().map(|one| (text(one, "act"), text(one, "role"))).collect();
        let line = town.line(&self.application.service);
        let Some((act, role)) = line.into_iter().find(|(act, role)| open.contains(&(act, role))) else {
            // The one wait that is on no straight line.
            let more = vec!["isian.alamat=Dusun Pembetulan".to_owned()];
            return Some(("perbaiki_input".into(), "bagian-produksi".into(), more));
        };
        if self.stop == Some(&act) {
            self.end = shown.clone();
            return None;
        }
        let off = self.refusals.iter().position(|(at, _, _)| *at == act);
        Some(match off.map(|at| self.refusals.remove(at)) {
            Some((_, refusal, more)) => (refusal, role, more),
            None => (act, role, vec![]),
        })
    }

    /// Does what is next, if its place is (not) a phone; tells whether it did.
    fn step(&mut self, town: &Town, by_phone: bool) -> bool {
        if !self.end.is_null() {
            return false;
        }
        let shown = self.shown.take().unwrap_or_else(|| town.show(&self.application));
        let held = self.refusals.clone();
        let Some((act, role, more)) = self.next(town, &shown) else { return false };
        if town.phone(&role).is_some() != by_phone {
            self.refusals = held;
            self.shown = Some(shown);
            return false;
        }
        if act == "ajukan" {
            self.submit(town, &shown);
        } else {
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            town.act(&shown, &self.application, &act, &role, &more);
        }
        self.acts.push(act);
        true
    }

    /// Submits; what came back is changed before, and a paper is attached anew.
    fn submit(&self, town: &Town, shown: &Value) {
        let phone = town.home(&self.application.service);
        let revision = shown["revision"].as_u64().unwrap();
        if revision > 0 {
            let id = self.application.id.as_str();
            phone.run(&["set", id, &format!("alamat=Dusun Perbaikan {revision}")]);
            let paper = text(&items(&shown["attachments"])[0], "requirement").to_owned();
            let file = scan(town.office.path(), &format!("{id} {revision}"));
            phone.run(&["attach", id, &paper, file.to_str().unwrap()]);
            town.fill(&self.application);
        }
        let submitted = town.submit(&self.application);
        assert_eq!(submitted["revision"], revision + 1, "{submitted}");
    }
}

/// Leads them all to their end: desks act at once, phones in turns, so that many share each sync.
pub fn lead(town: &Town, walks: &mut [Walk]) {
    loop {
        let mut moved = 0;
        for walk in &mut *walks {
            while walk.step(town, false) {
                moved += 1;
            }
        }
        town.sync();
        for walk in &mut *walks {
            moved += usize::from(walk.step(town, true));
        }
        if moved == 0 {
            break;
        }
        town.sync();
    }
    for walk in walks {
        assert!(!walk.end.is_null(), "{:?} got stuck: {}", walk.acts, town.show(&walk.application));
        assert!(walk.refusals.is_empty(), "never came by {:?}", walk.refusals);
    }
}
