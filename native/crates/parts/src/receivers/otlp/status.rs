//! `/queue/status?batch_id=`: a sender asks what has become of a request, where it sent it and as the tenant that it is.
//! It is there if `dedup.status` is set, for as long as `dedup` remembers the request.

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;
use teleferric_flow::{Fault, FaultCode, GrpcCode, Visit};
use teleferric_net::{Request, Response};
use teleferric_wire::Signal;
use teleferric_wire::response::{Encoding, Status};

use super::dedup::{Dedup, Found};
use super::http::{HttpService, method_not_allowed, with_body};

/// Where to ask.
const PATH: &str = "/queue/status";

/// The only parameter.
const PARAMETER: &str = "batch_id";

/// The longest id that can be asked for.
const ID_BYTES_MAX: usize = 256;

#[derive(Serialize)]
struct Answer<'a> {
    batch_id: &'a str,
    requests: Vec<AnswerRequest>,
}

#[derive(Serialize)]
struct AnswerRequest {
    signal: &'static str,
    state: &'static str,
    reasons: Vec<&'static str>,
}

impl HttpService {
    /// The answer to a question about a request; none if this is none, or none can be asked.
    pub(super) fn answer_question(&self, request: &Request) -> Option<Response> {
        let dedup = self.intake.rules.dedup.as_ref().filter(|dedup| dedup.can_be_asked())?;
        if request.head.uri.path() != PATH {
            return None;
        }
        if request.head.method != Method::GET {
            return Some(method_not_allowed("GET"));
        }
        let served = || Signal::ALL.into_iter().find(|signal| self.intake.serves(*signal)).unwrap_or(Signal::Logs);
        let found = self.find(dedup, request);
        Some(found.unwrap_or_else(|fault| self.refuse(served(), Encoding::Json, &fault)))
    }

    /// # Errors
    /// The question is none, or whoever asks is over its quota.
    fn find(&self, dedup: &Dedup, request: &Request) -> Result<Response, Fault> {
        let visit = self.intake.admit_question(request)?;
        let id = batch_id(request.head.uri.query()).map_err(|what| {
            Fault::new(FaultCode::Malformed, format!("{what}; ask {PATH}?{PARAMETER}=<id>, percent-encoded"))
        })?;
        let tenant = visit.as_ref().and_then(Visit::name);
        Ok(answer(&String::from_utf8_lossy(&id), dedup.find(tenant.as_deref(), &id)))
    }
}

fn answer(id: &str, found: Vec<Found>) -> Response {
    let (status, body) = if found.is_empty() {
        (StatusCode::NOT_FOUND, Status::new(GrpcCode::NotFound as i32, UNKNOWN).encode(Encoding::Json))
    } else {
        let request = |Found { signal, state, reasons }: Found| AnswerRequest {
            signal: signal.name(),
            state: state.name(),
            reasons,
        };
        let answer = Answer { batch_id: id, requests: found.into_iter().map(request).collect() };
        // Text and lists of text always have a form in JSON.
        (StatusCode::OK, serde_json::to_vec(&answer).unwrap_or_default())
    };
    let mut response = with_body(status, Encoding::Json, Bytes::from(body));
    response.headers.to_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const UNKNOWN: &str = "no request with this id is known here: it was not sent, it was refused, or it is forgotten, \
    as ids are after `dedup.window`, above `dedup.max_ids`, where memory is short and with each start";

/// The id that a query asks for.
///
/// # Errors
/// What is wrong with the query.
fn batch_id(query: Option<&str>) -> Result<Vec<u8>, String> {
    let mut id = None;
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name != PARAMETER {
            let name = name.chars().take(NAME_CHARS_MAX).collect::<String>();
            return Err(format!("unknown parameter \"{name}\""));
        }
        if id.replace(value).is_some() {
            return Err(format!("{PARAMETER} is there more than once"));
        }
    }
    let id = id.ok_or_else(|| format!("{PARAMETER} is missing"))?;
    let id = decoded(id).ok_or_else(|| format!("{PARAMETER} is not percent-encoded"))?;
    match id.len() {
        0 => Err(format!("{PARAMETER} is empty")),
        1..=ID_BYTES_MAX => Ok(id),
        _ => Err(format!("{PARAMETER} is longer than {ID_BYTES_MAX} bytes")),
    }
}

/// How much of a name is repeated to who asks.
const NAME_CHARS_MAX: usize = 64;

/// Percent-encoded text as bytes. A plus sign is one: ids may have some, and no blanks at their ends.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_from_the_query_or_what_is_wrong_with_that_is_told() {
        let longest = "x".repeat(ID_BYTES_MAX);
        for (query, id) in [
            ("batch_id=a-1", "a-1"),
            ("&batch_id=a+b%2Bc=&", "a+b+c="),
            ("batch_id=%C3%bc", "\u{fc}"),
            (&format!("batch_id={longest}"), &longest),
        ] {
            assert_eq!(batch_id(Some(query)).as_deref(), Ok(id.as_bytes()), "{query}");
        }
        for (query, what) in [
            ("", "batch_id is missing"),
            ("batch_id", "batch_id is empty"),
            ("batch_id=", "batch_id is empty"),
            ("batch_id=a&batch_id=a", "batch_id is there more than once"),
            ("batchid=a", "unknown parameter \"batchid\""),
            ("batch_id=%", "batch_id is not percent-encoded"),
            ("batch_id=%+1", "batch_id is not percent-encoded"),
            ("batch_id=%\u{fc}", "batch_id is not percent-encoded"),
            (&format!("batch_id={longest}x"), "batch_id is longer than 256 bytes"),
        ] {
            assert_eq!(batch_id(Some(query)), Err(what.to_owned()), "{query}");
        }
        assert!(batch_id(None).is_err());
    }
}
