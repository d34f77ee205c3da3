/**
 * Acknowledgement levels: what OK means to the senders of each receiver, found from the way behind it. This is the one
 * place where the level of a path is judged; the data plane is only told the results.
 */
import type { DecodedComponent, DecodedConfig } from './decode-config.js';
import { graphIssue } from './graph.js';
import type { ConfigIssue, Diagnostic } from './issues.js';
import type { Signal } from './native-types.js';
import type { ResolvedPipeline } from './resolved.js';
import { ACK_LEVELS, DIRECT } from './components/acknowledging.js';
import type { AckLevel, Acknowledging } from './components/acknowledging.js';
import { SIGNALS } from './schema/ids.js';
import type { ConfigNode } from './tree/node.js';

/** The levels of one receiver for one signal. */
export interface AckPath {
  /** What OK means to who asks for nothing, with a written `ack` counted in. */
  readonly level: AckLevel;
  /** What can be asked for. */
  readonly levels: readonly AckLevel[];
}

/** By receiver and signal; only what a pipeline takes. */
export type AckPaths = ReadonlyMap<string, ReadonlyMap<Signal, AckPath>>;

/** One way from a receiver to an exporter. */
interface Way {
  readonly exporter: string;
  readonly acknowledging: Acknowledging;
  /** The first `batch` processor on it. */
  readonly batch: string | null;
}

/** A receiver that has `ack`. */
interface Asking {
  readonly ack: AckLevel | null;
  readonly ack_quorum: number | null;
}

/** The levels of every receiver that has `ack`; reports levels that are written and cannot be had, and batches in the way. */
export function findAckPaths(
  config: DecodedConfig,
  pipelines: readonly ResolvedPipeline[],
  root: ConfigNode,
  issues: ConfigIssue[],
  diagnostics: Diagnostic[],
): AckPaths {
  const paths = new Map<string, Map<Signal, AckPath>>();
  for (const { id, definition, config: value } of config.components.receivers.values()) {
    if (!definition.asksForAck) continue;
    const { ack: written, ack_quorum: quorum } = value as Asking;
    const bySignal = new Map<Signal, AckPath>();
    for (const signal of SIGNALS) {
      const ways = waysFrom(id, signal, config, pipelines);
      if (ways.length === 0) continue;
      const levels = ACK_LEVELS.filter((level) => obstacle(level, ways) === null);
      bySignal.set(signal, { level: written ?? weakest(ways.map(ownLevel)), levels });
      if (written === null) diagnostics.push(...batchHints(id, signal, ways));
      const refuse = (key: string, asked: unknown, reason: string | null): void => {
        if (reason === null) return;
        const text = `receivers::${id}: ${key}: ${JSON.stringify(asked)} cannot be had for ${signal}: ${reason}`;
        issues.push(graphIssue(text, ['receivers', id, key], root));
      };
      if (written !== null) refuse('ack', written, obstacle(written, ways));
      if (quorum !== null) refuse('ack_quorum', quorum, quorumObstacle(quorum, ways));
    }
    if (bySignal.size > 0) paths.set(id, bySignal);
  }
  return paths;
}

/** Every way of `signal` from a receiver or connector. There are no cycles: that has been checked. */
function waysFrom(
  source: string,
  signal: Signal,
  config: DecodedConfig,
  pipelines: readonly ResolvedPipeline[],
): readonly Way[] {
  const { components } = config;
  return pipelines
    .filter((pipeline) => pipeline.signal === signal && pipeline.receivers.includes(source))
    .flatMap((pipeline) => {
      const batch = pipeline.processors.find((id) => components.processors.get(id)?.definition.answersEarly) ?? null;
      return pipeline.exporters.flatMap((id): readonly Way[] => {
        const exporter = components.exporters.get(id);
        if (exporter !== undefined) return [{ exporter: id, acknowledging: ofExporter(exporter, config), batch }];
        // data of another signal is derived, and outside of what is acknowledged
        return waysFrom(id, signal, config, pipelines).map((way) => ({ ...way, batch: batch ?? way.batch }));
      });
    });
}

function ofExporter({ definition, config: value }: DecodedComponent, { components }: DecodedConfig): Acknowledging {
  const syncs = (id: string): boolean => {
    const storage = components.extensions.get(id);
    return storage?.definition.syncs?.(storage.config) ?? true;
  };
  return definition.acknowledging?.(value, syncs) ?? DIRECT;
}

function ownLevel({ acknowledging, batch }: Way): AckLevel {
  return batch === null ? acknowledging.own : 'received';
}

/** Where a way answers if it is asked for a level; null if it cannot. */
function given(level: AckLevel, { acknowledging, batch }: Way): AckLevel | null {
  return batch !== null && level === 'received' ? level : acknowledging.given[level];
}

/** Why a level cannot be had; null if it can. */
function obstacle(level: AckLevel, ways: readonly Way[]): string | null {
  const stands = ways.find((way) => given(level, way) === null);
  if (stands !== undefined) return `exporter ${JSON.stringify(stands.exporter)} ${stands.acknowledging.lacks ?? ''}`;
  const reached = weakest(ways.flatMap((way) => given(level, way) ?? []));
  if (reached === level) return null;
  const names = [...new Set(ways.map((way) => JSON.stringify(way.exporter)))].join(', ');
  const missing = level === 'received' ? 'holds a request that is answered before it is delivered' : 'stores requests';
  return `nothing in front of exporter ${names} ${missing}, so OK means "${reached}"`;
}

/** Why so many of the exporters cannot be waited for; null if they can. */
function quorumObstacle(quorum: number, ways: readonly Way[]): string | null {
  const batch = ways.find((way) => way.batch !== null)?.batch ?? null;
  if (batch !== null) {
    return `processor ${JSON.stringify(batch)} answers for all exporters behind it; use sending_queue.batch instead`;
  }
  return quorum > ways.length ? `the way leads to no more than ${ways.length}` : null;
}

function weakest(levels: readonly AckLevel[]): AckLevel {
  return ACK_LEVELS.find((level) => levels.includes(level)) ?? 'delivered';
}

/** A `batch` processor in front of exporters that would give more. */
function batchHints(receiver: string, signal: Signal, ways: readonly Way[]): readonly Diagnostic[] {
  const behind = weakest(ways.map(({ acknowledging }) => acknowledging.own));
  const capping = ways.find(({ batch }) => batch !== null)?.batch;
  if (capping === undefined || capping === null || behind === 'received') return [];
  const message =
    `processor ${JSON.stringify(capping)} answers before its batch is ${behind}, so OK means "received"; ` +
    `write "ack: ${behind}" on the receiver, or use sending_queue.batch of the exporter instead of the processor`;
  const fields = { 'otelcol.component.id': receiver, 'otelcol.component.kind': 'receiver', 'otelcol.signal': signal };
  return [{ severity: 'info', message, path: [], position: null, fields }];
}
