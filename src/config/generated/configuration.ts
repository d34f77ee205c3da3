// Generated from the schemas in src/config by `npm run generate`. Do not edit.
//
// A configuration as code has it: the keys, defaults and units of the Collector's YAML.

/** An id: a type, or a type and a name. */
type Id<T extends string> = T | `${T}/${string}`;

type Unit = 'ns' | 'us' | 'µs' | 'ms' | 's' | 'm' | 'h';

/** A text with a reference such as `${env:NAME}`, which is looked up when the configuration is loaded. */
export type Reference = `${string}\${${string}}${string}`;

/** A duration in Go's syntax: `200ms`, `5s`, `1m30s`. Only 0 needs no unit. */
export type Duration =
  | 0
  | '0'
  | `${number}${Unit}`
  | `${number}h${number}m`
  | `${number}h${number}m${number}s`
  | `${number}m${number}s`
  | `${number}s${number}ms`
  | Reference;

/** A value of any form, as YAML has them. */
export type ConfigValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly ConfigValue[]
  | { readonly [key: string]: ConfigValue };

/** Ids of receivers. */
export type ReceiverId = Id<'nop' | 'otlp' | 'ts'>;

/** Ids of processors. */
export type ProcessorId = Id<'attributes' | 'batch' | 'filter' | 'memory_limiter' | 'resource' | 'ts'>;

/** Ids of exporters. */
export type ExporterId = Id<'debug' | 'file' | 'load_balancing' | 'loadbalancing' | 'nop' | 'otlp_grpc' | 'otlp' | 'otlp_http' | 'otlphttp' | 'ts'>;

/** Ids of connectors. */
export type ConnectorId = Id<'failover' | 'forward'>;

/** Ids of extensions. */
export type ExtensionId = Id<'file_storage' | 'health_check'>;

/** Ids of pipelines. */
export type PipelineId = Id<'traces' | 'metrics' | 'logs' | 'profiles'>;

/** The block `protocols.grpc.dialer`. */
export interface Dialer {
  /** Longest time to connect. @default '0s' */
  readonly timeout?: Duration;
}

/** The block `protocols.grpc.tls.tpm`. */
export interface Tpm {
  /** Keep the private key in a trusted platform module. @default false */
  readonly enabled?: boolean | Reference;
  /** Device or socket of the module. @default '' */
  readonly path?: string;
  /** Owner password. @default '' */
  readonly owner_auth?: string;
  /** Key password. @default '' */
  readonly auth?: string;
}

/** The block `protocols.grpc.tls`. */
export interface GrpcTls {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** File with the certificates (PEM) that peers must descend from; empty takes the system roots. @default '' */
  readonly ca_file?: string;
  /** The same certificates as text, instead of `ca_file`. @default '' */
  readonly ca_pem?: string;
  /** Trust the system roots beside the given certificates. @default false */
  readonly include_system_ca_certs_pool?: boolean | Reference;
  /** File with the certificate chain (PEM) to show; needs a key. @default '' */
  readonly cert_file?: string;
  /** The same chain as text, instead of `cert_file`. @default '' */
  readonly cert_pem?: string;
  /** File with the private key (PEM); needs a certificate. @default '' */
  readonly key_file?: string;
  /** The same key as text, instead of `key_file`. @default '' */
  readonly key_pem?: string;
  /** Oldest version to speak, in quotes; empty is "1.2". @default '' */
  readonly min_version?: string;
  /** Newest version to speak, in quotes; empty is the newest there is. @default '' */
  readonly max_version?: string;
  /** Cipher suites by name; empty takes the library’s choice. @default [] */
  readonly cipher_suites?: ReadonlyArray<string> | Reference;
  /** Allow suites known to be weak in `cipher_suites`. @default false */
  readonly include_insecure_cipher_suites?: boolean | Reference;
  /** Key exchanges in order of preference: P256, P384, P521, X25519, X25519MLKEM768; empty takes the library’s choice. @default [] */
  readonly curve_preferences?: ReadonlyArray<string> | Reference;
  /** How often certificate files are read again; 0 is never. @default '0s' */
  readonly reload_interval?: Duration;
  /** Trusted platform module. This key has no effect: this collector keeps keys in files or text. */
  readonly tpm?: Tpm | null;
  /** File with the certificates (PEM) that clients must descend from; makes client certificates required. @default '' */
  readonly client_ca_file?: string;
  /** Read `client_ca_file` again when it changes, checked at most once a second. @default false */
  readonly client_ca_file_reload?: boolean | Reference;
}

/** The block `protocols.grpc.keepalive.server_parameters`. */
export interface ServerParameters {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Longest time a connection may idle; 0 is for ever. @default '0s' */
  readonly max_connection_idle?: Duration;
  /** Longest time a connection may live; 0 is for ever. @default '0s' */
  readonly max_connection_age?: Duration;
  /** Time for running requests after `max_connection_age`; 0 is for ever. @default '0s' */
  readonly max_connection_age_grace?: Duration;
  /** Idle time after which the server pings; 0 is 2h. @default '0s' */
  readonly time?: Duration;
  /** Longest wait for the answer to a ping; 0 is 20s. @default '0s' */
  readonly timeout?: Duration;
}

/** The block `protocols.grpc.keepalive.enforcement_policy`. */
export interface EnforcementPolicy {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Shortest time between a client’s pings; 0 is 5m. @default '0s' */
  readonly min_time?: Duration;
  /** Allow pings while no request runs. @default false */
  readonly permit_without_stream?: boolean | Reference;
}

/** The block `protocols.grpc.keepalive`. */
export interface GrpcKeepalive {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Pings and connection lifetimes. */
  readonly server_parameters?: ServerParameters | null;
  /** What clients may do. */
  readonly enforcement_policy?: EnforcementPolicy | null;
}

/** The block `protocols.grpc.auth`. */
export interface GrpcAuth {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Id of the extension that adds credentials; it must be in `service.extensions`. @default '' */
  readonly authenticator?: ExtensionId | Reference;
}

/** The block `protocols.grpc.middleware`. */
export interface Middleware {
  /** Id of the extension. @default '' */
  readonly id?: ExtensionId | Reference;
}

/** The block `protocols.grpc`. */
export interface Grpc {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Who receives: `native` is the core on threads of its own, `node` a server of Node on the event loop, `host` nobody: the program that embeds the collector mounts the receiver in a server of its own. A key of teleferric's own. @default 'native' */
  readonly engine?: 'native' | 'node' | 'host' | Reference;
  /** Address to listen on, `host:port`. @default 'localhost:4317' */
  readonly endpoint?: string;
  /** How to listen: `tcp`, `tcp4`, `tcp6` or `unix` (then `endpoint` is a path). @default 'tcp' */
  readonly transport?: 'tcp' | 'tcp4' | 'tcp6' | 'unix' | 'udp' | 'udp4' | 'udp6' | 'ip' | 'ip4' | 'ip6' | 'unixgram' | 'unixpacket' | 'npipe' | Reference;
  /** Dialling, which servers never do. This key has no effect on a server. */
  readonly dialer?: Dialer | null;
  /** TLS; plaintext unless written. */
  readonly tls?: GrpcTls | null;
  /** Largest message, both as sent and decompressed; 0 is 4. Unit: MiB. @default 0 */
  readonly max_recv_msg_size_mib?: number | Reference;
  /** Requests at once on one connection; 0 is without limit, which is the Collector’s default. Unit: requests. Between 0 and 4294967295. @default 100 */
  readonly max_concurrent_streams?: number | Reference;
  /** Bytes read at once. Unit: bytes. @default 524288 */
  readonly read_buffer_size?: number | Reference;
  /** Bytes gathered before a write. Unit: bytes. @default 0 */
  readonly write_buffer_size?: number | Reference;
  /** Pings and connection lifetimes. */
  readonly keepalive?: GrpcKeepalive | null;
  /** Authentication. */
  readonly auth?: GrpcAuth | null;
  /** Keep request metadata with the data, for batching by `metadata_keys` and the like. @default false */
  readonly include_metadata?: boolean | Reference;
  /** Extensions that see every request; the first is outermost. @default [] */
  readonly middlewares?: ReadonlyArray<Middleware | null> | Reference;
}

/** The block `protocols.http.cors`. */
export interface Cors {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Origins that browsers may send from; `*` stands for any text. @default [] */
  readonly allowed_origins?: ReadonlyArray<string> | Reference;
  /** Request headers beside the safe ones that browsers may send. @default [] */
  readonly allowed_headers?: ReadonlyArray<string> | Reference;
  /** Response headers that scripts may read. @default [] */
  readonly exposed_headers?: ReadonlyArray<string> | Reference;
  /** How long browsers may remember the answer; 0 leaves it to them. Unit: seconds. At least 0. @default 0 */
  readonly max_age?: number | Reference;
}

/** The block `protocols.http.auth`. */
export interface HttpAuth {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Id of the extension that checks callers; it must be in `service.extensions`. @default '' */
  readonly authenticator?: ExtensionId | Reference;
  /** Query parameters handed to the authenticator as headers. @default [] */
  readonly request_params?: ReadonlyArray<string> | Reference;
}

/** The block `protocols.http`. */
export interface Http {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Who receives: `native` is the core on threads of its own, `node` a server of Node on the event loop, `host` nobody: the program that embeds the collector mounts the receiver in a server of its own. A key of teleferric's own. @default 'native' */
  readonly engine?: 'native' | 'node' | 'host' | Reference;
  /** Address to listen on, `host:port`. @default 'localhost:4318' */
  readonly endpoint?: string;
  /** How to listen: `tcp`, `tcp4`, `tcp6` or `unix` (then `endpoint` is a path). @default 'tcp' */
  readonly transport?: 'tcp' | 'tcp4' | 'tcp6' | 'unix' | 'udp' | 'udp4' | 'udp6' | 'ip' | 'ip4' | 'ip6' | 'unixgram' | 'unixpacket' | 'npipe' | Reference;
  /** Dialling, which servers never do. This key has no effect on a server. */
  readonly dialer?: Dialer | null;
  /** TLS; plaintext unless written. */
  readonly tls?: GrpcTls | null;
  /** Which web pages may send here; none unless written. */
  readonly cors?: Cors | null;
  /** Authentication. */
  readonly auth?: HttpAuth | null;
  /** Largest body, both as sent and decompressed; 0 or less takes the default. Unit: bytes. @default 20971520 */
  readonly max_request_body_size?: number | Reference;
  /** Keep request headers with the data, for batching by `metadata_keys` and the like. @default false */
  readonly include_metadata?: boolean | Reference;
  /** Headers to put on every response. @default [] */
  readonly response_headers?: { readonly [name: string]: string } | ReadonlyArray<{ readonly name: string; readonly value: string }> | Reference;
  /** Content-Encoding values that are understood; an empty list ignores the header. @default ["","gzip","zstd","zlib","snappy","deflate","lz4","x-snappy-framed"] */
  readonly compression_algorithms?: ReadonlyArray<string> | Reference;
  /** Longest time to read a whole request; 0 is without limit. @default '0s' */
  readonly read_timeout?: Duration;
  /** Longest time to read the headers; 0 is without limit. @default '0s' */
  readonly read_header_timeout?: Duration;
  /** Longest time from the headers to the end of the response; 0 is without limit. @default '0s' */
  readonly write_timeout?: Duration;
  /** Longest time a kept connection may idle; 0 is without limit. @default '0s' */
  readonly idle_timeout?: Duration;
  /** Keep connections open between requests. @default true */
  readonly keep_alives_enabled?: boolean | Reference;
  /** Extensions that see every request; the first is outermost. @default [] */
  readonly middlewares?: ReadonlyArray<Middleware | null> | Reference;
  /** Path that takes traces; a missing leading slash is added. @default '/v1/traces' */
  readonly traces_url_path?: string;
  /** Path that takes metrics; a missing leading slash is added. @default '/v1/metrics' */
  readonly metrics_url_path?: string;
  /** Path that takes logs; a missing leading slash is added. @default '/v1/logs' */
  readonly logs_url_path?: string;
}

