//! From what a person types into the search field to what the index is asked, and from a message to the words
//! around a place in it. Pure.

/// How many characters stand before and after a place.
const EXCERPT_BEFORE: usize = 30;
const EXCERPT_AFTER: usize = 90;

/// The query in FTS5's language: every word has to be there, the last as the beginning of a word, words in
/// quotation marks one after the other. `None` if there is nothing to search for.
///
/// Every word is quoted, so that nothing in it is an operator (<https://sqlite.org/fts5.html#full_text_query_syntax>).
#[must_use]
pub fn match_expression(typed: &str) -> Option<String> {
    let parts = parts(typed);
    let last = parts.len().checked_sub(1)?;
    let quoted = parts.iter().enumerate().map(|(at, part)| {
        let prefix = if at == last && !part.is_phrase { "*" } else { "" };
        format!("\"{}\"{prefix}", part.text)
    });
    Some(quoted.collect::<Vec<_>>().join(" "))
}

/// The words around the first place where one of the query's words stands; the beginning if none is seen.
#[must_use]
pub fn excerpt(text: &str, typed: &str) -> String {
    let folded = fold(text);
    let place = parts(typed).iter().filter_map(|part| find(&folded, &fold(&part.text))).min().unwrap_or(0);
    let characters: Vec<char> = text.chars().collect();
    let from = place.saturating_sub(EXCERPT_BEFORE);
    let to = (place + EXCERPT_AFTER).min(characters.len());
    let words: String = characters[from..to].iter().collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let before = if from > 0 { "…" } else { "" };
    let after = if to < characters.len() { "…" } else { "" };
    format!("{before}{words}{after}")
}

struct Part {
    text: String,
    is_phrase: bool,
}

/// Words, and phrases in quotation marks. Only letters and digits count: a part without any asks for nothing.
fn parts(typed: &str) -> Vec<Part> {
    let between_marks = typed.split(['"', '\u{201c}', '\u{201d}', '\u{201e}']).enumerate();
    let mut parts = Vec::new();
    for (at, piece) in between_marks {
        if at % 2 == 1 {
            parts.push(Part { text: clean(piece), is_phrase: true });
        } else {
            parts.extend(piece.split_whitespace().map(|word| Part { text: clean(word), is_phrase: false }));
        }
    }
    parts.retain(|part| part.text.chars().any(char::is_alphanumeric));
    parts
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

/// One lower-case character for each of the text, so that places mean the same in both.
fn fold(text: &str) -> Vec<char> {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

fn find(text: &[char], part: &[char]) -> Option<usize> {
    (!part.is_empty()).then(|| text.windows(part.len()).position(|window| window == part))?
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
}
