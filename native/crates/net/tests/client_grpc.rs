//! Unary gRPC calls with peers that behave and peers that do not.

#![allow(clippy::unwrap_used)]

mod client_support;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use client_support::*;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use teleferric_net::client::{
    ConnectConfig, ErrorKind, GrpcCall, GrpcCallError, GrpcClient, GrpcConfig, GrpcMethod, GrpcTarget, Http2Config,
    ProxyRule, Pushback,
};
use tokio::time::{Instant, sleep};

fn config(target: &str) -> GrpcConfig {
    GrpcConfig {
        target: GrpcTarget::parse(target).unwrap(),
        connect: ConnectConfig::default(),
        proxy: ProxyRule::Never,
        http2: Http2Config::default(),
        balancer: Default::default(),
        authority: None,
        user_agent: HeaderValue::from_static("test/1"),
        accept_encoding: None,
        wait_for_ready: false,
    }
}

fn grpc(address: SocketAddr) -> GrpcClient {
    GrpcClient::new(config(&address.to_string())).unwrap()
}

fn method(client: &GrpcClient, encoding: Option<&str>, metadata: &HeaderMap) -> GrpcMethod {
    client.method("/p.S/Export", encoding, metadata).unwrap()
}

fn call<'a>(message: &'a [Bytes], method: &'a GrpcMethod) -> GrpcCall<'a> {
    GrpcCall { method, message, metadata: None, deadline: soon(), max_response: 1 << 20 }
}

async fn simple(client: &GrpcClient) -> Result<Bytes, GrpcCallError> {
    let method = method(client, None, &HeaderMap::new());
    client.unary(call(&[Bytes::from_static(b"hello")], &method)).await.map(|reply| reply.message)
}

/// A gRPC head.
fn head() -> http::response::Builder {
    Response::builder().header("content-type", "application/grpc")
}

/// Head, message bytes as given, trailers.
fn reply(mut respond: SendResponse<Bytes>, message: &[u8], trailers: &[(&'static str, &'static str)]) {
    let mut stream = respond.send_response(head().body(()).unwrap(), false).unwrap();
    if !message.is_empty() {
        stream.send_data(Bytes::copy_from_slice(message), false).unwrap();
    }
    stream.send_trailers(headers(trailers)).unwrap();
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_static(value)))
        .collect::<Vec<(http::HeaderName, _)>>()
        .into_iter()
        .collect()
}

const OK: &[(&str, &str)] = &[("grpc-status", "0")];

async fn server<F, Fut>(serve: F) -> SocketAddr
where
    F: Fn(Request<h2::RecvStream>, SendResponse<Bytes>) -> Fut + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    listen(move |_, stream| serve_http2(stream, serve.clone())).await
}

/// Reads the request and echoes its frame.
async fn echo_call(mut request: Request<h2::RecvStream>, respond: SendResponse<Bytes>) {
    let body = read_body(request.body_mut()).await;
    reply(respond, &body, OK);
}

