//! Where a question is written, sent and stopped.

use std::time::Duration;

use leptos::ev::{KeyboardEvent, MouseEvent, SubmitEvent};
use leptos::html::Textarea;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::MESSAGE_ID;
use super::browser;
use super::chats::{Chat, Chats};
use super::icons::{self, Icon};
use super::keys::{enter_hint, submits_lines};
use super::live_answer::LiveAnswer;
use super::parts::{LazySettingsPanel, Part};
use crate::api::conversations::change_conversation;
use crate::api::page::ServerInfo;
use crate::chat::first_words;
use crate::conversation_list::ConversationChange;

/// The panel with the chat's settings.
const PANEL: &str = "#chat-settings";
/// As the server's limit; there it counts bytes.
const LARGEST_QUESTION_BYTES: usize = 1 << 20;
/// So long nobody types before the draft goes to the server.
const DRAFT_AFTER: Duration = Duration::from_millis(600);

#[component]
pub fn Composer(chat: Chat) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let rule = expect_context::<ServerInfo>().model_rule;
    let field = NodeRef::<Textarea>::new();
    // Another chat, another panel.
    chats.panel.set(false);
    let read = move || chats.settings_of(Some(chat)).read(rule);
    let running = Memo::new(move |_| chat.running_answer().is_some());
    let too_long = Memo::new(move |_| chat.draft.with(|draft| draft.len() > LARGEST_QUESTION_BYTES));
    let can_send = Memo::new(move |_| {
        !running.get() && !too_long.get() && chat.draft.with(|draft| !draft.trim().is_empty())
    });
    let is_typed_early = take_over_draft(chat);
    keep_draft(chats, chat, field, is_typed_early);

    let send = move || {
        if !can_send.get_untracked() || !chat.may_ask() {
            return;
        }
        match untrack(read) {
            Ok(settings) => {
                let text = chat.draft.try_update(std::mem::take).unwrap_or_default();
                chats.panel.set(false);
                // Before the question changes what the draft is kept under.
                browser::store(&Chats::draft_key(chat), "");
                chats.ask(chat, text, settings);
            }
            Err(_) => open_panel(chats, "#chat-settings [aria-invalid=true]"),
        }
    };
    let stop = move || {
        if let Some(live) = untrack(|| chat.running_answer()) {
            LiveAnswer::stop(live);
        }
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if browser::is_focus_within(PANEL) {
            // Enter in a field of the panel is not meant for the question.
        } else if running.get_untracked() {
            stop();
        } else {
            send();
        }
    };
    let press = move |event: KeyboardEvent| {
        if submits_lines(&event) {
            event.prevent_default();
            send();
        }
    };
    // Enter was pressed before the page was alive.
    Effect::new(move || {
        if browser::take_pre_hydration(|early| std::mem::take(&mut early.is_submitted)) {
            send();
        }
    });
    // It stands where it is seen: above the field, or below it in a chat that has not begun.
    let panel = move |is_below: bool| {
        let is_shown = chats.panel.get() && chat.is_empty() == is_below;
        is_shown.then(|| view! { <Panel chat /> }.into_any())
    };
    view! {
        <form class="composer" aria-label="Ask" on:submit=submit>
            {move || panel(false)}
            <Notices chat too_long />
            <div class="composer-field">
                <textarea
                    id=MESSAGE_ID
                    aria-label="Message"
                    placeholder="Ask anything"
                    rows="1"
                    enterkeyhint=enter_hint()
                    autocomplete="off"
                    node_ref=field
                    prop:value=move || chat.draft.get()
                    on:input:target=move |event| {
                        chats.prepare_to_read();
                        chat.draft.set(event.target().value());
                    }
                    on:keydown=press
                ></textarea>
                <div class="composer-bar">
                    <button
                        type="button"
                        id="settings-button"
                        class="button quiet model-button opens-panel"
                        aria-expanded=move || if chats.panel.get() { "true" } else { "false" }
                        aria-controls="chat-settings"
                        title="Chat settings"
                        on:click=move |_| toggle_panel(chats)
                    >
                        <Icon path=icons::SLIDERS />
                        <span class="visually-hidden">"Chat settings: "</span>
                        <ModelName chat />
                        <span class="field-error">{move || read().is_err().then(|| "Check the settings".to_owned())}</span>
                    </button>
                    <SystemPrompt chat />
                    <SendButton running can_send />
                </div>
            </div>
            {move || panel(true)}
        </form>
    }
}

