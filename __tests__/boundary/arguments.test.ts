// Wrong arguments of the raw addon: exceptions for misuse, values for bad documents, and never the end of the process.
import { readFileSync } from 'node:fs';
import { devNull } from 'node:os';

import { jest } from '@jest/globals';

import { addon, document, documentOf, headOf, make, oneSpan, read, stopAll } from './addon.js';

jest.setTimeout(60_000);
afterEach(stopAll);

/** Calls without the compiler's protection. */
type Loose = Record<string, (...values: readonly unknown[]) => unknown>;
const loose = (): Loose => make() as unknown as Loose;

describe('wrong types', () => {
  const values: readonly unknown[] = [undefined, null, 1, true, {}, [], Symbol('x'), () => {}];

  it('of the constructor are exceptions', () => {
    const Any = addon.NativeCollector as unknown as new (...values: readonly unknown[]) => unknown;
    for (const value of values.slice(0, -1)) expect(() => new Any(value)).toThrow();
    expect(() => (Any as unknown as () => unknown)()).toThrow();
  });

  it('of the methods are exceptions', () => {
    const collector = loose();
    for (const value of values) {
      expect(() => collector['start']?.(value)).toThrow();
      expect(() => collector['reload']?.(value)).toThrow();
      expect(() => collector['metricsSnapshot']?.(value)).toThrow();
      expect(() => collector['ingest']?.(1, headOf(), value)).toThrow();
      expect(() => collector['ingest']?.(1, value, oneSpan())).toThrow();
      if (value !== 1) expect(() => collector['ingest']?.(value, headOf(), oneSpan())).toThrow();
    }
    for (const value of ['1', true, {}, []]) expect(() => collector['drain']?.(value)).toThrow();
    expect(() => collector['metricsSnapshot']?.(new Uint8Array(8))).toThrow();
    expect(() => collector['ingest']?.(1, headOf(), new Float64Array(1))).toThrow();
    expect(() => collector['ingest']?.(1, headOf(), 'text')).toThrow();
  });

  it('of `this` are exceptions', () => {
    const collector = loose();
    for (const method of ['start', 'drain', 'stop', 'status', 'takeEvents', 'metricsCatalogue']) {
      expect(() => collector[method]?.call({}, '{}')).toThrow();
    }
  });

  it('of words are named', () => {
    const collector = make();
    const refused =
      (head: string): (() => unknown) =>
      () =>
        collector.ingest(1, head, oneSpan());
    expect(refused(headOf({ signal: 'spans' }))).toThrow('unknown signal "spans"');
    expect(refused(headOf({ encoding: 'yaml' }))).toThrow('unknown encoding "yaml"');
    const heads = [{}, [['a']], [['a', 1]], null].map((metadata) => headOf({ metadata }));
    heads.push('', '[', '[]', '{}', headOf({ context: { tenant: 'a' } }), headOf({ receiver: 1 }));
    for (const head of heads) expect(refused(head)).toThrow('the head cannot be read');
    expect(refused(JSON.stringify({ ...JSON.parse(headOf()), compresion: 'gzip' }))).toThrow('compresion');
  });
});

/** A configuration with every component that the addon knows, so that every struct of the document is met. */
const EVERYTHING = {
  receivers: {
    otlp: {
      protocols: {
        grpc: { endpoint: '127.0.0.1:0', keepalive: { server_parameters: {}, enforcement_policy: {} } },
        http: { endpoint: '127.0.0.1:0', cors: { allowed_origins: ['*'] } },
      },
    },
    nop: null,
  },
  processors: {
    batch: null,
    memory_limiter: { check_interval: '1s', limit_mib: 100 },
    attributes: { actions: [{ key: 'a', action: 'insert', value: 'b' }] },
    resource: { attributes: [{ key: 'a', action: 'delete' }] },
  },
  exporters: {
    nop: null,
    debug: null,
    otlp_grpc: { endpoint: '127.0.0.1:1', keepalive: {}, sending_queue: { batch: {} } },
    otlp_http: { endpoint: 'http://127.0.0.1:1' },
    file: { path: devNull },
  },
  connectors: { forward: null },
  service: {
    threads: 1,
    pipelines: {
      traces: {
        receivers: ['otlp', 'nop'],
        processors: ['batch', 'memory_limiter', 'attributes', 'resource'],
        exporters: ['nop', 'debug', 'otlp_grpc', 'otlp_http', 'file', 'forward'],
      },
      'traces/2': { receivers: ['forward'], exporters: ['nop'] },
    },
  },
};

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json | unknown[] => typeof value === 'object' && value !== null;

/** Every object inside a value, with the way to it. */
function* objectsIn(value: Json | unknown[], path: readonly string[] = []): Generator<readonly [Json, string]> {
  if (!Array.isArray(value)) yield [value, path.join('.')];
  for (const [key, member] of Object.entries(value)) if (isObject(member)) yield* objectsIn(member, [...path, key]);
}

/** A copy in which one object is changed. */
function changed(whole: Json, place: string, change: (object: Json) => unknown): Json {
  const copy = structuredClone(whole);
  const found = [...objectsIn(copy)].find(([, path]) => path === place);
  if (found === undefined) throw new Error(`no object at ${place}`);
  change(found[0]);
  return copy;
}

