// What is measured: a table of cells. Each family starts from a base cell and varies one dimension at a time; this is
// a chosen list, not the full product. Nothing here runs anything.
//
// A cell says what the sender does (`signal`, `items` a request, `connections` x `streams`, `transport`, `encoding`,
// `compressionIn`), what the collector does (`step`, `batch`), and how it sends on (`compressionOut`, over the same
// transport). `kind` selects the procedure: throughput, rate, latency, overload or soak.

/** Records in a request, and the load that is usual for that size. */
const shapes = {
  s1: { items: 1, connections: 8, streams: 32 },
  s2: { items: 50, connections: 8, streams: 8 },
  s3: { items: 1000, connections: 4, streams: 4 },
};

/** Attributes that the load tool puts on every record; half of them, by chance, have the value of `half`. */
export const attributes = {
  present: 'http.route',
  half: { key: 'http.request.method', value: 'GET' },
};

export const steps = {
  insert: { action: 'insert', key: 'deployment.environment.name', value: 'production' },
  rename: { action: 'rename', key: attributes.present, to: 'renamed.route' },
  delete: { action: 'delete', key: attributes.present },
  filter: { action: 'filter', ...attributes.half },
};

/** The limits of every batching cell, for all contenders. */
export const batchLimits = { items: 8192, timeoutMs: 200 };

const base = {
  kind: 'throughput',
  signal: 'traces',
  ...shapes.s3,
  transport: 'grpc',
  encoding: 'proto',
  compressionIn: 'none',
  compressionOut: 'none',
  /** Whether a collector that can may forward the sender's compressed bytes as they are. */
  kept: false,
  step: null,
  batch: false,
};

const http = { transport: 'http' };
const logs = { signal: 'logs' };
const metrics = { signal: 'metrics' };
const both = (codec) => ({ compressionIn: codec, compressionOut: codec });
/** HTTP/1.1 carries one request at a time on a connection. */
const httpConnections = (connections) => ({ ...http, connections, streams: 1 });

function cell(id, tag, title, ...changes) {
  return Object.assign({ id, tag, title }, base, ...changes);
}

