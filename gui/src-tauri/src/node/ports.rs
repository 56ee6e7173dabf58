//! Ports that somebody else has: the machine's own service, another user's node. Ours goes elsewhere instead of failing.

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

/// What the settings say of where the node listens.
pub(super) struct Said<'a> {
    /// Multiaddresses for other nodes.
    pub(super) listen: &'a [String],
    /// REST with the console, gRPC and WebSocket: an address and port, or `off`.
    pub(super) rest: &'a str,
    pub(super) grpc: &'a str,
    pub(super) ws: &'a str,
}

/// How a port is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Tcp,
    Udp,
}

/// The flags that differ from the settings: nothing, where all is free.
pub(super) fn flags(said: &Said<'_>) -> Vec<String> {
    flags_where(said, is_free)
}

fn flags_where(said: &Said<'_>, is_free: impl Fn(Transport, SocketAddr) -> bool + Copy) -> Vec<String> {
    let mut flags = Vec::new();
    let mut flag = |name: &str, value: String| flags.extend([name.to_owned(), value]);
    if let Some(address) = rest(said.rest, is_free) {
        flag("--rest", address.to_string());
    }
    for (name, said) in [("--grpc", said.grpc), ("--ws", said.ws)] {
        // `off` is no address, and stays off.
        if let Some(address) = said.parse().ok().and_then(|address| moved(address, is_free)) {
            flag(name, address.to_string());
        }
    }
    let listen: Vec<_> = said.listen.iter().map(|address| moved_listener(address, is_free)).collect();
    // The flags take the settings' place, so that it is all of them or none.
    if listen.iter().any(Option::is_some) {
        let all =
            listen.into_iter().zip(said.listen).map(|(moved, said)| moved.unwrap_or_else(|| said.clone()));
        all.for_each(|address| flag("--listen", address));
    }
    flags
}

/// Where REST goes if not where the settings say: the console needs it, also where they say `off`.
fn rest(said: &str, is_free: impl Fn(Transport, SocketAddr) -> bool) -> Option<SocketAddr> {
    match said.parse() {
        Ok(address) => moved(address, is_free),
        Err(_) => Some(SocketAddr::from(([127, 0, 0, 1], 0))),
    }
}

/// The same address with a port of the system's choosing, if its own is taken.
fn moved(address: SocketAddr, is_free: impl Fn(Transport, SocketAddr) -> bool) -> Option<SocketAddr> {
    (address.port() != 0 && !is_free(Transport::Tcp, address)).then(|| SocketAddr::new(address.ip(), 0))
}

/// The same for a multiaddress such as `/ip4/0.0.0.0/udp/4820/quic-v1`; those of other forms stay as they are.
fn moved_listener(address: &str, is_free: impl Fn(Transport, SocketAddr) -> bool) -> Option<String> {
    let mut parts: Vec<&str> = address.split('/').collect();
    let ["", "ip4" | "ip6", host, transport, port, ..] = parts[..] else { return None };
    let transport = match transport {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        _ => return None,
    };
    let address = SocketAddr::new(host.parse::<IpAddr>().ok()?, port.parse().ok()?);
    if address.port() == 0 || is_free(transport, address) {
        return None;
    }
    parts[4] = "0";
    Some(parts.join("/"))
}

fn is_free(transport: Transport, address: SocketAddr) -> bool {
    match transport {
        Transport::Tcp => TcpListener::bind(address).is_ok(),
        Transport::Udp => UdpSocket::bind(address).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTEN: [&str; 2] = ["/ip4/0.0.0.0/udp/4820/quic-v1", "/ip4/0.0.0.0/tcp/4820"];

    fn flags_with(rest: &str, taken: &[(Transport, u16)]) -> String {
        let listen = LISTEN.map(str::to_owned);
        let said = Said { listen: &listen, rest, grpc: "127.0.0.1:50051", ws: "off" };
        flags_where(&said, |transport, address| !taken.contains(&(transport, address.port()))).join(" ")
    }

    #[test]
    fn what_is_free_stays_as_the_settings_say() {
        assert_eq!(flags_with("127.0.0.1:8080", &[]), "");
        assert_eq!(flags_with("127.0.0.1:0", &[(Transport::Tcp, 0)]), "");
        // The same number of the other transport is another port.
        assert_eq!(flags_with("127.0.0.1:8080", &[(Transport::Udp, 8080)]), "");
    }

    #[test]
    fn what_somebody_has_is_left_to_him() {
        assert_eq!(flags_with("127.0.0.1:8080", &[(Transport::Tcp, 8080)]), "--rest 127.0.0.1:0");
        assert_eq!(flags_with("[::1]:8080", &[(Transport::Tcp, 8080)]), "--rest [::1]:0");
        assert_eq!(flags_with("127.0.0.1:8080", &[(Transport::Tcp, 50051)]), "--grpc 127.0.0.1:0");
        assert_eq!(
            flags_with("127.0.0.1:8080", &[(Transport::Udp, 4820)]),
            "--listen /ip4/0.0.0.0/udp/0/quic-v1 --listen /ip4/0.0.0.0/tcp/4820"
        );
    }

    #[test]
    fn there_is_a_console_in_any_case() {
        assert_eq!(flags_with("off", &[]), "--rest 127.0.0.1:0");
    }

    #[test]
    fn other_forms_of_addresses_stay_as_they_are() {
        let none = |_: Transport, _: SocketAddr| false;
        for address in
            ["", "/", "/dns4/x/udp/1", "/ip4/x/udp/1", "/ip4/1.1.1.1/udp/x", "/ip4/1.1.1.1/sctp/1", "/ip4"]
        {
            assert_eq!(moved_listener(address, none), None, "{address}");
        }
    }

    #[test]
    fn a_port_is_seen_to_be_taken() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(!is_free(Transport::Tcp, tcp.local_addr().unwrap()));
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let everywhere = SocketAddr::from(([0, 0, 0, 0], udp.local_addr().unwrap().port()));
        assert!(!is_free(Transport::Udp, everywhere));
    }
}
