// Generated from the Rust types by `npm run generate`. Do not edit.
//
// The configuration document as the native core reads it: complete, null for what is absent, durations in whole
// nanoseconds.

/** Settings. */
export interface NativeFailoverConfig {
  /** Ids of the pipelines of each level, the best level first. */
  readonly priority_levels: ReadonlyArray<ReadonlyArray<string>>;
  /** From one try of the better levels to the next, nanoseconds. */
  readonly retry_interval: number;
}

/** No settings. */
export type NativeForwardConfig = Readonly<Record<string, never>>;

/** `file_storage.encryption`. */
export interface NativeEncryption {
  /** The variable of the environment with the key, if it is not in a file. */
  readonly key_env: string | null;
  /** The file with the key. */
  readonly key_file: string | null;
}

/** `sending_queue.batch.partition`. */
export interface NativePartition {
  /** Metadata keys, lower case, whose values tell batches apart. */
  readonly metadata_keys: ReadonlyArray<string>;
}

/** Gives a class to what it fits. */
export interface NativePriority {
  /** 0, refused last, to 3, refused first. */
  readonly class: number;
  /** Attributes that the resource has. */
  readonly resource_attributes: ReadonlyArray<readonly [string, string]>;
  /** Least severity number of a record, 1 to 24. */
  readonly severity: number;
  /** Signals; none: all. */
  readonly signals: ReadonlyArray<string>;
}

/** `sending_queue.batch`. */
export interface NativeQueueBatch {
  /** How long a batch may wait to fill, nanoseconds. */
  readonly flush_timeout: number;
  /** Size above which it is split; 0: never. */
  readonly max_size: number;
  /** Size at which a batch is sent. */
  readonly min_size: number;
  /** Keeps senders with different metadata apart. */
  readonly partition: NativePartition;
  /** items or bytes. */
  readonly sizer: string;
}

/** `sending_queue.storage` with what its `file_storage` extension says. */
export interface NativeQueueStorage {
  /** Whether it is made if it is not there. */
  readonly create_directory: boolean;
  /** Bytes of the log that requests refused for good may take; none: they are dropped. */
  readonly dead_letter_bytes: number | null;
  /** The folder. */
  readonly directory: string;
  /** Permissions of a folder that is made. */
  readonly directory_permissions: number;
  /** What the log is encrypted with, if it is. */
  readonly encryption: NativeEncryption | null;
  /** What goes when the queue is full, or the log because of it: block, drop_oldest or detach. */
  readonly lag_policy: string;
  /** How long a request is kept, nanoseconds; 0: for ever. */
  readonly max_age: number;
  /** Bytes of all files of the log. */
  readonly max_bytes: number;
  /** What happens when the log is damaged as it is opened: quarantine or fail. */
  readonly on_corruption: string;
  /** What happens when the log is full otherwise: refuse or drop_oldest. */
  readonly on_full: string;
  /** The share of the file system that is left to others, percent. */
  readonly reserve_free_percent: number;
  /** Bytes of the log that are looked through in a second for damage; 0: none. */
  readonly scrub_bytes_per_second: number;
  /** Bytes of a file of the log. */
  readonly segment_bytes: number;
  /** Whether an answer waits until the request has reached the disk. */
  readonly sync: boolean;
  /** How long to wait for another process that uses the folder, nanoseconds. */
  readonly timeout: number;
}

/** `sending_queue`. */
export interface NativeSendingQueue {
  /** Batching behind the queue, if any. */
  readonly batch: NativeQueueBatch | null;
  /** Whether a full queue makes senders wait instead of refusing them. */
  readonly block_on_overflow: boolean;
  /** Sends that may run at once, over all data-plane threads. */
  readonly num_consumers: number;
  /** fifo or newest_first: which request of a sender leaves a queue in memory next. */
  readonly order: string;
  /** Rules for what is sent before what; none: no request matters more than another. */
  readonly priorities: ReadonlyArray<NativePriority> | null;
  /** The part of a queue in memory, 0 to 1, that one tenant may hold while others want some too. */
  readonly queue_share: number;
  /** Capacity in `sizer` units. */
  readonly queue_size: number;
  /** requests, items or bytes. */
  readonly sizer: string;
  /** Where the queue lies, if not in memory. */
  readonly storage: NativeQueueStorage | null;
  /** Whether senders wait for the result of the export. */
  readonly wait_for_result: boolean;
}

/** How much of a batch is shown. */
export type NativeVerbosity =
  | {  }
  | {  }
  | {  };

