// The addon among threads and at the end of processes, each case in a process of its own.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { jest } from '@jest/globals';

import { document, PLAIN } from './addon.js';

jest.setTimeout(60_000);

interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script of this folder. @param onText may end it by the function it is given */
function script(
  name: string,
  args: readonly string[],
  onText: (text: string, end: () => void) => void = () => {},
): Promise<Ran> {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { env: { ...process.env, NODE_OPTIONS: '' } });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onText(stdout, () => child.kill('SIGTERM'));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

describe('worker threads', () => {
  it('load and leave the addon ten times while a collector runs', async () => {
    const { code, signal, stdout, stderr } = await script('worker-churn.mjs', [await document()]);
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ left: 10, taken: 200 });
  });
});

/** The status of an empty request. */
const post = async (address: string): Promise<number> => {
  const headers = { 'content-type': 'application/json', connection: 'close' };
  return (await fetch(`http://${address}/v1/traces`, { method: 'POST', body: '{}', headers })).status;
};

describe('a forgotten collector', () => {
  it('of the raw addon does not keep the process', async () => {
    const ran = await script('forgotten.mjs', ['raw', await document()]);
    expect(ran).toEqual({ code: 0, signal: null, stdout: 'started true\nnothing left to do\n', stderr: '' });
  });

  it('keeps the process until it has answered', async () => {
    const { stdout, ...ran } = await script('forgotten.mjs', ['asked']);
    expect(ran).toEqual({ code: 0, signal: null, stderr: '' });
    expect(stdout).toMatch(/^started 127\.0\.0\.1:\d+\n(accepted\n){20}nothing left to do\n$/);
  });

  it('does not keep the process after unref', async () => {
    const { stdout, ...ran } = await script('forgotten.mjs', ['unref']);
    expect(ran).toEqual({ code: 0, signal: null, stderr: '' });
    expect(stdout).toMatch(/^started 127\.0\.0\.1:\d+\nnothing left to do\n$/);
  });

  it('keeps the process otherwise, and takes data', async () => {
    let posts: Promise<number[]> | null = null;
    const { signal, stdout } = await script('forgotten.mjs', ['ref'], (text, end) => {
      const address = /^started (\S+)\n/.exec(text)?.[1];
      if (address === undefined || posts !== null) return;
      posts = (async () => [await post(address), await post(address), await post(address)])();
      void posts.finally(end);
    });
    await expect(posts).resolves.toEqual([200, 200, 200]);
    expect(signal).toBe('SIGTERM');
    expect(stdout).not.toContain('nothing left to do');
  });
});

/** A pipeline to nowhere, which the exporter reports. */
const DEAD_END = {
  ...PLAIN,
  exporters: {
    otlp_http: {
      endpoint: 'http://127.0.0.1:1',
      retry_on_failure: { enabled: false },
      sending_queue: { enabled: false },
    },
  },
  service: { pipelines: { traces: { receivers: ['otlp'], exporters: ['otlp_http'] } } },
};

describe('a wake-up that throws', () => {
  it('is an uncaught exception as of any callback, not the end of the process', async () => {
    const { stdout, code } = await script('throwing-wake-up.mjs', [await document(DEAD_END)]);
    expect({ stdout, code }).toEqual({ stdout: 'caught: thrown by the host\nstill running: true\n', code: 0 });
  });
});
