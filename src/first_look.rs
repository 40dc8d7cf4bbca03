//! What an answer looks like before the browser has written anything: the server has Markdown for it, the page has not.

#[cfg(not(feature = "markdown"))]
mod browser;
#[cfg(feature = "markdown")]
mod server;

#[cfg(not(feature = "markdown"))]
pub use browser::first_html;
#[cfg(feature = "markdown")]
pub use server::first_html;

/// The end of a text, or all of it, as HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstHtml {
    pub html: String,
    /// Whether there is more before it. The first block may be the end of a longer one.
    pub is_cut: bool,
}
