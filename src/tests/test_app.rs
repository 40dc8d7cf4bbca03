//! A running Runnel for one test: the real server on a real socket, in front of the emulator.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, Response, StatusCode};
use runnel::api::answers::{SentMessage, SentQuestion};
use runnel::chat::{
    Answer, AnswerEvent, AnswerId, Applied, Conversation, ConversationId, End, EndStatus, QuestionId, Retry,
    Seq,
};
use runnel::error::AnswerError;
use runnel::models::{ModelId, ModelRule};
use runnel::server::App;
use runnel::server::answers::USUAL_ANSWER_BYTES;
use runnel::server::config::{Config, Upstream, UpstreamConfig};
use runnel::server::demo::{Demo, Pace};
use runnel::server::http::{self, Limits};
use runnel::server::openrouter::{ClientConfig, Dialect, RetryPolicy};
use runnel::server::store::{SqliteStore, Store};
use runnel::settings::Settings;
use runnel::sse::{Decoder, Frame};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::staged_store::StagedStore;

/// Nothing that is expected may take longer than this.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A key that looks like one, and is found easily where it must not be.
pub const KEY: &str = "sk-or-v1-5ecret0123456789abcdef0123456789abcdef";

/// What few tests want otherwise.
struct Extras {
    title_model: Option<ModelId>,
    staged: Option<(SqliteStore, StagedStore)>,
    answer_limit: usize,
    limits: Limits,
}

impl Default for Extras {
    fn default() -> Self {
        Self { title_model: None, staged: None, answer_limit: USUAL_ANSWER_BYTES, limits: Limits::default() }
    }
}

/// Runnel and its upstream. Each test has its own; both end with the test.
pub struct TestApp {
    pub demo: Demo,
    pub http: Client,
    address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    force: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
    pub store: SqliteStore,
    folder: Arc<TempDir>,
    dialect: Dialect,
}

impl TestApp {
    /// Timeouts that do not strike in an ordinary test, and quick retries.
    pub async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// The same, with some things changed about how it reaches its upstream.
    pub async fn start_with(change: impl FnOnce(&mut ClientConfig)) -> Self {
        let demo = start_demo().await;
        let base_url = demo.base_url();
        Self::serve(demo, &base_url, change).await
    }

    /// Runnel in front of another upstream than the emulator, which is there but not asked.
    pub async fn start_in_front_of(base_url: &str, change: impl FnOnce(&mut ClientConfig)) -> Self {
        Self::serve(start_demo().await, base_url, change).await
    }

    async fn serve(demo: Demo, base_url: &str, change: impl FnOnce(&mut ClientConfig)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::serve_from(folder, demo, base_url, change).await
    }

    /// The same, with its file in a folder of the test's.
    pub async fn start_in(folder: Arc<TempDir>) -> Self {
        let demo = start_demo().await;
        let base_url = demo.base_url();
        Self::serve_from(folder, demo, &base_url, |_| ()).await
    }

    /// The same, with titles made by a model.
    pub async fn start_with_titles_by(model: &str) -> Self {
        let demo = start_demo().await;
        let base_url = demo.base_url();
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let title_model = ModelId::parse(model, ModelRule::FreeForm).unwrap();
        let extras = Extras { title_model: Some(title_model), ..Extras::default() };
        Self::serve_extra(folder, demo, &base_url, |_| (), extras).await
    }

    /// The same, with a store that does what the test wants.
    pub async fn start_staged() -> (Self, StagedStore) {
        let demo = start_demo().await;
        let base_url = demo.base_url();
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let store = SqliteStore::open(&folder.path().join("runnel.db")).await.unwrap();
        let staged = StagedStore::new(store.clone());
        let extras = Extras { staged: Some((store, staged.clone())), ..Extras::default() };
        (Self::serve_extra(folder, demo, &base_url, |_| (), extras).await, staged)
    }

