//! What stands in an answer, written for somewhere else. Buttons and bars are left out; formulas are their LaTeX,
//! pictures from elsewhere are links to them.

use wasm_bindgen::JsCast;
use web_sys::{Element, Node};

use super::browser;
use crate::html::Html;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Elements that any program knows, without the page's own attributes.
    Html,
    /// Blocks are apart, lists have their markers.
    Plain,
    /// What stands within a block, as it may have been written.
    Markdown,
    /// The characters alone. What is shown by its name, since it cannot be seen, is itself again.
    Exact,
}

/// What stands in the element.
pub fn write(element: &Element, form: Form) -> String {
    let mut writer = Writer { form, text: String::new(), line_start: 0, depth: 0 };
    writer.children(element);
    writer.text
}

/// Adds `text`, each of these characters replaced.
pub fn push_replaced(target: &mut String, text: &str, replacements: &[(char, &str)]) {
    for character in text.chars() {
        match replacements.iter().find(|(replaced, _)| *replaced == character) {
            Some((_, replacement)) => target.push_str(replacement),
            None => target.push(character),
        }
    }
}

struct Writer {
    form: Form,
    text: String,
    /// Where a line begins, after its marker if it has one.
    line_start: usize,
    /// How many lists there are around.
    depth: usize,
}

impl Writer {
    fn children(&mut self, parent: &Node) {
        for child in browser::children(parent) {
            self.node(&child);
        }
    }

    fn node(&mut self, node: &Node) {
        let Some(element) = node.dyn_ref::<Element>() else {
            return self.text(&browser::text(node));
        };
        let name = element.local_name();
        let class = browser::attribute(element, "class");
        match (class.as_str(), name.as_str()) {
            ("code-bar" | "table-bar" | "diagram" | "block-button", _) | (_, "svg") => {}
            ("invisible", _) if self.form == Form::Exact => {
                self.text.extend(named(&browser::text(element)));
            }
            ("picture" | "picture-button" | "picture-frame", _) => self.picture(element, &class),
            (_, "input") => {
                let is_done = browser::attribute(element, "aria-label") == "Done";
                self.marker(if is_done { "☑ " } else { "☐ " });
            }
            ("footnote-number", _) => self.marker(&["[", &browser::text(element), "] "].concat()),
            ("footnote-mark", _) if self.form != Form::Html => {
                self.text.push_str(&["[", &browser::text(element), "]"].concat());
            }
            _ if !browser::attribute(element, "data-tex").is_empty() => self.formula(element, &class),
            _ => match self.form {
                Form::Html => self.html(element, &name, &class),
                Form::Plain => self.plain(element, &name),
                Form::Markdown => self.markdown(element, &name),
                Form::Exact => self.children(element),
            },
        }
    }

    fn text(&mut self, text: &str) {
        match self.form {
            Form::Html => self.text.push_str(&escaped(text)),
            Form::Markdown => push_literally(&mut self.text, text),
            Form::Plain | Form::Exact => self.text.push_str(text),
        }
    }

    /// What stands before a block, on its first line.
    fn marker(&mut self, marker: &str) {
        self.text.push_str(marker);
        self.line_start = self.text.len();
    }

    /// Within the answer it is its own address.
    fn picture(&mut self, element: &Element, class: &str) {
        let url = browser::attribute(element, "data-url");
        let told =
            |selector, name| browser::first(element, selector).map(|found| browser::attribute(&found, name));
        let described = told("iframe", "title")
            .or_else(|| told("img", "alt"))
            .or_else(|| browser::first(element, ".picture-description").map(|found| browser::text(&found)));
        let described = described.unwrap_or_else(|| url.clone());
        match self.form {
            Form::Html if class == "picture" => {
                let mut html = Html::default();
                html.markup("<img").attribute("src", &url).attribute("alt", &described).markup(">");
                self.text.push_str(&html.into_string());
            }
            Form::Html => {
                let mut html = Html::default();
                html.markup("<a").attribute("href", &url).markup(">").text(&described).markup("</a>");
                self.text.push_str(&html.into_string());
            }
            _ => self.text(&described),
        }
    }

    /// Its source between its delimiters, or what programs that know HTML know.
    fn formula(&mut self, element: &Element, class: &str) {
        let math = browser::first(element, "math").filter(|_| self.form == Form::Html);
        if let Some(math) = math {
            return self.text.push_str(&math.outer_html());
        }
        let delimiter = if class.ends_with("display") { "$$" } else { "$" };
        let source = [delimiter, &browser::attribute(element, "data-tex"), delimiter].concat();
        match self.form {
            Form::Markdown => push_replaced(&mut self.text, &source, &[PIPE]),
            _ => self.text(&source),
        }
    }

    fn html(&mut self, element: &Element, name: &str, class: &str) {
        let Some(name) = KNOWN.split(' ').find(|known| *known == name) else {
            return self.children(element);
        };
        let mut start = Html::default();
        start.markup("<").markup(name);
        for attribute in ["href", "start", "dir"] {
            let value = browser::attribute(element, attribute);
            if !value.is_empty() {
                start.attribute(attribute, &value);
            }
        }
        if let Some(side) = class.strip_prefix("align-") {
            start.attribute("align", side);
        }
        start.markup(">");
        self.text.push_str(&start.into_string());
        if name != "br" && name != "hr" {
            self.children(element);
            self.text.push_str("</");
            self.text.push_str(name);
            self.text.push('>');
        }
    }

