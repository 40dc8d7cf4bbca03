//! The first look of an answer, written by the server.

use crate::markdown::page::to_html;
use crate::markdown::{Document, read};

/// The HTML of a text, as the reader would show it; `None` if there is no text yet.
pub fn first_html(text: &str, is_growing: bool) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    if !is_growing {
        return Some(to_html(&read(text)));
    }
    let mut document = Document::default();
    document.push(text);
    Some(to_html(document.nodes()))
}
