// The exporters for the SDK against a collector that answers what a test wants.
import { EventEmitter, once } from 'node:events';

import { context, diag, DiagLogLevel } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { isTracingSuppressed } from '@opentelemetry/core';
import { InstrumentType, type PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';
import { jest } from '@jest/globals';

import { CollectorError, isCollectorError, type IngestOutcome } from '../../../src/index.js';
import {
  ExportError,
  TeleferricLogExporter,
  TeleferricMetricExporter,
  TeleferricSpanExporter,
  type ExporterOptions,
  type ExportResult,
} from '../../../src/sdk/index.js';

type Answer = IngestOutcome | Error | Promise<IngestOutcome>;

/** Gives `answers` in turn, the last of them for ever. */
class Target {
  readonly calls: { readonly signal: string; readonly options: unknown; readonly suppressed: boolean }[] = [];
  readonly #answers: Answer[];

  constructor(...answers: Answer[]) {
    this.#answers = answers;
  }

  ingest(signal: string, _body: Uint8Array, options?: unknown): Promise<IngestOutcome> {
    this.calls.push({ signal, options, suppressed: isTracingSuppressed(context.active()) });
    const answer = (this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0]) ?? ACCEPTED;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }
}

const ACCEPTED: IngestOutcome = { outcome: 'accepted' };
const PENDING = new Promise<IngestOutcome>(() => {});
const refused = (retryable: boolean, retryAfterMs: number | null): IngestOutcome => ({
  outcome: 'refused',
  code: 'queue_full',
  message: 'the queue is full',
  retryable,
  retryAfterMs,
});

/** An answer that the test gives when it wants to. */
function later(): { readonly answer: Promise<IngestOutcome>; readonly give: (outcome: IngestOutcome) => void } {
  const gate = new EventEmitter();
  const answer = once(gate, 'answer').then(([outcome]) => outcome as IngestOutcome);
  return { answer, give: (outcome) => void gate.emit('answer', outcome) };
}

function exported(exporter: TeleferricSpanExporter, spans: readonly unknown[] = []): Promise<ExportResult> {
  return new Promise((resolve) => exporter.export(spans as ReadableSpan[], resolve));
}

function exportOnce(target: Target, options: ExporterOptions = {}): Promise<ExportResult> {
  return exported(new TeleferricSpanExporter(target, options));
}

afterEach(() => {
  jest.useRealTimers();
  diag.disable();
});

test('what the SDK asks for is there, and each signal goes its way', async () => {
  const target = new Target(ACCEPTED);
  const options = { metadata: { tenant: 'a' }, context: { tenant: 'b', priority: 1 } } as const;
  const spans: SpanExporter = new TeleferricSpanExporter(target, options);
  const metrics: PushMetricExporter = new TeleferricMetricExporter(target, options);
  const logs: LogRecordExporter = new TeleferricLogExporter(target, options);
  const resource = { attributes: {} };
  const results = await Promise.all([
    new Promise((resolve) => spans.export([], resolve)),
    new Promise((resolve) => metrics.export({ resource, scopeMetrics: [] } as never, resolve)),
    new Promise((resolve) => logs.export([], resolve)),
  ]);
  expect(results).toEqual([{ code: 0 }, { code: 0 }, { code: 0 }]);
  expect(target.calls.map(({ signal }) => signal)).toEqual(['traces', 'metrics', 'logs']);
  expect(target.calls.map((call) => call.options)).toEqual([options, options, options]);
});