/** The block `protocols`. */
export interface Protocols {
  /** OTLP over gRPC; closed unless written. */
  readonly grpc?: Grpc | null;
  /** OTLP over HTTP, protobuf and JSON; closed unless written. */
  readonly http?: Http | null;
}

/** The block `dedup`. */
export interface Dedup {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** How long a request that was taken is remembered. At least 1ms. @default '10m0s' */
  readonly window?: Duration;
  /** How many are remembered, at 160 bytes each; the oldest are forgotten first. Unit: requests. Between 1 and 100000000. @default 100000 */
  readonly max_ids?: number | Reference;
  /** Also tell requests without an id apart, by their bytes: two that say the same in the window count as one. @default false */
  readonly body_hash?: boolean | Reference;
  /** Let senders ask `GET /queue/status?batch_id=` of the HTTP listener what has become of a request; takes 320 bytes more for each that is remembered. @default false */
  readonly status?: boolean | Reference;
}

/** The block `action`. */
export interface Action {
  /** Attribute to act on. @default '' */
  readonly key?: string;
  /** `insert` if absent, `update` if present, `upsert` either way, `delete`, `hash` (SHA-256), `extract` by pattern, `convert` to a type. @default '' */
  readonly action?: 'insert' | 'update' | 'upsert' | 'delete' | 'hash' | 'extract' | 'convert' | Reference;
  /** Value to set: a string, whole number, number or boolean. */
  readonly value?: string | number | bigint | boolean | null;
  /** Attribute whose value to set. @default '' */
  readonly from_attribute?: string;
  /** Request context to set: `metadata.<key>`, `auth.<key>` or `client.address`. @default '' */
  readonly from_context?: string;
  /** Regular expression: names of attributes to delete or hash, or named groups to extract from the value. @default '' */
  readonly pattern?: string;
  /** Type to convert to: int, double, string, bool. @default '' */
  readonly converted_type?: string;
}

/** The block `include.regexp`. */
export interface Regexp {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Remember results. @default false */
  readonly cacheenabled?: boolean | Reference;
  /** How many. At least 0. @default 0 */
  readonly cachemaxnumentries?: number | Reference;
}

/** The block `include.log_severity_number`. */
export interface LogSeverityNumber {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Lowest severity number that matches. Between 0 and 24. @default 0 */
  readonly min?: number | Reference;
  /** Whether records without a severity match. @default false */
  readonly match_undefined?: boolean | Reference;
}

/** The block `include.attribute`. */
export interface Attribute {
  /** Name of the attribute. @default '' */
  readonly key?: string;
  /** Value it must have; none matches any. */
  readonly value?: string | number | bigint | boolean | null;
}

/** The block `include.library`. */
export interface Library {
  /** Name of the scope. @default '' */
  readonly name?: string;
  /** Version of the scope; none matches any. */
  readonly version?: string | null;
}

/** The block `include`. */
export interface Include {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** How texts are compared: `strict` (equal) or `regexp`; required. @default '' */
  readonly match_type?: 'strict' | 'regexp' | Reference;
  /** Cache of regular expressions. This key has no effect: patterns are compiled once and matched in linear time. */
  readonly regexp?: Regexp | null;
  /** Values of `service.name`; spans only. @default [] */
  readonly services?: ReadonlyArray<string> | Reference;
  /** Names of spans. @default [] */
  readonly span_names?: ReadonlyArray<string> | Reference;
  /** Kinds of spans: SPAN_KIND_CLIENT, SPAN_KIND_CONSUMER, SPAN_KIND_INTERNAL, SPAN_KIND_PRODUCER, SPAN_KIND_SERVER. @default [] */
  readonly span_kinds?: ReadonlyArray<string> | Reference;
  /** Bodies of log records that are texts. @default [] */
  readonly log_bodies?: ReadonlyArray<string> | Reference;
  /** Severity texts of log records. @default [] */
  readonly log_severity_texts?: ReadonlyArray<string> | Reference;
  /** Severity numbers of log records. */
  readonly log_severity_number?: LogSeverityNumber | null;
  /** Names of metrics. @default [] */
  readonly metric_names?: ReadonlyArray<string> | Reference;
  /** Attributes that must all be there. @default [] */
  readonly attributes?: ReadonlyArray<Attribute | null> | Reference;
  /** Resource attributes that must all be there. @default [] */
  readonly resources?: ReadonlyArray<Attribute | null> | Reference;
  /** Instrumentation scopes. @default [] */
  readonly libraries?: ReadonlyArray<Library | null> | Reference;
}

/** The block `traces`. */
export interface FilterProcessorTraces {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Conditions on resources. @default [] */
  readonly resource?: ReadonlyArray<string> | Reference;
  /** Conditions on spans. @default [] */
  readonly span?: ReadonlyArray<string> | Reference;
  /** Conditions on events of spans. @default [] */
  readonly spanevent?: ReadonlyArray<string> | Reference;
}

/** The block `metrics`. */
export interface FilterProcessorMetrics {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Conditions on resources. @default [] */
  readonly resource?: ReadonlyArray<string> | Reference;
  /** Conditions on metrics. @default [] */
  readonly metric?: ReadonlyArray<string> | Reference;
  /** Conditions on data points. @default [] */
  readonly datapoint?: ReadonlyArray<string> | Reference;
  /** Not supported: write conditions. */
  readonly include?: ConfigValue;
  /** Not supported: write conditions. */
  readonly exclude?: ConfigValue;
}

/** The block `logs`. */
export interface FilterProcessorLogs {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Conditions on resources. @default [] */
  readonly resource?: ReadonlyArray<string> | Reference;
  /** Conditions on log records. @default [] */
  readonly log_record?: ReadonlyArray<string> | Reference;
  /** Not supported: write conditions. */
  readonly include?: ConfigValue;
  /** Not supported: write conditions. */
  readonly exclude?: ConfigValue;
}

/** The block `profiles`. */
export interface Profiles {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Conditions on resources. @default [] */
  readonly resource?: ReadonlyArray<string> | Reference;
  /** Conditions on profiles. @default [] */
  readonly profile?: ReadonlyArray<string> | Reference;
}

/** The block `sending_queue.dead_letter`. */
export interface DeadLetter {
  /** Keep what the destination refuses for good rather than drop it; true with `storage` unless written. */
  readonly enabled?: boolean | Reference | null;
  /** How much of the storage’s `max_bytes` they may take, at most a quarter, and none below 128 KiB; of several queues in a storage the largest counts. When it is used up the oldest are dropped. Unit: bytes. At least 131072. @default 268435456 */
  readonly max_bytes?: number | Reference;
}

/** The block `sending_queue.batch.partition`. */
export interface Partition {
  /** Request metadata that keeps batches apart; case does not matter. @default [] */
  readonly metadata_keys?: ReadonlyArray<string> | Reference;
}

/** The block `sending_queue.batch`. */
export interface Batch {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Longest time a batch waits to fill. @default '200ms' */
  readonly flush_timeout?: Duration;
  /** What sizes count: `items` or `bytes`; follows the queue’s `sizer` when only that is written. @default 'items' */
  readonly sizer?: 'requests' | 'items' | 'bytes' | Reference;
  /** Size at which a batch is sent at once, in units of `sizer`. @default 8192 */
  readonly min_size?: number | Reference;
  /** Size above which a batch is split, in units of `sizer`; 0 is never. @default 0 */
  readonly max_size?: number | Reference;
  /** Keeping batches apart. */
  readonly partition?: Partition | null;
}

/** The block `sending_queue`. */
export interface SendingQueue {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Most requests sent at once; fewer while the destination throttles. Unit: requests. @default 10 */
  readonly num_consumers?: number | Reference;
  /** How much the queue holds, in units of `sizer`. @default 1000 */
  readonly queue_size?: number | Reference;
  /** What `queue_size` counts: `requests`, `items` or `bytes`. @default 'requests' */
  readonly sizer?: 'requests' | 'items' | 'bytes' | Reference;
  /** When full, make callers wait instead of refusing them. @default false */
  readonly block_on_overflow?: boolean | Reference;
  /** Make callers wait for the export, and tell them its result; with `storage` the request is on disk meanwhile, and stays if they go away. @default false */
  readonly wait_for_result?: boolean | Reference;
  /** Which request of a sender leaves a queue in memory next: with `fifo` the oldest, with `newest_first` the newest, while the backlog is filled in. @default 'fifo' */
  readonly order?: 'fifo' | 'newest_first' | Reference;
  /** Whether a queue in memory sends what matters more first, by the classes of overload and `service.priorities`. @default false */
  readonly priority?: boolean | Reference;
  /** Part of a queue in memory that one tenant may hold while others want room too; what is above is refused. Between 0 and 1. @default 0.5 */
  readonly queue_share?: number | Reference;
  /** Id of a storage extension that keeps the queue over restarts; none is in memory. */
  readonly storage?: ExtensionId | Reference | null;
  /** How long `storage` keeps a request that cannot be delivered; 0 is for ever. 24h unless written, and without end if `max_elapsed_time: 0` is written. */
  readonly max_age?: Duration | null;
  /** What goes when a queue in `storage` is full, or the storage because of it: `block`, the default, refuses new requests; `drop_oldest` drops its oldest, `detach` all that wait in it, and counts them as `queue_full`. */
  readonly lag_policy?: 'block' | 'drop_oldest' | 'detach' | Reference | null;
  /** Requests that the destination refuses for good, kept in `storage` to be looked at and sent again. */
  readonly dead_letter?: DeadLetter | null;
  /** Joining requests into larger ones; off unless written. */
  readonly batch?: Batch | null;
}

/** The block `compression_params`. */
export interface FileExporterCompressionParams {
  /** Effort, 1 to 22; 0 is the library’s default. @default 0 */
  readonly level?: number | Reference;
}

/** The block `rotation`. */
export interface Rotation {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Size at which a new file is begun; 0 is 100. Unit: MB. At least 0. @default 100 */
  readonly max_megabytes?: number | Reference;
  /** How long old files are kept; 0 is for ever. Unit: days. At least 0. @default 0 */
  readonly max_days?: number | Reference;
  /** How many old files are kept; 0 is all. Unit: files. At least 0. @default 100 */
  readonly max_backups?: number | Reference;
  /** Name old files by local time instead of UTC. @default false */
  readonly localtime?: boolean | Reference;
}

/** The block `group_by`. */
export interface GroupBy {
  /** Write one file per value of a resource attribute; `path` then needs one `*`. @default false */
  readonly enabled?: boolean | Reference;
  /** Resource attribute whose value takes the place of the `*`. @default 'fileexporter.path_segment' */
  readonly resource_attribute?: string;
  /** Files kept open at once; the one unused longest is closed first. Unit: files. @default 100 */
  readonly max_open_files?: number | Reference;
}

