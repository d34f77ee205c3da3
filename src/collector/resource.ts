/**
 * Who the collector says it is: the resource attributes of its own telemetry.
 */
import type { TelemetryConfig } from '../config/index.js';
import { labelName } from '../telemetry/metric-names.js';

/** The defaults, fixed for the life of one collector. */
export interface Identity {
  readonly name: string;
  readonly version: string;
  /** A random UUID. */
  readonly instance: string;
}

/** Resource attributes: the defaults, less what the configuration removes, with what it sets. */
export function resourceOf(
  { attributes, removed }: TelemetryConfig['resource'],
  { name, version, instance }: Identity,
): Readonly<Record<string, string>> {
  const merged = new Map([
    ['service.instance.id', instance],
    ['service.name', name],
    ['service.version', version],
  ]);
  for (const attribute of removed) merged.delete(attribute);
  for (const [attribute, value] of attributes) merged.set(attribute, value);
  return Object.fromEntries(merged);
}

/** The attributes that a reader wants on every series: `*` and `?` stand for any text and any one character. */
export function constantLabels(
  resource: Readonly<Record<string, string>>,
  wanted: { readonly included: readonly string[]; readonly excluded: readonly string[] } | null,
): Readonly<Record<string, string>> {
  if (wanted === null) return {};
  const included = wanted.included.map(globPattern);
  const excluded = wanted.excluded.map(globPattern);
  const chosen = Object.entries(resource).filter(
    ([name]) => included.some((pattern) => pattern.test(name)) && !excluded.some((pattern) => pattern.test(name)),
  );
  return Object.fromEntries(chosen.map(([name, value]) => [labelName(name), value]));
}

function globPattern(glob: string): RegExp {
  const source = glob
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`);
}
