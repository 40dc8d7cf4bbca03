//! By which names this server may be called.
//!
//! A page of another site can give its own name the address of this machine and would then count as part of this
//! site (DNS rebinding). It cannot choose the `Host` that its visitor's browser sends: that stays its own name. So
//! only names are answered that cannot be anybody else's, and those that the operator gives.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The names that nobody can register (RFC 6761, 6762, 8375, and the reserved `internal`).
const PRIVATE_ENDINGS: [&str; 4] = [".localhost", ".local", ".internal", ".home.arpa"];

/// The names of this server.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts {
    given: Vec<String>,
}

impl AllowedHosts {
    /// With these names of the operator's own; `*` stands for all.
    #[must_use]
    pub fn new(given: impl IntoIterator<Item = String>) -> Self {
        let given = given.into_iter().map(|name| name.trim().to_ascii_lowercase());
        Self { given: given.filter(|name| !name.is_empty()).collect() }
    }

    /// True if a request with this `Host` is for this server. Addresses and names without a dot are: no other site
    /// can be called so. What is no name at all is nobody's.
    #[must_use]
    pub fn allows(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        if is_address(&name) {
            return true;
        }
        let name = name.strip_suffix('.').unwrap_or(&name);
        let is_private = !name.contains('.') || PRIVATE_ENDINGS.iter().any(|ending| name.ends_with(ending));
        is_name(name) && (is_private || self.given.iter().any(|given| given == name || given == "*"))
    }
}

fn is_address(name: &str) -> bool {
    let in_brackets = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match in_brackets {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => name.parse::<Ipv4Addr>().is_ok(),
    }
}

/// Letters, digits, hyphens and underscores, with single dots between them.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.split('.').all(is_part)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // An IPv6 address has colons of its own.
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_of_ones_own_network_are_known() {
        let hosts = AllowedHosts::default();
        for own in [
            "127.0.0.1:3000",
            "[::1]:3000",
            "[::1]",
            "192.168.1.5",
            "localhost:3000",
            "chat.localhost",
            "nas:3000",
            "NAS.local",
        ] {
            assert!(hosts.allows(own), "{own}");
        }
    }

    #[test]
    fn a_public_name_is_known_only_if_it_was_given() {
        let hosts = AllowedHosts::new([" Chat.Example.com ".to_owned(), String::new()]);
        for (name, is_known) in [
            ("chat.example.com", true),
            ("chat.example.com.:8443", true),
            ("evil.example.com", false),
            ("127.0.0.1.evil.com:3000", false),
            ("localhost.evil.com", false),
            ("evil.com:3000", false),
        ] {
            assert_eq!(hosts.allows(name), is_known, "{name}");
        }
        assert!(AllowedHosts::new(["*".to_owned()]).allows("evil.com"));
    }

    #[test]
    fn what_is_no_name_is_not_known_even_if_all_names_are() {
        for hosts in [AllowedHosts::default(), AllowedHosts::new(["*".to_owned()])] {
            for host in [
                "",
                ".",
                "..",
                ":3000",
                "localhost..",
                ".local",
                "evil..local",
                "someone@localhost",
                "a b",
                "[::1",
                "::1]",
                "[localhost]",
                "localhost/x",
                "localhost:80:80",
                "caf\u{e9}",
                "\u{fffd}",
            ] {
                assert!(!hosts.allows(host), "{host:?}");
            }
        }
    }
}
