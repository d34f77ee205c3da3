/**
 * What the receivers of Node need of the core, and how bodies get there: as fast as it takes them, never parsed.
 */
import type { Readable } from 'node:stream';

import type { HostContext, HostExchange, HostRequest } from '../binding/index.js';

/** The way into the core for requests of one protocol. */
export interface Door {
  readonly protocol: 'grpc' | 'http';
  /** Begins a request; null while the collector takes none. */
  readonly begin: (request: HostRequest) => HostExchange | null;
  /** Whether the receiver takes requests for this path. */
  readonly serves: (receiver: string, path: string) => boolean;
  /** Something went wrong that no sender is to blame for: it is logged. */
  readonly failed: (receiver: string, what: string, error: unknown) => void;
}

/** For {@link Door.failed}: a mistake of the host's, or of ours. */
export const NOT_TAKEN = 'A request could not be taken from the host.';

/** What the host says of a request; throws when it says what cannot be. */
export type ContextOf<T> = (from: T) => HostContext | null;

/** Hands over what `source` has; a source that breaks off ends the exchange. */
export function relay(source: Readable, exchange: HostExchange): void {
  const abort = (): void => exchange.abort();
  source.on('data', (chunk: Uint8Array) => {
    if (exchange.write(chunk)) return;
    source.pause();
    // The wait cannot fail but for a bug of the addon, and then the exchange is over.
    exchange.room().then(() => source.resume(), abort);
  });
  source.once('end', () => {
    source.off('close', abort);
    exchange.finish();
  });
  source.once('error', abort);
  source.once('close', abort);
}

/** `address:port` as the core reads it; null for a Unix socket. */
export function peerOf(socket: {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}): string | null {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return null;
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');
  return address.includes(':') ? `[${address}]:${remotePort}` : `${address}:${remotePort}`;
}
