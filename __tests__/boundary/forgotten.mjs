// Run as a process by threads.test.ts: leaves a running collector behind in one of several ways and does nothing more.
import { Collector } from '../../dist/index.js';
import { loadBinding } from '../../dist/binding/load.js';

const SPAN = Uint8Array.from([0x0a, 4, 0x12, 2, 0x12, 0]);
const [how, text] = process.argv.slice(2);
const config = {
  receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } },
  exporters: { nop: null },
  extensions: { health_check: { endpoint: '127.0.0.1:0' } },
  service: {
    extensions: ['health_check'],
    telemetry: {
      logs: { output_paths: [] },
      metrics: { readers: [{ pull: { exporter: { prometheus: { host: '127.0.0.1', port: 0 } } } }] },
    },
    pipelines: { traces: { receivers: ['otlp'], exporters: ['nop'] } },
  },
};

process.once('beforeExit', () => process.stdout.write('nothing left to do\n'));
if (how === 'raw') {
  const { NativeCollector } = loadBinding();
  const { ok } = JSON.parse(
    await new NativeCollector(
      () => {},
      () => {},
    ).start(text),
  );
  process.stdout.write(`started ${ok}\n`);
} else {
  const collector = await Collector.start({ config });
  if (how === 'unref' || how === 'asked') collector.unref();
  const [{ address }] = collector.listening();
  process.stdout.write(`started ${address}\n`);
  const requests = how === 'asked' ? 20 : 0;
  for (let request = 0; request < requests; request += 1) {
    const { outcome } = await collector.ingest('traces', SPAN);
    process.stdout.write(`${outcome}\n`);
  }
}
