/**
 * OTLP messages for the socket tests, read with protobufjs from the published definitions: a decoder that shares nothing
 * with the one under test. Not for sending; that is wire.ts.
 */
import { fileURLToPath } from 'node:url';

import protobuf from 'protobufjs';

/** The stable signals. */
export const SIGNALS = ['traces', 'metrics', 'logs'] as const;
export type Signal = (typeof SIGNALS)[number];

/** A decoded message: 64-bit integers as decimal strings, bytes as lower-case hex, enums as numbers, no defaults. */
export interface Plain {
  // A test reads whatever field it is about; the comparison tells when it is not there.
  readonly [field: string]: PlainValue;
}
export type PlainValue = string | number | boolean | undefined | Plain | readonly PlainValue[];

interface SignalNames {
  readonly service: string;
  readonly request: string;
  readonly response: string;
  readonly path: string;
  readonly rejected: string;
  /** Names of the two envelope levels and of the items. */
  readonly levels: readonly [string, string, string];
}

const COLLECTOR = 'opentelemetry.proto.collector';

/** What differs between the signals on the wire. */
export const NAMES: Readonly<Record<Signal, SignalNames>> = {
  traces: {
    service: `${COLLECTOR}.trace.v1.TraceService`,
    request: `${COLLECTOR}.trace.v1.ExportTraceServiceRequest`,
    response: `${COLLECTOR}.trace.v1.ExportTraceServiceResponse`,
    path: '/v1/traces',
    rejected: 'rejectedSpans',
    levels: ['resourceSpans', 'scopeSpans', 'spans'],
  },
  metrics: {
    service: `${COLLECTOR}.metrics.v1.MetricsService`,
    request: `${COLLECTOR}.metrics.v1.ExportMetricsServiceRequest`,
    response: `${COLLECTOR}.metrics.v1.ExportMetricsServiceResponse`,
    path: '/v1/metrics',
    rejected: 'rejectedDataPoints',
    levels: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  },
  logs: {
    service: `${COLLECTOR}.logs.v1.LogsService`,
    request: `${COLLECTOR}.logs.v1.ExportLogsServiceRequest`,
    response: `${COLLECTOR}.logs.v1.ExportLogsServiceResponse`,
    path: '/v1/logs',
    rejected: 'rejectedLogRecords',
    levels: ['resourceLogs', 'scopeLogs', 'logRecords'],
  },
};

/** Full gRPC method of a signal. */
export const method = (signal: Signal): string => `/${NAMES[signal].service}/Export`;

const root = loadRoot();

function loadRoot(): protobuf.Root {
  const made = new protobuf.Root();
  const folder = fileURLToPath(new URL('../../proto/', import.meta.url));
  made.resolvePath = (_origin, target) => (target.startsWith('/') ? target : folder + target);
  const files = ['trace', 'metrics', 'logs'].map(
    (name) => `opentelemetry/proto/collector/${name}/v1/${name}_service.proto`,
  );
  made.loadSync([...files, 'google/rpc/status.proto', 'google/rpc/error_details.proto']);
  return made;
}

const type = (name: string): protobuf.Type => root.lookupType(name);

/** Bytes of any message; 64-bit integers may be decimal strings, bytes are Uint8Arrays. */
export function encodeMessage(name: string, value: object): Buffer {
  return Buffer.from(type(name).encode(type(name).fromObject(value)).finish());
}

/** The fields of any message as {@link Plain}. Throws if the bytes are not one. */
export function decodeMessage(name: string, bytes: Uint8Array): Plain {
  const options = { longs: String, enums: Number } as const;
  return hexed(type(name).toObject(type(name).decode(bytes), options)) as Plain;
}

export const encodeRequest = (signal: Signal, value: object): Buffer => encodeMessage(NAMES[signal].request, value);
export const decodeRequest = (signal: Signal, bytes: Uint8Array): Plain => decodeMessage(NAMES[signal].request, bytes);
export const encodeResponse = (signal: Signal, value: object): Buffer => encodeMessage(NAMES[signal].response, value);
export const decodeResponse = (signal: Signal, bytes: Uint8Array): Plain =>
  decodeMessage(NAMES[signal].response, bytes);

