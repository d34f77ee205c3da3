/**
 * The OTLP services for a server of `@grpc/grpc-js`: messages stay bytes and go to an `otlp` receiver, whose status comes
 * back with its details. That package is the host's; nothing of it is loaded here.
 */
import type { HostAnswer } from '../binding/index.js';
import { NOT_TAKEN, type ContextOf, type Door } from './door.js';

/** One method, as `@grpc/grpc-js` describes it. */
export interface GrpcMethod {
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: false;
  readonly requestSerialize: (message: Buffer) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Buffer;
  readonly responseSerialize: (message: Buffer) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Buffer;
}

/** Metadata of `@grpc/grpc-js`, as far as it is needed. */
interface GrpcMetadata {
  get(name: string): readonly (string | Buffer)[];
  toHttp2Headers(): Readonly<Record<string, unknown>>;
  add(name: string, value: string | Buffer): void;
}

/** A unary call of `@grpc/grpc-js`, as far as it is needed. */
export interface GrpcCall {
  readonly request: Buffer;
  readonly metadata: GrpcMetadata;
  getPeer(): string;
  getDeadline(): Date | number;
  once(event: 'cancelled', listener: () => void): unknown;
}

/** Takes the answer to a call. */
export type GrpcCallback = (
  // oxlint-disable-next-line no-explicit-any -- the host's package has types of its own for these
  error: any,
  value?: Buffer | null,
) => void;

/** What `server.addService(definition, implementation)` takes. */
export type GrpcService = readonly [
  definition: Readonly<Record<string, GrpcMethod>>,
  // oxlint-disable-next-line no-explicit-any -- as above
  implementation: Readonly<Record<string, (call: any, callback: GrpcCallback) => void>>,
];

/** How the services pass on calls. */
export interface GrpcServiceSettings {
  /** Id of the receiver. */
  readonly receiver: string;
  readonly contextOf: ContextOf<GrpcCall>;
}

const PATHS = [
  '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export',
];

/** Status codes of gRPC. */
const [UNKNOWN, INTERNAL, UNAVAILABLE] = [2, 13, 14];
const PREFIX_BYTES = 5;

/** Makes the services. Their methods never throw. */
export function makeGrpcServices(door: Door, settings: GrpcServiceSettings): readonly GrpcService[] {
  return PATHS.map((path) => {
    const answer = (call: GrpcCall, callback: GrpcCallback): void => {
      handOver(door, settings, path, call).then(
        ({ error, value }) => callback(error, value),
        (error: unknown) => {
          door.failed(settings.receiver, NOT_TAKEN, error);
          callback({ code: INTERNAL, details: 'internal error' });
        },
      );
    };
    return [{ Export: method(path) }, { Export: answer }];
  });
}

/** Messages stay bytes. */
const same = (bytes: Buffer): Buffer => bytes;

function method(path: string): GrpcMethod {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

async function handOver(
  door: Door,
  { receiver, contextOf }: GrpcServiceSettings,
  path: string,
  call: GrpcCall,
): Promise<Conclusion> {
  const exchange = door.begin({
    receiver,
    protocol: door.protocol,
    method: 'POST',
    target: path,
    headers: headersOf(call),
    peer: /:\d+$/.test(call.getPeer()) ? call.getPeer() : null,
    declared: PREFIX_BYTES + call.request.length,
    context: contextOf(call),
  });
  if (exchange === null) return UNAVAILABLE_NOW;
  call.once('cancelled', () => exchange.abort());
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(call.request.length, 1);
  exchange.write(prefix);
  exchange.write(call.request);
  exchange.finish();
  const answer = await exchange.answer;
  return answer === null ? UNAVAILABLE_NOW : conclude(call, answer);
}

/** The call's own metadata, what says that it is gRPC, and how long its sender waits. */
function headersOf(call: GrpcCall): string[] {
  const headers = ['content-type', 'application/grpc'];
  for (const [name, value] of Object.entries(call.metadata.toHttp2Headers())) {
    // What the server has undone already must not be asked for again.
    if (name.startsWith(':') || name === 'content-type' || name === 'grpc-encoding' || name === 'grpc-timeout')
      continue;
    for (const each of [value].flat()) headers.push(name, String(each));
  }
  const deadline = Number(call.getDeadline());
  if (Number.isFinite(deadline)) {
    const left = Math.max(0, Math.min(deadline - Date.now(), 99_999_999));
    headers.push('grpc-timeout', `${Math.ceil(left)}m`);
  }
  return headers;
}

/** What the callback is given. */
interface Conclusion {
  readonly error: unknown;
  readonly value?: Buffer;
}

/** There is no such receiver, or it takes nothing now: the client is told to come again. */
const UNAVAILABLE_NOW: Conclusion = { error: { code: UNAVAILABLE, details: 'the collector is not running' } };

function conclude(call: GrpcCall, told: HostAnswer): Conclusion {
  const fields = new Map<string, string>();
  const pairs = [...told.headers, ...(told.trailers ?? [])];
  for (let index = 0; index < pairs.length; index += 2) fields.set(pairs[index] ?? '', pairs[index + 1] ?? '');
  const code = Number(fields.get('grpc-status') ?? UNKNOWN);
  if (code === 0) return { error: null, value: Buffer.from(told.body.slice(PREFIX_BYTES), 'latin1') };
  const Metadata = call.metadata.constructor as new () => GrpcMetadata;
  const metadata = new Metadata();
  const details = fields.get('grpc-status-details-bin');
  if (details !== undefined) metadata.add('grpc-status-details-bin', Buffer.from(details, 'base64'));
  const pushback = fields.get('grpc-retry-pushback-ms');
  if (pushback !== undefined) metadata.add('grpc-retry-pushback-ms', pushback);
  return { error: { code, details: decodeURIComponent(fields.get('grpc-message') ?? ''), metadata } };
}
