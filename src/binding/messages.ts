/**
 * The JSON messages that cross the boundary, as types, and the checks that turn text into them.
 * Nothing here decides anything: unknown event kinds and unknown fields pass by, wrong shapes are an `INTERNAL` error.
 */
import { CollectorError } from '../errors.js';

/** Severity of a log event of the core. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** A log line of the core. */
export interface LogEvent {
  readonly kind: 'log';
  readonly level: LogLevel;
  readonly msg: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** Milliseconds since the epoch. */
  readonly tsMs: number;
}

/** Text that a component prints, such as the debug exporter. */
export interface OutputEvent {
  readonly kind: 'output';
  /** `stdout`, `stderr`, `log` for the collector's own log, else a file's path. */
  readonly path: string;
  readonly text: string;
  /** Facts beside the text, for the log. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A component died after the start; the collector cannot go on without it. */
export interface FatalEvent {
  readonly kind: 'fatal';
  /** Component id as the user wrote it; empty when the core itself failed. */
  readonly component: string;
  readonly message: string;
}

/** A worker of a plugin has not answered in time, and has lost its seat. */
export interface PluginStuckEvent {
  readonly kind: 'plugin_stuck';
  readonly port: string;
  readonly seat: number;
}

/** One distinct reason for which requests were refused. */
export interface RefusalReason {
  readonly message: string;
  /** Requests. */
  readonly count: number;
}

/** How far a `generator` receiver is; done once every answer was heard. */
export interface GeneratorEvent {
  readonly kind: 'generator_progress' | 'generator_done';
  /** Items. */
  readonly accepted: number;
  /** Items refused inside answers that were otherwise successes. */
  readonly partialRejected: number;
  /** Items. */
  readonly refused: number;
  readonly requests: number;
  /** Distinct reasons, bounded. */
  readonly errors: readonly RefusalReason[];
  readonly elapsedMs: number;
}

/** What the core reports by itself. */
export type NativeEvent = LogEvent | OutputEvent | FatalEvent | PluginStuckEvent | GeneratorEvent;

/** Items that ended inside the collector after their senders had been told OK. */
export interface DropEvent {
  /** The component that had told them, by its id; null if none of a pipeline had. */
  readonly component: string | null;
  /** What the items are; null as the component. */
  readonly signal: 'traces' | 'metrics' | 'logs' | 'profiles' | null;
  /** As in `teleferric_dropped_items_total`. */
  readonly reason: string;
  readonly items: number;
}

/** Events taken from the core's bounded ring. */
export interface EventBatch {
  readonly events: readonly NativeEvent[];
  /** Events dropped because nobody took them in time. */
  readonly lost: number;
}

/** An open listener. */
export interface Listener {
  /** Component id as the user wrote it. */
  readonly component: string;
  /** `grpc`, `http`, … */
  readonly protocol: string;
  /** `host:port`, or a path for a Unix socket. */
  readonly address: string;
}

/** What a sender is to be told, but for the body. */
export interface AnswerHead {
  /** HTTP status. */
  readonly status: number;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  /** As the headers, to be sent after the body; null if there are none. */
  readonly trailers: readonly string[] | null;
}

/** Why the core would not take a configuration or could not run it. */
export interface NativeRefusal {
  readonly code: string;
  readonly message: string;
  /** Where in the configuration, or null. */
  readonly path: string | null;
}

/** A yes with its content, or the refusal. */
export type NativeResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: NativeRefusal };

/** How much there is of something. */
export interface StorageTally {
  readonly requests: number;
  readonly items: number;
  /** Payload bytes. */
  readonly bytes: number;
}

/** A request in a stored queue. */
export interface StoredRequest {
  /** Its number in the log; later ones have higher numbers. */
  readonly sequence: number;
  /** When it was taken, or refused for good if it is a dead letter; milliseconds since the epoch. */
  readonly timeMs: number;
  readonly items: number;
  /** Payload bytes. */
  readonly bytes: number;
}

/** A request that a destination refused for good; what is said about it is null if it cannot be read. */
export interface DeadLetter extends StoredRequest {
  /** When its queue took it, milliseconds since the epoch. */
  readonly takenMs: number | null;
  /** Number of the gRPC status that stands for the refusal, whatever the transport was. */
  readonly status: number | null;
  /** What the destination said. */
  readonly message: string | null;
}

/** What a queue holds, and what was ever in it. */
export interface StoredHold<T extends StoredRequest> extends StorageTally {
  readonly name: string;
  /** Items that were ever put in. */
  readonly enqueuedItems: number;
  /** Items that left, by what became of them, up to the last checkpoint. */
  readonly leftItems: Readonly<Record<string, number>>;
  readonly oldest: readonly T[];
}