#[test]
fn sends_a_framed_message_and_reads_the_reply() {
    run(async {
        let seen = Rc::new(RefCell::new(None));
        let log = Rc::clone(&seen);
        let address = server(move |mut request, respond| {
            let log = Rc::clone(&log);
            async move {
                let body = read_body(request.body_mut()).await;
                let (head, _) = request.into_parts();
                log.replace(Some((head, body)));
                reply(respond, b"\0\0\0\0\x02hi", &[("grpc-status", "0"), ("x-trailer", "t")]);
            }
        })
        .await;
        let client = grpc(address);
        let metadata = headers(&[("x-tenant", "a"), ("te", "nothing"), ("user-agent", "mine")]);
        let message = [Bytes::from_static(b"ab"), Bytes::from_static(b"cde")];
        let method = method(&client, None, &metadata);
        let own = HeaderValue::from_static("7");
        let call = GrpcCall { metadata: Some(("x-own", &own)), ..call(&message, &method) };
        let reply = client.unary(call).await.unwrap();
        assert_eq!((reply.message.as_ref(), reply.encoding.as_deref()), (b"hi".as_slice(), None));
        assert_eq!(reply.trailers()["x-trailer"], "t");
        let (head, body) = seen.take().unwrap();
        assert_eq!(body, b"\0\0\0\0\x05abcde");
        assert_eq!((head.method.as_str(), head.uri.path()), ("POST", "/p.S/Export"));
        assert_eq!(head.uri.authority().unwrap().as_str(), address.to_string());
        for (name, value) in [
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "test/1"),
            ("x-tenant", "a"),
            ("x-own", "7"),
        ] {
            assert_eq!(head.headers[name], value, "{name}");
        }
        let timeout = head.headers["grpc-timeout"].to_str().unwrap();
        let millis: u64 = timeout.strip_suffix('m').unwrap().parse().unwrap();
        assert!((9_000..=10_000).contains(&millis), "{timeout}");
        assert!(!head.headers.contains_key("grpc-encoding"));
    });
}

#[test]
fn marks_compressed_messages_both_ways() {
    run(async {
        let address = server(|mut request, mut respond| async move {
            assert_eq!(request.headers()["grpc-encoding"], "gzip");
            assert_eq!(request.headers()["grpc-accept-encoding"], "gzip,identity");
            let body = read_body(request.body_mut()).await;
            assert_eq!(body[0], 1);
            let head = head().header("grpc-encoding", "gzip").body(()).unwrap();
            let mut stream = respond.send_response(head, false).unwrap();
            stream.send_data(Bytes::from(body), false).unwrap();
            stream.send_trailers(headers(OK)).unwrap();
        })
        .await;
        let accept_encoding = Some(HeaderValue::from_static("gzip,identity"));
        let client = GrpcClient::new(GrpcConfig { accept_encoding, ..config(&address.to_string()) }).unwrap();
        let (message, method) = ([Bytes::from_static(b"zipped")], method(&client, Some("gzip"), &HeaderMap::new()));
        let reply = client.unary(call(&message, &method)).await.unwrap();
        assert_eq!((reply.message.as_ref(), reply.encoding.as_deref()), (b"zipped".as_slice(), Some("gzip")));
    });
}

#[test]
fn reads_a_status_from_trailers_and_from_trailers_only() {
    run(async {
        let refused = &[
            ("grpc-status", "8"),
            ("grpc-message", "too%20much"),
            ("grpc-status-details-bin", "CAg="),
            ("grpc-retry-pushback-ms", "20"),
        ];
        let in_trailers = server(move |_, respond| async move { reply(respond, b"", refused) }).await;
        let alone = server(move |_, mut respond| async move {
            let mut response = head().body(()).unwrap();
            response.headers_mut().extend(headers(refused));
            respond.send_response(response, true).unwrap();
        })
        .await;
        for address in [in_trailers, alone] {
            let error = simple(&grpc(address)).await.unwrap_err();
            assert_eq!((error.code(), error.to_string().as_str()), (8, "grpc status 8: too much"));
            let GrpcCallError::Status(status) = error else { panic!("{error}") };
            assert_eq!(status.details.as_ref(), [8, 8]);
            assert_eq!(status.pushback, Some(Pushback::After(Duration::from_millis(20))));
        }
    });
}

