//! The program itself, killed while it answers: what was read shortly before is there when it starts again.
//!
//! A round starts the real binary with a file of its own in front of an emulator that survives, has answers written
//! and reads them. The reader itself kills the program, at what chance says it has to have read by then. Started
//! again, the program has to have kept all but the latest moment of each answer, and to go on from there.
//!
//! A killed process leaves what it gave to the system, synced or not: what a power cut takes is not seen here.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures::future::join_all;
use futures::{StreamExt, stream};
use reqwest::{Client, Response};
use runnel::api::answers::SentMessage;
use runnel::chat::{Answer, AnswerEvent, AnswerId, ContentBlock, Conversation, EndStatus, QuestionId, Seq};
use runnel::server::demo::{Demo, Pace};
use runnel::sse::Decoder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::random::{self, tell};
use crate::test_app::{
    PATIENCE, Reader, Tally, decode, eventually, http_client, message, next_message, refusal,
};

/// What a crash may take.
const LARGEST_LOSS: Duration = Duration::from_millis(50);
/// What a machine may take beside, which is busy with other things and whose disk is.
const ALLOWANCE: Duration = Duration::from_millis(250);
const ROUNDS_AT_ONCE: usize = 4;
/// The pace of answers that are killed: three characters every 2 ms.
const PACE: &str = "[[delta_ms=2 characters=3]]";
const BEFORE_SILENCE: &str = "This answer begins well, and then nothing more comes.";

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_program_has_kept_all_but_the_latest_moment_of_each_answer() {
    let (seed, rounds) = (random::seed(), random::number("RUNNEL_KILL_ROUNDS", 25));
    // Each on a thread of its own: none may keep another from noticing when something was read.
    let runtime = Handle::current();
    let rounds = stream::iter(0..rounds).map(|number| {
        let runtime = runtime.clone();
        spawn_blocking(move || runtime.block_on(play_round(seed, number)))
    });
    let mut losses = Vec::new();
    let mut rounds = rounds.buffer_unordered(ROUNDS_AT_ONCE);
    while let Some(round) = rounds.next().await {
        losses.extend(round.unwrap());
    }
    tell_losses(losses);
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_lets_an_answer_come_to_its_end() {
    let home = Home::new().await;
    let program = home.start("30").await;
    let message = message("demo/echo", &format!("{PACE} {}", "To the last word. ".repeat(30)));
    let mut reader = Reader::new(program.send(&message).await, message.answer, Seq::START);
    reader.until(|answer| !answer.text().is_empty()).await;
    program.signal("TERM");
    let reader = reader.finished().await;
    assert_eq!(reader.status(), EndStatus::Complete);
    assert_eq!(program.exit_code().await, Some(0));
    let kept = home.start("30").await.load(&message).await;
    assert_eq!((kept.end(), &kept.text()), (reader.answer.end(), &reader.answer.text()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_takes_longer_than_the_grace_is_kept_as_interrupted() {
    let home = Home::new().await;
    let program = home.start("0.2").await;
    let message = message("demo/stall", "Will you ever end?");
    let mut reader = Reader::new(program.send(&message).await, message.answer, Seq::START);
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    program.signal("TERM");
    let reader = reader.finished().await;
    assert_eq!(reader.status(), EndStatus::Interrupted);
    assert_eq!(program.exit_code().await, Some(0));
    let kept = home.start("30").await.load(&message).await;
    assert_eq!((kept.end(), kept.text().as_ref()), (reader.answer.end(), BEFORE_SILENCE));
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_lets_an_answer_that_nobody_watches_come_to_its_end() {
    let home = Home::new().await;
    let program = home.start("30").await;
    let prompt = format!("{PACE} {}", "To the last word. ".repeat(60));
    let message = message("demo/echo", &prompt);
    program.begin_and_hang_up(&message).await;
    program.signal("TERM");
    assert_eq!(program.exit_code().await, Some(0));
    assert!(program.output().contains("Waiting up to 30 s for an answer."), "{}", program.output());
    let kept = home.start("30").await.load(&message).await;
    assert_eq!(kept.end().map(|end| end.status), Some(EndStatus::Complete));
    assert_eq!(kept.text(), "To the last word. ".repeat(60).trim_end());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_watches_is_kept_as_interrupted_after_the_grace() {
    let home = Home::new().await;
    let program = home.start("0.2").await;
    let message = message("demo/stall", "Will you ever end, unseen?");
    program.begin_and_hang_up(&message).await;
    program.signal("TERM");
    assert_eq!(program.exit_code().await, Some(0));
    assert!(!program.output().contains("ERROR"), "{}", program.output());
    let again = home.start("30").await;
    // What the store holds: the answer was ended by the one that was told to stop, not by the one that found it.
    assert!(!again.output().contains("was interrupted when Runnel ended"), "{}", again.output());
    let kept = again.load(&message).await;
    assert_eq!(kept.end().map(|end| end.status), Some(EndStatus::Interrupted));
    assert_eq!(kept.text(), BEFORE_SILENCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_twice_it_waits_no_longer() {
    let home = Home::new().await;
    let program = home.start("600").await;
    let message = message("demo/stall", "And now?");
    let mut reader = Reader::new(program.send(&message).await, message.answer, Seq::START);
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    program.signal("TERM");
    eventually("it says that it waits", async || program.output().contains("Waiting up to 600 s")).await;
    program.signal("TERM");
    assert_eq!(reader.finished().await.status(), EndStatus::Interrupted);
    assert_eq!(program.exit_code().await, Some(0));
    assert_eq!(home.start("30").await.load(&message).await.text(), BEFORE_SILENCE);
}

/// What is going on when the program is killed.
#[derive(Clone, Copy, Debug)]
enum Plot {
    /// Nothing was said yet.
    BeforeTheFirstToken,
    /// In the middle of an answer, or when it has just ended.
    Anywhere,
    /// The end was just told, or is about to be.
    AtTheEnd,
    /// Everything was read.
    BetweenTurns,
    /// In the middle of the answer to a second question.
    SecondTurn,
    /// In the middle of four answers, each in a chat of its own.
    FourAnswers,
    /// In the middle of an answer that goes on from another one.
    GoingOn,
}

const PLOTS: [Plot; 10] = [
    Plot::Anywhere,
    Plot::FourAnswers,
    Plot::BeforeTheFirstToken,
    Plot::AtTheEnd,
    Plot::Anywhere,
    Plot::GoingOn,
    Plot::SecondTurn,
    Plot::BetweenTurns,
    Plot::Anywhere,
    Plot::FourAnswers,
];

/// When the program is killed, by what was read of all answers together. If that does not come, once all is read.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// The responses' heads.
    Heads,
    Events(usize),
    AnEnd,
    Everything,
}

/// A question that is asked, and what it leads to.
struct Asked {
    message: SentMessage,
    /// What the emulator sees of it, and how often.
    prompt: String,
    requests: u64,
    /// The answer, if nothing comes between.
    whole: String,
}

impl Asked {
    /// A question that is answered with itself.
    fn new(chance: &mut Rng, number: u64, characters: usize, earlier: Option<&Self>) -> Self {
        let beginning = format!("Round {number}, {}: ", chance.u32(..));
        let text = random::text(chance, &beginning, characters);
        let prompt = format!("{PACE} {text}");
        let message = match earlier {
            Some(earlier) => next_message(&earlier.message, &prompt),
            None => message("demo/echo", &prompt),
        };
        Self { message, prompt: text.clone(), requests: 1, whole: text }
    }

    fn id(&self) -> AnswerId {
        self.message.answer
    }

    /// The same question again, to go on from where the answer broke off.
    fn going_on(&self) -> SentMessage {
        let id = self.id();
        SentMessage { answer: AnswerId::now(), continues: Some(id), ..self.message.clone() }
    }
}

/// What the reader of an answer has, and since when.
struct Heard {
    answer: Answer,
    /// Whether any of it came from upstream: an answer that goes on begins with what is known.
    is_from_upstream: bool,
    /// For each piece that was read: when, and the length of the text with it.
    times: Vec<(Instant, usize)>,
}

impl Heard {
    /// The length of the text that had been read for so long by then.
    fn length_read_for(&self, age: Duration, time: Instant) -> usize {
        self.times.iter().take_while(|(read, _)| *read + age <= time).last().map_or(0, |(_, length)| *length)
    }
}

/// What was read of an answer and was not there afterwards.
#[derive(Clone, Copy, Debug)]
struct Loss {
    /// How long before the kill the first of it had been read.
    age: Duration,
    characters: u64,
}

/// Kills the program and says what that took of each answer that was under way.
async fn play_round(seed: u64, number: u64) -> Vec<Loss> {
    let mut chance = random::of_part(seed, number);
    let home = Home::new().await;
    let program = home.start("30").await;
    let plot = PLOTS[usize::try_from(number).unwrap() % PLOTS.len()];
    let (asked, moment) = prepare(&program, &mut chance, plot, number).await;
    let heard = program.read_until_killed(&asked, moment).await;
    let killed = program.killed_at();
    drop(program);
    if chance.bool() {
        home.kill_at_its_first_word().await;
    }

    let program = home.start("30").await;
    let mut losses = Vec::new();
    for (asked, heard) in asked.iter().zip(&heard) {
        let kept = program.load(&asked.message).await;
        losses.extend(check_kept(asked, heard, &kept, killed));
        check_followers(&home, &program, asked, heard, &kept).await;
        check_going_on(&program, asked, &kept).await;
    }
    let figures: Vec<_> = losses.iter().map(|loss| (loss.age.as_millis(), loss.characters)).collect();
    tell(&format!("Round {number}: {plot:?}, killed at {moment:?}; lost (ms, characters): {figures:?}"));
    losses
}

async fn prepare(program: &Program, chance: &mut Rng, plot: Plot, number: u64) -> (Vec<Asked>, Moment) {
    let length = chance.usize(300..1500);
    let mut first = Asked::new(chance, number, length, None);
    let pieces = first.whole.chars().count() / 3;
    match plot {
        Plot::BeforeTheFirstToken => {
            first.message.question.text.push_str("[[first_ms=600000 comment_ms=20]]");
            (vec![first], if chance.bool() { Moment::Heads } else { Moment::Events(1) })
        }
        Plot::Anywhere => (vec![first], Moment::Events(chance.usize(1..pieces + 5))),
        Plot::AtTheEnd => {
            let short = Asked::new(chance, number, 60, None);
            let pieces = short.whole.chars().count().div_ceil(3);
            let nearly = Moment::Events(pieces + chance.usize(0..5));
            (vec![short], if chance.bool() { Moment::AnEnd } else { nearly })
        }
        Plot::BetweenTurns => (vec![Asked::new(chance, number, 60, None)], Moment::Everything),
        Plot::SecondTurn => {
            first = Asked::new(chance, number, 60, None);
            let second = Asked::new(chance, number, length, Some(&first));
            program.read(&first.message).await;
            (vec![second], Moment::Events(chance.usize(1..length / 3)))
        }
        Plot::FourAnswers => {
            let asked = (0..4).map(|_| Asked::new(chance, number, length, None)).collect();
            (asked, Moment::Events(chance.usize(1..4 * pieces)))
        }
        Plot::GoingOn => (vec![going_on(program, first).await], Moment::Events(chance.usize(1..20))),
    }
}

/// An answer that goes on from one that was stopped. How it is asked for is known from another one, which repeats it.
async fn going_on(program: &Program, stopped: Asked) -> Asked {
    let mut reader = Reader::new(program.send(&stopped.message).await, stopped.id(), Seq::START);
    reader.until(|answer| !answer.text().is_empty()).await;
    let stop = program.post("/api/stop_answer", &json!({"id": stopped.id()})).await;
    assert_eq!(stop.json::<EndStatus>().await.unwrap(), EndStatus::Stopped);
    let begun = reader.finished().await.answer.text().into_owned();
    let mut repeated = stopped.going_on();
    repeated.settings.model = Some("demo/context".into());
    let context = program.read(&repeated).await.text().into_owned();
    let context: Value = serde_json::from_str(context.strip_prefix(&begun).unwrap()).unwrap();
    let prompt =
        context["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
    Asked { message: stopped.going_on(), prompt, requests: 2, whole: stopped.whole }
}

/// What is kept is the beginning of the answer, and the reader had not much more.
fn check_kept(asked: &Asked, heard: &Heard, kept: &Answer, killed: Instant) -> Option<Loss> {
    assert!(asked.whole.starts_with(heard.answer.text().as_ref()), "what was read is no part of the answer");
    assert!(asked.whole.starts_with(kept.text().as_ref()), "what was kept is no part of the answer");
    assert_eq!(kept.characters, kept.text().chars().count() as u64);
    match kept.end().expect("a killed answer has not ended").status {
        EndStatus::Complete => assert_eq!(kept.text(), asked.whole),
        EndStatus::Interrupted => assert!(heard.answer.end().is_none(), "the end was told and not kept"),
        other => panic!("a killed answer ended as {other:?}"),
    }
    if let Some(end) = heard.answer.end() {
        assert_eq!(kept.end(), Some(end));
    }
    let sure = heard.length_read_for(LARGEST_LOSS + ALLOWANCE, killed);
    assert!(
        kept.text().len() >= sure,
        "{} bytes are kept of {sure} that were read long before",
        kept.text().len()
    );
    let was_under_way = kept.end()?.status == EndStatus::Interrupted && !heard.answer.text().is_empty();
    was_under_way.then(|| {
        let lost = heard.times.iter().find(|(_, length)| *length > kept.text().len());
        Loss {
            age: lost.map_or(Duration::ZERO, |(read, _)| killed.saturating_duration_since(*read)),
            characters: heard.answer.characters.saturating_sub(kept.characters),
        }
    })
}

/// A reader who comes back is sent to the beginning, and finds there what is kept. Nobody asks upstream again.
async fn check_followers(home: &Home, program: &Program, asked: &Asked, heard: &Heard, kept: &Answer) {
    let id = asked.id();
    if heard.answer.seq > Seq::START {
        let (status, kind, _) = refusal(program.follow(id, heard.answer.seq).await).await;
        assert_eq!((status, kind.as_str()), (410, "gone"));
    }
    let followed = program.follow(id, Seq::START).await;
    let sent_again = program.send(&asked.message).await;
    for response in [followed, sent_again] {
        let again = Reader::new(response, id, Seq::START).finished().await.answer;
        assert_eq!((&again.content, again.end()), (&kept.content, kept.end()));
    }
    eventually("nothing is asked any more", async || home.tally(&asked.prompt).await.open == 0).await;
    let requests = home.tally(&asked.prompt).await.requests;
    let was_never_sent = requests + 1 == asked.requests && !heard.is_from_upstream;
    assert!(
        requests == asked.requests || was_never_sent,
        "{requests} requests for {} answers",
        asked.requests
    );
}

/// The conversation goes on, after the answer and from where it broke off.
async fn check_going_on(program: &Program, asked: &Asked, kept: &Answer) {
    let mut next = next_message(&asked.message, "What was said so far?");
    (next.settings.model, next.continues) = (Some("demo/context".into()), None);
    let answer = program.read(&next).await;
    let context: Value = serde_json::from_str(&answer.text()).unwrap();
    let mut expected = vec![json!({"role": "user", "content": asked.message.question.text})];
    if !kept.text().is_empty() {
        expected.push(json!({"role": "assistant", "content": kept.text()}));
    }
    expected.push(json!({"role": "user", "content": "What was said so far?"}));
    let messages = context["messages"].as_array().unwrap();
    assert!(messages.ends_with(&expected), "{messages:?}");

    let message = asked.going_on();
    if kept.text().is_empty() {
        assert_eq!(refusal(program.send(&message).await).await.0, 400);
        return;
    }
    let read = program.read(&message).await;
    let loaded = program.load(&message).await;
    let mut blocks: Vec<_> =
        kept.content.blocks().iter().filter(|block| is_carried_on(block)).cloned().collect();
    blocks.push(ContentBlock::Continuation);
    for answer in [&read, &loaded] {
        assert!(answer.text().starts_with(kept.text().as_ref()));
        assert_eq!(answer.text(), asked.whole, "what was lost is written again");
        let carried_on = answer.content.blocks().iter().filter(|block| is_carried_on(block));
        assert!(carried_on.cloned().collect::<Vec<_>>().starts_with(&blocks));
        assert_eq!(answer.end().map(|end| end.status), Some(EndStatus::Complete));
    }
}

/// What an answer that goes on begins with.
const fn is_carried_on(block: &ContentBlock) -> bool {
    matches!(block, ContentBlock::Text(_) | ContentBlock::Continuation)
}

fn tell_losses(mut losses: Vec<Loss>) {
    let count = losses.len();
    let Some(middle) = count.checked_sub(1).map(|last| last / 2) else { return };
    losses.sort_by_key(|loss| loss.age);
    let (age, oldest) = (losses[middle].age.as_millis(), losses[count - 1].age.as_millis());
    losses.sort_by_key(|loss| loss.characters);
    let (characters, most) = (losses[middle].characters, losses[count - 1].characters);
    tell(&format!(
        "{count} answers killed while they were read. Lost of what was read: {age} ms (median), {oldest} ms (most); \
         {characters} characters (median), {most} characters (most)"
    ));
}

/// What outlives the program: its file, and who answers.
struct Home {
    folder: TempDir,
    demo: Demo,
    starts: AtomicUsize,
}

impl Home {
    async fn new() -> Self {
        let pace = Pace { delta: Duration::from_millis(2), characters_per_delta: 16, ..Pace::default() };
        let demo = Demo::start(([127, 0, 0, 1], 0).into(), pace).await.unwrap();
        Self { folder: tempfile::tempdir().unwrap(), demo, starts: AtomicUsize::default() }
    }

    /// The program, with so many seconds of grace, once it serves.
    async fn start(&self, grace: &str) -> Program {
        let mut program = self.spawn(grace);
        eventually("an address", async || program.said_address().is_some()).await;
        program.address = program.said_address().unwrap();
        program
    }

    /// Starts the program and kills it at the first that it says, which may be that it found an answer.
    async fn kill_at_its_first_word(&self) {
        let program = self.spawn("30");
        eventually("a word", async || !program.output().is_empty()).await;
        program.kill();
    }

    fn spawn(&self, grace: &str) -> Program {
        let file = |name: &str| self.folder.path().join(name);
        let output = file(&format!("output-{}", self.starts.fetch_add(1, Ordering::Relaxed)));
        let written = || Stdio::from(File::options().append(true).create(true).open(&output).unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_runnel"));
        command.env_clear().env("RUNNEL_DATABASE_URL", file("runnel.db")).env("RUNNEL_LISTEN", "127.0.0.1:0");
        command.env("OPENROUTER_BASE_URL", self.demo.base_url()).env("RUNNEL_SHUTDOWN_GRACE", grace);
        let child = command.stdin(Stdio::null()).stdout(written()).stderr(written()).spawn().unwrap();
        let (child, killed) = (Mutex::new(child), OnceLock::new());
        Program { child, killed, address: String::new(), output, http: http_client() }
    }

    /// What became of the requests with this prompt.
    async fn tally(&self, prompt: &str) -> Tally {
        let url = format!("http://{}/__stats", self.demo.address());
        let mut stats: Value = http_client().get(url).send().await.unwrap().json().await.unwrap();
        let prompt: String = prompt.chars().take(200).collect();
        serde_json::from_value(stats["by_prompt"][prompt].take()).unwrap_or_default()
    }
}

/// The program under way. It is killed when it is dropped.
struct Program {
    child: Mutex<Child>,
    killed: OnceLock<Instant>,
    address: String,
    /// The file that holds what it has said.
    output: PathBuf,
    http: Client,
}

impl Program {
    /// Asks all, and reads the answers until that kills the program.
    async fn read_until_killed(&self, asked: &[Asked], moment: Moment) -> Vec<Heard> {
        let responses = join_all(asked.iter().map(|asked| self.send(&asked.message))).await;
        if matches!(moment, Moment::Heads) {
            self.kill();
        }
        let count = AtomicUsize::default();
        let after_each = |events: &[AnswerEvent]| {
            let count = events.len() + count.fetch_add(events.len(), Ordering::Relaxed);
            let has_come = match moment {
                Moment::Heads | Moment::Everything => false,
                Moment::Events(number) => count >= number,
                Moment::AnEnd => matches!(events.last(), Some(AnswerEvent::End(_))),
            };
            if has_come {
                self.kill();
            }
        };
        let asked_and_answered = asked.iter().zip(responses);
        let reading: Vec<_> =
            asked_and_answered.map(|(asked, response)| read_on(response, asked.id(), &after_each)).collect();
        let heard = join_all(reading).await;
        self.kill();
        heard
    }

    /// As the system does when memory runs out. What is killed stays so.
    fn kill(&self) {
        self.killed.get_or_init(|| {
            let mut child = self.child.lock().unwrap();
            // It may have ended already.
            let _ = child.kill();
            let now = Instant::now();
            let _ = child.wait();
            now
        });
    }

    fn killed_at(&self) -> Instant {
        *self.killed.get().expect("the program was not killed")
    }

    fn signal(&self, signal: &str) {
        let id = self.child.lock().unwrap().id();
        let status = Command::new("kill").arg(format!("-{signal}")).arg(id.to_string()).status();
        assert!(status.unwrap().success());
    }

    /// Waits until it ends by itself.
    async fn exit_code(&self) -> Option<i32> {
        let status = || self.child.lock().unwrap().try_wait().unwrap();
        eventually("the program ends", async || status().is_some()).await;
        status()?.code()
    }

    fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap()
    }

    fn said_address(&self) -> Option<String> {
        let output = self.output();
        let has_ended = self.child.lock().unwrap().try_wait().unwrap().is_some();
        assert!(!has_ended, "the program does not start: {output}");
        let (_, rest) = output.split_once("Runnel is at ")?;
        Some(rest.split_once(' ')?.0.to_owned())
    }

    async fn post(&self, path: &str, body: &impl serde::Serialize) -> Response {
        self.http.post(format!("{}{path}", self.address)).json(body).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.address)).send().await.unwrap()
    }

    async fn send(&self, message: &SentMessage) -> Response {
        self.post("/api/send_message", message).await
    }

    /// Asks, reads the first words, and closes the connection.
    async fn begin_and_hang_up(&self, message: &SentMessage) {
        let mut reader = Reader::new(self.send(message).await, message.answer, Seq::START);
        reader.until(|answer| answer.text().len() >= BEFORE_SILENCE.len()).await;
        drop(reader);
    }

    async fn follow(&self, id: AnswerId, after: Seq) -> Response {
        self.get(&format!("/api/follow_answer?id={id}&after={}", after.0)).await
    }

    /// Asks, and reads the answer to its end, which is a good one.
    async fn read(&self, message: &SentMessage) -> Answer {
        let reader = Reader::new(self.send(message).await, message.answer, Seq::START).finished().await;
        assert_eq!(reader.status(), EndStatus::Complete);
        reader.answer
    }

    /// The answer as it stands in its conversation, after its question.
    async fn load(&self, message: &SentMessage) -> Answer {
        let response = self.post("/api/load_conversation", &json!({"id": message.conversation})).await;
        assert_eq!(response.status(), 200);
        let conversation: Conversation = response.json().await.unwrap();
        let question = conversation.questions.iter().find(|question| question.id == message.question.id);
        let question = question.expect("the question is lost");
        assert_eq!(
            (question.text().as_ref(), question.after),
            (message.question.text.as_str(), message.question.after)
        );
        let answer = conversation.answers.into_iter().find(|answer| answer.id == message.answer);
        let answer = answer.expect("the answer is lost");
        assert_eq!(answer.question, message.question.id);
        answer
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads to the end of the stream, or until it breaks.
async fn read_on(mut response: Response, id: AnswerId, after_each: impl Fn(&[AnswerEvent])) -> Heard {
    assert_eq!(response.status(), 200);
    let answer = Answer::new(id, QuestionId::now(), "");
    let mut heard = Heard { answer, is_from_upstream: false, times: Vec::new() };
    let mut decoder = Decoder::default();
    while let Ok(Some(bytes)) = timeout(PATIENCE, response.chunk()).await.expect("the stream is silent") {
        let now = Instant::now();
        let mut events = Vec::new();
        decode(&mut decoder, &bytes, &mut heard.answer, &mut events);
        let is_known =
            |event: &AnswerEvent| matches!(event, AnswerEvent::Text(_) | AnswerEvent::Continuation);
        heard.is_from_upstream |= !events.iter().all(is_known);
        heard.times.push((now, heard.answer.text().len()));
        after_each(&events);
    }
    heard
}
