//! One request and one response, each a frame on its half of a stream: its length as an unsigned varint and so many bytes, never more
//! than it may have.
//!
//! Without the length, a message that a lost connection has cut off would look like one that is none: over a relay both just end.
//!
//! A request that is no message is [`Asked::Nonsense`], not an error: of an error in reading one libp2p tells nobody, and whoever sends
//! such things is to be known.

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::StreamProtocol;
use libp2p::request_response::{self, ProtocolSupport};
use polymath_wire::frame::length_prefix;
use prost::Message;
use std::io;
use std::time::Duration;

pub(super) type Behaviour<Q, A> = request_response::Behaviour<Codec<Q, A>>;
pub(super) type Event<Q, A> = request_response::Event<Asked<Q>, A>;

/// Makes a protocol's behaviour; so many exchanges at once on one connection.
pub(super) fn behaviour<Q, A>(
    protocol: StreamProtocol,
    (request, response): (Format<Q>, Format<A>),
    streams_max: usize,
    timeout: Duration,
) -> Behaviour<Q, A>
where
    Q: Send + 'static,
    A: Send + 'static,
{
    let config = request_response::Config::default()
        .with_request_timeout(timeout)
        .with_max_concurrent_streams(streams_max);
    Behaviour::with_codec(Codec { request, response }, [(protocol, ProtocolSupport::Full)], config)
}

/// What was read as a request.
#[derive(Debug, PartialEq)]
pub(super) enum Asked<Q> {
    Whole(Q),
    /// Its stream ended before it did.
    CutOff,
    /// No message, or longer than one may be.
    Nonsense,
}

/// How a message becomes bytes and comes from them.
pub(super) struct Format<M> {
    bytes_max: usize,
    encode: fn(&M) -> Vec<u8>,
    decode: fn(&[u8]) -> io::Result<M>,
}

impl<M> Format<M> {
    pub(super) fn new(
        bytes_max: usize,
        encode: fn(&M) -> Vec<u8>,
        decode: fn(&[u8]) -> io::Result<M>,
    ) -> Self {
        Self { bytes_max, encode, decode }
    }

    async fn read<T: AsyncRead + Unpin + Send>(self, io: &mut T) -> io::Result<M> {
        let length = read_length(io).await?;
        if length > self.bytes_max {
            return Err(invalid(format!("{length} bytes, where {} are allowed", self.bytes_max)));
        }
        // Grows with what arrives, not with what was promised.
        let mut bytes = Vec::new();
        io.take(length as u64).read_to_end(&mut bytes).await?;
        if bytes.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (self.decode)(&bytes)
    }

    async fn write<T: AsyncWrite + Unpin + Send>(self, io: &mut T, message: M) -> io::Result<()> {
        let bytes = (self.encode)(&message);
        let mut frame = Vec::with_capacity(bytes.len() + 3);
        prost::encode_length_delimiter(bytes.len(), &mut frame).map_err(invalid)?;
        frame.extend(bytes);
        io.write_all(&frame).await?;
        io.close().await
    }
}

impl<M: Message + Default> Format<M> {
    /// Protobuf of at most so many bytes.
    pub(super) fn protobuf(bytes_max: usize) -> Self {
        Self::new(bytes_max, M::encode_to_vec, |bytes| M::decode(bytes).map_err(invalid))
    }
}

// Derived, both would want the message to be what it need not be.
impl<M> Clone for Format<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Format<M> {}

/// Reads and writes the two messages.
pub(super) struct Codec<Q, A> {
    request: Format<Q>,
    response: Format<A>,
}

impl<Q, A> Clone for Codec<Q, A> {
    fn clone(&self) -> Self {
        Self { request: self.request, response: self.response }
    }
}

