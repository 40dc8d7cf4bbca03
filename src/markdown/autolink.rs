//! Addresses that stand in a text without any markup become links: GFM's "extended autolinks".
//!
//! By the [specification](https://github.github.com/gfm/#autolinks-extension-), and in three points as its reference
//! implementation does it: a host after `http://` needs no period (`http://localhost:3000`), and quotes and a semicolon
//! at the end of an address are not part of it.

use super::node::{Element, Node, Tag};

/// Makes links of the addresses in a block's inline content. The text stays what it is; only its parts become links.
pub fn link_addresses(nodes: Vec<Node>) -> Vec<Node> {
    let mut linked = Vec::with_capacity(nodes.len());
    let mut may_begin = true;
    for node in nodes {
        let may_next_begin = ends_like_a_delimiter(&node);
        match node {
            Node::Text(text) => link_text(text, may_begin, &mut linked),
            Node::Element(Element { tag: tag @ (Tag::Emphasis | Tag::Strong | Tag::Strike), children }) => {
                linked.push(Node::element(tag, link_addresses(children)));
            }
            other @ Node::Element(_) => linked.push(other),
        }
        may_begin = may_next_begin;
    }
    linked
}

/// An address may come after `*`, `_` and `~`, and at a line's beginning.
fn ends_like_a_delimiter(node: &Node) -> bool {
    matches!(
        node,
        Node::Element(Element {
            tag: Tag::Emphasis | Tag::Strong | Tag::Strike | Tag::Break | Tag::Task { .. },
            ..
        })
    )
}

/// A host has 253 characters at most. Without a bound, `_www._www._www.` would be read to its end from each `www.`.
const LONGEST_HOST: usize = 253;

/// Of what stands before the `@`, by RFC 5321.
const LONGEST_MAILBOX: usize = 64;

const SCHEMES: [&str; 3] = ["http://", "https://", "ftp://"];

/// A part of a text that is an address, in bytes.
struct Address {
    start: usize,
    end: usize,
    /// What the text leaves out.
    scheme: &'static str,
}

fn link_text(text: String, may_begin: bool, linked: &mut Vec<Node>) {
    let mut done = 0;
    let mut previous = None;
    for (at, character) in text.char_indices() {
        if at < done {
            continue;
        }
        let is_free = previous.map_or(may_begin, may_stand_before_an_address);
        previous = Some(character);
        let Some(address) = address_at(&text, at, character, is_free, done) else { continue };
        push_text(&text[done..address.start], linked);
        let shown = &text[address.start..address.end];
        let url = format!("{}{shown}", address.scheme);
        linked.push(Node::element(Tag::Link { url, title: String::new() }, vec![Node::text(shown)]));
        done = address.end;
        previous = shown.chars().next_back();
    }
    if done == 0 && !text.is_empty() {
        linked.push(Node::Text(text));
    } else {
        push_text(&text[done..], linked);
    }
}

fn push_text(text: &str, nodes: &mut Vec<Node>) {
    if !text.is_empty() {
        nodes.push(Node::text(text));
    }
}

fn may_stand_before_an_address(character: char) -> bool {
    character.is_whitespace() || matches!(character, '*' | '_' | '~' | '(')
}

/// The address that `character` shows: by beginning it, or as its `@`. What is before `done` is part of another.
fn address_at(text: &str, at: usize, character: char, is_free: bool, done: usize) -> Option<Address> {
    match character {
        '@' => mail_address(text, at, done),
        'w' if is_free => web_address(text, at),
        'h' | 'H' | 'f' | 'F' if is_free => url(text, at),
        _ => None,
    }
}

fn web_address(text: &str, start: usize) -> Option<Address> {
    let host = text[start..].strip_prefix("www.")?;
    let host_length = host_length(host, Periods::Needed)?;
    let end = address_end(text, start, start + "www.".len() + host_length);
    Some(Address { start, end, scheme: "http://" })
}

fn url(text: &str, start: usize) -> Option<Address> {
    let rest = &text[start..];
    let scheme = SCHEMES.iter().find(|scheme| {
        rest.get(..scheme.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(scheme))
    })?;
    let host_length = host_length(&rest[scheme.len()..], Periods::Optional)?;
    let end = address_end(text, start, start + scheme.len() + host_length);
    Some(Address { start, end, scheme: "" })
}

