// What exporting costs the event loop of an application: the same spans through the SDK's OTLP exporters to a collector on
// localhost, and through the exporter of `teleferric/sdk` to one in the process, in turns. Busy time is what
// `performance.eventLoopUtilization` calls active; where the machine tells it, the CPU time of the loop's thread stands
// beside it, which other work on the machine disturbs less.
//
//   node bench/sdk.mjs [--rounds N] [--exports N] [--spans N]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';

import { Collector } from '../dist/index.js';
import { TeleferricSpanExporter } from '../dist/sdk/index.js';
import { freeAddress, stopChild } from './compare/processes.mjs';
import { medianWithInterval } from './compare/statistics.mjs';
import { makeSpans } from './spans.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    exports: { type: 'string', default: '40' },
    spans: { type: 'string', default: '512' },
  },
});
const [rounds, exportsPerRound, spansPerExport] = [values.rounds, values.exports, values.spans].map(Number);

const configuration = (endpoints) => ({
  receivers: { otlp: { protocols: endpoints } },
  exporters: { nop: null },
  service: {
    telemetry: { logs: { level: 'error' }, metrics: { level: 'none' } },
    pipelines: { traces: { receivers: ['otlp'], exporters: ['nop'] } },
  },
});

const [grpc, http] = [await freeAddress(), await freeAddress()];
const remote = await startProcess(configuration({ grpc: { endpoint: grpc }, http: { endpoint: http } }));
const local = await Collector.start({ config: configuration({ http: { endpoint: '127.0.0.1:0' } }) });
const spans = makeSpans(spansPerExport);
const ways = {
  'in process': new TeleferricSpanExporter(local),
  'http/protobuf': new ProtoExporter({ url: `http://${http}/v1/traces` }),
  'http/json': new JsonExporter({ url: `http://${http}/v1/traces` }),
  grpc: new GrpcExporter({ url: `http://${grpc}` }),
  // No exporter: what any of them pays that writes protobuf.
  'writing alone': { export: (items, done) => done({ code: ProtobufTraceSerializer.serializeRequest(items) ? 0 : 1 }) },
};
const names = Object.keys(ways);
const found = Object.fromEntries(names.map((name) => [name, []]));
// Once through for the compilers, then in turns, every second round backwards.
for (const name of names) await measure(ways[name]);
for (let round = 0; round < rounds; round += 1) {
  for (const name of round % 2 === 0 ? names : names.toReversed()) found[name].push(await measure(ways[name]));
}
report();
for (const name of names) await ways[name].shutdown?.();
await local.close();
await stopChild(remote);

/** Busy and CPU microseconds for each span. */
async function measure(exporter) {
  globalThis.gc?.();
  const [utilization, cpu] = [performance.eventLoopUtilization(), loopCpuMs()];
  for (let index = 0; index < exportsPerRound; index += 1) await exportOnce(exporter);
  const spansSent = exportsPerRound * spansPerExport;
  return {
    busyUs: (performance.eventLoopUtilization(utilization).active * 1000) / spansSent,
    cpuUs: ((loopCpuMs() - cpu) * 1000) / spansSent,
  };
}

function exportOnce(exporter) {
  return new Promise((resolve, reject) => {
    // A turn of the loop before each, as between the batches of a processor.
    setImmediate(() => exporter.export(spans, ({ code, error }) => (code === 0 ? resolve() : reject(error))));
  });
}

/** Run time of the thread of the event loop; NaN where the system does not tell. */
function loopCpuMs() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return Number.NaN;
  }
}

function report() {
  process.stdout.write(
    `${spansPerExport} spans an export, ${exportsPerRound} exports, ${rounds} rounds; ratios are in process / the way\n`,
  );
  process.stdout.write('way              busy µs/span   CPU µs/span   busy ratio                CPU ratio\n');
  for (const name of names) {
    const ratio = (value) => {
      const pairs = found[name].map((run, index) => value(found['in process'][index]) / value(run));
      const { median, low, high } = medianWithInterval(pairs);
      return `${median.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`.padEnd(26);
    };
    const [busy, cpu] = ['busyUs', 'cpuUs'].map((key) =>
      medianWithInterval(found[name].map((run) => run[key]))
        .median.toFixed(3)
        .padStart(12),
    );
    const ratios = `${ratio((run) => run.busyUs)}${ratio((run) => run.cpuUs)}`;
    process.stdout.write(`${name.padEnd(17)}${busy}  ${cpu}   ${ratios.trimEnd()}\n`);
  }
}

async function startProcess(config) {
  const program = path.join(path.dirname(fileURLToPath(import.meta.url)), '../bin/teleferric.js');
  const child = spawn(
    process.execPath,
    [program, '--config', `yaml:${JSON.stringify(config)}`, '--set', 'service.telemetry.logs.level=info'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  process.on('exit', () => child.kill('SIGKILL'));
  let log = '';
  for await (const [text] of on(child.stderr)) {
    log += text;
    if (log.includes('Everything is ready')) break;
  }
  child.stderr.resume();
  return child;
}

async function* on(stream) {
  for (;;) yield await once(stream, 'data');
}
