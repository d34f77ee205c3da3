/**
 * Statements 35 to 44: OTLP/JSON as the receiver reads it and as the exporter writes it.
 */
import { direct, startCollector, type Running } from '../support/collector.js';
import { everything, nameOf } from '../support/fixtures.js';
import { Cleanup } from '../support/poll.js';
import { itemsOf, listOf, NAMES, plainOf, plainRequest, SIGNALS, type Plain, type Signal } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import { callHttp, JSON_TYPE, postRequest, type HttpReply } from '../support/wire.js';
import { statement } from './statements.js';

const cleanup = new Cleanup();
/** Writes protobuf. */
let collector: Running;
let sink: HttpSink;
/** Writes JSON. */
let writer: Running;
let jsonSink: HttpSink;

beforeAll(async () => {
  sink = cleanup.add(await HttpSink.start(), (it) => it.close());
  jsonSink = cleanup.add(await HttpSink.start(), (it) => it.close());
  collector = cleanup.add(await startCollector({ exporters: { otlp_http: direct(sink) } }), (it) => it.close());
  const json = direct(jsonSink, { encoding: 'json' });
  writer = cleanup.add(await startCollector({ exporters: { otlp_http: json } }), (it) => it.close());
});
beforeEach(() => {
  sink.reset();
  jsonSink.reset();
});
afterEach(async () => {
  await collector.memoryIsFree();
  await writer.memoryIsFree();
});
afterAll(() => cleanup.run());

function post(to: Running, signal: Signal, body: string): Promise<HttpReply> {
  return callHttp(to.http, { path: NAMES[signal].path, headers: { 'content-type': JSON_TYPE }, body });
}

const wrap = (signal: Signal, item: string): string => {
  const [resources, scopes, items] = NAMES[signal].levels;
  return `{"${resources}":[{"${scopes}":[{"${items}":[${item}]}]}]}`;
};

/** The one item that came out for an item written as JSON text, which keeps numbers as they are written. */
async function read(signal: Signal, item: string): Promise<Plain> {
  sink.reset();
  const reply = await post(collector, signal, wrap(signal, item));
  expect({ status: reply.status, body: reply.body.toString() }).toEqual({ status: 200, body: '{"partialSuccess":{}}' });
  const [request] = sink.requests(signal);
  const [only] = itemsOf(signal, request ?? {});
  return only ?? {};
}

/** Text of the item that the exporter writes for an item. */
async function written(signal: Signal, item: object): Promise<string> {
  jsonSink.reset();
  const [resources, scopes, items] = NAMES[signal].levels;
  const request = { [resources]: [{ [scopes]: [{ [items]: [item] }] }] };
  expect(await postRequest(writer.http, signal, request)).toMatchObject({ status: 200 });
  expect(jsonSink.received[0]?.headers['content-type']).toBe(JSON_TYPE);
  return jsonSink.received[0]?.body.toString() ?? '';
}

async function refuses(signal: Signal, item: string): Promise<void> {
  sink.reset();
  const reply = await post(collector, signal, wrap(signal, item));
  expect({ item, status: reply.status }).toEqual({ item, status: 400 });
  expect(JSON.parse(reply.body.toString())).toMatchObject({ code: 3, message: expect.any(String) as unknown });
  expect(sink.received).toHaveLength(0);
}

const value = (json: string): string => `{"body":${json}}`;

