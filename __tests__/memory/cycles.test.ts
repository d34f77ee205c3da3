// What a process holds must not grow with the collectors it has had.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { jest } from '@jest/globals';

jest.setTimeout(120_000);

interface Held {
  readonly threads: number;
  readonly files: number;
  readonly rssKib: number;
  readonly heapKib: number;
}

function measure(
  script: string,
  warmUp: number,
  count: number,
): Promise<Readonly<Record<'before' | 'half' | 'after', Held>>> {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, ['--expose-gc', file, String(warmUp), String(count)], {
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => {
      if (code === 0) resolve(JSON.parse(stdout) as Readonly<Record<'before' | 'half' | 'after', Held>>);
      else reject(new Error(`the process ended with ${code}\n${stderr}`));
    });
  });
}

const linux = process.platform === 'linux';

// Threads, files and memory are read from /proc.
(linux ? describe : describe.skip)('threads, files and memory stay level', () => {
  it.each([
    ['200 starts and stops in one process', 'cycles.mjs', 20],
    ['200 reloads of one collector', 'reloads.mjs', 40],
  ])('over %s', async (_name, script, warmUp) => {
    const { before, half, after } = await measure(script, warmUp, 200);
    expect(after.threads).toBe(before.threads);
    expect(after.files).toBe(before.files);
    // Pages come and go with the allocators: 20 KiB a cycle is the noise of a flat line, and a fifth of what one
    // forgotten request of a cycle would leave.
    expect(after.rssKib - half.rssKib).toBeLessThan(100 * 20);
    expect(after.heapKib - half.heapKib).toBeLessThan(100 * 5);
  });
});