    /// Runnel in front of another upstream, with another bound for its answers.
    pub async fn start_with_answer_limit(base_url: &str, answer_limit: usize) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let extras = Extras { answer_limit, ..Extras::default() };
        Self::serve_extra(folder, start_demo().await, base_url, |_| (), extras).await
    }

    /// The same Runnel after a stop, with the same emulator and the same file.
    pub async fn restart(mut self) -> Self {
        self.shut_down();
        self.force();
        self.stopped().await;
        self.store.close().await;
        let base_url = self.demo.base_url();
        let dialect = self.dialect;
        Self::serve_from(self.folder, self.demo, &base_url, |client| client.dialect = dialect).await
    }

    /// The same, with some things changed about what its connections may take.
    pub async fn start_with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        let demo = start_demo().await;
        let base_url = demo.base_url();
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let extras = Extras { limits, ..Extras::default() };
        Self::serve_extra(folder, demo, &base_url, |_| (), extras).await
    }

    async fn serve_from(
        folder: Arc<TempDir>,
        demo: Demo,
        base_url: &str,
        change: impl FnOnce(&mut ClientConfig),
    ) -> Self {
        Self::serve_extra(folder, demo, base_url, change, Extras::default()).await
    }

    async fn serve_extra(
        folder: Arc<TempDir>,
        demo: Demo,
        base_url: &str,
        change: impl FnOnce(&mut ClientConfig),
        extras: Extras,
    ) -> Self {
        let mut client = ClientConfig::new(base_url).unwrap();
        client.connect_timeout = Duration::from_secs(5);
        client.idle_timeout = PATIENCE;
        client.progress_timeout = 2 * PATIENCE;
        client.retry = quick_retries();
        change(&mut client);
        let dialect = client.dialect;
        let config = Config {
            upstream: UpstreamConfig {
                server: Upstream::Server(client),
                default_model: None,
                title_model: extras.title_model,
            },
            hosts: vec!["chat.example.com".into()],
            answer_limit: extras.answer_limit,
        };
        let (store, used): (_, Arc<dyn Store>) = if let Some((store, staged)) = extras.staged {
            (store, Arc::new(staged))
        } else {
            let store = SqliteStore::open(&folder.path().join("runnel.db")).await.unwrap();
            (store.clone(), Arc::new(store))
        };
        let app = App::start(config, used).await.unwrap();
        let listener = http::listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, asked_to_stop) = oneshot::channel();
        let (force, asked_to_force) = oneshot::channel();
        let shutdown_asked = async { drop(asked_to_stop.await) };
        let force_asked = async { drop(asked_to_force.await) };
        let server = tokio::spawn(http::serve(listener, app, extras.limits, shutdown_asked, force_asked));
        let (shutdown, force) = (Some(shutdown), Some(force));
        Self { demo, http: http_client(), address, shutdown, force, server, store, folder, dialect }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.http.get(self.url(path)).send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &impl Serialize) -> Response {
        self.http.post(self.url(path)).json(body).send().await.unwrap()
    }

    /// The response to a send, whatever it is.
    pub async fn send(&self, message: &impl Serialize) -> Response {
        self.post("/api/send_message", message).await
    }

    /// Sends what is expected to be accepted.
    pub async fn begin(&self, message: &SentMessage) -> Reader {
        Reader::new(self.send(message).await, message.answer, Seq::START)
    }

    /// Asks in a new conversation and reads the answer to its end.
    pub async fn ask(&self, model: &str, prompt: &str) -> Reader {
        self.begin(&message(model, prompt)).await.finished().await
    }

    /// The response to a request to follow, whatever it is.
    pub async fn try_follow(&self, id: impl std::fmt::Display, after: impl std::fmt::Display) -> Response {
        self.get(&format!("/api/follow_answer?id={id}&after={after}")).await
    }

    pub async fn follow(&self, id: AnswerId, after: u64) -> Reader {
        Reader::new(self.try_follow(id, after).await, id, Seq(after))
    }

    pub async fn stop(&self, id: AnswerId) -> EndStatus {
        let response = self.post("/api/stop_answer", &json!({"id": id})).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    pub async fn load_conversation(&self, id: ConversationId) -> Conversation {
        let response = self.post("/api/load_conversation", &json!({"id": id})).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    /// What the emulator has been asked.
    pub async fn all_stats(&self) -> Value {
        let url = format!("http://{}/__stats", self.demo.address());
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// What became of the requests with this prompt (without its directives).
    pub async fn stats(&self, prompt: &str) -> Tally {
        let prompt: String = prompt.chars().take(200).collect();
        serde_json::from_value(self.all_stats().await["by_prompt"][prompt].take()).unwrap_or_default()
    }

    /// Waits until the requests with this prompt have come to this.
    pub async fn eventually_stats(&self, prompt: &str, holds: impl Fn(Tally) -> bool) {
        eventually(prompt, async || holds(self.stats(prompt).await)).await;
    }

    /// The body of the last chat request, as the emulator received it, beside its headers.
    pub async fn last_request(&self) -> Value {
        self.all_stats().await["last_request"].take()
    }

    /// As Ctrl-C does: running answers may end.
    pub fn shut_down(&mut self) {
        self.shutdown.take().unwrap().send(()).unwrap();
    }

    /// As a second Ctrl-C does: running answers are interrupted.
    pub fn force(&mut self) {
        // Nobody waits any more if all has ended.
        let _ = self.force.take().unwrap().send(());
    }

    /// The length of the database's write-ahead log: what was written to it, until it begins anew at 4 MB.
    pub fn wal_bytes(&self) -> u64 {
        std::fs::metadata(self.folder.path().join("runnel.db-wal")).unwrap().len()
    }

    /// Waits until the server has stopped.
    pub async fn stopped(&mut self) {
        let result = tokio::time::timeout(PATIENCE, &mut self.server).await;
        result.expect("the server does not stop").unwrap();
    }
}

pub async fn start_demo() -> Demo {
    let pace = Pace {
        delta: Duration::ZERO,
        characters_per_delta: 16,
        comment: Duration::from_millis(10),
        split_bytes: None,
    };
    Demo::start(([127, 0, 0, 1], 0).into(), pace).await.unwrap()
}

/// A client with connections of its own.
pub fn http_client() -> Client {
    // Whoever comes first installs it for all.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

pub fn quick_retries() -> RetryPolicy {
    RetryPolicy { attempts: 4, first_wait: Duration::from_millis(10), longest_wait: Duration::from_secs(10) }
}

/// A first question in a conversation of its own.
pub fn message(model: &str, prompt: &str) -> SentMessage {
    SentMessage {
        conversation: ConversationId::now(),
        question: question(None, prompt),
        answer: AnswerId::now(),
        continues: None,
        settings: Settings { model: Some(model.to_owned()), ..Settings::default() },
        answers: Vec::new(),
    }
}

/// A question in the conversation of `earlier`, after its answer.
pub fn next_message(earlier: &SentMessage, prompt: &str) -> SentMessage {
    SentMessage {
        question: question(Some(earlier.answer), prompt),
        answer: AnswerId::now(),
        ..earlier.clone()
    }
}

fn question(after: Option<AnswerId>, prompt: &str) -> SentQuestion {
    SentQuestion { id: QuestionId::now(), after, text: prompt.to_owned() }
}

/// How the emulator's requests went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Tally {
    pub requests: u64,
    pub streams: u64,
    pub open: u64,
    pub completed: u64,
    pub aborted: u64,
}

/// The reader of an answer's event stream. Checks that the events come in order, without gap or repetition.
pub struct Reader {
    response: Response,
    decoder: Decoder,
    pub answer: Answer,
    pub events: Vec<AnswerEvent>,
    pub body: Vec<u8>,
}

impl Reader {
    pub fn new(response: Response, id: AnswerId, after: Seq) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        let mut answer = Answer::new(id, QuestionId::now(), "");
        answer.seq = after;
        Self { response, decoder: Decoder::default(), answer, events: Vec::new(), body: Vec::new() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    /// Reads what comes next. False at the end of the stream.
    pub async fn read(&mut self) -> bool {
        let piece = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
        let Some(bytes) = piece.expect("the stream is silent").expect("the stream broke") else {
            return false;
        };
        self.body.extend_from_slice(&bytes);
        decode(&mut self.decoder, &bytes, &mut self.answer, &mut self.events);
        true
    }

    /// Reads until the answer is so.
    pub async fn until(&mut self, holds: impl Fn(&Answer) -> bool) {
        while !holds(&self.answer) {
            assert!(self.read().await, "the stream ended too early: {:?}", self.events);
        }
    }

    /// Reads to the end of the stream, wherever in the answer that is.
    pub async fn drain(mut self) -> Self {
        while self.read().await {}
        self
    }

    /// Reads to the end of the answer, after which there is nothing.
    pub async fn finished(self) -> Self {
        let reader = self.drain().await;
        assert!(matches!(reader.events.last(), Some(AnswerEvent::End(_))), "{:?}", reader.events.last());
        reader
    }

    pub fn end(&self) -> &End {
        self.answer.end().expect("the answer has not ended")
    }

    pub fn status(&self) -> EndStatus {
        self.end().status
    }

    pub fn problem(&self) -> &AnswerError {
        self.end().problem.as_ref().expect("the answer had no problem")
    }

    pub fn retries(&self) -> Vec<&Retry> {
        let retries = self.events.iter().filter_map(|event| match event {
            AnswerEvent::Retrying(retry) => Some(retry),
            _ => None,
        });
        retries.collect()
    }
}

/// Decodes a piece of an event stream and applies its events, each of which must be the next one.
pub fn decode(decoder: &mut Decoder, bytes: &[u8], answer: &mut Answer, events: &mut Vec<AnswerEvent>) {
    let result = decoder.push(bytes, |frame| match frame {
        Frame::Event(frame) => {
            assert!(answer.end().is_none(), "something follows the end: {frame:?}");
            let seq = Seq(frame.id.expect("an event without id").parse().unwrap());
            let event = serde_json::from_str(&frame.data).unwrap();
            assert_eq!(answer.apply(seq, &event), Applied::New, "event {seq:?}: {event:?}");
            events.push(event);
        }
        Frame::Comment => {}
        Frame::ErrorField(text) => panic!("an error line: {text}"),
    });
    result.unwrap();
}

/// A request that was refused: its status and its JSON, which holds a kind and a message and nothing else.
pub async fn refusal(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let text = response.text().await.unwrap();
    assert_eq!(kind.as_deref(), Some("application/json"), "status {status}: {text}");
    let mut fields: HashMap<String, String> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
    let (kind, message) = (fields.remove("kind").unwrap(), fields.remove("message").unwrap());
    assert!(fields.is_empty(), "{text}");
    assert!(!message.is_empty());
    (status, kind, message)
}

/// Waits, within reason, until something has come about.
pub async fn eventually(what: &str, has_come_about: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !has_come_about().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An upstream that sends the same bytes to everyone, or never anything, for what the emulator does not do.
pub struct RawUpstream {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    hung_up: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

const NOT_HERE: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

impl RawUpstream {
    /// Reads a request, sends `response` and closes the connection.
    pub async fn answering(response: impl Into<Vec<u8>>) -> Self {
        Self::start(Some(response.into())).await
    }

    /// Reads requests and never says anything.
    pub async fn silent() -> Self {
        Self::start(None).await
    }

    /// Answers with this status line, these header lines and this body.
    pub async fn with_response(status: &str, headers: &[&str], body: &str) -> Self {
        let mut head =
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        Self::answering(head + "\r\n" + body).await
    }

    async fn start(response: Option<Vec<u8>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let hung_up = Arc::<AtomicUsize>::default();
        let task = tokio::spawn({
            let (requests, hung_up) = (Arc::clone(&requests), Arc::clone(&hung_up));
            async move {
                let mut held = Vec::new();
                while let Ok((mut socket, _)) = listener.accept().await {
                    let request = read_request(&mut socket).await;
                    // Runnel looks whether its upstream is there; that is no question.
                    if request.starts_with("HEAD ") {
                        if response.is_some() {
                            let _ = socket.write_all(NOT_HERE).await;
                        } else {
                            held.push(socket);
                        }
                        continue;
                    }
                    requests.lock().unwrap().push(request);
                    if let Some(response) = &response {
                        // The client may hang up at any time.
                        let written = socket.write_all(response).await.and(socket.shutdown().await);
                        hung_up.fetch_add(usize::from(written.is_err()), Ordering::SeqCst);
                    }
                    held.push(socket);
                }
            }
        });
        Self { address, requests, hung_up, task }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// How many responses were not read to their end.
    pub fn hung_up(&self) -> usize {
        self.hung_up.load(Ordering::SeqCst)
    }

    /// The requests so far, head and body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for RawUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Head and body, as far as they came.
async fn read_request(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")
                    .map(|length| length.trim().to_owned())
            });
            let length = length.map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        match socket.read(&mut buffer).await {
            Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
            _ => return text,
        }
    }
}
