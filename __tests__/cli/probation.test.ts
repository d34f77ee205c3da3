// A configuration that a reload brought, and the way back from it when the process dies.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '../support/folder.js';
import { Backend, closeBackends, postSpans, spans } from './otlp.js';
import { command, endPrograms, Program, READY, TELEMETRY } from './program.js';

afterEach(async () => {
  await endPrograms();
  await closeBackends();
});

it('returns to the configuration before when the process is killed on probation', async () => {
  const [first, second] = [await Backend.listen(), await Backend.listen()];
  const folder = temporaryFolder('probation');
  const path = join(folder, 'collector.yaml');
  const write = (backend: Backend): void => {
    const exporter = { endpoint: backend.url, encoding: 'json', sending_queue: { enabled: false } };
    const config = {
      receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } },
      exporters: { otlp_http: exporter },
      service: {
        telemetry: TELEMETRY,
        reload: { history: { directory: folder } },
        pipelines: { traces: { receivers: ['otlp'], exporters: ['otlp_http'] } },
      },
    };
    writeFileSync(path, JSON.stringify(config));
  };
  write(first);
  const killed = new Program(['--config', path]);
  await killed.says(READY);
  write(second);
  killed.signal('SIGHUP');
  await killed.logged('Configuration kept', { version: 2 });
  expect((await postSpans(await killed.address('HTTP'), spans(1))).status).toBe(200);
  await killed.kill();
  expect([first.arrivals.length, second.arrivals.length]).toEqual([0, 1]);

  const next = new Program(['--config', path]);
  await next.says(READY);
  const line = await next.logged('Configuration refused');
  expect(line).toMatchObject({ refused: expect.stringMatching(/^2-/), good: expect.stringMatching(/^1-/) });
  expect((await postSpans(await next.address('HTTP'), spans(1))).status).toBe(200);
  expect([first.arrivals.length, second.arrivals.length]).toEqual([1, 1]);
  await expect(next.stop()).resolves.toEqual({ code: 0, signal: null });
  const { stdout } = await command('config', 'history', '--directory', folder);
  expect(stdout).toMatch(/^2 \*.*refused: the process died while this configuration was on probation$/m);
});
