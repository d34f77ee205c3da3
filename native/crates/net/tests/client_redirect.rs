//! Redirects and proxies.

#![allow(clippy::unwrap_used)]

mod client_support;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use client_support::*;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue};
use teleferric_net::client::{
    Client, ClientConfig, ClientRequest, ConnectConfig, ErrorKind, GrpcCall, GrpcClient, GrpcConfig, GrpcTarget,
    Http2Config, HttpUrl, Proxy, ProxyRule,
};
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

const MAX: usize = 64 * 1024;

/// A server that redirects with `status` to `location` and answers `/end` with what it saw.
async fn redirecting(status: &'static str, location: String) -> (SocketAddr, Rc<RefCell<Vec<Seen>>>) {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&seen);
    let address = listen(move |_, mut stream| {
        let (log, location) = (Rc::clone(&log), location.clone());
        async move {
            while let Some(request) = read_request(&mut stream).await {
                log.borrow_mut().push(request.clone());
                if request.head.contains(" /end ") {
                    answer(&mut stream, "200 OK", &[], &request.body).await;
                } else {
                    answer(&mut stream, status, &[("location", &location)], b"moved").await;
                }
            }
        }
    })
    .await;
    (address, seen)
}

fn telling(url: HttpUrl) -> ClientRequest {
    let mut request = post(url, "payload");
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    request.headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
    request
}

#[test]
fn sends_the_body_again_where_the_method_stays() {
    run(async {
        for status in ["307 Temporary Redirect", "308 Permanent Redirect"] {
            let (address, seen) = redirecting(status, "/end".to_owned()).await;
            let mut request = telling(url(address, "/start"));
            request.headers.insert(HOST, HeaderValue::from_static("named.example"));
            let response = client().request(request, soon(), MAX).await.unwrap();
            assert_eq!(response.body, "payload");
            let last = seen.borrow()[1].clone();
            assert!(last.head.starts_with("POST /end "));
            assert_eq!(last.header("authorization"), Some("Bearer secret"));
            assert_eq!(last.header("host"), Some("named.example"));
        }
    });
}

#[test]
fn asks_without_a_body_where_the_method_changes() {
    run(async {
        for status in ["301 Moved Permanently", "302 Found", "303 See Other"] {
            let (address, seen) = redirecting(status, "/end".to_owned()).await;
            let response = client().request(telling(url(address, "/start")), soon(), MAX).await.unwrap();
            assert_eq!(response.body, "");
            let last = seen.borrow()[1].clone();
            assert!(last.head.starts_with("GET /end "), "{}", last.head);
            assert_eq!((last.header("content-type"), last.header("content-length")), (None, None));
        }
    });
}

#[test]
fn keeps_credentials_from_another_host() {
    run(async {
        let (other, seen) = redirecting("200 OK", String::new()).await;
        // Another name for the same machine.
        let location = format!("http://localhost:{}/end", other.port());
        let (first, _) = redirecting("307 Temporary Redirect", location).await;
        client().request(telling(url(first, "/")), soon(), MAX).await.unwrap();
        let last = seen.borrow()[0].clone();
        assert_eq!((last.header("authorization"), last.body.as_slice()), (None, b"payload".as_slice()));
        assert_eq!(last.header("host"), Some(format!("localhost:{}", other.port()).as_str()));
    });
}

#[test]
fn stops_after_ten_redirects_and_at_strange_places() {
    run(async {
        let (address, seen) = redirecting("307 Temporary Redirect", "/again".to_owned()).await;
        let error = client().request(telling(url(address, "/")), soon(), MAX).await.unwrap_err();
        assert_eq!((error.kind, error.cause.as_str()), (ErrorKind::Protocol, "stopped after 10 redirects"));
        assert_eq!(seen.borrow().len(), 11);

        let (address, _) = redirecting("307 Temporary Redirect", "ftp://files.example/x".to_owned()).await;
        let error = client().request(telling(url(address, "/")), soon(), MAX).await.unwrap_err();
        assert_eq!(error.cause, "redirect cannot be followed: unsupported protocol scheme \"ftp\"");

        let (address, _) = redirecting("307 Temporary Redirect", "/again".to_owned()).await;
        let stays = Client::new(ClientConfig { redirects_max: 0, ..ClientConfig::default() });
        assert_eq!(stays.request(telling(url(address, "/")), soon(), MAX).await.unwrap().status, 307);

        let nowhere = listen(|_, mut stream| async move {
            read_request(&mut stream).await;
            answer(&mut stream, "302 Found", &[], b"").await;
        })
        .await;
        assert_eq!(client().request(telling(url(nowhere, "/")), soon(), MAX).await.unwrap().status, 302);
    });
}