/** Settings of the exporter. */
export interface NativeDebugConfig {
  /** `stdout`, `stderr` or files. */
  readonly output_paths: ReadonlyArray<string>;
  /** Batches shown at first in each second. */
  readonly sampling_initial: number;
  /** After those, every n-th batch is shown; 0 and 1 show all. */
  readonly sampling_thereafter: number;
  /** The queue in front, if any. */
  readonly sending_queue: NativeSendingQueue | null;
  /** Whether the collector's own log is written to, and not `output_paths`. */
  readonly use_internal_logger: boolean;
  /** How much is shown. */
  readonly verbosity: NativeVerbosity;
}

/** `compression_params`. */
export interface NativeCompressionParams {
  /** Effort; 0 is the default. */
  readonly level: number;
}

/** How a record is written. */
export type NativeFormat =
  | {  }
  | {  };

/** `group_by`. */
export interface NativeGroupBy {
  /** Files open at once. */
  readonly max_open_files: number;
  /** The resource attribute whose value names the file. */
  readonly resource_attribute: string;
}

/** `rotation`. */
export interface NativeRotationConfig {
  /** Whether old files are named by local time instead of UTC. */
  readonly localtime: boolean;
  /** How many old files are kept; 0: all. */
  readonly max_backups: number;
  /** How long old files are kept, days; 0: for ever. */
  readonly max_days: number;
  /** Size that no file passes, unless a single record does, MiB. */
  readonly max_megabytes: number;
}

/** Settings of the exporter. */
export interface NativeFileConfig {
  /** Whether to go on with a file that exists. With `rotation` or `group_by` that is always so. */
  readonly append: boolean;
  /** Empty, or zstd: then every record is a frame behind its length. */
  readonly compression: string;
  /** Fine tuning of the compression. */
  readonly compression_params: NativeCompressionParams;
  /** Whether a missing directory is made. */
  readonly create_directory: boolean;
  /** Permissions of a directory that is made, octal. */
  readonly directory_permissions: string;
  /** Longest time that records stay in memory, nanoseconds. */
  readonly flush_interval: number;
  /** How a record is written. */
  readonly format: NativeFormat;
  /** Several files, if any. */
  readonly group_by: NativeGroupBy | null;
  /** The file; with `group_by`, one `*` in it stands for the group. */
  readonly path: string;
  /** When a new file is begun; none: never. */
  readonly rotation: NativeRotationConfig | null;
}

/** Where the backends come from. */
export interface NativeBackendResolver {
  /** A name whose addresses are the backends, if not those. */
  readonly dns: NativeDnsResolver | null;
  /** Backends that never change: hosts, with or without port. */
  readonly hostnames: ReadonlyArray<string>;
}

/** `circuit_breaker`. */
export interface NativeCircuitBreaker {
  /** Parts that the window moves on by. */
  readonly buckets: number;
  /** Failures in a row that open; 0: never. */
  readonly consecutive: number;
  /** Share of failed calls that opens. */
  readonly failure_rate: number;
  /** Probing. */
  readonly half_open: NativeHalfOpen;
  /** Spread of the time open, as a share of it. */
  readonly jitter: number;
  /** Longest time open, nanoseconds. */
  readonly max_open: number;
  /** Calls before the rates count. */
  readonly min_calls: number;
  /** time or count: what the window is measured in. */
  readonly mode: string;
  /** First time open, nanoseconds. */
  readonly open: number;
  /** What is decided by hand: none, forced_open, disabled or observe. */
  readonly override: string;
  /** When a call is slow, nanoseconds; 0: never. */
  readonly slow_after: number;
  /** Share of slow calls that opens. */
  readonly slow_rate: number;
  /** How far a window of time reaches back, nanoseconds. */
  readonly window: number;
}

/** A name whose addresses are the backends. */
export interface NativeDnsResolver {
  /** The name. */
  readonly hostname: string;
  /** From one look to the next, nanoseconds. */
  readonly interval: number;
  /** The port of all backends; empty: that of OTLP over gRPC. */
  readonly port: string;
  /** The longest a look may take, nanoseconds. */
  readonly timeout: number;
}

/** One of `endpoints`. */
export interface NativeEndpoint {
  /** Lower is better. */
  readonly priority: number;
  /** Where to, written as `endpoint` is. */
  readonly url: string;
  /** Share among those of its priority. */
  readonly weight: number;
}

/** `endpoint_policy`. */
export interface NativeEndpointPolicy {
  /** Healthy time after which a priority that was left takes over again, nanoseconds. */
  readonly failback_after: number;
  /** Share of a priority that may be out before the next one takes over. */
  readonly max_ejected: number;
  /** Time in which what came back gets its whole share again, nanoseconds; 0: at once. */
  readonly ramp: number;
}

