/**
 * Receiver `otlp`: OTLP over gRPC and HTTP.
 */
import { acknowledgedFields, checkAcknowledged } from '../blocks/acknowledged.js';
import { checkGrpcServer, grpcServerFields, toNativeGrpcServer } from '../blocks/grpc-server.js';
import {
  checkHttpServer,
  exposureNotes,
  httpServerFields,
  httpServerNotes,
  toNativeHttpServer,
} from '../blocks/http-server.js';
import { referencedExtensions } from '../blocks/references.js';
import type { NativeOtlpConfig } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { block, bool, choice, duration, int, key, object, optional, string, withDefaults } from '../schema/spec.js';
import type { Infer, ObjectOf } from '../schema/spec.js';
import { define, forSignals } from './definition.js';
import type { NativeContext } from './definition.js';

/** Who has the socket of a protocol. */
const engine = key(
  choice(['native', 'node', 'host'], (word) => `invalid engine: ${word} (it is "native", "node" or "host")`),
  'native' as const,
  "Who receives: `native` is the core on threads of its own, `node` a server of Node on the event loop, `host` nobody: the program that embeds the collector mounts the receiver in a server of its own. A key of teleferric's own",
);

const grpcFields = {
  engine,
  ...withDefaults(grpcServerFields, { endpoint: 'localhost:4317', read_buffer_size: 512 * 1024 }),
};

const httpFields = {
  engine,
  // no time limits of the Collector's: slow senders are bounded by rate and by connection instead
  ...withDefaults(httpServerFields, {
    endpoint: 'localhost:4318',
    read_header_timeout: 0,
    write_timeout: 0,
    idle_timeout: 0,
  }),
  traces_url_path: key(string(), '/v1/traces', 'Path that takes traces; a missing leading slash is added'),
  metrics_url_path: key(string(), '/v1/metrics', 'Path that takes metrics; a missing leading slash is added'),
  logs_url_path: key(string(), '/v1/logs', 'Path that takes logs; a missing leading slash is added'),
};

const http = object(httpFields, { settle: settlePaths, validate: checkHttpServer });

const protocols = object({
  grpc: block(
    optional(object(grpcFields, { validate: checkGrpcServer }), 'default'),
    'OTLP over gRPC; closed unless written',
  ),
  http: block(optional(http, 'default'), 'OTLP over HTTP, protobuf and JSON; closed unless written'),
});

const dedup = object({
  window: key(duration({ min: ns('1ms') }), ns('10m'), 'How long a request that was taken is remembered'),
  max_ids: key(
    int({ min: 1, max: 100_000_000 }),
    100_000,
    'How many are remembered, at 160 bytes each; the oldest are forgotten first',
    'requests',
  ),
  body_hash: key(
    bool(),
    false,
    'Also tell requests without an id apart, by their bytes: two that say the same in the window count as one',
  ),
  status: key(
    bool(),
    false,
    'Let senders ask `GET /queue/status?batch_id=` of the HTTP listener what has become of a request; takes 320 bytes more for each that is remembered',
  ),
});

const spec = object(
  {
    protocols: block(protocols, 'What to listen for; at least one'),
    ack: acknowledgedFields.ack,
    admission_timeout: acknowledgedFields.admission_timeout,
    ack_header: key(
      bool(),
      false,
      "Let a request ask for its level by the header `x-teleferric-ack`. A key of teleferric's own",
    ),
    ack_quorum: acknowledgedFields.ack_quorum,
    dedup: block(
      optional(dedup, 'default'),
      "Answering a request that comes again, by its header `x-teleferric-batch-id`, without taking it twice; off unless written. A key of teleferric's own",
    ),
  },
  {
    validate: (receiver, report) => {
      const { grpc, http: server } = receiver.protocols;
      if (receiver.dedup?.status === true && server === null)
        report('`dedup.status` is asked for over HTTP and needs `protocols.http`', 'dedup', 'status');
      checkAcknowledged(receiver, report);
      if (grpc === null && server === null) {
        report('must specify at least one protocol when using the OTLP receiver', 'protocols');
      }
    },
  },
);

type OtlpReceiver = Infer<typeof spec>;

function settlePaths(value: ObjectOf<typeof httpFields>): ObjectOf<typeof httpFields> {
  return {
    ...value,
    traces_url_path: withSlash(value.traces_url_path),
    metrics_url_path: withSlash(value.metrics_url_path),
    logs_url_path: withSlash(value.logs_url_path),
  };
}

function withSlash(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

function toNative(receiver: OtlpReceiver, context: NativeContext, id: string): NativeOtlpConfig {
  const { grpc, http: server } = receiver.protocols;
  return {
    protocols: {
      grpc: grpc === null ? null : { ...toNativeGrpcServer(grpc), host: grpc.engine !== 'native' },
      http:
        server === null
          ? null
          : {
              server: { ...toNativeHttpServer(server), host: server.engine !== 'native' },
              traces_url_path: server.traces_url_path,
              metrics_url_path: server.metrics_url_path,
              logs_url_path: server.logs_url_path,
            },
    },
    ack: {
      level: receiver.ack,
      choices: receiver.ack_header
        ? {
            traces: [...context.ackLevels(id, 'traces')],
            metrics: [...context.ackLevels(id, 'metrics')],
            logs: [...context.ackLevels(id, 'logs')],
            profiles: [...context.ackLevels(id, 'profiles')],
          }
        : null,
      quorum: receiver.ack_quorum,
    },
    dedup: receiver.dedup,
    admission_timeout: receiver.admission_timeout,
  };
}

export const otlpReceiver = define({
  kind: 'receiver',
  type: 'otlp',
  doc: 'Takes OTLP over gRPC and over HTTP (protobuf and JSON). Each protocol listens only if it is written.',
  stability: { ...forSignals('stable', ['traces', 'metrics', 'logs']), profiles: 'alpha' },
  spec,
  toNative,
  asksForAck: true,
  notes: ({ protocols: { grpc, http: server } }) => [
    ...(grpc === null || grpc.engine === 'host' ? [] : exposureNotes(grpc, ['protocols', 'grpc'])),
    ...(server === null || server.engine === 'host' ? [] : httpServerNotes(server, ['protocols', 'http'])),
  ],
  references: ({ protocols: { grpc, http: server } }) => [
    ...(grpc === null ? [] : referencedExtensions(grpc)),
    ...(server === null ? [] : referencedExtensions(server)),
  ],
});
