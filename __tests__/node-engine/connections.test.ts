// How servers of Node treat connections: what the native listener is held to by its own tests in Rust.
import { once } from 'node:events';
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';

import { startCollector, type Running } from '../support/collector.js';
import { eventually } from '../support/poll.js';

const engine = 'node';
let running: Running;

async function start(grpc: object, http: object = {}): Promise<Running> {
  running = await startCollector({ exporters: { nop: null }, grpc: { engine, ...grpc }, http: { engine, ...http } });
  return running;
}
afterEach(() => running.close());

async function open(port: number): Promise<ClientHttp2Session> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  await once(session, 'connect');
  return session;
}

test('a connection without requests ends after its idle time', async () => {
  const { grpc } = await start({ keepalive: { server_parameters: { max_connection_idle: '100ms' } } });
  const session = await open(grpc);
  const [code] = (await once(session, 'goaway')) as [number];
  expect(code).toBe(constants.NGHTTP2_NO_ERROR);
  await once(session, 'close');
});

test('a client that pings too often is sent away', async () => {
  const { grpc } = await start({ keepalive: { enforcement_policy: { min_time: '1h', permit_without_stream: true } } });
  const session = await open(grpc);
  const away = once(session, 'goaway') as Promise<[number, number, Buffer]>;
  for (let pings = 0; pings < 5; pings++) session.ping(() => {});
  const [code, , data] = await away;
  expect([code, String(data)]).toEqual([constants.NGHTTP2_ENHANCE_YOUR_CALM, 'too_many_pings']);
});

test('a client that does not answer a ping is taken for dead', async () => {
  const { grpc } = await start({ keepalive: { server_parameters: { time: '50ms', timeout: '50ms' } } });
  const socket = connect(grpc, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  // The preface and empty settings; nothing is answered after that.
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
  await once(socket, 'close');
  expect(socket.bytesRead).toBeGreaterThan(0);
});

test('the preface of HTTP/2 may come byte by byte, and never', async () => {
  const { http } = await start({}, { read_header_timeout: '300ms' });
  const silent = connect(http, '127.0.0.1').resume();
  const partial = connect(http, '127.0.0.1').resume();
  partial.write('PRI * HTTP/2.0\r\n');
  const slow = connect(http, '127.0.0.1');
  slow.setNoDelay(true);
  for (const socket of [silent, partial, slow]) socket.on('error', () => {});
  const answered = once(slow, 'data') as Promise<[Buffer]>;
  for (const byte of 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0') {
    await new Promise((resolve) => slow.write(byte, resolve));
  }
  // A frame of settings.
  expect((await answered)[0][3]).toBe(4);
  slow.destroy();
  await Promise.all([once(silent, 'close'), once(partial, 'close')]);
});

test('a closed collector leaves no connection open, silent ones neither', async () => {
  const { http, grpc } = await start({});
  const sockets = [connect(http, '127.0.0.1').resume(), connect(grpc, '127.0.0.1').resume()];
  for (const socket of sockets) socket.on('error', () => {});
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const session = await open(http);
  await running.close();
  await eventually(() => session.closed && sockets.every((socket) => socket.destroyed));
  expect(running.collector.listening()).toEqual([]);
});
