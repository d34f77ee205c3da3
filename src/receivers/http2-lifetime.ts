/**
 * How long HTTP/2 connections live on a server of Node, and what pings are for on them: the rules of gRPC's keepalive.
 */
import { constants, type ServerHttp2Session } from 'node:http2';

/** Times are in milliseconds; 0 is for ever, except for pings, where it is gRPC's own. */
export interface Http2Lifetime {
  /** How long a connection may be without a request. */
  readonly idleMs: number;
  /** How long it may live; a tenth more or less, so that those made together do not end together. */
  readonly ageMs: number;
  /** How long running requests may take after that. */
  readonly graceMs: number;
  /** How long it may be silent before it is asked whether it lives. */
  readonly pingAfterMs: number;
  /** How long the answer may take. */
  readonly pingTimeoutMs: number;
  /** The shortest time between a client's own pings. */
  readonly clientPingMs: number;
  /** Whether it may ping while no request runs. */
  readonly pingsWhileIdle: boolean;
}

const PING_AFTER_MS = 2 * 60 * 60 * 1000;
const PING_TIMEOUT_MS = 20_000;
const CLIENT_PING_MS = 5 * 60 * 1000;
/** Pings that come too soon before a client is sent away. */
const STRIKES_MAX = 2;
/** The longest that timers take. */
const TIMER_MAX = 2 ** 31 - 1;

/** Holds a connection to it. */
export function limitLifetime(session: ServerHttp2Session, lifetime: Http2Lifetime): void {
  const timers = new Timers();
  session.once('close', () => timers.clear());
  let running = 0;
  let strikes = 0;
  const idle = (): void => {
    if (lifetime.idleMs > 0) timers.set('idle', lifetime.idleMs, () => session.close());
  };
  const alive = (): void => {
    timers.set('ping', lifetime.pingAfterMs || PING_AFTER_MS, () => {
      timers.set('pong', lifetime.pingTimeoutMs || PING_TIMEOUT_MS, () => session.destroy());
      if (!session.destroyed) {
        session.ping((error) => {
          timers.delete('pong');
          if (error === null) alive();
        });
      }
    });
  };
  session.on('stream', (stream) => {
    running += 1;
    strikes = 0;
    timers.delete('idle');
    alive();
    stream.once('close', () => {
      running -= 1;
      if (running === 0) idle();
    });
  });
  let lastPing = Number.NEGATIVE_INFINITY;
  session.on('ping', () => {
    const now = performance.now();
    const wait = running > 0 || lifetime.pingsWhileIdle ? lifetime.clientPingMs || CLIENT_PING_MS : PING_AFTER_MS;
    if (now - lastPing < wait) strikes += 1;
    lastPing = now;
    if (strikes > STRIKES_MAX) sendAway(session);
  });
  if (lifetime.ageMs > 0) {
    timers.set('age', lifetime.ageMs * (0.9 + Math.random() * 0.2), () => {
      session.close();
      if (lifetime.graceMs > 0) timers.set('grace', lifetime.graceMs, () => session.destroy());
    });
  }
  idle();
  alive();
}

function sendAway(session: ServerHttp2Session): void {
  session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'));
  setImmediate(() => session.destroy());
}

/** Timers by name that do not keep the process alive. */
class Timers {
  readonly #running = new Map<string, NodeJS.Timeout>();

  set(name: string, ms: number, then: () => void): void {
    this.delete(name);
    this.#running.set(name, setTimeout(then, Math.min(ms, TIMER_MAX)).unref());
  }

  delete(name: string): void {
    clearTimeout(this.#running.get(name));
    this.#running.delete(name);
  }

  clear(): void {
    for (const timer of this.#running.values()) clearTimeout(timer);
    this.#running.clear();
  }
}
