//! Code in colours, a line at a time: what the lines before left open is all that is remembered, so a line
//! that grows is read again alone. One scanner follows the [`languages`]' descriptions; a few formats have
//! one of their own.
//!
//! It knows words and marks, not grammar: it should help the eye, and be cheap. Each step goes on by at least
//! one character and looks at a bounded number of others, or at a stretch that is not looked at again: the
//! time grows with the line's length.

mod languages;

use self::languages::{Kind, Language, Quote, Rule, find, lists};
use super::node::{Node, Tag, Token};

/// Bytes of the longest line that is coloured: longer ones are data, not code to be read.
const LONGEST_LINE: usize = 4096;
/// How many strings and comments within each other are followed: the state is cloned for each piece of a
/// line.
const DEEPEST: usize = 8;
/// Bytes of the longest name in braces, as in `${name}`: no more is looked at for its end.
const LONGEST_NAME: usize = 64;

/// The words after which a new function's name stands, in the languages that have them as keywords.
const FUNCTION_WORDS: &str = "def defmacro defmacrop defmethod defn defn- defp define defun fn fun func function macro proc procedure rpc sub subroutine";
/// The words after which a new type's name stands.
const TYPE_WORDS: &str = "actor class concept contract data defmodule defprotocol enum extension impl input instance interface message module namespace newtype object protocol record service struct trait type typealias union";
/// The keywords that may stand before a colon. Others are names there: `for: key`.
const WORDS_BEFORE_COLON: &str =
    "class default do else except finally lambda private protected public self signals this try";
/// The keywords that are names where they are called: `get()`.
const WORDS_NOT_CALLED: &str = "data from get of open record set type value where";
/// The keywords that may stand after a dot. Others are names there: `re.match`.
const WORDS_AFTER_DOT: &str = "await class self this";
/// The shell's words that no command follows.
const WORDS_BEFORE_NAMES: &str = "case declare export for foreach function goto in local param readonly return select set trap typeset unset";

/// What the lines before left open, for one language.
#[derive(Clone, Debug)]
pub struct Highlighter {
    language: &'static Language,
    /// The innermost last.
    open: Vec<Open>,
    /// The last line's statement goes on.
    goes_on: bool,
}

#[derive(Clone, Debug)]
enum Open {
    /// A comment, and how many more are around it.
    Comment(u16),
    String(Literal),
    /// Code in a string: its bracket, and how many more of them are open.
    Interpolation(char, u16),
    /// A text up to a line of this word.
    Heredoc(String),
    /// YAML's text that is indented by more than this.
    Indented(usize),
    /// A tag of markup, and the language that its content is in.
    Tag(Option<&'static str>),
    /// Code of another language, up to this mark.
    Embedded(Box<Highlighter>, &'static str),
    /// Code in Markdown, up to as many of this mark.
    Fence(char, usize),
}

#[derive(Clone, Copy, Debug)]
struct Literal {
    quote: &'static Quote,
    /// How many `#` stand around it.
    hashes: usize,
    is_raw: bool,
    has_interpolations: bool,
}

impl Highlighter {
    /// None for a language that is not known: its code is shown plain.
    pub fn new(language: &str) -> Option<Self> {
        let name = language.split([',', ':', '{']).next().unwrap_or_default();
        Some(Self { language: find(name)?, open: Vec::new(), goes_on: false })
    }

    /// The nodes of one line, its end included if it has one, after the lines before it.
    pub fn line(&mut self, line: &str) -> Vec<Node> {
        let mut spans = Spans::default();
        if line.len() <= LONGEST_LINE {
            self.scan(line.trim_end_matches(['\r', '\n']), 0, &mut spans);
        }
        spans.paint(None, line.len());
        spans.into_nodes(line)
    }

    /// Paints a line from `start` on.
    fn scan(&mut self, line: &str, start: usize, spans: &mut Spans) {
        let indent = start + spaces(tail(line, start));
        let place = if self.goes_on { Place::Operator } else { Place::Start };
        let mut scanner = Scanner {
            language: self.language,
            state: self,
            line,
            at: start,
            indent,
            spans,
            place,
            expected: None,
            heredoc: None,
            string_start: start,
            no_more_regexes: false,
        };
        match scanner.language.kind {
            Kind::Code => scanner.code(),
            Kind::Console => scanner.console(),
            Kind::Diff => scanner.diff(),
            Kind::Markdown => scanner.markdown(),
            Kind::Markup => scanner.markup(),
            Kind::Style => scanner.style(),
            Kind::Yaml => scanner.yaml(),
        }
    }
}

/// What was painted so far, without a gap: each span's token and end. No two of the same token stand side by
/// side.
#[derive(Debug, Default)]
struct Spans(Vec<(Option<Token>, usize)>);

impl Spans {
    fn end(&self) -> usize {
        self.0.last().map_or(0, |(_, end)| *end)
    }

    /// Paints up to `to`.
    fn paint(&mut self, token: Option<Token>, to: usize) {
        if to <= self.end() {
            return;
        }
        match self.0.last_mut() {
            Some((last, end)) if *last == token => *end = to,
            _ => self.0.push((token, to)),
        }
    }

    /// Paints anew from `from` up to the end.
    fn repaint(&mut self, from: usize, token: Option<Token>) {
        let to = self.end();
        let mut before = None;
        while self.end() > from {
            before = self.0.pop().and_then(|(token, _)| token);
        }
        self.paint(before, from);
        self.paint(token, to);
    }

    fn into_nodes(self, line: &str) -> Vec<Node> {
        let mut start = 0;
        let node = |(token, end): (Option<Token>, usize)| {
            let text = Node::text(&line[start..end]);
            start = end;
            match token {
                Some(token) => Node::element(Tag::Token(token), vec![text]),
                None => text,
            }
        };
        self.0.into_iter().map(node).collect()
    }
}

/// Where in a statement the scanner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    /// A value is awaited.
    Operator,
    /// A value stands right before.
    Operand,
    /// Before a rule's braces, in a style sheet.
    Selector,
    /// After a property's colon.
    Value,
}

struct Scanner<'a> {
    language: &'static Language,
    state: &'a mut Highlighter,
    line: &'a str,
    at: usize,
    /// Where the line's first character stands that is no space.
    indent: usize,
    spans: &'a mut Spans,
    place: Place,
    /// What the next word is, after a word such as `fn`.
    expected: Option<Token>,
    /// The text that begins with the next line.
    heredoc: Option<String>,
    string_start: usize,
    /// No regular expression ends in the rest of this line.
    no_more_regexes: bool,
}

/// Steps that all scanners share.
impl<'a> Scanner<'a> {
    fn has(&self, rule: Rule) -> bool {
        self.language.rules.contains(&rule)
    }

    fn is_done(&self) -> bool {
        self.at >= self.line.len()
    }

