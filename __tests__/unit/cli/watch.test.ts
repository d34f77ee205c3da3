import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '../../support/folder.js';
import { FileWatch } from '../../../src/cli/watch.js';
import { FakeIo, until } from './fake-io.js';

const READY = 'Everything is ready. Begin running and processing data.';

const configText = (exporter: string, watch: boolean): string => `
receivers: {nop: }
exporters: {${exporter}: }
service:
  reload: {watch: ${watch}}
  telemetry: {metrics: {level: none}, logs: {level: "\${file:LEVEL}"}}
  pipelines: {traces: {receivers: [nop], exporters: [${exporter}]}}
`;

function folder(): string {
  return temporaryFolder('watch');
}

/** A file that is written whole under another name first, as editors do. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function watching(files: Readonly<Record<string, string>>): { io: FakeIo; told: string[][]; watch: FileWatch } {
  const io = new FakeIo();
  const told: string[][] = [];
  const watch = new FileWatch(new Map(Object.entries(files)), (paths) => told.push([...paths]), io);
  return { io, told, watch };
}

describe('FileWatch', () => {
  it('tells once of a file that was written, replaced or removed', async () => {
    const path = join(folder(), 'a.yaml');
    writeFileSync(path, 'one');
    const { io, told } = watching({ [path]: 'one' });
    await io.tick(3);
    expect(told).toEqual([]);
    writeFileSync(path, 'two, written');
    await io.tick(3);
    replace(path, 'three');
    await io.tick(3);
    rmSync(path);
    await io.tick(3);
    expect(told).toEqual([[path], [path], [path]]);
  });

  it('waits until a file stands still, and does not tell of the same text', async () => {
    const path = join(folder(), 'a.yaml');
    writeFileSync(path, 'one');
    const { io, told } = watching({ [path]: 'one' });
    for (const part of ['t', 'tw', 'two']) {
      writeFileSync(path, part);
      await io.tick(1);
    }
    expect(told).toEqual([]);
    rmSync(path);
    await io.tick(1);
    replace(path, 'one');
    await io.tick(3);
    expect(told).toEqual([]);
  });

  it('sees what was written between the reading and the first look', async () => {
    const path = join(folder(), 'a.yaml');
    writeFileSync(path, 'two');
    const { io, told } = watching({ [path]: 'one' });
    await io.tick(2);
    expect(told).toEqual([[path]]);
  });

  // A ConfigMap: the file is a link through `..data`, which is a link that is swapped.
  it('follows links that are swapped', async () => {
    const mount = folder();
    for (const [version, text] of Object.entries({ '..1': 'one', '..2': 'two' })) {
      mkdirSync(join(mount, version));
      writeFileSync(join(mount, version, 'a.yaml'), text);
    }
    symlinkSync('..1', join(mount, '..data'));
    symlinkSync(join('..data', 'a.yaml'), join(mount, 'a.yaml'));
    const path = join(mount, 'a.yaml');
    const { io, told } = watching({ [path]: 'one' });
    await io.tick(2);
    symlinkSync('..2', join(mount, '..data_tmp'));
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
    await io.tick(2);
    expect(told).toEqual([[path]]);
  });

  it('goes on with other files, and stops', async () => {
    const [first, second] = [join(folder(), 'a.yaml'), join(folder(), 'b.yaml')];
    const { io, told, watch } = watching({ [first]: 'one' });
    watch.follow(new Map([[second, 'one']]));
    writeFileSync(first, 'two');
    writeFileSync(second, 'two');
    await io.tick(2);
    expect(told).toEqual([[second]]);
    watch.stop();
    expect(io.timers()).toBe(0);
  });
});

describe('run with service.reload.watch', () => {
  it('reloads when a file has changed that it read, until the configuration says otherwise', async () => {
    const io = new FakeIo();
    const [path, level] = [join(folder(), 'collector.yaml'), join(folder(), 'level')];
    const write = (exporter: string, watch: boolean): void =>
      replace(path, configText(exporter, watch).replace('LEVEL', level));
    const reloads = (count: number): Promise<void> =>
      until(
        () => io.addon.calls.filter((call) => call === 'reload').length === count,
        () => io.err,
      );
    writeFileSync(level, 'info');
    write('nop', true);
    const code = io.run('--config', path);
    await io.says(READY);
    await io.tick(2);
    expect(io.addon.calls).toEqual(['start']);

    replace(level, 'debug');
    await io.tick(2);
    await reloads(1);
    expect(io.err).toContain('Configuration files have changed');
    replace(path, 'receivers: [');
    await io.tick(2);
    await io.says('cannot reload, the running configuration stays');
    write('debug', false);
    await io.tick(2);
    await reloads(2);
    expect(io.addon.documents[2]).toContain('"type":"debug"');
    await until(
      () => io.timers() === 0,
      () => 'a file is watched',
    );
    io.signal('SIGTERM');
    await expect(code).resolves.toBe(0);
  });
});
