//! HTTP/1.1 exchanges with peers that behave and peers that do not.

mod client_support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use client_support::*;
use http::header::HOST;
use http::{HeaderValue, Method, StatusCode};
use teleferric_net::client::{Client, ClientConfig, ClientRequest, ErrorKind, Http2Mode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::sleep;

const MAX: usize = 64 * 1024;

#[test]
fn sends_chunks_in_order_with_their_length() {
    run(async {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&seen);
        let address = listen(move |_, mut stream| {
            let log = Rc::clone(&log);
            async move {
                while let Some(request) = read_request(&mut stream).await {
                    log.borrow_mut().push(request);
                    answer(&mut stream, "200 OK", &[("x-test", "1")], b"fine").await;
                }
            }
        })
        .await;
        let mut request = post(url(address, "/v1/traces?x=1"), "");
        request.body = ["ab", "", "cd", "e"].map(|part| Bytes::from_static(part.as_bytes())).to_vec();
        request.headers.insert("x-mine", HeaderValue::from_static("yes"));
        request.headers.insert("transfer-encoding", HeaderValue::from_static("chunked"));
        request.headers.insert("content-length", HeaderValue::from_static("999"));
        let response = client().request(request, soon(), MAX).await.unwrap();
        assert_eq!((response.status, response.body.as_ref()), (StatusCode::OK, b"fine".as_slice()));
        assert_eq!(response.headers["x-test"], "1");
        let seen = seen.borrow();
        assert!(seen[0].head.starts_with("POST /v1/traces?x=1 HTTP/1.1\r\n"), "{}", seen[0].head);
        assert_eq!(seen[0].body, b"abcde");
        assert_eq!(seen[0].header("host"), Some(address.to_string().as_str()));
        assert_eq!(seen[0].header("x-mine"), Some("yes"));
    });
}

#[test]
fn sends_megabytes_and_an_empty_body() {
    run(async {
        let address = listen(|_, stream| echo(stream)).await;
        let client = client();
        let mut request = post(url(address, "/"), "");
        request.body = (0..64_u8).map(|fill| Bytes::from(vec![fill; 100_000])).collect();
        let whole: Vec<u8> = request.body.concat();
        let response = client.request(request, soon(), whole.len()).await.unwrap();
        assert!(response.body == whole);
        let response = client.request(post(url(address, "/"), ""), soon(), 0).await.unwrap();
        assert_eq!(response.body, "");
    });
}

#[test]
fn reuses_a_connection_and_keeps_no_more_than_allowed() {
    run(async {
        let connections = Rc::new(Cell::new(0));
        let count = Rc::clone(&connections);
        let address = listen(move |index, stream| {
            count.set(index + 1);
            echo(stream)
        })
        .await;
        let client = Client::new(ClientConfig { max_idle_conns_per_host: 1, ..ClientConfig::default() });
        for _ in 0..5 {
            client.request(post(url(address, "/"), "x"), soon(), MAX).await.unwrap();
        }
        assert_eq!(connections.get(), 1);
        let both = futures_util::future::join(
            client.request(post(url(address, "/"), "a"), soon(), MAX),
            client.request(post(url(address, "/"), "b"), soon(), MAX),
        );
        let (a, b) = both.await;
        assert_eq!((a.unwrap().body.as_ref(), b.unwrap().body.as_ref()), (b"a".as_slice(), b"b".as_slice()));
        assert_eq!(connections.get(), 2);
    });
}

#[test]
fn says_when_nobody_listens() {
    run(async {
        let error = client().request(post(url(nowhere().await, "/"), "x"), soon(), MAX).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Connect);
        assert!(error.cause.ends_with("connection refused"), "{error}");
        let request = ClientRequest {
            url: teleferric_net::client::HttpUrl::parse("http://name.invalid:1/").unwrap(),
            ..post(url(nowhere().await, "/"), "x")
        };
        let error = client().request(request, soon(), MAX).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Connect);
        assert!(error.cause.contains("name \"name.invalid\" cannot be resolved"), "{error}");
    });
}

#[test]
fn gives_up_at_the_deadline_whatever_it_waits_for() {
    run(async {
        // Accepts and never answers.
        let silent = listen(|_, mut stream| async move { while stream.read_u8().await.is_ok() {} }).await;
        let error = client().request(post(url(silent, "/"), "x"), after(50), MAX).await.unwrap_err();
        assert_eq!(
            (error.kind, error.cause.as_str()),
            (ErrorKind::Timeout, "deadline exceeded while waiting for the response")
        );

        // Answers half a body.
        let slow = listen(|_, mut stream| async move {
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
            sleep(Duration::from_secs(60)).await;
        })
        .await;
        let error = client().request(post(url(slow, "/"), "x"), after(50), MAX).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout);
        let error = client().request(post(url(slow, "/"), "x"), after(0), MAX).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout);
    });
}

#[test]
fn reports_a_connection_that_ends_early() {
    run(async {
        let hangs_up = listen(|_, mut stream| async move {
            read_request(&mut stream).await;
        })
        .await;
        let error = client().request(post(url(hangs_up, "/"), "x"), soon(), MAX).await.unwrap_err();
        assert_eq!((error.kind, error.unprocessed), (ErrorKind::Reset, false));

        let half = listen(|_, mut stream| async move {
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
        })
        .await;
        let error = client().request(post(url(half, "/"), "x"), soon(), MAX).await.unwrap_err();
        assert_eq!((error.kind, error.unprocessed), (ErrorKind::Reset, false));

        let reset = listen(|_, mut stream| async move {
            read_request(&mut stream).await;
            stream.set_zero_linger().unwrap();
        })
        .await;
        let error = client().request(post(url(reset, "/"), "x"), soon(), MAX).await.unwrap_err();
        assert_eq!((error.kind, error.cause.as_str()), (ErrorKind::Reset, "connection reset by peer"));
    });
}

