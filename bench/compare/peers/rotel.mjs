// Rotel: the binary inside its npm package for Linux. It answers the sender when it has taken a request, before the
// next hop has it; batching can be turned off, that cannot. This release compresses with gzip whatever its compression
// flag says.
import { mkdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { batchLimits } from '../scenarios.mjs';
import { outputOf } from './commands.mjs';

export const rotelVersion = '0.0.8-alpha';
const packageName = '@streamfold/rotel-linux-x64';

export const rotel = {
  id: 'rotel',
  title: 'Rotel',

  async install({ cache, progress }) {
    if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('its package is for Linux on x86-64');
    const folder = path.join(cache, `rotel-${rotelVersion}`);
    const program = path.join(folder, 'package/bin/rotel-agent');
    if (!existsSync(program)) {
      progress('fetching Rotel');
      await mkdir(folder, { recursive: true });
      const packed = await outputOf('npm', ['pack', '--silent', `${packageName}@${rotelVersion}`], { cwd: folder });
      await outputOf('tar', ['-xzf', packed.split('\n').at(-1)], { cwd: folder });
    }
    return { program };
  },

  version: async ({ program }) =>
    `${rotelVersion} (the binary says ${(await outputOf(program, ['--version'])).replace(/^rotel /, '')})`,

  configure(cell, { listen, next, spare, installed }) {
    // Both listeners are always on; the one that is not measured goes out of the way.
    const otherTransport = cell.transport === 'grpc' ? 'http' : 'grpc';
    return {
      command: installed.program,
      args: [
        'start',
        ...flagList({
          'pid-file': 'rotel.pid',
          'log-file': 'rotel.log',
          [`otlp-${cell.transport}-endpoint`]: listen,
          [`otlp-${otherTransport}-endpoint`]: spare,
          exporter: 'otlp',
          'otlp-exporter-endpoint': `http://${next}`,
          'otlp-exporter-protocol': cell.transport,
          'otlp-exporter-compression': cell.compressionOut,
        }),
        ...batching(cell),
      ],
      env: {},
      files: {},
      ack: 'acceptance',
      deviations: { compressionOut: 'gzip' },
    };
  },

  absent(cell) {
    if (cell.compressionIn === 'zstd' || cell.compressionOut === 'zstd') return 'no zstd';
    if (cell.step !== null) return 'no attribute processors in this build';
    return null;
  },

  notes(cell) {
    const notes = ['answers on acceptance'];
    notes.push(cell.compressionOut === 'gzip' ? 'gzip level 6 (fixed)' : 'writes gzip all the same: not like for like');
    if (cell.kind === 'overload') notes.push('no memory limit to set');
    return notes;
  },
};

function batching({ batch }) {
  if (!batch) return ['--disable-batching'];
  return flagList({ 'batch-max-size': batchLimits.items, 'batch-timeout': `${batchLimits.timeoutMs}ms` });
}

function flagList(flags) {
  return Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
}
