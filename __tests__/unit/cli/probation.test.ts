import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '../../support/folder.js';
import { refusing } from '../binding/fake-binding.js';
import { FakeIo, until } from './fake-io.js';

const READY = 'Everything is ready. Begin running and processing data.';
const FATAL = { kind: 'fatal', component: 'otlp', message: 'listener died' };

interface Text {
  readonly folder: string;
  readonly exporter: string;
  readonly reload?: string;
}

const configText = ({ folder, exporter, reload = '' }: Text): string => `
receivers: {nop: }
exporters: {${exporter}: }
service:
  reload: {watch: true, history: {directory: "${folder}", keep: 20}${reload}}
  telemetry: {metrics: {level: none}, logs: {level: "\${file:${folder}/level}"}}
  pipelines: {traces: {receivers: [nop], exporters: [${exporter}]}}
`;

/** Every process of the test: those that are dead to it have to end as well. */
const lives: { io: FakeIo; code: Promise<number> }[] = [];

afterEach(async () => {
  for (const { io, code } of lives.splice(0)) {
    io.signal('SIGTERM');
    await code;
  }
});

/** Commands that read one file and keep what they run beside it, one process after another. */
class Stand {
  readonly folder = temporaryFolder('probation');
  readonly path = join(this.folder, 'collector.yaml');
  io = new FakeIo();
  #code: Promise<number> = Promise.resolve(0);

  constructor() {
    this.level('info');
  }

  write(exporter: string, reload?: string): void {
    const text = configText({ folder: this.folder, exporter, ...(reload !== undefined && { reload }) });
    writeFileSync(`${this.path}.new`, text);
    renameSync(`${this.path}.new`, this.path);
  }

  level(text: string): void {
    writeFileSync(join(this.folder, 'level'), text);
  }

