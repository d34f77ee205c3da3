/**
 * Drives the core's `generator` receiver into one OTLP exporter, for `teleferric send`: no queue, no retry, so every
 * answer of the target is counted. Not configurable by YAML.
 */
import {
  NativeHandle,
  packageVersion,
  type GeneratorEvent,
  type NativeBinding,
  type Signal,
} from '../binding/index.js';
import {
  loadConfig,
  type Exporters,
  type NativeDocument,
  type NativeGeneratorConfig,
  type Pipeline,
} from '../config/index.js';
import { CollectorError } from '../errors.js';

/** What to make. */
export interface GeneratorPlan {
  readonly signals: readonly Signal[];
  /** Items a second over all signals; null is as many as are taken. */
  readonly rate: number | null;
  /** Items; null is without end. */
  readonly count: number | null;
  /** Milliseconds; null is without end. */
  readonly durationMs: number | null;
  /** Items per request. */
  readonly batch: number;
  /** Connections, each with a thread of its own. */
  readonly connections: number;
  /** Requests under way at once, over all connections. */
  readonly workers: number;
  readonly seed: number | null;
  /** Share of spans and logs that are errors, 0 to 1. */
  readonly errorRatio: number;
}

/** Where to send it. */
export interface GeneratorTarget {
  readonly protocol: 'grpc' | 'http/protobuf' | 'http/json';
  /** `host:port` for gRPC, a URL for HTTP. */
  readonly endpoint: string;
  readonly compression: 'none' | 'gzip' | 'zstd';
  readonly headers: readonly (readonly [string, string])[];
  /** Plaintext. */
  readonly insecure: boolean;
  /** PEM file with the authorities to trust; null is the system's. */
  readonly caFile: string | null;
  /** Of one request, milliseconds. */
  readonly timeoutMs: number;
}

/** What became of it. */
export type GeneratorReport = Omit<GeneratorEvent, 'kind'>;

/** What a run tells meanwhile. */
export interface GeneratorListener {
  progress(report: GeneratorReport): void;
}

/** Nothing between a request and the target. */
const DIRECT = {
  retry_on_failure: { enabled: false },
  circuit_breaker: { enabled: false },
  sending_queue: { enabled: false },
};

/** One run. */
export class GeneratorRun {
  readonly #native: NativeHandle;
  readonly #listener: GeneratorListener;
  readonly #done = withResolvers<GeneratorReport>();
  readonly #keepAlive = setInterval(() => {}, 2 ** 31 - 1);

  private constructor(listener: GeneratorListener, addon: NativeBinding | undefined) {
    this.#listener = listener;
    this.#native = new NativeHandle(() => this.#takeEvents(), addon);
  }

  /** @throws CollectorError `START_FAILED` when the exporter cannot be built, `BINDING_*` without an addon */
  static async start(
    plan: GeneratorPlan,
    target: GeneratorTarget,
    listener: GeneratorListener,
    addon?: NativeBinding,
  ): Promise<GeneratorRun> {
    const run = new GeneratorRun(listener, addon);
    const result = await run.#native.start(JSON.stringify(await generatorDocument(plan, target)));
    if (result.ok) return run;
    run.stop();
    throw new CollectorError('START_FAILED', result.error.message, { details: result.error });
  }

  /** Resolves once everything is sent and every answer heard. */
  finished(): Promise<GeneratorReport> {
    return this.#done.promise;
  }

  /** Makes nothing more; {@link finished} resolves when the answers under way are heard, at most `deadlineMs` later. */
  async end(deadlineMs: number): Promise<void> {
    await this.#native.drain(deadlineMs);
    this.#takeEvents();
  }

  /** Releases everything. */
  stop(): void {
    clearInterval(this.#keepAlive);
    this.#native.stop();
  }

  #takeEvents(): void {
    for (const event of this.#native.takeEvents().events) {
      switch (event.kind) {
        case 'generator_progress':
          this.#listener.progress(event);
          break;
        case 'generator_done':
          this.#listener.progress(event);
          this.#done.resolve(event);
          break;
        case 'fatal':
          this.#done.reject(new CollectorError('INTERNAL', `${event.component}: ${event.message}`));
          break;
        // What the exporter logs, the report counts.
        case 'log':
        case 'output':
      }
    }
  }
}

const RECEIVER = 'generator';

/**
 * The document that the core gets: the exporter goes through the same schemas as any configuration, then the receiver
 * that YAML cannot name takes its place.
 * @throws CollectorError when the target cannot be used
 */
export async function generatorDocument(plan: GeneratorPlan, target: GeneratorTarget): Promise<NativeDocument> {
  const [type, exporter] = target.protocol === 'grpc' ? grpcExporter(target) : httpExporter(plan, target);
  const pipeline = { receivers: ['nop'], exporters: [type] } as Pipeline;
  const { native } = await loadConfig({
    object: {
      receivers: { nop: {} },
      exporters: { [type]: { ...exporter, ...DIRECT } } as object as Exporters,
      service: {
        threads: plan.connections,
        telemetry: { metrics: { level: 'none' } },
        pipelines: Object.fromEntries(plan.signals.map((signal) => [signal, pipeline])),
      },
    },
    userAgent: `teleferric-send/${packageVersion()}`,
  });
  const pipelines = native.service.pipelines.map((each) => ({ ...each, receivers: [RECEIVER] }));
  return {
    ...native,
    service: { ...native.service, pipelines },
    receivers: [{ id: RECEIVER, type: RECEIVER, config: generatorConfig(plan) }],
  };
}

function generatorConfig(plan: GeneratorPlan): NativeGeneratorConfig {
  return {
    signals: plan.signals,
    rate: plan.rate,
    count: plan.count,
    duration: plan.durationMs === null ? null : Math.round(plan.durationMs * 1e6),
    batch: plan.batch,
    workers: plan.workers,
    seed: plan.seed,
    error_ratio: plan.errorRatio,
  };
}

function grpcExporter(target: GeneratorTarget): [type: string, exporter: object] {
  return ['otlp_grpc', clientOf(target)];
}

function httpExporter({ workers }: GeneratorPlan, target: GeneratorTarget): [type: string, exporter: object] {
  const encoding = target.protocol === 'http/json' ? 'json' : 'proto';
  // Over HTTP/1.1 every request under way has a connection; each is kept for the next one.
  const kept = { max_idle_conns: workers, max_idle_conns_per_host: workers };
  return ['otlp_http', { ...clientOf(target), ...kept, encoding }];
}

function clientOf({ endpoint, compression, headers, insecure, caFile, timeoutMs }: GeneratorTarget): object {
  return {
    endpoint,
    compression,
    timeout: `${timeoutMs}ms`,
    headers: headers.map(([name, value]) => ({ name, value: literal(value) })),
    tls: caFile === null ? { insecure } : { insecure, ca_file: literal(caFile) },
  };
}

/** Text in which nothing is a reference. */
function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}

interface Resolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function withResolvers<T>(): Resolvers<T> {
  const resolvers: { resolve?: (value: T) => void; reject?: (error: unknown) => void } = {};
  const promise = new Promise<T>((resolve, reject) => Object.assign(resolvers, { resolve, reject }));
  return { promise, ...(resolvers as Required<typeof resolvers>) };
}