/** A request as {@link Plain}, after one way through the wire format. */
export const plainRequest = (signal: Signal, value: object): Plain =>
  decodeRequest(signal, encodeRequest(signal, value));

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

/** A google.rpc.Status, with a RetryInfo detail if a delay is given. */
export function encodeStatus(code: number, message: string, retryDelayMs?: number): Buffer {
  const details = retryDelayMs === undefined ? [] : [{ type_url: RETRY_INFO, value: retryInfo(retryDelayMs) }];
  return encodeMessage('google.rpc.Status', { code, message, details });
}

function retryInfo(delayMs: number): Buffer {
  const seconds = Math.floor(delayMs / 1000);
  return encodeMessage('google.rpc.RetryInfo', { retryDelay: { seconds, nanos: (delayMs % 1000) * 1e6 } });
}

export interface DecodedStatus {
  readonly code: number;
  readonly message: string;
  /** From a RetryInfo detail; null without one. */
  readonly retryDelayMs: number | null;
}

export function decodeStatus(bytes: Uint8Array): DecodedStatus {
  const decoded = type('google.rpc.Status').decode(bytes) as unknown as {
    code: number;
    message: string;
    details: readonly { type_url: string; value: Uint8Array }[];
  };
  const detail = decoded.details.find((any) => any.type_url === RETRY_INFO);
  return {
    code: decoded.code,
    message: decoded.message,
    retryDelayMs: detail === undefined ? null : delayOf(detail.value),
  };
}

/** The details of a google.rpc.Status, each with the name of its type. */
export function decodeDetails(bytes: Uint8Array): readonly Plain[] {
  const { details } = type('google.rpc.Status').decode(bytes) as unknown as {
    details: readonly { type_url: string; value: Uint8Array }[];
  };
  return details.map(({ type_url: url, value }) => {
    const name = url.slice(url.lastIndexOf('/') + 1);
    return { type: name, ...decodeMessage(name, value) };
  });
}

function delayOf(bytes: Uint8Array): number {
  const { retryDelay } = decodeMessage('google.rpc.RetryInfo', bytes) as { retryDelay?: Plain };
  return Number(retryDelay?.['seconds'] ?? 0) * 1000 + Number(retryDelay?.['nanos'] ?? 0) / 1e6;
}

/** A request in OTLP/JSON: hex ids, base64 bytes, decimal 64-bit integers, words for the doubles JSON lacks. */
export function toOtlpJson(signal: Signal, value: object): string {
  const message = type(NAMES[signal].request).fromObject(value);
  const object = type(NAMES[signal].request).toObject(message, { longs: String, enums: Number });
  return JSON.stringify(jsonValue(object));
}

const ID_KEYS = new Set(['traceId', 'spanId', 'parentSpanId']);

function jsonValue(value: unknown, key = ''): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString(ID_KEYS.has(key) ? 'hex' : 'base64');
  if (Array.isArray(value)) return value.map((each) => jsonValue(each, key));
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (Object.is(value, -0)) return '-0';
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, jsonValue(field, name)]));
}

function hexed(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(hexed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, hexed(field)]));
}

/** The items of a decoded request in order, envelopes dropped. */
export function itemsOf(signal: Signal, request: Plain): readonly Plain[] {
  const [resources, scopes, items] = NAMES[signal].levels;
  return listOf(request[resources]).flatMap((resource) => listOf(resource[scopes]).flatMap((s) => listOf(s[items])));
}

export function listOf(value: PlainValue): readonly Plain[] {
  return Array.isArray(value) ? (value as readonly Plain[]) : [];
}

/** Throws when the field is not a message. */
export function plainOf(value: PlainValue): Plain {
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error(`not a message: ${String(value)}`);
  return value as Plain;
}
