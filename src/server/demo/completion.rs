//! `POST /chat/completions`: from a request to a response.

use std::{io, pin::Pin, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{ConnectInfo, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::stream;

use super::{
    Emulator,
    connection::Line,
    endings,
    errors::{self, Asked, Failure},
    generations::Generation,
    play::Play,
    playback::{Beat, Playback},
    question::Question,
    scenario::{Behaviour, Scenario},
    stats::OpenStream,
    whole,
    wire::Stamp,
};

/// Answers a chat request, streamed or whole.
pub async fn chat(
    State(emulator): State<Arc<Emulator>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match answer(&emulator, &line, &headers, body).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn answer(
    emulator: &Arc<Emulator>,
    line: &Line,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let body = body.map_err(|_| Failure::too_large())?;
    let read = Question::read(&body, &emulator.pace);
    emulator.stats.note_request(headers, read.as_ref().ok());
    let asked = Asked::new(headers)?;
    let question = read?;
    let (model, scenario) = choose(emulator, &question)?;
    emulator.stats.count_request(scenario.id, &question.text);
    let open = || OpenStream::begin(emulator, scenario.id, &question.text, None);
    match scenario.behaviour {
        Behaviour::Answer(act) => perform(emulator, line, &question, model, scenario, act(&question)).await,
        Behaviour::Break { error, after_text } => {
            let play = endings::broken(&question, error(), after_text);
            perform(emulator, line, &question, model, scenario, play).await
        }
        Behaviour::Refuse(refuse) => Ok(refuse(&asked)),
        Behaviour::Flaky { refusals, refuse, act } => {
            if emulator.stats.count_attempt(scenario.id, &question.text) <= refusals {
                return Ok(refuse(&asked));
            }
            perform(emulator, line, &question, model, scenario, act(&question)).await
        }
        Behaviour::Hang => {
            let _open = open();
            std::future::pending().await
        }
        Behaviour::Reset => {
            open().complete();
            line.cut().await
        }
    }
}

/// The first model of the request that exists.
fn choose<'a>(emulator: &'a Emulator, question: &'a Question) -> Result<(&'a str, &'a Scenario), Failure> {
    question
        .models
        .iter()
        .find_map(|model| emulator.find_scenario(model).map(|scenario| (model.as_str(), scenario)))
        .ok_or_else(|| errors::unknown_model(question.models.first().map_or("", String::as_str)))
}

async fn perform(
    emulator: &Arc<Emulator>,
    line: &Line,
    question: &Question,
    model: &str,
    scenario: &Scenario,
    play: Play,
) -> Result<Response, Failure> {
    let play = play.adapted_to(question);
    let stamp = Stamp::new(model.to_owned(), play.era);
    let generation = Generation::new(&stamp, question.stream);
    let split = play.pace.split_bytes;
    let headers = answer_headers(&stamp);
    let playback = Playback::new(play.clone(), stamp.clone(), scenario.price, question.prompt_tokens());
    if question.stream {
        let open = OpenStream::begin(emulator, scenario.id, &question.text, Some(generation));
        let performance = Performance { playback, open, pieces: Pieces::new(split) };
        let body = Body::from_stream(stream::unfold(performance, Performance::next));
        let stream_headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        return Ok((headers, stream_headers, body).into_response());
    }
    let Some(answer) = whole::gather(play, &stamp, playback).await else { line.cut().await };
    emulator.generations.keep(generation.ended(answer.usage, answer.finish, false));
    Ok((headers, Json(answer.json)).into_response())
}

/// Section 2.1.
fn answer_headers(stamp: &Stamp) -> HeaderMap {
    let mut headers: HeaderMap = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "X-Generation-Id,X-Provider-Name"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)))
    .into_iter()
    .collect();
    if let Ok(id) = HeaderValue::from_str(&stamp.id) {
        headers.insert(HeaderName::from_static("x-generation-id"), id);
    }
    headers
}

/// A streamed answer under way. The server drops it as soon as the client goes away, even in a silence, and
/// [`OpenStream`] then counts it as aborted.
struct Performance {
    playback: Playback,
    open: OpenStream,
    pieces: Pieces,
}

impl Performance {
    /// The next piece of the body. The server asks for it when the client has room, so nothing piles up here.
    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        loop {
            if let Some(piece) = self.pieces.next().await {
                return Some((Ok(piece), self));
            }
            let beat = self.playback.next();
            self.open.note(self.playback.usage(), self.playback.finish());
            if self.playback.is_over() && beat != Some(Beat::Silence) {
                // Before the last bytes are sent: a client may hang up as soon as it has read them.
                self.open.complete();
            }
            match beat? {
                Beat::Send(bytes) => self.pieces.load(bytes),
                Beat::Wait(time) => self.open.pause(time).await,
                Beat::Silence => std::future::pending().await,
                Beat::Die => {
                    // What was sent before is still on its way to the socket; an error would overtake it.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    return Some((Err(io::ErrorKind::ConnectionAborted.into()), self));
                }
            }
        }
    }
}

/// Hands out bytes, cut into pieces if that was asked for.
#[derive(Debug)]
struct Pieces {
    waiting: Bytes,
    limit: Option<usize>,
    last: usize,
}

impl Pieces {
    fn new(limit: Option<usize>) -> Self {
        Self { waiting: Bytes::new(), limit, last: 0 }
    }

    fn load(&mut self, bytes: Bytes) {
        self.waiting = bytes;
    }

    async fn next(&mut self) -> Option<Bytes> {
        if self.waiting.is_empty() {
            return None;
        }
        let Some(limit) = self.limit else {
            return Some(std::mem::take(&mut self.waiting));
        };
        // The server writes out what it has when the body is not ready at once, so each piece travels alone.
        NotYet::default().await;
        // The lengths go round from 1 to the limit, so that the cuts fall in ever different places.
        self.last = self.last % limit.max(1) + 1;
        Some(self.waiting.split_to(self.last.min(self.waiting.len())))
    }
}

/// Is not ready when it is first asked.
#[derive(Default)]
struct NotYet {
    asked: bool,
}

impl Future for NotYet {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        if self.asked {
            return std::task::Poll::Ready(());
        }
        self.asked = true;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_have_varying_lengths_up_to_the_limit() {
        let mut pieces = Pieces::new(Some(3));
        pieces.load("abcdefgh".into());
        let mut lengths = Vec::new();
        while let Some(piece) = pieces.next().await {
            lengths.push(piece.len());
        }
        assert_eq!(lengths, [1, 2, 3, 1, 1]);
    }
}
