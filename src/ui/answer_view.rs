//! One answer: its text as it grows, what is happening to it, and what it came to.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::browser;
use super::chats::{Chat, Chats};
use super::growing_text::GrowingText;
use super::icons::{self, Icon};
use super::live_answer::{Link, LiveAnswer, phase};
use super::question_view::arrows;
use super::renderer;
use super::stats::Stats;
use crate::action::{self, Action};
use crate::api::page::ServerInfo;
use crate::chat::{Answer, Citation, ContentBlock, End, EndStatus, Phase, Reasoning, Retry};
use crate::error::AnswerError;
use crate::html::Html;
use crate::models::bills_after_stop;
use crate::safe_url::{self, Address, Picture};

#[component]
pub fn AnswerView(chat: Chat, live: LiveAnswer) -> impl IntoView {
    let chats = expect_context::<Chats>();
    Effect::new(move || live.follow(chat.id, chats));
    let running = Memo::new(move |_| live.is_running());
    let blocks = Memo::new(move |_| live.answer.with(shown_blocks));
    let model = Memo::new(move |_| live.answer.with(model_name));
    view! {
        <article
            class="answer"
            id=live.id.to_string()
            tabindex="-1"
            class:writing=move || live.answer.with(|answer| phase(answer) == Some(&Phase::Answering))
            aria-label="Answer"
            aria-busy=move || if running.get() { "true" } else { "false" }
            data-status=move || live.answer.with(status_name)
        >
            <p class="answer-model">{move || model.get()}</p>
            <For each=move || blocks.get() key=|block| *block let:block>
                <BlockView live block />
            </For>
            <Progress live />
            <Outcome chat live running />
            <NotKept live />
            <div class="answer-foot">
                <Stats live />
                <Actions chat live running />
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

/// A block that stands where it came: which of the answer's it is, and how it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Block {
    index: usize,
    kind: BlockKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum BlockKind {
    Text,
    Reasoning,
    Refusal,
    /// It does not grow, or seldom.
    Extra,
}

/// The blocks that are shown, where they came; but sources, which may come before the text, stand beneath all others.
fn shown_blocks(answer: &Answer) -> Vec<Block> {
    let mut shown = Vec::new();
    let mut sources = None;
    for (index, block) in answer.content.blocks().iter().enumerate() {
        let kind = match block {
            ContentBlock::Text(_) => BlockKind::Text,
            ContentBlock::Reasoning(_) => BlockKind::Reasoning,
            ContentBlock::Refusal(_) => BlockKind::Refusal,
            ContentBlock::Image(_)
            | ContentBlock::File(_)
            | ContentBlock::ToolCall(_)
            | ContentBlock::ToolResult(_) => BlockKind::Extra,
            ContentBlock::Citations(_) => {
                sources = Some(Block { index, kind: BlockKind::Extra });
                continue;
            }
            ContentBlock::FileAnnotation(_) | ContentBlock::Continuation | ContentBlock::Unknown(_) => {
                continue;
            }
        };
        shown.push(Block { index, kind });
    }
    shown.extend(sources);
    shown
}

#[component]
fn BlockView(live: LiveAnswer, block: Block) -> impl IntoView {
    let Block { index, kind } = block;
    match kind {
        BlockKind::Text => {
            let class = Memo::new(move |_| {
                let is_earlier = live.answer.with(|answer| {
                    let after = answer.content.blocks().get(index..).unwrap_or_default();
                    after.contains(&ContentBlock::Continuation)
                });
                if is_earlier { "answer-text markdown earlier" } else { "answer-text markdown" }
            });
            view! { <GrowingText live block=index class=class /> }.into_any()
        }
        BlockKind::Refusal => {
            view! { <GrowingText live block=index class="answer-text markdown refusal" /> }.into_any()
        }
        BlockKind::Reasoning => {
            let is_hidden =
                Memo::new(move |_| live.answer.with(|answer| reasoning_at(answer, index).text.is_empty()));
            view! {
                <details class="reasoning" hidden=move || is_hidden.get()>
                    <ReasoningTime live block=index />
                    <GrowingText live block=index class="reasoning-text markdown" />
                </details>
            }
            .into_any()
        }
        BlockKind::Extra => view! { <Extra live block=index /> }.into_any(),
    }
}

fn reasoning_at(answer: &Answer, index: usize) -> &Reasoning {
    static NOTHING: Reasoning = Reasoning { text: String::new(), ms: None, details: Vec::new() };
    match block_at(answer, index) {
        Some(ContentBlock::Reasoning(reasoning)) => reasoning,
        _ => &NOTHING,
    }
}

/// How long the model has reasoned, or did.
#[component]
fn ReasoningTime(live: LiveAnswer, block: usize) -> impl IntoView {
    let now = RwSignal::new(0_u64);
    let is_reasoning = Memo::new(move |_| {
        live.answer.with(|answer| {
            let may_grow = answer.end().is_none() && answer.content.may_grow(block);
            may_grow && !reasoning_at(answer, block).text.is_empty()
        })
    });
    let began = StoredValue::new(None::<u64>);
    Effect::new(move || {
        let time = browser::now_ms();
        if is_reasoning.get() {
            began.set_value(Some(time));
        }
        now.set(time);
    });
    browser::while_true(is_reasoning, move || now.set(browser::now_ms()));
    let words = move || {
        // Read in any case: what is not read now is not followed later.
        let now = now.get();
        let seen_ms = began.get_value().map_or(0, |began| now.saturating_sub(began));
        // Known once it goes on to answer; what this page saw is less if it came later.
        let took_ms = live.answer.with_untracked(|answer| reasoning_at(answer, block).ms).unwrap_or(seen_ms);
        match (is_reasoning.get(), took_ms / 1000) {
            (true, 0) => "Reasoning…".to_owned(),
            (true, seconds) => format!("Reasoning… {seconds} s"),
            (false, 0) => "Reasoning".to_owned(),
            (false, seconds) => format!("Reasoning, {seconds} s"),
        }
    };
    view! { <summary>{words}</summary> }
}

/// A picture, a file, a tool call, its result, or the sources; made anew when more of it comes, which is seldom.
#[component]
fn Extra(live: LiveAnswer, block: usize) -> impl IntoView {
    let element = NodeRef::<leptos::html::Div>::new();
    // A picture may be megabytes: it is not written again with every piece of text.
    let size = Memo::new(move |_| live.answer.with(|answer| block_at(answer, block).map(extra_size)));
    let html = move || {
        // Read, not only tracked: a memo that nobody reads never learns that there is more.
        size.get();
        live.is_loaded.get().then(|| live.answer.with_untracked(|answer| extra(answer, block)))
    };
    Effect::new(move || {
        let is_image = |answer: &Answer| matches!(block_at(answer, block), Some(ContentBlock::Image(_)));
        let has_picture =
            size.get().is_some() && live.is_loaded.get() && live.answer.with_untracked(is_image);
        if let Some(element) = element.get().filter(|_| has_picture) {
            spawn_local(async move {
                if let Some(renderer) = renderer::renderer().await {
                    // Without it, what the picture is stands in its place.
                    let _ = renderer.show_pictures(&element);
                }
            });
        }
    });
    view! { <div class="extras" node_ref=element inner_html=html></div> }
}

/// Grows with each piece of it. Looked at with every event of the answer, so sources are counted and not measured.
fn extra_size(block: &ContentBlock) -> usize {
    match block {
        ContentBlock::Citations(citations) => citations.len(),
        other => other.size(),
    }
}

fn block_at(answer: &Answer, index: usize) -> Option<&ContentBlock> {
    answer.content.blocks().get(index)
}

fn extra(answer: &Answer, index: usize) -> String {
    let mut html = Html::default();
    match block_at(answer, index) {
        Some(ContentBlock::Image(url)) => {
            let before = answer.content.blocks().get(..index).unwrap_or_default();
            let earlier = before.iter().filter(|block| matches!(block, ContentBlock::Image(_))).count();
            picture(&mut html, url, earlier + 1);
        }
        Some(ContentBlock::ToolCall(call)) => {
            html.markup("<details class=\"tool-call\" open><summary>Wants to call: <strong>")
                .text(&call.name);
            html.markup("</strong></summary><pre tabindex=\"0\">").text(&call.arguments);
            html.markup("</pre></details>");
        }
        Some(ContentBlock::ToolResult(result)) => {
            html.markup("<details class=\"tool-call\"><summary>Result</summary><pre tabindex=\"0\">");
            html.text(&result.text).markup("</pre></details>");
        }
        Some(ContentBlock::File(file)) => {
            html.markup("<p class=\"picture-link\">");
            link(&mut html, &file.url, &file.name);
            html.markup("</p>");
        }
        Some(ContentBlock::Citations(citations)) => sources(&mut html, citations),
        _ => {}
    }
    html.into_string()
}

fn sources(html: &mut Html, citations: &[Citation]) {
    html.markup("<ol class=\"citations\" aria-label=\"Sources\">");
    for citation in citations {
        html.markup("<li class=\"citation\">");
        link(html, &citation.url, citation.title.as_ref().unwrap_or(&citation.url));
        html.markup("</li>");
    }
    html.markup("</ol>");
}

/// A data URL is shown, by the renderer; what lies elsewhere is a link, so that nothing is fetched without being asked
/// for. Anything else is not shown: it may be as long as a picture.
fn picture(html: &mut Html, url: &str, number: usize) {
    let description = format!("Picture {number} made by the model");
    match safe_url::picture(url) {
        Picture::Data => {
            html.markup("<span class=\"picture\"").attribute(action::DO_LOAD, action::DATA_PICTURE);
            html.attribute("data-url", url).markup(">").text(&description).markup("</span>");
        }
        Picture::Elsewhere(_) => {
            html.markup("<p class=\"picture-link\">");
            link(html, url, url);
            html.markup("</p>");
        }
        Picture::No => {
            html.markup("<p class=\"picture-link\">").text(&description);
            html.markup(", but not as one that can be shown.</p>");
        }
    }
}

/// Only web addresses become links, with their host beside the words if these do not begin with it; anything else stays
/// text.
fn link(html: &mut Html, url: &str, title: &str) {
    let words = if title == url { safe_url::unhidden(url) } else { title.to_owned() };
    let Some(address) = safe_url::address(url).filter(Address::is_web) else {
        html.text(&words);
        return;
    };
    html.markup("<a target=\"_blank\" rel=\"noopener noreferrer nofollow\"").attribute("href", &address.href);
    html.attribute("title", &safe_url::unhidden(url)).markup(">").text(&words).markup("</a>");
    let begins_with_host = |rest: &str| rest.to_ascii_lowercase().starts_with(&address.host);
    // What stands before an @ is a name for the host, not the host.
    if title != url || !url.split_once("://").is_some_and(|(_, rest)| begins_with_host(rest)) {
        html.markup(" <span class=\"citation-host\">").text(&address.host).markup("</span>");
    }
}

/// What is going on while there is no text to watch.
#[component]
fn Progress(live: LiveAnswer) -> impl IntoView {
    let now = RwSignal::new(0_u64);
    // When the pause before the next attempt ends, by the browser's clock; 0 while there is none.
    let retry_at = RwSignal::new(0_u64);
    let waiting_for_text = Memo::new(move |_| {
        live.answer.with(|answer| phase(answer).is_some_and(|phase| *phase != Phase::Answering))
    });
    let attempt =
        Memo::new(move |_| live.answer.with(|answer| retry(answer).map_or(0, |retry| retry.attempt)));
    Effect::new(move || {
        if attempt.get() > 0 {
            let wait_ms = live.answer.with_untracked(|answer| retry(answer).map_or(0, |retry| retry.wait_ms));
            retry_at.set(browser::now_ms() + wait_ms);
        }
    });
    browser::while_true(waiting_for_text, move || now.set(browser::now_ms()));
    let words = move || {
        let is_cut = match live.link.get() {
            Link::Down => Some("The connection is lost. Connecting again…"),
            Link::StopDelayed => Some("Not stopped yet: Runnel cannot be reached. Trying again…"),
            Link::Up | Link::Stopping => None,
        };
        if let Some(words) = is_cut {
            return live.is_running().then(|| words.to_owned());
        }
        live.answer.with(|answer| match phase(answer) {
            Some(Phase::Sending) => Some("Sending…".to_owned()),
            Some(Phase::Waiting) => Some(waiting(live, now.get())),
            Some(Phase::Retrying(retry)) => Some(retrying(retry, retry_at.get(), now.get())),
            Some(Phase::Answering) | None => None,
        })
    };
    view! { <p class="progress">{words}</p> }
}

fn retry(answer: &Answer) -> Option<&Retry> {
    match phase(answer) {
        Some(Phase::Retrying(retry)) => Some(retry),
        _ => None,
    }
}

fn waiting(live: LiveAnswer, now: u64) -> String {
    match live.began_ms.get_value().map_or(0, |began| now.saturating_sub(began) / 1000) {
        0 => "The model is getting ready.".to_owned(),
        seconds => format!("The model is getting ready. {seconds} s"),
    }
}

/// `at` and `now` are 0 until the browser's clock is known.
fn retrying(retry: &Retry, at: u64, now: u64) -> String {
    // The clock is looked at four times a second, so `now` may be of before the pause began.
    let left_ms = if at > 0 && now > 0 { at.saturating_sub(now).min(retry.wait_ms) } else { retry.wait_ms };
    let when = match left_ms.div_ceil(1000) {
        0 => "Trying again now".to_owned(),
        seconds => format!("Trying again in {seconds} s"),
    };
    format!("{} {when} ({} of {}).", retry.problem.kind.sentence(), retry.attempt, retry.attempts)
}

/// What became of it.
#[component]
fn Outcome(chat: Chat, live: LiveAnswer, running: Memo<bool>) -> impl IntoView {
    move || {
        let remark = (!running.get())
            .then(|| live.answer.with_untracked(|answer| answer.end().and_then(|end| remark(end, answer))));
        remark.flatten().map(|remark| {
            view! {
                <div class="outcome">
                    <p class="outcome-what">{remark.what}</p>
                    <p class="outcome-detail">{remark.detail}</p>
                    <p class="outcome-advice">{remark.advice}</p>
                    <div class="outcome-actions">
                        <GoOn chat live />
                        <TryAgain chat live class="button" />
                    </div>
                </div>
            }
            .into_any()
        })
    }
}

/// That the server could not keep it yet. It goes away once it is kept: the conversation tells.
#[component]
fn NotKept(live: LiveAnswer) -> impl IntoView {
    let unkept = |answer: &Answer| answer.end().and_then(|end| end.unkept.clone()).unwrap_or_default();
    let why = Memo::new(move |_| live.answer.with(unkept));
    move || {
        let why = Some(why.get()).filter(|why| !why.is_empty());
        why.map(|why| view! { <p class="not-kept" role="alert">{why}</p> }.into_any())
    }
}

/// What can be done with an answer that has ended.
#[component]
fn Actions(chat: Chat, live: LiveAnswer, running: Memo<bool>) -> impl IntoView {
    move || {
        (!running.get()).then(|| {
            let (has_text, needs_remark) = live.answer.with_untracked(|answer| {
                (
                    answer.content.text_bytes() > 0,
                    answer.end().is_some_and(|end| remark(end, answer).is_some()),
                )
            });
            view! {
                <div class="answer-actions">
                    <Versions chat live />
                    {(!needs_remark).then(|| view! { <TryAgain chat live class="button quiet icon-only" /> }.into_any())}
                    {has_text.then(|| view! { <CopyButton live /> <ForkButton chat live /> }.into_any())}
                </div>
            }.into_any()
        })
    }
}

struct Remark {
    what: &'static str,
    detail: Option<String>,
    advice: Option<String>,
}

/// What a person should know about an end. A plain success needs no words.
fn remark(end: &End, answer: &Answer) -> Option<Remark> {
    let has_content = answer.has_content();
    let plain = |what| Some(Remark { what, detail: None, advice: None });
    let stopped = |what| Some(Remark { what, detail: billed_after_stop(answer), advice: None });
    match (end.status, &end.problem, end.finish_reason.as_deref()) {
        (EndStatus::Stopped, ..) if has_content => stopped("Stopped. You keep what was written."),
        (EndStatus::Stopped, ..) => stopped("Stopped before anything was written."),
        (EndStatus::Failed | EndStatus::Interrupted, Some(problem), _) => {
            Some(remark_on(problem, has_content))
        }
        (EndStatus::Failed, None, _) => plain("The answer failed."),
        (EndStatus::Interrupted, None, _) => plain("The answer was interrupted."),
        (_, _, Some("length")) => plain("Cut off at the token limit."),
        (_, _, Some("content_filter")) => plain("Cut off by the provider's content filter."),
        _ if !has_content => plain("The model sent an empty answer."),
        _ => None,
    }
}

/// Some providers write on, unseen, and charge for it.
fn billed_after_stop(answer: &Answer) -> Option<String> {
    let provider = answer.source.provider.as_deref().filter(|provider| bills_after_stop(provider))?;
    Some(format!("{provider} may go on writing, and charge for the whole answer, after a stop."))
}

fn remark_on(problem: &AnswerError, has_content: bool) -> Remark {
    let mut detail = problem.provider.as_ref().map(|provider| format!("{provider}: ")).unwrap_or_default();
    detail.push_str(&problem.message);
    if let Some(wait_ms) = problem.retry_after_ms {
        if !detail.ends_with(['.', '!', '?']) && !detail.is_empty() {
            detail.push('.');
        }
        detail.push_str(" It asks to wait ");
        detail.push_str(&duration_words(wait_ms));
        detail.push('.');
    }
    Remark {
        what: problem.kind.sentence(),
        detail: (!detail.is_empty()).then_some(detail),
        advice: Some(problem.kind.advice(has_content).to_owned()),
    }
}

fn duration_words(wait_ms: u64) -> String {
    match wait_ms.div_ceil(1000) {
        seconds @ 0..=90 => format!("{seconds} s"),
        seconds @ 91..=5400 => format!("{} min", seconds.div_ceil(60)),
        seconds @ 5401..=172_800 => format!("{} h", seconds.div_ceil(3600)),
        seconds => format!("{} days", seconds.div_ceil(86_400)),
    }
}

/// Asks the same question again. The answer that is there stays, as another version.
#[component]
fn TryAgain(chat: Chat, live: LiveAnswer, class: &'static str) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let rule = expect_context::<ServerInfo>().model_rule;
    let again = move |_| {
        if let Some(settings) = chats.usable_settings(chat, rule) {
            chats.try_again(chat, live, false, settings);
        }
    };
    view! {
        <button
            type="button"
            class=class
            aria-label="Try again"
            title="Try again"
            on:click=again
        >
            <Icon path=icons::RETRY />
            <span>"Try again"</span>
        </button>
    }
}

/// Asks for the rest of an answer that broke off.
#[component]
fn GoOn(chat: Chat, live: LiveAnswer) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let rule = expect_context::<ServerInfo>().model_rule;
    let go_on = move |_| {
        if let Some(settings) = chats.usable_settings(chat, rule) {
            chats.try_again(chat, live, true, settings);
        }
    };
    let has_text = live.answer.with_untracked(|answer| answer.content.text_bytes() > 0);
    has_text.then(|| {
        view! {
            <button type="button" class="button" on:click=go_on>
                "Continue"
            </button>
        }
        .into_any()
    })
}

/// Which of the answers to the question is shown, with arrows to the others.
#[component]
fn Versions(chat: Chat, live: LiveAnswer) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let place = move || {
        let answers: Vec<_> = chat.tree().answers_to(live.question).collect();
        (answers.iter().position(|answer| *answer == live.id).unwrap_or_default(), answers)
    };
    move || arrows(chats, chat, "answer", live.id, place())
}

