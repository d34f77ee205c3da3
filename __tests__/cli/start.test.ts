// What stops a start, what does not, and the exit codes.
import { createServer, type AddressInfo } from 'node:net';

import { closeBackends, get, http, postSpans, records } from './otlp.js';
import { command, endPrograms, inline, Program, start, TELEMETRY } from './program.js';

afterEach(async () => {
  await endPrograms();
  await closeBackends();
});

const httpReceiver = (endpoint = '127.0.0.1:0'): object => ({ protocols: { http: { endpoint } } });

function config(changes: object = {}): object {
  return {
    receivers: { otlp: httpReceiver() },
    exporters: { nop: null },
    service: { telemetry: TELEMETRY, pipelines: { traces: { receivers: ['otlp'], exporters: ['nop'] } } },
    ...changes,
  };
}

/** A port that somebody else holds. */
async function takenPort(): Promise<{ address: string; release: () => Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const release = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
    });
  return { address: `127.0.0.1:${port}`, release };
}

describe('checklist 5: an unknown component type', () => {
  it('is named with its id and the valid values, exit code 1', async () => {
    const { code, stdout, stderr } = await command(inline(config({ exporters: { nop: null, 'dbug/1': null } })));
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^Error: .*'exporters' unknown type: "dbug" for id: "dbug\/1" \(valid values: \[.*debug/s);
  });
});

describe('checklist 7: components that no pipeline uses', () => {
  it('are not started and not complained about', async () => {
    const { address, release } = await takenPort();
    const program = await start(config({ receivers: { otlp: httpReceiver(), 'otlp/unused': httpReceiver(address) } }));
    expect(program.stderr).not.toContain('unused');
    expect(program.logs().filter(({ level }) => level !== 'info')).toEqual([]);
    await expect(program.stop()).resolves.toEqual({ code: 0, signal: null });
    await release();
  });

  it('are validated all the same', async () => {
    const unused = { protocols: { http: { endpoint: '127.0.0.1:0', max_request_body_sise: 1 } } };
    const { code, stderr } = await command(
      inline(config({ receivers: { otlp: httpReceiver(), 'otlp/unused': unused } })),
    );
    expect(code).toBe(1);
    expect(stderr).toContain('otlp/unused');
    expect(stderr).toContain('max_request_body_sise');
  });
});

describe('checklist 25: listeners', () => {
  it('are shared by pipelines that name one receiver', async () => {
    const pipeline = { receivers: ['otlp'], exporters: ['nop'] };
    const program = await start(
      config({
        service: { telemetry: TELEMETRY, pipelines: { traces: pipeline, 'traces/2': pipeline, logs: pipeline } },
      }),
    );
    expect(program.logs('Starting HTTP server')).toHaveLength(1);
    const address = await program.address('HTTP');
    expect((await postSpans(address)).status).toBe(200);
    const logs = await http(`http://${address}/v1/logs`, {
      body: JSON.stringify(records(1)),
      headers: { 'content-type': 'application/json' },
    });
    expect(logs.status).toBe(200);
  });

  it('of two receivers on one port stop the start with the bind error', async () => {
    const { address, release } = await takenPort();
    await release();
    const { code, stderr } = await command(
      inline(
        config({
          receivers: { otlp: httpReceiver(address), 'otlp/2': httpReceiver(address) },
          service: {
            telemetry: TELEMETRY,
            pipelines: { traces: { receivers: ['otlp', 'otlp/2'], exporters: ['nop'] } },
          },
        }),
      ),
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Error: .*listen tcp 127\.0\.0\.1:\d+: bind: address already in use/m);
    expect(stderr).not.toContain('Everything is ready');
  });

  it('on a port that another process holds stop the start with the bind error', async () => {
    const { address, release } = await takenPort();
    const { code, stderr } = await command(inline(config({ receivers: { otlp: httpReceiver(address) } })));
    expect(code).toBe(1);
    expect(stderr).toContain(`listen tcp ${address}: bind: address already in use`);
    await release();
  });

  it('of the metrics page are reported in the same way', async () => {
    const { address, release } = await takenPort();
    const port = Number(address.split(':')[1]);
    const reader = { pull: { exporter: { prometheus: { host: '127.0.0.1', port } } } };
    const { code, stderr } = await command(
      inline(
        config({
          service: {
            telemetry: { metrics: { readers: [reader] } },
            pipelines: { traces: { receivers: ['otlp'], exporters: ['nop'] } },
          },
        }),
      ),
    );
    expect(code).toBe(1);
    expect(stderr).toContain(`listen tcp ${address}: bind: address already in use`);
    await release();
  });
});

describe('checklist 26: authenticators', () => {
  it('that service.extensions does not list stop the start', async () => {
    const receiver = { protocols: { http: { endpoint: '127.0.0.1:0', auth: { authenticator: 'basic_auth' } } } };
    const { code, stderr } = await command(inline(config({ receivers: { otlp: receiver } })));
    expect(code).toBe(1);
    expect(stderr).toContain('failed to resolve authenticator "basic_auth": authenticator not found');
  });
});

describe('exit codes', () => {
  it.each([
    ['no such file', ['--config', 'no-such-file.yaml'], 'unable to read the file file:no-such-file.yaml'],
    ['an unknown command', ['frobnicate'], 'frobnicate'],
    ['an unknown flag', ['--frobnicate'], '--frobnicate'],
    ['a single dash', ['-config', 'x.yaml'], '-c'],
    ['a set without equal sign', ['--config=yaml:{}', '--set=a.b'], 'missing equal sign'],
    [
      'validate on a bad configuration',
      ['validate', '--config=yaml:{receivers: {otlp: }}'],
      'no exporter configuration',
    ],
  ])('are 1 for %s', async (_name, args, text) => {
    const { code, stdout, stderr } = await command(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^Error: /);
    expect(stderr).toContain(text);
  });

  it.each([[['--version']], [['--help']], [['components']], [['featuregate']], [['validate', inline(config())]]])(
    'are 0 for %s',
    async (args) => {
      const { code, stderr } = await command(...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    },
  );

  it('are 0 after SIGINT as after SIGTERM', async () => {
    const program = await start(config());
    program.signal('SIGINT');
    await expect(program.exited).resolves.toEqual({ code: 0, signal: null });
    expect((await program.logged('Received signal from OS')).signal).toBe('interrupt');
    expect(program.logs().at(-1)?.msg).toBe('Shutdown complete.');
  });

  it('are 0 when the signal comes while it starts', async () => {
    const program = new Program([inline(config())]);
    await program.logged('Starting teleferric...');
    await expect(program.stop()).resolves.toEqual({ code: 0, signal: null });
  });
});

describe('a stopped collector', () => {
  it('has closed its ports', async () => {
    const program = await start(config());
    const address = await program.address('HTTP');
    const metrics = await program.address('metrics');
    await program.stop();
    await expect(get(address)).rejects.toThrow('ECONNREFUSED');
    await expect(get(metrics)).rejects.toThrow('ECONNREFUSED');
  });
});
