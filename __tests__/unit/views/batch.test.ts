import {
  AggregationTemporality,
  Batch,
  SeverityNumber,
  SpanKind,
  StatusCode,
  type Span,
} from '../../../src/views/index.js';
import { everything, TIME_NS } from '../../support/fixtures.js';
import { encodeReference } from './reference.js';

/** A request of one span from the bytes of its fields, in hexadecimal digits. */
function spanOf(hex: string): Batch {
  const content = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return new Batch('traces', wrap(0x0a, wrap(0x12, wrap(0x12, content))));
}

/** A field with content of up to 2^14 bytes. */
function wrap(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head = length < 0x80 ? [tag, length] : [tag, (length & 0x7f) | 0x80, length >> 7];
  return Buffer.concat([Buffer.from(head), content]);
}

function first(batch: Batch): Span {
  const [span] = batch.spans();
  return span!;
}

const traces = (spans: readonly object[]) => Batch.from('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] });
const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });

describe('views', () => {
  it('read every field of a span', () => {
    const span = first(new Batch('traces', encodeReference('traces', everything('traces'))));
    expect(span).toMatchObject({
      traceId: '5b8efff798038103d269b633813fc60c',
      spanId: 'eee19b7ec3c1b174',
      parentSpanId: '0011223344556677',
      traceState: 'a=1,b=2',
      flags: 0xffff_ffff,
      name: 'GET /cart',
      kind: SpanKind.SERVER,
      startTimeUnixNano: BigInt(TIME_NS),
      endTimeUnixNano: 2n ** 64n - 1n,
      droppedAttributesCount: 1,
      droppedEventsCount: 3,
      droppedLinksCount: 5,
    });
    expect([span.status.code, span.status.message]).toEqual([StatusCode.ERROR, 'timed out']);
    expect(span.traceIdBytes).toHaveLength(16);
    const [event] = span.events();
    expect(event).toMatchObject({ timeUnixNano: BigInt(TIME_NS), name: 'exception', droppedAttributesCount: 2 });
    const [link] = span.links();
    expect(link).toMatchObject({ spanId: '8899aabbccddeeff', traceState: 'c=3', flags: 0x8000_0301 });
    expect([span.scope.name, span.scope.version, span.scope.schemaUrl]).toEqual([
      'scope',
      '1.2.3',
      'https://scope.example/2.0',
    ]);
    expect(span.resource).toMatchObject({
      droppedAttributesCount: 4_294_967_295,
      schemaUrl: 'https://resource.example/1.0',
      entityRefs: [
        {
          schemaUrl: 'https://entity.example/1',
          type: 'service',
          idKeys: ['string'],
          descriptionKeys: ['bool', 'int'],
        },
      ],
    });
  });

  it('read values as JavaScript has them', () => {
    const { attributes } = first(new Batch('traces', encodeReference('traces', everything('traces'))));
    expect(attributes.toObject()).toEqual({
      string: 'grüße \u0000 \u{1F600}',
      'string.empty': '',
      bool: true,
      'bool.false': false,
      int: -9_223_372_036_854_775_808n,
      'int.max': 9_223_372_036_854_775_807n,
      'int.zero': 0,
      double: 0.1,
      'double.zero': 0,
      'double.tiny': 5e-324,
      bytes: Uint8Array.from([0, 255, 16, 251]),
      'bytes.empty': new Uint8Array(0),
      'array.empty': [],
      'kvlist.empty': {},
      array: [1, 'two', null, [false]],
      kvlist: { inner: { leaf: -1.5 }, bytes: Uint8Array.from([1]) },
      empty: null,
      missing: null,
    });
    expect(attributes.size).toBe(18);
  });

  it('read log records', () => {
    const [record] = new Batch('logs', encodeReference('logs', everything('logs'))).logRecords();
    expect(record).toMatchObject({
      timeUnixNano: BigInt(TIME_NS),
      severityNumber: SeverityNumber.ERROR,
      severityText: 'ERROR',
      flags: 0xffff_ffff,
      eventName: 'checkout.failed',
      body: { string: 'grüße \u0000 \u{1F600}', 'int.zero': 0 },
    });
  });

  it('read metrics of all kinds', () => {
    const batch = new Batch('metrics', encodeReference('metrics', everything('metrics')));
    const [scope] = batch.scopes();
    const kinds = Array.from(scope!.metrics(), (metric) => [metric.kind, metric.aggregationTemporality]);
    expect(new Set(kinds.map(([kind]) => kind))).toEqual(
      new Set(['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary']),
    );
    expect(kinds).toContainEqual(['histogram', AggregationTemporality.DELTA]);
    const points = [...batch.dataPoints()];
    expect(points.find(({ kind }) => kind === 'histogram')).toMatchObject({
      count: 2n ** 64n - 1n,
      sum: -1.5,
      min: -2,
      max: 9,
      bucketCounts: [1n, 0n, 2n ** 64n - 2n],
      explicitBounds: [0.5, 10],
    });
    expect(points.find(({ kind }) => kind === 'exponentialHistogram')).toMatchObject({
      scale: -10,
      zeroCount: 2n,
      zeroThreshold: 1e-9,
      positive: { offset: -2_147_483_648, bucketCounts: [1n, 2n, 0n] },
    });
    expect(points.find(({ kind }) => kind === 'summary')).toMatchObject({
      quantileValues: [
        { quantile: 0.99, value: 1 },
        { quantile: 1, value: 0 },
      ],
    });
    expect(batch.items).toBe(points.length);
  });

  it('keep the type of a number where they can', () => {
    const points = [{ asInt: '5' }, { asDouble: 5 }, {}];
    const batch = Batch.from('metrics', {
      resourceMetrics: [{ scopeMetrics: [{ metrics: [{ gauge: { dataPoints: points } }] }] }],
    });
    const [integer, double, none] = batch.dataPoints();
    const values = () => JSON.stringify(batch.toObject());
    for (const point of [integer, double, none]) if (point?.kind === 'number') point.value = 6;
    expect(values()).toContain('[{"asInt":"6"},{"asDouble":6},{"asDouble":6}]');
    for (const point of [integer, double]) if (point?.kind === 'number') point.value = 0.5;
    if (none?.kind === 'number') none.value = 2n ** 60n;
    expect(values()).toContain('[{"asDouble":0.5},{"asDouble":0.5},{"asInt":"1152921504606846976"}]');
  });

  it('can be asked for the wrong signal', () => {
    const batch = traces([{}]);
    expect([...batch.logRecords(), ...batch.metrics(), ...batch.dataPoints()]).toEqual([]);
    expect(() => new Batch('trace' as 'traces', new Uint8Array(0))).toThrow('unknown signal: trace');
    expect(() => new Batch('__proto__' as 'traces', new Uint8Array(0))).toThrow('unknown signal');
  });
});

