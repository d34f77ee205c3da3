/**
 * From an SDK's export call to the collector in the same process and back: what all three exporters do, whatever the
 * signal. Follows the OTLP exporters of the SDK: same results, limits and retries, but no socket.
 */
import { context, diag } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';

import { checkContext } from '../ingest/index.js';
import type { Collector, IngestOptions, IngestOutcome, Signal } from '../collector/index.js';
import { ownOptions, wrongOption } from '../config/index.js';
import { CollectorError, isCollectorError, messageOf } from '../errors.js';

/** What an exporter asks of a collector. */
export type IngestTarget = Pick<Collector, 'ingest'>;

/** Options of an exporter; the names are those of the OTLP exporters. */
export interface ExporterOptions {
  /** Exports under way at the same time; those beyond fail at once. @default 30 */
  readonly concurrencyLimit?: number;
  /** Longest time for one export, retries included, in milliseconds. @default 10_000 */
  readonly timeoutMillis?: number;
  /** Request headers for components that look at them, as of {@link IngestOptions}. @default none */
  readonly metadata?: NonNullable<IngestOptions['metadata']>;
  /** What the collector is told about every request, as of {@link IngestOptions}. @default nothing */
  readonly context?: NonNullable<IngestOptions['context']>;
}

/** The SDK's `ExportResult`: code 0 is success, 1 is failure. */
export interface ExportResult {
  readonly code: 0 | 1;
  readonly error?: Error;
}

/** Names of the options, for those who add some. */
export const OPTIONS = {
  concurrencyLimit: true,
  timeoutMillis: true,
  metadata: true,
  context: true,
} as const satisfies Record<keyof ExporterOptions, true>;

/** Why a collector did not take what was exported. */
export class ExportError extends Error {
  /** Tells it from other errors, also from those of another copy of the package. */
  override readonly name = 'ExportError';
  /** A code of the collector's refusals, such as `queue_full`; `timeout` if it has not answered in time. */
  readonly code: string;
  /** Whether the same could be taken later. */
  readonly retryable: boolean;

  /** Made by the exporters. */
  constructor(code: string, message: string, retryable: boolean) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

const SUCCESS = 0;
const FAILED = 1;

// Those of the OTLP exporters.
const RETRIES_MAX = 5;
const BACKOFF_MS = 1000;
const BACKOFF_MS_MAX = 5000;
const BACKOFF_FACTOR = 1.5;
const BACKOFF_JITTER = 0.2;
/** The longest timer of Node. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** Writes items as the bytes of an OTLP request. */
export type Serialize<T> = (items: T) => Uint8Array | undefined;

/** The exports of one exporter. */
export class HandOver<T> {
  readonly #collector: IngestTarget;
  readonly #signal: Signal;
  readonly #serialize: Serialize<T>;
  readonly #concurrencyMax: number;
  readonly #timeoutMs: number;
  readonly #ingest: IngestOptions;
  readonly #underWay = new Set<Promise<void>>();
  #shutdown: Promise<void> | null = null;

  /** @throws CollectorError `INVALID_ARGUMENT` */
  constructor(collector: IngestTarget, signal: Signal, serialize: Serialize<T>, options: ExporterOptions) {
    if (typeof (collector as IngestTarget | null)?.ingest !== 'function') {
      throw wrongOption('collector', 'a Collector of this process');
    }
    const {
      concurrencyLimit = 30,
      timeoutMillis = 10_000,
      metadata = {},
      context: said = null,
    } = ownOptions('exporter', options, OPTIONS);
    if (!Number.isInteger(concurrencyLimit) || concurrencyLimit < 1) {
      throw wrongOption('concurrencyLimit', 'a whole number above 0');
    }
    if (!(timeoutMillis > 0 && timeoutMillis <= TIMEOUT_MS_MAX)) {
      throw wrongOption('timeoutMillis', `a number of milliseconds above 0, at most ${TIMEOUT_MS_MAX}`);
    }
    checkContext(said);
    this.#collector = collector;
    this.#signal = signal;
    this.#serialize = serialize;
    this.#concurrencyMax = concurrencyLimit;
    this.#timeoutMs = timeoutMillis;
    this.#ingest = { metadata, context: said };
  }

