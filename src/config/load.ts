/**
 * The whole way: sources, tree, values, rules, graph, native document. Each step collects all of its faults and, if
 * there are any, stops before the next.
 */
import { readFileSync } from 'node:fs';

import { CollectorError } from '../errors.js';
import type { ErrorCode } from '../errors.js';
import type { Section } from './components/definition.js';
import { findAckPaths } from './ack.js';
import { decodeConfig } from './decode-config.js';
import type { DecodedComponent, DecodedConfig } from './decode-config.js';
import { processEnvironment } from './environment.js';
import type { Environment } from './environment.js';
import { FeatureGates } from './feature-gates.js';
import { checkGraph } from './graph.js';
import { formatDecodeIssues, formatIssues } from './issues.js';
import type { ConfigIssue, Diagnostic } from './issues.js';
import type { Signal } from './native-types.js';
import { ownOptions } from './own-options.js';
import { readPluginModules } from './plugin-modules.js';
import { checkReferences } from './references.js';
import type {
  LoadOptions,
  LoadedConfig,
  ResolvedComponent,
  ResolvedConfig,
  ResolvedExtension,
  ResolvedPipeline,
} from './resolved.js';
import { resolveLogs } from './service/telemetry-logs.js';
import { resolveMetrics } from './service/telemetry-metrics.js';
import { readResource } from './service/telemetry-resource.js';
import { telemetryDiagnostics } from './service/telemetry-notes.js';
import { defaultMemoryBytes, toNativeConfig, usedIds } from './to-native.js';
import { mergeAppendRule } from './tree/merge.js';
import { locate } from './tree/node.js';
import type { MapNode } from './tree/node.js';
import { readSources } from './tree/sources.js';
import { validateConfig } from './validate-config.js';

const MIB = 1024 * 1024;

const OPTIONS = {
  sources: true,
  object: true,
  sets: true,
  featureGates: true,
  purpose: true,
  host: true,
  userAgent: true,
  environment: true,
  signal: true,
} as const satisfies Record<keyof LoadOptions, true>;