/** The block `resolver.static`. */
export interface Static {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** The backends, as `host:port`, or `host` for port 4317; their order does not matter. @default [] */
  readonly hostnames?: ReadonlyArray<string> | Reference;
}

/** The block `resolver.dns`. */
export interface Dns {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** The name whose addresses are the backends. @default '' */
  readonly hostname?: string;
  /** The port of all backends; 4317 unless written. @default '' */
  readonly port?: string;
  /** Time from one look to the next; 0 is the default. @default '5s' */
  readonly interval?: Duration;
  /** Longest time for a look; 0 is the default. @default '1s' */
  readonly timeout?: Duration;
}

/** The block `resolver`. */
export interface Resolver {
  /** Backends that do not change. */
  readonly static?: Static | null;
  /** The addresses of a name. */
  readonly dns?: Dns | null;
  /** Not supported: use `dns` with the name of a headless service. */
  readonly k8s?: ConfigValue;
  /** Not supported: use `dns`. */
  readonly aws_cloud_map?: ConfigValue;
}

/** The block `protocol.otlp.tls`. */
export interface OtlpTls {
  /** File with the certificates (PEM) that peers must descend from; empty takes the system roots. @default '' */
  readonly ca_file?: string;
  /** The same certificates as text, instead of `ca_file`. @default '' */
  readonly ca_pem?: string;
  /** Trust the system roots beside the given certificates. @default false */
  readonly include_system_ca_certs_pool?: boolean | Reference;
  /** File with the certificate chain (PEM) to show; needs a key. @default '' */
  readonly cert_file?: string;
  /** The same chain as text, instead of `cert_file`. @default '' */
  readonly cert_pem?: string;
  /** File with the private key (PEM); needs a certificate. @default '' */
  readonly key_file?: string;
  /** The same key as text, instead of `key_file`. @default '' */
  readonly key_pem?: string;
  /** Oldest version to speak, in quotes; empty is "1.2". @default '' */
  readonly min_version?: string;
  /** Newest version to speak, in quotes; empty is the newest there is. @default '' */
  readonly max_version?: string;
  /** Cipher suites by name; empty takes the library’s choice. @default [] */
  readonly cipher_suites?: ReadonlyArray<string> | Reference;
  /** Allow suites known to be weak in `cipher_suites`. @default false */
  readonly include_insecure_cipher_suites?: boolean | Reference;
  /** Key exchanges in order of preference: P256, P384, P521, X25519, X25519MLKEM768; empty takes the library’s choice. @default [] */
  readonly curve_preferences?: ReadonlyArray<string> | Reference;
  /** How often certificate files are read again; 0 is never. @default '0s' */
  readonly reload_interval?: Duration;
  /** Trusted platform module. This key has no effect: this collector keeps keys in files or text. */
  readonly tpm?: Tpm | null;
  /** Speak plaintext; has no effect when a CA is given. @default false */
  readonly insecure?: boolean | Reference;
  /** Accept any certificate: for tests only. @default false */
  readonly insecure_skip_verify?: boolean | Reference;
  /** Name to expect in the peer’s certificate, and to send as SNI. @default '' */
  readonly server_name_override?: string;
}

/** The block `protocol.otlp.keepalive`. */
export interface OtlpKeepalive {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Silence after which the connection is pinged. @default '10s' */
  readonly time?: Duration;
  /** Longest wait for the answer to a ping. @default '10s' */
  readonly timeout?: Duration;
  /** Ping also while no request runs. @default false */
  readonly permit_without_stream?: boolean | Reference;
}

/** The block `protocol.otlp.pool`. */
export interface OtlpPool {
  /** HTTP/2 connections that a data-plane thread opens to one address. Unit: connections. Between 1 and 64. @default 2 */
  readonly connections?: number | Reference;
  /** Requests at the same time on one HTTP/2 connection before another is opened. Unit: requests. At least 1. @default 100 */
  readonly streams?: number | Reference;
  /** How long a connection is used, give or take a fifth; 0 is without limit. @default '10m0s' */
  readonly max_age?: Duration;
  /** How long the peer may leave bytes unacknowledged before the connection is given up (Linux); 0 is the system’s choice. @default '20s' */
  readonly tcp_user_timeout?: Duration;
  /** How often a name is resolved again though all its addresses are connected; 0 is never. @default '30s' */
  readonly dns_refresh?: Duration;
}

/** The block `protocol.otlp.retry_on_failure.budget`. */
export interface Budget {
  /** Retries for each first attempt, over the last ten seconds. At least 0. @default 0.2 */
  readonly ratio?: number | Reference;
  /** Requests that may be tried again at the same time in any case. Unit: requests. At least 1. @default 3 */
  readonly min_concurrent?: number | Reference;
}

/** The block `protocol.otlp.retry_on_failure`. */
export interface OtlpRetryOnFailure {
  /** Try again after a failure that may pass. @default true */
  readonly enabled?: boolean | Reference;
  /** Wait before the first retry. @default '5s' */
  readonly initial_interval?: Duration;
  /** How far each wait is spread around its length, 0 to 1. At least 0. @default 0.5 */
  readonly randomization_factor?: number | Reference;
  /** By how much the wait grows each time. At least 0. @default 1.5 */
  readonly multiplier?: number | Reference;
  /** Longest wait between retries. @default '30s' */
  readonly max_interval?: Duration;
  /** Longest time spent on one request, after which it is dropped; 0 never gives up. @default '5m0s' */
  readonly max_elapsed_time?: Duration;
  /** How waits are spread: `collector` by `randomization_factor` around the interval, `full` evenly from nothing to the interval. @default 'collector' */
  readonly jitter?: 'collector' | 'full' | Reference;
  /** Longest wait that a destination can ask for; what it asks for is stretched by up to a fifth. @default '5m0s' */
  readonly max_hint?: Duration;
  /** Bounds the retries of all requests of a signal together; what is over it waits. */
  readonly budget?: Budget | null;
}

/** The block `protocol.otlp.circuit_breaker.half_open`. */
export interface HalfOpen {
  /** Probes sent at the same time. Unit: requests. Between 1 and 65535. @default 3 */
  readonly permits?: number | Reference;
  /** Probes that must succeed before the breaker closes. Unit: requests. Between 1 and 65535. @default 3 */
  readonly successes?: number | Reference;
  /** How long a probe may take before the breaker opens again; `timeout` unless written, 0 is without limit. */
  readonly max_wait?: Duration | null;
}

/** The block `protocol.otlp.circuit_breaker`. */
export interface CircuitBreaker {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** What the rates are taken over: `time` is the last `window`, `count` the last 100 attempts. @default 'time' */
  readonly mode?: 'time' | 'count' | Reference;
  /** How far back `mode: time` looks. At least 1ms. @default '30s' */
  readonly window?: Duration;
  /** Parts of the window; the rates are looked at when one of them ends. Unit: buckets. Between 1 and 100. @default 10 */
  readonly buckets?: number | Reference;
  /** Attempts in the window before the rates say anything. Unit: requests. At least 1. @default 20 */
  readonly min_calls?: number | Reference;
  /** Share of failed attempts that opens the breaker; 0 is never. Between 0 and 1. @default 0.5 */
  readonly failure_rate?: number | Reference;
  /** Share of slow attempts that opens the breaker; 0 is never. Between 0 and 1. @default 0.8 */
  readonly slow_rate?: number | Reference;
  /** From when on an attempt is slow; four fifths of `timeout` unless written, 0 is never. */
  readonly slow_after?: Duration | null;
  /** Failures in a row that open the breaker at once; 0 is never. Unit: requests. Between 0 and 1000000. @default 5 */
  readonly consecutive?: number | Reference;
  /** How long the breaker stays open; each time in a row doubles it. At least 1ms. @default '5s' */
  readonly open?: Duration;
  /** Longest time the breaker stays open; `max_interval` of `retry_on_failure` unless written, also if `open` is longer. At least 1ms. */
  readonly max_open?: Duration | null;
  /** How far the time open is spread around its length, 0 to 1. Between 0 and 1. @default 0.2 */
  readonly jitter?: number | Reference;
  /** Finding out whether the destination is back. */
  readonly half_open?: HalfOpen | null;
  /** Decided by hand: `forced_open` sends nothing, `disabled` counts nothing, `observe` counts but holds nothing back. @default 'none' */
  readonly override?: 'none' | 'forced_open' | 'disabled' | 'observe' | Reference;
}

/** The block `protocol.otlp`. */
export interface ProtocolOtlp {
  /** Where to send, `host:port`; `https://` forces TLS, `http://` changes nothing; `dns:///`, `passthrough:///` and `unix://` work. This key has no effect: the resolver says where the backends are. @default '' */
  readonly endpoint?: string;
  /** How messages are compressed: gzip, snappy, zstd; empty or `none` is not at all. @default 'gzip' */
  readonly compression?: 'gzip' | 'zlib' | 'deflate' | 'snappy' | 'x-snappy-framed' | 'zstd' | 'lz4' | 'none' | Reference;
  /** TLS towards the server; on unless `insecure: true`. */
  readonly tls?: OtlpTls | null;
  /** Pings on quiet connections; none unless written. */
  readonly keepalive?: OtlpKeepalive | null;
  /** Bytes read at once; 0 is the library’s choice. Unit: bytes. At least 0. @default 0 */
  readonly read_buffer_size?: number | Reference;
  /** Bytes gathered before a write; 0 is the library’s choice. Unit: bytes. At least 0. @default 524288 */
  readonly write_buffer_size?: number | Reference;
  /** Wait for a connection instead of failing at once when there is none. @default false */
  readonly wait_for_ready?: boolean | Reference;
  /** Metadata to put on every request. @default [] */
  readonly headers?: { readonly [name: string]: string } | ReadonlyArray<{ readonly name: string; readonly value: string }> | Reference;
  /** What the client calls itself; empty is the collector’s name, version and platform. @default '' */
  readonly user_agent?: string;
  /** How requests spread over the addresses of the host: `round_robin` or `pick_first`. @default 'round_robin' */
  readonly balancer_name?: string;
  /** The `:authority` to send instead of the host. @default '' */
  readonly authority?: string;
  /** Longest time to resolve the name and connect, over all its addresses; 0 is without limit. @default '3s' */
  readonly connect_timeout?: Duration;
  /** Longest time for the TLS handshake, and for each of a proxy’s tunnel and the HTTP/2 preface; 0 is without limit. @default '5s' */
  readonly tls_timeout?: Duration;
  /** Authentication. */
  readonly auth?: GrpcAuth | null;
  /** Extensions that see every request; the first is outermost. @default [] */
  readonly middlewares?: ReadonlyArray<Middleware | null> | Reference;
  /** Connections to each endpoint. */
  readonly pool?: OtlpPool | null;
  /** `single` sends a gzip or zstd request that came in the same compression, and that nothing changed, with the bytes it came with; `off` compresses each here, as an explicit level does. A key of teleferric's own. @default 'single' */
  readonly compressed_passthrough?: 'off' | 'single' | Reference;
  /** Longest time for one attempt; 0 is without limit. @default '5s' */
  readonly timeout?: Duration;
  /** Trying again after failures that may pass. */
  readonly retry_on_failure?: OtlpRetryOnFailure | null;
  /** Holding requests back while the destination fails; `enabled: false` turns it off. */
  readonly circuit_breaker?: CircuitBreaker | null;
  /** Queue between the pipeline and the network; `enabled: false` turns it off. */
  readonly sending_queue?: SendingQueue | null;
}

