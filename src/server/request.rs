//! Inside a server function: who asks, and for which app.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use futures::StreamExt;
use leptos::prelude::use_context;
use leptos::server_fn::codec::ByteStream;
use leptos_axum::ResponseOptions;

use super::App;
use super::answers::{Followed, LiveAnswer, follow_several};
use crate::api::ApiError;
use crate::chat::Seq;
use crate::user::Viewer;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The app that serves this request.
///
/// # Errors
/// None that a client can cause: the routes provide it.
pub fn app() -> Result<App, ApiError> {
    use_context::<App>().ok_or_else(ApiError::unexpected)
}

/// The app that serves this request, and who asks.
///
/// # Errors
/// As [`app`].
pub fn asked() -> Result<(App, Viewer), ApiError> {
    Ok((app()?, use_context::<Viewer>().ok_or_else(ApiError::unexpected)?))
}

/// The last event that a reader has who was cut off: a browser's `EventSource` tells it when it connects again. What is
/// no number was not written here, and says nothing.
pub fn last_event_id() -> Option<Seq> {
    let request = use_context::<Parts>()?;
    request.headers.get(LAST_EVENT_ID)?.to_str().ok()?.trim().parse().map(Seq).ok()
}

/// The answer's events after `after`, as an event stream.
pub fn event_stream(live: LiveAnswer, after: Seq) -> ByteStream<ApiError> {
    say_that_it_streams();
    ByteStream::new(live.follow(after).map(Ok::<_, ApiError>))
}

/// The events of several answers, as one event stream.
pub fn event_streams(answers: Vec<Followed>) -> ByteStream<ApiError> {
    say_that_it_streams();
    ByteStream::new(follow_several(answers).map(Ok::<_, ApiError>))
}

/// Nothing on the way may hold it back: `no-transform` keeps proxies from compressing it, `X-Accel-Buffering` is nginx's
/// switch.
fn say_that_it_streams() {
    if let Some(options) = use_context::<ResponseOptions>() {
        options.insert_header(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        options.insert_header(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
        options.insert_header(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    }
}
