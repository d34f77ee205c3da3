/**
 * HTTP/1.1 and HTTP/2 on one port without TLS: the first bytes of a connection tell which it is.
 */
import type { Server as HttpServer } from 'node:http';
import type { Http2Server } from 'node:http2';
import type { Socket } from 'node:net';

/** What every HTTP/2 connection begins with. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** The close that follows says enough. */
const ignore = (): void => {};

/** The connections that have not said yet what they speak. */
export class Greetings {
  readonly #silent = new Set<Socket>();

  /**
   * Gives the connections of `http1` that speak HTTP/2 to `http2`, which need not listen.
   * @param timeoutMs how long a connection may leave it open; 0 is without limit
   */
  constructor(http1: HttpServer, http2: Http2Server, timeoutMs: number) {
    const own = http1.listeners('connection');
    http1.removeAllListeners('connection');
    http1.on('connection', (socket: Socket) => {
      this.#hear(socket, timeoutMs, (isHttp2) => {
        if (isHttp2) http2.emit('connection', socket);
        else for (const listener of own) listener.call(http1, socket);
      });
    });
  }

  /** Ends the connections that have said nothing yet. */
  end(): void {
    for (const socket of this.#silent) socket.destroy();
  }

  #hear(socket: Socket, timeoutMs: number, then: (isHttp2: boolean) => void): void {
    const timer = timeoutMs === 0 ? undefined : setTimeout(() => socket.destroy(), timeoutMs).unref();
    let said = Buffer.alloc(0);
    const hear = (): void => {
      const more = socket.read() as Buffer | null;
      if (more === null) return;
      said = Buffer.concat([said, more]);
      const isHttp2 = said.subarray(0, PREFACE.length).equals(PREFACE.subarray(0, said.length));
      if (isHttp2 && said.length < PREFACE.length) return;
      leave();
      socket.unshift(said);
      then(isHttp2);
    };
    const leave = (): void => {
      clearTimeout(timer);
      this.#silent.delete(socket);
      socket.off('readable', hear).off('error', ignore).off('close', leave).off('end', close);
    };
    // Who says goodbye before hello gets none back.
    const close = (): void => void socket.destroy();
    this.#silent.add(socket);
    socket.on('readable', hear).on('error', ignore).on('close', leave).on('end', close);
  }
}