describe('encode', () => {
  it('returns the very bytes when nothing was changed', () => {
    const bytes = encodeReference('traces', everything('traces'));
    const batch = new Batch('traces', bytes);
    for (const span of batch.spans()) expect(span.name).toBeDefined();
    expect(batch.encode()).toBe(bytes);
  });

  it('leaves the bytes alone that it was given, and what it gave before', () => {
    const bytes = encodeReference('traces', everything('traces'));
    const before = Buffer.from(bytes);
    const batch = new Batch('traces', bytes);
    for (const span of batch.spans()) span.attributes.set('team', 'a');
    const encoded = batch.encode();
    const copy = Buffer.from(encoded);
    for (const span of batch.spans()) span.attributes.set('team', 'b'.repeat(500));
    const again = batch.encode();
    expect([bytes.equals(before), copy.equals(encoded)]).toEqual([true, true]);
    expect(first(new Batch('traces', again)).attributes.get('team')).toBe('b'.repeat(500));
  });

  it('keeps unknown fields and the order of all, also inside a changed attribute', () => {
    // Attribute a = "x" with key_strindex 7 and field 15; field 100; name "n"; attribute b = true.
    const batch = spanOf('4a0c 0a0161 1203 0a0178 1807 7801  a20602 beef  2a016e  4a07 0a0162 1202 1001');
    const span = first(batch);
    span.attributes.set('a', 'yy');
    span.attributes.set('b', false);
    const encoded = Buffer.from(batch.encode()).toString('hex');
    expect(encoded).toContain('4a0d0a016112040a02797918077801a20602beef2a016e4a070a016212021000');
  });

  it('writes lengths that grow by a byte', () => {
    const batch = traces([{ attributes: [attribute('a', 'x'.repeat(80))] }, { name: 'next' }]);
    first(batch).attributes.set('b', 'y'.repeat(20_000));
    const again = new Batch('traces', batch.encode());
    expect(Array.from(again.spans(), ({ name, attributes }) => [name, attributes.size])).toEqual([
      ['', 2],
      ['next', 0],
    ]);
  });

  it('joins a message that came in pieces', () => {
    const pieces = [
      { attributes: [attribute('a', '1')] },
      { attributes: [attribute('b', '2')], droppedAttributesCount: 3 },
    ];
    // Two resource entries of one resource each become one entry with two.
    const contents = pieces.map((resource) => encodeReference('traces', { resourceSpans: [{ resource }] }).subarray(2));
    const entry = Buffer.concat(contents);
    const batch = new Batch('traces', Buffer.concat([Buffer.from([0x0a, entry.length]), entry]));
    const [resource] = batch.resources();
    const before = batch.encode();
    expect([...resource!.attributes.keys()]).toEqual(['a', 'b']);
    expect(batch.encode()).toBe(before);
    resource!.attributes.delete('a');
    resource!.attributes.set('c', 3);
    const [again] = new Batch('traces', batch.encode()).resources();
    expect(again!.attributes.toObject()).toEqual({ b: '2', c: 3 });
    expect(again!.droppedAttributesCount).toBe(3);
  });

  it('makes a resource that was absent', () => {
    const batch = traces([{}]);
    first(batch).resource.attributes.set('service.name', 'shop');
    expect(batch.toObject()).toMatchObject({
      resourceSpans: [{ resource: { attributes: [attribute('service.name', 'shop')] } }],
    });
  });
});

