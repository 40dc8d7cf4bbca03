//! The page of one chat: `/` for a new one, `/c/<id>` for one that has begun.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::{A, Outlet};
use leptos_router::hooks::{use_location, use_navigate};
use leptos_router::NavigateOptions;

use super::AboutResource;
use super::chats::{Chat, Chats};
use super::composer::Composer;
use super::transcript::Transcript;
use crate::api::ApiError;
use crate::api::answers::load_conversation;
use crate::chat::{Conversation, ConversationId};

/// Shows the chat that the address names. The same chat stays on the page when it gets its address.
#[component]
pub fn ChatPage() -> impl IntoView {
    let chats = expect_context::<Chats>();
    let pathname = use_location().pathname;
    let named = Memo::new(move |_| name(&pathname.get(), chats));
    let loaded = Resource::new_blocking(move || named.get(), move |named| load(named, chats));
    view! {
        <main class="chat">
            <Suspense fallback=|| {
                view! { <p class="loading">"Opening the chat…"</p> }
            }>
                {move || Suspend::new(async move {
                    match loaded.await {
                        Ok(loaded) => {
                            let chat = loaded.as_ref().map_or_else(
                                || named.get_untracked().and_then(|id| chats.find(id)),
                                |conversation| Some(chats.adopt(conversation)),
                            );
                            chat.map(|chat| view! { <ChatView chat /> }.into_any()).unwrap_or_else(missing)
                        }
                        Err(error) if error.kind == crate::api::ApiErrorKind::NotFound => missing(),
                        Err(error) => view! { <p class="loading">{error.message}</p> }.into_any(),
                    }
                })}
            </Suspense>
        </main>
        <Outlet />
    }
}

/// The chat that an address names; `None` if it cannot be one.
fn name(pathname: &str, chats: Chats) -> Option<ConversationId> {
    match pathname.strip_prefix("/c/") {
        Some(id) => id.trim_end_matches('/').parse().ok(),
        None => Some(chats.fresh()),
    }
}

/// Asks the server only for a chat that this page does not know yet.
async fn load(named: Option<ConversationId>, chats: Chats) -> Result<Option<Conversation>, ApiError> {
    match named {
        Some(id) if chats.find(id).is_some() => Ok(None),
        // The nil id is in no use: the server answers for it as for any chat that is not there.
        named => load_conversation(named.unwrap_or(ConversationId(uuid::Uuid::nil()))).await.map(Some),
    }
}

fn missing() -> AnyView {
    view! {
        <Title text="Not found" />
        <div class="page">
            <h1>"This chat is not here."</h1>
            <p>"Chats are kept until Runnel is started again; this one may be older, or the address mistyped."</p>
            <p>
                <A href="/" attr:class="button">
                    "Start a chat"
                </A>
            </p>
        </div>
    }
    .into_any()
}

#[component]
fn ChatView(chat: Chat) -> impl IntoView {
    let is_empty = Memo::new(move |_| chat.turns.with(Vec::is_empty));
    keep_address(chat, is_empty);
    let title = move || {
        chat.turns.with(|turns| turns.first().map(|turn| first_words(&turn.question.text)).unwrap_or_default())
    };
    view! {
        <Title text=title />
        <div class="chat-view" class:empty=move || is_empty.get()>
            <Show when=move || !is_empty.get() fallback=|| view! { <h1 class="greeting">"What would you like to know?"</h1> }>
                <Transcript chat />
            </Show>
            <Composer chat />
            <DemoNotice />
        </div>
    }
}

/// A chat that has begun has its own address; "back" leads to what was open before it.
fn keep_address(chat: Chat, is_empty: Memo<bool>) {
    let pathname = use_location().pathname;
    let navigate = use_navigate();
    Effect::new(move || {
        let address = format!("/c/{}", chat.id);
        if !is_empty.get() && pathname.get_untracked() != address {
            navigate(&address, NavigateOptions { scroll: false, ..NavigateOptions::default() });
        }
    });
}

#[component]
fn DemoNotice() -> impl IntoView {
    let about = expect_context::<AboutResource>();
    view! {
        <Suspense>
            {move || {
                about
                    .get()
                    .filter(|about| about.is_demo)
                    .map(|_| {
                        view! {
                            <p class="demo-notice">
                                "Demo: answers come from Runnel itself. For real models, set "
                                <code>"OPENROUTER_API_KEY"</code> " and start Runnel again."
                            </p>
                        }
                    })
            }}
        </Suspense>
    }
}

/// For the tab's title.
fn first_words(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    match line.char_indices().nth(48) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}
