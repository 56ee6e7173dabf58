//! The decision itself: pure, over what is known of the node and of the one who knocks. Everything that arrives
//! here is hostile text.

use super::keys::Scope;
use crate::api::table::Fault;
use std::net::IpAddr;

/// Characters of a stranger's text that are repeated to it.
const SHOWN_CHARS_MAX: usize = 80;

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing that a key protects: whether the node lives.
    Nothing,
    /// What this scope covers.
    Scope(Scope),
    /// What is the owner's alone, whether there are keys or not.
    Owner,
}

/// What is known of the node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy<'a> {
    /// Whether only this machine can reach the port.
    pub(super) loopback: bool,
    /// Whether it was spelt out that a port without keys is open.
    pub(super) insecure: bool,
    /// Whether there is a key.
    pub(super) keyed: bool,
    pub(super) allowed_hosts: &'a [String],
    pub(super) allowed_origins: &'a [String],
    /// Ports of this node that pages may come from.
    pub(super) own_ports: &'a [u16],
}

/// The key that came along.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shown<'a> {
    /// None.
    Nothing,
    /// One that opens nothing.
    Unknown,
    /// This one.
    Key { id: &'a str, scopes: &'a [Scope] },
}

/// What is known of the one who knocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Knock<'a> {
    /// The authority of the request's target, and every `Host`.
    pub(super) hosts: &'a [&'a str],
    /// `Origin`, if there is one.
    pub(super) origin: Option<&'a str>,
    pub(super) shown: Shown<'a>,
    pub(super) need: Need,
}

/// Lets in or says why not.
pub(super) fn decide(policy: &Policy<'_>, knock: &Knock<'_>) -> Result<(), Fault> {
    if let Some(origin) = knock.origin.filter(|origin| !is_allowed_origin(policy, knock.hosts, origin)) {
        return Err(Fault::new(
            "forbidden",
            format!("no page of {} may use this node; [api] allowed_origins can let it", shown(origin)),
        ));
    }
    // A far port whose last key was revoked stays closed.
    let closed = policy.keyed || !(policy.loopback || policy.insecure);
    match knock.need {
        Need::Nothing if closed => Ok(()),
        Need::Scope(scope) if closed => has_key(knock.shown, scope),
        Need::Owner if closed => has_key(knock.shown, Scope::Admin),
        Need::Owner => is_allowed_host(policy, knock.hosts).and_then(|()| is_owner(knock.shown)),
        _ => is_allowed_host(policy, knock.hosts),
    }
}

/// On a port that is open to its machine: other users of that are not its owner.
fn is_owner(shown: Shown<'_>) -> Result<(), Fault> {
    if has_key(shown, Scope::Admin).is_ok() {
        return Ok(());
    }
    let how = match shown {
        Shown::Nothing => {
            "open the console with `daemon console`, or bring an API key with the scope `admin`"
        }
        Shown::Unknown => {
            "the key is of an earlier run of the node, or wrong: open the console with `daemon console`"
        }
        Shown::Key { .. } => "the API key lacks the scope `admin`",
    };
    Err(Fault::new("owner_only", format!("this is for the node's owner alone: {how}")))
}

fn has_key(shown: Shown<'_>, scope: Scope) -> Result<(), Fault> {
    match shown {
        Shown::Nothing => {
            Err(Fault::new("unauthorized", "this node wants an API key: `Authorization: Bearer pmk_...`"))
        }
        Shown::Unknown => Err(Fault::new("unauthorized", "the API key is not known here: wrong, or revoked")),
        Shown::Key { scopes, .. } if scopes.iter().any(|s| *s == scope || *s == Scope::Admin) => Ok(()),
        Shown::Key { id, .. } => {
            Err(Fault::new("forbidden", format!("the API key {id} lacks the scope `{}`", scope.name())))
        }
    }
}