/// Send, and Stop in its place while an answer is written.
#[component]
fn SendButton(running: Memo<bool>, can_send: Memo<bool>) -> impl IntoView {
    // The second click of a double click means what the first one meant.
    let click = |event: MouseEvent| {
        if event.detail() > 1 {
            event.prevent_default();
        }
    };
    view! {
        <button
            type="submit"
            class="send"
            class:stops=move || running.get()
            aria-label=move || if running.get() { "Stop" } else { "Send" }
            title=move || if running.get() { "Stop (Esc)" } else { "Send (Enter)" }
            disabled=move || !running.get() && !can_send.get()
            on:click=click
        >
            <Icon path=icons::SEND />
            <Icon path=icons::STOP />
        </button>
    }
}

/// What is set for this chat, and what it has cost.
#[component]
fn Panel(chat: Chat) -> impl IntoView {
    let chats = expect_context::<Chats>();
    view! {
        <div class="panel" id="chat-settings" tabindex="-1">
            <LazySettingsPanel parts=chats.parts chat />
        </div>
    }
}

/// Opens the settings of the chat that is shown; the focus goes to the first element of `selector`, or else to the
/// first field where there is a keyboard.
fn open_panel(chats: Chats, selector: &'static str) {
    chats.panel.set(true);
    let first = if browser::has_keyboard() { "#model" } else { PANEL };
    spawn_local(async move {
        browser::next_frame().await;
        while chats.panel.get_untracked() && !chats.parts.is_here(Part::Settings) {
            browser::next_frame().await;
        }
        // Not if it was closed meanwhile.
        if chats.panel.get_untracked() {
            browser::focus_first(&[selector, first]);
        }
    });
}

/// Closes them; the focus goes back to the button that opens them.
pub fn close_panel(chats: Chats) {
    chats.panel.set(false);
    browser::focus_again("settings-button");
}

fn toggle_panel(chats: Chats) {
    if chats.panel.get_untracked() {
        close_panel(chats);
    } else {
        open_panel(chats, "#chat-settings [aria-invalid=true]");
    }
}

/// The beginning of what the model is told first, if it is told anything; leads to the whole of it.
#[component]
fn SystemPrompt(chat: Chat) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let words = Memo::new(move |_| first_words(&chats.settings_of(Some(chat)).system_prompt));
    move || {
        words.with(|words| !words.is_empty()).then(|| {
            view! {
                <button
                    type="button"
                    class="button quiet system-prompt opens-panel"
                    title="System prompt"
                    on:click=move |_| open_panel(chats, "#system-prompt")
                >
                    <span>{move || Some(format!("System prompt: {}", words.get()))}</span>
                </button>
            }
            .into_any()
        })
    }
}

/// Why a question cannot be answered now, and why one cannot be or was not sent.
#[component]
fn Notices(chat: Chat, too_long: Memo<bool>) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let trouble =
        Memo::new(move |_| chats.sidebar.with(|sidebar| sidebar.listing.trouble.clone().unwrap_or_default()));
    // Said once.
    let trouble = move || {
        let is_news =
            |trouble: &String| !trouble.is_empty() && chat.refusal.with(|refusal| refusal != trouble);
        Some(trouble.get()).filter(is_news)
    };
    let words = move || {
        let too_long = too_long
            .get()
            .then(|| "The question is longer than 1 MiB. Shorten it, or send it in parts.".to_owned());
        too_long.or_else(|| Some(chat.refusal.get()).filter(|refusal| !refusal.is_empty()))
    };
    view! {
        <p role="alert" class="notice">
            {words}
        </p>
        {move || {
            chats.address.newer_page().map(|page| {
                view! {
                    <p role="status" class="notice">
                        "Runnel was updated. " <a href=page target="_self">"Reload the page"</a> " to use the new version."
                    </p>
                }
                .into_any()
            })
        }}
        {move || trouble().map(|trouble| view! { <p role="status" class="notice">{trouble}</p> }.into_any())}
    }
}

