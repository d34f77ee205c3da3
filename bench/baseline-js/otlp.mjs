// The OTLP messages as protobufjs reads them from the `.proto` files of this repository, and the way to the records
// inside a decoded request. The three signals differ in names only, which one table holds.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const protoFolder = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../proto');

const signals = {
  traces: {
    package: 'trace',
    service: 'TraceService',
    message: 'Trace',
    levels: ['resourceSpans', 'scopeSpans', 'spans'],
  },
  metrics: {
    package: 'metrics',
    service: 'MetricsService',
    message: 'Metrics',
    levels: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  },
  logs: {
    package: 'logs',
    service: 'LogsService',
    message: 'Logs',
    levels: ['resourceLogs', 'scopeLogs', 'logRecords'],
  },
};

const metricKinds = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];

/** Everything the collector needs to know of one signal. */
export function loadSignal(signal) {
  const names = signals[signal];
  if (names === undefined) throw new Error(`unknown signal: ${signal}`);
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => path.resolve(protoFolder, target);
  root.loadSync(`opentelemetry/proto/collector/${names.package}/v1/${names.package}_service.proto`);
  const prefix = `opentelemetry.proto.collector.${names.package}.v1`;
  return {
    signal,
    levels: names.levels,
    request: root.lookupType(`${prefix}.Export${names.message}ServiceRequest`),
    grpcPath: `/${prefix}.${names.service}/Export`,
    httpPath: `/v1/${signal}`,
  };
}

/** A decoded request from OTLP/JSON, where ids are hexadecimal and all other bytes are base64. */
export function requestFromJson(otlp, text) {
  const object = JSON.parse(text);
  for (const record of recordsOf(otlp, object)) {
    for (const holder of [record, ...(record.links ?? []), ...(record.exemplars ?? [])]) {
      for (const key of ['traceId', 'spanId', 'parentSpanId']) {
        if (holder[key] !== undefined) holder[key] = Buffer.from(holder[key], 'hex');
      }
    }
  }
  return otlp.request.fromObject(object);
}

/** All records of a request: spans, log records or data points. */
export function* recordsOf(otlp, request) {
  for (const list of recordListsOf(otlp, request)) yield* list.holder[list.key];
}

export function countItems(otlp, request) {
  let items = 0;
  for (const list of recordListsOf(otlp, request)) items += list.holder[list.key].length;
  return items;
}

/** The arrays that hold the records, as holder and key so that a filter can replace them. */
export function* recordListsOf(otlp, request) {
  const [resources, scopes, records] = otlp.levels;
  for (const resource of request[resources] ?? []) {
    for (const scope of resource[scopes] ?? []) {
      if (otlp.signal === 'metrics') yield* dataPointLists(scope[records] ?? []);
      else if (scope[records] !== undefined) yield { holder: scope, key: records };
    }
  }
}

function* dataPointLists(metrics) {
  for (const metric of metrics) {
    for (const kind of metricKinds) {
      if (metric[kind]?.dataPoints !== undefined) yield { holder: metric[kind], key: 'dataPoints' };
    }
  }
}