fn is_allowed_host(policy: &Policy<'_>, hosts: &[&str]) -> Result<(), Fault> {
    // Whoever opened a far port to everyone did not say under which names.
    if !policy.loopback && policy.allowed_hosts.is_empty() {
        return Ok(());
    }
    if hosts.is_empty() {
        return Err(Fault::new("forbidden", "the request names no host"));
    }
    let known = |host: &str| {
        let Some(authority) = Authority::parse(host) else { return false };
        authority.is_loopback() || policy.allowed_hosts.iter().any(|allowed| authority.fits(allowed))
    };
    match hosts.iter().find(|host| !known(host)) {
        None => Ok(()),
        Some(host) => Err(Fault::new(
            "forbidden",
            format!("{} is no name of this node; [api] allowed_hosts can make it one", shown(host)),
        )),
    }
}

fn is_allowed_origin(policy: &Policy<'_>, hosts: &[&str], origin: &str) -> bool {
    if policy.allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let Some((scheme, origin)) = origin.split_once("://") else { return false };
    let (Some(origin), Some(port)) = (Authority::parse(origin), default_port(scheme)) else { return false };
    let from = origin.port.unwrap_or(port);
    let hosts: Option<Vec<_>> = hosts.iter().map(|host| Authority::parse(host)).collect();
    let Some(hosts) = hosts.filter(|hosts| !hosts.is_empty()) else { return false };
    // The page came from the very place it talks to.
    let same = |host: &Authority<'_>| {
        host.name.eq_ignore_ascii_case(origin.name) && host.port.unwrap_or(port) == from
    };
    // Or from another port of this node, on this machine.
    let sister = |host: &Authority<'_>| host.is_loopback();
    hosts.iter().all(same)
        || (policy.loopback
            && origin.is_loopback()
            && policy.own_ports.contains(&from)
            && hosts.iter().all(sister))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// A host, perhaps with a port.
struct Authority<'a> {
    /// As written, an IPv6 address without its brackets.
    name: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (name, rest) = match text.strip_prefix('[') {
            Some(text) => {
                let (name, rest) = text.split_once(']')?;
                name.parse::<std::net::Ipv6Addr>().ok()?;
                (name, rest)
            }
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let port = match rest.strip_prefix(':') {
            Some(port) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
                Some(port.parse().ok()?)
            }
            Some(_) => return None,
            None if rest.is_empty() => None,
            None => return None,
        };
        let address = name.parse::<IpAddr>().is_ok();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        (address || (!name.is_empty() && name.bytes().all(plain))).then_some(Self { name, port })
    }

    fn is_loopback(&self) -> bool {
        let address = self.name.parse::<IpAddr>();
        self.name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|a| a.to_canonical().is_loopback())
    }

    /// Whether this is the host that `allowed` names; without a port it names every port.
    fn fits(&self, allowed: &str) -> bool {
        Authority::parse(allowed).is_some_and(|allowed| {
            allowed.name.eq_ignore_ascii_case(self.name)
                && (allowed.port.is_none() || allowed.port == self.port)
        })
    }
}

/// Whether `text` can stand in `allowed_hosts`; else what to write.
pub fn check_host(text: &str) -> Result<(), String> {
    match Authority::parse(text) {
        Some(_) => Ok(()),
        None => Err(format!("{} is no host; write a name, with a port if it matters", shown(text))),
    }
}

/// Whether `text` can stand in `allowed_origins`; else what to write.
pub fn check_origin(text: &str) -> Result<(), String> {
    let parts = text.split_once("://");
    let scheme =
        |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    match parts {
        Some((s, authority)) if scheme(s) && Authority::parse(authority).is_some() => Ok(()),
        _ => Err(format!("{} is no origin; write one like https://example.org", shown(text))),
    }
}

