// "An existing configuration just works": the configuration's half of the compatibility checklist, by its numbers.
import { DEFAULT_CONFIG, loadConfig, printConfig, listComponents } from '../../../src/config/index.js';
import type { Diagnostic, LoadedConfig } from '../../../src/config/index.js';
import { BASE, failureOf, load, loadOver, nativeOf, problems, world } from './harness.js';

const messages = (diagnostics: readonly Diagnostic[]): string[] => diagnostics.map(({ message }) => message);

const WITH_BATCH = `
receivers: {nop: }
processors: {batch: {timeout: 1s, send_batch_size: 10, metadata_keys: [a, b]}}
exporters: {nop: }
service: {pipelines: {traces: {receivers: [nop], processors: [batch], exporters: [nop]}}}
`;

const batchOf = (loaded: LoadedConfig): Record<string, unknown> => nativeOf(loaded, 'processors', 'batch');

const tlsOf = async (keys: string): Promise<unknown> => {
  const text = `exporters: {otlp_grpc: {${keys}}}\nservice: {pipelines: {traces: {exporters: [otlp_grpc]}}}`;
  const native = nativeOf(await loadOver(text), 'exporters', 'otlp_grpc');
  const { client } = native as { client: { tls: { insecure: boolean } } };
  return client.tls.insecure;
};

const queueOf = async (keys: string): Promise<unknown> => {
  const text = `exporters: {otlp_grpc: {endpoint: "h:1", ${keys}}}\nservice: {pipelines: {traces: {exporters: [otlp_grpc]}}}`;
  return nativeOf(await loadOver(text), 'exporters', 'otlp_grpc')['sending_queue'];
};

const breakerOf = async (keys: string, type = 'otlp_grpc'): Promise<unknown> => {
  const endpoint = type === 'otlp_grpc' ? 'h:1' : 'http://h:1';
  const text = `exporters: {${type}: {endpoint: "${endpoint}", ${keys}}}\nservice: {pipelines: {traces: {exporters: [${type}]}}}`;
  return nativeOf(await loadOver(text), 'exporters', type)['circuit_breaker'];
};

const limiterOf = async (keys: string): Promise<unknown> => {
  const text = `processors: {memory_limiter: {check_interval: 1s, ${keys}}}\nservice: {pipelines: {traces: {processors: [memory_limiter]}}}`;
  return nativeOf(
    await loadOver(text, {}, { memory: { bytes: 1000, from: 'cgroup' } }),
    'processors',
    'memory_limiter',
  );
};

const receiving = (protocols: string): string => `
receivers: {otlp: {protocols: ${protocols}}}
service: {pipelines: {traces: {receivers: [otlp]}}}
`;

