//! `GET /key` and `GET /credits` (wire reference, section 4).

use axum::{Json, http::HeaderMap};
use serde_json::{Value, json};

use super::errors::{Asked, Failure};

/// What the key may do.
pub async fn key(headers: HeaderMap) -> Result<Json<Value>, Failure> {
    Asked::new(&headers)?;
    Ok(Json(json!({"data": {
        "label": "sk-or-v1-dem...emo",
        "limit": 100,
        "limit_remaining": 74.5,
        "limit_reset": "monthly",
        "usage": 25.5,
        "usage_daily": 1.25,
        "usage_weekly": 5.5,
        "usage_monthly": 25.5,
        "byok_usage": 0,
        "include_byok_in_limit": false,
        "is_free_tier": false,
        "is_management_key": false,
        "expires_at": null,
        "rate_limit":
            {"interval": "1h", "note": "This field is deprecated and safe to ignore.", "requests": 1000},
    }})))
}

/// What the account has bought and used, in US dollars.
pub async fn credits(headers: HeaderMap) -> Result<Json<Value>, Failure> {
    Asked::new(&headers)?;
    Ok(Json(json!({"data": {"total_credits": 100.5, "total_usage": 25.75}})))
}
