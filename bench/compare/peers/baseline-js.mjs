// The collector a team would write by hand in Node: `bench/baseline-js`.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { batchLimits } from '../scenarios.mjs';
import { outputOf } from './commands.mjs';

const program = fileURLToPath(new URL('../../baseline-js/main.mjs', import.meta.url));
const libraries = ['@grpc/grpc-js', 'protobufjs'];

export const baselineJs = {
  id: 'baseline-js',
  title: 'baseline-js',

  async install() {
    await outputOf(process.execPath, [program, '--version']);
    return { program };
  },

  async version() {
    const require = createRequire(program);
    const versions = libraries.map(async (name) => {
      const manifest = JSON.parse(await readFile(require.resolve(`${name}/package.json`), 'utf8'));
      return `${name} ${manifest.version}`;
    });
    return `node ${process.version}, ${(await Promise.all(versions)).join(', ')}`;
  },

  configure(cell, { listen, next }) {
    const args = [program, '--listen', listen, '--next', next, '--signal', cell.signal];
    args.push('--protocol', cell.transport, '--next-protocol', cell.transport, '--compression', cell.compressionOut);
    if (cell.step !== null) args.push('--step', JSON.stringify(cell.step));
    if (cell.batch) args.push('--batch', JSON.stringify(batchLimits));
    return { command: process.execPath, args, env: {}, files: {}, ack: cell.batch ? 'acceptance' : 'delivery' };
  },

  absent({ compressionIn, compressionOut }) {
    return compressionIn === 'zstd' || compressionOut === 'zstd' ? 'no zstd in this Node and grpc-js' : null;
  },

  notes(cell) {
    const notes = [];
    if (cell.compressionOut === 'gzip' && cell.transport === 'grpc') notes.push('gzip level 6 (fixed in grpc-js)');
    if (cell.kind === 'overload') notes.push('no queue, no retries, no memory limit');
    return notes;
  },
};
