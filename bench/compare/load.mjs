// The load tool `teleferric-load` as two functions of this program: a run of its generator, and a sink to talk to.
// Its flags and answers are described in bench/load/README.md.
import { existsSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { outputOf } from './peers/commands.mjs';
import { loadCpu, startPinned, stopChild } from './processes.mjs';

const manifest = fileURLToPath(new URL('../Cargo.toml', import.meta.url));
const targetFolder = process.env.CARGO_TARGET_DIR ?? path.join(path.dirname(manifest), 'target');
/** Another build of the tool, such as the one that its tests leave, where nothing is measured. */
const given = process.env.TELEFERRIC_LOAD_TOOL;
const program = given ?? path.join(targetFolder, 'release/teleferric-load');

/** Builds the load tool; cargo does nothing if it is up to date. */
export async function buildLoadTool() {
  if (given !== undefined) return;
  await outputOf('cargo', ['build', '--release', '--manifest-path', manifest, '-p', 'teleferric-load']);
  if (!existsSync(program)) throw new Error(`the load tool is not at ${program}`);
}

/** The generator's flags for a cell; `changes` are flags by name that replace or add. */
export function sendFlags(cell, changes = {}) {
  return {
    protocol: cell.transport === 'grpc' ? 'grpc' : 'http1',
    encoding: cell.encoding,
    compression: cell.compressionIn,
    signal: cell.signal,
    items: cell.items,
    connections: cell.connections,
    streams: cell.streams,
    ...changes,
  };
}

/** One run of the generator; resolves with its report. `watch` are pids whose CPU and memory it reads. */
export async function send(target, flags, watch = []) {
  const args = ['send', '--target', target];
  for (const [name, value] of Object.entries(flags)) args.push(`--${name}`, String(value));
  for (const pid of watch) args.push('--watch-pid', String(pid));
  const child = startPinned(loadCpu, program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, complaints, code] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    }),
  ]);
  if (code !== 0) throw new Error(`the generator failed (${code}): ${complaints.trim().slice(-400)}`);
  return JSON.parse(output);
}

/** A sink process. Commands are answered one at a time, in order. */
export class Sink {
  #child;
  #lines;

  static async start({ transport, signal }) {
    const sink = new Sink();
    const args = ['sink', '--protocol', transport, '--signal', signal];
    sink.#child = startPinned(loadCpu, program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    sink.#lines = readline.createInterface({ input: sink.#child.stdout })[Symbol.asyncIterator]();
    sink.address = (await sink.#answer()).listening;
    return sink;
  }

  async command(text) {
    this.#child.stdin.write(`${text}\n`);
    return this.#answer();
  }

  stats() {
    return this.command('stats');
  }

  stop() {
    return stopChild(this.#child);
  }

  async #answer() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the sink ended');
    return JSON.parse(value);
  }
}

async function textOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
