//! The form of a multiaddress, checked early so that a mistake is reported with its setting. The network parses
//! it for good; only it knows libp2p.

use std::net::{IpAddr, SocketAddr};

/// Bytes of an address: the longest real ones (DNS name, port, peer id) have under 200.
const ADDRESS_BYTES_MAX: usize = 256;

/// Says what is wrong with `text` and what to write instead.
pub fn check(text: &str) -> Result<(), String> {
    let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.len() > ADDRESS_BYTES_MAX {
        return Err(format!("`{shown}...` is longer than an address can be"));
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Err(format!("`{shown}` is not a multiaddress; write {}", quic(socket.ip(), socket.port())));
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Err(format!("`{shown}` is not a multiaddress; write {}", quic(ip, 0)));
    }
    if is_multiaddress(text) {
        return Ok(());
    }
    Err(format!(
        "`{shown}` is not a multiaddress; write one like /ip4/0.0.0.0/udp/4820/quic-v1 or \
         /dns4/example.org/tcp/4820/p2p/PEER_ID"
    ))
}

fn quic(ip: IpAddr, port: u16) -> String {
    let family = if ip.is_ipv4() { "ip4" } else { "ip6" };
    format!("/{family}/{ip}/udp/{port}/quic-v1")
}

/// `/host/transport[/p2p/id]`, the forms that QUIC and TCP over IP know.
fn is_multiaddress(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else { return false };
    let mut parts = rest.split('/');
    let (Some(family), Some(host)) = (parts.next(), parts.next()) else { return false };
    let host_fits = match family {
        "ip4" => host.parse::<std::net::Ipv4Addr>().is_ok(),
        "ip6" => host.parse::<std::net::Ipv6Addr>().is_ok(),
        "dns" | "dns4" | "dns6" => {
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
        }
        _ => false,
    };
    let (Some(transport), Some(port)) = (parts.next(), parts.next()) else { return false };
    let transport_fits = match transport {
        "udp" => parts.next() == Some("quic-v1"),
        "tcp" => true,
        _ => false,
    };
    let peer_fits = match (parts.next(), parts.next()) {
        (None, _) => true,
        (Some("p2p"), Some(id)) => !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric()),
        _ => false,
    };
    host_fits && transport_fits && port.parse::<u16>().is_ok() && peer_fits && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_addresses_pass() {
        for text in [
            "/ip4/0.0.0.0/udp/4820/quic-v1",
            "/ip4/127.0.0.1/tcp/0",
            "/ip6/::1/udp/0/quic-v1",
            "/dns4/example.org/udp/4820/quic-v1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn mistakes_are_told_what_to_write() {
        let plain = check("0.0.0.0:4001").unwrap_err();
        assert!(plain.contains("write /ip4/0.0.0.0/udp/4001/quic-v1"), "{plain}");
        assert!(check("::1").unwrap_err().contains("/ip6/::1/udp/0/quic-v1"));
        for text in
            ["", "/", "/ip4/1.2.3.4", "/ip4/1.2.3.4/udp/1", "/ip4/300.2.3.4/tcp/1", "/ip4/1.2.3.4/tcp/99999"]
        {
            assert!(check(text).is_err(), "{text}");
        }
        for text in ["/ip4/1.2.3.4/tcp/1/p2p/", "/ip4/1.2.3.4/tcp/1/p2p/x/y", "/dns/\u{1b}[31m/tcp/1"] {
            let reason = check(text).unwrap_err();
            assert!(!reason.contains('\u{1b}'), "{text}");
        }
        assert!(check(&"x".repeat(10_000)).unwrap_err().len() < 200);
    }
}
