// Child processes: started on a chosen CPU, read through /proc, and ended without fail, also when the runner is.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** The collector under measurement has one CPU to itself; generator, sinks and this program share the other. */
export const collectorCpu = 0;
export const loadCpu = 1;

const ticksPerSecond = 100;
const startMsMax = 20_000;
const stopMsMax = 3_000;

const running = new Set();
let scratch;
let folders = 0;

/** Puts this program, with all its threads, where it does not disturb the collector. */
export function pinSelf() {
  const { status, stderr } = spawnSync('taskset', ['-acp', String(loadCpu), String(process.pid)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`taskset failed: ${stderr ?? 'not installed?'}`);
}

/** Starts a program pinned to `cpu`; `taskset` becomes the program, so the pid is the program's own. */
export function startPinned(cpu, command, args, { cwd, env = {}, stdio }) {
  const options = { cwd, env: { ...process.env, ...env }, stdio };
  const child = spawn('taskset', ['-c', String(cpu), command, ...args], options);
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

/** A contender as a running process, in a folder of its own that holds its configuration and its log. */
export class Contender {
  #child;
  #log;

  constructor(id, configuration, listen) {
    this.id = id;
    this.configuration = configuration;
    this.listen = listen;
    const folder = makeFolder();
    for (const [name, text] of Object.entries(configuration.files)) writeFileSync(path.join(folder, name), text);
    this.#log = path.join(folder, 'output.log');
    const log = openSync(this.#log, 'w');
    const options = { cwd: folder, env: configuration.env, stdio: ['ignore', log, log] };
    this.#child = startPinned(collectorCpu, configuration.command, configuration.args, options);
    closeSync(log);
  }

  get pid() {
    return this.#child.pid;
  }

  get isAlive() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when the port takes connections. */
  async listening() {
    try {
      await listening(this.listen, () => this.isAlive);
    } catch (error) {
      throw new Error(`${this.id}: ${error.message}: ${this.lastWords()}`, { cause: error });
    }
  }

  lastWords() {
    return readFileSync(this.#log, 'utf8').trim().split('\n').slice(-3).join(' | ').slice(0, 600);
  }

  cpuSeconds() {
    return cpuSecondsOf(this.pid);
  }

  rssMib() {
    const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
    return Number(kib) / 1024;
  }

  stop() {
    return stopChild(this.#child);
  }
}

/** A new folder inside one that goes when the runner ends. */
function makeFolder() {
  scratch ??= mkdtempSync(path.join(tmpdir(), 'teleferric-compare-'));
  const folder = path.join(scratch, String((folders += 1)));
  mkdirSync(folder);
  return folder;
}

/** User and system time of a process, to a hundredth of a second. */
export function cpuSecondsOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export async function stopChild(child) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
  await ended;
  clearTimeout(timer);
}

/** For the end of the runner: at once, whatever they are doing. */
export function endAll() {
  for (const child of running) child.kill('SIGKILL');
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
}

/** `127.0.0.1:PORT` for a port that is free now. */
export function freeAddress() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(`127.0.0.1:${port}`));
    });
  });
}

/** Resolves when something takes connections at `address`. @param isAlive whether there is still hope */
export async function listening(address, isAlive) {
  const deadline = Date.now() + startMsMax;
  while (!(await accepts(address))) {
    if (!isAlive()) throw new Error('ended at its start');
    if (Date.now() > deadline) throw new Error(`does not listen on ${address}`);
    await sleep(50);
  }
}

function accepts(address) {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = net.connect(Number(port), host);
    socket.once('connect', () => socket.destroy() && resolve(true));
    socket.once('error', () => resolve(false));
  });
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
