/**
 * Statements 57, 59 and 60: requests in flight, batches cut and joined, destinations beside each other.
 */
import { exporterTo, type Running } from '../support/collector.js';
import { ACCEPT, Exporting, sendNamed } from '../support/exporting.js';
import { everything, named, nameOf } from '../support/fixtures.js';
import { eventually, Gate } from '../support/poll.js';
import { itemsOf, listOf, NAMES, plainRequest, SIGNALS, type Plain, type Signal } from '../support/proto.js';
import { GrpcSink, HttpSink } from '../support/sinks.js';
import { sendTo, TRANSPORTS } from '../support/wire.js';
import { statement } from './statements.js';

let exporting: Exporting;
beforeEach(() => {
  exporting = new Exporting();
});
afterEach(() => exporting.close());

for (const kind of TRANSPORTS) {
  for (const consumers of [1, 3]) {
    statement(57, `${kind}, ${consumers}`, async () => {
      const gate = new Gate();
      let [running, most] = [0, 0];
      const answer = async (): Promise<object> => {
        running += 1;
        most = Math.max(most, running);
        await gate.opened;
        running -= 1;
        return {};
      };
      const sink = exporting.keep(
        kind === 'grpc' ? await GrpcSink.start({ answer }) : await HttpSink.start({ answer }),
      );
      const collector = await exporting.collector(sink, { sending_queue: { num_consumers: consumers } });
      const names = Array.from({ length: 10 }, (_, index) => `n${index}`);
      for (const name of names) expect(await sendNamed(collector, name)).toMatchObject({ ok: true });
      await eventually(() => running === consumers);
      expect(collector.metric('otelcol_exporter_in_flight_requests')).toBe(consumers);
      gate.open();
      await eventually(() => sink.items === names.length);
      expect(most).toBe(consumers);
      expect(sink.names('logs').toSorted()).toEqual(names);
      await collector.memoryIsFree();
    });
  }
}

/** What a request says of each item: which resource, scope and schemas it belongs to. */
function flattened(signal: Signal, requests: readonly Plain[]): readonly object[] {
  const [resources, scopes, items] = NAMES[signal].levels;
  return requests.flatMap((request) =>
    listOf(request[resources]).flatMap((resource) =>
      listOf(resource[scopes]).flatMap((scope) =>
        listOf(scope[items]).flatMap((item) =>
          pointsOf(item).map((point) => ({
            resource: resource['resource'],
            resourceSchema: resource['schemaUrl'],
            scope: scope['scope'],
            scopeSchema: scope['schemaUrl'],
            item: point,
          })),
        ),
      ),
    ),
  );
}

const METRIC_KINDS = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];

/** A metric once for each of its points, with one point; other items as they are. */
function pointsOf(item: Plain): readonly Plain[] {
  const kind = METRIC_KINDS.find((name) => name in item);
  if (kind === undefined) return [item];
  const data = item[kind] as Plain;
  return listOf(data['dataPoints']).map((point) => ({ ...item, [kind]: { ...data, dataPoints: [point] } }));
}

function batching(collectorSettings: object): object {
  return { sending_queue: { queue_size: 1000, batch: { flush_timeout: '20ms', ...collectorSettings } } };
}

for (const signal of SIGNALS) {
  statement(59, `split, ${signal}`, async () => {
    const sink = await exporting.sink('http', ACCEPT);
    const collector = await exporting.collector(sink, batching({ sizer: 'items', min_size: 1, max_size: 2 }));
    const request = everything(signal);
    const sent = flattened(signal, [plainRequest(signal, request)]);
    expect(sent.length).toBeGreaterThan(4);
    expect(await sendTo(collector, 'grpc', signal, request)).toMatchObject({ ok: true });
    await eventually(() => flattened(signal, sink.requests(signal)).length === sent.length);
    for (const part of sink.requests(signal)) expect(flattened(signal, [part]).length).toBeLessThanOrEqual(2);
    expect(byText(flattened(signal, sink.requests(signal)))).toEqual(byText(sent));
    await collector.memoryIsFree();
  });

  statement(59, `merge, ${signal}`, async () => {
    const sink = await exporting.sink('http', ACCEPT);
    const collector = await exporting.collector(sink, batching({ sizer: 'items', min_size: 6, flush_timeout: '60s' }));
    const [resources, scopes, items] = NAMES[signal].levels;
    const [envelope] =
      (named(signal, 'x') as Record<string, Record<string, Record<string, object[]>[]>[]>)[resources] ?? [];
    const one = envelope?.[scopes]?.[0]?.[items] ?? [];
    const base = {
      resource: attributes('r'),
      schemaUrl: 'r1',
      [scopes]: [{ scope: attributes('s'), schemaUrl: 's1', [items]: one }],
    };
    const different = [
      base,
      { ...base, schemaUrl: 'r2' },
      { ...base, resource: attributes('other') },
      { ...base, resource: { ...attributes('r'), droppedAttributesCount: 1 } },
      { ...base, [scopes]: [{ scope: attributes('s'), schemaUrl: 's2', [items]: one }] },
      { ...base, [scopes]: [{ scope: { ...attributes('s'), version: '2' }, schemaUrl: 's1', [items]: one }] },
    ].map((resource) => ({ [resources]: [resource] }));
    for (const request of different)
      expect(await sendTo(collector, 'grpc', signal, request)).toMatchObject({ ok: true });
    await eventually(() => sink.requests(signal).length > 0 && sink.items === different.length);
    expect(sink.requests(signal)).toHaveLength(1);
    const sent = flattened(
      signal,
      different.map((request) => plainRequest(signal, request)),
    );
    expect(byText(flattened(signal, sink.requests(signal)))).toEqual(byText(sent));
    await collector.memoryIsFree();
  });
}

