/**
 * curl and h2load against the receiver: clients that share no code with ours nor with Node. Skipped, visibly, where the
 * command is not installed.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

import { certificates } from '../support/certificates.js';
import { direct, startCollector, type Running } from '../support/collector.js';
import { named } from '../support/fixtures.js';
import { Cleanup } from '../support/poll.js';
import { encodeRequest, method, toOtlpJson } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import { frame, JSON_TYPE, PROTO } from '../support/wire.js';

const run = promisify(execFile);
const testWith = (command: string): jest.It =>
  spawnSync(command, ['--version']).error === undefined ? test : test.skip;

const cleanup = new Cleanup();
let collector: Running;
let secure: Running;
let sink: HttpSink;
let folder: string;

beforeAll(async () => {
  folder = cleanup.add(mkdtempSync(join(tmpdir(), 'teleferric-commands-')), (it) => rmSync(it, { recursive: true }));
  sink = cleanup.add(await HttpSink.start(), (it) => it.close());
  const exporters = { otlp_http: direct(sink) };
  collector = cleanup.add(await startCollector({ exporters }), (it) => it.close());
  const { server, ca } = certificates();
  writeFileSync(join(folder, 'ca.crt'), ca);
  const tls = { cert_pem: server.cert, key_pem: server.key };
  secure = cleanup.add(await startCollector({ exporters, http: { tls } }), (it) => it.close());
  const request = encodeRequest('logs', named('logs', 'x'));
  writeFileSync(join(folder, 'request.pb'), request);
  writeFileSync(join(folder, 'request.pb.gz'), gzipSync(request));
  writeFileSync(join(folder, 'request.json'), toOtlpJson('logs', named('logs', 'x')));
  writeFileSync(join(folder, 'request.grpc'), frame(request));
});
beforeEach(() => sink.reset());
afterEach(async () => collector.memoryIsFree());
afterAll(() => cleanup.run());

/** Status, protocol version and media type of the answer. */
async function curl(to: Running, args: readonly string[]): Promise<string> {
  const scheme = to === secure ? 'https' : 'http';
  const url = `${scheme}://localhost:${to.http}/v1/logs`;
  const facts = '%{http_code} %{http_version} %{content_type}';
  const fixed = [
    '--silent',
    '--show-error',
    '--output',
    '/dev/null',
    '--write-out',
    facts,
    '--ipv4',
    '--max-time',
    '10',
  ];
  return (await run('curl', [...fixed, ...args, url], { cwd: folder })).stdout;
}

const type = (name: string): readonly string[] => ['--header', `content-type: ${name}`];

testWith('curl')('curl sends over HTTP/1.1', async () => {
  expect(await curl(collector, [...type(PROTO), '--data-binary', '@request.pb'])).toBe(`200 1.1 ${PROTO}`);
  expect(await curl(collector, [...type(JSON_TYPE), '--data-binary', '@request.json'])).toBe(`200 1.1 ${JSON_TYPE}`);
  const gzip = ['--header', 'content-encoding: gzip', '--data-binary', '@request.pb.gz'];
  expect(await curl(collector, [...type(PROTO), ...gzip])).toBe(`200 1.1 ${PROTO}`);
  const chunked = ['--header', 'transfer-encoding: chunked', '--data-binary', '@request.pb'];
  expect(await curl(collector, [...type(PROTO), ...chunked])).toBe(`200 1.1 ${PROTO}`);
  const expecting = ['--header', 'expect: 100-continue', '--data-binary', '@request.pb'];
  expect(await curl(collector, [...type(PROTO), ...expecting])).toBe(`200 1.1 ${PROTO}`);
  expect(await curl(collector, [...type(JSON_TYPE), '--data-binary', '{'])).toBe(`400 1.1 ${JSON_TYPE}`);
  expect(await curl(collector, ['--request', 'GET'])).toBe('405 1.1 text/plain');
  expect(sink.names('logs')).toEqual(['x', 'x', 'x', 'x', 'x']);
});

testWith('curl')('curl sends over HTTP/2, with and without TLS, and falls back to HTTP/1.1', async () => {
  const body = [...type(PROTO), '--data-binary', '@request.pb'];
  expect(await curl(collector, ['--http2-prior-knowledge', ...body])).toBe(`200 2 ${PROTO}`);
  // The offer to upgrade may be ignored.
  expect(await curl(collector, ['--http2', ...body])).toMatch(new RegExp(`^200 (1\\.1|2) ${PROTO}$`));
  expect(await curl(secure, ['--cacert', 'ca.crt', '--http2', ...body])).toBe(`200 2 ${PROTO}`);
  expect(await curl(secure, ['--cacert', 'ca.crt', '--http1.1', ...body])).toBe(`200 1.1 ${PROTO}`);
  expect(sink.names('logs')).toEqual(['x', 'x', 'x', 'x']);
});

/** How many answers were 2xx, and how many requests failed. */
async function h2load(args: readonly string[]): Promise<{ succeeded: number; failed: number; items: number }> {
  const { stdout } = await run('h2load', ['--requests', '500', '--clients', '5', ...args], { cwd: folder });
  const [, succeeded, failed] = /(\d+) succeeded, (\d+) failed/.exec(stdout) ?? [];
  return { succeeded: Number(succeeded), failed: Number(failed), items: sink.items };
}

const ALL = { succeeded: 500, failed: 0, items: 500 };

testWith('h2load')('h2load sends 500 requests over HTTP/2 without TLS', async () => {
  const headers = ['--header', `content-type: ${PROTO}`, '--data', 'request.pb'];
  const url = `http://127.0.0.1:${collector.http}/v1/logs`;
  expect(await h2load(['--max-concurrent-streams', '10', ...headers, url])).toEqual(ALL);
});

testWith('h2load')('h2load sends 500 requests over HTTP/1.1', async () => {
  const headers = ['--header', `content-type: ${PROTO}`, '--data', 'request.pb'];
  expect(await h2load(['--h1', ...headers, `http://127.0.0.1:${collector.http}/v1/logs`])).toEqual(ALL);
});

testWith('h2load')('h2load sends 500 gRPC calls', async () => {
  const headers = ['--header', 'content-type: application/grpc', '--header', 'te: trailers', '--data', 'request.grpc'];
  const url = `http://127.0.0.1:${collector.grpc}${method('logs')}`;
  expect(await h2load(['--max-concurrent-streams', '10', ...headers, url])).toEqual(ALL);
});
