// Batches of a running collector, and the limits on what it holds.
import { counts, scrape, sum } from './metrics.js';
import { Backend, closeBackends, Gate, postSpans, spanNames, spans } from './otlp.js';
import { endPrograms, start, TELEMETRY, type Program } from './program.js';
import { until } from './until.js';

afterEach(async () => {
  await endPrograms();
  await closeBackends();
});

interface Parts {
  readonly backend: Backend;
  readonly queue?: object;
  readonly processors?: Readonly<Record<string, object | null>>;
  readonly receiver?: object;
  readonly threads?: number;
}

/** One traces pipeline to the backend. */
function config({ backend, queue = { enabled: false }, processors = {}, receiver = {}, threads = 0 }: Parts): object {
  return {
    receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0', ...receiver } } } },
    processors,
    exporters: {
      otlp_http: {
        endpoint: backend.url,
        encoding: 'json',
        retry_on_failure: { enabled: false },
        sending_queue: queue,
      },
    },
    service: {
      threads,
      telemetry: TELEMETRY,
      pipelines: {
        traces: { receivers: ['otlp'], processors: Object.keys(processors), exporters: ['otlp_http'] },
      },
    },
  };
}

const countsOf = (backend: Backend): number[] => backend.arrivals.map(({ json }) => spanNames(json).length);

/** Posts them at once; resolves with the statuses. */
async function post(program: Program, bodies: readonly object[]): Promise<number[]> {
  const address = await program.address('HTTP');
  const answers = await Promise.all(bodies.map((body) => postSpans(address, body)));
  return answers.map(({ status }) => status);
}

async function spansReceived(backend: Backend, count: number): Promise<void> {
  const total = (): number => countsOf(backend).reduce((whole, each) => whole + each, 0);
  await until(
    () => total() >= count,
    `${count} spans at the backend`,
    () => String(countsOf(backend)),
  );
  expect(total()).toBe(count);
}

describe('checklist 13: batches of the sending queue', () => {
  it('are sent after the flush timeout when they stay small', async () => {
    const backend = await Backend.listen();
    const program = await start(config({ backend, queue: { batch: {} } }));
    const before = performance.now();
    await expect(post(program, [spans(3), spans(4)])).resolves.toEqual([200, 200]);
    await spansReceived(backend, 7);
    expect((backend.arrivals[0]?.at ?? 0) - before).toBeGreaterThanOrEqual(198);
  });

  it('are sent at 8192 items before that', async () => {
    const backend = await Backend.listen();
    // Every data-plane thread collects its own batch, and the timeout never comes in the test: only the size sends.
    const queue = { num_consumers: 1, batch: { flush_timeout: '1h' } };
    const program = await start(config({ backend, queue, threads: 1 }));
    await post(program, [spans(4000), spans(4000), spans(4000)]);
    await backend.received(1);
    expect(countsOf(backend)[0]).toBeGreaterThanOrEqual(8192);
    await expect(program.stop()).resolves.toEqual({ code: 0, signal: null });
    await spansReceived(backend, 12_000);
  });

  it('are split at max_size in bytes', async () => {
    const backend = await Backend.listen();
    const queue = { sizer: 'bytes', queue_size: 1_000_000, batch: { min_size: 5000, max_size: 10_000 } };
    const program = await start(config({ backend, queue }));
    await expect(post(program, [spans(100, 'work', 'x'.repeat(200))])).resolves.toEqual([200]);
    await spansReceived(backend, 100);
    expect(backend.arrivals.length).toBeGreaterThanOrEqual(3);
    // A span is some 270 bytes of protobuf; the JSON of the backend is larger and no measure.
    expect(Math.max(...countsOf(backend))).toBeLessThanOrEqual(10_000 / 250);
    expect(new Set(backend.arrivals.map(({ json }) => JSON.stringify(json.resourceSpans[0]?.resource))).size).toBe(1);
  });

  it('are split at max_size in items', async () => {
    const backend = await Backend.listen();
    const program = await start(config({ backend, queue: { batch: { min_size: 10, max_size: 10 } } }));
    await post(program, [spans(25)]);
    await spansReceived(backend, 25);
    expect(countsOf(backend).toSorted((a, b) => b - a)).toEqual([10, 10, 5]);
  });

  it('leave out one item above max_size, with a log', async () => {
    const backend = await Backend.listen();
    const queue = { sizer: 'bytes', queue_size: 1_000_000, batch: { min_size: 100, max_size: 1000 } };
    const program = await start(config({ backend, queue }));
    await post(program, [spans(1, 'giant', 'x'.repeat(5000)), spans(1, 'small')]);
    await backend.received(1);
    await program.stop();
    expect(backend.arrivals.flatMap(({ json }) => spanNames(json))).toEqual(['small']);
    const told = program.logs().filter(({ level }) => level === 'warn' || level === 'error');
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ dropped_items: 1 });
  });
});

