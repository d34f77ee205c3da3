import {
  joined,
  logs,
  metrics,
  runPlugin,
  SeverityNumber,
  SpanKind,
  startPlugin,
  TEST_TIME_UNIX_NANO,
  traces,
  type Batch,
} from '../../../src/testing/index.js';
import { decodeReference } from '../views/reference.js';

/** The plugin of the documentation. */
const quiet = {
  process(batch: Batch) {
    for (const span of batch.spans()) {
      if (span.attributes.get('http.route') === '/health') span.drop();
      else span.attributes.set('team', 'checkout');
    }
  },
};

describe('fixtures', () => {
  it('make spans with what is said and fixed defaults', () => {
    const fixtures = [
      { name: 'GET /cart', kind: SpanKind.SERVER, attributes: { 'http.route': '/cart', size: 3n, tags: ['a'] } },
      {
        traceId: 'ab'.repeat(16),
        parentSpanId: 'cd'.repeat(8),
        startTimeUnixNano: 5,
        events: [{ name: 'retry', attributes: { attempt: 2 } }],
        links: [{ traceId: 'ef'.repeat(16), attributes: { why: 'batch' } }],
        status: { code: 2 },
      },
    ];
    const batch = traces(fixtures, { resource: { 'service.name': 'shop' }, scope: { name: 'http', version: '1' } });
    const [first, second] = batch.spans();
    expect(first).toMatchObject({ name: 'GET /cart', kind: SpanKind.SERVER, startTimeUnixNano: TEST_TIME_UNIX_NANO });
    expect([first!.traceId, first!.spanId]).toEqual(['1'.padStart(32, '0'), '1'.padStart(16, '0')]);
    expect(first!.attributes.toObject()).toEqual({ 'http.route': '/cart', size: 3, tags: ['a'] });
    expect(second).toMatchObject({
      traceId: 'ab'.repeat(16),
      spanId: '2'.padStart(16, '0'),
      endTimeUnixNano: 1_000_005n,
    });
    expect(Array.from(second!.events(), (event) => [event.name, ...event.attributes])).toEqual([
      ['retry', ['attempt', 2]],
    ]);
    expect(Array.from(second!.links(), (link) => [...link.attributes])).toEqual([[['why', 'batch']]]);
    expect([second!.resource.attributes.get('service.name'), second!.scope.version]).toEqual(['shop', '1']);
    expect(batch.encode()).toEqual(
      traces(fixtures, { resource: { 'service.name': 'shop' }, scope: { name: 'http', version: '1' } }).encode(),
    );
  });

  it('make log records and metrics of all kinds', () => {
    const [record] = logs([{ body: { text: 'hello' }, severityText: 'warn', attributes: { a: 1 } }]).logRecords();
    expect(record).toMatchObject({
      body: { text: 'hello' },
      severityNumber: SeverityNumber.INFO,
      severityText: 'warn',
    });
    const batch = metrics([
      { name: 'g', gauge: { dataPoints: [{ value: 1.5, attributes: { a: 1 } }, { value: 2n }] } },
      { name: 's', unit: 'By', sum: { isMonotonic: true, aggregationTemporality: 2, dataPoints: [{ value: 3n }] } },
      { name: 'h', histogram: { dataPoints: [{ count: 2, bucketCounts: [1, 1], explicitBounds: [0.5] }] } },
      { name: 'e', exponentialHistogram: { dataPoints: [{ scale: 3, positive: { offset: 1, bucketCounts: [4n] } }] } },
      { name: 'q', summary: { dataPoints: [{ count: 1, quantileValues: [{ quantile: 0.5, value: 7 }] }] } },
    ]);
    expect(Array.from(batch.dataPoints(), ({ kind, metric }) => [metric.name, kind])).toEqual([
      ['g', 'number'],
      ['g', 'number'],
      ['s', 'number'],
      ['h', 'histogram'],
      ['e', 'exponentialHistogram'],
      ['q', 'summary'],
    ]);
    const read = JSON.stringify(decodeReference('metrics', batch.encode()));
    for (const part of [
      '"asDouble":1.5',
      '"asInt":"2"',
      '"isMonotonic":true',
      '"bucketCounts":["1","1"]',
      '"offset":1',
    ]) {
      expect(read).toContain(part);
    }
  });

  it('are refused with what is wrong in them', () => {
    expect(() => traces([{ nmae: 'typo' } as object])).toThrow('spans[0]: Span has no field "nmae"');
    expect(() => traces([{ traceId: 'xyz' }])).toThrow('traceId: expected 32 hexadecimal digits, or none');
    expect(() => logs([{ attributes: { when: new Date(0) as never } }])).toThrow(
      'not an attribute value: instance of Date',
    );
    expect(() => joined(traces([]), logs([]))).toThrow('batches of one signal can be joined');
  });
});

