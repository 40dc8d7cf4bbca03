//! The first look of an answer, written by the server.

use crate::markdown::page::to_html;
use crate::markdown::{Document, read_on};

/// The HTML of a text that goes on with `earlier`, as the reader would show it; `None` if there is no text yet.
pub fn first_html(earlier: &str, text: &str, is_growing: bool) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    if !is_growing {
        return Some(to_html(&read_on(earlier, text)));
    }
    let mut document = Document::continuing(earlier);
    document.push(text);
    Some(to_html(document.nodes()))
}