/// Whether `localhost` is a host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Periods {
    Needed,
    Optional,
}

/// The length of the valid domain that `rest` begins with.
fn host_length(rest: &str, periods: Periods) -> Option<usize> {
    let is_of_host = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.');
    let host = beginning(rest, LONGEST_HOST, is_of_host)?;
    let host = host.split_once("..").map_or(host, |(host, _)| host);
    let host = host.strip_suffix('.').unwrap_or(host);
    let segments = host.split('.').count();
    let has_underscore_at_end = host.rsplit('.').take(2).any(|segment| segment.contains('_'));
    let has_periods = segments > 1 || periods == Periods::Optional;
    (has_periods && !host.is_empty() && !host.starts_with('.') && !has_underscore_at_end)
        .then_some(host.len())
}

/// The longest beginning of such characters; `None` if it is longer than `longest` bytes.
fn beginning(rest: &str, longest: usize, belongs: impl Fn(char) -> bool) -> Option<&str> {
    let length = rest
        .char_indices()
        .take_while(|(at, character)| *at <= longest && belongs(*character))
        .last()
        .map_or(0, |(at, character)| at + character.len_utf8());
    (length <= longest).then_some(&rest[..length])
}

/// Where the address from `start` ends, whose host ends at `host_end`: extended autolink path validation.
fn address_end(text: &str, start: usize, host_end: usize) -> usize {
    let path = &text[host_end..];
    let path_length = path.find(|character: char| character.is_whitespace() || character == '<');
    let mut address = &text[start..host_end + path_length.unwrap_or(path.len())];
    let mut unmatched = address.matches(')').count().saturating_sub(address.matches('(').count());
    loop {
        let shorter = match address.as_bytes() {
            [.., b'?' | b'!' | b'.' | b',' | b':' | b'*' | b'_' | b'~' | b'\'' | b'"'] => {
                &address[..address.len() - 1]
            }
            [.., b')'] if unmatched > 0 => {
                unmatched -= 1;
                &address[..address.len() - 1]
            }
            [.., b';'] => without_entity(&address[..address.len() - 1]),
            _ => break,
        };
        address = shorter;
    }
    start + address.len()
}

/// Leaves out `&` and letters or digits after it at the end; what looks like an entity belongs to the text.
fn without_entity(address: &str) -> &str {
    let before = address.trim_end_matches(|character: char| character.is_ascii_alphanumeric());
    match before.strip_suffix('&') {
        Some(rest) if before.len() < address.len() => rest,
        _ => address,
    }
}