describe('a plugin under test', () => {
  it('changes a copy of the batch, and the outcome says how', async () => {
    const given = joined(
      traces([{ name: 'probe', attributes: { 'http.route': '/health' } }]),
      traces([{ name: 'GET /cart', attributes: { 'http.route': '/cart' } }], { resource: { 'service.name': 'shop' } }),
    );
    const { batch, changed, droppedItems } = await runPlugin(quiet, given);
    expect([changed, droppedItems, batch.items, given.items]).toEqual([true, 1, 1, 2]);
    const [span] = batch.spans();
    expect([span!.name, span!.attributes.get('team')]).toEqual(['GET /cart', 'checkout']);
    const nothing = await runPlugin(quiet, traces([{ attributes: { 'http.route': '/health' } }]));
    expect([nothing.bytes.length, nothing.droppedItems]).toEqual([0, 1]);
    expect((await runPlugin(quiet, logs([{}]))).changed).toBe(false);
  });

  it('is set up once with checked options and closed once', async () => {
    const calls: unknown[] = [];
    interface Context {
      readonly options: { readonly keys: readonly string[] };
      readonly tenant: string | null;
      readonly log: { warn(message: string, fields?: object): void };
    }
    const plugin = {
      options: (configured: Readonly<Record<string, unknown>>) => ({ keys: String(configured['keys']).split(',') }),
      setup: (options: { keys: string[] }, context: Context) => void calls.push(options, context.options === options),
      process: async (batch: Batch, { tenant, options, log }: Context) => {
        log.warn('seen', { items: batch.items });
        calls.push([tenant, options.keys.length]);
      },
      close: () => void calls.push('closed'),
    };
    const running = await startPlugin({ default: plugin }, { options: { keys: 'a,b' }, context: { tenant: 't' } });
    const { logged } = await running.process(traces([{}]));
    expect(logged).toEqual([{ level: 'warn', message: 'seen', fields: { items: 1 } }]);
    expect((await running.process(logs([{}, {}]))).logged).toHaveLength(1);
    await running.close();
    await running.close();
    expect(calls).toEqual([{ keys: ['a', 'b'] }, true, ['t', 2], ['t', 2], 'closed']);
    await expect(running.process(traces([]))).rejects.toThrow('the plugin is closed');
  });

  it('knows nothing of the sender unless the test says so', async () => {
    let seen: object = {};
    await runPlugin({ process: (_batch: Batch, context: object) => void (seen = context) }, traces([]));
    const { abortSignal, ...rest } = seen as { abortSignal: AbortSignal };
    expect(rest).toMatchObject({ id: 'ts/test', tenant: null, peer: null, metadata: [], options: {} });
    expect(abortSignal.aborted).toBe(false);
  });

  it('fails the test with its own error, or with what it did wrong', async () => {
    const throwing = {
      process() {
        throw new RangeError('boom');
      },
    };
    await expect(runPlugin(throwing, traces([]))).rejects.toThrow(new RangeError('boom'));
    await expect(runPlugin({ process: (batch: Batch) => batch }, traces([]))).rejects.toThrow('has to return nothing');
    await expect(runPlugin({} as typeof quiet, traces([]))).rejects.toThrow('not a plugin');
    const strict = {
      ...quiet,
      options: () => {
        throw new TypeError('options.keys is missing');
      },
    };
    await expect(runPlugin(strict, traces([]))).rejects.toThrow('options.keys is missing');
  });
});
