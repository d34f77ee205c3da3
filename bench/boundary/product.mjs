// The product's addon with a graph that ends at once: what `ingest` costs beyond it is the boundary.
import { Answers, binding } from '../../dist/binding/index.js';
import { loadConfig } from '../../dist/config/index.js';
import { Collector } from '../../dist/index.js';

const LOGS = JSON.stringify({ signal: 'logs', encoding: 'proto', metadata: [] });

/** A configuration that takes logs and hands them to one exporter. */
function configuration(exporter, threads) {
  return {
    receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } },
    exporters: { [exporter]: null },
    service: {
      threads,
      telemetry: { metrics: { level: 'none' } },
      pipelines: { logs: { receivers: ['otlp'], exporters: [exporter] } },
    },
  };
}

/** The raw addon, started. @param {'nop' | 'debug'} exporter */
export async function startNative(exporter, threads) {
  const { native } = await loadConfig({ object: configuration(exporter, threads), purpose: 'run', host: 'embedded' });
  const waiting = { wake: () => {} };
  const collector = new (binding().NativeCollector)(
    () => waiting.wake(),
    () => answers.settle(),
  );
  const answers = new Answers(collector);
  const { ok, error } = JSON.parse(await collector.start(JSON.stringify(native)));
  if (!ok) throw new Error(`the collector did not start: ${error.message}`);
  return {
    collector,
    /** Hands over logs in protobuf, and resolves with what becomes of them. */
    ingest: (body) => answers.outcome((number) => collector.ingest(number, LOGS, body)),
    /** Resolves when the addon says the next time that there are events. */
    woken: () =>
      new Promise((resolve) => {
        waiting.wake = resolve;
      }),
    close: () => collector.stop(),
  };
}

/** The class that the package exports, started with the `nop` exporter. */
export function startCollector(threads) {
  const logger = { debug: silent, info: silent, warn: silent, error: silent };
  return Collector.start({ config: configuration('nop', threads), logger });
}

/** The addon's version: its smallest export. */
export const nativeVersion = () => binding().nativeVersion();

function silent() {}
