/**
 * The document that crosses to Rust, once per start or reload, as JSON text.
 * Complete: every field is present, `null` where there is none, and Rust holds no defaults of its own.
 * Conventions: the Collector's key names; durations are integer nanoseconds; an optional block that is off is `null`
 * (there is no `enabled` key); header-like maps are lists of pairs; enumerations are the Collector's words.
 */

/** Integer nanoseconds. */
export type Nanoseconds = number;

/** One of the four signals. */
export type Signal = 'traces' | 'metrics' | 'logs' | 'profiles';

/** How much the collector tells about itself. */
export type TelemetryLevel = 'none' | 'basic' | 'normal' | 'detailed';

/** A name and its value; names may repeat only where the protocol lets them. */
export type NativePair = readonly [name: string, value: string];

/** The whole document. */
export interface NativeConfig {
  readonly service: NativeService;
  readonly receivers: readonly NativeComponent<NativeReceiverConfig>[];
  readonly processors: readonly NativeComponent<NativeProcessorConfig>[];
  readonly exporters: readonly NativeComponent<NativeExporterConfig>[];
  readonly connectors: readonly NativeComponent<NativeConnectorConfig>[];
}

/** One component that a pipeline uses. */
export interface NativeComponent<C> {
  /** As the user wrote it; metric labels show it. */
  readonly id: string;
  /** The canonical type, never an alias. */
  readonly type: string;
  readonly config: C;
}

/** What holds for the whole data plane. */
export interface NativeService {
  /** Data-plane threads; 0 is the machine's available parallelism. */
  readonly threads: number;
  /** Budget of the byte ledger. */
  readonly memory_limit_bytes: number;
  /** User-Agent of the exporters, unless they set their own. */
  readonly user_agent: string;
  readonly telemetry_level: TelemetryLevel;
  /** How long a drain may take; 0 is without limit. */
  readonly drain_timeout: Nanoseconds;
  readonly limits: NativeLimits;
  readonly pipelines: readonly NativePipeline[];
}

/** Bounds on what senders may send. */
export interface NativeLimits {
  /** Items in one request. */
  readonly max_items: number;
  /** AnyValue levels. */
  readonly max_depth: number;
  /** Attributes of one record; 0 is without limit. */
  readonly max_attributes: number;
  /** Connections over all listeners. */
  readonly max_connections: number;
}

