//! The client of OpenRouter, and of any server that speaks the same dialect.
//!
//! Only this module knows the provider's JSON. What leaves it is the vocabulary of [`crate::chat`]: a stream
//! of [`AnswerEvent`]s that always ends with exactly one [`AnswerEvent::End`], whatever happens on the way.
//!
//! Every example below runs in the tests, against the emulator of [`crate::server::demo`]; with a real server,
//! only the base URL and the key differ.
//!
//! # Stream an answer
//!
//! ```
//! # use runnel::server::{demo::{Demo, Pace}, openrouter::*};
//! use runnel::chat::AnswerEvent;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let demo = Demo::start(([127, 0, 0, 1], 0).into(), Pace::default()).await?;
//! # let base_url = demo.base_url();
//! let client = OpenRouter::new(ClientConfig::new(&base_url)?)?;
//! let mut answer = client.stream_answer(&AnswerRequest::new("demo/echo").user("Hello, world"));
//! let mut text = String::new();
//! while let Some(event) = answer.next().await {
//!     if let AnswerEvent::Text(more) = event {
//!         text.push_str(&more); // print it, send it on, …
//!     }
//! }
//! assert_eq!(text, "Hello, world");
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Collect the whole answer, with its metadata
//!
//! ```
//! # use runnel::server::{demo::{Demo, Pace}, openrouter::*};
//! use runnel::chat::{EndStatus, State};
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let demo = Demo::start(([127, 0, 0, 1], 0).into(), Pace::default()).await?;
//! # let base_url = demo.base_url();
//! let client = OpenRouter::new(ClientConfig::new(&base_url)?)?;
//! let request = AnswerRequest::new("demo/echo").system("Be brief.").user("Hello");
//! let answer = client.stream_answer(&request).collect().await;
//! assert_eq!(answer.text(), "Hello");
//! assert_eq!(answer.source.provider.as_deref(), Some("Demo"));
//! assert!(answer.source.generation_id.is_some(), "the key for looking up the bill");
//! let end = answer.end().expect("a collected answer has ended");
//! assert_eq!(end.status, EndStatus::Complete);
//! assert_eq!(end.finish_reason.as_deref(), Some("stop"));
//! assert!(end.usage.as_ref().is_some_and(|usage| usage.cost.is_some()));
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Watch the progress
//!
//! [`Answer::apply`] keeps the counts while the events arrive.
//!
//! ```
//! # use runnel::server::{demo::{Demo, Pace}, openrouter::*};
//! # use runnel::chat::*;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let demo = Demo::start(([127, 0, 0, 1], 0).into(), Pace::default()).await?;
//! # let base_url = demo.base_url();
//! let client = OpenRouter::new(ClientConfig::new(&base_url)?)?;
//! let mut stream = client.stream_answer(&AnswerRequest::new("demo/echo").user("Count these characters"));
//! let mut answer = Answer::new(AnswerId::now(), QuestionId::now(), "demo/echo");
//! while let Some(event) = stream.next().await {
//!     answer.apply(answer.seq.next(), &event);
//!     // answer.chunks, answer.characters and answer.first_token_ms are up to date here
//! }
//! assert_eq!(answer.characters, 22);
//! assert!(answer.chunks > 1);
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Cancel: by drop, by a timer, by a person
//!
//! Dropping the stream closes the connection, and with it the model's work, at any moment.
//!
//! ```
//! # use runnel::server::{demo::{Demo, Pace}, openrouter::*};
//! use std::time::Duration;
//! use tokio_util::sync::CancellationToken;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let demo = Demo::start(([127, 0, 0, 1], 0).into(), Pace::default()).await?;
//! # let base_url = demo.base_url();
//! let client = OpenRouter::new(ClientConfig::new(&base_url)?)?;
//!
//! // By drop:
//! let mut first = client.stream_answer(&AnswerRequest::new("demo/stall").user("By drop"));
//! first.next().await;
//! drop(first);
//!
//! // By a timer:
//! let mut second = client.stream_answer(&AnswerRequest::new("demo/stall").user("By a timer"));
//! let read = async { while second.next().await.is_some() {} };
//! assert!(tokio::time::timeout(Duration::from_millis(200), read).await.is_err());
//! drop(second);
//!
//! // By a person, who may press a key before the first token:
//! let stop = CancellationToken::new();
//! let mut third = client.stream_answer(&AnswerRequest::new("demo/stall-first").user("By a person"));
//! stop.cancel();
//! tokio::select! {
//!     () = stop.cancelled() => {}
//!     () = async { while third.next().await.is_some() {} } => {}
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Retry
//!
//! Rate limits, provider faults and failed connections are tried again while nothing has been shown.
//!
//! ```
//! # use runnel::server::{demo::{Demo, Pace}, openrouter::*};
//! use runnel::chat::AnswerEvent;
//! use std::time::Duration;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let demo = Demo::start(([127, 0, 0, 1], 0).into(), Pace::default()).await?;
//! # let base_url = demo.base_url();
//! let mut config = ClientConfig::new(&base_url)?;
//! config.retry = RetryPolicy { attempts: 3, first_wait: Duration::from_millis(10), ..RetryPolicy::default() };
//! let client = OpenRouter::new(config)?;
//! // This model fails twice, then answers.
//! let mut stream = client.stream_answer(&AnswerRequest::new("demo/flaky-fast").user("Third time lucky"));
//! let mut attempts = vec![];
//! while let Some(event) = stream.next().await {
//!     if let AnswerEvent::Retrying(retry) = event {
//!         attempts.push((retry.attempt, retry.attempts));
//!     }
//! }
//! assert_eq!(attempts, [(2, 3), (3, 3)]);
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Notice a stall
//!
//! ```
//! # use runnel::server::{demo::{Demo, Pace}, openrouter::*};
//! use runnel::{chat::EndStatus, error::AnswerErrorKind};
//! use std::time::Duration;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let demo = Demo::start(([127, 0, 0, 1], 0).into(), Pace::default()).await?;
//! # let base_url = demo.base_url();
//! let mut config = ClientConfig::new(&base_url)?;
//! config.idle_timeout = Duration::from_millis(300);
//! let client = OpenRouter::new(config)?;
//! let answer = client.stream_answer(&AnswerRequest::new("demo/stall").user("Hello?")).collect().await;
//! let end = answer.end().expect("a collected answer has ended");
//! assert_eq!(end.status, EndStatus::Interrupted);
//! assert_eq!(end.problem.as_ref().map(|problem| problem.kind), Some(AnswerErrorKind::Stalled));
//! assert!(!answer.text().is_empty(), "what came before is kept");
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Several answers at once
//!
//! ```
//! # use runnel::server::{demo::{Demo, Pace}, openrouter::*};
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let demo = Demo::start(([127, 0, 0, 1], 0).into(), Pace::default()).await?;
//! # let base_url = demo.base_url();
//! let client = OpenRouter::new(ClientConfig::new(&base_url)?)?;
//! let ask = |text: &str| client.stream_answer(&AnswerRequest::new("demo/echo").user(text)).collect();
//! let (one, two, three) = tokio::join!(ask("one"), ask("two"), ask("three"));
//! assert_eq!([one.text(), two.text(), three.text()], ["one", "two", "three"]);
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Answer::apply`]: crate::chat::Answer::apply
//! [`AnswerEvent`]: crate::chat::AnswerEvent
//! [`AnswerEvent::End`]: crate::chat::AnswerEvent::End

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::chat::Usage;
use crate::error::{AnswerError, AnswerErrorKind};
use crate::models::{ModelInfo, ModelRule};
use failure::Failure;

mod classify;
mod failure;
mod parser;
mod reasoning_details;
mod redact;
mod request;
mod retry;
mod retry_after;
mod schema;
mod stream;

pub use parser::AnswerParser;
pub use request::{AnswerRequest, Message, Part, Role};
pub use retry::RetryPolicy;
pub use stream::AnswerStream;

/// Where OpenRouter's API is.
pub const OPENROUTER_BASE_URL: &str = "https://openrouter.ai/api/v1";

/// The list of models is a few hundred entries of some kilobytes; more is not a list of models.
const LARGEST_MODEL_LIST_BYTES: usize = 32 << 20;
/// A bill is one object of a kilobyte.
const LARGEST_BILL_BYTES: usize = 1 << 20;

/// How to reach the upstream, and how patient to be.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    base_url: Url,
    /// Which of the two dialects is spoken there. Default: OpenRouter's at OpenRouter, else the plain one.
    pub dialect: Dialect,
    /// Sent as `Authorization: Bearer …`, to this base URL alone.
    pub api_key: Option<SecretString>,
    /// Sent as `HTTP-Referer`.
    pub site_url: Option<String>,
    /// Sent as `X-OpenRouter-Title` and `X-Title`.
    pub site_name: Option<String>,
    /// For the connection alone, TLS included. Default 10 s.
    pub connect_timeout: Duration,
    /// The longest silence on an open stream; comments end it. Default 30 s.
    pub idle_timeout: Duration,
    /// The longest time without content, from sending the request; comments do not end it. Default 120 s.
    pub progress_timeout: Duration,
    pub retry: RetryPolicy,
}

impl ClientConfig {
    /// The defaults, for a server at `base_url` (such as [`OPENROUTER_BASE_URL`]).
    ///
    /// # Errors
    /// A sentence, if the text is not an `http` or `https` URL.
    pub fn new(base_url: &str) -> Result<Self, ConfigError> {
        let url = Url::parse(base_url.trim().trim_end_matches('/'))
            .map_err(|_| ConfigError::BaseUrl(base_url.to_owned()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || url.query().is_some() {
            return Err(ConfigError::BaseUrl(base_url.to_owned()));
        }
        Ok(Self {
            dialect: if is_openrouter(&url) { Dialect::OpenRouter } else { Dialect::OpenAi },
            base_url: url,
            api_key: None,
            site_url: None,
            site_name: None,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            progress_timeout: Duration::from_mins(2),
            retry: RetryPolicy::default(),
        })
    }

    #[must_use]
    pub const fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// True if the upstream is OpenRouter itself.
    #[must_use]
    pub fn is_openrouter(&self) -> bool {
        is_openrouter(&self.base_url)
    }

    /// How the upstream names its models.
    #[must_use]
    pub const fn model_rule(&self) -> ModelRule {
        match self.dialect {
            Dialect::OpenRouter => ModelRule::VendorPrefixed,
            Dialect::OpenAi => ModelRule::FreeForm,
        }
    }
}

/// What a server understands beyond what all of them do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `models`, `provider`, `reasoning`, and model names with a vendor.
    OpenRouter,
    /// None of these.
    OpenAi,
}

fn is_openrouter(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host == "openrouter.ai" || host.ends_with(".openrouter.ai"))
}

/// A configuration that cannot work. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "\u{201c}{0}\u{201d} is not a valid URL for OPENROUTER_BASE_URL (--base-url). Write it like {OPENROUTER_BASE_URL} \
         or http://127.0.0.1:8080/v1."
    )]
    BaseUrl(String),
    #[error("The {0} holds a character that cannot be sent in an HTTP header: use plain ASCII text.")]
    Header(&'static str),
    #[error("The HTTP client could not be set up: {0}")]
    Client(#[from] reqwest::Error),
}

/// The client. Cloning it is cheap, and clones share their connections.
#[derive(Clone, Debug)]
pub struct OpenRouter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    config: ClientConfig,
}

impl OpenRouter {
    /// Sets up the client; nothing is sent yet.
    ///
    /// # Errors
    /// [`ConfigError`] for a header that cannot be sent, or if the TLS backend cannot start.
    pub fn new(config: ClientConfig) -> Result<Self, ConfigError> {
        // Installing fails only if one is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The roots compiled in make TLS work on a machine that has no certificate store of its own.
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .map(|der| reqwest::Certificate::from_der(der))
            .collect::<Result<Vec<_>, _>>()?;
        let http = reqwest::Client::builder()
            .default_headers(default_headers(&config)?)
            .connect_timeout(config.connect_timeout)
            // A key must not follow a redirect to another host.
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .tls_certs_merge(roots)
            .build()?;
        Ok(Self { inner: Arc::new(Inner { http, config }) })
    }

    #[must_use]
    pub fn config(&self) -> &ClientConfig {
        &self.inner.config
    }

    /// Asks. The request is sent when the stream is first read; dropping the stream closes the connection.
    #[must_use]
    pub fn stream_answer(&self, request: &AnswerRequest) -> AnswerStream {
        AnswerStream::new(self.clone(), request)
    }

    /// The models that the upstream offers, in its order (wire reference, section 4).
    ///
    /// # Errors
    /// The [`AnswerError`] that a person may be told.
    pub async fn list_models(&self) -> Result<Vec<ModelInfo>, AnswerError> {
        let body = self.get("models", LARGEST_MODEL_LIST_BYTES).await.map_err(|failure| failure.problem)?;
        let models = schema::read_models(&body).ok_or_else(|| {
            AnswerError::new(AnswerErrorKind::Unreadable, "The list of models is not JSON.")
        })?;
        Ok(models.into_iter().map(|model| self.redacted_model(model)).collect())
    }

    /// Asks whether the upstream is there and accepts the key. OpenRouter lists its models for anybody, so it is asked
    /// about the key itself; of others the head of their list is enough.
    ///
    /// # Errors
    /// The [`AnswerError`] that every question would meet, or one that the upstream has with this request alone.
    pub async fn check_access(&self) -> Result<(), AnswerError> {
        let has_key = self.config().api_key.is_some();
        let request = if self.config().dialect == Dialect::OpenRouter && has_key {
            self.inner.http.get(self.url("key"))
        } else {
            self.inner.http.head(self.url("models"))
        };
        let request = request.timeout(self.config().idle_timeout);
        let response = request.send().await.map_err(|error| self.connection_failure(&error).problem)?;
        if response.status().is_success() { Ok(()) } else { Err(self.read_failure(response).await.problem) }
    }

    /// What an answer came to, asked for by its generation id after its end (wire reference, section 4).
    /// `None` if the upstream does not know it: for half a second or more after the end, it does not yet.
    ///
    /// # Errors
    /// The [`AnswerError`] that kept the upstream from telling.
    pub async fn find_usage(&self, generation_id: &str) -> Result<Option<Usage>, AnswerError> {
        let id: String = url::form_urlencoded::byte_serialize(generation_id.as_bytes()).collect();
        let body = match self.get(&format!("generation?id={id}"), LARGEST_BILL_BYTES).await {
            Err(failure) if failure.problem.status == Some(404) => return Ok(None),
            body => body.map_err(|failure| failure.problem)?,
        };
        let usage = schema::read_generation(&body);
        usage.map(Some).ok_or_else(|| AnswerError::new(AnswerErrorKind::Unreadable, "The bill is not JSON."))
    }

    /// The body of what is at `path`. Headers and body together must be there within the idle timeout.
    async fn get(&self, path: &str, largest_bytes: usize) -> Result<Vec<u8>, Failure> {
        let timeout = self.config().idle_timeout;
        let request = self.inner.http.get(self.url(path)).timeout(timeout);
        let response = request.send().await.map_err(|error| self.connection_failure(&error))?;
        if !response.status().is_success() {
            return Err(self.read_failure(response).await);
        }
        self.read_body(response, largest_bytes, timeout).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.config().base_url.as_str().trim_end_matches('/'))
    }
}

fn default_headers(config: &ClientConfig) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    headers.insert(reqwest::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(key) = &config.api_key {
        let bearer = format!("Bearer {}", key.expose_secret());
        let mut value = HeaderValue::from_str(&bearer).map_err(|_| ConfigError::Header("API key"))?;
        value.set_sensitive(true);
        headers.insert(reqwest::header::AUTHORIZATION, value);
    }
    let attribution = [
        ("http-referer", "site URL", &config.site_url),
        ("x-openrouter-title", "site name", &config.site_name),
        ("x-title", "site name", &config.site_name),
    ];
    for (name, label, value) in attribution {
        if let Some(value) = value {
            let value = HeaderValue::from_str(value).map_err(|_| ConfigError::Header(label))?;
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_http_with_a_host() {
        for good in [OPENROUTER_BASE_URL, "http://127.0.0.1:8080/v1/", "http://[::1]/v1"] {
            assert!(ClientConfig::new(good).is_ok(), "{good}");
        }
        for bad in ["", "openrouter.ai", "file:///etc/passwd", "ftp://a/b", "http://a/?q=1"] {
            let error = ClientConfig::new(bad).expect_err(bad);
            assert!(error.to_string().contains("Write it like"), "{error}");
        }
    }

    #[test]
    fn only_openrouters_own_host_is_openrouter() {
        assert!(ClientConfig::new(OPENROUTER_BASE_URL).unwrap().is_openrouter());
        assert!(!ClientConfig::new("https://openrouter.ai.example.com/v1").unwrap().is_openrouter());
    }

    #[test]
    fn the_key_shows_in_no_debug_output() {
        let mut config = ClientConfig::new(OPENROUTER_BASE_URL).unwrap();
        config.api_key = Some("sk-or-v1-secret".into());
        let client = OpenRouter::new(config).unwrap();
        assert!(!format!("{client:?}").contains("sk-or-v1-secret"));
    }
}