#[test]
fn makes_up_a_status_where_there_is_none() {
    run(async {
        let proxy_page = server(|_, mut respond| async move {
            let head = Response::builder().status(503).header("content-type", "text/html").body(()).unwrap();
            let mut stream = respond.send_response(head, false).unwrap();
            stream.send_data(Bytes::from_static(b"<html>"), true).unwrap();
        })
        .await;
        assert_eq!(simple(&grpc(proxy_page)).await.unwrap_err().code(), 14);
        let no_trailers = server(|_, mut respond| async move {
            let mut stream = respond.send_response(head().body(()).unwrap(), false).unwrap();
            stream.send_data(Bytes::from_static(b"\0\0\0\0\0"), true).unwrap();
        })
        .await;
        assert_eq!(simple(&grpc(no_trailers)).await.unwrap_err().code(), 2);
        let no_message = server(|_, respond| async move { reply(respond, b"", OK) }).await;
        assert_eq!(simple(&grpc(no_message)).await.unwrap_err().code(), 13);
        let reset = server(|_, mut respond| async move { respond.send_reset(h2::Reason::ENHANCE_YOUR_CALM) }).await;
        let error = simple(&grpc(reset)).await.unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (8, "peer reset the stream (ENHANCE_YOUR_CALM)"));
    });
}

#[test]
fn does_not_read_a_reply_over_the_limit() {
    run(async {
        let address = server(|_, mut respond| async move {
            let mut stream = respond.send_response(head().body(()).unwrap(), false).unwrap();
            stream.send_data(Bytes::from_static(b"\0\x7f\0\0\0start"), false).unwrap();
            // The rest never comes; the client resets the stream instead of waiting for it.
            let reason = std::future::poll_fn(|cx| stream.poll_reset(cx)).await.unwrap();
            assert_eq!(reason, h2::Reason::CANCEL);
        })
        .await;
        let client = grpc(address);
        let error = simple(&client).await.unwrap_err();
        assert_eq!((error.code(), &error), (8, &GrpcCallError::TooLarge { size: 0x7f00_0000, limit: 1 << 20 }));
    });
}

#[test]
fn a_deadline_and_a_drop_reset_the_stream_and_nothing_else() {
    run(async {
        let resets = Rc::new(Cell::new(0));
        let connections = Rc::new(Cell::new(0));
        let (count, opened) = (Rc::clone(&resets), Rc::clone(&connections));
        let address = listen(move |index, stream| {
            opened.set(index + 1);
            let count = Rc::clone(&count);
            serve_http2(stream, move |request, mut respond| {
                let count = Rc::clone(&count);
                async move {
                    if !request.headers().contains_key("x-hang") {
                        return echo_call(request, respond).await;
                    }
                    let reason = std::future::poll_fn(|cx| respond.poll_reset(cx)).await.unwrap();
                    assert_eq!(reason, h2::Reason::CANCEL);
                    count.set(count.get() + 1);
                }
            })
        })
        .await;
        let client = grpc(address);
        let (message, hang) = ([Bytes::from_static(b"x")], method(&client, None, &headers(&[("x-hang", "1")])));
        let error = client.unary(GrpcCall { deadline: after(30), ..call(&message, &hang) }).await.unwrap_err();
        assert_eq!(error.code(), 4);
        let dropped = tokio::time::timeout(Duration::from_millis(30), client.unary(call(&message, &hang)));
        assert!(dropped.await.is_err());
        until(|| resets.get() == 2).await;
        assert_eq!(simple(&client).await.unwrap(), "hello");
        assert_eq!(connections.get(), 1);
    });
}

#[test]
fn calls_share_a_connection_side_by_side() {
    run(async {
        let (connections, together) = (Rc::new(Cell::new(0)), Rc::new(tokio::sync::Barrier::new(50)));
        let opened = Rc::clone(&connections);
        let address = listen(move |index, stream| {
            opened.set(index + 1);
            let together = Rc::clone(&together);
            serve_http2(stream, move |request, respond| {
                let together = Rc::clone(&together);
                async move {
                    together.wait().await;
                    echo_call(request, respond).await;
                }
            })
        })
        .await;
        let client = Rc::new(grpc(address));
        let calls = (0..50).map(|_| simple(&client));
        let results = futures_util::future::join_all(calls).await;
        assert!(results.iter().all(|result| result.as_deref() == Ok(b"hello")));
        assert_eq!(connections.get(), 1);
    });
}

