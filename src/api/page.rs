//! What a page is rendered from, on the server and again in the browser.

use serde::{Deserialize, Serialize};

use crate::chat::Conversation;
use crate::library::Listing;
use crate::models::ModelRule;

/// About this server: known from the start, and part of every page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutSite {
    pub version: String,
    /// True if answers come from Runnel's own emulator.
    pub is_demo: bool,
    /// The upstream's host.
    pub upstream: String,
    pub model_rule: ModelRule,
    /// The model for a chat that names none, if there is one.
    pub default_model: Option<String>,
}

/// Everything that the first view of a page needs. It travels inside the page, so that the browser starts from
/// the very data that the server rendered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PageData {
    pub about: AboutSite,
    /// The path that was asked for.
    pub path: String,
    /// The conversation that the path names, if it is there.
    pub conversation: Option<Conversation>,
    /// The newest conversations.
    pub listing: Listing,
    /// When the page was made, in milliseconds since 1970.
    pub now_ms: u64,
}
