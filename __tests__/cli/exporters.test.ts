// Exporters of a running collector: names, encryption, what the sender hears, full queues, retries, fan-out.
import { createServer, type AddressInfo, type Socket } from 'node:net';

import { Client, credentials, status as grpcStatus, type ServiceError } from '@grpc/grpc-js';

import { counts, scrape, select, sum } from './metrics.js';
import { Backend, closeBackends, Gate, postSpans, spans } from './otlp.js';
import { endPrograms, start, TELEMETRY } from './program.js';
import { until } from './until.js';

afterEach(async () => {
  await endPrograms();
  await closeBackends();
});

/** One traces pipeline from an HTTP receiver to these exporters. */
function config(exporters: Readonly<Record<string, object | null>>, changes: object = {}): object {
  return {
    receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } },
    exporters,
    service: {
      telemetry: TELEMETRY,
      pipelines: { traces: { receivers: ['otlp'], exporters: Object.keys(exporters) } },
    },
    ...changes,
  };
}

const OFF = { enabled: false };
const ONE_AT_A_TIME = { num_consumers: 1, queue_size: 1 };

/** An `otlp_http` exporter to a backend of the test. */
function toBackend(backend: Backend, changes: object = {}): object {
  return { endpoint: backend.url, encoding: 'json', retry_on_failure: OFF, ...changes };
}

describe('checklist 9: names of the OTLP exporters', () => {
  it('all work, aliases are deprecated once, labels show the id as written', async () => {
    const target = await start({
      receivers: { otlp: { protocols: { grpc: { endpoint: '127.0.0.1:0' }, http: { endpoint: '127.0.0.1:0' } } } },
      exporters: { nop: null },
      service: { telemetry: TELEMETRY, pipelines: { traces: { receivers: ['otlp'], exporters: ['nop'] } } },
    });
    const grpc = { endpoint: await target.address('GRPC'), tls: { insecure: true } };
    const http = { endpoint: `http://${await target.address('HTTP')}` };
    const ids = ['otlp', 'otlp/2', 'otlp_grpc/x', 'otlphttp', 'otlp_http'];
    const program = await start(config(Object.fromEntries(ids.map((id) => [id, id.includes('http') ? http : grpc]))));
    await postSpans(await program.address('HTTP'), spans(3));
    await counts(target, 'otelcol_receiver_accepted_spans', { transport: 'grpc' }, 9);
    await counts(target, 'otelcol_receiver_accepted_spans', { transport: 'http' }, 6);
    for (const exporter of ids) await counts(program, 'otelcol_exporter_sent_spans', { exporter }, 3);

    const warnings = program.logs().filter(({ level }) => level === 'warn');
    expect(warnings.map(({ msg }) => msg).toSorted()).toEqual([
      '"otlp" alias is deprecated; use "otlp_grpc" instead',
      '"otlp" alias is deprecated; use "otlp_grpc" instead',
      '"otlphttp" alias is deprecated; use "otlp_http" instead',
    ]);
    const page = await scrape(program);
    const [host, port] = grpc.endpoint.split(':');
    expect(select(page, 'otelcol_exporter_sent_spans', { exporter: 'otlp/2' })[0]?.labels).toEqual({
      exporter: 'otlp/2',
      server_address: host,
      server_port: port,
    });
    expect(select(page, 'otelcol_exporter_sent_spans', { exporter: 'otlphttp' })[0]?.labels).toEqual({
      exporter: 'otlphttp',
      server_address: '127.0.0.1',
      server_port: http.endpoint.split(':')[2],
      url_path: '/v1/traces',
    });
  });
});

