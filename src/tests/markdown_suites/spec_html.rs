//! The tree as HTML in the specification's own form: what the page shows otherwise, raw HTML above all, is written
//! here as CommonMark's reference does, so that its examples can be compared.

use runnel::markdown::node::{Align, Element, Node, Tag};

/// The tree as the specification writes it, up to what [`normal`] takes away.
pub fn spec_html(nodes: &[Node]) -> String {
    let mut writer = Writer::default();
    writer.nodes(nodes, Spacing::Loose);
    writer.html
}

/// HTML without what makes no difference: the white space around blocks, and the slash of empty elements.
pub fn normal(html: &str) -> String {
    let mut normal = Normal::default();
    let mut rest = html;
    while !rest.is_empty() {
        let end = tag_end(rest);
        let (token, after) = rest.split_at(end.unwrap_or_else(|| text_end(rest)));
        if end.is_some() {
            normal.tag(token);
        } else {
            normal.text(token);
        }
        rest = after;
    }
    normal.html.trim_end().to_owned()
}

/// All texts of a tree, one after the other.
pub fn text_of(nodes: &[Node]) -> String {
    let mut text = String::new();
    add_text_of(nodes, &mut text);
    text
}

fn add_text_of(nodes: &[Node], text: &mut String) {
    for node in nodes {
        match node {
            Node::Text(more) => text.push_str(more),
            Node::Element(element) => add_text_of(&element.children, text),
        }
    }
}

/// Whether a list's paragraphs are written as such.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spacing {
    Loose,
    Tight,
}

#[derive(Default)]
struct Writer {
    html: String,
}

impl Writer {
    fn nodes(&mut self, nodes: &[Node], spacing: Spacing) {
        for node in nodes {
            match node {
                Node::Text(text) => self.text(text),
                Node::Element(element) => self.element(element, spacing),
            }
        }
    }

    fn element(&mut self, element: &Element, spacing: Spacing) {
        let children = &element.children;
        match &element.tag {
            Tag::Paragraph if spacing == Spacing::Tight => self.around("\n", children, "\n"),
            Tag::Paragraph => self.around("<p>", children, "</p>\n"),
            Tag::Heading(level) => self.around(&format!("<h{level}>"), children, &format!("</h{level}>\n")),
            Tag::Quote => self.around("<blockquote>\n", children, "</blockquote>\n"),
            Tag::Alert(kind) => self.around(&format!("<div class=\"{kind:?}\">\n"), children, "</div>\n"),
            Tag::List { start, is_loose } => self.list(*start, *is_loose, children),
            Tag::Item => {
                self.html.push_str("<li>");
                self.nodes(children, spacing);
                self.html.push_str("</li>\n");
            }
            Tag::Task { is_done: true } => self.raw("<input checked=\"\" disabled=\"\" type=\"checkbox\"> "),
            Tag::Task { is_done: false } => self.raw("<input disabled=\"\" type=\"checkbox\"> "),
            Tag::CodeBlock { language, .. } => self.code_block(language, children),
            Tag::CodeLine | Tag::Token(_) => self.nodes(children, spacing),
            Tag::Table => self.around("<table>\n", children, "</table>\n"),
            Tag::TableHead => self.around("<thead>\n<tr>\n", children, "</tr>\n</thead>\n"),
            Tag::TableBody if children.is_empty() => (),
            Tag::TableBody => self.around("<tbody>\n", children, "</tbody>\n"),
            Tag::TableRow => self.around("<tr>\n", children, "</tr>\n"),
            Tag::HeaderCell(align) => self.around(&cell("th", *align), children, "</th>\n"),
            Tag::Cell(align) => self.around(&cell("td", *align), children, "</td>\n"),
            Tag::Footnote { number } => {
                self.around(&format!("<div id=\"{number}\">\n"), children, "</div>\n");
            }
            Tag::FootnoteMark { number } => self.raw(&format!("<sup>{number}</sup>")),
            Tag::Rule => self.raw("<hr />\n"),
            Tag::HtmlBlock | Tag::Html => self.raw(&text_of(children)),
            Tag::Math { is_display: true, .. } => {
                self.around("<math display=\"block\">", children, "</math>");
            }
            Tag::Math { is_display: false, .. } => self.around("<math>", children, "</math>"),
            Tag::Emphasis => self.around("<em>", children, "</em>"),
            Tag::Strong => self.around("<strong>", children, "</strong>"),
            Tag::Strike => self.around("<del>", children, "</del>"),
            Tag::Code => self.around("<code>", children, "</code>"),
            Tag::Link { url, title } => self.link(url, title, children),
            Tag::OpenLink => self.around("<a>", children, "</a>"),
            Tag::Image { url, title } => self.image(url, title, children),
            Tag::OpenImage => self.around("<img>", children, ""),
            Tag::Break => self.raw("<br />\n"),
        }
    }

    fn around(&mut self, before: &str, children: &[Node], after: &str) {
        self.html.push_str(before);
        self.nodes(children, Spacing::Loose);
        self.html.push_str(after);
    }

