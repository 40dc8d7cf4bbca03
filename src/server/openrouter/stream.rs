//! One answer, from the first attempt to its end.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use futures::Stream;
use futures::future::BoxFuture;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use tokio::time::{Instant, Sleep};

use super::OpenRouter;
use super::failure::{Failure, refuse_compression};
use super::parser::AnswerParser;
use super::request::AnswerRequest;
use crate::chat::{Answer, AnswerEvent, AnswerId, End, EndStatus, QuestionId, Retry, Source};
use crate::error::{AnswerError, AnswerErrorKind};

/// An answer that was not streamed may hold images.
const LARGEST_WHOLE_ANSWER_BYTES: usize = 64 << 20;

/// The events of one answer. The last is [`AnswerEvent::End`]; after it comes `None`.
///
/// Dropping it, at any moment, closes the connection to the upstream.
pub struct AnswerStream {
    client: OpenRouter,
    model: String,
    body: Vec<u8>,
    started: Instant,
    /// From 1; 0 before the first request.
    attempt: u32,
    /// When the last attempt's request was sent.
    requested: Instant,
    stage: Stage,
    ready: VecDeque<AnswerEvent>,
}

/// Each stage owns what it waits for, so that a caller may give up waiting and come back without loss.
enum Stage {
    Idle,
    Requesting(BoxFuture<'static, Result<Reply, Failure>>),
    Pausing(Pin<Box<Sleep>>),
    Reading(Box<Reading>),
    Ended,
}

/// A response that promises an answer.
struct Reply {
    generation_id: Option<String>,
    body: ReplyBody,
}

enum ReplyBody {
    Stream(Response),
    /// From a server that does not stream, or an error in a success (wire reference, section 3.3).
    Whole(Vec<u8>),
}

struct Reading {
    response: Response,
    parser: AnswerParser,
    last_byte: Instant,
    last_content: Instant,
}

impl AnswerStream {
    pub(super) fn new(client: OpenRouter, request: &AnswerRequest) -> Self {
        let body = request.body(client.config().dialect);
        Self {
            client,
            model: request.model.clone(),
            body,
            started: Instant::now(),
            attempt: 0,
            requested: Instant::now(),
            stage: Stage::Idle,
            ready: VecDeque::new(),
        }
    }

    /// The next event. Dropping the returned future loses nothing: the next call goes on where it was.
    pub async fn next(&mut self) -> Option<AnswerEvent> {
        loop {
            if let Some(event) = self.next_ready() {
                return Some(event);
            }
            match &mut self.stage {
                Stage::Idle => self.request(),
                Stage::Requesting(response) => {
                    let result = response.await;
                    self.receive(result);
                }
                Stage::Pausing(sleep) => {
                    sleep.await;
                    self.request();
                }
                Stage::Reading(_) => self.read().await,
                Stage::Ended => return None,
            }
        }
    }

    /// An event that is there already, without waiting.
    pub fn next_ready(&mut self) -> Option<AnswerEvent> {
        // The only way out: no event leaves with the key in it.
        self.ready.pop_front().map(|event| self.client.redacted_event(event))
    }

    /// Reads to the end and gives the whole answer.
    pub async fn collect(mut self) -> Answer {
        let mut answer = Answer::new(AnswerId::now(), QuestionId::now(), self.model.clone());
        while let Some(event) = self.next().await {
            answer.apply(answer.seq.next(), &event);
        }
        answer
    }

    /// The same events as a [`Stream`].
    pub fn into_stream(self) -> impl Stream<Item = AnswerEvent> + Send {
        futures::stream::unfold(self, |mut stream| async move { Some((stream.next().await?, stream)) })
    }

