//! The models to choose from.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;

use super::ApiError;
use crate::models::ModelInfo;

/// The models to choose from.
///
/// # Errors
/// 502 if the upstream does not tell and never did.
#[server(prefix = "/api", endpoint = "list_models", input = Json)]
pub async fn list_models() -> Result<Vec<ModelInfo>, ApiError> {
    crate::server::request::app()?.catalogue().list_models().await
}
