//! The byte stream under a connection, whatever it is made of, with the facts the layers above ask for: how much has
//! been written, when something was last read, and how it failed (h2 keeps only the text of an error).

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::error::ClientError;

/// Anything that reads and writes: TCP, Unix socket, TLS over either, TLS through a proxy.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// What a connection has done so far.
#[derive(Debug)]
pub(crate) struct Meter {
    written: Cell<u64>,
    read: Cell<u64>,
    read_at: Cell<Instant>,
    failure: RefCell<Option<ClientError>>,
}

impl Meter {
    /// Bytes handed to the socket (or to its TLS session) since it was opened.
    pub(crate) fn written(&self) -> u64 {
        self.written.get()
    }

    /// Bytes taken from the socket since it was opened.
    pub(crate) fn read(&self) -> u64 {
        self.read.get()
    }

    /// When bytes last arrived.
    pub(crate) fn read_at(&self) -> Instant {
        self.read_at.get()
    }

    /// The first error of the stream.
    pub(crate) fn failure(&self) -> Option<ClientError> {
        self.failure.borrow().clone()
    }

    fn note<T>(&self, result: &Poll<io::Result<T>>) {
        if let Poll::Ready(Err(error)) = result {
            self.failure.borrow_mut().get_or_insert_with(|| ClientError::from_io(error));
        }
    }
}

/// A stream that keeps a [`Meter`].
pub(crate) struct MeteredIo {
    inner: Box<dyn Stream>,
    meter: Rc<Meter>,
}

impl MeteredIo {
    pub(crate) fn new(inner: Box<dyn Stream>) -> Self {
        let meter = Rc::new(Meter {
            written: Cell::new(0),
            read: Cell::new(0),
            read_at: Cell::new(Instant::now()),
            failure: RefCell::default(),
        });
        Self { inner, meter }
    }

    pub(crate) fn meter(&self) -> Rc<Meter> {
        Rc::clone(&self.meter)
    }

    fn count(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.meter.note(&result);
        if let Poll::Ready(Ok(written)) = &result {
            self.meter.written.set(self.meter.written.get().saturating_add(*written as u64));
        }
        result
    }
}

impl AsyncRead for MeteredIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.meter.note(&result);
        let arrived = buf.filled().len().saturating_sub(before);
        if arrived > 0 {
            self.meter.read.set(self.meter.read.get().saturating_add(arrived as u64));
            self.meter.read_at.set(Instant::now());
        }
        result
    }
}

impl AsyncWrite for MeteredIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.count(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.count(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
