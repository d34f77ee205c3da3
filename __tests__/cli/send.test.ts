// `teleferric send` against a running collector: both sides must come to the same numbers.
import { scrape, sum } from './metrics.js';
import { Backend, closeBackends } from './otlp.js';
import { command, endPrograms, Program, start, TELEMETRY } from './program.js';
import { freePort } from './ports.js';
import { until } from './until.js';

afterEach(async () => {
  await endPrograms();
  await closeBackends();
});

const UNITS = ['spans', 'metric_points', 'log_records'];

/** A collector that takes everything over both protocols. */
function sink(receiver: object = {}): Promise<Program> {
  const pipeline = { receivers: ['otlp'], exporters: ['nop'] };
  const endpoint = '127.0.0.1:0';
  return start({
    receivers: { otlp: { protocols: { grpc: { endpoint, ...receiver }, http: { endpoint, ...receiver } } } },
    exporters: { nop: null },
    service: { telemetry: TELEMETRY, pipelines: { traces: pipeline, metrics: pipeline, logs: pipeline } },
  });
}

/** The numbers of the report by their names. */
function report(text: string): Readonly<Record<string, number>> {
  const rows = [...text.matchAll(/^(\w+) +([\d,.]+)/gm)];
  return Object.fromEntries(rows.map(([, name, value]) => [name, Number(value?.replaceAll(',', ''))]));
}

async function acceptedBy(program: Program): Promise<readonly (number | null)[]> {
  const page = await scrape(program);
  return UNITS.map((unit) => sum(page, `otelcol_receiver_accepted_${unit}`));
}

describe('send', () => {
  it.each(
    ['grpc', 'http/protobuf', 'http/json'].flatMap((protocol) =>
      ['none', 'gzip', 'zstd'].map((compression) => [protocol, compression] as const),
    ),
  )('counts as the collector does over %s with compression %s', async (protocol, compression) => {
    const program = await sink();
    const endpoint = await program.address(protocol === 'grpc' ? 'GRPC' : 'HTTP');
    const flags = ['--protocol', protocol, '--compression', compression, '--endpoint', endpoint];
    const { code, stdout, stderr } = await command('send', ...flags, '--count', '3k', '--batch', '50', '--seed', '7');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const numbers = report(stdout);
    expect(numbers).toMatchObject({ sent: 3000, accepted: 3000, partial: 0, refused: 0 });
    const accepted = await acceptedBy(program);
    expect(accepted.reduce<number>((total, each) => total + (each ?? 0), 0)).toBe(3000);
    for (const each of accepted) expect(each).toBeGreaterThan(0);
    expect(stdout).toContain(`items in 60 requests to `);
  });

  it('makes only the signals it is asked for', async () => {
    const program = await sink();
    const endpoint = await program.address('GRPC');
    const { code } = await command('send', '--endpoint', endpoint, '--signals', 'logs', '--count', '120');
    expect(code).toBe(0);
    await expect(acceptedBy(program)).resolves.toEqual([null, null, 120]);
  });

  it('sends headers, and keeps to its rate and duration', async () => {
    const backend = await Backend.listen();
    const target = ['--protocol', 'http/json', '--endpoint', backend.url, '--header', 'x-tenant=acme'];
    const plan = ['--signals', 'traces', '--rate', '200/s', '--batch', '20', '--duration', '500ms'];
    const { code, stdout } = await command('send', ...target, ...plan);
    expect(code).toBe(0);
    expect(backend.arrivals[0]?.headers['x-tenant']).toBe('acme');
    // 200 a second for half a second are 100; the first batch may go at once.
    expect(report(stdout).sent).toBeGreaterThanOrEqual(60);
    expect(report(stdout).sent).toBeLessThanOrEqual(140);
  });

  it('shows refusals with their reasons, exit code 1', async () => {
    const backend = await Backend.listen((_arrival, index) => ({ status: index === 0 ? 200 : 400 }));
    const flags = ['--protocol', 'http/json', '--endpoint', backend.url, '--signals', 'traces', '--concurrency', '1'];
    const { code, stdout } = await command('send', ...flags, '--count', '30', '--batch', '10');
    expect(code).toBe(1);
    expect(report(stdout)).toMatchObject({ sent: 30, accepted: 10, refused: 20 });
    expect(stdout).toMatch(/reasons\n {2}2 x .*400/);
  });

  it('says that nobody listens, exit code 1', async () => {
    const { code, stdout } = await command('send', '--endpoint', `127.0.0.1:${await freePort()}`, '--count', '10');
    expect(code).toBe(1);
    expect(report(stdout)).toMatchObject({ accepted: 0, refused: 10 });
    expect(stdout).toMatch(/connection refused/i);
  });

  it('reports what was sent when it is interrupted', async () => {
    const program = await sink();
    const endpoint = await program.address('GRPC');
    const sender = new Program(['send', '--endpoint', endpoint, '--rate', '1k', '--duration', '1h']);
    const total = async (): Promise<number> =>
      (await acceptedBy(program)).reduce<number>((before, each) => before + (each ?? 0), 0);
    await until(async () => (await total()) >= 300, 'the first items');
    sender.signal('SIGINT');
    const { code } = await sender.exited;
    expect(report(sender.stdout)).toMatchObject({ accepted: await total(), partial: 0, refused: 0 });
    expect(code).toBe(0);
  });

  it('does not wait beyond its duration for a request that is due later', async () => {
    const program = await sink();
    const endpoint = await program.address('GRPC');
    // The second batch would be due after more than a minute.
    const flags = ['--batch', '100', '--rate', '1', '--concurrency', '1', '--duration', '200ms'];
    const { code, stdout } = await command('send', '--endpoint', endpoint, ...flags);
    expect(code).toBe(0);
    expect(report(stdout)).toMatchObject({ sent: 100, accepted: 100 });
  });

  it.each([
    ['no address', ['--endpoint', 'http://']],
    ['contradictions', ['--endpoint', 'https://127.0.0.1:1', '--insecure']],
    ['a gRPC endpoint without port', ['--endpoint', '127.0.0.1']],
    ['an unknown compression', ['--compression', 'brotli']],
  ])('refuses %s', async (_name, flags) => {
    const { code, stdout, stderr } = await command('send', ...flags);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^Error: /);
  });
});