    fn rest(&self) -> &'a str {
        tail(self.line, self.at)
    }

    fn next(&self) -> char {
        first(self.rest())
    }

    /// The character before, or a space at the start of the line.
    fn previous(&self) -> char {
        head(self.line, self.at).chars().next_back().unwrap_or(' ')
    }

    /// What stands before is a value: a `'` after it is no string's start.
    fn follows_value(&self) -> bool {
        let previous = self.previous();
        is_letter(previous) || matches!(previous, ')' | ']')
    }

    fn take(&mut self, token: Option<Token>, bytes: usize) {
        self.at = (self.at + bytes).min(self.line.len());
        self.spans.paint(token, self.at);
    }

    fn take_one(&mut self, token: Option<Token>) {
        self.take(token, self.next().len_utf8());
    }

    fn take_rest(&mut self, token: Option<Token>) {
        self.take(token, self.rest().len());
    }

    fn take_spaces(&mut self) {
        self.take(None, spaces(self.rest()));
    }

    /// How many bytes of the rest are a word's.
    fn word_length(&self) -> usize {
        word_length(self.rest(), self.language.letters)
    }

    fn push(&mut self, open: Open) {
        self.state.open.push(open);
    }

    fn pop(&mut self) {
        self.state.open.pop();
    }

    /// Goes on with a comment or a string that is open; false if there is none.
    fn go_on(&mut self) -> bool {
        match self.state.open.last() {
            Some(Open::Comment(_)) => self.comment(),
            Some(Open::String(literal)) => self.string(*literal),
            _ => return false,
        }
        true
    }

    fn comment(&mut self) {
        let (opening, closing) = self.language.block_comment;
        let rest = self.rest();
        let Some(Open::Comment(depth)) = self.state.open.last_mut() else { return };
        if rest.starts_with(closing) {
            *depth = depth.saturating_sub(1);
            if *depth == 0 {
                self.pop();
            }
            self.take(Some(Token::Comment), closing.len());
        } else if rest.starts_with(opening) && self.language.rules.contains(&Rule::NestedComments) {
            *depth = depth.saturating_add(1);
            self.take(Some(Token::Comment), opening.len());
        } else {
            self.take_one(Some(Token::Comment));
        }
    }

    fn begins_comment(&mut self) -> bool {
        let rest = self.rest();
        let (opening, _) = self.language.block_comment;
        if !opening.is_empty() && rest.starts_with(opening) {
            self.push(Open::Comment(1));
            self.take(Some(Token::Comment), opening.len());
            return true;
        }
        let fits = |mark: &str| {
            rest.strip_prefix(mark).is_some_and(|after| {
                !(mark.is_empty() || mark.ends_with(is_letter) && after.starts_with(is_letter))
            })
        };
        if !self.language.line_comments.split(' ').any(fits)
            || self.has(Rule::CommentsFirst) && self.at != self.indent
            || self.has(Rule::CommentsApart) && !matches!(self.previous(), ' ' | '\t' | ';')
        {
            return false;
        }
        self.take_rest(Some(Token::Comment));
        true
    }

    /// Begins the string that stands `skipped` bytes ahead, after its prefix.
    fn begins_string(&mut self, skipped: usize) -> bool {
        let rest = self.rest();
        let (prefix, mut after) = rest.split_at(skipped);
        let mut hashes = 0;
        if self.has(Rule::HashedStrings) {
            hashes = after.bytes().take(DEEPEST).take_while(|byte| *byte == b'#').count();
            after = tail(after, hashes);
        }
        if self.state.open.len() >= DEEPEST {
            return false;
        }
        let Some(quote) = self.language.quotes.iter().find(|quote| after.starts_with(quote.open)) else {
            return false;
        };
        let prefix_has = |marks: [char; 2]| prefix.contains(marks);
        self.push(Open::String(Literal {
            quote,
            hashes,
            is_raw: hashes > 0 || prefix_has(['r', 'R']),
            has_interpolations: !self.has(Rule::HolesNeedPrefix)
                || prefix_has(['f', 'F'])
                || prefix_has(['s', 't']),
        }));
        self.string_start = self.at;
        self.take(Some(Token::String), skipped + hashes + quote.open.len());
        true
    }

    fn string(&mut self, literal: Literal) {
        let Literal { quote, hashes, is_raw, has_interpolations } = literal;
        let rest = self.rest();
        let ends = |after: &str| after.bytes().take(hashes).filter(|byte| *byte == b'#').count() == hashes;
        if rest.strip_prefix(quote.close).is_some_and(ends) {
            self.pop();
            self.take(Some(Token::String), quote.close.len() + hashes);
            self.place = Place::Operand;
            let is_key = first(self.rest().trim_ascii_start()) == ':';
            if is_key && self.has(Rule::KeysBeforeColon) {
                self.spans.repaint(self.string_start, Some(Token::Name));
            }
        } else if has_interpolations
            && !quote.interpolation.is_empty()
            && rest.starts_with(quote.interpolation)
        {
            self.interpolation(quote.interpolation);
        } else if quote.escape.is_some_and(|escape| rest.starts_with(escape)) {
            if !is_raw {
                self.escape();
            } else if self.has(Rule::HashedStrings) {
                self.take_one(Some(Token::String));
            } else {
                // Python's: the quote after it does not end the string, and both are in it.
                self.take_one(Some(Token::String));
                self.take_one(Some(Token::String));
            }
        } else if !quote.has_names || !self.variable() {
            self.take_one(Some(Token::String));
        }
    }

    fn interpolation(&mut self, opening: &str) {
        let bracket = opening.chars().next_back().unwrap_or_default();
        if opening == "{" && self.rest().starts_with("{{") {
            self.take(Some(Token::Constant), 2);
        } else if self.state.open.len() >= DEEPEST {
            self.take_one(Some(Token::String));
        } else {
            self.push(Open::Interpolation(bracket, 0));
            self.take(Some(Token::Constant), opening.len());
            self.place = Place::Start;
        }
    }

    fn escape(&mut self) {
        self.take_one(Some(Token::Constant));
        let mark = self.next();
        let digits = match mark {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        self.take_one(Some(Token::Constant));
        let rest = self.rest().as_bytes();
        let count = match rest.iter().take(10).position(|byte| *byte == b'}') {
            Some(end) if digits > 0 && rest.first() == Some(&b'{') => end + 1,
            _ => rest.iter().take(digits).take_while(|byte| byte.is_ascii_hexdigit()).count(),
        };
        self.take(Some(Token::Constant), count);
    }

    /// A `$name` or `${name}`.
    fn variable(&mut self) -> bool {
        let Some(after) = self.rest().strip_prefix('$') else { return false };
        let name = word_length(after, "");
        let closing = match first(after) {
            '{' => '}',
            '(' if self.has(Rule::DollarParens) => ')',
            _ => '\0',
        };
        let braced = after.bytes().take(LONGEST_NAME).position(|byte| byte == closing as u8);
        let length = match (braced, first(after)) {
            (Some(end), _) if closing != '\0' => end + 1,
            (_, '@' | '?' | '#' | '!' | '*' | '<' | '^') => 1,
            _ => name,
        };
        if length > 0 {
            self.take(Some(Token::Name), 1 + length);
            self.place = Place::Operand;
        }
        length > 0
    }
}

