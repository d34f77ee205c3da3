// Signals: drain, second signal, reload.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { counts } from './metrics.js';
import { Backend, closeBackends, Gate, get, postSpans, spanNames, spans } from './otlp.js';
import { endPrograms, Program, READY, start, TELEMETRY } from './program.js';
import { freePort } from './ports.js';
import { until } from './until.js';

const scratch = mkdtempSync(join(tmpdir(), 'teleferric-lifecycle-'));

afterEach(async () => {
  await endPrograms();
  await closeBackends();
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Parts {
  readonly backend: Backend;
  readonly exporter?: object;
  readonly endpoint?: string;
  readonly service?: object;
  readonly processors?: Readonly<Record<string, object | null>>;
}

function config({ backend, exporter = {}, endpoint = '127.0.0.1:0', service = {}, processors = {} }: Parts): object {
  return {
    receivers: { otlp: { protocols: { http: { endpoint } } } },
    processors,
    exporters: { otlp_http: { endpoint: backend.url, encoding: 'json', ...exporter } },
    service: {
      telemetry: TELEMETRY,
      pipelines: {
        traces: { receivers: ['otlp'], processors: Object.keys(processors), exporters: ['otlp_http'] },
      },
      ...service,
    },
  };
}

function file(name: string, content: object): string {
  const path = join(scratch, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

const namesAt = (backend: Backend): string[] => backend.arrivals.flatMap(({ json }) => [...spanNames(json)]);

/** Resolves once nobody listens there. */
async function closed(address: string): Promise<void> {
  const refused = (): Promise<boolean> =>
    get(address).then(
      () => false,
      (error: unknown) => (error as { code?: string }).code === 'ECONNREFUSED',
    );
  await until(refused, `${address} to be closed`);
}

describe('checklist 23: SIGTERM', () => {
  it('closes the receivers, then empties batches and queues, and exits with 0', async () => {
    const gate = new Gate();
    const backend = await Backend.listen(() => gate.passed.then(() => ({ status: 200 })));
    const program = await start(
      config({ backend, exporter: { sending_queue: { num_consumers: 1 } }, processors: { batch: { timeout: '1h' } } }),
    );
    const address = await program.address('HTTP');
    for (const name of ['a', 'b', 'c']) expect((await postSpans(address, spans(1, name))).status).toBe(200);
    expect(backend.arrivals).toHaveLength(0);
    program.signal('SIGTERM');
    await closed(address);
    await backend.received(1);
    expect(program.ended).toBe(false);
    gate.open();
    await expect(program.exited).resolves.toEqual({ code: 0, signal: null });
    expect(namesAt(backend).toSorted()).toEqual(['a', 'b', 'c']);
    const messages = program.logs().map(({ msg }) => msg);
    expect(messages.slice(-3)).toEqual(['Received signal from OS', 'Starting shutdown...', 'Shutdown complete.']);
    expect(program.logs('Received signal from OS')[0]?.signal).toBe('terminated');
  });

  it('gives what waits for a retry one last attempt', async () => {
    const backend = await Backend.listen((_arrival, index) => ({ status: index === 0 ? 503 : 200 }));
    const exporter = { retry_on_failure: { initial_interval: '1h', max_interval: '1h', max_elapsed_time: 0 } };
    const program = await start(config({ backend, exporter }));
    await postSpans(await program.address('HTTP'), spans(1, 'late'));
    await program.logged('Exporting failed. Will retry the request after interval.');
    await expect(program.stop()).resolves.toEqual({ code: 0, signal: null });
    expect(namesAt(backend)).toEqual(['late', 'late']);
  });

  it('drops with a log what fails in its last attempt', async () => {
    const backend = await Backend.listen(() => ({ status: 503 }));
    const exporter = { retry_on_failure: { initial_interval: '1h', max_interval: '1h', max_elapsed_time: 0 } };
    const program = await start(config({ backend, exporter }));
    await postSpans(await program.address('HTTP'), spans(4, 'lost'));
    await program.logged('Exporting failed. Will retry the request after interval.');
    await expect(program.stop()).resolves.toEqual({ code: 0, signal: null });
    expect(backend.arrivals).toHaveLength(2);
    expect(program.logs('Exporting failed. Dropping data.')[0]?.dropped_items).toBe(4);
  });

  it('answers requests that are under way', async () => {
    const gate = new Gate();
    const backend = await Backend.listen(() => gate.passed.then(() => ({ status: 200 })));
    const program = await start(config({ backend, exporter: { sending_queue: { enabled: false } } }));
    const address = await program.address('HTTP');
    const answer = postSpans(address);
    await backend.received(1);
    program.signal('SIGTERM');
    await closed(address);
    gate.open();
    expect((await answer).status).toBe(200);
    await expect(program.exited).resolves.toEqual({ code: 0, signal: null });
  });

  it('goes on taking data for the time before the drain', async () => {
    const backend = await Backend.listen();
    const program = await start(config({ backend, service: { drain: { pre_stop: '1s' } } }));
    const address = await program.address('HTTP');
    program.signal('SIGTERM');
    await program.logged('Starting shutdown...');
    expect((await postSpans(address, spans(1, 'late'))).status).toBe(200);
    await expect(program.exited).resolves.toEqual({ code: 0, signal: null });
    expect(namesAt(backend)).toEqual(['late']);
  });

  it('ends at the drain timeout when the backend never answers', async () => {
    const backend = await Backend.listen(() => new Promise(() => {}));
    const program = await start(config({ backend, service: { drain: { timeout: '300ms' } } }));
    await postSpans(await program.address('HTTP'), spans(4));
    await backend.received(1);
    const { code } = await program.stop();
    expect(code).toBe(0);
    expect(program.logs().at(-1)?.msg).toBe('Shutdown complete.');
    expect(program.logs('Exporting failed. Dropping data.')[0]?.dropped_items).toBe(4);
  });
});

describe('a second signal', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s cuts the drain short, exit code 1', async (second) => {
    const backend = await Backend.listen(() => new Promise(() => {}));
    const program = await start(config({ backend }));
    await postSpans(await program.address('HTTP'));
    await backend.received(1);
    program.signal('SIGINT');
    await program.logged('Starting shutdown...');
    expect(program.ended).toBe(false);
    program.signal(second);
    await expect(program.exited).resolves.toEqual({ code: 1, signal: null });
  });
});

describe('checklist 23: SIGHUP', () => {
  const RELOADED = 'Config updated, restart service';

  it('puts the new configuration in place and keeps the listener that stays', async () => {
    const [first, second] = [await Backend.listen(), await Backend.listen()];
    const endpoint = `127.0.0.1:${await freePort()}`;
    const path = file('good.yaml', config({ backend: first, endpoint }));
    const program = new Program(['--config', path]);
    await program.says(READY);
    await postSpans(endpoint, spans(1, 'before'));
    await first.received(1);

    writeFileSync(path, JSON.stringify(config({ backend: second, endpoint })));
    program.signal('SIGHUP');
    await program.says(READY, 2);
    expect((await program.logged('Received signal from OS')).signal).toBe('hangup');
    expect(program.logs(RELOADED)).toHaveLength(1);
    expect(program.logs('Starting HTTP server')).toHaveLength(1);
    expect((await postSpans(endpoint, spans(1, 'after'))).status).toBe(200);
    await second.received(1);
    expect([namesAt(first), namesAt(second)]).toEqual([['before'], ['after']]);
    await counts(program, 'otelcol_receiver_accepted_spans', { receiver: 'otlp' }, 2);
    await expect(program.stop()).resolves.toEqual({ code: 0, signal: null });
  });

  it('refuses no request while it changes', async () => {
    const backend = await Backend.listen();
    const endpoint = `127.0.0.1:${await freePort()}`;
    const path = file('busy.yaml', config({ backend, endpoint }));
    const program = new Program(['--config', path]);
    await program.says(READY);
    let sent = 0;
    let failed = 0;
    const over = new AbortController();
    const sender = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const status = await postSpans(endpoint, spans(1)).then(
          (answer) => answer.status,
          () => 0,
        );
        sent += 1;
        if (status !== 200) failed += 1;
      }
    };
    const senders = Promise.all([sender(), sender(), sender()]);
    for (let round = 2; round <= 6; round += 1) {
      const queue = { sending_queue: { queue_size: 1000 + round } };
      writeFileSync(path, JSON.stringify(config({ backend, endpoint, exporter: queue })));
      program.signal('SIGHUP');
      await program.says(READY, round);
      const goal = sent + 20;
      await until(() => sent >= goal, 'requests after the change');
    }
    over.abort();
    await senders;
    expect(failed).toBe(0);
    await program.stop();
    expect(namesAt(backend)).toHaveLength(sent);
  });

  it.each([
    ['text that is no configuration', 'receivers: [', 'Conf'],
    ['an unknown key', '{receivers: {otlp: {protocls: {}}}}', 'protocls'],
  ])('stays with the old one after %s', async (_name, text, told) => {
    const backend = await Backend.listen();
    const path = file('bad.yaml', config({ backend }));
    const program = new Program(['--config', path]);
    await program.says(READY);
    writeFileSync(path, text);
    program.signal('SIGHUP');
    const line = await program.logged('cannot reload, the running configuration stays');
    expect(line.level).toBe('error');
    expect(String(line.error)).toContain(told);
    expect((await postSpans(await program.address('HTTP'))).status).toBe(200);
    await backend.received(1);
    await expect(program.stop()).resolves.toEqual({ code: 0, signal: null });
  });

  it('stays with the old one when a new listener cannot be opened', async () => {
    const backend = await Backend.listen();
    const blocker = await Backend.listen();
    const path = file('port.yaml', config({ backend }));
    const program = new Program(['--config', path]);
    await program.says(READY);
    writeFileSync(path, JSON.stringify(config({ backend, endpoint: blocker.url.replace('http://', '') })));
    program.signal('SIGHUP');
    const line = await program.logged('cannot reload, the running configuration stays');
    expect(String(line.error)).toContain('bind: address already in use');
    expect((await postSpans(await program.address('HTTP'))).status).toBe(200);
    await backend.received(1);
  });

  it('moves the listener when its address changes', async () => {
    const backend = await Backend.listen();
    const [one, two] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    const path = file('moved.yaml', config({ backend, endpoint: one }));
    const program = new Program(['--config', path]);
    await program.says(READY);
    writeFileSync(path, JSON.stringify(config({ backend, endpoint: two })));
    program.signal('SIGHUP');
    await program.says(READY, 2);
    await closed(one);
    expect((await postSpans(two)).status).toBe(200);
    await backend.received(1);
  });
});
