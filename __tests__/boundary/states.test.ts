// The raw addon in every state: each call is answered, whatever came before it.
import { addon, document, ingest, make, oneSpan, PLAIN, read, stopAll } from './addon.js';

afterEach(stopAll);

describe('start', () => {
  it('answers with the listeners', async () => {
    const answer = await read(make().start(await document()));
    expect(answer).toEqual({
      ok: true,
      listeners: [{ component: 'otlp', protocol: 'http', address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) }],
    });
  });

  it('refuses a second time, and the first goes on', async () => {
    const collector = make();
    const text = await document();
    const [first, second] = await Promise.all([read(collector.start(text)), read(collector.start(text))]);
    expect(first?.ok).toBe(true);
    expect(second).toMatchObject({ ok: false, error: { code: 'ALREADY_STARTED' } });
    await expect(ingest(collector, oneSpan())).resolves.toEqual({ outcome: 'accepted' });
  });

  it('may be tried again after a failure', async () => {
    const collector = make();
    await expect(read(collector.start('{}'))).resolves.toMatchObject({ ok: false, error: { code: 'INVALID_CONFIG' } });
    await expect(read(collector.start(await document()))).resolves.toMatchObject({ ok: true });
  });

  it('is refused after a stop', async () => {
    const collector = make();
    collector.stop();
    await expect(read(collector.start(await document()))).resolves.toMatchObject({
      ok: false,
      error: { code: 'CLOSED' },
    });
  });
});

describe('reload', () => {
  it('is refused before the start and after the end', async () => {
    const collector = make();
    const text = await document();
    await expect(read(collector.reload(text))).resolves.toMatchObject({ ok: false, error: { code: 'NOT_RUNNING' } });
    await collector.start(text);
    await expect(read(collector.reload(text))).resolves.toMatchObject({ ok: true });
    await collector.drain(null);
    await expect(read(collector.reload(text))).resolves.toMatchObject({ ok: false, error: { code: 'CLOSED' } });
  });
});

describe('drain and stop', () => {
  it('are without effect before the start', async () => {
    const collector = make();
    await expect(read(collector.drain(0))).resolves.toEqual({ ok: true });
    expect(() => collector.stop()).not.toThrow();
  });

  it('may come any number of times and together', async () => {
    const collector = make();
    await collector.start(await document());
    const drains = [read(collector.drain(null)), read(collector.drain(1000)), read(collector.drain(0))];
    collector.stop();
    collector.stop();
    await expect(Promise.all(drains)).resolves.toEqual([{ ok: true }, { ok: true }, { ok: true }]);
    await expect(read(collector.drain(null))).resolves.toEqual({ ok: true });
    expect(() => collector.stop()).not.toThrow();
  });

  it('release the ports', async () => {
    const { listeners } = await read(make().start(await document()));
    stopAll();
    const endpoint = listeners?.[0]?.address;
    const text = await document({ ...PLAIN, receivers: { otlp: { protocols: { http: { endpoint } } } } });
    const collector = make();
    let answer = await read(collector.start(text));
    // The stop of the first is carried out on its own thread.
    while (answer.error?.message.includes('address already in use') === true) {
      answer = await read(collector.start(text));
    }
    expect(answer).toMatchObject({ ok: true, listeners: [{ address: endpoint }] });
  });

  it.each([[Number.NaN], [-1], [Number.POSITIVE_INFINITY], [1e300]])('take %d for a deadline', async (deadline) => {
    const collector = make();
    await collector.start(await document());
    await expect(read(collector.drain(deadline))).resolves.toEqual({ ok: true });
  });
});

describe('ingest', () => {
  it('is refused as a value before the start and after the end', async () => {
    const collector = make();
    const refused = { outcome: 'refused', retryable: true, message: 'the collector is not taking data now' };
    await expect(ingest(collector, oneSpan())).resolves.toMatchObject(refused);
    await collector.start(await document());
    await collector.drain(null);
    await expect(ingest(collector, oneSpan())).resolves.toMatchObject(refused);
  });

  it('is answered when the collector stops meanwhile', async () => {
    const collector = make();
    await collector.start(await document());
    const answers = Array.from({ length: 200 }, () => ingest(collector, oneSpan()));
    collector.stop();
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatchObject({ outcome: expect.stringMatching(/^(accepted|refused)$/) });
    }
  });

  it('lets the caller reuse its buffer at once', async () => {
    const collector = make();
    await collector.start(await document());
    const body = oneSpan();
    const answers: Promise<unknown>[] = [];
    for (let round = 0; round < 500; round += 1) {
      body.set(oneSpan());
      answers.push(ingest(collector, body));
      // Zeros are no protobuf: read later, the request would be refused.
      body.fill(0);
    }
    const moved = oneSpan();
    answers.push(ingest(collector, moved));
    structuredClone(moved.buffer, { transfer: [moved.buffer as ArrayBuffer] });
    expect(moved).toHaveLength(0);
    const outcomes = new Set((await Promise.all(answers)).map((answer) => JSON.stringify(answer)));
    expect([...outcomes]).toEqual(['{"outcome":"accepted"}']);
  });

  it('reads views into larger buffers', async () => {
    const collector = make();
    await collector.start(await document());
    const large = new Uint8Array(100).fill(255);
    large.set(oneSpan(), 40);
    const view = large.subarray(40, 40 + oneSpan().length);
    await expect(ingest(collector, view)).resolves.toEqual({ outcome: 'accepted' });
    const bad = large.subarray(39, 39 + oneSpan().length);
    await expect(ingest(collector, bad)).resolves.toMatchObject({
      outcome: 'refused',
      retryable: false,
    });
  });
});

describe('what may be asked at any time', () => {
  it('is answered in every state', async () => {
    const collector = make();
    const ask = (): unknown[] => {
      const { length } = JSON.parse(collector.metricsCatalogue()) as { length: number };
      const version = collector.metricsSnapshot(new Float64Array(length));
      const { events } = JSON.parse(collector.takeEvents()) as { events: unknown[] };
      const { running } = JSON.parse(collector.status()) as { running: boolean };
      return [typeof version, Array.isArray(events), running];
    };
    expect(ask()).toEqual(['number', true, false]);
    await collector.start(await document());
    expect(ask()).toEqual(['number', true, true]);
    await collector.drain(null);
    expect(ask()).toEqual(['number', true, false]);
  });

  it('takes a snapshot array of any length', async () => {
    const collector = make();
    await collector.start(await document());
    for (const length of [0, 1, 100_000]) {
      const into = new Float64Array(length);
      expect(() => collector.metricsSnapshot(into)).not.toThrow();
    }
  });

  it('tells version and components', () => {
    expect(addon.nativeVersion()).toMatch(/^\d+\.\d+\.\d+/);
    const components = JSON.parse(addon.nativeComponents()) as Record<string, unknown>;
    expect(Object.keys(components).toSorted()).toEqual(['connectors', 'exporters', 'processors', 'receivers']);
  });
});
