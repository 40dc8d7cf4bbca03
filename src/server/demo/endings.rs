//! Answers that do not end as they should: stalls, broken connections, missing or odd ends.

use std::time::Duration;

use super::{
    play::{Act, Play, bytes, comment, ordinary, say},
    question::Question,
    texts,
    wire::{Era, Finish},
};

/// How long the slow scenario thinks.
const SLOW: Duration = Duration::from_secs(3);

/// An error inside the stream, before or after some text.
pub fn broken(question: &Question, error: Vec<Act>, after_text: bool) -> Play {
    let mut acts = vec![comment()];
    if after_text {
        acts.push(say(texts::BEFORE_ERROR));
    }
    acts.extend(error);
    Play::new(question, acts)
}

/// Comments for some seconds, then an ordinary answer. The directive `first_ms` takes the place of the wait.
pub fn slow(question: &Question) -> Play {
    let mut play = Play::answer(question, texts::SLOW);
    if question.first.is_none() {
        play.acts[0] = Act::Comments(Some(SLOW));
    }
    play
}

pub fn comments(question: &Question) -> Play {
    Play::new(question, [Act::Comments(None)])
}

pub fn comments_after_text(question: &Question) -> Play {
    Play::new(question, [comment(), say(texts::BEFORE_SILENCE), Act::Comments(None)])
}

pub fn stall(question: &Question) -> Play {
    Play::new(question, [comment(), say(texts::BEFORE_SILENCE), Act::Silence])
}

pub fn stall_first(question: &Question) -> Play {
    Play::new(question, [Act::Silence])
}

pub fn length(question: &Question) -> Play {
    Play::new(question, [comment(), say(texts::CUT_OFF), Act::Finish(Finish::LENGTH), Act::Done])
}

pub fn content_filter(question: &Question) -> Play {
    Play::new(question, [comment(), say(texts::BEFORE_FILTER), Act::Finish(Finish::FILTERED), Act::Done])
}

/// Ends cleanly, but without a finish reason and without `[DONE]`.
pub fn cut(question: &Question) -> Play {
    Play::new(question, [comment(), say(texts::CUT_OFF)])
}

/// The connection dies in the middle of an event.
pub fn cut_reset(question: &Question) -> Play {
    let half =
        bytes("data: {\"id\":\"gen-cut\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"never to be se");
    Play::new(question, [comment(), say(texts::CUT_OFF), half, Act::Die])
}

/// The connection dies right after the headers.
pub fn reset_first(question: &Question) -> Play {
    Play::new(question, [Act::Die])
}

/// A complete answer that lacks only `[DONE]`.
pub fn no_done(question: &Question) -> Play {
    Play::new(question, [comment(), say(texts::NO_DONE), Act::Finish(Finish::STOP)])
}

/// A good finish, and nothing said.
pub fn empty(question: &Question) -> Play {
    Play::new(question, [comment(), Act::Finish(Finish::STOP), Act::Done])
}

/// Status 200 and no body at all.
pub fn end_immediately(question: &Question) -> Play {
    Play::new(question, [])
}

/// Events that are not JSON, between good ones.
pub fn garbage(question: &Question) -> Play {
    let broken = |text: &str| Act::Event(text.to_owned());
    let mut acts = vec![comment(), broken("this is not JSON"), say("The good events ")];
    acts.extend([
        broken("{\"id\":\"gen-"),
        say("arrive "),
        broken("[1, 2"),
        broken(""),
        say("all the same."),
    ]);
    acts.extend([Act::Finish(Finish::STOP), Act::Done]);
    Play::new(question, acts)
}

pub fn era_a(question: &Question) -> Play {
    of_era(question, Era::A)
}

pub fn era_b(question: &Question) -> Play {
    of_era(question, Era::B)
}

pub fn era_c(question: &Question) -> Play {
    of_era(question, Era::C)
}

fn of_era(question: &Question, era: Era) -> Play {
    Play { era, ..Play::new(question, ordinary(say(texts::ERA))) }
}