/// Code.
impl Scanner<'_> {
    fn code(&mut self) {
        if let Some(Open::Heredoc(word)) = self.state.open.last() {
            let rest = self.rest().trim_ascii_start();
            if rest.strip_prefix(word.as_str()).is_none_or(|rest| rest.contains(is_letter)) {
                return self.take_rest(Some(Token::String));
            }
            let length = self.indent + word.len();
            self.pop();
            self.take(Some(Token::String), length - self.at);
        }
        if self.state.open.is_empty() {
            self.start_of_line();
        }
        while !self.is_done() {
            if !self.go_on() {
                self.step();
            }
        }
        self.end_of_line();
    }

    fn start_of_line(&mut self) {
        let is_indented = self.indent > self.at;
        self.take_spaces();
        let rest = self.rest();
        if rest.starts_with("$ ") && self.has(Rule::Commands) {
            self.take(Some(Token::Comment), 2);
        } else if rest.starts_with('[') && !is_indented && self.has(Rule::Sections) {
            let end = rest.find(']').map_or(rest.len(), |end| end + 1);
            self.take(Some(Token::Type), end + usize::from(tail(rest, end).starts_with(']')));
        } else if self.has(Rule::Targets) && !is_indented && !rest.starts_with(['#', '$']) {
            if let Some(end) = rest.find([':', '=']).filter(|end| !self.is_assignment(tail(rest, *end))) {
                self.take(Some(Token::Function), end);
            }
        } else if self.has(Rule::Directives) && rest.starts_with('#') {
            self.directive();
        }
    }

    /// `#include <..>`.
    fn directive(&mut self) {
        let rest = tail(self.rest(), 1);
        let spaces = rest.len() - rest.trim_ascii_start().len();
        let word = tail(rest, spaces);
        let word = head(word, word_length(word, ""));
        if word.is_empty() {
            return;
        }
        self.take(Some(Token::Keyword), 1 + spaces + word.len());
        self.take_spaces();
        if matches!(word, "include" | "import") && self.next() == '<' {
            let end = self.rest().find('>').map_or(self.rest().len(), |end| end + 1);
            self.take(Some(Token::String), end);
        }
    }

    /// Whatever cannot go on over lines ends, with all that is in it.
    fn end_of_line(&mut self) {
        self.state.goes_on = self.line.ends_with('\\');
        let open = &mut self.state.open;
        let goes_on =
            self.state.goes_on && matches!(open.last(), Some(Open::String(literal)) if !literal.is_raw);
        let ends = |open: &Open| matches!(open, Open::String(literal) if !literal.quote.is_multiline);
        if let Some(first) = open.iter().position(ends).filter(|_| !goes_on) {
            open.truncate(first);
        }
        if let Some(word) = self.heredoc.take() {
            self.push(Open::Heredoc(word));
        }
    }

    fn step(&mut self) {
        let next = self.next();
        if next.is_ascii_whitespace() {
            return self.take_one(None);
        }
        if self.ends_hole(next) || self.attribute() || self.begins_comment() {
            return;
        }
        let is_mark = next == '\'' && (self.follows_value() && !self.has(Rule::Commands));
        if next == '\'' && !is_mark && self.has(Rule::Characters) {
            return self.character();
        }
        if !is_mark && self.begins_string(0) || self.word() {
            return;
        }
        self.expected = None;
        if next.is_ascii_digit() {
            return self.number();
        }
        if self.sigil(next) || self.begins_heredoc() || self.regex() || self.tag_name() {
            return;
        }
        self.mark(next);
    }

    /// A mark that stays plain.
    fn mark(&mut self, mark: char) {
        self.place = match mark {
            '(' if self.previous() == '=' => Place::Operator,
            ';' | '{' | '}' | '|' | '&' | '(' | '`' | '!' => Place::Start,
            ')' | ']' => Place::Operand,
            _ => Place::Operator,
        };
        self.take_one(None);
    }

    fn ends_hole(&mut self, next: char) -> bool {
        let Some(Open::Interpolation(opening, depth)) = self.state.open.last_mut() else { return false };
        let closing = if *opening == '(' { ')' } else { '}' };
        if next == closing && *depth == 0 {
            self.pop();
            self.take(Some(Token::Constant), 1);
            return true;
        }
        if next == closing {
            *depth -= 1;
        } else if next == *opening {
            *depth = depth.saturating_add(1);
        }
        false
    }

    /// `'a'`, or a name such as `'a`.
    fn character(&mut self) {
        let mut after = tail(self.rest(), 1).chars();
        let (one, two) = (after.next(), after.next());
        self.place = Place::Operand;
        if one == Some('\\') {
            self.take_one(Some(Token::String));
            self.escape();
            if self.next() == '\'' {
                self.take_one(Some(Token::String));
            }
        } else if let (Some(one), Some('\'')) = (one, two) {
            self.take(Some(Token::String), 2 + one.len_utf8());
        } else if one.is_some_and(is_letter) {
            self.take_one(Some(Token::Name));
            let length = word_length(self.rest(), "");
            self.take(Some(Token::Name), length);
        } else {
            self.take_one(None);
        }
    }

    fn word(&mut self) -> bool {
        let next = self.next();
        let is_start = is_letter(next)
            || !matches!(next, '\'' | '-' | '?' | '!') && self.language.letters.contains(next);
        if !is_start || next.is_ascii_digit() {
            return false;
        }
        let length = self.word_length();
        let (word, after) = self.rest().split_at(length);
        if lists(self.language.prefixes, word, true) {
            if self.begins_string(length) {
                return true;
            }
            if after.starts_with('\'') && self.has(Rule::Characters) {
                self.take(Some(Token::String), length);
                self.character();
                return true;
            }
        }
        let token = self.word_token(word, after);
        let is_plain = !matches!(token, Some(Token::Keyword));
        self.take(token, length);
        self.place = match self.place {
            Place::Start
                if !is_plain && self.has(Rule::Commands) && !lists(WORDS_BEFORE_NAMES, word, true) =>
            {
                Place::Start
            }
            _ if is_plain => Place::Operand,
            _ => Place::Operator,
        };
        true
    }

    fn word_token(&mut self, word: &str, after: &str) -> Option<Token> {
        let expected = self.expected.take();
        let next = first(after);
        let is_first = self.place == Place::Start;
        if self.has(Rule::FirstWords) && is_first {
            return Some(if next == ':' { Token::Function } else { Token::Keyword });
        }
        if let Some(token) = self.listed(word, after) {
            return Some(token);
        }
        if self.is_key(word, after) {
            return Some(Token::Name);
        }
        if expected.is_some() {
            return expected;
        }
        let is_capital = word.starts_with(|character: char| character.is_ascii_uppercase());
        if self.has(Rule::Commands) {
            let is_command = is_first && next != ')' || is_capital && word.contains('-');
            return is_command.then_some(Token::Function);
        }
        let is_call = next == '('
            || next == '!' && !after.starts_with("!=") && self.has(Rule::Macros)
            || self.previous() == '(' && self.has(Rule::Heads)
            || self.has(Rule::Signatures) && after.trim_ascii_start().starts_with("::");
        if is_capital && self.has(Rule::Capitals) && !(is_call && self.has(Rule::CapitalCalls)) {
            let is_constant =
                word.len() > 1 && !word.contains(|character: char| character.is_ascii_lowercase());
            return Some(if is_constant { Token::Constant } else { Token::Type });
        }
        is_call.then_some(Token::Function)
    }

    /// What the language's lists say of a word.
    fn listed(&mut self, word: &str, after: &str) -> Option<Token> {
        let language = self.language;
        let any_case = self.has(Rule::AnyCase);
        let before = head(self.line, self.at);
        if before.ends_with('.') && !before.ends_with("..") && !lists(WORDS_AFTER_DOT, word, false) {
            return None;
        }
        let is_labelled =
            after.starts_with(':') && !after.starts_with("::") && !lists(WORDS_BEFORE_COLON, word, false);
        let is_command = !self.has(Rule::Commands) || self.place == Place::Start || word == "in";
        let is_name = is_labelled || after.starts_with('(') && lists(WORDS_NOT_CALLED, word, false);
        if is_command && !is_name && lists(language.keywords, word, any_case) {
            self.expected = if lists(FUNCTION_WORDS, word, any_case) {
                Some(Token::Function)
            } else {
                lists(TYPE_WORDS, word, any_case).then_some(Token::Type)
            };
            return Some(Token::Keyword);
        }
        if lists(language.types, word, any_case) {
            return Some(Token::Type);
        }
        lists(language.constants, word, any_case).then_some(Token::Constant)
    }

    fn is_key(&self, word: &str, after: &str) -> bool {
        if self.has(Rule::Tags) && (after.starts_with("=\"") || after.starts_with("={")) {
            return true;
        }
        // In a shell, only `name=` sets a name.
        let spaced = if self.has(Rule::Commands) { after } else { after.trim_ascii_start() };
        self.has(Rule::KeysBeforeEquals) && !word.starts_with('/') && self.is_assignment(spaced)
            || self.has(Rule::KeysBeforeColon) && first(after) == ':' && !after.starts_with("::")
    }

    /// Whether it begins with `=`, or with `:=` and the like.
    fn is_assignment(&self, after: &str) -> bool {
        let marks: &[char] = if self.has(Rule::Targets) { &[':', '?', '+'] } else { &[] };
        let equals = after.strip_prefix(marks).unwrap_or(after);
        let equals = equals.strip_prefix(marks).unwrap_or(equals);
        equals.starts_with('=') && !matches!(equals.as_bytes().get(1), Some(b'=' | b'>' | b'~'))
    }

    fn number(&mut self) {
        let bytes = self.rest().as_bytes();
        let is_hex = bytes.get(1).is_some_and(u8::is_ascii_alphabetic);
        let mut length = 1;
        while let Some(byte) = bytes.get(length) {
            let is_before_digit = bytes.get(length + 1).is_some_and(u8::is_ascii_digit);
            let is_part = match byte {
                b'.' | b'\'' => is_before_digit,
                b'+' | b'-' => is_before_digit && !is_hex && matches!(bytes[length - 1], b'e' | b'E'),
                b'_' => true,
                byte => byte.is_ascii_alphanumeric(),
            };
            if !is_part {
                break;
            }
            length += 1;
        }
        self.take(Some(Token::Number), length);
        self.place = Place::Operand;
    }

    fn sigil(&mut self, sigil: char) -> bool {
        if !self.language.sigils.contains(sigil) {
            return false;
        }
        if sigil == '$' && self.variable() {
            return true;
        }
        let previous = self.previous();
        if is_letter(previous) && sigil != '\\' || sigil == ':' && previous == ':' {
            return false;
        }
        let after = tail(self.rest(), 1);
        let mut name = word_length(after, "");
        let is_command = self.has(Rule::SigilsAreKeywords);
        if name == 0 {
            // LaTeX's `\%` is no comment.
            let length = 1 + if is_command { first(after).len_utf8().min(after.len()) } else { 0 };
            self.take(None, length);
            return true;
        }
        if sigil == '%' && tail(after, name).starts_with('%') {
            name += 1;
        }
        let token = if is_command || lists(self.language.keywords, &self.rest()[..=name], false) {
            Token::Keyword
        } else if sigil == ':' {
            Token::Constant
        } else {
            Token::Name
        };
        self.take(Some(token), 1 + name);
        self.place = Place::Operand;
        true
    }

    /// `#[..]`, up to its bracket or the end of the line.
    fn attribute(&mut self) -> bool {
        let rest = self.rest();
        if !self.has(Rule::Attributes) || !(rest.starts_with("#[") || rest.starts_with("#![")) {
            return false;
        }
        let mut depth = 0;
        while !self.is_done() {
            match self.next() {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            let is_end = self.next() == ']' && depth == 0;
            self.take_one(Some(Token::Name));
            if is_end {
                break;
            }
        }
        true
    }

    fn begins_heredoc(&mut self) -> bool {
        let mark = if self.has(Rule::LongHeredocs) { "<<<" } else { "<<" };
        if !(self.has(Rule::LongHeredocs) || self.has(Rule::Heredocs)) {
            return false;
        }
        let Some(after) = self.rest().strip_prefix(mark) else { return false };
        let mut word = after.trim_start_matches(['-', '~']);
        if self.has(Rule::Commands) {
            if word.starts_with('<') {
                self.take(None, 3);
                return true;
            }
            word = word.trim_ascii_start();
        }
        let word = word.trim_start_matches(['"', '\'', '\\']);
        let length = word_length(word, "");
        // A shift of bits is none of it.
        let is_marked = matches!(
            self.line.as_bytes().get(self.line.len() - word.len() - 1),
            Some(b'-' | b'~' | b'"' | b'\'')
        );
        let is_name = first(word).is_ascii_uppercase() || is_marked && first(word).is_ascii_lowercase();
        if !is_name || self.heredoc.is_some() || self.state.open.len() >= DEEPEST {
            self.take(None, mark.len());
            return true;
        }
        self.heredoc = Some(head(word, length).to_owned());
        let end = self.rest().len() - word.len() + length;
        let quote = usize::from(matches!(first(tail(word, length)), '"' | '\''));
        self.take(Some(Token::String), end + quote);
        true
    }

    fn regex(&mut self) -> bool {
        let rest = self.rest();
        if !self.has(Rule::Regexes)
            || !rest.starts_with('/')
            || self.place == Place::Operand
            || self.no_more_regexes
        {
            return false;
        }
        let (mut is_escaped, mut is_in_class) = (false, false);
        for (at, byte) in rest.bytes().enumerate().skip(1) {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'[' => is_in_class = true,
                b']' => is_in_class = false,
                b'>' if at == 1 => return false,
                b'/' if !is_in_class => {
                    self.take(None, at + 1);
                    self.place = Place::Operand;
                    return true;
                }
                _ => {}
            }
        }
        self.no_more_regexes = true;
        false
    }

    /// `<div` or `</div` in code.
    fn tag_name(&mut self) -> bool {
        let start = if self.rest().starts_with("</") { 2 } else { 1 };
        if !self.has(Rule::Tags) || self.next() != '<' || start == 1 && is_letter(self.previous()) {
            return false;
        }
        let name = tail(self.rest(), start);
        if start == 1 && !name.starts_with(|character: char| character.is_ascii_alphabetic()) {
            return false;
        }
        let length = word_length(name, "");
        let is_type = name.starts_with(|character: char| character.is_ascii_uppercase());
        self.take(None, start);
        self.take(Some(if is_type { Token::Type } else { Token::Keyword }), length);
        self.place = Place::Operand;
        true
    }
}

