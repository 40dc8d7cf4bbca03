//! A client that opens streams and notes when each token was sent and when it came.
//!
//! It speaks HTTP over plain sockets, so that its own share of the time is small and the same for all.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Barrier, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::marker::{Finder, Wanted, now_ns};

/// What is to be measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// `host:port`
    pub address: String,
    pub speaks: Speaks,
    pub streams: u32,
    /// Over how many milliseconds the sends are spread; 0: all at once.
    pub spread_ms: u64,
    pub chunks: u32,
    pub pause_us: u64,
    pub bytes: usize,
}

/// What stands at the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Speaks {
    OpenAi,
    Runnel,
}

/// What came of it. All times are in nanoseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub chunks: u64,
    /// Streams that did not come to their end.
    pub failed: u32,
    /// From the sending of each token but the first of its stream to its receipt: p50, p99, p99.9.
    pub chunk: [u64; 3],
    /// From the sending of each request to its first token: p50, p99.
    pub first: [u64; 2],
}

/// Carries out a plan, given as JSON. Says `all open: <streams>` once each stream has begun, and what came of
/// it in a line of JSON after `outcome: `.
pub async fn run(plan: &str) {
    let plan: Plan = serde_json::from_str(plan).unwrap();
    let connected = Arc::new(Barrier::new(plan.streams as usize));
    let (tell, mut begun) = mpsc::unbounded_channel();
    let streams: Vec<_> = (0..plan.streams)
        .map(|at| tokio::spawn(stream(plan.clone(), at, connected.clone(), tell.clone())))
        .collect();
    drop(tell);
    let mut open = 0;
    while let Some(()) = begun.recv().await {
        open += 1;
        if open == plan.streams {
            println!("all open: {open}");
        }
    }
    let (mut firsts, mut chunks, mut failed) = (Vec::new(), Vec::new(), 0);
    for stream in streams {
        match stream.await.unwrap() {
            Some((first, later)) => {
                firsts.push(first);
                chunks.extend(later);
            }
            None => failed += 1,
        }
    }
    let outcome = Outcome {
        chunks: (chunks.len() + firsts.len()) as u64,
        failed,
        chunk: [500, 990, 999].map(|permille| percentile(&mut chunks, permille)),
        first: [500, 990].map(|permille| percentile(&mut firsts, permille)),
    };
    println!("outcome: {}", serde_json::to_string(&outcome).unwrap());
}

/// One stream to its end: how long its first token took, and each later one. `None` if it broke off.
async fn stream(
    plan: Plan,
    at: u32,
    connected: Arc<Barrier>,
    begun: mpsc::UnboundedSender<()>,
) -> Option<(u64, Vec<u64>)> {
    let socket = TcpStream::connect(&plan.address).await;
    connected.wait().await;
    let mut socket = socket.ok()?;
    socket.set_nodelay(true).ok()?;
    sleep_until(
        Instant::now()
            + Duration::from_micros(plan.spread_ms * 1000 * u64::from(at) / u64::from(plan.streams)),
    )
    .await;
    let request = request(&plan);
    let sent = now_ns();
    socket.write_all(request.as_bytes()).await.ok()?;
    let (mut finder, mut first, mut later) = (Finder::default(), None, Vec::new());
    let mut buffer = vec![0; 16 << 10];
    loop {
        let length = socket.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
        let now = now_ns();
        finder.push(&buffer[..length], |time| {
            if first.is_none() {
                first = Some(now - sent);
                // Nobody counts any more if the receiver is gone.
                let _ = begun.send(());
            } else {
                later.push(now.saturating_sub(time));
            }
        });
        if first.is_some() && later.len() + 1 == plan.chunks as usize {
            return Some((first?, later));
        }
        if first.is_none() && !buffer.starts_with(b"HTTP/1.1 200") {
            eprintln!("{}: {}", plan.address, String::from_utf8_lossy(&buffer[..length]));
            return None;
        }
    }
}

fn request(plan: &Plan) -> String {
    let question = Wanted { chunks: plan.chunks, pause_us: plan.pause_us, bytes: plan.bytes }.question();
    let (path, body) = match plan.speaks {
        Speaks::OpenAi => (
            "/api/v1/chat/completions",
            json!({"model": "bench", "stream": true, "messages": [{"role": "user", "content": question}]}),
        ),
        Speaks::Runnel => {
            ("/api/send_message", json!({"question": {"text": question}, "settings": {"model": "bench"}}))
        }
    };
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n\
         Content-Length: {}\r\n\r\n{body}",
        plan.address,
        body.len()
    )
}

/// The value below which so many of a thousand lie; 0 of none.
fn percentile(values: &mut [u64], permille: usize) -> u64 {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    values.get((last * permille).div_ceil(1000)).copied().unwrap_or_default()
}
