//! The page of one chat: `/` for a new one, `/c/<id>` for one that has begun.

use leptos::prelude::*;

use super::chats::{Chat, Chats};
use super::composer::Composer;
use super::parts::LazyTranscript;
use super::transcript::StatusLine;
use super::{Missing, browser};
use crate::api::page::ServerInfo;
use crate::chat::ConversationId;

/// Shows the chat, once it is known. The same chat stays on the page when it gets its address.
#[component]
pub fn ChatPage(id: ConversationId) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let is_known = Memo::new(move |_| chats.find(id).is_some());
    Effect::new(move || {
        if !is_known.get_untracked() {
            chats.fetch(id);
        }
    });
    // Followed by whether it is known alone: another chat that becomes known must not draw this one anew.
    move || match is_known.get().then(|| untrack(|| chats.find(id))).flatten() {
        Some(chat) => view! { <ChatView chat /> }.into_any(),
        None if !chats.is_not_found(id) => {
            let words = match chats.why_not_loaded(id) {
                Some(why) => format!("Opening the chat… {why} Trying again…"),
                None => "Opening the chat…".to_owned(),
            };
            view! { <p class="loading" role="status">{words}</p> }.into_any()
        }
        None => {
            let detail = "It may have been deleted, or the address is mistyped.";
            view! { <Missing heading="Chat not found" detail /> }.into_any()
        }
    }
}

/// The title of a conversation's tab.
pub fn title(title: &str) -> String {
    if title.is_empty() { "Runnel".to_owned() } else { format!("{title} · Runnel") }
}

#[component]
fn ChatView(chat: Chat) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let is_empty = Memo::new(move |_| chat.is_empty());
    Effect::new(move || chat.title.with(|text| browser::set_title(&title(text))));
    let notice = expect_context::<ServerInfo>().is_demo.then(|| {
        view! {
            <p class="demo-notice">
                "Demo: answers come from Runnel itself. For real models, set OPENROUTER_API_KEY and start Runnel again."
            </p>
        }
        .into_any()
    });
    view! {
        <main class="chat">
            <div class="chat-view" class:empty=move || is_empty.get()>
                {move || {
                    if is_empty.get() {
                        view! { <h1 class="greeting">"What would you like to know?"</h1> }.into_any()
                    } else {
                        view! { <LazyTranscript parts=chats.parts chat /> }.into_any()
                    }
                }}
                {move || {
                    chats.is_not_found(chat.id).then(|| view! { <Deleted chat /> }.into_any())
                }}
                <Composer chat />
                <StatusLine chat />
                {notice}
            </div>
        </main>
    }
}

/// The chat was deleted in another window, or on another device, while it stood here.
#[component]
fn Deleted(chat: Chat) -> impl IntoView {
    let chats = expect_context::<Chats>();
    view! {
        <p class="notice deleted" role="alert">
            "This chat was deleted. What you see here is all that is left of it. "
            <button type="button" class="button" on:click=move |_| chats.undo_delete(chat.id)>
                "Undo"
            </button>
        </p>
    }
}
