//! The edge of the API: who may come in with what, and errors with their status.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN, REFERER};
use axum::http::request::Parts;
use axum::http::{HeaderName, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use leptos::prelude::provide_context;
use leptos_axum::handle_server_fns_with_context;
use tokio::sync::OwnedSemaphorePermit;

use super::bodies::{self, BodyReader};
use super::headers;
use crate::api::{ApiError, ApiErrorKind};
use crate::server::App;
use crate::user::Viewer;

/// An error is a sentence.
const LARGEST_ERROR_BYTES: usize = 64 << 10;
const SERVER_FN_ERROR: &str = "serverfnerror";
const SENT_BY_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What the page and `curl` call.
pub fn routes(app: App) -> Router {
    let provide_app = move || {
        provide_context(app.clone());
        provide_context(Viewer::LOCAL);
    };
    let bodies = BodyReader::default();
    let edge = move |request: Request, next: Next| {
        let bodies = bodies.clone();
        async move { pass(&bodies, request, next).await }
    };
    Router::new()
        .route(
            "/api/{name}",
            any(move |request: Request| handle_server_fns_with_context(provide_app.clone(), request)),
        )
        .layer(from_fn(edge))
        .layer(DefaultBodyLimit::max(bodies::LARGEST_BYTES))
        .layer(headers::default(CACHE_CONTROL, "no-store"))
}

async fn pass(bodies: &BodyReader, request: Request, next: Next) -> Response {
    match admit(bodies, request).await {
        Ok((request, share)) => {
            let response = with_error_status(next.run(request).await).await;
            // The body has been read and dropped.
            drop(share);
            response
        }
        Err(error) => error_response(&error),
    }
}

/// Lets in what a page of this site or a program of the person's own may send, and reads it.
async fn admit(
    bodies: &BodyReader,
    request: Request,
) -> Result<(Request, Option<OwnedSemaphorePermit>), ApiError> {
    let (mut parts, body) = request.into_parts();
    refuse_other_sites(&parts)?;
    // With these, a server function takes the request for a form's and leads back to its page.
    parts.headers.remove(ACCEPT);
    parts.headers.remove(REFERER);
    let whole = bodies.read(body).await?;
    Ok((Request::from_parts(parts, Body::from(whole.bytes)), whole.share))
}

/// Another site's page can neither name our origin nor send JSON without asking first. A `GET`, which it can send,
/// reaches nothing that reads chats: how long that takes would tell it which words are in them.
fn refuse_other_sites(parts: &Parts) -> Result<(), ApiError> {
    let header = |name: &HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let foreign = header(&ORIGIN).is_some_and(|origin| !is_own_origin(origin, header(&HOST)))
        || header(&SENT_BY_SITE).is_some_and(|site| !matches!(site, "same-origin" | "none"));
    if foreign {
        return Err(ApiError::new(ApiErrorKind::Forbidden, "Requests from other sites are not answered."));
    }
    if parts.method == Method::POST
        && !header(&CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"))
    {
        let message = "Send JSON, with the header Content-Type: application/json.";
        return Err(ApiError::new(ApiErrorKind::UnsupportedMediaType, message));
    }
    Ok(())
}

fn is_own_origin(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
    authority.is_some() && authority.as_deref() == host
}

/// Server functions report every error with status 500; the status is the error's own.
async fn with_error_status(response: Response) -> Response {
    if response.status() == StatusCode::BAD_REQUEST && !response.headers().contains_key(CONTENT_TYPE) {
        let message = "There is no such function, or it is not called so: all are called by POST, follow_answer by GET too.";
        return error_response(&ApiError::not_found(message));
    }
    if !response.headers().contains_key(SERVER_FN_ERROR) {
        return response;
    }
    let body = to_bytes(response.into_body(), LARGEST_ERROR_BYTES).await.unwrap_or_else(|_| Bytes::new());
    let error = serde_json::from_slice(&body).unwrap_or_else(|_| ApiError::unexpected());
    error_response(&error)
}

/// Whoever made the error has logged it, with what the client may not read; but for the one that nobody has.
fn error_response(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if *error == ApiError::unexpected() {
        tracing::error!("a request failed in a way that Runnel does not know");
    } else {
        tracing::debug!(%status, %error, "a request was refused");
    }
    (status, [(SERVER_FN_ERROR, "1")], axum::Json(error)).into_response()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::server::store::StoreError;
    use crate::server::telemetry::tests::logged;

    #[test]
    fn what_fails_is_logged_once() {
        let lines_for = |error: fn() -> ApiError| {
            let log = logged("warn", || drop(error_response(&error())));
            log.lines().count()
        };
        assert_eq!(lines_for(|| StoreError::DiskFull(PathBuf::from("/a/disk")).into()), 1);
        assert_eq!(lines_for(ApiError::unexpected), 1);
        assert_eq!(lines_for(|| StoreError::NotFound("It is not here.").into()), 0);
    }
}