describe('checklist 10: encryption of gRPC exporters', () => {
  const PLAINTEXT = 'PRI * HTTP/2.0';
  const HANDSHAKE = '\u0016';

  it.each([
    ['insecure', '', { tls: { insecure: true } }, PLAINTEXT],
    ['an http:// endpoint alone', 'http://', {}, HANDSHAKE],
    ['an http:// endpoint and insecure', 'http://', { tls: { insecure: true } }, PLAINTEXT],
    ['no tls block', '', {}, HANDSHAKE],
    ['an https:// endpoint although insecure', 'https://', { tls: { insecure: true } }, HANDSHAKE],
  ])('with %s', async (_name, scheme, changes, opening) => {
    let first = '';
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', (bytes) => (first ||= bytes.toString('latin1')));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const exporter = { endpoint: `${scheme}127.0.0.1:${port}`, retry_on_failure: OFF, timeout: '200ms', ...changes };
    const program = await start(config({ otlp_grpc: exporter }));
    await postSpans(await program.address('HTTP'));
    await until(() => first !== '', 'bytes of the exporter');
    expect(first.startsWith(opening)).toBe(true);
    await program.kill();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});

describe('checklist 11: what the sender hears', () => {
  it('is the answer of the backend when the queue is off', async () => {
    const backend = await Backend.listen((_arrival, index) => ({ status: [200, 400, 503][index] ?? 200 }));
    const program = await start(config({ otlp_http: toBackend(backend, { sending_queue: OFF }) }));
    const address = await program.address('HTTP');
    expect((await postSpans(address)).status).toBe(200);
    const refused = await postSpans(address);
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect([429, 502, 503, 504]).not.toContain(refused.status);
    expect((await postSpans(address)).status).toBe(503);
    await counts(program, 'otelcol_receiver_accepted_spans', {}, 1);
    await counts(program, 'otelcol_receiver_refused_spans', {}, 2);
    await counts(program, 'otelcol_exporter_send_failed_spans', {}, 2);
    expect((await program.logged('Exporting failed. Rejecting data.')).rejected_items).toBe(1);
  });

  it('waits for the backend when the queue is off', async () => {
    const gate = new Gate();
    const backend = await Backend.listen(() => gate.passed.then(() => ({ status: 200 })));
    const program = await start(config({ otlp_http: toBackend(backend, { sending_queue: OFF }) }));
    let answered = false;
    const answer = postSpans(await program.address('HTTP')).finally(() => (answered = true));
    await backend.received(1);
    await counts(program, 'otelcol_exporter_in_flight_requests', {}, 1);
    expect(answered).toBe(false);
    gate.open();
    expect((await answer).status).toBe(200);
  });

  it('is an immediate success with a queue, whatever becomes of it', async () => {
    const gate = new Gate();
    const backend = await Backend.listen(() => gate.passed.then(() => ({ status: 400 })));
    const program = await start(config({ otlp_http: toBackend(backend) }));
    expect((await postSpans(await program.address('HTTP'))).status).toBe(200);
    await backend.received(1);
    gate.open();
    const { dropped_items: dropped } = await program.logged('Exporting failed. Dropping data.');
    expect(dropped).toBe(1);
    await counts(program, 'otelcol_exporter_send_failed_spans', { exporter: 'otlp_http' }, 1);
    await counts(program, 'otelcol_receiver_accepted_spans', { receiver: 'otlp', transport: 'http' }, 1);
  });
});

describe('checklist 12: a full queue', () => {
  it('is 503 over HTTP, UNAVAILABLE over gRPC, and shows in the metrics', async () => {
    const gate = new Gate();
    const backend = await Backend.listen(() => gate.passed.then(() => ({ status: 200 })));
    const program = await start(
      config(
        { otlp_http: toBackend(backend, { sending_queue: ONE_AT_A_TIME }) },
        {
          receivers: { otlp: { protocols: { grpc: { endpoint: '127.0.0.1:0' }, http: { endpoint: '127.0.0.1:0' } } } },
        },
      ),
    );
    const address = await program.address('HTTP');
    const labels = { exporter: 'otlp_http' };
    expect((await postSpans(address, spans(1, 'sending'))).status).toBe(200);
    await backend.received(1);
    // Whether the request that is being sent still counts is the queue's affair; a second always fills it.
    const second = await postSpans(address, spans(1, 'queued'));
    const third = await postSpans(address, spans(5, 'too many'));
    expect([200, 503]).toContain(second.status);
    expect(third.status).toBe(503);
    expect(third.body).toContain('sending queue is full');
    const refusedBefore = second.status === 200 ? 5 : 6;
    await counts(program, 'otelcol_exporter_enqueue_failed_spans', labels, refusedBefore);
    await counts(program, 'otelcol_receiver_refused_spans', { receiver: 'otlp', transport: 'http' }, refusedBefore);
    expect(sum(await scrape(program), 'otelcol_exporter_queue_capacity', labels)).toBe(1);

    const error = await exportEmptySpan(await program.address('GRPC'));
    expect(error).toMatchObject({ code: grpcStatus.UNAVAILABLE });
    await counts(program, 'otelcol_receiver_refused_spans', { transport: 'grpc' }, 1);

    gate.open();
    await counts(program, 'otelcol_exporter_queue_size', labels, 0);
    expect((await postSpans(address)).status).toBe(200);
  });
});

const bytes = (value: Buffer): Buffer => value;

/** One span without content over gRPC; resolves with the error, or null. */
function exportEmptySpan(address: string): Promise<ServiceError | null> {
  const client = new Client(address, credentials.createInsecure());
  // resource_spans { scope_spans { spans {} } }
  const request = Buffer.from([0x0a, 4, 0x12, 2, 0x12, 0]);
  const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, bytes, bytes, request, (error) => {
      client.close();
      resolve(error);
    });
  });
}

