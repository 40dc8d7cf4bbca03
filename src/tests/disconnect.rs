//! Connections that break anywhere: between the client and the server stands a line that passes on so many bytes of
//! the response and then ends. The client is what a page is made of, the decoder and [`Answer::apply`].

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use futures::future::join_all;
use reqwest::{Client, Method};
use runnel::api::answers::SentMessage;
use runnel::chat::{Answer, AnswerEvent, Applied, QuestionId, Seq};
use runnel::sse::{Decoder, Frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::random::{self, tell};
use crate::test_app::{PATIENCE, TestApp, http_client, message};

/// Answers that are read at the same time.
const READERS: usize = 4;
/// The longest part of a response that gets through, in bytes: its head has about 400, an event about 50.
const LONGEST_PART: usize = 1600;
/// How far back a client may ask for events that it has, in events.
const LONGEST_WAY_BACK: u64 = 30;

#[tokio::test(flavor = "multi_thread")]
async fn wherever_connections_are_cut_the_answer_arrives_whole_and_once() {
    let (seed, goal) = (random::seed(), random::number("RUNNEL_CUTS", 400));
    let app = Arc::new(TestApp::start().await);
    let (cuts, begun) = (Arc::<Cuts>::default(), Arc::<AtomicU64>::default());
    let readers = (0..READERS).map(|_| {
        let (app, cuts, begun) = (Arc::clone(&app), Arc::clone(&cuts), Arc::clone(&begun));
        tokio::spawn(async move {
            while cuts.count() < goal {
                let number = begun.fetch_add(1, Ordering::Relaxed);
                read_an_answer(&app, &cuts, random::of_part(seed, number), number).await;
            }
        })
    });
    for reader in join_all(readers).await {
        reader.unwrap();
    }
    let answers = begun.load(Ordering::Relaxed);
    tell(&format!("{} cuts in {answers} answers: {:?}", cuts.count(), cuts.places()));
    for place in [Place::Before, Place::Head, Place::SizeLine, Place::FieldName, Place::Character] {
        assert!(cuts.places().contains_key(&place), "no cut was {place:?}");
    }
}

/// Reads one answer over lines that are cut, until it has ended, and compares it with what was said.
async fn read_an_answer(app: &TestApp, cuts: &Cuts, mut chance: Rng, number: u64) {
    let length = chance.usize(1000..2500);
    let text = random::text(&mut chance, &format!("Cut number {number}: "), length);
    let (delta_ms, characters) = (chance.u8(0..3), chance.u8(2..5));
    let message = message("demo/echo", &format!("[[delta_ms={delta_ms} characters={characters}]]{text}"));
    let mut client = PageClient::new(app, cuts, chance, message);
    while client.answer.end().is_none() {
        client.connect().await;
    }
    assert_eq!(client.answer.text(), text, "answer {number}");
    let whole = app.follow(client.answer.id, 0).await.finished().await;
    assert!(client.events == whole.events, "answer {number}: other events than on an unbroken line");
    assert_eq!(app.stats(&text).await.requests, 1, "answer {number}");
}

/// Events and their numbers, as they came over one connection.
type Received = VecDeque<(Seq, AnswerEvent)>;

/// What a page does to read an answer.
struct PageClient<'a> {
    app: &'a TestApp,
    cuts: &'a Cuts,
    chance: Rng,
    http: Client,
    message: SentMessage,
    /// Whether the server is known to have the question.
    is_sent: bool,
    answer: Answer,
    events: Vec<AnswerEvent>,
}

impl<'a> PageClient<'a> {
    fn new(app: &'a TestApp, cuts: &'a Cuts, chance: Rng, message: SentMessage) -> Self {
        let answer = Answer::new(message.answer, QuestionId::now(), "");
        Self { app, cuts, chance, http: http_client(), message, is_sent: false, answer, events: Vec::new() }
    }

    /// Reads as much as gets through: of the response to the question, or else of what follows the last event, of
    /// some that it has already, or over two connections at once.
    async fn connect(&mut self) {
        let bytes = self.some_bytes();
        if !self.is_sent {
            let received = self.receive(Method::POST, "/api/send_message", bytes).await;
            self.is_sent = received.is_some();
            self.apply(received.unwrap_or_default());
            return;
        }
        let last = self.answer.seq.0;
        match self.chance.u8(0..10) {
            0..6 => {
                let received = self.follow(last, bytes).await;
                self.apply(received);
            }
            6..8 => {
                let after = self.earlier();
                let received = self.follow(after, bytes).await;
                self.apply(received);
            }
            _ => {
                let (after, other_after, other_bytes) = (self.earlier(), self.earlier(), self.some_bytes());
                let (one, other) =
                    tokio::join!(self.follow(after, bytes), self.follow(other_after, other_bytes));
                let mixed = self.mix(one, other);
                self.apply(mixed);
            }
        }
    }

    /// How much gets through: now and then nothing.
    fn some_bytes(&mut self) -> usize {
        if self.chance.u8(0..20) == 0 { 0 } else { self.chance.usize(1..LONGEST_PART) }
    }

    fn earlier(&mut self) -> u64 {
        self.answer.seq.0.saturating_sub(self.chance.u64(0..LONGEST_WAY_BACK))
    }

    async fn follow(&self, after: u64, bytes: usize) -> Received {
        let path = format!("/api/follow_answer?id={}&after={after}", self.answer.id);
        self.receive(Method::GET, &path, bytes).await.unwrap_or_default()
    }