/** A gRPC client. */
export interface NativeGrpcClient {
  /** The `:authority`; none: the endpoint's. */
  readonly authority: string | null;
  /** `round_robin` or `pick_first`. */
  readonly balancer_name: string;
  /** Compression of requests. */
  readonly compression: string;
  /** Time to resolve and connect, nanoseconds; 0: none. */
  readonly connect_timeout: number;
  /** `host:port`, or a target with a resolver scheme; empty where all are in a list of endpoints. */
  readonly endpoint: string;
  /** Metadata added to every call unless it is there already. */
  readonly headers: ReadonlyArray<readonly [string, string]>;
  /** Keepalive pings, if any. */
  readonly keepalive: NativeGrpcClientKeepalive | null;
  /** Accepted for compatibility. */
  readonly read_buffer_size: number;
  /** TLS, on unless `insecure`. */
  readonly tls: NativeTlsClient;
  /** Time for each handshake on a new connection, nanoseconds; 0: none. */
  readonly tls_timeout: number;
  /** The `user-agent`; none: the collector's. */
  readonly user_agent: string | null;
  /** Whether a call waits for a connection instead of failing at once. */
  readonly wait_for_ready: boolean;
  /** Accepted for compatibility. */
  readonly write_buffer_size: number;
}

/** Keepalive of a gRPC client. */
export interface NativeGrpcClientKeepalive {
  /** Whether to ping while no call runs. */
  readonly permit_without_stream: boolean;
  /** Quiet time after which the server is pinged, nanoseconds. */
  readonly time: number;
  /** How long the answer may take, nanoseconds. */
  readonly timeout: number;
}

/** `circuit_breaker.half_open`. */
export interface NativeHalfOpen {
  /** Longest wait for a probe's result, nanoseconds; 0: without limit. */
  readonly max_wait: number;
  /** Probes at the same time. */
  readonly permits: number;
  /** Successes that close. */
  readonly successes: number;
}

/** Settings. */
export interface NativeOtlpGrpcConfig {
  /** The circuit breaker, if it is on. */
  readonly circuit_breaker: NativeCircuitBreaker | null;
  /** Where to, and how. */
  readonly client: NativeGrpcClient;
  /** off or single: whether a request that came compressed alike and was not changed goes on as it came. */
  readonly compressed_passthrough: string;
  /** How several endpoints are used. */
  readonly endpoint_policy: NativeEndpointPolicy;
  /** Endpoints beside the client's. */
  readonly endpoints: ReadonlyArray<NativeEndpoint>;
  /** Their connections. */
  readonly pool: NativePool;
  /** Retries. */
  readonly retry_on_failure: NativeRetryOnFailure;
  /** The queue in front, if it is on. */
  readonly sending_queue: NativeSendingQueue | null;
  /** Time for one attempt, nanoseconds; 0: none. */
  readonly timeout: number;
}

/** `pool`. */
export interface NativePool {
  /** HTTP/2 connections of a thread to one address. */
  readonly connections: number;
  /** How often a name is resolved again, nanoseconds; 0: only when a connection is lost or opened. */
  readonly dns_refresh: number;
  /** How long a connection is used, nanoseconds; 0: without limit. */
  readonly max_age: number;
  /** Requests at a time on an HTTP/2 connection before another is opened. */
  readonly streams: number;
  /** How long sent bytes may stay unacknowledged, nanoseconds; 0: as the system has it. */
  readonly tcp_user_timeout: number;
}

/** `retry_on_failure.budget`. */
export interface NativeRetryBudget {
  /** Requests that may be tried again at the same time in any case. */
  readonly min_concurrent: number;
  /** Retries for each first attempt, over ten seconds. */
  readonly ratio: number;
}

/** `retry_on_failure`. */
export interface NativeRetryOnFailure {
  /** What bounds the retries of all requests together. */
  readonly budget: NativeRetryBudget;
  /** Whether retryable failures are tried again. */
  readonly enabled: boolean;
  /** First wait, nanoseconds. */
  readonly initial_interval: number;
  /** collector or full: how waits are spread. */
  readonly jitter: string;
  /** When to give up, from the first attempt, nanoseconds; 0: never. */
  readonly max_elapsed_time: number;
  /** Longest wait that a server can ask for, nanoseconds. */
  readonly max_hint: number;
  /** Longest wait, nanoseconds. */
  readonly max_interval: number;
  /** Growth of the wait from try to try. */
  readonly multiplier: number;
  /** Spread of the wait, as a share of it. */
  readonly randomization_factor: number;
}

/** TLS of a client. */
export interface NativeTlsClient {
  /** What servers have too. */
  readonly common: NativeTlsCommon;
  /** Plaintext instead of TLS, unless an authority is given or the endpoint says https. */
  readonly insecure: boolean;
  /** Whether the server's certificate is taken unchecked. */
  readonly insecure_skip_verify: boolean;
  /** The name to ask for and to check instead of the endpoint's host. */
  readonly server_name_override: string | null;
}

