import { Registry } from 'prom-client';

import { Collector, type CollectorOptions } from '../../../src/collector/index.js';
import type { LogEnvironment } from '../../../src/telemetry/log.js';
import { isCollectorError } from '../../../src/errors.js';
import { FakeAddon, listening, refusing } from '../binding/fake-binding.js';

const yaml = `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}}}}
exporters: {debug: {}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}
`;

interface Stand {
  addon: FakeAddon;
  collector: Collector;
  log: () => string;
  states: string[];
}

function make(options: CollectorOptions = { config: yaml }): Stand {
  const addon = new FakeAddon();
  let text = '';
  const stream = { write: (more: string) => (text += more) };
  const logEnvironment: LogEnvironment = { stdout: stream, stderr: stream, now: () => 0 };
  const collector = new Collector(options, { addon, logEnvironment });
  const states: string[] = [];
  collector.on('state', (state) => states.push(state));
  return { addon, collector, log: () => text, states };
}

function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('expected a rejection');
    },
    (error: unknown) => error,
  );
}

class Gate {
  open: () => void = () => undefined;
  readonly passed = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

describe('start', () => {
  it('goes through its states, sends one document and shows its listeners', async () => {
    const { addon, collector, log, states } = make();
    await collector.start();
    expect(collector.state).toBe('running');
    expect(JSON.parse(addon.documents[0] ?? '')).toMatchObject({ receivers: [{ id: 'otlp', type: 'otlp' }] });
    expect(collector.listening()).toEqual([{ component: 'otlp', protocol: 'grpc', address: '127.0.0.1:4317' }]);
    expect(log()).toContain('\tinfo\tStarting teleferric...\t');
    expect(log()).toContain('\tinfo\tStarting GRPC server\t');
    expect(log()).toContain('"otelcol.component.id": "otlp", "endpoint": "127.0.0.1:4317"');
    expect(log()).toContain('\tinfo\tEverything is ready. Begin running and processing data.\t');
    await collector.close();
    expect(states).toEqual(['starting', 'running', 'draining', 'closed']);
  });

  it('takes an object as configuration', async () => {
    const { addon, collector } = make({
      config: {
        receivers: { nop: null },
        exporters: { nop: null },
        service: {
          telemetry: { metrics: { level: 'none' } },
          pipelines: { logs: { receivers: ['nop'], exporters: ['nop'] } },
        },
      },
    });
    await collector.start();
    expect(addon.calls).toEqual(['start']);
    await collector.close();
  });

  it('refuses to start twice, or after the end', async () => {
    const { collector } = make();
    const first = collector.start();
    expect(isCollectorError(await rejection(collector.start()), 'INVALID_STATE')).toBe(true);
    await first;
    expect(isCollectorError(await rejection(collector.start()), 'INVALID_STATE')).toBe(true);
    await collector.close();
    expect(isCollectorError(await rejection(collector.start()), 'CLOSED')).toBe(true);
  });

  it('reports a wrong configuration before anything is opened', async () => {
    const { addon, collector } = make({ config: 'receivers: {' });
    expect(isCollectorError(await rejection(collector.start()), 'CONFIG_UNREADABLE')).toBe(true);
    expect(addon.collectors).toEqual([]);
    expect(collector.state).toBe('closed');
  });

  it('asks for a configuration', async () => {
    const { collector } = make({});
    expect(isCollectorError(await rejection(collector.start()), 'INVALID_ARGUMENT')).toBe(true);
  });

  it('tells a port in use from other refusals, and releases the core', async () => {
    const { addon, collector } = make();
    addon.answers.start = () =>
      Promise.resolve(
        refusing('START_FAILED', 'receivers::otlp: listen tcp 127.0.0.1:4317: bind: address already in use'),
      );
    const error = await rejection(collector.start());
    expect(isCollectorError(error, 'BIND_FAILED')).toBe(true);
    expect((error as Error).message).toBe('receivers::otlp: listen tcp 127.0.0.1:4317: bind: address already in use');
    expect(addon.calls).toEqual(['start', 'stop']);
    expect(collector.state).toBe('closed');
  });

  it('calls a document that the core does not understand a bug of ours', async () => {
    const { addon, collector } = make();
    addon.answers.start = () => Promise.resolve(refusing('INVALID_CONFIG', 'unknown field'));
    expect(isCollectorError(await rejection(collector.start()), 'NATIVE_REFUSED')).toBe(true);
  });

  it('wraps a failure of the addon itself', async () => {
    const { addon, collector } = make();
    addon.answers.start = () => Promise.reject(new Error('panicked'));
    expect(isCollectorError(await rejection(collector.start()), 'INTERNAL')).toBe(true);
    expect(collector.state).toBe('closed');
  });
});

describe('close', () => {
  it('is idempotent and never rejects', async () => {
    const { addon, collector } = make();
    await collector.start();
    addon.answers.drain = () => Promise.reject(new Error('gone'));
    addon.answers.stop = () => {
      throw new Error('gone too');
    };
    const first = collector.close();
    expect(collector.close()).toBe(first);
    await first;
    await collector.close();
    expect(collector.state).toBe('closed');
    expect(addon.calls.filter((call) => call.startsWith('drain'))).toHaveLength(1);
  });

  it('works before the start', async () => {
    const { addon, collector } = make();
    await collector.close();
    expect(collector.state).toBe('closed');
    expect(addon.calls).toEqual([]);
  });

  it('waits for a start under way, then drains it', async () => {
    const { addon, collector } = make();
    const started = new Gate();
    addon.answers.start = async () => {
      await started.passed;
      return listening('127.0.0.1:1');
    };
    const start = rejection(collector.start());
    const close = collector.close();
    started.open();
    expect(isCollectorError(await start, 'CLOSED')).toBe(true);
    await close;
    expect(addon.calls).toEqual(['start', 'drain 25000', 'stop']);
    expect(collector.listening()).toEqual([]);
  });

  it('drains by the configured time, or by the one given', async () => {
    const one = make();
    await one.collector.start();
    await one.collector.close({ deadlineMs: 1500 });
    expect(one.addon.calls).toContain('drain 1500');
    const two = make();
    await two.collector.start();
    await two.collector.close({ deadlineMs: null });
    expect(two.addon.calls).toContain('drain null');
  });

  it('is cut short by a later call without patience', async () => {
    const { addon, collector } = make();
    await collector.start();
    const stopped = new Gate();
    addon.answers.stop = () => stopped.open();
    addon.answers.drain = async () => {
      await stopped.passed;
      return '{"ok":true}';
    };
    const close = collector.close();
    void collector.close({ deadlineMs: 0 });
    await close;
    expect(collector.state).toBe('closed');
  });

  it('goes on for a while before it drains, unless it is cut short', async () => {
    const { addon, collector, log } = make({ config: yaml.replace('service:', 'service:\n  drain: {pre_stop: 1h}') });
    await collector.start();
    const close = collector.close();
    while (!log().includes('Starting shutdown...')) await Promise.resolve();
    expect([collector.state, addon.calls]).toEqual(['draining', ['start']]);
    void collector.close({ deadlineMs: 0 });
    await close;
    expect(addon.calls).toEqual(['start', 'stop', 'drain 25000', 'stop']);
    const hasty = make({ config: yaml.replace('service:', 'service:\n  drain: {pre_stop: 1h}') });
    await hasty.collector.start();
    await hasty.collector.close({ deadlineMs: 0 });
    expect(hasty.addon.calls).toContain('drain 0');
  });

  it('backs Symbol.asyncDispose', async () => {
    const { collector } = make();
    await collector.start();
    await collector[Symbol.asyncDispose]();
    expect(collector.state).toBe('closed');
  });
});

describe('reload', () => {
  it('sends the new document and keeps running', async () => {
    const { addon, collector } = make();
    await collector.start();
    addon.answers.reload = () => Promise.resolve(listening('127.0.0.1:9'));
    await collector.reload(yaml.replaceAll('debug', 'nop'));
    expect(collector.state).toBe('running');
    expect(JSON.parse(addon.documents[1] ?? '')).toMatchObject({ exporters: [{ type: 'nop' }] });
    expect(collector.listening()).toEqual([{ component: 'otlp', protocol: 'grpc', address: '127.0.0.1:9' }]);
    await collector.close();
  });

  it('leaves the old configuration running when the new one is wrong', async () => {
    const { addon, collector } = make();
    await collector.start();
    const error = await rejection(collector.reload('receivers: {otlp: {protocols: {gprc: {}}}}'));
    expect(isCollectorError(error, 'CONFIG_UNDECODABLE')).toBe(true);
    expect(addon.calls).toEqual(['start']);
    expect(collector.state).toBe('running');
    await collector.reload();
    expect(addon.documents[1]).toBe(addon.documents[0]);
    await collector.close();
  });

  it('leaves the old configuration running when the core refuses the new one', async () => {
    const { addon, collector } = make();
    await collector.start();
    addon.answers.reload = () => Promise.resolve(refusing('START_FAILED', 'exporters::x: no'));
    expect(isCollectorError(await rejection(collector.reload()), 'RELOAD_FAILED')).toBe(true);
    expect(collector.state).toBe('running');
    expect(collector.listening()).toHaveLength(1);
    await collector.close();
  });

  it('runs one after another and not after the end', async () => {
    const { addon, collector } = make();
    await collector.start();
    const order: string[] = [];
    addon.answers.reload = async () => {
      order.push('in');
      await Promise.resolve();
      order.push('out');
      return listening('127.0.0.1:4317');
    };
    await Promise.all([collector.reload(), collector.reload()]);
    expect(order).toEqual(['in', 'out', 'in', 'out']);
    await collector.close();
    expect(isCollectorError(await rejection(collector.reload()), 'CLOSED')).toBe(true);
  });
});

function paged(metricsPort: number, healthPath: string): string {
  return `
extensions: {health_check: {endpoint: "127.0.0.1:0", path: ${healthPath}}}
receivers: {nop: }
exporters: {nop: }
service:
  extensions: [health_check]
  telemetry:
    metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${metricsPort}}}}}]}
  pipelines: {traces: {receivers: [nop], exporters: [nop]}}
`;
}

function addressOf(collector: Collector, protocol: string): string {
  const found = collector.listening().find((listener) => listener.protocol === protocol);
  if (found === undefined) throw new Error(`no ${protocol} listener`);
  return found.address;
}

describe('own pages', () => {
  it('serves metrics and health, keeps their sockets over a reload, and closes them', async () => {
    const { addon, collector } = make({ config: paged(0, '/') });
    addon.answers.start = () => Promise.resolve('{"ok":true,"listeners":[]}');
    addon.answers.reload = addon.answers.start;
    await collector.start();
    const metrics = addressOf(collector, 'metrics');
    const health = addressOf(collector, 'health');
    const page = await fetch(`http://${metrics}/metrics`);
    await expect(page.text()).resolves.toContain('target_info{service_instance_id=');
    await expect(fetch(`http://${health}/`)).resolves.toMatchObject({ status: 200 });
    await collector.reload(paged(0, '/live'));
    expect(addressOf(collector, 'metrics')).toBe(metrics);
    await expect(fetch(`http://${health}/`)).resolves.toMatchObject({ status: 404 });
    await expect(fetch(`http://${health}/live`)).resolves.toMatchObject({ status: 200 });
    await collector.close();
    await expect(fetch(`http://${metrics}/metrics`)).rejects.toThrow();
    await expect(fetch(`http://${health}/live`)).rejects.toThrow();
  });

  it('answers 503 on the health page while it drains', async () => {
    const { addon, collector } = make({ config: paged(0, '/') });
    await collector.start();
    const health = addressOf(collector, 'health');
    let status = 0;
    addon.answers.drain = async () => {
      status = (await fetch(`http://${health}/`)).status;
      return '{"ok":true}';
    };
    await collector.close();
    expect(status).toBe(503);
  });

  it('does not start, nor leave the first page open, when a page has no port', async () => {
    const one = make({ config: paged(0, '/') });
    await one.collector.start();
    const port = Number(addressOf(one.collector, 'metrics').split(':')[1]);
    const two = make({ config: paged(port, '/') });
    const error = await rejection(two.collector.start());
    expect(isCollectorError(error, 'BIND_FAILED')).toBe(true);
    expect(two.addon.calls).toEqual(['stop']);
    await one.collector.close();
  });
});

describe('events', () => {
  it('writes log lines of the core, prints outputs and tells of lost events', async () => {
    const { addon, collector, log } = make();
    const warnings: unknown[] = [];
    collector.on('warning', (message, fields) => warnings.push([message, fields]));
    await collector.start();
    addon.lost = 3;
    addon.emit(
      {
        kind: 'log',
        level: 'warn',
        message: 'queue is nearly full',
        fields: { 'otelcol.component.id': 'x' },
        ts_ms: 1,
      },
      { kind: 'output', path: 'stdout', text: 'Span #0', fields: {} },
    );
    expect(log()).toContain('1970-01-01T00:00:00.001Z\twarn\tqueue is nearly full\t');
    expect(log()).toContain('\nSpan #0\n');
    expect(log()).toContain('"lost": 3');
    expect(warnings).toEqual([
      ['queue is nearly full', { 'otelcol.component.id': 'x' }],
      ['events of the core were lost', { lost: 3 }],
    ]);
    await collector.close();
  });

  it('emits the failure of a component, and survives without a listener for it', async () => {
    const { addon, collector, log } = make();
    await collector.start();
    addon.emit({ kind: 'fatal', component: 'otlp', message: 'listener died' });
    expect(log()).toContain('\terror\tcomponent failed\t');
    const errors: Error[] = [];
    collector.on('error', (error) => errors.push(error));
    addon.emit({ kind: 'fatal', component: 'otlp', message: 'listener died' });
    expect(errors.map(({ message }) => message)).toEqual(['otlp: listener died']);
    await collector.close();
  });

  it('passes by listeners that throw', async () => {
    const { collector, log } = make();
    collector.on('state', () => {
      throw new Error('host bug');
    });
    collector.on('log', () => {
      throw new Error('host bug');
    });
    await collector.start();
    await collector.close();
    expect(log()).toContain('event listener failed');
  });

  it('gives lines to the host logger instead of the streams', async () => {
    const lines: string[] = [];
    const note = (level: string) => (msg: string) => void lines.push(`${level} ${msg}`);
    const logger = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
    const { collector, log } = make({ config: yaml, logger });
    await collector.start();
    await collector.close();
    expect(lines).toContain('info Everything is ready. Begin running and processing data.');
    expect(log()).toBe('');
  });
});

describe('host metrics', () => {
  it('are in the registry of the host while the collector lives, also without a page', async () => {
    const registry = new Registry();
    const { collector } = make({ config: yaml, metrics: { registry, labels: { collector: 'edge' } } });
    await collector.start();
    await expect(registry.metrics()).resolves.toContain('otelcol_process_uptime{collector="edge"} ');
    await collector.reload();
    await expect(registry.metrics()).resolves.toContain('otelcol_process_uptime{collector="edge"} ');
    await collector.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });
});

describe('ingest', () => {
  it('gives the outcome as a value', async () => {
    const { addon, collector } = make();
    await collector.start();
    await expect(
      collector.ingest('logs', Buffer.from('{}'), { encoding: 'json', metadata: { tenant: ['a', 'b'], x: 'y' } }),
    ).resolves.toEqual({ outcome: 'accepted' });
    const head = {
      signal: 'logs',
      encoding: 'json',
      metadata: [
        ['tenant', 'a'],
        ['tenant', 'b'],
        ['x', 'y'],
      ],
    };
    expect(addon.calls).toContain(`ingest ${JSON.stringify({ ...head, compression: null, context: null })} 2`);
    await collector.close();
  });

  it.each([
    ['signal', ['spans', new Uint8Array(0), {}]],
    ['body', ['logs', 'text', {}]],
    ['body', ['logs', new Float64Array(1), {}]],
    ['encoding', ['logs', new Uint8Array(0), { encoding: 'yaml' }]],
    ['metadata.a', ['logs', new Uint8Array(0), { metadata: { a: 1 } }]],
    ['compression', ['logs', new Uint8Array(0), { compression: 1 }]],
    ['context.tenant', ['logs', new Uint8Array(0), { context: { tenant: '' } }]],
    ['context.priority', ['logs', new Uint8Array(0), { context: { priority: 4 } }]],
    ['did you mean "principal"?', ['logs', new Uint8Array(0), { context: { principle: 'a' } }]],
    ['did you mean "compression"?', ['logs', new Uint8Array(0), { compresion: 'gzip' }]],
    ['options of ingest must be an object', ['logs', new Uint8Array(0), null]],
  ])('names a wrong %s', async (argument, args) => {
    const { collector } = make();
    const error = await rejection(collector.ingest(...(args as unknown as Parameters<Collector['ingest']>)));
    expect(isCollectorError(error, 'INVALID_ARGUMENT')).toBe(true);
    expect((error as Error).message).toContain(argument);
  });

  it('needs a running collector', async () => {
    const { collector } = make();
    expect(isCollectorError(await rejection(collector.ingest('logs', new Uint8Array(0))), 'INVALID_STATE')).toBe(true);
    await collector.close();
    expect(isCollectorError(await rejection(collector.ingest('logs', new Uint8Array(0))), 'CLOSED')).toBe(true);
  });
});

function counter(name: string, offset: number, labels = {}): object {
  return { name, help: 'h', type: 'counter', labels, offset, bounds: [] };
}

describe('stats', () => {
  it('adds up the series per signal', async () => {
    const { addon, collector } = make();
    addon.answers.catalogue = () =>
      JSON.stringify({
        version: 1,
        series: [
          counter('otelcol_receiver_accepted_spans', 0, { transport: 'grpc' }),
          counter('otelcol_receiver_accepted_spans', 1, { transport: 'http' }),
          counter('otelcol_exporter_sent_log_records', 2),
        ],
      });
    addon.answers.snapshot = (into) => {
      into.set([5, 6, 7]);
      return 1;
    };
    addon.answers.status = () => '{"memory_used_bytes":1,"memory_limit_bytes":2}';
    expect(collector.stats().signals.traces.accepted).toBe(0);
    await collector.start();
    const stats = collector.stats();
    expect(stats.signals.traces.accepted).toBe(11);
    expect(stats.signals.logs.sent).toBe(7);
    expect(stats.memory).toEqual({ usedBytes: 1, limitBytes: 2 });
    await collector.close();
  });
});
