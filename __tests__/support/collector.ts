/**
 * A collector under test: the public class on free ports of 127.0.0.1, its log kept instead of printed.
 */
import { jest } from '@jest/globals';

import { Collector, type CollectorOptions } from '../../src/index.js';
import type { Signal } from './proto.js';
import { SIGNALS } from './proto.js';
import type { AnySink } from './sinks.js';
import { eventually } from './poll.js';
import type { Transport } from './wire.js';

// Above the time that anything expected is waited for, on a machine that builds the next test's binary meanwhile.
jest.setTimeout(40_000);

type Block = Readonly<Record<string, unknown>>;

export interface Setup {
  readonly receivers?: Block;
  readonly processors?: Block;
  readonly exporters: Block;
  readonly connectors?: Block;
  readonly extensions?: Block;
  /** @default every signal from `otlp` through all processors to all exporters */
  readonly pipelines?: Block;
  /** Merged into `protocols` of the `otlp` receiver. */
  readonly grpc?: Block;
  readonly http?: Block;
  /** Merged into `service`. */
  readonly service?: Block;
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A running collector. */
export class Running implements Readonly<Record<Transport, number>> {
  readonly collector: Collector;
  readonly logs: readonly LogLine[];

  constructor(collector: Collector, logs: readonly LogLine[]) {
    this.collector = collector;
    this.logs = logs;
  }

  /** Port of the `otlp` receiver. */
  get grpc(): number {
    return this.port('grpc');
  }

  get http(): number {
    return this.port('http');
  }

  port(protocol: string, component = 'otlp'): number {
    const found = this.collector.listening().find((each) => each.protocol === protocol && each.component === component);
    if (found === undefined) throw new Error(`${component} does not listen for ${protocol}`);
    return Number(found.address.slice(found.address.lastIndexOf(':') + 1));
  }

  /** Sum of all series of that name whose labels contain `labels`; 0 if there is none. */
  metric(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels);
    return this.collector
      .stats()
      .series.filter((each) => each.name === name && wanted.every(([key, value]) => each.labels[key] === value))
      .reduce((sum, each) => sum + (each.kind === 'histogram' ? 0 : each.value), 0);
  }

  /** Resolves once the byte ledger is empty. */
  async memoryIsFree(): Promise<void> {
    await eventually(() => this.metric('teleferric_memory_used_bytes') === 0);
  }

  /** Log lines with that message. */
  said(msg: string): readonly LogLine[] {
    return this.logs.filter((line) => line.msg === msg);
  }

  close(deadlineMs = 2000): Promise<void> {
    return this.collector.close({ deadlineMs });
  }
}

/** Starts a collector; the caller closes it. */
export async function startCollector(setup: Setup): Promise<Running> {
  const logs: LogLine[] = [];
  const keep =
    (level: string) =>
    (msg: string, fields: LogLine['fields']): void =>
      void logs.push({ level, msg, fields });
  const logger: NonNullable<CollectorOptions['logger']> = {
    debug: keep('debug'),
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
  };
  return new Running(await Collector.start({ config: configOf(setup), logger }), logs);
}

function configOf(setup: Setup): Block {
  const { receivers, processors, exporters, connectors, extensions, pipelines, grpc, http, service } = setup;
  // Suites in `node-engine` run those of `protocol` over servers of Node.
  const engine = process.env['TELEFERRIC_TEST_ENGINE'];
  const local = { endpoint: '127.0.0.1:0', ...(engine !== undefined && { engine }) };
  const pipeline = {
    receivers: ['otlp'],
    processors: Object.keys(processors ?? {}),
    exporters: Object.keys(exporters),
  };
  return {
    receivers: receivers ?? { otlp: { protocols: { grpc: { ...local, ...grpc }, http: { ...local, ...http } } } },
    ...(processors && { processors }),
    exporters,
    ...(connectors && { connectors }),
    ...(extensions && { extensions }),
    service: {
      telemetry: { metrics: { level: 'none' }, logs: { sampling: { enabled: false } } },
      ...service,
      pipelines: pipelines ?? Object.fromEntries(SIGNALS.map((signal: Signal) => [signal, pipeline])),
    },
  };
}

/** An exporter that answers its sender with the sink's answer: no queue, no retry, nothing compressed. */
export function direct(sink: AnySink, more: Block = {}): Block {
  return exporterTo(sink, { sending_queue: { enabled: false }, retry_on_failure: { enabled: false }, ...more });
}

/** The settings of an exporter to `sink`. */
export function exporterTo(sink: AnySink, more: Block = {}): Block {
  return {
    endpoint: sink.endpoint,
    compression: 'none',
    ...(sink.kind === 'grpc' && { tls: { insecure: true } }),
    ...more,
  };
}

/** The component type that fits `sink`. */
export const exporterType = (sink: AnySink): string => `otlp_${sink.kind}`;