statement(35, '', async () => {
  const ids = { traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174' };
  const upper = { traceId: ids.traceId.toUpperCase(), spanId: ids.spanId.toUpperCase() };
  for (const form of [ids, upper]) expect(await read('traces', JSON.stringify(form))).toEqual(ids);
  for (const id of ['5b8efff798038103d269b633813fc60', `${ids.traceId}00`, `${ids.traceId.slice(0, -1)}g`, 'x']) {
    await refuses('traces', JSON.stringify({ traceId: id }));
    await refuses('logs', JSON.stringify({ traceId: id }));
    await refuses('traces', JSON.stringify({ links: [{ traceId: id }] }));
  }
  for (const id of ['eee19b7ec3c1b1', 'zzz19b7ec3c1b174']) {
    await refuses('traces', JSON.stringify({ spanId: id }));
    await refuses('traces', JSON.stringify({ parentSpanId: id }));
  }
});

statement(35, 'written in lower case', async () => {
  const text = await written('traces', {
    traceId: Buffer.from('5B8EFFF798038103D269B633813FC60C', 'hex'),
    spanId: Buffer.from('EEE19B7EC3C1B174', 'hex'),
  });
  expect(text).toContain('"traceId":"5b8efff798038103d269b633813fc60c"');
  expect(text).toContain('"spanId":"eee19b7ec3c1b174"');
});

statement(36, '', async () => {
  expect(await read('logs', value('{"bytesValue":"+/8="}'))).toEqual({ body: { bytesValue: 'fbff' } });
  expect(await read('logs', value('{"bytesValue":""}'))).toEqual({ body: { bytesValue: '' } });
  await refuses('logs', value('{"bytesValue":"+/*="}'));
  for (const [bytes, base64] of [
    ['fbff', '+/8='],
    ['00', 'AA=='],
    ['010203', 'AQID'],
  ] as const) {
    const text = await written('logs', { body: { bytesValue: Buffer.from(bytes, 'hex') } });
    expect(text).toContain(`"bytesValue":"${base64}"`);
  }
});

statement(37, '', async () => {
  for (const int of ['0', '-1', '9007199254740993', '9223372036854775807', '-9223372036854775808']) {
    for (const form of [int, `"${int}"`]) {
      expect(await read('logs', value(`{"intValue":${form}}`))).toEqual({ body: { intValue: int } });
      const metric = await read('metrics', `{"gauge":{"dataPoints":[{"asInt":${form}}]}}`);
      expect(metric).toEqual({ gauge: { dataPoints: [{ asInt: int }] } });
    }
  }
  for (const bad of ['9223372036854775808', '"-9223372036854775809"', '1.5', '"x"', 'true', '""']) {
    await refuses('logs', value(`{"intValue":${bad}}`));
  }
});

statement(37, 'written as strings', async () => {
  expect(await written('logs', { body: { intValue: '9007199254740993' } })).toContain('"intValue":"9007199254740993"');
});

statement(38, '', async () => {
  for (const time of ['1', '1544712660300000123', '18446744073709551615']) {
    expect(await read('logs', `{"timeUnixNano":"${time}"}`)).toEqual({ timeUnixNano: time });
    expect(await read('logs', `{"timeUnixNano":${time}}`)).toEqual({ timeUnixNano: time });
    expect(await written('logs', { timeUnixNano: time })).toContain(`"timeUnixNano":"${time}"`);
  }
  await refuses('logs', '{"timeUnixNano":"18446744073709551616"}');
  await refuses('logs', '{"timeUnixNano":"-1"}');
});

statement(39, '', async () => {
  expect(await read('traces', '{"kind":3,"status":{"code":2}}')).toEqual({ kind: 3, status: { code: 2 } });
  expect(await read('logs', '{"severityNumber":17}')).toEqual({ severityNumber: 17 });
  // One that no version knows yet passes through.
  expect(await read('traces', '{"kind":77}')).toEqual({ kind: 77 });
  expect(await written('traces', { kind: 3, status: { code: 2 } })).toMatch(/"kind":3.*"code":2/);
  expect(await written('metrics', { sum: { aggregationTemporality: 2, dataPoints: [{ asInt: '1' }] } })).toContain(
    '"aggregationTemporality":2',
  );
});

statement(40, '', async () => {
  const unknown = '"zzz":{"a":[1,{"b":null}],"c":"}]"},"zz":[[],{}],"z":"\\"","y":-1.5e3,"x":null,"w":true,';
  const [request, resource, scope] = ['{', '{"resource":{', '{"scope":{'].map((text) => text + unknown);
  const span = `{${unknown}"name":"n","attributes":[{${unknown}"key":"k","value":{${unknown}"intValue":1}}]}`;
  const text =
    `${request}"resourceSpans":[${resource}"droppedAttributesCount":1},${unknown}` +
    `"scopeSpans":[${scope}"name":"s"},${unknown}"spans":[${span}]}]}]}`;
  expect(await post(collector, 'traces', text)).toMatchObject({ status: 200 });
  const attributes = [{ key: 'k', value: { intValue: '1' } }];
  expect(sink.requests('traces')).toEqual([
    {
      resourceSpans: [
        {
          resource: { droppedAttributesCount: 1 },
          scopeSpans: [{ scope: { name: 's' }, spans: [{ name: 'n', attributes }] }],
        },
      ],
    },
  ]);
});

for (const signal of SIGNALS) {
  statement(41, signal, async () => {
    const [resources, scopes, items] = NAMES[signal].levels;
    const item = {
      traces: { trace_id: '5b8efff798038103d269b633813fc60c', start_time_unix_nano: '5', trace_state: 'a=1' },
      metrics: { gauge: { data_points: [{ time_unix_nano: '5', as_int: '6' }] } },
      logs: { observed_time_unix_nano: '5', severity_text: 'INFO', event_name: 'e' },
    }[signal];
    const text = JSON.stringify({
      [snake(resources)]: [{ schema_url: 'u', [snake(scopes)]: [{ [snake(items)]: [item] }] }],
    });
    expect(await post(collector, signal, text)).toMatchObject({ status: 200 });
    const [only] = itemsOf(signal, sink.requests(signal)[0] ?? {});
    expect(only).toEqual(camel(item));
    expect(await postRequest(writer.http, signal, everything(signal))).toMatchObject({ status: 200 });
    const keys = [...(jsonSink.received[0]?.body.toString().matchAll(/"([A-Za-z_]+)":/g) ?? [])].map(([, key]) => key);
    expect(keys.length).toBeGreaterThan(100);
    expect(keys.filter((key) => key?.includes('_'))).toEqual([]);
  });

  test(`what the exporter writes as JSON is what came [${signal}]`, async () => {
    expect(await postRequest(writer.http, signal, everything(signal))).toMatchObject({ status: 200 });
    const text = jsonSink.received[0]?.body.toString() ?? '';
    expect(await post(collector, signal, text)).toMatchObject({ status: 200 });
    expect(sink.requests(signal)).toEqual([plainRequest(signal, everything(signal))]);
  });
}

function snake(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function camelKey(key: string): string {
  return key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function camel(from: unknown): unknown {
  if (Array.isArray(from)) return from.map(camel);
  if (typeof from !== 'object' || from === null) return from;
  return Object.fromEntries(Object.entries(from).map(([key, each]) => [camelKey(key), camel(each)]));
}

statement(42, '', async () => {
  const cases: readonly [string, number][] = [
    ['"NaN"', Number.NaN],
    ['"Infinity"', Number.POSITIVE_INFINITY],
    ['"-Infinity"', Number.NEGATIVE_INFINITY],
    ['1.5e300', 1.5e300],
    ['"-1E-3"', -0.001],
    ['-0', -0],
    ['7', 7],
  ];
  for (const [text, double] of cases) {
    expect(await read('logs', value(`{"doubleValue":${text}}`))).toEqual({ body: { doubleValue: double } });
    const metric = `{"gauge":{"dataPoints":[{"asDouble":${text}}]}}`;
    expect(await read('metrics', metric)).toEqual({ gauge: { dataPoints: [{ asDouble: double }] } });
  }
  for (const bad of ['NaN', '"nan"', '"+Infinity"', '1.', '.5', '01', '"x"', 'true']) {
    await refuses('logs', value(`{"doubleValue":${bad}}`));
  }
  for (const [word, double] of cases.slice(0, 3)) {
    expect(await written('logs', { body: { doubleValue: double } })).toContain(`"doubleValue":${word}`);
  }
});

statement(43, '', async () => {
  expect(await read('traces', '{"name":"n","parentSpanId":""}')).toEqual(await read('traces', '{"name":"n"}'));
  expect(await read('traces', '{"name":"n","parentSpanId":null}')).toEqual({ name: 'n' });
});

/** Written for this suite with the fields and forms of the published examples. */
const EXAMPLES: readonly {
  readonly name: string;
  readonly signal: Signal;
  readonly items: readonly string[];
  readonly json: object;
}[] = [
  {
    name: 'trace',
    signal: 'traces',
    items: ['a server span'],
    json: envelope('traces', [
      {
        traceId: '5B8EFFF798038103D269B633813FC60C',
        spanId: 'EEE19B7EC3C1B174',
        parentSpanId: 'EEE19B7EC3C1B173',
        name: 'a server span',
        startTimeUnixNano: '1544712660000000000',
        endTimeUnixNano: '1544712661000000000',
        kind: 2,
        attributes: [{ key: 'span.attribute', value: { stringValue: 'text' } }],
      },
    ]),
  },
  {
    name: 'metrics',
    signal: 'metrics',
    items: ['a counter', 'a gauge', 'a histogram', 'an exponential histogram'],
    json: envelope('metrics', [
      {
        name: 'a counter',
        unit: '1',
        description: 'counts',
        sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [point({ asDouble: 5 })] },
      },
      { name: 'a gauge', unit: '1', description: 'shows', gauge: { dataPoints: [point({ asDouble: 10 })] } },
      {
        name: 'a histogram',
        unit: '1',
        histogram: {
          aggregationTemporality: 1,
          dataPoints: [point({ count: 2, sum: 2, bucketCounts: [1, 1], explicitBounds: [1], min: 0, max: 2 })],
        },
      },
      {
        name: 'an exponential histogram',
        exponentialHistogram: {
          aggregationTemporality: 1,
          dataPoints: [
            point({
              count: 3,
              sum: 10,
              scale: 0,
              zeroCount: 1,
              positive: { offset: 1, bucketCounts: [0, 2] },
              min: 0,
              max: 5,
              zeroThreshold: 0,
            }),
          ],
        },
      },
    ]),
  },
  {
    name: 'logs',
    signal: 'logs',
    items: ['a log line'],
    json: envelope('logs', [
      {
        timeUnixNano: '1544712660300000000',
        observedTimeUnixNano: '1544712660300000000',
        severityNumber: 10,
        severityText: 'Information',
        traceId: '5B8EFFF798038103D269B633813FC60C',
        spanId: 'EEE19B7EC3C1B174',
        body: { stringValue: 'a log line' },
        attributes: [
          { key: 'string', value: { stringValue: 'text' } },
          { key: 'boolean', value: { boolValue: true } },
          { key: 'int', value: { intValue: '10' } },
          { key: 'double', value: { doubleValue: 637.704 } },
          { key: 'array', value: { arrayValue: { values: [{ stringValue: 'many' }, { stringValue: 'values' }] } } },
          { key: 'map', value: { kvlistValue: { values: [{ key: 'key', value: { stringValue: 'value' } }] } } },
        ],
      },
    ]),
  },
  {
    name: 'events',
    signal: 'logs',
    items: ['an event'],
    json: envelope('logs', [
      {
        timeUnixNano: '1544712660300000000',
        observedTimeUnixNano: '1544712660300000000',
        severityNumber: 9,
        eventName: 'browser.page_view',
        body: { stringValue: 'an event' },
        attributes: [{ key: 'event.attribute', value: { stringValue: 'text' } }],
      },
    ]),
  },
];

function point(more: object): object {
  const times = { startTimeUnixNano: '1544712660300000000', timeUnixNano: '1544712660300000000' };
  return { ...times, attributes: [{ key: 'point.attribute', value: { stringValue: 'text' } }], ...more };
}

function envelope(signal: Signal, items: readonly object[]): object {
  const [resources, scopes, name] = NAMES[signal].levels;
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'my.service' } }] };
  const attributes = [{ key: 'scope.attribute', value: { stringValue: 'text' } }];
  const scope = { name: 'my.library', version: '1.0.0', attributes };
  return { [resources]: [{ resource, [scopes]: [{ scope, [name]: items }] }] };
}

for (const { name, signal, items, json } of EXAMPLES) {
  statement(44, `${name}, in the form of the published file`, async () => {
    expect(await post(collector, signal, JSON.stringify(json, null, 2))).toMatchObject({ status: 200 });
    const [request] = sink.requests(signal);
    const [resource] = listOf(request?.[NAMES[signal].levels[0]]);
    expect(plainOf(resource?.['resource'])).toEqual({
      attributes: [{ key: 'service.name', value: { stringValue: 'my.service' } }],
    });
    expect(itemsOf(signal, request ?? {}).map((item) => nameOf(signal, item))).toEqual(items);
  });
}
