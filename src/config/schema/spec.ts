/**
 * The language in which options are declared, once: type, default, bounds, unit and documentation.
 * Decoding, validation, editor schema, reference documentation and print-config all read the same declaration.
 */

import type { NativeAttributeValue } from '../native-types.js';

/** Says what is wrong with a value: the message, and the key below the value that is to blame, if one is. */
export type Report = (message: string, ...key: readonly string[]) => void;

/** Whether a key of the block (or below it) was written, with another value than null. */
export type IsSet = (...path: readonly string[]) => boolean;

interface SpecBase<T> {
  /** Never set: carries the type of decoded values. */
  readonly __type?: T;
}

/** Text. */
export interface StringSpec extends SpecBase<string> {
  readonly kind: 'string';
  /** A secret: shown as `[REDACTED]`. */
  readonly opaque: boolean;
}

/** One of a few words. */
export interface ChoiceSpec<V extends string = string> extends SpecBase<V> {
  readonly kind: 'choice';
  readonly values: readonly V[];
  /** Whether case matters not. */
  readonly fold: boolean;
  /** The Collector's text for a wrong word. */
  readonly invalid: (word: string) => string;
}

/** True or false. */
export interface BoolSpec extends SpecBase<boolean> {
  readonly kind: 'bool';
}

/** A whole number. Bounds are checked by validation, with the Collector's text if `message` gives one. */
export interface IntSpec extends SpecBase<number> {
  readonly kind: 'int';
  readonly min: number;
  readonly max: number;
  readonly message: string | null;
}

/** A number. */
export interface FloatSpec extends SpecBase<number> {
  readonly kind: 'float';
  readonly min: number;
  readonly max: number;
  readonly message: string | null;
}

/** A duration, decoded to nanoseconds. */
export interface DurationSpec extends SpecBase<number> {
  readonly kind: 'duration';
  /** Nanoseconds. */
  readonly min: number;
  readonly message: string | null;
}

/** What ids name: the components of a section, or pipelines. */
export type IdSpace = 'receivers' | 'processors' | 'exporters' | 'connectors' | 'extensions' | 'pipelines';

/** A component id. */
export interface IdSpec extends SpecBase<string> {
  readonly kind: 'id';
  /** What it may name; whether that is there is checked elsewhere. */
  readonly of: readonly IdSpace[];
}

/** A list; a string stands for a list split at commas. */
export interface ListSpec<T = unknown> extends SpecBase<readonly T[]> {
  readonly kind: 'list';
  readonly of: Spec<T>;
}

/** A header-like map, decoded to pairs; also written as a list of `{name, value}`. */
export interface PairsSpec extends SpecBase<readonly (readonly [name: string, value: string])[]> {
  readonly kind: 'pairs';
  /** Whether the values are secrets. */
  readonly opaque: boolean;
}

/** A map with free keys. */
export interface MapSpec<T = unknown> extends SpecBase<Readonly<Record<string, T>>> {
  readonly kind: 'map';
  readonly of: Spec<T>;
  /** Whether the keys are ids of pipelines, which are checked elsewhere. */
  readonly isByPipeline: boolean;
}

/** Any YAML value, kept as it is. */
export interface AnySpec extends SpecBase<unknown> {
  readonly kind: 'any';
}

/** An attribute value; its kind matters, `1.0` is not `1`. Null is none. */
export interface ValueSpec extends SpecBase<AttributeValue | null> {
  readonly kind: 'value';
}

/** A decoded attribute value; `unfit` names what was written instead of one. */
export type AttributeValue = NativeAttributeValue | { readonly unfit: string };

/** A block of known keys. */
export interface ObjectSpec<T = unknown> extends SpecBase<T> {
  readonly kind: 'object';
  readonly fields: Fields;
  /** Settles what depends on which keys were written, such as one default that follows another key. */
  readonly settle: ((value: T, isSet: IsSet) => T) | null;
  /** Rules beyond the bounds of single keys. */
  readonly validate: ((value: T, report: Report) => void) | null;
}

/**
 * A block or value that may be absent (null). `absent` says what leaving it out means; for blocks the key `enabled`
 * turns it off or on.
 */
export interface OptionalSpec<T = unknown> extends SpecBase<T | null> {
  readonly kind: 'optional';
  readonly of: Spec<T>;
  /**
   * `off`: absent and null are off; `default`: absent is off, null turns it on with its defaults;
   * `on`: on with its defaults unless `enabled: false`.
   */
  readonly absent: 'off' | 'default' | 'on';
}

/** Any declaration. */
export type Spec<T = unknown> = (
  | StringSpec
  | ChoiceSpec
  | BoolSpec
  | IntSpec
  | FloatSpec
  | DurationSpec
  | IdSpec
  | ListSpec
  | PairsSpec
  | MapSpec
  | AnySpec
  | ValueSpec
  | ObjectSpec
  | OptionalSpec
) &
  SpecBase<T>;

/** The type of decoded values of a declaration. */
export type Infer<S> = S extends { readonly __type?: infer T } ? T : never;

