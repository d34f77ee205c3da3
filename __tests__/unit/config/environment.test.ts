// The real outside world: files, HTTP and memory as the process has them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadConfig, processEnvironment } from '../../../src/config/index.js';
import { BASE, failureOf } from './harness.js';

describe('the process environment', () => {
  let server: Server;
  let address: string;
  let directory: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      response.statusCode = request.url === '/c.yaml' ? 200 : 500;
      response.end(request.url === '/c.yaml' ? BASE : 'no');
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    directory = await mkdtemp(join(tmpdir(), 'config-'));
  });

  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
    await rm(directory, { recursive: true });
  });

  it('loads from a file, with the package’s own version as user agent', async () => {
    const path = join(directory, 'c.yaml');
    await writeFile(path, BASE);
    const loaded = await loadConfig({ sources: [path] });
    expect(loaded.native.service.user_agent).toMatch(/^teleferric\/\d+\.\d+\.\d+\S* \(\w+\/\w+\)$/);
  });

  it('tells a directory and a missing file apart', async () => {
    expect((await failureOf(loadConfig({ sources: [directory] }))).message).toContain('is a directory');
    expect((await failureOf(loadConfig({ sources: [join(directory, 'none')] }))).message).toContain(
      'no such file or directory',
    );
  });

  it('loads over HTTP, with a warning, and needs 200', async () => {
    const loaded = await loadConfig({ sources: [`${address}/c.yaml`] });
    expect(loaded.diagnostics.map(({ message }) => message)).toEqual([
      'configuration is read over plain HTTP, where others can read and change it; use https',
    ]);
    const error = await failureOf(loadConfig({ sources: [`${address}/other`] }));
    expect(error.message).toBe(
      `cannot retrieve the configuration: failed to load resource from uri "${address}/other". status code: 500`,
    );
  });

  it('gives up when told to', async () => {
    const error = await failureOf(loadConfig({ sources: [`${address}/c.yaml`], signal: AbortSignal.abort() }));
    expect(error.code).toBe('CONFIG_UNREADABLE');
  });

  it('reads variables as they are set, and not from the prototype', () => {
    const environment = processEnvironment({ A: 'x', B: '' });
    expect([
      environment.variable('A'),
      environment.variable('B'),
      environment.variable('C'),
      environment.variable('toString'),
    ]).toEqual(['x', '', undefined, undefined]);
  });

  it('knows how much memory and how many processors there are', () => {
    const { bytes, from } = processEnvironment().memory();
    expect(bytes).toBeGreaterThan(1024 * 1024);
    expect(['cgroup', 'host']).toContain(from);
    expect(processEnvironment().parallelism()).toBeGreaterThan(0);
  });
});