describe('checklist 16: batch before an exporter without queue', () => {
  it('hides errors of the export from the sender and drops the batch', async () => {
    const backend = await Backend.listen((_arrival, index) => ({ status: index === 0 ? 503 : 200 }));
    const program = await start(config({ backend, processors: { batch: { timeout: '20ms' } } }));
    await expect(post(program, [spans(6)])).resolves.toEqual([200]);
    await program.logged('Sender failed');
    await counts(program, 'otelcol_exporter_send_failed_spans', { exporter: 'otlp_http' }, 6);
    await counts(program, 'otelcol_receiver_accepted_spans', { receiver: 'otlp' }, 6);
    await expect(post(program, [spans(2)])).resolves.toEqual([200]);
    await counts(program, 'otelcol_exporter_sent_spans', {}, 2);
    expect(countsOf(backend)).toEqual([6, 2]);
    const page = await scrape(program);
    expect(sum(page, 'otelcol_processor_batch_timeout_trigger_send', { processor: 'batch' })).toBe(2);
    expect(sum(page, 'otelcol_processor_batch_batch_send_size_sum', { processor: 'batch' })).toBe(8);
  });

  it('sends what it holds at the end', async () => {
    const backend = await Backend.listen();
    const program = await start(config({ backend, processors: { batch: { timeout: '1h' } } }));
    await post(program, [spans(6)]);
    expect(backend.arrivals).toHaveLength(0);
    await expect(program.stop()).resolves.toEqual({ code: 0, signal: null });
    expect(countsOf(backend)).toEqual([6]);
  });
});

describe('checklist 17: memory_limiter', () => {
  it('refuses above its soft limit, as retryable, and recovers by itself', async () => {
    const gate = new Gate();
    const backend = await Backend.listen(() => gate.passed.then(() => ({ status: 200 })));
    const limiter = { check_interval: '1s', limit_mib: 2, spike_limit_mib: 1 };
    const program = await start(
      config({ backend, queue: { num_consumers: 1 }, processors: { memory_limiter: limiter } }),
    );
    const address = await program.address('HTTP');
    const body = spans(4, 'work', 'x'.repeat(100_000));
    let accepted = 0;
    let answer = await postSpans(address, body);
    while (answer.status === 200 && accepted < 20) {
      accepted += 1;
      answer = await postSpans(address, body);
    }
    // A request is 400 KB and soft is 1 MiB: two fit, and at most a few more while the first is sent.
    expect(accepted).toBeGreaterThanOrEqual(2);
    expect(accepted).toBeLessThanOrEqual(4);
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expect(answer.body).toContain('data refused due to high memory usage');
    const labels = { processor: 'memory_limiter' };
    await counts(program, 'otelcol_processor_memory_limiter_accepted_spans', labels, accepted * 4);
    await counts(program, 'otelcol_processor_memory_limiter_refused_spans', labels, 4);
    await counts(program, 'otelcol_receiver_refused_spans', { receiver: 'otlp' }, 4);
    gate.open();
    await counts(program, 'otelcol_exporter_sent_spans', {}, accepted * 4);
    expect((await postSpans(address, body)).status).toBe(200);
  });
});

describe('checklist 18: metadata keys', () => {
  it.each([
    ['the batch processor', { processors: { batch: { timeout: '100ms', metadata_keys: ['X-Tenant'] } } }],
    ['the sending queue', { queue: { batch: { flush_timeout: '100ms', partition: { metadata_keys: ['X-Tenant'] } } } }],
  ])('keep tenants apart in %s', async (_name, parts) => {
    const backend = await Backend.listen();
    const program = await start(config({ backend, receiver: { include_metadata: true }, ...parts }));
    const address = await program.address('HTTP');
    const tenants = ['acme', 'bolt', 'acme', 'bolt', 'acme', 'core'];
    await Promise.all(tenants.map((tenant) => postSpans(address, spans(2, tenant), { 'x-tenant': tenant })));
    await spansReceived(backend, 12);
    const mixed = backend.arrivals.map(({ json }) => new Set(spanNames(json)).size);
    expect(new Set(mixed)).toEqual(new Set([1]));
    expect(mixed.length).toBeLessThan(tenants.length);
  });

  it('are nothing without include_metadata', async () => {
    const backend = await Backend.listen();
    const processors = { batch: { timeout: '300ms', metadata_keys: ['x-tenant'] } };
    // One data-plane thread, since every thread collects its own batches.
    const program = await start(config({ backend, processors, threads: 1 }));
    const address = await program.address('HTTP');
    for (const tenant of ['acme', 'bolt']) await postSpans(address, spans(1, tenant), { 'x-tenant': tenant });
    await spansReceived(backend, 2);
    await counts(program, 'otelcol_processor_batch_metadata_cardinality', {}, 1);
    expect(backend.arrivals).toHaveLength(1);
  });
});
