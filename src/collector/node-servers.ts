/**
 * The servers of receivers with `engine: node`: opened, kept over reloads and closed together. A change is prepared first
 * (which may fail and then leaves all as it was) and committed after.
 */
import type { Listener } from '../binding/index.js';
import type { GrpcServer } from '../config/blocks/grpc-server.js';
import type { HttpServer } from '../config/blocks/http-server.js';
import type { LoadedConfig } from '../config/index.js';
import { CollectorError } from '../errors.js';
import type { Door } from '../receivers/door.js';
import type { Http2Lifetime } from '../receivers/http2-lifetime.js';
import { NodeServer, type NodeServerSettings } from '../receivers/node-server.js';
import { parseEndpoint } from '../servers/listen.js';
import { toEndpointTls } from './endpoint-tls.js';
import type { PreparedChange } from './own-telemetry.js';

/** How long running requests may take when a reload closes their server. */
const CLOSE_GRACE_MS = 5000;

/** All servers of one collector. */
export class NodeServers {
  readonly #door: (protocol: 'grpc' | 'http') => Door;
  #open = new Map<string, NodeServer>();
  #ref = true;

  /** @param door the way into the core */
  constructor(door: (protocol: 'grpc' | 'http') => Door) {
    this.#door = door;
  }

  get listeners(): readonly Listener[] {
    return Array.from(this.#open.values(), ({ settings, address }) => ({
      component: settings.receiver,
      protocol: settings.protocol,
      address,
    }));
  }

  /** Opens what a configuration needs beside what is open. @throws CollectorError `BIND_FAILED`, `START_FAILED` */
  async prepare(loaded: LoadedConfig): Promise<PreparedChange> {
    const wanted = new Map<string, NodeServer>();
    const opened: NodeServer[] = [];
    const abort = async (): Promise<void> => {
      for (const server of opened) server.cut();
    };
    try {
      for (const settings of wantedBy(loaded)) {
        const key = JSON.stringify(settings);
        const kept = this.#open.get(key);
        const server = kept ?? (await NodeServer.open(settings, this.#door(settings.protocol)));
        if (kept === undefined) opened.push(server);
        wanted.set(key, server);
      }
    } catch (error) {
      await abort();
      throw error;
    }
    return { commit: async () => this.#commit(wanted), abort };
  }

  setRef(ref: boolean): void {
    this.#ref = ref;
    for (const server of this.#open.values()) server.setRef(ref);
  }

  /** Takes no new connections. */
  stop(): void {
    for (const server of this.#open.values()) server.stop();
  }

  /** Breaks off what is left. */
  close(): void {
    for (const server of this.#open.values()) server.cut();
    this.#open.clear();
  }

  #commit(wanted: Map<string, NodeServer>): void {
    const before = this.#open;
    this.#open = wanted;
    this.setRef(this.#ref);
    for (const [key, server] of before) {
      if (wanted.has(key)) {
        server.renew();
        continue;
      }
      server.stop();
      setTimeout(() => server.cut(), CLOSE_GRACE_MS).unref();
    }
  }
}

/** The servers of the receivers that pipelines use. */
function wantedBy({ config }: LoadedConfig): NodeServerSettings[] {
  const used = new Set(config.service.pipelines.flatMap(({ receivers }) => receivers));
  const wanted: NodeServerSettings[] = [];
  for (const { id, type, config: settings } of config.receivers.values()) {
    if (type !== 'otlp' || !used.has(id)) continue;
    const { protocols } = settings as OtlpProtocols;
    const connections = config.service.limits.max_connections;
    for (const protocol of ['grpc', 'http'] as const) {
      const server = protocols[protocol];
      if (server?.engine === 'node') wanted.push(settingsOf(id, protocol, server, connections));
    }
  }
  return wanted;
}

/** The part of an `otlp` receiver that matters here. */
interface OtlpProtocols {
  readonly protocols: {
    readonly grpc: (GrpcServer & { readonly engine: string }) | null;
    readonly http: (HttpServer & { readonly engine: string }) | null;
  };
}

function settingsOf(
  receiver: string,
  protocol: 'grpc' | 'http',
  server: GrpcServer | HttpServer,
  connections: number,
): NodeServerSettings {
  const purpose = `receivers::${receiver}::${protocol}`;
  const { endpoint, transport, tls } = server;
  const address = transport === 'unix' ? { host: '', port: 0 } : parseEndpoint(endpoint);
  if (address === null) throw new CollectorError('START_FAILED', `${purpose}: invalid endpoint ${endpoint}`);
  return {
    receiver,
    protocol,
    at: { purpose, ...address, ...(transport === 'unix' && { socketPath: endpoint }) },
    tls: tls === null ? null : toEndpointTls(tls),
    headTimeoutMs: ('read_header_timeout' in server && server.read_header_timeout / 1e6) || HEAD_TIMEOUT_MS,
    keepAlive: 'keep_alives_enabled' in server ? server.keep_alives_enabled : true,
    lifetime: 'keepalive' in server ? grpcLifetime(server) : { ...UNLIMITED, idleMs: server.idle_timeout / 1e6 },
    concurrentStreams: 'max_concurrent_streams' in server ? server.max_concurrent_streams : 0,
    connections,
  };
}

const HEAD_TIMEOUT_MS = 10_000;
const UNLIMITED: Http2Lifetime = {
  idleMs: 0,
  ageMs: 0,
  graceMs: 0,
  pingAfterMs: 0,
  pingTimeoutMs: 0,
  clientPingMs: 0,
  pingsWhileIdle: false,
};

function grpcLifetime({ keepalive }: GrpcServer): Http2Lifetime {
  const server = keepalive?.server_parameters;
  const client = keepalive?.enforcement_policy;
  return {
    idleMs: (server?.max_connection_idle ?? 0) / 1e6,
    ageMs: (server?.max_connection_age ?? 0) / 1e6,
    graceMs: (server?.max_connection_age_grace ?? 0) / 1e6,
    pingAfterMs: (server?.time ?? 0) / 1e6,
    pingTimeoutMs: (server?.timeout ?? 0) / 1e6,
    clientPingMs: (client?.min_time ?? 0) / 1e6,
    pingsWhileIdle: client?.permit_without_stream ?? false,
  };
}
