//! What the page needs to know about the server.

use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use serde::{Deserialize, Serialize};

use super::ApiError;
use crate::models::{ModelInfo, ModelRule};

/// About this server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutSite {
    pub version: String,
    /// True if answers come from Runnel's own emulator.
    pub is_demo: bool,
    /// The upstream's host.
    pub upstream: String,
    pub model_rule: ModelRule,
    /// The model for a chat that names none, if there is one.
    pub default_model: Option<String>,
}

/// About this server.
///
/// # Errors
/// None in practice: everything is known from the start.
#[server(prefix = "/api", endpoint = "about", input = GetUrl)]
pub async fn about() -> Result<AboutSite, ApiError> {
    Ok(crate::server::request::app()?.about())
}

/// The models to choose from.
///
/// # Errors
/// 502 if the upstream does not tell and never did.
#[server(prefix = "/api", endpoint = "list_models", input = GetUrl)]
pub async fn list_models() -> Result<Vec<ModelInfo>, ApiError> {
    crate::server::request::app()?.catalogue().list_models().await
}
