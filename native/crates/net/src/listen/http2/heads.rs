//! From decoded fields to the head of a request. Clients send the same head again and again, so heads are made once and
//! shared: by all connections of a worker, and without a look at the fields when a connection repeats its last block.

use std::cell::RefCell;
use std::rc::Rc;

use http::request::Parts;
use http::{Method, Request, Uri, Version, header};

use crate::http2::blocks;
use crate::http2::hpack::Fields;
use crate::listen::connection::header_bytes;

/// A request's head with what follows from it.
pub(crate) struct Head {
    pub(crate) parts: Rc<Parts>,
    /// `content-length`, if it is there.
    pub(crate) declared: Option<u64>,
    /// More fields, or bytes of them, than the limits allow.
    pub(crate) oversized: bool,
    text: Box<[u8]>,
    lengths: Box<[(u32, u32)]>,
}

/// The fields make no request (RFC 9113, section 8.1.1): an error of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The heads seen lately, newest first.
#[derive(Default)]
pub(crate) struct Heads(RefCell<Vec<Rc<Head>>>);

impl Heads {
    /// The head that `fields` make, shared if it was seen lately.
    pub(crate) fn of(&self, fields: &Fields, limits: &HeadLimits) -> Result<Rc<Head>, Malformed> {
        let kept = &mut *self.0.borrow_mut();
        if let Some(place) = kept.iter().position(|head| head.is(fields)) {
            let head = kept[place].clone();
            // The one that is asked for most moves to the front, where it is found first.
            kept.swap(place, place / 2);
            return Ok(head);
        }
        let head = Rc::new(Head::new(fields, limits)?);
        if fields.text().len() <= KEPT_TEXT_BYTES_MAX {
            if kept.len() == KEPT_MAX {
                kept.pop();
            }
            kept.push(head.clone());
        }
        Ok(head)
    }
}

/// The most a head may hold.
pub(crate) struct HeadLimits {
    pub(crate) headers: usize,
    pub(crate) bytes: usize,
}

impl Head {
    fn new(fields: &Fields, limits: &HeadLimits) -> Result<Head, Malformed> {
        let parts = parts_of(fields)?;
        let declared = match parts.headers.get(header::CONTENT_LENGTH) {
            None => None,
            Some(value) => Some(value.to_str().ok().and_then(|text| text.parse().ok()).ok_or(Malformed)?),
        };
        let headers = &parts.headers;
        let oversized = fields.overflowed() || headers.len() > limits.headers || header_bytes(headers) > limits.bytes;
        Ok(Head {
            parts: Rc::new(parts),
            declared,
            oversized,
            text: fields.text().into(),
            lengths: fields.lengths().into(),
        })
    }

    fn is(&self, fields: &Fields) -> bool {
        *self.text == *fields.text() && *self.lengths == *fields.lengths() && !fields.overflowed()
    }
}

fn parts_of(fields: &Fields) -> Result<Parts, Malformed> {
    let mut parts = Request::new(()).into_parts().0;
    parts.version = Version::HTTP_2;
    let (mut method, mut scheme, mut authority, mut path) = (None, None, None, None);
    for (name, value) in fields.iter() {
        if let [b':', pseudo @ ..] = name {
            let slot = match pseudo {
                b"method" => &mut method,
                b"scheme" => &mut scheme,
                b"authority" => &mut authority,
                b"path" => &mut path,
                _ => return Err(Malformed),
            };
            // Once each, and before all others.
            if slot.replace(value).is_some() || !parts.headers.is_empty() {
                return Err(Malformed);
            }
            continue;
        }
        let (name, value) = blocks::header(name, value).ok_or(Malformed)?;
        if name == header::TE && value != "trailers" {
            return Err(Malformed);
        }
        parts.headers.append(name, value);
    }
    match method {
        Some(method) => parts.method = Method::from_bytes(method).map_err(|_| Malformed)?,
        // What was left out for want of room may be what is missing.
        None if fields.overflowed() => return Ok(parts),
        None => return Err(Malformed),
    }
    parts.uri = match (scheme, authority, path) {
        (None, Some(authority), None) if parts.method == Method::CONNECT => Uri::try_from(authority),
        (Some(_), None, Some(path)) => Uri::try_from(path),
        (Some(scheme), Some(authority), Some(path)) => {
            let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build();
            parts.uri = uri.map_err(|_| Malformed)?;
            return Ok(parts);
        }
        _ if fields.overflowed() => return Ok(parts),
        _ => return Err(Malformed),
    }
    .map_err(|_| Malformed)?;
    Ok(parts)
}

