//! Turns a play into bytes and pauses, one at a time and only when asked for the next.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use serde_json::Value;

use super::{
    Pace,
    play::{Act, Play, Shape},
    wire::{self, Finish, Price, Stamp, Usage},
};

/// The smallest thing that happens on the wire.
#[derive(Debug, PartialEq, Eq)]
pub enum Beat {
    /// Send these bytes.
    Send(Bytes),
    /// Send nothing for so long.
    Wait(Duration),
    /// Send nothing for ever.
    Silence,
    /// Break the connection.
    Die,
}

/// A play under way.
#[derive(Debug)]
pub struct Playback {
    acts: VecDeque<Act>,
    stamp: Stamp,
    pace: Pace,
    line_end: &'static str,
    price: Price,
    prompt_tokens: u32,
    said: Said,
    speech: Option<Speech>,
    flood: Option<(Bytes, usize)>,
    beats: VecDeque<Beat>,
    finish: Option<Finish>,
}

/// How many characters have been sent.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    all: usize,
    reasoning: usize,
}

/// A text of which some has been sent.
#[derive(Debug)]
struct Speech {
    words: String,
    sent: usize,
    shape: Shape,
}

impl Playback {
    /// Prepares a play; nothing is made before it is asked for.
    pub fn new(play: Play, stamp: Stamp, price: Price, prompt_tokens: u32) -> Self {
        Self {
            acts: play.acts.into(),
            stamp,
            pace: play.pace,
            line_end: play.line_end,
            price,
            prompt_tokens,
            said: Said::default(),
            speech: None,
            flood: None,
            beats: VecDeque::new(),
            finish: None,
        }
    }

    /// Whether nothing is left to do.
    pub fn is_over(&self) -> bool {
        self.acts.is_empty() && self.speech.is_none() && self.flood.is_none() && self.beats.is_empty()
    }

    /// What has been used so far.
    pub fn usage(&self) -> Usage {
        let (all, reasoning) = (wire::tokens(self.said.all), wire::tokens(self.said.reasoning));
        Usage::new(self.prompt_tokens, all, reasoning, self.price)
    }

    /// Why the answer ended, once it has said so.
    pub fn finish(&self) -> Option<Finish> {
        self.finish
    }

    fn perform(&mut self, act: Act) {
        match act {
            Act::Say { text, shape } => {
                self.speech = (!text.is_empty()).then_some(Speech { words: text, sent: 0, shape });
            }
            Act::Delta(delta) => self.send_chunk(&self.stamp.delta(&delta)),
            Act::Chunk(fields) => self.send_chunk(&self.stamp.chunk(fields)),
            Act::Event(data) => self.send(wire::event(&data, self.line_end)),
            Act::Bytes { bytes, times } => self.flood = (times > 0).then_some((bytes, times)),
            Act::Comments(time) => self.keep_alive(time),
            Act::Silence => self.beats.push_back(Beat::Silence),
            Act::Finish(finish) => {
                self.finish = Some(finish);
                self.send_chunk(&self.stamp.finish(finish));
                self.send_chunk(&self.stamp.usage(finish, &self.usage()));
            }
            Act::Done => self.send(wire::event("[DONE]", self.line_end)),
            Act::Die => self.beats.push_back(Beat::Die),
        }
    }

    fn continue_speech(&mut self) {
        let Some(mut speech) = self.speech.take() else { return };
        let rest = &speech.words[speech.sent..];
        let length = rest.char_indices().nth(self.pace.characters_per_delta.max(1));
        let piece = &rest[..length.map_or(rest.len(), |(end, _)| end)];
        let delta = (speech.shape)(piece);
        self.said.all += piece.chars().count();
        if delta.get("reasoning").is_some() || delta.get("reasoning_content").is_some() {
            self.said.reasoning += piece.chars().count();
        }
        speech.sent += piece.len();
        self.wait(self.pace.delta);
        self.send_chunk(&self.stamp.delta(&delta));
        self.speech = (speech.sent < speech.words.len()).then_some(speech);
    }

    fn continue_flood(&mut self) {
        if let Some((bytes, times)) = self.flood.take() {
            self.beats.push_back(Beat::Send(bytes.clone()));
            self.flood = (times > 1).then(|| (bytes, times - 1));
        }
    }

    /// One comment, and if there is time left, the same act again later.
    fn keep_alive(&mut self, time: Option<Duration>) {
        self.send(wire::comment(self.line_end));
        // A pause of nothing would make this endless in no time.
        let interval = self.pace.comment.max(Duration::from_millis(1));
        match time {
            None => {
                self.wait(interval);
                self.acts.push_front(Act::Comments(None));
            }
            Some(left) if left > interval => {
                self.wait(interval);
                self.acts.push_front(Act::Comments(Some(left.saturating_sub(interval))));
            }
            Some(left) => self.wait(left),
        }
    }

    fn send_chunk(&mut self, chunk: &Value) {
        self.send(wire::event(&chunk.to_string(), self.line_end));
    }

    fn send(&mut self, text: String) {
        self.beats.push_back(Beat::Send(text.into()));
    }

    fn wait(&mut self, time: Duration) {
        if !time.is_zero() {
            self.beats.push_back(Beat::Wait(time));
        }
    }
}

impl Iterator for Playback {
    type Item = Beat;

    fn next(&mut self) -> Option<Beat> {
        while self.beats.is_empty() {
            if self.speech.is_some() {
                self.continue_speech();
            } else if self.flood.is_some() {
                self.continue_flood();
            } else {
                let act = self.acts.pop_front()?;
                self.perform(act);
            }
        }
        self.beats.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{play, question::Question, wire::Era},
        *,
    };

    fn playback(acts: Vec<Act>, pace: &Pace) -> Playback {
        let body = json!({"messages": [{"role": "user", "content": "hello"}]}).to_string();
        let question = Question::read(body.as_bytes(), pace).expect("a valid request");
        let stamp = Stamp::new("demo/plain".to_owned(), Era::D);
        Playback::new(Play::new(&question, acts), stamp, Price::FREE, 1)
    }

    fn kinds(playback: Playback) -> String {
        let letter = |beat| match beat {
            Beat::Send(bytes) if bytes.starts_with(b":") => 'c',
            Beat::Send(_) => 's',
            Beat::Wait(_) => 'w',
            Beat::Silence => 'q',
            Beat::Die => 'd',
        };
        playback.take(12).map(letter).collect()
    }

    #[test]
    fn text_is_paced_and_counted() {
        let mut playback = playback(vec![play::say("äöüßéè"), Act::Done], &Pace::default());
        assert_eq!(playback.by_ref().take(4).filter(|beat| matches!(beat, Beat::Wait(_))).count(), 2);
        assert_eq!(playback.usage().completion_tokens, 2);
        assert!(!playback.is_over());
        assert_eq!(playback.next(), Some(Beat::Send("data: [DONE]\n\n".into())));
        assert!(playback.is_over());
    }

    #[test]
    fn comments_fill_the_time() {
        let pace = Pace { comment: Duration::from_millis(10), ..Pace::default() };
        assert_eq!(kinds(playback(vec![play::comment()], &pace)), "c");
        assert_eq!(kinds(playback(vec![Act::Comments(Some(Duration::from_millis(25)))], &pace)), "cwcwcw");
        assert_eq!(kinds(playback(vec![Act::Comments(None)], &pace)), "cwcwcwcwcwcw");
    }

    #[test]
    fn a_finish_is_two_chunks() {
        let acts = vec![Act::Finish(Finish::STOP), Act::Die];
        assert_eq!(kinds(playback(acts, &Pace::default())), "ssd");
    }
}
