//! One connection from accept to close: handshake, telling the protocol, serving, and the rules that end it.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::HeaderMap;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, Sleep, sleep_until};

use super::config::{Protocol, ServerConfig};
use super::dispatch::dispatch;
use super::http2::{self, Broken};
use super::hub::{Hub, Phase};
use super::state::{AbortReason, Clocks, CloseReason, ConnState, Due};
use super::wire::{Plain, Socket, Wire};

/// Serves `plain` to its end.
pub(crate) async fn run(plain: Plain, peer: Option<SocketAddr>, hub: Rc<Hub>) {
    let conn = ConnState::new(peer, clocks(&hub.config));
    let member = hub.join(conn.clone());
    if let Some((wire, http2)) = greet_in_time(plain, &hub, &conn).await {
        match (http2, hub.config.protocol) {
            (true, _) => serve_http2(wire, &hub, &conn).await,
            (false, Protocol::Http) => serve_http1(wire, &hub, &conn).await,
            (false, Protocol::Grpc) => {
                hub.stats.greeting_failures.add();
                before(Phase::Cutting, &hub, &conn, refuse_http1(wire)).await;
            }
        }
    }
    drop(member);
}

/// [`greet`] under a drain: who is already speaking is heard for a moment, for a request may be on its way.
async fn greet_in_time(plain: Plain, hub: &Hub, conn: &Rc<ConnState>) -> Option<(Wire, bool)> {
    // In memory of its own: a handshake takes more than all that a connection keeps afterwards.
    let mut greeting = Box::pin(greet(plain, hub, conn));
    if let Some(greeted) = before(Phase::Draining, hub, conn, greeting.as_mut()).await {
        return greeted;
    }
    let late = before(Phase::Cutting, hub, conn, within(Some(LATE_GREETING_TIME_MAX), greeting));
    late.await.flatten().flatten()
}

/// Handshake and first bytes; `None` when it went wrong, which has been counted then.
async fn greet(plain: Plain, hub: &Hub, conn: &Rc<ConnState>) -> Option<(Wire, bool)> {
    let (socket, chosen) = match &hub.config.tls {
        None => (Socket::Plain(plain), None),
        Some(tls) => {
            let handshake = within(hub.config.limits.tls_handshake_timeout, tls.handshake(plain, hub.config.protocol));
            let Some(Ok((stream, info))) = handshake.await else {
                hub.stats.handshake_failures.add();
                return None;
            };
            let chosen = stream.get_ref().1.alpn_protocol().map(|protocol| protocol == b"h2");
            conn.set_tls(info);
            (Socket::Tls(Box::new(stream)), chosen)
        }
    };
    let mut wire = Wire::new(socket, conn.clone());
    let http2 = match chosen {
        Some(http2) => http2,
        None => match within(hub.config.limits.header_timeout, wire.begins_with_http2()).await {
            Some(Ok(http2)) => http2,
            Some(Err(_)) => {
                hub.stats.greeting_failures.add();
                return None;
            }
            None => {
                hub.stats.slow_heads.add();
                return None;
            }
        },
    };
    Some((wire, http2))
}

async fn serve_http1(mut wire: Wire, hub: &Rc<Hub>, conn: &Rc<ConnState>) {
    conn.speaks(true);
    let limits = &hub.config.limits;
    let service = {
        let (hub, conn) = (hub.clone(), conn.clone());
        service_fn(move |request| dispatch(&hub, &conn, request))
    };
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        // Counts idle time as header time; the connection's own clock does not.
        .header_read_timeout(None)
        .keep_alive(hub.config.keep_alives_enabled)
        .max_headers(limits.max_headers)
        .max_header_size(limits.max_header_bytes as usize)
        .max_buf_size(READ_BUFFER_BYTES_MAX.max(limits.max_header_bytes as usize))
        .serve_connection(TokioIo::new(wire.clone()), service);
    let end = drive(Box::new(Http1(serving)), hub, conn).await;
    note(end, hub);
    if conn.has_unread_body() {
        before(Phase::Cutting, hub, conn, wire.linger()).await;
    }
}

