/**
 * The gateways of `examples/` as users run them: a process of its own with the packages that its package.json names.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { jest } from '@jest/globals';

import { named } from '../support/fixtures.js';
import { folderWith, ROOT } from '../support/installed.js';
import { Cleanup } from '../support/poll.js';
import { GrpcSink, HttpSink, type AnySink } from '../support/sinks.js';
import { callHttp, GrpcConnection, JSON_TYPE, postRequest } from '../support/wire.js';

jest.setTimeout(40_000);

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;

/** The example in a folder where nothing else can be found than what it depends on. */
function installed(name: string): string {
  const source = path.join(ROOT, 'examples', name);
  const folder = folderWith(name, Object.keys(manifestIn(source).dependencies));
  for (const file of ['package.json', 'gateway.mjs']) copyFileSync(path.join(source, file), path.join(folder, file));
  return folder;
}

/** A running example. */
class Gateway {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static start(name: string, sink: AnySink): Promise<Gateway> {
    const folder = installed(name);
    expect(manifestIn(folder).scripts['start']).toBe('node gateway.mjs');
    return Gateway.run('gateway.mjs', folder, { BACKEND: sink.endpoint });
  }

  static async run(file: string, cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Gateway> {
    const child = spawn(process.execPath, [file], {
      cwd,
      env: { ...process.env, NODE_OPTIONS: '', PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    cleanup.add(child, (it) => it.kill('SIGKILL'));
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const port = /^(?:gateway|OTLP\/HTTP) on (?:http:\/\/)?127\.0\.0\.1:(\d+)$/.exec(line)?.[1];
    return new Gateway(child, Number(port));
  }

  /** As a process manager would; what is held has to be delivered first. */
  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  }
}

async function httpSink(): Promise<HttpSink> {
  return cleanup.add(await HttpSink.start(), (it) => it.close());
}

/** What an example depends on has the version that its tests have. */
test.each(['express-gateway', 'fastify-gateway', 'grpc-gateway'])('%s asks for tested versions', (name) => {
  const { devDependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const { teleferric, ...others } = manifestIn(path.join(ROOT, 'examples', name)).dependencies;
  expect(teleferric).toBe('file:../..');
  expect(devDependencies).toMatchObject(others);
});

test('express-gateway takes telemetry beside its own requests', async () => {
  const sink = await httpSink();
  const gateway = await Gateway.start('express-gateway', sink);
  const headers = { 'x-api-key': 'key-of-acme' };
  const otlp = { path: '/otlp/v1/logs', headers: { 'content-type': JSON_TYPE } };
  const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'kept' } }] }] }] });
  expect((await callHttp(gateway.port, { ...otlp, body })).status).toBe(401);
  const taken = await callHttp(gateway.port, { ...otlp, body, headers: { ...otlp.headers, ...headers } });
  expect([taken.status, taken.body.toString()]).toEqual([200, '{"partialSuccess":{}}']);
  const order = await callHttp(gateway.port, {
    path: '/orders',
    headers: { ...headers, 'content-type': JSON_TYPE },
    body: '{"items":[1,2]}',
  });
  expect(JSON.parse(order.body.toString())).toEqual({ items: 2, customer: 'acme' });
  await gateway.stop();
  expect(sink.names('logs')).toEqual(['kept']);
});

test('fastify-gateway takes telemetry beside its own requests', async () => {
  const sink = await httpSink();
  const gateway = await Gateway.start('fastify-gateway', sink);
  const headers = { authorization: 'Bearer token-of-acme' };
  expect((await postRequest(gateway.port, 'logs', named('logs', 'lost'))).status).toBe(401);
  expect((await postRequest(gateway.port, 'logs', named('logs', 'kept'), { headers })).status).toBe(200);
  expect((await postRequest(gateway.port, 'logs', named('logs', 'as json'), { headers, json: true })).status).toBe(200);
  const order = await callHttp(gateway.port, {
    path: '/orders',
    headers: { ...headers, 'content-type': JSON_TYPE },
    body: '{"items":[1,2]}',
  });
  expect([order.status, order.body.toString()]).toEqual([201, '{"items":2}']);
  const health = await callHttp(gateway.port, { path: '/health', method: 'GET' });
  expect([health.status, health.body.toString()]).toEqual([200, '{"collector":"running"}']);
  await gateway.stop();
  expect(sink.names('logs')).toEqual(['kept', 'as json']);
});

test('grpc-gateway takes telemetry beside its own calls', async () => {
  const sink = cleanup.add(await GrpcSink.start(), (it) => it.close());
  const gateway = await Gateway.start('grpc-gateway', sink);
  const connection = cleanup.add(await GrpcConnection.open(gateway.port), (it) => it.close());
  const metadata = { authorization: 'Bearer token-of-acme' };
  expect((await connection.export('logs', named('logs', 'lost'))).code).toBe(16);
  expect((await connection.export('logs', named('logs', 'kept'), { metadata })).code).toBe(0);
  const message = Buffer.from('two words');
  const count = await connection.call({ path: '/example.Orders/Count', message, metadata });
  expect([count.code, String(count.body)]).toEqual([0, '9']);
  await connection.close();
  await gateway.stop();
  expect(sink.names('logs')).toEqual(['kept']);
});

test('http-server.mjs takes telemetry from who knows the secret', async () => {
  const server = await Gateway.run('examples/http-server.mjs', ROOT);
  expect((await postRequest(server.port, 'logs', named('logs', 'lost'))).status).toBe(401);
  const headers = { authorization: 'secret' };
  expect((await postRequest(server.port, 'logs', named('logs', 'kept'), { headers })).status).toBe(200);
  expect((await callHttp(server.port, { path: '/elsewhere', headers })).status).toBe(404);
  await server.stop();
});
