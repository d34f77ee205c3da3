// What must not compile: each line below a directive. The test counts the directives; one that is not needed fails.
import { Collector, defineConfig } from '../../src/index.js';

// @ts-expect-error -- an unknown section
defineConfig({ recievers: {} });
// @ts-expect-error -- an unknown type of component
defineConfig({ receivers: { otpl: {} } });
// @ts-expect-error -- an unknown type with a name
defineConfig({ receivers: { 'otpl/2': {} } });
// @ts-expect-error -- a component of another section
defineConfig({ receivers: { otlp_http: {} } });
// @ts-expect-error -- an unknown key
defineConfig({ processors: { batch: { timeuot: '1s' } } });
// @ts-expect-error -- an unknown key below a component with a name
defineConfig({ receivers: { 'otlp/2': { protocols: { grcp: {} } } } });
// @ts-expect-error -- a key of a component that has none
defineConfig({ exporters: { nop: { endpoint: 'x' } } });
// @ts-expect-error -- a word that is no choice
defineConfig({ receivers: { otlp: { ack: 'stored' } } });
// @ts-expect-error -- a number for a text
defineConfig({ exporters: { otlp_http: { endpoint: 4318 } } });
// @ts-expect-error -- a text for a number
defineConfig({ processors: { batch: { send_batch_size: '8192' } } });
// @ts-expect-error -- a text for a boolean
defineConfig({ receivers: { otlp: { ack_header: 'yes' } } });
// @ts-expect-error -- a duration without a unit
defineConfig({ processors: { batch: { timeout: '200' } } });
// @ts-expect-error -- a duration as a number
defineConfig({ processors: { batch: { timeout: 200 } } });
// @ts-expect-error -- a duration with a unit that is none
defineConfig({ processors: { batch: { timeout: '2 minutes' } } });
// @ts-expect-error -- a duration with a unit that is none, behind one that is
defineConfig({ processors: { batch: { timeout: '1h2d' } } });
// @ts-expect-error -- a text for a list
defineConfig({ processors: { batch: { metadata_keys: 'x-tenant' } } });
// @ts-expect-error -- a number among texts
defineConfig({ processors: { batch: { metadata_keys: [1] } } });
// @ts-expect-error -- a header that is no text
defineConfig({ exporters: { otlp_http: { headers: { authorization: 1 } } } });
// @ts-expect-error -- a pipeline of no signal
defineConfig({ service: { pipelines: { spans: { receivers: ['otlp'] } } } });
// @ts-expect-error -- a pipeline that names no receiver
defineConfig({ service: { pipelines: { traces: { receivers: ['batch'] } } } });
// @ts-expect-error -- an unknown key of a pipeline
defineConfig({ service: { pipelines: { 'traces/2': { recievers: ['otlp'] } } } });
// @ts-expect-error -- an unknown key of service
defineConfig({ service: { thread: 2 } });
// @ts-expect-error -- a storage of no type
defineConfig({ exporters: { otlp_http: { sending_queue: { storage: 'redis' } } } });
// @ts-expect-error -- a function for a value
defineConfig({ service: { telemetry: { resource: () => 1 } } });
// @ts-expect-error -- a word below an action that is no choice
defineConfig({ processors: { attributes: { actions: [{ key: 'a', action: 'remove' }] } } });
// @ts-expect-error -- an unknown option
await Collector.start({ configuration: {} });
// @ts-expect-error -- a wrong configuration among the options
await Collector.start({ config: { receivers: { otlp: { protocol: {} } } } });
// @ts-expect-error -- a wrong configuration in a list
await Collector.start({ config: ['collector.yaml', { exporters: { otlp_http: { timeout: 5 } } }] });
// @ts-expect-error -- whose process it is, as a word that is no choice
await Collector.start({ config: '', host: 'standalone' });
// @ts-expect-error -- a logger that lacks a method
await Collector.start({ config: '', logger: { info: () => {} } });

declare const collector: Collector;
// @ts-expect-error -- an event that there is not
collector.on('drops', () => {});
// @ts-expect-error -- a listener of other facts
collector.on('state', (state: number) => state);
// @ts-expect-error -- a signal that there is not
await collector.ingest('spans', new Uint8Array());
// @ts-expect-error -- an encoding that there is not
await collector.ingest('logs', new Uint8Array(), { encoding: 'yaml' });
// @ts-expect-error -- a deadline by another name
await collector.close({ deadline: 1 });
// @ts-expect-error -- a deadline as a duration
await collector.close({ deadlineMs: '1s' });
// @ts-expect-error -- an option that a reload cannot change
await collector.reload({ host: 'command' });
// @ts-expect-error -- a compression that is no word
await collector.ingest('logs', new Uint8Array(), { compression: 1 });
// @ts-expect-error -- a label that was not named
collector.metrics.counter({ name: 'a', help: 'A', labelNames: ['kind'] }).inc({ sort: 'book' });
// @ts-expect-error -- a registry of one's own for a metric of the collector
collector.metrics.gauge({ name: 'a', help: 'A', registers: [] });
// @ts-expect-error -- buckets of a counter
collector.metrics.counter({ name: 'a', help: 'A', buckets: [1] });
// @ts-expect-error -- a feed at a duration
await Collector.start({ config: '', metricsFeed: { intervalMs: '10s' } });
