/**
 * Exporter `load_balancing` (alias `loadbalancing`): what belongs together goes to one of several backends.
 */
import { NO_ENDPOINTS } from '../blocks/endpoints.js';
import { checkGrpcClient, endpointError, grpcClientFields } from '../blocks/grpc-client.js';
import { referencedExtensions } from '../blocks/references.js';
import { retryOff, toNativeRetry } from '../blocks/retry.js';
import { acknowledging, queueOff, settleStored, storageOf, toNativeQueue } from '../blocks/sending-queue.js';
import type { NativeLoadBalancingConfig, Signal } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { any, block, duration, ignored, key, list, object, optional, string } from '../schema/spec.js';
import type { IsSet, ObjectOf, Report } from '../schema/spec.js';
import { DIRECT } from './acknowledging.js';
import type { Acknowledging } from './acknowledging.js';
import { define } from './definition.js';
import type { NativeContext } from './definition.js';
import { checkCompression, clientFields, deliveryFields, toNative as toNativeOtlpGrpc } from './exporter-otlp-grpc.js';

const INTERVAL = ns('5s');
const TIMEOUT = ns('1s');
/** Resolvers and keys that only the Collector has. */
const OTHER_RESOLVERS = ['k8s', 'aws_cloud_map'] as const;
const OTHER_KEYS: ReadonlySet<string> = new Set(['resource', 'streamID', 'attributes']);

/** The signals that a key is for; the empty key is the signal's own. */
const KEYS: ReadonlyMap<string, readonly Signal[]> = new Map([
  ['', ['traces', 'metrics', 'logs']],
  ['traceID', ['traces', 'logs']],
  ['service', ['traces', 'metrics', 'logs']],
  ['metric', ['metrics']],
]);

const otlp = object(
  {
    ...clientFields,
    endpoint: ignored(grpcClientFields.endpoint, 'has no effect: the resolver says where the backends are'),
    ...deliveryFields,
  },
  {
    validate: (backend, report) => {
      checkGrpcClient(backend, report);
      checkCompression(backend, report);
      if (backend.sending_queue !== null && backend.sending_queue.storage !== null) {
        report(
          '`storage` is not supported here, because backends come and go; write it in the `sending_queue` of the exporter itself',
          'sending_queue',
          'storage',
        );
      }
    },
  },
);

const fixed = object({
  hostnames: key(
    list(string()),
    [],
    'The backends, as `host:port`, or `host` for port 4317; their order does not matter',
  ),
});

const dns = object({
  hostname: key(string(), '', 'The name whose addresses are the backends'),
  port: key(string(), '', 'The port of all backends; 4317 unless written'),
  interval: key(duration(), INTERVAL, 'Time from one look to the next; 0 is the default'),
  timeout: key(duration(), TIMEOUT, 'Longest time for a look; 0 is the default'),
});

const resolverFields = {
  static: block(optional(fixed, 'off'), 'Backends that do not change'),
  dns: block(optional(dns, 'off'), 'The addresses of a name'),
  k8s: key(any(), null, 'Not supported: use `dns` with the name of a headless service'),
  aws_cloud_map: key(any(), null, 'Not supported: use `dns`'),
};

const resolver = object(resolverFields, { validate: checkResolver });

const fields = {
  routing_key: key(
    string(),
    '',
    'What belongs together: `traceID` (traces, logs), `service` or `metric` (metrics); empty is `traceID`, and `service` for metrics',
  ),
  resolver: block(resolver, 'Where the backends come from; one of its blocks'),
  protocol: block(
    object({ otlp: block(otlp, 'As in the exporter `otlp_grpc`, without endpoints') }),
    'How each backend is sent to',
  ),
  timeout: key(
    duration({ message: "'timeout' must be non-negative" }),
    0,
    'Longest time for one attempt at all backends of a request; 0 is without limit',
  ),
  retry_on_failure: retryOff,
  sending_queue: queueOff,
};

type LoadBalancing = ObjectOf<typeof fields>;

