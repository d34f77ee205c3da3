// df_engine of otel-arrow is not to be had as a package or a binary. What is published is its throughput and the
// Collector's under one harness (otel-arrow, branch `benchmarks`, comparison suites of May and June 2026; one pinned
// core of a Xeon 8581C at 2.3 GHz, 1,000 records a request). The ratio of the two, times the Collector measured here, is
// an indirect figure for df_engine here: the hardware differs, and it is marked wherever it stands.

/** df_engine / otelcol in items per CPU-second, lowest and highest published, by cell. */
export const dfEngineToOtelcol = {
  's3-logs-grpc': [3.5, 3.7],
  's3-metrics-grpc': [6.2, 6.2],
  's3-traces-grpc': [4.5, 4.5],
  'gzip-logs-grpc': [2.1, 2.1],
  'gzip-kept-logs-grpc': [2.1, 2.1],
  'gzip-traces-grpc': [1.9, 1.9],
  'gzip-out-logs-http': [2.4, 2.4],
  'zstd-logs-grpc': [2.8, 2.8],
  'zstd-kept-logs-grpc': [2.8, 2.8],
  'insert-logs': [0.94, 0.94],
  'rename-logs': [1.36, 1.36],
};

/** A row for df_engine from a summarized cell, or null where nothing is published or the Collector was not measured. */
export function indirectRow({ cell, rows }) {
  const range = dfEngineToOtelcol[cell.id];
  const otelcol = rows.find(({ id }) => id === 'otelcol');
  if (range === undefined || otelcol?.ratio === undefined) return null;
  const middle = (range[0] + range[1]) / 2;
  const { median, low, high, n } = otelcol.ratio;
  return {
    id: 'df_engine',
    status: 'indirect',
    published: range,
    items_per_cpu_s: otelcol.items_per_cpu_s * middle,
    requests_per_cpu_s: otelcol.requests_per_cpu_s * middle,
    ratio: { median: median / middle, low: low / range[1], high: high / range[0], n },
  };
}