describe('a refusal', () => {
  test('for the moment is tried again after the time that the collector says', async () => {
    const target = new Target(refused(true, 0), refused(true, 1), ACCEPTED);
    await expect(exportOnce(target)).resolves.toEqual({ code: 0 });
    expect(target.calls).toHaveLength(3);
  });

  test('without a time is tried again after a second, then later, five times at most', async () => {
    jest.useFakeTimers();
    const target = new Target(refused(true, null));
    const result = exportOnce(target, { timeoutMillis: 60_000 });
    await jest.advanceTimersByTimeAsync(700);
    expect(target.calls).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(600);
    expect(target.calls).toHaveLength(2);
    await jest.advanceTimersByTimeAsync(30_000);
    await expect(result).resolves.toMatchObject({ code: 1, error: { code: 'queue_full', retryable: true } });
    expect(target.calls).toHaveLength(6);
  });

  test('is not waited for beyond the timeout', async () => {
    const target = new Target(refused(true, 5000));
    await expect(exportOnce(target, { timeoutMillis: 4000 })).resolves.toMatchObject({ code: 1 });
    expect(target.calls).toHaveLength(1);
  });

  test('for good is passed on at once', async () => {
    const target = new Target(refused(false, null));
    const { code, error } = await exportOnce(target);
    expect(code).toBe(1);
    expect(error).toBeInstanceOf(ExportError);
    expect(error).toMatchObject({ code: 'queue_full', retryable: false, message: 'the queue is full' });
    expect(target.calls).toHaveLength(1);
  });
});

test('a partial success counts as success and is logged', async () => {
  const warn = jest.fn();
  diag.setLogger({ warn, error: warn, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);
  const target = new Target({ outcome: 'partial', rejected: 2, message: 'too old' });
  await expect(exportOnce(target)).resolves.toEqual({ code: 0 });
  expect(warn.mock.calls).toEqual([['Received Partial Success response:', '{"rejected":2,"errorMessage":"too old"}']]);
});

test('a collector that does not answer in time fails the export', async () => {
  const { code, error } = await exportOnce(new Target(PENDING), { timeoutMillis: 5 });
  expect({ code, error }).toMatchObject({ code: 1, error: { code: 'timeout', retryable: true } });
});

test('a collector that has not started yet is waited for, one that is closed is not', async () => {
  jest.useFakeTimers();
  const early = exportOnce(new Target(new CollectorError('INVALID_STATE', 'idle'), ACCEPTED));
  await jest.advanceTimersByTimeAsync(2000);
  await expect(early).resolves.toEqual({ code: 0 });
  const late = await exportOnce(new Target(new CollectorError('CLOSED')));
  expect(late.code).toBe(1);
  expect(isCollectorError(late.error, 'CLOSED')).toBe(true);
});

test('exports beyond the limit fail at once, and flushing waits for the others', async () => {
  const { answer, give } = later();
  const target = new Target(answer);
  const exporter = new TeleferricSpanExporter(target, { concurrencyLimit: 2 });
  const [first, second, third] = [exported(exporter), exported(exporter), exported(exporter)];
  await expect(third).resolves.toMatchObject({ code: 1, error: { message: 'concurrent export limit reached' } });
  let flushed = false;
  const flush = exporter.forceFlush().then(() => (flushed = true));
  await Promise.resolve();
  expect(flushed).toBe(false);
  give(ACCEPTED);
  await flush;
  await expect(Promise.all([first, second])).resolves.toEqual([{ code: 0 }, { code: 0 }]);
  await expect(exported(exporter)).resolves.toEqual({ code: 0 });
});

test('shutting down twice waits for what is under way, and lets nothing more in', async () => {
  const { answer, give } = later();
  const target = new Target(answer);
  const exporter = new TeleferricSpanExporter(target);
  const first = exported(exporter);
  const ends = [exporter.shutdown(), exporter.shutdown()];
  await expect(exported(exporter)).resolves.toMatchObject({
    code: 1,
    error: { message: 'the exporter was shut down' },
  });
  give(ACCEPTED);
  await Promise.all(ends);
  await expect(first).resolves.toEqual({ code: 0 });
  await exporter.shutdown();
  await exporter.forceFlush();
  expect(target.calls).toHaveLength(1);
});

test('spans that cannot be written fail their export', async () => {
  const target = new Target(ACCEPTED);
  const broken = {
    spanContext: () => {
      throw new Error('no context');
    },
  };
  await expect(exported(new TeleferricSpanExporter(target), [broken])).resolves.toMatchObject({ code: 1 });
  expect(target.calls).toHaveLength(0);
});

test('a callback that throws is told of and harms nothing', async () => {
  const error = jest.fn();
  diag.setLogger({ error, warn() {}, info() {}, debug() {}, verbose() {} }, DiagLogLevel.ERROR);
  const exporter = new TeleferricSpanExporter(new Target(ACCEPTED));
  exporter.export([], () => {
    throw new Error('the processor failed');
  });
  await exporter.forceFlush();
  expect(error.mock.calls).toEqual([['the callback of an export failed', 'the processor failed']]);
  await expect(exported(exporter)).resolves.toEqual({ code: 0 });
});

test('tracing is suppressed on the way, and on retries', async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  try {
    const target = new Target(refused(true, 1), ACCEPTED);
    await expect(exportOnce(target)).resolves.toEqual({ code: 0 });
    expect(target.calls.map(({ suppressed }) => suppressed)).toEqual([true, true]);
    expect(isTracingSuppressed(context.active())).toBe(false);
  } finally {
    context.disable();
  }
});

