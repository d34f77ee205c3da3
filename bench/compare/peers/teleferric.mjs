// teleferric, from this checkout.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { collectorConfig } from './collector-config.mjs';
import { outputOf } from './commands.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const program = path.join(root, 'bin/teleferric.js');

export const teleferric = {
  id: 'teleferric',
  title: 'teleferric',

  async install() {
    for (const built of ['dist/cli/index.js', 'native/teleferric.node']) {
      if (!existsSync(path.join(root, built))) throw new Error(`${built} is missing; run npm run setup first`);
    }
    return { program };
  },

  version: async () => (await outputOf(process.execPath, [program, '--version'])).replace(/^teleferric version /, ''),

  configure(cell, ports) {
    const args = [program, '--config', 'config.yaml'];
    if (cell.connections >= 10_000) args.push('--set', 'service.limits.max_connections=20000');
    return {
      command: process.execPath,
      args,
      env: {},
      files: { 'config.yaml': JSON.stringify(configOf(cell, ports), null, 2) },
      ack: cell.batch ? 'acceptance' : 'delivery',
    };
  },

  absent: () => null,

  notes(cell) {
    return cell.compressionOut === 'gzip' && cell.transport === 'grpc' ? ['gzip level 1 (fixed on gRPC)'] : [];
  },
};

/** The Collector's document, with what only teleferric has: whether it may forward compressed bytes as they are. */
function configOf(cell, ports) {
  const document = collectorConfig(cell, ports);
  for (const exporter of Object.values(document.exporters)) {
    exporter.compressed_passthrough = cell.kept ? 'single' : 'off';
    // A level that is asked for would have to be made.
    if (cell.kept) delete exporter.compression_params;
  }
  return document;
}
