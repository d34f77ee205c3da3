/**
 * The resolved configuration as the document that Rust takes.
 */
import { arch, platform } from 'node:os';

import type { AckPaths } from './ack.js';
import type { ComponentDefinition, NativeContext, NativeFolder, Section } from './components/definition.js';
import type { MemoryLimiter } from './components/processor-memory-limiter.js';
import { findComponent } from './components/registry.js';
import type { Environment, MemoryTotal } from './environment.js';
import type {
  NativeConfig,
  NativeConfigured,
  NativeConnectors,
  NativeExporters,
  NativeMemoryLimiterConfig,
  NativeOverloadControl,
  NativeProcessors,
  NativeReceivers,
} from './native-types.js';
import type { PluginModule } from './plugin-modules.js';
import type { ResolvedComponent, ResolvedConfig } from './resolved.js';
import { nativePriority } from './service/priorities.js';
import { nativeTenants } from './service/tenants.js';

const MIB = 1024 * 1024;
/** Share of a cgroup's limit that data may take. */
const CGROUP_PERCENT = 60;
/** Share of the host's memory, and its bounds. */
const HOST_PERCENT = 25;
const HOST_BYTES_MIN = 256 * MIB;
const HOST_BYTES_MAX = 4096 * MIB;
/** Inside another process the rest belongs to that. */
const EMBEDDED_BYTES = 256 * MIB;

/** Memory for data when neither a limiter nor the configuration says. */
export function defaultMemoryBytes(host: 'command' | 'embedded', memory: MemoryTotal): number {
  if (host === 'embedded') return EMBEDDED_BYTES;
  if (memory.from === 'cgroup') return Math.floor((memory.bytes * CGROUP_PERCENT) / 100);
  return Math.min(Math.max(Math.floor((memory.bytes * HOST_PERCENT) / 100), HOST_BYTES_MIN), HOST_BYTES_MAX);
}

/** The document; only components that a pipeline uses are in it. */
export function toNativeConfig(
  config: ResolvedConfig,
  acks: AckPaths,
  plugins: readonly PluginModule[],
  environment: Environment,
  userAgent: string,
): NativeConfig {
  const { service } = config;
  const context: NativeContext = {
    memory: environment.memory(),
    priorities: service.priorities.map(nativePriority),
    storage: (id) => storage(config, id, context),
    pluginPort: (section, id) => plugins.find(({ component }) => component === `${section}::${id}`)?.port ?? '',
    ackLevels: (receiver, signal) => acks.get(receiver)?.get(signal)?.levels ?? [],
  };
  const used = usedIds(config);
  const processors = components<NativeProcessors>('processors', config.processors, used.processors, context);
  return {
    service: {
      threads: service.threads,
      memory_limit_bytes: limiterBytes(processors) ?? service.limits.memory_bytes,
      user_agent: `${userAgent} (${goPlatform()})`,
      telemetry_level: service.telemetry.metrics.level,
      drain_timeout: service.drainTimeout,
      limits: {
        max_items: service.limits.max_items,
        max_depth: service.limits.max_depth,
        max_attributes: service.limits.max_attributes,
        max_connections: service.limits.max_connections,
      },
      overload: overload(config, used.processors, processors),
      tenants: service.tenants === null ? null : nativeTenants(service.tenants),
      pipelines: service.pipelines.map(({ id, signal, receivers, processors: steps, exporters }) => ({
        id,
        signal,
        receivers,
        processors: steps,
        exporters,
      })),
    },
    receivers: components<NativeReceivers>('receivers', config.receivers, used.receivers, context),
    processors,
    exporters: components<NativeExporters>('exporters', config.exporters, used.exporters, context),
    connectors: components<NativeConnectors>('connectors', config.connectors, used.connectors, context),
  };
}

/** The ids that pipelines name, by section. */
export function usedIds(config: ResolvedConfig): Readonly<Record<Section, ReadonlySet<string>>> {
  const { pipelines, extensions } = config.service;
  const receivers = new Set(pipelines.flatMap((pipeline) => pipeline.receivers));
  const exporters = new Set(pipelines.flatMap((pipeline) => pipeline.exporters));
  const isConnector = (id: string): boolean => config.connectors.has(id);
  return {
    receivers: new Set([...receivers].filter((id) => !isConnector(id))),
    processors: new Set(pipelines.flatMap((pipeline) => pipeline.processors)),
    exporters: new Set([...exporters].filter((id) => !isConnector(id))),
    connectors: new Set([...receivers, ...exporters].filter(isConnector)),
    extensions: new Set(extensions.map(({ id }) => id)),
  };
}

function components<K>(
  section: Section,
  configured: ReadonlyMap<string, ResolvedComponent>,
  used: ReadonlySet<string>,
  context: NativeContext,
): NativeConfigured<K>[] {
  const out: NativeConfigured<K>[] = [];
  for (const { id, type, config } of configured.values()) {
    const definition = used.has(id)
      ? (findComponent(section, type) as ComponentDefinition<unknown, K[keyof K]> | undefined)
      : undefined;
    if (!definition?.toNative) continue;
    // The registry pairs each type with the definition whose native form is that type's.
    out.push({ id, type: type as keyof K, config: definition.toNative(config, context, id) });
  }
  return out;
}

function storage({ extensions }: ResolvedConfig, id: string, context: NativeContext): NativeFolder | null {
  const extension = extensions.get(id);
  if (extension === undefined) return null;
  const definition = findComponent('extensions', extension.type);
  // What provides storage has the native form of a folder.
  const storing = definition as ComponentDefinition<unknown, NativeFolder> | undefined;
  return storing?.provides === 'storage' ? (storing.toNative?.(extension.config, context, id) ?? null) : null;
}

/** The largest of the limiters in use: each refuses for its own pipelines, the ledger is for all. */
function limiterBytes(processors: readonly NativeConfigured<NativeProcessors>[]): number | null {
  const limits = limiters(processors).map(({ limit_bytes }) => limit_bytes);
  return limits.length === 0 ? null : Math.max(...limits);
}

/** A limiter refuses everything at once, unless one is told to let less important data go first. */
function overload(
  { service, processors: configured }: ResolvedConfig,
  used: ReadonlySet<string>,
  processors: readonly NativeConfigured<NativeProcessors>[],
): NativeOverloadControl {
  const softLimits = limiters(processors).map(({ limit_bytes, spike_limit_bytes }) => limit_bytes - spike_limit_bytes);
  const sheds = ({ id, type, config }: ResolvedComponent): boolean =>
    used.has(id) && type === 'memory_limiter' && (config as MemoryLimiter).shed;
  return {
    memory_bytes: softLimits.length === 0 ? service.limits.memory_bytes : Math.max(...softLimits),
    shed: softLimits.length === 0 || Array.from(configured.values()).some(sheds),
    priorities: service.priorities.map(nativePriority),
  };
}

function limiters(processors: readonly NativeConfigured<NativeProcessors>[]): NativeMemoryLimiterConfig[] {
  return processors.flatMap(({ type, config }) => (type === 'memory_limiter' ? [config] : []));
}

/** `linux/amd64`: the platform as Go names it. */
function goPlatform(): string {
  const os = platform() === 'win32' ? 'windows' : platform();
  const machine: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };
  return `${os}/${machine[arch()] ?? arch()}`;
}