/// The model that the next question goes to.
#[component]
fn ModelName(chat: Chat) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let default = expect_context::<ServerInfo>().default_model.unwrap_or_else(|| "Default model".to_owned());
    let name = move || {
        let chosen = chats.settings_of(Some(chat)).model.trim().to_owned();
        if chosen.is_empty() { default.clone() } else { chosen }
    };
    view! { <span class="model-name">{name}</span> }
}

/// The draft survives a reload, an error and the time before the page is alive.
fn keep_draft(chats: Chats, chat: Chat, field: NodeRef<Textarea>, is_typed_early: bool) {
    let is_taken_over = StoredValue::new(false);
    Effect::new(move || {
        let Some(field) = field.get() else { return };
        if !is_taken_over.get_value() {
            is_taken_over.set_value(true);
            take_over(chat, &field);
            if chat.id == untrack(|| chats.new_chat()) {
                chats.sort_out_drafts();
            }
        }
        browser::grow(&field);
    });
    Effect::new(move |before: Option<()>| {
        let draft = chat.draft.get();
        if before.is_some() || is_typed_early {
            browser::store(&Chats::draft_key(chat), &draft);
            keep_on_server(chats, chat, draft);
            if let Some(field) = field.get_untracked() {
                request_animation_frame(move || browser::grow(&field));
            }
        }
    });
}

/// Once nobody types any more, the draft of a chat that has begun goes to the server, for the other devices; this
/// browser's copy is needed no longer then.
fn keep_on_server(chats: Chats, chat: Chat, draft: String) {
    spawn_local(async move {
        browser::sleep(DRAFT_AFTER).await;
        let is_current = move |draft: &str| chat.draft.try_with_untracked(|now| now == draft) == Some(true);
        if is_current(&draft) && chats.is_at_server(chat) {
            let kept = change_conversation(chat.id, ConversationChange::Draft(draft.clone())).await;
            // If the server does not take it, this browser keeps it and tries again with the next change.
            if kept.is_ok() && is_current(&draft) {
                chats.drop_kept_draft(chat);
            }
        }
    });
}

/// What was typed before the page came alive comes first, then what was kept: by this browser, if the server has not
/// heard of it yet, or by the server.
/// True if something was typed.
fn take_over_draft(chat: Chat) -> bool {
    let typed =
        browser::take_pre_hydration(|early| Some(std::mem::take(&mut early.draft))).unwrap_or_default();
    if typed.is_empty() {
        return false;
    }
    let kept = chat.draft.get_untracked();
    chat.draft.set(if kept.is_empty() { typed } else { format!("{typed}\n\n{kept}") });
    true
}

/// The field is shown for the first time.
fn take_over(chat: Chat, field: &web_sys::HtmlTextAreaElement) {
    if let Some(kept) = browser::stored(&Chats::draft_key(chat)) {
        let draft = chat.draft.get_untracked();
        if kept.contains(&draft) {
            chat.draft.set(kept);
        } else if !draft.contains(&kept) {
            chat.draft.set(format!("{draft}\n\n{kept}"));
        }
    }
    let selected = browser::take_pre_hydration(|early| early.selected.take());
    if browser::has_keyboard() || selected.is_some() {
        let _ = field.focus();
    }
    if let Some((from, to)) = selected {
        // The view sets the value a moment later; the same one leaves the selection as it is.
        field.set_value(&chat.draft.get_untracked());
        // A place beyond the text is taken for its end.
        let _ = field.set_selection_range(from, to);
    }
}
