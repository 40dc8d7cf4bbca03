//! What a failure inside becomes for whoever asked. It is logged here, once, with what only an operator may read: the
//! edge logs nothing more of it.

use super::store::StoreError;
use crate::api::{ApiError, ApiErrorKind};

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(message) => return Self::new(ApiErrorKind::Conflict, message),
            StoreError::PreviousAnswerRunning => return Self::new(ApiErrorKind::Conflict, error.to_string()),
            StoreError::NotFound(message) => return Self::not_found(message),
            StoreError::SearchTooLong => return Self::bad_request(error.to_string()),
            _ => {}
        }
        tracing::error!(%error, "the store failed");
        let (kind, message) = match error {
            StoreError::DiskFull(_) => (
                ApiErrorKind::Internal,
                "Runnel's disk is full, so nothing new can be kept. Free some space, then send again.",
            ),
            StoreError::ReadOnly(_) => (
                ApiErrorKind::Internal,
                "Runnel's database cannot be written: it is read-only. Allow writing, then send again.",
            ),
            StoreError::Busy(_) => (
                ApiErrorKind::Network,
                "Runnel's database is busy: another program, such as an import, writes to it. Try again in a moment.",
            ),
            _ => (ApiErrorKind::Internal, "Runnel's database reports an error. Its log says more."),
        };
        Self::new(kind, message)
    }
}
