// Scripts of this folder in processes of their own.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Has the C library take all memory from one place. An arena for each few threads would be filled up one after another as
 * threads come and go, which looks like growth for hundreds of turns.
 */
const ONE_HEAP = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_MAX_: '0' };

/** Runs a script to its end, by this Node or another. */
export function node(script, args, executable = process.execPath) {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(executable, ['--expose-gc', file, ...args.map(String)], {
    env: { ...process.env, NODE_OPTIONS: '', ...ONE_HEAP },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
