//! The first look of an answer, written by the server.

use crate::html::InitialHtml;
use crate::markdown::node::{Element, Node, Tag};
use crate::markdown::page::to_html;
use crate::markdown::{Document, read_on};

/// How much of one text a page holds as HTML, from its end, in bytes of text. The browser writes what stands before it
/// once the page is alive: with the whole of an answer of 5 MB a page had 20 MB, and was not alive within 43 s.
const LONGEST: usize = 128 * 1024;
/// What an element weighs, in bytes of text: a line of code in colours is four times as much HTML as text.
const ELEMENT: usize = 32;

/// The HTML of the end of a text that goes on with `earlier`, as the renderer would show it; `None` if there is no text
/// yet.
pub fn initial_html(earlier: &str, text: &str, is_growing: bool) -> Option<InitialHtml> {
    if text.is_empty() {
        return None;
    }
    if !is_growing {
        return Some(html_of_end(&read_on(earlier, text)));
    }
    let mut document = Document::continuing(earlier);
    document.push(text);
    Some(html_of_end(document.nodes()))
}

fn html_of_end(nodes: &[Node]) -> InitialHtml {
    let mut room = LONGEST;
    let end = end_of(nodes, &mut room);
    match room {
        0 => InitialHtml { html: to_html(&end), is_cut: true },
        _ => InitialHtml { html: to_html(nodes), is_cut: false },
    }
}

/// The last nodes that there is room for. The first of them may be cut itself: then it is the end of its own, such as
/// the last lines of a block of code. If anything was left out, no room is left.
fn end_of(nodes: &[Node], room: &mut usize) -> Vec<Node> {
    let last_ones = nodes.iter().rev().map_while(|node| match node {
        _ if *room == 0 => None,
        Node::Text(text) => Some(Node::Text(end_of_text(text, room))),
        Node::Element(element) => end_of_element(element, room).map(Node::Element),
    });
    let mut end: Vec<_> = last_ones.collect();
    end.reverse();
    end
}

fn end_of_text(text: &str, room: &mut usize) -> String {
    let from = text.len().saturating_sub(*room);
    let from = (from..text.len()).find(|from| text.is_char_boundary(*from)).unwrap_or(text.len());
    *room = room.saturating_sub(text.len());
    text[from..].to_owned()
}

/// Nothing if there is no room for anything of it, or if its end alone would say something else.
fn end_of_element(Element { tag, children }: &Element, room: &mut usize) -> Option<Element> {
    *room = room.saturating_sub(ELEMENT);
    let end = end_of(children, room);
    let left_out = children.len() - end.len();
    let is_whole_or_nothing = matches!(tag, Tag::Math { .. } | Tag::Image { .. });
    let is_cut = *room == 0 && end != *children;
    if is_cut && (end.is_empty() || is_whole_or_nothing) {
        return None;
    }
    let mut element = Element { tag: tag.clone(), children: end };
    match &mut element.tag {
        // The numbers are those that they are in the whole list.
        Tag::List { start: Some(start), .. } => *start = start.saturating_add(left_out as u64),
        // Without its head it would be no table.
        Tag::Table if left_out > 0 => {
            let head = end_of(&children[..1], &mut LONGEST.clone());
            element.children.splice(0..0, head);
        }
        _ => {}
    }
    Some(element)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> String {
        let first = initial_html("", text, false).unwrap();
        assert!(first.is_cut);
        assert!(first.html.len() < 8 * LONGEST, "{}", first.html.len());
        first.html
    }

    fn repeated(count: usize, part: impl Fn(usize) -> String) -> String {
        (1..=count).map(part).collect::<Vec<_>>().concat()
    }

    #[test]
    fn what_is_not_long_is_whole() {
        let text = "# A heading\n\nSome words.\n\n- one\n- two";
        let first = initial_html("", text, false).unwrap();
        assert!(!first.is_cut);
        assert_eq!(first.html, to_html(&read_on("", text)));
        assert!(initial_html("", "", false).is_none());
    }

    #[test]
    fn of_a_long_text_the_last_blocks_are_there_as_they_are_in_the_whole() {
        let text = repeated(40_000, |at| format!("Paragraph *{at}*.[^n]\n\n"));
        let text = text + "[^n]: A note.";
        let html = cut(&text);
        let whole = to_html(&read_on("", &text));
        let second = html.find("</p>").unwrap() + "</p>".len();
        assert!(html.len() - second > LONGEST, "it is the first alone that may be cut");
        assert!(whole.ends_with(&html[second..]));
    }

    #[test]
    fn of_a_long_block_of_code_the_last_lines_are_there() {
        let text = format!("Before.\n\n```rust\n{}```", "let n = 1;\n".repeat(20_000) + "// the last\n");
        let html = cut(&text);
        assert!(html.starts_with(r#"<div class="code-block" data-block>"#), "{}", &html[..200]);
        assert!(html.contains("// the last"));
    }

    #[test]
    fn a_cut_list_goes_on_with_its_numbers_and_a_cut_table_has_its_head() {
        let list = repeated(20_000, |at| format!("{at}. Item {at}\n"));
        let html = cut(&list);
        let start: usize = html.split('"').nth(1).unwrap().parse().unwrap();
        assert!(start > 1);
        assert!(html.contains(&format!("<li><p>Item {}</p></li>", start + 1)), "{}", &html[..200]);

        let table = "| Name |\n|---|\n".to_owned() + &"| a cell of it |\n".repeat(20_000);
        assert!(cut(&table).contains("Name</th>"));
    }

    #[test]
    fn one_endless_line_is_cut_too() {
        let html = cut(&"ä".repeat(1_000_000));
        assert!(html.starts_with(r#"<p dir="auto">ä"#) && html.ends_with("ä</p>"));
        cut(&"*a* ".repeat(100_000));
        cut(&"***\n".repeat(100_000));
        cut(&format!("$$\n{}\n$$\n", "x + ".repeat(100_000)));
    }
}
