import { FakeIo, until } from './fake-io.js';

interface Tally {
  accepted?: number;
  partial_rejected?: number;
  refused?: number;
  requests?: number;
  errors?: { message: string; count: number }[];
  elapsed_ms?: number;
}

function answering(tally: Tally, io = new FakeIo()): FakeIo {
  io.addon.answers.start = () => {
    setImmediate(() => io.addon.emit({ kind: 'generator_progress', ...tally }, { kind: 'generator_done', ...tally }));
    return Promise.resolve('{"ok":true,"listeners":[]}');
  };
  return io;
}

const clean: Tally = { accepted: 1000, requests: 10, elapsed_ms: 500, errors: [] };

interface Document {
  service: { threads: number; pipelines: { signal: string }[] };
  receivers: { config: Record<string, unknown> }[];
  exporters: { type: string; config: Record<string, unknown> }[];
}

function documentOf(io: FakeIo): Document {
  return JSON.parse(io.addon.documents[0] ?? '') as Document;
}

describe('send', () => {
  it('reports and ends with 0 when everything was accepted', async () => {
    const io = answering(clean);
    await expect(io.run('send')).resolves.toBe(0);
    expect(io.out).toBe(`sent      1,000 items in 10 requests to localhost:4317
accepted  1,000
partial       0
refused       0
elapsed    0.50 s
rate      2,000 items/s
`);
    expect(io.err).toBe('');
    expect(io.addon.calls).toEqual(['start', 'stop']);
    expect(io.listeners()).toBe(0);
  });

  it('gives the reasons and ends with 1 when something was not', async () => {
    const io = answering({
      accepted: 700,
      partial_rejected: 100,
      refused: 200,
      requests: 10,
      elapsed_ms: 1000,
      errors: [{ message: 'sending queue is full', count: 2 }],
    });
    await expect(io.run('send')).resolves.toBe(1);
    expect(io.out).toContain('partial     100 refused inside accepted requests\nrefused     200\n');
    expect(io.out).toContain('rate        700 items/s\n');
    expect(io.out).toContain('reasons\n  2 x sending queue is full\n');
  });

  it('shows progress on a terminal only', async () => {
    const io = answering({ ...clean, refused: 5 });
    io.stderr.isTTY = true;
    await io.run('send');
    expect(io.err).toContain('\r\u001B[2K1,005 items  2,000/s  10 requests  5 refused');
    expect(io.err.endsWith('\r\u001B[2K')).toBe(true);
  });

  it('asks the core for a generator in front of one exporter without queue and retry', async () => {
    const io = answering(clean);
    await io.run('send', '--signals', 'logs,traces', '--rate', '10k', '--duration', '30s', '--batch', '50');
    const { receivers, exporters, service } = documentOf(io);
    expect(service).toMatchObject({ threads: 1, pipelines: [{ signal: 'logs' }, { signal: 'traces' }] });
    expect(receivers[0]?.config).toEqual({
      signals: ['logs', 'traces'],
      rate: 10_000,
      count: null,
      duration: 30_000_000_000,
      batch: 50,
      workers: 4,
      seed: null,
      error_ratio: 0.05,
    });
    expect(exporters[0]).toMatchObject({
      type: 'otlp_grpc',
      config: {
        client: { endpoint: 'localhost:4317', tls: { insecure: true } },
        sending_queue: null,
        retry_on_failure: { enabled: false },
      },
    });
  });

  it.each([
    [['--protocol', 'http/json'], 'otlp_http', 'http://localhost:4318', true],
    [['--protocol', 'http/protobuf', '--endpoint', 'https://x.test/otlp/'], 'otlp_http', 'https://x.test/otlp', false],
    [['--protocol', 'http/protobuf', '--endpoint', 'x.test'], 'otlp_http', 'https://x.test', false],
    [['--endpoint', 'x.test:4317'], 'otlp_grpc', 'x.test:4317', false],
    [['--endpoint', 'http://x.test:4317'], 'otlp_grpc', 'x.test:4317', true],
    [['--endpoint', '[::1]:4317'], 'otlp_grpc', '[::1]:4317', true],
    [['--ca', '/ca.pem'], 'otlp_grpc', 'localhost:4317', false],
  ])('reads the target of %j', async (argv, type, endpoint, insecure) => {
    const io = answering(clean);
    await io.run('send', ...argv);
    expect(documentOf(io).exporters[0]).toMatchObject({ type, config: { client: { endpoint, tls: { insecure } } } });
  });

  it('sends headers and compression', async () => {
    const io = answering(clean);
    await io.run('send', '--header', 'a=b=c', '--header', 'x= y', '--compression', 'zstd', '--connections', '2');
    const { exporters, service, receivers } = documentOf(io);
    expect(exporters[0]?.config['client']).toMatchObject({
      headers: [
        ['a', 'b=c'],
        ['x', 'y'],
      ],
      compression: 'zstd',
    });
    expect([service.threads, receivers[0]?.config['workers'], receivers[0]?.config['count']]).toEqual([2, 8, 1000]);
  });

  it('reports what was done when interrupted', async () => {
    const io = new FakeIo();
    io.addon.answers.drain = () => {
      io.addon.emit({ kind: 'generator_done', ...clean, accepted: 300 });
      return Promise.resolve('{"ok":true}');
    };
    const code = io.run('send', '--duration', '1h');
    await until(
      () => io.listeners() > 0,
      () => io.err,
    );
    io.signal('SIGINT');
    await expect(code).resolves.toBe(0);
    expect(io.addon.calls).toContain('drain 5000');
    expect(io.out).toMatch(/^accepted +300$/m);
  });

  it('says why it cannot start', async () => {
    const io = new FakeIo();
    io.addon.answers.start = () =>
      Promise.resolve('{"ok":false,"error":{"code":"START_FAILED","message":"no such file: /ca.pem"}}');
    await expect(io.run('send', '--ca', '/ca.pem')).resolves.toBe(1);
    expect(io.err).toBe('Error: no such file: /ca.pem\n');
    expect(io.addon.calls).toEqual(['start', 'stop']);
  });
});
