use super::*;

fn tcp(host: &str, port: u16) -> Endpoint {
    Endpoint::Tcp { host: host.into(), port, family: Family::Any }
}

#[test]
fn parses_hosts_ports_and_paths() {
    assert_eq!(Endpoint::parse("localhost:4317", ""), Ok(tcp("localhost", 4317)));
    assert_eq!(Endpoint::parse(":0", "tcp"), Ok(tcp("", 0)));
    assert_eq!(Endpoint::parse("[::1]:4318", "tcp"), Ok(tcp("::1", 4318)));
    assert_eq!(Endpoint::parse("/run/x.sock", "unix"), Ok(Endpoint::Unix("/run/x.sock".into())));
    let v6 = Endpoint::Tcp { host: "::1".into(), port: 1, family: Family::V6 };
    assert_eq!(Endpoint::parse("[::1]:1", "tcp6"), Ok(v6));
}

#[test]
fn refuses_what_it_cannot_understand_in_gos_words() {
    let said = |endpoint, transport| Endpoint::parse(endpoint, transport).expect_err("refused").to_string();
    assert_eq!(said("localhost", "tcp"), "address localhost: missing port in address");
    assert_eq!(said("", "tcp"), "address : missing port in address");
    assert_eq!(said("::1:80", "tcp"), "address ::1:80: too many colons in address");
    assert_eq!(said("[::1:80", "tcp"), "address [::1:80: missing ']' in address");
    assert_eq!(said("[::1]", "tcp"), "address [::1]: missing port in address");
    assert_eq!(said("a:99999", "tcp"), "invalid port \"99999\"");
    assert_eq!(said("a:1", "udp"), "unsupported transport type \"udp\"");
    assert_eq!(said("", "unix"), "address: missing path for transport unix");
}

#[test]
fn says_plainly_that_a_port_is_in_use() {
    let first = Bound::bind(&tcp("127.0.0.1", 0)).expect("first");
    let taken = first.local_addr().tcp().expect("tcp");
    let error = Bound::bind(&tcp("127.0.0.1", taken.port())).expect_err("taken");
    assert!(error.in_use());
    assert_eq!(error.to_string(), format!("listen tcp {taken}: bind: address already in use"));
}

#[test]
fn a_clone_keeps_the_port() {
    let first = Bound::bind(&tcp("localhost", 0)).expect("first");
    let second = first.try_clone().expect("clone");
    let port = first.local_addr().tcp().expect("tcp").port();
    drop(first);
    assert!(Bound::bind(&tcp("localhost", port)).expect_err("taken").in_use());
    drop(second);
    Bound::bind(&tcp("localhost", port)).expect("free again");
}

#[test]
fn an_empty_host_is_every_address() {
    let bound = Bound::bind(&tcp("", 0)).expect("bound");
    assert!(bound.local_addr().tcp().expect("tcp").ip().is_unspecified());
    let v4 = Bound::bind(&Endpoint::Tcp { host: String::new(), port: 0, family: Family::V4 }).expect("bound");
    assert!(v4.local_addr().tcp().expect("tcp").is_ipv4());
}

#[cfg(unix)]
#[test]
fn replaces_a_stale_socket_file_and_removes_its_own() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("otlp.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("left behind"));
    assert!(path.exists());
    let bound = Bound::bind(&Endpoint::Unix(path.clone())).expect("replaces it");
    let said = Bound::bind(&Endpoint::Unix(path.clone())).expect_err("alive").to_string();
    assert_eq!(said, format!("listen unix {}: bind: address already in use", path.display()));
    let clone = bound.try_clone().expect("clone");
    drop(bound);
    assert!(path.exists());
    drop(clone);
    assert!(!path.exists());
}

#[cfg(unix)]
#[test]
fn never_removes_a_file_that_is_no_socket() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("file");
    std::fs::write(&path, "keep").expect("write");
    Bound::bind(&Endpoint::Unix(path.clone())).expect_err("not a socket");
    assert_eq!(std::fs::read(&path).expect("still there"), b"keep");
}