export const cells = [
  cell('s3-traces-grpc', 'headline', '1,000 spans a request, gRPC'),
  cell('s3-logs-grpc', 'headline', '1,000 logs a request, gRPC', logs),
  cell('s3-metrics-grpc', 'headline', '1,000 data points a request, gRPC', metrics),
  cell('s3-traces-http', 'headline', '1,000 spans a request, HTTP/1.1', httpConnections(16)),
  cell('s2-traces-grpc', 'headline', '50 spans a request, gRPC', shapes.s2),
  cell('s1-traces-8x32', 'headline', '1 span a request, 8 connections x 32 streams', shapes.s1),
  cell('s1-traces-1000x1', 'headline', '1 span a request, 1,000 connections x 1 stream', shapes.s1, {
    connections: 1000,
    streams: 1,
  }),

  cell('s3-logs-http', 'signal', '1,000 logs a request, HTTP/1.1', logs, httpConnections(16)),
  cell('s3-metrics-http', 'signal', '1,000 data points a request, HTTP/1.1', metrics, httpConnections(16)),
  cell('s1-traces-100x1', 'signal', '1 span a request, 100 connections x 1 stream', shapes.s1, {
    connections: 100,
    streams: 1,
  }),
  cell('s1-logs-8x32', 'signal', '1 log a request, 8 connections x 32 streams', shapes.s1, logs),
  cell('s1-traces-http', 'signal', '1 span a request, HTTP/1.1, 100 connections', shapes.s1, httpConnections(100)),
  cell('s2-traces-json', 'signal', '50 spans a request, JSON in, protobuf out', shapes.s2, httpConnections(64), {
    encoding: 'json',
  }),

  cell('batch-s1-traces', 'step', 'batch of 8,192 from 1 span a request', shapes.s1, { batch: true }),
  cell('batch-s3-traces', 'step', 'batch of 8,192 from 1,000 spans a request', { batch: true }),
  cell('insert-logs', 'step', 'insert an attribute, logs', logs, { step: steps.insert }),
  cell('insert-traces', 'step', 'insert an attribute, traces', { step: steps.insert }),
  cell('rename-logs', 'step', 'rename an attribute, logs', logs, { step: steps.rename }),
  cell('delete-logs', 'step', 'delete an attribute, logs', logs, { step: steps.delete }),
  cell('filter-logs', 'step', 'drop half by attribute, logs', logs, { step: steps.filter }),

  cell('gzip-logs-grpc', 'codec', 'gzip in and out, logs, gRPC', logs, both('gzip')),
  cell('gzip-out-s1-traces', 'codec', 'plain in, gzip out, 1 span a request, 8 x 32, gRPC', shapes.s1, {
    compressionOut: 'gzip',
  }),
  cell('gzip-traces-grpc', 'codec', 'gzip in and out, traces, gRPC', both('gzip')),
  cell('gzip-logs-http', 'codec', 'gzip in and out, logs, HTTP/1.1', logs, httpConnections(16), both('gzip')),
  cell('gzip-out-logs-http', 'codec', 'plain in, gzip out, logs, HTTP/1.1', logs, httpConnections(16), {
    compressionOut: 'gzip',
  }),
  cell('gzip-kept-logs-grpc', 'codec', 'gzip in and out, kept where possible, logs, gRPC', logs, both('gzip'), {
    kept: true,
  }),
  cell(
    'gzip-kept-logs-http',
    'codec',
    'gzip in and out, kept where possible, logs, HTTP/1.1',
    logs,
    httpConnections(16),
    both('gzip'),
    { kept: true },
  ),
  cell('zstd-kept-logs-grpc', 'codec', 'zstd in and out, kept where possible, logs, gRPC', logs, both('zstd'), {
    kept: true,
  }),
  cell('zstd-logs-grpc', 'codec', 'zstd in and out, logs, gRPC', logs, both('zstd')),
  cell('zstd-traces-http', 'codec', 'zstd in and out, traces, HTTP/1.1', httpConnections(16), both('zstd')),

  ...[1, 100, 1000, 10000].map((connections) =>
    cell(
      `connections-${connections}`,
      'connections',
      `connections: ${connections.toLocaleString('en')}, 200 requests/s in all`,
      {
        ...shapes.s1,
        kind: 'rate',
        connections,
        streams: 1,
        requestsPerSecond: 200,
      },
    ),
  ),
  cell('memory-400k-logs', 'connections', '400,000 logs/s, gRPC', logs, { kind: 'rate', requestsPerSecond: 400 }),

  cell('overload-down-grpc', 'overload', 'twice the capacity, sink down, gRPC', shapes.s2, {
    kind: 'overload',
    sink: 'down',
    batch: true,
  }),
  cell('overload-down-http', 'overload', 'twice the capacity, sink down, HTTP/1.1', shapes.s2, httpConnections(64), {
    kind: 'overload',
    sink: 'down',
    batch: true,
  }),
  cell('overload-up-grpc', 'overload', 'twice the capacity, sink up, gRPC', shapes.s1, {
    kind: 'overload',
    sink: 'up',
  }),

  cell('soak-traces-grpc', 'soak', '70 % of its own capacity', shapes.s2, { kind: 'soak', capacityShare: 0.7 }),

  cell('latency-otelcol-s1', 'latency', 'against otelcol, 1 span a request', shapes.s1, {
    kind: 'latency',
    against: 'otelcol',
  }),
  cell('latency-otelcol-s2', 'latency', 'against otelcol, 50 spans a request', shapes.s2, {
    kind: 'latency',
    against: 'otelcol',
  }),
  cell(
    'latency-otelcol-http',
    'latency',
    'against otelcol, 1 span a request, HTTP/1.1',
    shapes.s1,
    httpConnections(100),
    {
      kind: 'latency',
      against: 'otelcol',
    },
  ),
  cell('latency-rotel-s2', 'latency', 'against Rotel, 50 spans a request, gzip out', shapes.s2, {
    kind: 'latency',
    against: 'rotel',
    compressionOut: 'gzip',
  }),
];

export const tags = [...new Set(cells.map(({ tag }) => tag))];

/** The cells that the flags `--only` (regular expression on ids) and `--tags` (comma-separated) leave. */
export function selectCells({ only, tags: wanted } = {}) {
  const names = wanted?.split(',');
  const unknown = names?.filter((name) => !tags.includes(name)) ?? [];
  if (unknown.length > 0) throw new Error(`unknown tags: ${unknown.join(', ')} (there are ${tags.join(', ')})`);
  const pattern = only === undefined ? null : new RegExp(only);
  return cells.filter(({ id, tag }) => (pattern?.test(id) ?? true) && (names?.includes(tag) ?? true));
}
