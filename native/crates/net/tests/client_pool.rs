//! Which connections requests use, and that none is lost or poisoned when connections come and go.

#![allow(clippy::unwrap_used)]

mod client_support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client_support::*;
use futures_util::future::{join, join_all};
use http::Response;
use teleferric_net::client::{Client, ClientConfig, ErrorKind, Http2Config, Http2Mode, Ping};
use teleferric_tasks::failpoints;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

const MAX: usize = 64 * 1024;

fn http2(config: ClientConfig) -> Client {
    Client::new(ClientConfig { http2_mode: Http2Mode::Prior, ..config })
}

/// 200 without a body.
fn empty(mut respond: h2::server::SendResponse<Bytes>) {
    respond.send_response(Response::new(()), true).unwrap();
}

#[test]
fn loses_no_request_to_a_connection_that_closed_while_idle() {
    run(async {
        let closes = listen(|_, mut stream| async move {
            read_request(&mut stream).await;
            answer(&mut stream, "200 OK", &[], b"bye").await;
        })
        .await;
        let one = client();
        for _ in 0..100 {
            assert_eq!(one.request(post(url(closes, "/"), "x"), soon(), MAX).await.unwrap().body, "bye");
        }
        let many: Vec<_> = (0..20).map(|_| one.request(post(url(closes, "/"), "x"), soon(), MAX)).collect();
        assert!(join_all(many).await.iter().all(Result::is_ok));

        let close = Rc::new(Notify::new());
        let closing = Rc::clone(&close);
        let later = listen(move |_, mut stream| {
            let closing = Rc::clone(&closing);
            async move {
                read_request(&mut stream).await;
                answer(&mut stream, "200 OK", &[], b"").await;
                closing.notified().await;
            }
        })
        .await;
        for _ in 0..20 {
            one.request(post(url(later, "/"), "x"), soon(), MAX).await.unwrap();
            close.notify_one();
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn loses_no_request_to_an_http2_connection_that_closed_while_idle() {
    run(async {
        let closes = listen(|_, stream| async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let (_, respond) = connection.accept().await.unwrap().unwrap();
            empty(respond);
            // Flushes the answer, says nothing, and hangs up.
            let _ = tokio::time::timeout(Duration::from_millis(1), connection.accept()).await;
        })
        .await;
        let client = http2(ClientConfig::default());
        for _ in 0..30 {
            client.request(post(url(closes, "/"), "x"), soon(), MAX).await.unwrap();
            sleep(Duration::from_millis(3)).await;
        }
    });
}

#[test]
fn goaway_finishes_old_requests_and_sends_the_others_elsewhere() {
    run(async {
        let address = listen(|index, mut stream| async move {
            if index > 0 {
                return serve_http2(stream, |_, mut respond| async move {
                    let mut stream = respond.send_response(Response::new(()), false).unwrap();
                    stream.send_data(Bytes::from_static(b"second"), true).unwrap();
                })
                .await;
            }
            until_head_of(&mut stream, 3).await;
            // Stream 1 is processed, stream 3 is not.
            frame(&mut stream, GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]).await;
            sleep(Duration::from_millis(30)).await;
            frame(&mut stream, HEADERS, 5, 1, STATUS_200).await;
            sleep(Duration::from_secs(60)).await;
        })
        .await;
        let client = http2(ClientConfig::default());
        let request = || client.request(post(url(address, "/"), "x"), soon(), MAX);
        let (first, second) = join(request(), request()).await;
        assert_eq!(first.unwrap().body, "");
        assert_eq!(second.unwrap().body, "second");
        assert_eq!(request().await.unwrap().body, "second");
    });
}

#[test]
fn graceful_shutdown_loses_nothing_under_load() {
    run(async {
        let served = Rc::new(Cell::new(0));
        let count = Rc::clone(&served);
        let address = listen(move |_, stream| {
            let count = Rc::clone(&count);
            async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let mut taken = 0;
                while let Some(Ok((_, respond))) = connection.accept().await {
                    taken += 1;
                    if taken == 5 {
                        connection.graceful_shutdown();
                    }
                    let count = Rc::clone(&count);
                    tokio::task::spawn_local(async move {
                        sleep(Duration::from_millis(2)).await;
                        count.set(count.get() + 1);
                        empty(respond);
                    });
                }
            }
        })
        .await;
        let client = Rc::new(http2(ClientConfig::default()));
        for _ in 0..10 {
            let batch = (0..20).map(|_| client.request(post(url(address, "/"), "x"), soon(), MAX));
            for result in join_all(batch).await {
                assert_eq!(result.unwrap().status, 200);
            }
        }
        assert_eq!(served.get(), 200);
    });
}

#[test]
fn a_refused_stream_is_sent_again_and_no_more_than_twice() {
    run(async {
        let seen = Rc::new(Cell::new(0));
        let count = Rc::clone(&seen);
        let refuses_until = Rc::new(Cell::new(1));
        let until = Rc::clone(&refuses_until);
        let address = listen(move |_, stream| {
            let (count, until) = (Rc::clone(&count), Rc::clone(&until));
            serve_http2(stream, move |_, mut respond| {
                count.set(count.get() + 1);
                let refuse = count.get() <= until.get();
                async move {
                    if refuse {
                        respond.send_reset(h2::Reason::REFUSED_STREAM);
                    } else {
                        empty(respond);
                    }
                }
            })
        })
        .await;
        let client = http2(ClientConfig::default());
        client.request(post(url(address, "/"), "x"), soon(), MAX).await.unwrap();
        assert_eq!(seen.get(), 2);
        refuses_until.set(usize::MAX);
        let error = client.request(post(url(address, "/"), "x"), soon(), MAX).await.unwrap_err();
        assert_eq!((error.kind, error.unprocessed, error.http2_code), (ErrorKind::Reset, true, Some(7)));
        assert_eq!(seen.get(), 5);
    });
}

#[test]
fn a_request_that_may_have_been_processed_is_not_sent_again() {
    run(async {
        let connections = Rc::new(Cell::new(0));
        let count = Rc::clone(&connections);
        let address = listen(move |index, mut stream| {
            count.set(index + 1);
            async move { until_head_of(&mut stream, 1).await }
        })
        .await;
        let client = http2(ClientConfig::default());
        let error = client.request(post(url(address, "/"), "x"), soon(), MAX).await.unwrap_err();
        assert_eq!((error.kind, error.unprocessed), (ErrorKind::Reset, false), "{error}");
        assert_eq!(connections.get(), 1);
    });
}

#[test]
fn waits_for_a_place_among_the_connections_of_a_host() {
    run(async {
        let (open, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let seen = Rc::clone(&most);
        let address = listen(move |_, mut stream| {
            let (open, most) = (Rc::clone(&open), Rc::clone(&most));
            async move {
                open.set(open.get() + 1);
                most.set(most.get().max(open.get()));
                // Every third request loses its connection.
                for _ in 0..2 {
                    let Some(request) = read_request(&mut stream).await else { break };
                    sleep(Duration::from_millis(2)).await;
                    answer(&mut stream, "200 OK", &[], &request.body).await;
                }
                drop(stream);
                open.set(open.get() - 1);
            }
        })
        .await;
        let limits = ClientConfig { max_conns_per_host: 2, max_idle_conns_per_host: 5, ..ClientConfig::default() };
        let client = Rc::new(Client::new(limits));
        let requests = (0..30).map(|_| client.request(post(url(address, "/"), "x"), soon(), MAX));
        for result in join_all(requests).await {
            assert_eq!(result.unwrap().body, "x");
        }
        assert!((1..=2).contains(&seen.get()), "{}", seen.get());
    });
}

#[test]
fn a_request_dropped_while_waiting_or_running_leaves_the_place_to_others() {
    run(async {
        let closed = Rc::new(Cell::new(false));
        let log = Rc::clone(&closed);
        let address = listen(move |index, mut stream| {
            let log = Rc::clone(&log);
            async move {
                if index == 0 {
                    // The first connection never answers.
                    while stream.read_u8().await.is_ok() {}
                    return log.set(true);
                }
                echo(stream).await;
            }
        })
        .await;
        let client = Rc::new(Client::new(ClientConfig { max_conns_per_host: 1, ..ClientConfig::default() }));
        let request = |deadline| client.request(post(url(address, "/"), "x"), deadline, MAX);
        let (stuck, waiting, patient) =
            futures_util::future::join3(request(after(60)), request(after(20)), request(soon())).await;
        assert_eq!(stuck.unwrap_err().cause, "deadline exceeded while waiting for the response");
        assert_eq!(waiting.unwrap_err().cause, "deadline exceeded while waiting for a connection");
        assert_eq!(patient.unwrap().body, "x");
        assert_eq!(request(soon()).await.unwrap().body, "x");
        until(|| closed.get()).await;
    });
}

#[test]
fn a_request_dropped_in_the_middle_of_its_body_closes_the_connection() {
    run(async {
        const WHOLE: usize = 64 << 20;
        let arrived = Rc::new(Cell::new(None));
        let log = Rc::clone(&arrived);
        let go_on = Rc::new(Notify::new());
        let reading = Rc::clone(&go_on);
        let address = listen(move |_, mut stream| {
            let (log, reading) = (Rc::clone(&log), Rc::clone(&reading));
            async move {
                reading.notified().await;
                let (mut total, mut buffer) = (0, vec![0; 1 << 20]);
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    total += count;
                }
                log.set(Some(total));
            }
        })
        .await;
        let mut request = post(url(address, "/"), "");
        request.body = vec![Bytes::from(vec![0; WHOLE])];
        let error = client().request(request, after(50), MAX).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout);
        go_on.notify_one();
        until(|| arrived.get().is_some()).await;
        assert!(arrived.get().unwrap() < WHOLE);
    });
}