/** Why the addon does not start a document; null when it does. */
async function refusal(whole: Json): Promise<string | null> {
  const { ok, error } = await read(make().start(JSON.stringify(whole)));
  stopAll();
  return ok ? null : (error?.message ?? '');
}

/** What serde says of an enum with two or no variants. */
const ONE_OF_MANY = 'expected map with a single key';

describe('documents', () => {
  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['another type', '[]'],
    ['null', 'null'],
    ['text after it', '{} {}'],
    ['a lone surrogate', '{"\ud800": 1}'],
    ['JSON that is nested too deep', '['.repeat(200_000)],
    ['objects that are nested too deep', '{"service":'.repeat(100_000)],
    ['a great deal of nothing', ' '.repeat(32 << 20)],
  ])('with %s are refused as a value', async (_name, text) => {
    const answer = await read(make().start(text));
    expect(answer).toMatchObject({ ok: false, error: { code: 'INVALID_CONFIG' } });
    expect(answer.error?.message).not.toBe('');
  });

  it('are complete as the control plane writes them', async () => {
    await expect(read(make().start(await document(EVERYTHING)))).resolves.toMatchObject({ ok: true });
  });

  it('with an unknown field anywhere are refused, and the field is named', async () => {
    const good = await documentOf(EVERYTHING);
    const places = [...objectsIn(good)].map(([, path]) => path);
    expect(places.length).toBeGreaterThan(40);
    const silent: string[] = [];
    for (const place of places) {
      const error = await refusal(changed(good, place, (object) => Object.assign(object, { surprise: 1 })));
      if (error === null || !(error.includes('surprise') || error.includes(ONE_OF_MANY)))
        silent.push(`${place}: ${error}`);
    }
    expect(silent).toEqual([]);
  });

  it('without one of their fields are refused, and the field is named', async () => {
    const good = await documentOf(EVERYTHING);
    const silent: string[] = [];
    for (const [object, place] of objectsIn(good)) {
      for (const field of Object.keys(object)) {
        const error = await refusal(changed(good, place, (found) => delete found[field]));
        if (error !== null && (error.includes(field) || error.includes(ONE_OF_MANY))) continue;
        // What may be null may be left out; anything else may not.
        const none = await refusal(changed(good, place, (found) => Object.assign(found, { [field]: null })));
        if (error !== null || none !== null) silent.push(`${place}.${field}: ${error}`);
      }
    }
    expect(silent).toEqual([]);
  });

  it('with a value of another type are refused with the place', async () => {
    const bad = await documentOf();
    Object.assign(bad['service'] as Json, { memory_limit_bytes: 'plenty' });
    const { error } = await read(make().start(JSON.stringify(bad)));
    expect(error?.message).toMatch(/plenty.*(memory_limit_bytes|line \d+ column \d+)/);
  });

  it('may be huge', async () => {
    const count = 400;
    const ids = Array.from({ length: count }, (_, index) => `nop/${'x'.repeat(1000)}${index}`);
    const config = {
      receivers: { nop: null },
      exporters: Object.fromEntries(ids.map((id) => [id, null])),
      service: {
        threads: 2,
        pipelines: Object.fromEntries(
          ids.map((id, index) => [`traces/${index}`, { receivers: ['nop'], exporters: [id] }]),
        ),
      },
    };
    const text = await document(config);
    expect(text.length).toBeGreaterThan(800_000);
    const collector = make();
    await expect(read(collector.start(text))).resolves.toMatchObject({ ok: true });
    await expect(read(collector.drain(null))).resolves.toEqual({ ok: true });
  });
});

describe('panics', () => {
  it('are caught at every export', () => {
    // A panic that leaves an export ends the process, and nothing here makes one; so the source is looked at.
    const source = readFileSync(new URL('../../native/crates/node/src/lib.rs', import.meta.url), 'utf8');
    const exports = [...source.matchAll(/#\[napi(?:\(([^\]]*)\))?\]\s*pub (fn \w+)/g)];
    expect(exports.length).toBeGreaterThan(10);
    const unguarded = exports.filter(([, options = '']) => !options.includes('catch_unwind')).map(([, , name]) => name);
    expect(unguarded).toEqual([]);
  });
});

describe('a worker of a plugin', () => {
  it('of no collector, or with wrong arguments, is an exception', () => {
    const Any = addon.NativePluginWorker as unknown as new (...values: readonly unknown[]) => unknown;
    for (const collector of [0, -1, 1e9, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => new Any(collector, 'port', () => {})).toThrow('there is no such collector');
    }
    const number = make().pluginHost();
    expect(() => new Any(number, 1, () => {})).toThrow();
    expect(() => new Any(number, 'port')).toThrow();
  });

  it('answers for batches that it does not have without effect, and does nothing once it is closed', () => {
    const worker = new addon.NativePluginWorker(make().pluginHost(), 'port', () => {});
    const failure = JSON.stringify({ message: 'm', stack: null, kind: 'thrown', permanent: true, delayMs: null });
    for (const number of [0, -1, 7, Number.NaN]) {
      worker.keep(number);
      worker.dropBatch(number);
      worker.replace(number, oneSpan());
      worker.fail(number, failure);
    }
    expect(() => worker.fail(7, '{}')).toThrow('no failure');
    expect(worker.fetch()).toBeNull();
    worker.close();
    expect([worker.fetch(), worker.seat]).toEqual([null, 0]);
  });
});
