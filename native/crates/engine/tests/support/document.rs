//! Configuration documents, complete as the control plane writes them.

use std::net::SocketAddr;

use serde_json::{Value, json};

/// Nanoseconds in a millisecond.
pub const MS: u64 = 1_000_000;

/// A pipeline for traces.
pub fn traces(receivers: &[&str], processors: &[&str], exporters: &[&str]) -> Value {
    named("traces", receivers, processors, exporters)
}

/// A pipeline for traces with an id of its own.
pub fn named(id: &str, receivers: &[&str], processors: &[&str], exporters: &[&str]) -> Value {
    json!({ "id": id, "signal": "traces", "receivers": receivers, "processors": processors, "exporters": exporters })
}

/// A collector that listens as receiver `otlp` on free ports, with two threads.
pub fn collector(pipelines: &[Value]) -> Value {
    json!({
        "service": {
            "threads": 2,
            "memory_limit_bytes": 256 << 20,
            "user_agent": "teleferric/test",
            "telemetry_level": "normal",
            "drain_timeout": 10_000 * MS,
            "limits": { "max_items": 1_000_000, "max_depth": 128, "max_attributes": 0, "max_connections": 1000 },
            "overload": { "memory_bytes": 256 << 20, "shed": true, "priorities": [] },
            "tenants": null,
            "pipelines": pipelines,
        },
        "receivers": [otlp("otlp", "127.0.0.1:0", "127.0.0.1:0")],
        "processors": [],
        "exporters": [],
        "connectors": [],
    })
}

/// Adds components of `section` (`processors`, say).
pub fn with(mut document: Value, section: &str, components: &[Value]) -> Value {
    document[section].as_array_mut().expect("a list").extend_from_slice(components);
    document
}

/// Everything into `nop`.
pub fn sink() -> Value {
    with(collector(&[traces(&["otlp"], &[], &["nop"])]), "exporters", &[nop()])
}

/// One component without settings of its own.
pub fn component(id: &str, config: Value) -> Value {
    let kind = id.split('/').next();
    json!({ "id": id, "type": kind, "config": config })
}

pub fn nop() -> Value {
    component("nop", json!({}))
}

/// Receiver `otlp` at these addresses.
pub fn otlp(id: &str, http: &str, grpc: &str) -> Value {
    let http = json!({
        "server": {
            "endpoint": http, "transport": "tcp", "tls": null, "cors": null, "max_request_body_size": 20 << 20, "host": false,
            "include_metadata": false, "response_headers": [], "compression_algorithms": ["", "gzip", "zstd"],
            "read_timeout": 0, "read_header_timeout": 0, "write_timeout": 0, "idle_timeout": 0,
            "keep_alives_enabled": true,
        },
        "traces_url_path": "/v1/traces", "metrics_url_path": "/v1/metrics", "logs_url_path": "/v1/logs",
    });
    let grpc = json!({
        "endpoint": grpc, "transport": "tcp", "tls": null, "host": false, "max_recv_msg_size_mib": 4, "max_concurrent_streams": 0,
        "read_buffer_size": 0, "write_buffer_size": 0,
        "keepalive": {
            "server_parameters": {
                "max_connection_idle": 0, "max_connection_age": 0, "max_connection_age_grace": 0, "time": 0,
                "timeout": 0,
            },
            "enforcement_policy": { "min_time": 0, "permit_without_stream": false },
        },
        "include_metadata": false,
    });
    component(
        id,
        json!({
            "protocols": { "grpc": grpc, "http": http },
            "ack": { "level": null, "choices": null, "quorum": null },
            "dedup": null,
            "admission_timeout": 5_000 * MS,
        }),
    )
}

/// The settings of the first receiver's HTTP listener.
pub fn http_of(document: &mut Value) -> &mut Value {
    &mut document["receivers"][0]["config"]["protocols"]["http"]["server"]
}

/// The settings of the first receiver's gRPC listener.
pub fn grpc_of(document: &mut Value) -> &mut Value {
    &mut document["receivers"][0]["config"]["protocols"]["grpc"]
}

/// Processor `batch`.
pub fn batch(items: u64, timeout: u64, metadata_keys: &[&str]) -> Value {
    let config = json!({
        "timeout": timeout, "send_batch_size": items, "send_batch_max_size": 0, "metadata_keys": metadata_keys,
        "metadata_cardinality_limit": 2,
    });
    component("batch", config)
}