/// Heads a worker keeps for a listener, and how long the text of one may be.
const KEPT_MAX: usize = 64;
const KEPT_TEXT_BYTES_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::hpack::{Decoder, put_field};

    const LIMITS: HeadLimits = HeadLimits { headers: 10, bytes: 1000 };

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let mut block = Vec::new();
        pairs.iter().for_each(|(name, value)| put_field(&mut block, name, value.as_bytes()));
        let mut fields = Fields::new(1 << 16);
        Decoder::new().decode(&block, &mut fields).unwrap();
        fields
    }

    const POST: [(&str, &str); 4] =
        [(":method", "POST"), (":scheme", "http"), (":authority", "h:1"), (":path", "/p?q")];

    #[test]
    fn a_head_is_made_once() {
        let heads = Heads::default();
        let first = heads.of(&fields(&POST), &LIMITS).ok().unwrap();
        assert_eq!(first.parts.uri, "http://h:1/p?q");
        assert_eq!((first.parts.method.as_str(), first.declared, first.oversized), ("POST", None, false));
        let again = heads.of(&fields(&POST), &LIMITS).ok().unwrap();
        assert!(Rc::ptr_eq(&first, &again));
        let other = [&POST[..], &[("content-length", "12")]].concat();
        assert_eq!(heads.of(&fields(&other), &LIMITS).ok().unwrap().declared, Some(12));
        for index in 0..2 * KEPT_MAX {
            let value = index.to_string();
            let one = [&POST[..], &[("x", &*value)]].concat();
            assert!(heads.of(&fields(&one), &LIMITS).is_ok());
        }
        assert_eq!(heads.0.borrow().len(), KEPT_MAX);
    }

    #[test]
    fn what_makes_no_request_is_malformed() {
        let bad: [&[(&str, &str)]; 12] = [
            &POST[1..],
            &POST[..3],
            &[POST[0], POST[2], POST[3]],
            &[POST[0], POST[0], POST[1], POST[3]],
            &[POST[0], POST[1], ("x", "y"), POST[3]],
            &[POST[0], POST[1], POST[3], (":other", "x")],
            &[POST[0], POST[1], POST[3], ("Upper", "x")],
            &[POST[0], POST[1], POST[3], ("connection", "close")],
            &[POST[0], POST[1], POST[3], ("te", "gzip")],
            &[POST[0], POST[1], POST[3], ("x", "a\nb")],
            &[POST[0], POST[1], POST[3], ("content-length", "-1")],
            &[POST[0], POST[1], (":path", "no path")],
        ];
        for pairs in bad {
            assert!(Heads::default().of(&fields(pairs), &LIMITS).is_err(), "{pairs:?}");
        }
        let without_authority = [POST[0], POST[1], POST[3], ("te", "trailers")];
        assert!(Heads::default().of(&fields(&without_authority), &LIMITS).is_ok());
    }

    #[test]
    fn too_much_is_told_apart_from_malformed() {
        let many: Vec<_> = POST.into_iter().chain((0..11).map(|_| ("x", "y"))).collect();
        assert!(Heads::default().of(&fields(&many), &LIMITS).ok().unwrap().oversized);
        let long = "y".repeat(1000);
        let large = [&POST[..], &[("x", &*long)]].concat();
        assert!(Heads::default().of(&fields(&large), &LIMITS).ok().unwrap().oversized);
    }
}