#[test]
fn refuses_what_is_no_http() {
    run(async {
        let rubbish = listen(|_, mut stream| async move {
            read_request(&mut stream).await;
            stream.write_all(b"220 smtp ready\r\n\r\n").await.unwrap();
            sleep(Duration::from_secs(60)).await;
        })
        .await;
        let error = client().request(post(url(rubbish, "/"), "x"), soon(), MAX).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol);

        let headers = listen(|_, mut stream| async move {
            read_request(&mut stream).await;
            let many = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(64 * 1024));
            let _ = stream.write_all(many.as_bytes()).await;
            sleep(Duration::from_secs(60)).await;
        })
        .await;
        let error = client().request(post(url(headers, "/"), "x"), soon(), MAX).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol);
    });
}

#[test]
fn stops_reading_a_response_that_is_too_large() {
    run(async {
        let declared = listen(|_, mut stream| async move {
            read_request(&mut stream).await;
            answer(&mut stream, "200 OK", &[], &[b'x'; 101]).await;
        })
        .await;
        let error = client().request(post(url(declared, "/"), "x"), soon(), 100).await.unwrap_err();
        assert_eq!((error.kind, error.cause.as_str()), (ErrorKind::TooLarge, "response is larger than 100 bytes"));

        let written = Rc::new(Cell::new(0_usize));
        let count = Rc::clone(&written);
        let endless = listen(move |_, mut stream| {
            let count = Rc::clone(&count);
            async move {
                read_request(&mut stream).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
                while stream.write_all(b"10\r\n0123456789abcdef\r\n").await.is_ok() {
                    count.set(count.get() + 16);
                }
            }
        })
        .await;
        let error = client().request(post(url(endless, "/"), "x"), soon(), 100).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooLarge);
        // The connection is closed, so the peer's writing fails.
        let mut last = usize::MAX;
        while last != written.get() {
            last = written.get();
            sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn closes_each_connection_when_keep_alives_are_off() {
    run(async {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&seen);
        let address = listen(move |index, mut stream| {
            let log = Rc::clone(&log);
            async move {
                while let Some(request) = read_request(&mut stream).await {
                    log.borrow_mut().push((index, request.header("connection").map(str::to_owned)));
                    answer(&mut stream, "200 OK", &[], b"").await;
                }
            }
        })
        .await;
        let client = Client::new(ClientConfig { disable_keep_alives: true, ..ClientConfig::default() });
        for _ in 0..2 {
            client.request(post(url(address, "/"), "x"), soon(), MAX).await.unwrap();
        }
        let close = Some("close".to_owned());
        assert_eq!(*seen.borrow(), [(0, close.clone()), (1, close)]);
    });
}

#[test]
fn a_host_header_replaces_the_host() {
    run(async {
        let address = listen(|_, mut stream| async move {
            let seen = read_request(&mut stream).await.unwrap();
            let host = seen.header("host").unwrap().to_owned();
            answer(&mut stream, "200 OK", &[], host.as_bytes()).await;
        })
        .await;
        let mut request = post(url(address, "/"), "x");
        request.headers.insert(HOST, HeaderValue::from_static("other.example"));
        let response = client().request(request, soon(), MAX).await.unwrap();
        assert_eq!(response.body, "other.example");
    });
}

#[test]
fn speaks_http2_in_the_clear_when_told() {
    run(async {
        let address = listen(|_, stream| {
            serve_http2(stream, |mut request, mut respond| async move {
                let body = read_body(request.body_mut()).await;
                let response = http::Response::builder().header("x-path", request.uri().path()).body(()).unwrap();
                let mut stream = respond.send_response(response, false).unwrap();
                stream.send_data(Bytes::from(body), true).unwrap();
            })
        })
        .await;
        let client = Client::new(ClientConfig { http2_mode: Http2Mode::Prior, ..ClientConfig::default() });
        let mut request = post(url(address, "/v1/logs"), "");
        request.body = vec![Bytes::from(vec![7; 300_000]), Bytes::from(vec![8; 300_000])];
        let whole = request.body.concat();
        let response = client.request(request, soon(), 1 << 20).await.unwrap();
        assert_eq!(
            (response.version, &response.headers["x-path"]),
            (http::Version::HTTP_2, &HeaderValue::from_static("/v1/logs"))
        );
        assert!(response.body == whole);
        let error = client.request(post(url(address, "/"), "four"), soon(), 3).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooLarge);
        let get = ClientRequest { method: Method::GET, ..post(url(address, "/"), "") };
        assert_eq!(client.request(get, soon(), 0).await.unwrap().body, "");
    });
}

#[test]
fn black_hole_runs_into_the_connect_timeout() {
    run(async {
        // A listener whose queue is full does not answer further connections.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener: TcpListener = socket.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut fill = Vec::new();
        for _ in 0..8 {
            fill.push(tokio::task::spawn_local(tokio::net::TcpStream::connect(address)));
        }
        sleep(Duration::from_millis(50)).await;
        let mut config = ClientConfig::default();
        config.connect.connect_timeout = Duration::from_millis(100);
        let error = Client::new(config).request(post(url(address, "/"), "x"), soon(), MAX).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Connect);
        assert!(error.cause.ends_with("no answer within 100ms"), "{error}");
    });
}