#[test]
fn an_abandoned_dial_serves_the_next_request() {
    run(async {
        let connections = Rc::new(Cell::new(0));
        let count = Rc::clone(&connections);
        let address = listen(move |index, stream| {
            count.set(index + 1);
            async move {
                // Slow to say hello.
                sleep(Duration::from_millis(40)).await;
                serve_http2(stream, |_, respond| async move { empty(respond) }).await;
            }
        })
        .await;
        let client = Rc::new(http2(ClientConfig::default()));
        let request = |deadline| client.request(post(url(address, "/"), "x"), deadline, MAX);
        let (gone, stays) = join(request(after(10)), request(soon())).await;
        assert_eq!(gone.unwrap_err().kind, ErrorKind::Timeout);
        assert_eq!(stays.unwrap().status, 200);
        assert_eq!(request(soon()).await.unwrap().status, 200);
        assert_eq!(connections.get(), 1);
    });
}

#[test]
fn idle_connections_are_closed_after_their_time() {
    run(async {
        for mode in [Http2Mode::Never, Http2Mode::Prior] {
            let closed = Rc::new(RefCell::new(None));
            let log = Rc::clone(&closed);
            let address = listen(move |_, stream| {
                let log = Rc::clone(&log);
                async move {
                    match mode {
                        Http2Mode::Prior => serve_http2(stream, |_, respond| async move { empty(respond) }).await,
                        _ => echo(stream).await,
                    }
                    log.replace(Some(Instant::now()));
                }
            })
            .await;
            let idle_conn_timeout = Some(Duration::from_millis(60));
            let client = Client::new(ClientConfig { http2_mode: mode, idle_conn_timeout, ..ClientConfig::default() });
            client.request(post(url(address, "/"), "x"), soon(), MAX).await.unwrap();
            let answered = Instant::now();
            until(|| closed.borrow().is_some()).await;
            let after = closed.borrow().unwrap() - answered;
            assert!(after >= Duration::from_millis(55), "{mode:?} {after:?}");
            client.request(post(url(address, "/"), "x"), soon(), MAX).await.unwrap();
        }
    });
}

