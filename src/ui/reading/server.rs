use crate::markdown::page::to_html;
use crate::markdown::{Document, read};

/// The HTML of a text, as the reader would show it.
pub fn first_html(text: &str, is_growing: bool) -> Option<String> {
    if is_growing {
        let mut document = Document::default();
        document.push(text);
        Some(to_html(document.nodes()))
    } else {
        Some(to_html(&read(text)))
    }
}