/// A stranger's text as it may be repeated: short, without control characters, in quotes.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let dots = if cut.len() < text.len() { "..." } else { "" };
    format!("`{}{dots}`", cut.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Policy<'_> = Policy {
        loopback: true,
        insecure: false,
        keyed: false,
        allowed_hosts: &[],
        allowed_origins: &[],
        own_ports: &[8080, 8081],
    };
    const CHAT: Need = Need::Scope(Scope::Chat);

    /// The code that comes of it, or `ok`.
    fn told(
        policy: &Policy<'_>,
        hosts: &[&str],
        origin: Option<&str>,
        shown: Shown<'_>,
        need: Need,
    ) -> String {
        let knock = Knock { hosts, origin, shown, need };
        decide(policy, &knock).map_or_else(|fault| fault.row.code.to_owned(), |()| "ok".to_owned())
    }

    #[test]
    fn an_open_loopback_port_answers_to_its_own_names_only() {
        let cases = [
            (&["localhost"][..], "ok"),
            (&["LocalHost:8080"], "ok"),
            (&["127.0.0.1:8080"], "ok"),
            (&["127.1.2.3"], "ok"),
            (&["[::1]:8080"], "ok"),
            (&["[::1]"], "ok"),
            (&["127.0.0.1:8080", "localhost"], "ok"),
            (&[], "forbidden"),
            (&[""], "forbidden"),
            (&["evil.example"], "forbidden"),
            (&["evil.example:8080"], "forbidden"),
            (&["127.0.0.1", "evil.example"], "forbidden"),
            (&["localhost.evil.example"], "forbidden"),
            (&["localhost:8080@evil.example"], "forbidden"),
            (&["localhost:x"], "forbidden"),
            (&["localhost:"], "forbidden"),
            (&["localhost:99999"], "forbidden"),
            (&["[::1"], "forbidden"),
            (&["[::1]x"], "forbidden"),
            (&["192.168.0.1"], "forbidden"),
            (&["0.0.0.0"], "forbidden"),
        ];
        for (hosts, expected) in cases {
            assert_eq!(told(&NEAR, hosts, None, Shown::Nothing, CHAT), expected, "{hosts:?}");
            assert_eq!(told(&NEAR, hosts, None, Shown::Nothing, Need::Nothing), expected, "{hosts:?}");
        }
        let allowed = ["node.example".to_owned(), "other.example:444".to_owned()];
        let named = Policy { allowed_hosts: &allowed, ..NEAR };
        for (host, expected) in [
            ("node.example", "ok"),
            ("NODE.example:1", "ok"),
            ("other.example:444", "ok"),
            ("other.example", "forbidden"),
            ("sub.node.example", "forbidden"),
        ] {
            assert_eq!(told(&named, &[host], None, Shown::Nothing, CHAT), expected, "{host}");
        }
    }

    #[test]
    fn pages_come_from_the_node_itself_or_from_where_the_owner_said() {
        let allowed = ["https://chat.example".to_owned(), "app://polymath".to_owned()];
        let policy = Policy { allowed_origins: &allowed, ..NEAR };
        let near = &["127.0.0.1:8080"][..];
        let cases = [
            (near, "http://127.0.0.1:8080", "ok"),
            (near, "http://localhost:8081", "ok"),
            (near, "http://localhost:3000", "forbidden"),
            (near, "https://chat.example", "ok"),
            (near, "app://polymath", "ok"),
            (near, "https://chat.example.evil", "forbidden"),
            (near, "http://chat.example", "forbidden"),
            (near, "https://evil.example", "forbidden"),
            (near, "null", "forbidden"),
            (near, "", "forbidden"),
            (near, "file://", "forbidden"),
            // Rebound: the page is same-origin, and the host is not ours.
            (&["evil.example:8080"], "http://evil.example:8080", "forbidden"),
        ];
        for (hosts, origin, expected) in cases {
            assert_eq!(told(&policy, hosts, Some(origin), Shown::Nothing, CHAT), expected, "{origin}");
        }
        // Behind a proxy, with keys: the page's own host, on the scheme's port.
        let far = Policy { loopback: false, keyed: true, ..NEAR };
        let key = Shown::Key { id: "k", scopes: &[Scope::Chat] };
        for (origin, expected) in [
            ("https://node.example", "ok"),
            ("https://node.example:443", "ok"),
            ("https://node.example:444", "forbidden"),
            ("http://localhost:8080", "forbidden"),
        ] {
            assert_eq!(told(&far, &["node.example"], Some(origin), key, CHAT), expected, "{origin}");
        }
    }

    #[test]
    fn a_key_is_wanted_as_soon_as_there_is_one() {
        let keyed = Policy { keyed: true, ..NEAR };
        let key = |scopes| Shown::Key { id: "abc", scopes };
        let read = Need::Scope(Scope::Read);
        let admin = Need::Scope(Scope::Admin);
        let cases = [
            (Shown::Nothing, CHAT, "unauthorized"),
            (Shown::Unknown, CHAT, "unauthorized"),
            (Shown::Nothing, read, "unauthorized"),
            (Shown::Nothing, Need::Nothing, "ok"),
            (Shown::Unknown, Need::Nothing, "ok"),
            (key(&[Scope::Chat]), CHAT, "ok"),
            (key(&[Scope::Chat]), read, "forbidden"),
            (key(&[Scope::Read]), CHAT, "forbidden"),
            (key(&[Scope::Read, Scope::Chat]), admin, "forbidden"),
            (key(&[Scope::Admin]), CHAT, "ok"),
            (key(&[Scope::Admin]), read, "ok"),
            (key(&[]), read, "forbidden"),
        ];
        let far = Policy { loopback: false, ..keyed };
        for (shown, need, expected) in cases {
            for policy in [&keyed, &far, &Policy { insecure: true, ..far }] {
                // Names do not matter to one who has a key.
                assert_eq!(told(policy, &["a.example"], None, shown, need), expected, "{shown:?} {need:?}");
            }
        }
    }

    #[test]
    fn a_far_port_without_keys_is_closed_unless_it_was_spelt_out() {
        let far = Policy { loopback: false, ..NEAR };
        assert_eq!(told(&far, &["localhost"], None, Shown::Nothing, CHAT), "unauthorized");
        assert_eq!(told(&far, &["localhost"], None, Shown::Nothing, Need::Nothing), "ok");
        let insecure = Policy { insecure: true, ..far };
        assert_eq!(told(&insecure, &["any.example"], None, Shown::Nothing, CHAT), "ok");
        let website = Some("https://evil.example");
        assert_eq!(told(&insecure, &["any.example"], website, Shown::Nothing, CHAT), "forbidden");
        // On this machine, the word does not let websites in.
        let near = Policy { insecure: true, ..NEAR };
        assert_eq!(told(&near, &["evil.example"], None, Shown::Nothing, CHAT), "forbidden");
    }

    #[test]
    fn strangers_text_is_repeated_short_and_without_controls() {
        let host = format!("\u{1b}[31m{}", "x".repeat(10_000));
        let knock = Knock { hosts: &[&host], origin: None, shown: Shown::Nothing, need: CHAT };
        let message = decide(&NEAR, &knock).unwrap_err().message;
        assert!(message.len() < 250 && !message.contains('\u{1b}'), "{message}");
    }

    #[test]
    fn settings_are_checked_by_their_form() {
        for good in ["a.example", "a:1", "10.0.0.1", "[::1]:8080"] {
            check_host(good).unwrap();
        }
        for bad in ["", "http://a", "a/b", "a:b", "*"] {
            check_host(bad).unwrap_err();
        }
        for good in ["https://a.example", "http://localhost:3000", "chrome-extension://abcdef"] {
            check_origin(good).unwrap();
        }
        for bad in ["", "*", "a.example", "https://", "https://a/", "null"] {
            check_origin(bad).unwrap_err();
        }
    }
}
