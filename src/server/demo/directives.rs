//! Tuning that travels with a request.
//!
//! A program puts an object `"demo": {"delta_ms": 5}` into the body. A browser test can only type a prompt, so
//! the same words are understood there as well: `[[delta_ms=5 characters=3 split=7 repeat=10]]`.

use std::time::Duration;

use serde_json::Value;

use super::Pace;

/// What a request asked for; `None` leaves the emulator's own setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// Pause before each delta, in milliseconds.
    pub delta_ms: Option<u64>,
    /// Characters per delta.
    pub characters: Option<u64>,
    /// Time between two comments, in milliseconds.
    pub comment_ms: Option<u64>,
    /// Keep-alive comments are sent for this long before anything else, in milliseconds.
    pub first_ms: Option<u64>,
    /// Largest piece of a write, in bytes.
    pub split: Option<u64>,
    /// How often each text is said.
    pub repeat: Option<u64>,
}

impl Directives {
    /// Reads the `demo` object of a request body; unknown names and values that are not numbers are ignored.
    pub fn from_body(body: &Value) -> Self {
        let mut directives = Self::default();
        for (name, value) in body["demo"].as_object().into_iter().flatten() {
            if let Some(number) = value.as_u64() {
                directives.set(name, number);
            }
        }
        directives
    }

    /// Takes the directives out of a prompt: the prompt without them, and what they said.
    ///
    /// A bracket that holds anything else, such as a wiki link, stays in the prompt.
    pub fn take_from(prompt: &str) -> (String, Self) {
        let mut directives = Self::default();
        let mut kept = String::with_capacity(prompt.len());
        let mut rest = prompt;
        while let Some((before, group, after)) = next_group(rest) {
            kept.push_str(before);
            match Self::read_group(group) {
                Some(found) => directives = found.or(directives),
                None => kept.extend(["[[", group, "]]"]),
            }
            rest = after;
        }
        kept.push_str(rest);
        if directives == Self::default() {
            return (prompt.to_owned(), directives);
        }
        (kept.trim().to_owned(), directives)
    }

    /// These, and where they are silent, those.
    pub fn or(self, other: Self) -> Self {
        Self {
            delta_ms: self.delta_ms.or(other.delta_ms),
            characters: self.characters.or(other.characters),
            comment_ms: self.comment_ms.or(other.comment_ms),
            first_ms: self.first_ms.or(other.first_ms),
            split: self.split.or(other.split),
            repeat: self.repeat.or(other.repeat),
        }
    }

    /// The emulator's pace with this request's wishes.
    pub fn tune(&self, pace: &Pace) -> Pace {
        Pace {
            delta: self.delta_ms.map_or(pace.delta, Duration::from_millis),
            characters_per_delta: self.characters.map_or(pace.characters_per_delta, as_size),
            comment: self.comment_ms.map_or(pace.comment, Duration::from_millis),
            split_bytes: self.split.map(as_size).or(pace.split_bytes),
        }
    }

    /// How often each text is said.
    pub fn repeats(&self) -> usize {
        self.repeat.map_or(1, as_size)
    }

    fn read_group(group: &str) -> Option<Self> {
        let mut directives = Self::default();
        for word in group.split_whitespace() {
            let (name, number) = word.split_once('=')?;
            if !directives.set(name, number.parse().ok()?) {
                return None;
            }
        }
        (directives != Self::default()).then_some(directives)
    }

    fn set(&mut self, name: &str, number: u64) -> bool {
        let field = match name {
            "delta_ms" => &mut self.delta_ms,
            "characters" | "characters_per_delta" => &mut self.characters,
            "comment_ms" => &mut self.comment_ms,
            "first_ms" => &mut self.first_ms,
            "split" | "split_bytes" => &mut self.split,
            "repeat" => &mut self.repeat,
            _ => return false,
        };
        *field = Some(number);
        true
    }
}

/// What stands before, in and after the first double bracket.
fn next_group(text: &str) -> Option<(&str, &str, &str)> {
    let (before, inside) = text.split_once("[[")?;
    let (group, after) = inside.split_once("]]")?;
    Some((before, group, after))
}

fn as_size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn directives_are_read_and_removed() {
        let (prompt, directives) = Directives::take_from("[[delta_ms=5 characters=3]] Hello [[split=7]]");
        assert_eq!(prompt, "Hello");
        assert_eq!(directives.delta_ms, Some(5));
        assert_eq!(directives.characters, Some(3));
        assert_eq!(directives.split, Some(7));
    }

    #[test]
    fn other_brackets_stay() {
        for prompt in ["see [[Wiki page]] ", "if [[ -f x ]]; then", "[[delta_ms=soon]]", "[[]]", "[[open"] {
            assert_eq!(Directives::take_from(prompt), (prompt.to_owned(), Directives::default()));
        }
    }

    #[test]
    fn a_body_may_hold_them_too() {
        let directives = Directives::from_body(&json!({"demo": {"repeat": 4, "split_bytes": 2, "odd": 1}}));
        assert_eq!(directives, Directives { repeat: Some(4), split: Some(2), ..Directives::default() });
    }

    #[test]
    fn zero_characters_count_as_one() {
        let directives = Directives { characters: Some(0), ..Directives::default() };
        assert_eq!(directives.tune(&Pace::default()).characters_per_delta, 1);
    }
}
