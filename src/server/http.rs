//! Every route and every layer, in one place.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::serve::ListenerExt;
use futures::StreamExt;
use leptos::prelude::provide_context;
use leptos_axum::{handle_server_fns_with_context, render_app_async_with_context};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

use super::{App, assets, clock, frames};
use crate::api::page::PageData;
use crate::api::{ApiError, ApiErrorKind};
use crate::ui;

/// A question of 1 MiB may need six bytes a character in JSON, and the system prompt comes beside it.
const LARGEST_REQUEST_BYTES: usize = 8 << 20;
/// A viewer who does not read, or a request that never becomes whole, must not keep the server from stopping.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(3);
/// What is read of a larger one, to be able to say so.
const LARGEST_DROPPED_BYTES: usize = 64 << 20;
/// For the whole of a request. Slow lines send a megabyte in seconds.
const REQUEST_PATIENCE: Duration = Duration::from_mins(1);
/// An error is a sentence.
const LARGEST_ERROR_BYTES: usize = 64 << 10;
const SERVER_FN_ERROR: &str = "serverfnerror";

/// A socket that is listening, ready to serve.
///
/// # Errors
/// The address is taken, or not this machine's.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `shutdown` resolves. From then on nothing new is accepted; running answers may go on until
/// `patience` resolves, and end as interrupted then, and the open streams with them.
///
/// # Errors
/// The listening socket failed.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
    patience: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // A delta is some bytes: with Nagle's algorithm it would wait for the answer to the one before.
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
    });
    let answers = app.answers().clone();
    let stopping = CancellationToken::new();
    let ending = {
        let stopping = stopping.clone();
        async move {
            stopping.cancelled().await;
            tokio::select! {
                () = answers.all_ended() => {}
                () = patience => {}
            }
            answers.interrupt_all().await;
            tokio::time::sleep(SHUTDOWN_PATIENCE).await;
        }
    };
    let answers = app.answers().clone();
    let shutdown = async move {
        shutdown.await;
        answers.close();
        stopping.cancel();
    };
    tokio::select! {
        result = axum::serve(listener, router(app)).with_graceful_shutdown(shutdown).into_future() => result,
        () = ending => Ok(()),
    }
}

/// The whole site.
pub fn router(app: App) -> Router {
    // Rendering spawns its tasks where this says; a second start in one process finds it said already.
    let _ = any_spawner::Executor::init_tokio();
    let files = assets::site_files();
    let callee = app.clone();
    let provide_app = {
        let app = app.clone();
        move || provide_context(app.clone())
    };

    // What the page and `curl` call.
    let api = Router::new()
        .route(
            "/api/{name}",
            any(move |request: Request| handle_server_fns_with_context(provide_app.clone(), request)),
        )
        .layer(from_fn(api_edge))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST_BYTES));

    // What a person opens: every path that is nothing else. The page itself knows which of them are there.
    let pages = Router::new()
        .fallback(move |request: Request| page(app.clone(), files.clone(), request))
        .layer(CompressionLayer::new());

    Router::new()
        .merge(api)
        .route("/pkg/{*path}", get(assets::package_file))
        .route("/favicon.svg", get(assets::root_file))
        .route("/robots.txt", get(assets::root_file))
        .route("/healthz", get(|| async { "ok\n" }))
        .merge(frames::routes())
        .merge(pages)
        .layer(from_fn(move |request: Request, next: Next| {
            let is_called = is_called(&callee, &request);
            async move { if is_called { next.run(request).await } else { misdirected() } }
        }))
        .layer(security_header("x-content-type-options", "nosniff"))
        // The frames say otherwise of themselves.
        .layer(default_header("x-frame-options", "DENY"))
        .layer(default_header("referrer-policy", "same-origin"))
        .layer(security_header("cross-origin-opener-policy", "same-origin"))
        .layer(CatchPanicLayer::new())
        .layer(TraceLayer::new_for_http())
}

/// A request without a name, which browsers do not make, names nobody else.
fn is_called(app: &App, request: &Request) -> bool {
    let host = request.headers().get(HOST).map(|host| host.to_str().unwrap_or("."));
    host.or(request.uri().host()).is_none_or(|host| app.is_called(host))
}

fn misdirected() -> Response {
    let words = "This Runnel does not know itself by this name. If it is its own, start it with RUNNEL_HOSTS set to it.\n";
    (StatusCode::MISDIRECTED_REQUEST, words).into_response()
}

/// Renders a page from its data.
async fn page(app: App, files: ui::SiteFiles, request: Request) -> Response {
    let (status, data) = page_data(&app, request.uri().path()).await;
    let render = render_app_async_with_context(
        move || provide_context(data.clone()),
        move || ui::shell(current(&files)),
    );
    (status, render(request).await).into_response()
}

