//! From what a person types into the search field to what the index is asked, and from a message to the words
//! around a place in it. Pure.

/// How many characters stand before and after a place.
const EXCERPT_BEFORE: usize = 30;
const EXCERPT_AFTER: usize = 90;

/// How many different words of a query count; those that follow are not looked for. The index goes through all
/// places of each.
const MOST_WORDS: usize = 16;

/// The query in FTS5's language: every word has to be there, the last as the beginning of a word, words in
/// quotation marks one after the other. `None` if there is nothing to search for.
///
/// Every word is quoted, so that nothing in it is an operator (<https://sqlite.org/fts5.html#full_text_query_syntax>).
#[must_use]
pub fn match_expression(typed: &str) -> Option<String> {
    let quoted = parts(typed).into_iter().map(|part| {
        let prefix = if part.kind == Kind::Beginning { "*" } else { "" };
        format!("\"{}\"{prefix}", part.text)
    });
    let expression = quoted.collect::<Vec<_>>().join(" ");
    (!expression.is_empty()).then_some(expression)
}

/// The words around the first place where one of the query's words stands; the beginning if none is seen. The time
/// that it takes grows with the text's length, whatever is looked for.
#[must_use]
pub fn excerpt(text: &str, typed: &str) -> String {
    let folded = fold(text);
    let found = parts(typed).iter().filter_map(|part| folded.find(&fold(&part.text))).min();
    let place = folded[..found.unwrap_or(0)].chars().count();
    let from = place.saturating_sub(EXCERPT_BEFORE);
    let mut characters = text.chars().skip(from);
    let words: String = characters.by_ref().take(place + EXCERPT_AFTER - from).collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let before = if from > 0 { "…" } else { "" };
    let after = if characters.next().is_some() { "…" } else { "" };
    format!("{before}{words}{after}")
}

struct Part {
    text: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    /// The last word: it may not be typed to its end.
    Beginning,
    /// Words in quotation marks.
    Phrase,
}

/// The first words and phrases, each once.
fn parts(typed: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut words_left = MOST_WORDS;
    let mut pieces = pieces(typed).peekable();
    while let Some((piece, kind)) = pieces.next() {
        let (text, words) = first_words(&piece, words_left);
        let is_known = parts.iter().any(|part| part.kind == kind && part.text == text);
        if words == 0 || is_known {
            continue;
        }
        words_left -= words;
        let is_last = kind == Kind::Word && text == piece && pieces.peek().is_none();
        parts.push(Part { text, kind: if is_last { Kind::Beginning } else { kind } });
    }
    parts
}

/// Words, and phrases in quotation marks. Only letters and digits count: what has none asks for nothing.
fn pieces(typed: &str) -> impl Iterator<Item = (String, Kind)> {
    let between_marks = typed.split(['"', '\u{201c}', '\u{201d}', '\u{201e}']).enumerate();
    let pieces = between_marks.flat_map(|(at, piece)| match at % 2 {
        1 => vec![(clean(piece), Kind::Phrase)],
        _ => piece.split_whitespace().map(|word| (clean(word), Kind::Word)).collect(),
    });
    pieces.filter(|(text, _)| text.chars().any(char::is_alphanumeric))
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

/// The text up to the end of its `most`th word, and how many words that are. A word here is a run of letters and
/// digits: for the index, "a-b" is two.
fn first_words(text: &str, most: usize) -> (String, usize) {
    let mut words = 0;
    let mut is_within = false;
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() && !is_within {
            if words == most {
                return (text[..at].trim_end().to_owned(), words);
            }
            words += 1;
        }
        is_within = c.is_alphanumeric();
    }
    (text.to_owned(), words)
}

/// One lower-case character for each of the text, so that places mean the same in both.
fn fold(text: &str) -> String {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_is_a_beginning_and_marks_hold_words_together() {
        let expression = |typed| match_expression(typed).unwrap_or_default();
        assert_eq!(expression("rust str"), r#""rust" "str"*"#);
        assert_eq!(expression(r#"say "hello  world""#), r#""say" "hello  world""#);
        assert_eq!(expression(r#""unfinished phr"#), r#""unfinished phr""#);
        assert_eq!(expression("„so geht’s“ auch"), r#""so geht’s" "auch"*"#);
    }

    #[test]
    fn nothing_typed_is_an_operator() {
        assert_eq!(match_expression("a OR b* NOT -c (d").unwrap(), r#""a" "OR" "b*" "NOT" "-c" "(d"*"#);
        for nothing in ["", "  ", "\"\"", "* - \u{0}"] {
            assert_eq!(match_expression(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn an_excerpt_shows_the_words_around_the_place() {
        let text = format!("{} the Needle is\nhere {}", "hay ".repeat(50), "hay ".repeat(50));
        let excerpt = excerpt(&text, "needle");
        assert!(excerpt.starts_with('…') && excerpt.ends_with('…'), "{excerpt}");
        assert!(excerpt.contains("the Needle is here"), "{excerpt}");
    }

    #[test]
    fn an_excerpt_of_what_is_not_seen_is_the_beginning() {
        assert_eq!(excerpt("naïve café", "cafe"), "naïve café");
        assert_eq!(excerpt("", "x"), "");
        assert_eq!(excerpt("İstanbul’da çay", "çay"), "İstanbul’da çay");
    }

    #[test]
    fn each_word_counts_once_and_only_the_first_ones_count() {
        let expression = |typed: &str| match_expression(typed).unwrap_or_default();
        assert_eq!(expression(&"e ".repeat(60)), r#""e""#);
        assert_eq!(expression("b a b"), r#""b" "a""#, "the last is no beginning of a word: it is whole, too");
        let words: Vec<String> = (0..40).map(|number| format!("w{number}")).collect();
        let counted = words[..MOST_WORDS].join(r#"" ""#);
        assert_eq!(expression(&words.join(" ")), format!(r#""{counted}""#));
        assert_eq!(expression(&words.join("-")), format!(r#""{}-""#, words[..MOST_WORDS].join("-")));
        let phrase = words[..MOST_WORDS - 1].join(" ");
        assert_eq!(expression(&format!(r#"one "{}" two"#, words.join(" "))), format!(r#""one" "{phrase}""#));
    }

    /// In time that grows with the product of both lengths this test does not end.
    #[test]
    fn an_excerpt_of_a_long_text_for_a_long_word_takes_one_pass() {
        let text = "e".repeat(4 << 20);
        let word = "e".repeat(1 << 20) + "x";
        assert!(excerpt(&text, &word).starts_with("eee"));
        assert!(excerpt(&(text + "x"), &word).ends_with('…'));
    }
}
