//! The headers that tell a browser what a response must not be used for.

use axum::Router;
use axum::http::header::{REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use tower_http::set_header::SetResponseHeaderLayer;

pub const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
pub const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
pub const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// What no page of Runnel asks for. The clipboard and the whole screen are not among them.
const NOT_NEEDED: &str =
    "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()";

/// Puts them on every response of the site.
pub fn secured(site: Router) -> Router {
    site.layer(always(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // The frames say otherwise of themselves.
        .layer(default(X_FRAME_OPTIONS, "DENY"))
        .layer(default(REFERRER_POLICY, "same-origin"))
        .layer(always(OPENER_POLICY, "same-origin"))
        // The files of the site say otherwise: a frame, which belongs to no origin, loads one of them.
        .layer(default(RESOURCE_POLICY, "same-origin"))
        .layer(always(PERMISSIONS_POLICY, NOT_NEEDED))
}

/// A header with this value, whatever was set before.
pub fn always(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

/// A header for what has not set it itself.
pub fn default(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
