//! HTML as text, for lists that are drawn once and would cost the browser's file kilobytes as views. Whatever comes from outside goes
//! through [`Html::text`] or [`Html::attribute`], which escape it; the rest is literals.

/// HTML that is being written.
#[derive(Debug, Default)]
pub struct Html(String);

impl Html {
    /// Adds markup. Literals alone, so that nothing from outside can come in this way.
    pub fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // A browser leaves it out, and with it a text that is nothing else.
                '\0' => self.0.push('\u{fffd}'),
                character => self.0.push(character),
            }
        }
        self
    }

    /// Adds a number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.0.push_str(&number.to_string());
        self
    }

    /// Adds markup that was checked.
    pub fn checked(&mut self, markup: &CheckedMarkup) -> &mut Self {
        self.0.push_str(markup.as_str());
        self
    }

    /// Adds ` name="value"`, to be used inside a tag.
    pub fn attribute(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.markup(" ").markup(name).markup("=\"").text(value).markup("\"")
    }

    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Markup that whoever made it wrote with tags of its own and escaped text alone, such as a formula that a library drew
/// and `markdown::math` wrote again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedMarkup(String);

impl CheckedMarkup {
    /// Whoever calls this answers for every tag in it.
    #[must_use]
    pub fn new(markup: String) -> Self {
        Self(markup)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The end of a text, or all of it, as HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialHtml {
    pub html: String,
    /// Whether there is more before it. The first block may be the end of a longer one.
    pub is_cut: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_never_markup() {
        let mut html = Html::default();
        html.markup("<a").attribute("title", "\"><script>'").markup(">").text("<b>&amp;").markup("</a>");
        assert_eq!(html.into_string(), "<a title=\"&quot;&gt;&lt;script&gt;&#39;\">&lt;b&gt;&amp;amp;</a>");
    }
}
