//! The boundary between browser and server: everything that one asks of the other.
//!
//! Each function is a Leptos server function: on the server its body, in the browser a request to
//! `/api/<name>`. An error has the status of its [`ApiErrorKind`] and a JSON body of [`ApiError`].

pub mod answers;
pub mod conversations;
pub mod error;
pub mod models;
pub mod page;

pub use error::{ApiError, ApiErrorKind};
