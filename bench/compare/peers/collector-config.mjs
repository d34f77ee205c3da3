// The configuration of a cell in the OpenTelemetry Collector's language. teleferric and the Collector are given the
// same document, apart from addresses and the one key that only teleferric has. JSON is YAML, so it is written as JSON.
import { batchLimits } from '../scenarios.mjs';

/** Level of gzip and zstd wherever a configuration has a key for it. */
export const compressionLevel = 1;

/**
 * What `memory_limiter` is set to in the overload cells: large enough that the process itself, some 75 MiB with Node, is
 * within the tenth that RSS may lie above it.
 */
export const memoryLimitMib = 1024;

const filterKeys = {
  traces: ['traces', 'span'],
  metrics: ['metrics', 'datapoint'],
  logs: ['logs', 'log_record'],
};

export function collectorConfig(cell, { listen, next }) {
  const processors = processorsOf(cell);
  const exporter = exporterOf(cell, next);
  return {
    receivers: { otlp: { protocols: { [cell.transport]: { endpoint: listen } } } },
    processors,
    exporters: exporter,
    service: {
      telemetry: { logs: { level: 'error' }, metrics: { level: 'none' } },
      pipelines: {
        [cell.signal]: { receivers: ['otlp'], processors: Object.keys(processors), exporters: Object.keys(exporter) },
      },
    },
  };
}

function processorsOf(cell) {
  const processors = {};
  if (cell.kind === 'overload') {
    const limits = { limit_mib: memoryLimitMib, spike_limit_mib: Math.round(memoryLimitMib / 5) };
    processors.memory_limiter = { check_interval: '1s', ...limits };
  }
  if (cell.step !== null) Object.assign(processors, stepProcessor(cell));
  if (cell.batch) {
    processors.batch = { send_batch_size: batchLimits.items, timeout: `${batchLimits.timeoutMs}ms` };
  }
  return processors;
}

function stepProcessor({ signal, step }) {
  const { action, key, value, to } = step;
  switch (action) {
    case 'insert':
      return { attributes: { actions: [{ key, value, action: 'insert' }] } };
    case 'rename': {
      const copy = { key: to, from_attribute: key, action: 'insert' };
      return { attributes: { actions: [copy, { key, action: 'delete' }] } };
    }
    case 'delete':
      return { attributes: { actions: [{ key, action: 'delete' }] } };
    case 'filter': {
      const [block, list] = filterKeys[signal];
      return { filter: { error_mode: 'propagate', [block]: { [list]: [`attributes["${key}"] == "${value}"`] } } };
    }
    default:
      throw new Error(`unknown action: ${action}`);
  }
}

/** Without queue and retries the sender's answer is the next hop's, unless a sink that is down calls for both. */
function exporterOf(cell, next) {
  const outage = cell.kind === 'overload' && cell.sink === 'down';
  const delivery = {
    sending_queue: outage ? { enabled: true, queue_size: 1_000_000 } : { enabled: false },
    retry_on_failure: outage
      ? { enabled: true, initial_interval: '500ms', max_interval: '1s', max_elapsed_time: '0s' }
      : { enabled: false },
  };
  const compression = cell.compressionOut;
  if (cell.transport === 'grpc') {
    return { otlp_grpc: { endpoint: next, tls: { insecure: true }, compression, ...delivery } };
  }
  // The Collector keeps two idle connections a host by default, so that concurrent requests would reconnect each time.
  const http = { endpoint: `http://${next}`, compression, max_idle_conns: 1000, max_idle_conns_per_host: 1000 };
  if (compression !== 'none') http.compression_params = { level: compressionLevel };
  return { otlp_http: { ...http, ...delivery } };
}
