// What works but deserves a word: keys without effect, open doors, old forms; and how errors are carried.
import { isCollectorError } from '../../../src/errors.js';
import { loadConfig } from '../../../src/config/index.js';
import type { ConfigErrorDetails } from '../../../src/config/index.js';
import { failureOf, load, loadOver, problems, world } from './harness.js';

const receiving = (protocols: string): string =>
  `receivers: {otlp: {protocols: ${protocols}}}\nservice: {pipelines: {traces: {receivers: [otlp]}}}`;

describe('diagnostics', () => {
  it.each([
    [
      '{grpc: {endpoint: "0.0.0.0:4317"}}',
      ['0.0.0.0:4317 is open to the network without TLS and authentication: whoever reaches it can send'],
    ],
    [
      '{http: {endpoint: ":4318"}}',
      [':4318 is open to the network without TLS and authentication: whoever reaches it can send'],
    ],
    ['{grpc: {endpoint: "127.0.0.2:4317"}, http: {endpoint: "[::1]:1"}}', []],
    ['{grpc: {endpoint: "/run/s", transport: unix}}', []],
    ['{grpc: {endpoint: "0.0.0.0:1", tls: {cert_file: a, key_file: b}}}', []],
    [
      '{http: {cors: {allowed_headers: [a]}}}',
      ['the CORS configuration specifies allowed headers but no allowed origins, and is therefore ignored'],
    ],
    ['{http: {dialer: {timeout: 1s}}}', ["'protocols.http.dialer' has no effect on a server"]],
  ])('%s', async (protocols, messages) => {
    const { diagnostics } = await loadOver(receiving(protocols));
    expect(diagnostics.map(({ message }) => message)).toEqual(messages);
    expect(diagnostics.every(({ position }) => position?.source === 'c.yaml')).toBe(true);
  });

  it.each([
    [
      'logs: {processors: [{batch: {}}]}',
      'service::telemetry::logs::processors has no effect: this version does not export its own logs',
    ],
    [
      'traces: {level: basic, processors: [{batch: {}}]}',
      'service::telemetry::traces::processors has no effect: this version does not trace itself',
    ],
    ['metrics: {level: detailed, views: [{}]}', 'service::telemetry::metrics::views has no effect in this version'],
    [
      'resource: {detection/development: {detectors: [{host: {}}]}}',
      'service::telemetry::resource::detection/development has no effect in this version',
    ],
  ])('%s', async (keys, message) => {
    const { diagnostics } = await loadOver(`service: {telemetry: {${keys}}}`);
    expect(diagnostics.map((diagnostic) => diagnostic.message)).toEqual([message]);
  });

  it('a duration without a unit is nanoseconds, as in the Collector, and is pointed out', async () => {
    const text = 'processors: {batch: {timeout: 200}}\nservice: {pipelines: {traces: {processors: [batch]}}}';
    const { diagnostics, native } = await loadOver(text);
    expect(diagnostics.map(({ message }) => message)).toEqual(["'timeout' has no unit: 200 is read as 200ns"]);
    expect(native.processors[0]?.config).toMatchObject({ timeout: 200 });
  });
});

describe('errors', () => {
  it('carry their issues for programs', async () => {
    const error = await failureOf(load('receivers:\n  otlp: {protocols: {htttp: , grcp: }}\n'));
    expect(isCollectorError(error, 'CONFIG_UNDECODABLE')).toBe(true);
    const { issues } = error.details as ConfigErrorDetails;
    expect(issues).toEqual([
      {
        stage: 'decode',
        path: ['receivers', 'otlp', 'protocols', 'grcp'],
        text: "'protocols' has invalid keys: grcp, htttp",
        position: { source: 'c.yaml', line: 2, column: 31 },
        expected: 'one of grpc, http',
        suggestion: 'grpc',
        related: [{ position: { source: 'c.yaml', line: 2, column: 22 }, suggestion: 'http' }],
        component: { section: 'receivers', id: 'otlp' },
      },
    ]);
  });

  it('never show what a secret field holds, even when it does not fit', async () => {
    const texts = [
      'headers: {a: [hunter2]}',
      'headers: [{name: a, value: {b: hunter2}}]',
      'headers: [hunter2]',
      'headers: hunter2',
      'tls: {key_pem: [hunter2], ca_pem: {hunter2: hunter2}}',
      'tls: {key_pem: hunter2}',
      'timeout: "${TOKEN}"',
    ];
    for (const text of texts) {
      const over = `exporters: {otlp_grpc: {endpoint: "h:1", ${text}}}`;
      const error = await failureOf(loadOver(over, {}, { variables: { TOKEN: 'hunter2' } }));
      expect(error.message).not.toContain('hunter2');
    }
  });

  it('name the object when the configuration was written in code', async () => {
    const object = { receivers: { nop: { a: 1, b: 2 } } } as object;
    const message = await problems(loadConfig({ object, environment: world() }));
    expect(message.split('\n').at(-1)).toBe("'' has invalid keys: a, b (configuration object; expected no keys)");
  });

  it('stay readable when there are very many', async () => {
    const lines = Array.from({ length: 1000 }, (_, index) => `  batch/${index}: {timeout: -1s}`);
    const message = await problems(loadOver(`processors:\n${lines.join('\n')}\n`));
    expect(message.split('\n')).toHaveLength(201);
    expect(message).toMatch(/\nand 800 more$/);
  });

  it('stop at keys split too deep', async () => {
    const message = await problems(loadOver(`? "x${'::y'.repeat(5000)}"\n: 1\n`));
    expect(message).toBe('a key has more than 100 parts (c.yaml:1:3)');
  });

  it('come with a large configuration too', async () => {
    const lines = Array.from({ length: 5000 }, (_, index) => `  batch/${index}: {timeout: 1s}`);
    const { config } = await loadOver(`processors:\n${lines.join('\n')}\n`);
    expect([...config.processors.keys()].filter((id) => id.startsWith('batch/'))).toHaveLength(5000);
  });
});
