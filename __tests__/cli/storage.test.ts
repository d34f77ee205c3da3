// Queues on disk, as users meet them: requests that outlive the process, a folder in use, what is said about it.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { scrape, sum } from './metrics.js';
import { Backend, closeBackends, postSpans, spanNames, spans } from './otlp.js';
import { command, endPrograms, inline, Program, start, TELEMETRY } from './program.js';
import { until } from './until.js';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'teleferric-storage-'));
});

afterEach(async () => {
  await endPrograms();
  await closeBackends();
  rmSync(folder, { recursive: true, force: true });
});

/** One traces pipeline whose exporter keeps its queue in the folder. */
function config(backend: { readonly url: string }, changes: object = {}): object {
  return {
    receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } },
    exporters: {
      otlp_http: {
        endpoint: backend.url,
        encoding: 'json',
        retry_on_failure: { initial_interval: '50ms', max_interval: '100ms' },
        circuit_breaker: { enabled: false },
        sending_queue: { storage: 'file_storage' },
      },
    },
    extensions: { file_storage: { directory: folder, timeout: '100ms', max_bytes: 8 * 1024 * 1024 } },
    service: {
      extensions: ['file_storage'],
      telemetry: TELEMETRY,
      pipelines: { traces: { receivers: ['otlp'], exporters: ['otlp_http'] } },
    },
    ...changes,
  };
}

/** Sends requests with one span each, named by number, and expects all to be taken. */
async function sendNumbered(program: Program, from: number, to: number): Promise<void> {
  const address = await program.address('HTTP');
  for (let number = from; number < to; number += 1) {
    const answer = await postSpans(address, spans(1, `span ${number}`));
    expect(answer.status).toBe(200);
  }
}

const namesAt = (backend: Backend): readonly string[] => backend.arrivals.flatMap(({ json }) => spanNames(json));
const numbered = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `span ${index}`);

async function queueSize(program: Program): Promise<number | null> {
  return sum(await scrape(program), 'otelcol_exporter_queue_size');
}

