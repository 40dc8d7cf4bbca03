//! What must not run in the page: documents for `<iframe sandbox>`, each with a policy of its own.
//!
//! An answer's text comes from outside, and so do the pictures it names and the diagrams it describes. Their frames
//! have an origin that is nobody's: they reach neither the page nor the API, whose edge refuses what another site
//! asks. Their policies say the same once more, so that a frame opened by itself is no less alone.

use axum::Router;
use axum::extract::RawQuery;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use leptos::nonce::Nonce;
use tower_http::set_header::SetResponseHeaderLayer;
use url::{Url, form_urlencoded};

use super::assets;
use crate::html::Html;

/// The picture is as wide as the frame at most, and stands in its middle.
const PICTURE_STYLE: &str = "body { margin: 0; block-size: 100vh; display: grid; place-items: center } \
     img { max-inline-size: 100%; max-block-size: 100% }";
/// The frame becomes as high as its diagram, so there is nothing to scroll upwards or downwards.
const DIAGRAM_STYLE: &str =
    "body { margin: 0; overflow-y: hidden } svg { display: block; margin-inline: auto }";
const DIAGRAM_SCRIPT: &str = include_str!("sandbox/diagram.js");

/// `/frame/picture?url=…` and `/frame/diagram`.
pub fn routes() -> Router {
    Router::new()
        .route("/frame/picture", get(picture))
        .route("/frame/diagram", get(diagram))
        .layer(header(X_FRAME_OPTIONS, "SAMEORIGIN"))
        .layer(header(REFERRER_POLICY, "no-referrer"))
        // A nonce is for one time.
        .layer(header(CACHE_CONTROL, "no-store"))
}

/// Shows a picture from elsewhere. The browser fetches it, the server never does.
async fn picture(RawQuery(query): RawQuery) -> Response {
    let url = match asked_url(&query.unwrap_or_default()) {
        Ok(url) => url,
        Err(message) => return (StatusCode::BAD_REQUEST, message).into_response(),
    };
    let nonce = Nonce::new();
    let policy = format!("img-src http: https:; style-src 'nonce-{nonce}'; sandbox");
    let mut html = Html::default();
    open(&mut html, "Picture", PICTURE_STYLE, &nonce);
    html.markup("<img").attribute("src", url.as_str());
    html.markup(" referrerpolicy=\"no-referrer\" alt=\"\">\n</body></html>\n");
    document(html, &policy)
}

/// Draws what the page sends it, and answers how high that is. `style-src` is open because a diagram is styled by a
/// style sheet inside it and by attributes; what such styles name is not loaded.
async fn diagram() -> Response {
    let nonce = Nonce::new();
    let policy = format!(
        "script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; img-src data:; font-src data:; connect-src 'none'; \
         sandbox allow-scripts"
    );
    let mut html = Html::default();
    open(&mut html, "Diagram", DIAGRAM_STYLE, &nonce);
    html.markup("<main></main>\n<script").attribute("nonce", &nonce);
    html.attribute("src", &assets::diagram_script()).markup("></script>\n");
    html.markup("<script")
        .attribute("nonce", &nonce)
        .markup(">\n")
        .markup(DIAGRAM_SCRIPT)
        .markup("</script>\n");
    html.markup("</body></html>\n");
    document(html, &policy)
}

/// The address in the query, as a browser would write it.
fn asked_url(query: &str) -> Result<Url, &'static str> {
    let (_, given) = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "url")
        .ok_or("Say which picture: /frame/picture?url=ADDRESS.\n")?;
    let url = Url::parse(&given).map_err(|_| "This is not the address of a picture.\n")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("A picture's address begins with http:// or https://.\n");
    }
    // What stands before the @ is easily taken for the host.
    if !url.username().is_empty() || url.password().is_some() {
        return Err("A picture's address with a name or a password in it is not opened.\n");
    }
    Ok(url)
}

fn open(html: &mut Html, title: &'static str, style: &'static str, nonce: &str) {
    html.markup("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>").markup(title);
    html.markup("</title>\n<meta name=\"color-scheme\" content=\"light dark\">\n<style")
        .attribute("nonce", nonce);
    html.markup(">").markup(style).markup("</style></head>\n<body>");
}

fn document(html: Html, policy: &str) -> Response {
    let policy =
        format!("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; {policy}");
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, &policy)];
    (headers, html.into_string()).into_response()
}

fn header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}
