//! Redirects as Go's HTTP client follows them.

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, COOKIE, HeaderName, LOCATION,
    PROXY_AUTHORIZATION, WWW_AUTHENTICATE,
};
use http::{Method, StatusCode};

use super::error::ClientError;
use super::http::{ClientResponse, Outgoing};
use super::rope::Rope;
use super::url::HttpUrl;

/// The chain of one request.
pub(crate) struct Redirects {
    first_host: String,
    left: usize,
    max: usize,
}

impl Redirects {
    pub(crate) fn new(url: &HttpUrl, max: usize) -> Self {
        Self { first_host: url.host().to_ascii_lowercase(), left: max, max }
    }

    /// The request that follows `response`, or `request` back when the response is the answer.
    ///
    /// # Errors
    ///
    /// The chain is too long, or leads to something that is no HTTP URL.
    pub(crate) fn next(
        &mut self,
        mut request: Outgoing,
        response: &ClientResponse,
    ) -> Result<Result<Outgoing, Outgoing>, ClientError> {
        let Some(keep_method) = kind(response.status) else { return Ok(Err(request)) };
        let Some(location) = response.headers.get(LOCATION).filter(|_| self.max > 0) else { return Ok(Err(request)) };
        if self.left == 0 {
            return Err(ClientError::protocol(format!("stopped after {} redirects", self.max)));
        }
        self.left -= 1;
        let location = location.to_str().map_err(|_| ClientError::protocol("redirect to something that is no url"))?;
        let url = request
            .url
            .join(location)
            .map_err(|error| ClientError::protocol(format!("redirect cannot be followed: {error}")))?;
        if location.contains("://") || location.starts_with("//") {
            request.host = None;
        }
        if !keep_method && !matches!(request.method, Method::GET | Method::HEAD) {
            request.method = Method::GET;
            request.body = Rope::new([]);
            for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION] {
                request.headers.remove(name);
            }
        }
        if !self.is_trusted(url.host()) {
            for name in &CREDENTIALS {
                request.headers.remove(name);
            }
        }
        request.url = url;
        Ok(Ok(request))
    }

    /// Credentials go to the first host and its subdomains only.
    fn is_trusted(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let is_name = !self.first_host.contains(':') && self.first_host.parse::<std::net::IpAddr>().is_err();
        host == self.first_host
            || (is_name && host.strip_suffix(self.first_host.as_str()).is_some_and(|prefix| prefix.ends_with('.')))
    }
}

/// Whether a status redirects, and then whether method and body stay.
fn kind(status: StatusCode) -> Option<bool> {
    match status.as_u16() {
        301..=303 => Some(false),
        307 | 308 => Some(true),
        _ => None,
    }
}

const CREDENTIALS: [HeaderName; 4] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, WWW_AUTHENTICATE];