/** The block `protocol`. */
export interface Protocol {
  /** As in the exporter `otlp_grpc`, without endpoints. */
  readonly otlp?: ProtocolOtlp | null;
}

/** The block `retry_on_failure`. */
export interface LoadBalancingExporterRetryOnFailure {
  /** Try again after a failure that may pass. @default false */
  readonly enabled?: boolean | Reference;
  /** Wait before the first retry. @default '5s' */
  readonly initial_interval?: Duration;
  /** How far each wait is spread around its length, 0 to 1. At least 0. @default 0.5 */
  readonly randomization_factor?: number | Reference;
  /** By how much the wait grows each time. At least 0. @default 1.5 */
  readonly multiplier?: number | Reference;
  /** Longest wait between retries. @default '30s' */
  readonly max_interval?: Duration;
  /** Longest time spent on one request, after which it is dropped; 0 never gives up. @default '5m0s' */
  readonly max_elapsed_time?: Duration;
  /** How waits are spread: `collector` by `randomization_factor` around the interval, `full` evenly from nothing to the interval. @default 'collector' */
  readonly jitter?: 'collector' | 'full' | Reference;
  /** Longest wait that a destination can ask for; what it asks for is stretched by up to a fifth. @default '5m0s' */
  readonly max_hint?: Duration;
  /** Bounds the retries of all requests of a signal together; what is over it waits. */
  readonly budget?: Budget | null;
}

/** The block `endpoint`. */
export interface Endpoint {
  /** Where to send, written as `endpoint` is. @default '' */
  readonly url?: string;
  /** Lower is better; `endpoint` has 0. Between 0 and 1000. @default 0 */
  readonly priority?: number | Reference;
  /** Share among the endpoints of its priority; `endpoint` has 1. Between 1 and 1000. @default 1 */
  readonly weight?: number | Reference;
}

/** The block `endpoint_policy`. */
export interface EndpointPolicy {
  /** Share of the endpoints of a priority that may be out before the next priority takes over. Between 0 and 1. @default 0.5 */
  readonly max_ejected?: number | Reference;
  /** How long endpoints must have been healthy for a priority that was left to take over again. @default '30s' */
  readonly failback_after?: Duration;
  /** In what time an endpoint or a priority that came back gets its whole share again. @default '30s' */
  readonly ramp?: Duration;
}

/** The block `compression_params`. */
export interface OtlpHttpExporterCompressionParams {
  /** Effort: for gzip, zlib and deflate -2 to 9, for zstd any; 0 is the library’s default. @default 0 */
  readonly level?: number | Reference;
}

/** The block `cookies`. */
export interface Cookies {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
}

/** The block `pool`. */
export interface OtlpHttpExporterPool {
  /** HTTP/2 connections that a data-plane thread opens to one address. Unit: connections. Between 1 and 64. @default 2 */
  readonly connections?: number | Reference;
  /** Requests at the same time on one HTTP/2 connection before another is opened. Unit: requests. At least 1. @default 100 */
  readonly streams?: number | Reference;
  /** How long a connection is used, give or take a fifth; 0 is without limit. @default '10m0s' */
  readonly max_age?: Duration;
  /** How long the peer may leave bytes unacknowledged before the connection is given up (Linux); 0 is the system’s choice. @default '20s' */
  readonly tcp_user_timeout?: Duration;
}

/** The block `encryption`. */
export interface Encryption {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** File with the key: 32 random bytes, or as many in hexadecimal. @default '' */
  readonly key_file?: string;
  /** Variable of the environment with the key, instead of `key_file`. @default '' */
  readonly key_env?: string;
}

/** The block `compaction`. */
export interface Compaction {
  /** Compact when starting. @default false */
  readonly on_start?: boolean | Reference;
  /** Compact when much is free. @default false */
  readonly on_rebound?: boolean | Reference;
  /** Where to. @default '' */
  readonly directory?: string;
  /** Size from which a rebound counts. Unit: MiB. @default 100 */
  readonly rebound_needed_threshold_mib?: number | Reference;
  /** What must be left. Unit: MiB. @default 10 */
  readonly rebound_trigger_threshold_mib?: number | Reference;
  /** Size of a step. @default 65536 */
  readonly max_transaction_size?: number | Reference;
  /** How often to look. @default '5s' */
  readonly check_interval?: Duration;
  /** Remove what an earlier one left. @default false */
  readonly cleanup_on_start?: boolean | Reference;
}

/** The block `response_body`. */
export interface ResponseBody {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Body while healthy; empty is the usual JSON. @default '' */
  readonly healthy?: string;
  /** Body while not; empty is the usual JSON. @default '' */
  readonly unhealthy?: string;
}

/** The block `check_collector_pipeline`. */
export interface CheckCollectorPipeline {
  /** Watch the exporters’ failures. @default false */
  readonly enabled?: boolean | Reference;
  /** Over how long. @default '5m' */
  readonly interval?: string;
  /** How many failures are too many. @default 5 */
  readonly exporter_failure_threshold?: number | Reference;
}

/** The block `telemetry.logs.sampling`. */
export interface Sampling {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Length of one sampling period. @default '10s' */
  readonly tick?: Duration;
  /** Messages of one text and level let through at first in each period. Unit: messages. At least 0. @default 10 */
  readonly initial?: number | Reference;
  /** After those, every n-th is let through; 0 lets none. Unit: messages. At least 0. @default 100 */
  readonly thereafter?: number | Reference;
}

/** The block `telemetry.logs`. */
export interface TelemetryLogs {
  /** Least severe level that is written: debug, info, warn, error, dpanic, panic, fatal. @default 'info' */
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'dpanic' | 'panic' | 'fatal' | Reference;
  /** `console` for people, `json` for programs, one object per line. @default 'console' */
  readonly encoding?: 'console' | 'json' | Reference;
  /** Stack traces from warnings on instead of errors. @default false */
  readonly development?: boolean | Reference;
  /** Leave out where in the program a message comes from. @default false */
  readonly disable_caller?: boolean | Reference;
  /** Leave out stack traces. @default false */
  readonly disable_stacktrace?: boolean | Reference;
  /** Leave out the resource attributes. @default false */
  readonly disable_zap_resource?: boolean | Reference;
  /** Bounds on how often one message repeats; `enabled: false` writes them all. */
  readonly sampling?: Sampling | null;
  /** Files, `file://` URLs, `stdout` or `stderr`. @default ["stderr"] */
  readonly output_paths?: ReadonlyArray<string> | Reference;
  /** Where failures of logging itself go. @default ["stderr"] */
  readonly error_output_paths?: ReadonlyArray<string> | Reference;
  /** Fields to put on every line. @default {} */
  readonly initial_fields?: { readonly [name : string]: ConfigValue } | Reference;
  /** Export of the collector’s own logs; accepted, without effect in this version. @default [] */
  readonly processors?: ReadonlyArray<ConfigValue> | Reference;
}

/** The block `telemetry.metrics.reader.pull.exporter.prometheus.with_resource_constant_labels`. */
export interface WithResourceConstantLabels {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Attributes to copy, by name; `*` and `?` stand for any text. @default [] */
  readonly included?: ReadonlyArray<string> | Reference;
  /** Attributes not to copy. @default [] */
  readonly excluded?: ReadonlyArray<string> | Reference;
}

/** The block `telemetry.metrics.reader.pull.exporter.prometheus`. */
export interface Prometheus {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Host to listen on; required. */
  readonly host?: string | null;
  /** Port to listen on; required. Between 0 and 65535. */
  readonly port?: number | Reference | null;
  /** Leave out labels that name the instrumentation scope. @default true */
  readonly without_scope_info?: boolean | Reference;
  /** Leave out units at the end of names. @default true */
  readonly without_units?: boolean | Reference;
  /** Leave out `_total` at the end of counters. @default true */
  readonly without_type_suffix?: boolean | Reference;
  /** Resource attributes to put on every series. */
  readonly with_resource_constant_labels?: WithResourceConstantLabels | null;
}

/** The block `telemetry.metrics.reader.pull.exporter`. */
export interface PullExporter {
  /** Page for Prometheus to scrape. */
  readonly prometheus?: Prometheus | null;
}

/** The block `telemetry.metrics.reader.pull`. */
export interface Pull {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Where metrics go. */
  readonly exporter?: PullExporter | null;
  /** Further sources of metrics. */
  readonly producers?: ConfigValue;
  /** Bounds on series. */
  readonly cardinality_limits?: ConfigValue;
}

/** The block `telemetry.metrics.reader.periodic.exporter.otlp`. */
export interface ExporterOtlp {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** `grpc` or `http/protobuf`. @default 'http/protobuf' */
  readonly protocol?: string;
  /** Where to send. @default '' */
  readonly endpoint?: string;
  /** `gzip` or `none`. @default '' */
  readonly compression?: string;
  /** Longest time for one attempt. Unit: ms. At least 0. @default 10000 */
  readonly timeout?: number | Reference;
  /** Headers to put on every request. @default [] */
  readonly headers?: { readonly [name: string]: string } | ReadonlyArray<{ readonly name: string; readonly value: string }> | Reference;
  /** The same as text. @default '' */
  readonly headers_list?: string;
  /** Speak plaintext. @default false */
  readonly insecure?: boolean | Reference;
  /** File with certificates to trust. @default '' */
  readonly certificate?: string;
  /** File with the certificate to show. @default '' */
  readonly client_certificate?: string;
  /** File with its key. @default '' */
  readonly client_key?: string;
  /** `cumulative`, `delta` or `lowmemory`. @default '' */
  readonly temporality_preference?: string;
  /** How histograms are gathered. @default '' */
  readonly default_histogram_aggregation?: string;
}

/** The block `telemetry.metrics.reader.periodic.exporter`. */
export interface PeriodicExporter {
  /** Export by OTLP. */
  readonly otlp?: ExporterOtlp | null;
  /** Export to the terminal. */
  readonly console?: Cookies | null;
}

/** The block `telemetry.metrics.reader.periodic`. */
export interface Periodic {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Time between exports. Unit: ms. At least 0. @default 60000 */
  readonly interval?: number | Reference;
  /** Longest time for one export. Unit: ms. At least 0. @default 30000 */
  readonly timeout?: number | Reference;
  /** Where metrics go. */
  readonly exporter?: PeriodicExporter | null;
  /** Further sources of metrics. */
  readonly producers?: ConfigValue;
  /** Bounds on series. */
  readonly cardinality_limits?: ConfigValue;
}

/** The block `telemetry.metrics.reader`. */
export interface Reader {
  /** A page that is fetched. */
  readonly pull?: Pull | null;
  /** Regular export; accepted, without effect in this version. */
  readonly periodic?: Periodic | null;
}

/** The block `telemetry.metrics`. */
export interface TelemetryMetrics {
  /** How much is told: none, basic, normal, detailed. @default 'normal' */
  readonly level?: 'none' | 'basic' | 'normal' | 'detailed' | Reference;
  /** Where the metrics go. @default [{"pull":{"exporter":{"prometheus":{"host":"localhost","port":8888,"without_scope_info":true,"without_units":true,"without_type_suffix":true,"with_resource_constant_labels":{"included":[],"excluded":[]}}},"producers":null,"cardinality_limits":null},"periodic":null}] */
  readonly readers?: ReadonlyArray<Reader | null> | Reference;
  /** Changes to metrics; only with `level: detailed`, and without effect in this version. */
  readonly views?: ReadonlyArray<ConfigValue> | Reference | null;
}