/** What servers and clients have in common. */
export interface NativeTlsCommon {
  /** File of the certificate authorities to trust, PEM. */
  readonly ca_file: string | null;
  /** The authorities themselves, PEM. */
  readonly ca_pem: string | null;
  /** File of the own certificate chain, PEM. */
  readonly cert_file: string | null;
  /** The chain itself, PEM. */
  readonly cert_pem: string | null;
  /** Allowed cipher suites by their IANA names; empty: the library's. */
  readonly cipher_suites: ReadonlyArray<string>;
  /** Allowed key exchange groups; empty: the library's. */
  readonly curve_preferences: ReadonlyArray<string>;
  /** Whether suites known to be weak may be named. */
  readonly include_insecure_cipher_suites: boolean;
  /** Whether the system's authorities are trusted beside the written ones. */
  readonly include_system_ca_certs_pool: boolean;
  /** File of the private key, PEM. */
  readonly key_file: string | null;
  /** The key itself, PEM. */
  readonly key_pem: string | null;
  /** Highest protocol version. */
  readonly max_version: string | null;
  /** Lowest protocol version, "1.2" or "1.3". */
  readonly min_version: string | null;
  /** How often certificate files are looked at again, nanoseconds; 0: never. */
  readonly reload_interval: number;
}

/** Settings. */
export interface NativeLoadBalancingConfig {
  /** How each backend is sent to; its endpoint is empty. */
  readonly backend: NativeOtlpGrpcConfig;
  /** Where the backends come from. */
  readonly resolver: NativeBackendResolver;
  /** Retries of the exporter as a whole. */
  readonly retry_on_failure: NativeRetryOnFailure;
  /** What belongs together: traceID, service or metric; empty: traceID, and service for metrics. */
  readonly routing_key: string;
  /** The queue in front of the exporter as a whole, if it is on. */
  readonly sending_queue: NativeSendingQueue | null;
  /** Time for one attempt of the exporter as a whole, nanoseconds; 0: none. */
  readonly timeout: number;
}

/** No settings. */
export type NativeNopConfig = Readonly<Record<string, never>>;

/** An HTTP client. */
export interface NativeHttpClient {
  /** Compression of requests. */
  readonly compression: string;
  /** Its level. */
  readonly compression_params: NativeCompressionParams;
  /** Time to resolve and connect, nanoseconds; 0: none. */
  readonly connect_timeout: number;
  /** Whether every request gets a connection of its own. */
  readonly disable_keep_alives: boolean;
  /** Base URL; none where every signal has its own. */
  readonly endpoint: string | null;
  /** Whether HTTP/2 is offered on TLS connections. */
  readonly force_attempt_http2: boolean;
  /** Headers added to every request; `Host` sets the host. */
  readonly headers: ReadonlyArray<readonly [string, string]>;
  /** How long the answer may take, nanoseconds; 0: 15 s. */
  readonly http2_ping_timeout: number;
  /** Quiet time on HTTP/2 after which the server is pinged, nanoseconds; 0: never. */
  readonly http2_read_idle_timeout: number;
  /** How long an idle connection is kept, nanoseconds; 0: without limit. */
  readonly idle_conn_timeout: number;
  /** Connections to one host; 0: no limit. */
  readonly max_conns_per_host: number;
  /** Idle connections kept over all hosts; 0: no limit. */
  readonly max_idle_conns: number;
  /** Idle connections kept for one host; 0: two. */
  readonly max_idle_conns_per_host: number;
  /** Proxy to go through; none: what the environment says. */
  readonly proxy_url: string | null;
  /** Accepted for compatibility. */
  readonly read_buffer_size: number;
  /** Time for one attempt, response body included, nanoseconds; 0: none. */
  readonly timeout: number;
  /** TLS, used for https URLs. */
  readonly tls: NativeTlsClient;
  /** Time for each handshake on a new connection, nanoseconds; 0: none. */
  readonly tls_timeout: number;
  /** Accepted for compatibility. */
  readonly write_buffer_size: number;
}

