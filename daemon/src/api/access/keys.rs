//! API keys: `pmk_<id>_<secret>`, 32 random bytes shown once. What is kept is the SHA-256 of the secret: nobody
//! guesses 256 random bits, however fast the hash (docs/adr/0010-api-keys.md).

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What every key begins with, so that scanners for leaked secrets can find one.
const PREFIX: &str = "pmk_";
/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;
/// Random bytes of an id: it only tells the keys of one node apart.
const ID_BYTES: usize = 5;
/// The id of the owner's key: shorter than those that are drawn.
pub(super) const OWNER: &str = "owner";
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 64;
/// Requests a minute that a limit may allow: beyond, it is none.
pub const RATE_PER_MINUTE_MAX: u32 = 1_000_000;
/// RFC 4648's base32 in small letters: it survives being read out, and is selected by a double click.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Asking: completions, responses, embeddings, chat.
    Chat,
    /// Looking: models, peers, experts, plans, metrics.
    Read,
    /// Everything.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Read, Self::Admin];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }

    /// The scope that is written so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A key that is wanted.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Whose it is or what for; for people.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Requests a minute; `None` for no limit.
    pub rate_per_minute: Option<u32>,
}

impl Wish {
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(format!("a key's name has 1 to {NAME_BYTES_MAX} bytes without control characters"));
        }
        if self.scopes.is_empty() {
            return Err("a key needs a scope: chat, read or admin".to_owned());
        }
        if self.rate_per_minute.is_some_and(|rate| !(1..=RATE_PER_MINUTE_MAX).contains(&rate)) {
            return Err(format!("a key's rate is 1 to {RATE_PER_MINUTE_MAX} requests a minute"));
        }
        Ok(())
    }
}

/// What is kept of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Short, and part of the key.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Requests a minute.
    pub rate_per_minute: Option<u32>,
    /// Unix seconds.
    pub created: u64,
    /// SHA-256 of the secret, in hexadecimal.
    pub secret_sha256: String,
}

impl Record {
    /// A new key with what is kept of it; the key itself is to be shown once.
    pub fn issue(wish: Wish, created: u64) -> (Self, String) {
        let id = base32(&rand::random::<[u8; ID_BYTES]>());
        let secret = base32(&rand::random::<[u8; SECRET_BYTES]>());
        let key = format!("{PREFIX}{id}_{secret}");
        let Wish { name, mut scopes, rate_per_minute } = wish;
        scopes.sort();
        scopes.dedup();
        (Self { id, name, scopes, rate_per_minute, created, secret_sha256: hash(&secret) }, key)
    }

    /// The key of a node's owner for one run of the node: it is never in the file.
    pub(super) fn of_owner() -> (Self, String) {
        let secret = base32(&rand::random::<[u8; SECRET_BYTES]>());
        let record = Self {
            id: OWNER.to_owned(),
            name: OWNER.to_owned(),
            scopes: vec![Scope::Admin],
            rate_per_minute: None,
            created: 0,
            secret_sha256: hash(&secret),
        };
        (record, format!("{PREFIX}{OWNER}_{secret}"))
    }

    /// Whether `secret` is this key's. Takes the same time wherever they differ.
    pub fn opens(&self, secret: &str) -> bool {
        let (kept, shown) = (self.secret_sha256.as_bytes(), hash(secret));
        let differ = kept.iter().zip(shown.as_bytes()).fold(0, |differ, (a, b)| differ | (a ^ b));
        kept.len() == shown.len() && std::hint::black_box(differ) == 0
    }

    /// Whether it can be what [`Record::issue`] made.
    pub(super) fn is_whole(&self) -> bool {
        let hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let wish = Wish {
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            rate_per_minute: self.rate_per_minute,
        };
        let id = !self.id.is_empty() && self.id.bytes().all(|b| LETTERS.contains(&b));
        let secret = self.secret_sha256.len() == 64 && self.secret_sha256.bytes().all(hexadecimal);
        id && secret && wish.check().is_ok()
    }
}

/// Id and secret of what looks like a key.
pub fn parse(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix(PREFIX)?.split_once('_').filter(|(id, secret)| !id.is_empty() && !secret.is_empty())
}

fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 4648's base32 without padding. `bytes` are a few, so that bits are taken one group at a time.
fn base32(bytes: &[u8]) -> String {
    let (mut text, mut held, mut bits) = (String::new(), 0u32, 0u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(LETTERS[((held >> bits) & 31) as usize]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(LETTERS[((held << (5 - bits)) & 31) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish() -> Wish {
        Wish { name: "phone".into(), scopes: vec![Scope::Read, Scope::Chat], rate_per_minute: Some(60) }
    }

    #[test]
    fn a_key_opens_its_record_and_nothing_else_does() {
        let (record, key) = Record::issue(wish(), 1);
        let (id, secret) = parse(&key).unwrap();
        assert_eq!((id, secret.len()), (record.id.as_str(), 52));
        assert!(record.opens(secret) && record.is_whole());
        assert_eq!(record.scopes, [Scope::Chat, Scope::Read]);
        assert!(!record.secret_sha256.contains(secret));
        let (_, other) = Record::issue(wish(), 1);
        for wrong in [parse(&other).unwrap().1, "", &secret[1..], &secret.to_uppercase()] {
            assert!(!record.opens(wrong));
        }
        let cut = Record { secret_sha256: record.secret_sha256[..8].to_owned(), ..record };
        assert!(!cut.opens(secret) && !cut.is_whole());
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        let cases = [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"),
        ];
        for (plain, coded) in cases {
            assert_eq!(base32(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn what_is_no_key_is_none() {
        for text in ["", "pmk_", "pmk_abc", "pmk__x", "pmk_a_", "sk-abc", "PMK_a_b"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn wishes_are_checked() {
        wish().check().unwrap();
        for bad in [
            Wish { name: " ".into(), ..wish() },
            Wish { name: "x".repeat(65), ..wish() },
            Wish { name: "a\nb".into(), ..wish() },
            Wish { scopes: Vec::new(), ..wish() },
            Wish { rate_per_minute: Some(0), ..wish() },
        ] {
            bad.check().unwrap_err();
        }
    }
}
