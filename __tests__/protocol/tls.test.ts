/**
 * Statement 61: TLS of exporters, and of the receiver with client certificates.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { certificates } from '../support/certificates.js';
import { direct, type Running } from '../support/collector.js';
import { Exporting, sendNamed, UNQUEUED } from '../support/exporting.js';
import { named } from '../support/fixtures.js';
import { eventually } from '../support/poll.js';
import { encodeRequest } from '../support/proto.js';
import { GrpcSink, HttpSink, type AnySink } from '../support/sinks.js';
import { callHttp, GrpcConnection, TRANSPORTS, type HttpReply } from '../support/wire.js';
import { statement } from './statements.js';

const { ca, otherCa, server, client, stranger } = certificates();
const NO_RETRY = { retry_on_failure: { enabled: false } };

let exporting: Exporting;
beforeEach(() => {
  exporting = new Exporting();
});
afterEach(() => exporting.close());

for (const kind of TRANSPORTS) {
  const secureSink = async (more: object = {}): Promise<AnySink> => {
    const tls = { cert: server.cert, key: server.key, ...more };
    return exporting.keep(kind === 'grpc' ? await GrpcSink.start({ tls }) : await HttpSink.start({ tls }));
  };

  /** Whether an item gets to the sink with these settings. */
  const arrives = async (sink: AnySink, tls: object, endpoint = sink.endpoint): Promise<boolean> => {
    sink.reset();
    const collector = await exporting.collector(sink, { ...UNQUEUED, ...NO_RETRY, endpoint, tls });
    const { ok, code } = await sendNamed(collector, 'x');
    expect(sink.names('logs')).toEqual(ok ? ['x'] : []);
    // A failed handshake is worth another try: certificates are replaced.
    if (!ok) expect(code).toBe(14);
    await collector.close();
    return ok;
  };

  statement(61, `${kind}, custom CA`, async () => {
    const sink = await secureSink();
    expect(await arrives(sink, { ca_pem: ca })).toBe(true);
    expect(await arrives(sink, { ca_pem: otherCa })).toBe(false);
    expect(await arrives(sink, {})).toBe(false);
    const folder = mkdtempSync(join(tmpdir(), 'teleferric-ca-'));
    writeFileSync(join(folder, 'ca.crt'), ca);
    expect(await arrives(sink, { ca_file: join(folder, 'ca.crt') })).toBe(true);
    rmSync(folder, { recursive: true });
  });

  statement(61, `${kind}, https forces TLS`, async () => {
    const sink = await secureSink();
    expect(sink.endpoint).toMatch(/^https:/);
    expect(await arrives(sink, { ca_pem: ca, insecure: true })).toBe(true);
    expect(await arrives(sink, { insecure: true, insecure_skip_verify: true })).toBe(true);
  });

  statement(61, `${kind}, skip-verify`, async () => {
    const sink = await secureSink();
    expect(await arrives(sink, { insecure_skip_verify: true })).toBe(true);
  });

  statement(61, `${kind}, server-name override`, async () => {
    const sink = await secureSink();
    const byName = sink.endpoint.replace('127.0.0.1', 'localhost');
    expect(await arrives(sink, { ca_pem: ca, server_name_override: 'localhost' })).toBe(true);
    expect(await arrives(sink, { ca_pem: ca, server_name_override: 'other.example' })).toBe(false);
    expect(await arrives(sink, { ca_pem: ca, server_name_override: '127.0.0.1' }, byName)).toBe(true);
  });

  statement(61, `${kind}, client certificate`, async () => {
    const sink = await secureSink({ ca, requestCert: true, rejectUnauthorized: true });
    expect(await arrives(sink, { ca_pem: ca, cert_pem: client.cert, key_pem: client.key })).toBe(true);
    expect(await arrives(sink, { ca_pem: ca })).toBe(false);
    expect(await arrives(sink, { ca_pem: ca, cert_pem: stranger.cert, key_pem: stranger.key })).toBe(false);
  });
}

