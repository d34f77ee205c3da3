//! The way in without a socket: requests that the program around the collector has received go to the same service, and
//! under the same limits, as those of a connection.

use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::{Either, select};
use http::{HeaderValue, StatusCode, header};
use tokio::sync::{mpsc, oneshot};

use super::Command;
use super::connection::before;
use super::dispatch;
use super::hub::{Hub, Phase};
use super::state::{Clocks, ConnState};
use crate::body::{Body, FedBody};
use crate::grpc::{self, BadTimeout};
use crate::http2::hpack::ASIDE;
use crate::service::{Request, Response};
use crate::workers::Workers;

/// A way into a server. Usable from any thread; clones are the same one.
#[derive(Clone, Debug)]
pub struct Door {
    hubs: Arc<[mpsc::UnboundedSender<Command>]>,
    workers: Weak<Workers>,
}

/// A request that the program around the collector has received.
#[derive(Debug)]
pub struct HostRequest {
    /// Method, target, headers, and in the extensions what the service may want to know besides.
    pub head: http::request::Parts,
    /// The sender's address.
    pub peer: Option<SocketAddr>,
    /// The body.
    pub body: FedBody,
}

/// A request on its way; dropped, it is as if its sender had gone away.
#[derive(Debug)]
pub struct Exchange {
    _alive: oneshot::Sender<()>,
}

/// Told the answer, on a data-plane thread; nothing if there will be none.
type Told = Box<dyn FnOnce(Option<Response>) + Send>;

impl Door {
    pub(super) fn new(hubs: Arc<[mpsc::UnboundedSender<Command>]>, workers: Weak<Workers>) -> Door {
        Door { hubs, workers }
    }

    /// Hands a request to the worker with the fewest connections, of which it counts as one. `then` is told the answer, or
    /// that there is none: the exchange was dropped, or the drain's time was up.
    pub fn call(&self, request: HostRequest, then: impl FnOnce(Option<Response>) + Send + 'static) -> Exchange {
        let (alive, gone) = oneshot::channel();
        let worker = self.workers.upgrade().map_or(0, |workers| workers.least_loaded());
        let call = Call { request, gone, then: Then(Some(Box::new(then))) };
        if let Some(hub) = self.hubs.get(worker) {
            // A hub that is gone drops the call, which tells that there is no answer.
            let _ = hub.send(Command::Request(Box::new(call)));
        }
        Exchange { _alive: alive }
    }
}

/// A request for a hub.
pub(super) struct Call {
    request: HostRequest,
    /// Resolves when the exchange is dropped.
    gone: oneshot::Receiver<()>,
    then: Then,
}

/// The duty to tell.
struct Then(Option<Told>);

impl Then {
    fn tell(mut self, response: Option<Response>) {
        if let Some(told) = self.0.take() {
            told(response);
        }
    }
}

impl Drop for Then {
    fn drop(&mut self) {
        if let Some(told) = self.0.take() {
            told(None);
        }
    }
}

impl Call {
    pub(super) async fn answer(self, hub: Rc<Hub>) {
        let Call { request: HostRequest { mut head, peer, body }, gone, then } = self;
        hub.stats.requests.add();
        let conn = ConnState::new(peer, Clocks::default());
        let _member = hub.join(conn.clone());
        let answered = async {
            if hub.phase() >= Phase::Draining {
                return draining(&head);
            }
            let oversized = dispatch::is_oversized(&hub, &head);
            let timeout = take_timeout(&mut head);
            let request = Request { head: Rc::new(head), timeout, peer, tls: None, body: Body::fed(body) };
            dispatch::answer(&hub, request, oversized).await
        };
        let response = match select(pin!(before(Phase::Cutting, &hub, &conn, answered)), gone).await {
            Either::Left((response, _)) => response,
            Either::Right(_) => None,
        };
        then.tell(response);
    }
}

/// As over HTTP/2, that header is not among the others.
fn take_timeout(head: &mut http::request::Parts) -> Result<Option<Duration>, BadTimeout> {
    head.headers.remove(ASIDE).map(|value| grpc::parse_timeout(value.as_bytes())).transpose()
}

/// The answer while the server ends: elsewhere, or a little later, somebody takes the request.
fn draining(head: &http::request::Parts) -> Response {
    if grpc::is_grpc(&head.headers) {
        return grpc::error(&grpc::Status::new(grpc::UNAVAILABLE, "the collector is shutting down"));
    }
    let mut response = Response::text(StatusCode::SERVICE_UNAVAILABLE, "the collector is shutting down");
    response.headers.to_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