/// Commands and what they print.
impl Scanner<'_> {
    fn console(&mut self) {
        if self.rest().starts_with("# ") {
            return self.take_rest(Some(Token::Comment));
        }
        let prompt = prompt_length(self.rest());
        let mut shell = match self.state.open.pop() {
            Some(Open::Embedded(shell, _)) => Some(*shell),
            _ => None,
        };
        if prompt > 0 {
            self.take(Some(Token::Comment), prompt);
            if shell.is_none() || !self.line.starts_with('>') {
                shell = Highlighter::new("sh");
            }
        }
        let Some(mut shell) = shell else { return };
        shell.scan(self.line, self.at, self.spans);
        if shell.goes_on || !shell.open.is_empty() {
            self.push(Open::Embedded(Box::new(shell), ""));
        }
    }
}

/// How many bytes of a console's line stand before the command; 0 if there is none.
fn prompt_length(line: &str) -> usize {
    let spaces = line.len() - line.trim_ascii_start().len();
    let marks = ["$ ", "# ", "% ", "> ", "❯ ", "➜ "];
    if let Some(mark) = marks.iter().find(|mark| tail(line, spaces).starts_with(**mark)) {
        return spaces + mark.len();
    }
    // As in `me@machine:~$ ` or `PS C:\> `.
    let is_host = |end: &usize| *end < LONGEST_NAME && head(line, *end).contains(['@', '\\', ')']);
    marks[..4].iter().filter_map(|mark| line.find(mark)).min().filter(is_host).map_or(0, |end| end + 2)
}

/// Patches.
impl Scanner<'_> {
    fn diff(&mut self) {
        let starts = |marks: &[&str]| marks.iter().any(|mark| self.line.starts_with(mark));
        let token = if starts(&["@@", "+++", "---"]) {
            Some(Token::Function)
        } else if starts(&["+", ">"]) {
            Some(Token::Added)
        } else if starts(&["-", "<"]) {
            Some(Token::Removed)
        } else if starts(&[
            "diff ",
            "index ",
            "new file",
            "deleted file",
            "rename ",
            "similarity ",
            "Index: ",
        ]) {
            Some(Token::Keyword)
        } else {
            None
        };
        self.take_rest(token);
    }
}

