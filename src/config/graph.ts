/**
 * Whether the pipelines can be connected: connectors on both sides, no cycles, every component able to carry the
 * signals it is given. Nothing is started.
 */
import type { DecodedComponent, DecodedConfig } from './decode-config.js';
import type { ConfigIssue } from './issues.js';
import type { ResolvedPipeline } from './resolved.js';
import { SIGNALS } from './schema/ids.js';
import { locate } from './tree/node.js';
import type { ConfigNode } from './tree/node.js';

/** A connector between two pipelines. */
interface Link {
  readonly connector: string;
  readonly from: ResolvedPipeline;
  readonly to: ResolvedPipeline;
}

const UNSUPPORTED = 'telemetry type is not supported';

/** An issue about how components hang together, at `path` of the configuration. */
export function graphIssue(text: string, path: readonly string[], root: ConfigNode): ConfigIssue {
  const position = locate(root, path);
  return { stage: 'graph', path, text, position, expected: null, suggestion: null, related: [], component: null };
}

/** Reports why pipelines cannot be built; `pipelines` must be valid. */
export function checkGraph(
  config: DecodedConfig,
  pipelines: readonly ResolvedPipeline[],
  root: ConfigNode,
): readonly ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const report = (text: string, path: readonly string[]): void => {
    issues.push(graphIssue(text, path, root));
  };
  const links: Link[] = [];
  for (const connector of config.components.connectors.values()) {
    const found = link(connector, pipelines);
    links.push(...found.links);
    for (const fault of found.faults) report(fault, ['connectors', connector.id]);
  }
  checkSignals(config, pipelines, report);
  const cycle = findCycle(links);
  if (cycle !== null) report(`cycle detected: ${cycle}`, ['service', 'pipelines']);
  return issues;
}

/** The links a connector makes, and the sides that lead nowhere. */
function link(
  connector: DecodedComponent,
  pipelines: readonly ResolvedPipeline[],
): { links: Link[]; faults: string[] } {
  const { id, definition, config } = connector;
  const asExporter = pipelines.filter((pipeline) => pipeline.exporters.includes(id));
  const asReceiver = pipelines.filter((pipeline) => pipeline.receivers.includes(id));
  const links = asExporter.flatMap((from) =>
    asReceiver
      .filter((to) => Object.hasOwn(definition.stability, `${from.signal} ${to.signal}`))
      .map((to) => ({ connector: id, from, to })),
  );
  const faults: string[] = [];
  const quoted = JSON.stringify(id);
  for (const signal of SIGNALS) {
    const exporting = asExporter.filter((pipeline) => pipeline.signal === signal);
    if (exporting.length > 0 && !links.some(({ from }) => from.signal === signal)) {
      faults.push(
        `connector ${quoted} used as exporter in ${names(exporting)} pipeline but not used in any supported receiver pipeline`,
      );
    }
    const receiving = asReceiver.filter((pipeline) => pipeline.signal === signal);
    if (receiving.length > 0 && !links.some(({ to }) => to.signal === signal)) {
      faults.push(
        `connector ${quoted} used as receiver in ${names(receiving)} pipeline but not used in any supported exporter pipeline`,
      );
    }
  }
  const used = asExporter.length > 0 && asReceiver.length > 0;
  const own = used ? definition.checkPipelines?.(config, asExporter, asReceiver) : null;
  for (const fault of own ?? []) faults.push(`connector ${quoted} ${fault}`);
  return { links, faults };
}

function names(pipelines: readonly ResolvedPipeline[]): string {
  return `[${pipelines.map((pipeline) => pipeline.id).join(' ')}]`;
}

function checkSignals(
  { components }: DecodedConfig,
  pipelines: readonly ResolvedPipeline[],
  report: (text: string, path: readonly string[]) => void,
): void {
  const reported = new Set<string>();
  const once = (text: string, path: readonly string[]): void => {
    if (!reported.has(text)) report(text, path);
    reported.add(text);
  };
  for (const { id, signal, receivers, processors, exporters } of pipelines) {
    const path = (list: string, ref: string): string[] => ['service', 'pipelines', id, list, ref];
    for (const [list, refs] of [
      ['receivers', receivers],
      ['exporters', exporters],
    ] as const) {
      for (const ref of refs) {
        const fault = faultOf(components[list].get(ref), signal);
        const text = `failed to create ${JSON.stringify(ref)} ${list.slice(0, -1)} for data type ${JSON.stringify(signal)}: ${fault}`;
        if (fault !== null) once(text, path(list, ref));
      }
    }
    for (const ref of processors) {
      const fault = faultOf(components.processors.get(ref), signal);
      const text = `failed to create ${JSON.stringify(ref)} processor, in pipeline ${JSON.stringify(id)}: ${fault}`;
      if (fault !== null) once(text, path('processors', ref));
    }
  }
}

/** Null for connectors, which {@link link} judges. */
function faultOf(component: DecodedComponent | undefined, signal: ResolvedPipeline['signal']): string | null {
  if (component === undefined) return null;
  const { definition, config } = component;
  if (!Object.hasOwn(definition.stability, signal)) return UNSUPPORTED;
  return definition.checkSignal?.(config, signal) ?? null;
}

/** The first cycle in words, from a connector back to itself. */
function findCycle(links: readonly Link[]): string | null {
  const done = new Set<ResolvedPipeline>();
  const visit = (pipeline: ResolvedPipeline, trail: readonly Link[]): readonly Link[] | null => {
    const start = trail.findIndex(({ from }) => from === pipeline);
    if (start >= 0) return trail.slice(start);
    if (done.has(pipeline)) return null;
    for (const next of links) {
      if (next.from !== pipeline) continue;
      const cycle = visit(next.to, [...trail, next]);
      if (cycle !== null) return cycle;
    }
    done.add(pipeline);
    return null;
  };
  for (const { from } of links) {
    const cycle = visit(from, []);
    if (cycle !== null) return describe(cycle);
  }
  return null;
}

function describe(cycle: readonly Link[]): string {
  const parts = cycle.flatMap(({ connector, from, to }) => [
    `connector ${JSON.stringify(connector)} (${from.signal} to ${to.signal})`,
    ...to.processors.map((processor) => `processor ${JSON.stringify(processor)} in pipeline ${JSON.stringify(to.id)}`),
  ]);
  return [...parts, parts[0]].join(' -> ');
}
