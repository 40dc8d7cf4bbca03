//! The tree as HTML. Each node becomes one node of the document, so that what changes in the tree can be changed in
//! the page at the same place.
//!
//! An element whose children stand in an inner one has the attribute `data-block`; the inner one, which holds nothing
//! else, has `data-inner`. What a text says stays text: attributes and markup are this file's own. What a button does
//! is in its `data-do`: an [`Action`].

use super::links::{self, Picture};
use super::math;
use super::node::{Alert, Align, Element, Node, Tag, Token};
use crate::action::{self, Action};
use crate::html::Html;

/// Where a node stands. In links and code nothing may hide; in a link there are no buttons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub is_link: bool,
    pub is_code: bool,
    /// In a list or a quote, which has a direction for all that it holds.
    pub is_held: bool,
}

/// The HTML of blocks.
pub fn to_html(nodes: &[Node]) -> String {
    let mut html = Html::default();
    write_all(&mut html, nodes, Place::default());
    html.into_string()
}

/// Writes a node that stands neither in a link nor in code.
pub fn write(html: &mut Html, node: &Node) {
    write_at(html, node, Place::default());
}

/// Writes a node that stands there.
pub fn write_at(html: &mut Html, node: &Node, place: Place) {
    match node {
        Node::Text(text) => write_text(html, text, place),
        Node::Element(element) => write_element(html, element, place),
    }
}

fn write_all(html: &mut Html, nodes: &[Node], place: Place) {
    for node in nodes {
        write_at(html, node, place);
    }
}