impl<Q: Send + 'static, A: Send + 'static> request_response::Codec for Codec<Q, A> {
    type Protocol = StreamProtocol;
    type Request = Asked<Q>;
    type Response = A;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Asked<Q>>
    where
        T: AsyncRead + Unpin + Send,
    {
        match self.request.read(io).await {
            Ok(request) => Ok(Asked::Whole(request)),
            Err(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof => Ok(Asked::CutOff),
                io::ErrorKind::InvalidData => Ok(Asked::Nonsense),
                _ => Err(error),
            },
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<A>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.response.read(io).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Asked<Q>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match request {
            Asked::Whole(request) => self.request.write(io, request).await,
            Asked::CutOff | Asked::Nonsense => Err(invalid("no request of this node's")),
        }
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: A) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.response.write(io, response).await
    }
}

/// Reads a frame's length. Of a stream that ends before its first byte nothing was cut off: nobody has said anything.
async fn read_length<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<usize> {
    let mut prefix = Vec::new();
    loop {
        let mut byte = [0];
        if io.read(&mut byte).await? == 0 {
            let kind = match prefix.is_empty() {
                true => io::ErrorKind::ConnectionAborted,
                false => io::ErrorKind::UnexpectedEof,
            };
            return Err(kind.into());
        }
        prefix.push(byte[0]);
        if let Some((length, _)) = length_prefix(&prefix).map_err(|error| invalid(error.to_string()))? {
            return Ok(length);
        }
    }
}

/// What is no message.
pub(super) fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::io::Cursor;
    use libp2p::request_response::Codec as _;
    use polymath_proto::v1::{Busy, SettleRequest, SettleResponse, SignedReceipt};

    const PROTOCOL: StreamProtocol = StreamProtocol::new("/polymath/test/1");

    fn codec() -> Codec<SettleRequest, SettleResponse> {
        Codec { request: Format::protobuf(1_000), response: Format::protobuf(1_000) }
    }

    fn asked(bytes: &[u8]) -> io::Result<Asked<SettleRequest>> {
        block_on(codec().read_request(&PROTOCOL, &mut Cursor::new(bytes)))
    }

    /// A request of `bytes` bytes and some, framed.
    fn written(bytes: usize) -> (SettleRequest, Vec<u8>) {
        let request = SettleRequest {
            receipts: vec![SignedReceipt { receipt: vec![7; bytes], signature: vec![8; 64] }],
        };
        let mut io = Cursor::new(Vec::new());
        block_on(codec().write_request(&PROTOCOL, &mut io, Asked::Whole(request.clone()))).unwrap();
        (request, io.into_inner())
    }

    #[test]
    fn what_is_cut_off_anywhere_is_told_from_nonsense() {
        let (request, frame) = written(300);
        assert_eq!(asked(&frame).unwrap(), Asked::Whole(request));
        for cut in 1..frame.len() {
            assert_eq!(asked(&frame[..cut]).unwrap(), Asked::CutOff, "after {cut} bytes");
        }
        let mut garbled = frame;
        garbled[2] = 0xff;
        assert_eq!(asked(&garbled).unwrap(), Asked::Nonsense);
        assert_eq!(asked(&[]).unwrap_err().kind(), io::ErrorKind::ConnectionAborted, "nobody said anything");
    }

    #[test]
    fn what_is_too_long_is_not_waited_for() {
        assert_eq!(asked(&written(2_000).1[..2]).unwrap(), Asked::Nonsense);
        assert_eq!(asked(&[0xff; 3]).unwrap(), Asked::Nonsense, "two megabytes or more");
    }

    #[test]
    fn a_response_that_is_cut_off_is_told_from_none() {
        let response = SettleResponse { settlements: vec![], busy: Some(Busy { retry_after_ms: 70_000 }) };
        let mut io = Cursor::new(Vec::new());
        block_on(codec().write_response(&PROTOCOL, &mut io, response.clone())).unwrap();
        let frame = io.into_inner();
        let read = |bytes: &[u8]| block_on(codec().read_response(&PROTOCOL, &mut Cursor::new(bytes)));
        assert_eq!(read(&frame).unwrap(), response);
        assert_eq!(read(&frame[..4]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(read(&[]).unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
