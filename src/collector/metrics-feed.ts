/**
 * Feeds the host's metrics into the collector's metrics pipelines, at an interval and once more before the end.
 */
import { performance } from 'node:perf_hooks';

import type { IngestOutcome } from '../binding/index.js';
import { ownOptions, wrongOption } from '../config/index.js';
import { messageOf } from '../errors.js';
import type { HostMetric } from '../telemetry/host-metrics.js';
import { otlpMetricsRequest } from '../telemetry/otlp-metrics.js';

/** How the host's metrics are fed into the metrics pipelines. */
export interface MetricsFeedOptions {
  /** Time between two feeds, in milliseconds. @default 60_000 */
  readonly intervalMs?: number;
  /**
   * Attributes of the resource. @default those of `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`; `service.name` is
   * `unknown_service:node` if neither has it
   */
  readonly resource?: Readonly<Record<string, string>>;
}

/** What a feed needs of its collector. */
export interface FeedContext {
  readonly hostMetrics: () => readonly HostMetric[];
  readonly ingest: (body: Uint8Array) => Promise<IngestOutcome>;
  readonly warn: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly version: string;
}

const OPTIONS = { intervalMs: true, resource: true } as const satisfies Record<keyof MetricsFeedOptions, true>;
const INTERVAL_MS = 60_000;
/** The longest timer of Node. */
const INTERVAL_MS_MAX = 2 ** 31 - 1;

/** One collector's feed. */
export class MetricsFeed {
  readonly #context: FeedContext;
  readonly #intervalMs: number;
  readonly #resource: Readonly<Record<string, string>>;
  #timer: NodeJS.Timeout | null = null;
  #underWay: Promise<void> | null = null;
  #refusal: string | null = null;

  /** @throws CollectorError `INVALID_ARGUMENT` */
  constructor(options: MetricsFeedOptions, context: FeedContext) {
    const { intervalMs = INTERVAL_MS, resource } = ownOptions('metricsFeed', options, OPTIONS);
    if (!(intervalMs >= 1 && intervalMs <= INTERVAL_MS_MAX)) {
      throw wrongOption('metricsFeed.intervalMs', `a number from 1 to ${INTERVAL_MS_MAX}`);
    }
    const isObject = typeof resource === 'object' && resource !== null;
    if (resource !== undefined && !(isObject && Object.values(resource).every((value) => typeof value === 'string'))) {
      throw wrongOption('metricsFeed.resource', 'an object of texts');
    }
    this.#context = context;
    this.#intervalMs = intervalMs;
    this.#resource = resource ?? resourceOfHost(process.env);
  }

  /** From now on; does not keep the process alive. */
  begin(): void {
    this.#timer = setInterval(() => {
      // One that is still being answered is not overtaken: it has the same counters.
      if (this.#underWay === null) void this.#feed();
    }, this.#intervalMs);
    this.#timer.unref();
  }

  /** Feeds once more and resolves when the collector has it; what becomes of it the drain shows. */
  async end(): Promise<void> {
    if (this.#timer === null) return;
    this.stop();
    await this.#feed();
  }

  /** No more. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Never rejects. Resolves when the numbers are handed over. */
  async #feed(): Promise<void> {
    try {
      const collected = await Promise.all(this.#context.hostMetrics().map((metric) => metric.get()));
      const request = otlpMetricsRequest(collected, {
        resource: this.#resource,
        scope: { name: 'teleferric', version: this.#context.version },
        startMs: performance.timeOrigin,
        nowMs: Date.now(),
      });
      if (request === null) return;
      this.#underWay = this.#answered(this.#context.ingest(Buffer.from(request))).finally(() => {
        this.#underWay = null;
      });
    } catch (error) {
      this.#told(messageOf(error));
    }
  }

  async #answered(answer: Promise<IngestOutcome>): Promise<void> {
    try {
      const outcome = await answer;
      this.#told(outcome.outcome === 'accepted' ? null : outcome.message);
    } catch (error) {
      this.#told(messageOf(error));
    }
  }

  /** The same refusal is told once, until something is taken again. */
  #told(refusal: string | null): void {
    if (refusal !== null && refusal !== this.#refusal) {
      this.#context.warn('metrics of the host were not taken', { error: refusal });
    }
    this.#refusal = refusal;
  }
}

/** What the environment says of the host, as the SDKs read it. */
function resourceOfHost(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const pairs = (environment['OTEL_RESOURCE_ATTRIBUTES'] ?? '').split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at < 1 ? [] : [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())] as const];
  });
  const name = environment['OTEL_SERVICE_NAME'];
  return {
    'service.name': 'unknown_service:node',
    ...Object.fromEntries(pairs),
    ...(name !== undefined && name !== '' && { 'service.name': name }),
  };
}

/** What is no percent-encoding is taken as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
