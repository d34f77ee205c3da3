// Ports for what cannot take port 0.
import { createServer, type AddressInfo, type Server } from 'node:net';

import { until } from './until.js';

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = await listen(0);
  const { port } = server.address() as AddressInfo;
  await close(server);
  return port;
}

/** Whoever holds this one has the others. Below the ports that systems give to clients, or one of those might hold it. */
const LOCK_PORT = 24_317;
/** OTLP/gRPC, OTLP/HTTP, metrics, health. */
const DEFAULT_PORTS = [4317, 4318, 8888, 13_133];

/** Runs a test that needs the well-known ports, alone among all test processes on this machine. */
export async function withDefaultPorts(test: () => Promise<void>): Promise<void> {
  let lock: Server | null = null;
  await until(async () => {
    lock = await listen(LOCK_PORT).catch(() => null);
    return lock !== null;
  }, 'the lock on the well-known ports');
  try {
    for (const port of DEFAULT_PORTS) await until(() => isFree(port), `port ${port}, which another program holds`);
    await test();
  } finally {
    if (lock !== null) await close(lock);
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = await listen(port).catch(() => null);
  if (server !== null) await close(server);
  return server !== null;
}

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
