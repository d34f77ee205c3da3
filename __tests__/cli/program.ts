// Runs `bin/teleferric.js` as users do: a process of its own, real sockets and signals. Whatever a test leaves running
// is ended after it, by its own process id.
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { jest } from '@jest/globals';

import { until } from './until.js';

// Above the patience of a test's waits, so that what fails says what it waited for.
jest.setTimeout(60_000);

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BIN = fileURLToPath(new URL('../../bin/teleferric.js', import.meta.url));

export const READY = 'Everything is ready. Begin running and processing data.';

/** A line of the collector's log in its json form. */
export interface LogLine {
  readonly level: string;
  readonly ts: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<Program>();

/** Ends what is left over. */
export async function endPrograms(): Promise<void> {
  await Promise.all([...running].map((program) => program.kill()));
}

/** One process of the command. */
export class Program {
  readonly #child: ChildProcess;
  readonly exited: Promise<Exit>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], { env = {}, cwd = ROOT }: { env?: NodeJS.ProcessEnv; cwd?: string } = {}) {
    this.#child = spawn(process.execPath, [BIN, ...args], {
      cwd,
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    running.add(this);
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        running.delete(this);
        resolve({ code, signal });
      });
    });
  }

  get ended(): boolean {
    return !running.has(this);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Waits for a text on either stream. */
  async says(text: string | RegExp, times = 1): Promise<void> {
    const found = (): boolean => {
      const all = `${this.stdout}\n${this.stderr}`;
      if (typeof text === 'string') return all.split(text).length > times;
      return all.match(new RegExp(text, `${text.flags.replace('g', '')}g`))?.length === times;
    };
    await until(() => found() || this.ended, `${String(text)} of the process`, this.#told);
    if (!found()) throw new Error(`the process ended without saying ${String(text)}\n${this.#told()}`);
  }

  /** The log, when `encoding: json` is on. */
  logs(msg?: string): readonly LogLine[] {
    const whole = this.stderr.slice(0, this.stderr.lastIndexOf('\n') + 1);
    const lines = whole
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as LogLine);
    return msg === undefined ? lines : lines.filter((line) => line.msg === msg);
  }

  /** The last line of the log with this message and these fields, once it is there. */
  async logged(msg: string, fields: Readonly<Record<string, unknown>> = {}): Promise<LogLine> {
    const find = (): LogLine | undefined =>
      this.logs(msg).findLast((line) => Object.entries(fields).every(([name, value]) => line[name] === value));
    await until(() => find() !== undefined || this.ended, `log line ${msg} ${JSON.stringify(fields)}`, this.#told);
    const line = find();
    if (line === undefined) throw new Error(`the process ended without logging ${msg}\n${this.#told()}`);
    return line;
  }

  /** `host:port` that a component listens on, from the log. `server` is GRPC, HTTP, metrics or health. */
  async address(server: string, component?: string): Promise<string> {
    const fields = component === undefined ? {} : { 'otelcol.component.id': component };
    const { endpoint } = await this.logged(`Starting ${server} server`, fields);
    return String(endpoint);
  }

  /** SIGTERM, and the exit that follows. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    return this.exited;
  }

  readonly #told = (): string => `--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`;
}

/** A command that ends by itself. */
export async function command(...args: readonly string[]): Promise<Exit & { stdout: string; stderr: string }> {
  const program = new Program(args);
  const exit = await program.exited;
  return { ...exit, stdout: program.stdout, stderr: program.stderr };
}

/** A configuration as one `--config` argument; references in it are expanded as in any file. */
export function inline(config: object): string {
  return `--config=yaml:${JSON.stringify(config)}`;
}

/** A collector that is ready. */
export async function start(config: object, ...args: readonly string[]): Promise<Program> {
  const program = new Program([inline(config), ...args]);
  await program.says(READY);
  return program;
}

/** `service.telemetry` for tests: log as json without sampling, metrics page on a free port. */
export const TELEMETRY = {
  logs: { encoding: 'json', sampling: { enabled: false } },
  metrics: { readers: [{ pull: { exporter: { prometheus: { host: '127.0.0.1', port: 0 } } } }] },
};
