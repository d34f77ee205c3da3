/**
 * The collector's own log as `service.telemetry.logs` describes it: levels, sampling, fields, destinations.
 * Never called per item of telemetry; the debug exporter's text passes through `print`.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { OutputEvent } from '../binding/index.js';
import { CollectorError, messageOf } from '../errors.js';
import {
  encodeConsole,
  encodeJson,
  escapeControls,
  LOG_LEVELS,
  type LogEncoder,
  type LogFields,
  type LogLevel,
  type LogRecord,
} from './log-encoding.js';

/** What `service.telemetry.logs` says, complete. */
export interface LogConfig {
  readonly level: LogLevel;
  readonly encoding: 'console' | 'json';
  /** Null logs everything. */
  readonly sampling: LogSampling | null;
  /** `stdout`, `stderr`, paths and `file://` URLs. */
  readonly outputPaths: readonly string[];
  /** Where the log's own failures go. */
  readonly errorOutputPaths: readonly string[];
  /** Written into every line. */
  readonly initialFields: LogFields;
  /** The collector's resource attributes, written as field `resource`; null leaves it out. */
  readonly resource: LogFields | null;
}

/** Of each message text and level, per tick: the first `initial` lines, then one in `thereafter` (0 = none). */
export interface LogSampling {
  readonly tickMs: number;
  readonly initial: number;
  readonly thereafter: number;
}

/** Anything that takes text; `process.stdout` is one. */
export interface TextStream {
  write(text: string): unknown;
}

/** The process's streams and clock. */
export interface LogEnvironment {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Text that may wait in a stream whose reader is slow; more is dropped, and the next text says how much. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;

/** What a stream of the process offers. */
export interface BufferedStream extends TextStream {
  readonly writableLength: number;
}

/** A stream that never holds more than a bound. */
export function bounded(stream: BufferedStream): TextStream {
  let dropped = 0;
  return {
    write(text) {
      if (stream.writableLength > WAITING_BYTES_MAX) {
        dropped += 1;
        return;
      }
      const notice = dropped === 0 ? '' : `(${dropped} texts dropped here: the reader is slow)\n`;
      dropped = 0;
      stream.write(notice + text);
    },
  };
}

/** Where the log ends up unless a test says otherwise. */
export const PROCESS_LOG_ENVIRONMENT: LogEnvironment = {
  stdout: bounded(process.stdout),
  stderr: bounded(process.stderr),
  now: Date.now,
};

/** A log that can be reconfigured while it is used. */
export class Log {
  readonly #environment: LogEnvironment;
  readonly #onRecord: (record: LogRecord) => void;
  #config: LogConfig;
  #encode: LogEncoder;
  #sampler: Sampler | null;
  #outputs: Outputs;
  #errors: Outputs;
  readonly #printers = new Map<string, Output>();

  /**
   * @param onRecord sees every line that passes level and sampling, before it is written
   * @throws CollectorError `START_FAILED` when a destination cannot be opened
   */
  constructor(
    config: LogConfig,
    environment: LogEnvironment = PROCESS_LOG_ENVIRONMENT,
    onRecord: (record: LogRecord) => void = () => {},
  ) {
    this.#environment = environment;
    this.#onRecord = onRecord;
    this.#config = config;
    this.#encode = encoderOf(config);
    this.#sampler = samplerOf(config);
    this.#errors = openOutputs(config.errorOutputPaths, environment);
    this.#outputs = openOutputs(config.outputPaths, environment);
  }

