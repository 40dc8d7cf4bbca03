//! Which addresses may be opened, and which characters may not hide in one. An answer's addresses are a stranger's, whether
//! they stand in its Markdown or beside it: a source, a file, a picture that the model made. All of them are judged here.

/// An address that may be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As the browser gets it.
    pub href: String,
    /// Where it leads, to be read by people: the host, never what stands before an `@`; for mail, the recipient.
    /// Letters that look like others are told by their code points.
    pub host: String,
}

impl Address {
    /// True if it leads to a page, and not to a mailbox.
    #[must_use]
    pub fn is_web(&self) -> bool {
        !self.href.starts_with("mailto:")
    }
}

/// What becomes of a picture's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture {
    /// Loading it tells its host something, so it waits until it is asked for.
    Elsewhere(Address),
    /// It is in the address itself.
    Data,
    No,
}

/// The address, if it may be opened: `http`, `https` or `mailto`, complete, and read by every browser in the same way.
/// What a browser would have to repair first is refused.
#[must_use]
pub fn address(url: &str) -> Option<Address> {
    let is_repaired = |character: char| character.is_control() || character == '\\';
    if url.trim() != url || url.contains(is_repaired) {
        return None;
    }
    let (scheme, rest) = url.split_once(':')?;
    let scheme = ["https", "http", "mailto"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))?;
    let host = if scheme == "mailto" { recipient(rest)? } else { host(rest.strip_prefix("//")?)? };
    let host = readable_host(&host.to_ascii_lowercase());
    Some(Address { href: [scheme, ":", rest].concat(), host })
}

/// What becomes of this picture's address.
#[must_use]
pub fn picture(url: &str) -> Picture {
    if is_picture_data(url) {
        return Picture::Data;
    }
    match address(url) {
        Some(address) if address.is_web() => Picture::Elsewhere(address),
        _ => Picture::No,
    }
}

/// The characters of a text that cannot be seen, or that change how others are seen, with their places in bytes.
/// Those that a script or an emoji needs are left out.
#[must_use]
pub fn hidden_in(text: &str) -> Vec<(usize, char)> {
    let mut hidden = Vec::new();
    // Almost all code is this.
    if text.bytes().all(|byte| matches!(byte, b'\t' | b'\n' | b' '..=b'~')) {
        return hidden;
    }
    let mut before = '\0';
    let mut flag = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let after = characters.peek().map_or('\0', |&(_, after)| after);
        flag = match character {
            BLACK_FLAG => LONGEST_FLAG,
            TAGS_FIRST..=TAGS_LAST if flag > 0 => flag - 1,
            _ => 0,
        };
        let is_hidden = match character {
            // What joins or parts letters, and emoji.
            '\u{200c}' | '\u{200d}' => !is_joined(before) || !is_joined(after),
            '\u{fe00}'..='\u{fe0f}' => !takes_selector(before, after),
            TAGS_FIRST..=TAGS_LAST => flag == 0,
            character => is_always_hidden(character),
        };
        if is_hidden {
            hidden.push((at, character));
        }
        before = character;
    }
    hidden
}

/// A character's name that all can read, such as `U+202E`.
#[must_use]
pub fn code_point(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

/// The text with [hidden](hidden_in) characters told by their names.
#[must_use]
pub fn unhidden(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for (at, character) in hidden_in(text) {
        shown.push_str(&text[from..at]);
        shown.push_str(&code_point(character));
        from = at + character.len_utf8();
    }
    shown.push_str(&text[from..]);
    shown
}

/// The flags of England, Scotland and Wales are a black flag and up to six tags.
const BLACK_FLAG: char = '\u{1f3f4}';
const LONGEST_FLAG: u8 = 7;
const TAGS_FIRST: char = '\u{e0020}';
const TAGS_LAST: char = '\u{e007f}';

pub(crate) const fn is_always_hidden(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
            | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

const fn is_joined(neighbour: char) -> bool {
    !neighbour.is_ascii() && !is_always_hidden(neighbour) && !matches!(neighbour, '\u{200c}' | '\u{200d}')
}

/// Whether a variation selector belongs here: after an emoji, or within a key such as 1️⃣.
const fn takes_selector(before: char, after: char) -> bool {
    matches!(before, '©' | '®' | '\u{203c}'..='\u{3299}' | '\u{1f000}'..='\u{1faff}')
        && !is_always_hidden(before)
        || matches!(before, '#' | '*' | '0'..='9') && after == '\u{20e3}'
}

/// The host of what follows the two slashes.
fn host(rest: &str) -> Option<&str> {
    let host_and_port = authority(rest).rsplit('@').next()?;
    let (host, port) = match host_and_port.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (host_and_port, ""),
    };
    let is_port = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    // 253 is the longest that can be looked up.
    let is_host = !host.is_empty() && host.len() <= 253 && (is_host_name(host) || is_address_of_v6(host));
    (is_port && is_host).then_some(host)
}

/// What stands before the first slash, question mark or number sign.
pub(crate) fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#', '\\']).next().unwrap_or_default()
}

