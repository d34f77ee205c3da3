// Rules and defaults of the exporter `load_balancing`.
import { expectLine } from './error-lines.js';
import type { Row } from './error-lines.js';
import { failureOf, loadOver, nativeOf, problems } from './harness.js';

const HOSTS = 'resolver: {static: {hostnames: [a, "b:1"]}}';
const balancing = (keys: string, signal = 'traces'): string =>
  `exporters: {load_balancing: {${keys}}}\nservice: {pipelines: {${signal}: {receivers: [nop], exporters: [load_balancing]}}}`;

it.each<Row>([
  ['', 'exporters::load_balancing::resolver: no resolvers specified for the exporter'],
  [
    'resolver: {static: {hostnames: [a]}, dns: {hostname: b}}',
    'exporters::load_balancing::resolver: only one resolver should be specified',
  ],
  [
    'resolver: {static: {hostnames: []}}',
    'exporters::load_balancing::resolver: no endpoints specified for the static resolver',
  ],
  ['resolver: {static: {hostnames: [a, ""]}}', 'exporters::load_balancing::resolver: requires a non-empty hostname'],
  ['resolver: {static: {hostnames: ["a:x"]}}', 'exporters::load_balancing::resolver: invalid port "x"'],
  [
    'resolver: {dns: {port: "1"}}',
    'exporters::load_balancing::resolver: no hostname specified to resolve the backends',
  ],
  ['resolver: {dns: {hostname: a, port: otlp}}', 'exporters::load_balancing::resolver: invalid port "otlp"'],
  [
    'resolver: {k8s: {service: a}}',
    'exporters::load_balancing::resolver: resolver "k8s" is not supported; use "static" or "dns"',
  ],
  [`${HOSTS}, routing_key: trace`, 'exporters::load_balancing: unsupported routing_key: "trace"'],
  [
    `${HOSTS}, routing_key: attributes`,
    'exporters::load_balancing: routing_key "attributes" is not supported; it is "traceID", "service" or "metric"',
  ],
  [
    `${HOSTS}, protocol: {otlp: {sending_queue: {storage: file_storage}}}`,
    'exporters::load_balancing::protocol::otlp: `storage` is not supported here, because backends come and go',
  ],
  [
    `${HOSTS}, protocol: {otlp: {compression: lz4}}`,
    'exporters::load_balancing::protocol::otlp: unsupported compression type "lz4"',
  ],
])('refuses %s', async (keys, line) => {
  const message = await problems(loadOver(balancing(keys)));
  expect(message).toContain(line);
});

it('refuses a resolver and a protocol that there are not', async () => {
  await expect(problems(loadOver(balancing('resolver: {consul: {}}')))).resolves.toContain('has invalid keys: consul');
  await expect(problems(loadOver(balancing(`${HOSTS}, protocol: {http: {}}`)))).resolves.toContain(
    'has invalid keys: http',
  );
});

it.each([
  ['routing_key: traceID', 'metrics'],
  ['routing_key: metric', 'logs'],
])('refuses %s for %s', async (key, signal) => {
  const error = await failureOf(loadOver(balancing(`${HOSTS}, ${key}`, signal)));
  expect(error.code).toBe('CONFIG_GRAPH');
  expectLine(
    error.message,
    `failed to create "load_balancing" exporter for data type "${signal}": unsupported routing_key: "${key.slice(13)}"`,
  );
});

it('is the same under the name of the Collector', async () => {
  const loaded = await loadOver(balancing(HOSTS).replaceAll('load_balancing', 'loadbalancing/x'));
  expect(loaded.native.exporters).toMatchObject([
    { id: 'loadbalancing/x', type: 'load_balancing', config: { resolver: { hostnames: ['a', 'b:1'], dns: null } } },
  ]);
});

it('looks every five seconds, without a queue or retries in front', async () => {
  const keys = 'resolver: {dns: {hostname: a, interval: 0s}}';
  expect(nativeOf(await loadOver(balancing(keys)), 'exporters', 'load_balancing')).toMatchObject({
    routing_key: '',
    resolver: { hostnames: [], dns: { hostname: 'a', port: '', interval: 5e9, timeout: 1e9 } },
    timeout: 0,
    retry_on_failure: { enabled: false },
    sending_queue: null,
    backend: { client: { endpoint: '' }, endpoints: [], timeout: 5e9, retry_on_failure: { enabled: true } },
  });
});

async function retrying(keys: string): Promise<unknown> {
  return nativeOf(await loadOver(balancing(`${HOSTS}, ${keys}`)), 'exporters', 'load_balancing')['retry_on_failure'];
}

it('tries again what a queue in front holds, unless that is turned off', async () => {
  expect(await retrying('sending_queue: {}')).toMatchObject({ enabled: true });
  expect(await retrying('sending_queue: {}, retry_on_failure: {enabled: false}')).toMatchObject({ enabled: false });
});

it.each([
  ['', 'received'],
  ['protocol: {otlp: {sending_queue: {enabled: false}}}', 'delivered'],
  ['retry_on_failure: {enabled: true}', 'delivered'],
  ['sending_queue: {storage: file_storage}', 'persisted'],
])('with %s, OK means %s', async (keys, level) => {
  const text = `${balancing(`${HOSTS}, ${keys}`).replace('[nop], exporters', '[otlp], exporters')}
receivers: {otlp: {protocols: {grpc: {}}}}
extensions: {file_storage: {directory: /x}}`;
  const loaded = await loadOver(`${text.replace('service: {', 'service: {extensions: [file_storage], ')}`);
  expect(loaded.acks.get('otlp')?.get('traces')?.level).toBe(level);
});
