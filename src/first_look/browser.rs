//! The first look of an answer, as far as the browser is concerned.

use crate::html::FirstHtml;

/// Nothing: the reader writes it, or it stands in the page that the server sent.
pub fn first_html(_earlier: &str, _text: &str, _is_growing: bool) -> Option<FirstHtml> {
    None
}
