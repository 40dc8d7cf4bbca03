//! Every route and every layer, in one place, and the server around them.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;

use super::{App, assets, sandbox};

mod api;
mod bodies;
mod connections;
mod headers;
mod pages;
mod slots;
mod stalled;

pub use connections::Limits;
pub(super) use headers::RESOURCE_POLICY;

use connections::Connections;

/// A socket that is listening, ready to serve.
///
/// # Errors
/// The address is taken, or not this machine's.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `shutdown` resolves. From then on nothing new is accepted; running answers may go on until
/// `grace` resolves, whether anybody watches them or not, and end as interrupted then, and the open streams with
/// them. When it returns, every answer has ended.
pub async fn serve(
    listener: TcpListener,
    app: App,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
    grace: impl Future<Output = ()>,
) {
    let answers = app.answers().clone();
    let mut connections = Connections::new(router(app), limits);
    connections.serve_until(listener, shutdown).await;
    answers.close();
    connections.close();
    tokio::select! {
        () = answers.all_ended() => {}
        () = grace => {}
    }
    answers.interrupt_all().await;
    connections.ended().await;
}

/// The whole site.
pub fn router(app: App) -> Router {
    // Rendering spawns its tasks where this says; a second start in one process finds it said already.
    let _ = any_spawner::Executor::init_tokio();
    let callee = app.clone();
    let site = Router::new()
        .merge(api::routes(app.clone()))
        .route("/pkg/{*path}", get(assets::package_file))
        .route("/favicon.svg", get(assets::root_file))
        .route("/robots.txt", get(assets::root_file))
        .route("/healthz", get(|| async { "ok\n" }))
        .merge(sandbox::routes())
        .merge(pages::routes(app))
        .layer(from_fn(move |request: Request, next: Next| {
            let is_called = is_called(&callee, &request);
            async move { if is_called { next.run(request).await } else { misdirected() } }
        }));
    headers::secured(site).layer(CatchPanicLayer::new()).layer(TraceLayer::new_for_http())
}

/// A request without a name, which browsers do not make, names nobody else.
fn is_called(app: &App, request: &Request) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    hosts.all(|host| host.to_str().is_ok_and(|host| app.is_called(host)))
        && request.uri().host().is_none_or(|host| app.is_called(host))
}

fn misdirected() -> Response {
    let words = "Unknown host name. Set RUNNEL_HOSTS to the names of this server, such as \
        RUNNEL_HOSTS=chat.example.com, and start Runnel again.\n";
    (StatusCode::MISDIRECTED_REQUEST, words).into_response()
}
