/**
 * Receivers in servers of the host: what may be said of them, checked, and their way into the core.
 */
import type { NativeHandle } from '../binding/index.js';
import { ownOptions, wrongOption, type LoadedConfig } from '../config/index.js';
import { messageOf } from '../errors.js';
import type { Door } from '../receivers/door.js';
import { makeGrpcServices, type GrpcCall, type GrpcService } from '../receivers/grpc-services.js';
import { makeHttpHandler, type HttpHandler, type NodeRequest } from '../receivers/http-handler.js';
import type { LogFields } from '../telemetry/log-encoding.js';
import { checkContext, type RequestContext } from '../ingest/index.js';
import { pathsOf } from './paths.js';

export type { GrpcService, HttpHandler };

/** How a handler finds and passes on requests. */
export interface HttpHandlerOptions {
  /** Id of the receiver. @default 'otlp' */
  readonly receiver?: string;
  /** What stands in front of the receiver's paths, such as `/otlp` for `/otlp/v1/traces`. @default none */
  readonly basePath?: string;
  /** What your own checks found out about the request; asked once for each. @default nothing */
  readonly context?: (request: NodeRequest) => RequestContext | null | undefined;
}

/** How the services pass on calls. */
export interface GrpcServiceOptions {
  /** Id of the receiver. @default 'otlp' */
  readonly receiver?: string;
  /** What your own checks found out about the call; asked once for each. @default nothing */
  readonly context?: (call: GrpcCall) => RequestContext | null | undefined;
}

/** What of a collector its mounted receivers need, at the time of each request. */
export interface MountedCollector {
  /** Nothing while no requests are taken. */
  readonly native: () => NativeHandle | null;
  readonly loaded: () => LoadedConfig | null;
  readonly log: (level: 'error', message: string, fields: LogFields) => void;
}

/** The way in for requests of one protocol. */
export function doorOf({ native, loaded, log }: MountedCollector, protocol: 'grpc' | 'http'): Door {
  return {
    protocol,
    begin: (request) => native()?.exchange(request) ?? null,
    serves: (receiver, path) => {
      const config = loaded();
      return config !== null && pathsOf(config, receiver).includes(path);
    },
    failed: (receiver, what, error) => {
      const fields = { 'otelcol.component.id': receiver, error: messageOf(error) };
      log('error', what, fields);
    },
  };
}

/** @throws CollectorError `INVALID_ARGUMENT` naming the first thing that is wrong */
export function mountHttp(collector: MountedCollector, options: HttpHandlerOptions): HttpHandler {
  const known = { receiver: true, basePath: true, context: true } as const;
  const { receiver = 'otlp', basePath = '', context } = ownOptions('httpHandler', options, known);
  if (typeof basePath !== 'string' || !/^(?:\/[^/?#]+)*$/.test(basePath)) {
    throw wrongOption('httpHandler.basePath', 'a path that begins with a slash and does not end with one');
  }
  return makeHttpHandler(doorOf(collector, 'http'), {
    receiver: checkReceiver('httpHandler', receiver),
    basePath,
    contextOf: contextOf('httpHandler', context),
  });
}

/** @throws CollectorError `INVALID_ARGUMENT` naming the first thing that is wrong */
export function mountGrpc(collector: MountedCollector, options: GrpcServiceOptions): readonly GrpcService[] {
  const { receiver = 'otlp', context } = ownOptions('grpcServices', options, { receiver: true, context: true });
  return makeGrpcServices(doorOf(collector, 'grpc'), {
    receiver: checkReceiver('grpcServices', receiver),
    contextOf: contextOf('grpcServices', context),
  });
}

function checkReceiver(what: string, receiver: string): string {
  if (typeof receiver === 'string' && /^otlp(?:\/.+)?$/.test(receiver)) return receiver;
  throw wrongOption(`${what}.receiver`, 'the id of an otlp receiver');
}

function contextOf<T>(what: string, context: ((from: T) => RequestContext | null | undefined) | undefined) {
  if (context !== undefined && typeof context !== 'function') throw wrongOption(`${what}.context`, 'a function');
  return (from: T) => checkContext(context?.(from));
}
