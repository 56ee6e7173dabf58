//! Live statuses to bytes and back. Addresses travel as binary multiaddresses and are text inside; one whose text would be
//! read as another (a DNS name may hold a slash) is refused.

use super::{ADDRESS_BYTES_MAX, WireError, decode, hash};
use multiaddr::Multiaddr;
use polymath_proto::v1 as pb;
use polymath_swarm::capability::{ADDRESSES_MAX, Refusal, STATUS_BYTES_MAX, Status};
use prost::Message as _;

/// Encodes a status. Addresses that do not parse are left out, and those that [`decode_status`] would refuse the status for: one that is
/// too long, or one too many.
pub fn encode_status(status: &Status) -> Vec<u8> {
    let mut message = pb::Status {
        card_sha256: status.card.0.to_vec(),
        addresses: Vec::new(),
        slots: status.slots,
        free_slots: status.free_slots,
        tokens_per_second: status.tokens_per_second,
        price_micro: status.price_micro,
        sequence: status.sequence,
        expires: status.expires,
        leaving: status.leaving,
        cold: status.cold,
    };
    let addresses = status.addresses.iter().filter_map(|a| a.parse::<Multiaddr>().ok()).map(|a| a.to_vec());
    for address in addresses.filter(|address| address.len() <= ADDRESS_BYTES_MAX) {
        // Tag and length take at most three bytes. Eight of the longest are more than a status may have.
        let fits = message.encoded_len() + address.len() + 3 <= STATUS_BYTES_MAX;
        if fits && message.addresses.len() < ADDRESSES_MAX {
            message.addresses.push(address);
        }
    }
    message.encode_to_vec()
}

/// Decodes a status. Whether it may be believed now is [`Status::check`]'s business.
///
/// # Errors
/// [`WireError`] for what is too large, no status, or has addresses that are none.
pub fn decode_status(bytes: &[u8]) -> Result<Status, WireError> {
    let message: pb::Status = decode("status", bytes, STATUS_BYTES_MAX)?;
    if message.addresses.len() > ADDRESSES_MAX {
        return Err(Refusal::Bounds { field: "addresses", reason: "at most 8" }.into());
    }
    let addresses: Result<_, _> = message.addresses.into_iter().map(address).collect();
    Ok(Status {
        card: hash(&message.card_sha256, "card_sha256")?,
        addresses: addresses?,
        slots: message.slots,
        free_slots: message.free_slots,
        tokens_per_second: message.tokens_per_second,
        price_micro: message.price_micro,
        sequence: message.sequence,
        expires: message.expires,
        leaving: message.leaving,
        cold: message.cold,
    })
}

fn address(bytes: Vec<u8>) -> Result<String, WireError> {
    if bytes.len() > ADDRESS_BYTES_MAX {
        return Err(WireError::Field("addresses"));
    }
    let address = Multiaddr::try_from(bytes).map_err(|_| WireError::Field("addresses"))?;
    let text = address.to_string();
    if text.parse::<Multiaddr>().ok().as_ref() != Some(&address) {
        return Err(WireError::Field("addresses"));
    }
    Ok(text)
}
