// What a gateway may do about telemetry, one way beside the other. Each gives `address`, where senders reach it (null if
// the gateway itself is the sender), `start` and `close`.
import { httpClient } from '../baseline-js/clients.mjs';
import { loadSignal } from '../baseline-js/otlp.mjs';
import { serveHttp } from '../baseline-js/servers.mjs';
import { freeAddress } from '../compare/processes.mjs';

/** How often the gateway sends what it has to send itself, as a batching exporter does. */
const TICK_MS = 10;
/** Requests under way at most; what is above is counted as dropped. */
const IN_FLIGHT_MAX = 64;

/** The ways by name: `open({ next, rate, items })`, where `next` takes OTLP/HTTP. */
export const ways = {
  none: {
    title: 'no telemetry',
    open: async () => ({ address: null, ...idle, close: async () => {} }),
  },
  native: { title: 'native engine', open: (options) => receiving('native', options) },
  node: { title: 'Node engine', open: (options) => receiving('node', options) },
  protobufjs: { title: 'protobufjs on the loop', open: handWritten },
  exporter: { title: 'exporter in process', open: exporting },
  localhost: { title: 'exporter to localhost', open: posting },
};

const idle = { start() {}, counts: () => ({ accepted: 0, dropped: 0 }) };

async function startCollector(protocol, next) {
  const { Collector } = await import('../../dist/index.js');
  return Collector.start({
    config: {
      receivers: { otlp: { protocols: { http: protocol } } },
      exporters: { otlp_http: { endpoint: `http://${next}`, compression: 'none', sending_queue: { enabled: false } } },
      service: {
        telemetry: { metrics: { level: 'none' }, logs: { level: 'error' } },
        pipelines: { traces: { receivers: ['otlp'], exporters: ['otlp_http'] } },
      },
    },
  });
}

/** The collector in the gateway's process, on a port of its own. */
async function receiving(engine, { next }) {
  const collector = await startCollector({ endpoint: '127.0.0.1:0', engine }, next);
  const { address } = collector.listening().find(({ protocol }) => protocol === 'http');
  return { address, ...idle, close: () => collector.close({ deadlineMs: 1000 }) };
}

/** What teams write: decode, encode and send on, all in JavaScript. */
async function handWritten({ next }) {
  const otlp = loadSignal('traces');
  const address = await freeAddress();
  const close = await serveHttp(otlp, address, httpClient(otlp, next, 'none'));
  return { address, ...idle, close: async () => close() };
}

async function exporting({ next, ...load }) {
  const { TeleferricSpanExporter } = await import('../../dist/sdk/index.js');
  const collector = await startCollector({ engine: 'host' }, next);
  const producer = await produce(load, new TeleferricSpanExporter(collector));
  return { address: null, ...producer, close: () => collector.close({ deadlineMs: 1000 }) };
}

/** To a collector in a process of its own, which here is `next`. */
async function posting({ next, ...load }) {
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  const exporter = new OTLPTraceExporter({ url: `http://${next}/v1/traces`, concurrencyLimit: IN_FLIGHT_MAX });
  return { address: null, ...(await produce(load, exporter)), close: () => exporter.shutdown() };
}

/** Exports the same spans at a fixed rate once it is started. */
async function produce({ rate, items }, exporter) {
  const { makeSpans } = await import('../spans.mjs');
  const spans = makeSpans(items);
  const counts = { accepted: 0, dropped: 0 };
  let inFlight = 0;
  const one = () => {
    inFlight += 1;
    exporter.export(spans, ({ code }) => {
      inFlight -= 1;
      counts[code === 0 ? 'accepted' : 'dropped'] += 1;
    });
  };
  let timer;
  const start = () => {
    const began = performance.now();
    let due = 0;
    timer = setInterval(() => {
      const target = Math.floor(((performance.now() - began) * rate) / 1000);
      for (; due < target; due += 1) {
        if (inFlight < IN_FLIGHT_MAX) one();
        else counts.dropped += 1;
      }
    }, TICK_MS);
  };
  return { start, counts: () => counts, stop: () => clearInterval(timer) };
}
