// Every error text of validation and of the graph, as one line of what a user sees.
import { forwardConnector } from '../../../src/config/components/connector-forward.js';
import type { ComponentDefinition } from '../../../src/config/components/definition.js';
import { FeatureGates, formatIssue } from '../../../src/config/index.js';
import { defaultOfSpec } from '../../../src/config/schema/spec.js';
import { serviceSpec } from '../../../src/config/service/service.js';
import type { ServiceOptions } from '../../../src/config/service/service.js';
import { parseYaml } from '../../../src/config/tree/parse-yaml.js';
import { validateConfig } from '../../../src/config/validate-config.js';
import { action, exporter, expectLine, grpc, http, httpExporter, limiter, telemetry } from './error-lines.js';
import type { Row } from './error-lines.js';
import { failureOf, load, loadOver, problems } from './harness.js';

const attributes = (match: string): string =>
  `processors: {attributes: {include: {match_type: strict, ${match}}, actions: [{key: a, action: delete}]}}`;
it.each([
  [
    `${attributes('services: [a]')}\nservice: {pipelines: {logs: {receivers: [nop], processors: [attributes], exporters: [nop]}}}`,
    'failed to create "attributes" processor, in pipeline "logs": services, span_names, and span_kinds are not valid for log records',
  ],
  [
    `${attributes('log_bodies: [a]')}\nservice: {pipelines: {traces: {processors: [attributes]}}}`,
    'failed to create "attributes" processor, in pipeline "traces": log_bodies should not be specified for trace spans',
  ],
  [
    `${attributes('metric_names: [a]')}\nservice: {pipelines: {traces: {processors: [attributes]}}}`,
    'failed to create "attributes" processor, in pipeline "traces": at least one of "attributes", "libraries",  or "resources" field must be specified',
  ],
  [
    'processors: {attributes: {actions: [{key: a, action: delete}]}}\nservice: {pipelines: {profiles: {receivers: [nop], processors: [attributes], exporters: [nop]}}}',
    'failed to create "attributes" processor, in pipeline "profiles": telemetry type is not supported',
  ],
])('%s', async (text, line) => {
  const error = await failureOf(loadOver(text, { featureGates: ['service.profilesSupport'] }));
  expect(error.code).toBe('CONFIG_GRAPH');
  expectLine(error.message, line);
});