/** The block `telemetry.traces`. */
export interface TelemetryTraces {
  /** `none` is off; tracing of the collector itself is not implemented in this version. @default 'none' */
  readonly level?: 'none' | 'basic' | 'normal' | 'detailed' | Reference;
  /** How trace context travels: `tracecontext`, `b3`. @default [] */
  readonly propagators?: ReadonlyArray<string> | Reference;
  /** Export of the collector’s own spans; accepted, without effect in this version. @default [] */
  readonly processors?: ReadonlyArray<ConfigValue> | Reference;
  /** Which spans are kept. */
  readonly sampler?: ConfigValue;
  /** Bounds on spans. */
  readonly limits?: ConfigValue;
}

/** The block `telemetry`. */
export interface Telemetry {
  /** The collector’s own log. */
  readonly logs?: TelemetryLogs | null;
  /** The collector’s own metrics. */
  readonly metrics?: TelemetryMetrics | null;
  /** The collector’s own traces. */
  readonly traces?: TelemetryTraces | null;
  /** Attributes that name this collector: `attributes: [{name, value}]`, or a plain map as of old. */
  readonly resource?: ConfigValue;
}

/** The block `pipeline`. */
export interface Pipeline {
  /** Where data comes from: receivers and connectors; at least one. @default [] */
  readonly receivers?: ReadonlyArray<ReceiverId | ConnectorId | Reference> | Reference;
  /** What is done to it, in order. @default [] */
  readonly processors?: ReadonlyArray<ProcessorId | Reference> | Reference;
  /** Where it goes: exporters and connectors; at least one. @default [] */
  readonly exporters?: ReadonlyArray<ExporterId | ConnectorId | Reference> | Reference;
}

/** The block `limits`. */
export interface Limits {
  /** Memory for data in flight, unless a `memory_limiter` is used; 0 is 60 % of the cgroup’s limit, or 25 % of the host between 256 MiB and 4 GiB (256 MiB inside another process). Unit: MiB. Between 0 and 67108864. @default 0 */
  readonly memory_mib?: number | Reference;
  /** Largest request. Unit: items. At least 1. @default 1000000 */
  readonly max_items?: number | Reference;
  /** Deepest nesting of attribute values and log bodies. Unit: levels. Between 1 and 10000. @default 128 */
  readonly max_depth?: number | Reference;
  /** Attributes of one record; 0 is without limit. Unit: attributes. Between 0 and 4294967295. @default 0 */
  readonly max_attributes?: number | Reference;
  /** Connections over all listeners. Unit: connections. Between 1 and 4294967295. @default 12000 */
  readonly max_connections?: number | Reference;
}

/** The block `priority`. */
export interface Priority {
  /** What is given: 0 is refused last, 3 first; a request has the class of its most important record. Between 0 and 3. @default 2 */
  readonly class?: number | Reference;
  /** Signals it is for; none is all. @default [] */
  readonly signals?: ReadonlyArray<'traces' | 'metrics' | 'logs' | 'profiles' | Reference> | Reference;
  /** Least severity of a record; a span with an error counts as `error`, and what states none as `info`; empty is any. @default '' */
  readonly severity?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | Reference;
  /** Attributes that the resource must have. @default [] */
  readonly resource_attributes?: { readonly [name: string]: string } | ReadonlyArray<{ readonly name: string; readonly value: string }> | Reference;
}

/** The block `tenants.quota`. */
export interface Quota {
  /** Uncompressed bytes a second; 0 is without limit. Unit: bytes/s. At least 0. @default 0 */
  readonly bytes_per_second?: number | Reference;
  /** Spans, data points, log records or samples a second; 0 is without limit. Unit: items/s. At least 0. @default 0 */
  readonly items_per_second?: number | Reference;
  /** How much of both rates may add up while it is not used. At least 1ms. @default '1s' */
  readonly burst?: Duration;
  /** Bytes of requests that are in the collector at one time; a single one always passes; 0 is without limit. Unit: bytes. At least 0. @default 0 */
  readonly in_flight_bytes?: number | Reference;
}

/** The block `tenants.override`. */
export interface Override {
  /** Uncompressed bytes a second; as `quota` unless written. Unit: bytes/s. At least 0. */
  readonly bytes_per_second?: number | Reference | null;
  /** Spans, data points, log records or samples a second; as `quota` unless written. Unit: items/s. At least 0. */
  readonly items_per_second?: number | Reference | null;
  /** How much of both rates may add up while it is not used; as `quota` unless written. At least 1ms. */
  readonly burst?: Duration | null;
  /** Bytes of requests that are in the collector at one time; a single one always passes; as `quota` unless written. Unit: bytes. At least 0. */
  readonly in_flight_bytes?: number | Reference | null;
}

/** The block `tenants`. */
export interface Tenants {
  /** Whether this block is on. @default true */
  readonly enabled?: boolean | Reference;
  /** Header that names the tenant, such as `x-scope-orgid`; believed only from `trusted_proxies`. Empty is none. @default '' */
  readonly header?: string;
  /** Addresses and networks (`10.0.0.0/8`) of proxies that set `header`. @default [] */
  readonly trusted_proxies?: ReadonlyArray<string> | Reference;
  /** What in a verified client certificate (`tls.client_ca_file` of the receiver) names the tenant: `common_name` of its subject, the first `dns_name` or the first `uri` among its alternative names. */
  readonly client_certificate?: 'common_name' | 'dns_name' | 'uri' | Reference | null;
  /** What each tenant may send, and all requests without one together. */
  readonly quota?: Quota | null;
  /** Quotas of single tenants, by name. @default {} */
  readonly overrides?: { readonly [name : string]: Override | null } | Reference;
}

/** The block `drain`. */
export interface Drain {
  /** Longest time for data to leave when stopping; 0 is without limit. @default '25s' */
  readonly timeout?: Duration;
  /** How long to go on taking data after the health page says no and before `timeout` begins, so that senders are led elsewhere meanwhile. @default '0s' */
  readonly pre_stop?: Duration;
}

/** The block `reload.history`. */
export interface History {
  /** Folder for the configurations that ran, as files in `config`; empty keeps none. @default '' */
  readonly directory?: string;
  /** Versions kept; older ones are removed. Unit: versions. Between 1 and 10000. @default 20 */
  readonly keep?: number | Reference;
}

/** The block `reload`. */
export interface Reload {
  /** When a new configuration cannot be had: `keep` goes on with the running one, `exit` drains it and ends with code 1, as the Collector does. @default 'keep' */
  readonly on_failure?: 'keep' | 'exit' | Reference;
  /** Whether to reload when a file of the configuration, or one that it refers to, has changed. @default false */
  readonly watch?: boolean | Reference;
  /** For how long after a reload the configuration before it is taken back when a component fails for good or, with `history.directory`, when the process dies; 0 is off, as is `on_failure: exit`. @default '1m0s' */
  readonly probation?: Duration;
  /** Versions of the configuration. */
  readonly history?: History | null;
}

/** Receives nothing; fills the place of a receiver in pipelines that are fed otherwise. */
export type NopReceiver = Readonly<Record<string, never>>;

/** Takes OTLP over gRPC and over HTTP (protobuf and JSON). Each protocol listens only if it is written. */
export interface OtlpReceiver {
  /** What to listen for; at least one. */
  readonly protocols?: Protocols | null;
  /** What OK tells a sender: `received` is in memory, `persisted` in the storage of every queue, `delivered` at the destinations. The weakest that the pipelines give unless written; a level that they cannot give keeps the collector from starting. A key of teleferric's own. */
  readonly ack?: 'received' | 'persisted' | 'delivered' | Reference | null;
  /** How long a request waits for room in a queue that has `block_on_overflow` before it is refused; over gRPC also no longer than until 100 ms before the client's deadline. 0 is as long as it takes. A key of teleferric's own. @default '5s' */
  readonly admission_timeout?: Duration;
  /** Let a request ask for its level by the header `x-teleferric-ack`. A key of teleferric's own. @default false */
  readonly ack_header?: boolean | Reference;
  /** How many exporters must have a request before its sender is told OK, with `ack: delivered`; all unless written. The others go on, and what they refuse then is counted as dropped. A key of teleferric's own. Unit: exporters. At least 1. */
  readonly ack_quorum?: number | Reference | null;
  /** Answering a request that comes again, by its header `x-teleferric-batch-id`, without taking it twice; off unless written. A key of teleferric's own. */
  readonly dedup?: Dedup | null;
}

/** Runs a JavaScript or TypeScript module in a worker thread, which receives telemetry and hands it over. See [plugins](plugins.md). */
export interface TsReceiver {
  /** The module: a path relative to the file that this is written in, or the name of a package; `.js`, `.mjs`, `.ts` and `.mts`. @default '' */
  readonly module?: string;
  /** What the module is given; it says what it takes. @default {} */
  readonly options?: { readonly [name : string]: ConfigValue } | Reference;
  /** Heap of one worker; one that needs more is ended. Unit: MiB. At least 16. @default 128 */
  readonly memory_limit_mib?: number | Reference;
  /** How long the event loop of the worker may stand still; one that does so longer is ended and started anew. At least 1ms. @default '5s' */
  readonly timeout?: Duration;
  /** What OK tells a sender: `received` is in memory, `persisted` in the storage of every queue, `delivered` at the destinations. The weakest that the pipelines give unless written; a level that they cannot give keeps the collector from starting. A key of teleferric's own. */
  readonly ack?: 'received' | 'persisted' | 'delivered' | Reference | null;
  /** How long a request waits for room in a queue that has `block_on_overflow` before it is refused; over gRPC also no longer than until 100 ms before the client's deadline. 0 is as long as it takes. A key of teleferric's own. @default '5s' */
  readonly admission_timeout?: Duration;
  /** How many exporters must have a request before its sender is told OK, with `ack: delivered`; all unless written. The others go on, and what they refuse then is counted as dropped. A key of teleferric's own. Unit: exporters. At least 1. */
  readonly ack_quorum?: number | Reference | null;
}

/** Sets, changes, hashes, converts or removes attributes of spans, log records and metric data points, of all of them or of those that match. */
export interface AttributesProcessor {
  /** What to do, in order; required. @default [] */
  readonly actions?: ReadonlyArray<Action | null> | Reference;
  /** What to act on; everything unless written. */
  readonly include?: Include | null;
  /** What to leave alone, of what `include` lets through. */
  readonly exclude?: Include | null;
}

/** Joins small requests into large ones. Senders are told "accepted" before the export, so its failures drop data; `sending_queue.batch` of an exporter does not have that flaw. */
export interface BatchProcessor {
  /** Longest time a batch waits to fill; 0 sends at once, subject to `send_batch_max_size` only. @default '200ms' */
  readonly timeout?: Duration;
  /** Size at which a batch is sent at once; 0 sends everything as it comes. Unit: items. Between 0 and 4294967295. @default 8192 */
  readonly send_batch_size?: number | Reference;
  /** Size above which a batch is split; 0 is never. Unit: items. Between 0 and 4294967295. @default 0 */
  readonly send_batch_max_size?: number | Reference;
  /** Request metadata that keeps batches apart; case does not matter. @default [] */
  readonly metadata_keys?: ReadonlyArray<string> | Reference;
  /** How many combinations of metadata values may be batched at once; further ones are refused. Unit: combinations. Between 0 and 4294967295. @default 1000 */
  readonly metadata_cardinality_limit?: number | Reference;
}