/** Facts that accompany a configuration error. */
export interface ConfigErrorDetails {
  readonly issues: readonly ConfigIssue[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Loads and checks a configuration. Opens nothing but its sources.
 * @throws {CollectorError} `CONFIG_UNREADABLE`, `CONFIG_EXPANSION`, `CONFIG_UNDECODABLE`, `CONFIG_INVALID`,
 * `CONFIG_GRAPH`, `FEATURE_GATE` or `INVALID_ARGUMENT`; from decoding on, with {@link ConfigErrorDetails}
 */
export async function loadConfig(given: LoadOptions): Promise<LoadedConfig> {
  const options = ownOptions('loadConfig', given, OPTIONS);
  const { environment, files } = keepingFiles(options.environment ?? processEnvironment());
  const diagnostics: Diagnostic[] = [];
  const gates = FeatureGates.parse(options.featureGates ?? [], diagnostics);
  const root = await readTree(options, environment, gates, diagnostics);
  const issues: ConfigIssue[] = [];
  const decoded = decodeConfig(root, issues, diagnostics);
  if (issues.length > 0) {
    throw failure('CONFIG_UNDECODABLE', `failed to get config: ${formatDecodeIssues(issues)}`, issues, diagnostics);
  }
  const { purpose = 'run' } = options;
  const isRun = purpose === 'run';
  const invalid = purpose === 'look' ? [] : validateConfig(decoded, gates, root);
  if (invalid.length > 0) {
    const text = `${isRun ? 'invalid configuration: ' : ''}${formatIssues(invalid)}`;
    throw failure('CONFIG_INVALID', text, invalid, diagnostics);
  }
  const config = resolve(decoded, options, environment);
  const unbuildable = purpose === 'look' ? [] : checkGraph(decoded, config.service.pipelines, root);
  if (unbuildable.length > 0) {
    throw failure('CONFIG_GRAPH', `failed to build pipelines: ${formatIssues(unbuildable)}`, unbuildable, diagnostics);
  }
  const unreached: ConfigIssue[] = [];
  const acks = findAckPaths(decoded, config.service.pipelines, root, unreached, diagnostics);
  if (unreached.length > 0 && purpose !== 'look') {
    throw failure('CONFIG_GRAPH', `failed to build pipelines: ${formatIssues(unreached)}`, unreached, diagnostics);
  }
  if (isRun) {
    const missing = checkReferences(decoded, usedIds(config), root);
    if (missing.length > 0) throw failure('CONFIG_GRAPH', formatIssues(missing), missing, diagnostics);
  }
  const unread: ConfigIssue[] = [];
  const plugins = await readPluginModules(decoded, usedIds(config), { root, files, environment }, unread);
  if (unread.length > 0 && purpose !== 'look') {
    const text = `${isRun ? 'invalid configuration: ' : ''}${formatIssues(unread)}`;
    throw failure('CONFIG_INVALID', text, unread, diagnostics);
  }
  addDiagnostics(decoded, config, root, diagnostics);
  const userAgent = options.userAgent ?? `teleferric/${packageVersion()}`;
  const native = toNativeConfig(config, acks, plugins, environment, userAgent);
  return { config, native, plugins, acks, diagnostics, gates, files };
}

/** The same environment, and the text of every file that is read through it. */
function keepingFiles(environment: Environment): { environment: Environment; files: ReadonlyMap<string, string> } {
  const files = new Map<string, string>();
  const readFile = async (path: string): Promise<string> => {
    const text = await environment.readFile(path);
    files.set(path, text);
    return text;
  };
  return { environment: { ...environment, readFile }, files };
}

function readTree(
  options: LoadOptions,
  environment: Environment,
  gates: FeatureGates,
  diagnostics: Diagnostic[],
): Promise<MapNode> {
  const list = {
    sources: [...(options.sources ?? []), ...(options.object === undefined ? [] : [options.object])],
    sets: options.sets ?? [],
    appends: gates.isEnabled('confmap.enableMergeAppendOption') ? mergeAppendRule : null,
  };
  return readSources(list, { environment, signal: options.signal ?? null, diagnostics });
}

function failure(
  code: ErrorCode,
  message: string,
  issues: readonly ConfigIssue[],
  diagnostics: readonly Diagnostic[],
): CollectorError<ConfigErrorDetails> {
  return new CollectorError<ConfigErrorDetails>(code, message, { details: { issues, diagnostics } });
}

/** Decoded and valid, to what the program reads. */
function resolve(decoded: DecodedConfig, options: LoadOptions, environment: Environment): ResolvedConfig {
  const { service } = decoded;
  const { limits } = service;
  const { resource } = readResource(service.telemetry.resource, () => undefined);
  const memoryBytes =
    limits.memory_mib > 0
      ? limits.memory_mib * MIB
      : defaultMemoryBytes(options.host ?? 'command', environment.memory());
  return {
    receivers: resolveSection(decoded, 'receivers'),
    processors: resolveSection(decoded, 'processors'),
    exporters: resolveSection(decoded, 'exporters'),
    connectors: resolveSection(decoded, 'connectors'),
    extensions: resolveSection(decoded, 'extensions'),
    service: {
      extensions: resolveExtensions(decoded),
      pipelines: decoded.pipelines.map((pipeline) => resolvePipeline(decoded, pipeline)),
      telemetry: {
        logs: resolveLogs(service.telemetry.logs),
        metrics: resolveMetrics(service.telemetry.metrics),
        resource,
      },
      threads: service.threads,
      limits: {
        max_items: limits.max_items,
        max_depth: limits.max_depth,
        max_attributes: limits.max_attributes,
        max_connections: limits.max_connections,
        memory_bytes: memoryBytes,
      },
      priorities: service.priorities,
      tenants: service.tenants,
      drainTimeout: service.drain.timeout,
      preStop: service.drain.pre_stop,
      // Who wants a failure to end the process does not want it mended by another configuration.
      probation: service.reload.on_failure === 'exit' ? 0 : service.reload.probation,
      options: service,
    },
  };
}

function resolveSection(decoded: DecodedConfig, section: Section): ReadonlyMap<string, ResolvedComponent> {
  const out = new Map<string, ResolvedComponent>();
  for (const { id, definition, config } of decoded.components[section].values()) {
    out.set(id, { id, type: definition.type, config });
  }
  return out;
}

/** In the order written, each once: no extension depends on another in this version. */
function resolveExtensions({ service, components }: DecodedConfig): readonly ResolvedExtension[] {
  const out: ResolvedExtension[] = [];
  for (const id of new Set(service.extensions)) {
    const extension = components.extensions.get(id);
    if (extension === undefined) continue;
    out.push({ id, type: extension.definition.type, config: extension.config } as ResolvedExtension);
  }
  return out;
}

function resolvePipeline(
  { service }: DecodedConfig,
  { key, id }: DecodedConfig['pipelines'][number],
): ResolvedPipeline {
  const pipeline = service.pipelines[key];
  return {
    id: id.id,
    signal: id.type as Signal,
    receivers: [...new Set(pipeline?.receivers)],
    processors: pipeline?.processors ?? [],
    exporters: [...new Set(pipeline?.exporters)],
  };
}

/** Warnings about what is used; what is configured but unused is not complained about. */
function addDiagnostics(
  decoded: DecodedConfig,
  config: ResolvedConfig,
  root: MapNode,
  diagnostics: Diagnostic[],
): void {
  const used = usedIds(config);
  for (const [section, ids] of Object.entries(used)) {
    for (const id of ids) {
      const component = decoded.components[section as Section].get(id);
      if (component === undefined) continue;
      diagnostics.push(...component.diagnostics, ...componentNotes(component, [section, id], root));
    }
  }
  diagnostics.push(...telemetryDiagnostics(decoded.service, root));
}

function componentNotes(
  { definition, config, id }: DecodedComponent,
  base: readonly string[],
  root: MapNode,
): Diagnostic[] {
  const notes = definition.notes?.(config) ?? [];
  return notes.map((note) => {
    const path = [...base, ...note.path];
    const fields = { 'otelcol.component.id': id, 'otelcol.component.kind': definition.kind };
    return { severity: 'warning', message: note.message, path, position: locate(root, path), fields };
  });
}

/** The version in package.json, two folders up from here in the sources and in the package alike. */
function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
