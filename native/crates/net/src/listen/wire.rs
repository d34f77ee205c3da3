//! A connection's bytes: plain or TLS, TCP or unix.
//!
//! The protocol owns one handle; the connection's driver keeps another, so that it can say a last word on the socket
//! after the protocol is gone.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_rustls::server::TlsStream;

use super::state::ConnState;
use crate::http2::frame::PREFACE;

/// A handle on a connection's socket. Clones share it; only one of them may be in use at a time.
#[derive(Clone)]
pub(crate) struct Wire {
    shared: Rc<RefCell<Shared>>,
    conn: Rc<ConnState>,
}

struct Shared {
    socket: Socket,
    /// Bytes read ahead to tell the protocol, not given to hyper yet.
    ahead: Bytes,
}

/// An accepted connection as it came from the system.
pub(crate) enum Plain {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

pub(crate) enum Socket {
    Plain(Plain),
    Tls(Box<TlsStream<Plain>>),
}

impl Wire {
    pub(crate) fn new(socket: Socket, conn: Rc<ConnState>) -> Wire {
        Wire { shared: Rc::new(RefCell::new(Shared { socket, ahead: Bytes::new() })), conn }
    }

    /// Reads until it is clear whether the peer begins with the HTTP/2 preface; nothing is lost.
    ///
    /// # Errors
    /// When the connection ends or fails before that.
    pub(crate) async fn begins_with_http2(&mut self) -> io::Result<bool> {
        let mut seen = Vec::with_capacity(PREFACE.len());
        let http2 = loop {
            let mut some = [0; PREFACE.len()];
            let room = some.get_mut(..PREFACE.len() - seen.len()).unwrap_or_default();
            let count = self.read(room).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            seen.extend(room.iter().take(count));
            if !PREFACE.starts_with(&seen) {
                break false;
            }
            if seen.len() == PREFACE.len() {
                break true;
            }
        };
        self.shared.borrow_mut().ahead = seen.into();
        Ok(http2)
    }

    /// Writes `last` and closes the sending side, waiting for at most `patience`.
    pub(crate) async fn say_last(&mut self, last: &[u8], patience: Duration) {
        let said = async {
            self.write_all(last).await?;
            self.shutdown().await
        };
        // The peer may be gone; then nobody misses it.
        let _ = tokio::time::timeout(patience, said).await;
    }

    /// Takes bytes off the wire until the peer closes, so that closing does not reset the connection before the peer
    /// has read the answer.
    pub(crate) async fn linger(&mut self) {
        let mut scratch = vec![0; 16 << 10];
        let mut left = LINGER_BYTES_MAX;
        let all = async {
            while left > 0 {
                match self.read(&mut scratch).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => left = left.saturating_sub(count),
                }
            }
        };
        // Who goes on sending for longer is cut off.
        let _ = tokio::time::timeout(LINGER_TIME_MAX, all).await;
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let shared = &mut *self.shared.borrow_mut();
        let before = buf.filled().len();
        if shared.ahead.is_empty() {
            ready!(Pin::new(&mut shared.socket).poll_read(cx, buf))?;
        } else {
            let count = shared.ahead.len().min(buf.remaining());
            buf.put_slice(shared.ahead.get(..count).unwrap_or_default());
            shared.ahead.advance(count);
        }
        if buf.filled().len() > before {
            self.conn.has_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let shared = &mut *self.shared.borrow_mut();
        let Poll::Ready(outcome) = Pin::new(&mut shared.socket).poll_write(cx, buf) else {
            self.conn.is_blocked();
            return Poll::Pending;
        };
        let count = outcome?;
        self.conn.has_written();
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let shared = &mut *self.shared.borrow_mut();
        let Poll::Ready(outcome) = Pin::new(&mut shared.socket).poll_write_vectored(cx, bufs) else {
            self.conn.is_blocked();
            return Poll::Pending;
        };
        let count = outcome?;
        self.conn.has_written();
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.shared.borrow().socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.shared.borrow_mut().socket).poll_flush(cx);
        if flushed.is_pending() {
            self.conn.is_blocked();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.shared.borrow_mut().socket).poll_shutdown(cx)
    }
}

/// A stream that is whichever stream is inside.
macro_rules! forward {
    ($name:ident: $($(#[$attribute:meta])* $variant:path),+) => {
        impl AsyncRead for $name {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() { $($(#[$attribute])* $variant(io) => Pin::new(io).poll_read(cx, buf),)+ }
            }
        }

        impl AsyncWrite for $name {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                match self.get_mut() { $($(#[$attribute])* $variant(io) => Pin::new(io).poll_write(cx, buf),)+ }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() { $($(#[$attribute])* $variant(io) => Pin::new(io).poll_write_vectored(cx, bufs),)+ }
            }

            fn is_write_vectored(&self) -> bool {
                match self { $($(#[$attribute])* $variant(io) => io.is_write_vectored(),)+ }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() { $($(#[$attribute])* $variant(io) => Pin::new(io).poll_flush(cx),)+ }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() { $($(#[$attribute])* $variant(io) => Pin::new(io).poll_shutdown(cx),)+ }
            }
        }
    };
}

forward!(Plain: Plain::Tcp, #[cfg(unix)] Plain::Unix);
forward!(Socket: Socket::Plain, Socket::Tls);

/// How much, and for how long, is read from a peer that has been told the end before the connection is closed. The
/// bytes are more than a request body may usually have, since clients of HTTP/1.1 read the answer after they have
/// written the whole body, and a reset before that turns a clear refusal into a retry.
const LINGER_BYTES_MAX: usize = 32 << 20;
const LINGER_TIME_MAX: Duration = Duration::from_secs(1);