#[test]
fn keeps_no_http2_connection_when_keep_alives_are_off() {
    run(async {
        let (opened, closed) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (opening, closing) = (Rc::clone(&opened), Rc::clone(&closed));
        let address = listen(move |index, stream| {
            opening.set(index + 1);
            let closing = Rc::clone(&closing);
            async move {
                serve_http2(stream, |_, respond| async move { empty(respond) }).await;
                closing.set(closing.get() + 1);
            }
        })
        .await;
        let client = http2(ClientConfig { disable_keep_alives: true, ..ClientConfig::default() });
        for _ in 0..3 {
            client.request(post(url(address, "/"), "x"), soon(), MAX).await.unwrap();
        }
        until(|| closed.get() == 3).await;
        assert_eq!(opened.get(), 3);
    });
}

#[test]
fn dropping_the_client_closes_its_connections() {
    run(async {
        let closed = Rc::new(Cell::new(0));
        let count = Rc::clone(&closed);
        let address = listen(move |_, stream| {
            let count = Rc::clone(&count);
            async move {
                echo(stream).await;
                count.set(count.get() + 1);
            }
        })
        .await;
        let client = client();
        client.request(post(url(address, "/"), "x"), soon(), MAX).await.unwrap();
        drop(client);
        until(|| closed.get() == 1).await;
    });
}