/** Leaves out resources, scopes, spans, span events, metrics, data points, log records and profiles for which one of its conditions holds, and whatever is empty without them. */
export interface FilterProcessor {
  /** What happens when a condition cannot be asked: it does not hold and a line is logged (`ignore`), or not (`silent`), or the request is refused (`propagate`). @default 'ignore' */
  readonly error_mode?: 'ignore' | 'silent' | 'propagate' | Reference;
  /** Conditions on spans, their events, scopes and resources: texts, or groups with `context`, `conditions` and `error_mode`. @default [] */
  readonly trace_conditions?: ReadonlyArray<ConfigValue> | Reference;
  /** Conditions on metrics, data points, scopes and resources: texts, or groups with `context`, `conditions` and `error_mode`. @default [] */
  readonly metric_conditions?: ReadonlyArray<ConfigValue> | Reference;
  /** Conditions on log records, scopes and resources: texts, or groups with `context`, `conditions` and `error_mode`. @default [] */
  readonly log_conditions?: ReadonlyArray<ConfigValue> | Reference;
  /** Conditions on profiles, scopes and resources: texts, or groups with `context`, `conditions` and `error_mode`. @default [] */
  readonly profile_conditions?: ReadonlyArray<ConfigValue> | Reference;
  /** Conditions for traces in their older form. */
  readonly traces?: FilterProcessorTraces | null;
  /** Conditions for metrics in their older form. */
  readonly metrics?: FilterProcessorMetrics | null;
  /** Conditions for logs in their older form. */
  readonly logs?: FilterProcessorLogs | null;
  /** Conditions for profiles in their older form. */
  readonly profiles?: Profiles | null;
  /** Not supported: write conditions. */
  readonly spans?: ConfigValue;
}

/** Refuses data with a retryable error while the data held takes more than the limit less the spike limit. All pipelines that name one id share one limiter. */
export interface MemoryLimiterProcessor {
  /** How often the Collector looks at its memory; required, though this collector counts bytes as they come. @default '0s' */
  readonly check_interval?: Duration;
  /** Pace of garbage collections. This key has no effect: this collector counts its bytes and collects no garbage. @default '10s' */
  readonly min_gc_interval_when_soft_limited?: Duration;
  /** Pace of garbage collections. This key has no effect: this collector counts its bytes and collects no garbage. @default '0s' */
  readonly min_gc_interval_when_hard_limited?: Duration;
  /** Pace of garbage collections. This key has no effect: this collector counts its bytes and collects no garbage. @default '30s' */
  readonly max_gc_interval_when_soft_limited?: Duration;
  /** Pace of garbage collections. This key has no effect: this collector counts its bytes and collects no garbage. @default '30s' */
  readonly max_gc_interval_when_hard_limited?: Duration;
  /** Memory the data may take. Unit: MiB. Between 0 and 4294967295. @default 0 */
  readonly limit_mib?: number | Reference;
  /** How far below the limit refusing starts; 0 is a fifth of the limit. Unit: MiB. Between 0 and 4294967295. @default 0 */
  readonly spike_limit_mib?: number | Reference;
  /** The same, of the total memory (the cgroup’s if there is one); used while `limit_mib` is 0. Unit: %. Between 0 and 4294967295. @default 0 */
  readonly limit_percentage?: number | Reference;
  /** The same, of the total memory; 0 is a fifth of the limit. Unit: %. Between 0 and 4294967295. @default 0 */
  readonly spike_limit_percentage?: number | Reference;
  /** Whether less important requests are refused before all are, by `service.priorities`; the memory that counts as all there is ends where this limiter starts refusing. @default false */
  readonly shed?: boolean | Reference;
}

/** Sets, changes, hashes, converts or removes attributes of resources, by the same actions as `attributes`. */
export interface ResourceProcessor {
  /** What to do, in order; required. @default [] */
  readonly attributes?: ReadonlyArray<Action | null> | Reference;
}

/** Gives each batch to a JavaScript or TypeScript module that runs in worker threads, and goes on with what it makes of it. See [plugins](plugins.md). */
export interface TsProcessor {
  /** The module: a path relative to the file that this is written in, or the name of a package; `.js`, `.mjs`, `.ts` and `.mts`. @default '' */
  readonly module?: string;
  /** What the module is given; it says what it takes. @default {} */
  readonly options?: { readonly [name : string]: ConfigValue } | Reference;
  /** Worker threads that run the module. Unit: threads. Between 1 and 256. @default 1 */
  readonly workers?: number | Reference;
  /** Heap of one worker; one that needs more is ended. Unit: MiB. At least 16. @default 128 */
  readonly memory_limit_mib?: number | Reference;
  /** Longest time for one batch; a worker that takes longer is ended and started anew. At least 1ms. @default '1s' */
  readonly timeout?: Duration;
  /** What becomes of a batch on which the module fails: its sender is refused and may send it again (`fail`), it goes on as it came (`pass`), or it is dropped and counted (`drop`). @default 'fail' */
  readonly on_error?: 'fail' | 'pass' | 'drop' | Reference;
}

/** Shows what passes on the terminal or in the log; for looking, not for keeping. */
export interface DebugExporter {
  /** `basic` is a line per batch, `normal` a line per item, `detailed` every field. @default 'basic' */
  readonly verbosity?: 'basic' | 'normal' | 'detailed' | Reference;
  /** Messages shown at first in each second. Unit: messages. At least 0. @default 2 */
  readonly sampling_initial?: number | Reference;
  /** After those, every n-th message is shown; 0 and 1 show all. Unit: messages. At least 0. @default 1 */
  readonly sampling_thereafter?: number | Reference;
  /** Write through the collector’s own log instead of `output_paths`. @default true */
  readonly use_internal_logger?: boolean | Reference;
  /** Files, `stdout` or `stderr` to write to; only while `use_internal_logger` is false, then `stdout` unless written. */
  readonly output_paths?: ReadonlyArray<string> | Reference | null;
  /** Queue between the pipeline and the exporter; off unless written. */
  readonly sending_queue?: SendingQueue | null;
}

/** Writes telemetry to a file, as OTLP/JSON lines or protobuf records, with rotation by size. */
export interface FileExporter {
  /** File to write; required. @default '' */
  readonly path?: string;
  /** `json` is one OTLP/JSON object per line, `proto` is protobuf, each request after its length. @default 'json' */
  readonly format?: string;
  /** Empty or `zstd`. @default '' */
  readonly compression?: string;
  /** Fine tuning of the compression. */
  readonly compression_params?: FileExporterCompressionParams | null;
  /** Id of an encoding extension. This key has no effect: this version has no encoding extensions. */
  readonly encoding?: ExtensionId | Reference | null;
  /** Go on with a file that exists instead of emptying it; not with rotation or compression. @default false */
  readonly append?: boolean | Reference;
  /** Begin new files by size; one file unless written. */
  readonly rotation?: Rotation | null;
  /** Longest time data stays in memory; 0 is 1s. @default '1s' */
  readonly flush_interval?: Duration;
  /** Write several files. */
  readonly group_by?: GroupBy | null;
  /** Create the directory of `path` if there is none. @default false */
  readonly create_directory?: boolean | Reference;
  /** Permissions of a created directory, octal and in quotes. @default '0755' */
  readonly directory_permissions?: string;
}

/** Sends what belongs together, such as the spans of a trace, to one of several backends, over gRPC. Only what a backend gets or had moves when backends come and go. */
export interface LoadBalancingExporter {
  /** What belongs together: `traceID` (traces, logs), `service` or `metric` (metrics); empty is `traceID`, and `service` for metrics. @default '' */
  readonly routing_key?: string;
  /** Where the backends come from; one of its blocks. */
  readonly resolver?: Resolver | null;
  /** How each backend is sent to. */
  readonly protocol?: Protocol | null;
  /** Longest time for one attempt at all backends of a request; 0 is without limit. @default '0s' */
  readonly timeout?: Duration;
  /** Trying again after failures that may pass; off unless written. */
  readonly retry_on_failure?: LoadBalancingExporterRetryOnFailure | null;
  /** Queue between the pipeline and the exporter; off unless written. */
  readonly sending_queue?: SendingQueue | null;
}

/** Accepts everything and drops it. */
export type NopExporter = Readonly<Record<string, never>>;

/** Sends OTLP over gRPC. TLS is on unless `tls: {insecure: true}`. */
export interface OtlpGrpcExporter {
  /** Where to send, `host:port`; `https://` forces TLS, `http://` changes nothing; `dns:///`, `passthrough:///` and `unix://` work. @default '' */
  readonly endpoint?: string;
  /** How messages are compressed: gzip, snappy, zstd; empty or `none` is not at all. @default 'gzip' */
  readonly compression?: 'gzip' | 'zlib' | 'deflate' | 'snappy' | 'x-snappy-framed' | 'zstd' | 'lz4' | 'none' | Reference;
  /** TLS towards the server; on unless `insecure: true`. */
  readonly tls?: OtlpTls | null;
  /** Pings on quiet connections; none unless written. */
  readonly keepalive?: OtlpKeepalive | null;
  /** Bytes read at once; 0 is the library’s choice. Unit: bytes. At least 0. @default 0 */
  readonly read_buffer_size?: number | Reference;
  /** Bytes gathered before a write; 0 is the library’s choice. Unit: bytes. At least 0. @default 524288 */
  readonly write_buffer_size?: number | Reference;
  /** Wait for a connection instead of failing at once when there is none. @default false */
  readonly wait_for_ready?: boolean | Reference;
  /** Metadata to put on every request. @default [] */
  readonly headers?: { readonly [name: string]: string } | ReadonlyArray<{ readonly name: string; readonly value: string }> | Reference;
  /** What the client calls itself; empty is the collector’s name, version and platform. @default '' */
  readonly user_agent?: string;
  /** How requests spread over the addresses of the host: `round_robin` or `pick_first`. @default 'round_robin' */
  readonly balancer_name?: string;
  /** The `:authority` to send instead of the host. @default '' */
  readonly authority?: string;
  /** Longest time to resolve the name and connect, over all its addresses; 0 is without limit. @default '3s' */
  readonly connect_timeout?: Duration;
  /** Longest time for the TLS handshake, and for each of a proxy’s tunnel and the HTTP/2 preface; 0 is without limit. @default '5s' */
  readonly tls_timeout?: Duration;
  /** Authentication. */
  readonly auth?: GrpcAuth | null;
  /** Extensions that see every request; the first is outermost. @default [] */
  readonly middlewares?: ReadonlyArray<Middleware | null> | Reference;
  /** Endpoints beside `endpoint` that stand in for it and for each other. @default [] */
  readonly endpoints?: ReadonlyArray<Endpoint | null> | Reference;
  /** How several endpoints are used. */
  readonly endpoint_policy?: EndpointPolicy | null;
  /** Connections to each endpoint. */
  readonly pool?: OtlpPool | null;
  /** `single` sends a gzip or zstd request that came in the same compression, and that nothing changed, with the bytes it came with; `off` compresses each here, as an explicit level does. A key of teleferric's own. @default 'single' */
  readonly compressed_passthrough?: 'off' | 'single' | Reference;
  /** Longest time for one attempt; 0 is without limit. @default '5s' */
  readonly timeout?: Duration;
  /** Trying again after failures that may pass. */
  readonly retry_on_failure?: OtlpRetryOnFailure | null;
  /** Holding requests back while the destination fails; `enabled: false` turns it off. */
  readonly circuit_breaker?: CircuitBreaker | null;
  /** Queue between the pipeline and the network; `enabled: false` turns it off. */
  readonly sending_queue?: SendingQueue | null;
}

