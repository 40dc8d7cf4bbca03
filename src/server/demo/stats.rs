//! What the emulator has been asked and how its streams ended, for tests to read at `/__stats`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    Emulator,
    generations::Generation,
    newest::Newest,
    question::Question,
    wire::{Finish, Usage},
};

/// How many prompts are remembered.
const PROMPTS: usize = 1000;

/// Prompts are cut to so many characters.
const PROMPT_LENGTH: usize = 200;

/// Request headers that are shown; a key never is.
const SHOWN: [&str; 5] =
    ["http-referer", "referer", "x-title", "x-openrouter-title", "x-openrouter-categories"];

/// `GET /__stats`
pub async fn show(State(emulator): State<Arc<Emulator>>) -> Json<Value> {
    Json(emulator.stats.json())
}

/// `POST /__finish`, with a prompt as its body: what streams to it, now or later, comes without pauses from now on. So a
/// test says when a slow answer ends, whatever the machine is doing.
pub async fn finish(State(emulator): State<Arc<Emulator>>, prompt: String) -> StatusCode {
    emulator.stats.pauses_of(&prompt).cancel();
    StatusCode::NO_CONTENT
}

/// `POST /__reset`: forgets all. Streams still open are no longer counted, not even when they end.
pub async fn reset(State(emulator): State<Arc<Emulator>>) -> StatusCode {
    emulator.stats.reset();
    emulator.generations.forget_all();
    StatusCode::NO_CONTENT
}

/// All counts.
#[derive(Debug, Default)]
pub struct Stats {
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    /// How often everything was forgotten.
    epoch: u64,
    total: Tally,
    by_model: BTreeMap<&'static str, Tally>,
    by_prompt: Newest<Tally>,
    attempts: Newest<u32>,
    /// Cancelled for the prompts whose streams make no pauses any more.
    pauses: Newest<CancellationToken>,
    last_request: Value,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            epoch: 0,
            total: Tally::default(),
            by_model: BTreeMap::new(),
            by_prompt: Newest::new(PROMPTS),
            attempts: Newest::new(PROMPTS),
            pauses: Newest::new(PROMPTS),
            last_request: Value::Null,
        }
    }
}

/// Streams are either open, completed (the emulator did all it wanted to do, even if that was to break the
/// connection) or aborted (the client went away before).
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Tally {
    requests: u64,
    streams: u64,
    open: u64,
    completed: u64,
    aborted: u64,
}

impl Stats {
    /// Counts a request for the model and the prompt that it reached.
    pub fn count_request(&self, model: &'static str, prompt: &str) {
        self.lock().change_parts(model, prompt, |tally| tally.requests += 1);
    }

    /// How many times this model has now been asked this.
    pub fn count_attempt(&self, model: &str, prompt: &str) -> u32 {
        let mut counts = self.lock();
        let attempts = counts.attempts.entry(&format!("{model} {prompt}"));
        *attempts = attempts.saturating_add(1);
        *attempts
    }

    /// Counts and remembers a chat request, whether or not it is any good.
    pub fn note_request(&self, headers: &HeaderMap, question: Option<&Question>) {
        let mut shown = json!({"authorization": {"present": headers.contains_key(header::AUTHORIZATION)}});
        for name in SHOWN {
            if let Some(value) = headers.get(name) {
                shown[name] = json!(String::from_utf8_lossy(value.as_bytes()));
            }
        }
        let body = question.map(|question| &question.body);
        let mut counts = self.lock();
        counts.total.requests += 1;
        counts.last_request = json!({"headers": shown, "body": body});
    }

    fn pauses_of(&self, prompt: &str) -> CancellationToken {
        self.lock().pauses.entry(&shortened(prompt)).clone()
    }

    fn json(&self) -> Value {
        let counts = self.lock();
        let by_prompt: HashMap<_, _> = counts.by_prompt.iter().collect();
        json!({
            "requests": counts.total.requests,
            "streams": counts.total.streams,
            "open_streams": counts.total.open,
            "completed": counts.total.completed,
            "aborted": counts.total.aborted,
            "by_model": counts.by_model,
            "by_prompt": by_prompt,
            "last_request": counts.last_request,
        })
    }

    fn reset(&self) {
        let mut counts = self.lock();
        *counts = Counts { epoch: counts.epoch + 1, ..Counts::default() };
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn change(&mut self, model: &'static str, prompt: &str, change: impl Fn(&mut Tally)) {
        change(&mut self.total);
        self.change_parts(model, prompt, change);
    }

    /// All but the total.
    fn change_parts(&mut self, model: &'static str, prompt: &str, change: impl Fn(&mut Tally)) {
        let prompt = shortened(prompt);
        change(self.by_model.entry(model).or_default());
        change(self.by_prompt.entry(&prompt));
    }
}

fn shortened(prompt: &str) -> String {
    prompt.chars().take(PROMPT_LENGTH).collect()
}

/// A stream that is being sent. If it is dropped before it is complete, the client has gone away.
#[derive(Debug)]
pub struct OpenStream {
    emulator: Arc<Emulator>,
    epoch: u64,
    model: &'static str,
    prompt: String,
    generation: Option<Generation>,
    pauses: CancellationToken,
    usage: Usage,
    finish: Option<Finish>,
    ended: bool,
}

impl OpenStream {
    /// Counts a stream as open.
    ///
    /// Its record, if it has one, is kept when it ends.
    pub fn begin(
        emulator: &Arc<Emulator>,
        model: &'static str,
        prompt: &str,
        generation: Option<Generation>,
    ) -> Self {
        let pauses = emulator.stats.pauses_of(prompt);
        let mut counts = emulator.stats.lock();
        counts.change(model, prompt, |tally| {
            tally.streams += 1;
            tally.open += 1;
        });
        Self {
            emulator: Arc::clone(emulator),
            epoch: counts.epoch,
            model,
            prompt: prompt.to_owned(),
            generation,
            pauses,
            usage: Usage::default(),
            finish: None,
            ended: false,
        }
    }

    /// Waits so long, or until a test has it finish.
    pub async fn pause(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.pauses.cancelled() => {}
        }
    }

    /// What has been sent so far.
    pub fn note(&mut self, usage: Usage, finish: Option<Finish>) {
        self.usage = usage;
        self.finish = finish;
    }

    /// The emulator has done all it wanted to do.
    pub fn complete(&mut self) {
        self.end(false);
    }

    fn end(&mut self, aborted: bool) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        if let Some(generation) = self.generation.take() {
            self.emulator.generations.keep(generation.ended(self.usage, self.finish, aborted));
        }
        let mut counts = self.emulator.stats.lock();
        if counts.epoch == self.epoch {
            counts.change(self.model, &self.prompt, |tally| {
                tally.open = tally.open.saturating_sub(1);
                if aborted {
                    tally.aborted += 1;
                } else {
                    tally.completed += 1;
                }
            });
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.end(true);
    }
}
