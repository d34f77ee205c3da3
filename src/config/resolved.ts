/**
 * The configuration once it is loaded: what `loadConfig` takes and gives.
 */
import type { Configuration } from './generated/configuration.js';
import type { AckPaths } from './ack.js';
import type { Environment } from './environment.js';
import type { FeatureGates } from './feature-gates.js';
import type { Diagnostic } from './issues.js';
import type { NativeConfig, NativeServiceLimits, Nanoseconds, Signal } from './native-types.js';
import type { PluginModule } from './plugin-modules.js';
import type { Priority } from './service/priorities.js';
import type { ServiceOptions } from './service/service.js';
import type { Tenants } from './service/tenants.js';
import type { TelemetryConfig } from './telemetry.js';
import type { FileStorageConfig } from './components/extension-file-storage.js';
import type { HealthCheckConfig } from './components/extension-health-check.js';

/** What to load, and how. */
export interface LoadOptions {
  /**
   * `--config` flags in order: a path, or `file:`, `env:`, `yaml:`, `http:`, `https:` and the rest. Between them may
   * stand configurations written in code, in which references expand as in YAML.
   */
  readonly sources?: readonly (string | Configuration)[];
  /** One more of those, merged after `sources`. */
  readonly object?: Configuration;
  /** `--set` flags in order, `a.b.c=VALUE`; merged last. */
  readonly sets?: readonly string[];
  /** `--feature-gates` flags in order, each `a,+b,-c`. */
  readonly featureGates?: readonly string[];
  /**
   * `run` puts the Collector's `invalid configuration: ` before validation errors, `validate` does not, and `look` has
   * the text decoded and nothing checked beyond that.
   * @default 'run'
   */
  readonly purpose?: 'run' | 'validate' | 'look';
  /** Whose process this is; decides how much memory is taken when nothing says so. @default 'command' */
  readonly host?: 'command' | 'embedded';
  /** What exporters call themselves, without the platform. @default 'teleferric/<version>' */
  readonly userAgent?: string;
  /** The outside world. @default the process's own */
  readonly environment?: Environment;
  /** Gives up reading sources. */
  readonly signal?: AbortSignal;
}

/** A checked configuration. */
export interface LoadedConfig {
  readonly config: ResolvedConfig;
  /** What Rust gets. */
  readonly native: NativeConfig;
  /** The modules that components in use run. */
  readonly plugins: readonly PluginModule[];
  /** What OK means to the senders of each receiver. */
  readonly acks: AckPaths;
  readonly diagnostics: readonly Diagnostic[];
  readonly gates: FeatureGates;
  /** Path → text of every file that was read: sources, and what references name. */
  readonly files: ReadonlyMap<string, string>;
}

/** One configured component, used or not; `config` has every key, defaults filled in. */
export interface ResolvedComponent<C = unknown> {
  /** As the user wrote it, spaces trimmed. */
  readonly id: string;
  /** Canonical. */
  readonly type: string;
  readonly config: C;
}

/** One pipeline. */
export interface ResolvedPipeline {
  readonly id: string;
  readonly signal: Signal;
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

/** Every section, settled. */
export interface ResolvedConfig {
  readonly receivers: ReadonlyMap<string, ResolvedComponent>;
  readonly processors: ReadonlyMap<string, ResolvedComponent>;
  readonly exporters: ReadonlyMap<string, ResolvedComponent>;
  readonly connectors: ReadonlyMap<string, ResolvedComponent>;
  readonly extensions: ReadonlyMap<string, ResolvedComponent>;
  readonly service: ResolvedService;
}

/** `service`. */
export interface ResolvedService {
  /** Extensions to run, in start order. */
  readonly extensions: readonly ResolvedExtension[];
  readonly pipelines: readonly ResolvedPipeline[];
  readonly telemetry: TelemetryConfig;
  /** 0 is the machine's available parallelism. */
  readonly threads: number;
  readonly limits: NativeServiceLimits & { readonly memory_bytes: number };
  /** The first that fits decides. */
  readonly priorities: readonly Priority[];
  /** Null: nobody is told apart. */
  readonly tenants: Tenants | null;
  /** 0 is without limit. */
  readonly drainTimeout: Nanoseconds;
  /** Between the health page and the drain. */
  readonly preStop: Nanoseconds;
  /** After a reload to this configuration; 0 is none. */
  readonly probation: Nanoseconds;
  /** The section as written, every key with its value or default: what print-config shows. */
  readonly options: ServiceOptions;
}

/** An extension that `service.extensions` names; told apart by `type`. */
export type ResolvedExtension =
  | (ResolvedComponent<HealthCheckConfig> & { readonly type: 'health_check' })
  | (ResolvedComponent<FileStorageConfig> & { readonly type: 'file_storage' });
