//! What may be opened, and what may not hide. The words of an answer are a stranger's, and so are its addresses: a
//! page that the model was given to read can make it write both.

/// An address that may be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As the browser gets it.
    pub href: String,
    /// Where it leads, to be read by people: the host, never what stands before an `@`; for mail, the recipient.
    /// Letters that look like others are told by their code points.
    pub host: String,
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
pub fn picture(url: &str) -> Picture {
    if is_picture_data(url) {
        return Picture::Data;
    }
    match address(url) {
        Some(address) if !address.href.starts_with("mailto:") => Picture::Elsewhere(address),
        _ => Picture::No,
    }
}

/// Whether a link has to tell its host beside its words: if they name another one, or if the host itself can be taken
/// for another.
pub fn is_disguised(address: &Address, words: &str) -> bool {
    let mail = address.href.strip_prefix("mailto:");
    let authority = mail.or_else(|| address.href.split("//").nth(1)).map(authority).unwrap_or_default();
    if !authority.is_ascii() || authority.to_ascii_lowercase().contains("xn--") {
        return true;
    }
    let named = names(words);
    if mail.is_some() {
        let hosts = names(&address.host);
        let is_other_person = words.contains('@') && !words.to_ascii_lowercase().contains(&address.host);
        return is_other_person || named.iter().any(|name| !hosts.contains(name));
    }
    let host = plain_name(&address.host);
    authority.contains('@') || named.iter().any(|name| *name != host)
}