    /// The events that get through, or nothing if not even the response's head does.
    async fn receive(&self, method: Method, path: &str, bytes: usize) -> Option<Received> {
        let line = Line::to(self.app.address(), bytes).await;
        let request = self.http.request(method.clone(), format!("http://{}{path}", line.address));
        let request = request.header("connection", "close");
        let request = if method == Method::POST { request.json(&self.message) } else { request };
        let mut received = None;
        if let Ok(mut response) = timeout(PATIENCE, request.send()).await.expect("the server is silent") {
            assert_eq!(response.status(), 200, "{path}");
            let mut decoder = Decoder::default();
            let received = received.insert(Received::new());
            while let Ok(Some(bytes)) =
                timeout(PATIENCE, response.chunk()).await.expect("the stream is silent")
            {
                decoder.push(&bytes, |frame| received.extend(event(frame))).unwrap();
            }
        }
        self.cuts.note(line.end.await.unwrap());
        received
    }

    /// The events of two connections, each in its order, and otherwise as chance has it.
    fn mix(&mut self, mut one: Received, mut other: Received) -> Received {
        let mut mixed = Received::new();
        while !(one.is_empty() && other.is_empty()) {
            let from = if self.chance.bool() { &mut one } else { &mut other };
            mixed.extend(from.pop_front());
        }
        mixed
    }

    fn apply(&mut self, received: Received) {
        for (seq, event) in received {
            let known = usize::try_from(seq.0 - 1).ok().and_then(|index| self.events.get(index));
            let expected = if known.is_some() { Applied::Old } else { Applied::New };
            assert_eq!(self.answer.apply(seq, &event), expected, "event {seq:?}: {event:?}");
            match known {
                Some(known) => assert_eq!(*known, event, "event {seq:?} was another one before"),
                None => self.events.push(event),
            }
        }
    }
}

fn event(frame: Frame) -> Option<(Seq, AnswerEvent)> {
    match frame {
        Frame::Event(frame) => {
            let seq = Seq(frame.id.expect("an event without id").parse().unwrap());
            Some((seq, serde_json::from_str(&frame.data).unwrap()))
        }
        Frame::Comment => None,
        Frame::ErrorField(text) => panic!("an error line: {text}"),
    }
}

/// A way to a server, for one connection, which is cut after so many bytes of the response.
struct Line {
    address: SocketAddr,
    /// Where it was cut; nothing if the response was shorter.
    end: JoinHandle<Option<Place>>,
}

impl Line {
    async fn to(server: SocketAddr, bytes: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let end = tokio::spawn(async move {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(server).await.unwrap();
            pass_on(client, server, bytes).await
        });
        Self { address, end }
    }
}

/// Passes the request on, and of the response the first `bytes` bytes. With none, the line is cut as soon as the
/// server has been given the request, or the first part of it.
async fn pass_on(mut client: TcpStream, mut server: TcpStream, bytes: usize) -> Option<Place> {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let mut buffer = vec![0; 16 << 10];
    if bytes == 0 {
        let count = from_client.read(&mut buffer).await.unwrap();
        to_server.write_all(&buffer[..count]).await.unwrap();
        return Some(Place::Before);
    }
    let request = tokio::io::copy(&mut from_client, &mut to_server);
    let response = async {
        let mut passed = Vec::new();
        while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
            let part = count.min(bytes - passed.len());
            to_client.write_all(&buffer[..part]).await.unwrap();
            passed.extend_from_slice(&buffer[..part]);
            if passed.len() == bytes {
                return Some(Place::of_cut(&passed, buffer[..count].get(part)));
            }
        }
        None
    };
    tokio::select! {
        place = response => place,
        _ = request => None,
    }
}

/// Where a response was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Before its first byte.
    Before,
    Head,
    /// In the line that says how long the next chunk of the body is.
    SizeLine,
    /// Between the letters of `data:`.
    FieldName,
    /// Between the bytes of a character.
    Character,
    Elsewhere,
}

impl Place {
    /// After `passed`, and before `next` if that had arrived.
    fn of_cut(passed: &[u8], next: Option<&u8>) -> Self {
        let Some((_, mut rest)) = split_at(passed, b"\r\n\r\n") else { return Self::Head };
        let mut body = Vec::new();
        while !rest.is_empty() {
            let Some((size, chunk)) = split_at(rest, b"\r\n") else { return Self::SizeLine };
            let size = usize::from_str_radix(str::from_utf8(size).unwrap(), 16).unwrap();
            body.extend(chunk.iter().take(size));
            rest = chunk.get(size + 2..).unwrap_or_default();
        }
        let line = body.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        match next {
            Some(0x80..0xc0) => Self::Character,
            _ if !line.is_empty() && line.len() < 5 && b"data:".starts_with(line) => Self::FieldName,
            _ => Self::Elsewhere,
        }
    }
}

/// What stands before and after the first `mark`.
fn split_at<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

/// How often lines were cut, and where.
#[derive(Default)]
struct Cuts {
    count: AtomicUsize,
    places: Mutex<BTreeMap<Place, usize>>,
}

impl Cuts {
    fn note(&self, place: Option<Place>) {
        if let Some(place) = place {
            self.count.fetch_add(1, Ordering::Relaxed);
            *self.places.lock().unwrap().entry(place).or_default() += 1;
        }
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn places(&self) -> BTreeMap<Place, usize> {
        self.places.lock().unwrap().clone()
    }
}