  /** Puts a new configuration in place; on failure the old one stays. @throws as the constructor */
  configure(config: LogConfig): void {
    const errors = openOutputs(config.errorOutputPaths, this.#environment);
    const outputs = openOutputs(config.outputPaths, this.#environment);
    this.#errors.close();
    this.#outputs.close();
    this.#config = config;
    this.#encode = encoderOf(config);
    this.#sampler = samplerOf(config);
    this.#errors = errors;
    this.#outputs = outputs;
  }

  debug(msg: string, fields: LogFields = {}): void {
    this.write('debug', msg, fields);
  }

  info(msg: string, fields: LogFields = {}): void {
    this.write('info', msg, fields);
  }

  warn(msg: string, fields: LogFields = {}): void {
    this.write('warn', msg, fields);
  }

  error(msg: string, fields: LogFields = {}): void {
    this.write('error', msg, fields);
  }

  /** Writes one line if level and sampling let it pass. @param tsMs milliseconds since the epoch; now if left out */
  write(level: LogLevel, msg: string, fields: LogFields, tsMs: number = this.#environment.now()): void {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(this.#config.level)) return;
    if (this.#sampler !== null && !this.#sampler.passes(level, msg, this.#environment.now())) return;
    const { resource, initialFields } = this.#config;
    const record = { level, tsMs, msg, fields: { ...(resource && { resource }), ...initialFields, ...fields } };
    this.#onRecord(record);
    this.#deliver(this.#encode(record));
  }

  /**
   * Prints what a component writes for people. In a stream or file, line breaks stay and other control characters are
   * escaped; in the log it is one record, whose console form keeps its line breaks too.
   */
  print({ path, text, fields }: Pick<OutputEvent, 'path' | 'text' | 'fields'>): void {
    if (path === 'log') return this.#printToLog(text, fields);
    const safe = escapeControls(text, '\n\t');
    const output = this.#printer(path);
    try {
      output.write(safe.endsWith('\n') ? safe : `${safe}\n`);
    } catch (error) {
      this.error('output failed', { path, error: messageOf(error) });
    }
  }

  /** Closes the files. Later lines go to stderr. */
  close(): void {
    this.#outputs.close();
    this.#errors.close();
    for (const printer of this.#printers.values()) printer.close();
    this.#printers.clear();
    this.#outputs = openOutputs(['stderr'], this.#environment);
    this.#errors = this.#outputs;
  }

  #printToLog(text: string, fields: LogFields): void {
    const multiline = this.#config.encoding === 'console' && text.trimEnd().includes('\n');
    if (!multiline) return this.write('info', text.trimEnd(), fields);
    if (LOG_LEVELS.indexOf('info') < LOG_LEVELS.indexOf(this.#config.level)) return;
    const head = encodeConsole({ level: 'info', tsMs: this.#environment.now(), msg: '', fields: {} }).trimEnd();
    this.#deliver(`${head}\t${escapeControls(text.trimEnd(), '\n\t')}\n`);
  }

  /** Files stay open until the log closes; a path that cannot be opened falls back to stdout, once told. */
  #printer(path: string): Output {
    let printer = this.#printers.get(path);
    if (printer === undefined) {
      try {
        printer = openOutput(path, this.#environment);
      } catch (error) {
        this.error('cannot print there, using stdout', { path, error: messageOf(error) });
        printer = openOutput('stdout', this.#environment);
      }
      this.#printers.set(path, printer);
    }
    return printer;
  }

  #deliver(line: string): void {
    const failure = this.#outputs.write(line);
    if (failure === null) return;
    const tsMs = this.#environment.now();
    const fields = { path: failure.path, error: failure.message };
    this.#errors.write(this.#encode({ level: 'error', tsMs, msg: 'log destination failed', fields }));
  }
}

function encoderOf(config: LogConfig): LogEncoder {
  return config.encoding === 'json' ? encodeJson : encodeConsole;
}

function samplerOf({ sampling }: LogConfig): Sampler | null {
  return sampling === null ? null : new Sampler(sampling);
}

/** Distinct messages counted per tick; those beyond share one counter. */
const SAMPLED_MESSAGES_MAX = 4096;

class Sampler {
  readonly #sampling: LogSampling;
  readonly #counts = new Map<string, number>();
  #tickEndsMs = -Infinity;

  constructor(sampling: LogSampling) {
    this.#sampling = sampling;
  }

  passes(level: LogLevel, msg: string, nowMs: number): boolean {
    const { tickMs, initial, thereafter } = this.#sampling;
    if (nowMs >= this.#tickEndsMs) {
      this.#counts.clear();
      this.#tickEndsMs = nowMs + tickMs;
    }
    let key = `${level}\t${msg}`;
    if (!this.#counts.has(key) && this.#counts.size >= SAMPLED_MESSAGES_MAX) key = level;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count <= initial || (thereafter > 0 && (count - initial) % thereafter === 0);
  }
}

interface Output extends TextStream {
  readonly path: string;
  close(): void;
}

interface WriteFailure {
  readonly path: string;
  readonly message: string;
}

interface Outputs {
  /** Writes to all; the first failure is returned, never thrown. */
  write(line: string): WriteFailure | null;
  close(): void;
}

function openOutputs(paths: readonly string[], environment: LogEnvironment): Outputs {
  const opened: Output[] = [];
  try {
    for (const path of new Set(paths)) opened.push(openOutput(path, environment));
  } catch (error) {
    for (const output of opened) output.close();
    throw error;
  }
  return {
    write(line) {
      let failure: WriteFailure | null = null;
      for (const output of opened) {
        try {
          output.write(line);
        } catch (error) {
          failure ??= { path: output.path, message: messageOf(error) };
        }
      }
      return failure;
    },
    close() {
      for (const output of opened.splice(0)) output.close();
    },
  };
}

/** A file is written synchronously: few lines, and none is lost when the process ends. Its folder must exist. */
function openOutput(path: string, { stdout, stderr }: LogEnvironment): Output {
  if (path === 'stdout') return { path, write: (text) => stdout.write(text), close() {} };
  if (path === 'stderr') return { path, write: (text) => stderr.write(text), close() {} };
  try {
    const file = path.startsWith('file:') ? fileURLToPath(path) : path;
    const descriptor = openSync(file, 'a', 0o644);
    return { path, write: (text) => writeSync(descriptor, text), close: () => closeSync(descriptor) };
  } catch (cause) {
    throw new CollectorError('START_FAILED', `cannot open log destination ${path}: ${messageOf(cause)}`, { cause });
  }
}