/// The characters of a text that cannot be seen, or that change how others are seen, with their places in bytes.
/// Those that a script or an emoji needs are left out.
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
pub fn code_point(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

/// The text with [hidden](hidden_in) characters told by their names.
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

const fn is_always_hidden(character: char) -> bool {
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
fn authority(rest: &str) -> &str {
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

const fn is_host_character(character: char) -> bool {
    matches!(character, '0'..='9' | 'A'..='Z' | 'a'..='z' | '.' | '-' | '_')
}

fn is_address_of_v4(host: &str) -> bool {
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

/// The hosts that a text names, each in its [plain form](plain_name).
fn names(words: &str) -> Vec<String> {
    let seen: String = words.chars().filter(|&character| !is_always_hidden(character)).collect();
    seen.split_whitespace().flat_map(names_in_word).collect()
}

/// The hosts that a word names. What follows the first one's slash is its path.
fn names_in_word(word: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = word;
    while let Some(start) = rest.find(is_name_character) {
        let (before, from) = rest.split_at(start);
        if !names.is_empty() && before.contains(['/', '?', '#', '\\']) {
            break;
        }
        let end = from.find(|character| !is_name_character(character)).unwrap_or(from.len());
        let (name, after) = from.split_at(end);
        if before.ends_with("//") || is_domain(name) {
            names.push(plain_name(name));
        }
        rest = after;
    }
    names
}

/// Whether it can stand in a host. Beyond ASCII these are all but signs.
const fn is_name_character(character: char) -> bool {
    is_host_character(character)
        || is_dot(character)
        || !character.is_ascii()
            && !matches!(
                character,
                '\u{80}'..='\u{bf}' | '\u{2000}'..='\u{2bff}' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff0f}'
            )
}

/// The dots that a browser takes for one, and one that looks like it.
const fn is_dot(character: char) -> bool {
    matches!(character, '.' | '\u{2024}' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}')
}

/// Names that lead to the same host, or to its owner's, are the same in this form.
fn plain_name(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace(is_dot, ".");
    name.trim_matches(EDGES).trim_start_matches("www.").to_owned()
}

/// What may stand around a name without being of it.
const EDGES: [char; 3] = ['.', '-', '_'];

/// Whether a name reads like a domain. The words of answers are full of names with dots, `asyncio.gather` and
/// `Node.js` among them: what counts is the end.
fn is_domain(name: &str) -> bool {
    let plain = name.to_ascii_lowercase().replace(is_dot, ".");
    let plain = plain.trim_matches(EDGES);
    let Some((_, last)) = plain.rsplit_once('.') else { return false };
    let is_country = last.len() == 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic());
    plain.starts_with("www.")
        || is_address_of_v4(plain)
        || is_country && !FILE_ENDINGS.contains(&last)
        || ENDINGS.contains(&last)
        || last.starts_with("xn--")
        // The full stop of Chinese and Japanese parts sentences, which no space follows.
        || !last.is_ascii() && name.contains(|character| is_dot(character) && character != '\u{3002}')
}

/// Two letters, but no country's.
const FILE_ENDINGS: [&str; 6] = ["js", "ts", "go", "cs", "rb", "kt"];

/// The usual ends of domains that are no country's.
const ENDINGS: [&str; 32] = [
    "com", "org", "net", "edu", "gov", "mil", "int", "info", "biz", "app", "dev", "xyz", "online", "site",
    "shop", "store", "cloud", "tech", "bank", "page", "link", "click", "live", "news", "blog", "pro", "top",
    "club", "zip", "mov", "finance", "support",
];

#[cfg(test)]
mod tests {
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
        for url in [
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
        ] {
            assert_eq!(address(url), None, "{url:?}");
        }
    }

    #[test]
    fn nothing_is_opened_that_is_incomplete_or_that_a_browser_would_repair() {
        for url in [
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
        ] {
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

    fn tells(url: &str, words: &str) -> bool {
        is_disguised(&address(url).unwrap(), words)
    }

    #[test]
    fn words_that_name_another_host_do_not_hide_the_real_one() {
        for words in [
            "https://bank.com",
            "HTTPS://BANK.COM/login",
            "https://bank.com/evil.com",
            "http:/bank.com",
            "https:bank.com",
            "//intranet/x",
            "bank.com",
            "www.bank.com",
            "www.bank.localbank",
            "Bank.Com",
            "bank.com.",
            "(bank.com)",
            "→bank.com",
            "go→bank.com",
            "_bank.com_",
            "/bank.com",
            "Your account at bank.com, safely",
            "bank.com@evil.com",
            "evil.com:bank.com",
            "bank.com:443/evil.com",
            "evil.com, not bank.com",
            "support@bank.com",
            "mybank.finance",
            "bank.de",
            "bank.co.uk/login",
            "bаnk.com",
            "bank\u{200b}.com",
            "ba\u{ad}nk.com",
            "bank。com",
            "ｂａｎｋ．ｃｏｍ",
            "bank\u{2024}com",
            "例子.测试",
            "xn--80ak6aa92e.xn--p1ai",
            "192.168.0.1",
            "gist.evil.com",
        ] {
            assert!(tells("https://evil.com/x", words), "{words}");
        }
        assert!(tells("mailto:eve@evil.com", "bank.com"));
        assert!(tells("mailto:eve@evil.com", "adam@evil.com"));
        assert!(tells("mailto:eve@evil.com", "https://bank.com"));
    }

    #[test]
    fn words_that_name_the_host_or_none_need_nothing_beside_them() {
        for words in [
            "",
            "the documentation",
            "evil.com",
            "https://evil.com/a/main.rs?b=c.de#e.com",
            "http://www.EVIL.com:80/",
            "evil.com/README.md",
            "e.g. this one",
            "Node.js",
            "asyncio.gather",
            "Array.prototype.map",
            "package.json",
            "v1.2.3",
            "3.14",
            "std::io",
            "Wait... what",
            "了解更多。点击这里",
            "a/b",
        ] {
            assert!(!tells("https://evil.com/x", words), "{words}");
        }
        assert!(!tells("http://localhost:3000/a.rs", "http://localhost:3000/a.rs"));
        assert!(!tells("http://127.0.0.1/", "127.0.0.1"));
        assert!(!tells("mailto:eve@evil.com?subject=x", "Eve@evil.com"));
        assert!(!tells("mailto:eve@evil.com", "write to us"));
    }

    #[test]
    fn a_host_that_can_be_taken_for_another_is_told_always() {
        for url in [
            "https://аpple.com",
            "https://xn--80ak6aa92e.com",
            "https://www.XN--80ak6aa92e.com",
            "https://bank.com@evil.com",
            "https://ba\u{200b}nk.com",
            "mailto:a@аpple.com",
        ] {
            assert!(tells(url, "here"), "{url}");
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
