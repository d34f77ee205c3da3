// What a running collector says about itself and about what passes: metrics page, log, health, debug exporter.
import { spawnSync } from 'node:child_process';

import { checkExposition } from '../unit/telemetry/exposition.js';
import { EVERY_LOG_FIELD, EVERY_METRIC_FIELD, EVERY_SPAN_FIELD } from './every-field.js';
import { counts, parsePage, scrape, select, sum } from './metrics.js';
import { Backend, closeBackends, Gate, get, http, points, postSpans, records, spans } from './otlp.js';
import { endPrograms, Program, READY, start, TELEMETRY } from './program.js';
import { freePort } from './ports.js';
import { until } from './until.js';

afterEach(async () => {
  await endPrograms();
  await closeBackends();
});

interface Parts {
  readonly exporters?: Readonly<Record<string, object | null>>;
  readonly processors?: Readonly<Record<string, object | null>>;
  readonly telemetry?: object;
  readonly changes?: object;
}

/** All three signals from an HTTP receiver to the exporters. */
function config({ exporters = { nop: null }, processors = {}, telemetry = TELEMETRY, changes = {} }: Parts): object {
  const pipeline = { receivers: ['otlp'], processors: Object.keys(processors), exporters: Object.keys(exporters) };
  return {
    receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } },
    processors,
    exporters,
    service: { telemetry, pipelines: { traces: pipeline, metrics: pipeline, logs: pipeline }, ...changes },
  };
}

/** Posts one request of each signal. */
async function postAll(
  program: Program,
  bodies: Readonly<Record<'traces' | 'metrics' | 'logs', object>>,
): Promise<void> {
  const address = await program.address('HTTP');
  for (const [signal, body] of Object.entries(bodies)) {
    const headers = { 'content-type': 'application/json' };
    const { status } = await http(`http://${address}/v1/${signal}`, { body: JSON.stringify(body), headers });
    expect(status).toBe(200);
  }
}

const page = async (program: Program): Promise<string> =>
  (await get(await program.address('metrics'), '/metrics')).body;

/** `service.telemetry` with another metrics level. */
const atLevel = (level: string): object => ({ ...TELEMETRY, metrics: { ...TELEMETRY.metrics, level } });