/// Letters, digits, `.`, `-` and `_`: no `%`, which a browser decodes, and no number in place of the four of an IPv4
/// address, such as `0x7f.1`.
fn is_host_name(host: &str) -> bool {
    let is_usual = |character| is_host_character(character) || !character.is_ascii();
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with("0x") || last.starts_with("0X") || is_digits(last);
    host.chars().all(is_usual) && (!is_number || is_address_of_v4(host))
}

pub(crate) const fn is_host_character(character: char) -> bool {
    matches!(character, '0'..='9' | 'A'..='Z' | 'a'..='z' | '.' | '-' | '_')
}

pub(crate) fn is_address_of_v4(host: &str) -> bool {
    let is_part = |part: &str| part.parse::<u8>().is_ok_and(|_| part == "0" || !part.starts_with('0'));
    host.split('.').count() == 4 && host.split('.').all(is_part)
}

/// Not judged further: letters cannot stand in it.
fn is_address_of_v6(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_usual = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    inner.is_some_and(|inner| inner.contains(':') && inner.bytes().all(is_usual))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whom a mail goes to.
fn recipient(rest: &str) -> Option<&str> {
    /// By RFC 5321: 64 bytes before the `@` and 255 after it. Each character of a host is looked for among all of its
    /// hidden ones.
    const LONGEST: usize = 320;
    let recipient = rest.split(['?', '#']).next()?;
    (recipient.len() <= LONGEST && recipient.contains('@') && !recipient.contains([' ', '/']))
        .then_some(recipient)
}

/// The host with letters beyond ASCII told by their code points too: `аpple.com (U+0430)`.
fn readable_host(host: &str) -> String {
    let mut told: Vec<String> = Vec::new();
    let hidden = hidden_in(host);
    for (at, character) in host.char_indices().filter(|(_, character)| !character.is_ascii()) {
        let name = code_point(character);
        if !hidden.contains(&(at, character)) && !told.contains(&name) {
            told.push(name);
        }
    }
    let host = unhidden(host);
    if told.is_empty() { host } else { [&host, " (", &told.join(" "), ")"].concat() }
}

/// `data:image/png;base64,...`, of a kind that holds no script.
fn is_picture_data(url: &str) -> bool {
    let kinds = [
        "data:image/png;base64,",
        "data:image/jpeg;base64,",
        "data:image/webp;base64,",
        "data:image/gif;base64,",
    ];
    let data = kinds.into_iter().find_map(|kind| url.strip_prefix(kind));
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    data.is_some_and(|data| !data.is_empty() && data.bytes().all(is_base64))
}

/// What nobody may open, for the tests of this module and of whoever writes links.
#[cfg(test)]
pub(crate) mod hostile {
    /// Addresses that a browser runs, or opens with another program.
    pub(crate) const OTHER_SCHEMES: &[&str] = &[
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "\u{1}javascript:alert(1)",
        "\u{a0}javascript:alert(1)",
        "\u{feff}javascript:alert(1)",
        "java\nscript:alert(1)",
        "java\tscript:alert(1)",
        "java\r\nscript:alert(1)",
        "java\0script:alert(1)",
        "java\u{ad}script:alert(1)",
        "javascript\t:alert(1)",
        "javascript :alert(1)",
        "javascript&colon;alert(1)",
        "&#106;avascript:alert(1)",
        "javascript%3aalert(1)",
        "%6aavascript:alert(1)",
        "javascript://example.com/%0aalert(1)",
        "ｊavascript:alert(1)",
        "jаvascript:alert(1)",
        "javaſcript:alert(1)",
        "javascript：alert(1)",
        "vbscript:msgbox(1)",
        "VBSCRIPT:msgbox(1)",
        "livescript:alert(1)",
        "mocha:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:text/html;base64,PHNjcmlwdD4=",
        "DATA:text/html,x",
        "data:image/svg+xml,<svg onload=alert(1)>",
        "data:image/png;base64,AAAA",
        "data:,x",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "blob:https://example.com/1",
        "filesystem:https://example.com/x",
        "view-source:https://example.com",
        "about:blank",
        "chrome://settings",
        "ms-msdt:/id",
        "intent://x#Intent;end",
        "feed:javascript:alert(1)",
        "jar:https://example.com!/x",
        "ftp://example.com",
        "ws://example.com",
        "tel:+1",
        "sms:+1",
        "ssh://example.com",
    ];

    /// Addresses that are incomplete, or that a browser would repair first.
    pub(crate) const BROKEN: &[&str] = &[
        "",
        ":",
        "//evil.com",
        "///evil.com",
        "\\\\evil.com",
        "/login",
        "login.html",
        "#top",
        "?x=1",
        "example.com",
        "www.example.com",
        "https",
        "https:",
        "https:/",
        "https://",
        "https:///evil.com",
        "https:evil.com",
        "https:/evil.com",
        "https://?evil.com",
        "https://#evil.com",
        "https://@",
        "https://user@",
        "https://:80",
        "mailto:",
        "mailto:bob",
        "mailto:?to=a@b.com",
        "mailto://a@b.com",
        "mailto:a b@c.com",
        " https://example.com",
        "https://example.com ",
        "\u{3000}https://example.com",
        "\thttps://example.com",
        "https://example.com\n",
        "ht\ntps://example.com",
        "https:\n//example.com",
        "https://exam\tple.com",
        "https://example.com/\u{0}",
        "https://example.com/\u{85}",
        "https:\\\\evil.com",
        "https:/\\evil.com",
        "https://evil.com\\@bank.com",
        "https://bank.com\\.evil.com",
        "https://%65vil.com",
        "https://evil%2ecom",
        "https://evil .com",
        "https://evil.com:80:80",
        "https://evil.com:x",
        "https://evil.com:123456",
        "https://ev<il.com",
        "https://evil.com;bank.com",
        "https://evil.com,bank.com",
        "https://evil.com&bank.com",
        "https://[evil.com]",
        "https://[::1",
        "https://::1/",
        "https://[::1]evil.com",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1",
        "https://127.1",
        "https://0177.0.0.1",
        "https://127.0.0.256",
        "https://127.0.0.1.",
        "https://.",
    ];
}

#[cfg(test)]
mod tests {
    use super::hostile::{BROKEN, OTHER_SCHEMES};
    use super::*;

    fn host_of(url: &str) -> Option<String> {
        address(url).map(|address| address.host)
    }

    #[test]
    fn the_web_and_mail_are_opened() {
        for (url, href, host) in [
            ("https://example.com", "https://example.com", "example.com"),
            ("http://example.com/a b?c#d", "http://example.com/a b?c#d", "example.com"),
            ("HtTpS://Example.COM/Path", "https://Example.COM/Path", "example.com"),
            ("https://example.com:8443/", "https://example.com:8443/", "example.com"),
            ("https://example.com?x=@y", "https://example.com?x=@y", "example.com"),
            ("https://example.com#@y", "https://example.com#@y", "example.com"),
            ("http://localhost:3000/x", "http://localhost:3000/x", "localhost"),
            ("http://127.0.0.1/", "http://127.0.0.1/", "127.0.0.1"),
            ("http://[2001:DB8::1]:80/", "http://[2001:DB8::1]:80/", "[2001:db8::1]"),
            ("http://[::ffff:127.0.0.1]/", "http://[::ffff:127.0.0.1]/", "[::ffff:127.0.0.1]"),
            ("mailto:A@example.com?subject=x", "mailto:A@example.com?subject=x", "a@example.com"),
            ("https://example.com/\"><script>", "https://example.com/\"><script>", "example.com"),
            (
                "https://example.com/javascript:alert(1)",
                "https://example.com/javascript:alert(1)",
                "example.com",
            ),
        ] {
            let opened = address(url);
            assert_eq!(opened, Some(Address { href: href.to_owned(), host: host.to_owned() }), "{url}");
        }
    }

    #[test]
    fn the_host_is_the_one_that_a_browser_goes_to() {
        for url in [
            "https://bank.com@evil.com",
            "https://bank.com:pass@evil.com/bank.com",
            "https://bank.com@bank.com@evil.com:443",
            "https://bank.com%2f@evil.com",
            "https://evil.com?@bank.com",
            "https://evil.com#@bank.com/",
            "https://evil.com/@bank.com",
        ] {
            assert_eq!(host_of(url).as_deref(), Some("evil.com"), "{url}");
        }
    }

    #[test]
    fn no_other_scheme_is_opened() {
        for url in OTHER_SCHEMES {
            assert_eq!(address(url), None, "{url:?}");
        }
    }

    #[test]
    fn nothing_is_opened_that_is_incomplete_or_that_a_browser_would_repair() {
        for url in BROKEN {
            assert_eq!(address(url), None, "{url:?}");
        }
        assert_eq!(address(&["https://", &"a".repeat(254)].concat()), None);
    }

    #[test]
    fn letters_of_a_host_that_look_like_others_are_told() {
        for (url, host) in [
            ("https://аpple.com", "аpple.com (U+0430)"),
            ("https://аррle.com/", "аррle.com (U+0430 U+0440)"),
            ("https://bank.com\u{202e}moc.live", "bank.comU+202Emoc.live"),
            ("https://ba\u{200b}nk.com", "baU+200Bnk.com"),
            ("https://evil.com／bank.com", "evil.com／bank.com (U+FF0F)"),
            ("mailto:а@bank.com", "а@bank.com (U+0430)"),
        ] {
            assert_eq!(host_of(url).as_deref(), Some(host), "{url}");
        }
    }

    #[test]
    fn a_picture_from_elsewhere_waits_and_one_in_its_address_must_be_a_picture() {
        let picture_of = |url: &str| match picture(url) {
            Picture::Elsewhere(address) => address.host,
            Picture::Data => "data".to_owned(),
            Picture::No => "no".to_owned(),
        };
        for (url, is) in [
            ("https://example.com/a.png", "example.com"),
            ("data:image/png;base64,iVBORw0KGgo=", "data"),
            ("data:image/jpeg;base64,AA==", "data"),
            ("data:image/webp;base64,AA==", "data"),
            ("data:image/gif;base64,A/+9", "data"),
            ("data:image/png;base64,", "no"),
            ("data:image/png,AAAA", "no"),
            ("data:image/png;charset=x;base64,AAAA", "no"),
            ("data:image/png;base64,AA\nAA", "no"),
            ("data:image/png;base64,AA\"onerror=", "no"),
            ("data:image/svg+xml;base64,PHN2Zz4=", "no"),
            ("data:image/svg+xml,<svg>", "no"),
            ("data:text/html;base64,AAAA", "no"),
            ("mailto:a@example.com", "no"),
            ("javascript:alert(1)", "no"),
            ("a.png", "no"),
            ("//example.com/a.png", "no"),
            ("blob:https://example.com/1", "no"),
        ] {
            assert_eq!(picture_of(url), is, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_found() {
        let hidden = "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{61c}\u{200e}\u{200f}\
            \u{ad}\u{34f}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180e}\u{200b}\u{2060}\u{2064}\u{206a}\u{206f}\u{3164}\u{feff}\
            \u{ffa0}\u{2028}\u{0}\u{8}\r\u{1b}\u{7f}\u{85}\u{fe0f}\u{200c}\u{200d}\u{e0001}\u{e0041}\u{e007f}\u{e0100}";
        for hidden in hidden.chars() {
            let text = format!("é = a{hidden}b");
            assert_eq!(hidden_in(&text), [(6, hidden)], "{hidden:?}");
            assert_eq!(unhidden(&text), format!("é = a{}b", code_point(hidden)));
        }
    }

    #[test]
    fn what_a_script_or_an_emoji_needs_is_left_alone() {
        for text in [
            "let x = \"a\";\n\tx",
            "naïve — “quoted” … 日本語 \u{a0}",
            "❤️ ☕️ 1️⃣ #️⃣ ©️",
            "👩‍💻 👁️‍🗨️ 👨‍👩‍👧 🏳️‍🌈",
            "می‌خواهم क्‍ष",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        ] {
            assert_eq!(hidden_in(text), [], "{text}");
            assert_eq!(unhidden(text), text);
        }
    }

    #[test]
    fn what_follows_an_emoji_is_not_hidden_by_it() {
        let message: String = (0..20).map(|_| '\u{e0041}').collect();
        assert_eq!(hidden_in(&format!("🏴{message}")).len(), 14);
        assert_eq!(hidden_in("❤\u{fe0f}\u{fe0f}\u{fe01}").len(), 2);
        assert_eq!(hidden_in("日\u{200d}\u{200c}\u{200d}本").len(), 3);
        assert_eq!(hidden_in("日\u{200d}").len(), 1);
    }
}
