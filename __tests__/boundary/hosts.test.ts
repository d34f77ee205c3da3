// Hosts of every kind, each as a process of its own: how they load the package, share it, and end.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { jest } from '@jest/globals';

import { inspectStorage } from '../../src/index.js';
import { temporaryFolder } from '../support/folder.js';

jest.setTimeout(60_000);

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function host(name: string, args: readonly string[] = [], flags: readonly string[] = []): Promise<Ran> {
  const file = fileURLToPath(new URL(`hosts/${name}`, import.meta.url));
  // What node --test and jest tell their own children is not for these.
  const { NODE_TEST_CONTEXT: _, NODE_CHANNEL_FD: __, ...environment } = process.env;
  const env = { ...environment, NODE_OPTIONS: '' };
  const child = spawn(process.execPath, ['--no-warnings', ...flags, file, ...args], { env });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('a host', () => {
  it('may require the package, and gets the classes that import gives', async () => {
    const ran = await host('required.cjs');
    expect(ran).toEqual({ code: 0, stdout: 'accepted true\n', stderr: '' });
  });

  it('may have a collector in a worker thread beside one of its own', async () => {
    const ran = await host('in-worker.mjs');
    expect(ran).toEqual({ code: 0, stdout: 'accepted accepted 0 accepted\n', stderr: '' });
  });

  it('is told what to do when workers of a cluster want one address', async () => {
    const { code, stdout, stderr } = await host('cluster.mjs');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { error, differs } = JSON.parse(stdout) as { error: { code: string; message: string }; differs: boolean };
    expect(error.code).toBe('BIND_FAILED');
    expect(error.message).toMatch(/address already in use.* \(workers of a cluster .*cluster\.worker\.id\)$/);
    expect(differs).toBe(true);
  });

  it('may be tested by node --test', async () => {
    const { code, stdout } = await host('tested.mjs', [], ['--test', '--test-reporter=tap']);
    expect(stdout).toMatch(/^# pass 2$/m);
    expect(code).toBe(0);
  });
});

describe('a host that forgets to close', () => {
  it.each([
    ['exit', 0],
    ['throw', 1],
    ['kill', null],
    ['unref', 0],
  ])('loses nothing that was stored when its sender was told OK: %s', async (how, code) => {
    const directory = temporaryFolder('left');
    const ran = await host('left.mjs', [how, directory]);
    expect(ran).toMatchObject({ code, stdout: 'accepted accepted accepted' });
    const { queues } = inspectStorage(directory);
    expect(queues.reduce((sum, { requests }) => sum + requests, 0)).toBe(3);
  });
});

describe('modules that are loaded anew, as jest does for each test file', () => {
  it('run beside each other and know each other’s errors', async () => {
    const first = await import('../../src/index.js');
    jest.resetModules();
    const second = await import('../../src/index.js');
    expect(second.Collector).not.toBe(first.Collector);
    const config = {
      receivers: { nop: null },
      exporters: { nop: null },
      service: {
        threads: 1,
        telemetry: { logs: { output_paths: [] }, metrics: { level: 'none' } },
        pipelines: { traces: { receivers: ['nop'], exporters: ['nop'] } },
      },
    } as const;
    const collectors = [await first.Collector.start({ config }), await second.Collector.start({ config })];
    const error = await second.Collector.start({ config: 'receivers: {otpl: }' }).catch((caught: unknown) => caught);
    expect(first.isCollectorError(error, 'CONFIG_UNDECODABLE')).toBe(true);
    await Promise.all(collectors.map((collector) => collector.close()));
  });
});
