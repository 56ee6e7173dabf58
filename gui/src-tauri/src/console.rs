//! The address of a node's console: what the window may show, and nothing else.

use std::fmt;

use url::{Origin, Url};

/// Bytes of an address that are looked at: a name of the longest kind, a port and a key.
pub(crate) const ADDRESS_BYTES_MAX: usize = 1024;

/// A console's address; the part behind `#` may hold the owner's key, so that it is never printed whole.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Console {
    address: Url,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Console({})", self.place())
    }
}

/// Why an address is no console's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// It cannot be read, or is too long.
    #[error("this is no address: one looks like http://192.168.1.20:8080")]
    Form,
    /// A scheme that a node does not speak.
    #[error("a node is reached by http or https")]
    Scheme,
    /// `http://name:password@host`: who shows such an address means to mislead.
    #[error("an address of a node has no user name and no password")]
    User,
    /// A node of this user listens on this machine.
    #[cfg(desktop)]
    #[error("the address leads to another machine")]
    Elsewhere,
}

impl Console {
    /// The address that a node on this machine has written down for its owner.
    #[cfg(desktop)]
    pub(crate) fn of_own(text: &str) -> Result<Self, AddressError> {
        let console = Self::read(text.trim())?;
        let here = match console.address.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if here { Ok(console) } else { Err(AddressError::Elsewhere) }
    }

    /// What a person typed: the scheme may be left out. Path and query are not the user's to choose.
    pub(crate) fn of_typed(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut console = Self::read(&full)?;
        console.address.set_path("/");
        console.address.set_query(None);
        Ok(console)
    }

    fn read(text: &str) -> Result<Self, AddressError> {
        if text.len() > ADDRESS_BYTES_MAX || text.chars().any(char::is_whitespace) {
            return Err(AddressError::Form);
        }
        let address = Url::parse(text).map_err(|_| AddressError::Form)?;
        if !matches!(address.scheme(), "http" | "https") {
            return Err(AddressError::Scheme);
        }
        if !address.username().is_empty() || address.password().is_some() {
            return Err(AddressError::User);
        }
        Ok(Self { address })
    }

    /// The whole address, with the key if it has one: for the web view alone.
    pub(crate) fn address(&self) -> &Url {
        &self.address
    }

    /// Scheme, host and port: what may be shown, logged and kept.
    pub(crate) fn place(&self) -> String {
        self.address.origin().ascii_serialization()
    }

    /// Host and port, to see whether anybody listens there.
    pub(crate) fn host_and_port(&self) -> Option<(String, u16)> {
        // An IPv6 address stands in brackets in an address of the web, and nowhere else.
        let host = self.address.host_str()?.trim_matches(['[', ']']).to_owned();
        Some((host, self.address.port_or_known_default()?))
    }

    /// Whether `url` is a page of this console, or something that such a page made (`blob:`).
    pub(crate) fn is_of(&self, url: &Url) -> bool {
        let origin = url.origin();
        matches!(origin, Origin::Tuple(..)) && origin == self.address.origin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_own_nodes_address_is_on_this_machine() {
        for good in [
            "http://127.0.0.1:8080/#key=pmk_owner_x\n",
            "https://localhost:1/",
            "http://[::1]:9/#key=a",
            "http://127.9.9.9:8080",
        ] {
            assert!(Console::of_own(good).is_ok(), "{good}");
        }
        for (bad, error) in [
            ("", AddressError::Form),
            ("8080", AddressError::Form),
            ("http://127.0.0.1:8080/ http://evil.example", AddressError::Form),
            ("http://127.0.0.1:99999/", AddressError::Form),
            ("file:///etc/passwd", AddressError::Scheme),
            ("javascript:alert(1)", AddressError::Scheme),
            ("http://evil.example:8080/", AddressError::Elsewhere),
            ("http://127.0.0.1.evil.example/", AddressError::Elsewhere),
            ("http://0.0.0.0:8080/", AddressError::Elsewhere),
            ("http://127.0.0.1@evil.example/", AddressError::User),
            ("http://localhost:x@evil.example/", AddressError::Form),
        ] {
            let read = Console::of_own(bad);
            assert!(read.is_err(), "{bad}");
            if bad != "http://localhost:x@evil.example/" {
                assert_eq!(read.unwrap_err(), error, "{bad}");
            }
        }
        assert!(Console::of_own(&format!("http://127.0.0.1/#{}", "k".repeat(ADDRESS_BYTES_MAX))).is_err());
    }

    #[test]
    fn people_leave_the_scheme_out_and_paste_too_much() {
        let typed = |text: &str| Console::of_typed(text).map(|console| console.address().to_string());
        assert_eq!(typed(" 192.168.1.20:8080 ").unwrap(), "http://192.168.1.20:8080/");
        assert_eq!(typed("https://node.example/x/y?z=1#key=k").unwrap(), "https://node.example/#key=k");
        assert_eq!(typed("ftp://node.example"), Err(AddressError::Scheme));
        assert_eq!(typed("two words"), Err(AddressError::Form));
        assert_eq!(typed(""), Err(AddressError::Form));
    }

    #[test]
    fn the_key_is_neither_printed_nor_kept() {
        let console = Console::of_own("http://127.0.0.1:8080/#key=pmk_owner_secret").unwrap();
        assert!(!format!("{console:?}").contains("secret"));
        assert_eq!(console.place(), "http://127.0.0.1:8080");
        assert!(console.address().as_str().ends_with("#key=pmk_owner_secret"));
        assert_eq!(console.host_and_port(), Some(("127.0.0.1".into(), 8080)));
        let six = Console::of_own("http://[::1]:8080/").unwrap();
        assert_eq!(six.host_and_port(), Some(("::1".into(), 8080)));
    }

    #[test]
    fn only_pages_of_the_same_origin_are_its_own() {
        let console = Console::of_own("http://127.0.0.1:8080/#key=k").unwrap();
        for own in
            ["http://127.0.0.1:8080/", "http://127.0.0.1:8080/x#/trust", "blob:http://127.0.0.1:8080/1-2-3"]
        {
            assert!(console.is_of(&url(own)), "{own}");
        }
        for other in [
            "https://127.0.0.1:8080/",
            "http://127.0.0.1:8081/",
            "http://127.0.0.1/",
            "http://localhost:8080/",
            "http://evil.example/#http://127.0.0.1:8080/",
            "tauri://localhost/",
            "data:text/html,x",
            "blob:http://evil.example/1",
            "about:blank",
            "file:///etc/passwd",
        ] {
            assert!(!console.is_of(&url(other)), "{other}");
        }
    }
}
