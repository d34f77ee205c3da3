// The OpenTelemetry Collector, built by its own builder from the manifest beside this file.
import { copyFile, mkdir, readFile, rename } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { collectorConfig, memoryLimitMib } from './collector-config.mjs';
import { outputOf } from './commands.mjs';

export const otelcolVersion = '0.159.0';
export const manifest = fileURLToPath(new URL('otelcol-manifest.yaml', import.meta.url));
const builderModule = `go.opentelemetry.io/collector/cmd/builder@v${otelcolVersion}`;

export const otelcol = {
  id: 'otelcol',
  title: 'OpenTelemetry Collector',

  async install({ cache, progress }) {
    const folder = path.join(cache, `otelcol-${otelcolVersion}`);
    const program = path.join(folder, 'build/otelcol-bench');
    if (!existsSync(program) || !(await isCurrent(folder))) await build(folder, progress);
    return { program };
  },

  version: async ({ program }) => (await outputOf(program, ['--version'])).replace(/^\S+ version /, ''),

  configure(cell, { installed, ...ports }) {
    const env = { GOMAXPROCS: '1' };
    // The Collector's own advice is a soft heap limit at four fifths of the limiter's.
    if (cell.kind === 'overload') env.GOMEMLIMIT = `${Math.round(memoryLimitMib * 0.8)}MiB`;
    return {
      command: installed.program,
      args: ['--config', 'config.yaml'],
      env,
      files: { 'config.yaml': JSON.stringify(collectorConfig(cell, ports), null, 2) },
      ack: cell.batch ? 'acceptance' : 'delivery',
    };
  },

  absent: () => null,

  notes(cell) {
    const fixed = cell.compressionOut !== 'none' && cell.transport === 'grpc';
    return fixed ? [`${cell.compressionOut} at its library's default level (no key on gRPC)`] : [];
  },
};

/** Whether what is in the cache was built from the manifest as it is now. */
async function isCurrent(folder) {
  const built = await readFile(path.join(folder, 'manifest.yaml'), 'utf8').catch(() => '');
  return built === (await readFile(manifest, 'utf8'));
}

/** One package at a time: a polite build takes minutes either way, and happens once. */
async function build(folder, progress) {
  await mkdir(folder, { recursive: true });
  const builder = path.join(folder, 'bin/builder');
  const polite = { GOFLAGS: '-p=1' };
  if (!existsSync(builder)) {
    progress('installing the Collector builder');
    await outputOf('go', ['install', builderModule], { env: { ...polite, GOBIN: path.dirname(builder) } });
  }
  progress('building the Collector; this takes some minutes, once');
  const wanted = path.join(folder, 'wanted.yaml');
  await copyFile(manifest, wanted);
  await outputOf(builder, ['--config', wanted], { cwd: folder, env: polite });
  await rename(wanted, path.join(folder, 'manifest.yaml'));
}
