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
        let (name, value) = (name.as_str(), value.to_str().ok()?);
        // Binary values of gRPC are base64, padded or not (gRPC over HTTP/2, "Custom-Metadata"); one form of each.
        let value = if name.ends_with("-bin") { value.trim_end_matches('=') } else { value };
        Some((Box::from(name), Box::from(value)))
    };
    headers.iter().filter_map(text).collect()
}
