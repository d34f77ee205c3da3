// The HTTP server settings of the receiver, as a client meets them.
import { gzipSync } from 'node:zlib';

import { http, postSpans, spans } from './otlp.js';
import { endPrograms, start, TELEMETRY } from './program.js';

afterEach(endPrograms);

/** Starts a collector whose HTTP receiver has these settings. @returns its address */
async function receiver(settings: object): Promise<string> {
  const pipeline = { receivers: ['otlp'], exporters: ['nop'] };
  const program = await start({
    receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0', ...settings } } } },
    exporters: { nop: null },
    service: { telemetry: TELEMETRY, pipelines: { traces: pipeline, logs: pipeline } },
  });
  return program.address('HTTP');
}

const JSON_BODY = { 'content-type': 'application/json' };

const preflight = (address: string, origin: string): ReturnType<typeof http> =>
  http(`http://${address}/v1/traces`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,x-own',
    },
  });

describe('checklist 27: CORS', () => {
  const cors = {
    allowed_origins: ['https://app.example', 'https://*.shop.example'],
    allowed_headers: ['X-Own'],
    exposed_headers: ['X-Shown'],
    max_age: 600,
  };

  it.each(['https://app.example', 'https://eu.shop.example'])('lets %s in', async (origin) => {
    const address = await receiver({ cors });
    const allowed = await preflight(address, origin);
    expect(allowed.status).toBe(204);
    expect(allowed.headers['access-control-allow-origin']).toBe(origin);
    expect(allowed.headers['access-control-allow-methods']).toContain('POST');
    expect(allowed.headers['access-control-allow-headers']?.toLowerCase()).toContain('x-own');
    expect(allowed.headers['access-control-max-age']).toBe('600');
    const answer = await postSpans(address, spans(1), { origin });
    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-origin']).toBe(origin);
    expect(answer.headers['access-control-expose-headers']).toBe('X-Shown');
  });

  it('keeps other origins out', async () => {
    const address = await receiver({ cors });
    const refused = await preflight(address, 'https://evil.example');
    expect(refused.headers['access-control-allow-origin']).toBeUndefined();
    const answer = await postSpans(address, spans(1), { origin: 'https://evil.example' });
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('is off without the block', async () => {
    const address = await receiver({});
    const answer = await preflight(address, 'https://app.example');
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    expect(answer.status).toBe(405);
  });
});

describe('checklist 27: response_headers', () => {
  it('are on every answer, good or bad', async () => {
    const address = await receiver({ response_headers: { 'X-Own': 'yes', 'Strict-Transport-Security': 'max-age=1' } });
    const good = await postSpans(address);
    const bad = await http(`http://${address}/v1/traces`, { body: '{', headers: JSON_BODY });
    const lost = await http(`http://${address}/nowhere`, { body: '{}', headers: JSON_BODY });
    expect([good.status, bad.status, lost.status]).toEqual([200, 400, 404]);
    for (const { headers } of [good, bad, lost]) {
      expect(headers).toMatchObject({ 'x-own': 'yes', 'strict-transport-security': 'max-age=1' });
    }
  });
});

describe('checklist 27: URL paths', () => {
  it('are those of the configuration, with a leading slash added', async () => {
    const address = await receiver({ traces_url_path: '/otlp/spans', logs_url_path: 'otlp/lines' });
    const status = async (path: string, body: string): Promise<number> =>
      (await http(`http://${address}${path}`, { body, headers: JSON_BODY })).status;
    await expect(status('/otlp/spans', JSON.stringify(spans(1)))).resolves.toBe(200);
    await expect(status('/otlp/lines', '{"resourceLogs":[]}')).resolves.toBe(200);
    await expect(status('/v1/traces', JSON.stringify(spans(1)))).resolves.toBe(404);
    await expect(status('/v1/logs', '{}')).resolves.toBe(404);
  });

  it('of signals without a pipeline do not exist', async () => {
    const address = await receiver({});
    const { status } = await http(`http://${address}/v1/metrics`, { body: '{}', headers: JSON_BODY });
    expect(status).toBe(404);
  });
});

describe('checklist 27: max_request_body_size', () => {
  it('refuses larger bodies, before and after decompression', async () => {
    const address = await receiver({ max_request_body_size: 4096 });
    const small = JSON.stringify(spans(1));
    const large = JSON.stringify(spans(1, 'work', 'x'.repeat(8000)));
    const send = async (body: string | Uint8Array, headers = {}): Promise<number> =>
      (await http(`http://${address}/v1/traces`, { body, headers: { ...JSON_BODY, ...headers } })).status;
    await expect(send(small)).resolves.toBe(200);
    await expect(send(large)).resolves.toBe(413);
    const packed = gzipSync(large);
    expect(packed.length).toBeLessThan(4096);
    await expect(send(packed, { 'content-encoding': 'gzip' })).resolves.toBe(413);
    await expect(send(gzipSync(small), { 'content-encoding': 'gzip' })).resolves.toBe(200);
  });
});
