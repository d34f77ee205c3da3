// Running other programs from the project's scripts: visible, streamed, with clear errors when one is missing.
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Ends the script with a message for the user. */
export function fail(message) {
  process.stderr.write(`\nteleferric: ${message}\n`);
  process.exit(1);
}

/** First line of `command --version`, or null when the command is missing. */
export function versionOf(command) {
  const result = spawnSync(command, ['--version'], { encoding: 'utf8', shell: process.platform === 'win32' });
  return result.status === 0 ? result.stdout.trim().split('\n')[0] : null;
}

/**
 * Runs a command, showing its output, and resolves with `{ status, output }`. `quiet` keeps the output back and
 * shows it only when the command fails.
 */
export function run(command, args, { cwd = root, env = {}, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        output += text;
        if (!quiet) process.stderr.write(text);
      });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const status = code ?? (signal ? 1 : 0);
      if (quiet && status !== 0) process.stderr.write(output);
      resolve({ status, output });
    });
  });
}

/** Like {@link run}, but a failing command ends the script. */
export async function must(what, command, args, options) {
  const { status, output } = await run(command, args, options).catch((error) => fail(`${what}: ${error.message}`));
  if (status !== 0) fail(`${what} failed (exit ${status})`);
  return output;
}