  /** A process; one before it that was not stopped counts as dead. */
  async start(): Promise<void> {
    this.io = new FakeIo();
    this.#code = this.io.run('--config', this.path);
    lives.push({ io: this.io, code: this.#code });
    await this.io.says(READY);
  }

  async reload(exporter: string, reload?: string): Promise<void> {
    const before = this.reloads();
    this.write(exporter, reload);
    this.io.signal('SIGHUP');
    await this.says(() => this.reloads() > before && this.io.err.split(READY).length > before + 2);
  }

  says(condition: string | (() => boolean)): Promise<void> {
    if (typeof condition === 'string') return this.io.says(condition);
    return until(condition, () => this.io.err);
  }

  async stop(): Promise<number> {
    this.io.signal('SIGTERM');
    return this.#code;
  }

  reloads(): number {
    return this.io.addon.calls.filter((call) => call === 'reload').length;
  }

  /** The types of the exporters that the core was given. */
  exporters(): string[] {
    const documents = this.io.addon.documents.map((text) => JSON.parse(text) as { exporters: { type: string }[] });
    return documents.map(({ exporters }) => exporters[0]?.type ?? '');
  }

  /** Suffixes of the files in the history: `1`, `2.refused`, … */
  kept(): string[] {
    return readdirSync(join(this.folder, 'config'))
      .map((name) => name.replace(/-[0-9a-f]{64}/, ''))
      .toSorted();
  }

  async history(): Promise<string[]> {
    const io = new FakeIo();
    await io.run('config', 'history', '--directory', this.folder);
    return io.out.trim().split('\n').slice(1);
  }
}

/** A process on probation with `debug` after `nop`. */
async function onProbation(): Promise<Stand> {
  const stand = new Stand();
  stand.write('nop');
  await stand.start();
  await stand.reload('debug');
  await stand.says('"version": 2');
  return stand;
}

describe('a configuration on probation', () => {
  it('is marked before it takes over, and no more once it has passed', async () => {
    const stand = new Stand();
    stand.write('nop');
    await stand.start();
    let during: string[] = [];
    stand.io.addon.answers.reload = () => {
      during = stand.kept();
      return Promise.resolve('{"ok":true,"listeners":[]}');
    };
    await stand.reload('debug', ', probation: 1ms');
    expect(during).toEqual(['1', '2', '2.probation']);
    await stand.says('Configuration has passed its probation');
    await stand.says(() => !stand.kept().includes('2.probation'));
    expect(await stand.stop()).toBe(0);
    expect(stand.kept()).toEqual(['1', '2']);
  });

  it('leaves nothing behind when the core refuses it, nor when the process ends in good order', async () => {
    const stand = await onProbation();
    expect((await stand.history())[1]).toMatch(/on probation$/);
    stand.io.addon.answers.reload = () => Promise.resolve(refusing('START_FAILED', 'no'));
    stand.write('file');
    writeFileSync(stand.path, readFileSync(stand.path, 'utf8').replaceAll('{file: }', '{file: {path: /dev/null}}'));
    stand.io.signal('SIGHUP');
    await stand.says('cannot reload, the running configuration stays');
    await stand.says(() => !stand.kept().includes('3'));
    expect(stand.kept()).toEqual(['1', '2', '2.probation']);
    await stand.stop();
    expect(stand.kept()).toEqual(['1', '2']);
  });

  it('is refused when a component fails, and is not tried again until a file changes', async () => {
    const stand = await onProbation();
    stand.io.addon.emit(FATAL);
    await stand.says('Configuration refused');
    expect(stand.io.err).toMatch(
      /"refused": "2-[0-9a-f]{12}", "good": "1-[0-9a-f]{12}", "cause": "otlp: listener died"/,
    );
    await stand.says(() => stand.kept().includes('2.refused'));
    expect(stand.exporters()).toEqual(['nop', 'debug', 'nop']);
    expect((await stand.history())[1]).toMatch(/ {2}refused: otlp: listener died$/);

    await stand.io.tick(3);
    stand.io.signal('SIGHUP');
    await stand.says('teleferric config rollback 2');
    expect(stand.reloads()).toBe(2);
    // What a reference leads to makes it another one.
    stand.level('debug');
    await stand.io.tick(3);
    await stand.says(() => stand.reloads() === 3);
    expect(stand.exporters().at(-1)).toBe('debug');
    expect(await stand.stop()).toBe(0);
    expect(stand.kept()).toEqual(['1', '2']);
  });

  it('is refused in this process alone where nothing is kept', async () => {
    const stand = new Stand();
    const write = (exporter: string): void => {
      stand.write(exporter);
      writeFileSync(stand.path, readFileSync(stand.path, 'utf8').replace(/, history: \{.*?\}/, ''));
    };
    write('nop');
    await stand.start();
    write('debug');
    stand.io.signal('SIGHUP');
    await stand.says(() => stand.io.err.split(READY).length === 3);
    stand.io.addon.emit(FATAL);
    await stand.says('Configuration refused');
    stand.io.signal('SIGHUP');
    await stand.says('was refused: otlp: listener died; change it');
    await stand.stop();
    expect([stand.exporters(), existsSync(join(stand.folder, 'config'))]).toEqual([['nop', 'debug', 'nop'], false]);
  });
});

describe('a process that starts after one that died on probation', () => {
  it('runs the last good version until the file changes', async () => {
    const stand = await onProbation();
    for (const life of ['first', 'second']) {
      await stand.start();
      expect([life, stand.exporters()]).toEqual([life, ['nop']]);
      expect(stand.io.err).toMatch(/\twarn\tConfiguration refused\t.*"refused": "2-.*"good": "1-.*died/);
      expect(stand.kept()).toEqual(['1', '2', '2.refused']);
      stand.io.signal('SIGHUP');
      await stand.says('teleferric config rollback 2');
      await stand.io.tick(3);
      expect(stand.reloads()).toBe(0);
      await stand.stop();
    }
    await stand.start();
    stand.write('nop', ', on_failure: keep');
    await stand.io.tick(3);
    await stand.says('"version": 3');
    await stand.stop();
    await stand.start();
    expect(stand.io.err).not.toContain('refused');
    await stand.stop();
  });

  it('runs what the file says when that was changed meanwhile, or is allowed by hand', async () => {
    const stand = await onProbation();
    stand.write('nop', ', on_failure: keep');
    await stand.start();
    await stand.stop();
    expect(stand.io.err).not.toContain('refused');
    expect((await stand.history())[1]).toMatch(/refused: the process died/);

    const command = new FakeIo();
    expect(await command.run('config', 'rollback', '2', '--directory', stand.folder)).toBe(0);
    expect(command.out).toContain('version 2 is not refused any more');
    await stand.start();
    expect(stand.exporters()).toEqual(['debug']);
    await stand.stop();
  });

  it('runs what the file says when there is nothing to return to', async () => {
    const stand = await onProbation();
    for (const name of readdirSync(join(stand.folder, 'config'))) {
      if (name.startsWith('1-')) writeFileSync(join(stand.folder, 'config', name), 'damaged');
    }
    await stand.start();
    expect(stand.io.err).toContain('cannot return to the last good configuration');
    expect(stand.exporters()).toEqual(['debug']);
    await stand.stop();
  });
});