/** Sends OTLP over HTTP, as protobuf or JSON, to `endpoint` + `/v1/<signal>`. */
export interface OtlpHttpExporter {
  /** URL to send to. @default '' */
  readonly endpoint?: string;
  /** Proxy to send through; empty follows the environment (`HTTPS_PROXY` and the like). @default '' */
  readonly proxy_url?: string;
  /** TLS towards the server. */
  readonly tls?: OtlpTls | null;
  /** Bytes read at once; 0 is the library’s choice. Unit: bytes. At least 0. @default 0 */
  readonly read_buffer_size?: number | Reference;
  /** Bytes gathered before a write; 0 is the library’s choice. Unit: bytes. At least 0. @default 524288 */
  readonly write_buffer_size?: number | Reference;
  /** Longest time for one attempt, whole; 0 is without limit. @default '30s' */
  readonly timeout?: Duration;
  /** Headers to put on every request, over the collector’s own; `Host` sets the host. @default [] */
  readonly headers?: { readonly [name: string]: string } | ReadonlyArray<{ readonly name: string; readonly value: string }> | Reference;
  /** Longest time to resolve the name and connect, over all its addresses; 0 is without limit. @default '3s' */
  readonly connect_timeout?: Duration;
  /** Longest time for the TLS handshake, and for each of a proxy’s tunnel and the HTTP/2 preface; 0 is without limit. @default '5s' */
  readonly tls_timeout?: Duration;
  /** Authentication. */
  readonly auth?: GrpcAuth | null;
  /** How bodies are compressed; empty or `none` is not at all. @default 'gzip' */
  readonly compression?: 'gzip' | 'zlib' | 'deflate' | 'snappy' | 'x-snappy-framed' | 'zstd' | 'lz4' | 'none' | Reference;
  /** Fine tuning of the compression. */
  readonly compression_params?: OtlpHttpExporterCompressionParams | null;
  /** Idle connections kept, over all hosts; 0 is without limit. Unit: connections. At least 0. @default 100 */
  readonly max_idle_conns?: number | Reference;
  /** Idle connections kept for one host; 0 is 2. Unit: connections. At least 0. @default 0 */
  readonly max_idle_conns_per_host?: number | Reference;
  /** Connections to one host; 0 is without limit. Unit: connections. At least 0. @default 0 */
  readonly max_conns_per_host?: number | Reference;
  /** How long an idle connection is kept; 0 is for ever. @default '1m30s' */
  readonly idle_conn_timeout?: Duration;
  /** Use each connection for one request only. @default false */
  readonly disable_keep_alives?: boolean | Reference;
  /** Silence on an HTTP/2 connection after which it is pinged; 0 is never. @default '0s' */
  readonly http2_read_idle_timeout?: Duration;
  /** Longest wait for the answer to a ping; 0 is 15s. @default '0s' */
  readonly http2_ping_timeout?: Duration;
  /** Speak HTTP/2 where TLS negotiates it. @default true */
  readonly force_attempt_http2?: boolean | Reference;
  /** Keep cookies. This key has no effect: OTLP servers set no cookies. */
  readonly cookies?: Cookies | null;
  /** Extensions that see every request; the first is outermost. @default [] */
  readonly middlewares?: ReadonlyArray<Middleware | null> | Reference;
  /** Endpoints beside `endpoint` that stand in for it and for each other. @default [] */
  readonly endpoints?: ReadonlyArray<Endpoint | null> | Reference;
  /** How several endpoints are used. */
  readonly endpoint_policy?: EndpointPolicy | null;
  /** Connections to each endpoint. */
  readonly pool?: OtlpHttpExporterPool | null;
  /** Full URL for traces, used as it is; empty is `endpoint` + `/v1/traces`. @default '' */
  readonly traces_endpoint?: string;
  /** Full URL for metrics, used as it is; empty is `endpoint` + `/v1/metrics`. @default '' */
  readonly metrics_endpoint?: string;
  /** Full URL for logs, used as it is; empty is `endpoint` + `/v1/logs`. @default '' */
  readonly logs_endpoint?: string;
  /** Full URL for profiles, used as it is; empty is `endpoint` + `/v1development/profiles`. @default '' */
  readonly profiles_endpoint?: string;
  /** How requests are written: `proto` or `json`. @default 'proto' */
  readonly encoding?: 'proto' | 'json' | Reference;
  /** `single` sends a gzip or zstd request that came in the same compression, and that nothing changed, with the bytes it came with; `off` compresses each here, as an explicit level does. A key of teleferric's own. @default 'single' */
  readonly compressed_passthrough?: 'off' | 'single' | Reference;
  /** Trying again after failures that may pass. */
  readonly retry_on_failure?: OtlpRetryOnFailure | null;
  /** Holding requests back while the destination fails; `enabled: false` turns it off. */
  readonly circuit_breaker?: CircuitBreaker | null;
  /** Queue between the pipeline and the network; `enabled: false` turns it off. */
  readonly sending_queue?: SendingQueue | null;
}

/** Gives each batch to a JavaScript or TypeScript module that runs in worker threads and sends it somewhere. See [plugins](plugins.md). */
export interface TsExporter {
  /** The module: a path relative to the file that this is written in, or the name of a package; `.js`, `.mjs`, `.ts` and `.mts`. @default '' */
  readonly module?: string;
  /** What the module is given; it says what it takes. @default {} */
  readonly options?: { readonly [name : string]: ConfigValue } | Reference;
  /** Worker threads that run the module. Unit: threads. Between 1 and 256. @default 1 */
  readonly workers?: number | Reference;
  /** Heap of one worker; one that needs more is ended. Unit: MiB. At least 16. @default 128 */
  readonly memory_limit_mib?: number | Reference;
  /** Longest time for one batch; the module is told when it is over, and a worker that does not hear of it is ended. At least 1ms. @default '5s' */
  readonly timeout?: Duration;
  /** Trying again after failures that may pass. */
  readonly retry_on_failure?: OtlpRetryOnFailure | null;
  /** Holding requests back while the destination fails; `enabled: false` turns it off. */
  readonly circuit_breaker?: CircuitBreaker | null;
  /** Queue between the pipeline and the network; `enabled: false` turns it off. */
  readonly sending_queue?: SendingQueue | null;
}

/** Hands each request to the best level of pipelines that takes it, and tries the better levels from time to time. */
export interface FailoverConnector {
  /** Pipelines of each level, the best level first; the pipelines of a level all get a request, and it fails if one of them does. @default [] */
  readonly priority_levels?: ReadonlyArray<ReadonlyArray<PipelineId | Reference> | Reference> | Reference;
  /** Time from one try of the better levels to the next. @default '10m0s' */
  readonly retry_interval?: Duration;
  /** Time between tries of two levels. This key has no effect: every better level is tried, as often as it takes. @default '0s' */
  readonly retry_gap?: Duration;
  /** How often a level is tried again. This key has no effect: every better level is tried, as often as it takes. @default 0 */
  readonly max_retries?: number | Reference;
}

/** Hands data from the pipelines it exports from to the pipelines it receives for, signal by signal. */
export type ForwardConnector = Readonly<Record<string, never>>;

/** A folder in which sending queues with `storage` keep their requests over restarts. */
export interface FileStorageExtension {
  /** Folder; the log is in `teleferric` below it. @default '/var/lib/otelcol/file_storage' */
  readonly directory?: string;
  /** Make the folder if it is not there. @default true */
  readonly create_directory?: boolean | Reference;
  /** Permissions of a folder that is made, octal. @default '0750' */
  readonly directory_permissions?: string;
  /** How long to wait for another process that uses the folder. @default '1s' */
  readonly timeout?: Duration;
  /** Most that the log takes on the disk. Unit: bytes. At least 131072. @default 1073741824 */
  readonly max_bytes?: number | Reference;
  /** Size of a file of the log, reserved as a whole; at most an eighth of `max_bytes`. Unit: bytes. At least 65536. @default 67108864 */
  readonly segment_bytes?: number | Reference;
  /** Share of the file system that is left to others. Unit: percent. Between 0 and 100. @default 5 */
  readonly reserve_free?: number | Reference;
  /** When an answer is given: `group` after the disk has the request, many with one sync; `never` before. @default 'group' */
  readonly sync?: 'group' | 'never' | Reference;
  /** What happens when the log is full and no `lag_policy` makes room: `refuse` new requests, or `drop_oldest` of all queues, counted as `queue_full`. @default 'refuse' */
  readonly on_full?: 'refuse' | 'drop_oldest' | Reference;
  /** What happens when the log is damaged at the start: `quarantine` goes on with the rest; `fail` reads all of the log, and does not start and changes nothing if something is missing. @default 'quarantine' */
  readonly on_corruption?: 'quarantine' | 'fail' | Reference;
  /** How much of the log is looked through in a second for damage, over and over with an hour for each time at least; 0 is none. Unit: bytes. At least 0. @default 1048576 */
  readonly scrub_bytes_per_second?: number | Reference;
  /** What requests are encrypted with on the disk; off unless written. A log that is encrypted opens with its key alone. */
  readonly encryption?: Encryption | null;
  /** The Collector’s word for `sync`: written, it is `group` or `never`. @default false */
  readonly fsync?: boolean | Reference;
  /** The Collector’s word for `max_bytes`; 0 leaves it at that. Unit: bytes. At least 0. @default 0 */
  readonly max_size?: number | Reference;
  /** Put a damaged database aside. This key has no effect: damage is put aside always. @default false */
  readonly recreate?: boolean | Reference;
  /** Making the database smaller. This key has no effect: there is no database that grows. */
  readonly compaction?: Compaction | null;
}

/** Answers 200 with a short JSON while pipelines run, 503 before and after. */
export interface HealthCheckExtension {
  /** Address to listen on, `host:port`. @default 'localhost:13133' */
  readonly endpoint?: string;
  /** How to listen: `tcp`, `tcp4`, `tcp6` or `unix` (then `endpoint` is a path). @default 'tcp' */
  readonly transport?: 'tcp' | 'tcp4' | 'tcp6' | 'unix' | 'udp' | 'udp4' | 'udp6' | 'ip' | 'ip4' | 'ip6' | 'unixgram' | 'unixpacket' | 'npipe' | Reference;
  /** Dialling, which servers never do. This key has no effect on a server. */
  readonly dialer?: Dialer | null;
  /** TLS; plaintext unless written. */
  readonly tls?: GrpcTls | null;
  /** Which web pages may send here; none unless written. */
  readonly cors?: Cors | null;
  /** Authentication. */
  readonly auth?: HttpAuth | null;
  /** Largest body, both as sent and decompressed; 0 or less takes the default. Unit: bytes. @default 20971520 */
  readonly max_request_body_size?: number | Reference;
  /** Keep request headers with the data, for batching by `metadata_keys` and the like. @default false */
  readonly include_metadata?: boolean | Reference;
  /** Headers to put on every response. @default [] */
  readonly response_headers?: { readonly [name: string]: string } | ReadonlyArray<{ readonly name: string; readonly value: string }> | Reference;
  /** Content-Encoding values that are understood; an empty list ignores the header. @default ["","gzip","zstd","zlib","snappy","deflate","lz4","x-snappy-framed"] */
  readonly compression_algorithms?: ReadonlyArray<string> | Reference;
  /** Longest time to read a whole request; 0 is without limit. @default '0s' */
  readonly read_timeout?: Duration;
  /** Longest time to read the headers; 0 is without limit. @default '1m0s' */
  readonly read_header_timeout?: Duration;
  /** Longest time from the headers to the end of the response; 0 is without limit. @default '30s' */
  readonly write_timeout?: Duration;
  /** Longest time a kept connection may idle; 0 is without limit. @default '1m0s' */
  readonly idle_timeout?: Duration;
  /** Keep connections open between requests. @default true */
  readonly keep_alives_enabled?: boolean | Reference;
  /** Extensions that see every request; the first is outermost. @default [] */
  readonly middlewares?: ReadonlyArray<Middleware | null> | Reference;
  /** Path of the page. @default '/' */
  readonly path?: string;
  /** Own bodies instead of the usual JSON. */
  readonly response_body?: ResponseBody | null;
  /** Old way to watch exporters. This key has no effect, as in the Collector. */
  readonly check_collector_pipeline?: CheckCollectorPipeline | null;
}