fn mail_address(text: &str, at: usize, done: usize) -> Option<Address> {
    let is_of_mailbox = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_+".contains(byte);
    let before = text.as_bytes().get(done..at)?.iter().rev();
    let mailbox = before.take(LONGEST_MAILBOX + 1).take_while(|byte| is_of_mailbox(byte)).count();
    let is_of_host =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let host = beginning(&text[at + 1..], LONGEST_HOST, is_of_host)?;
    let host = host.split_once("..").map_or(host, |(host, _)| host);
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_valid = (1..=LONGEST_MAILBOX).contains(&mailbox)
        && host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with(['-', '_']);
    is_valid.then(|| Address { start: at - mailbox, end: at + 1 + host.len(), scheme: "mailto:" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As one text: links as `[shown](address)`, emphasis as `*..*`.
    fn show(nodes: &[Node]) -> String {
        nodes
            .iter()
            .map(|node| match node {
                Node::Text(text) => text.clone(),
                Node::Element(Element { tag: Tag::Link { url, .. }, children }) => {
                    format!("[{}]({url})", show(children))
                }
                Node::Element(element) => format!("*{}*", show(&element.children)),
            })
            .collect()
    }

    fn linked(text: &str) -> String {
        show(&link_addresses(vec![Node::text(text)]))
    }

    fn without_links(nodes: &[Node]) -> String {
        nodes
            .iter()
            .map(|node| match node {
                Node::Text(text) => text.clone(),
                Node::Element(element) => without_links(&element.children),
            })
            .collect()
    }

    #[test]
    fn the_examples_of_the_specification_are_read_as_it_says() {
        let examples = [
            ("www.commonmark.org", "[www.commonmark.org](http://www.commonmark.org)"),
            (
                "Visit www.commonmark.org/help for more information.",
                "Visit [www.commonmark.org/help](http://www.commonmark.org/help) for more information.",
            ),
            ("Visit www.commonmark.org.", "Visit [www.commonmark.org](http://www.commonmark.org)."),
            (
                "Visit www.commonmark.org/a.b.",
                "Visit [www.commonmark.org/a.b](http://www.commonmark.org/a.b).",
            ),
            (
                "www.google.com/search?q=Markup+(business)",
                "[www.google.com/search?q=Markup+(business)](http://www.google.com/search?q=Markup+(business))",
            ),
            (
                "www.google.com/search?q=Markup+(business)))",
                "[www.google.com/search?q=Markup+(business)](http://www.google.com/search?q=Markup+(business))))",
            ),
            (
                "(www.google.com/search?q=Markup+(business))",
                "([www.google.com/search?q=Markup+(business)](http://www.google.com/search?q=Markup+(business)))",
            ),
            (
                "(www.google.com/search?q=Markup+(business)",
                "([www.google.com/search?q=Markup+(business)](http://www.google.com/search?q=Markup+(business))",
            ),
            (
                "www.google.com/search?q=(business))+ok",
                "[www.google.com/search?q=(business))+ok](http://www.google.com/search?q=(business))+ok)",
            ),
            (
                "www.google.com/search?q=commonmark&hl=en",
                "[www.google.com/search?q=commonmark&hl=en](http://www.google.com/search?q=commonmark&hl=en)",
            ),
            (
                "www.google.com/search?q=commonmark&hl;",
                "[www.google.com/search?q=commonmark](http://www.google.com/search?q=commonmark)&hl;",
            ),
            ("www.commonmark.org/he<lp", "[www.commonmark.org/he](http://www.commonmark.org/he)<lp"),
            ("http://commonmark.org", "[http://commonmark.org](http://commonmark.org)"),
            (
                "(Visit https://encrypted.google.com/search?q=Markup+(business))",
                "(Visit [https://encrypted.google.com/search?q=Markup+(business)]\
                 (https://encrypted.google.com/search?q=Markup+(business)))",
            ),
            (
                "Anonymous FTP is available at ftp://foo.bar.baz.",
                "Anonymous FTP is available at [ftp://foo.bar.baz](ftp://foo.bar.baz).",
            ),
            ("foo@bar.baz", "[foo@bar.baz](mailto:foo@bar.baz)"),
            (
                "hello@mail+xyz.example isn't valid, but hello+xyz@mail.example is.",
                "hello@mail+xyz.example isn't valid, but [hello+xyz@mail.example](mailto:hello+xyz@mail.example) is.",
            ),
            ("a.b-c_d@a.b", "[a.b-c_d@a.b](mailto:a.b-c_d@a.b)"),
            ("a.b-c_d@a.b.", "[a.b-c_d@a.b](mailto:a.b-c_d@a.b)."),
            ("a.b-c_d@a.b-", "a.b-c_d@a.b-"),
            ("a.b-c_d@a.b_", "a.b-c_d@a.b_"),
        ];
        for (text, expected) in examples {
            assert_eq!(linked(text), expected, "{text}");
        }
    }

    #[test]
    fn an_address_begins_at_the_start_or_after_a_space_or_a_delimiter() {
        for before in ["", " ", "\n", "*", "_", "~", "("] {
            let text = format!("{before}http://a.b");
            assert_eq!(linked(&text), format!("{before}[http://a.b](http://a.b)"));
        }
        for text in
            ["xhttp://a.b", "/www.a.b", "\"www.a.b", "http://", "www.", "www.a", "www.a_b.c", "www..a.b"]
        {
            assert_eq!(linked(text), text);
        }
    }

    #[test]
    fn a_host_after_a_scheme_needs_no_period() {
        assert_eq!(linked("http://localhost:3000/a"), "[http://localhost:3000/a](http://localhost:3000/a)");
        assert_eq!(linked("HTTPS://Example.org/Ä"), "[HTTPS://Example.org/Ä](HTTPS://Example.org/Ä)");
        assert_eq!(linked("http://a_b"), "http://a_b");
        assert_eq!(linked("http://a_b.c.d"), "[http://a_b.c.d](http://a_b.c.d)");
    }

    #[test]
    fn quotes_and_semicolons_at_the_end_belong_to_the_text() {
        assert_eq!(linked("see https://a.b/c\";"), "see [https://a.b/c](https://a.b/c)\";");
        assert_eq!(linked("see www.a.b;"), "see [www.a.b](http://www.a.b);");
        assert_eq!(linked("www.a.b&;"), "[www.a.b&](http://www.a.b&);");
    }

    #[test]
    fn two_addresses_side_by_side_are_two_links() {
        assert_eq!(linked("www.a.b www.c.d"), "[www.a.b](http://www.a.b) [www.c.d](http://www.c.d)");
        assert_eq!(linked("a@b.c,d@e.f"), "[a@b.c](mailto:a@b.c),[d@e.f](mailto:d@e.f)");
        assert_eq!(linked("a@b.c@d.e"), "[a@b.c](mailto:a@b.c)@d.e");
    }

    #[test]
    fn emphasis_is_looked_into_and_may_stand_before_an_address() {
        let nodes = vec![
            Node::text("a"),
            Node::element(Tag::Strong, vec![Node::text("www.a.b")]),
            Node::text("www.c.d"),
            Node::element(Tag::Code, vec![Node::text("www.e.f")]),
            Node::text("www.g.h"),
        ];
        let expected = "a*[www.a.b](http://www.a.b)*[www.c.d](http://www.c.d)*www.e.f*www.g.h";
        assert_eq!(show(&link_addresses(nodes)), expected);
    }

    #[test]
    fn links_code_formulas_pictures_and_html_stay_as_they_are() {
        let link = Tag::Link { url: "x".into(), title: String::new() };
        let image = Tag::Image { url: "x".into(), title: String::new() };
        let math = Tag::Math { is_display: false, is_open: false };
        for tag in [link, image, math, Tag::OpenLink, Tag::OpenImage, Tag::Code, Tag::Html] {
            let nodes = vec![Node::element(tag, vec![Node::text("www.a.b a@b.c")])];
            assert_eq!(link_addresses(nodes.clone()), nodes);
        }
    }

    /// 256 KB each: a time that grew with the square would be many minutes.
    #[test]
    fn long_texts_of_nothing_but_beginnings_are_read() {
        let beginnings = [
            "www.",
            "_www.",
            "www._",
            " www.",
            "(www.a.b",
            "@",
            "a@",
            "a@b.",
            "a",
            "a.",
            "(",
            ")",
            "http://",
            " http://",
            "_http://_",
            "&",
            "&a;",
            ";",
            "www.a.b)",
            "www.a.b/(",
            "h",
            "www.a.b!!",
            "a.b@c-",
            "é@é",
        ];
        for beginning in beginnings {
            let text = beginning.repeat(256 * 1024 / beginning.len());
            assert_eq!(without_links(&link_addresses(vec![Node::text(text.as_str())])), text);
            let text = format!("www.a.b/{text}");
            assert_eq!(without_links(&link_addresses(vec![Node::text(text.as_str())])), text);
        }
    }

    fn check_texts(nodes: &[Node]) -> Result<(), TestCaseError> {
        for pair in nodes.windows(2) {
            prop_assert!(!matches!(pair, [Node::Text(_), Node::Text(_)]));
        }
        for node in nodes {
            match node {
                Node::Text(text) => prop_assert!(!text.is_empty()),
                Node::Element(element) => check_texts(&element.children)?,
            }
        }
        Ok(())
    }

    fn text() -> impl Strategy<Value = String> {
        let parts = [
            "www.", "http://", "https://", "a", "b.c", "@", ".", "_", "-", "(", ")", "*", " ", "&amp;", ";",
            "<", "é", "\n", "?",
        ];
        prop::collection::vec(prop::sample::select(parts.to_vec()), 1..20).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn the_text_stays_the_same_and_no_text_is_empty_or_beside_another(first in text(), strong in text(), last in ".+") {
            let nodes = vec![
                Node::text(first.as_str()),
                Node::element(Tag::Strong, vec![Node::text(strong.as_str())]),
                Node::text(last.as_str()),
            ];
            let linked = link_addresses(nodes);
            prop_assert_eq!(without_links(&linked), format!("{first}{strong}{last}"));
            check_texts(&linked)?;
        }
    }
}