/// Markdown, roughly.
impl Scanner<'_> {
    fn markdown(&mut self) {
        let fence = self.fence();
        if let Some(Open::Fence(mark, length)) = self.state.open.last() {
            let ends = fence.is_some_and(|(other, count)| other == *mark && count >= *length);
            if ends && self.line.trim_ascii().chars().all(|character| character == *mark) {
                self.pop();
            }
            return self.take_rest(Some(Token::String));
        }
        if let Some((mark, length)) = fence {
            self.push(Open::Fence(mark, length));
            return self.take_rest(Some(Token::String));
        }
        self.take_spaces();
        let rest = self.rest();
        let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if (1..=6).contains(&hashes) && tail(rest, hashes).starts_with(' ') {
            return self.take_rest(Some(Token::Keyword));
        }
        if rest.starts_with("> ")
            || rest.starts_with("- ")
            || rest.starts_with("* ")
            || rest.starts_with("+ ")
        {
            self.take(Some(Token::Keyword), 1);
        } else if digits > 0 && (tail(rest, digits).starts_with(". ") || tail(rest, digits).starts_with(") "))
        {
            self.take(Some(Token::Keyword), digits + 1);
        }
        while let Some(start) = self.rest().find('`') {
            self.take(None, start);
            let Some(end) = tail(self.rest(), 1).find('`') else { break };
            self.take(Some(Token::String), end + 2);
        }
        self.take_rest(None);
    }

    /// The mark of a fence, and how many of them there are.
    fn fence(&self) -> Option<(char, usize)> {
        let rest = tail(self.line, self.indent);
        let mark = first(rest);
        let length = rest.chars().take_while(|character| *character == mark).count();
        (matches!(mark, '`' | '~') && length >= 3).then_some((mark, length))
    }
}

/// HTML, XML and what is like it.
impl Scanner<'_> {
    fn markup(&mut self) {
        while !self.is_done() {
            match self.state.open.last() {
                Some(&Open::Tag(content)) => self.tag(content),
                Some(Open::Embedded(..)) => self.embedded(),
                Some(_) => {
                    self.go_on();
                }
                None => self.content(),
            }
        }
    }

    fn content(&mut self) {
        let rest = self.rest();
        if self.begins_comment() {
            return;
        }
        let mark = usize::from(rest.starts_with("</") || rest.starts_with("<!") || rest.starts_with("<?"));
        let name = rest.get(1 + mark..).unwrap_or_default();
        if rest.starts_with('<') && name.starts_with(|character: char| character.is_ascii_alphabetic()) {
            self.take(None, 1 + mark);
            let length = word_length(name, "-.:");
            self.take(Some(Token::Keyword), length);
            self.push(Open::Tag(match head(name, length) {
                "script" if mark == 0 => Some("ts"),
                "style" if mark == 0 => Some("scss"),
                _ => None,
            }));
        } else if rest.starts_with('&') {
            let end = rest.bytes().take(10).position(|byte| byte == b';');
            let is_entity = end.filter(|end| {
                rest[1..*end].chars().all(|character| is_letter(character) || character == '#')
            });
            match is_entity {
                Some(end) => self.take(Some(Token::Constant), end + 1),
                None => self.take_one(None),
            }
        } else {
            self.take_one(None);
        }
    }

    fn tag(&mut self, content: Option<&'static str>) {
        let next = self.next();
        if next == '>' {
            let is_empty = self.previous() == '/';
            self.pop();
            self.take_one(None);
            if let Some((name, code)) =
                content.filter(|_| !is_empty).and_then(|name| Some((name, Highlighter::new(name)?)))
            {
                self.push(Open::Embedded(Box::new(code), if name == "ts" { "</script" } else { "</style" }));
            }
        } else if next == '<' {
            // The tag before was never closed.
            self.pop();
        } else if next.is_ascii_whitespace() || matches!(next, '/' | '=' | '?') {
            self.take_one(None);
        } else if !self.begins_string(0) {
            let token = if self.previous() == '=' { Token::String } else { Token::Name };
            let is_end = |character: char| {
                character.is_ascii_whitespace()
                    || matches!(character, '=' | '>' | '<' | '"' | '\'' | '/' | '?')
            };
            let length = self.rest().find(is_end).unwrap_or(self.rest().len());
            self.take(Some(token), length.max(next.len_utf8()));
        }
    }

    fn embedded(&mut self) {
        let Some(Open::Embedded(mut code, mark)) = self.state.open.pop() else { return };
        let end = self.rest().find(mark).map(|end| self.at + end);
        let to = end.unwrap_or(self.line.len());
        code.scan(head(self.line, to), self.at, self.spans);
        self.at = to;
        self.spans.paint(None, to);
        if end.is_none() {
            self.push(Open::Embedded(code, mark));
        }
    }
}

/// Style sheets.
impl Scanner<'_> {
    fn style(&mut self) {
        if self.state.goes_on {
            self.place = Place::Value;
        }
        while !self.is_done() {
            if !self.go_on() {
                self.style_step();
            }
        }
        self.end_of_line();
        self.state.goes_on = self.place == Place::Value;
    }

    fn style_step(&mut self) {
        let next = self.next();
        if next.is_ascii_whitespace() {
            return self.take_one(None);
        }
        if self.begins_comment() || self.begins_string(0) {
            return;
        }
        if matches!(next, ';' | '{' | '}') {
            self.place = Place::Start;
            return self.take_one(None);
        }
        if self.place == Place::Start {
            self.place = self.statement();
            if self.place == Place::Value {
                return self.property();
            }
        }
        if self.place == Place::Selector { self.selector(next) } else { self.value(next) }
    }

    /// What a statement of a style sheet is: a declaration, or the selector of a rule.
    fn statement(&self) -> Place {
        let rest = self.rest();
        let end = rest.find([';', '{', '}']).unwrap_or(rest.len());
        let is_rule = tail(rest, end).starts_with('{') && !head(rest, end).ends_with('#');
        let text = head(rest, end).trim_ascii_end();
        let is_list = end == rest.len() && text.ends_with(',') && !text.contains(": ");
        let is_declaration = rest.starts_with('@') || !is_rule && !is_list && text.contains(':');
        if is_declaration { Place::Value } else { Place::Selector }
    }

    /// A declaration's first word.
    fn property(&mut self) {
        let length = self.style_word(1);
        let is_variable = tail(self.rest(), length).trim_ascii_start().starts_with(':');
        let is_command = self.next() == '@' && !is_variable;
        self.take(Some(if is_command { Token::Keyword } else { Token::Name }), length);
    }

    fn selector(&mut self, next: char) {
        let marks = match next {
            ':' if self.rest().starts_with("::") => 2,
            '.' | '#' | '%' | ':' => 1,
            next if is_letter(next) => 0,
            _ => return self.take_one(None),
        };
        let length = self.style_word(marks);
        let token = match next {
            ':' => Token::Constant,
            '.' | '#' | '%' => Token::Type,
            next if next.is_ascii_digit() => Token::Number,
            _ => Token::Keyword,
        };
        self.take(Some(token), length);
    }

    fn value(&mut self, next: char) {
        let length = self.style_word(1);
        let word = head(self.rest(), length);
        let token = match next {
            '#' if word.len() > 1 => Some(Token::Number),
            '$' | '@' => Some(Token::Name),
            '!' => Some(Token::Keyword),
            '-' if word.starts_with("--") => Some(Token::Name),
            next if next.is_ascii_digit() => return self.style_number(),
            '-' | '.' if tail(word, 1).starts_with(|character: char| character.is_ascii_digit()) => {
                return self.style_number();
            }
            '-' => None,
            next if !is_letter(next) => return self.take_one(None),
            _ => tail(self.rest(), length).starts_with('(').then_some(Token::Function),
        };
        self.take(token, length);
    }

    fn style_number(&mut self) {
        self.take_one(Some(Token::Number));
        let length = word_length(self.rest(), ".%");
        self.take(Some(Token::Number), length);
    }

    /// How long the word is that begins with some marks, or with a letter.
    fn style_word(&self, marks: usize) -> usize {
        let rest = self.rest();
        let start = rest.char_indices().nth(marks).map_or(rest.len(), |(at, _)| at);
        start + word_length(tail(rest, start), "-")
    }
}

