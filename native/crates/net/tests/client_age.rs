//! Connections that are used for a limited time only.

#![allow(clippy::unwrap_used)]

mod client_support;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use client_support::*;
use http::Response;
use teleferric_net::client::{Client, ClientConfig, ConnectConfig, Http2Mode};

fn aging(http2_mode: Http2Mode, age_max: Duration) -> Client {
    let connect = ConnectConfig { age_max: Some(age_max), ..ConnectConfig::default() };
    Client::new(ClientConfig { connect, http2_mode, ..ClientConfig::default() })
}

#[test]
fn an_old_http1_connection_takes_no_further_request() {
    run(async {
        let opened = Rc::new(Cell::new(0));
        let seen = Rc::clone(&opened);
        let address = listen(move |index, stream| {
            seen.set(index + 1);
            echo(stream)
        })
        .await;
        for (age_max, connections) in [(Duration::from_secs(600), 1), (Duration::ZERO, 1 + 5)] {
            let client = aging(Http2Mode::Never, age_max);
            for _ in 0..5 {
                client.request(post(url(address, "/"), "x"), soon(), 1 << 10).await.unwrap();
            }
            assert_eq!(opened.get(), connections);
        }
    });
}

#[test]
fn an_old_http2_connection_is_left_to_the_requests_it_has() {
    run(async {
        let opened = Rc::new(Cell::new(0));
        let seen = Rc::clone(&opened);
        let (hang_up, patience) = (Rc::new(tokio::sync::Notify::new()), soon());
        let answer = Rc::clone(&hang_up);
        let address = listen(move |index, stream| {
            seen.set(index + 1);
            let answer = Rc::clone(&answer);
            serve_http2(stream, move |_, mut respond| {
                let answer = Rc::clone(&answer);
                async move {
                    if index == 0 {
                        answer.notified().await;
                    }
                    respond.send_response(Response::new(()), true).unwrap();
                }
            })
        })
        .await;
        let client = Rc::new(aging(Http2Mode::Prior, Duration::from_millis(20)));
        let slow = Rc::clone(&client);
        let slow =
            tokio::task::spawn_local(
                async move { slow.request(post(url(address, "/"), "x"), patience, 1 << 10).await },
            );
        until(|| opened.get() == 1).await;
        while opened.get() < 2 {
            let brief = client.request(post(url(address, "/"), "x"), after(30), 1 << 10).await;
            assert!(brief.is_ok() || opened.get() == 1);
        }
        hang_up.notify_waiters();
        slow.await.unwrap().unwrap();
    });
}