    fn request(&mut self) {
        self.requested = Instant::now();
        if self.attempt == 0 {
            self.started = self.requested;
        }
        self.attempt += 1;
        let deadline = self.requested + self.client.config().progress_timeout;
        let client = self.client.clone();
        let request = client
            .inner
            .http
            .post(client.url("chat/completions"))
            .header(CONTENT_TYPE, "application/json")
            .body(self.body.clone());
        self.stage = Stage::Requesting(Box::pin(async move {
            // No headers is no progress, not a dead connection: some servers send them with the first token.
            match tokio::time::timeout_at(deadline, request.send()).await {
                Ok(Ok(response)) => client.accept(response, deadline).await,
                Ok(Err(error)) => Err(client.connection_failure(&error)),
                Err(_) => {
                    let timeout = client.config().progress_timeout;
                    Err(Failure::lasting(AnswerErrorKind::Stalled, silence("No answer came", timeout)))
                }
            }
        }));
    }

    fn receive(&mut self, result: Result<Reply, Failure>) {
        let reply = match result {
            Ok(reply) => reply,
            Err(failure) => return self.fail(failure, None),
        };
        if reply.generation_id.is_some() {
            let source = Source { generation_id: reply.generation_id.clone(), ..Source::default() };
            self.ready.push_back(AnswerEvent::Source(source));
        }
        let mut parser = AnswerParser::new(reply.generation_id);
        match reply.body {
            ReplyBody::Stream(response) => {
                // Headers are a sign of life and no content: those of a model that is being loaded may come early or
                // late, and the longest time without content is one time, whatever it passes with.
                let (last_byte, last_content) = (Instant::now(), self.requested);
                let reading = Reading { response, parser, last_byte, last_content };
                self.stage = Stage::Reading(Box::new(reading));
            }
            ReplyBody::Whole(body) => {
                let elapsed_ms = self.elapsed_ms();
                let ready = &mut self.ready;
                parser.read_whole(&body, elapsed_ms, SystemTime::now(), &mut |event| ready.push_back(event));
                self.finish(&parser);
            }
        }
    }

    async fn read(&mut self) {
        let Stage::Reading(reading) = &mut self.stage else { return };
        let config = self.client.config();
        let idle_deadline = reading.last_byte + config.idle_timeout;
        let progress_deadline = reading.last_content + config.progress_timeout;
        let chunk =
            tokio::time::timeout_at(idle_deadline.min(progress_deadline), reading.response.chunk()).await;
        match chunk {
            // Comments may come so fast that the timer never gets its turn.
            Ok(Ok(Some(_))) if Instant::now() >= progress_deadline => {
                self.break_off(Failure::lasting(
                    AnswerErrorKind::Stalled,
                    silence("No text came", config.progress_timeout),
                ));
            }
            Ok(Ok(Some(bytes))) => self.read_bytes(&bytes),
            Ok(Ok(None)) => self.end_of_input(),
            Ok(Err(error)) => {
                let failure = self.client.connection_failure(&error);
                self.break_off(failure);
            }
            Err(_) => {
                let message = if idle_deadline <= progress_deadline {
                    silence("Nothing came", config.idle_timeout)
                } else {
                    silence("No text came", config.progress_timeout)
                };
                self.break_off(Failure::lasting(AnswerErrorKind::Stalled, message));
            }
        }
    }

    fn read_bytes(&mut self, bytes: &[u8]) {
        let elapsed_ms = self.elapsed_ms();
        let Stage::Reading(reading) = &mut self.stage else { return };
        let ready = &mut self.ready;
        let mut has_content = false;
        reading.parser.push(bytes, elapsed_ms, SystemTime::now(), &mut |event| {
            has_content |= !matches!(event, AnswerEvent::Waiting | AnswerEvent::Source(_));
            ready.push_back(event);
        });
        reading.last_byte = Instant::now();
        if has_content {
            reading.last_content = reading.last_byte;
        }
        if reading.parser.has_ended() {
            self.end_of_input();
        }
    }

    fn end_of_input(&mut self) {
        if let Stage::Reading(reading) = std::mem::replace(&mut self.stage, Stage::Ended) {
            self.finish(&reading.parser);
        }
    }

