//! One HTTP/1.1 connection: a request, a response, and whether another may follow.

use std::rc::Rc;
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::age::Age;
use super::error::{ClientError, ErrorKind};
use super::http::{ClientResponse, Collector};
use super::io::{Meter, MeteredIo};
use super::rope::Rope;

/// An open connection that serves one request at a time. Dropping it closes it at once: hyper alone would go on writing
/// the body of an abandoned request.
pub(crate) struct Http1Connection {
    sender: SendRequest<Rope>,
    meter: Rc<Meter>,
    driver: AbortHandle,
    age: Age,
}

impl Http1Connection {
    /// Takes over `io` and spawns the driving task on the current `LocalSet`.
    pub(crate) async fn handshake(io: MeteredIo) -> Result<Self, ClientError> {
        let meter = io.meter();
        let mut builder = Builder::new();
        builder.writev(true).max_headers(HEADERS_MAX).max_header_size(HEADER_BYTES_MAX);
        let (sender, connection) =
            builder.handshake(TokioIo::new(io)).await.map_err(|error| ClientError::from_hyper(&error))?;
        // Its errors reach the request that was under way; an idle connection that ends is nobody's error.
        let driver = teleferric_tasks::spawn_local("client.http1", async move {
            let _ = connection.await;
        });
        Ok(Self { sender, meter, driver: driver.abort_handle(), age: Age::default() })
    }

    /// Whether a request can be sent right now.
    pub(crate) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// The connection with this age; one that was just opened has no limit to it.
    pub(crate) fn aging(mut self, age: Age) -> Self {
        self.age = age;
        self
    }

    /// Whether it has been used for long enough.
    pub(crate) fn is_old(&self, now: Instant) -> bool {
        self.age.is_old(now)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Waits until the last exchange is wound up; `false` when the connection cannot be used again.
    pub(crate) async fn settle(&mut self) -> bool {
        matches!(timeout(SETTLE_TIME_MAX, self.sender.ready()).await, Ok(Ok(())))
    }

    /// One exchange. Dropping the future leaves a connection that must not be used again.
    pub(crate) async fn exchange(
        &mut self,
        head: Request<()>,
        body: Rope,
        max_response: usize,
    ) -> Result<ClientResponse, ClientError> {
        let written = self.meter.written();
        let sent = self.sender.try_send_request(head.map(|()| body)).await;
        let response = sent.map_err(|mut error| {
            let never_sent = error.take_message().is_some() || self.meter.written() == written;
            let error = ClientError::from_hyper(&error.into_error());
            // A request that cannot be expressed stays so on another connection.
            let lost = error.kind == ErrorKind::Reset;
            error.or_unprocessed(lost && never_sent)
        })?;
        let (head, body) = response.into_parts();
        let mut collected = Collector::new(head.status, head.version, head.headers, max_response)?;
        read(body, &mut collected).await?;
        Ok(collected.finish())
    }
}

impl Drop for Http1Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn read(mut body: Incoming, collected: &mut Collector) -> Result<(), ClientError> {
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|error| ClientError::from_hyper(&error))?;
        match frame.into_data() {
            Ok(bytes) => collected.push(bytes)?,
            Err(other) => {
                if let Ok(trailers) = other.into_trailers() {
                    collected.trailers(trailers);
                }
            }
        }
    }
    Ok(())
}

/// Headers of one response. hyper keeps room for so many on the stack, and for more on the heap.
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 32 * 1024;
/// How long a finished connection may take to become ready again, for instance because the peer answered before it had
/// read the whole request.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(1);
