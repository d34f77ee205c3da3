//! The HTTP/2 client against peers that use what the protocol allows, and against those that break it.

#![allow(clippy::unwrap_used)]

mod client_support;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use client_support::*;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use http::HeaderMap;
use proptest::prelude::*;
use teleferric_net::client::{Client, ClientConfig, ClientError, ClientResponse, ErrorKind, Http2Mode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const MAX: usize = 1 << 20;

fn http2() -> Client {
    Client::new(ClientConfig { http2_mode: Http2Mode::Prior, ..ClientConfig::default() })
}

/// A peer that reads the head of the first request and then sends `bytes`.
async fn answers(bytes: Vec<u8>) -> SocketAddr {
    let bytes = Rc::new(bytes);
    listen(move |_, mut stream| {
        let bytes = Rc::clone(&bytes);
        async move {
            until_head_of(&mut stream, 1).await;
            let _ = stream.write_all(&bytes).await;
            sleep(Duration::from_secs(60)).await;
        }
    })
    .await
}

/// Kind, flags, stream and payload.
type Frame<'a> = (u8, u8, u32, &'a [u8]);

fn frames(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, flags, stream, payload) in frames {
        bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes()[1..]);
        bytes.extend_from_slice(&[*kind, *flags]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
    }
    bytes
}

async fn ask(address: SocketAddr) -> Result<ClientResponse, ClientError> {
    http2().request(post(url(address, "/"), "x"), soon(), MAX).await
}

const PING: u8 = 6;
const SETTINGS: u8 = 4;
const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;

