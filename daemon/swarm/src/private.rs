//! Private swarms: one secret, from which everything that an outsider must not know is derived, and the string that invites.

use bs58::Alphabet;
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What an invitation begins with, so that people see what it is.
const PREFIX: &str = "polymath1:";
/// Bytes of a private swarm's name.
pub const NAME_BYTES_MAX: usize = 32;
/// Addresses of an invitation.
pub const ADDRESSES_MAX: usize = 16;
/// Bytes of an address.
const ADDRESS_BYTES_MAX: usize = 256;
/// Characters of an invitation that are looked at: sixteen addresses of the longest kind.
pub const INVITATION_CHARS_MAX: usize = 8 * 1024;
/// Bytes of the checksum.
const CHECKSUM: usize = 4;

/// A private swarm's secret: 32 random bytes. Pass phrases are no secrets: their names could be guessed offline.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SwarmSecret([u8; 32]);

impl fmt::Debug for SwarmSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SwarmSecret")
    }
}

impl SwarmSecret {
    /// From random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The keys of this swarm (HKDF-SHA256, RFC 5869, one label each).
    pub fn keys(&self) -> SwarmKeys {
        let name = self.derived(b"polymath/1/names");
        SwarmKeys {
            pnet: self.derived(b"polymath/1/pnet"),
            noise: self.derived(b"polymath/1/noise"),
            namespace: name[..16].iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    fn derived(&self, label: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        // 32 bytes are one block; only more than 255 of them are refused.
        let expanded = Hkdf::<Sha256>::new(None, &self.0).expand(label, &mut out);
        debug_assert!(expanded.is_ok());
        out
    }
}

/// What a node of a private swarm needs.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SwarmKeys {
    /// Under TCP, before anything else.
    pub pnet: [u8; 32],
    /// Of the handshake that every connection passes.
    pub noise: [u8; 32],
    /// Takes the namespace's place in every protocol's name: 32 hexadecimal digits.
    pub namespace: String,
}

impl fmt::Debug for SwarmKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SwarmKeys")
    }
}

/// An invitation to a private swarm, and what a member keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// What members call it; outsiders never see it.
    pub name: String,
    /// The secret.
    pub secret: SwarmSecret,
    /// Multiaddresses of members to start from.
    pub addresses: Vec<String>,
}

/// Why a string is no invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// It begins otherwise, or has characters that none has.
    #[error("this is no invitation: one begins with {PREFIX}")]
    Form,
    /// A character is wrong or missing.
    #[error("the invitation is damaged: copy all of it again")]
    Damaged,
    /// It was made by a later version.
    #[error("the invitation is of a version that this one does not know: upgrade")]
    Version,
    /// The name is none.
    #[error(
        "a swarm's name has 1 to {NAME_BYTES_MAX} letters, digits, '-', '_' and '.', and begins with a letter or digit"
    )]
    Name,
}

/// Whether a private swarm may be called so: the name is also a folder's.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(plain)
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

impl Invitation {
    /// One string with all of it. Whoever has it is a member.
    pub fn encode(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(vec![1]);
        let short = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
        bytes.push(short(self.name.len()));
        bytes.extend_from_slice(self.name.as_bytes());
        bytes.extend_from_slice(&self.secret.0);
        let addresses = self.addresses.iter().filter(|a| a.len() <= ADDRESS_BYTES_MAX).take(ADDRESSES_MAX);
        for address in addresses {
            bytes.extend_from_slice(&(address.len() as u16).to_be_bytes());
            bytes.extend_from_slice(address.as_bytes());
        }
        let checksum = Sha256::digest(&*bytes);
        bytes.extend_from_slice(&checksum[..CHECKSUM]);
        let text = Zeroizing::new(bs58::encode(&*bytes).with_alphabet(Alphabet::BITCOIN).into_string());
        Zeroizing::new(format!("{PREFIX}{}", *text))
    }

