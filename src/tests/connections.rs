//! Connections that want too much: too many, unfinished, idle, or never read.

use std::net::SocketAddr;
use std::time::Duration;

use runnel::chat::EndStatus;
use runnel::server::http::Limits;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::test_app::{PATIENCE, TestApp, eventually, http_client, message};

const HALF_HEAD: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: runnel\r\nX-Unfinished: ";
const WHOLE_REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: runnel\r\n\r\n";

/// What strikes within a test.
fn impatient(limits: &mut Limits) {
    limits.head_timeout = Duration::from_millis(500);
    limits.idle_timeout = Duration::from_millis(500);
    limits.write_timeout = Duration::from_millis(500);
}

async fn connect(address: SocketAddr, first: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(first).await.unwrap();
    socket
}

/// What comes until the server closes the connection, which it does.
async fn read_to_close(socket: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    // A reset is a close too.
    let _ = timeout(PATIENCE, socket.read_to_end(&mut heard)).await.expect("the connection is not closed");
    String::from_utf8(heard).unwrap()
}

/// Reads the answer to [`WHOLE_REQUEST`].
async fn read_ok(socket: &mut TcpStream) {
    let mut heard = Vec::new();
    while !heard.ends_with(b"ok\n") {
        let mut piece = [0; 1024];
        let count = timeout(PATIENCE, socket.read(&mut piece)).await.expect("no answer").unwrap();
        assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&piece[..count]);
    }
    assert!(heard.starts_with(b"HTTP/1.1 200 OK"), "{:?}", String::from_utf8_lossy(&heard));
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_heads_and_idle_connections_are_closed() {
    let app = TestApp::start_with_limits(impatient).await;
    for first in [HALF_HEAD, b"", b"G"] {
        let mut socket = connect(app.address(), first).await;
        assert_eq!(read_to_close(&mut socket).await, "", "{:?}", String::from_utf8_lossy(first));
    }
    // After an answer a connection may stay for a while, and no longer, whether something comes or not.
    let mut socket = connect(app.address(), WHOLE_REQUEST).await;
    read_ok(&mut socket).await;
    socket.write_all(WHOLE_REQUEST).await.unwrap();
    read_ok(&mut socket).await;
    assert_eq!(read_to_close(&mut socket).await, "");
    let mut socket = connect(app.address(), &[WHOLE_REQUEST, HALF_HEAD].concat()).await;
    read_ok(&mut socket).await;
    assert_eq!(read_to_close(&mut socket).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_answer_is_not_closed() {
    let app = TestApp::start_with_limits(impatient).await;
    let message = message("demo/hang", "Say nothing for long");
    let reader = app.begin(&message).await;
    // Much later, as idle connections see it, one after the other.
    for _ in 0..4 {
        read_to_close(&mut connect(app.address(), b"").await).await;
    }
    eventually("it is stopped", async || {
        let stop = http_client().post(app.url("/api/stop_answer")).json(&json!({"id": message.answer}));
        stop.send().await.is_ok_and(|response| response.status() == 200)
    })
    .await;
    assert_eq!(reader.finished().await.status(), EndStatus::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_there_may_be_are_refused_with_a_sentence_until_others_close() {
    let app = TestApp::start_with_limits(|limits| limits.connections = 10).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut socket = connect(app.address(), WHOLE_REQUEST).await;
        read_ok(&mut socket).await;
        held.push(socket);
    }
    for _ in 0..50 {
        let heard = read_to_close(&mut connect(app.address(), WHOLE_REQUEST).await).await;
        assert!(heard.starts_with("HTTP/1.1 503 ") && heard.contains("--max-connections"), "{heard:?}");
    }
    // Those that are open are served on.
    for socket in &mut held {
        socket.write_all(WHOLE_REQUEST).await.unwrap();
        read_ok(socket).await;
    }
    drop(held);
    let http = http_client();
    eventually("there is a place again", async || {
        http.get(app.url("/healthz")).send().await.is_ok_and(|response| response.status() == 200)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unfinished_heads_ends_by_itself() {
    let app = TestApp::start_with_limits(|limits| {
        impatient(limits);
        limits.connections = 50;
    })
    .await;
    let mut flood = Vec::new();
    for _ in 0..200 {
        let mut socket = TcpStream::connect(app.address()).await.unwrap();
        // Whoever is refused may have been closed already.
        let _ = socket.write_all(HALF_HEAD).await;
        flood.push(socket);
    }
    let http = http_client();
    eventually("somebody else is served", async || {
        http.get(app.url("/healthz")).send().await.is_ok_and(|response| response.status() == 200)
    })
    .await;
    for mut socket in flood {
        read_to_close(&mut socket).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_never_reads_gives_its_place_to_another() {
    let app = TestApp::start_with_limits(|limits| {
        impatient(limits);
        limits.connections = 2;
    })
    .await;
    let message = message("demo/long", "[[characters=4096 repeat=700]] Never read");
    // Nobody reads it meanwhile: who is slow to read is given up here within half a second.
    drop(app.begin(&message).await);
    app.eventually_stats("Never read", |tally| tally.completed == 1).await;
    let mut unread = Vec::new();
    let is_served = async || {
        http_client().get(app.url("/healthz")).send().await.is_ok_and(|response| response.status() == 200)
    };
    for _ in 0..2 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut socket = socket.connect(app.address()).await.unwrap();
        let request =
            format!("GET /api/follow_answer?id={}&after=0 HTTP/1.1\r\nHost: runnel\r\n\r\n", message.answer);
        socket.write_all(request.as_bytes()).await.unwrap();
        unread.push(socket);
    }
    eventually("somebody else is served", is_served).await;
    eventually("and again", is_served).await;
    drop(unread);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_large_bodies_that_do_not_come_let_small_ones_pass() {
    let app = TestApp::start().await;
    let large = 8 << 20;
    let head = format!(
        "POST /api/send_message HTTP/1.1\r\nHost: runnel\r\nContent-Type: application/json\r\nContent-Length: {large}\r\n\r\n"
    );
    let mut unfinished = Vec::new();
    for _ in 0..8 {
        let mut socket = connect(app.address(), head.as_bytes()).await;
        socket.write_all(&vec![b' '; 1 << 20]).await.unwrap();
        unfinished.push(socket);
    }
    assert_eq!(app.ask("demo/echo", "And me?").await.answer.text(), "And me?");
    let waiting = tokio::spawn({
        let mut message = serde_json::to_value(message("demo/echo", "A large one")).unwrap();
        message["settings"]["system_prompt"] = json!("x".repeat(100 << 10));
        let sending = app.http.post(app.url("/api/send_message")).json(&message);
        async move { sending.send().await.unwrap().status() }
    });
    unfinished.clear();
    assert_eq!(timeout(PATIENCE, waiting).await.expect("it waits for ever").unwrap(), 200);
}