describe('attributes', () => {
  it('are changed as they are named, whatever else has that key', () => {
    const list = ['1', '2', '3'].map((value) => attribute('dup', value));
    const { attributes } = first(traces([{ attributes: [...list, attribute('other', 'o')] }]));
    expect(attributes.get('dup')).toBe('1');
    attributes.set('dup', 'only');
    expect([...attributes]).toEqual([
      ['dup', 'only'],
      ['other', 'o'],
    ]);
    expect([attributes.delete('dup'), attributes.delete('dup'), attributes.has('dup')]).toEqual([true, false, false]);
    attributes.set('dup', 'back');
    expect([...attributes.keys()]).toEqual(['other', 'dup']);
  });

  it('take every kind of value, as it is when it is set', () => {
    const batch = traces([{}]);
    const { attributes } = first(batch);
    const list: (number | null)[] = [1, null, -0];
    const values = {
      text: 'grüße \u{1F600}'.repeat(20),
      integer: -5,
      wide: -(2n ** 63n),
      double: 1.5,
      zero: -0,
      flag: false,
      nothing: null,
      bytes: Uint8Array.from([1, 2]),
      list,
      object: { inner: { deep: ['x'] } },
    };
    for (const [key, value] of Object.entries(values)) attributes.set(key, value);
    attributes.set('map', new Map([['k', 2]]));
    list.push(9);
    const expected = { ...values, list: [1, null, -0], map: { k: 2 } };
    expect(attributes.toObject()).toEqual(expected);
    expect(first(new Batch('traces', batch.encode())).attributes.toObject()).toEqual(expected);
  });

  it.each([
    [undefined, 'not an attribute value: undefined'],
    [() => 1, 'not an attribute value: function'],
    [new Date(0), 'not an attribute value: instance of Date'],
    [[Symbol('s')], 'not an attribute value: symbol'],
    [2n ** 63n, 'not a 64-bit integer'],
    [new Map([[1, 1]]), 'keys of values are strings'],
    [circular(), 'values are nested deeper than 128 levels'],
  ])('refuse what is no value: %p', (value, message) => {
    const batch = traces([{}]);
    expect(() => first(batch).attributes.set('a', value as never)).toThrow(message);
    expect(first(batch).attributes.size).toBe(0);
  });

  it('read text that is no UTF-8 with U+FFFD and find it under that name', () => {
    // Key 61 ff, value 62 fe.
    const batch = spanOf('4a0a 0a0261ff 1204 0a0262fe');
    const { attributes } = first(batch);
    expect([...attributes]).toEqual([['a\u{FFFD}', 'b\u{FFFD}']]);
    attributes.set('other', 1);
    expect(Buffer.from(batch.encode()).toString('hex')).toContain('4a0a0a0261ff12040a0262fe');
    for (const key of attributes.keys()) attributes.delete(key);
    expect(attributes.size).toBe(0);
  });

  it('find a key that stands twice or behind its value under its last name', () => {
    // Keys a and then b; key d behind its value, which is longer than 127 bytes.
    const value = '78'.repeat(128);
    const { attributes } = first(spanOf(`4a0b 0a0161 1203 0a0179 0a0162 4a8901 128301 0a8001 ${value} 0a0164`));
    expect([attributes.get('a'), attributes.get('b'), attributes.get('d')]).toEqual([undefined, 'y', 'x'.repeat(128)]);
  });

  it('are found the same in a list that is long enough for an index', () => {
    const list = Array.from({ length: 3000 }, (_, index) => attribute(`key.${index % 2990}`, String(index)));
    const batch = traces([{ attributes: list }]);
    const { attributes } = first(batch);
    for (const [key, value] of attributes) if (Number(value) % 2 === 0) attributes.set(key, `even ${String(value)}`);
    expect([attributes.get('key.4'), attributes.get('key.5'), attributes.get('key.2991')]).toEqual([
      'even 4',
      '5',
      undefined,
    ]);
    expect([attributes.has('key.1'), attributes.delete('key.1'), attributes.has('key.1')]).toEqual([true, true, false]);
    // The five even keys that stood twice stand once now, and key.1 has gone with both of its values.
    expect([...attributes]).toHaveLength(3000 - 5 - 2);
    expect([...first(new Batch('traces', batch.encode())).attributes]).toEqual([...attributes]);
  });

  it('can be removed while they are walked', () => {
    const { attributes } = first(traces([{ attributes: ['a', 'b', 'c'].map((key) => attribute(key, key)) }]));
    for (const [key, value] of attributes) if (value !== 'b') attributes.delete(key);
    expect([...attributes.values()]).toEqual(['b']);
    attributes.clear();
    expect(attributes.size).toBe(0);
  });
});