    /// The connection died or fell silent: what was read so far decides, unless it says nothing.
    fn break_off(&mut self, failure: Failure) {
        let Stage::Reading(reading) = std::mem::replace(&mut self.stage, Stage::Ended) else { return };
        let end = reading.parser.end(self.elapsed_ms());
        if end.status == EndStatus::Interrupted {
            self.fail(failure, Some(&reading.parser));
        } else {
            self.ready.push_back(AnswerEvent::End(end));
        }
    }

    fn finish(&mut self, parser: &AnswerParser) {
        let end = parser.end(self.elapsed_ms());
        let failure = match (parser.failure(), &end.problem) {
            (Some(failure), _) => failure.clone(),
            // Closed before anything came: a provider that was scaled down or restarted. Or it ended with a reason of
            // its own, which may be one that lasts.
            (None, Some(problem)) => Failure {
                problem: problem.clone(),
                is_transient: matches!(problem.kind, AnswerErrorKind::CutOff | AnswerErrorKind::ProviderDown),
                asked_wait: None,
            },
            (None, None) => {
                self.stage = Stage::Ended;
                return self.ready.push_back(AnswerEvent::End(end));
            }
        };
        self.fail(self.client.redacted(failure), Some(parser));
    }

    /// Tries again if that may help and nothing has been shown; else ends the answer.
    fn fail(&mut self, failure: Failure, parser: Option<&AnswerParser>) {
        let nothing_shown = parser.is_none_or(|parser| !parser.has_content());
        let wait =
            if nothing_shown && failure.is_transient { self.wait_before_retry(&failure) } else { None };
        if let Some(wait) = wait {
            self.ready.push_back(AnswerEvent::Retrying(Retry {
                attempt: self.attempt + 1,
                attempts: self.client.config().retry.attempts,
                wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                problem: failure.problem,
            }));
            self.stage = Stage::Pausing(Box::pin(tokio::time::sleep(wait)));
        } else {
            self.stage = Stage::Ended;
            let end = self.failed_end(failure.problem, parser);
            self.ready.push_back(AnswerEvent::End(end));
        }
    }

    fn wait_before_retry(&self, failure: &Failure) -> Option<Duration> {
        self.client.config().retry.wait_after(self.attempt, failure.asked_wait, fastrand::f64())
    }

    fn failed_end(&self, problem: AnswerError, parser: Option<&AnswerParser>) -> End {
        let duration_ms = self.elapsed_ms();
        let end =
            parser.map_or_else(|| AnswerParser::default().end(duration_ms), |parser| parser.end(duration_ms));
        let is_interrupted = matches!(problem.kind, AnswerErrorKind::Stalled | AnswerErrorKind::CutOff);
        let status = if is_interrupted { EndStatus::Interrupted } else { EndStatus::Failed };
        End { status, problem: Some(problem), ..end }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl OpenRouter {
    /// A stream, or a JSON body that may be an answer and is there by `deadline`; anything else is a failure.
    async fn accept(&self, response: Response, deadline: Instant) -> Result<Reply, Failure> {
        let content_type = header(response.headers(), "content-type").unwrap_or_default();
        if !response.status().is_success() || content_type.starts_with("text/html") {
            return Err(self.read_failure(response).await);
        }
        let generation_id = header(response.headers(), "x-generation-id");
        let body = if content_type.starts_with("application/json") {
            let timeout = deadline.saturating_duration_since(Instant::now());
            ReplyBody::Whole(self.read_body(response, LARGEST_WHOLE_ANSWER_BYTES, timeout).await?)
        } else {
            refuse_compression(response.headers())?;
            ReplyBody::Stream(response)
        };
        Ok(Reply { generation_id, body })
    }
}

impl fmt::Debug for AnswerStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AnswerStream")
            .field("model", &self.model)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn silence(what: &str, timeout: Duration) -> String {
    format!("{what} for {} s.", timeout.as_secs_f64().round())
}
