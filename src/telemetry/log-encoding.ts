/**
 * How a log record becomes a line: the console form of the Collector (tab-separated, fields as JSON) and its json form.
 * Not for choosing what is logged or where it goes.
 */

/** Severities, least first. The last three exist for configuration files; nothing here logs them. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'dpanic', 'panic', 'fatal'] as const;

/** One severity. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Facts beside the message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What is written as one line. */
export interface LogRecord {
  readonly level: LogLevel;
  /** Milliseconds since the epoch. */
  readonly tsMs: number;
  /** Plain text, lower case by habit of this code, as given for the Collector's own messages. */
  readonly msg: string;
  readonly fields: LogFields;
}

/** Turns a record into a line, the line end included. */
export type LogEncoder = (record: LogRecord) => string;

/** `ts\tlevel\tmsg\t{"k": "v"}`, the fields only when there are any. */
export function encodeConsole({ level, tsMs, msg, fields }: LogRecord): string {
  const head = `${timestamp(tsMs)}\t${level}\t${escapeControls(msg)}`;
  return Object.keys(fields).length === 0 ? `${head}\n` : `${head}\t${spacedJson(fields)}\n`;
}

/** One JSON object: `level`, `ts`, `msg`, then the fields. A field of one of those names is written all the same, last. */
export function encodeJson({ level, tsMs, msg, fields }: LogRecord): string {
  const head = `"level":${quote(level)},"ts":${quote(timestamp(tsMs))},"msg":${quote(msg)}`;
  const rest = members(fields).map(([key, text]) => `,${quote(key)}:${text}`);
  return `{${head}${rest.join('')}}\n`;
}

/**
 * Makes text safe for a terminal and a line-oriented reader: control characters, line separators and bidirectional
 * overrides become `\uXXXX` (or `\n`, `\r`, `\t`).
 * @param keep characters left as they are
 */
export function escapeControls(text: string, keep = ''): string {
  return text.replaceAll(CONTROLS, (character) => (keep.includes(character) ? character : escapeOne(character)));
}

// eslint-disable-next-line no-control-regex -- the class exists to find control characters
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escapeOne(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** ISO 8601 with milliseconds, in UTC. */
function timestamp(tsMs: number): string {
  return Number.isFinite(tsMs) && Math.abs(tsMs) <= MAX_DATE_MS ? new Date(tsMs).toISOString() : String(tsMs);
}

/** The range of `Date`. */
const MAX_DATE_MS = 8.64e15;

/** JSON as zap's console form spaces it. */
function spacedJson(value: unknown): string {
  const text = safeJson(value);
  if (text === undefined) return 'null';
  return spaced(JSON.parse(text));
}

function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return quote(value);
  return `{${Object.entries(value)
    .map(([key, member]) => `${quote(key)}: ${spaced(member)}`)
    .join(', ')}}`;
}

function members(fields: LogFields): (readonly [string, string])[] {
  return Object.entries(fields).flatMap(([key, value]) => {
    const text = safeJson(value);
    return text === undefined ? [] : [[key, escapeControls(text)] as const];
  });
}

function quote(value: unknown): string {
  return escapeControls(JSON.stringify(value));
}

/** JSON of anything: big integers as numbers' text, errors as their message, cycles named, never an exception. */
function safeJson(value: unknown): string | undefined {
  const above: unknown[] = [];
  try {
    return JSON.stringify(value, function replace(this: unknown, _key: string, member: unknown): unknown {
      if (typeof member === 'bigint') return member.toString();
      if (isError(member)) return member.message;
      if (typeof member !== 'object' || member === null) return member;
      while (above.length > 0 && above.at(-1) !== this) above.pop();
      if (above.includes(member)) return '[circular]';
      above.push(member);
      return member;
    });
  } catch (error) {
    return JSON.stringify(`[unprintable: ${String(error)}]`);
  }
}

/** Errors of any realm. */
function isError(value: unknown): value is Error {
  return Object.prototype.toString.call(value) === '[object Error]';
}
