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
import type {
  NativeDocument,
  NativeGeneratorConfig,
  NativeOtlpGrpcConfig,
  NativeOtlpHttpConfig,
  NativeTlsClient,
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
    const result = await run.#native.start(JSON.stringify(generatorDocument(plan, target)));
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
const LIMITS = { max_items: 1_000_000, max_depth: 128, max_attributes: 0, max_connections: 1000 };
const MEMORY_BYTES = 256 * 1024 * 1024;

/** The document that the core gets. */
export function generatorDocument(plan: GeneratorPlan, target: GeneratorTarget): NativeDocument {
  const exporter = target.protocol === 'grpc' ? 'otlp_grpc' : 'otlp_http';
  const version = packageVersion();
  return {
    service: {
      threads: plan.connections,
      memory_limit_bytes: MEMORY_BYTES,
      user_agent: `teleferric-send/${version}`,
      telemetry_level: 'basic',
      drain_timeout: 0,
      limits: LIMITS,
      pipelines: plan.signals.map((signal) => ({
        id: signal,
        signal,
        receivers: [RECEIVER],
        processors: [],
        exporters: [exporter],
      })),
    },
    receivers: [{ id: RECEIVER, type: RECEIVER, config: generatorConfig(plan) }],
    processors: [],
    exporters: [
      { id: exporter, type: exporter, config: exporter === 'otlp_grpc' ? grpcExporter(target) : httpExporter(target) },
    ],
    connectors: [],
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

const RETRY_OFF = {
  enabled: false,
  initial_interval: 5e9,
  randomization_factor: 0.5,
  multiplier: 1.5,
  max_interval: 30e9,
  max_elapsed_time: 300e9,
};

/** The client's TLS, what client and server share in a block of its own. */
function tls({ insecure, caFile }: GeneratorTarget): NativeTlsClient {
  const common = {
    ca_file: caFile,
    ca_pem: null,
    cert_file: null,
    cert_pem: null,
    key_file: null,
    key_pem: null,
    min_version: '1.2',
    max_version: null,
    cipher_suites: [],
    include_insecure_cipher_suites: false,
    curve_preferences: [],
    include_system_ca_certs_pool: false,
    reload_interval: 0,
  };
  return { common, insecure, insecure_skip_verify: false, server_name_override: null };
}

function grpcExporter(target: GeneratorTarget): NativeOtlpGrpcConfig {
  const client = {
    endpoint: target.endpoint,
    compression: target.compression,
    tls: tls(target),
    keepalive: null,
    read_buffer_size: 0,
    write_buffer_size: 512 * 1024,
    wait_for_ready: false,
    headers: target.headers,
    user_agent: null,
    balancer_name: 'round_robin',
    authority: null,
  };
  return { client, timeout: target.timeoutMs * 1e6, retry_on_failure: RETRY_OFF, sending_queue: null };
}

function httpExporter(target: GeneratorTarget): NativeOtlpHttpConfig {
  const client = {
    endpoint: target.endpoint,
    proxy_url: null,
    tls: tls(target),
    read_buffer_size: 0,
    write_buffer_size: 512 * 1024,
    timeout: target.timeoutMs * 1e6,
    headers: target.headers,
    compression: target.compression,
    compression_params: { level: 0 },
    max_idle_conns: 100,
    max_idle_conns_per_host: 0,
    max_conns_per_host: 0,
    idle_conn_timeout: 90e9,
    disable_keep_alives: false,
    http2_read_idle_timeout: 0,
    http2_ping_timeout: 0,
    force_attempt_http2: true,
  };
  return {
    client,
    traces_endpoint: null,
    metrics_endpoint: null,
    logs_endpoint: null,
    profiles_endpoint: null,
    encoding: target.protocol === 'http/json' ? 'json' : 'proto',
    retry_on_failure: RETRY_OFF,
    sending_queue: null,
  };
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
