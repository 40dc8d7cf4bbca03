//! One answer: its text as it grows, what is happening to it, and what it came to.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::chats::{Chat, Chats};
use super::growing_text::GrowingText;
use super::live_answer::{Link, LiveAnswer, phase};
use super::stats::Stats;
use super::{AboutResource, browser, icons};
use crate::chat::{Answer, End, EndStatus, Phase, Retry};
use crate::problem::Problem;

#[component]
pub fn AnswerView(chat: Chat, live: LiveAnswer) -> impl IntoView {
    Effect::new(move || live.follow());
    let running = Memo::new(move |_| live.is_running());
    let has_reasoning = Memo::new(move |_| live.answer.with(|answer| !answer.reasoning.is_empty()));
    let has_refusal = Memo::new(move |_| live.answer.with(|answer| !answer.refusal.is_empty()));
    let writes = Memo::new(move |_| live.answer.with(|answer| matches!(phase(answer), Some(Phase::Answering))));
    let model = Memo::new(move |_| live.answer.with(model_name));
    view! {
        <article
            class="answer"
            aria-label="Answer"
            aria-busy=move || if running.get() { "true" } else { "false" }
            data-status=move || live.answer.with(status_name)
        >
            <p class="answer-model">{model}</p>
            <Show when=move || has_reasoning.get()>
                <details class="reasoning">
                    <summary>"Reasoning"</summary>
                    <GrowingText live part=|answer| &answer.reasoning class="reasoning-text" />
                </details>
            </Show>
            <div class="answer-body" class:writing=move || writes.get()>
                <GrowingText live part=|answer| &answer.text class="answer-text" />
            </div>
            <Show when=move || has_refusal.get()>
                <GrowingText live part=|answer| &answer.refusal class="answer-text refusal" />
            </Show>
            <Extras live />
            <Progress live />
            <Outcome chat live />
            <div class="answer-foot">
                <Stats live />
                <Show when=move || !running.get()>
                    <CopyButton live />
                </Show>
            </div>
        </article>
    }
}

/// The model that answers, or else the one that was asked for.
fn model_name(answer: &Answer) -> String {
    answer.source.model.clone().unwrap_or_else(|| answer.requested_model.clone())
}

/// For styles and tests.
fn status_name(answer: &Answer) -> &'static str {
    match answer.end().map(|end| end.status) {
        None => "running",
        Some(EndStatus::Complete) => "complete",
        Some(EndStatus::Stopped) => "stopped",
        Some(EndStatus::Failed) => "failed",
        Some(EndStatus::Interrupted) => "interrupted",
    }
}

/// Pictures, sources and tool calls.
#[component]
fn Extras(live: LiveAnswer) -> impl IntoView {
    let images = Memo::new(move |_| live.answer.with(|answer| answer.images.clone()));
    let citations = Memo::new(move |_| live.answer.with(|answer| answer.citations.clone()));
    let calls = Memo::new(move |_| live.answer.with(|answer| answer.tool_calls.clone()));
    view! {
        <For each=move || images.get().into_iter().enumerate() key=|(at, _)| *at let((at, url))>
            <Picture url number=at + 1 />
        </For>
        <Show when=move || !calls.with(Vec::is_empty)>
            <ul class="tool-calls" aria-label="Tool calls">
                {move || {
                    calls
                        .get()
                        .into_iter()
                        .map(|call| {
                            view! {
                                <li>
                                    <code>{call.name}"("{call.arguments}")"</code>
                                </li>
                            }
                        })
                        .collect_view()
                }}
            </ul>
        </Show>
        <Show when=move || !citations.with(Vec::is_empty)>
            <ol class="citations" aria-label="Sources">
                {move || {
                    citations
                        .get()
                        .into_iter()
                        .map(|citation| {
                            let title = citation.title.unwrap_or_else(|| citation.url.clone());
                            view! { <li>{link(&citation.url, title)}</li> }
                        })
                        .collect_view()
                }}
            </ol>
        </Show>
    }
}

/// A data URL is shown; what lies elsewhere is a link, so that nothing is fetched without being asked for.
#[component]
fn Picture(url: String, number: usize) -> impl IntoView {
    let kinds = ["data:image/png;", "data:image/jpeg;", "data:image/webp;", "data:image/gif;"];
    if kinds.iter().any(|kind| url.starts_with(kind)) {
        view! { <img class="answer-image" src=url alt=format!("Picture {number} made by the model") /> }.into_any()
    } else {
        view! { <p>{link(&url, url.clone())}</p> }.into_any()
    }
}

