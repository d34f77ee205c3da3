// What listens on the well-known ports: `npx teleferric` without a configuration, and receivers without endpoints.
// The ports are the machine's, so one test at a time has them.
import { get, postSpans } from './otlp.js';
import { endPrograms, inline, Program, READY, TELEMETRY } from './program.js';
import { withDefaultPorts } from './ports.js';

afterEach(endPrograms);

const refused = (address: string): Promise<boolean> =>
  get(address).then(
    () => false,
    (error: unknown) => (error as { code?: string }).code === 'ECONNREFUSED',
  );

const pipelines = { traces: { receivers: ['otlp'], exporters: ['nop'] } };

describe('checklist 8: an otlp receiver without endpoints', () => {
  it.each([
    ['grpc and http', { grpc: null, http: null }, { grpc: false, http: false }],
    ['grpc', { grpc: null }, { grpc: false, http: true }],
    ['http', { http: null }, { grpc: true, http: false }],
    ['grpc switched off', { grpc: { enabled: false }, http: null }, { grpc: true, http: false }],
  ])('listens on this machine for %s only', (_name, protocols, closed) =>
    withDefaultPorts(async () => {
      const config = {
        receivers: { otlp: { protocols } },
        exporters: { nop: null },
        service: { telemetry: TELEMETRY, pipelines },
      };
      const program = new Program([inline(config)]);
      await program.says(READY);
      const found = { grpc: await refused('localhost:4317'), http: await refused('localhost:4318') };
      expect(found).toEqual(closed);
      for (const { endpoint } of program.logs('Starting GRPC server')) expect(endpoint).toMatch(/^(127\.|\[::1\])/);
      await expect(program.stop()).resolves.toEqual({ code: 0, signal: null });
    }),
  );
});

describe('without a configuration', () => {
  it('says where it listens and what to do next, takes data and shows it', () =>
    withDefaultPorts(async () => {
      const program = new Program([]);
      await program.says('Ctrl-C');
      const rows = [
        /^ {2}OTLP\/gRPC +127\.0\.0\.1:4317$/m,
        /^ {2}OTLP\/HTTP +http:\/\/127\.0\.0\.1:4318$/m,
        /^ {2}metrics +http:\/\/127\.0\.0\.1:8888\/metrics$/m,
        /^ {2}health +http:\/\/127\.0\.0\.1:13133\/$/m,
        /^ {2}send something +npx teleferric send$/m,
      ];
      for (const row of rows) expect(program.stderr).toMatch(row);

      const sender = new Program(['send', '--count', '300']);
      await expect(sender.exited).resolves.toEqual({ code: 0, signal: null });
      expect(sender.stdout).toMatch(/^accepted +300$/m);
      await program.says(/^Traces\t\{"resource spans": \d+, "spans": 100\}$/m);
      await program.says(/^Logs\t\{"resource logs": \d+, "log records": 100\}$/m);
      expect((await postSpans('127.0.0.1:4318')).status).toBe(200);
      expect((await get('127.0.0.1:13133')).status).toBe(200);
      const page = await get('127.0.0.1:8888', '/metrics');
      expect(page.body).toMatch(/^otelcol_receiver_accepted_spans\{receiver="otlp",transport="grpc"\} 100$/m);
      await expect(program.stop()).resolves.toEqual({ code: 0, signal: null });
    }));

  it('fails with the bind error when a port is taken', () =>
    withDefaultPorts(async () => {
      const first = new Program([]);
      await first.says('Ctrl-C');
      const second = new Program([]);
      await expect(second.exited).resolves.toEqual({ code: 1, signal: null });
      expect(second.stderr).toMatch(/^Error: .*bind: address already in use/m);
      expect(second.stderr).not.toContain('is ready');
      await expect(first.stop()).resolves.toEqual({ code: 0, signal: null });
    }));
});