    /// Reads one.
    pub fn decode(text: &str) -> Result<Self, InvitationError> {
        let text = text.trim();
        let body = text.strip_prefix(PREFIX).filter(|_| text.len() <= INVITATION_CHARS_MAX);
        let body = body.ok_or(InvitationError::Form)?;
        let bytes = Zeroizing::new(bs58::decode(body).into_vec().map_err(|_| InvitationError::Form)?);
        let (content, checksum) =
            bytes.split_at_checked(bytes.len().wrapping_sub(CHECKSUM)).ok_or(InvitationError::Damaged)?;
        if Sha256::digest(content)[..CHECKSUM] != *checksum {
            return Err(InvitationError::Damaged);
        }
        let mut rest = content;
        if take(&mut rest, 1)? != [1] {
            return Err(InvitationError::Version);
        }
        let length = usize::from(take(&mut rest, 1)?[0]);
        let name = String::from_utf8_lossy(take(&mut rest, length)?).into_owned();
        if !is_name(&name) {
            return Err(InvitationError::Name);
        }
        let secret = take(&mut rest, 32)?.try_into().map_err(|_| InvitationError::Damaged)?;
        let mut addresses = Vec::new();
        while !rest.is_empty() {
            let length = take(&mut rest, 2)?;
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            let address = str::from_utf8(take(&mut rest, length)?).map_err(|_| InvitationError::Damaged)?;
            if length > ADDRESS_BYTES_MAX || addresses.len() == ADDRESSES_MAX {
                return Err(InvitationError::Damaged);
            }
            addresses.push(address.to_owned());
        }
        Ok(Self { name, secret: SwarmSecret::new(secret), addresses })
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], InvitationError> {
    let (head, tail) = rest.split_at_checked(length).ok_or(InvitationError::Damaged)?;
    *rest = tail;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn invitation() -> Invitation {
        Invitation {
            name: "family".into(),
            secret: SwarmSecret::new([7; 32]),
            addresses: vec!["/ip4/192.0.2.1/udp/4820/quic-v1/p2p/12D3KooWx".into()],
        }
    }

    #[test]
    fn an_invitation_comes_back_and_says_nothing_by_itself() {
        let text = invitation().encode();
        assert_eq!(Invitation::decode(&format!(" {}\n", *text)), Ok(invitation()));
        let shown = format!("{:?}", invitation());
        assert!(!shown.contains("7, 7") && !shown.contains("07"), "{shown}");
        let none = Invitation { addresses: vec![], ..invitation() };
        assert_eq!(Invitation::decode(&none.encode()), Ok(none));
    }

    #[test]
    fn each_slip_of_a_character_is_noticed() {
        let text = invitation().encode();
        for at in PREFIX.len()..text.len() {
            let mut other = text.to_string();
            let replaced = if &other[at..=at] == "z" { "y" } else { "z" };
            other.replace_range(at..=at, replaced);
            assert_eq!(Invitation::decode(&other), Err(InvitationError::Damaged), "{at}");
        }
        assert_eq!(Invitation::decode(&text[..text.len() - 3]), Err(InvitationError::Damaged));
        assert_eq!(Invitation::decode("hello"), Err(InvitationError::Form));
        assert_eq!(Invitation::decode(&format!("{PREFIX}{}", "1".repeat(9_000))), Err(InvitationError::Form));
        let named =
            |name: &str| Invitation::decode(&Invitation { name: name.into(), ..invitation() }.encode());
        for bad in ["", "..", "a/b", ".hidden", "a b", &"x".repeat(33)] {
            assert_eq!(named(bad), Err(InvitationError::Name), "{bad}");
        }
    }

    #[test]
    fn addresses_that_no_invitation_holds_are_refused() {
        let with = |addresses: &[&[u8]]| {
            let mut content = [&[1, 6][..], b"family", &[7; 32]].concat();
            for address in addresses {
                content.extend([&(address.len() as u16).to_be_bytes()[..], address].concat());
            }
            let checksum = Sha256::digest(&content);
            content.extend_from_slice(&checksum[..CHECKSUM]);
            Invitation::decode(&format!("{PREFIX}{}", bs58::encode(content).into_string()))
        };
        let sound = b"/ip4/192.0.2.1/tcp/1".as_slice();
        assert_eq!(with(&[sound; ADDRESSES_MAX]).unwrap().addresses.len(), ADDRESSES_MAX);
        for bad in [&[b"\xff\xfe".as_slice()][..], &[&[b'a'; 257]], &[sound; ADDRESSES_MAX + 1]] {
            assert_eq!(with(bad), Err(InvitationError::Damaged));
        }
    }

    #[test]
    fn keys_differ_by_purpose_and_secret() {
        let (one, other) = (SwarmSecret::new([1; 32]).keys(), SwarmSecret::new([2; 32]).keys());
        assert_ne!(one.pnet, one.noise);
        assert_ne!(one.pnet, other.pnet);
        assert_ne!(one.namespace, other.namespace);
        assert_eq!(one.namespace.len(), 32);
        // RFC 5869 with an empty salt, computed apart from this code with Python's hmac.
        assert_eq!(one.namespace, "87bc8efb3d0c6782ea879180ac847e0e");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(polymath1:)?[1-9A-HJ-NP-Za-km-z]{0,120}") {
            let _ = Invitation::decode(&text);
        }
    }
}