/** Settings. */
export interface NativeOtlpHttpConfig {
  /** The circuit breaker, if it is on. */
  readonly circuit_breaker: NativeCircuitBreaker | null;
  /** Where to, and how. */
  readonly client: NativeHttpClient;
  /** off or single: whether a request that came compressed alike and was not changed goes on as it came. */
  readonly compressed_passthrough: string;
  /** proto or json. */
  readonly encoding: string;
  /** How several endpoints are used. */
  readonly endpoint_policy: NativeEndpointPolicy;
  /** Endpoints beside the client's, for every signal that has no URL of its own. */
  readonly endpoints: ReadonlyArray<NativeEndpoint>;
  /** Whole URL for logs instead of the endpoint's. */
  readonly logs_endpoint: string | null;
  /** Whole URL for metrics instead of the endpoint's. */
  readonly metrics_endpoint: string | null;
  /** Their connections. */
  readonly pool: NativePool;
  /** Whole URL for profiles instead of the endpoint's. */
  readonly profiles_endpoint: string | null;
  /** Retries. */
  readonly retry_on_failure: NativeRetryOnFailure;
  /** The queue in front, if it is on. */
  readonly sending_queue: NativeSendingQueue | null;
  /** Whole URL for traces instead of the endpoint's. */
  readonly traces_endpoint: string | null;
}

/** Settings. */
export interface NativeTsExporterConfig {
  /** When nothing is sent for a while, if that is wanted. */
  readonly circuit_breaker: NativeCircuitBreaker | null;
  /** The port that the workers of the module sit at: another module or other options have another one. */
  readonly port: string;
  /** What is done about failures. */
  readonly retry_on_failure: NativeRetryOnFailure;
  /** The queue in front, if any. */
  readonly sending_queue: NativeSendingQueue | null;
  /** Longest time for one batch, nanoseconds. The module is told when it is over. */
  readonly timeout: number;
}

/** One action. */
export interface NativeActionSettings {
  /** insert, update, upsert, delete, hash, extract or convert. */
  readonly action: string;
  /** int, double, string or bool. */
  readonly converted_type: string | null;
  /** The attribute that has the value. */
  readonly from_attribute: string | null;
  /** The context key that has the value. */
  readonly from_context: string | null;
  /** The attribute. */
  readonly key: string | null;
  /** A regular expression. */
  readonly pattern: string | null;
  /** The value itself. */
  readonly value: NativeAttributeValue | null;
}

/** A value with its kind. */
export type NativeAttributeValue =
  | { readonly string: string; }
  | { readonly int: string; }
  | { readonly double: number; }
  | { readonly bool: boolean; };

/** An instrumentation scope to match. */
export interface NativeLibrary {
  /** Its name. */
  readonly name: string;
  /** Its version; none: any. */
  readonly version: string | null;
}

/** An attribute to match. */
export interface NativeMatchAttribute {
  /** The attribute. */
  readonly key: string;
  /** Its value; none: any. */
  readonly value: NativeAttributeValue | null;
}

/** One match block. */
export interface NativeMatchSettings {
  /** Attributes that the record has. */
  readonly attributes: ReadonlyArray<NativeMatchAttribute>;
  /** Instrumentation scopes. */
  readonly libraries: ReadonlyArray<NativeLibrary>;
  /** Log bodies that are text. */
  readonly log_bodies: ReadonlyArray<string>;
  /** Least severity. */
  readonly log_severity_number: NativeSeverityNumber | null;
  /** Severity texts. */
  readonly log_severity_texts: ReadonlyArray<string>;
  /** strict or regexp. */
  readonly match_type: string;
  /** Metric names. */
  readonly metric_names: ReadonlyArray<string>;
  /** Attributes that the resource has. */
  readonly resources: ReadonlyArray<NativeMatchAttribute>;
  /** Values of the resource attribute `service.name`. */
  readonly services: ReadonlyArray<string>;
  /** Span kinds. */
  readonly span_kinds: ReadonlyArray<string>;
  /** Span names. */
  readonly span_names: ReadonlyArray<string>;
}

/** Least severity of a log record. */
export interface NativeSeverityNumber {
  /** Whether records without a severity match. */
  readonly match_undefined: boolean;
  /** The least number, 1 to 24. */
  readonly min: number;
}

/** Settings. */
export interface NativeAttributesConfig {
  /** What is done, in order. */
  readonly actions: ReadonlyArray<NativeActionSettings>;
  /** What matches is left alone. */
  readonly exclude: NativeMatchSettings | null;
  /** Only what matches is edited. */
  readonly include: NativeMatchSettings | null;
}

/** Settings. */
export interface NativeBatchConfig {
  /** Different values allowed; 0: no limit. */
  readonly metadata_cardinality_limit: number;
  /** Metadata keys, lower case, whose values tell batches apart. */
  readonly metadata_keys: ReadonlyArray<string>;
  /** Items above which a batch is split; 0: never. */
  readonly send_batch_max_size: number;
  /** Items at which a batch is sent; 0: every request at once. */
  readonly send_batch_size: number;
  /** How long a batch may wait to fill, nanoseconds; 0: not at all. */
  readonly timeout: number;
}