/** One key of a block. */
export interface Field<T = unknown> {
  readonly spec: Spec<T>;
  /** Undefined for blocks, whose defaults are those of their keys. */
  readonly fallback: T | undefined;
  /** What it is and does; one or two plain sentences without a full stop at the end. */
  readonly doc: string;
  /** Such as `bytes` or `items`; null if the type says it all. */
  readonly unit: string | null;
  /** Accepted, but has no effect here: writing it gives a warning with this text. */
  readonly ignored: string | null;
}

/** The keys of a block, in the order they are shown. */
export type Fields = Readonly<Record<string, Field>>;

/** The decoded value of a block. */
export type ObjectOf<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

// ---- constructors

export const string = (options: { opaque?: boolean } = {}): Spec<string> => ({ kind: 'string', opaque: options.opaque ?? false });
export const bool = (): Spec<boolean> => ({ kind: 'bool' });
export const id = (...of: readonly [IdSpace, ...IdSpace[]]): Spec<string> => ({ kind: 'id', of });
export const any = (): Spec<unknown> => ({ kind: 'any' });
export const attributeValue = (): Spec<AttributeValue | null> => ({ kind: 'value' });

/** Bounds of a number; `message` is the Collector's text for breaking them. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
  readonly message?: string;
}

export const int = (bounds: Bounds = {}): Spec<number> => ({
  kind: 'int',
  min: bounds.min ?? Number.MIN_SAFE_INTEGER,
  max: bounds.max ?? Number.MAX_SAFE_INTEGER,
  message: bounds.message ?? null,
});

export const float = (bounds: Bounds = {}): Spec<number> => ({
  kind: 'float',
  min: bounds.min ?? Number.NEGATIVE_INFINITY,
  max: bounds.max ?? Number.POSITIVE_INFINITY,
  message: bounds.message ?? null,
});

/** @param bounds `min` in nanoseconds; 0 unless told */
export const duration = (bounds: Omit<Bounds, 'max'> = {}): Spec<number> => ({
  kind: 'duration',
  min: bounds.min ?? 0,
  message: bounds.message ?? null,
});

export function choice<const V extends string>(
  values: readonly V[],
  invalid: (word: string) => string,
  options: { fold?: boolean } = {},
): Spec<V> {
  return { kind: 'choice', values, invalid, fold: options.fold ?? false } as Spec<V>;
}

export const list = <T>(of: Spec<T>): Spec<readonly T[]> => ({ kind: 'list', of }) as Spec<readonly T[]>;
export const map = <T>(of: Spec<T>, isByPipeline = false): Spec<Readonly<Record<string, T>>> =>
  ({ kind: 'map', of, isByPipeline }) as Spec<Readonly<Record<string, T>>>;
export const pairs = (options: { opaque?: boolean } = {}): Spec<readonly (readonly [string, string])[]> => ({
  kind: 'pairs',
  opaque: options.opaque ?? false,
});

/** A block. */
export function object<F extends Fields>(
  fields: F,
  rules: {
    readonly settle?: (value: ObjectOf<F>, isSet: IsSet) => ObjectOf<F>;
    readonly validate?: (value: ObjectOf<F>, report: Report) => void;
  } = {},
): Spec<ObjectOf<F>> {
  // the rules see the block's own type; the walkers, which know no types, hand them what decoding made
  return { kind: 'object', fields, settle: rules.settle ?? null, validate: rules.validate ?? null } as unknown as Spec<ObjectOf<F>>;
}

export function optional<T>(of: Spec<T>, absent: OptionalSpec['absent'] = 'off'): Spec<T | null> {
  return { kind: 'optional', of, absent } as Spec<T | null>;
}

/** A key with a default. */
export function key<T>(spec: Spec<T>, fallback: T, doc: string, unit: string | null = null): Field<T> {
  return { spec, fallback, doc, unit, ignored: null };
}

/** A key whose value is a block, plain or optional: it brings its own defaults. */
export function block<T>(spec: Spec<T>, doc: string): Field<T> {
  return { spec, fallback: undefined, doc, unit: null, ignored: null };
}

/** The same key, accepted for compatibility only. */
export function ignored<T>(field: Field<T>, why: string): Field<T> {
  return { ...field, ignored: why };
}

/** The same keys with other defaults. */
export function withDefaults<F extends Fields>(fields: F, defaults: Partial<ObjectOf<F>>): F {
  const changed: Record<string, Field> = { ...fields };
  for (const [name, fallback] of Object.entries(defaults)) {
    const field = changed[name];
    if (field !== undefined) changed[name] = { ...field, fallback };
  }
  return changed as F;
}

/** What a key is when it is not written. */
export function defaultOf(field: Field): unknown {
  return field.fallback === undefined ? defaultOfSpec(field.spec) : field.fallback;
}

/** What a block is when it is not written; other types have no default of their own. */
export function defaultOfSpec(spec: Spec): unknown {
  if (spec.kind === 'optional') return spec.absent === 'on' ? enabledDefault(spec) : null;
  if (spec.kind === 'object') return defaultOfObject(spec);
  throw new Error(`a ${spec.kind} needs a default`);
}

/** What an optional block is when it is turned on with nothing else written. */
export function enabledDefault(spec: OptionalSpec): unknown {
  return defaultOfSpec(spec.of);
}

function defaultOfObject(spec: ObjectSpec): unknown {
  const value: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, field] of Object.entries(spec.fields)) value[name] = defaultOf(field);
  return spec.settle === null ? value : spec.settle(value, () => false);
}
