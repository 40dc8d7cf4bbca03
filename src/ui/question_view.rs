//! One question: what was asked, its other versions, and a way to ask it differently.

use leptos::ev::{KeyboardEvent, SubmitEvent};
use leptos::html::Textarea;
use leptos::prelude::*;

use super::browser;
use super::chats::{Chat, Chats};
use super::icons::{self, Icon};
use super::keys::{enter_hint, is_composing, submits_lines};
use super::live_answer::LiveAnswer;
use crate::api::page::ServerInfo;
use crate::chat::{AnswerId, Question, QuestionId};

#[component]
pub fn QuestionView(chat: Chat, question: Question, live: LiveAnswer) -> impl IntoView {
    let Question { id, after, .. } = question;
    let text = question.text().into_owned();
    let shown = text.clone();
    let editing = Memo::new(move |_| chat.is_edited(id));
    let edit = move |_| {
        chat.begin_edit(id, text.clone());
    };
    view! {
        <article class="question" aria-label="You" id=id.to_string() tabindex="-1">
            {move || {
                if editing.get() {
                    view! { <Editor chat id after /> }.into_any()
                } else {
                    let shown = shown.clone();
                    view! {
                        <div class="question-text" dir="auto">
                            {shown}
                        </div>
                    }
                        .into_any()
                }
            }}
            <div class="question-actions">
                <Versions chat id answer=live.id />
                <button
                    type="button"
                    id=format!("edit-{id}")
                    class="button quiet icon-only"
                    aria-label="Edit the question"
                    title="Edit the question"
                    hidden=move || editing.get()
                    on:click=edit
                >
                    <Icon path=icons::EDIT />
                </button>
            </div>
        </article>
    }
}

/// The question in a field. Asked again, it is another version: what was asked before stays. What stands in the field
/// belongs to the chat: the turn is drawn anew with each version, and when another answer comes.
#[component]
fn Editor(chat: Chat, id: QuestionId, after: Option<AnswerId>) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let rule = expect_context::<ServerInfo>().model_rule;
    let field = NodeRef::<Textarea>::new();
    Effect::new(move || {
        if let Some(field) = field.get() {
            browser::grow(&field);
            if let Some((from, to)) = chat.edit(id).and_then(|edit| edit.selected) {
                let _ = field.focus();
                // A place beyond the text is taken for its end.
                let _ = field.set_selection_range(from, to);
            }
        }
    });
    let close = move || chat.end_edit(id);
    let send = move || {
        let text = chat.edit(id).map(|edit| edit.text).unwrap_or_default();
        if text.trim().is_empty() {
            return;
        }
        if let Some(settings) = chats.usable_settings(chat, rule)
            && chats.ask_after(chat, after, text, settings)
        {
            close();
        }
    };
    let cancel = move || {
        close();
        browser::before_next_frame(move || browser::focus_again(&format!("edit-{id}")));
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        send();
    };
    let press = move |event: KeyboardEvent| {
        if submits_lines(&event) {
            event.prevent_default();
            send();
        } else if event.key() == "Escape" && !is_composing(&event) {
            // Handled: it stops no answer.
            event.prevent_default();
            cancel();
        }
    };
    view! {
        <form class="editor" aria-label="Edit the question" on:submit=submit>
            <textarea
                id=format!("editor-{id}")
                aria-label="Question"
                node_ref=field
                prop:value=chat.edit(id).map(|edit| edit.text).unwrap_or_default()
                enterkeyhint=enter_hint()
                on:input:target=move |event| {
                    browser::grow(&event.target());
                    chat.change_edit(id, |edit| edit.text = event.target().value());
                }
                on:keydown=press
            ></textarea>
            <button type="button" class="button quiet" on:click=move |_| cancel()>
                "Cancel"
            </button>
            <button type="submit" class="button">
                "Ask"
            </button>
        </form>
    }
}

/// Which of the question's versions is shown, with arrows to the others.
#[component]
fn Versions(chat: Chat, id: QuestionId, answer: AnswerId) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let place = move || {
        let tree = chat.tree();
        let versions: Vec<_> = tree.versions_of(id).collect();
        let newest = |question: &QuestionId| tree.answers_to(*question).last();
        let answers: Vec<_> = versions.iter().filter_map(newest).collect();
        let at = versions.iter().position(|version| *version == id).unwrap_or_default();
        (at, answers)
    };
    move || arrows(chats, chat, "question", answer, place())
}

/// Arrows between versions that stand in one place; nothing if there is one alone. The turn is drawn anew with each
/// version: the arrow that was pressed has the focus again there.
pub fn arrows(
    chats: Chats,
    chat: Chat,
    of: &'static str,
    shown: AnswerId,
    (at, versions): (usize, Vec<AnswerId>),
) -> AnyView {
    if versions.len() < 2 {
        return ().into_any();
    }
    let before = at.checked_sub(1).and_then(|at| versions.get(at)).copied();
    let after = versions.get(at + 1).copied();
    let count = format!("{}/{}", at + 1, versions.len());
    let id = move |sign: &str, answer: AnswerId| format!("{of}-{sign}-{answer}");
    let arrow = |label: &'static str, sign: &'static str, other: &'static str, to: Option<AnswerId>| {
        let show = move |to| {
            chats.show(chat, to);
            browser::before_next_frame(move || {
                // At the last version, the arrow that leads back.
                browser::focus_again(&id(other, to));
                browser::focus_again(&id(sign, to));
            });
        };
        view! {
            <button
                type="button"
                id=id(sign, shown)
                class="button quiet icon-only"
                aria-label=label
                title=label
                disabled=to.is_none()
                on:click=move |_| to.into_iter().for_each(show)
            >
                {sign}
            </button>
        }
        .into_any()
    };
    view! {
        <div class="versions">
            {arrow("Previous version", "‹", "›", before)} <span>{count}</span>
            {arrow("Next version", "›", "‹", after)}
        </div>
    }
    .into_any()
}