/** A log on disk. */
export interface StoredLog<T extends StoredRequest> {
  readonly queues: readonly StoredHold<T>[];
  /** Files of the log. */
  readonly segments: number;
  /** Their bytes on the disk. */
  readonly bytes: number;
  /** Records in them that can be read, delivered ones included. */
  readonly records: number;
  /** Bytes between records that cannot be read. */
  readonly damagedBytes: number;
  /** Bytes of files that were put aside because nothing in them could be read. */
  readonly quarantinedBytes: number;
}

/** What is in a storage. */
export interface StorageSurvey extends StoredLog<StoredRequest> {
  /** The requests that were refused for good; null if none are kept. */
  readonly deadLetters: StoredLog<DeadLetter> | null;
}

/** What a replay of dead letters did. */
export interface StorageReplay extends StorageTally {
  /** Dead letters of the queue that are left. */
  readonly left: number;
  /** Those of them that cannot be read and so cannot be sent. */
  readonly unreadable: number;
}

/** What became of a request handed to `ingest`. A refusal is a value, not an exception. */
export type IngestOutcome =
  | { readonly outcome: 'accepted' }
  | {
      readonly outcome: 'partial';
      /** Items refused for good. */
      readonly rejected: number;
      readonly message: string;
    }
  | {
      readonly outcome: 'refused';
      /** Stable reason, such as `queue_full`. */
      readonly code: string;
      readonly message: string;
      /** Whether the same bytes may be sent again. */
      readonly retryable: boolean;
      /** Earliest moment for that, in milliseconds from now; null leaves it to the sender. */
      readonly retryAfterMs: number | null;
    };

/** One series of the core's metrics. */
export interface NativeSeries {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly labels: Readonly<Record<string, string>>;
  /** First slot in the snapshot. */
  readonly offset: number;
  /** Upper bounds of a histogram's buckets without `+Inf`; empty otherwise. */
  readonly bounds: readonly number[];
}

/** All series, valid for snapshots of the same version. */
export interface NativeCatalogue {
  readonly version: number;
  readonly series: readonly NativeSeries[];
}

type Json = Record<string, unknown>;

/** Reads `{ok: true, …}` or `{ok: false, error}`. */
export function parseResult<T>(what: string, text: string, read: (body: Json) => T): NativeResult<T> {
  const body = parseObject(what, text);
  if (body['ok'] === true) return { ok: true, value: read(body) };
  const error = object(what, body['error']);
  return {
    ok: false,
    error: { code: string(error['code']), message: string(error['message']), path: path(error['path']) },
  };
}

/** Reads the answer of `start` and `reload`. */
export function readListeners(body: Json): readonly Listener[] {
  return list(body['listeners']).map((entry) => {
    const { component, protocol, address } = object('listener', entry);
    return { component: string(component), protocol: string(protocol), address: string(address) };
  });
}

/** Reads the answer of `ingest`. */
export function parseOutcome(text: string): IngestOutcome {
  const body = parseObject('ingest', text);
  const { outcome, rejected, message, code, retryable, retryAfterMs } = body;
  switch (outcome) {
    case 'accepted':
      return { outcome };
    case 'partial':
      return { outcome, rejected: number(rejected), message: string(message) };
    case 'refused':
      return {
        outcome,
        code: string(code),
        message: string(message),
        retryable: retryable === true,
        retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : null,
      };
    default:
      throw malformed('ingest', `outcome ${JSON.stringify(outcome)}`);
  }
}

/** Reads the head of the answer to a request that the host has received. */
export function parseHead(text: string): AnswerHead {
  const { status, headers, trailers } = parseObject('exchange', text);
  return {
    status: number(status),
    headers: list(headers).map(string),
    trailers: trailers === null ? null : list(trailers).map(string),
  };
}

/** Reads the answer of `flush`: the items that remain. Throws `INTERNAL` for one that was lost to a panic. */
export function parseFlush(text: string): number {
  const result = parseResult('flush', text, (body) => number(body['remaining_items']));
  if (!result.ok) throw new CollectorError('INTERNAL', result.error.message);
  return result.value;
}

/** Reads what `takeDrops` says. */
export function parseDrops(text: string): readonly DropEvent[] {
  return list(parse('takeDrops', text)).map((entry) => {
    const { component, signal, reason, items } = object('drop', entry);
    return {
      component: typeof component === 'string' ? component : null,
      signal: typeof signal === 'string' ? (signal as DropEvent['signal']) : null,
      reason: string(reason),
      items: number(items),
    };
  });
}

/** Reads the numbers of a purge. */
export function readTally(body: Json): StorageTally {
  return { requests: number(body['requests']), items: number(body['items']), bytes: number(body['bytes']) };
}

/** Reads the numbers of a replay. */
export function readReplay(body: Json): StorageReplay {
  return { ...readTally(body), left: number(body['left']), unreadable: number(body['unreadable']) };
}

