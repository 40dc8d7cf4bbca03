//! The floor: axum and hyper, which pass on what comes and look at nothing.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::process::listen;

#[derive(Clone)]
struct Passing {
    client: Client<HttpConnector, Body>,
    /// `host:port`
    upstream: String,
}

/// Serves until it is killed, in front of the upstream at `host:port`.
pub async fn serve(upstream: &str) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let app = Router::new().fallback(pass).with_state(Passing { client, upstream: upstream.to_owned() });
    axum::serve(listen().await, app).await.unwrap();
}

async fn pass(State(passing): State<Passing>, mut request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = Uri::builder()
        .scheme("http")
        .authority(passing.upstream.as_str())
        .path_and_query(path)
        .build()
        .unwrap();
    passing.client.request(request).await.unwrap().map(Body::new)
}
