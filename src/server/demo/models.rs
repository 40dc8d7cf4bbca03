//! `GET /models` (wire reference, section 4).

use std::sync::Arc;

use axum::{Json, extract::State, http::HeaderMap};
use serde_json::{Value, json};

use super::{
    Emulator,
    errors::{Asked, Failure},
    scenario::Scenario,
};

/// When the demo's models came into being, in Unix seconds.
const CREATED: u64 = 1_790_000_000;

/// All models; no key is needed.
pub async fn list(State(emulator): State<Arc<Emulator>>) -> Json<Value> {
    let entries: Vec<Value> = emulator.scenarios.iter().map(entry).collect();
    Json(json!({"total_count": entries.len(), "data": entries}))
}

/// The models that this account may use: all of them.
pub async fn list_for_user(
    emulator: State<Arc<Emulator>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    Asked::new(&headers)?;
    Ok(list(emulator).await)
}

fn entry(scenario: &Scenario) -> Value {
    let draws = scenario.id.ends_with("image");
    let output = if draws { json!(["text", "image"]) } else { json!(["text"]) };
    json!({
        "id": scenario.id,
        "canonical_slug": scenario.id,
        "hugging_face_id": null,
        "name": scenario.name,
        "created": CREATED,
        "description": scenario.description,
        "context_length": scenario.context_length,
        "architecture": {
            "modality": if draws { "text+image->text+image" } else { "text+image->text" },
            "input_modalities": ["text", "image"],
            "output_modalities": output,
            "tokenizer": "Other",
            "instruct_type": null,
        },
        "pricing": {
            "prompt": scenario.price.prompt,
            "completion": scenario.price.completion,
            "request": "0",
            "image": "0",
        },
        "top_provider": {
            "context_length": scenario.context_length,
            "max_completion_tokens": scenario.context_length / 2,
            "is_moderated": false,
        },
        "per_request_limits": null,
        "supported_parameters": [
            "frequency_penalty", "include_reasoning", "max_tokens", "presence_penalty", "reasoning", "seed",
            "stop", "temperature", "tool_choice", "tools", "top_k", "top_p",
        ],
        "default_parameters": null,
        "knowledge_cutoff": null,
        "expiration_date": null,
        "links": {"details": format!("/api/v1/models/{}/endpoints", scenario.id)},
    })
}
