// The short forms of the survival runs: what a process holds must not grow with the collectors it has had, and it ends
// well at any moment.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { jest } from '@jest/globals';

jest.setTimeout(300_000);

/** Runs `npm run survival` with these arguments; its exit code, and what it found. */
function survival(args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const file = fileURLToPath(new URL('../../survival/main.mjs', import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { env: { ...process.env, NODE_OPTIONS: '' } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code, output }));
  });
}

const linux = process.platform === 'linux';

// Threads, descriptors and memory are read from /proc.
(linux ? describe : describe.skip)('a host process survives', () => {
  it.each([
    ['200 starts and stops', ['cycles', '--count', '200']],
    ['200 reloads', ['reloads', '--count', '200']],
    ['the termination of 16 worker threads', ['workers', '--count', '16']],
    ['the end of processes, which lose nothing', ['exits', '--short']],
  ])('%s', async (_name, args) => {
    const { code, output } = await survival(args);
    expect(`${output}${code}`).toMatch(/survived\n0$/);
  });
});