#[test]
fn keeps_to_the_stream_limit_of_the_peer() {
    run(async {
        let (running, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let seen = Rc::clone(&most);
        let address = listen(move |_, stream| {
            let (running, most) = (Rc::clone(&running), Rc::clone(&most));
            async move {
                let mut builder = h2::server::Builder::new();
                let mut connection = builder.max_concurrent_streams(3).handshake::<_, Bytes>(stream).await.unwrap();
                while let Some(Ok((request, respond))) = connection.accept().await {
                    let (running, most) = (Rc::clone(&running), Rc::clone(&most));
                    tokio::task::spawn_local(async move {
                        running.set(running.get() + 1);
                        most.set(most.get().max(running.get()));
                        sleep(Duration::from_millis(5)).await;
                        running.set(running.get() - 1);
                        echo_call(request, respond).await;
                    });
                }
            }
        })
        .await;
        let client = grpc(address);
        let results = futures_util::future::join_all((0..20).map(|_| simple(&client))).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert!((1..=4).contains(&seen.get()), "{}", seen.get());
    });
}

#[test]
fn fails_at_once_or_waits_until_ready() {
    run(async {
        let address = nowhere().await;
        let error = simple(&grpc(address)).await.unwrap_err();
        assert_eq!(error.code(), 14);
        assert!(error.to_string().ends_with("connection refused"), "{error}");

        let patient = GrpcClient::new(GrpcConfig { wait_for_ready: true, ..config(&address.to_string()) }).unwrap();
        let (message, method) = ([Bytes::from_static(b"hello")], method(&patient, None, &HeaderMap::new()));
        let error = patient.unary(GrpcCall { deadline: after(50), ..call(&message, &method) }).await.unwrap_err();
        assert_eq!(error.code(), 4);
        assert!(error.to_string().contains("waiting for a connection: cannot connect"), "{error}");

        let started = Instant::now();
        tokio::task::spawn_local(async move {
            sleep(Duration::from_millis(100)).await;
            let listener = tokio::net::TcpListener::bind(address).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            serve_http2(stream, echo_call).await;
        });
        assert_eq!(simple(&patient).await.unwrap(), "hello");
        assert!(started.elapsed() >= Duration::from_millis(100));
    });
}

#[cfg(unix)]
#[test]
fn reaches_a_unix_socket() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grpc.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        tokio::task::spawn_local(async move {
            let (stream, _) = listener.accept().await.unwrap();
            serve_http2(stream, |request, respond| async move {
                assert_eq!(request.uri().authority().unwrap(), "localhost");
                echo_call(request, respond).await;
            })
            .await;
        });
        let client = GrpcClient::new(config(&format!("unix://{}", path.display()))).unwrap();
        client.connect().await.unwrap();
        assert_eq!(simple(&client).await.unwrap(), "hello");
        let missing = GrpcClient::new(config("unix:/nowhere/at.sock")).unwrap();
        let error = simple(&missing).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot connect to unix:/nowhere/at.sock: no such file or directory");
    });
}

#[test]
fn a_peer_that_speaks_no_http2_is_named() {
    run(async {
        let address = listen(|_, mut stream| async move {
            let mut preface = [0; 24];
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut preface).await.unwrap();
            answer(&mut stream, "400 Bad Request", &[], b"what?").await;
            sleep(Duration::from_secs(60)).await;
        })
        .await;
        let error = simple(&grpc(address)).await.unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (14, "http2 handshake: peer does not speak http2"));
        let GrpcCallError::Transport(error) = error else { panic!("{error}") };
        assert_eq!(error.kind, ErrorKind::Protocol);

        let mut silent = config(
            &listen(|_, stream| async move {
                sleep(Duration::from_secs(60)).await;
                drop(stream);
            })
            .await
            .to_string(),
        );
        silent.connect.handshake_timeout = Duration::from_millis(50);
        let error = simple(&GrpcClient::new(silent).unwrap()).await.unwrap_err();
        assert_eq!(error.to_string(), "http2 handshake: no settings from the peer in time");
    });
}