/** Conditions that are written together. */
export interface NativeGroupSettings {
  /** Where they are written, for error texts. */
  readonly at: string;
  /** The conditions. */
  readonly conditions: ReadonlyArray<string>;
  /** What they are about; none: what their paths say. */
  readonly context: string | null;
  /** ignore, silent or propagate. */
  readonly error_mode: string;
  /** traces, metrics, logs or profiles. */
  readonly signal: string;
}

/** Settings. */
export interface NativeFilterConfig {
  /** Any of whose conditions leaves an item out. */
  readonly groups: ReadonlyArray<NativeGroupSettings>;
}

/** Settings, resolved to bytes. */
export interface NativeMemoryLimiterConfig {
  /** The hard limit, bytes. */
  readonly limit_bytes: number;
  /** How far below it refusals begin, bytes. */
  readonly spike_limit_bytes: number;
}

/** `on_error`. */
export type NativeOnErrorWord =
  | {  }
  | {  }
  | {  };

/** Settings. */
export interface NativeTsProcessorConfig {
  /** What becomes of a batch on which the module fails. */
  readonly on_error: NativeOnErrorWord;
  /** The port that the workers of the module sit at: another module or other options have another one. */
  readonly port: string;
  /** Longest time for one batch, nanoseconds. */
  readonly timeout: number;
}

/** Settings. */
export interface NativeGeneratorConfig {
  /** Items in one request. */
  readonly batch: number;
  /** Items to make before ending; none: without limit. */
  readonly count: number | null;
  /** Time to run before ending, nanoseconds; none: without limit. */
  readonly duration: number | null;
  /** Share of spans and logs that are errors, 0 to 1. */
  readonly error_ratio: number;
  /** Items a second over all signals; none: as many as are taken. */
  readonly rate: number | null;
  /** Start of the random numbers, for repeatable content; none: a new one each time. */
  readonly seed: number | null;
  /** Signals to make, taken in turn. */
  readonly signals: ReadonlyArray<string>;
  /** Requests under way at once. */
  readonly workers: number;
}

/** Levels by signal. */
export interface NativeAckChoices {
  /** For logs. */
  readonly logs: ReadonlyArray<string>;
  /** For metrics. */
  readonly metrics: ReadonlyArray<string>;
  /** For profiles. */
  readonly profiles: ReadonlyArray<string>;
  /** For traces. */
  readonly traces: ReadonlyArray<string>;
}

/** `ack` and `ack_header`. */
export interface NativeAckConfig {
  /** What senders may choose by header; none: the header is not read. */
  readonly choices: NativeAckChoices | null;
  /** received, persisted or delivered; none: each stage on the way answers by itself. */
  readonly level: string | null;
  /** How many exporters must have a request at level delivered; none: all. */
  readonly quorum: number | null;
}

/** Cross-origin resource sharing. */
export interface NativeCors {
  /** Request headers allowed beside the safe-listed ones. */
  readonly allowed_headers: ReadonlyArray<string>;
  /** Origins that may send; `*` stands for any run of characters. */
  readonly allowed_origins: ReadonlyArray<string>;
  /** Response headers that scripts may read. */
  readonly exposed_headers: ReadonlyArray<string>;
  /** How long a preflight answer holds, seconds; 0: unsaid. */
  readonly max_age: number;
}

/** `dedup`. */
export interface NativeDedupConfig {
  /** Whether requests without an id are told apart by their bytes. */
  readonly body_hash: boolean;
  /** How many are remembered; the oldest are forgotten first. */
  readonly max_ids: number;
  /** Whether senders may ask what has become of a request, by its id. */
  readonly status: boolean;
  /** How long a request that was taken is remembered, nanoseconds. */
  readonly window: number;
}

/** How often clients may ping. */
export interface NativeEnforcementPolicy {
  /** Least time between pings, nanoseconds. */
  readonly min_time: number;
  /** Whether pings without a running request are fine. */
  readonly permit_without_stream: boolean;
}

/** A gRPC listener. */
export interface NativeGrpcServer {
  /** `host:port`, or a path with `transport: unix`. */
  readonly endpoint: string;
  /** Whether the host receives the requests and hands them over; nothing is bound then. */
  readonly host: boolean;
  /** Whether request metadata travels with the data. */
  readonly include_metadata: boolean;
  /** Keepalive of connections. */
  readonly keepalive: NativeGrpcServerKeepalive;
  /** Streams a connection may have open; 0: the built-in guard. */
  readonly max_concurrent_streams: number;
  /** Largest message, before and after decompression, MiB. */
  readonly max_recv_msg_size_mib: number;
  /** Accepted for compatibility; reads grow by themselves. */
  readonly read_buffer_size: number;
  /** TLS, if the listener speaks it. */
  readonly tls: NativeTlsServer | null;
  /** tcp, tcp4, tcp6 or unix. */
  readonly transport: string;
  /** Accepted for compatibility; writes are vectored. */
  readonly write_buffer_size: number;
}