statement(61, 'grpc, endpoint without scheme is TLS unless insecure', async () => {
  const sink = exporting.keep(await GrpcSink.start({ tls: { cert: server.cert, key: server.key } }));
  const endpoint = sink.endpoint.replace('https://', '');
  const collector = await exporting.collector(sink, { ...UNQUEUED, ...NO_RETRY, endpoint, tls: { ca_pem: ca } });
  expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
  const plain = exporting.keep(await GrpcSink.start());
  const secure = await exporting.collector(plain, { ...UNQUEUED, ...NO_RETRY, tls: { ca_pem: ca } });
  expect(await sendNamed(secure, 'y')).toMatchObject({ ok: false, code: 14 });
  expect(plain.received).toHaveLength(0);
});

describe('the receiver', () => {
  let sink: HttpSink;
  let folder: string;
  beforeEach(async () => {
    sink = exporting.keep(await HttpSink.start());
    folder = mkdtempSync(join(tmpdir(), 'teleferric-mtls-'));
    writeFileSync(join(folder, 'ca.crt'), ca);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const secured = (more: object): Promise<Running> => {
    const tls = { cert_pem: server.cert, key_pem: server.key, ...more };
    return exporting.start({ exporters: { otlp_http: direct(sink) }, grpc: { tls }, http: { tls } });
  };
  const message = encodeRequest('logs', named('logs', 'x'));
  const overHttp = (to: Running, tls: object): Promise<HttpReply> =>
    callHttp(to.http, { path: '/v1/logs', body: message, tls: { ca, servername: 'localhost', agent: false, ...tls } });
  statement(61, 'receiver, server certificate', async () => {
    const collector = await secured({});
    expect(await overHttp(collector, {})).toMatchObject({ status: 200 });
    expect(await overGrpc(collector, {})).toBe(0);
    await expect(overHttp(collector, { ca: otherCa })).rejects.toMatchObject({ code: expect.any(String) as unknown });
    await expect(callHttp(collector.http, { path: '/v1/logs', body: message })).rejects.toMatchObject({});
    expect(sink.names('logs')).toEqual(['x', 'x']);
  });

  statement(61, 'receiver, client certificates required', async () => {
    const collector = await secured({ client_ca_file: join(folder, 'ca.crt') });
    expect(await overHttp(collector, client)).toMatchObject({ status: 200 });
    expect(await overGrpc(collector, client)).toBe(0);
    for (const nobody of [{}, stranger]) {
      await expect(overHttp(collector, nobody)).rejects.toMatchObject({ code: expect.any(String) as unknown });
      await expect(overGrpc(collector, nobody)).rejects.toThrow();
    }
    expect(sink.names('logs')).toEqual(['x', 'x']);
  });

  statement(61, 'receiver, lowest version', async () => {
    const collector = await secured({ min_version: '1.3' });
    expect(await overHttp(collector, { minVersion: 'TLSv1.3' })).toMatchObject({ status: 200 });
    await expect(overHttp(collector, { maxVersion: 'TLSv1.2' })).rejects.toMatchObject({});
  });

  test('a certificate that is replaced on disk is used after reload_interval', async () => {
    const files = { cert_file: join(folder, 'server.crt'), key_file: join(folder, 'server.key') };
    const put = (pair: { cert: string; key: string }): void => {
      writeFileSync(files.cert_file, pair.cert);
      writeFileSync(files.key_file, pair.key);
    };
    put(stranger);
    const tls = { ...files, cert_pem: undefined, key_pem: undefined, reload_interval: '50ms' };
    const collector = await secured(tls);
    await expect(overHttp(collector, {})).rejects.toMatchObject({ code: expect.any(String) as unknown });
    put(server);
    await eventually(async () => (await overHttp(collector, {})).status === 200);
    expect(await overGrpc(collector, {})).toBe(0);
  });
});

async function overGrpc(to: Running, tls: object): Promise<number> {
  const connection = await GrpcConnection.open(to.grpc, { ca, servername: 'localhost', ...tls });
  try {
    return (await connection.export('logs', named('logs', 'x'))).code;
  } finally {
    await connection.close();
  }
}