describe('checklist', () => {
  it('1: two sources merge maps and replace lists, the second wins', async () => {
    const environment = world({
      files: { a: WITH_BATCH, b: 'processors: {batch: {timeout: 3s, metadata_keys: [c]}}' },
    });
    const loaded = await loadConfig({ sources: ['a', 'b'], environment });
    expect(batchOf(loaded)).toEqual({
      timeout: 3e9,
      send_batch_size: 10,
      send_batch_max_size: 0,
      metadata_keys: ['c'],
      metadata_cardinality_limit: 1000,
    });
  });

  it.each([
    ['a plain path', 'dir/c.yaml'],
    ['file:', 'file:dir/c.yaml'],
    ['env:', 'env:CONFIG'],
    ['yaml:', `yaml:${WITH_BATCH}`],
    ['http:', 'http://host/c.yaml'],
    ['https:', 'https://host/c.yaml?token=x'],
  ])('1: %s loads', async (_name, source) => {
    const environment = world({
      files: { 'dir/c.yaml': WITH_BATCH },
      variables: { CONFIG: WITH_BATCH },
      pages: { 'http://host/c.yaml': WITH_BATCH, 'https://host/c.yaml?token=x': WITH_BATCH },
    });
    await expect(loadConfig({ sources: [source], environment })).resolves.toBeDefined();
  });

  it('1: a drive letter is a path', async () => {
    const environment = world({ files: { 'C:\\c.yaml': WITH_BATCH } });
    await expect(loadConfig({ sources: ['C:\\c.yaml'], environment })).resolves.toBeDefined();
  });

  it('1: an explicit null replaces, an empty source changes nothing', async () => {
    const environment = world({ files: { a: WITH_BATCH, b: 'processors: {batch: }', c: '' } });
    const loaded = await loadConfig({ sources: ['a', 'b', 'c'], environment });
    expect(batchOf(loaded)).toMatchObject({ timeout: 2e8, send_batch_size: 8192, metadata_keys: [] });
  });

  it('2: --set overrides every file, and is YAML', async () => {
    const environment = world({ files: { a: WITH_BATCH, b: 'processors: {batch: {timeout: 3s}}' } });
    const sets = [
      'processors.batch.timeout=2s',
      'processors.batch.metadata_keys=[x, y]',
      'processors.batch.send_batch_size=5',
    ];
    const loaded = await loadConfig({ sources: ['a', 'b'], sets, environment });
    expect(batchOf(loaded)).toMatchObject({ timeout: 2e9, metadata_keys: ['x', 'y'], send_batch_size: 5 });
  });

  it('2: a yaml: source with :: keys does the same', async () => {
    const environment = world({ files: { a: WITH_BATCH } });
    const loaded = await loadConfig({ sources: ['a', 'yaml:processors::batch::timeout: 2s'], environment });
    expect(batchOf(loaded)).toMatchObject({ timeout: 2e9, send_batch_size: 10 });
  });

  it('3: numbers in text fields keep their text, elsewhere they are numbers', async () => {
    const text = `
exporters:
  otlp_http: {endpoint: "http://h:1", headers: {a: "\${OCT}", b: "\${BIG}", c: "x\${OCT}", d: "\${LIST}"}, max_idle_conns: "\${NUM}"}
service: {pipelines: {traces: {exporters: [otlp_http]}}}
`;
    const loaded = await loadOver(text, {}, { variables: { OCT: '0123', BIG: '1e3', NUM: '0x10', LIST: '[1,  2]' } });
    expect(nativeOf(loaded, 'exporters', 'otlp_http')).toMatchObject({
      client: {
        headers: [
          ['a', '0123'],
          ['b', '1e3'],
          ['c', 'x0123'],
          ['d', '[1,  2]'],
        ],
        max_idle_conns: 16,
      },
    });
  });

  it('3: a variable may bring a whole block; an unset one is empty text', async () => {
    const text = `
exporters:
  otlp_http: {endpoint: "http://h:1", tls: "\${TLS}", proxy_url: "\${UNSET}"}
service: {pipelines: {traces: {exporters: [otlp_http]}}}
`;
    const loaded = await loadOver(text, {}, { variables: { TLS: '{insecure_skip_verify: true}' } });
    expect(nativeOf(loaded, 'exporters', 'otlp_http')).toMatchObject({
      client: { proxy_url: null, tls: { insecure_skip_verify: true } },
    });
    expect(messages(loaded.diagnostics)).toContain('Configuration references unset environment variable');
  });

  it('4: unknown keys at any depth are told together, each with section, key, place and advice', async () => {
    const text = `receivers:
  otlp:
    protocols:
      grpc:
        endpont: x
      htttp:
exporters:
  nop:
  debug:
    verbosity: basic
    sending_queue: {batch: {min_sise: 1}}
service:
  telemetry:
    unknown: 1
  pipelines: {traces: {receivers: [otlp], exporters: [nop], processor: []}}
`;
    const error = await failureOf(load(text));
    expect(error.code).toBe('CONFIG_UNDECODABLE');
    expect(error.message)
      .toBe(`failed to get config: cannot unmarshal the configuration: decoding failed due to the following error(s):

'receivers' error reading configuration for "otlp": decoding failed due to the following error(s):

'protocols' has invalid keys: htttp (c.yaml:6:7; did you mean "http"?)
'protocols.grpc' has invalid keys: endpont (c.yaml:5:9; did you mean "endpoint"?)
'exporters' error reading configuration for "debug": decoding failed due to the following error(s):

'sending_queue.batch' has invalid keys: min_sise (c.yaml:11:29; did you mean "min_size"?)
'service.telemetry' has invalid keys: unknown (c.yaml:14:5; expected one of logs, metrics, traces, resource)
'service.pipelines[traces]' has invalid keys: processor (c.yaml:15:61; did you mean "processors"?)`);
  });

  it('5: an unknown component type names the type, the id and the valid values', async () => {
    await expect(problems(load('exporters: {otlpp/1: }\n'))).resolves.toContain(
      `'exporters' unknown type: "otlpp" for id: "otlpp/1" (valid values: [debug file load_balancing nop otlp_grpc otlp_http ts]) (c.yaml:1:13; did you mean "otlp"?)`,
    );
  });

  it('6: references, empty lists, duplicates are told with the path of the pipeline', async () => {
    const text = `receivers: {nop: }
processors: {batch: }
exporters: {nop: }
service:
  pipelines:
    traces: {receivers: [nope], processors: [batch, batch, bach], exporters: [nop]}
    logs/x: {receivers: [], exporters: [missing]}
`;
    await expect(problems(load(text, { purpose: 'validate' }))).resolves.toBe(
      [
        'service::pipelines::traces: references processor "batch" multiple times (c.yaml:6:53)',
        'service::pipelines::traces: references receiver "nope" which is not configured (c.yaml:6:26; did you mean "nop"?)',
        'service::pipelines::traces: references processor "bach" which is not configured (c.yaml:6:60; did you mean "batch"?)',
        'service::pipelines::logs/x: must have at least one receiver (c.yaml:7:14)',
        'service::pipelines::logs/x: references exporter "missing" which is not configured (c.yaml:7:41)',
      ].join('\n'),
    );
  });

  it('6: connector misuse and cycles are told', async () => {
    const misuse = `
connectors: {forward/a: , forward/b: , forward/c: }
service: {pipelines: {traces: {exporters: [forward/a]}, metrics/x: {receivers: [forward/a, forward/b], exporters: [nop]}}}
`;
    await expect(problems(loadOver(misuse, { purpose: 'validate' }))).resolves.toBe(
      [
        'failed to build pipelines: connector "forward/a" used as exporter in [traces] pipeline but not used in any supported receiver pipeline (c.yaml:2:14)',
        'connector "forward/a" used as receiver in [metrics/x] pipeline but not used in any supported exporter pipeline (c.yaml:2:14)',
        'connector "forward/b" used as receiver in [metrics/x] pipeline but not used in any supported exporter pipeline (c.yaml:2:27)',
      ].join('\n'),
    );
    const cycle = `
processors: {batch: }
connectors: {forward/a: , forward/b: }
service:
  pipelines:
    traces: {exporters: [forward/a]}
    traces/1: {receivers: [forward/a, forward/b], processors: [batch], exporters: [forward/b]}
`;
    await expect(problems(loadOver(cycle, { purpose: 'validate' }))).resolves.toBe(
      'failed to build pipelines: cycle detected: connector "forward/b" (traces to traces) -> ' +
        'processor "batch" in pipeline "traces/1" -> connector "forward/b" (traces to traces) (c.yaml:5:3)',
    );
  });

  it('6: a good chain of connectors is fine', async () => {
    const text = `
connectors: {forward: }
service: {pipelines: {traces: {exporters: [forward]}, traces/2: {receivers: [forward], exporters: [nop]}, traces/3: {receivers: [forward], exporters: [nop]}}}
`;
    const loaded = await loadOver(text);
    expect(loaded.native.connectors).toEqual([{ id: 'forward', type: 'forward', config: {} }]);
  });

  it('7: unused components are checked, not created, not complained about', async () => {
    const unused = 'exporters: {otlp/unused: {endpoint: "h:1"}, debug/unused: }';
    const loaded = await loadOver(unused);
    expect(loaded.native.exporters.map(({ id }) => id)).toEqual(['nop']);
    expect(loaded.diagnostics).toEqual([]);
    expect([...loaded.config.exporters.keys()]).toEqual(['nop', 'otlp/unused', 'debug/unused']);
    await expect(problems(loadOver('processors: {batch/unused: {timeout: -1s}}'))).resolves.toBe(
      'invalid configuration: processors::batch/unused: timeout must be greater or equal to 0 (c.yaml:1:29)',
    );
  });

  it('8: null protocols listen on localhost, a missing one stays closed', async () => {
    const both = nativeOf(await loadOver(receiving('{grpc: , http: }')), 'receivers', 'otlp');
    expect(both).toMatchObject({
      protocols: { grpc: { endpoint: 'localhost:4317' }, http: { server: { endpoint: 'localhost:4318' } } },
    });
    const one = nativeOf(await loadOver(receiving('{http: {endpoint: "0.0.0.0:1"}}')), 'receivers', 'otlp');
    expect(one).toMatchObject({ protocols: { grpc: null, http: { server: { endpoint: '0.0.0.0:1' } } } });
    const off = nativeOf(
      await loadOver(receiving('{grpc: {enabled: false}, http: {enabled: true}}')),
      'receivers',
      'otlp',
    );
    expect(off).toMatchObject({ protocols: { grpc: null, http: { server: { endpoint: 'localhost:4318' } } } });
  });

  it('9: aliases work, warn once each, and keep the id as written', async () => {
    const text = `
exporters:
  otlp: {endpoint: "a:1"}
  otlp/2: {endpoint: "a:1"}
  otlp_grpc/x: {endpoint: "a:1"}
  otlphttp: {endpoint: "http://a:1"}
  otlp_http: {endpoint: "http://a:1"}
service:
  pipelines:
    traces: {exporters: [otlp, otlp/2, otlp_grpc/x, otlphttp, otlp_http]}
    logs: {receivers: [nop], exporters: [otlp]}
`;
    const loaded = await loadOver(text);
    expect(loaded.native.exporters.map(({ id, type }) => [id, type])).toEqual([
      ['otlp', 'otlp_grpc'],
      ['otlp/2', 'otlp_grpc'],
      ['otlp_grpc/x', 'otlp_grpc'],
      ['otlphttp', 'otlp_http'],
      ['otlp_http', 'otlp_http'],
    ]);
    expect(messages(loaded.diagnostics)).toEqual([
      '"otlp" alias is deprecated; use "otlp_grpc" instead',
      '"otlp" alias is deprecated; use "otlp_grpc" instead',
      '"otlphttp" alias is deprecated; use "otlp_http" instead',
    ]);
    expect(loaded.diagnostics[0]).toMatchObject({
      severity: 'warning',
      position: { source: 'c.yaml', line: 3, column: 3 },
      fields: { 'otelcol.component.id': 'otlp', 'otelcol.component.kind': 'exporter' },
    });
  });

  it('10: insecure is plaintext, http:// alone is not, https:// and a CA force TLS', async () => {
    await expect(tlsOf('endpoint: "h:1", tls: {insecure: true}')).resolves.toBe(true);
    await expect(tlsOf('endpoint: "http://h:1"')).resolves.toBe(false);
    await expect(tlsOf('endpoint: "http://h:1", tls: {insecure: true}')).resolves.toBe(true);
    await expect(tlsOf('endpoint: "https://h:1", tls: {insecure: true}')).resolves.toBe(false);
    await expect(tlsOf('endpoint: "h:1", tls: {insecure: true, ca_file: ca.pem}')).resolves.toBe(false);
  });

  it('11, 13: the queue: on by default, off by enabled: false, batch by {} or null, sizes by sizer', async () => {
    const queue = {
      num_consumers: 10,
      queue_size: 1000,
      sizer: 'requests',
      block_on_overflow: false,
      wait_for_result: false,
      order: 'fifo',
      queue_share: 0.5,
      priorities: null,
      batch: null,
      storage: null,
    };
    const batch = { flush_timeout: 2e8, sizer: 'items', min_size: 8192, max_size: 0, partition: { metadata_keys: [] } };
    await expect(queueOf('')).resolves.toEqual(queue);
    await expect(queueOf('sending_queue: ')).resolves.toEqual(queue);
    await expect(queueOf('sending_queue: {enabled: false}')).resolves.toBeNull();
    await expect(queueOf('sending_queue: {batch: {}}')).resolves.toEqual({ ...queue, batch });
    await expect(queueOf('sending_queue: {batch: }')).resolves.toEqual({ ...queue, batch });
    await expect(queueOf('sending_queue: {sizer: bytes, queue_size: 9999, batch: {max_size: 8192}}')).resolves.toEqual({
      ...queue,
      sizer: 'bytes',
      queue_size: 9999,
      batch: { ...batch, sizer: 'bytes', max_size: 8192 },
    });
    await expect(
      queueOf('sending_queue: {sizer: bytes, queue_size: 9999, batch: {sizer: items}}'),
    ).resolves.toMatchObject({
      batch: { sizer: 'items' },
    });
  });

  it('the circuit breaker: on by default, times by timeout and max_interval, off by enabled: false', async () => {
    const breaker = {
      mode: 'time',
      window: 30e9,
      buckets: 10,
      min_calls: 20,
      failure_rate: 0.5,
      slow_rate: 0.8,
      slow_after: 4e9,
      consecutive: 5,
      open: 5e9,
      max_open: 30e9,
      jitter: 0.2,
      half_open: { permits: 3, successes: 3, max_wait: 5e9 },
      override: 'none',
    };
    await expect(breakerOf('')).resolves.toEqual(breaker);
    await expect(breakerOf('circuit_breaker: ')).resolves.toEqual(breaker);
    await expect(breakerOf('circuit_breaker: {enabled: false}')).resolves.toBeNull();
    await expect(breakerOf('', 'otlp_http')).resolves.toEqual({
      ...breaker,
      slow_after: 24e9,
      half_open: { ...breaker.half_open, max_wait: 30e9 },
    });
    await expect(breakerOf('timeout: 0, retry_on_failure: {max_interval: 7s}')).resolves.toMatchObject({
      slow_after: 0,
      max_open: 7e9,
      half_open: { max_wait: 0 },
    });
    const written = 'slow_after: 1s, max_open: 1m, failure_rate: 0, half_open: {max_wait: 2s}, override: observe';
    await expect(breakerOf(`circuit_breaker: {${written}}`)).resolves.toMatchObject({
      slow_after: 1e9,
      max_open: 60e9,
      failure_rate: 2,
      half_open: { max_wait: 2e9 },
      override: 'observe',
    });
  });

  it('17: memory_limiter percentages become bytes of the memory there is', async () => {
    await expect(limiterOf('limit_percentage: 80, spike_limit_percentage: 25')).resolves.toEqual({
      limit_bytes: 800,
      spike_limit_bytes: 250,
    });
    await expect(limiterOf('limit_percentage: 50')).resolves.toMatchObject({
      limit_bytes: 500,
      spike_limit_bytes: 100,
    });
    await expect(limiterOf('limit_mib: 100, limit_percentage: 50')).resolves.toMatchObject({
      limit_bytes: 104_857_600,
      spike_limit_bytes: 20_971_520,
    });
  });

  it('19: level none closes the port, the default page is localhost:8888', async () => {
    const { config } = await loadOver('');
    expect(config.service.telemetry.metrics).toEqual({
      level: 'normal',
      readers: [
        {
          prometheus: {
            host: 'localhost',
            port: 8888,
            without_scope_info: true,
            without_units: true,
            without_type_suffix: true,
            with_resource_constant_labels: { included: [], excluded: [] },
          },
        },
      ],
    });
    const off = await loadOver('service: {telemetry: {metrics: {level: None}}}');
    expect(off.config.service.telemetry.metrics).toEqual({ level: 'none', readers: [] });
    expect(off.native.service.telemetry_level).toBe('none');
  });

  it('20: the log keys reach the resolved configuration', async () => {
    const text =
      'service: {telemetry: {logs: {level: DEBUG, encoding: json, sampling: {enabled: false}, initial_fields: {a: 1}}}}';
    const { config } = await loadOver(text);
    expect(config.service.telemetry.logs).toMatchObject({
      level: 'debug',
      encoding: 'json',
      sampling: null,
      initial_fields: { a: 1 },
    });
  });

  it('26: authenticators that are missing fail at start, not at validate', async () => {
    const text =
      'receivers: {otlp: {protocols: {grpc: {auth: {authenticator: oidc}}}}}\nservice: {pipelines: {traces: {receivers: [otlp]}}}';
    await expect(loadOver(text, { purpose: 'validate' })).resolves.toBeDefined();
    await expect(problems(loadOver(text))).resolves.toBe(
      'cannot start pipelines: failed to start "otlp" receiver: failed to resolve authenticator "oidc": authenticator not found (c.yaml:1:13)',
    );
  });

  it('27: the keys of the http protocol reach the native document', async () => {
    const text = `
receivers:
  otlp:
    protocols:
      http:
        cors: {allowed_origins: ["https://*.x"], allowed_headers: "a,b", max_age: 60}
        response_headers: {x: y}
        traces_url_path: t/in
        max_request_body_size: 0
        compression_algorithms: []
service: {pipelines: {traces: {receivers: [otlp]}}}
`;
    expect(nativeOf(await loadOver(text), 'receivers', 'otlp')).toMatchObject({
      protocols: {
        http: {
          server: {
            cors: { allowed_origins: ['https://*.x'], allowed_headers: ['a', 'b'], exposed_headers: [], max_age: 60 },
            response_headers: [['x', 'y']],
            max_request_body_size: 20_971_520,
            compression_algorithms: [],
          },
          traces_url_path: '/t/in',
        },
      },
    });
  });

  it('28: print-config hides secrets unless told otherwise', async () => {
    const text =
      'exporters: {otlp_http: {endpoint: "http://h:1", headers: {authorization: "Bearer ${TOKEN}"}, tls: {key_pem: KEY, cert_pem: CERT}}}';
    const { config } = await loadOver(text, {}, { variables: { TOKEN: 'hunter2' } });
    const redacted = printConfig(config);
    expect(redacted).toContain('authorization: "[REDACTED]"');
    expect(redacted).not.toMatch(/hunter2|KEY|CERT/);
    expect(printConfig(config, { mode: 'unredacted' })).toContain('authorization: Bearer hunter2');
    expect(JSON.parse(printConfig(config, { format: 'json' }))).toMatchObject({
      exporters: { otlp_http: { headers: { authorization: '[REDACTED]' }, timeout: '30s' } },
    });
  });

  it('29: components are listed by canonical name only', () => {
    const names = listComponents().map(({ section, name }) => `${section}/${name}`);
    expect(names).toContain('exporters/otlp_grpc');
    expect(names).not.toContain('exporters/otlp');
  });

  it('30: old telemetry forms still work, with a warning', async () => {
    const text = `
service:
  telemetry:
    resource: {service.name: mine, service.version: }
    metrics:
      readers:
        - periodic: {exporter: {otlp: {protocol: grpc, endpoint: "h:1", headers: {a: b}}}}
        - pull: {exporter: {prometheus: {host: 0.0.0.0, port: 9999, without_units: false}}}
`;
    const { config, diagnostics } = await loadOver(text);
    expect(config.service.telemetry.resource).toEqual({
      schema_url: null,
      attributes: [['service.name', 'mine']],
      removed: ['service.version'],
    });
    expect(config.service.telemetry.metrics.readers).toEqual([
      {
        prometheus: {
          host: '0.0.0.0',
          port: 9999,
          without_scope_info: true,
          without_units: false,
          without_type_suffix: true,
          with_resource_constant_labels: null,
        },
      },
    ]);
    expect(messages(diagnostics)).toEqual([
      'service::telemetry::metrics::readers::0 has no effect: this version serves its own metrics to Prometheus only, it does not push them',
      'service::telemetry::metrics::readers::0: headers as a map are the old v0.2.0 form; write a list of {name, value}',
      'service::telemetry::resource: inline attributes are the old form; write attributes: [{name, value}]',
    ]);
  });

  it('the embedded default loads without a word', async () => {
    const loaded = await loadConfig({ sources: [`yaml:${DEFAULT_CONFIG}`], environment: world() });
    expect(loaded.diagnostics).toEqual([]);
    expect(loaded.native.service.pipelines.map(({ id }) => id)).toEqual(['traces', 'metrics', 'logs']);
    expect(loaded.config.service.extensions.map(({ id, type }) => [id, type])).toEqual([
      ['health_check', 'health_check'],
    ]);
  });

  it('the base of these tests loads without a word', async () => {
    await expect(load(BASE)).resolves.toMatchObject({ diagnostics: [] });
  });
});
