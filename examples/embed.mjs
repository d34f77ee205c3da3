// Runs a collector inside this process, sends it one span in each of the two possible ways, and prints what became
// of them: node examples/embed.mjs
import { Collector } from 'teleferric';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

// Port 0 takes any free port; `level: none` opens no metrics page.
const config = `
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:0 } } }
exporters:
  debug: { verbosity: normal, use_internal_logger: false }
service:
  telemetry: { metrics: { level: none }, logs: { level: warn } }
  pipelines:
    traces: { receivers: [otlp], exporters: [debug] }
`;
const collector = await Collector.start({ config });
const { address } = collector.listening().find(({ protocol }) => protocol === 'http');
console.log(`OTLP/HTTP on ${address}`);

// By the network, as any other process would send it.
const provider = new NodeTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url: `http://${address}/v1/traces` }))],
});
provider.getTracer('example').startSpan('by-network').end();
await provider.shutdown();

// By a call: the bytes of an OTLP export request that this process has got from somewhere.
const span = {
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: 'eee19b7ec3c1b174',
  name: 'by-call',
  startTimeUnixNano: '1767225600000000000',
  endTimeUnixNano: '1767225601000000000',
};
const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
const outcome = await collector.ingest('traces', Buffer.from(body), { encoding: 'json' });
console.log(outcome);

const { accepted, sent } = collector.stats().signals.traces;
console.log({ accepted, sent });
await collector.close();
