//! The line beneath an answer: how it was made. In place from the start, so that nothing jumps.

use leptos::prelude::*;

use super::browser;
use super::live_answer::LiveAnswer;
use crate::api::page::ServerInfo;
use crate::chat::{Answer, Bill};
use crate::html::Html;
use crate::models::ModelRule;

#[component]
pub fn Stats(live: LiveAnswer) -> impl IntoView {
    // OpenRouter alone can.
    let settles = expect_context::<ServerInfo>().model_rule == ModelRule::VendorPrefixed;
    let now = RwSignal::new(0_u64);
    let running = Memo::new(move |_| live.is_running());
    browser::while_true(running, move || now.set(browser::now_ms()));
    let is_open = Memo::new(move |_| live.answer.with(|answer| answer.bill == Bill::Open));
    // Looked at with the clock, at the end and when the bill comes: nobody reads figures that change with each frame.
    let line = move || {
        let (_, _, now) = (running.get(), is_open.get(), now.get());
        let elapsed_ms = live.began_ms.get_value().map(|began| now.saturating_sub(began));
        Some(live.answer.with_untracked(|answer| join(&summary(answer, elapsed_ms, settles))))
    };
    // The table is for the finished answer: while it is written, the line above has the counts.
    let rows = move || {
        let _ = (running.get(), is_open.get());
        let mut html = Html::default();
        for (name, value) in live.answer.with_untracked(details) {
            html.markup("<div><dt>").markup(name).markup("</dt><dd>").text(&value).markup("</dd></div>");
        }
        html.into_string()
    };
    view! {
        <details class="stats">
            <summary>
                <span class="visually-hidden">"Statistics: "</span>
                {line}
            </summary>
            <dl inner_html=rows></dl>
        </details>
    }
}

/// The few figures for the line; live counts while the answer is written.
/// `settles` tells whether the upstream can be asked for a bill.
fn summary(answer: &Answer, elapsed_ms: Option<u64>, settles: bool) -> Vec<String> {
    let mut parts = Vec::new();
    let Some(end) = answer.end() else {
        parts.extend(elapsed_ms.map(|ms| format!("{} s", decimal(ms / 100, 1))));
        parts.extend(answer.first_token_ms.map(|ms| format!("{} to first token", seconds_of(ms))));
        if answer.chunks > 0 {
            parts.push(count_of(answer.chunks, "chunk"));
            parts.push(count_of(answer.characters, "character"));
        }
        return parts;
    };
    parts.push(seconds_of(end.duration_ms));
    parts.extend(answer.first_token_ms.map(|ms| format!("{} to first token", seconds_of(ms))));
    let usage = answer.usage();
    match (usage.and_then(|usage| usage.completion_tokens), &answer.bill) {
        (Some(tokens), _) => parts.push(count_of(tokens, "token")),
        (None, Bill::Open | Bill::Unknown) => {
            parts.push(format!("about {}", count_of(about_tokens(answer), "token")));
        }
        (None, _) => parts.push(count_of(answer.characters, "character")),
    }
    parts.extend(answer.tokens_per_second().map(|rate| format!("{} tokens/s", thousands(rounded(rate)))));
    parts.extend(usage.and_then(|usage| usage.cost).map(dollars));
    if answer.bill == Bill::Open && settles {
        parts.push("cost pending".to_owned());
    }
    parts
}

/// A rule of thumb for most languages and models: four characters a token.
fn about_tokens(answer: &Answer) -> u64 {
    let reasoning = answer.content.reasoning_blocks().map(|reasoning| reasoning.text.len());
    (answer.characters + reasoning.sum::<usize>() as u64).div_ceil(4)
}

/// Everything that is known, by name.
fn details(answer: &Answer) -> Vec<(&'static str, String)> {
    let end = answer.end();
    let usage = answer.usage();
    let count = |count: Option<u64>| count.map(thousands);
    let rows = [
        ("Model", answer.source.model.clone().or_else(|| Some(answer.requested_model.clone()))),
        ("Provider", answer.source.provider.clone()),
        ("Time to first token", answer.first_token_ms.map(seconds_of)),
        ("Duration", end.map(|end| seconds_of(end.duration_ms))),
        ("Tokens in", count(usage.and_then(|usage| usage.prompt_tokens))),
        ("Tokens out", count(usage.and_then(|usage| usage.completion_tokens))),
        (
            "Reasoning tokens",
            count(usage.and_then(|usage| usage.reasoning_tokens).filter(|tokens| *tokens > 0)),
        ),
        ("Cached tokens", count(usage.and_then(|usage| usage.cached_tokens).filter(|tokens| *tokens > 0))),
        ("Tokens/s", answer.tokens_per_second().map(|rate| decimal(rounded(rate * 10.0), 1))),
        ("Chunks", Some(thousands(answer.chunks))),
        ("Characters", Some(thousands(answer.characters))),
        ("Cost", usage.and_then(|usage| usage.cost).map(dollars)),
        ("Finish reason", end.and_then(|end| end.finish_reason.clone())),
        ("Provider's finish reason", end.and_then(|end| end.native_finish_reason.clone())),
        ("Generation ID", answer.source.generation_id.clone().or_else(|| answer.source.id.clone())),
    ];
    rows.into_iter()
        .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
        .collect()
}