  /** Hands `items` over and tells `done` once what became of them; never throws. */
  export(items: T, done: (result: ExportResult) => void): void {
    const begun = this.#begin(items);
    if (begun instanceof Error) {
      done({ code: FAILED, error: begun });
      return;
    }
    const told = begun.then(
      () => tell(done, { code: SUCCESS }),
      (error: unknown) => tell(done, { code: FAILED, error: asError(error) }),
    );
    this.#underWay.add(told);
    void told.then(() => this.#underWay.delete(told));
  }

  /** Resolves when the collector has answered all exports that are under way. */
  async forceFlush(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** Lets no more in and resolves as `forceFlush`; any number of times. */
  shutdown(): Promise<void> {
    this.#shutdown ??= this.forceFlush();
    return this.#shutdown;
  }

  #begin(items: T): Promise<void> | Error {
    if (this.#shutdown !== null) return new Error('the exporter was shut down');
    if (this.#underWay.size >= this.#concurrencyMax) return new Error('concurrent export limit reached');
    try {
      const body = this.#serialize(items);
      if (body === undefined) return new Error('nothing to send');
      // Nothing that happens on the way is telemetry of its own.
      return context.with(suppressTracing(context.active()), () => this.#send(body));
    } catch (error) {
      return asError(error);
    }
  }

  /** Repeats what is refused for the moment as long as there is time for it. */
  async #send(body: Uint8Array): Promise<void> {
    const deadline = performance.now() + this.#timeoutMs;
    let backoff = BACKOFF_MS;
    for (let retries = 0; ; retries += 1) {
      const outcome = await inTime(this.#attempt(body), deadline - performance.now());
      if (outcome.outcome !== 'refused') {
        if (outcome.outcome === 'partial') warnOfPartialSuccess(outcome);
        return;
      }
      const { code, message, retryable, retryAfterMs } = outcome;
      const jitter = 1 + (Math.random() * 2 - 1) * BACKOFF_JITTER;
      const delayMs = retryAfterMs ?? Math.min(backoff * jitter, BACKOFF_MS_MAX);
      if (!retryable || retries === RETRIES_MAX || delayMs > deadline - performance.now()) {
        throw new ExportError(code, message, retryable);
      }
      backoff *= BACKOFF_FACTOR;
      await sleep(delayMs);
    }
  }

  async #attempt(body: Uint8Array): Promise<IngestOutcome> {
    try {
      return await this.#collector.ingest(this.#signal, body, this.#ingest);
    } catch (error) {
      // The SDK may be set up before the collector has started.
      if (!isCollectorError(error, 'INVALID_STATE')) throw error;
      return { outcome: 'refused', code: 'not_running', message: error.message, retryable: true, retryAfterMs: null };
    }
  }
}

/** The answer, or an error if there is none in time; the collector goes on with the request all the same. */
async function inTime(answer: Promise<IngestOutcome>, ms: number): Promise<IngestOutcome> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const late = (): void => reject(new ExportError('timeout', 'the collector has not answered in time', true));
    timer = setTimeout(late, Math.max(ms, 0));
  });
  try {
    return await Promise.race([answer, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** As the OTLP exporters say it. */
function warnOfPartialSuccess({ rejected, message }: Extract<IngestOutcome, { readonly outcome: 'partial' }>): void {
  diag.warn('Received Partial Success response:', JSON.stringify({ rejected, errorMessage: message }));
}

/** A processor that throws does not take the exporter with it. */
function tell(done: (result: ExportResult) => void, result: ExportResult): void {
  try {
    done(result);
  } catch (error) {
    diag.error('the callback of an export failed', messageOf(error));
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new CollectorError('INTERNAL', messageOf(error), { cause: error });
}