#[test]
fn whatever_the_protocol_allows_is_read() {
    run(async {
        // Unknown frames, an early hint, padding, priorities, a block in two frames, empty data, trailers.
        let address = answers(frames(&[
            (99, 0xff, 0, b"who knows"),
            (SETTINGS, 0, 0, &[0xff, 0xff, 0, 0, 0, 0]),
            (HEADERS, END_HEADERS, 1, &[0x08, 3, b'1', b'0', b'3']),
            (HEADERS, 8 | 32, 1, &[1, 0, 0, 0, 0, 9, 0x88, 0]),
            (9, END_HEADERS, 1, &[0x0f, 0x0d, 1, b'5']),
            (DATA, 8, 1, b"\x02ab\0\0"),
            (DATA, 0, 1, b""),
            (2, 0, 1, &[0; 5]),
            (DATA, 0, 1, b"cde"),
            (HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x01x\x01y"),
        ]))
        .await;
        let response = ask(address).await.unwrap();
        assert_eq!((response.status.as_u16(), response.body.as_ref()), (200, b"abcde".as_slice()));
        assert_eq!(response.trailers.unwrap()["x"], "y");
    });
}

#[test]
fn a_response_that_is_none_ends_its_stream_and_no_other() {
    run(async {
        let bad: [&[Frame<'_>]; 9] = [
            &[(DATA, END_STREAM, 1, b"body without a head")],
            &[(HEADERS, END_HEADERS, 1, b"\x00\x01x\x01y")],
            &[(HEADERS, END_HEADERS | END_STREAM, 1, &[0x08, 3, b'1', b'0', b'3'])],
            &[(HEADERS, END_HEADERS, 1, &[0x88, 0x88])],
            &[(HEADERS, END_HEADERS, 1, b"\x88\x00\x0aconnection\x01x")],
            &[(HEADERS, END_HEADERS, 1, STATUS_200), (HEADERS, END_HEADERS, 1, b"\x00\x01x\x01y")],
            &[(HEADERS, END_HEADERS, 1, &[0x88, 0x0f, 0x0d, 1, b'5']), (DATA, END_STREAM, 1, b"abcd")],
            &[(HEADERS, END_HEADERS, 1, &[0x88, 0x0f, 0x0d, 1, b'5']), (DATA, END_STREAM, 1, b"abcdef")],
            &[(8, 0, 1, &[0; 4])],
        ];
        for list in bad {
            let then = [(HEADERS, END_HEADERS | END_STREAM, 3, STATUS_200)];
            let sent = (frames(list), frames(&then));
            let address = listen(move |_, mut stream| {
                let (first, second) = sent.clone();
                async move {
                    until_head_of(&mut stream, 1).await;
                    stream.write_all(&first).await.unwrap();
                    // The fault is told to the peer, and the connection goes on.
                    until_frame(&mut stream, RST_STREAM, 1).await;
                    until_frame(&mut stream, HEADERS, 3).await;
                    stream.write_all(&second).await.unwrap();
                    sleep(Duration::from_secs(60)).await;
                }
            })
            .await;
            let client = http2();
            let request = || client.request(post(url(address, "/"), "x"), soon(), MAX);
            let error = request().await.unwrap_err();
            assert_eq!((error.kind, error.unprocessed), (ErrorKind::Protocol, false), "{error} {list:?}");
            assert_eq!(request().await.unwrap().status, 200);
        }
    });
}

/// Reads until a frame of this kind for this stream is there.
async fn until_frame(stream: &mut TcpStream, kind: u8, id: u32) {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        if head[3] == kind && head[5..] == id.to_be_bytes() {
            return;
        }
    }
}

#[test]
fn a_peer_that_breaks_the_protocol_is_left() {
    run(async {
        let bad: [(&[Frame<'_>], u32); 12] = [
            (&[(5, END_HEADERS, 1, &[0, 0, 0, 2])], 1),
            (&[(HEADERS, END_HEADERS, 2, STATUS_200)], 1),
            (&[(HEADERS, END_HEADERS, 3, STATUS_200)], 1),
            (&[(DATA, 0, 5, b"x")], 1),
            (&[(HEADERS, END_HEADERS, 1, &[0x80])], 9),
            (&[(9, 0, 1, b"")], 1),
            (&[(SETTINGS, 0, 0, &[0; 5])], 6),
            (&[(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 1])], 1),
            (&[(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff])], 3),
            (&[(PING, 0, 0, b"short")], 6),
            (&[(8, 0, 0, &[0; 4])], 1),
            (&[(GOAWAY, 0, 0, b"short")], 6),
        ];
        for (list, code) in bad {
            let error = ask(answers(frames(list)).await).await.unwrap_err();
            let seen = (error.kind, error.http2_code, error.unprocessed);
            assert_eq!(seen, (ErrorKind::Protocol, Some(code), false), "{error} {list:?}");
        }
    });
}

#[test]
fn a_flood_of_frames_without_use_is_not_answered_for_ever() {
    run(async {
        let flood = frames(&[(PING, 0, 0, b"12345678")]).repeat(5_000);
        let error = ask(answers(flood).await).await.unwrap_err();
        assert_eq!((error.kind, error.http2_code), (ErrorKind::Protocol, Some(11)), "{error}");
    });
}

#[test]
fn headers_without_end_are_not_kept() {
    run(async {
        let mut list: Vec<Frame<'_>> = vec![(HEADERS, 0, 1, STATUS_200)];
        let field = [b"\x00\x01x\x7f\x81\x7c".as_slice(), &[b'y'; 16_000]].concat();
        list.extend(std::iter::repeat_n((9, 0, 1, field.as_slice()), 10));
        let error = ask(answers(frames(&list)).await).await.unwrap_err();
        assert_eq!((error.kind, error.http2_code), (ErrorKind::Protocol, Some(11)), "{error}");

        let small = [b"\x00\x01x\x7f\xf1\x2d".as_slice(), &[b'y'; 6_000]].concat();
        let block = [STATUS_200, &small.repeat(6)].concat();
        let (first, rest) = block.split_at(16_000);
        let (second, third) = rest.split_at(16_000);
        let list = [(HEADERS, 0, 1, first), (9, 0, 1, second), (9, END_HEADERS, 1, third)];
        let error = ask(answers(frames(&list)).await).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooLarge, "{error}");
    });
}