#[test]
fn a_peer_that_answers_no_pings_is_given_up() {
    run(async {
        let address = listen(|_, mut stream| async move {
            until_head_of(&mut stream, 1).await;
            // Reads no further, so no ping is answered, and stays open.
            sleep(Duration::from_secs(60)).await;
        })
        .await;
        let ping = Ping { time: Duration::from_millis(30), timeout: Duration::from_millis(30), while_idle: false };
        let http2_config = Http2Config { ping: Some(ping), ..Http2Config::default() };
        let client = http2(ClientConfig { http2: http2_config, ..ClientConfig::default() });
        let error = client.request(post(url(address, "/"), "x"), soon(), MAX).await.unwrap_err();
        assert_eq!((error.kind, error.cause.as_str()), (ErrorKind::Reset, "peer does not answer http2 pings"));
    });
}

#[test]
fn pings_keep_an_answering_peer() {
    run(async {
        let connections = Rc::new(Cell::new(0));
        let count = Rc::clone(&connections);
        let address = listen(move |index, stream| {
            count.set(index + 1);
            serve_http2(stream, |_, respond| async move {
                sleep(Duration::from_millis(150)).await;
                empty(respond);
            })
        })
        .await;
        let ping = Ping { time: Duration::from_millis(10), timeout: Duration::from_millis(50), while_idle: true };
        let http2_config = Http2Config { ping: Some(ping), ..Http2Config::default() };
        let client = http2(ClientConfig { http2: http2_config, ..ClientConfig::default() });
        for _ in 0..2 {
            client.request(post(url(address, "/"), "x"), soon(), MAX).await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(connections.get(), 1);
    });
}

#[test]
fn opens_another_connection_at_the_stream_limit_of_the_peer() {
    run(async {
        let connections = Rc::new(Cell::new(0));
        let count = Rc::clone(&connections);
        let address = listen(move |index, stream| {
            count.set(index + 1);
            async move {
                let mut builder = h2::server::Builder::new();
                let mut connection = builder.max_concurrent_streams(2).handshake::<_, Bytes>(stream).await.unwrap();
                while let Some(Ok((_, respond))) = connection.accept().await {
                    tokio::task::spawn_local(async move {
                        sleep(Duration::from_millis(20)).await;
                        empty(respond);
                    });
                }
            }
        })
        .await;
        let http2_config = Http2Config { connections_max: 3, ..Http2Config::default() };
        let client = Rc::new(http2(ClientConfig { http2: http2_config, ..ClientConfig::default() }));
        for _ in 0..4 {
            let batch = (0..12).map(|_| client.request(post(url(address, "/"), "x"), soon(), MAX));
            for result in join_all(batch).await {
                assert_eq!(result.unwrap().status, 200);
            }
        }
        assert_eq!(connections.get(), 3);
    });
}

#[test]
fn an_early_answer_to_a_long_request_is_read() {
    run(async {
        let early = listen(|_, mut stream| async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            answer(&mut stream, "413 Payload Too Large", &[], b"no").await;
            sleep(Duration::from_secs(60)).await;
        })
        .await;
        let mut request = post(url(early, "/"), "");
        request.body = vec![Bytes::from(vec![0; 20 << 20])];
        let client = client();
        let response = client.request(request.clone(), soon(), MAX).await.unwrap();
        assert_eq!((response.status.as_u16(), response.body.as_ref()), (413, b"no".as_slice()));

        // An answer, and the request to stop sending (RFC 9113 section 8.1), in one go.
        let early = listen(|_, mut stream| async move {
            until_head_of(&mut stream, 1).await;
            let frames = [
                [0, 0, 1, HEADERS, 4, 0, 0, 0, 1, 0x88].as_slice(),
                &[0, 0, 2, DATA, 1, 0, 0, 0, 1, b'n', b'o'],
                &[0, 0, 4, RST_STREAM, 0, 0, 0, 0, 1, 0, 0, 0, 0],
            ];
            stream.write_all(&frames.concat()).await.unwrap();
            sleep(Duration::from_secs(60)).await;
        })
        .await;
        request.url = url(early, "/");
        let response = http2(ClientConfig::default()).request(request, soon(), MAX).await.unwrap();
        assert_eq!((response.status.as_u16(), response.body.as_ref()), (200, b"no".as_slice()));
    });
}