fn write_text(html: &mut Html, text: &str, place: Place) {
    let hidden = if place.is_link || place.is_code { links::hidden_in(text) } else { Vec::new() };
    if hidden.is_empty() {
        html.text(text);
        return;
    }
    let mut from = 0;
    html.markup(r#"<span class="exposed">"#);
    for (at, character) in hidden {
        html.text(&text[from..at]).markup(r#"<span class="invisible">"#);
        html.text(&links::code_point(character)).markup("</span>");
        from = at + character.len_utf8();
    }
    html.text(&text[from..]).markup("</span>");
}

fn write_element(html: &mut Html, Element { tag, children }: &Element, place: Place) {
    let code = Place { is_code: true, ..place };
    let link = Place { is_link: true, ..place };
    let held = Place { is_held: true, ..place };
    let mut around = |start, place, end| {
        html.markup(start);
        write_all(html, children, place);
        html.markup(end);
    };
    match tag {
        Tag::Paragraph if place.is_held => around("<p>", place, "</p>"),
        Tag::Paragraph => around(r#"<p dir="auto">"#, place, "</p>"),
        Tag::Quote => around(r#"<blockquote dir="auto">"#, held, "</blockquote>"),
        Tag::List { start: None, .. } => around(r#"<ul dir="auto">"#, place, "</ul>"),
        Tag::Item => around("<li>", held, "</li>"),
        Tag::CodeLine => around(r#"<span class="line">"#, code, "</span>"),
        Tag::Token(token) => around(token_start(*token), code, "</span>"),
        Tag::TableHead => around("<thead data-block><tr data-inner>", place, "</tr></thead>"),
        Tag::TableBody => around("<tbody>", place, "</tbody>"),
        Tag::TableRow => around("<tr>", place, "</tr>"),
        Tag::HeaderCell(align) => around(header_cell_start(*align), place, "</th>"),
        Tag::Cell(align) => around(cell_start(*align), place, "</td>"),
        Tag::HtmlBlock => around(r#"<div class="raw-html" dir="auto">"#, place, "</div>"),
        Tag::Html => around(r#"<span class="raw-html">"#, place, "</span>"),
        Tag::Math { is_open: true, .. } => around(r#"<code class="math-source open">"#, code, "</code>"),
        Tag::Emphasis => around("<em>", place, "</em>"),
        Tag::Strong => around("<strong>", place, "</strong>"),
        Tag::Strike => around("<del>", place, "</del>"),
        Tag::Code => around("<code>", code, "</code>"),
        Tag::OpenLink => around(r#"<a class="open-link">"#, link, "</a>"),
        // The browser's parser would end the outer one.
        Tag::Link { .. } if place.is_link => around("<span>", link, "</span>"),
        Tag::OpenImage => around(r#"<span class="picture-pending">"#, link, "</span>"),
        Tag::Rule => around("<hr>", place, ""),
        Tag::Break => around("<br>", place, ""),
        Tag::Alert(alert) => around(alert_start(*alert), place, "</div></div>"),
        Tag::Table => {
            html.markup(TABLE_START);
            write_button(html, &COPY_CSV);
            write_button(html, &COPY_TABLE);
            html.markup(TABLE_INNER);
            write_all(html, children, place);
            html.markup("</table></div></div>");
        }
        Tag::List { start: Some(start), .. } => {
            html.markup(r#"<ol start=""#).number(*start).markup(r#"" dir="auto">"#);
            write_all(html, children, place);
            html.markup("</ol>");
        }
        Tag::Heading(level) => write_heading(html, *level, children, place),
        Tag::Task { is_done } => write_task(html, *is_done),
        Tag::CodeBlock { language, .. } => write_code_block(html, language, children, code),
        Tag::Footnote { number } => write_footnote(html, *number, children, place),
        Tag::FootnoteMark { number } => write_footnote_mark(html, *number, place),
        Tag::Math { is_display, .. } => write_math(html, *is_display, &words(children), place),
        Tag::Link { url, .. } => write_link(html, url, children, link),
        Tag::Image { url, .. } => write_image(html, url, &words(children), place),
    }
}

/// The page's own heading is its first; the looks are the text's.
fn write_heading(html: &mut Html, level: u8, children: &[Node], place: Place) {
    let looks = u64::from(level.clamp(1, 6));
    let level = (looks + 1).min(6);
    html.markup("<h").number(level).markup(r#" class="h"#).number(looks).markup(r#"" dir="auto">"#);
    write_all(html, children, place);
    html.markup("</h").number(level).markup(">");
}

fn write_task(html: &mut Html, is_done: bool) {
    html.markup(if is_done {
        r#"<input type="checkbox" disabled checked aria-label="Done">"#
    } else {
        r#"<input type="checkbox" disabled aria-label="Not done">"#
    });
}

fn write_code_block(html: &mut Html, language: &str, lines: &[Node], place: Place) {
    html.markup(r#"<div class="code-block" data-block><div class="code-bar"><span class="code-language">"#);
    html.text(&links::unhidden(language)).markup(r#"</span><span class="code-actions">"#);
    if language.eq_ignore_ascii_case("mermaid") {
        write_button(html, &SHOW_DIAGRAM);
    }
    write_button(html, &WRAP_CODE);
    write_button(html, &DOWNLOAD_CODE);
    write_button(html, &COPY_CODE);
    html.markup(r#"</span></div><pre tabindex="0" dir="ltr"><code data-inner>"#);
    write_all(html, lines, place);
    html.markup("</code></pre></div>");
}

fn write_footnote(html: &mut Html, number: u32, children: &[Node], place: Place) {
    let number = u64::from(number);
    html.markup(r#"<div class="footnote" role="note" data-footnote=""#).number(number);
    html.markup(r#"" data-block><span class="footnote-number">"#)
        .number(number)
        .markup("</span><div data-inner>");
    write_all(html, children, place);
    html.markup("</div></div>");
}

fn write_footnote_mark(html: &mut Html, number: u32, place: Place) {
    let number = u64::from(number);
    html.markup(r#"<sup class="footnote-mark">"#);
    if place.is_link {
        html.number(number);
    } else {
        html.markup(r#"<button type="button""#).attribute(action::DO, Action::Footnote.name());
        html.markup(r#" data-footnote=""#).number(number);
        html.markup(r#"" aria-label="Footnote "#)
            .number(number)
            .markup(r#"">"#)
            .number(number)
            .markup("</button>");
    }
    html.markup("</sup>");
}

/// Bytes of LaTeX. A formula in a line takes at least one for each sign that it shows: what is no longer fits on a
/// phone, and need not scroll within itself. Each element that does costs the browser with every frame.
const LONGEST_SLIM_TEX: usize = 30;

/// A formula, or its source if it cannot be read.
fn write_math(html: &mut Html, is_display: bool, tex: &str, place: Place) {
    let Some(formula) = math::mathml(tex, is_display) else {
        let delimiter = if is_display { "$$" } else { "$" };
        html.markup(if is_display {
            r#"<code class="math-source display""#
        } else {
            r#"<code class="math-source""#
        });
        html.attribute("data-tex", tex).markup(">");
        write_text(html, &[delimiter, tex, delimiter].concat(), Place { is_code: true, ..place });
        html.markup("</code>");
        return;
    };
    html.markup(match is_display {
        true => r#"<span class="math display""#,
        false if tex.len() > LONGEST_SLIM_TEX => r#"<span class="math wide""#,
        false => r#"<span class="math""#,
    });
    html.attribute("data-tex", tex).markup(">");
    if is_display {
        html.markup(r#"<span class="math-scroll" tabindex="0">"#).checked(&formula).markup("</span>");
        if !place.is_link {
            write_button(html, &COPY_TEX);
        }
    } else {
        html.checked(&formula);
    }
    html.markup("</span>");
}

fn write_link(html: &mut Html, url: &str, children: &[Node], place: Place) {
    let Some(address) = links::address(url) else {
        write_dead_start(html, "This address is not opened: ", url);
        write_all(html, children, place);
        html.markup("</span>");
        return;
    };
    let is_disguised = links::is_disguised(&address, &words(children));
    html.markup(if is_disguised { r#"<span class="link" data-block><a data-inner"# } else { "<a" });
    html.attribute("href", &address.href).markup(r#" rel="noopener noreferrer nofollow" target="_blank""#);
    html.attribute("title", &address.host).markup(">");
    write_all(html, children, place);
    html.markup("</a>");
    if is_disguised {
        html.markup(r#"<span class="link-host" dir="ltr"> ("#).text(&address.host).markup(")</span></span>");
    }
}

/// A picture is loaded when it is asked for, since loading it tells its host what the address says.
fn write_image(html: &mut Html, url: &str, description: &str, place: Place) {
    match links::picture(url) {
        Picture::Elsewhere(address) if !place.is_link => {
            html.markup(r#"<button type="button" class="picture-button""#)
                .attribute(action::DO, Action::ShowPicture.name());
            html.attribute("data-url", &address.href)
                .attribute("title", &shortened(&address.href))
                .markup(">");
            html.markup(PICTURE).markup("<span>Show picture from ").text(&address.host).markup("</span>");
            if !description.is_empty() {
                html.markup(r#"<span class="picture-description">"#).text(description).markup("</span>");
            }
            html.markup("</button>");
        }
        Picture::Data => {
            html.markup(r#"<span class="picture""#).attribute(action::DO_LOAD, action::DATA_PICTURE);
            html.attribute("data-url", url);
            html.markup(">").text(description).markup("</span>");
        }
        Picture::Elsewhere(_) | Picture::No => {
            write_dead_start(html, "This picture is not shown: ", url);
            html.text(if description.is_empty() { "Picture" } else { description }).markup("</span>");
        }
    }
}

fn write_dead_start(html: &mut Html, reason: &str, url: &str) {
    html.markup(r#"<span class="dead-link""#)
        .attribute("title", &[reason, &shortened(url)].concat())
        .markup(">");
}

/// An address for a tooltip: 200 characters of it, none of them hidden.
fn shortened(url: &str) -> String {
    match url.char_indices().nth(200) {
        Some((end, _)) => links::unhidden(&url[..end]) + "…",
        None => links::unhidden(url),
    }
}

/// The text within, without its elements.
fn words(nodes: &[Node]) -> String {
    let mut words = String::new();
    add_words(&mut words, nodes);
    words
}

fn add_words(words: &mut String, nodes: &[Node]) {
    for node in nodes {
        match node {
            Node::Text(text) => words.push_str(text),
            Node::Element(Element { tag: Tag::Break, .. }) => words.push('\n'),
            Node::Element(element) => add_words(words, &element.children),
        }
    }
}

const fn token_start(token: Token) -> &'static str {
    match token {
        Token::Keyword => r#"<span class="t-keyword">"#,
        Token::Type => r#"<span class="t-type">"#,
        Token::Function => r#"<span class="t-function">"#,
        Token::String => r#"<span class="t-string">"#,
        Token::Number => r#"<span class="t-number">"#,
        Token::Comment => r#"<span class="t-comment">"#,
        Token::Constant => r#"<span class="t-constant">"#,
        Token::Name => r#"<span class="t-name">"#,
        Token::Added => r#"<span class="t-added">"#,
        Token::Removed => r#"<span class="t-removed">"#,
    }
}

const fn header_cell_start(align: Align) -> &'static str {
    match align {
        Align::None => r#"<th scope="col" dir="auto">"#,
        Align::Left => r#"<th scope="col" class="align-left" dir="auto">"#,
        Align::Center => r#"<th scope="col" class="align-center" dir="auto">"#,
        Align::Right => r#"<th scope="col" class="align-right" dir="auto">"#,
    }
}

const fn cell_start(align: Align) -> &'static str {
    match align {
        Align::None => r#"<td dir="auto">"#,
        Align::Left => r#"<td class="align-left" dir="auto">"#,
        Align::Center => r#"<td class="align-center" dir="auto">"#,
        Align::Right => r#"<td class="align-right" dir="auto">"#,
    }
}

/// An alert up to its children.
macro_rules! alert {
    ($class:literal, $title:literal) => {
        concat!(
            r#"<div class="alert alert-"#,
            $class,
            r#"" role="note" data-block><p class="alert-title">"#,
            $title,
            "</p><div data-inner>"
        )
    };
}

const fn alert_start(alert: Alert) -> &'static str {
    match alert {
        Alert::Note => alert!("note", "Note"),
        Alert::Tip => alert!("tip", "Tip"),
        Alert::Important => alert!("important", "Important"),
        Alert::Warning => alert!("warning", "Warning"),
        Alert::Caution => alert!("caution", "Caution"),
    }
}

const TABLE_START: &str = r#"<div class="table-block" data-block><div class="table-bar">"#;
const TABLE_INNER: &str =
    r#"</div><div class="table-scroll" tabindex="0" role="group" aria-label="Table"><table data-inner>"#;

/// An icon: one path of the family that the page's buttons have.
macro_rules! icon {
    ($path:literal) => {
        concat!(
            r#"<svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d=""#,
            $path,
            r#""></path></svg>"#
        )
    };
}

/// A button that stands on a block.
struct BlockButton {
    does: Action,
    name: &'static str,
    icon: &'static str,
    kind: ButtonKind,
}

#[derive(PartialEq, Eq)]
enum ButtonKind {
    Plain,
    /// It copies: its second icon, a tick, says that this is done.
    Copy,
    /// It is pressed or not.
    Toggle,
}

impl BlockButton {
    const fn new(kind: ButtonKind, does: Action, name: &'static str, icon: &'static str) -> Self {
        Self { does, name, icon, kind }
    }
}

fn write_button(html: &mut Html, button: &BlockButton) {
    html.markup(r#"<button type="button" class="block-button""#).attribute(action::DO, button.does.name());
    if button.kind == ButtonKind::Toggle {
        html.markup(r#" aria-pressed="false""#);
    }
    html.attribute("aria-label", button.name).attribute("title", button.name).markup(">").markup(button.icon);
    if button.kind == ButtonKind::Copy {
        html.markup(TICK);
    }
    html.markup("</button>");
}

const COPY: &str = icon!("M7.5 7.5h8v8h-8zM4.5 12.5v-8h8");
const TICK: &str = icon!("M4.5 10.5l3.5 3.5 7.5-8");
const COPY_CODE: BlockButton = BlockButton::new(ButtonKind::Copy, Action::CopyCode, "Copy code", COPY);
const COPY_TEX: BlockButton = BlockButton::new(ButtonKind::Copy, Action::CopyTex, "Copy formula", COPY);
const COPY_TABLE: BlockButton = BlockButton::new(ButtonKind::Copy, Action::CopyTable, "Copy table", COPY);
const COPY_CSV: BlockButton = BlockButton::new(
    ButtonKind::Copy,
    Action::CopyCsv,
    "Copy as CSV",
    icon!("M3.5 4.5h13v11h-13zM3.5 8h13M3.5 11.75h13M8 8v7.5"),
);
const DOWNLOAD_CODE: BlockButton = BlockButton::new(
    ButtonKind::Plain,
    Action::DownloadCode,
    "Download",
    icon!("M10 3.5v9M6 8.5l4 4 4-4M4 16.5h12"),
);
const SHOW_DIAGRAM: BlockButton = BlockButton::new(
    ButtonKind::Plain,
    Action::ShowDiagram,
    "Show diagram",
    icon!("M3.5 3.5h5v4h-5zM11.5 12.5h5v4h-5zM6 7.5v7h5.5"),
);
const WRAP_CODE: BlockButton = BlockButton::new(
    ButtonKind::Toggle,
    Action::WrapCode,
    "Wrap long lines",
    icon!("M3.5 5h13M3.5 10H14a2.5 2.5 0 0 1 0 5h-3.5M12.5 12.75L10.25 15l2.25 2.25M3.5 15H7"),
);
const PICTURE: &str = icon!("M3.5 4.5h13v11h-13zM4 14l4-4 3 3 2.5-2.5 3 3M13 7.75v.5");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::safe_url::hostile::{BROKEN, OTHER_SCHEMES};

    fn of(tag: Tag, children: Vec<Node>) -> String {
        to_html(&[Node::element(tag, children)])
    }

    fn with_text(tag: Tag, text: &str) -> String {
        of(tag, vec![Node::text(text)])
    }

    fn link(url: &str, words: &str) -> String {
        with_text(Tag::Link { url: url.to_owned(), title: String::new() }, words)
    }

    fn image(url: &str, description: &str) -> Node {
        let tag = Tag::Image { url: url.to_owned(), title: String::new() };
        Node::element(tag, vec![Node::text(description)])
    }

    fn code(language: &str, line: &str) -> String {
        let line = Node::element(Tag::CodeLine, vec![Node::text(line)]);
        of(Tag::CodeBlock { language: language.to_owned(), is_indented: false }, vec![line])
    }

    #[test]
    fn prose_is_written_as_it_is_meant() {
        for (tag, html) in [
            (Tag::Paragraph, r#"<p dir="auto">x</p>"#),
            (Tag::Heading(1), r#"<h2 class="h1" dir="auto">x</h2>"#),
            (Tag::Heading(5), r#"<h6 class="h5" dir="auto">x</h6>"#),
            (Tag::Heading(6), r#"<h6 class="h6" dir="auto">x</h6>"#),
            (Tag::Quote, r#"<blockquote dir="auto">x</blockquote>"#),
            (Tag::List { start: None, is_loose: true }, r#"<ul dir="auto">x</ul>"#),
            (Tag::List { start: Some(7), is_loose: false }, r#"<ol start="7" dir="auto">x</ol>"#),
            (Tag::Item, "<li>x</li>"),
            (Tag::HtmlBlock, r#"<div class="raw-html" dir="auto">x</div>"#),
            (Tag::Html, r#"<span class="raw-html">x</span>"#),
            (Tag::Emphasis, "<em>x</em>"),
            (Tag::Strong, "<strong>x</strong>"),
            (Tag::Strike, "<del>x</del>"),
            (Tag::Code, "<code>x</code>"),
            (Tag::OpenLink, r#"<a class="open-link">x</a>"#),
            (Tag::OpenImage, r#"<span class="picture-pending">x</span>"#),
            (Tag::Token(Token::Keyword), r#"<span class="t-keyword">x</span>"#),
        ] {
            assert_eq!(with_text(tag, "x"), html);
        }
    }

    #[test]
    fn what_is_empty_is_one_element() {
        for (tag, html) in [
            (Tag::Rule, "<hr>"),
            (Tag::Break, "<br>"),
            (Tag::Task { is_done: true }, r#"<input type="checkbox" disabled checked aria-label="Done">"#),
            (Tag::Task { is_done: false }, r#"<input type="checkbox" disabled aria-label="Not done">"#),
            (
                Tag::FootnoteMark { number: 2 },
                concat!(
                    r#"<sup class="footnote-mark"><button type="button" data-do="footnote" data-footnote="2""#,
                    r#" aria-label="Footnote 2">2</button></sup>"#
                ),
            ),
        ] {
            assert_eq!(of(tag, Vec::new()), html);
        }
    }

    #[test]
    fn children_stand_alone_in_what_holds_them() {
        assert_eq!(
            with_text(Tag::Alert(Alert::Warning), "x"),
            concat!(
                r#"<div class="alert alert-warning" role="note" data-block><p class="alert-title">Warning</p>"#,
                "<div data-inner>x</div></div>"
            )
        );
        assert_eq!(
            with_text(Tag::Footnote { number: 1 }, "x"),
            concat!(
                r#"<div class="footnote" role="note" data-footnote="1" data-block><span class="footnote-number">1</span>"#,
                "<div data-inner>x</div></div>"
            )
        );
        assert!(code("rust", "x\n").ends_with(
            r#"<pre tabindex="0" dir="ltr"><code data-inner><span class="line">x
</span></code></pre></div>"#
        ));
        let cell = |tag: Tag| Node::element(tag, vec![Node::text("x")]);
        let table = of(
            Tag::Table,
            vec![
                Node::element(Tag::TableHead, vec![cell(Tag::HeaderCell(Align::Right))]),
                Node::element(
                    Tag::TableBody,
                    vec![Node::element(Tag::TableRow, vec![cell(Tag::Cell(Align::None))])],
                ),
            ],
        );
        assert!(table.starts_with(r#"<div class="table-block" data-block><div class="table-bar"><button "#));
        assert!(table.ends_with(concat!(
            r#"<div class="table-scroll" tabindex="0" role="group" aria-label="Table"><table data-inner>"#,
            r#"<thead data-block><tr data-inner><th scope="col" class="align-right" dir="auto">x</th></tr></thead>"#,
            r#"<tbody><tr><td dir="auto">x</td></tr></tbody></table></div></div>"#
        )));
    }

    #[test]
    fn only_a_diagram_can_be_shown_as_one() {
        let does = |html: &str| -> Vec<String> {
            let actions = html.split("data-do=\"").skip(1);
            actions.map(|action| action.split('"').next().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(does(&code("rust", "x")), ["wrap-code", "download-code", "copy-code"]);
        assert_eq!(does(&code("Mermaid", "x")), ["show-diagram", "wrap-code", "download-code", "copy-code"]);
    }

    #[test]
    fn every_action_that_is_written_is_one_that_the_renderer_knows() {
        let table = of(Tag::Table, Vec::new());
        let formula = with_text(Tag::Math { is_display: true, is_open: false }, "x");
        let mark = of(Tag::FootnoteMark { number: 1 }, Vec::new());
        let picture = to_html(&[image("https://example.com/a.png", "")]);
        let written = [code("mermaid", "x"), table, formula, mark, picture].concat();
        let names = written.split("data-do=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let mut written: Vec<_> = names.map(|name| Action::parse(name).ok_or(name)).collect();
        // The page writes this one, under each answer.
        written.push(Ok(Action::CopyRich));
        for action in Action::ALL {
            assert!(written.contains(&Ok(action)), "nothing writes {action:?}");
        }
        assert!(written.iter().all(Result::is_ok), "{written:?}");
    }

    #[test]
    fn a_link_says_where_it_leads() {
        assert_eq!(
            link("https://example.com/a?b&c", "the page"),
            concat!(
                r#"<a href="https://example.com/a?b&amp;c" rel="noopener noreferrer nofollow" target="_blank""#,
                r#" title="example.com">the page</a>"#
            )
        );
    }

    #[test]
    fn a_link_whose_words_name_another_host_tells_its_own_beside_them() {
        assert_eq!(
            link("https://bank.com@evil.com", "https://bank.com"),
            concat!(
                r#"<span class="link" data-block><a data-inner href="https://bank.com@evil.com""#,
                r#" rel="noopener noreferrer nofollow" target="_blank" title="evil.com">https://bank.com</a>"#,
                r#"<span class="link-host" dir="ltr"> (evil.com)</span></span>"#
            )
        );
    }

    #[test]
    fn no_hostile_address_becomes_a_link() {
        for url in OTHER_SCHEMES.iter().chain(BROKEN) {
            let html = link(url, "words");
            assert!(
                html.starts_with("<span class=\"dead-link\"") && !html.contains("href"),
                "{url:?}: {html}"
            );
        }
    }

    #[test]
    fn an_address_that_is_not_opened_is_no_link() {
        assert_eq!(
            link("javascript:alert(1)", "click"),
            r#"<span class="dead-link" title="This address is not opened: javascript:alert(1)">click</span>"#
        );
    }

    #[test]
    fn a_link_within_a_link_and_buttons_within_one_are_text() {
        let tag = |url: &str| Tag::Link { url: url.to_owned(), title: String::new() };
        let inner = Node::element(tag("https://b.com"), vec![Node::text("b")]);
        let mark = Node::element(Tag::FootnoteMark { number: 1 }, Vec::new());
        let html = of(tag("https://a.com"), vec![inner, image("https://c.com/x.png", "c"), mark]);
        assert_eq!(html.matches("<a ").count(), 1);
        assert!(html.ends_with(concat!(
            r#"<span>b</span><span class="dead-link" title="This picture is not shown: https://c.com/x.png">c</span>"#,
            r#"<sup class="footnote-mark">1</sup></a>"#
        )));
    }

    #[test]
    fn a_picture_is_loaded_by_nothing_but_a_button() {
        let elsewhere = to_html(&[image("https://example.com/a.png?secret", "A chart")]);
        assert!(elsewhere.starts_with(concat!(
            r#"<button type="button" class="picture-button" data-do="show-picture""#,
            r#" data-url="https://example.com/a.png?secret" title="https://example.com/a.png?secret">"#
        )));
        assert!(elsewhere.contains("<span>Show picture from example.com</span>"));
        assert!(elsewhere.contains(r#"<span class="picture-description">A chart</span>"#));
        assert_eq!(
            to_html(&[image("data:image/png;base64,AAAA", "A dot")]),
            r#"<span class="picture" data-do-load="data-picture" data-url="data:image/png;base64,AAAA">A dot</span>"#
        );
        assert_eq!(
            to_html(&[image("data:image/svg+xml,<svg onload=x>", "")]),
            concat!(
                r#"<span class="dead-link" title="This picture is not shown: data:image/svg+xml,&lt;svg onload=x&gt;">"#,
                "Picture</span>"
            )
        );
    }

    #[test]
    fn raw_html_is_text() {
        assert_eq!(
            with_text(Tag::HtmlBlock, "<script>alert('1')</script>"),
            r#"<div class="raw-html" dir="auto">&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;</div>"#
        );
        assert_eq!(
            with_text(Tag::Paragraph, "&lt;b&gt; <b>"),
            r#"<p dir="auto">&amp;lt;b&amp;gt; &lt;b&gt;</p>"#
        );
    }

    #[test]
    fn a_formula_that_is_still_being_written_is_source() {
        assert_eq!(
            with_text(Tag::Math { is_display: true, is_open: true }, "\\frac{a"),
            r#"<code class="math-source open">\frac{a</code>"#
        );
    }

    #[test]
    fn nothing_hides_in_links_and_code_and_all_that_is_hidden_is_one_node() {
        let shown = r#"<span class="exposed">a<span class="invisible">U+202E</span>b</span>"#;
        assert_eq!(with_text(Tag::Code, "a\u{202e}b"), format!("<code>{shown}</code>"));
        assert!(code("", "a\u{202e}b").contains(&format!(r#"<span class="line">{shown}</span>"#)));
        assert!(code("ru\u{202e}st", "").contains(r#"<span class="code-language">ruU+202Est</span>"#));
        assert!(link("https://a.com", "a\u{202e}b").ends_with(&format!(">{shown}</a>")));
        assert!(link("data:x", "a\u{202e}b").ends_with(&format!(">{shown}</span>")));
        assert!(
            link("https://a\u{202e}b.com", "x")
                .contains(r#"<span class="link-host" dir="ltr"> (aU+202Eb.com)<"#)
        );
        let strong = Node::element(Tag::Strong, vec![Node::text("a\u{202e}b")]);
        assert_eq!(
            of(Tag::OpenLink, vec![strong]),
            format!(r#"<a class="open-link"><strong>{shown}</strong></a>"#)
        );
        assert_eq!(with_text(Tag::Emphasis, "a\u{202e}b"), "<em>a\u{202e}b</em>");
    }

    const BREAKOUTS: [&str; 8] = [
        "\"><script>alert(1)</script>",
        "' onmouseover='alert(1)",
        "\" onmouseover=\"alert(1)\" x=\"",
        "</code></pre><img src=x onerror=alert(1)>",
        "--><svg/onload=alert(1)>",
        "&quot; onfocus=&quot;x",
        "</math><style>*{}</style>",
        "\0<\u{0}b>`\r\n",
    ];

    #[test]
    fn no_text_breaks_out_of_where_it_stands() {
        for text in BREAKOUTS {
            for url in [
                text.to_owned(),
                format!("https://example.com/{text}"),
                format!("data:image/png;base64,{text}"),
            ] {
                for tag in [
                    Tag::Link { url: url.clone(), title: text.to_owned() },
                    Tag::Image { url, title: text.to_owned() },
                    Tag::CodeBlock { language: text.to_owned(), is_indented: false },
                    Tag::Math { is_display: true, is_open: false },
                    Tag::Math { is_display: false, is_open: false },
                    Tag::Code,
                    Tag::HtmlBlock,
                ] {
                    let html = with_text(tag.clone(), text);
                    assert_eq!(check(&html), Ok(()), "{tag:?}: {html}");
                }
            }
        }
    }

    /// What may stand in the HTML at all, formulas aside.
    const ELEMENTS: &str = "a blockquote br button code del div em h2 h3 h4 h5 h6 hr input li math ol p path pre span \
        strong sup svg table tbody td th thead tr ul";
    const ATTRIBUTES: &str = "aria-hidden aria-label aria-pressed checked class d data-block data-do data-do-load \
        data-footnote data-inner data-tex data-url dir disabled height href rel role scope start tabindex target title \
        type viewBox width";
    const EMPTY: [&str; 3] = ["br", "hr", "input"];

    /// Reads HTML more strictly than a browser does: each tag closed in its order, each value in double quotes.
    fn check(html: &str) -> Result<(), String> {
        let mut open: Vec<&str> = Vec::new();
        let (text, mut rest) = html.split_at(html.find('<').unwrap_or(html.len()));
        check_text(text)?;
        while let Some(tag) = rest.strip_prefix('<') {
            let (tag, after) = tag.split_once('>').ok_or("a tag without an end")?;
            let (text, next) = after.split_at(after.find('<').unwrap_or(after.len()));
            check_text(text)?;
            rest = next;
            if let Some(name) = tag.strip_prefix('/') {
                if open.pop() != Some(name) {
                    return Err(format!("</{name}> in the wrong place"));
                }
                continue;
            }
            let (name, attributes) = tag.split_at(tag.find(' ').unwrap_or(tag.len()));
            let is_formula = name == "math" || open.contains(&"math");
            let is_known = ELEMENTS.split(' ').any(|known| known == name);
            if !is_known
                && !(is_formula && (name.starts_with('m') || name == "semantics" || name == "annotation"))
            {
                return Err(format!("<{name}>"));
            }
            check_attributes(attributes, is_formula)?;
            if !EMPTY.contains(&name) {
                open.push(name);
            }
        }
        if open.is_empty() { Ok(()) } else { Err(format!("left open: {open:?}")) }
    }

    fn check_text(text: &str) -> Result<(), String> {
        if text.contains(['>', '\0']) { Err(format!("in a text: {text}")) } else { Ok(()) }
    }

    fn check_attributes(mut rest: &str, is_formula: bool) -> Result<(), String> {
        while let Some(attribute) = rest.strip_prefix(' ') {
            let (name, after) = attribute.split_at(attribute.find(['=', ' ']).unwrap_or(attribute.len()));
            let is_known = if is_formula {
                !["href", "src", "style"].contains(&name) && !name.contains(':')
            } else {
                ATTRIBUTES.split(' ').any(|known| known == name)
            };
            if !is_known || name.to_ascii_lowercase().starts_with("on") {
                return Err(format!("the attribute {name}"));
            }
            rest = after;
            let Some(value) = after.strip_prefix("=\"") else { continue };
            let (value, after) = value.split_once('"').ok_or("a value without an end")?;
            let is_address = ["https://", "http://", "mailto:"].iter().any(|start| value.starts_with(start));
            if value.contains(['<', '>', '\'']) || name == "href" && !is_address {
                return Err(format!("{name}={value}"));
            }
            rest = after;
        }
        if rest.is_empty() { Ok(()) } else { Err(format!("within a tag: {rest}")) }
    }

    #[test]
    fn the_check_finds_what_it_is_for() {
        for html in [
            "<script></script>",
            "<b>",
            "<p>",
            "<p></p></p>",
            "<p onclick=\"x\"></p>",
            "<p style=\"x\"></p>",
            "<p class='x'></p>",
            "<p class=\"x\"onclick></p>",
            "<a href=\"javascript:x\"></a>",
            "<math><mi href=\"https://x\"></mi></math>",
            "a > b",
        ] {
            assert!(check(html).is_err(), "{html}");
        }
    }

    fn hostile_text() -> impl Strategy<Value = String> {
        let start = prop::sample::select(vec![
            "",
            "https://",
            "HTTP://",
            "mailto:a@",
            "javascript:",
            "data:image/png;base64,",
        ]);
        prop_oneof![
            (start, any::<String>()).prop_map(|(start, rest)| start.to_owned() + &rest),
            prop::sample::select(BREAKOUTS.to_vec()).prop_map(ToOwned::to_owned),
            "[a-z<>&\"'`=/ \u{202e}\u{200b}\u{fe0f}\\\\]{0,12}",
        ]
    }

    fn any_tag() -> impl Strategy<Value = Tag> {
        let flags = (any::<bool>(), any::<bool>());
        let align = prop::sample::select(vec![Align::None, Align::Left, Align::Center, Align::Right]);
        prop_oneof![
            prop::sample::select(vec![
                Tag::Paragraph,
                Tag::Quote,
                Tag::Item,
                Tag::CodeLine,
                Tag::Table,
                Tag::TableHead,
                Tag::TableBody,
                Tag::TableRow,
                Tag::Rule,
                Tag::HtmlBlock,
                Tag::Emphasis,
                Tag::Strong,
                Tag::Strike,
                Tag::Code,
                Tag::OpenLink,
                Tag::OpenImage,
                Tag::Html,
                Tag::Break,
                Tag::Alert(Alert::Tip),
                Tag::Token(Token::Name),
            ]),
            any::<u8>().prop_map(Tag::Heading),
            (any::<Option<u64>>(), any::<bool>()).prop_map(|(start, is_loose)| Tag::List { start, is_loose }),
            any::<bool>().prop_map(|is_done| Tag::Task { is_done }),
            (hostile_text(), any::<bool>())
                .prop_map(|(language, is_indented)| Tag::CodeBlock { language, is_indented }),
            align.clone().prop_map(Tag::HeaderCell),
            align.prop_map(Tag::Cell),
            any::<u32>().prop_map(|number| Tag::Footnote { number }),
            any::<u32>().prop_map(|number| Tag::FootnoteMark { number }),
            flags.prop_map(|(is_display, is_open)| Tag::Math { is_display, is_open }),
            (hostile_text(), hostile_text()).prop_map(|(url, title)| Tag::Link { url, title }),
            (hostile_text(), hostile_text()).prop_map(|(url, title)| Tag::Image { url, title }),
        ]
    }

    fn any_node() -> impl Strategy<Value = Node> {
        hostile_text().prop_map(Node::Text).prop_recursive(5, 40, 5, |inner| {
            (any_tag(), prop::collection::vec(inner, 0..5)).prop_map(|(tag, children)| {
                let is_empty = matches!(tag, Tag::Rule | Tag::Break);
                Node::element(tag, if is_empty { Vec::new() } else { children })
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_the_tree_says_nothing_but_our_own_tags_comes_out(node in any_node()) {
            let html = to_html(&[node]);
            prop_assert_eq!(check(&html), Ok(()), "{}", html);
        }
    }
}
