//! Request headers as the metadata that travels with the data (`include_metadata`).

use http::HeaderMap;
use http::header::HOST;
use http::request::Parts;

/// All headers with text values, and the host under `host`. Names are lower case already.
pub(super) fn of(head: &Parts) -> Vec<(Box<str>, Box<str>)> {
    let mut pairs = of_headers(&head.headers);
    if !head.headers.contains_key(HOST)
        && let Some(authority) = head.uri.authority()
    {
        pairs.push(("host".into(), authority.as_str().into()));
    }
    pairs
}

fn of_headers(headers: &HeaderMap) -> Vec<(Box<str>, Box<str>)> {
    let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        Some((Box::from(name.as_str()), Box::from(value.to_str().ok()?)))
    };
    headers.iter().filter_map(text).collect()
}
