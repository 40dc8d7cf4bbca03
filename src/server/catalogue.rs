//! The list of models, asked for now and then and kept while the upstream is away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
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
    known: Arc<Mutex<Option<Known>>>,
}

#[derive(Debug)]
struct Known {
    models: Vec<ModelInfo>,
    at: Instant,
}

impl Catalogue {
    #[must_use]
    pub fn new(client: OpenRouter, default_model: Option<String>) -> Self {
        Self { client, default_model, known: Arc::default() }
    }

    /// The models in the upstream's order; the last good list if the upstream does not answer now.
    ///
    /// # Errors
    /// The upstream does not answer and never did.
    pub async fn list_models(&self) -> Result<Vec<ModelInfo>, ApiError> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.at.elapsed() < FRESH_FOR) {
            return Ok(known.models.clone());
        }
        match (self.client.list_models().await, known.as_mut()) {
            (Ok(models), _) => {
                *known = Some(Known { models: models.clone(), at: Instant::now() });
                Ok(models)
            }
            (Err(problem), Some(stale)) => {
                tracing::warn!(%problem, "the list of models could not be renewed");
                stale.at = Instant::now();
                Ok(stale.models.clone())
            }
            (Err(problem), None) => {
                tracing::warn!(%problem, "the list of models could not be read");
                Err(ApiError::new(
                    ApiErrorKind::Upstream,
                    format!("The list of models cannot be read. {problem}"),
                ))
            }
        }
    }

    /// The model for a question that names none.
    pub async fn default_model(&self) -> Option<String> {
        if let Some(model) = self.configured_default() {
            return Some(model);
        }
        let models = self.list_models().await.ok()?;
        models.into_iter().next().map(|model| model.id)
    }

    /// The same, if it is known without asking.
    #[must_use]
    pub fn configured_default(&self) -> Option<String> {
        let own =
            matches!(self.client.config().dialect, Dialect::OpenRouter).then_some(OPENROUTER_DEFAULT_MODEL);
        self.default_model.clone().or_else(|| own.map(str::to_owned))
    }
}