describe('drop', () => {
  it('leaves out what is empty then, and not what was empty before', () => {
    const scopes = [{ spans: [{ name: 'a' }, { name: 'b' }] }, { spans: [{ name: 'c' }] }, { spans: [] }];
    const batch = Batch.from('traces', { resourceSpans: [{ scopeSpans: scopes }, { scopeSpans: [scopes[1]!] }, {}] });
    expect(batch.items).toBe(4);
    for (const span of batch.spans()) if (span.name !== 'b') span.drop();
    expect([batch.items, batch.droppedItems]).toEqual([1, 3]);
    const expected = { resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'b' }] }, {}] }, {}] };
    expect(batch.toObject()).toEqual(expected);
    expect([...batch.resources()]).toHaveLength(2);
  });

  it('counts once, however often and on whatever level something is dropped', () => {
    const batch = traces([{ name: 'a' }, { name: 'b' }]);
    const [a, b] = batch.spans();
    a!.drop();
    a!.drop();
    a!.scope.drop();
    a!.resource.drop();
    b!.drop();
    expect([batch.items, batch.droppedItems, b!.dropped]).toEqual([0, 2, true]);
    expect(batch.encode()).toHaveLength(0);
  });

  it('drops a metric with its last point, and no span with its last event', () => {
    const metrics = [{ name: 'm', sum: { isMonotonic: true, dataPoints: [{}, {}] } }, { name: 'empty' }];
    const batch = Batch.from('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] });
    for (const point of batch.dataPoints()) point.drop();
    expect([batch.items, batch.droppedItems]).toEqual([0, 2]);
    expect(Array.from(batch.metrics(), ({ name }) => name)).toEqual(['empty']);
    const withEvents = traces([{ name: 's', events: [{}] }]);
    for (const event of first(withEvents).events()) event.drop();
    expect([withEvents.items, [...first(withEvents).events()]]).toEqual([1, []]);
  });
});

const answers = (batch: Batch, text: string) => Array.from(batch.spans(), (span) => span.mayContain(text));

describe('mayContain', () => {
  const spans = [
    { name: 'plain' },
    { name: 'told', attributes: [attribute('mail', 'a@example.com')], events: [{ name: 'späť' }] },
    { name: 'plain again' },
  ];

  it('says where a text is, in any order of asking', () => {
    const batch = traces(spans);
    expect([batch.mayContain('@'), batch.mayContain('plain again'), batch.mayContain('nowhere')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(answers(batch, '@')).toEqual([false, true, false]);
    expect(answers(batch, 'plain')).toEqual([true, false, true]);
    const backwards = [...batch.spans()].toReversed();
    expect(backwards.map((span) => [span.mayContain('@'), span.mayContain('plain')])).toEqual([
      [false, true],
      [true, false],
      [false, true],
    ]);
    expect(Array.from(batch.resources(), (resource) => resource.mayContain('@'))).toEqual([true]);
  });

  it('finds keys, what is below, and text that is not ASCII', () => {
    const batch = traces(spans);
    expect(answers(batch, 'mail')).toEqual([false, true, false]);
    expect(answers(batch, 'späť')).toEqual([false, true, false]);
    const [event] = [...batch.spans()][1]!.events();
    expect([event!.mayContain('ä'), event!.mayContain('@')]).toEqual([true, false]);
  });

  it('does not take a text that ends in the next record for one of this', () => {
    // The end of one name, the head of the next span, its name.
    const batch = traces([{ name: 'ab' }, { name: 'cd' }]);
    const between = Buffer.from(batch.encode()).toString('latin1').slice(-7);
    expect(between.startsWith('b')).toBe(true);
    expect(batch.mayContain(between)).toBe(true);
    expect(answers(batch, between)).toEqual([false, false]);
  });

  it('says no of what is not there, and yes of what was changed', () => {
    const batch = traces([{ name: 'a' }, { name: 'b' }]);
    const [a] = batch.spans();
    expect(a!.status.mayContain('x')).toBe(false);
    a!.attributes.set('mail', 'a@example.com');
    expect(answers(batch, '@')).toEqual([true, false]);
    expect(batch.mayContain('@')).toBe(true);
    expect(new Batch('traces', new Uint8Array(0)).mayContain('@')).toBe(false);
  });
});

function circular(): object {
  const list: unknown[] = [];
  list.push(list, list);
  return list;
}