describe('checklist 15: a stored queue', () => {
  it('delivers after a kill what was taken before it, and nothing twice that was delivered long before', async () => {
    const backend = await Backend.listen();
    const first = await start(config(backend));
    await sendNumbered(first, 0, 5);
    await backend.received(5);
    backend.respond = () => ({ status: 503 });
    await sendNumbered(first, 5, 25);
    // A checkpoint later the first five are done for good.
    await new Promise((resolve) => {
      setTimeout(resolve, 1500);
    });
    await first.kill();
    const before = backend.arrivals.length;

    const second = await start(config(backend));
    await expect(queueSize(second)).resolves.toBe(20);
    backend.respond = () => ({ status: 200 });
    await until(
      async () => (await queueSize(second)) === 0,
      'an empty queue',
      () => String(backend.arrivals.length),
    );
    const after = backend.arrivals.slice(before).flatMap(({ json }) => spanNames(json));
    expect(new Set(after)).toEqual(new Set(numbered(25).slice(5)));
    await expect(second.stop()).resolves.toEqual({ code: 0, signal: null });
  });

  it('survives SIGTERM while the target is away, which does not wait for it', async () => {
    const backend = await Backend.listen(() => ({ status: 503 }));
    const first = await start(config(backend));
    await sendNumbered(first, 0, 12);
    await expect(first.stop()).resolves.toEqual({ code: 0, signal: null });
    expect(first.logs('Exporting failed. Dropping data.')).toEqual([]);

    backend.respond = () => ({ status: 200 });
    const before = backend.arrivals.length;
    const second = await start(config(backend));
    await until(
      async () => (await queueSize(second)) === 0,
      'an empty queue',
      () => String(backend.arrivals.length),
    );
    expect(new Set(namesAt(backend).slice(before))).toEqual(new Set(numbered(12)));
  });

  it('is looked into and emptied from the command line', async () => {
    const backend = await Backend.listen(() => ({ status: 503 }));
    const program = await start(config(backend));
    await sendNumbered(program, 0, 7);
    const queue = 'exporter/otlp_http/traces';
    const status = await command('queue', 'status', inline(config(backend)));
    expect(status.stdout).toMatch(
      new RegExp(
        `^${folder}: 1 files, 1.0 MiB on disk\\nQUEUE .*\\n${queue} +7 +7 +\\d+ +7 +-\\ndead letters: 1 files`,
      ),
    );
    const oldest = await command('queue', 'inspect', '--directory', folder, '--limit', '2');
    expect(oldest.stdout.split('\n').filter((line) => line.startsWith(queue))).toHaveLength(2);
    const verified = await command('queue', 'verify', '--directory', folder);
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('0 bytes are damaged') as unknown });

    const refused = await command('queue', 'purge', '--directory', folder, '--queue', queue);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('in use by another process') as unknown });
    await program.stop();
    const unknown = await command('queue', 'purge', '--directory', folder, '--queue', 'other');
    expect(unknown).toMatchObject({ code: 1, stderr: 'Error: there is no queue "other"\n' });
    const purged = await command('queue', 'purge', '--directory', folder, '--queue', queue);
    expect(purged.stdout).toMatch(/^gave up 7 requests with 7 items in \d+ bytes\n$/);
    const after = await command('queue', 'status', '--directory', folder);
    expect(after.stdout).toMatch(new RegExp(`QUEUE .*\\n${queue} +0 +0 +0 +7 +purged 7\\n`));
  });

  it('keeps what is refused for good as dead letters, which are sent again when asked', async () => {
    const backend = await Backend.listen(() => ({ status: 400, body: 'no\u001B such field' }));
    const first = await start(config(backend));
    // Dead letters lie in the order of their refusals, so each is waited for.
    for (let number = 0; number < 6; number += 1) {
      await sendNumbered(first, number, number + 1);
      await until(
        async () => sum(await scrape(first), 'teleferric_dead_letter_items') === number + 1,
        'a dead letter',
        () => String(backend.arrivals.length),
      );
    }
    await until(
      async () => (await queueSize(first)) === 0,
      'an empty queue',
      () => String(backend.arrivals.length),
    );
    const page = await scrape(first);
    expect(sum(page, 'teleferric_dead_letter_items')).toBe(6);
    expect(sum(page, 'teleferric_dead_lettered_items_total')).toBe(6);
    expect(sum(page, 'teleferric_dropped_items_total')).toBe(0);

    const queue = 'exporter/otlp_http/traces';
    const refused = await command('queue', 'replay', '--directory', folder);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('in use by another process') as unknown });
    await first.stop();
    const status = await command('queue', 'status', '--directory', folder);
    expect(status.stdout).toMatch(new RegExp(`DEAD LETTERS OF .*\\n${queue} +6 +6 +\\d+ +6 +-\\n$`));
    const shown = await command('queue', 'inspect', '--directory', folder, '--limit', '1');
    expect(shown.stdout).toMatch(new RegExp(`\\n${queue} .* 3 .*400.*\\n$`));
    const unknown = await command('queue', 'replay', '--directory', folder, '--queue', 'other');
    expect(unknown).toMatchObject({ code: 1, stderr: 'Error: there is no queue "other"\n' });
    const replayed = await command('queue', 'replay', inline(config(backend)), '--queue', queue, '--limit', '5');
    expect(replayed.stdout).toBe(`${queue}: put back 5 requests with 5 items, 1 are left\n`);

    backend.respond = () => ({ status: 200 });
    const before = backend.arrivals.length;
    const second = await start(config(backend));
    await until(
      async () => (await queueSize(second)) === 0,
      'an empty queue',
      () => String(backend.arrivals.length),
    );
    expect(namesAt(backend).slice(before).toSorted()).toEqual(numbered(5));
    expect(sum(await scrape(second), 'teleferric_dead_letter_items')).toBe(1);
    await second.stop();
    const purged = await command('queue', 'purge', '--directory', folder, '--queue', queue, '--dead-letters');
    expect(purged.stdout).toMatch(/^gave up 1 requests with 1 items in \d+ bytes\n$/);
    const none = await command('queue', 'replay', '--directory', folder);
    expect(none).toMatchObject({ code: 0, stdout: 'there are no dead letters\n' });
  });

  it('says so when bytes of it are damaged', async () => {
    const backend = await Backend.listen(() => ({ status: 503 }));
    const program = await start(config(backend));
    await sendNumbered(program, 0, 5);
    await program.stop();
    const segment = path.join(folder, 'teleferric', 'seg-0000000000000000.log');
    const bytes = readFileSync(segment);
    bytes[600] = (bytes[600] ?? 0) ^ 1;
    writeFileSync(segment, bytes);
    const verified = await command('queue', 'verify', '--directory', folder);
    expect(verified.code).toBe(1);
    expect(verified.stdout).toMatch(/ [1-9]\d* bytes are damaged/);
  });

  it('stays through a reload that changes the exporter', async () => {
    const away = await Backend.listen(() => ({ status: 503 }));
    const file = path.join(folder, 'config.json');
    writeFileSync(file, JSON.stringify(config(away)));
    const program = new Program([`--config=${file}`]);
    await sendNumbered(program, 0, 10);
    const there = await Backend.listen();
    writeFileSync(file, JSON.stringify(config(there)));
    program.signal('SIGHUP');
    await there.received(10);
    expect(new Set(namesAt(there))).toEqual(new Set(numbered(10)));
  });

  it('lies in a folder for its owner alone, which one process has at a time', async () => {
    const backend = await Backend.listen();
    const program = await start(config(backend));
    const log = path.join(folder, 'teleferric');
    expect(statSync(log).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(log)) {
      expect(statSync(path.join(log, name)).mode & 0o777).toBe(name === 'dlq' ? 0o700 : 0o600);
    }

    const other = new Program([inline(config(backend))]);
    await expect(other.exited).resolves.toEqual({ code: 1, signal: null });
    expect(other.stderr).toContain(`exporters::otlp_http: ${log} is in use by another process`);
    await expect(program.stop()).resolves.toEqual({ code: 0, signal: null });
  });

  it('wants its folder to be there if it may not make it', async () => {
    const missing = path.join(folder, 'missing');
    const backend = await Backend.listen();
    const extensions = { file_storage: { directory: missing, create_directory: false } };
    const program = new Program([inline(config(backend, { extensions }))]);
    await expect(program.exited).resolves.toEqual({ code: 1, signal: null });
    expect(program.stderr).toContain(`cannot open ${missing}: directory must exist`);
  });
});