async fn page_data(app: &App, path: &str) -> (StatusCode, PageData) {
    let conversations = app.conversations();
    let id = path.strip_prefix("/c/").map(|id| id.trim_end_matches('/').parse());
    let conversation = match id {
        Some(Ok(id)) => conversations.load(id).await.ok(),
        _ => None,
    };
    let open = conversation.as_ref().map(|conversation| conversation.id);
    let listing = conversations.list(0, 0, open).await.ok().flatten().unwrap_or_default();
    let is_there = matches!(path, "/" | "/settings") || conversation.is_some();
    let status = if is_there { StatusCode::OK } else { StatusCode::NOT_FOUND };
    (
        status,
        PageData {
            about: app.about(),
            path: path.to_owned(),
            conversation,
            listing,
            now_ms: clock::now_ms(),
        },
    )
}

/// In a debug build the site is built beside the running server: its files may have new names.
fn current(files: &ui::SiteFiles) -> ui::SiteFiles {
    if cfg!(debug_assertions) { assets::site_files() } else { files.clone() }
}

/// The edge of the API: who may come in with what, and errors with their status.
async fn api_edge(request: Request, next: Next) -> Response {
    match admit(request).await {
        Ok(request) => with_error_status(next.run(request).await).await,
        Err(error) => error_response(&error),
    }
}

/// Lets in what a page of this site or a program of the person's own may send. Another site's page can neither
/// name our origin nor send JSON without asking first.
async fn admit(request: Request) -> Result<Request, ApiError> {
    let (parts, body) = request.into_parts();
    let header = |name: &HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let sent_by_site = parts.headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let foreign = header(&ORIGIN).is_some_and(|origin| !is_own_origin(origin, header(&HOST)))
        || sent_by_site.is_some_and(|site| site == "cross-site");
    if foreign {
        return Err(ApiError::new(ApiErrorKind::Forbidden, "Requests from other sites are not answered."));
    }
    if parts.method == Method::POST
        && !header(&CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"))
    {
        let message = "Send JSON, with the header Content-Type: application/json.";
        return Err(ApiError::new(ApiErrorKind::UnsupportedMediaType, message));
    }
    let body = read_body(body).await?;
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// The whole body, if it is not too large. What is too large is read on and dropped, within bounds: a client
/// that is still sending when the connection closes does not see the answer.
async fn read_body(body: Body) -> Result<Vec<u8>, ApiError> {
    let too_large = || ApiError::new(ApiErrorKind::TooLarge, "The request is larger than 8 MiB.");
    let mut pieces = body.into_data_stream();
    let mut kept = Vec::new();
    let mut received = 0;
    let reading = async {
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|_| ApiError::bad_request("The request broke off on the way."))?;
            received += piece.len();
            if received <= LARGEST_REQUEST_BYTES {
                kept.extend_from_slice(&piece);
            } else if received > LARGEST_DROPPED_BYTES {
                break;
            }
        }
        Ok::<_, ApiError>(())
    };
    let in_time = tokio::time::timeout(REQUEST_PATIENCE, reading).await;
    if received > LARGEST_REQUEST_BYTES {
        return Err(too_large());
    }
    in_time.map_err(|_| ApiError::bad_request("The request did not become whole in time."))??;
    Ok(kept)
}

fn is_own_origin(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
    authority.is_some() && authority.as_deref() == host
}

/// Server functions report every error with status 500; the status is the error's own.
async fn with_error_status(response: Response) -> Response {
    if response.status() == StatusCode::BAD_REQUEST && !response.headers().contains_key(CONTENT_TYPE) {
        return error_response(&ApiError::not_found("There is no such function."));
    }
    if !response.headers().contains_key(SERVER_FN_ERROR) {
        return response;
    }
    let body = to_bytes(response.into_body(), LARGEST_ERROR_BYTES).await.unwrap_or_else(|_| Bytes::new());
    let error = serde_json::from_slice(&body).unwrap_or_else(|_| {
        tracing::error!("a server function reported an error that is not one");
        ApiError::new(ApiErrorKind::Internal, "Something went wrong inside Runnel. Its log says more.")
    });
    error_response(&error)
}

fn error_response(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() {
        tracing::warn!(%error, "a request failed");
    }
    (status, [(SERVER_FN_ERROR, "1")], axum::Json(error)).into_response()
}

fn security_header(name: &'static str, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(HeaderName::from_static(name), HeaderValue::from_static(value))
}

/// For what has not set the header itself.
fn default_header(name: &'static str, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(HeaderName::from_static(name), HeaderValue::from_static(value))
}