async fn serve_http2(mut wire: Wire, hub: &Rc<Hub>, conn: &Rc<ConnState>) {
    conn.speaks(false);
    let serving = Box::new(http2::Connection::new(wire.clone(), hub, conn));
    // All of a connection's requests are one task. Tokio's budget is meant for one of them: when it is spent, whatever a
    // service waits for would ask to be polled again at once. The connection takes turns by itself.
    let end = tokio::task::unconstrained(drive(serving, hub, conn)).await;
    if matches!(end, End::Closed | End::Failed | End::Dismissed) {
        before(Phase::Cutting, hub, conn, wire.linger()).await;
    }
    note(end, hub);
}

/// Tells an HTTP/1 client of a gRPC port what the port speaks.
async fn refuse_http1(mut wire: Wire) {
    wire.say_last(HTTP2_ONLY, LAST_WORD_TIME_MAX).await;
    wire.linger().await;
}

/// A connection of either version.
trait Serving: Future<Output = Result<(), Broken>> {
    fn graceful_shutdown(self: Pin<&mut Self>);
}

impl Serving for http2::Connection {
    fn graceful_shutdown(self: Pin<&mut Self>) {
        http2::Connection::graceful_shutdown(self.get_mut());
    }
}

/// A connection that hyper serves.
struct Http1<C>(C);

type Answered = http::Response<super::dispatch::Answer>;

impl<S> Future for Http1<http1::Connection<TokioIo<Wire>, S>>
where
    S: hyper::service::Service<http::Request<Incoming>, Response = Answered, Error = std::convert::Infallible> + Unpin,
    S::Future: Unpin,
{
    type Output = Result<(), Broken>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_| Broken::Failed)
    }
}

impl<S> Serving for Http1<http1::Connection<TokioIo<Wire>, S>>
where
    S: hyper::service::Service<http::Request<Incoming>, Response = Answered, Error = std::convert::Infallible> + Unpin,
    S::Future: Unpin,
{
    fn graceful_shutdown(mut self: Pin<&mut Self>) {
        Pin::new(&mut self.0).graceful_shutdown();
    }
}

/// How serving a connection ended.
enum End {
    /// Both sides closed it.
    Closed,
    /// The protocol broke.
    Failed,
    /// The client was sent away for its conduct, which has been counted.
    Dismissed,
    /// A clock ran out.
    Aborted(AbortReason),
    /// The drain deadline passed.
    Cut,
}

