// Scripts of this folder in processes of their own.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Runs a script to its end, by this Node or another. */
export function node(script, args, executable = process.execPath) {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(executable, ['--expose-gc', file, ...args.map(String)], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