function attributes(value: string): object {
  return { attributes: [{ key: 'k', value: { stringValue: value } }] };
}

/** Sorted: requests in flight beside each other have no order. */
function byText(values: readonly object[]): readonly object[] {
  return values.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

statement(59, 'the batch processor', async () => {
  const sink = await exporting.sink('http', ACCEPT);
  const batch = { timeout: '20ms', send_batch_size: 3, send_batch_max_size: 3 };
  const collector = await exporting.collector(sink, {}, { processors: { batch } });
  const request = everything('metrics');
  const sent = flattened('metrics', [plainRequest('metrics', request)]);
  expect(await sendTo(collector, 'http', 'metrics', request)).toMatchObject({ ok: true });
  await eventually(() => flattened('metrics', sink.requests('metrics')).length === sent.length);
  for (const part of sink.requests('metrics')) expect(flattened('metrics', [part]).length).toBeLessThanOrEqual(3);
  expect(byText(flattened('metrics', sink.requests('metrics')))).toEqual(byText(sent));
});

describe.each(TRANSPORTS)('60 with a %s peer that', (kind) => {
  async function beside(
    answer: 'hang' | 'reset' | object,
  ): Promise<{ collector: Running; bad: HttpSink | GrpcSink; good: HttpSink }> {
    const script = { answer: () => answer };
    const bad = exporting.keep(kind === 'grpc' ? await GrpcSink.start(script) : await HttpSink.start(script));
    const good = exporting.keep(await HttpSink.start());
    const exporters = { [`otlp_${kind}/bad`]: exporterTo(bad), 'otlp_http/good': exporterTo(good) };
    return { collector: await exporting.start({ exporters }), bad, good };
  }

  const fates = {
    'does not answer': 'hang',
    'cuts connections': 'reset',
    'refuses for good': { code: 3, status: 400 },
  } as const;
  for (const [what, answer] of Object.entries(fates)) {
    statement(60, `${kind}, ${what}`, async () => {
      const { collector, bad, good } = await beside(answer);
      const names = Array.from({ length: 50 }, (_, index) => `n${index}`);
      for (const name of names) expect(await sendNamed(collector, name)).toMatchObject({ ok: true });
      await eventually(() => good.items === names.length);
      await eventually(() => bad.received.length > 0);
      expect(good.names('logs').toSorted()).toEqual(names.toSorted());
      const sent = (): number => collector.metric('otelcol_exporter_sent_log_records', { exporter: 'otlp_http/good' });
      await eventually(() => sent() === names.length);
    });
  }
});

test('a queue keeps the order of one sender when one request is in flight at a time', async () => {
  const sink = await exporting.sink('grpc', ACCEPT);
  const collector = await exporting.collector(
    sink,
    { sending_queue: { num_consumers: 1 } },
    { service: { threads: 1 } },
  );
  const names = Array.from({ length: 100 }, (_, index) => `n${index}`);
  for (const name of names) expect(await sendNamed(collector, name)).toMatchObject({ ok: true });
  await eventually(() => sink.items === names.length);
  const arrived = sink
    .requests('logs')
    .flatMap((request) => itemsOf('logs', request).map((item) => nameOf('logs', item)));
  expect(arrived).toEqual(names);
});

test('a queue sends errors before the rest and the newest first, if it is told to', async () => {
  const gate = new Gate();
  const answer = async (): Promise<object> => {
    await gate.opened;
    return {};
  };
  const sink = exporting.keep(await GrpcSink.start({ answer }));
  const collector = await exporting.collector(
    sink,
    { sending_queue: { num_consumers: 1, order: 'newest_first', priority: true } },
    { service: { threads: 1 } },
  );
  const log = (name: string, severityNumber: number): Promise<object> => {
    const logRecords = [{ body: { stringValue: name }, severityNumber }];
    return sendTo(collector, 'grpc', 'logs', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
  };
  // The first finds the consumer free, and holds it until the others wait.
  for (const name of ['first', 'info 1', 'error 1', 'info 2', 'error 2']) {
    expect(await log(name, name.startsWith('error') ? 17 : 9)).toMatchObject({ ok: true });
  }
  gate.open();
  await eventually(() => sink.items === 5);
  expect(sink.requests('logs').map((request) => nameOf('logs', itemsOf('logs', request)[0] ?? {}))).toEqual([
    'first',
    'error 2',
    'error 1',
    'info 2',
    'info 1',
  ]);
});