/// The place of the connection is there for the next request.
#[test]
fn a_panic_as_an_exchange_is_wound_up_costs_its_connection() {
    teleferric_tasks::set_hook(Some(Arc::new(|_| ())));
    failpoints::arm("client.settle", 0, 1);
    run(async {
        let early = listen(|_, mut stream| async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            answer(&mut stream, "413 Payload Too Large", &[], b"no").await;
            sleep(Duration::from_secs(60)).await;
        })
        .await;
        let client = Client::new(ClientConfig { max_conns_per_host: 1, ..ClientConfig::default() });
        let mut request = post(url(early, "/"), "");
        request.body = vec![Bytes::from(vec![0; 20 << 20])];
        for _ in 0..2 {
            let response = client.request(request.clone(), soon(), MAX).await.unwrap();
            assert_eq!(response.status.as_u16(), 413);
        }
    });
    assert!(!failpoints::is_armed("client.settle"));
}

/// Whatever is cancelled at whatever moment, the places in the pool come back and answers are not mixed up.
#[test]
fn cancelling_at_any_moment_poisons_nothing() {
    run(async {
        for mode in [Http2Mode::Never, Http2Mode::Prior] {
            let address = listen(move |_, mut stream| async move {
                if mode == Http2Mode::Prior {
                    return serve_http2(stream, |mut request, mut respond| async move {
                        let body = read_body(request.body_mut()).await;
                        sleep(Duration::from_millis(u64::from(body.len() as u8 % 5))).await;
                        // The client may have left.
                        if let Ok(mut stream) = respond.send_response(Response::new(()), false) {
                            let _ = stream.send_data(Bytes::from(body), true);
                        }
                    })
                    .await;
                }
                while let Some(seen) = read_request(&mut stream).await {
                    sleep(Duration::from_millis(u64::from(seen.body.len() as u8 % 5))).await;
                    answer(&mut stream, "200 OK", &[], &seen.body).await;
                }
            })
            .await;
            let limits = ClientConfig { max_conns_per_host: 2, http2_mode: mode, ..ClientConfig::default() };
            let client = Rc::new(Client::new(limits));
            let one = |index: u64| {
                let client = Rc::clone(&client);
                async move {
                    sleep(Duration::from_millis(index % 29)).await;
                    let body = Bytes::from(format!("{index}").repeat(1 + (index as usize * 37) % 3000));
                    let mut request = post(url(address, "/"), "");
                    request.body = vec![body.clone(), body.clone()];
                    let result = client.request(request, after(index * 7 % 23), MAX).await;
                    match result {
                        Ok(response) => assert_eq!(response.body, [body.clone(), body].concat()),
                        Err(error) => assert_eq!(error.kind, ErrorKind::Timeout, "{error}"),
                    }
                }
            };
            join_all((0..400).map(one)).await;
            let after_all = (0..20).map(|_| client.request(post(url(address, "/"), "still"), soon(), MAX));
            for result in join_all(after_all).await {
                assert_eq!(result.unwrap().body, "still", "{mode:?}");
            }
        }
    });
}
