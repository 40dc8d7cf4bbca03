//! The first look of an answer, as far as the browser is concerned.

use crate::html::InitialHtml;

/// Nothing: the renderer writes it, or it stands in the page that the server sent.
pub fn initial_html(_earlier: &str, _text: &str, _is_growing: bool) -> Option<InitialHtml> {
    None
}