describe('temporality', () => {
  const names = Object.values(InstrumentType);
  const cumulative = Object.fromEntries(names.map((name) => [name, 1]));
  const lowmemory = { ...cumulative, COUNTER: 0, HISTOGRAM: 0 };
  const delta = { ...lowmemory, OBSERVABLE_COUNTER: 0, GAUGE: 0, OBSERVABLE_GAUGE: 0 };

  test.each([
    [undefined, 'delta', delta],
    [undefined, 'LowMemory', lowmemory],
    [undefined, 'nonsense', cumulative],
    [undefined, undefined, cumulative],
    [0, undefined, delta],
    [1, 'delta', cumulative],
    [2, undefined, lowmemory],
    ['lowmemory', 'delta', lowmemory],
  ] as const)('of preference %s and environment %s', (temporalityPreference, variable, expected) => {
    const key = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE';
    if (variable !== undefined) process.env[key] = variable;
    try {
      const options = temporalityPreference === undefined ? {} : { temporalityPreference };
      const exporter = new TeleferricMetricExporter(new Target(), options);
      const chosen = names.map((name) => [name, exporter.selectAggregationTemporality(name)]);
      expect(Object.fromEntries(chosen)).toEqual(expected);
      expect(exporter.selectAggregation(InstrumentType.HISTOGRAM)).toEqual({ type: 0 });
    } finally {
      delete process.env[key];
    }
  });

  test('aggregation is as wanted', () => {
    const options = {
      aggregationPreference: (kind: InstrumentType) => ({ type: kind === 'HISTOGRAM' ? 5 : 0 }) as const,
    };
    const exporter = new TeleferricMetricExporter(new Target(), options);
    expect(exporter.selectAggregation(InstrumentType.HISTOGRAM)).toEqual({ type: 5 });
  });
});

test.each([
  ['collector', null, {}],
  ['collector', structuredClone(new Target()), {}],
  ['concurrencyLimit', new Target(), { concurrencyLimit: 0 }],
  ['concurrencyLimit', new Target(), { concurrencyLimit: '30' }],
  ['timeoutMillis', new Target(), { timeoutMillis: Number.NaN }],
  ['timeoutMillis', new Target(), { timeoutMillis: 2 ** 31 }],
  ['did you mean "timeoutMillis"?', new Target(), { timeoutMilis: 1 }],
  ['options of exporter must be an object', new Target(), 'fast'],
  ['temporalityPreference', new Target(), { temporalityPreference: 'gamma' }],
  ['aggregationPreference', new Target(), { aggregationPreference: 1 }],
  ['context.priority', new Target(), { context: { priority: 9 } }],
])('a wrong argument is refused: %s', (words, target, options) => {
  let error: unknown;
  try {
    void new TeleferricMetricExporter(target as Target, options as object);
  } catch (thrown) {
    error = thrown;
  }
  expect(isCollectorError(error, 'INVALID_ARGUMENT')).toBe(true);
  expect((error as Error).message).toContain(words);
});

test('options are not taken from a prototype', async () => {
  const options = Object.create({ timeoutMillis: -1, nonsense: 1 }) as object;
  await expect(exportOnce(new Target(ACCEPTED), options)).resolves.toEqual({ code: 0 });
});