    fn plain(&mut self, element: &Element, name: &str) {
        let gap = match name {
            "ul" | "ol" | "p" if self.depth > 0 => 1,
            "p" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "pre" | "table" | "div" | "hr" | "ul"
            | "ol" => 2,
            "li" | "tr" => 1,
            _ => 0,
        };
        self.open_line(gap);
        match name {
            "br" => self.text.push('\n'),
            "hr" => self.text.push_str("---"),
            "ul" | "ol" => self.list(element, name),
            _ => self.children(element),
        }
        match name {
            "th" | "td" => self.text.push('\t'),
            // After the last cell.
            "tr" => drop(self.text.pop()),
            _ => {}
        }
        self.open_line(gap);
    }

    fn list(&mut self, list: &Element, name: &str) {
        let mut number: u64 = browser::attribute(list, "start").parse().unwrap_or(1);
        self.depth += 1;
        for item in browser::children(list) {
            self.open_line(1);
            for _ in 1..self.depth {
                self.text.push_str("    ");
            }
            if name == "ol" {
                self.text.push_str(&number.to_string());
                self.marker(". ");
                number = number.wrapping_add(1);
            } else {
                self.marker("- ");
            }
            self.children(&item);
        }
        self.depth -= 1;
    }

    /// Has the text end with so many line ends at least, but for where a line has just begun.
    fn open_line(&mut self, gap: usize) {
        if self.text.len() == self.line_start {
            return;
        }
        let there = self.text.bytes().rev().take_while(|&byte| byte == b'\n').count();
        for _ in there..gap {
            self.text.push('\n');
        }
        if gap == 2 {
            self.line_start = self.text.len();
        }
    }

    fn markdown(&mut self, element: &Element, name: &str) {
        let around = match name {
            "strong" => "**",
            "em" => "*",
            "del" => "~~",
            "a" => "[",
            "br" => "<br>",
            "code" => return push_code(&mut self.text, &browser::text(element)),
            _ => "",
        };
        self.text.push_str(around);
        self.children(element);
        match name {
            "a" => {
                self.text.push_str("](<");
                let url = browser::attribute(element, "href");
                push_replaced(&mut self.text, &url, &[('|', "%7C"), ('<', "%3C"), ('>', "%3E")]);
                self.text.push_str(">)");
            }
            "br" => {}
            _ => self.text.push_str(around),
        }
    }
}

const PIPE: (char, &str) = ('|', "\\|");
const KNOWN: &str =
    "p h2 h3 h4 h5 h6 blockquote ul ol li pre code table thead tbody tr th td hr br em strong del sup a";

fn escaped(text: &str) -> String {
    let mut html = Html::default();
    html.text(text);
    html.into_string()
}

/// The character that is called `U+202E`.
fn named(name: &str) -> Option<char> {
    char::from_u32(u32::from_str_radix(name.strip_prefix("U+")?, 16).ok()?)
}

/// Text that could be read as something else is not.
fn push_literally(written: &mut String, text: &str) {
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        let after = characters.peek().copied().unwrap_or(' ');
        let is_escaped = match character {
            '\\' | '`' | '*' | '|' | '[' | ']' => true,
            '_' => !before.is_alphanumeric() || !after.is_alphanumeric(),
            '~' => after == '~' || before == '~',
            '<' => after.is_ascii_alphabetic() || matches!(after, '/' | '!' | '?'),
            '$' => !after.is_ascii_digit(),
            _ => false,
        };
        if is_escaped {
            written.push('\\');
        }
        written.push(character);
        before = character;
    }
}

/// Code between as many backticks as it takes.
fn push_code(written: &mut String, text: &str) {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    written.push_str(&[&fence, space].concat());
    push_replaced(written, text, &[PIPE]);
    written.push_str(&[space, &fence].concat());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(push: fn(&mut String, &str), text: &str) -> String {
        let mut written = String::new();
        push(&mut written, text);
        written
    }

    #[test]
    fn text_in_a_cell_stays_text() {
        for (text, expected) in [
            ("x | y", "x \\| y"),
            ("2 * 3", "2 \\* 3"),
            ("snake_case and _this_", "snake_case and \\_this\\_"),
            ("~5 ms < 6 ms", "~5 ms < 6 ms"),
            ("<b> ~~x~~", "\\<b> \\~\\~x\\~\\~"),
            ("$5 or $10", "$5 or $10"),
            ("[x](y)", "\\[x\\](y)"),
        ] {
            assert_eq!(written(push_literally, text), expected);
        }
    }

    #[test]
    fn code_in_a_cell_is_between_enough_backticks() {
        assert_eq!(written(push_code, "a|b"), "`a\\|b`");
        assert_eq!(written(push_code, "a`b"), "`` a`b ``");
    }

    #[test]
    fn an_invisible_character_is_found_by_its_name() {
        assert_eq!(named("U+202E"), Some('\u{202e}'));
        assert_eq!(named("U+E0041"), Some('\u{e0041}'));
        for none in ["", "202E", "U+", "U+D800", "U+110000", "U+x"] {
            assert_eq!(named(none), None, "{none}");
        }
    }

    #[test]
    fn what_has_no_other_meaning_is_kept() {
        let mut text = String::new();
        push_replaced(&mut text, "a|b<c", &[PIPE]);
        assert_eq!(text, "a\\|b<c");
    }
}
