//! An emulated OpenRouter: a real HTTP server on loopback which speaks the provider's wire.
//!
//! It lets a newcomer without a key see a streaming answer, and it lets every test meet each way in which an
//! upstream can behave. It shares no type with the client that reads it: two sides built from one description
//! would share its mistakes. "The wire reference" in these files is `docs/wire.md`: what OpenRouter really
//! sends.
//!
//! How a chat request becomes bytes:
//!
//! 1. [`question`] reads and validates the body, and takes the tuning [`directives`] out of it.
//! 2. [`scenario`] is the table of models. Each either refuses before the stream ([`errors`]) or makes a
//!    [`play`]: a list of acts such as "say this", "finish", "fall silent", "die".
//! 3. [`playback`] turns acts into bytes and pauses ([`wire`] knows the JSON), and [`completion`] sends them as
//!    fast as the client reads.
//! 4. [`stats`] and [`generations`] remember what happened, so that tests can ask.

mod account;
mod answers;
mod completion;
mod connection;
mod directives;
mod endings;
mod errors;
mod generations;
mod hostile;
mod midstream;
mod models;
mod newest;
mod play;
mod playback;
mod png;
mod question;
mod scenario;
mod stats;
mod texts;
mod whole;
mod wire;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::{
    connection::{Door, Line},
    generations::Generations,
    scenario::Scenario,
    stats::Stats,
};

/// Room for a long conversation with several pictures, in bytes.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// The model that a newcomer meets first.
pub const DEFAULT_MODEL: &str = "demo/plain";

/// A running emulator. Dropping it stops the server and closes its connections.
#[derive(Debug)]
pub struct Demo {
    address: SocketAddr,
    stop: CancellationToken,
    ended: CancellationToken,
}

/// How quickly the emulator talks. A request can change this for itself with directives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The pause before each delta.
    pub delta: Duration,
    /// How many characters (Unicode scalar values) one delta carries; 0 counts as 1.
    pub characters_per_delta: usize,
    /// The time between two keep-alive comments.
    pub comment: Duration,
    /// Cut every write into pieces of at most this many bytes. The pieces have varying lengths.
    pub split_bytes: Option<usize>,
}

impl Default for Pace {
    /// Pleasant to watch: about 330 characters a second.
    fn default() -> Self {
        Self {
            delta: Duration::from_millis(12),
            characters_per_delta: 4,
            comment: Duration::from_millis(400),
            split_bytes: None,
        }
    }
}

impl Demo {
    /// Starts the emulator. Port 0 picks a free port.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub async fn start(listen: SocketAddr, pace: Pace) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let ended = CancellationToken::new();
        let door = Door::new(listener, stop.clone());
        let service = routes(Emulator::new(pace)).into_make_service_with_connect_info::<Line>();
        let (stopping, ending) = (stop.clone(), ended.clone().drop_guard());
        tokio::spawn(async move {
            let _ending = ending;
            tokio::select! {
                _ = axum::serve(door, service) => {}
                () = stopping.cancelled() => {}
            }
        });
        tracing::debug!(%address, "the demo upstream is listening");
        Ok(Self { address, stop, ended })
    }

    /// What a client uses as OpenRouter's base URL, such as `http://127.0.0.1:4000/api/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/api/v1", self.address)
    }

    /// Where the emulator listens, with the port that it really has.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the server has ended, which it does not do by itself.
    pub async fn stopped(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What all requests share.
#[derive(Debug)]
struct Emulator {
    scenarios: Vec<Scenario>,
    pace: Pace,
    stats: Stats,
    generations: Generations,
}

impl Emulator {
    fn new(pace: Pace) -> Arc<Self> {
        Arc::new(Self {
            scenarios: scenario::all(),
            pace,
            stats: Stats::default(),
            generations: Generations::default(),
        })
    }

    /// The scenario of a model id. Routing suffixes such as `:nitro` are legal on every model.
    fn find_scenario(&self, model: &str) -> Option<&Scenario> {
        let slug = model.split_once(':').map_or(model, |(slug, _)| slug);
        self.scenarios.iter().find(|scenario| scenario.id == slug)
    }
}

fn routes(emulator: Arc<Emulator>) -> Router {
    let api = Router::new()
        .route("/chat/completions", post(completion::chat))
        .route("/models", get(models::list))
        .route("/models/user", get(models::list_for_user))
        .route("/generation", get(generations::find))
        .route("/key", get(account::key))
        .route("/auth/key", get(account::key))
        .route("/credits", get(account::credits));
    Router::new()
        .nest("/api/v1", api)
        .route("/__stats", get(stats::show))
        .route("/__finish", post(stats::finish))
        .route("/__reset", post(stats::reset))
        .fallback(errors::no_such_route)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(emulator)
}