describe('checklist 19: the metrics page', () => {
  it('has queue gauges from the start and counters from the first use, named as the Collector has them', async () => {
    const backend = await Backend.listen();
    const exporter = { endpoint: backend.url, encoding: 'json' };
    const program = await start(
      config({ exporters: { 'otlp_http/out': exporter }, processors: { batch: { timeout: '10ms' } } }),
    );
    const before = await scrape(program);
    expect(sum(before, 'target_info')).toBe(1);
    expect(select(before, 'target_info')[0]?.labels).toMatchObject({ service_name: 'teleferric' });
    for (const data_type of ['traces', 'metrics', 'logs']) {
      const labels = { exporter: 'otlp_http/out', data_type };
      expect(sum(before, 'otelcol_exporter_queue_capacity', labels)).toBe(1000);
      expect(sum(before, 'otelcol_exporter_queue_size', labels)).toBe(0);
    }
    expect(before.filter(({ name }) => /_(accepted|refused|sent|failed)_/.test(name))).toEqual([]);

    await postAll(program, { traces: spans(3), metrics: points(4), logs: records(5) });
    const items = { spans: 3, metric_points: 4, log_records: 5 };
    for (const [unit, count] of Object.entries(items)) {
      await counts(program, `otelcol_exporter_sent_${unit}`, { exporter: 'otlp_http/out' }, count);
    }
    const after = await scrape(program);
    const [, port] = /:(\d+)$/.exec(backend.url) ?? [];
    for (const [unit, count] of Object.entries(items)) {
      const [accepted] = select(after, `otelcol_receiver_accepted_${unit}`);
      expect(accepted).toEqual({
        name: `otelcol_receiver_accepted_${unit}`,
        labels: { receiver: 'otlp', transport: 'http' },
        value: count,
      });
      expect(sum(after, `otelcol_receiver_refused_${unit}`)).toBe(0);
      expect(sum(after, `otelcol_receiver_failed_${unit}`)).toBe(0);
      expect(select(after, `otelcol_exporter_sent_${unit}`)[0]?.labels).toMatchObject({
        exporter: 'otlp_http/out',
        server_address: '127.0.0.1',
        server_port: port,
      });
    }
    expect(sum(after, 'otelcol_processor_batch_timeout_trigger_send', { processor: 'batch' })).toBe(3);
    for (const name of [
      'uptime',
      'cpu_seconds',
      'memory_rss',
      'runtime_heap_alloc_bytes',
      'runtime_total_sys_memory_bytes',
    ]) {
      expect(sum(after, `otelcol_process_${name}`)).toBeGreaterThan(0);
    }
    const ours = new Set(after.map(({ name }) => name).filter((name) => name.startsWith('otelcol_')));
    expect([...ours].filter((name) => name.endsWith('_total'))).toEqual([]);
    expect(after.filter(({ labels }) => 'service_name' in labels).map(({ name }) => name)).toEqual(['target_info']);
  });

  it('is in the text format, with help that ends in a stability', async () => {
    const program = await start(config({}));
    await postAll(program, { traces: spans(3), metrics: points(4), logs: records(5) });
    const text = await page(program);
    expect(() => checkExposition(text)).not.toThrow();
    const { headers } = await get(await program.address('metrics'), '/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toContain('# TYPE otelcol_receiver_accepted_spans counter\n');
    const helps = text.split('\n').filter((line) => line.startsWith('# HELP otelcol_'));
    expect(helps.filter((line) => !/ \[\w+\]$/.test(line))).toEqual([]);
  });

  const promtool = spawnSync('promtool', ['--version']).status === 0;
  (promtool ? it : it.skip)('pleases promtool, but for the suffixes that the Collector leaves out', async () => {
    const backend = await Backend.listen(() => ({ status: 400 }));
    const exporter = { endpoint: backend.url, encoding: 'json', sending_queue: { batch: { flush_timeout: '10ms' } } };
    const processors = { batch: { timeout: '10ms' } };
    const program = await start(
      config({ exporters: { otlp_http: exporter }, processors, telemetry: atLevel('detailed') }),
    );
    await postAll(program, { traces: spans(3), metrics: points(4), logs: records(5) });
    await counts(program, 'otelcol_exporter_send_failed_log_records', {}, 5);
    const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: await page(program),
      encoding: 'utf8',
    });
    const found = `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter((line) => !line.includes('"_total" suffix'))).toEqual([]);
  });

  it('has what the level says', async () => {
    const backend = await Backend.listen(() => ({ status: 400 }));
    const exporters = { otlp_http: { endpoint: backend.url, encoding: 'json', sending_queue: { enabled: false } } };
    const seen: Record<string, { batch: boolean; bytes: boolean }> = {};
    for (const level of ['basic', 'normal', 'detailed']) {
      const processors = { batch: { timeout: '10ms' } };
      const program = await start(config({ exporters, processors, telemetry: atLevel(level) }));
      await postSpans(await program.address('HTTP'), spans(3));
      await counts(program, 'otelcol_exporter_send_failed_spans', {}, 3);
      const all = await scrape(program);
      seen[level] = {
        batch: sum(all, 'otelcol_processor_batch_timeout_trigger_send') !== null,
        bytes: sum(all, 'otelcol_processor_batch_batch_send_size_bytes_count') !== null,
      };
      await program.kill();
    }
    expect(seen).toEqual({
      basic: { batch: false, bytes: false },
      normal: { batch: true, bytes: false },
      detailed: { batch: true, bytes: true },
    });
  });

  it('is closed with level none', async () => {
    const port = await freePort();
    const readers = [{ pull: { exporter: { prometheus: { host: '127.0.0.1', port } } } }];
    const open = await start(config({ telemetry: { ...TELEMETRY, metrics: { level: 'normal', readers } } }));
    expect((await get(`127.0.0.1:${port}`, '/metrics')).status).toBe(200);
    await open.stop();
    const program = await start(config({ telemetry: { ...TELEMETRY, metrics: { level: 'none', readers } } }));
    await expect(get(`127.0.0.1:${port}`, '/metrics')).rejects.toThrow('ECONNREFUSED');
    expect(program.logs('Starting metrics server')).toEqual([]);
  });

  it('has the suffixes and scopes that a reader asks for', async () => {
    const prometheus = {
      host: '127.0.0.1',
      port: 0,
      without_type_suffix: false,
      without_units: false,
      without_scope_info: false,
    };
    const readers = [{ pull: { exporter: { prometheus } } }];
    const program = await start(config({ telemetry: { ...TELEMETRY, metrics: { readers } } }));
    await postSpans(await program.address('HTTP'), spans(3));
    const text = await page(program);
    const all = parsePage(text);
    expect(sum(all, 'otelcol_receiver_accepted_spans_total', { receiver: 'otlp' })).toBe(3);
    expect(sum(all, 'otelcol_process_uptime_seconds_total')).toBeGreaterThan(0);
    expect(select(all, 'otelcol_receiver_accepted_spans_total')[0]?.labels).toHaveProperty('otel_scope_name');
    expect(() => checkExposition(text)).not.toThrow();
  });
});

describe('checklist 20: the log', () => {
  it('is one JSON object per line on stderr', async () => {
    const exporters = { debug: { verbosity: 'detailed' } };
    const program = await start(config({ exporters }));
    await postAll(program, { traces: EVERY_SPAN_FIELD, metrics: EVERY_METRIC_FIELD, logs: EVERY_LOG_FIELD });
    await program.stop();
    expect(program.stdout).toBe('');
    const lines = program.stderr.split('\n').slice(0, -1);
    expect(lines.length).toBeGreaterThan(8);
    for (const line of lines) {
      const entry = JSON.parse(line) as Record<string, unknown>;
      expect(Object.keys(entry).slice(0, 3)).toEqual(['level', 'ts', 'msg']);
      expect(entry.level).toMatch(/^(debug|info|warn|error)$/);
      expect(entry.ts).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}/);
      expect(typeof entry.msg).toBe('string');
    }
    expect(lines.some((line) => line.includes('it broke'))).toBe(true);
  });

  it('is in columns otherwise, from the level upwards', async () => {
    const logs = { level: 'info', sampling: { enabled: false } };
    const program = await start(config({ telemetry: { ...TELEMETRY, logs } }));
    expect(program.stderr).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z\tinfo\tStarting teleferric\.\.\.\t\{/);
    await program.stop();

    const port = await freePort();
    const changes = { extensions: [] };
    const quiet = new Program([
      `--config=yaml:${JSON.stringify({
        ...config({ telemetry: { ...TELEMETRY, logs: { level: 'warn' } }, changes }),
        receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
      })}`,
    ]);
    await until(
      () =>
        get(`127.0.0.1:${port}`).then(
          () => true,
          () => false,
        ),
      'the receiver',
    );
    await expect(quiet.stop()).resolves.toEqual({ code: 0, signal: null });
    expect(quiet.stderr).not.toContain(READY);
  });

  it('goes where output_paths say', async () => {
    const program = new Program([
      `--config=yaml:${JSON.stringify(config({ telemetry: { ...TELEMETRY, logs: { encoding: 'json', output_paths: ['stdout'] } } }))}`,
    ]);
    await program.says(READY);
    expect(program.stdout).toContain(READY);
    expect(program.stderr).toBe('');
  });
});

describe('checklist 21: health', () => {
  it('is 200 while pipelines run, 503 during the shutdown, closed after it', async () => {
    const gate = new Gate();
    const backend = await Backend.listen(() => gate.passed.then(() => ({ status: 200 })));
    const base = config({
      exporters: { otlp_http: { endpoint: backend.url, encoding: 'json' } },
      changes: { extensions: ['health_check'] },
    });
    const program = await start({ ...base, extensions: { health_check: { endpoint: '127.0.0.1:0' } } });
    const address = await program.address('health', 'health_check');
    const healthy = await get(address);
    expect(healthy.status).toBe(200);
    expect(JSON.parse(healthy.body)).toMatchObject({ status: 'Server available' });
    expect(healthy.headers['content-type']).toBe('application/json');

    await postSpans(await program.address('HTTP'));
    await backend.received(1);
    program.signal('SIGTERM');
    await program.logged('Starting shutdown...');
    const ending = await get(address);
    expect(ending.status).toBe(503);
    expect(JSON.parse(ending.body)).toEqual({
      status: 'Server not available',
      upSince: '0001-01-01T00:00:00Z',
      uptime: '',
    });
    gate.open();
    await expect(program.exited).resolves.toEqual({ code: 0, signal: null });
    await expect(get(address)).rejects.toThrow('ECONNREFUSED');
  });

  it('has the path and the answers of its configuration', async () => {
    const base = config({ changes: { extensions: ['health_check/own'] } });
    const settings = {
      endpoint: '127.0.0.1:0',
      path: '/healthz',
      response_body: { healthy: 'fine', unhealthy: 'poor' },
    };
    const program = await start({ ...base, extensions: { 'health_check/own': settings } });
    const address = await program.address('health', 'health_check/own');
    await expect(get(address, '/healthz')).resolves.toMatchObject({ status: 200, body: 'fine' });
    expect((await get(address, '/')).status).toBe(404);
  });
});

describe('checklist 22: debug with verbosity detailed', () => {
  it('prints every field of every record', async () => {
    const debug = { verbosity: 'detailed', use_internal_logger: false };
    const program = await start(config({ exporters: { debug } }));
    await postAll(program, { traces: EVERY_SPAN_FIELD, metrics: EVERY_METRIC_FIELD, logs: EVERY_LOG_FIELD });
    program.signal('SIGTERM');
    await program.exited;
    const parts = program.stdout.split(/^(?=Traces\t|Logs\t|Metrics\t)/m);
    const shown = (word: string): string => parts.find((part) => part.startsWith(word)) ?? '';
    expect(missing(EVERY_SPAN_FIELD, shown('Traces'))).toEqual([]);
    expect(missing(EVERY_METRIC_FIELD, shown('Metrics'))).toEqual([]);
    expect(missing(EVERY_LOG_FIELD, shown('Logs'))).toEqual([]);
    expect(shown('Traces').split('\n')[0]).toBe('Traces\t{"resource spans": 1, "spans": 1}');
    expect(missing({ name: 'never sent' }, program.stdout)).toEqual(['name: never sent']);
  });
});

/** Leaves of a request that the text does not show. */
function missing(request: object, shown: string, key = ''): readonly string[] {
  return Object.entries(request).flatMap(([name, value]: [string, unknown]) => {
    const field = Array.isArray(request) ? key : name;
    if (typeof value === 'object' && value !== null) return missing(value, shown, field);
    const expected = shownAs(field, value);
    return new RegExp(`(?<![\\w.-])${expected.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w])`).test(shown)
      ? []
      : [`${field}: ${expected}`];
  });
}

/** How the exporter writes a field's value. */
function shownAs(field: string, value: unknown): string {
  const words = WORDS[field]?.[String(value)];
  if (words !== undefined) return words;
  if (!field.endsWith('UnixNano')) return String(value);
  const nanos = BigInt(String(value));
  const seconds = new Date(Number(nanos / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(nanos % 1_000_000_000n).padStart(9, '0')}Z`;
}

const WORDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  kind: { 3: 'Kind           : Client' },
  code: { 2: 'Status code    : Error' },
  aggregationTemporality: { 1: 'AggregationTemporality: Delta', 2: 'AggregationTemporality: Cumulative' },
  isMonotonic: { true: 'IsMonotonic: true' },
};
