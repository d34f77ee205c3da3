//! Cross-origin requests: who may send from a browser (Fetch standard, section "HTTP extensions").

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use teleferric_net::Response;

use crate::component::StartError;
use crate::settings::http_server::Cors as Settings;

/// The rules of one listener.
pub struct Cors {
    origins: Vec<String>,
    /// Lower case; `*` allows all.
    headers: Vec<String>,
    exposed: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
}

/// Request headers that need no leave, and the one that every OTLP request carries.
const ALWAYS_ALLOWED: [&str; 5] = ["accept", "accept-language", "content-language", "content-type", "x-requested-with"];

impl Cors {
    /// The rules that `settings` ask for; none without allowed origins.
    ///
    /// # Errors
    /// A name in `exposed_headers` that cannot be a header.
    pub fn new(settings: &Settings) -> Result<Option<Cors>, StartError> {
        if settings.allowed_origins.is_empty() {
            return Ok(None);
        }
        let exposed = (!settings.exposed_headers.is_empty()).then(|| settings.exposed_headers.join(", "));
        let exposed = exposed.map(HeaderValue::try_from).transpose();
        Ok(Some(Cors {
            origins: settings.allowed_origins.iter().map(|origin| origin.to_lowercase()).collect(),
            headers: settings.allowed_headers.iter().map(|name| name.to_lowercase()).collect(),
            exposed: exposed.map_err(|error| StartError::new(format!("cors: exposed_headers: {error}")))?,
            max_age: (settings.max_age > 0).then(|| HeaderValue::from(settings.max_age)),
        }))
    }

    /// The headers that let an allowed origin read the response.
    pub fn grant(&self, head: &Parts) -> Option<HeaderMap> {
        let origin = self.allowed_origin(head)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(exposed) = &self.exposed {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
        Some(headers)
    }

    /// The answer to a preflight request; nothing if it is none. An origin, method or header that is not allowed gets
    /// an answer without leave, as the standard has it.
    pub fn preflight(&self, head: &Parts) -> Option<Response> {
        let method = head.headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        if head.method != Method::OPTIONS {
            return None;
        }
        let mut response = Response::empty(StatusCode::NO_CONTENT);
        let wanted = head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
        if self.allowed_origin(head).is_none() || method != Method::POST.as_str() || !self.allows_headers(wanted) {
            return Some(response);
        }
        response.headers.to_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
        if let Some(wanted) = wanted {
            response.headers.to_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        if let Some(max_age) = &self.max_age {
            response.headers.to_mut().insert(ACCESS_CONTROL_MAX_AGE, max_age.clone());
        }
        Some(response)
    }

    fn allowed_origin<'a>(&self, head: &'a Parts) -> Option<&'a HeaderValue> {
        let origin = head.headers.get(ORIGIN)?;
        let text = origin.to_str().ok()?.to_lowercase();
        self.origins.iter().any(|pattern| matches(pattern, &text)).then_some(origin)
    }

    fn allows_headers(&self, wanted: Option<&HeaderValue>) -> bool {
        let Some(wanted) = wanted else { return true };
        let Ok(wanted) = wanted.to_str() else { return false };
        let allowed = |name: &str| {
            ALWAYS_ALLOWED.contains(&name) || self.headers.iter().any(|header| header == "*" || header == name)
        };
        wanted.split(',').map(|name| name.trim().to_lowercase()).all(|name| name.is_empty() || allowed(&name))
    }
}

/// Whether `text` fits a pattern in which `*` stands for any run of characters. Linear: each part is looked for once,
/// from the left.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        match text.find(part) {
            Some(place) => text = text.get(place + part.len()..).unwrap_or(""),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_run_of_characters() {
        for (pattern, text, fits) in [
            ("*", "http://a", true),
            ("http://a.com", "http://a.com", true),
            ("http://a.com", "http://a.com.evil", false),
            ("https://*.example.com", "https://x.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://x.example.com.evil", false),
            ("http://*:80*80", "http://h:8080", true),
            ("http://*:*", "http://h", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
