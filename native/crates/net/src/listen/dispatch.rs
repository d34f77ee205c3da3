//! One request from its protocol to the service and back: header limits, the panic fence, and the body types that hyper
//! wants for HTTP/1.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::{Frame, Incoming, SizeHint};
use teleferric_tasks::{catch, report_panic};

use super::connection::{header_bytes, within};
use super::http2::Head;
use super::hub::{Hub, Phase};
use super::state::{Active, ConnState, Writing};
use crate::body::Body;
use crate::grpc::{self, BadTimeout};
use crate::service::{Request, Response};

type Answering = Pin<Box<dyn Future<Output = Result<http::Response<Answer>, Infallible>>>>;

/// Answers a request over HTTP/1. The service is the one in place now; replacing it later does not touch this request.
pub(crate) fn dispatch(hub: &Rc<Hub>, conn: &Rc<ConnState>, request: http::Request<Incoming>) -> Answering {
    hub.stats.requests.add();
    let active = conn.begin();
    let (head, incoming) = request.into_parts();
    let expect = head.headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(CONTINUE));
    let body = Body::incoming(incoming, conn.clone(), expect);
    let (hub, conn) = (hub.clone(), conn.clone());
    Box::pin(async move {
        let oversized = is_oversized(&hub, &head);
        let request = Request { head: Rc::new(head), timeout: Ok(None), peer: conn.peer, tls: conn.tls(), body };
        let response = answer(&hub, request, oversized).await;
        let last = hub.phase() == Phase::Draining;
        Ok(into_http(response, &conn, active, last))
    })
}

/// Answers a request over HTTP/2, as [`dispatch`] does.
pub(super) fn answer_http2(
    hub: &Rc<Hub>,
    conn: &ConnState,
    head: &Head,
    timeout: Result<Option<Duration>, BadTimeout>,
    body: Body,
) -> Pin<Box<dyn Future<Output = Response>>> {
    hub.stats.requests.add();
    let oversized = head.oversized;
    let request = Request { head: head.parts.clone(), timeout, peer: conn.peer, tls: conn.tls(), body };
    let hub = hub.clone();
    Box::pin(async move { answer(&hub, request, oversized).await })
}

pub(super) async fn answer(hub: &Hub, request: Request, oversized: bool) -> Response {
    if oversized {
        hub.stats.oversized_heads.add();
        return Response::text(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "request header fields too large");
    }
    if request.head.method == Method::CONNECT {
        return Response::text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    }
    let head = request.head.clone();
    let service = hub.service();
    // Pinned, as they are large and would be moved from one to the next.
    let work = pin!(async { service.call(request).await });
    let call = pin!(within(hub.config.limits.answer_timeout, work));
    match catch("request", call).await {
        Ok(Some(response)) => response,
        Ok(None) => {
            let mut response = Response::text(StatusCode::SERVICE_UNAVAILABLE, "request timed out");
            response.headers.to_mut().insert(header::RETRY_AFTER, RETRY_SOON);
            response
        }
        Err(payload) => {
            hub.stats.panics.add();
            report_panic("request", &payload);
            if grpc::is_grpc(&head.headers) {
                grpc::error(&grpc::Status::new(grpc::INTERNAL, "internal error"))
            } else {
                Response::text(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
            }
        }
    }
}

/// hyper holds HTTP/1 heads to the limit while it reads them; the 32 bytes a field that HTTP/2 counts do not count here.
pub(super) fn is_oversized(hub: &Hub, head: &http::request::Parts) -> bool {
    let limits = &hub.config.limits;
    let most = limits.max_header_bytes as usize + head.headers.len() * 32;
    head.headers.len() > limits.max_headers || header_bytes(&head.headers) > most
}

/// `last`: the connection takes no request after this one.
fn into_http(response: Response, conn: &Rc<ConnState>, active: Active, last: bool) -> http::Response<Answer> {
    let writing = (!response.body.is_empty()).then(|| conn.answer());
    let answer = Answer { body: response.body, trailers: response.trailers, _writing: writing };
    drop(active);
    let mut http = http::Response::new(answer);
    *http.status_mut() = response.status;
    *http.headers_mut() = response.headers.into_owned();
    if last || conn.has_unread_body() {
        // The close would come without a word; a client that pools connections would use this one again.
        http.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    http
}

/// An answer's body as hyper takes it.
pub(crate) struct Answer {
    body: Bytes,
    trailers: Option<Cow<'static, HeaderMap>>,
    /// Until this is dropped: hyper keeps the body while its bytes wait for the socket.
    _writing: Option<Writing>,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.body.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.body)))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers.into_owned()))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_empty() && self.trailers.is_none()
    }

    /// Not exact before trailers, or a `content-length` would be added to gRPC answers.
    fn size_hint(&self) -> SizeHint {
        match self.trailers {
            None => SizeHint::with_exact(self.body.len() as u64),
            Some(_) => SizeHint::default(),
        }
    }
}

/// In a second: the request may have been unlucky, and some clients drop what is refused without a wait.
const RETRY_SOON: HeaderValue = HeaderValue::from_static("1");

const CONTINUE: &[u8] = b"100-continue";