describe('checklist 14: retries', () => {
  const QUICK = { enabled: true, initial_interval: '20ms', max_interval: '20ms', randomization_factor: 0 };

  it('happen after the intervals, counted once', async () => {
    const backend = await Backend.listen((_arrival, index) => ({ status: index < 3 ? 503 : 200 }));
    const retry = { enabled: true, initial_interval: '100ms', multiplier: 2, randomization_factor: 0 };
    const program = await start(config({ otlp_http: toBackend(backend, { retry_on_failure: retry }) }));
    await postSpans(await program.address('HTTP'));
    const times = (await backend.received(4)).map(({ at }) => at);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    // Timers never fire early; how late they are is the machine's affair.
    expect(gaps.map((gap, index) => gap >= 100 * 2 ** index - 2)).toEqual([true, true, true]);
    await counts(program, 'otelcol_exporter_sent_spans', {}, 1);
    expect(sum(await scrape(program), 'otelcol_exporter_send_failed_spans')).toBeNull();
    expect(program.logs('Exporting failed. Will retry the request after interval.')).toHaveLength(3);
  });

  it('honour Retry-After', async () => {
    const backend = await Backend.listen((_arrival, index) =>
      index === 0 ? { status: 429, headers: { 'retry-after': '1' } } : { status: 200 },
    );
    const program = await start(config({ otlp_http: toBackend(backend, { retry_on_failure: QUICK }) }));
    await postSpans(await program.address('HTTP'));
    const [first, second] = await backend.received(2);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(998);
  });

  it('end after max_elapsed_time with the data dropped', async () => {
    const backend = await Backend.listen(() => ({ status: 503 }));
    const retry = { ...QUICK, max_elapsed_time: '100ms' };
    const program = await start(config({ otlp_http: toBackend(backend, { retry_on_failure: retry }) }));
    await postSpans(await program.address('HTTP'), spans(7));
    const { dropped_items: dropped } = await program.logged('Exporting failed. Dropping data.');
    expect(dropped).toBe(7);
    expect(backend.arrivals.length).toBeGreaterThan(1);
    await counts(program, 'otelcol_exporter_send_failed_spans', {}, 7);
  });

  it('never end with max_elapsed_time: 0', async () => {
    const backend = await Backend.listen((_arrival, index) => ({ status: index < 40 ? 503 : 200 }));
    const retry = { ...QUICK, max_elapsed_time: '0' };
    const program = await start(config({ otlp_http: toBackend(backend, { retry_on_failure: retry }) }));
    await postSpans(await program.address('HTTP'), spans(7));
    await counts(program, 'otelcol_exporter_sent_spans', {}, 7);
    expect(backend.arrivals).toHaveLength(41);
  });

  it('do not follow a permanent refusal', async () => {
    const backend = await Backend.listen(() => ({ status: 400 }));
    const program = await start(config({ otlp_http: toBackend(backend, { retry_on_failure: QUICK }) }));
    await postSpans(await program.address('HTTP'));
    await program.logged('Exporting failed. Dropping data.');
    expect(backend.arrivals).toHaveLength(1);
  });
});

describe('checklist 24: fan-out', () => {
  it('makes the client retry for a failing exporter, and the healthy one gets duplicates', async () => {
    const failing = await Backend.listen((_arrival, index) => ({ status: index === 0 ? 503 : 200 }));
    const healthy = await Backend.listen();
    const program = await start(
      config({
        'otlp_http/failing': toBackend(failing, { sending_queue: OFF }),
        'otlp_http/healthy': toBackend(healthy, { sending_queue: OFF }),
      }),
    );
    const address = await program.address('HTTP');
    expect((await postSpans(address)).status).toBe(503);
    expect((await postSpans(address)).status).toBe(200);
    expect([failing.arrivals.length, healthy.arrivals.length]).toEqual([2, 2]);
    expect(healthy.arrivals[0]?.json).toEqual(healthy.arrivals[1]?.json);
    await counts(program, 'otelcol_exporter_sent_spans', { exporter: 'otlp_http/healthy' }, 2);
    await counts(program, 'otelcol_exporter_sent_spans', { exporter: 'otlp_http/failing' }, 1);
  });
});

describe('a backend that is away', () => {
  it('does not stop the start and gets the data when it is there', async () => {
    const placeholder = await Backend.listen();
    const url = placeholder.url;
    await placeholder.close();
    const retry = { enabled: true, initial_interval: '50ms', max_interval: '50ms' };
    const program = await start(config({ otlp_http: { endpoint: url, encoding: 'json', retry_on_failure: retry } }));
    expect((await postSpans(await program.address('HTTP'))).status).toBe(200);
    await program.logged('Exporting failed. Will retry the request after interval.');
    const backend = await Backend.listen(undefined, Number(new URL(url).port));
    await backend.received(1);
  });
});
