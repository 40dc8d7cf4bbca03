//! The page of one chat: `/` for a new one, `/c/<id>` for one that has begun.

use leptos::prelude::*;

use super::chats::{Chat, Chats};
use super::composer::Composer;
use super::transcript::Transcript;
use super::{Missing, browser};
use crate::api::page::AboutSite;
use crate::chat::{Conversation, ConversationId};

/// Shows the chat, once it is known. The same chat stays on the page when it gets its address.
#[component]
pub fn ChatPage(id: ConversationId) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let is_known = Memo::new(move |_| chats.find(id).is_some());
    Effect::new(move || chats.fetch(id));
    // Followed by whether it is known alone: another chat that becomes known must not draw this one anew.
    move || match is_known.get().then(|| untrack(|| chats.find(id))).flatten() {
        Some(chat) => view! { <ChatView chat /> }.into_any(),
        None if !chats.is_absent(id) => view! { <p class="loading">"Opening the chat…"</p> }.into_any(),
        None => {
            let detail = "Chats are kept until Runnel is started again; this one may be older, or the address mistyped.";
            view! { <Missing heading="This chat is not here." detail /> }.into_any()
        }
    }
}

/// The title of a conversation's tab.
pub fn title(conversation: Option<&Conversation>) -> String {
    title_of(
        conversation
            .and_then(|conversation| conversation.questions.first())
            .map(|question| question.text.as_str()),
    )
}

fn title_of(first_question: Option<&str>) -> String {
    let words = first_question.map(first_words).unwrap_or_default();
    if words.is_empty() { "Runnel".to_owned() } else { format!("{words} · Runnel") }
}

#[component]
fn ChatView(chat: Chat) -> impl IntoView {
    let is_empty = Memo::new(move |_| chat.turns.with(Vec::is_empty));
    Effect::new(move || {
        chat.turns.with(|turns| {
            browser::set_title(&title_of(turns.first().map(|turn| turn.question.text.as_str())));
        });
    });
    let notice = expect_context::<AboutSite>().is_demo.then(|| {
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
                        view! { <Transcript chat /> }.into_any()
                    }
                }}
                <Composer chat />
                {notice}
            </div>
        </main>
    }
}

fn first_words(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    match line.char_indices().nth(48) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_words_cut_between_characters() {
        assert_eq!(title_of(Some("\n  Hello  \nworld")), "Hello · Runnel");
        assert_eq!(title_of(Some(&"é".repeat(60))), format!("{}… · Runnel", "é".repeat(48)));
        assert_eq!(title_of(Some(" \n")), "Runnel");
        assert_eq!(title_of(None), "Runnel");
    }
}