describe('rules', () => {
  it.each<Row>([
    ['exporters: ', 'no exporter configuration specified in config'],
    ['receivers: ', 'no receiver configuration specified in config'],
    ['service: ', 'service::pipelines: service must have at least one pipeline'],
    ['service: {pipelines: {traces: }}', 'service::pipelines::traces: must have at least one receiver'],
    ['service: {pipelines: {traces: {exporters: []}}}', 'service::pipelines::traces: must have at least one exporter'],
    [
      'processors: {batch: }\nservice: {pipelines: {traces: {processors: [batch, batch]}}}',
      'service::pipelines::traces: references processor "batch" multiple times',
    ],
    [
      'service: {pipelines: {traces: {receivers: [otlp]}}}',
      'service::pipelines::traces: references receiver "otlp" which is not configured',
    ],
    [
      'service: {pipelines: {traces: {processors: [batch]}}}',
      'service::pipelines::traces: references processor "batch" which is not configured',
    ],
    [
      'service: {pipelines: {traces: {exporters: [debug]}}}',
      'service::pipelines::traces: references exporter "debug" which is not configured',
    ],
    [
      'service: {extensions: [health_check]}',
      'service::extensions: references extension "health_check" which is not configured',
    ],
    [
      'service: {pipelines: {profiles: {receivers: [nop], exporters: [nop]}}}',
      'service::pipelines: pipeline "profiles": profiling signal support is at alpha level, gated under the "service.profilesSupport" feature gate',
    ],
    // blocks
    [
      'receivers: {otlp: {protocols: }}',
      'receivers::otlp: must specify at least one protocol when using the OTLP receiver',
    ],
    ['receivers: {otlp: }', 'receivers::otlp: must specify at least one protocol when using the OTLP receiver'],
    [
      'receivers: {otlp: {protocols: {grpc: }, dedup: {status: true}}}',
      'receivers::otlp: `dedup.status` is asked for over HTTP and needs `protocols.http`',
    ],
    [
      grpc('max_recv_msg_size_mib: -1'),
      'receivers::otlp::protocols::grpc: invalid max_recv_msg_size_mib value, must be between 1 and 8796093022207: -1',
    ],
    [grpc('read_buffer_size: -1'), 'receivers::otlp::protocols::grpc: invalid read_buffer_size value: -1'],
    [grpc('write_buffer_size: -2'), 'receivers::otlp::protocols::grpc: invalid write_buffer_size value: -2'],
    [
      grpc('max_concurrent_streams: -1'),
      "receivers::otlp::protocols::grpc: 'max_concurrent_streams' must be between 0 and 4294967295",
    ],
    [
      grpc('transport: udp'),
      'receivers::otlp::protocols::grpc: transport type "udp" cannot be listened on, use one of [tcp tcp4 tcp6 unix]',
    ],
    [
      http('compression_algorithms: [brotli]'),
      'receivers::otlp::protocols::http: unsupported compression type "brotli"',
    ],
    [http('idle_timeout: -1s'), "receivers::otlp::protocols::http: 'idle_timeout' must be at least 0s"],
    [
      http('tls: {}'),
      'receivers::otlp::protocols::http::tls: TLS configuration must include both certificate and key for server connections',
    ],
    [
      http('tls: {cert_file: a}'),
      'receivers::otlp::protocols::http::tls: TLS configuration must include both certificate and key (CertFile/CertPem and KeyFile/KeyPem)',
    ],
    [
      exporter('tls: {ca_file: a, ca_pem: b}'),
      'exporters::otlp_grpc::tls: provide either a CA file or the PEM-encoded string, but not both',
    ],
    [
      exporter('tls: {cert_file: a, cert_pem: b, key_file: c}'),
      'exporters::otlp_grpc::tls: provide either certificate file or PEM, but not both',
    ],
    [
      exporter('tls: {cert_file: a, key_pem: b, key_file: c}'),
      'exporters::otlp_grpc::tls: provide either key file or PEM, but not both',
    ],
    [
      exporter('tls: {key_file: a}'),
      'exporters::otlp_grpc::tls: TLS configuration must include both certificate and key (CertFile/CertPem and KeyFile/KeyPem)',
    ],
    [
      exporter('tls: {min_version: "1.4"}'),
      'exporters::otlp_grpc::tls: invalid TLS min_version: unsupported TLS version: "1.4"',
    ],
    [
      exporter('tls: {max_version: "x"}'),
      'exporters::otlp_grpc::tls: invalid TLS max_version: unsupported TLS version: "x"',
    ],
    [
      exporter('tls: {min_version: "1.3", max_version: "1.2"}'),
      'exporters::otlp_grpc::tls: invalid TLS configuration: min_version cannot be greater than max_version',
    ],
    [
      exporter('tls: {curve_preferences: [P1]}'),
      'exporters::otlp_grpc::tls: invalid curve type: P1. Expected values are [P256 P384 P521 X25519 X25519MLKEM768]',
    ],
    // exporters
    ['exporters: {otlp: }', 'exporters::otlp: requires a non-empty "endpoint"'],
    ['exporters: {otlp: {endpoint: "https://"}}', 'exporters::otlp: requires a non-empty "endpoint"'],
    ['exporters: {otlp: {endpoint: host}}', 'exporters::otlp: address host: missing port in address'],
    ['exporters: {otlp: {endpoint: "[::1]"}}', 'exporters::otlp: address [::1]: missing port in address'],
    ['exporters: {otlp: {endpoint: "a:b:c"}}', 'exporters::otlp: address a:b:c: too many colons in address'],
    ['exporters: {otlp: {endpoint: "host:http"}}', 'exporters::otlp: invalid port "http"'],
    ['exporters: {otlp: {endpoint: "dns:///host"}}', 'exporters::otlp: address host: missing port in address'],
    ['exporters: {otlp: {endpoint: "unix://"}}', 'exporters::otlp: unix socket path cannot be empty'],
    [exporter('balancer_name: x'), 'exporters::otlp_grpc: invalid balancer_name: x'],
    [exporter('compression: lz4'), 'exporters::otlp_grpc: unsupported compression type "lz4"'],
    [exporter('timeout: -1s'), "exporters::otlp_grpc: 'timeout' must be non-negative"],
    [
      exporter('retry_on_failure: {initial_interval: -1s}'),
      'exporters::otlp_grpc::retry_on_failure: initial_interval value must be greater than or equal to 0',
    ],
    [
      exporter('retry_on_failure: {max_interval: -1s}'),
      'exporters::otlp_grpc::retry_on_failure: max_interval value must be greater than or equal to 0',
    ],
    [
      exporter('retry_on_failure: {max_elapsed_time: -1s}'),
      'exporters::otlp_grpc::retry_on_failure: max_elapsed_time value must be greater than or equal to 0',
    ],
    [
      exporter('retry_on_failure: {multiplier: -1}'),
      'exporters::otlp_grpc::retry_on_failure: multiplier value must be greater than or equal to 0',
    ],
    [
      exporter('retry_on_failure: {randomization_factor: -1}'),
      'exporters::otlp_grpc::retry_on_failure: randomization_factor value must be greater than or equal to 0',
    ],
    [
      exporter('retry_on_failure: {randomization_factor: 2}'),
      'exporters::otlp_grpc::retry_on_failure: randomization_factor value must be less than or equal to 1',
    ],
    [
      exporter('retry_on_failure: {enabled: false, max_elapsed_time: 1s}'),
      "exporters::otlp_grpc::retry_on_failure: 'max_elapsed_time' must not be less than 'initial_interval'",
    ],
    [
      exporter('retry_on_failure: {max_elapsed_time: 6s}'),
      "exporters::otlp_grpc::retry_on_failure: 'max_elapsed_time' must not be less than 'max_interval'",
    ],
    [exporter('endpoints: [{priority: 1}]'), 'exporters::otlp_grpc::endpoints::0: requires a non-empty "url"'],
    [exporter('endpoints: [{url: "h:1"}, {url: h}]'), 'exporters::otlp_grpc: address h: missing port in address'],
    [
      exporter('endpoints: [{url: "h:1", weight: 0}]'),
      "exporters::otlp_grpc::endpoints::0: 'weight' must be between 1 and 1000",
    ],
    [
      exporter('endpoint_policy: {max_ejected: 2}'),
      "exporters::otlp_grpc::endpoint_policy: 'max_ejected' must be between 0 and 1",
    ],
    [exporter('pool: {connections: 0}'), "exporters::otlp_grpc::pool: 'connections' must be between 1 and 64"],
    [exporter('circuit_breaker: {window: 0s}'), "exporters::otlp_grpc::circuit_breaker: 'window' must be at least 1ms"],
    [
      exporter('circuit_breaker: {buckets: 0}'),
      "exporters::otlp_grpc::circuit_breaker: 'buckets' must be between 1 and 100",
    ],
    [
      exporter('circuit_breaker: {failure_rate: 1.5}'),
      "exporters::otlp_grpc::circuit_breaker: 'failure_rate' must be between 0 and 1",
    ],
    [
      exporter('circuit_breaker: {open: 1m, max_open: 30s}'),
      "exporters::otlp_grpc::circuit_breaker: 'max_open' must not be less than 'open'",
    ],
    [
      exporter('circuit_breaker: {mode: count, min_calls: 101}'),
      "exporters::otlp_grpc::circuit_breaker: 'min_calls' must not be more than the 100 attempts that 'mode: count' looks at",
    ],
    [
      exporter('circuit_breaker: {half_open: {permits: 0}}'),
      "exporters::otlp_grpc::circuit_breaker::half_open: 'permits' must be between 1 and 65535",
    ],
    [
      exporter('sending_queue: {num_consumers: 0}'),
      'exporters::otlp_grpc::sending_queue: `num_consumers` must be positive',
    ],
    [exporter('sending_queue: {queue_size: 0}'), 'exporters::otlp_grpc::sending_queue: `queue_size` must be positive'],
    [
      exporter('sending_queue: {max_age: 1h}'),
      'exporters::otlp_grpc::sending_queue: `max_age` is supported only with `storage`',
    ],
    [
      exporter('sending_queue: {storage: file_storage, order: newest_first}'),
      'exporters::otlp_grpc::sending_queue: `order: newest_first` is supported only without `storage`, which is read in the order it was written',
    ],
    [
      exporter('sending_queue: {storage: file_storage, priority: true}'),
      'exporters::otlp_grpc::sending_queue: `priority` is supported only without `storage`, which is read in the order it was written',
    ],
    [
      exporter('sending_queue: {sizer: items, batch: {}}'),
      'exporters::otlp_grpc::sending_queue: `min_size` must be less than or equal to `queue_size`',
    ],
    [
      exporter('sending_queue: {sizer: requests, batch: {}}'),
      'exporters::otlp_grpc::sending_queue::batch: `batch` supports only `items` or `bytes` sizer, found "requests"',
    ],
    [
      exporter('sending_queue: {batch: {flush_timeout: 0s}}'),
      'exporters::otlp_grpc::sending_queue::batch: `flush_timeout` must be positive, found 0',
    ],
    [
      exporter('sending_queue: {batch: {min_size: -1}}'),
      'exporters::otlp_grpc::sending_queue::batch: `min_size` must be non-negative, found -1',
    ],
    [
      exporter('sending_queue: {batch: {max_size: -1}}'),
      'exporters::otlp_grpc::sending_queue::batch: `max_size` must be non-negative, found -1',
    ],
    [
      exporter('sending_queue: {batch: {max_size: 5}}'),
      'exporters::otlp_grpc::sending_queue::batch: `max_size` (5) must be greater or equal to `min_size` (8192)',
    ],
    [
      exporter('sending_queue: {batch: {partition: {metadata_keys: [A, a]}}}'),
      'exporters::otlp_grpc::sending_queue::batch::partition: duplicate entry in metadata_keys: "a" (case-insensitive)',
    ],
    ['exporters: {otlp_http: }', 'exporters::otlp_http: at least one endpoint must be specified'],
    [
      'exporters: {otlp_http: {endpoint: "host:4318"}}',
      'exporters::otlp_http: endpoint must be a valid URL: unsupported protocol scheme "host"',
    ],
    [
      httpExporter('compression_params: {level: 10}'),
      'exporters::otlp_http: unsupported parameters {Level:10} for compression type "gzip"',
    ],
    [
      httpExporter('compression: snappy, compression_params: {level: 1}'),
      'exporters::otlp_http: unsupported parameters {Level:1} for compression type "snappy"',
    ],
    [
      'exporters: {debug: {output_paths: [stdout]}}',
      'exporters::debug: output_paths is not supported when use_internal_logger is true',
    ],
    [
      'exporters: {debug: {use_internal_logger: false, output_paths: []}}',
      'exporters::debug: output_paths must not be empty when use_internal_logger is false',
    ],
    ['exporters: {file: }', 'exporters::file: path must be non-empty'],
    ['exporters: {file: {path: a, format: xml}}', 'exporters::file: format type is not supported'],
    ['exporters: {file: {path: a, compression: gzip}}', 'exporters::file: compression is not supported'],
    [
      'exporters: {file: {path: a, append: true, compression: zstd}}',
      'exporters::file: append and compression enabled at the same time is not supported',
    ],
    [
      'exporters: {file: {path: a, append: true, rotation: }}',
      'exporters::file: append and rotation enabled at the same time is not supported',
    ],
    ['exporters: {file: {path: a, flush_interval: -1s}}', 'exporters::file: flush_interval must be larger than zero'],
    [
      'exporters: {file: {path: a, create_directory: true, directory_permissions: "999"}}',
      'exporters::file: directory_permissions value must be a valid octal representation',
    ],
    [
      'exporters: {file: {path: a, group_by: {enabled: true}}}',
      'exporters::file: path must contain exactly one * when group_by is enabled',
    ],
    [
      'exporters: {file: {path: "*a", group_by: {enabled: true}}}',
      'exporters::file: path must not start with * when group_by is enabled',
    ],
    [
      'exporters: {file: {path: "a*", group_by: {enabled: true, resource_attribute: ""}}}',
      'exporters::file: resource_attribute must not be empty when group_by is enabled',
    ],
    [
      'exporters: {file: {path: "a*", group_by: {enabled: true, max_open_files: 0}}}',
      'exporters::file: max_open_files must be larger than zero',
    ],
    // processors
    [
      'processors: {batch: {send_batch_max_size: 1}}',
      'processors::batch: send_batch_max_size must be greater or equal to send_batch_size',
    ],
    [
      'processors: {batch: {metadata_keys: "A,a"}}',
      'processors::batch: duplicate entry in metadata_keys: "a" (case-insensitive)',
    ],
    ['processors: {batch: {timeout: -1s}}', 'processors::batch: timeout must be greater or equal to 0'],
    [
      'processors: {batch: {send_batch_size: -1}}',
      "processors::batch: 'send_batch_size' must be between 0 and 4294967295",
    ],
    [
      'processors: {memory_limiter: {limit_mib: 1}}',
      "processors::memory_limiter: 'check_interval' must be greater than zero",
    ],
    [
      'processors: {memory_limiter: {check_interval: 1s}}',
      "processors::memory_limiter: 'limit_mib' or 'limit_percentage' must be greater than zero",
    ],
    [limiter('spike_limit_mib: 100'), "processors::memory_limiter: 'spike_limit_mib' must be smaller than 'limit_mib'"],
    [
      limiter('limit_percentage: 101'),
      "processors::memory_limiter: 'limit_percentage' and 'spike_limit_percentage' must be greater than zero and less than or equal to hundred",
    ],
    [
      limiter('limit_percentage: 50, spike_limit_percentage: 50'),
      "processors::memory_limiter: 'spike_limit_percentage' must be smaller than 'limit_percentage'",
    ],
    [
      limiter('min_gc_interval_when_hard_limited: 11s'),
      "processors::memory_limiter: 'min_gc_interval_when_soft_limited' should be larger than 'min_gc_interval_when_hard_limited'",
    ],
    [
      limiter('max_gc_interval_when_soft_limited: -1s'),
      "processors::memory_limiter: 'max_gc_interval_when_soft_limited' must be non-negative",
    ],
    [
      limiter('max_gc_interval_when_soft_limited: 1s'),
      "processors::memory_limiter: 'max_gc_interval_when_soft_limited' must be greater than or equal to 'min_gc_interval_when_soft_limited' (or 0 to disable)",
    ],
    [
      limiter('max_gc_interval_when_soft_limited: 20s'),
      "processors::memory_limiter: 'max_gc_interval_when_soft_limited' should be larger than or equal to 'max_gc_interval_when_hard_limited' (when both are set)",
    ],
    ['processors: {attributes: }', 'processors::attributes: missing required field "actions"'],
    ['processors: {resource: }', 'processors::resource: missing required field "attributes"'],
    [
      action('action: insert'),
      'processors::attributes: error creating AttrProc due to missing required field "key" at the 0-th actions',
    ],
    [
      action('key: a'),
      'processors::attributes: error creating AttrProc due to unsupported action "" at the 0-th actions',
    ],
    [
      action('action: delete'),
      'processors::attributes: error creating AttrProc due to missing required field (at least one of "key" and "pattern" have to be used) at the 0-th actions',
    ],
    [
      action('key: a, action: insert'),
      'processors::attributes: error creating AttrProc. Either field "value", "from_attribute" or "from_context" setting must be specified for 0-th action',
    ],
    [
      action('key: a, action: insert, value: 1, from_attribute: b'),
      'processors::attributes: error creating AttrProc due to multiple value sources being set at the 0-th actions',
    ],
    [
      action('key: a, action: insert, value: 1, pattern: b'),
      'processors::attributes: error creating AttrProc. Action "insert" does not use the "pattern" field. This must not be specified for 0-th action',
    ],
    [
      action('key: a, action: update, value: 1, converted_type: int'),
      'processors::attributes: error creating AttrProc. Action "update" does not use the "converted_type" field. This must not be specified for 0-th action',
    ],
    [
      action('key: a, action: upsert, value: [1]'),
      'processors::attributes: error creating AttrProc: value of the 0-th action must be a string, a number or a boolean',
    ],
    [
      action('key: a, action: upsert, value: 18446744073709551615'),
      'processors::attributes: error creating AttrProc: value of the 0-th action does not fit 64 bits',
    ],
    [
      action('key: a, action: upsert, value: .nan'),
      'processors::attributes: error creating AttrProc: value of the 0-th action must be a finite number',
    ],
    [
      action('key: a, action: hash, value: 1'),
      'processors::attributes: error creating AttrProc. Action "hash" does not use "value" or "from_attribute" field. These must not be specified for 0-th action',
    ],
    [
      action('action: delete, pattern: "("'),
      'processors::attributes: error creating AttrProc. Field "pattern" has invalid pattern: "(" to be set at the 0-th actions',
    ],
    [
      action('key: a, action: extract'),
      'processors::attributes: error creating AttrProc due to missing required field "pattern" for action "extract" at the 0-th action',
    ],
    [
      action('key: a, action: extract, pattern: abc'),
      'processors::attributes: error creating AttrProc. Field "pattern" contains no named matcher groups at the 0-th actions',
    ],
    [
      action('key: a, action: extract, pattern: "(?P<x>a)(b)"'),
      'processors::attributes: error creating AttrProc. Field "pattern" contains at least one unnamed matcher group at the 0-th actions',
    ],
    [
      action('key: a, action: extract, pattern: "(?P<x>a)", value: 1'),
      'processors::attributes: error creating AttrProc. Action "extract" does not use a value source field. These must not be specified for 0-th action',
    ],
    [
      action('key: a, action: convert'),
      'processors::attributes: error creating AttrProc due to missing required field "converted_type" for action "convert" at the 0-th action',
    ],
    [
      action('key: a, action: convert, converted_type: date'),
      'processors::attributes: error creating AttrProc due to invalid value "date" in field "converted_type" for action "convert" at the 0-th action',
    ],
    [
      action('key: a, action: convert, pattern: a'),
      'processors::attributes: error creating AttrProc. Action "convert" does not use value sources or "pattern" field. These must not be specified for 0-th action',
    ],
    [
      'processors: {attributes: {include: , actions: [{key: a, action: delete}]}}',
      "processors::attributes::include: error creating processor: unrecognized match_type: '', valid types are: [regexp strict]",
    ],
    [
      'processors: {attributes: {include: {match_type: strict, span_kinds: [X]}, actions: [{key: a, action: delete}]}}',
      'processors::attributes::include: span_kinds string must match one of the standard span kinds when match_type=strict: [SPAN_KIND_CLIENT SPAN_KIND_CONSUMER SPAN_KIND_INTERNAL SPAN_KIND_PRODUCER SPAN_KIND_SERVER]',
    ],
    [
      'processors: {attributes: {exclude: {match_type: regexp, services: ["["]}, actions: [{key: a, action: delete}]}}',
      'processors::attributes::exclude: error parsing regexp:',
    ],
    // extensions, connectors, telemetry, own keys
    ['extensions: {health_check: {endpoint: ""}}', 'extensions::health_check: bad config: endpoint must be specified'],
    ['extensions: {health_check: {path: x}}', 'extensions::health_check: bad config: path must start with /'],
    [
      'extensions: {health_check: {check_collector_pipeline: {exporter_failure_threshold: 0}}}',
      'extensions::health_check: bad config: exporter_failure_threshold expects a positive number',
    ],
    [
      'extensions: {health_check: {check_collector_pipeline: {interval: x}}}',
      'extensions::health_check: time: invalid duration "x"',
    ],
    [
      telemetry('metrics: {readers: []}'),
      'service::telemetry: collector telemetry metrics reader should exist when metric level is not none',
    ],
    [
      telemetry('metrics: {views: []}'),
      'service::telemetry: service::telemetry::metrics::views can only be set when service::telemetry::metrics::level is detailed',
    ],
    [telemetry('metrics: {readers: [{}]}'), 'service::telemetry::metrics::readers::0: no valid metric reader'],
    [
      telemetry('metrics: {readers: [{pull: , periodic: }]}'),
      'service::telemetry::metrics::readers::0: must not specify multiple metric reader type',
    ],
    [telemetry('metrics: {readers: [{pull: }]}'), 'service::telemetry::metrics::readers::0: no valid metric exporter'],
    [
      telemetry('metrics: {readers: [{pull: {exporter: {prometheus: {port: 1}}}}]}'),
      'service::telemetry::metrics::readers::0::pull::exporter::prometheus: host must be specified',
    ],
    [
      telemetry('metrics: {readers: [{pull: {exporter: {prometheus: {host: h}}}}]}'),
      'service::telemetry::metrics::readers::0::pull::exporter::prometheus: port must be specified',
    ],
    [
      telemetry('resource: {a: 1}'),
      'service::telemetry::resource: legacy resource attribute "a" must be string or null',
    ],
    [
      telemetry('resource: {a: x, attributes: [{name: b, value: c}]}'),
      'service::telemetry::resource: resource::attributes cannot be used together with legacy inline resource attributes',
    ],
    [
      telemetry('resource: {attributes_list: x}'),
      'service::telemetry::resource: resource::attributes_list is not currently supported, please use resource::attributes',
    ],
    ['service: {threads: -1}', "service: 'threads' must be between 0 and 1024"],
    ['service: {limits: {max_items: 0}}', "service::limits: 'max_items' must be at least 1"],
    ['service: {drain: {timeout: -1s}}', "service::drain: 'timeout' must be at least 0s"],
  ])('%s', async (text, line) => {
    const error = await failureOf(loadOver(text));
    expect(error.code).toBe('CONFIG_INVALID');
    if (line.endsWith(':')) expect(error.message).toContain(line);
    else expectLine(error.message, line);
  });

  it('tells an id that is a connector and something else', () => {
    // no type is both in this version, so the rule is asked directly
    const definition = forwardConnector as unknown as ComponentDefinition;
    const component = { id: 'x', writtenType: 'x', definition, config: {}, diagnostics: [] };
    const one = new Map([['x', component]]);
    const none = new Map<string, never>();
    const service = defaultOfSpec(serviceSpec) as ServiceOptions;
    const components = { receivers: one, processors: none, exporters: one, connectors: one, extensions: none };
    const root = parseYaml('connectors: {x: }', 'c.yaml');
    const issues = validateConfig(
      { components, service, pipelines: [] },
      FeatureGates.parse(['service.AllowNoPipelines']),
      root,
    );
    expect(issues.map(formatIssue)).toEqual([
      'connectors::x: ambiguous ID: Found both "x" exporter and "x" connector. Change one of the components\' IDs to eliminate ambiguity (e.g. rename "x" connector to "x/connector") (c.yaml:1:14)',
      'connectors::x: ambiguous ID: Found both "x" receiver and "x" connector. Change one of the components\' IDs to eliminate ambiguity (e.g. rename "x" connector to "x/connector") (c.yaml:1:14)',
    ]);
  });

  it('lifts what service.AllowNoPipelines lifts', async () => {
    const text = 'extensions: {health_check: }\nservice: {extensions: [health_check]}';
    await expect(problems(load(text))).resolves.toContain('no receiver configuration specified in config');
    const loaded = await load(text, { featureGates: ['service.AllowNoPipelines'] });
    expect(loaded.native.service.pipelines).toEqual([]);
  });
});

describe('graph', () => {
  it('a storage that is missing fails at start', async () => {
    const text = `${exporter('sending_queue: {storage: file_storage}')}\nservice: {pipelines: {traces: {exporters: [otlp_grpc]}}}`;
    await expect(problems(loadOver(text))).resolves.toContain(
      'failed to start "otlp_grpc" exporter: no storage client extension found',
    );
  });

  it('a storage must be one', async () => {
    const text = `${exporter('sending_queue: {storage: health_check}')}
extensions: {health_check: }
service: {extensions: [health_check], pipelines: {traces: {exporters: [otlp_grpc]}}}`;
    await expect(problems(loadOver(text))).resolves.toContain(
      'failed to start "otlp_grpc" exporter: requested extension is not a storage extension',
    );
  });
});
