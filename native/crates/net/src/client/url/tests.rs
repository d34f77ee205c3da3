use super::*;

fn target(text: &str) -> Result<GrpcTarget, String> {
    GrpcTarget::parse(text).map_err(|error| error.to_string())
}

fn host(host: &str, port: u16, force_tls: bool) -> Result<GrpcTarget, String> {
    Ok(GrpcTarget::Host { host: host.to_owned(), port, force_tls })
}

#[test]
fn reads_urls_with_their_defaults() {
    let url = HttpUrl::parse("http://collector.example").unwrap();
    assert_eq!((url.host(), url.port(), url.path().as_str()), ("collector.example", 80, "/"));
    let url = HttpUrl::parse("https://collector.example/base?x=1#part").unwrap();
    assert_eq!((url.is_https(), url.port(), url.path().as_str()), (true, 443, "/base?x=1"));
    let url = HttpUrl::parse("http://[::1]:4318/v1/traces").unwrap();
    assert_eq!((url.host(), url.port(), url.authority().as_str()), ("::1", 4318, "[::1]:4318"));
    assert_eq!(url.to_string(), "http://[::1]:4318/v1/traces");
}

#[test]
fn refuses_what_is_no_http_url() {
    let text = |url: &str| HttpUrl::parse(url).unwrap_err().to_string();
    assert_eq!(text("ftp://x/"), "unsupported protocol scheme \"ftp\"");
    assert_eq!(text("localhost"), "url has no scheme, expected http:// or https://");
    assert_eq!(text("http://host:70000/"), "invalid port \"70000\"");
    assert!(text("http://me:secret@bad host/").contains("[REDACTED]"));
    assert!(!text("http://me:secret@bad host/").contains("secret"));
}

#[test]
fn turns_user_information_into_a_header() {
    let url = HttpUrl::parse("http://user:p%40ss@host:1/x").unwrap();
    assert_eq!(url.authorization().unwrap(), "Basic dXNlcjpwQHNz");
    assert_eq!((url.authority().as_str(), url.host()), ("host:1", "host"));
    assert_eq!(url.to_string(), "http://host:1/x");
}

#[test]
fn resolves_locations() {
    let base = HttpUrl::parse("http://a:1/v1/traces?q").unwrap();
    let join = |location: &str| base.join(location).unwrap().to_string();
    assert_eq!(join("https://b/x"), "https://b/x");
    assert_eq!(join("//b:2/x"), "http://b:2/x");
    assert_eq!(join("/other"), "http://a:1/other");
    assert_eq!(join("metrics"), "http://a:1/v1/metrics");
    assert_eq!(join("?z"), "http://a:1/v1/traces?z");
    assert!(base.join("gopher://x/").is_err());
}

#[test]
fn reads_grpc_targets() {
    assert_eq!(target("localhost:4317"), host("localhost", 4317, false));
    assert_eq!(target("http://h:1"), host("h", 1, false));
    assert_eq!(target("https://h:1"), host("h", 1, true));
    assert_eq!(target("dns:///h:1"), host("h", 1, false));
    assert_eq!(target("dns://h:1"), host("h", 1, false));
    assert_eq!(target("passthrough:///h:1"), host("h", 1, false));
    assert_eq!(target("[::1]:4317"), host("::1", 4317, false));
    assert_eq!(target("unix:///run/x.sock"), Ok(GrpcTarget::Unix("/run/x.sock".into())));
    assert_eq!(target("unix:x.sock"), Ok(GrpcTarget::Unix("x.sock".into())));
    assert_eq!(target("[::1]:4317").unwrap().authority(), "[::1]:4317");
}

#[test]
fn refuses_targets_in_the_words_of_go() {
    let text = |input: &str| target(input).unwrap_err();
    assert_eq!(text("localhost"), "address localhost: missing port in address");
    assert_eq!(text("http://localhost"), "address localhost: missing port in address");
    assert_eq!(text("::1:4317"), "address ::1:4317: too many colons in address");
    assert_eq!(text("[::1"), "address [::1: missing ']' in address");
    assert_eq!(text("localhost:port"), "invalid port \"port\"");
    assert_eq!(text("localhost:"), "invalid port \"\"");
    assert_eq!(text("localhost:+1"), "invalid port \"+1\"");
}

#[test]
fn percent_decoding_leaves_broken_escapes() {
    assert_eq!(percent_decode(b"a%20b%C3%A9"), "a b\u{e9}".as_bytes());
    assert_eq!(percent_decode(b"100%"), b"100%");
    assert_eq!(percent_decode(b"%zz%4"), b"%zz%4");
}
