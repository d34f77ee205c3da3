import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

import { temporaryFolder } from '../../support/folder.js';
import { refusing } from '../binding/fake-binding.js';
import { FakeIo, until } from './fake-io.js';

const READY = 'Everything is ready. Begin running and processing data.';

function pipelines(exporter: string, extra = ''): string {
  return `
receivers: {nop: }
exporters: {${exporter}: }
service:
  telemetry: {metrics: {level: none}}${extra}
  pipelines: {traces: {receivers: [nop], exporters: [${exporter}]}}
`;
}

function configFile(text: string): string {
  const path = join(temporaryFolder('cli'), 'collector.yaml');
  writeFileSync(path, text);
  return path;
}

describe('run', () => {
  it('ends with 0 on SIGTERM, after the logs of the Collector', async () => {
    const io = new FakeIo();
    const code = io.run('--config', configFile(pipelines('nop')));
    await io.says(READY);
    io.signal('SIGTERM');
    await expect(code).resolves.toBe(0);
    expect(io.addon.calls).toEqual(['start', 'drain 25000', 'stop']);
    const messages = io.err
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[2]);
    expect(messages).toEqual([
      'Starting teleferric...',
      'Starting GRPC server',
      READY,
      'Received signal from OS',
      'Starting shutdown...',
      'Shutdown complete.',
    ]);
    expect(io.err).toContain('"signal": "terminated"');
    expect(io.listeners()).toBe(0);
  });

  it('stops at once on a second signal', async () => {
    const io = new FakeIo();
    io.addon.answers.drain = () =>
      new Promise((resolve) => {
        io.addon.answers.stop = () => resolve('{"ok":true}');
      });
    const code = io.run('--config', configFile(pipelines('nop')));
    await io.says(READY);
    io.signal('SIGINT');
    await io.says('Starting shutdown...');
    io.signal('SIGINT');
    await expect(code).resolves.toBe(1);
    expect(io.addon.calls[2]).toBe('stop');
  });

  it('ends cleanly when the signal comes during the start', async () => {
    const io = new FakeIo();
    io.addon.answers.start = () => {
      io.signal('SIGINT');
      return Promise.resolve('{"ok":true,"listeners":[]}');
    };
    await expect(io.run('--config', configFile(pipelines('nop')))).resolves.toBe(0);
    expect(io.addon.calls.at(-1)).toBe('stop');
  });

  it('reloads on SIGHUP, and keeps the old configuration when the new one is bad', async () => {
    const io = new FakeIo();
    const path = configFile(pipelines('nop'));
    const code = io.run('--config', path);
    await io.says(READY);
    writeFileSync(path, 'receivers: {otlp: {protocols: {htttp: }}}');
    io.signal('SIGHUP');
    await io.says('cannot reload, the running configuration stays');
    expect(io.err).toContain('has invalid keys: htttp');
    expect(io.addon.calls).toEqual(['start']);
    writeFileSync(path, pipelines('debug'));
    io.signal('SIGHUP');
    await until(
      () => io.addon.calls.includes('reload'),
      () => io.err,
    );
    expect(io.addon.documents[1]).toContain('"type":"debug"');
    io.signal('SIGTERM');
    await expect(code).resolves.toBe(0);
  });

  it('ends with 1 after a bad new configuration where the running one says so', async () => {
    const io = new FakeIo();
    const exits = '\n  reload: {on_failure: exit}';
    const path = configFile(pipelines('nop', exits));
    const code = io.run('--config', path);
    await io.says(READY);
    writeFileSync(path, pipelines('debug', exits));
    io.signal('SIGHUP');
    await until(
      () => io.addon.calls.includes('reload'),
      () => io.err,
    );
    // The new one does not say so, but it does not run either.
    writeFileSync(path, 'receivers: [');
    io.signal('SIGHUP');
    await expect(code).resolves.toBe(1);
    expect(io.err).toContain('cannot reload, ending');
    expect(io.err).toContain('Shutdown complete.');
    expect(io.addon.calls).toEqual(['start', 'reload', 'drain 25000', 'stop']);
  });

  it('ends with 1 when a component dies', async () => {
    const io = new FakeIo();
    const code = io.run('--config', configFile(pipelines('nop')));
    await io.says(READY);
    io.addon.emit({ kind: 'fatal', component: 'otlp', message: 'listener died' });
    await expect(code).resolves.toBe(1);
    expect(io.err).toContain('\tAsynchronous error received, terminating process\t{');
    expect(io.err).toContain('"error": "otlp: listener died"');
    expect(io.err).toContain('Shutdown complete.');
  });

  it('says what is wrong and ends with 1 when the start fails', async () => {
    const io = new FakeIo();
    const bind = 'receivers::otlp: listen tcp 127.0.0.1:4317: bind: address already in use';
    io.addon.answers.start = () => Promise.resolve(refusing('START_FAILED', bind));
    await expect(io.run('--config', configFile(pipelines('nop')))).resolves.toBe(1);
    expect(io.err).toContain(`\nError: ${bind}\n`);
    expect(io.listeners()).toBe(0);
  });

  it('says which port of its own is in use', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => {
      holder.once('listening', resolve);
    });
    const { port } = holder.address() as AddressInfo;
    const io = new FakeIo();
    const set = `service.telemetry.metrics={level: basic, readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${port}}}}}]}`;
    const code = await io.run('--config', configFile(pipelines('nop')), '--set', set);
    expect(io.err).toBe(`Error: metrics: listen tcp 127.0.0.1:${port}: bind: address already in use\n`);
    expect(code).toBe(1);
    holder.close();
  });

  it('runs the built-in configuration and says where it listens and what to do', async () => {
    const io = new FakeIo();
    io.addon.answers.start = () =>
      Promise.resolve(
        JSON.stringify({
          ok: true,
          listeners: [
            { component: 'otlp', protocol: 'grpc', address: '127.0.0.1:4317' },
            { component: 'otlp', protocol: 'http', address: '127.0.0.1:4318' },
          ],
        }),
      );
    const free = [
      '--set',
      'extensions.health_check.endpoint=127.0.0.1:0',
      '--set',
      'service.telemetry.metrics.level=none',
    ];
    const code = io.run(...free, '--set', 'service.telemetry.metrics.readers=[]');
    await io.says('npx teleferric send');
    const [, banner = ''] = io.err.split(`${READY}\n`);
    expect(banner.replace(/http:\/\/127\.0\.0\.1:\d+\/$/m, 'http://127.0.0.1:13133/')).toBe(`
teleferric 0.1.0 is ready

  OTLP/gRPC   127.0.0.1:4317
  OTLP/HTTP   http://127.0.0.1:4318
  health      http://127.0.0.1:13133/

  send something           npx teleferric send
  your own configuration   npx teleferric --config collector.yaml
  stop                     Ctrl-C

`);
    io.signal('SIGINT');
    await expect(code).resolves.toBe(0);
  });
});