/// Only web addresses become links; anything else stays text.
fn link(url: &str, title: String) -> AnyView {
    if url.starts_with("https://") || url.starts_with("http://") {
        view! {
            <a href=url.to_owned() title=url.to_owned() target="_blank" rel="noopener noreferrer nofollow">
                {title}
            </a>
        }
        .into_any()
    } else {
        title.into_any()
    }
}

/// What is going on while there is no text to watch.
#[component]
fn Progress(live: LiveAnswer) -> impl IntoView {
    let now = RwSignal::new(None::<f64>);
    let phase_now = Memo::new(move |_| live.answer.with(|answer| phase(answer).cloned()));
    // When the pause before the next attempt ends, by the browser's clock.
    let retry_at = RwSignal::new(None::<f64>);
    Effect::new(move || {
        let wait = phase_now.with(|phase| if let Some(Phase::Retrying(retry)) = phase { Some(retry.wait_ms) } else { None });
        #[expect(clippy::cast_precision_loss, reason = "a pause is far below 2^52 ms")]
        retry_at.set(wait.map(|wait_ms| browser::now_ms() + wait_ms as f64));
    });
    browser::while_true(phase_now, |phase| phase.is_some(), move || now.set(Some(browser::now_ms())));
    let words = move || {
        if live.link.get() == Link::Down {
            return live.is_running().then(|| "The connection is lost. Connecting again…".to_owned());
        }
        phase_now.with(|phase| match phase {
            Some(Phase::Sending) => Some("Sending…".to_owned()),
            Some(Phase::Waiting) => Some(waiting(live, now.get())),
            Some(Phase::Retrying(retry)) => Some(retrying(retry, retry_at.get().zip(now.get()))),
            Some(Phase::Answering) | None => None,
        })
    };
    view! { <p class="progress">{words}</p> }
}

fn waiting(live: LiveAnswer, now: Option<f64>) -> String {
    let seconds = now.zip(live.began_ms.get_value()).map(|(now, began)| ((now - began) / 1000.0).floor());
    match seconds {
        Some(seconds) if seconds >= 1.0 => format!("The model is getting ready. {seconds} s"),
        _ => "The model is getting ready.".to_owned(),
    }
}

fn retrying(retry: &Retry, clock: Option<(f64, f64)>) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a pause is far below 2^52 ms")]
    let left_ms = clock.map_or(retry.wait_ms as f64, |(at, now)| at - now);
    let when = if left_ms > 0.0 {
        format!("Trying again in {} s", (left_ms / 1000.0).ceil())
    } else {
        "Trying again now".to_owned()
    };
    format!("{} {when} ({} of {}).", retry.problem.kind.sentence(), retry.attempt, retry.attempts)
}

/// What became of it, and the one thing to do.
#[component]
fn Outcome(chat: Chat, live: LiveAnswer) -> impl IntoView {
    let end = Memo::new(move |_| live.answer.with(|answer| answer.end().cloned().map(|end| (end, answer.has_content()))));
    let is_newest = Memo::new(move |_| chat.newest_answer().is_some_and(|newest| newest.id == live.id));
    view! {
        {move || {
            end.get()
                .and_then(|(end, has_content)| remark(&end, has_content))
                .map(|remark| {
                    view! {
                        <div class="outcome">
                            <p class="outcome-what">{remark.what}</p>
                            {remark.detail.map(|detail| view! { <p class="outcome-detail">{detail}</p> })}
                            {remark.advice.map(|advice| view! { <p class="outcome-advice">{advice}</p> })}
                        </div>
                    }
                })
        }}
        <Show when=move || is_newest.get() && end.with(Option::is_some)>
            <TryAgain chat live />
        </Show>
    }
}

struct Remark {
    what: &'static str,
    detail: Option<String>,
    advice: Option<&'static str>,
}

/// What a person should know about an end. A plain success needs no words.
fn remark(end: &End, has_content: bool) -> Option<Remark> {
    let plain = |what| Some(Remark { what, detail: None, advice: None });
    match (end.status, &end.problem, end.finish_reason.as_deref()) {
        (EndStatus::Stopped, ..) if has_content => plain("Stopped. You keep what was written."),
        (EndStatus::Stopped, ..) => plain("Stopped before anything was written."),
        (EndStatus::Failed | EndStatus::Interrupted, Some(problem), _) => Some(remark_on(problem)),
        (EndStatus::Failed, None, _) => plain("The answer failed."),
        (EndStatus::Interrupted, None, _) => plain("The answer was interrupted."),
        (_, _, Some("length")) => plain("Cut off: the answer reached its longest length."),
        (_, _, Some("content_filter")) => plain("Cut off by the provider's content filter."),
        _ if !has_content => plain("The model ended without writing anything."),
        _ => None,
    }
}

