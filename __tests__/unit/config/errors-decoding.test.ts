// Every error text of decoding, as one line of what a user sees.
import { exporter, expectLine, action, grpc, http, httpExporter, telemetry } from './error-lines.js';
import type { Row } from './error-lines.js';
import { failureOf, loadOver } from './harness.js';

describe('decoding', () => {
  it.each<Row>([
    ['foo: 1', "'' has invalid keys: foo"],
    ['recievers: ', "'' has invalid keys: recievers"],
    ['receivers: 3', "'receivers' expected a map, got 'int'"],
    ['receivers: {"otlp/": }', `'receivers' in "otlp/" id: the part after / should not be empty`],
    ['receivers: {"/x": }', `'receivers' in "/x" id: the part before / should not be empty`],
    ['receivers: {"": }', "'receivers' id must not be empty"],
    ['receivers: {"x-y": }', `'receivers' in "x-y" id: invalid character(s) in type "x-y"`],
    ['receivers: {"nop/a b": }', `'receivers' in "a b" id: invalid character(s) in name "a b"`],
    ['receivers: {"nop/a+b": }', `'receivers' in "a+b" id: invalid character(s) in name "a+b"`],
    ['receivers: {nop/x: , "nop / x": }', `'receivers' duplicate name "nop / x" after unmarshaling nop/x`],
    ['receivers: {zipkin: }', `'receivers' unknown type: "zipkin" for id: "zipkin" (valid values: [nop otlp ts])`],
    ['receivers: {debug: }', `'receivers' unknown type: "debug" for id: "debug" (valid values: [nop otlp ts])`],
    ['exporters: {logging: }', "'exporters' the logging exporter has been deprecated, use the debug exporter instead"],
    ['receivers: {nop: {a: 1}}', "'' has invalid keys: a"],
    ['receivers: {nop: 3}', `'' expected a map or struct, got "int"`],
    [
      grpc('max_concurrent_streams: "3"'),
      `'protocols.grpc.max_concurrent_streams' expected type 'int', got unconvertible type 'string'`,
    ],
    [grpc('max_concurrent_streams: 99999999999999999999'), `'protocols.grpc.max_concurrent_streams' is out of range`],
    [grpc('max_concurrent_streams: 9223372036854775807'), `'protocols.grpc.max_concurrent_streams' is out of range`],
    [
      grpc('include_metadata: "true"'),
      `'protocols.grpc.include_metadata' expected type 'bool', got unconvertible type 'string'`,
    ],
    [grpc('endpoint: 4317'), `'protocols.grpc.endpoint' expected type 'string', got unconvertible type 'int'`],
    [
      grpc('endpoint: [a]'),
      `'protocols.grpc.endpoint' expected type 'string', got unconvertible type '[]interface {}'`,
    ],
    [grpc('transport: tpc'), `'protocols.grpc.transport' unsupported transport type "tpc"`],
    [
      grpc('enabled: 1'),
      `'protocols.grpc' unexpected type int for 'enabled': got '1' value expected 'true' or 'false'`,
    ],
    ['receivers: {otlp: {protocols: {grpc: x}}}', `'protocols.grpc' expected a map or struct, got "string"`],
    [
      grpc('keepalive: {server_parameters: {time: 1x}}'),
      `'protocols.grpc.keepalive.server_parameters.time' time: unknown unit`,
    ],
    [
      grpc('auth: {authenticator: "a/"}'),
      `'protocols.grpc.auth.authenticator' in "a/" id: the part after / should not be empty`,
    ],
    [http('cors: {max_age: 1s}'), `'protocols.http.cors.max_age' expected type 'int', got unconvertible type 'string'`],
    [
      http('compression_algorithms: 3'),
      `'protocols.http.compression_algorithms' source data must be an array or slice, got int`,
    ],
    [
      http('compression_algorithms: [3]'),
      `'protocols.http.compression_algorithms[0]' expected type 'string', got unconvertible type 'int'`,
    ],
    [http('profiles_url_path: /x'), "'protocols.http' has invalid keys: profiles_url_path"],
    [
      http('response_headers: {a: 1}'),
      `'protocols.http.response_headers[a]' expected type 'configopaque.String', got unconvertible type 'int'`,
    ],
    [http('response_headers: x'), `'protocols.http.response_headers' expected a map or struct, got "string"`],
    [
      exporter('headers: [{name: a, value: b}, {name: a, value: c}]'),
      "'headers' duplicate keys in map-style list: [a]",
    ],
    [exporter('headers: [{name: a, valeu: b}]'), "'headers[0]' has invalid keys: valeu"],
    [exporter('headers: [x]'), `'headers[0]' expected a map or struct, got "string"`],
    [exporter('compression: gzpi'), `'compression' unsupported compression type "gzpi"`],
    [exporter('timeout: abc'), "'timeout' time: invalid duration"],
    [exporter('timeout: "5"'), "'timeout' time: missing unit in duration"],
    [exporter('timeout: [5s]'), "'timeout' expected type 'time.Duration', got unconvertible type '[]interface {}'"],
    [exporter('timeout: true'), "'timeout' expected type 'time.Duration', got unconvertible type 'bool'"],
    [
      exporter('retry_on_failure: {multiplier: x}'),
      `'retry_on_failure.multiplier' expected type 'float64', got unconvertible type 'string'`,
    ],
    [exporter('sending_queue: {sizer: request}'), `'sending_queue.sizer' invalid sizer: "request"`],
    [exporter('tls: {enabled: true}'), "'tls' has invalid keys: enabled"],
    [exporter('tls: {min_version: 1.2}'), `'tls.min_version' expected type 'string', got unconvertible type 'float64'`],
    [httpExporter('encoding: xml'), "'encoding' invalid encoding type: xml"],
    ...[exporter, httpExporter].map((of): Row => [
      of('compressed_passthrough: multi'),
      `'compressed_passthrough' invalid compressed_passthrough: multi (it is "off" or "single")`,
    ]),
    ['exporters: {debug: {verbosity: loud}}', `'verbosity' unknown metrics level "loud"`],
    ['exporters: {debug: {verbosity: none}}', `'verbosity' verbosity level "None" is not supported`],
    [
      action('key: a, action: destroy'),
      `'actions[0].action' error creating AttrProc due to unsupported action "destroy"`,
    ],
    ['service: {foo: 1}', "'service' has invalid keys: foo"],
    [
      'service: {extensions: [1]}',
      "'service.extensions[0]' expected type 'component.ID', got unconvertible type 'int'",
    ],
    ['service: {pipelines: {spans: }}', `'service.pipelines' in "spans" id: unknown pipeline signal: "spans"`],
    [
      'service: {pipelines: {"traces/": }}',
      `'service.pipelines' in "traces/" id: the part after / should not be empty`,
    ],
    [
      'service: {pipelines: {traces/1: {receivers: [nop], exporters: [nop]}, "traces/ 1": }}',
      `'service.pipelines' duplicate name "traces/ 1" after unmarshaling traces/1`,
    ],
    [
      'service: {pipelines: {traces: {receivers: ["a/"]}}}',
      `'service.pipelines[traces].receivers[0]' in "a/" id: the part after / should not be empty`,
    ],
    [telemetry('metrics: {address: "h:1"}'), "'service.telemetry.metrics' has invalid keys: address"],
    [telemetry('metrics: {level: loud}'), `'service.telemetry.metrics.level' unknown metrics level "loud"`],
    [telemetry('logs: {level: loud}'), `'service.telemetry.logs.level' unrecognized level: "loud"`],
    [telemetry('logs: {encoding: xml}'), `'service.telemetry.logs.encoding' no encoder registered for name "xml"`],
    [
      telemetry('metrics: {readers: [{pull: {exporter: {prometheus: {hots: x}}}}]}'),
      "'service.telemetry.metrics.readers[0].pull.exporter.prometheus' has invalid keys: hots",
    ],
    ['service: {limits: {memory: 1}}', "'service.limits' has invalid keys: memory"],
    ['service: {threads: 1x}', `'service.threads' expected type 'int', got unconvertible type 'string'`],
  ])('%s', async (text, line) => {
    const error = await failureOf(loadOver(text));
    expect(error.code).toBe('CONFIG_UNDECODABLE');
    expectLine(error.message, line);
  });
});