/// YAML.
impl Scanner<'_> {
    fn yaml(&mut self) {
        if let Some(Open::Indented(column)) = self.state.open.last() {
            if self.indent > *column || self.indent == self.line.len() {
                return self.take_rest(Some(Token::String));
            }
            self.pop();
        }
        let (mut column, mut depth) = (0, 0_usize);
        while !self.is_done() {
            if self.go_on() {
                continue;
            }
            let next = self.next();
            let rest = self.rest();
            let is_apart =
                rest[next.len_utf8()..].bytes().next().is_none_or(|byte| byte.is_ascii_whitespace());
            if matches!(next, '-' | '?') && is_apart {
                column = self.at;
                self.take_one(None);
            } else if matches!(next, '[' | ']' | '{' | '}' | ',') {
                depth = match next {
                    '[' | '{' => depth + 1,
                    ',' => depth,
                    _ => depth.saturating_sub(1),
                };
                self.take_one(None);
            } else if matches!(next, '|' | '>') && is_block_mark(rest) {
                self.take_rest(Some(Token::Keyword));
                self.push(Open::Indented(column));
            } else if next.is_ascii_whitespace() || next == ':' {
                self.take_one(None);
            } else if next == '#' && self.previous().is_ascii_whitespace() {
                self.take_rest(Some(Token::Comment));
            } else if !self.begins_string(0) {
                let start = self.at;
                if self.scalar(depth > 0) {
                    column = start;
                }
            }
        }
    }

    /// A value or a key without quotes; true if it was a key.
    fn scalar(&mut self, is_in_brackets: bool) -> bool {
        let bytes = self.rest().as_bytes();
        let is_space = |at: usize| bytes.get(at).is_none_or(u8::is_ascii_whitespace);
        let is_end = |at: usize| match bytes[at] {
            b':' => is_space(at + 1),
            b'#' => at > 0 && is_space(at - 1),
            b',' | b']' | b'}' => is_in_brackets,
            b' ' => matches!(bytes[0], b'&' | b'*' | b'!'),
            _ => false,
        };
        // It is plain text up to a comment, and it is never empty.
        let end = (1..bytes.len()).find(|at| is_end(*at)).unwrap_or(bytes.len());
        let length = self.rest().get(..end).map_or(end, |text| text.trim_ascii_end().len());
        let word = head(self.rest(), length);
        let is_key = first(tail(self.rest(), end)) == ':';
        let token = match bytes[0] {
            b'&' | b'*' => Some(Token::Name),
            b'!' => Some(Token::Type),
            _ if is_key => Some(Token::Name),
            _ if is_number(word) => Some(Token::Number),
            _ => lists(self.language.constants, word, false).then_some(Token::Constant),
        };
        self.take(token, length);
        is_key
    }
}

/// Whether a line's rest says that a text follows, as in `key: |-`.
fn is_block_mark(rest: &str) -> bool {
    tail(rest, 1).bytes().all(|byte| matches!(byte, b'+' | b'-' | b' ') || byte.is_ascii_digit())
}

fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    digits.starts_with(|character: char| character.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b'_' | b'x' | b'o'))
}

/// What follows a place in a text. Nothing can go wrong here, so that no code for it is in the browser's
/// file.
fn tail(text: &str, start: usize) -> &str {
    text.get(start..).unwrap_or_default()
}

/// What stands before a place in a text.
fn head(text: &str, end: usize) -> &str {
    text.get(..end).unwrap_or_default()
}

/// How many bytes a word has that a text begins with. Some marks may be part of it.
fn word_length(text: &str, marks: &str) -> usize {
    text.find(|character| !is_letter(character) && !marks.contains(character)).unwrap_or(text.len())
}

/// How many bytes of space a text begins with.
fn spaces(text: &str) -> usize {
    text.len() - text.trim_ascii_start().len()
}

/// The first character, or NUL.
fn first(text: &str) -> char {
    text.chars().next().unwrap_or_default()
}