#[test]
fn bodies_of_any_size_go_through_any_windows_side_by_side() {
    run(async {
        let address = listen(|index, stream| async move {
            let mut builder = h2::server::Builder::new();
            builder.initial_window_size(if index == 0 { 1_000 } else { 1 << 20 });
            builder.initial_connection_window_size(70_000).max_frame_size(20_000);
            let mut connection = builder.handshake::<_, Bytes>(stream).await.unwrap();
            while let Some(Ok((mut request, mut respond))) = connection.accept().await {
                tokio::task::spawn_local(async move {
                    let body = read_body(request.body_mut()).await;
                    let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
                    stream.send_data(Bytes::from(body), true).unwrap();
                });
            }
        })
        .await;
        for _ in 0..2 {
            let client = http2();
            let sizes = [0, 1, 999, 1_000, 1_001, 20_000, 65_535, 65_536, 300_000, 1_000_000];
            let asked = sizes.map(|size| {
                let mut request = post(url(address, "/"), "");
                let whole: Vec<u8> = (0..size).map(|at| (at * 31 + size) as u8).collect();
                request.body = whole.chunks(7_777).map(Bytes::copy_from_slice).collect();
                let client = &client;
                async move { (client.request(request, soon(), MAX).await.unwrap().body, whole) }
            });
            for (body, whole) in join_all(asked).await {
                assert!(body == whole, "{} bytes of {}", body.len(), whole.len());
            }
        }
    });
}

#[test]
fn a_table_of_headers_as_small_as_the_peer_wants_it() {
    run(async {
        let seen: Rc<RefCell<Vec<HeaderMap>>> = Rc::default();
        let log = Rc::clone(&seen);
        let address = listen(move |index, stream| {
            let log = Rc::clone(&log);
            async move {
                let mut builder = h2::server::Builder::new();
                builder.header_table_size([0, 64, 200, 100_000][index]);
                let mut connection = builder.handshake::<_, Bytes>(stream).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    log.borrow_mut().push(request.headers().clone());
                    respond.send_response(http::Response::new(()), true).unwrap();
                }
            }
        })
        .await;
        for _ in 0..4 {
            let client = http2();
            for round in 0..4 {
                let mut request = post(url(address, "/some/path"), "body");
                request.headers.insert("x-tenant", "a".parse().unwrap());
                request.headers.insert("authorization", "Bearer b".parse().unwrap());
                request.headers.insert("x-round", (round % 2).into());
                client.request(request, soon(), MAX).await.unwrap();
            }
        }
        for (index, headers) in seen.borrow().iter().enumerate() {
            let value = |name: &str| headers[name].to_str().unwrap().to_owned();
            let expected = ["a", "Bearer b", if index % 2 == 0 { "0" } else { "1" }, "4"];
            assert_eq!(["x-tenant", "authorization", "x-round", "content-length"].map(value), expected);
        }
        assert_eq!(seen.borrow().len(), 16);
    });
}

#[test]
fn a_peer_that_reads_nothing_holds_up_no_memory_and_no_deadline() {
    run(async {
        let address = listen(|_, mut stream| async move {
            stream.read_exact(&mut [0; 24]).await.unwrap();
            // All the credit there is, and nobody who reads.
            let credit = [0x7f, 0xff, 0, 0];
            let list = frames(&[(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]), (8, 0, 0, &credit)]);
            stream.write_all(&list).await.unwrap();
            sleep(Duration::from_secs(60)).await;
        })
        .await;
        let client = http2();
        let mut request = post(url(address, "/"), "");
        request.body = vec![Bytes::from(vec![0; 64 << 20])];
        let asked = (0..4).map(|_| client.request(request.clone(), after(200), MAX));
        for result in join_all(asked).await {
            assert_eq!(result.unwrap_err().kind, ErrorKind::Timeout);
        }
    });
}

