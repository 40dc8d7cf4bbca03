//! The pages: rendered from their data, each with a policy of its own.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use leptos::nonce::Nonce;
use leptos::prelude::provide_context;
use leptos_axum::render_app_async_with_context;
use tower_http::compression::CompressionLayer;

use super::headers;
use crate::api::page::{PageData, too_long_for_page};
use crate::api::{ApiError, ApiErrorKind};
use crate::html::Html;
use crate::route::Route;
use crate::server::{App, assets, clock};
use crate::ui::{self, SiteFiles};
use crate::user::Viewer;

/// Where a page may be shown: a browser takes this from the header alone.
const NOWHERE_ELSE: &str = "frame-ancestors 'none'";

/// What a person opens: every path that is nothing else. The page itself knows which of them are there.
pub fn routes(app: App) -> Router {
    let files = assets::site_files();
    Router::new()
        .fallback(move |request: Request| page(app.clone(), files.clone(), request))
        .layer(CompressionLayer::new())
        // A page holds chats: nobody keeps a copy.
        .layer(headers::always(CACHE_CONTROL, "no-store"))
}

async fn page(app: App, files: SiteFiles, request: Request) -> Response {
    let files = current(files);
    let (status, data) = match page_data(&app, &Viewer::LOCAL, request.uri().path()).await {
        Ok(data) => data,
        Err(error) => return failed_page(&files, &error),
    };
    let nonce = Nonce::new();
    let policy = format!("{}; {NOWHERE_ELSE}", ui::content_policy(&nonce));
    let render = render_app_async_with_context(
        move || {
            provide_context(data.clone());
            provide_context(nonce.clone());
        },
        move || ui::shell(files.clone()),
    );
    with_policy((status, render(request).await).into_response(), &policy)
}

/// # Errors
/// The database cannot be read.
async fn page_data(app: &App, viewer: &Viewer, path: &str) -> Result<(StatusCode, PageData), ApiError> {
    let conversations = app.conversations();
    let route = Route::parse(path);
    let conversation = match route {
        Route::Chat(id) => there_or_not(conversations.load(viewer, id).await)?,
        Route::NewChat | Route::Settings | Route::NotFound => None,
    };
    let deferred = conversation.as_ref().map(too_long_for_page).unwrap_or_default();
    let open = conversation.as_ref().map(|conversation| conversation.id);
    let listing = conversations.list(viewer, 0, 0, open).await?.unwrap_or_default();
    let is_there = matches!(route, Route::NewChat | Route::Settings) || conversation.is_some();
    let status = if is_there { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let (server, path, now_ms) = (app.server_info(), path.to_owned(), clock::now_ms());
    Ok((status, PageData { server, path, conversation, deferred, listing, now_ms }))
}

/// What is not there is no failure; a database that cannot be read is.
fn there_or_not<T>(found: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == ApiErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A page that says what is wrong, and needs no database. Whoever made the error has logged it.
fn failed_page(files: &SiteFiles, error: &ApiError) -> Response {
    let mut html = Html::default();
    html.markup("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Runnel</title>\n");
    html.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.markup("<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"stylesheet\"");
    html.attribute("href", &files.style).markup("></head>\n<body><main class=\"page\">");
    html.markup("<h1>This page cannot be shown now.</h1>\n<p>").text(&error.message).markup("</p>\n");
    html.markup("<a href=\"\" class=\"button\">Try again</a></main></body></html>\n");
    let status = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let response = (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], html.into_string()).into_response();
    let policy =
        format!("default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; {NOWHERE_ELSE}");
    with_policy(response, &policy)
}

fn with_policy(mut response: Response, policy: &str) -> Response {
    // A policy is plain ASCII.
    if let Ok(policy) = HeaderValue::from_str(policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// In a debug build the site is built beside the running server: its files may have new names.
fn current(files: SiteFiles) -> SiteFiles {
    if cfg!(debug_assertions) { assets::site_files() } else { files }
}
