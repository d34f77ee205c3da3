import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import { isCollectorError } from '../../../src/errors.js';
import { goDuration, HealthCheck, type HealthSettings } from '../../../src/telemetry/health.js';
import { parseEndpoint } from '../../../src/servers/listen.js';
import { DEFAULT_VIEW } from '../../../src/telemetry/metric-families.js';
import { MetricsEndpoint } from '../../../src/telemetry/metrics-endpoint.js';
import { MetricsPage, MetricsReader } from '../../../src/telemetry/prometheus.js';
import { checkExposition } from './exposition.js';

const source = { metricsCatalogue: () => ({ version: 1, series: [] }), metricsSnapshot: () => 1 };

function page(level: 'basic' | 'normal' = 'basic'): MetricsPage {
  return new MetricsPage(new MetricsReader(source), { ...DEFAULT_VIEW, level });
}

const settings: HealthSettings = {
  endpoint: '127.0.0.1:0',
  transport: 'tcp',
  tls: null,
  path: '/',
  responseBody: null,
  responseHeaders: [],
};

describe('MetricsEndpoint', () => {
  let endpoint: MetricsEndpoint;
  beforeEach(async () => {
    endpoint = await MetricsEndpoint.listen('127.0.0.1', 0, page());
  });
  afterEach(() => endpoint.close());

  it('serves the page to GET and HEAD', async () => {
    const got = await fetch(`http://${endpoint.address}/metrics?x=1`);
    expect(got.status).toBe(200);
    expect(got.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const text = await got.text();
    checkExposition(text);
    expect(text).toContain('otelcol_process_uptime ');
    const head = await fetch(`http://${endpoint.address}/metrics`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('answers other methods 405 and other paths 404', async () => {
    const post = await fetch(`http://${endpoint.address}/metrics`, { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const root = await fetch(`http://${endpoint.address}/`);
    expect(root.status).toBe(404);
  });

  it('shows another page without a new listener', async () => {
    endpoint.show(page('normal'));
    const got = await fetch(`http://${endpoint.address}/metrics`);
    await expect(got.text()).resolves.toContain('nodejs_version_info');
  });

  it('says plainly that the port is in use', async () => {
    const port = Number(endpoint.address.split(':')[1]);
    const error: unknown = await MetricsEndpoint.listen('127.0.0.1', port, page()).catch((reason: unknown) => reason);
    expect(isCollectorError(error, 'BIND_FAILED')).toBe(true);
    expect((error as Error).message).toBe(`metrics: listen tcp 127.0.0.1:${port}: bind: address already in use`);
  });
});

async function get(check: HealthCheck, path = '/') {
  const response = await fetch(`http://${check.address}${path}`);
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

describe('HealthCheck', () => {
  it('is 503 before ready and after not ready, 200 between', async () => {
    let now = Date.UTC(2026, 7, 1, 12, 0, 0, 250);
    const check = await HealthCheck.listen(settings, () => now);
    const down = {
      status: 503,
      type: 'application/json',
      body: '{"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""}',
    };
    await expect(get(check)).resolves.toEqual(down);
    check.ready();
    now += 62_300;
    await expect(get(check, '/anything/below')).resolves.toEqual({
      status: 200,
      type: 'application/json',
      body: '{"status":"Server available","upSince":"2026-08-01T12:00:00.250Z","uptime":"1m2.3s"}',
    });
    check.notReady();
    await expect(get(check)).resolves.toEqual(down);
    await check.close();
    await check.close();
  });

  it('serves its path only, custom bodies and response headers', async () => {
    const responseBody = { healthy: 'I am good', unhealthy: 'not yet' };
    const check = await HealthCheck.listen({
      ...settings,
      path: '/health',
      responseBody,
      responseHeaders: [['x-a', 'b']],
    });
    await expect(get(check, '/health')).resolves.toMatchObject({ status: 503, body: 'not yet' });
    check.ready();
    await expect(get(check, '/health')).resolves.toMatchObject({ status: 200, body: 'I am good' });
    await expect(get(check, '/')).resolves.toMatchObject({ status: 404 });
    const response = await fetch(`http://${check.address}/health`);
    expect(response.headers.get('x-a')).toBe('b');
    await check.close();
  });

  it('says plainly that the port is in use', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => {
      holder.once('listening', resolve);
    });
    const { port } = holder.address() as AddressInfo;
    const attempt = HealthCheck.listen({ ...settings, endpoint: `127.0.0.1:${port}` });
    await expect(attempt).rejects.toThrow(`health_check: listen tcp 127.0.0.1:${port}: bind: address already in use`);
    holder.close();
  });

  it('refuses an endpoint without a port', async () => {
    await expect(HealthCheck.listen({ ...settings, endpoint: 'localhost' })).rejects.toThrow('missing port in address');
  });
});

describe('parseEndpoint', () => {
  it.each([
    ['localhost:13133', { host: 'localhost', port: 13133 }],
    [':0', { host: '', port: 0 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['a:99999', null],
    ['::1:80', null],
    ['host', null],
  ])('reads %s', (text, value) => {
    expect(parseEndpoint(text)).toEqual(value);
  });
});

describe('goDuration', () => {
  it.each([
    [0, '0s'],
    [250, '250ms'],
    [1000, '1s'],
    [61_000, '1m1s'],
    [3_723_004, '1h2m3.004s'],
    [3_600_000, '1h0m0s'],
  ])('prints %d ms as %s', (ms, text) => {
    expect(goDuration(ms)).toBe(text);
  });
});
