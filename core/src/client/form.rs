//! The form of one application as a screen draws it: what its service asks of it now, and what stands there. A screen
//! needs to know no service for that.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::edits::service_of;
use super::{ClientError, Phone};
use crate::catalogue::ServiceFile;
use crate::checks::{self, Attached};

/// The form of an application.
pub struct FormView {
    /// The service, in the version under which it was filed.
    pub file: Arc<ServiceFile>,
    /// Its variant.
    pub variant: Option<String>,
    /// Fields that are asked now, in the order in which they are shown: their place among the service's.
    pub fields: Vec<FormField>,
    /// Requirements that are asked now, in their order.
    pub requirements: Vec<FormRequirement>,
}

/// A field that is asked.
pub struct FormField {
    /// Its place among the service's fields.
    pub place: usize,
    /// What stands there, as it is stored; none also where values contradict each other.
    pub value: Option<String>,
    /// Values that contradict each other, until one is chosen.
    pub conflict: bool,
}

/// A requirement that is asked.
pub struct FormRequirement {
    /// Its place among the service's requirements.
    pub place: usize,
    /// Its scans.
    pub scans: Vec<Attached>,
}

impl Phone {
    /// The form of an application, by any of its names.
    ///
    /// # Errors
    /// Where there is none, or its service's file has not come yet.
    pub fn form(&self, name: &str) -> Result<FormView, ClientError> {
        let found = self.find(name)?;
        let case = self.replica.case(&found.partition, &found.id)?;
        let file = service_of(&case)?;
        let registers = case.document.registers();
        let conflicts: BTreeSet<String> =
            case.document.conflicts().into_iter().map(|conflict| conflict.register).collect();
        let (fields, requirements) =
            self.replica.with_form(&case, &registers, &conflicts, self.now(), |form| {
                let fields = form.service.fields.iter().enumerate();
                let fields =
                    fields.filter(|(_, field)| form.asks_field(field)).map(|(place, field)| FormField {
                        place,
                        value: form.value(&field.id).map(str::to_owned),
                        conflict: form.conflicts.contains(&field.id),
                    });
                let scans = checks::attachments(form);
                let asked = form.service.requirements.iter().enumerate();
                let asked = asked.filter(|(_, one)| form.asks(one)).map(|(place, one)| FormRequirement {
                    place,
                    scans: scans.iter().filter(|scan| scan.requirement == one.id).cloned().collect(),
                });
                (fields.collect(), asked.collect())
            })?;
        Ok(FormView { file, variant: case.reserved("_varian"), fields, requirements })
    }
}
