//! Answers that end well.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    play::{Act, Play, comment, ordinary, say},
    png,
    question::Question,
    texts,
    wire::{Finish, PROVIDER},
};

/// A quoted question is cut to so many characters.
const QUOTED: usize = 120;

/// Side of the small picture, in pixels.
const SMALL_PICTURE: u16 = 32;

/// Side of the large picture, in pixels: 1.2 MB, and 1.6 MB as a data URL.
const LARGE_PICTURE: u16 = 640;

/// Two pages that are cited.
const STANDARD: &str = "https://html.spec.whatwg.org/multipage/server-sent-events.html";
const STREAMING: &str = "https://openrouter.ai/docs/api-reference/streaming";

/// Request fields that `demo/context` repeats beside the messages.
const REPEATED: [&str; 12] = [
    "model",
    "models",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "max_completion_tokens",
    "seed",
    "stop",
    "reasoning",
    "provider",
];

/// What a newcomer sees first; afterwards a shorter text, so that a conversation does not repeat itself.
pub fn plain(question: &Question) -> Play {
    let template = if question.turns > 1 { texts::PLAIN_AGAIN } else { texts::PLAIN };
    Play::answer(question, template.trim_end().replace("{question}", &quote(&question.asked)))
}

pub fn long(question: &Question) -> Play {
    Play::answer(question, texts::LONG)
}

pub fn echo(question: &Question) -> Play {
    Play::answer(question, question.asked.clone())
}

/// Repeats as JSON what it was asked: roles and contents, and the parameters that were set.
pub fn context(question: &Question) -> Play {
    let message = |message: &Value| json!({"role": message["role"], "content": message["content"]});
    let messages: Vec<Value> = question.messages().iter().map(message).collect();
    let mut dump = json!({"messages": messages});
    for name in REPEATED {
        if !question.body[name].is_null() {
            dump[name] = question.body[name].clone();
        }
    }
    Play::answer(question, dump.to_string())
}

/// Text in many scripts, cut within characters, line ends and field names.
pub fn unicode(question: &Question) -> Play {
    let mut play = Play::answer(question, texts::UNICODE);
    play.line_end = "\r\n";
    play.pace.split_bytes = play.pace.split_bytes.or(Some(3));
    // Three bytes at a time, the usual pause would make this very slow.
    play.pace.delta = play.pace.delta.min(Duration::from_millis(2));
    play
}

pub fn crlf(question: &Question) -> Play {
    Play { line_end: "\r\n", ..Play::answer(question, texts::LINE_ENDS) }
}

pub fn bare_cr(question: &Question) -> Play {
    Play { line_end: "\r", ..Play::answer(question, texts::LINE_ENDS) }
}

/// Everything that an answer can hold: thoughts, sources, and a text with all of Markdown.
pub fn showcase(question: &Question) -> Play {
    let utf8 = "https://www.rfc-editor.org/rfc/rfc3629";
    let acts = [
        comment(),
        think(texts::SHOWCASE_THOUGHT),
        cite(STANDARD, "Server-sent events - HTML Standard", "An event stream is a simple stream of text."),
        cite(utf8, "RFC 3629: UTF-8", "UTF-8 encodes characters as a varying number of octets."),
        cite(STREAMING, "", "Streaming is available for every model."),
        say(texts::SHOWCASE),
        sign(),
        Act::Finish(Finish::STOP),
        Act::Done,
    ];
    Play::new(question, acts)
}

/// Thoughts with their details, the answer, and the signature last (wire reference, section 2.4).
pub fn reasoning(question: &Question) -> Play {
    let thought = think(texts::THOUGHT);
    let acts = [comment(), thought, say(texts::AFTER_THOUGHT), sign(), Act::Finish(Finish::STOP), Act::Done];
    Play::new(question, acts)
}

/// Thinks, says something, thinks again and goes on.
pub fn thinks_twice(question: &Question) -> Play {
    let acts = [
        comment(),
        think(texts::THOUGHT),
        say(texts::AFTER_THOUGHT),
        think(texts::SECOND_THOUGHT),
        say(texts::AFTER_SECOND_THOUGHT),
        sign(),
        Act::Finish(Finish::STOP),
        Act::Done,
    ];
    Play::new(question, acts)
}

