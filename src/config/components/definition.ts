/**
 * What a component tells about itself, in one object: names, signals, keys, and its form in the native document.
 */
import type { AckLevel, Acknowledging } from './acknowledging.js';
import type { MemoryTotal } from '../environment.js';
import type { NativePriority, NativeQueueStorage, Signal } from '../native-types.js';
import type { ResolvedPipeline } from '../resolved.js';
import { SIGNALS } from '../schema/ids.js';
import type { Spec } from '../schema/spec.js';

/** The kinds of components, in the order they are shown. */
export const KINDS = ['receiver', 'processor', 'exporter', 'connector', 'extension'] as const;
export type Kind = (typeof KINDS)[number];

/** The section of the configuration that holds a kind. */
export type Section = `${Kind}s`;

/** How finished a component is for a signal, in the Collector's words. */
export type Stability = 'stable' | 'beta' | 'alpha' | 'development';

/** A storage extension, natively: what each queue in it is told beside its own keys. */
export type NativeFolder = Omit<NativeQueueStorage, 'max_age' | 'lag_policy' | 'dead_letter_bytes'>;

/** What mapping to the native document may depend on besides the component's own keys. */
export interface NativeContext {
  readonly memory: MemoryTotal;
  /** The rules of `service.priorities`. */
  readonly priorities: readonly NativePriority[];
  /** The storage extension with this id; null if there is none, which keeps a configuration from being run. */
  readonly storage: (id: string) => NativeFolder | null;
  /** Where the workers of a component of type `ts` fetch its batches. */
  readonly pluginPort: (section: Section, id: string) => string;
  /** The levels that senders of a receiver can ask for, by signal. */
  readonly ackLevels: (receiver: string, signal: Signal) => readonly AckLevel[];
}

/** An extension another component needs. */
export interface ExtensionReference {
  readonly id: string;
  readonly as: 'authenticator' | 'middleware' | 'storage';
}

/** One component type. */
export interface ComponentDefinition<T = unknown, N = unknown> {
  readonly kind: Kind;
  /** Canonical type. */
  readonly type: string;
  /** Deprecated types that still work. */
  readonly aliases: readonly string[];
  /** One paragraph for the reference. */
  readonly doc: string;
  /** By signal; by `from to` pair for connectors; by `extension` for extensions. */
  readonly stability: Readonly<Record<string, Stability>>;
  readonly spec: Spec<T>;
  /** The native form; null for components that live in TypeScript. */
  readonly toNative: ((config: T, context: NativeContext, id: string) => N) | null;
  /** What an extension is for others. */
  readonly provides: ExtensionReference['as'] | null;
  /** Extensions the configuration refers to. */
  readonly references: ((config: T) => readonly ExtensionReference[]) | null;
  /** Whether a receiver has the keys `ack` and `ack_header`. */
  readonly asksForAck: boolean;
  /** Whether a processor answers before what stands behind it, unless it is asked for more than `received`. */
  readonly answersEarly: boolean;
  /** When an exporter answers, given whether a storage syncs; null: when it has delivered. */
  readonly acknowledging: ((config: T, syncs: (storage: string) => boolean) => Acknowledging) | null;
  /** Whether a storage answers after the disk has a request. */
  readonly syncs: ((config: T) => boolean) | null;
  /** What is worth a warning when the component is used. */
  readonly notes: ((config: T) => readonly Note[]) | null;
  /** What keeps this configuration from a signal, found when pipelines are built. */
  readonly checkSignal: ((config: T, signal: Signal) => string | null) | null;
  /** What keeps a connector from the pipelines it gets data from and hands data to. */
  readonly checkPipelines:
    | ((config: T, from: readonly ResolvedPipeline[], to: readonly ResolvedPipeline[]) => readonly string[])
    | null;
}

/** A warning about a key of the component. */
export interface Note {
  readonly message: string;
  readonly path: readonly string[];
}

type Optional =
  | 'asksForAck'
  | 'answersEarly'
  | 'acknowledging'
  | 'syncs'
  | 'aliases'
  | 'provides'
  | 'references'
  | 'notes'
  | 'checkSignal'
  | 'checkPipelines'
  | 'toNative';

/** A definition with the usual blanks filled in. */
export function define<T, N>(
  definition: Omit<ComponentDefinition<T, N>, Optional> & Partial<Pick<ComponentDefinition<T, N>, Optional>>,
): ComponentDefinition<T, N> {
  return {
    aliases: [],
    toNative: null,
    provides: null,
    references: null,
    notes: null,
    checkSignal: null,
    checkPipelines: null,
    asksForAck: false,
    answersEarly: false,
    acknowledging: null,
    syncs: null,
    ...definition,
  };
}

/** The same stability for each signal. */
export function forSignals(stability: Stability, signals: readonly Signal[] = SIGNALS): Record<string, Stability> {
  return Object.fromEntries(signals.map((signal) => [signal, stability]));
}
