//! `/polymath/advert/1`: one request, one response, each a protobuf message that ends with its stream's half.

use super::codec::asked;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::StreamProtocol;
use libp2p::request_response::{self, ProtocolSupport};
use polymath_wire::advert::{AdvertRequest, AdvertResponse, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use std::io;
use std::time::Duration;

/// The protocol's name and version.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/polymath/advert/1");
/// How long an exchange may take: three round trips over a bad link.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);
/// Exchanges at once on one connection; one is the rule, since each fetches everything.
const STREAMS_MAX: usize = 4;

pub(super) type Behaviour = request_response::Behaviour<Codec>;
pub(super) type Event = super::codec::Event<AdvertRequest, AdvertResponse>;

/// Makes the protocol's behaviour.
pub(super) fn behaviour() -> Behaviour {
    let config = request_response::Config::default()
        .with_request_timeout(TIMEOUT)
        .with_max_concurrent_streams(STREAMS_MAX);
    Behaviour::with_codec(Codec, [(PROTOCOL, ProtocolSupport::Full)], config)
}

/// Reads and writes the two messages, never more than their limits.
#[derive(Clone, Debug)]
pub(super) struct Codec;

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Option<AdvertRequest>;
    type Response = AdvertResponse;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Option<AdvertRequest>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read(io, REQUEST_BYTES_MAX).await?;
        asked(AdvertRequest::decode(&bytes).map_err(invalid))
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<AdvertResponse>
    where
        T: AsyncRead + Unpin + Send,
    {
        AdvertResponse::decode(&read(io, RESPONSE_BYTES_MAX).await?).map_err(invalid)
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Option<AdvertRequest>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&request.map(|request| request.encode()).unwrap_or_default()).await?;
        io.close().await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: AdvertResponse,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&response.encode()).await?;
        io.close().await
    }
}

/// Reads to the end, one byte past the limit at most, so that an overlong message is noticed.
pub(super) async fn read<T: AsyncRead + Unpin>(io: &mut T, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io.take(max as u64 + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

pub(super) fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