/// As `DeepSeek` and its kin send thoughts: no details, and another name (wire reference, section 7).
pub fn reasoning_content(question: &Question) -> Play {
    let think = Act::Say {
        text: texts::THOUGHT.to_owned(),
        shape: |piece| json!({"role": "assistant", "content": null, "reasoning_content": piece}),
    };
    let acts = [comment(), think, say(texts::AFTER_THOUGHT), Act::Finish(Finish::STOP), Act::Done];
    Play::new(question, acts)
}

/// Citations come before the text, without positions, and one has no title.
pub fn citations(question: &Question) -> Play {
    let acts = [
        comment(),
        cite(STANDARD, "Server-sent events - HTML Standard", "An event stream is a simple stream of text."),
        cite(STREAMING, "", "Streaming is available for every model."),
        say(texts::CITING),
        Act::Finish(Finish::STOP),
        Act::Done,
    ];
    Play::new(question, acts)
}

pub fn refusal(question: &Question) -> Play {
    let refuse = Act::Say {
        text: texts::REFUSAL.to_owned(),
        shape: |piece| json!({"role": "assistant", "content": "", "refusal": piece}),
    };
    Play::new(question, ordinary(refuse))
}

pub fn image(question: &Question) -> Play {
    picture(question, SMALL_PICTURE)
}

pub fn large_image(question: &Question) -> Play {
    picture(question, LARGE_PICTURE)
}

/// A call whose arguments come in fragments that only together are JSON.
pub fn tool_call(question: &Question) -> Play {
    let delta = |call: Value| Act::Delta(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
    let mut acts = vec![
        comment(),
        delta(json!({
            "index": 0,
            "id": "toolu_demo_01FnJwNhnbF7UbXLQGHJ5dda",
            "type": "function",
            "function": {"name": "weather", "arguments": ""},
        })),
    ];
    for fragment in ["", "{\"latitude\": \"46.9", "480\", \"longitude\": \"7", ".4474", "\"}"] {
        acts.push(delta(json!({"index": 0, "function": {"arguments": fragment}})));
    }
    acts.extend([Act::Finish(Finish::TOOL_CALLS), Act::Done]);
    Play::new(question, acts)
}

/// Content as a list of parts, as Mistral sends it (wire reference, section 7).
pub fn parts(question: &Question) -> Play {
    let text = Act::Say {
        text: texts::PARTS.to_owned(),
        shape: |piece| json!({"role": "assistant", "content": [{"type": "text", "text": piece}]}),
    };
    Play::new(question, ordinary(text))
}

/// What the flaky models say once they work.
pub fn recovered(question: &Question) -> Play {
    Play::answer(question, texts::RECOVERED)
}

fn think(text: &str) -> Act {
    Act::Say {
        text: text.to_owned(),
        shape: |piece| {
            json!({"role": "assistant", "content": "", "reasoning": piece, "reasoning_details": [
                {"type": "reasoning.text", "text": piece, "format": "anthropic-claude-v1", "index": 0},
            ]})
        },
    }
}

/// What comes after thoughts and answer.
fn sign() -> Act {
    Act::Delta(json!({"role": "assistant", "content": "", "reasoning": null, "reasoning_details": [
        {"type": "reasoning.text", "signature": "ZGVtbyBzaWduYXR1cmU=", "format": "anthropic-claude-v1", "index": 0},
    ]}))
}

fn cite(url: &str, title: &str, content: &str) -> Act {
    let citation = json!({"url": url, "title": title, "content": content, "start_index": 0, "end_index": 0});
    let annotation = json!({"type": "url_citation", "url_citation": citation});
    Act::Delta(json!({"role": "assistant", "content": "", "annotations": [annotation]}))
}

fn picture(question: &Question, side: u16) -> Play {
    let url = png::data_url(side, png::disc(side));
    let image = json!({"type": "image_url", "image_url": {"url": url}, "index": 0});
    let delta = json!({"role": "assistant", "content": "", "images": [image]});
    let text = say(format!("Here is a picture of {side} by {side} pixels, drawn by {PROVIDER}."));
    Play::new(question, [comment(), text, Act::Delta(delta), Act::Finish(Finish::STOP), Act::Done])
}

/// The beginning of a question on one line, without anything that Markdown would take for its own.
fn quote(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain: String = line.chars().filter(|letter| !"`*_[]<>#|\\~$".contains(*letter)).collect();
    match plain.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", plain[..end].trim_end()),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_quoted_briefly_and_harmlessly() {
        assert_eq!(quote("What is\n\n`this` **thing**?"), "What is this thing?");
        assert_eq!(quote(&"é".repeat(500)).chars().count(), QUOTED + 1);
    }
}