/// A proxy that notes requests, serves absolute-form ones itself and tunnels to wherever it is told.
async fn proxy(verdict: &'static str) -> (SocketAddr, Rc<RefCell<Vec<Seen>>>) {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&seen);
    let address = listen(move |_, mut stream| {
        let log = Rc::clone(&log);
        async move {
            while let Some(request) = read_request(&mut stream).await {
                log.borrow_mut().push(request.clone());
                let Some(target) = request.head.strip_prefix("CONNECT ") else {
                    answer(&mut stream, "200 OK", &[], b"from the proxy").await;
                    continue;
                };
                stream.write_all(format!("HTTP/1.1 {verdict}\r\nx-proxy: 1\r\n\r\n").as_bytes()).await.unwrap();
                if verdict.starts_with("200") {
                    let target = target.split(' ').next().unwrap();
                    let mut upstream = TcpStream::connect(target).await.unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut upstream).await;
                    return;
                }
            }
        }
    })
    .await;
    (address, seen)
}

#[test]
fn asks_a_proxy_in_absolute_form() {
    run(async {
        let (address, seen) = proxy("").await;
        let rule = ProxyRule::Always(Proxy::parse(&format!("http://me:pw@{address}")).unwrap());
        let client = Client::new(ClientConfig { proxy: rule, ..ClientConfig::default() });
        let target = HttpUrl::parse("http://collector.invalid:4318/v1/logs").unwrap();
        for _ in 0..2 {
            let response = client.request(post(target.clone(), "x"), soon(), MAX).await.unwrap();
            assert_eq!(response.body, "from the proxy");
        }
        let first = seen.borrow()[0].clone();
        assert!(first.head.starts_with("POST http://collector.invalid:4318/v1/logs HTTP/1.1\r\n"), "{}", first.head);
        assert_eq!(first.header("host"), Some("collector.invalid:4318"));
        assert_eq!(first.header("proxy-authorization"), Some("Basic bWU6cHc="));
    });
}

#[test]
fn takes_the_proxy_of_the_environment_for_its_targets_only() {
    run(async {
        let (address, seen) = proxy("").await;
        let direct = listen(|_, stream| echo(stream)).await;
        let rule = ProxyRule::from_lookup(|name| (name == "HTTP_PROXY").then(|| address.to_string())).unwrap();
        let client = Client::new(ClientConfig { proxy: rule, ..ClientConfig::default() });
        let target = HttpUrl::parse("http://collector.invalid/").unwrap();
        assert_eq!(client.request(post(target, "x"), soon(), MAX).await.unwrap().body, "from the proxy");
        assert_eq!(client.request(post(url(direct, "/"), "x"), soon(), MAX).await.unwrap().body, "x");
        assert_eq!(seen.borrow().len(), 1);
    });
}

fn through(proxy: SocketAddr, target: &str) -> GrpcClient {
    GrpcClient::new(GrpcConfig {
        target: GrpcTarget::parse(target).unwrap(),
        connect: ConnectConfig::default(),
        proxy: ProxyRule::Always(Proxy::parse(&proxy.to_string()).unwrap()),
        http2: Http2Config::default(),
        balancer: Default::default(),
        authority: None,
        user_agent: HeaderValue::from_static("test"),
        accept_encoding: None,
        wait_for_ready: false,
    })
    .unwrap()
}

#[test]
fn tunnels_grpc_through_a_proxy() {
    run(async {
        let target = listen(|_, stream| {
            serve_http2(stream, |mut request, mut respond| async move {
                let body = read_body(request.body_mut()).await;
                let head = http::Response::builder().header("content-type", "application/grpc").body(()).unwrap();
                let mut stream = respond.send_response(head, false).unwrap();
                stream.send_data(body.into(), false).unwrap();
                stream
                    .send_trailers(HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from(0))]))
                    .unwrap();
            })
        })
        .await;
        let message = [bytes::Bytes::from_static(b"hello")];
        let call = async |client: GrpcClient| {
            let method = client.method("/p.S/M", None, &HeaderMap::new()).unwrap();
            let call =
                GrpcCall { method: &method, message: &message, metadata: None, deadline: soon(), max_response: MAX };
            client.unary(call).await
        };
        let (address, seen) = proxy("200 OK").await;
        let reply = call(through(address, &target.to_string())).await.unwrap();
        assert_eq!(reply.message, "hello");
        assert!(seen.borrow()[0].head.starts_with(&format!("CONNECT {target} HTTP/1.1\r\n")));

        let (address, _) = proxy("407 Proxy Authentication Required").await;
        let error = call(through(address, &target.to_string())).await.unwrap_err();
        assert_eq!(error.code(), 14);
        let text = "proxy: proxy refused the tunnel: HTTP/1.1 407 Proxy Authentication Required";
        assert_eq!(error.to_string(), text);
    });
}
