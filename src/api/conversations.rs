//! Listing, finding and changing conversations. What only reads is called by `POST` too: another site can make a browser
//! send a `GET`, and would learn from the time it takes which words are in the chats.

#![allow(
    clippy::unused_async,
    reason = "a server function is asynchronous where it is called, in the browser"
)]

use leptos::prelude::*;
use leptos::server_fn::codec::Json;

use super::ApiError;
use crate::chat::{AnswerId, Conversation, ConversationId};
use crate::conversation_list::{ConversationChange, DailySpending, Listing, SearchHit, Spending};

/// Everything said in a conversation so far.
///
/// # Errors
/// 404 for an unknown id, or a deleted conversation.
#[server(prefix = "/api", endpoint = "load_conversation", input = Json)]
pub async fn load_conversation(id: ConversationId) -> Result<Conversation, ApiError> {
    let (app, viewer) = crate::server::request::asked()?;
    app.conversations().load(&viewer, id).await
}

/// The newest `limit` conversations (at most 1,000), or nothing if there was no change since `revision`. The
/// conversation `open` is listed in any case, as long as it is there.
///
/// A page asks now and then while it is looked at: a stream of changes would take one of the six connections that
/// a browser has for a server.
///
/// # Errors
/// The database cannot be read.
#[server(prefix = "/api", endpoint = "list_conversations", input = Json)]
pub async fn list_conversations(
    #[server(default)] revision: u64,
    #[server(default)] limit: u32,
    #[server(default)] open: Option<ConversationId>,
) -> Result<Option<Listing>, ApiError> {
    let (app, viewer) = crate::server::request::asked()?;
    app.conversations().list(&viewer, revision, limit, open).await
}

/// Where the words of `query` stand in titles, questions and answers, at most 50 places. Words in quotation marks
/// stand together; the last word may be the beginning of one.
///
/// # Errors
/// The database cannot be read.
#[server(prefix = "/api", endpoint = "search_conversations", input = Json)]
pub async fn search_conversations(query: String) -> Result<Vec<SearchHit>, ApiError> {
    let (app, viewer) = crate::server::request::asked()?;
    app.conversations().search(&viewer, &query).await
}

/// Changes something about a conversation. Deleting it also stops its running answer; a deletion can be undone for
/// an hour.
///
/// # Errors
/// 404 for an unknown id, 400 for a title without a visible character.
#[server(prefix = "/api", endpoint = "change_conversation", input = Json)]
pub async fn change_conversation(id: ConversationId, change: ConversationChange) -> Result<(), ApiError> {
    let (app, viewer) = crate::server::request::asked()?;
    app.conversations().change(&viewer, id, &change).await
}

/// Copies everything up to and with `answer` into a new conversation with the id `new`.
///
/// # Errors
/// 404 for an unknown answer or one that is being written, 409 for an id in use.
#[server(prefix = "/api", endpoint = "fork_conversation", input = Json)]
pub async fn fork_conversation(answer: AnswerId, new: ConversationId) -> Result<(), ApiError> {
    let (app, viewer) = crate::server::request::asked()?;
    app.conversations().fork(&viewer, answer, new).await
}

/// What the answers of a conversation cost together.
///
/// # Errors
/// The database cannot be read.
#[server(prefix = "/api", endpoint = "spending_of_conversation", input = Json)]
pub async fn spending_of_conversation(id: ConversationId) -> Result<Spending, ApiError> {
    let (app, viewer) = crate::server::request::asked()?;
    app.conversations().spending_of(&viewer, id).await
}

/// What all answers cost, for each of the latest 31 days with any (in coordinated universal time), newest first.
///
/// # Errors
/// The database cannot be read.
#[server(prefix = "/api", endpoint = "spending_by_day", input = Json)]
pub async fn spending_by_day() -> Result<Vec<DailySpending>, ApiError> {
    let (app, viewer) = crate::server::request::asked()?;
    app.conversations().daily_spending(&viewer).await
}
