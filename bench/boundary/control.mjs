// Builds and loads the control addon with the compiler and the headers of this machine; nothing is downloaded.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const folder = fileURLToPath(new URL('../cpp-control', import.meta.url));
const built = path.join(folder, 'build/Release/control.node');

/**
 * The control addon, or why there is none.
 * @returns {Promise<{ addon: object, reason: null } | { addon: null, reason: string }>}
 */
export async function loadControl() {
  const prefix = headersPrefix();
  if (prefix === null) return { addon: null, reason: 'this Node came without its C headers (include/node)' };
  try {
    // Compiles only what has changed.
    await run(process.execPath, [require.resolve('node-gyp/bin/node-gyp.js'), 'configure', `--nodedir=${prefix}`]);
    await run(process.execPath, [require.resolve('node-gyp/bin/node-gyp.js'), 'build', `--nodedir=${prefix}`]);
    return { addon: require(built), reason: null };
  } catch (error) {
    return { addon: null, reason: `the control addon could not be built: ${error.message}` };
  }
}

/** Where this Node is installed, if its headers are there too. */
export function headersPrefix(executable = process.execPath) {
  const prefix = path.dirname(path.dirname(executable));
  return existsSync(path.join(prefix, 'include/node/node_api.h')) ? prefix : null;
}

/** Runs a command quietly; rejects with the end of what it said. */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        output = (output + text).slice(-2000);
      });
    }
    child.on('error', reject);
    child.on('close', (status) => (status === 0 ? resolve() : reject(new Error(output.trim()))));
  });
}