const spec = object(fields, {
  settle: settleRetry,
  validate: ({ routing_key: word }, report) => {
    if (OTHER_KEYS.has(word)) {
      report(
        `routing_key ${JSON.stringify(word)} is not supported; it is "traceID", "service" or "metric"`,
        'routing_key',
      );
    } else if (!KEYS.has(word)) {
      report(`unsupported routing_key: ${JSON.stringify(word)}`, 'routing_key');
    }
  },
});

/** What is in a queue is tried again unless that is turned off: its backend may have gone meanwhile. */
function settleRetry(exporter: LoadBalancing, isSet: IsSet): LoadBalancing {
  const { sending_queue: queue, retry_on_failure: retry } = settleStored(exporter, isSet);
  const enabled = isSet('retry_on_failure', 'enabled') ? retry.enabled : queue !== null;
  return { ...exporter, sending_queue: queue, retry_on_failure: { ...retry, enabled } };
}

function checkResolver(value: ObjectOf<typeof resolverFields>, report: Report): void {
  const others = OTHER_RESOLVERS.filter((name) => value[name] !== null);
  for (const name of others) report(`resolver ${JSON.stringify(name)} is not supported; use "static" or "dns"`, name);
  const count = [value.static, value.dns].filter((each) => each !== null).length + others.length;
  if (count === 0) report('no resolvers specified for the exporter');
  if (count > 1) report('only one resolver should be specified');
  if (value.static !== null) checkHostnames(value.static.hostnames, report);
  if (value.dns === null) return;
  if (value.dns.hostname === '') report('no hostname specified to resolve the backends', 'dns', 'hostname');
  if (!/^\d{0,5}$/.test(value.dns.port)) report(`invalid port ${JSON.stringify(value.dns.port)}`, 'dns', 'port');
}

function checkHostnames(hostnames: readonly string[], report: Report): void {
  if (hostnames.length === 0) report('no endpoints specified for the static resolver', 'static', 'hostnames');
  for (const [index, hostname] of hostnames.entries()) {
    const reason = hostname === '' ? 'requires a non-empty hostname' : hostnameError(hostname);
    if (reason !== null) report(reason, 'static', 'hostnames', String(index));
  }
}

/** A port may be missing. */
function hostnameError(hostname: string): string | null {
  const isWithout = hostname.endsWith(']') || !hostname.includes(':');
  return isWithout ? null : endpointError(hostname);
}

/** A queue in front waits for the backends, and so do retries. */
function answers(exporter: LoadBalancing, syncs: (storage: string) => boolean): Acknowledging {
  if (exporter.sending_queue !== null) return acknowledging(exporter.sending_queue, syncs);
  if (exporter.retry_on_failure.enabled) return DIRECT;
  return acknowledging(exporter.protocol.otlp.sending_queue, syncs);
}

function toNative(exporter: LoadBalancing, context: NativeContext): NativeLoadBalancingConfig {
  const { static: hosts, dns: name } = exporter.resolver;
  return {
    routing_key: exporter.routing_key,
    resolver: {
      hostnames: [...(hosts?.hostnames ?? [])],
      dns: name === null ? null : { ...name, interval: name.interval || INTERVAL, timeout: name.timeout || TIMEOUT },
    },
    backend: toNativeOtlpGrpc({ ...exporter.protocol.otlp, ...NO_ENDPOINTS, endpoint: '' }, context),
    timeout: exporter.timeout,
    retry_on_failure: toNativeRetry(exporter.retry_on_failure),
    sending_queue: toNativeQueue(exporter.sending_queue, context),
  };
}

export const loadBalancingExporter = define({
  kind: 'exporter',
  type: 'load_balancing',
  aliases: ['loadbalancing'],
  doc: 'Sends what belongs together, such as the spans of a trace, to one of several backends, over gRPC. Only what a backend gets or had moves when backends come and go.',
  stability: { traces: 'beta', logs: 'beta', metrics: 'development' },
  spec,
  toNative,
  acknowledging: answers,
  references: (exporter) => [...referencedExtensions(exporter.protocol.otlp), ...storageOf(exporter.sending_queue)],
  checkSignal: ({ routing_key: word }, signal) =>
    KEYS.get(word)?.includes(signal) === false ? `unsupported routing_key: ${JSON.stringify(word)}` : null,
});
