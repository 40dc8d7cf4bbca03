//! The list of models, asked for now and then and kept while the upstream is away.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::time::Instant;

use super::openrouter::{Dialect, OpenRouter};
use crate::api::{ApiError, ApiErrorKind};
use crate::models::ModelInfo;

/// Models come and go within days; the list is some hundred kilobytes.
const FRESH_FOR: Duration = Duration::from_mins(10);
/// OpenRouter's own choice of a model for the question.
const OPENROUTER_DEFAULT_MODEL: &str = "openrouter/auto";

/// The models that the upstream offers. Clones share what is known.
#[derive(Clone, Debug)]
pub struct Catalogue {
    client: OpenRouter,
    default_model: Option<String>,
    shared: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Known>,
    /// The question that is on its way to the upstream: everybody who wants to know waits for this one.
    asking: Option<Asking>,
}

#[derive(Clone, Debug)]
struct Known {
    models: Arc<Vec<ModelInfo>>,
    at: Instant,
}

type Asked = Result<Arc<Vec<ModelInfo>>, ApiError>;
type Asking = Shared<BoxFuture<'static, Asked>>;

impl Catalogue {
    #[must_use]
    pub fn new(client: OpenRouter, default_model: Option<String>) -> Self {
        Self { client, default_model, shared: Arc::default() }
    }

    /// The models in the upstream's order; the last good list while a newer one is on its way, or if the upstream does
    /// not answer.
    ///
    /// # Errors
    /// The upstream does not answer and never did.
    pub async fn list_models(&self) -> Result<Vec<ModelInfo>, ApiError> {
        let (known, asking) = {
            let mut state = self.state();
            let known = state.known.clone();
            if let Some(known) = known.as_ref().filter(|known| known.at.elapsed() < FRESH_FOR) {
                return Ok(known.models.to_vec());
            }
            // One that is over and still here has failed: it takes itself away.
            state.asking.take_if(|asking| asking.peek().is_some());
            (known, state.asking.get_or_insert_with(|| self.ask()).clone())
        };
        match known {
            Some(stale) => Ok(stale.models.to_vec()),
            None => asking.await.map(|models| models.to_vec()),
        }
    }

    /// Asks in a task, which goes on whether anybody waits for it or not.
    fn ask(&self) -> Asking {
        let this = self.clone();
        let asking = tokio::spawn(async move { this.renew().await });
        async move { asking.await.unwrap_or_else(|_| Err(unreadable("Runnel's log says more."))) }
            .boxed()
            .shared()
    }

    async fn renew(&self) -> Asked {
        let asked = self.client.list_models().await;
        let mut state = self.state();
        state.asking = None;
        match asked {
            Ok(models) => {
                let models = Arc::new(models);
                state.known = Some(Known { models: Arc::clone(&models), at: Instant::now() });
                Ok(models)
            }
            Err(problem) => {
                tracing::warn!(%problem, "the list of models could not be read");
                if let Some(stale) = &mut state.known {
                    stale.at = Instant::now();
                }
                Err(unreadable(&problem.to_string()))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single assignment: a panic elsewhere cannot leave it half done.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model for a question that names none; `None` if the upstream offers none.
    ///
    /// # Errors
    /// As [`Self::list_models`].
    pub async fn default_model(&self) -> Result<Option<String>, ApiError> {
        if let Some(model) = self.configured_default() {
            return Ok(Some(model));
        }
        Ok(self.list_models().await?.into_iter().next().map(|model| model.id))
    }

    /// The same, if it is known without asking.
    #[must_use]
    pub fn configured_default(&self) -> Option<String> {
        let own =
            matches!(self.client.config().dialect, Dialect::OpenRouter).then_some(OPENROUTER_DEFAULT_MODEL);
        self.default_model.clone().or_else(|| own.map(str::to_owned))
    }
}

fn unreadable(why: &str) -> ApiError {
    ApiError::new(ApiErrorKind::Upstream, format!("The list of models cannot be read. {why}"))
}