fn join(parts: &[String]) -> String {
    parts.join(" · ")
}

fn seconds_of(ms: u64) -> String {
    if ms < 10_000 { format!("{} s", decimal(ms / 10, 2)) } else { format!("{} s", decimal(ms / 100, 1)) }
}

/// A number of things, such as `1 token` and `12,345 tokens`.
pub fn count_of(count: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(count), if count == 1 { "" } else { "s" })
}

/// A whole number with its thousands set apart, such as `12,345`.
pub fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// US dollars with as many places as the amount needs: answers cost fractions of a cent.
pub fn dollars(cost: f64) -> String {
    if cost == 0.0 {
        "free".to_owned()
    } else if cost >= 0.01 {
        format!("${}", decimal(rounded(cost * 1e3), 3))
    } else {
        format!("${}", decimal(rounded(cost * 1e6), 6))
    }
}

/// `value` with its last `places` digits after the point. The standard library's way to print floats would add
/// some twenty kilobytes to the browser's file.
pub fn decimal(value: u64, places: u32) -> String {
    let unit = 10_u64.pow(places);
    format!("{}.{:0width$}", value / unit, value % unit, width = places as usize)
}

/// The nearest whole number; 0 for what is below or is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float to int cast saturates")]
pub fn rounded(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{AnswerEvent, AnswerId, End, EndStatus, QuestionId, Seq, Usage};

    fn answer() -> Answer {
        let mut answer = Answer::new(AnswerId::now(), QuestionId::now(), "demo/plain");
        answer.apply(Seq(1), &AnswerEvent::FirstToken { elapsed_ms: 400 });
        answer.apply(Seq(2), &AnswerEvent::Text("Hello".into()));
        answer
    }

    #[test]
    fn live_counts_are_shown_while_the_answer_is_written() {
        assert_eq!(
            join(&summary(&answer(), Some(1234), true)),
            "1.2 s · 0.40 s to first token · 1 chunk · 5 characters"
        );
    }

    #[test]
    fn the_end_brings_tokens_and_cost() {
        let mut answer = answer();
        let usage = Usage { completion_tokens: Some(20), cost: Some(0.000_06), ..Usage::default() };
        answer.apply(
            Seq(3),
            &AnswerEvent::End(End {
                status: EndStatus::Complete,
                finish_reason: Some("stop".into()),
                native_finish_reason: None,
                problem: None,
                usage: Some(usage),
                duration_ms: 2400,
                unkept: None,
            }),
        );
        assert_eq!(
            join(&summary(&answer, None, true)),
            "2.40 s · 0.40 s to first token · 20 tokens · 10 tokens/s · $0.000060"
        );
        assert!(details(&answer).contains(&("Finish reason", "stop".into())));
    }

    #[test]
    fn what_is_not_billed_yet_is_told_as_about() {
        let mut answer = answer();
        answer.source.generation_id = Some("gen-1".into());
        answer.apply(
            Seq(3),
            &AnswerEvent::End(End {
                status: EndStatus::Stopped,
                finish_reason: None,
                native_finish_reason: None,
                problem: None,
                usage: None,
                duration_ms: 2400,
                unkept: None,
            }),
        );
        assert!(join(&summary(&answer, None, true)).ends_with("about 2 tokens · cost pending"));
        let usage = Usage { completion_tokens: Some(20), cost: Some(0.000_06), ..Usage::default() };
        answer.bill = Bill::Settled(usage);
        assert!(join(&summary(&answer, None, true)).ends_with("20 tokens · 10 tokens/s · $0.000060"));
    }

    #[test]
    fn thousands_are_set_apart() {
        let numbers = [0, 999, 1000, 12_345, 1_234_567];
        assert_eq!(numbers.map(thousands), ["0", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!([0, 1, 2].map(|count| count_of(count, "chunk")), ["0 chunks", "1 chunk", "2 chunks"]);
    }

    #[test]
    fn a_cost_has_the_places_that_it_needs() {
        assert_eq!([0.0, 0.000_006, 0.25].map(dollars), ["free", "$0.000006", "$0.250"]);
    }
}
