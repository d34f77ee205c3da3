// Running the tools that install peers: npm, go, the Collector's builder. Output is kept back and told on failure.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const outputBytesMax = 16 * 1024 * 1024;

/** Standard output of the command; a failure throws with the last lines of what it said. */
export async function outputOf(command, args, { cwd, env = {} } = {}) {
  try {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: outputBytesMax };
    const { stdout } = await execute(command, args, options);
    return stdout.trim();
  } catch (error) {
    const said = `${error.stdout ?? ''}\n${error.stderr ?? ''}`.trim().split('\n').slice(-4).join(' | ');
    throw new Error(`${command} ${args[0] ?? ''} failed: ${said || error.message}`, { cause: error });
  }
}
