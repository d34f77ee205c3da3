import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { temporaryFolder } from '../../support/folder.js';
import { isCollectorError } from '../../../src/errors.js';
import { bounded, Log, type LogConfig } from '../../../src/telemetry/log.js';

const base: LogConfig = {
  level: 'info',
  encoding: 'console',
  sampling: null,
  outputPaths: ['stderr'],
  errorOutputPaths: ['stderr'],
  initialFields: {},
  resource: null,
};

function capture(config: Partial<LogConfig> = {}) {
  const streams = { stdout: '', stderr: '' };
  const clock = { now: Date.UTC(2026, 7, 1, 12, 0, 0, 5) };
  const log = new Log(
    { ...base, ...config },
    {
      stdout: { write: (text) => (streams.stdout += text) },
      stderr: { write: (text) => (streams.stderr += text) },
      now: () => clock.now,
    },
  );
  return { log, streams, clock };
}

describe('console encoding', () => {
  it('writes time, level, message and spaced fields, tab-separated', () => {
    const { log, streams } = capture({ resource: { 'service.name': 'teleferric' }, initialFields: { zone: 'a' } });
    log.info('Starting GRPC server', { endpoint: '127.0.0.1:4317', tags: [1, null], deep: { ok: true } });
    log.warn('no fields here');
    expect(streams.stderr).toBe(
      '2026-08-01T12:00:00.005Z\tinfo\tStarting GRPC server\t{"resource": {"service.name": "teleferric"}, "zone": "a", ' +
        '"endpoint": "127.0.0.1:4317", "tags": [1, null], "deep": {"ok": true}}\n' +
        '2026-08-01T12:00:00.005Z\twarn\tno fields here\t{"resource": {"service.name": "teleferric"}, "zone": "a"}\n',
    );
  });

  it('leaves the field column out when there are none', () => {
    const { log, streams } = capture();
    log.error('plain');
    expect(streams.stderr).toBe('2026-08-01T12:00:00.005Z\terror\tplain\n');
  });

  it('escapes control characters wherever a sender can put them', () => {
    const { log, streams } = capture();
    log.info('a\nb\u001b[31m\u0085\u202e', { 'k\n': 'v\r\u001b\u009b\u2028' });
    expect(streams.stderr.split('\t').slice(2).join('\t')).toBe(
      'a\\nb\\u001b[31m\\u0085\\u202e\t{"k\\n": "v\\r\\u001b\\u009b\\u2028"}\n',
    );
  });
});

describe('json encoding', () => {
  it('writes one object per line with level, ts, msg first', () => {
    const { log, streams } = capture({ encoding: 'json' });
    log.info('ready\u007f', { n: 1 });
    expect(streams.stderr).toBe('{"level":"info","ts":"2026-08-01T12:00:00.005Z","msg":"ready\\u007f","n":1}\n');
    expect(JSON.parse(streams.stderr)).toEqual({
      level: 'info',
      ts: '2026-08-01T12:00:00.005Z',
      msg: 'ready\u007f',
      n: 1,
    });
  });

  it('prints what JSON cannot, and never throws', () => {
    const { log, streams } = capture({ encoding: 'json' });
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    const hostile = {
      toJSON() {
        throw new Error('no');
      },
    };
    log.info('odd', { big: 2n ** 64n, loop, error: new Error('boom'), none: undefined, hostile });
    expect(JSON.parse(streams.stderr)).toMatchObject({
      big: '18446744073709551616',
      loop: { self: '[circular]' },
      error: 'boom',
    });
  });
});

describe('level and sampling', () => {
  it('drops what is below the level', () => {
    const { log, streams } = capture({ level: 'warn' });
    log.debug('a');
    log.info('b');
    log.warn('c');
    expect(streams.stderr).toMatch(/^[^\n]*\tc\n$/);
  });

  it('samples per message and level, per tick: the first ones, then one in so many', () => {
    const { log, streams, clock } = capture({ sampling: { tickMs: 10_000, initial: 2, thereafter: 3 } });
    for (let i = 0; i < 9; i += 1) log.info('same');
    log.warn('same');
    expect(lines(streams.stderr)).toBe(2 + 2 + 1);
    clock.now += 10_000;
    log.info('same');
    expect(lines(streams.stderr)).toBe(6);
  });

  it('drops all after the first ones when thereafter is 0', () => {
    const { log, streams } = capture({ sampling: { tickMs: 10_000, initial: 1, thereafter: 0 } });
    for (let i = 0; i < 500; i += 1) log.info('same');
    expect(lines(streams.stderr)).toBe(1);
  });

  it('counts a bounded number of distinct messages', () => {
    const { log, streams } = capture({ sampling: { tickMs: 10_000, initial: 1, thereafter: 0 } });
    for (let i = 0; i < 6000; i += 1) log.info(`message ${i}`);
    expect(lines(streams.stderr)).toBe(4096 + 1);
  });
});