/** Keepalive of a gRPC listener. */
export interface NativeGrpcServerKeepalive {
  /** What it asks of clients. */
  readonly enforcement_policy: NativeEnforcementPolicy;
  /** What the server does itself. */
  readonly server_parameters: NativeServerParameters;
}

/** An HTTP listener. */
export interface NativeHttpServer {
  /** Accepted `Content-Encoding` values; empty: the header is ignored. */
  readonly compression_algorithms: ReadonlyArray<string>;
  /** Cross-origin rules, if browsers may send here. */
  readonly cors: NativeCors | null;
  /** `host:port`, or a path with `transport: unix`. */
  readonly endpoint: string;
  /** Whether the host receives the requests and hands them over; nothing is bound then. */
  readonly host: boolean;
  /** How long an idle connection is kept, nanoseconds; 0: until connections run short. */
  readonly idle_timeout: number;
  /** Whether request headers travel with the data. */
  readonly include_metadata: boolean;
  /** Whether connections serve more than one request. */
  readonly keep_alives_enabled: boolean;
  /** Largest body, before and after decompression, bytes. */
  readonly max_request_body_size: number;
  /** Time for the request headers, nanoseconds; 0: the built-in guard. */
  readonly read_header_timeout: number;
  /** Time for a whole request, nanoseconds; 0: none. */
  readonly read_timeout: number;
  /** Headers added to every response. */
  readonly response_headers: ReadonlyArray<readonly [string, string]>;
  /** TLS, if the listener speaks it. */
  readonly tls: NativeTlsServer | null;
  /** tcp, tcp4, tcp6 or unix. */
  readonly transport: string;
  /** Time from the end of the request's head to the end of the response, nanoseconds; 0: none. */
  readonly write_timeout: number;
}

/** OTLP/HTTP. */
export interface NativeOtlpHttpServer {
  /** Path that takes logs. */
  readonly logs_url_path: string;
  /** Path that takes metrics. */
  readonly metrics_url_path: string;
  /** The listener. */
  readonly server: NativeHttpServer;
  /** Path that takes traces. */
  readonly traces_url_path: string;
}

/** The protocols of the receiver. */
export interface NativeProtocols {
  /** OTLP/gRPC. */
  readonly grpc: NativeGrpcServer | null;
  /** OTLP/HTTP. */
  readonly http: NativeOtlpHttpServer | null;
}

/** What the server does to keep connections fresh. 0 stands for "never" in the first three. */
export interface NativeServerParameters {
  /** Age after which a connection is closed, nanoseconds. */
  readonly max_connection_age: number;
  /** Time for running requests after that, nanoseconds. */
  readonly max_connection_age_grace: number;
  /** Idle time after which a connection is closed, nanoseconds. */
  readonly max_connection_idle: number;
  /** Quiet time after which the client is pinged, nanoseconds. */
  readonly time: number;
  /** How long the answer may take, nanoseconds. */
  readonly timeout: number;
}

/** TLS of a listener. */
export interface NativeTlsServer {
  /** Authorities that client certificates must come from; set: a client certificate is required. */
  readonly client_ca_file: string | null;
  /** Whether that file is looked at again when it changes. */
  readonly client_ca_file_reload: boolean;
  /** What clients have too. */
  readonly common: NativeTlsCommon;
}

/** Settings. */
export interface NativeOtlpConfig {
  /** When senders are answered. */
  readonly ack: NativeAckConfig;
  /** How long they wait for room in a queue, nanoseconds; 0: as long as it takes. */
  readonly admission_timeout: number;
  /** Which repeats are told from new requests; none: they are not looked for. */
  readonly dedup: NativeDedupConfig | null;
  /** The protocols; at least one. */
  readonly protocols: NativeProtocols;
}

/** Settings. */
export interface NativeTsReceiverConfig {
  /** When whoever emits is answered. */
  readonly ack: NativeAckConfig;
  /** How long it waits for room in a queue, nanoseconds; 0: as long as it takes. */
  readonly admission_timeout: number;
}

/** One configured component. */
export interface NativeComponent {
  /** The component's own settings. */
  readonly config: unknown;
  /** The id as the user wrote it, which is also its name in metrics and logs. */
  readonly id: string;
  /** The canonical component type. */
  readonly type: string;
}

/** What is refused while too much comes. */
export interface NativeOverloadControl {
  /** The memory for payloads that counts as all there is, bytes. */
  readonly memory_bytes: number;
  /** What matters more than what; the first that fits decides. */
  readonly priorities: ReadonlyArray<NativePriority>;
  /** Whether less important data is refused before all is. */
  readonly shed: boolean;
}

