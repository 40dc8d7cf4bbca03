//! An upstream that means harm, or has lost its mind.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::{
    play::{Act, Play, bytes, comment, ordinary, say},
    question::Question,
    texts,
    wire::Finish,
};

/// One write of a flood, in bytes.
const FLOOD_PIECE: usize = 64 * 1024;

/// So many writes: 64 MiB in all.
const FLOOD_PIECES: usize = 1024;

const TINY_DELTAS: usize = 100_000;

const DEPTH: usize = 100_000;

/// A line that does not end.
pub fn bomb_line(question: &Question) -> Play {
    let flood = Act::Bytes { bytes: vec![b'x'; FLOOD_PIECE].into(), times: FLOOD_PIECES };
    Play::new(question, [bytes("data: {\"id\":\""), flood])
}

/// An event that does not end: data lines of 64 bytes, and never a blank one.
pub fn bomb_data(question: &Question) -> Play {
    let line = format!("data: {}\n", "x".repeat(57));
    let flood = Act::Bytes { bytes: Bytes::from(line.repeat(FLOOD_PIECE / line.len())), times: FLOOD_PIECES };
    Play::new(question, [flood])
}

/// A great many deltas of one character, as fast as they are read.
pub fn many_tiny(question: &Question) -> Play {
    let line = "The quick brown fox jumps over the lazy dog, again.\n";
    let text: String = line.chars().cycle().take(TINY_DELTAS).collect();
    let mut play = Play::answer(question, text);
    play.pace.characters_per_delta = 1;
    play.pace.delta = Duration::ZERO;
    play
}

/// JSON that is nested so deeply that a recursive parser runs out of stack.
pub fn deep_json(question: &Question) -> Play {
    let nested = format!("{{\"id\":\"gen-deep\",\"choices\":{}{}}}", "[".repeat(DEPTH), "]".repeat(DEPTH));
    let before = say("Before the deep event. ");
    let after = say("After it.");
    Play::new(question, [comment(), before, Act::Event(nested), after, Act::Finish(Finish::STOP), Act::Done])
}

/// Markup that must not run, and lines that a careless proxy would pass on as its own events.
pub fn script(question: &Question) -> Play {
    let injected = json!({"choices": [{
        "index": 0,
        "delta": {"role": "assistant", "content": "This event called itself the end, number 999.\n"},
        "finish_reason": null,
    }]});
    let injected = bytes(format!("event: end\nid: 999\nretry: 1\ndata: {injected}\n\n"));
    let [comment, text, finish, done] = ordinary(say(texts::SCRIPT));
    Play::new(question, [comment, injected, text, finish, done])
}

/// Characters that turn the direction of writing, or cannot be seen.
pub fn bidi(question: &Question) -> Play {
    Play::answer(question, texts::BIDI)
}

/// Text that a terminal obeys, one character a piece, and names that do the same.
pub fn escapes(question: &Question) -> Play {
    let names = Act::Chunk(json!({
        "model": "demo/\u{202e}sepacse",
        "provider": "De\u{1b}[8mmo\nmodel forged",
        "choices": [],
    }));
    let [comment, text, finish, done] = ordinary(say(texts::ESCAPES));
    let mut play = Play::new(question, [comment, text, finish, names, done]);
    play.pace.characters_per_delta = 1;
    play
}