/// Requests that are dropped at any moment, between others: no answer goes to the wrong one.
#[test]
fn cancelled_requests_mix_up_no_answers() {
    run(async {
        let running = Rc::new(Cell::new(0_usize));
        let count = Rc::clone(&running);
        let address = listen(move |_, stream| {
            let count = Rc::clone(&count);
            async move {
                let mut builder = h2::server::Builder::new();
                builder.max_concurrent_streams(7);
                let mut connection = builder.handshake::<_, Bytes>(stream).await.unwrap();
                while let Some(Ok((mut request, mut respond))) = connection.accept().await {
                    let count = Rc::clone(&count);
                    tokio::task::spawn_local(async move {
                        count.set(count.get() + 1);
                        let body = read_body(request.body_mut()).await;
                        sleep(Duration::from_millis(body.len() as u64 % 7)).await;
                        if let Ok(mut stream) = respond.send_response(http::Response::new(()), false) {
                            let _ = stream.send_data(Bytes::from(body), true);
                        }
                    });
                }
            }
        })
        .await;
        let client = http2();
        let asked = (0_usize..300).map(|index| {
            let client = &client;
            async move {
                let whole = index.to_string().repeat(1 + index * 7 % 400);
                let mut request = post(url(address, "/"), "");
                request.body = vec![Bytes::from(whole.clone())];
                sleep(Duration::from_millis(index as u64 / 10)).await;
                let work = client.request(request, soon(), MAX);
                if index % 3 == 0 {
                    let _ = timeout(Duration::from_micros(index as u64 * 37 % 9_000), work).await;
                } else {
                    assert_eq!(work.await.unwrap().body, whole);
                }
            }
        });
        join_all(asked).await;
        assert!(running.get() >= 200);
    });
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let stream = prop_oneof![4 => Just(1_u32), 1 => 0_u32..8];
    let payload = prop_oneof![
        3 => Just(vec![0x88]),
        2 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(any::<u8>(), 4..=4),
        1 => (0_usize..3_000).prop_map(|length| vec![0; length]),
    ];
    let frame = (prop_oneof![4 => 0_u8..2, 2 => 0_u8..10, 1 => any::<u8>()], any::<u8>(), stream, payload);
    prop::collection::vec(frame, 1..40).prop_map(|list| {
        let list: Vec<_> = list.iter().map(|(kind, flags, id, bytes)| (*kind, *flags, *id, bytes.as_slice())).collect();
        frames(&list)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a peer sends, the request ends with an answer or an error, and the next one to another peer is served.
    #[test]
    fn no_soup_of_frames_harms_the_client(bytes in soup(), closes in any::<bool>()) {
        run(async move {
            let address = listen(move |index, mut stream| {
                let bytes = bytes.clone();
                async move {
                    if index > 0 {
                        return serve_http2(stream, |_, mut respond| async move {
                            respond.send_response(http::Response::new(()), true).unwrap();
                        })
                        .await;
                    }
                    until_head_of(&mut stream, 1).await;
                    let _ = stream.write_all(&bytes).await;
                    if !closes {
                        sleep(Duration::from_secs(60)).await;
                    }
                }
            })
            .await;
            let client = http2();
            let _ = client.request(post(url(address, "/"), "x"), after(20), MAX).await;
            let other = http2();
            let response = other.request(post(url(address, "/"), "x"), soon(), MAX).await;
            prop_assert!(response.is_ok() , "{:?}", response);
            Ok(())
        })?;
    }
}

#[test]
fn a_request_that_is_dropped_before_it_is_written_costs_the_peer_nothing() {
    run(async {
        let seen = Rc::new(Cell::new(0));
        let count = Rc::clone(&seen);
        let address = listen(move |_, mut stream| {
            let count = Rc::clone(&count);
            async move {
                stream.read_exact(&mut [0; 24]).await.unwrap();
                stream.write_all(&frames(&[(SETTINGS, 0, 0, &[])])).await.unwrap();
                // Every head is counted and answered.
                let mut head = [0; 9];
                while stream.read_exact(&mut head).await.is_ok() {
                    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                    stream.read_exact(&mut vec![0; length]).await.unwrap();
                    if head[3] == HEADERS {
                        count.set(count.get() + 1);
                        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                        let answer = frames(&[(HEADERS, END_HEADERS | END_STREAM, id, STATUS_200)]);
                        stream.write_all(&answer).await.unwrap();
                    }
                }
            }
        })
        .await;
        let client = http2();
        let request = || client.request(post(url(address, "/"), "x"), soon(), MAX);
        request().await.unwrap();
        for _ in 0..100 {
            let mut dropped = Box::pin(request());
            // Once to find the connection, once to send on it.
            for _ in 0..2 {
                assert!(dropped.as_mut().now_or_never().is_none());
            }
        }
        request().await.unwrap();
        assert_eq!(seen.get(), 2);
    });
}
