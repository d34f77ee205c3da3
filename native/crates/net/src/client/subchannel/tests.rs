use std::cell::Cell;
use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use http::Response;
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};

use super::super::http2::{Request, RequestHead, Want};
use super::super::rope::Rope;
use super::*;

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

/// A peer that counts its connections and requests; the switch closes its connections and stops it.
struct Peer {
    address: SocketAddr,
    connections: Rc<Cell<usize>>,
    requests: Rc<Cell<usize>>,
    task: tokio::task::JoinHandle<()>,
}

async fn peer() -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (connections, requests) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (opened, seen) = (Rc::clone(&connections), Rc::clone(&requests));
    let task = spawn_local(async move {
        let mut serving = Vec::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            opened.set(opened.get() + 1);
            serving.push(AbortOnDrop(spawn_local(serve(stream, Rc::clone(&seen)))));
        }
    });
    Peer { address, connections, requests, task }
}

async fn serve(stream: tokio::net::TcpStream, seen: Rc<Cell<usize>>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let respond: &mut h2::server::SendResponse<Bytes> = &mut respond;
        seen.set(seen.get() + 1);
        respond.send_response(Response::new(()), true).unwrap();
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A channel to addresses that are resolved already.
fn channel(balancer: Balancer, addresses: &[SocketAddr]) -> Channel {
    let name = Address::Host("name.invalid".to_owned(), 1);
    channel_with(ConnectConfig::default(), Http2Config::default(), name, balancer, addresses)
}

fn channel_with(
    connect: ConnectConfig,
    http2: Http2Config,
    name: Address,
    balancer: Balancer,
    addresses: &[SocketAddr],
) -> Channel {
    let channel = Channel::new(Opening { connect, http2, tls_name: None, proxy: None }, name, balancer);
    let subchannels =
        addresses.iter().map(|address| Subchannel::new(&channel.resolver.opening, Address::Ip(*address))).collect();
    *channel.resolver.state.borrow_mut() = Resolved { subchannels, at: Some(Instant::now()) };
    channel
}

async fn call(channel: &Channel) -> Result<(), ClientError> {
    channel.pick().await?.send(request()).await.map(drop)
}

fn request() -> Request {
    let head = RequestHead::new(&http::Request::builder().uri("http://x/").body(()).unwrap());
    Request { head: Rc::new(head), timeout: None, extra: None, body: Rope::default(), want: Want::Body(0) }
}

#[test]
fn round_robin_uses_every_address_alike() {
    run(async {
        let peers = [peer().await, peer().await, peer().await];
        let channel = channel(Balancer::RoundRobin, &peers.each_ref().map(|peer| peer.address));
        // The first picks take whoever connects first.
        while peers.iter().any(|peer| peer.requests.get() == 0) {
            call(&channel).await.unwrap();
        }
        let before = peers.each_ref().map(|peer| peer.requests.get());
        for _ in 0..30 {
            call(&channel).await.unwrap();
        }
        let after = peers.each_ref().map(|peer| peer.requests.get());
        for (before, after) in before.into_iter().zip(after) {
            assert_eq!(after - before, 10);
        }
        assert!(peers.iter().all(|peer| peer.connections.get() == 1));
    });
}

#[test]
fn round_robin_leaves_out_dead_addresses() {
    run(async {
        let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (stays, leaves) = (peer().await, peer().await);
        let channel = channel(Balancer::RoundRobin, &[nowhere, leaves.address, stays.address]);
        while stays.requests.get() == 0 || leaves.requests.get() == 0 {
            call(&channel).await.unwrap();
        }
        leaves.task.abort();
        assert!(leaves.task.await.unwrap_err().is_cancelled());
        for _ in 0..10 {
            call(&channel).await.unwrap();
        }
        let dead = channel.resolver.state.borrow().subchannels[0].state.borrow().backoff.until();
        assert!(dead.is_some());
    });
}

#[test]
fn pick_first_stays_with_the_first_that_connects() {
    run(async {
        let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (second, third) = (peer().await, peer().await);
        let channel = channel(Balancer::PickFirst, &[nowhere, second.address, third.address]);
        for _ in 0..5 {
            call(&channel).await.unwrap();
        }
        assert_eq!((second.requests.get(), third.connections.get()), (5, 0));
        second.task.abort();
        assert!(second.task.await.unwrap_err().is_cancelled());
        for _ in 0..5 {
            call(&channel).await.unwrap();
        }
        assert_eq!(third.requests.get(), 5);
    });
}

#[test]
fn concurrent_calls_share_one_attempt_and_its_failure() {
    run(async {
        let only = peer().await;
        let shared = channel(Balancer::RoundRobin, &[only.address]);
        let results = futures_util::future::join_all((0..10).map(|_| call(&shared))).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(only.connections.get(), 1);

        let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for balancer in [Balancer::RoundRobin, Balancer::PickFirst] {
            let failing = channel(balancer, &[nowhere]);
            for result in futures_util::future::join_all((0..10).map(|_| call(&failing))).await {
                assert!(result.unwrap_err().cause.ends_with("connection refused"));
            }
            // A call during the pause still makes its own attempt.
            assert!(call(&failing).await.is_err());
        }
    });
}

#[test]
fn a_name_without_addresses_is_an_error_that_names_it() {
    run(async {
        let channel = channel(Balancer::RoundRobin, &[]);
        let error = channel.pick().await.map(drop).unwrap_err();
        assert_eq!(error.cause, "name \"name.invalid\" cannot be resolved");
    });
}

#[test]
fn resolving_again_keeps_connections_and_does_not_hold_up_calls() {
    run(async {
        let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let stays = peer().await;
        let channel = channel(Balancer::RoundRobin, &[nowhere, stays.address]);
        call(&channel).await.unwrap();
        // Due: one address is dead, and the last answer is old. The name itself does not resolve.
        channel.resolver.state.borrow_mut().at = None;
        for _ in 0..3 {
            call(&channel).await.unwrap();
        }
        assert!(channel.resolver.state.borrow().at.is_some());
        channel.resolver.refresh().await.unwrap();
        assert_eq!(channel.resolver.state.borrow().subchannels.len(), 2);
        assert_eq!((stays.connections.get(), stays.requests.get()), (1, 4));
    });
}

#[test]
fn an_old_connection_is_used_until_another_has_taken_its_place() {
    run(async {
        let peer = peer().await;
        let connect = ConnectConfig { age_max: Some(Duration::ZERO), ..ConnectConfig::default() };
        let name = Address::Host("name.invalid".to_owned(), 1);
        let channel = channel_with(connect, Http2Config::default(), name, Balancer::RoundRobin, &[peer.address]);
        while peer.connections.get() < 5 {
            call(&channel).await.unwrap();
            let connections = channel.resolver.state.borrow().subchannels[0].state.borrow().connections.len();
            assert_eq!(connections, 1);
        }
        // With a peer that takes no new connections, the old one stays.
        let old = channel.resolver.state.borrow().subchannels[0].state.borrow().connections[0].clone();
        channel.resolver.state.borrow().subchannels[0].state.borrow_mut().backoff.failed();
        call(&channel).await.unwrap();
        assert!(old.is_usable());
    });
}

#[test]
fn calls_beyond_what_one_connection_should_take_open_a_second_but_no_third() {
    run(async {
        let peer = peer().await;
        let http2 = Http2Config { streams_max: 1, connections_max: 2, ..Http2Config::default() };
        let name = Address::Host("name.invalid".to_owned(), 1);
        let channel = channel_with(ConnectConfig::default(), http2, name, Balancer::RoundRobin, &[peer.address]);
        for _ in 0..20 {
            call(&channel).await.unwrap();
        }
        assert_eq!(peer.connections.get(), 1, "one call at a time needs no second");
        let mut under_way = Vec::new();
        while peer.connections.get() < 2 {
            under_way.push(channel.pick().await.unwrap().send(request()));
            tokio::task::yield_now().await;
        }
        for _ in 0..20 {
            under_way.push(channel.pick().await.unwrap().send(request()));
            tokio::task::yield_now().await;
        }
        assert_eq!(peer.connections.get(), 2);
        let results = futures_util::future::join_all(under_way).await;
        assert!(results.iter().all(Result::is_ok));
    });
}

#[test]
fn a_name_is_resolved_again_though_all_is_well() {
    run(async {
        let (before, after) = (peer().await, peer().await);
        let connect = ConnectConfig { dns_refresh: Some(Duration::ZERO), ..ConnectConfig::default() };
        let name = Address::Host("localhost".to_owned(), after.address.port());
        let channel = channel_with(connect, Http2Config::default(), name, Balancer::RoundRobin, &[before.address]);
        let subchannel = channel.resolver.state.borrow().subchannels[0].clone();
        subchannel.connect().await.unwrap();
        drop(subchannel);
        while after.requests.get() == 0 {
            call(&channel).await.unwrap();
        }
        assert!(before.requests.get() > 0, "calls went on while the name was resolved");
        let gone =
            channel.resolver.state.borrow().subchannels.iter().all(|each| each.address != Address::Ip(before.address));
        assert!(gone);
    });
}