describe('destinations', () => {
  it('appends to paths and file URLs, and reopens on a new configuration', () => {
    const folder = temporaryFolder('log');
    const [first, second] = [join(folder, 'a.log'), join(folder, 'b.log')];
    const { log, streams } = capture({ outputPaths: [first, 'stdout'] });
    log.info('one');
    log.configure({ ...base, outputPaths: [pathToFileURL(second).href] });
    log.info('two');
    log.close();
    log.info('three');
    expect(readFileSync(first, 'utf8')).toMatch(/\tone\n$/);
    expect(readFileSync(second, 'utf8')).toMatch(/\ttwo\n$/);
    expect(streams.stdout).toMatch(/\tone\n$/);
    expect(streams.stderr).toMatch(/\tthree\n$/);
  });

  it('keeps the old destinations when a new one cannot be opened', () => {
    const { log, streams } = capture();
    let error: unknown;
    try {
      log.configure({ ...base, outputPaths: ['/proc/none/x.log'] });
    } catch (caught) {
      error = caught;
    }
    expect(isCollectorError(error, 'START_FAILED')).toBe(true);
    log.info('still here');
    expect(streams.stderr).toMatch(/\tstill here\n$/);
  });

  it('tells the error destinations when a write fails, and does not throw', () => {
    const errors: string[] = [];
    const log = new Log(
      { ...base, outputPaths: ['stdout'] },
      {
        stdout: {
          write() {
            throw new Error('disk full');
          },
        },
        stderr: { write: (text) => errors.push(text) },
        now: () => 0,
      },
    );
    log.info('lost');
    expect(errors).toEqual([
      '1970-01-01T00:00:00.000Z\terror\tlog destination failed\t{"path": "stdout", "error": "disk full"}\n',
    ]);
  });
});

describe('print', () => {
  it('keeps the lines of a text and escapes the rest', () => {
    const { log, streams } = capture();
    log.print({ path: 'stdout', text: 'Span #0\n\tName: x\u001b[2J\r', fields: {} });
    expect(streams.stdout).toBe('Span #0\n\tName: x\\u001b[2J\\r\n');
  });

  it('puts text for the log into its encoding', () => {
    const console = capture();
    console.log.print({ path: 'log', text: 'ResourceSpans #0\nName: a\n', fields: {} });
    expect(console.streams.stderr).toBe('2026-08-01T12:00:00.005Z\tinfo\tResourceSpans #0\nName: a\n');
    const json = capture({ encoding: 'json' });
    json.log.print({ path: 'log', text: 'ResourceSpans #0\nName: a\n', fields: {} });
    expect(JSON.parse(json.streams.stderr)).toMatchObject({ level: 'info', msg: 'ResourceSpans #0\nName: a' });
    const summary = capture();
    summary.log.print({ path: 'log', text: 'Traces', fields: { spans: 2 } });
    expect(summary.streams.stderr).toBe('2026-08-01T12:00:00.005Z\tinfo\tTraces\t{"spans": 2}\n');
    const quiet = capture({ level: 'error' });
    quiet.log.print({ path: 'log', text: 'x', fields: {} });
    expect(quiet.streams.stderr).toBe('');
  });
});

describe('bounded', () => {
  it('drops text while the reader is slow, and says so once it is not', () => {
    const written: string[] = [];
    const stream = { writableLength: 0, write: (text: string) => written.push(text) };
    const output = bounded(stream);
    output.write('a');
    stream.writableLength = 9 * 1024 * 1024;
    output.write('b');
    output.write('c');
    stream.writableLength = 0;
    output.write('d');
    output.write('e');
    expect(written).toEqual(['a', '(2 texts dropped here: the reader is slow)\nd', 'e']);
  });
});

function lines(text: string): number {
  return text.split('\n').length - 1;
}
