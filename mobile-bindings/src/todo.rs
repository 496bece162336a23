//! What waits for an officer. Whether an application does is known until the office decides something on it, so that a list
//! that is drawn anew looks at what is new alone.

use std::collections::BTreeMap;

use loket_core::catalogue::Role;
use loket_core::client::Phone;
use loket_core::journal::EntryHash;
use loket_core::replica::list::Listed;
use loket_core::workflow::{ACT_TOLD, available};

use crate::details::{ApplicationDetails, details};
use crate::error::LoketError;
use crate::list::summary;

/// The act by which an officer submits.
const SUBMIT: &str = "ajukan";

/// What is known, for a role.
#[derive(Default)]
pub(crate) struct ToDo {
    role: Option<Role>,
    /// How many decisions there were on an application that did not wait.
    quiet: BTreeMap<EntryHash, u32>,
}

impl ToDo {
    /// Files that the office has returned, with what is wrong, and files whose applicant no message has reached.
    pub(crate) fn all(&mut self, phone: &Phone) -> Result<Vec<ApplicationDetails>, LoketError> {
        let role = phone.role()?;
        let before = std::mem::take(&mut self.quiet);
        let known = if self.role.replace(role) == Some(role) { before } else { BTreeMap::new() };
        let mut all = Vec::new();
        for listed in phone.list()?.into_iter().filter(|one| one.row.revision > 0 && !one.row.fin) {
            let (id, decisions) = (listed.id, listed.row.decisions);
            if known.get(&id) != Some(&decisions) && may_wait(phone, &listed, role)? {
                let shown = phone.show(&id.to_hex())?;
                let one = details(summary(phone.replica.catalogue(), listed), &shown, role.as_str());
                if !one.marks.is_empty() || one.acts.iter().any(|found| found.act == ACT_TOLD) {
                    all.push(one);
                }
            } else {
                self.quiet.insert(id, decisions);
            }
        }
        Ok(all)
    }
}

/// Whether it is in the officer's hand.
fn may_wait(phone: &Phone, listed: &Listed, role: Role) -> Result<bool, LoketError> {
    let case = phone.replica.case(&listed.partition, &listed.id)?;
    let (Some(file), Some(state)) = (&case.service, case.state()) else { return Ok(false) };
    Ok(available(&file.service, &state, role).iter().any(|one| one.act == SUBMIT || one.act == ACT_TOLD))
}