/** One pipeline. */
export interface NativePipeline {
  /** Ids of exporters, or of connectors that start in this pipeline. */
  readonly exporters: ReadonlyArray<string>;
  /** The id as written. */
  readonly id: string;
  /** Ids of processors, in order. */
  readonly processors: ReadonlyArray<string>;
  /** Ids of receivers, or of connectors that end in this pipeline. */
  readonly receivers: ReadonlyArray<string>;
  /** traces, metrics, logs or profiles. */
  readonly signal: string;
}

/** What belongs to no component. */
export interface NativeService {
  /** Time for delivering what is held at the end, nanoseconds; 0: no limit. */
  readonly drain_timeout: number;
  /** Limits on what senders may do. */
  readonly limits: NativeServiceLimits;
  /** The byte budget for payloads. */
  readonly memory_limit_bytes: number;
  /** What is refused while too much comes. */
  readonly overload: NativeOverloadControl;
  /** The pipelines. */
  readonly pipelines: ReadonlyArray<NativePipeline>;
  /** Which metrics are shown: none, basic, normal or detailed. */
  readonly telemetry_level: string;
  /** Who may send how much; none: nobody is told apart. */
  readonly tenants: NativeTenantControl | null;
  /** Data-plane threads; 0: one for each processor that this process may use. */
  readonly threads: number;
  /** Name and version told to other servers. */
  readonly user_agent: string;
}

/** Limits on what senders may do. */
export interface NativeServiceLimits {
  /** Attributes of one record; 0: no limit. */
  readonly max_attributes: number;
  /** Connections of one listener. */
  readonly max_connections: number;
  /** Levels that attribute values may nest. */
  readonly max_depth: number;
  /** Items in one request. */
  readonly max_items: number;
}

/** Who may send how much. */
export interface NativeTenantControl {
  /** `common_name`, `dns_name` or `uri`: what in a client's certificate names the tenant; none: nothing does. */
  readonly client_certificate: string | null;
  /** The header that names the tenant, in lower case; none: no header does. */
  readonly header: string | null;
  /** What these may send instead. */
  readonly overrides: ReadonlyArray<NativeTenantOverride>;
  /** What each may send, and all without a name together. */
  readonly quota: NativeTenantQuota;
  /** Addresses and networks whose header is believed. */
  readonly trusted_proxies: ReadonlyArray<string>;
}

/** What the tenant with this name may send. */
export interface NativeTenantOverride {
  /** The name. */
  readonly name: string;
  /** Its quota. */
  readonly quota: NativeTenantQuota;
}

/** What one tenant may send; 0 is without limit. */
export interface NativeTenantQuota {
  /** How much of both rates may add up, nanoseconds. */
  readonly burst: number;
  /** Uncompressed bytes a second. */
  readonly bytes_per_second: number;
  /** Bytes in the collector at one time. */
  readonly in_flight_bytes: number;
  /** Items a second. */
  readonly items_per_second: number;
}

/** The whole document. */
export interface NativeDocument {
  /** Connectors that a pipeline uses. */
  readonly connectors: ReadonlyArray<NativeComponent>;
  /** Exporters that a pipeline uses. */
  readonly exporters: ReadonlyArray<NativeComponent>;
  /** Processors that a pipeline uses. */
  readonly processors: ReadonlyArray<NativeComponent>;
  /** Receivers that a pipeline uses. */
  readonly receivers: ReadonlyArray<NativeComponent>;
  /** What belongs to no component. */
  readonly service: NativeService;
}

/** Settings of connectors by type. */
export interface NativeConnectors {
  readonly failover: NativeFailoverConfig;
  readonly forward: NativeForwardConfig;
}

/** Settings of exporters by type. */
export interface NativeExporters {
  readonly debug: NativeDebugConfig;
  readonly file: NativeFileConfig;
  readonly load_balancing: NativeLoadBalancingConfig;
  readonly nop: NativeNopConfig;
  readonly otlp_grpc: NativeOtlpGrpcConfig;
  readonly otlp_http: NativeOtlpHttpConfig;
  readonly ts: NativeTsExporterConfig;
}

/** Settings of processors by type. */
export interface NativeProcessors {
  readonly attributes: NativeAttributesConfig;
  readonly batch: NativeBatchConfig;
  readonly filter: NativeFilterConfig;
  readonly memory_limiter: NativeMemoryLimiterConfig;
  readonly resource: NativeAttributesConfig;
  readonly ts: NativeTsProcessorConfig;
}

/** Settings of receivers by type. */
export interface NativeReceivers {
  readonly generator: NativeGeneratorConfig;
  readonly nop: NativeNopConfig;
  readonly otlp: NativeOtlpConfig;
  readonly ts: NativeTsReceiverConfig;
}
