//! What a person sees of their conversations without opening one: the list, a search, the bill.

use serde::{Deserialize, Serialize};

use crate::chat::{AnswerId, ConversationId, QuestionId};
use crate::settings::TypedSettings;

/// A line of the sidebar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts, each shown on its own")]
pub struct ConversationSummary {
    pub id: ConversationId,
    pub title: String,
    pub updated_ms: u64,
    /// Changes with every change to the conversation.
    pub version: u64,
    pub is_pinned: bool,
    pub is_archived: bool,
    /// An answer came to its end while nobody looked.
    pub is_unread: bool,
    /// An answer is being written.
    pub is_running: bool,
}

/// The newest conversations, as they stand at `revision`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// Changes with every change to any conversation. Never 0 in a listing that was made.
    pub revision: u64,
    /// The newest first.
    pub conversations: Vec<ConversationSummary>,
    /// True if there are older ones that are not listed.
    pub has_more: bool,
    /// Why no question can be answered now, and what to do about it; `None` as far as nothing is known to be wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Which build of the page the server has. A page that began with another one is out of date: the files that it may
    /// still need are gone.
    #[serde(default)]
    pub site: String,
}

/// What a person changes about a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationChange {
    /// Named by hand.
    Title(String),
    Pinned(bool),
    Archived(bool),
    /// `false` undoes it, while it can be.
    Deleted(bool),
    /// What was typed and not yet sent.
    Draft(String),
    /// What is set for its next question.
    Settings(TypedSettings),
    /// Another branch is shown, alone.
    Leaf(AnswerId),
    /// These branches are shown beside each other.
    Leaves(Vec<AnswerId>),
    /// It was looked at.
    Read,
}

/// The longest title, in characters.
pub const LONGEST_TITLE: usize = 200;

/// A title as it is kept, whoever made it: one line, not too long, and without the invisible characters that turn text
/// around (Unicode's bidirectional controls). `None` if nothing is left that can be seen.
#[must_use]
pub fn clean_title(text: &str) -> Option<String> {
    // First of all: a word of these alone would leave two spaces.
    let text: String = text.chars().filter(|c| !turns_text(*c)).collect();
    let spaced = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line: String = spaced.collect::<Vec<_>>().join(" ");
    let title: String = line.chars().take(LONGEST_TITLE).collect();
    let title = title.trim_end();
    title.contains(|c: char| !c.is_whitespace() && !is_invisible(c)).then(|| title.to_owned())
}

const fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What leaves no mark by itself: Unicode's default ignorable characters and the blank Braille pattern. Some of them
/// join the parts of an emoji or shape letters, so they stay where something else can be seen.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// A place where what was searched for stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchHit {
    pub conversation: ConversationId,
    pub title: String,
    pub message: FoundIn,
    /// Some words around the place; empty for a title.
    pub excerpt: String,
}

/// What a search found the words in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundIn {
    Title,
    Question(QuestionId),
    Answer(AnswerId),
}

/// What answers cost, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spending {
    /// US dollars.
    pub cost: f64,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub answers: u64,
    /// Answers whose bill is still open: they are not in `cost`.
    pub open_bills: u64,
}

/// The spending of one day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DailySpending {
    /// As `2026-11-21`, in coordinated universal time.
    pub day: String,
    pub spending: Spending,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line_of_visible_text() {
        assert_eq!(clean_title("  My\n\ttitle\u{0} ").as_deref(), Some("My title"));
        assert_eq!(clean_title("safe\u{202e}txt.exe").as_deref(), Some("safetxt.exe"));
        assert_eq!(clean_title(" \u{202e}\n"), None);
        assert_eq!(clean_title("\u{200b}\u{feff} \u{2060}\u{fe0f}\u{e0041}\u{3164}"), None);
        assert_eq!(clean_title("👩\u{200d}👧").as_deref(), Some("👩\u{200d}👧"));
        assert_eq!(clean_title("a \u{202e} b").as_deref(), Some("a b"), "as it is when it is cleaned again");
        assert_eq!(clean_title(&"é".repeat(500)).unwrap().chars().count(), LONGEST_TITLE);
    }
}
