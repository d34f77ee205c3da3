import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';

import { Certificates, tlsOptions, type EndpointTls } from '../../../src/servers/tls.js';
import { certificates } from '../../support/certificates.js';
import { temporaryFolder } from '../../support/folder.js';
import { Cleanup } from '../../support/poll.js';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const { ca, server: ours, stranger } = certificates();
const TLS: EndpointTls = {
  certFile: null,
  certPem: ours.cert,
  keyFile: null,
  keyPem: ours.key,
  minVersion: null,
  maxVersion: null,
  cipherSuites: [],
  curves: [],
  clientCaFile: null,
  reloadMs: 0,
};

async function open(tls: EndpointTls): Promise<Server> {
  const server = createServer(tlsOptions('test', tls)).listen(0, '127.0.0.1');
  cleanup.add(server, (it) => it.close());
  await once(server, 'listening');
  return server;
}

/** What a client finds. */
async function greeted<T>(server: Server, options: ConnectionOptions, look: (socket: TLSSocket) => T): Promise<T> {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost', ...options });
  try {
    await once(socket, 'secureConnect');
    return look(socket);
  } finally {
    socket.destroy();
  }
}

test('suites and curves are those of the configuration', async () => {
  const server = await open({
    ...TLS,
    cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'],
    curves: ['P384'],
  });
  const found = await greeted(server, { maxVersion: 'TLSv1.2' }, (socket) => ({
    suite: socket.getCipher().standardName,
    curve: (socket.getEphemeralKeyInfo() as { readonly name?: string }).name,
  }));
  expect(found).toEqual({
    suite: expect.stringMatching(/_WITH_AES_256_GCM_SHA384$/) as unknown,
    curve: 'secp384r1',
  });
  await expect(greeted(server, { ecdhCurve: 'X25519' }, () => null)).rejects.toThrow();
  // Those of TLS 1.3 are always offered.
  expect(await greeted(server, {}, (socket) => socket.getProtocol())).toBe('TLSv1.3');
});

test.each([
  ['a certificate that is none', { certPem: 'nonsense' }, 'test: cannot use TLS'],
  ['the key of another', { keyPem: stranger.key }, 'test: cannot use TLS'],
  ['a file that is not there', { keyFile: '/nowhere/key.pem' }, 'test: cannot read TLS file /nowhere/key.pem'],
])('%s is told by name', (_what, wrong, message) => {
  expect(() => tlsOptions('test', { ...TLS, ...wrong })).toThrow(message);
});

test('new files are used, and those that cannot be are told of once', async () => {
  const folder = temporaryFolder('tls');
  const tls = { ...TLS, certFile: path.join(folder, 'cert.pem'), keyFile: path.join(folder, 'key.pem') };
  const put = ({ cert, key }: { readonly cert: string; readonly key: string }): void => {
    writeFileSync(tls.certFile, cert);
    writeFileSync(tls.keyFile, key);
  };
  put(stranger);
  const server = await open(tls);
  const failures: string[] = [];
  const files = Certificates.watch(server, 'test', tls, ({ message }) => failures.push(message));
  const trusted = (): Promise<boolean> => greeted(server, { rejectUnauthorized: false }, (socket) => socket.authorized);
  expect(await trusted()).toBe(false);
  put({ cert: ours.cert, key: stranger.key });
  files.renew();
  rmSync(tls.keyFile);
  files.renew();
  files.renew();
  expect(failures).toEqual([
    expect.stringContaining('cannot use TLS') as unknown,
    expect.stringContaining('cannot read TLS file') as unknown,
  ]);
  expect(await trusted()).toBe(false);
  put(ours);
  files.renew();
  expect([await trusted(), failures.length]).toEqual([true, 2]);
});
