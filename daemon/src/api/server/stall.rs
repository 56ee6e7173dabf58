//! A connection that is given up when its peer does not begin, or takes nothing for too long. What waits to be written
//! would else keep the connection, and the stream behind it, for as long as the peer likes; and hyper's own limits hold
//! only once something has arrived.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a peer may keep the connection without doing its part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Bytes that must arrive at first.
    pub(super) first_bytes: usize,
    /// Time for them.
    pub(super) first_max: Duration,
    /// Time in which something of what waits must be taken.
    pub(super) write_max: Duration,
}

/// A stream whose reads fail if its first bytes do not come, and whose writes fail once the peer takes nothing.
pub(super) struct Stalling<I> {
    inner: I,
    /// Bytes of the first that are still to come, and until when.
    first: Option<(usize, Pin<Box<Sleep>>)>,
    limit: Duration,
    /// Runs while something waits to be written.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<I> Stalling<I> {
    /// The time for the first bytes runs from now on.
    pub(super) fn new(inner: I, patience: Patience) -> Self {
        let first = Some((patience.first_bytes, Box::pin(sleep(patience.first_max))));
        Self { inner, first, limit: patience.write_max, timer: None }
    }

    /// Passes on what was written; fails if nothing was for too long.
    fn judge<T>(&mut self, context: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.timer = None;
            return done;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing any more")))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Stalling<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.inner).poll_read(context, buffer);
        let Some((missing, timer)) = &mut self.first else { return done };
        if done.is_ready() {
            *missing = missing.saturating_sub(buffer.filled().len() - before);
            if *missing == 0 {
                self.first = None;
            }
            return done;
        }
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not begin")))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Stalling<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.judge(context, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.inner).poll_write_vectored(context, bytes);
        self.judge(context, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.inner).poll_flush(context);
        self.judge(context, done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.inner).poll_shutdown(context);
        self.judge(context, done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn patience(first_bytes: usize, max: Duration) -> Patience {
        Patience { first_bytes, first_max: max, write_max: max }
    }

    #[tokio::test]
    async fn a_peer_that_does_not_begin_is_given_up_and_one_that_has_may_be_silent() {
        let limit = Duration::from_millis(200);
        let (mut peer, near) = tokio::io::duplex(64);
        let mut near = Stalling::new(near, patience(4, limit));
        peer.write_all(b"abc").await.unwrap();
        near.read_exact(&mut [0; 3]).await.unwrap();
        assert_eq!(near.read(&mut [0; 1]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);

        let (mut peer, near) = tokio::io::duplex(64);
        let mut near = Stalling::new(near, patience(4, limit));
        peer.write_all(b"abcd").await.unwrap();
        near.read_exact(&mut [0; 4]).await.unwrap();
        let silent = tokio::time::timeout(limit * 3, near.read(&mut [0; 1])).await;
        assert!(silent.is_err(), "it still waits");
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_given_up_and_a_slow_one_is_not() {
        let limit = Duration::from_secs(2);
        let (mut peer, near) = tokio::io::duplex(8);
        let mut near = Stalling::new(near, patience(0, limit));
        // Longer than the limit in all, far shorter each time.
        let reading = tokio::spawn(async move {
            for _ in 0..16 {
                sleep(limit / 10).await;
                peer.read_exact(&mut [0; 4]).await.unwrap();
            }
            peer
        });
        near.write_all(&[0; 64]).await.unwrap();
        let _peer = reading.await.unwrap();
        let error = near.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
