//! Loket's core for Kotlin and Swift: a thin layer, so that what is tested below is what phones run.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use loket_core::client::{ClientError, Phone};

uniffi::setup_scaffolding!();

/// Why something could not be done, with a sentence for the officer: what is wrong, and what to do.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum LoketError {
    /// The folder belongs to no enrolled device.
    #[error("{message}")]
    NotEnrolled {
        /// The sentence.
        message: String,
    },
    /// Everything else.
    #[error("{message}")]
    Failed {
        /// The sentence.
        message: String,
        /// Whether trying again later may help without anybody doing anything.
        passing: bool,
    },
}

impl From<ClientError> for LoketError {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::NotEnrolled => Self::NotEnrolled { message },
            error => Self::Failed { message, passing: error.is_passing() },
        }
    }
}

/// A service that can be filed.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ServiceSummary {
    /// Id.
    pub service: String,
    /// Title for people.
    pub title: String,
    /// Version of its file.
    pub version: String,
    /// Variants: ids, the first taken where none is named.
    pub variants: Vec<String>,
}

/// An application in a list.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ApplicationSummary {
    /// Id.
    pub id: String,
    /// Registration number.
    pub number: String,
    /// Service.
    pub service: String,
    /// Official state.
    pub state: String,
    /// How far the work has come: `phone`, `carried`, `office`, `decided`.
    pub mark: String,
}

/// The version of this library.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// A phone's folder, opened.
#[derive(uniffi::Object)]
pub struct LoketPhone {
    // Calls come from any thread; the store is used by one at a time.
    phone: Mutex<Phone>,
}

#[uniffi::export]
impl LoketPhone {
    /// Opens the phone in this folder.
    #[uniffi::constructor]
    pub fn open(dir: String) -> Result<Arc<Self>, LoketError> {
        Ok(Arc::new(Self { phone: Mutex::new(Phone::open(PathBuf::from(dir))?) }))
    }

    /// The services that can be filed today.
    pub fn services(&self) -> Vec<ServiceSummary> {
        let phone = self.phone.lock().unwrap_or_else(PoisonError::into_inner);
        let summary = |file: Arc<loket_core::catalogue::ServiceFile>| ServiceSummary {
            service: file.service.service.clone(),
            title: file.service.title.clone(),
            version: file.service.version.clone(),
            variants: file.service.variants.iter().map(|variant| variant.id.clone()).collect(),
        };
        phone.services().into_iter().map(summary).collect()
    }

    /// Every application on this phone.
    pub fn applications(&self) -> Result<Vec<ApplicationSummary>, LoketError> {
        let phone = self.phone.lock().unwrap_or_else(PoisonError::into_inner);
        let all = phone.list()?;
        let summary = |one: loket_core::replica::list::Listed| ApplicationSummary {
            id: one.id.to_hex(),
            number: one.row.number,
            service: one.row.service,
            state: one.row.state,
            mark: one.mark.as_str().to_owned(),
        };
        Ok(all.into_iter().map(summary).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_that_is_no_phone_is_told_apart() {
        let dir = std::env::temp_dir().join(format!("loket-mobile-{}", std::process::id()));
        let error = LoketPhone::open(dir.display().to_string()).err().unwrap();
        assert!(matches!(error, LoketError::NotEnrolled { .. }), "{error}");
        assert!(!dir.exists());
        assert!(!version().is_empty());
    }
}
