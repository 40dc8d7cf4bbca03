//! What a scenario does, said in acts that do not yet know time or bytes.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Pace,
    question::Question,
    wire::{self, Era, Finish},
};

/// No text grows beyond this by being repeated, in bytes.
const LONGEST_TEXT: usize = 32 * 1024 * 1024;

/// How a piece of text becomes a delta.
pub type Shape = fn(&str) -> Value;

/// One thing that an upstream can do.
#[derive(Clone, Debug)]
pub enum Act {
    /// Sends a text in paced deltas of this shape.
    Say { text: String, shape: Shape },
    /// Sends one delta.
    Delta(Value),
    /// Sends one chunk with these fields beside the common ones.
    Chunk(Value),
    /// Sends one event with exactly this data.
    Event(String),
    /// Sends exactly these bytes, so many times, unpaced.
    Bytes { bytes: Bytes, times: usize },
    /// Sends comments for so long, at least one; without a time, for ever.
    Comments(Option<Duration>),
    /// Sends nothing more and keeps the connection open.
    Silence,
    /// Sends the finish chunk and the usage chunk.
    Finish(Finish),
    /// Sends `[DONE]`.
    Done,
    /// Breaks the connection.
    Die,
}

/// A whole answer and the manner in which it is given. The connection is closed cleanly after the last act.
#[derive(Clone, Debug)]
pub struct Play {
    pub acts: Vec<Act>,
    pub pace: Pace,
    pub era: Era,
    pub line_end: &'static str,
}

impl Play {
    /// These acts, in today's manner and at the pace that was asked for.
    pub fn new(question: &Question, acts: impl Into<Vec<Act>>) -> Self {
        Self { acts: acts.into(), pace: question.pace.clone(), era: Era::D, line_end: "\n" }
    }

    /// An ordinary answer: a comment, the text, and the usual end.
    pub fn answer(question: &Question, text: impl Into<String>) -> Self {
        Self::new(question, ordinary(say(text)))
    }

    /// What the request asked of any answer: comments first, repetition, and a limit.
    pub fn adapted_to(mut self, question: &Question) -> Self {
        if let Some(first) = question.first {
            self.acts.insert(0, Act::Comments(Some(first)));
        }
        self.repeat(question.repeats);
        self.go_on_from(&question.begun);
        if let Some(tokens) = question.max_tokens {
            self.limit(wire::characters(tokens));
        }
        self
    }

    /// Leaves out what was said already.
    fn go_on_from(&mut self, begun: &str) {
        for act in &mut self.acts {
            if let Act::Say { text, .. } = act
                && let Some(rest) = text.strip_prefix(begun)
            {
                *text = rest.to_owned();
            }
        }
    }

    fn repeat(&mut self, times: usize) {
        for act in &mut self.acts {
            if let Act::Say { text, .. } = act {
                *text = text.repeat(times.clamp(1, (LONGEST_TEXT / text.len().max(1)).max(1)));
            }
        }
    }

    /// Cuts the answer after so many characters, as a provider does at `max_tokens` (section 2.5).
    fn limit(&mut self, characters: usize) {
        let mut left = characters;
        for (index, act) in self.acts.iter_mut().enumerate() {
            let Act::Say { text, .. } = act else { continue };
            if let Some((end, _)) = text.char_indices().nth(left) {
                text.truncate(end);
                self.acts.truncate(index + 1);
                self.acts.extend([Act::Finish(Finish::LENGTH), Act::Done]);
                return;
            }
            left -= text.chars().count();
        }
    }
}

/// Text for the person.
pub fn say(text: impl Into<String>) -> Act {
    Act::Say { text: text.into(), shape: |piece| json!({"role": "assistant", "content": piece}) }
}

/// Verbatim bytes, once.
pub fn bytes(bytes: impl Into<Bytes>) -> Act {
    Act::Bytes { bytes: bytes.into(), times: 1 }
}

/// A comment, then this, then the usual end.
pub fn ordinary(act: Act) -> [Act; 4] {
    [comment(), act, Act::Finish(Finish::STOP), Act::Done]
}

/// A single keep-alive comment.
pub fn comment() -> Act {
    Act::Comments(Some(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(body: &Value) -> Question {
        Question::read(body.to_string().as_bytes(), &Pace::default()).expect("a valid request")
    }

    fn texts(play: &Play) -> Vec<&str> {
        let mut texts = Vec::new();
        for act in &play.acts {
            if let Act::Say { text, .. } = act {
                texts.push(text.as_str());
            }
        }
        texts
    }

    #[test]
    fn a_limit_cuts_the_text_and_says_so() {
        let question = question(&json!({"messages": [{"role": "user", "content": "x"}], "max_tokens": 1}));
        let play = Play::answer(&question, "äöüßé").adapted_to(&question);
        assert_eq!(texts(&play), ["äöüß"]);
        assert!(matches!(play.acts[2], Act::Finish(Finish::LENGTH)));
        let short = Play::answer(&question, "äöüß").adapted_to(&question);
        assert!(matches!(short.acts[2], Act::Finish(Finish::STOP)));
    }

    #[test]
    fn a_text_can_be_repeated() {
        let question = question(&json!({"messages": [{"role": "user", "content": "[[repeat=3]] x"}]}));
        assert_eq!(texts(&Play::answer(&question, "ab").adapted_to(&question)), ["ababab"]);
    }
}
