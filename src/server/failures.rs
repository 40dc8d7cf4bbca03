//! What a failure inside becomes for whoever asked. It is logged here, once, with what only an operator may read: the
//! edge logs nothing more of it.

use super::store::StoreError;
use crate::api::{ApiError, ApiErrorKind};

impl From<StoreError> for ApiError {
    /// What is wrong with the database is logged; what is wrong with the request is not.
    fn from(error: StoreError) -> Self {
        let is_refusal = matches!(
            error,
            StoreError::Conflict(_)
                | StoreError::PreviousAnswerRunning
                | StoreError::NotFound(_)
                | StoreError::SearchTooLong
        );
        if !is_refusal {
            tracing::error!(%error, "the store failed");
        }
        in_words(&error)
    }
}

/// The same for who logs it with what is known there.
pub fn in_words(error: &StoreError) -> ApiError {
    let (kind, message) = match error {
        StoreError::Conflict(message) => (ApiErrorKind::Conflict, *message),
        StoreError::NotFound(message) => (ApiErrorKind::NotFound, *message),
        StoreError::PreviousAnswerRunning => return ApiError::new(ApiErrorKind::Conflict, error.to_string()),
        StoreError::SearchTooLong => return ApiError::bad_request(error.to_string()),
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
    ApiError::new(kind, message)
}