/** Reads what a survey of a storage found. */
export function readSurvey(body: Json): StorageSurvey {
  const letters = body['dead_letters'];
  return {
    ...readLog(body, readRequest),
    deadLetters: letters === null ? null : readLog(object('dead letters', letters), readLetter),
  };
}

function readLog<T extends StoredRequest>(body: Json, read: (body: Json) => T): StoredLog<T> {
  const queues = list(body['queues']).map((entry) => {
    const queue = object('queue', entry);
    const oldest = list(queue['oldest']).map((found) => read(object('stored request', found)));
    const left = Object.entries(object('left items', queue['left_items']));
    return {
      name: string(queue['name']),
      ...readTally(queue),
      enqueuedItems: number(queue['enqueued_items']),
      leftItems: Object.fromEntries(left.map(([outcome, items]) => [outcome, number(items)])),
      oldest,
    };
  });
  return {
    queues,
    segments: number(body['segments']),
    bytes: number(body['bytes']),
    records: number(body['records']),
    damagedBytes: number(body['damaged_bytes']),
    quarantinedBytes: number(body['quarantined_bytes']),
  };
}

function readRequest({ sequence, time_ms: time, items, bytes }: Json): StoredRequest {
  return { sequence: number(sequence), timeMs: number(time), items: number(items), bytes: number(bytes) };
}

function readLetter(body: Json): DeadLetter {
  const { taken_ms: taken, status, message } = body;
  return {
    ...readRequest(body),
    takenMs: taken === null ? null : number(taken),
    status: status === null ? null : number(status),
    message: message === null ? null : string(message),
  };
}

/** Reads the answer of `takeEvents`. */
export function parseEvents(text: string): EventBatch {
  const body = parseObject('takeEvents', text);
  const events = list(body['events'])
    .map((entry) => readEvent(object('event', entry)))
    .filter((event) => event !== null);
  return { events, lost: number(body['lost']) };
}

function readEvent(body: Json): NativeEvent | null {
  switch (body['kind']) {
    case 'log':
      return {
        kind: 'log',
        level: level(body['level']),
        msg: string(body['message']),
        fields: fields(body['fields']),
        tsMs: typeof body['ts_ms'] === 'number' ? body['ts_ms'] : Date.now(),
      };
    case 'output':
      return { kind: 'output', path: string(body['path']), text: string(body['text']), fields: fields(body['fields']) };
    case 'fatal':
      return { kind: 'fatal', component: string(body['component']), message: string(body['message']) };
    case 'plugin_stuck':
      return { kind: 'plugin_stuck', port: string(body['port']), seat: number(body['seat']) };
    case 'generator_progress':
    case 'generator_done':
      return readGenerator(body['kind'], body);
    default:
      return null;
  }
}

function readGenerator(kind: GeneratorEvent['kind'], body: Json): GeneratorEvent {
  return {
    kind,
    accepted: number(body['accepted']),
    partialRejected: number(body['partial_rejected']),
    refused: number(body['refused']),
    requests: number(body['requests']),
    errors: list(body['errors']).map((entry) => {
      const { message, count } = object('generator error', entry);
      return { message: string(message), count: number(count) };
    }),
    elapsedMs: number(body['elapsed_ms']),
  };
}

/** Reads the answer of `metricsCatalogue`. */
export function parseCatalogue(text: string): NativeCatalogue {
  const body = parseObject('metricsCatalogue', text);
  const series = list(body['series']).map((entry) => {
    const { name, help, type: kind, labels, offset, bounds } = object('series', entry);
    if (kind !== 'counter' && kind !== 'gauge' && kind !== 'histogram') {
      throw malformed('metricsCatalogue', `type ${JSON.stringify(kind)}`);
    }
    return {
      name: string(name),
      help: string(help),
      kind,
      labels: Object.fromEntries(Object.entries(fields(labels)).map(([label, value]) => [label, string(value)])),
      offset: number(offset),
      bounds: list(bounds).map(number),
    } satisfies NativeSeries;
  });
  return { version: number(body['version']), series };
}

/** Reads a JSON object. */
export function parseObject(what: string, text: string): Json {
  return object(what, parse(what, text));
}

function parse(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(what, 'no JSON', cause);
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function object(what: string, value: unknown): Json {
  if (isObject(value)) return value;
  throw malformed(what, 'no object');
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function fields(value: unknown): Json {
  return isObject(value) ? value : {};
}

function path(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function level(value: unknown): LogLevel {
  return value === 'debug' || value === 'warn' || value === 'error' ? value : 'info';
}

function malformed(what: string, found: string, cause?: unknown): CollectorError {
  return new CollectorError('INTERNAL', `the native addon answered ${what} with ${found}`, { cause });
}