/** Pipelines, extensions and what the collector tells about itself. */
export interface Service {
  /** What the collector tells about itself. */
  readonly telemetry?: Telemetry | null;
  /** Extensions to run. @default [] */
  readonly extensions?: ReadonlyArray<ExtensionId | Reference> | Reference;
  /** Pipelines by id, `<signal>` or `<signal>/<name>`. @default {} */
  readonly pipelines?: { readonly [name in PipelineId]?: Pipeline | null } | Reference;
  /** Data-plane threads; 0 is the machine’s available parallelism. Unit: threads. Between 0 and 1024. @default 0 */
  readonly threads?: number | Reference;
  /** Bounds on what senders may send. */
  readonly limits?: Limits | null;
  /** Which requests matter more than others while the collector is overloaded, and in queues with `priority`; the first rule that fits decides. Else metrics, spans with an error and logs from `error` on are of class 1, logs below `info` of class 3, all others of class 2. @default [] */
  readonly priorities?: ReadonlyArray<Priority | null> | Reference;
  /** Who requests belong to, and what each tenant may send; nobody is told apart unless written. */
  readonly tenants?: Tenants | null;
  /** Stopping. */
  readonly drain?: Drain | null;
  /** Another configuration in the place of the running one; for the command, but for `probation`. */
  readonly reload?: Reload | null;
}

/** Where data comes from: settings by id, `TYPE` or `TYPE/NAME`. */
export interface Receivers {
  /** Receives nothing; fills the place of a receiver in pipelines that are fed otherwise. */
  readonly nop?: NopReceiver | null;
  /** Receives nothing; fills the place of a receiver in pipelines that are fed otherwise. */
  readonly [id: `nop/${string}`]: NopReceiver | null;
  /** Takes OTLP over gRPC and over HTTP (protobuf and JSON). Each protocol listens only if it is written. */
  readonly otlp?: OtlpReceiver | null;
  /** Takes OTLP over gRPC and over HTTP (protobuf and JSON). Each protocol listens only if it is written. */
  readonly [id: `otlp/${string}`]: OtlpReceiver | null;
  /** Runs a JavaScript or TypeScript module in a worker thread, which receives telemetry and hands it over. See [plugins](plugins.md). */
  readonly ts?: TsReceiver | null;
  /** Runs a JavaScript or TypeScript module in a worker thread, which receives telemetry and hands it over. See [plugins](plugins.md). */
  readonly [id: `ts/${string}`]: TsReceiver | null;
}

/** What is done to data on its way: settings by id, `TYPE` or `TYPE/NAME`. */
export interface Processors {
  /** Sets, changes, hashes, converts or removes attributes of spans, log records and metric data points, of all of them or of those that match. */
  readonly attributes?: AttributesProcessor | null;
  /** Sets, changes, hashes, converts or removes attributes of spans, log records and metric data points, of all of them or of those that match. */
  readonly [id: `attributes/${string}`]: AttributesProcessor | null;
  /** Joins small requests into large ones. Senders are told "accepted" before the export, so its failures drop data; `sending_queue.batch` of an exporter does not have that flaw. */
  readonly batch?: BatchProcessor | null;
  /** Joins small requests into large ones. Senders are told "accepted" before the export, so its failures drop data; `sending_queue.batch` of an exporter does not have that flaw. */
  readonly [id: `batch/${string}`]: BatchProcessor | null;
  /** Leaves out resources, scopes, spans, span events, metrics, data points, log records and profiles for which one of its conditions holds, and whatever is empty without them. */
  readonly filter?: FilterProcessor | null;
  /** Leaves out resources, scopes, spans, span events, metrics, data points, log records and profiles for which one of its conditions holds, and whatever is empty without them. */
  readonly [id: `filter/${string}`]: FilterProcessor | null;
  /** Refuses data with a retryable error while the data held takes more than the limit less the spike limit. All pipelines that name one id share one limiter. */
  readonly memory_limiter?: MemoryLimiterProcessor | null;
  /** Refuses data with a retryable error while the data held takes more than the limit less the spike limit. All pipelines that name one id share one limiter. */
  readonly [id: `memory_limiter/${string}`]: MemoryLimiterProcessor | null;
  /** Sets, changes, hashes, converts or removes attributes of resources, by the same actions as `attributes`. */
  readonly resource?: ResourceProcessor | null;
  /** Sets, changes, hashes, converts or removes attributes of resources, by the same actions as `attributes`. */
  readonly [id: `resource/${string}`]: ResourceProcessor | null;
  /** Gives each batch to a JavaScript or TypeScript module that runs in worker threads, and goes on with what it makes of it. See [plugins](plugins.md). */
  readonly ts?: TsProcessor | null;
  /** Gives each batch to a JavaScript or TypeScript module that runs in worker threads, and goes on with what it makes of it. See [plugins](plugins.md). */
  readonly [id: `ts/${string}`]: TsProcessor | null;
}

/** Where data goes: settings by id, `TYPE` or `TYPE/NAME`. */
export interface Exporters {
  /** Shows what passes on the terminal or in the log; for looking, not for keeping. */
  readonly debug?: DebugExporter | null;
  /** Shows what passes on the terminal or in the log; for looking, not for keeping. */
  readonly [id: `debug/${string}`]: DebugExporter | null;
  /** Writes telemetry to a file, as OTLP/JSON lines or protobuf records, with rotation by size. */
  readonly file?: FileExporter | null;
  /** Writes telemetry to a file, as OTLP/JSON lines or protobuf records, with rotation by size. */
  readonly [id: `file/${string}`]: FileExporter | null;
  /** Sends what belongs together, such as the spans of a trace, to one of several backends, over gRPC. Only what a backend gets or had moves when backends come and go. */
  readonly load_balancing?: LoadBalancingExporter | null;
  /** Sends what belongs together, such as the spans of a trace, to one of several backends, over gRPC. Only what a backend gets or had moves when backends come and go. */
  readonly [id: `load_balancing/${string}`]: LoadBalancingExporter | null;
  /** Sends what belongs together, such as the spans of a trace, to one of several backends, over gRPC. Only what a backend gets or had moves when backends come and go. @deprecated write `load_balancing` */
  readonly loadbalancing?: LoadBalancingExporter | null;
  /** Sends what belongs together, such as the spans of a trace, to one of several backends, over gRPC. Only what a backend gets or had moves when backends come and go. @deprecated write `load_balancing` */
  readonly [id: `loadbalancing/${string}`]: LoadBalancingExporter | null;
  /** Accepts everything and drops it. */
  readonly nop?: NopExporter | null;
  /** Accepts everything and drops it. */
  readonly [id: `nop/${string}`]: NopExporter | null;
  /** Sends OTLP over gRPC. TLS is on unless `tls: {insecure: true}`. */
  readonly otlp_grpc?: OtlpGrpcExporter | null;
  /** Sends OTLP over gRPC. TLS is on unless `tls: {insecure: true}`. */
  readonly [id: `otlp_grpc/${string}`]: OtlpGrpcExporter | null;
  /** Sends OTLP over gRPC. TLS is on unless `tls: {insecure: true}`. @deprecated write `otlp_grpc` */
  readonly otlp?: OtlpGrpcExporter | null;
  /** Sends OTLP over gRPC. TLS is on unless `tls: {insecure: true}`. @deprecated write `otlp_grpc` */
  readonly [id: `otlp/${string}`]: OtlpGrpcExporter | null;
  /** Sends OTLP over HTTP, as protobuf or JSON, to `endpoint` + `/v1/<signal>`. */
  readonly otlp_http?: OtlpHttpExporter | null;
  /** Sends OTLP over HTTP, as protobuf or JSON, to `endpoint` + `/v1/<signal>`. */
  readonly [id: `otlp_http/${string}`]: OtlpHttpExporter | null;
  /** Sends OTLP over HTTP, as protobuf or JSON, to `endpoint` + `/v1/<signal>`. @deprecated write `otlp_http` */
  readonly otlphttp?: OtlpHttpExporter | null;
  /** Sends OTLP over HTTP, as protobuf or JSON, to `endpoint` + `/v1/<signal>`. @deprecated write `otlp_http` */
  readonly [id: `otlphttp/${string}`]: OtlpHttpExporter | null;
  /** Gives each batch to a JavaScript or TypeScript module that runs in worker threads and sends it somewhere. See [plugins](plugins.md). */
  readonly ts?: TsExporter | null;
  /** Gives each batch to a JavaScript or TypeScript module that runs in worker threads and sends it somewhere. See [plugins](plugins.md). */
  readonly [id: `ts/${string}`]: TsExporter | null;
}

/** What joins pipelines: settings by id, `TYPE` or `TYPE/NAME`. */
export interface Connectors {
  /** Hands each request to the best level of pipelines that takes it, and tries the better levels from time to time. */
  readonly failover?: FailoverConnector | null;
  /** Hands each request to the best level of pipelines that takes it, and tries the better levels from time to time. */
  readonly [id: `failover/${string}`]: FailoverConnector | null;
  /** Hands data from the pipelines it exports from to the pipelines it receives for, signal by signal. */
  readonly forward?: ForwardConnector | null;
  /** Hands data from the pipelines it exports from to the pipelines it receives for, signal by signal. */
  readonly [id: `forward/${string}`]: ForwardConnector | null;
}

/** What runs beside the pipelines: settings by id, `TYPE` or `TYPE/NAME`. */
export interface Extensions {
  /** A folder in which sending queues with `storage` keep their requests over restarts. */
  readonly file_storage?: FileStorageExtension | null;
  /** A folder in which sending queues with `storage` keep their requests over restarts. */
  readonly [id: `file_storage/${string}`]: FileStorageExtension | null;
  /** Answers 200 with a short JSON while pipelines run, 503 before and after. */
  readonly health_check?: HealthCheckExtension | null;
  /** Answers 200 with a short JSON while pipelines run, 503 before and after. */
  readonly [id: `health_check/${string}`]: HealthCheckExtension | null;
}

/** A whole configuration, or a part of one that is merged with others. */
export interface Configuration {
  /** Where data comes from. */
  readonly receivers?: Receivers | null;
  /** What is done to data on its way. */
  readonly processors?: Processors | null;
  /** Where data goes. */
  readonly exporters?: Exporters | null;
  /** What joins pipelines. */
  readonly connectors?: Connectors | null;
  /** What runs beside the pipelines. */
  readonly extensions?: Extensions | null;
  /** Pipelines, extensions and what the collector tells about itself. */
  readonly service?: Service | null;
}
