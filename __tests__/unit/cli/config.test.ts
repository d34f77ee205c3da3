import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '../../support/folder.js';
import { FakeIo } from './fake-io.js';

const READY = 'Everything is ready. Begin running and processing data.';

const configText = (folder: string, exporter: string, keep = 20): string => `
receivers: {nop: }
exporters: {${exporter}: }
service:
  reload: {history: {directory: "${folder}", keep: ${keep}}}
  telemetry: {metrics: {level: none}, logs: {level: "\${env:TELEFERRIC_TEST_LEVEL:-info}"}}
  pipelines: {traces: {receivers: [nop], exporters: [${exporter}]}}
`;

/** A command that keeps what it runs, and the file it reads. */
class Kept {
  readonly folder = temporaryFolder('history');
  readonly path = join(this.folder, 'collector.yaml');
  readonly #io = new FakeIo();
  #code: Promise<number> = Promise.resolve(0);
  #versions = 0;

  write(exporter: string, keep?: number): void {
    writeFileSync(this.path, configText(this.folder, exporter, keep));
  }

  async start(): Promise<void> {
    this.#code = this.#io.run('--config', this.path, '--set=service.threads=1');
    await this.#io.says(READY);
  }

  /** Reloads and waits for the version that this makes. */
  async reload(): Promise<void> {
    this.#io.signal('SIGHUP');
    await this.kept();
  }

  kept(): Promise<void> {
    this.#versions += 1;
    return this.says(`"version": ${this.#versions}`);
  }

  says(text: string): Promise<void> {
    return this.#io.says(text);
  }

  async stop(): Promise<string> {
    this.#io.signal('SIGTERM');
    await this.#code;
    return this.#io.err;
  }

  files(): string[] {
    return readdirSync(join(this.folder, 'config')).toSorted((a, b) => parseInt(a, 10) - parseInt(b, 10));
  }
}

async function command(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = new FakeIo();
  const code = await io.run('config', ...argv);
  return { code, out: io.out, err: io.err };
}

/** A process that ran three configurations and ended. */
async function threeVersions(keep?: number): Promise<Kept> {
  const kept = new Kept();
  kept.write('nop', keep);
  await kept.start();
  await kept.kept();
  for (const exporter of ['debug', 'nop/2']) {
    kept.write(exporter, keep);
    await kept.reload();
  }
  await kept.stop();
  return kept;
}

describe('config history', () => {
  it('lists what ran, and marks what the files are', async () => {
    const kept = await threeVersions();
    const { code, out } = await command('history', '--config', kept.path);
    expect(code).toBe(0);
    const rows = out.trim().split('\n');
    expect(rows.map((row) => row.split(/ {2,}/)[0])).toEqual(['VERSION', '1', '2', '3 *']);
    expect(rows.map((row) => row.split(/ {2,}/)[2])).toEqual(['BY', 'start', 'signal', 'signal']);
    kept.write('debug');
    expect((await command('history', '--directory', kept.folder)).out).toMatch(/^2 \*/m);
  });

  it('keeps references and not what they lead to, for the owner alone', async () => {
    const kept = await threeVersions();
    const [first = ''] = kept.files();
    expect(first).toMatch(/^1-[0-9a-f]{64}$/);
    const file = join(kept.folder, 'config', first);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      number: 1,
      actor: 'start',
      sources: [{ location: kept.path, text: configText(kept.folder, 'nop') }],
      set: ['service.threads=1'],
    });
    expect([statSync(file).mode & 0o777, statSync(join(kept.folder, 'config')).mode & 0o777]).toEqual([0o600, 0o700]);
  });

  it('adds nothing when a process starts with what ran last, and removes the oldest', async () => {
    const kept = await threeVersions(2);
    expect(kept.files().map((name) => parseInt(name, 10))).toEqual([2, 3]);
    await kept.start();
    await kept.stop();
    expect(kept.files()).toHaveLength(2);
  });

  it('passes over a version that was changed', async () => {
    const kept = await threeVersions();
    const file = join(kept.folder, 'config', kept.files()[1] ?? '');
    writeFileSync(file, readFileSync(file, 'utf8').replace('debug', 'file'));
    const { out } = await command('history', '--directory', kept.folder);
    expect(out).not.toMatch(/^2/m);
  });

  it('is no reason to stop when it cannot be kept', async () => {
    const kept = new Kept();
    writeFileSync(join(kept.folder, 'config'), 'no folder');
    kept.write('nop');
    await kept.start();
    await kept.says('cannot keep the configuration');
    await expect(kept.stop()).resolves.toContain('Shutdown complete.');
  });
});

describe('config rollback', () => {
  it('puts back what ran before a bad edit, and saves the edit', async () => {
    const kept = await threeVersions();
    writeFileSync(kept.path, 'receivers: [');
    expect((await command('rollback', '--config', kept.path)).err).toContain('--directory');
    const { code, out } = await command('rollback', '--directory', kept.folder);
    expect([code, out]).toEqual([0, expect.stringContaining('as in version 3')]);
    expect(readFileSync(kept.path, 'utf8')).toBe(configText(kept.folder, 'nop/2'));
    expect(readFileSync(`${kept.path}.before-rollback`, 'utf8')).toBe('receivers: [');
  });

  it('puts back the version before the one in place, or one by its number', async () => {
    const kept = await threeVersions();
    await command('rollback', '--config', kept.path);
    expect(readFileSync(kept.path, 'utf8')).toContain('debug');
    const { out } = await command('rollback', '1', '--config', kept.path);
    expect(out).toContain('as in version 1');
    expect(readFileSync(kept.path, 'utf8')).toBe(configText(kept.folder, 'nop'));
    // All of it ran, so there was nothing to save.
    expect(readdirSync(kept.folder).toSorted()).toEqual(['collector.yaml', 'config']);
    expect((await command('rollback', '1', '--config', kept.path)).out).toContain('are as in version 1');
  });

  it('refuses versions that are not there or not valid any more', async () => {
    const kept = await threeVersions();
    const unknown = await command('rollback', '9', '--directory', kept.folder);
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('there is no version 9')]);
    process.env['TELEFERRIC_TEST_LEVEL'] = 'loud';
    try {
      const invalid = await command('rollback', '1', '--directory', kept.folder);
      expect([invalid.code, invalid.err]).toEqual([1, expect.stringContaining('version 1 is not valid any more')]);
    } finally {
      delete process.env['TELEFERRIC_TEST_LEVEL'];
    }
    expect(readFileSync(kept.path, 'utf8')).toBe(configText(kept.folder, 'nop/2'));
    expect(readdirSync(kept.folder).toSorted()).toEqual(['collector.yaml', 'config']);
  });
});