/// Polls the connection, its clocks and the listener's phase, in this order: a request that is there is served before
/// a clock, or the drain of an idle connection, ends it.
async fn drive(serving: Box<impl Serving>, hub: &Hub, conn: &ConnState) -> End {
    let mut serving = Box::into_pin(serving);
    let mut clock = pin!(Clock::default());
    poll_fn(|cx| {
        loop {
            // Before the running answer is written, so that it can say that the connection closes.
            if hub.phase() == Phase::Draining && conn.active() > 0 && conn.begin_close(None) {
                serving.as_mut().graceful_shutdown();
            }
            if let Poll::Ready(outcome) = serving.as_mut().poll(cx) {
                return Poll::Ready(match outcome {
                    Ok(()) => End::Closed,
                    Err(Broken::Failed) => End::Failed,
                    Err(Broken::Dismissed) => End::Dismissed,
                });
            }
            conn.watch(cx.waker());
            let now = Instant::now();
            let (reason, wait) = match (hub.phase(), conn.due(now)) {
                (Phase::Cutting, _) => return Poll::Ready(End::Cut),
                (_, Due::Abort(reason)) => return Poll::Ready(End::Aborted(reason)),
                (_, Due::Close(reason)) => (Some(reason), None),
                (_, Due::Later(at)) => (None, at),
            };
            // An idle HTTP/1 client cannot be told, so its next request is waited for, to be answered with the close.
            let last_call = hub.draining_since().filter(|_| conn.is_http1()).map(|since| since + LAST_CALL_TIME);
            let last_call = last_call.filter(|at| now < *at);
            let wait = [wait, last_call].into_iter().flatten().min();
            let drained = hub.phase() == Phase::Draining && last_call.is_none();
            if (reason.is_some() || drained) && conn.begin_close(reason) {
                match reason {
                    Some(CloseReason::Idle) => hub.stats.idle_closed.add(),
                    Some(CloseReason::Age) => hub.stats.aged.add(),
                    None => {}
                }
                serving.as_mut().graceful_shutdown();
            } else if clock.as_mut().poll_until(wait, cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}

fn note(end: End, hub: &Hub) {
    match end {
        End::Closed | End::Dismissed => {}
        End::Failed => hub.stats.connection_errors.add(),
        End::Aborted(AbortReason::SlowHead) => hub.stats.slow_heads.add(),
        End::Aborted(AbortReason::WriteStall) => hub.stats.write_stalls.add(),
        End::Aborted(AbortReason::AgeGrace) => hub.stats.age_cut.add(),
        End::Cut => hub.stats.drain_cut.add(),
    }
}

/// A sleep that is armed for the earliest time asked for, so that a deadline that moves on costs nothing.
#[derive(Default)]
struct Clock {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    /// Ready when a time asked for has come; the caller then looks again at what is due.
    fn poll_until(mut self: Pin<&mut Self>, at: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = at else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if at < sleep.deadline() || sleep.is_elapsed() {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx)
    }
}

/// Runs `work` until the listener reaches `phase`, or the connection's place is needed; then there is nothing to lose
/// by dropping it.
pub(super) async fn before<T>(phase: Phase, hub: &Hub, conn: &ConnState, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        conn.watch(cx.waker());
        if hub.phase() >= phase || conn.is_evicted() { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

/// `None` when the time is over first.
pub(super) async fn within<T>(limit: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match limit {
        None => Some(work.await),
        Some(limit) => tokio::time::timeout(limit, work).await.ok(),
    }
}

fn clocks(config: &ServerConfig) -> Clocks {
    let (limits, keepalive) = (&config.limits, &config.keepalive);
    let idle = [limits.idle_timeout, keepalive.max_connection_idle].into_iter().flatten().min();
    Clocks {
        head: limits.header_timeout,
        write_stall: limits.write_stall_timeout,
        idle,
        age: keepalive.max_connection_age.map(jittered),
        age_grace: keepalive.max_connection_age_grace,
    }
}

/// `age` more or less a tenth, so that connections made together do not all end together.
fn jittered(age: Duration) -> Duration {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let random = RandomState::new().build_hasher().finish() % 2001;
    age.mul_f64(0.9 + random as f64 / 10_000.0)
}

/// The bytes of all header fields as they count against the limit: names, values and 32 each, as HTTP/2 counts.
pub(crate) fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

/// How far an HTTP/1 read buffer grows while reads fill it. Larger would be faster still, but an idle connection may
/// keep what it grew to.
const READ_BUFFER_BYTES_MAX: usize = 256 << 10;

const LAST_WORD_TIME_MAX: Duration = Duration::from_secs(1);

/// How long a connection that has not said what it speaks is listened to once the drain has begun.
const LATE_GREETING_TIME_MAX: Duration = Duration::from_secs(1);

/// How long an idle HTTP/1 connection is kept once the drain has begun.
const LAST_CALL_TIME: Duration = Duration::from_millis(250);

const HTTP2_ONLY: &[u8] = b"HTTP/1.1 505 HTTP Version Not Supported\r\nconnection: close\r\ncontent-length: 47\r\n\
content-type: text/plain; charset=utf-8\r\n\r\nthis port speaks gRPC, which needs HTTP/2 only\n";
