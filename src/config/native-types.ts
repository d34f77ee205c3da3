/**
 * Words for the document that crosses to Rust, once per start or reload, as JSON text. Its shape is generated from the
 * Rust types; here stand the few names that the schemas share with it.
 */
import type {
  NativeConnectors,
  NativeDocument,
  NativeExporters,
  NativeProcessors,
  NativeReceivers,
} from '../binding/generated/config.js';

export type * from '../binding/generated/config.js';

/** Integer nanoseconds. */
export type Nanoseconds = number;

/** One of the four signals. */
export type Signal = 'traces' | 'metrics' | 'logs' | 'profiles';

/** How much the collector tells about itself. */
export type TelemetryLevel = 'none' | 'basic' | 'normal' | 'detailed';

/** A name and its value; names may repeat only where the protocol lets them. */
export type NativePair = readonly [name: string, value: string];

/** One component that a pipeline uses; `K` has the settings by canonical type. */
export type NativeConfigured<K> = {
  [T in keyof K]: { readonly id: string; readonly type: T; readonly config: K[T] };
}[keyof K];

/** The whole document, every component with the settings of its type. */
export interface NativeConfig extends Omit<NativeDocument, 'receivers' | 'processors' | 'exporters' | 'connectors'> {
  readonly receivers: readonly NativeConfigured<NativeReceivers>[];
  readonly processors: readonly NativeConfigured<NativeProcessors>[];
  readonly exporters: readonly NativeConfigured<NativeExporters>[];
  readonly connectors: readonly NativeConfigured<NativeConnectors>[];
}