    fn list(&mut self, start: Option<u64>, is_loose: bool, items: &[Node]) {
        let (before, after) = match start {
            None => ("<ul>\n".to_owned(), "</ul>\n"),
            Some(1) => ("<ol>\n".to_owned(), "</ol>\n"),
            Some(start) => (format!("<ol start=\"{start}\">\n"), "</ol>\n"),
        };
        self.html.push_str(&before);
        self.nodes(items, if is_loose { Spacing::Loose } else { Spacing::Tight });
        self.html.push_str(after);
    }

    fn code_block(&mut self, language: &str, lines: &[Node]) {
        self.html.push_str("<pre><code");
        if !language.is_empty() {
            self.html.push_str(" class=\"language-");
            self.text(language);
            self.html.push('"');
        }
        self.html.push('>');
        self.nodes(lines, Spacing::Loose);
        self.html.push_str("</code></pre>\n");
    }

    fn link(&mut self, url: &str, title: &str, children: &[Node]) {
        self.html.push_str("<a href=\"");
        self.address(url);
        self.html.push('"');
        self.title(title);
        self.around(">", children, "</a>");
    }

    fn image(&mut self, url: &str, title: &str, children: &[Node]) {
        self.html.push_str("<img src=\"");
        self.address(url);
        self.html.push_str("\" alt=\"");
        self.text(&text_of(children));
        self.html.push('"');
        self.title(title);
        self.html.push_str(" />");
    }

    fn title(&mut self, title: &str) {
        if !title.is_empty() {
            self.html.push_str(" title=\"");
            self.text(title);
            self.html.push('"');
        }
    }

    /// An address, percent-encoded where CommonMark's reference does so.
    fn address(&mut self, url: &str) {
        for byte in url.bytes() {
            match byte {
                b'&' => self.html.push_str("&amp;"),
                _ if byte.is_ascii_alphanumeric() || b"-_.+!*'(),%#@?=;:/$~".contains(&byte) => {
                    self.html.push(char::from(byte));
                }
                _ => self.html.extend(['%', hex(byte >> 4), hex(byte & 15)]),
            }
        }
    }

    fn text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.html.push_str("&amp;"),
                '<' => self.html.push_str("&lt;"),
                '>' => self.html.push_str("&gt;"),
                '"' => self.html.push_str("&quot;"),
                _ => self.html.push(character),
            }
        }
    }

    fn raw(&mut self, html: &str) {
        self.html.push_str(html);
    }
}

fn hex(digit: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(digit)])
}

fn cell(name: &str, align: Align) -> String {
    match align {
        Align::None => format!("<{name}>"),
        Align::Left => format!("<{name} align=\"left\">"),
        Align::Center => format!("<{name} align=\"center\">"),
        Align::Right => format!("<{name} align=\"right\">"),
    }
}

/// Around these, white space means nothing.
const BLOCKS: &[&str] = &[
    "blockquote",
    "del",
    "div",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "iframe",
    "li",
    "ol",
    "p",
    "pre",
    "script",
    "section",
    "style",
    "table",
    "tbody",
    "td",
    "textarea",
    "th",
    "thead",
    "tr",
    "ul",
];

#[derive(Default)]
struct Normal {
    html: String,
    is_preformatted: bool,
    is_after_block: bool,
}

impl Normal {
    fn tag(&mut self, tag: &str) {
        let name: String =
            tag.chars().filter(|c| !"</>".contains(*c)).take_while(|c| !c.is_whitespace()).collect();
        let is_block = BLOCKS.contains(&name.as_str());
        if name == "pre" {
            self.is_preformatted = !tag.starts_with("</");
        }
        if is_block && !self.is_preformatted {
            self.html.truncate(self.html.trim_end().len());
        }
        self.html.push_str(&tag.replace(" />", ">"));
        self.is_after_block = is_block || name == "br";
    }

    fn text(&mut self, text: &str) {
        if self.is_preformatted {
            self.html.push_str(text);
        } else {
            self.spaced_text(text);
        }
        self.is_after_block = false;
    }

    /// Text in which any white space is one space, and none at all after a block.
    fn spaced_text(&mut self, text: &str) {
        let mut is_after_space = self.is_after_block || self.html.is_empty();
        for character in text.chars() {
            let is_space = character.is_ascii_whitespace();
            if !is_space {
                self.html.push(character);
            } else if !is_after_space {
                self.html.push(' ');
            }
            is_after_space = is_space;
        }
    }
}

/// Where the tag ends with which the HTML begins, if it begins with one.
fn tag_end(html: &str) -> Option<usize> {
    let inside = html.strip_prefix('<')?;
    let is_tag = inside.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
    if is_tag { html.find('>').map(|at| at + 1) } else { None }
}

/// Where the text ends with which the HTML begins: before the next angle bracket that is not its first character.
fn text_end(html: &str) -> usize {
    html.char_indices().skip(1).find(|(_, character)| *character == '<').map_or(html.len(), |(at, _)| at)
}
