//! Errors, sorted by what the app does next.

use std::io::ErrorKind;

use loket_core::attachment::AttachmentError;
use loket_core::bundle::BundleError;
use loket_core::client::ClientError;
use loket_core::replica::ReplicaError;
use loket_core::store::StoreError;

/// Why something could not be done. Each has a sentence for the officer: what is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum LoketError {
    /// What was typed or chosen does not fit: show the sentence beside it.
    #[error("{sentence}")]
    Input {
        /// The sentence.
        sentence: String,
    },
    /// The office said no: trying again does not help.
    #[error("{sentence}")]
    Refused {
        /// The sentence.
        sentence: String,
    },
    /// The phone has no room. What was saved before is there; make room, then again.
    #[error("{sentence}")]
    StorageFull {
        /// The sentence.
        sentence: String,
    },
    /// The device is not enrolled, its certificates have ended, or its key cannot be used: enrol or unlock.
    #[error("{sentence}")]
    SignIn {
        /// The sentence.
        sentence: String,
    },
    /// The office speaks another version: the app has to be updated.
    #[error("{sentence}")]
    Update {
        /// The sentence.
        sentence: String,
    },
    /// It may work later without anybody doing anything. Nothing is lost.
    #[error("{sentence}")]
    Later {
        /// The sentence.
        sentence: String,
    },
    /// The store or the program is damaged: report it.
    #[error("{sentence}")]
    Defect {
        /// The sentence.
        sentence: String,
    },
}

impl LoketError {
    pub(crate) fn input(sentence: impl Into<String>) -> Self {
        Self::Input { sentence: sentence.into() }
    }

    pub(crate) fn defect() -> Self {
        Self::Defect { sentence: "pekerjaan terhenti karena kesalahan program: ulangi, lalu laporkan".into() }
    }
}

impl From<ClientError> for LoketError {
    fn from(error: ClientError) -> Self {
        use ClientError as E;
        let sentence = error.to_string();
        if error.is_passing() {
            return Self::Later { sentence };
        }
        match error {
            E::NotEnrolled
            | E::Ended
            | E::Wiped
            | E::Replica(ReplicaError::Key(_) | ReplicaError::Store(StoreError::Locked)) => {
                Self::SignIn { sentence }
            }
            E::Outdated => Self::Update { sentence },
            E::Office(_) => Self::Refused { sentence },
            E::Replica(ReplicaError::Refused(_) | ReplicaError::NotFound) => Self::Input { sentence },
            E::Bundle(BundleError::Medium(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)) => {
                Self::StorageFull { sentence }
            }
            E::Bundle(_) => Self::Input { sentence },
            E::Replica(ReplicaError::Store(StoreError::Full)) | E::Attachment(AttachmentError::Full) => {
                Self::StorageFull { sentence }
            }
            E::Attachment(AttachmentError::TooLarge | AttachmentError::Missing) => Self::Input { sentence },
            E::Folder(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => Self::StorageFull { sentence },
            _ => Self::Defect { sentence },
        }
    }
}

impl From<ReplicaError> for LoketError {
    fn from(error: ReplicaError) -> Self {
        ClientError::from(error).into()
    }
}

/// Something of the app's that the library called threw. The library goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum CallbackFailed {
    /// It threw, or refused.
    #[error("{reason}")]
    Failed {
        /// What it said.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for CallbackFailed {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: error.reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_by_what_the_app_does_next() {
        let table: Vec<(ClientError, fn(&LoketError) -> bool)> = vec![
            (ClientError::refused("isi nama"), |e| matches!(e, LoketError::Input { .. })),
            (ClientError::NotEnrolled, |e| matches!(e, LoketError::SignIn { .. })),
            (ClientError::Ended, |e| matches!(e, LoketError::SignIn { .. })),
            (loket_core::identity::CannotSign.into(), |e| matches!(e, LoketError::SignIn { .. })),
            (StoreError::Locked.into(), |e| matches!(e, LoketError::SignIn { .. })),
            (ClientError::Outdated, |e| matches!(e, LoketError::Update { .. })),
            (ClientError::Office("tidak".into()), |e| matches!(e, LoketError::Refused { .. })),
            (StoreError::Full.into(), |e| matches!(e, LoketError::StorageFull { .. })),
            (StoreError::Busy.into(), |e| matches!(e, LoketError::Later { .. })),
            (ClientError::Allowance, |e| matches!(e, LoketError::Later { .. })),
            (ClientError::Network("putus".into()), |e| matches!(e, LoketError::Later { .. })),
            (StoreError::Broken("rusak".into()).into(), |e| matches!(e, LoketError::Defect { .. })),
        ];
        for (error, is) in table {
            let sentence = error.to_string();
            let mapped = LoketError::from(error);
            assert!(is(&mapped) && mapped.to_string() == sentence, "{mapped:?}");
        }
    }
}