/** One pipeline: component ids in order. */
export interface NativePipeline {
  readonly id: string;
  readonly signal: Signal;
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

/** Configurations without any key: nop, forward. */
export type NativeEmptyConfig = Readonly<Record<string, never>>;

export type NativeReceiverConfig = NativeOtlpReceiver | NativeEmptyConfig;
export type NativeProcessorConfig = NativeBatch | NativeMemoryLimiter | NativeAttributes;
export type NativeExporterConfig =
  | NativeOtlpGrpcExporter
  | NativeOtlpHttpExporter
  | NativeDebugExporter
  | NativeFileExporter
  | NativeEmptyConfig;
export type NativeConnectorConfig = NativeEmptyConfig;

// ---- shared blocks

/** What client and server TLS share. */
export interface NativeTls {
  readonly ca_file: string | null;
  readonly ca_pem: string | null;
  readonly cert_file: string | null;
  readonly cert_pem: string | null;
  readonly key_file: string | null;
  readonly key_pem: string | null;
  /** "1.0" to "1.3". */
  readonly min_version: string;
  /** Null is the library's newest. */
  readonly max_version: string | null;
  readonly cipher_suites: readonly string[];
  readonly include_insecure_cipher_suites: boolean;
  readonly curve_preferences: readonly string[];
  readonly include_system_ca_certs_pool: boolean;
  /** 0 is never. */
  readonly reload_interval: Nanoseconds;
}

export interface NativeClientTls extends NativeTls {
  /** Already settled: false when a CA is given. */
  readonly insecure: boolean;
  readonly insecure_skip_verify: boolean;
  readonly server_name_override: string | null;
}

export interface NativeServerTls extends NativeTls {
  readonly client_ca_file: string | null;
  readonly client_ca_file_reload: boolean;
}

export interface NativeCors {
  readonly allowed_origins: readonly string[];
  readonly allowed_headers: readonly string[];
  readonly exposed_headers: readonly string[];
  /** Seconds; 0 leaves the header out. */
  readonly max_age: number;
}

export interface NativeHttpServer {
  readonly endpoint: string;
  readonly transport: string;
  readonly tls: NativeServerTls | null;
  readonly cors: NativeCors | null;
  /** Bytes, before and after decompression. */
  readonly max_request_body_size: number;
  readonly include_metadata: boolean;
  readonly response_headers: readonly NativePair[];
  /** Content-Encoding values that are understood; empty ignores the header. */
  readonly compression_algorithms: readonly string[];
  readonly read_timeout: Nanoseconds;
  readonly read_header_timeout: Nanoseconds;
  readonly write_timeout: Nanoseconds;
  readonly idle_timeout: Nanoseconds;
  readonly keep_alives_enabled: boolean;
}

export interface NativeGrpcServer {
  readonly endpoint: string;
  readonly transport: string;
  readonly tls: NativeServerTls | null;
  readonly max_recv_msg_size_mib: number;
  readonly max_concurrent_streams: number;
  readonly read_buffer_size: number;
  readonly write_buffer_size: number;
  readonly keepalive: NativeServerKeepalive;
  readonly include_metadata: boolean;
}

export interface NativeServerKeepalive {
  readonly server_parameters: {
    /** 0 is for ever, here and below. */
    readonly max_connection_idle: Nanoseconds;
    readonly max_connection_age: Nanoseconds;
    readonly max_connection_age_grace: Nanoseconds;
    readonly time: Nanoseconds;
    readonly timeout: Nanoseconds;
  };
  readonly enforcement_policy: {
    readonly min_time: Nanoseconds;
    readonly permit_without_stream: boolean;
  };
}

export interface NativeHttpClient {
  readonly endpoint: string | null;
  readonly proxy_url: string | null;
  readonly tls: NativeClientTls;
  readonly read_buffer_size: number;
  readonly write_buffer_size: number;
  /** Of one attempt; 0 is without limit. */
  readonly timeout: Nanoseconds;
  readonly headers: readonly NativePair[];
  /** "none" when off. */
  readonly compression: string;
  readonly compression_params: { readonly level: number };
  readonly max_idle_conns: number;
  readonly max_idle_conns_per_host: number;
  readonly max_conns_per_host: number;
  readonly idle_conn_timeout: Nanoseconds;
  readonly disable_keep_alives: boolean;
  readonly http2_read_idle_timeout: Nanoseconds;
  readonly http2_ping_timeout: Nanoseconds;
  readonly force_attempt_http2: boolean;
}

export interface NativeGrpcClient {
  readonly endpoint: string;
  readonly compression: string;
  readonly tls: NativeClientTls;
  readonly keepalive: NativeClientKeepalive | null;
  readonly read_buffer_size: number;
  readonly write_buffer_size: number;
  readonly wait_for_ready: boolean;
  readonly headers: readonly NativePair[];
  readonly user_agent: string | null;
  readonly balancer_name: string;
  readonly authority: string | null;
}

export interface NativeClientKeepalive {
  readonly time: Nanoseconds;
  readonly timeout: Nanoseconds;
  readonly permit_without_stream: boolean;
}

export interface NativeRetry {
  readonly enabled: boolean;
  readonly initial_interval: Nanoseconds;
  readonly randomization_factor: number;
  readonly multiplier: number;
  readonly max_interval: Nanoseconds;
  /** 0 never gives up. */
  readonly max_elapsed_time: Nanoseconds;
}

export interface NativeQueue {
  readonly num_consumers: number;
  /** In units of `sizer`. */
  readonly queue_size: number;
  readonly sizer: 'requests' | 'items' | 'bytes';
  readonly block_on_overflow: boolean;
  readonly wait_for_result: boolean;
  readonly batch: NativeQueueBatch | null;
}

export interface NativeQueueBatch {
  readonly flush_timeout: Nanoseconds;
  readonly sizer: 'items' | 'bytes';
  readonly min_size: number;
  /** 0 never splits. */
  readonly max_size: number;
  readonly partition: { readonly metadata_keys: readonly string[] };
}

// ---- components

export interface NativeOtlpReceiver {
  readonly protocols: {
    readonly grpc: NativeGrpcServer | null;
    readonly http: NativeOtlpHttpProtocol | null;
  };
}

export interface NativeOtlpHttpProtocol extends NativeHttpServer {
  readonly traces_url_path: string;
  readonly metrics_url_path: string;
  readonly logs_url_path: string;
}

export interface NativeBatch {
  readonly timeout: Nanoseconds;
  readonly send_batch_size: number;
  readonly send_batch_max_size: number;
  readonly metadata_keys: readonly string[];
  readonly metadata_cardinality_limit: number;
}

/** Percentages are already bytes. */
export interface NativeMemoryLimiter {
  readonly limit_bytes: number;
  readonly spike_limit_bytes: number;
}

/** A value with its kind; integers are decimal strings, to keep all 64 bits. */
export type NativeAttributeValue =
  | { readonly string: string }
  | { readonly int: string }
  | { readonly double: number }
  | { readonly bool: boolean };

export interface NativeAction {
  readonly key: string | null;
  readonly action: 'insert' | 'update' | 'upsert' | 'delete' | 'hash' | 'extract' | 'convert';
  readonly value: NativeAttributeValue | null;
  readonly from_attribute: string | null;
  readonly from_context: string | null;
  readonly pattern: string | null;
  readonly converted_type: 'int' | 'double' | 'string' | 'bool' | null;
}

export interface NativeMatchAttribute {
  readonly key: string;
  /** Null matches any value. */
  readonly value: NativeAttributeValue | null;
}

export interface NativeMatch {
  readonly match_type: 'strict' | 'regexp';
  readonly services: readonly string[];
  readonly span_names: readonly string[];
  readonly span_kinds: readonly string[];
  readonly log_bodies: readonly string[];
  readonly log_severity_texts: readonly string[];
  readonly log_severity_number: { readonly min: number; readonly match_undefined: boolean } | null;
  readonly metric_names: readonly string[];
  readonly attributes: readonly NativeMatchAttribute[];
  readonly resources: readonly NativeMatchAttribute[];
  readonly libraries: readonly { readonly name: string; readonly version: string | null }[];
}

/** Processors `attributes` and `resource`; the latter has neither include nor exclude. */
export interface NativeAttributes {
  readonly actions: readonly NativeAction[];
  readonly include: NativeMatch | null;
  readonly exclude: NativeMatch | null;
}

export interface NativeOtlpGrpcExporter extends NativeGrpcClient {
  readonly timeout: Nanoseconds;
  readonly retry_on_failure: NativeRetry;
  readonly sending_queue: NativeQueue | null;
}

export interface NativeOtlpHttpExporter extends NativeHttpClient {
  readonly traces_endpoint: string | null;
  readonly metrics_endpoint: string | null;
  readonly logs_endpoint: string | null;
  readonly profiles_endpoint: string | null;
  readonly encoding: 'proto' | 'json';
  readonly retry_on_failure: NativeRetry;
  readonly sending_queue: NativeQueue | null;
}

export interface NativeDebugExporter {
  readonly verbosity: 'basic' | 'normal' | 'detailed';
  readonly sampling_initial: number;
  readonly sampling_thereafter: number;
  readonly use_internal_logger: boolean;
  readonly output_paths: readonly string[];
  readonly sending_queue: NativeQueue | null;
}

export interface NativeFileExporter {
  readonly path: string;
  readonly format: 'json' | 'proto';
  /** "" or "zstd". */
  readonly compression: string;
  readonly compression_params: { readonly level: number };
  readonly append: boolean;
  readonly rotation: NativeRotation | null;
  readonly flush_interval: Nanoseconds;
  readonly group_by: NativeGroupBy | null;
  readonly create_directory: boolean;
  /** Octal, such as "0755". */
  readonly directory_permissions: string;
}

export interface NativeRotation {
  readonly max_megabytes: number;
  /** 0 keeps them for ever. */
  readonly max_days: number;
  readonly max_backups: number;
  readonly localtime: boolean;
}

export interface NativeGroupBy {
  readonly resource_attribute: string;
  readonly max_open_files: number;
}
