//! `/polymath/advert/2`: who wants to know an expert asks its node for its adverts.

use super::codec::{self, Format, invalid};
use libp2p::StreamProtocol;
use polymath_wire::advert::{AdvertRequest, AdvertResponse, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use std::time::Duration;

/// The protocol's name and version.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/polymath/advert/2");
/// How long an exchange may take: three round trips over a bad link.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);
/// Exchanges at once on one connection; one is the rule, since each fetches everything.
const STREAMS_MAX: usize = 4;

pub(super) type Behaviour = codec::Behaviour<AdvertRequest, AdvertResponse>;
pub(super) type Event = codec::Event<AdvertRequest, AdvertResponse>;

/// Makes the protocol's behaviour.
pub(super) fn behaviour() -> Behaviour {
    let request = Format::new(REQUEST_BYTES_MAX, AdvertRequest::encode, |bytes| {
        AdvertRequest::decode(bytes).map_err(invalid)
    });
    let response = Format::new(RESPONSE_BYTES_MAX, AdvertResponse::encode, |bytes| {
        AdvertResponse::decode(bytes).map_err(invalid)
    });
    codec::behaviour(PROTOCOL, (request, response), STREAMS_MAX, TIMEOUT)
}
