//! Requests that the host has received, with a server of its own: they go to the service of a listener like those that
//! come over its socket.

use std::borrow::Cow;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use serde_json::json;
use teleferric_net::body::feed;
use teleferric_net::{BodyFeed, HostRequest, Response};
use teleferric_parts::listeners::Name;
use teleferric_parts::receivers::otlp::verdict::Verdict;

use crate::running::Running;

/// A request on its way. Dropped before the answer, it is as if its sender had gone away.
pub struct Exchange {
    feed: Option<BodyFeed>,
    _call: Option<teleferric_net::Exchange>,
}

/// The answer to a request.
pub struct Answer {
    /// JSON: `{status, headers, trailers}`, the latter lists of names and values by turns, and null if there are no
    /// trailers.
    pub head: String,
    /// The body.
    pub body: Bytes,
}

/// What the host says of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    receiver: String,
    protocol: String,
    method: String,
    target: String,
    headers: Vec<String>,
    peer: Option<SocketAddr>,
    declared: Option<u64>,
    context: Option<Verdict>,
}

/// See [`Engine::exchange`](crate::Engine::exchange).
pub fn begin(
    running: Option<&Running>,
    head: &str,
    then: impl FnOnce(Option<Answer>) + Send + 'static,
) -> Result<Exchange, String> {
    let head: Head = serde_json::from_str(head).map_err(|error| format!("the head cannot be read: {error}"))?;
    let protocol = match &*head.protocol {
        "grpc" => "grpc",
        "http" => "http",
        other => return Err(format!("unknown protocol \"{other}\"")),
    };
    let name = Name { receiver: head.receiver.clone(), protocol };
    let (peer, declared) = (head.peer, head.declared);
    let head = head.parts()?;
    let Some(door) = running.and_then(|running| running.door(&name)) else {
        then(None);
        return Ok(Exchange { feed: None, _call: None });
    };
    let (feed, body) = feed(declared);
    let request = HostRequest { head, peer, body };
    let call = door.call(request, move |response| then(response.map(Answer::from)));
    Ok(Exchange { feed: Some(feed), _call: Some(call) })
}

impl Exchange {
    /// Adds a copy of `bytes` to the body and tells whether there is room for more: if not, [`Exchange::when_room`] tells
    /// when there is.
    pub fn write(&self, bytes: &[u8]) -> bool {
        self.feed.as_ref().is_none_or(|feed| feed.push(Bytes::copy_from_slice(bytes)))
    }

    /// Calls `then`, on any thread, once there is room for more of the body, or nobody reads it.
    pub fn when_room(&self, then: impl FnOnce() + Send + 'static) {
        match &self.feed {
            Some(feed) => feed.when_room(then),
            None => then(),
        }
    }

    /// Calls `then`, on any thread, with true when the body begins to be read, and with false if it never is: a sender that
    /// waits for `100 Continue` is told so, or refused.
    pub fn when_wanted(&self, then: impl FnOnce(bool) + Send + 'static) {
        match &self.feed {
            Some(feed) => feed.when_wanted(then),
            None => then(false),
        }
    }

    /// The body is complete.
    pub fn finish(&mut self) {
        if let Some(feed) = self.feed.take() {
            feed.finish();
        }
    }
}

impl Head {
    fn parts(self) -> Result<http::request::Parts, String> {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let wrong = |what: &str, text: &str| format!("{what} cannot be read: \"{}\"", shortened(text));
        parts.method = Method::from_bytes(self.method.as_bytes()).map_err(|_| wrong("method", &self.method))?;
        parts.uri = Uri::try_from(&*self.target).map_err(|_| wrong("target", &self.target))?;
        parts.headers = HeaderMap::with_capacity(self.headers.len() / 2);
        for pair in self.headers.chunks_exact(2) {
            let [name, value] = pair else { continue };
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("header", name))?;
            let value = HeaderValue::from_bytes(&latin1(value)).map_err(|_| wrong("header", name.as_str()))?;
            parts.headers.append(name, value);
        }
        if let Some(verdict) = self.context {
            parts.extensions.insert(verdict);
        }
        Ok(parts)
    }
}

/// Node gives each byte of a header as the character of the same number.
fn latin1(text: &str) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text.as_bytes());
    }
    Cow::Owned(text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect())
}

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        let pairs = |headers: &HeaderMap| {
            let texts = |(name, value): (&HeaderName, &HeaderValue)| {
                [name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()]
            };
            headers.iter().flat_map(texts).collect::<Vec<_>>()
        };
        let trailers = response.trailers.as_deref().map(pairs);
        let (status, headers) = (response.status.as_u16(), pairs(&response.headers));
        let head = json!({ "status": status, "headers": headers, "trailers": trailers }).to_string();
        Answer { head, body: response.body }
    }
}
