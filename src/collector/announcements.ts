/**
 * What a collector says in its log about what it has begun to run.
 */
import type { Listener } from '../binding/index.js';
import type { LoadedConfig } from '../config/index.js';
import type { LogFields } from '../telemetry/log-encoding.js';
import type { Log } from '../telemetry/log.js';

/** Protocols as the Collector's log has them. */
const SERVER_WORDS: Readonly<Record<string, string>> = { grpc: 'GRPC', http: 'HTTP' };

/** What is worth knowing about a configuration that works. @param warn for what works, but not as it should */
export function announce(
  { diagnostics, acks }: LoadedConfig,
  log: Log,
  warn: (message: string, facts: LogFields) => void,
): void {
  for (const { severity, message, fields, path } of diagnostics) {
    const facts = path.length === 0 ? fields : { ...fields, path: path.join('::') };
    if (severity === 'warning') warn(message, facts);
    else log.info(message, facts);
  }
  for (const [id, bySignal] of acks) {
    const facts = { 'otelcol.component.id': id, 'otelcol.component.kind': 'receiver' };
    const levels = Object.fromEntries([...bySignal].map(([signal, { level }]) => [signal, level]));
    log.info('What OK tells senders', { ...facts, ...levels });
  }
}

/** Where data is taken, and where the collector tells about itself; what was open before is not told again. */
export function announceListeners(listening: readonly Listener[], before: readonly Listener[], log: Log): void {
  const known = new Set(before.map(({ address }) => address));
  for (const { component, protocol, address } of listening) {
    if (known.has(address)) continue;
    const fields = { 'otelcol.component.id': component, endpoint: address };
    log.info(`Starting ${SERVER_WORDS[protocol] ?? protocol} server`, fields);
  }
}
