//! One protobuf request and one response, each ending with its half of a stream, never longer than it may be.
//!
//! A request that is no message is `None`, not an error: of an error in reading one libp2p tells nobody, and whoever sends such things
//! is to be known.

use super::exchange::{invalid, read};
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use libp2p::StreamProtocol;
use libp2p::request_response::{self, ProtocolSupport};
use prost::Message;
use std::io;
use std::marker::PhantomData;
use std::time::Duration;

/// Exchanges at once on one connection.
const STREAMS_MAX: usize = 8;

pub(super) type Behaviour<Q, A> = request_response::Behaviour<Codec<Q, A>>;
pub(super) type Event<Q, A> = request_response::Event<Option<Q>, A>;

/// Makes a protocol's behaviour; `bytes_max` are those of a request and of a response.
pub(super) fn behaviour<Q, A>(
    protocol: StreamProtocol,
    bytes_max: (usize, usize),
    timeout: Duration,
) -> Behaviour<Q, A>
where
    Q: Message + Default + 'static,
    A: Message + Default + 'static,
{
    let config = request_response::Config::default()
        .with_request_timeout(timeout)
        .with_max_concurrent_streams(STREAMS_MAX);
    let codec = Codec { bytes_max, messages: PhantomData };
    Behaviour::with_codec(codec, [(protocol, ProtocolSupport::Full)], config)
}

/// Reads and writes the two messages.
#[derive(Debug)]
pub(super) struct Codec<Q, A> {
    bytes_max: (usize, usize),
    messages: PhantomData<fn() -> (Q, A)>,
}

// Derived, it would want the messages to be what they need not be.
impl<Q, A> Clone for Codec<Q, A> {
    fn clone(&self) -> Self {
        Self { bytes_max: self.bytes_max, messages: PhantomData }
    }
}

impl<Q, A> request_response::Codec for Codec<Q, A>
where
    Q: Message + Default + 'static,
    A: Message + Default + 'static,
{
    type Protocol = StreamProtocol;
    type Request = Option<Q>;
    type Response = A;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Option<Q>>
    where
        T: AsyncRead + Unpin + Send,
    {
        asked(read_message(io, self.bytes_max.0).await)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<A>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_message(io, self.bytes_max.1).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Option<Q>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&request.map(|request| request.encode_to_vec()).unwrap_or_default()).await?;
        io.close().await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: A) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&response.encode_to_vec()).await?;
        io.close().await
    }
}

/// What was read as a request: `None` if it is no message.
pub(super) fn asked<Q>(read: io::Result<Q>) -> io::Result<Option<Q>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        other => other.map(Some),
    }
}

async fn read_message<T, M>(io: &mut T, bytes_max: usize) -> io::Result<M>
where
    T: AsyncRead + Unpin + Send,
    M: Message + Default,
{
    let bytes = read(io, bytes_max).await?;
    if bytes.len() > bytes_max {
        return Err(invalid("longer than it may be"));
    }
    M::decode(&bytes[..]).map_err(invalid)
}
