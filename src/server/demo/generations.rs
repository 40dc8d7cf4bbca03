//! `GET /generation`: the bill for one answer, also for one that was aborted (wire reference, sections 4 and 5).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Json,
    extract::{Query, State},
    http::HeaderMap,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Emulator,
    errors::{Asked, Failure},
    newest::Newest,
    wire::{self, Finish, PROVIDER, Stamp, Usage},
};

/// How many answers are remembered.
const REMEMBERED: usize = 1000;

/// The query of `GET /generation`.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    id: String,
}

/// Answers 404 while the answer is being sent and once more after that, because the real one is late too.
pub async fn find(
    State(emulator): State<Arc<Emulator>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Failure> {
    Asked::new(&headers)?;
    let mut kept = emulator.generations.lock();
    let generation = kept.find_mut(&wanted.id).and_then(|slot| slot.as_mut());
    match generation {
        Some(generation) if generation.asked => Ok(Json(json!({"data": generation.json()}))),
        Some(generation) => {
            generation.asked = true;
            Err(Failure::new(404, "Generation not found"))
        }
        None => Err(Failure::new(404, "Generation not found")),
    }
}

/// The newest answers by id.
#[derive(Debug)]
pub struct Generations {
    kept: Mutex<Newest<Option<Generation>>>,
}

impl Default for Generations {
    fn default() -> Self {
        Self { kept: Mutex::new(Newest::new(REMEMBERED)) }
    }
}

impl Generations {
    /// Remembers an answer that has ended.
    pub fn keep(&self, generation: Generation) {
        let id = generation.id.clone();
        *self.lock().entry(&id) = Some(generation);
    }

    /// Forgets all answers.
    pub fn forget_all(&self) {
        *self.lock() = Newest::new(REMEMBERED);
    }

    fn lock(&self) -> MutexGuard<'_, Newest<Option<Generation>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known about one answer.
#[derive(Debug)]
pub struct Generation {
    id: String,
    model: String,
    /// Unix seconds.
    created: u64,
    started_ms: u64,
    ended_ms: u64,
    streamed: bool,
    cancelled: bool,
    usage: Usage,
    finish: Option<Finish>,
    asked: bool,
}

impl Generation {
    /// An answer that begins now.
    pub fn new(stamp: &Stamp, streamed: bool) -> Self {
        Self {
            id: stamp.id.clone(),
            model: stamp.model.clone(),
            created: stamp.created,
            started_ms: wire::unix_ms(),
            ended_ms: 0,
            streamed,
            cancelled: false,
            usage: Usage::default(),
            finish: None,
            asked: false,
        }
    }

    /// The same answer, ended now.
    pub fn ended(self, usage: Usage, finish: Option<Finish>, cancelled: bool) -> Self {
        Self { usage, finish, cancelled, ended_ms: wire::unix_ms(), ..self }
    }

    fn json(&self) -> Value {
        let duration_ms = self.ended_ms.saturating_sub(self.started_ms);
        json!({
            "id": self.id,
            "model": self.model,
            "provider_name": PROVIDER,
            "created_at": iso_time(self.created),
            "streamed": self.streamed,
            "cancelled": self.cancelled,
            "finish_reason": self.finish.map(|finish| finish.reason),
            "native_finish_reason": self.finish.map(|finish| finish.native),
            "tokens_prompt": self.usage.prompt_tokens,
            "tokens_completion": self.usage.completion_tokens,
            "native_tokens_prompt": self.usage.prompt_tokens,
            "native_tokens_completion": self.usage.completion_tokens,
            "native_tokens_reasoning": self.usage.reasoning_tokens,
            "native_tokens_cached": 0,
            "usage": self.usage.total_cost(),
            "total_cost": self.usage.total_cost(),
            "upstream_inference_cost": self.usage.total_cost(),
            "cache_discount": null,
            "latency": duration_ms,
            "generation_time": duration_ms,
            "is_byok": false,
            "origin": "",
            "session_id": null,
            "api_type": "completions",
        })
    }
}

/// Unix seconds as `2026-11-21T04:30:00+00:00`; the calendar is the proleptic Gregorian one.
fn iso_time(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years begin in March here, so that the leap day is a year's last.
    let shifted = days + 719_468;
    let (century, day_of_century) = (shifted / 146_097, shifted % 146_097);
    let year =
        (day_of_century - day_of_century / 1_460 + day_of_century / 36_524 - day_of_century / 146_096) / 365;
    let day_of_year = day_of_century - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year + century * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_iso_8601() {
        assert_eq!(iso_time(0), "1970-01-01T00:00:00+00:00");
        assert_eq!(iso_time(951_782_400), "2000-02-29T00:00:00+00:00");
        assert_eq!(iso_time(1_795_235_399), "2026-11-21T04:29:59+00:00");
    }
}
