// Printing: every default filled in, secrets hidden, and what is printed loads again to the same thing.
import * as fc from 'fast-check';

import { defineConfig, loadConfig, printConfig } from '../../../src/config/index.js';
import { COMPONENTS } from '../../../src/config/components/registry.js';
import { load, world } from './harness.js';

const EVERYTHING = `
receivers:
  nop:
  otlp:
    protocols:
      grpc: {tls: {cert_file: c, key_pem: KEY, client_ca_file: ca}, keepalive: {server_parameters: {time: 1m}}, max_recv_msg_size_mib: 8}
      http: {cors: {allowed_origins: ["*"]}, response_headers: {"1": "yes", b: "0123"}, include_metadata: true}
  otlp/grpc: {protocols: {grpc: }}
processors:
  batch: {timeout: 1m30.5s, metadata_keys: "a,b"}
  memory_limiter: {check_interval: 1s, limit_percentage: 75}
  attributes:
    include: {match_type: regexp, span_names: ["^a"], attributes: [{key: n, value: 1}, {key: m}], libraries: [{name: l, version: "1.0"}]}
    actions:
      - {key: a, action: INSERT, value: 9223372036854775807}
      - {key: b, action: upsert, value: "123"}
      - {key: c, action: update, value: 1.5}
      - {key: c2, action: update, value: 2.0}
      - {key: d, action: insert, value: false}
      - {key: e, action: insert, from_context: metadata.x}
      - {action: delete, pattern: "^x"}
      - {key: f, action: convert, converted_type: int}
  resource: {attributes: [{key: a, action: hash}]}
  filter: {log_conditions: [{context: log, conditions: ['body == "a"']}], traces: {span: ["true"]}}
  ts/unused: {module: ./a.ts, options: {list: [1, {b: "0123"}]}, on_error: pass}
exporters:
  nop:
  debug: {verbosity: Detailed, use_internal_logger: false, output_paths: [stderr], sending_queue: {batch: {sizer: bytes}}}
  file: {path: out.json, rotation: {max_days: 3}}
  ts/unused: {module: package, timeout: 3s, sending_queue: {enabled: false}}
  loadbalancing: {resolver: {dns: {hostname: h, port: "1"}}, protocol: {otlp: {tls: {insecure: true}}}, sending_queue: {storage: file_storage/q}}
  otlp: {endpoint: "h:1", sending_queue: {enabled: false}, keepalive: , headers: {authorization: SECRET}}
  otlp_http/x: {endpoint: "https://h", headers: [{name: x, value: SECRET}], sending_queue: {sizer: items, queue_size: 99999, batch: {}, storage: file_storage/q}}
connectors: {forward: , failover: {priority_levels: [[traces/3], [traces/4]]}}
extensions: {health_check: {response_body: {healthy: ok}}, file_storage/q: {directory: d, fsync: false, max_size: 99999999}}
service:
  extensions: [health_check, file_storage/q]
  threads: 3
  limits: {memory_mib: 100, max_attributes: 7}
  drain: {timeout: 0}
  telemetry:
    logs: {level: warn, sampling: {enabled: false}, initial_fields: {a: "true", b: [1, {c: 0123}]}}
    metrics: {level: detailed, views: [{selector: {}}]}
    resource: {attributes: [{name: service.name, value: mine}]}
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter, attributes, resource, filter, batch], exporters: [otlp, forward, failover]}
    traces/2: {receivers: [forward], exporters: [otlp_http/x, debug, file, loadbalancing]}
    traces/3: {receivers: [failover], exporters: [nop]}
    traces/4: {receivers: [failover], exporters: [debug]}
    logs/x: {receivers: [otlp/grpc, nop], exporters: [nop]}
`;

describe('print-config', () => {
  it('prints what loads again to the same native document', async () => {
    const first = await load(EVERYTHING);
    const again = await load(printConfig(first.config, { mode: 'unredacted' }));
    expect(again.config).toEqual(first.config);
    expect(again.native).toEqual(first.native);
  });

  it('prints JSON that loads again, big integers aside', async () => {
    const first = await load(EVERYTHING.replace('9223372036854775807', '7').replace('2.0}', '2.5}'));
    const again = await load(printConfig(first.config, { format: 'json', mode: 'unredacted' }));
    expect(again.native).toEqual(first.native);
  });

  it('hides every secret', async () => {
    const { config } = await load(EVERYTHING);
    for (const format of ['yaml', 'json'] as const) {
      expect(printConfig(config, { format })).not.toMatch(/SECRET|KEY/);
      expect(printConfig(config, { format })).toContain('[REDACTED]');
    }
  });

  it('uses every component there is, so that nothing goes untested', async () => {
    const { config } = await load(EVERYTHING);
    const printed = new Set(
      [config.receivers, config.processors, config.exporters, config.connectors, config.extensions].flatMap((section) =>
        Array.from(section.values(), ({ type }) => type),
      ),
    );
    expect(COMPONENTS.map(({ type }) => type).filter((type) => !printed.has(type))).toEqual([]);
  });

  it('keeps any text a text', () => {
    const lookalike = fc.constantFrom(
      'yes',
      'null',
      '~',
      '0x1',
      '0o7',
      '0b1',
      '1_000',
      '1e3',
      '.5',
      '-',
      ': ',
      '# a',
      '1:30',
      '2001-01-01',
      '<<',
      '=',
      '!x',
      '&a',
      '*a',
      '{',
      '[',
      '|',
      '%',
      '@',
      '`',
      '"',
      "'",
      'a: b',
      '\t',
      'é\n',
      ' x ',
    );
    const text = fc.oneof(
      lookalike,
      fc.string({ maxLength: 12 }).filter((value) => !value.includes('$')),
    );
    return fc.assert(
      fc.asyncProperty(
        fc.dictionary(
          text.filter((key) => key !== '<<'),
          text,
          { maxKeys: 4 },
        ),
        async (headers) => {
          const exporter = { otlp_http: { endpoint: 'http://h', headers } };
          const object = defineConfig({
            receivers: { nop: null },
            exporters: exporter,
            service: { pipelines: { traces: { receivers: ['nop'], exporters: ['otlp_http'] } } },
          });
          const first = await loadConfig({ object, environment: world() });
          const again = await load(printConfig(first.config, { mode: 'unredacted' }));
          expect(again.native).toEqual({ ...first.native, service: again.native.service });
        },
      ),
      { numRuns: 60 },
    );
  });
});