fn remark_on(problem: &Problem) -> Remark {
    let from = problem.provider.as_ref().map(|provider| format!("{provider}: ")).unwrap_or_default();
    let wait = problem.retry_after_ms.map(|wait_ms| format!(" Free again in {}.", duration_words(wait_ms)));
    let detail = format!("{from}{}{}", problem.message, wait.unwrap_or_default());
    Remark {
        what: problem.kind.sentence(),
        detail: (!detail.is_empty()).then_some(detail),
        advice: Some(problem.kind.advice()),
    }
}

fn duration_words(wait_ms: u64) -> String {
    match wait_ms.div_ceil(1000) {
        seconds @ 0..=90 => format!("{seconds} s"),
        seconds @ 91..=5400 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h", seconds.div_ceil(3600)),
    }
}

#[component]
fn TryAgain(chat: Chat, live: LiveAnswer) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let about = expect_context::<AboutResource>();
    let again = move |_| {
        let rule = untrack(|| about.model_rule());
        // Settings that cannot be used are shown in their panel; the answer is asked for with the rest.
        let settings = chats.settings.with_untracked(|typed| typed.read(rule)).unwrap_or_default();
        chats.try_again(chat, live.question, settings);
    };
    view! {
        <button type="button" class="button try-again" on:click=again>
            <icons::Retry />
            <span>"Try again"</span>
        </button>
    }
}

#[component]
fn CopyButton(live: LiveAnswer) -> impl IntoView {
    let copied = RwSignal::new(None::<bool>);
    let copy = move |_| {
        let text = live.answer.with_untracked(|answer| answer.text.clone());
        spawn_local(async move {
            copied.set(Some(browser::copy(&text).await));
            browser::sleep(std::time::Duration::from_secs(2)).await;
            copied.try_set(None);
        });
    };
    let label = move || match copied.get() {
        None => "Copy",
        Some(true) => "Copied",
        Some(false) => "This browser does not let pages copy",
    };
    view! {
        <button type="button" class="button quiet copy" aria-label=label title=label on:click=copy>
            <Show when=move || copied.get() == Some(true) fallback=|| view! { <icons::Copy /> }>
                <icons::Check />
            </Show>
        </button>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::ProblemKind;

    fn end(status: EndStatus, finish_reason: Option<&str>) -> End {
        End {
            status,
            finish_reason: finish_reason.map(str::to_owned),
            native_finish_reason: None,
            problem: None,
            usage: None,
            duration_ms: 0,
        }
    }

    #[test]
    fn a_plain_success_needs_no_words_and_every_other_end_has_some() {
        assert!(remark(&end(EndStatus::Complete, Some("stop")), true).is_none());
        assert!(remark(&end(EndStatus::Complete, Some("length")), true).unwrap().what.contains("Cut off"));
        assert!(remark(&end(EndStatus::Complete, Some("stop")), false).unwrap().what.contains("without"));
        assert!(remark(&end(EndStatus::Stopped, None), true).unwrap().what.contains("You keep"));
    }

    #[test]
    fn a_problem_names_its_provider_and_when_it_is_over() {
        let problem = Problem {
            provider: Some("Google".into()),
            retry_after_ms: Some(3_600_000),
            ..Problem::new(ProblemKind::RateLimited, "slow down")
        };
        assert_eq!(remark_on(&problem).detail.unwrap(), "Google: slow down Free again in 60 min.");
    }

    #[test]
    fn a_countdown_never_goes_below_now() {
        let retry = Retry {
            attempt: 2,
            attempts: 4,
            wait_ms: 4000,
            problem: Problem::new(ProblemKind::ProviderDown, ""),
        };
        let words = |clock| retrying(&retry, clock);
        assert_eq!(words(None), "The provider is overloaded or down. Trying again in 4 s (2 of 4).");
        assert!(words(Some((5000.0, 1500.0))).contains("in 4 s"));
        assert!(words(Some((5000.0, 6000.0))).contains("again now (2 of 4)"));
    }
}