/// Exporter `otlp_http` to the HTTP listener at `to`.
pub fn otlp_http(id: &str, to: SocketAddr, queue: Value, retry: bool) -> Value {
    let config = json!({
        "client": {
            "endpoint": format!("http://{to}"), "proxy_url": null, "tls": tls(), "read_buffer_size": 0,
            "write_buffer_size": 0, "timeout": 10_000 * MS, "headers": [], "compression": "gzip",
            "compression_params": { "level": 0 }, "max_idle_conns": 0, "max_idle_conns_per_host": 0,
            "max_conns_per_host": 0, "idle_conn_timeout": 0, "disable_keep_alives": false,
            "http2_read_idle_timeout": 0, "http2_ping_timeout": 0, "force_attempt_http2": true,
            "connect_timeout": 3_000 * MS, "tls_timeout": 5_000 * MS,
        },
        "endpoints": [],
        "endpoint_policy": endpoint_policy(),
        "pool": pool(),
        "traces_endpoint": null, "metrics_endpoint": null, "logs_endpoint": null, "profiles_endpoint": null,
        "encoding": "proto",
        "compressed_passthrough": "single",
        "retry_on_failure": retry_on_failure(retry),
        "circuit_breaker": circuit_breaker(),
        "sending_queue": queue,
    });
    component(id, config)
}

/// Exporter `otlp_grpc` to the gRPC listener at `to`.
pub fn otlp_grpc(id: &str, to: SocketAddr, queue: Value, retry: bool) -> Value {
    let config = json!({
        "client": {
            "endpoint": to.to_string(), "compression": "zstd", "tls": tls(), "keepalive": null, "read_buffer_size": 0,
            "write_buffer_size": 0, "wait_for_ready": false, "headers": [], "user_agent": null,
            "balancer_name": "round_robin", "authority": null, "connect_timeout": 3_000 * MS,
            "tls_timeout": 5_000 * MS,
        },
        "endpoints": [],
        "endpoint_policy": endpoint_policy(),
        "pool": pool(),
        "timeout": 10_000 * MS,
        "compressed_passthrough": "single",
        "retry_on_failure": retry_on_failure(retry),
        "circuit_breaker": circuit_breaker(),
        "sending_queue": queue,
    });
    component(id, config)
}

/// A sending queue of so many requests whose senders do not wait for the result.
pub fn queue(requests: u64, consumers: u64) -> Value {
    json!({
        "num_consumers": consumers, "queue_size": requests, "sizer": "requests", "block_on_overflow": false,
        "wait_for_result": false, "order": "fifo", "queue_share": 0.5, "batch": null,
    })
}

/// A circuit breaker with the defaults that go with the retries here.
fn circuit_breaker() -> Value {
    json!({
        "mode": "time", "window": 30_000 * MS, "buckets": 10, "min_calls": 20, "failure_rate": 0.5, "slow_rate": 0.8,
        "slow_after": 8_000 * MS, "consecutive": 5, "open": 100 * MS, "max_open": 100 * MS, "jitter": 0.2,
        "half_open": { "permits": 3, "successes": 3, "max_wait": 10_000 * MS }, "override": "none",
    })
}

fn pool() -> Value {
    json!({
        "connections": 2, "streams": 100, "max_age": 600_000 * MS, "dns_refresh": 30_000 * MS,
        "tcp_user_timeout": 20_000 * MS,
    })
}

fn endpoint_policy() -> Value {
    json!({ "max_ejected": 0.5, "failback_after": 30_000 * MS, "ramp": 30_000 * MS })
}

fn retry_on_failure(enabled: bool) -> Value {
    json!({
        "enabled": enabled, "initial_interval": 20 * MS, "max_interval": 100 * MS, "multiplier": 1.5,
        "randomization_factor": 0.5, "max_elapsed_time": 30_000 * MS, "jitter": "collector",
        "max_hint": 300_000 * MS, "budget": { "ratio": 0.2, "min_concurrent": 3 },
    })
}

fn tls() -> Value {
    json!({
        "common": {
            "ca_file": null, "ca_pem": null, "cert_file": null, "cert_pem": null, "key_file": null, "key_pem": null,
            "min_version": "1.2", "max_version": null, "cipher_suites": [], "include_insecure_cipher_suites": false,
            "curve_preferences": [], "include_system_ca_certs_pool": false, "reload_interval": 0,
        },
        "insecure": true, "insecure_skip_verify": false, "server_name_override": null,
    })
}
