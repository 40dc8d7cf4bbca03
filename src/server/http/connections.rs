//! The connections: accepted, bounded in number and in patience, and ended when the server stops.
//!
//! `axum::serve` has none of these bounds, so that a thousand unfinished requests of one program would be enough for
//! nobody else to be served.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::slots::{Slot, Slots};
use super::stalled::WriteTimeout;

/// The pause after the system refused to accept a connection: most likely there are no files left.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// So many of those who are refused are told why at once; the others just see their connection close.
const MOST_TOLD: usize = 32;
/// How long one who is refused may take to hear it.
const TELLING: Duration = Duration::from_secs(1);
/// How often the log tells of refused connections.
const TOLD_EVERY: Duration = Duration::from_secs(10);
const REFUSAL: &str = "Runnel has too many open connections. Try again in a moment, or start it with a larger \
     --max-connections.\n";

/// What the connections of a server may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many may be open at once. See [`Slots::new`] for what one address gets.
    pub connections: usize,
    /// How long a new connection may take for the head of its first request: unfinished heads end so.
    pub head_timeout: Duration,
    /// How long it may take for the head of each further one: connections that nobody uses end so.
    pub idle_timeout: Duration,
    /// How long one who is sent something may take none of it.
    pub write_timeout: Duration,
    /// How long open responses may take to end once the server has stopped: whoever does not read must not keep it
    /// from that.
    pub stop_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            head_timeout: Duration::from_secs(20),
            // Proxies keep connections for a minute. If this side closed them first, a request that is just being sent
            // would get no answer.
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_mins(2),
            stop_timeout: Duration::from_secs(3),
        }
    }
}

/// The open connections of a server. They end when this is dropped.
pub struct Connections {
    router: Router,
    limits: Limits,
    slots: Slots,
    /// The server is about to stop: no connection takes another request.
    closing: CancellationToken,
    open: JoinSet<()>,
    refusals: Refusals,
}

impl Connections {
    #[must_use]
    pub fn new(router: Router, limits: Limits) -> Self {
        Self {
            router,
            limits,
            slots: Slots::new(limits.connections),
            closing: CancellationToken::new(),
            open: JoinSet::new(),
            refusals: Refusals::default(),
        }
    }

    /// Accepts and serves until `shutdown` resolves. What is open then goes on.
    pub async fn serve_until(&mut self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                accepted = listener.accept() => match accepted {
                    Ok((socket, address)) => self.serve(socket, address),
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        tracing::error!(%error, "no connection can be accepted");
                        tokio::select! {
                            () = &mut shutdown => return,
                            () = sleep(AFTER_FAILURE) => {}
                        }
                    }
                },
                Some(_) = self.open.join_next() => {}
            }
        }
    }

    /// Lets no connection take another request, and those close that wait for one.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Waits until every connection has ended, as long as the limits allow.
    pub async fn ended(mut self) {
        self.close();
        let all = async { while self.open.join_next().await.is_some() {} };
        if timeout(self.limits.stop_timeout, all).await.is_err() {
            tracing::debug!(open = self.open.len(), "connections are cut off: they did not end in time");
        }
    }

    fn serve(&mut self, socket: TcpStream, address: SocketAddr) {
        let Some(slot) = self.slots.take(address.ip()) else {
            return self.refusals.refuse(socket, address);
        };
        // A delta is some bytes: with Nagle's algorithm it would wait for the answer to the one before.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let serving = serve_connection(socket, self.router.clone(), self.limits, self.closing.clone(), slot);
        self.open.spawn(serving);
    }
}

async fn serve_connection(
    socket: TcpStream,
    router: Router,
    limits: Limits,
    closing: CancellationToken,
    _slot: Slot,
) {
    let stream = TokioIo::new(WriteTimeout::new(socket, limits.write_timeout));
    let (router, is_used) = (TowerToHyperService::new(router), CancellationToken::new());
    let service = service_fn(|request| {
        is_used.cancel();
        router.call(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.idle_timeout);
    let mut connection = pin!(builder.serve_connection(stream, service));
    let unused = async {
        if timeout(limits.head_timeout, is_used.cancelled()).await.is_ok() {
            pending::<()>().await;
        }
    };
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = unused => return,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// Errors of the one who wanted to connect, and of nobody else.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Those who are refused, since there are too many.
struct Refusals {
    telling: Arc<Semaphore>,
    /// How many there were since the log told of them.
    count: u64,
    told: Option<Instant>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { telling: Arc::new(Semaphore::new(MOST_TOLD)), count: 0, told: None }
    }
}

impl Refusals {
    fn refuse(&mut self, socket: TcpStream, address: SocketAddr) {
        self.count += 1;
        if self.told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
            let (refused, last) = (self.count, address.ip());
            tracing::warn!(refused, %last, "too many connections: raise --max-connections if they are all yours");
            (self.count, self.told) = (0, Some(Instant::now()));
        }
        if let Ok(place) = self.telling.clone().try_acquire_owned() {
            tokio::spawn(async move {
                // Whoever does not hear it finds the connection closed.
                let _ = timeout(TELLING, tell_refusal(socket)).await;
                drop(place);
            });
        }
    }
}

/// Tells it, and reads what the other side still sends: a connection that closes with something unread is reset,
/// and what was told may be lost.
async fn tell_refusal(mut socket: TcpStream) -> io::Result<()> {
    let length = REFUSAL.len();
    let response = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\n\
         retry-after: 5\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{REFUSAL}"
    );
    socket.write_all(response.as_bytes()).await?;
    socket.shutdown().await?;
    let mut unread = [0; 1024];
    while socket.read(&mut unread).await? > 0 {}
    Ok(())
}
