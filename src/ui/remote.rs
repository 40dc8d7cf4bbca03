//! What becomes of what the page asks the server for.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::ApiError;

/// What the server was asked for, as far as the page knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Remote<T> {
    #[default]
    NotAsked,
    Loading,
    Loaded(T),
    Failed(ApiError),
}

impl<T> Remote<T> {
    /// What was loaded, if it was.
    pub fn loaded(&self) -> Option<&T> {
        match self {
            Self::Loaded(loaded) => Some(loaded),
            _ => None,
        }
    }

    /// Why it was not loaded, if that failed.
    pub fn error(&self) -> Option<&ApiError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// If it was not loaded: that `what` is missing, and the reason for it.
    pub fn failure(&self, what: &str) -> Option<String> {
        self.error().map(|error| [what, " ", &error.message].concat())
    }

    /// It is asked for. What was loaded before stays until there is something newer.
    pub fn begin(&mut self) {
        if self.loaded().is_none() {
            *self = Self::Loading;
        }
    }
}

impl<T> From<Result<T, ApiError>> for Remote<T> {
    fn from(result: Result<T, ApiError>) -> Self {
        match result {
            Ok(loaded) => Self::Loaded(loaded),
            Err(error) => Self::Failed(error),
        }
    }
}

/// Asks for something once the page is alive. In the browser's file each type costs a kilobyte, so what is drawn is asked
/// for as the text that it becomes.
pub fn ask<F>(request: impl Fn() -> F + 'static) -> RwSignal<Remote<String>>
where
    F: Future<Output = Result<String, ApiError>> + 'static,
{
    let remote = RwSignal::new(Remote::NotAsked);
    Effect::new(move || {
        remote.update(Remote::begin);
        let request = request();
        spawn_local(async move {
            // By then nobody may look any more.
            remote.try_set(request.await.into());
        });
    });
    remote
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_loaded_stays_until_there_is_something_newer() {
        let mut remote = Remote::NotAsked;
        remote.begin();
        assert_eq!(remote, Remote::Loading);
        remote = Ok("found").into();
        remote.begin();
        assert_eq!(remote.loaded(), Some(&"found"));
    }

    #[test]
    fn a_failure_says_what_is_missing_and_why() {
        let mut remote = Remote::<()>::from(Err(ApiError::not_found("It is gone.")));
        assert_eq!(
            remote.failure("Spending cannot be shown.").unwrap(),
            "Spending cannot be shown. It is gone."
        );
        assert_eq!(remote.loaded(), None);
        remote.begin();
        assert_eq!(remote.failure("Spending cannot be shown."), None, "it is asked for again");
    }
}
