//! Heads of requests as they are written, and of responses as they are read.

use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};

use crate::http2::blocks;
use crate::http2::encoder::{Encoder, Field, Keeping};
use crate::http2::hpack::Fields;

/// The fields of a request, ready to be written any number of times.
#[derive(Clone, Debug)]
pub(crate) struct RequestHead {
    /// Names and values one after the other.
    text: Vec<u8>,
    fields: Vec<(usize, usize, Keeping)>,
    /// Whether the response to it describes a body that does not come.
    pub(super) bodiless: bool,
}

impl RequestHead {
    /// The head of a request whose URI has a scheme and an authority.
    pub(crate) fn new(request: &Request<()>) -> RequestHead {
        let uri = request.uri();
        let mut head = RequestHead { text: Vec::new(), fields: Vec::new(), bodiless: request.method() == Method::HEAD };
        head.push(":method", request.method().as_str().as_bytes(), Keeping::Table);
        head.push(":scheme", uri.scheme_str().unwrap_or("http").as_bytes(), Keeping::Table);
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        head.push(":authority", authority.as_bytes(), Keeping::Table);
        head.push(":path", uri.path_and_query().map_or("/", |path| path.as_str()).as_bytes(), Keeping::Table);
        for (name, value) in request.headers() {
            head.push(name.as_str(), value.as_bytes(), keeping(name, value));
        }
        head
    }

    fn push(&mut self, name: &str, value: &[u8], keeping: Keeping) {
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(value);
        self.fields.push((name.len(), value.len(), keeping));
    }

    /// Appends the fields to a block.
    pub(super) fn write(&self, encoder: &mut Encoder, out: &mut Vec<u8>) {
        let mut rest = &self.text[..];
        for (name, value, keeping) in &self.fields {
            let (name, after) = rest.split_at_checked(*name).unwrap_or_default();
            let (value, after) = after.split_at_checked(*value).unwrap_or_default();
            rest = after;
            encoder.put(out, Field { name, value, keeping: *keeping });
        }
    }
}

fn keeping(name: &HeaderName, value: &HeaderValue) -> Keeping {
    if value.is_sensitive() || [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(name) {
        Keeping::Never
    } else if name == CONTENT_LENGTH {
        Keeping::Not
    } else {
        Keeping::Table
    }
}

/// The fields of a response, or its trailers.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResponseHead {
    /// `:status`, which trailers do not have.
    pub(crate) status: Option<StatusCode>,
    pub(crate) headers: HeaderMap,
    /// `content-length`.
    pub(super) declared: Option<u64>,
    /// There were more bytes of fields than allowed.
    pub(super) oversized: bool,
}

/// The fields make no response (RFC 9113, section 8.1.1): an error of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl ResponseHead {
    pub(super) fn new(fields: &Fields) -> Result<ResponseHead, Malformed> {
        let mut head = ResponseHead { oversized: fields.overflowed(), ..ResponseHead::default() };
        for (name, value) in fields.iter() {
            if name.first() == Some(&b':') {
                let status = StatusCode::from_bytes(value).map_err(|_| Malformed)?;
                // Nothing but the status, once, and before all others.
                if name != b":status" || head.status.replace(status).is_some() || !head.headers.is_empty() {
                    return Err(Malformed);
                }
                continue;
            }
            let (name, value) = blocks::header(name, value).ok_or(Malformed)?;
            head.headers.append(name, value);
        }
        if let Some(length) = head.headers.get(CONTENT_LENGTH) {
            let length = length.to_str().ok().and_then(|text| text.parse().ok());
            head.declared = Some(length.ok_or(Malformed)?);
        }
        Ok(head)
    }

    /// An answer that another will follow (RFC 9110, section 15.2).
    pub(super) fn is_informational(&self) -> bool {
        self.status.is_some_and(|status| status.is_informational())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::hpack::{Decoder, put_field};

    fn fields(block: &[u8]) -> Fields {
        let mut fields = Fields::new(1 << 16);
        Decoder::new().decode(block, &mut fields).unwrap();
        fields
    }

    fn response(pairs: &[(&str, &str)]) -> Result<ResponseHead, Malformed> {
        let mut block = Vec::new();
        pairs.iter().for_each(|(name, value)| put_field(&mut block, name, value.as_bytes()));
        ResponseHead::new(&fields(&block))
    }

    #[test]
    fn a_request_head_begins_with_what_is_asked_for() {
        let mut request = Request::post("https://h:1/p?q=1").header("x-a", "1").body(()).unwrap();
        let mut secret = HeaderValue::from_static("s");
        secret.set_sensitive(true);
        request.headers_mut().insert("x-key", secret);
        let head = RequestHead::new(&request);
        let mut block = Vec::new();
        head.write(&mut Encoder::new(), &mut block);
        let told: Vec<_> = fields(&block).iter().map(|(name, value)| [name, value].concat()).collect();
        let expected = [&b":methodPOST"[..], b":schemehttps", b":authorityh:1", b":path/p?q=1", b"x-a1", b"x-keys"];
        assert_eq!(told, expected);
        assert_eq!(head.fields.last().unwrap().2, Keeping::Never);
    }

    #[test]
    fn a_response_head_is_read_or_malformed() {
        let head = response(&[(":status", "200"), ("content-length", "3"), ("x", "y")]).unwrap();
        assert_eq!((head.status.unwrap().as_u16(), head.declared, head.headers.len()), (200, Some(3), 2));
        assert!(response(&[(":status", "103")]).unwrap().is_informational());
        assert_eq!(response(&[("grpc-status", "0")]).unwrap().status, None);
        let bad: [&[(&str, &str)]; 8] = [
            &[(":status", "abc")],
            &[(":status", "200"), (":status", "200")],
            &[("x", "y"), (":status", "200")],
            &[(":path", "200")],
            &[("Upper", "x")],
            &[("connection", "close")],
            &[("x", "a\nb")],
            &[("content-length", "-1")],
        ];
        for pairs in bad {
            assert_eq!(response(pairs).err(), Some(Malformed), "{pairs:?}");
        }
    }
}
