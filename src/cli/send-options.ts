/**
 * The flags of `send`, and what they mean for the generator and its target.
 */
import { InvalidArgumentError, Option, type Command } from 'commander';

import type { GeneratorPlan, GeneratorTarget, Signal } from '../collector/index.js';
import { parseDuration } from '../config/index.js';
import { CollectorError } from '../errors.js';

/** Flags as commander gives them. */
export interface SendFlags {
  readonly endpoint?: string;
  readonly protocol: GeneratorTarget['protocol'];
  readonly signals: readonly Signal[];
  readonly rate?: number;
  readonly count?: number;
  /** Milliseconds. */
  readonly duration?: number;
  readonly batch: number;
  readonly connections: number;
  readonly concurrency?: number;
  readonly compression: GeneratorTarget['compression'];
  readonly header?: readonly (readonly [string, string])[];
  readonly insecure?: boolean;
  readonly tls?: boolean;
  readonly ca?: string;
  readonly timeout: number;
  readonly errors: number;
  readonly seed?: number;
}

/** What is sent when neither `--count` nor `--duration` says. */
const COUNT_DEFAULT = 1000;
/** Requests under way on each connection unless `--concurrency` says. */
const REQUESTS_PER_CONNECTION = 4;
const TIMEOUT_MS_DEFAULT = 10_000;
const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];

export function addSendOptions(command: Command): Command {
  return command
    .option('--endpoint <address>', 'host:port or URL (default: localhost, port by protocol)')
    .addOption(
      new Option('--protocol <protocol>', 'OTLP transport')
        .choices(['grpc', 'http/protobuf', 'http/json'])
        .default('grpc'),
    )
    .addOption(
      new Option('--signals <list>', 'what to make, comma-separated')
        .argParser(parseSignals)
        .default(SIGNALS, SIGNALS.join(',')),
    )
    .option('--rate <items/s>', 'items a second over all signals (default: as fast as answered)', parseRate)
    .option('--count <items>', `items to send, such as 5000, 10k, 2M (default: ${COUNT_DEFAULT})`, parseCount)
    .option('--duration <time>', 'how long to send, such as 30s, 5m', parseTime)
    .option('--batch <items>', 'items in one request', parseCount, 100)
    .option('--connections <n>', 'connections, each with a thread of its own', parseCount, 1)
    .option(
      '--concurrency <n>',
      `requests under way at once (default: ${REQUESTS_PER_CONNECTION} a connection)`,
      parseCount,
    )
    .addOption(
      new Option('--compression <name>', 'compression of requests').choices(['none', 'gzip', 'zstd']).default('none'),
    )
    .option('--header <name=value>', 'a header or metadata entry (repeatable)', collectHeader)
    .option('--insecure', 'plaintext (default for this machine)')
    .option('--tls', 'TLS (default for other machines)')
    .option('--ca <file>', 'PEM file with the authorities to trust; implies --tls')
    .addOption(
      new Option('--timeout <time>', 'longest time for one request')
        .argParser(parseTime)
        .default(TIMEOUT_MS_DEFAULT, '10s'),
    )
    .option('--errors <ratio>', 'share of spans and logs that are errors, 0 to 1', parseRatio, 0.05)
    .option('--seed <n>', 'start of the random numbers, for repeatable content', parseInteger);
}

/** What to make. */
export function planOf(flags: SendFlags): GeneratorPlan {
  const { count = null, duration = null, connections } = flags;
  return {
    signals: flags.signals,
    rate: flags.rate ?? null,
    count: count === null && duration === null ? COUNT_DEFAULT : count,
    durationMs: duration,
    batch: flags.batch,
    connections,
    workers: flags.concurrency ?? connections * REQUESTS_PER_CONNECTION,
    seed: flags.seed ?? null,
    errorRatio: flags.errors,
  };
}

/** @throws CollectorError `INVALID_ARGUMENT` for flags that contradict each other or an endpoint that is none */
export function targetOf(flags: SendFlags): GeneratorTarget {
  const { protocol, compression, header = [], timeout, ca = null } = flags;
  const grpc = protocol === 'grpc';
  const written = flags.endpoint ?? (grpc ? 'localhost:4317' : 'localhost:4318');
  const [, scheme, rest = written] = /^(https?):\/\/(.*)$/.exec(written) ?? [];
  const url = parseAddress(rest, written);
  const insecure = isPlaintext(flags, scheme, url.hostname);
  const path = url.pathname === '/' ? '' : url.pathname.replace(/\/$/, '');
  if (grpc && url.port === '') throw wrong(`endpoint ${written} has no port`);
  return {
    protocol,
    endpoint: grpc ? url.host : `${insecure ? 'http' : 'https'}://${url.host}${path}`,
    compression,
    headers: header,
    insecure,
    caFile: ca,
    timeoutMs: timeout,
  };
}

/** Parsed under a scheme that has no default port, so that none is swallowed. */
function parseAddress(rest: string, written: string): URL {
  try {
    return new URL(`grpc://${rest}`);
  } catch (cause) {
    throw new CollectorError('INVALID_ARGUMENT', `endpoint ${written} is no address`, { cause });
  }
}

function isPlaintext({ insecure, tls, ca }: SendFlags, scheme: string | undefined, host: string): boolean {
  const asked = tls === true || ca !== undefined || scheme === 'https';
  const refused = insecure === true || scheme === 'http';
  if (asked && refused) throw wrong('plaintext and TLS are asked for at once');
  if (asked || refused) return refused;
  return host === 'localhost' || host === '[::1]' || host.startsWith('127.');
}

function parseSignals(value: string): readonly Signal[] {
  const names = value.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !(SIGNALS as readonly string[]).includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`"${unknown}" is none of ${SIGNALS.join(', ')}.`);
  return [...new Set(names)] as Signal[];
}

const FACTORS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };

function parseCount(value: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([kMG]?)$/.exec(value.replaceAll('_', '')) ?? [];
  const count = Number(digits) * (FACTORS[unit] ?? Number.NaN);
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return count;
}

function parseRate(value: string): number {
  const rate = parseCount(value.replace(/\/s$/, ''));
  return rate;
}

function parseInteger(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0) throw new InvalidArgumentError('It must be a whole number.');
  return number;
}

function parseRatio(value: string): number {
  const ratio = Number(value);
  if (!(ratio >= 0 && ratio <= 1)) throw new InvalidArgumentError('It must be between 0 and 1.');
  return ratio;
}

function parseTime(value: string): number {
  const parsed = parseDuration(value);
  if (!parsed.ok || parsed.nanoseconds <= 0)
    throw new InvalidArgumentError('It must be a time such as 500ms, 30s or 5m.');
  return parsed.nanoseconds / 1e6;
}

function collectHeader(
  value: string,
  before: readonly (readonly [string, string])[] = [],
): readonly (readonly [string, string])[] {
  const at = value.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be name=value.');
  return [...before, [value.slice(0, at).trim(), value.slice(at + 1).trim()]];
}

function wrong(message: string): CollectorError {
  return new CollectorError('INVALID_ARGUMENT', message);
}