/// Whether a character is part of names everywhere. All beyond ASCII are: Unicode's tables would cost the
/// browser more than they help.
fn is_letter(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::languages::first_names;
    use super::*;
    use proptest::prelude::*;

    /// Code with its tokens marked, as in `k[fn] f[main]()`.
    fn marked(language: &str, code: &str) -> String {
        let mut highlighter = Highlighter::new(language).unwrap();
        code.split_inclusive('\n').map(|line| highlighter.line(line)).map(|nodes| written(&nodes)).collect()
    }

    fn written(nodes: &[Node]) -> String {
        let mut written = String::new();
        for node in nodes {
            match node {
                Node::Text(text) => written.push_str(text),
                Node::Element(element) => {
                    let Tag::Token(token) = element.tag else { panic!("{element:?}") };
                    let [Node::Text(text)] = &element.children[..] else { panic!("{element:?}") };
                    written.push_str(letter(token));
                    written.push('[');
                    written.push_str(text);
                    written.push(']');
                }
            }
        }
        written
    }

    fn letter(token: Token) -> &'static str {
        match token {
            Token::Keyword => "k",
            Token::Type => "t",
            Token::Function => "f",
            Token::String => "s",
            Token::Number => "n",
            Token::Comment => "c",
            Token::Constant => "C",
            Token::Name => "N",
            Token::Added => "+",
            Token::Removed => "-",
        }
    }

    #[test]
    fn an_unknown_language_has_no_highlighter_and_names_may_carry_more() {
        assert!(Highlighter::new("").is_none());
        assert!(Highlighter::new("text").is_none());
        for name in ["Rust", "rust,ignore", "js{1,3}", "C++", "f#", "python:main.py"] {
            assert!(Highlighter::new(name).is_some(), "{name}");
        }
        assert!(first_names().len() >= 40);
    }

    #[test]
    fn rust_tells_lifetimes_from_characters() {
        assert_eq!(
            marked("rust", "fn first<'a>(x: &'a str) -> char { 'x' }"),
            "k[fn] f[first]<N['a]>(x: &N['a] t[str]) -> t[char] { s['x'] }"
        );
        assert_eq!(
            marked("rust", r"'\'', b'\n', '\u{1F600}', '\\', '''"),
            r"s[']C[\']s['], s[b']C[\n]s['], s[']C[\u{1F600}]s['], s[']C[\\]s['], s[''']"
        );
        assert_eq!(
            marked("rust", "'outer: loop { break 'outer; }"),
            "N['outer]: k[loop] { k[break] N['outer]; }"
        );
    }

    #[test]
    fn rust_comments_nest_and_raw_strings_end_with_their_hashes() {
        assert_eq!(
            marked("rust", "/* a /* b\n */ c\n */ let x = 1;"),
            "c[/* a /* b]\nc[ */ c]\nc[ */] k[let] x = n[1];"
        );
        assert_eq!(
            marked("rs", "r#\"a \"b\" \\\nc\"# + \"d\\n\" + r##\"\"# \"##;"),
            "s[r#\"a \"b\" \\]\ns[c\"#] + s[\"d]C[\\n]s[\"] + s[r##\"\"# \"##];"
        );
    }

    #[test]
    fn rust_shows_macros_attributes_types_and_numbers() {
        assert_eq!(
            marked("rust", "#[derive(Debug)] struct Foo(u8); println!(\"{}\", MAX_SIZE != 0x_ff);"),
            "N[#[derive(Debug)]] k[struct] t[Foo](t[u8]); f[println]!(s[\"{}\"], C[MAX_SIZE] != n[0x_ff]);"
        );
        assert_eq!(marked("rust", "0..10; 1.5e-3; x.0.await?"), "n[0]..n[10]; n[1.5e-3]; x.n[0].k[await]?");
    }

    #[test]
    fn python_strings_over_lines_go_on_and_others_end_with_their_line() {
        assert_eq!(
            marked("python", "\"\"\"It's\n\n'x'\n\"\"\" + 1\n"),
            "s[\"\"\"It's]\n\ns['x']\ns[\"\"\"] + n[1]\n"
        );
        assert_eq!(marked("py", "x = 'open\ny = 1"), "x = s['open]\ny = n[1]");
        assert_eq!(marked("py", "x = 'a\\\nb' + 1"), "x = s['a]C[\\]\ns[b'] + n[1]");
    }

    #[test]
    fn python_has_code_in_strings_with_an_f_alone() {
        assert_eq!(
            marked("python", "f\"{d['a']:>{n}} {{x}}\" + \"{d}\" + r'[\"\\']'"),
            "s[f\"]C[{]d[s['a']]:>{n}C[}]s[ ]C[{{]s[x}}\"] + s[\"{d}\"] + s[r'[\"\\']']"
        );
    }

    #[test]
    fn python_shows_decorators_definitions_and_calls() {
        assert_eq!(
            marked("python", "@app.route('/')\ndef f(x: int = 3): # it's\n    return re.match(x) is None"),
            "N[@app].f[route](s['/'])\nk[def] f[f](x: t[int] = n[3]): c[# it's]\n    k[return] re.f[match](x) k[is] C[None]"
        );
    }

    #[test]
    fn javascript_templates_go_over_lines_with_code_and_templates_in_them() {
        assert_eq!(
            marked("js", "const a = `one ${b.map(i => `<${i}>`)}\ntwo \\` ${ {a: 1}.a }` + 1;"),
            "k[const] a = s[`one ]C[${]b.f[map](i => s[`<]C[${]iC[}]s[>`])C[}]\ns[two ]C[\\`]s[ ]C[${] {a: n[1]}.a C[}]s[`] + n[1];"
        );
    }

    #[test]
    fn quotes_in_a_regular_expression_begin_no_string_and_a_division_is_none() {
        assert_eq!(
            marked("js", "s.replace(/['\"`/]/g, 'x') / 2 / '3'"),
            "s.f[replace](/['\"`/]/g, s['x']) / n[2] / s['3']"
        );
        assert_eq!(marked("ts", "return /\\/'/.test(a)"), "k[return] /\\/'/.f[test](a)");
        assert_eq!(marked("js", "a = /[ + '1'"), "a = /[ + s['1']");
    }

    #[test]
    fn tags_in_javascript_are_shown_and_their_text_holds_no_strings() {
        assert_eq!(
            marked("jsx", "return <p className=\"a\">we don't <Foo/></p>;"),
            "k[return] <k[p] N[className]=s[\"a\"]>we don't <t[Foo]/></k[p]>;"
        );
        assert_eq!(
            marked("tsx", "type A = Map<string, number>;"),
            "k[type] t[A] = t[Map]<t[string], t[number]>;"
        );
    }

    #[test]
    fn words_that_are_names_where_they_stand_are_no_keywords() {
        assert_eq!(
            marked("js", "map.get(x).catch(f); get(); x = { from: 1, default: 2 }"),
            "map.f[get](x).f[catch](f); f[get](); x = { from: n[1], k[default]: n[2] }"
        );
        assert_eq!(marked("swift", "view(for: key, in: x)"), "f[view](for: key, in: x)");
    }

    #[test]
    fn sql_knows_its_words_in_any_case() {
        assert_eq!(
            marked("PostgreSQL", "Select count(*) FROM t WHERE a = 'it''s -- ' -- b\n AND c::text = :id;"),
            "k[Select] f[count](*) k[FROM] t k[WHERE] a = s['it''s -- '] c[-- b]\n k[AND] c::t[text] = C[:id];"
        );
    }

    #[test]
    fn a_shell_tells_comments_from_lengths_and_addresses() {
        assert_eq!(marked("bash", "echo ${#x} a#b $# # it's\n"), "f[echo] N[${#x}] a#b N[$#] c[# it's]\n");
    }

    #[test]
    fn a_shell_shows_commands_variables_and_what_runs_in_strings() {
        assert_eq!(
            marked("sh", "X=1 && if [ \"$X\" ]; then echo \"a $(wc -l \"$f\")\" | grep -v 'it\ns'; fi"),
            "N[X]=n[1] && k[if] [ s[\"]N[$X]s[\"] ]; k[then] f[echo] s[\"a ]C[$(]f[wc] -l s[\"]N[$f]s[\"]C[)]s[\"] | f[grep] -v s['it]\ns[s']; k[fi]"
        );
        assert_eq!(marked("sh", "docker run \\\n  nginx done\nls"), "f[docker] run \\\n  nginx done\nf[ls]");
    }

    #[test]
    fn a_here_document_ends_with_its_word() {
        assert_eq!(
            marked("bash", "cat <<'END' > x\ndon't $x\n END of\n\tEND\nls <<< y"),
            "f[cat] s[<<'END'] > x\ns[don't $x]\ns[ END of]\ns[\tEND]\nf[ls] <<< y"
        );
        assert_eq!(marked("ruby", "x = <<~SQL\nit's\nSQL\na << b"), "x = s[<<~SQL]\ns[it's]\ns[SQL]\na << b");
        assert_eq!(
            marked("php", "$x = <<<X\nit's\nX;\n1 << 2;"),
            "N[$x] = s[<<<X]\ns[it's]\ns[X];\nn[1] << n[2];"
        );
    }

    #[test]
    fn a_console_shows_commands_and_leaves_what_they_print() {
        assert_eq!(
            marked("console", "$ echo 'a' \\\n  if\nif it's\nme@here:~$ ls\n# no\n"),
            "c[$ ]f[echo] s['a'] \\\n  if\nif it's\nc[me@here:~$ ]f[ls]\nc[# no]\n"
        );
    }

    #[test]
    fn yaml_shows_keys_and_whole_values() {
        assert_eq!(
            marked(
                "yaml",
                "# it's\nname: it's 3 # c\nurl: http://x:80/#y\n\"q: #\": [1, {a: true}]\n- n: 3.10\n- &a x\n"
            ),
            "c[# it's]\nN[name]: it's 3 c[# c]\nN[url]: http://x:80/#y\nN[\"q: #\"]: [n[1], {N[a]: C[true]}]\n- N[n]: n[3.10]\n- N[&a] x\n"
        );
        assert_eq!(marked("yaml", "a: 'b # c\n  d: e' # f"), "N[a]: s['b # c]\ns[  d: e'] c[# f]");
    }

    #[test]
    fn yaml_texts_last_as_long_as_they_are_indented() {
        assert_eq!(
            marked("yml", "- run: |-\n    it's: # x\n\n    y\n  on: 1\n"),
            "- N[run]: k[|-]\ns[    it's: # x]\n\ns[    y]\n  N[on]: n[1]\n"
        );
    }

    #[test]
    fn json_toml_and_ini_show_their_keys() {
        assert_eq!(
            marked("json", "{\"a\\n\" : [\"b\", 1e5, null]} // c"),
            "{N[\"a\\n\"] : [s[\"b\"], n[1e5], C[null]]} c[// c]"
        );
        assert_eq!(
            marked("toml", "[[a.b]] # c\nx-y.z = { k = 'a\\' } # d\nt = '''\nu = 1'''\n"),
            "t[[[a.b]]] c[# c]\nN[x-y.z] = { N[k] = s['a\\'] } c[# d]\nN[t] = s[''']\ns[u = 1''']\n"
        );
        assert_eq!(
            marked("ini", "[a b]\n; it's\nx = it's 1 ; no\n"),
            "t[[a b]]\nc[; it's]\nN[x] = it's n[1] ; C[no]\n"
        );
    }

    #[test]
    fn html_attributes_and_comments_go_over_lines() {
        assert_eq!(
            marked("html", "<a href='x\ny' b=c\n d>It's &amp; <!-- <p>\n--></a>"),
            "<k[a] N[href]=s['x]\ns[y'] N[b]=s[c]\n N[d]>It's C[&amp;] c[<!-- <p>]\nc[-->]</k[a]>"
        );
    }

    #[test]
    fn html_holds_scripts_and_styles() {
        assert_eq!(
            marked("vue", "<style>a:hover { b: 1px }\n</style><script>`\n</p>` // x</script><br/>"),
            "<k[style]>k[a]C[:hover] { N[b]: n[1px] }\n</k[style]><k[script]>s[`]\ns[</p>`] c[// x]</k[script]><k[br]/>"
        );
    }

    #[test]
    fn style_sheets_tell_selectors_from_declarations() {
        assert_eq!(
            marked(
                "css",
                "@media (a: 1px) {\n  .a:hover,\n  p#b { color: #fff; m: -1.5em calc(1% + var(--x)) !important }\n --y:\n  x 2s;\n}"
            ),
            "k[@media] (a: n[1px]) {\n  t[.a]C[:hover],\n  k[p]t[#b] { N[color]: n[#fff]; N[m]: n[-1.5em] f[calc](n[1%] + f[var](N[--x])) k[!important] }\n N[--y]:\n  x n[2s];\n}"
        );
        assert_eq!(marked("scss", "$a: url(http://x); // c"), "N[$a]: f[url](http://x); c[// c]");
    }

    #[test]
    fn c_shows_its_directives() {
        assert_eq!(
            marked("c", "#include <stdio.h>\n# define MAX(a) 'b' /* c\n*/ struct node *n = NULL;"),
            "k[#include] s[<stdio.h>]\nk[# define] f[MAX](a) s['b'] c[/* c]\nc[*/] k[struct] t[node] *n = C[NULL];"
        );
        assert_eq!(marked("c++", "R\"(a\n\")\" + 1'000"), "s[R\"(a]\ns[\")\"] + n[1'000]");
    }

    #[test]
    fn a_patch_shows_what_comes_and_goes() {
        assert_eq!(
            marked("diff", "--- a\n+++ b\n@@ -1 +1 @@\n x\n-y\n+z\r\n"),
            "f[--- a]\nf[+++ b]\nf[@@ -1 +1 @@]\n x\n-[-y]\n+[+z]\r\n"
        );
    }

    #[test]
    fn makefiles_show_targets_and_variables() {
        assert_eq!(
            marked("make", "CC := gcc # c\nall: $(OBJ)\n\t$(CC) -o $@ don't\n"),
            "N[CC] := gcc c[# c]\nf[all]: N[$(OBJ)]\n\tN[$(CC)] -o N[$@] don't\n"
        );
        assert_eq!(
            marked("dockerfile", "FROM a:1 AS b\nENV X=1"),
            "k[FROM] a:n[1] k[AS] b\nk[ENV] N[X]=n[1]"
        );
    }

    #[test]
    fn markdown_shows_headings_code_and_fences() {
        assert_eq!(
            marked("md", "# A\n- `b` c`\n```rs\n# no\n```\n#no"),
            "k[# A]\nk[-] s[`b`] c`\ns[```rs]\ns[# no]\ns[```]\n#no"
        );
    }

    #[test]
    fn other_languages_have_their_own_marks() {
        for (language, code, expected) in [
            ("go", "fmt.Println(`a\n\\`)", "fmt.f[Println](s[`a]\ns[\\`])"),
            ("c#", "$\"{x}\" + @\"\\\"", "s[$\"]C[{]xC[}]s[\"] + s[@\"\\\"]"),
            ("lua", "--[[ a\n]] x = [[b]] -- c", "c[--[[ a]\nc[]]] x = s[[[b]]] c[-- c]"),
            ("hs", "f' :: a -> Maybe 'x' -- c", "f[f'] :: a -> t[Maybe] s['x'] c[-- c]"),
            ("clj", "(defn f [x] (str :a \"b\")) ; c", "(k[defn] f[f] [x] (f[str] C[:a] s[\"b\"])) c[; c]"),
            ("tex", "\\begin{a} 5\\% % c", "k[\\begin]{a} n[5]\\% c[% c]"),
            ("php", "echo \"a $x\"; // 'c", "k[echo] s[\"a ]N[$x]s[\"]; c[// 'c]"),
            ("ps1", "Get-Item $x | if (1) { }", "f[Get-Item] N[$x] | k[if] (n[1]) { }"),
            ("matlab", "a = b' + 'c'; % d", "a = b' + s['c']; c[% d]"),
            ("asm", "main:\n  mov eax, 5 ; c", "f[main]:\n  k[mov] t[eax], n[5] c[; c]"),
            ("nginx", "server { listen 80; } # c", "k[server] { k[listen] n[80]; } c[# c]"),
            ("php", "#[A(1)] # c", "N[#[A(1)]] c[# c]"),
            ("objc", "@interface A : B // c", "k[@interface] t[A] : t[B] c[// c]"),
        ] {
            assert_eq!(marked(language, code), expected);
        }
    }

    #[test]
    fn a_very_long_line_is_plain_and_changes_nothing() {
        let long = "\"x".repeat(LONGEST_LINE);
        let mut highlighter = Highlighter::new("rust").unwrap();
        highlighter.line("/*\n");
        assert_eq!(highlighter.line(&long), [Node::text(&long)]);
        assert_eq!(written(&highlighter.line("*/ 1")), "c[*/] n[1]");
    }

    #[test]
    fn what_is_open_stays_small() {
        let deep = ["`${", "\"#{", "\"$(", "f'{", "<script>`${"].map(|piece| piece.repeat(100));
        for name in first_names() {
            let mut highlighter = Highlighter::new(name).unwrap();
            for line in deep.iter().cycle().take(50) {
                highlighter.line(line);
                assert!(highlighter.open.len() <= DEEPEST + 2, "{name}: {}", highlighter.open.len());
            }
        }
    }

    /// What lines are made of, so that states meet each other.
    fn any_lines() -> impl Strategy<Value = Vec<String>> {
        let mark = prop::sample::select(
            "\" ' ` \"\"\" ''' ${ #{ {{ { } ( ) [ ] /* */ // # -- <!-- --> <script> </script> <style < > / = : ; , & % @ ! \
             \\ \\u{ << <<< EOF ~ | - $ $x r# R\"( f rb b' if fn def x Ab AB é 🌍 \u{a0} 0 1.5e- 0x 'a . \t \r \u{0}"
                .split(' ')
                .chain([" "])
                .collect::<Vec<_>>(),
        );
        let line = prop_oneof![
            (prop::collection::vec(mark, 0..30), "\n?").prop_map(|(marks, end)| marks.concat() + &end),
            any::<String>(),
        ];
        prop::collection::vec(line, 1..6)
    }

    fn text_of(nodes: &[Node]) -> String {
        let text = |node: &Node| match node {
            Node::Text(text) => text.clone(),
            Node::Element(element) => text_of(&element.children),
        };
        nodes.iter().map(text).collect()
    }

    fn tag(node: &Node) -> Option<Tag> {
        match node {
            Node::Text(_) => None,
            Node::Element(element) => Some(element.tag.clone()),
        }
    }

    proptest! {
        #[test]
        fn any_lines_of_any_language_are_shown_whole_with_no_node_to_spare(lines in any_lines()) {
            for name in first_names() {
                let mut highlighter = Highlighter::new(name).unwrap();
                for line in &lines {
                    let nodes = highlighter.line(line);
                    prop_assert_eq!(&text_of(&nodes), line, "{}", name);
                    for node in &nodes {
                        prop_assert!(!text_of(std::slice::from_ref(node)).is_empty(), "{}: {:?}", name, nodes);
                    }
                    for pair in nodes.windows(2) {
                        prop_assert!(tag(&pair[0]) != tag(&pair[1]), "{}: {:?}", name, nodes);
                    }
                }
            }
        }

        #[test]
        fn every_start_of_a_line_can_be_shown_on_a_clone(
            lines in any_lines(),
            name in prop::sample::select(first_names()),
        ) {
            let mut highlighter = Highlighter::new(name).unwrap();
            for line in &lines {
                for (end, _) in line.char_indices() {
                    prop_assert_eq!(text_of(&highlighter.clone().line(&line[..end])), &line[..end]);
                }
                highlighter.line(line);
            }
        }
    }
}
