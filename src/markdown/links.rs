//! Which links have to tell where they lead. The words of an answer are a stranger's, and so are its addresses: a page that
//! the model was given to read can make it write both.

pub use crate::safe_url::{Address, Picture, address, code_point, hidden_in, picture, unhidden};
use crate::safe_url::{authority, is_address_of_v4, is_always_hidden, is_host_character};

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
}