/// Goes on from here in a chat of its own.
#[component]
fn ForkButton(chat: Chat, live: LiveAnswer) -> impl IntoView {
    let chats = expect_context::<Chats>();
    view! {
        <button
            type="button"
            class="button quiet icon-only"
            aria-label="Branch into new chat"
            title="Branch into new chat"
            on:click=move |_| chats.fork(chat, live.id)
        >
            <Icon path=icons::FORK />
        </button>
    }
}

#[component]
fn CopyButton(live: LiveAnswer) -> impl IntoView {
    let label = RwSignal::new("Copy".to_owned());
    let copy = move |_| {
        spawn_local(async move {
            while live.is_loaded.try_get_untracked() == Some(false) {
                browser::next_frame().await;
            }
            let text = live.answer.with_untracked(|answer| answer.content.markdown());
            let copied = browser::copy(&text).await;
            let told = if copied { "Copied" } else { "This browser does not let pages copy" };
            label.set(told.to_owned());
            browser::sleep(std::time::Duration::from_secs(2)).await;
            label.try_set("Copy".to_owned());
        });
    };
    view! {
        <button
            type="button"
            class="button quiet icon-only copy"
            class:copied=move || label.with(|label| label == "Copied")
            aria-label=move || label.get()
            title=move || label.get()
            on:click=copy
        >
            <Icon path=icons::COPY />
            <Icon path=icons::CHECK />
        </button>
        // The renderer hears this one.
        <button
            type="button"
            class="button quiet icon-only"
            data-do=Action::CopyRich.name()
            aria-label="Copy as rich text"
            title="Copy as rich text"
        >
            <Icon path=icons::PAGE />
            <Icon path=icons::CHECK />
        </button>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{AnswerId, Content, QuestionId};
    use crate::error::AnswerErrorKind;
    use crate::safe_url::hostile::{BROKEN, OTHER_SCHEMES};

    fn end(status: EndStatus, finish_reason: Option<&str>) -> End {
        End {
            status,
            finish_reason: finish_reason.map(str::to_owned),
            native_finish_reason: None,
            problem: None,
            usage: None,
            duration_ms: 0,
            unkept: None,
        }
    }

    fn linked(url: &str, title: &str) -> String {
        let mut html = Html::default();
        link(&mut html, url, title);
        html.into_string()
    }

    #[test]
    fn a_source_is_a_link_with_its_host_unless_its_words_begin_with_that() {
        let link = linked("https://example.org/a?b&c", "A source");
        assert!(link.contains(" href=\"https://example.org/a?b&amp;c\""), "{link}");
        assert!(link.ends_with(">A source</a> <span class=\"citation-host\">example.org</span>"), "{link}");
        let bare = linked("https://Example.org/a", "https://Example.org/a");
        assert!(bare.ends_with(">https://Example.org/a</a>"), "{bare}");
        for disguised in ["https://bank.com@evil.com", "https://bank.com:x@evil.com/bank.com"] {
            assert!(
                linked(disguised, disguised).ends_with("\"citation-host\">evil.com</span>"),
                "{disguised}"
            );
        }
        assert!(linked("https://аpple.com", "https://аpple.com").ends_with(">аpple.com (U+0430)</span>"));
        assert!(
            linked("https://a.com/\u{202e}x", "https://a.com/\u{202e}x")
                .contains(">https://a.com/U+202Ex</a>")
        );
    }

    #[test]
    fn nothing_is_a_link_or_a_picture_that_markdown_would_not_open_either() {
        let mailto = ["mailto:a@example.com"];
        for url in OTHER_SCHEMES.iter().chain(BROKEN).copied().chain(mailto) {
            let link = linked(url, "A source");
            assert_eq!(link, "A source", "{url:?}");
            let mut shown = Html::default();
            picture(&mut shown, url, 1);
            let shown = shown.into_string();
            let is_data = safe_url::picture(url) == Picture::Data;
            assert_eq!(shown.contains("data-url"), is_data, "{url:?}");
            assert!(!shown.contains("<a") && !shown.contains("<img"), "{url:?}");
        }
    }

    #[test]
    fn a_plain_success_needs_no_words_and_every_other_end_has_some() {
        let empty = Answer::new(AnswerId::now(), QuestionId::now(), "m");
        let answer = Answer { content: Content::of_text("Hello"), ..empty.clone() };
        assert!(remark(&end(EndStatus::Complete, Some("stop")), &answer).is_none());
        assert!(remark(&end(EndStatus::Complete, Some("length")), &answer).unwrap().what.contains("Cut off"));
        assert!(
            remark(&end(EndStatus::Complete, Some("stop")), &empty).unwrap().what.contains("empty answer")
        );
        assert!(remark(&end(EndStatus::Stopped, None), &answer).unwrap().what.contains("You keep"));
    }

    #[test]
    fn a_stop_that_does_not_end_the_bill_is_said() {
        let mut answer = Answer::new(AnswerId::now(), QuestionId::now(), "m");
        let detail = |answer: &Answer| remark(&end(EndStatus::Stopped, None), answer).unwrap().detail;
        answer.source.provider = Some("Google AI Studio".into());
        assert!(detail(&answer).unwrap().starts_with("Google AI Studio may go on"));
        answer.source.provider = Some("DeepInfra".into());
        assert_eq!(detail(&answer), None);
    }

    #[test]
    fn a_problem_names_its_provider_and_when_it_is_over() {
        let problem = AnswerError {
            provider: Some("Google".into()),
            retry_after_ms: Some(3_600_000),
            ..AnswerError::new(AnswerErrorKind::RateLimited, "slow down")
        };
        assert_eq!(remark_on(&problem, true).detail.unwrap(), "Google: slow down. It asks to wait 60 min.");
    }

    #[test]
    fn a_countdown_never_goes_below_now() {
        let retry = Retry {
            attempt: 2,
            attempts: 4,
            wait_ms: 4000,
            problem: AnswerError::new(AnswerErrorKind::ProviderDown, ""),
        };
        assert_eq!(
            retrying(&retry, 0, 0),
            "The provider is overloaded or down. Trying again in 4 s (2 of 4)."
        );
        assert!(retrying(&retry, 5000, 1500).contains("in 4 s"));
        assert!(retrying(&retry, 5000, 900).contains("in 4 s"), "longer than the pause");
        assert!(retrying(&retry, 5000, 6000).contains("again now (2 of 4)"));
    }
}
