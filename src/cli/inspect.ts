/**
 * The commands that look and do not run: validate, components, print-config, featuregate, schema.
 */
import { stringify } from 'yaml';

import { packageVersion } from '../collector/index.js';
import {
  configJsonSchema,
  FeatureGates,
  listComponents,
  listSchemes,
  loadConfig,
  printConfig,
  type LoadedConfig,
  type PrintOptions,
} from '../config/index.js';
import type { CliIo } from './io.js';
import type { ConfigFlags } from './run.js';
import { table } from './table.js';

/** Silent when all is well; rejects with every fault otherwise. */
export async function validateConfig(flags: ConfigFlags): Promise<void> {
  await load(flags, 'validate');
}

/** Flags of `print-config`. */
export interface PrintFlags extends ConfigFlags, Required<PrintOptions> {
  /** Whether the rules must hold; what cannot be decoded is refused either way. */
  readonly validate: boolean;
}

/** The final configuration, secrets hidden unless asked for. */
export async function printFinalConfig(flags: PrintFlags, io: CliIo): Promise<void> {
  const { config } = await load(flags, flags.validate ? 'validate' : 'look');
  io.stdout.write(printConfig(config, { mode: flags.mode, format: flags.format }));
}

function load(flags: ConfigFlags, purpose: 'validate' | 'look'): Promise<LoadedConfig> {
  return loadConfig({ sources: flags.config, sets: flags.set, featureGates: flags.featureGates, purpose });
}

/** Everything this distribution is made of, as YAML. */
export function printComponents(io: CliIo): void {
  const version = packageVersion();
  const module = `teleferric v${version}`;
  const section = (name: string): object[] =>
    listComponents()
      .filter((component) => component.section === name)
      .map(({ name: type, stability }) => ({ name: type, module, stability }));
  const listing = {
    buildinfo: { command: 'teleferric', description: 'OpenTelemetry collector with a native data plane', version },
    receivers: section('receivers'),
    processors: section('processors'),
    exporters: section('exporters'),
    connectors: section('connectors'),
    extensions: section('extensions'),
    providers: listSchemes().map((scheme) => ({ scheme, module })),
    converters: [],
  };
  io.stdout.write(stringify(listing, { aliasDuplicateObjects: false, lineWidth: 0 }));
}

/** A table of all gates, or the facts of one. */
export function printFeatureGates(id: string | undefined, flags: Pick<ConfigFlags, 'featureGates'>, io: CliIo): void {
  const gates = FeatureGates.parse(flags.featureGates);
  if (id === undefined) {
    const rows = gates
      .list()
      .map(({ id: name, enabled, stage, description }) => [name, String(enabled), stage, description]);
    io.stdout.write(table([['ID', 'Enabled', 'Stage', 'Description'], ...rows]));
    return;
  }
  const gate = gates.get(id);
  const facts = [
    ['Feature', gate.id],
    ['Enabled', String(gate.enabled)],
    ['Stage', gate.stage],
    ['Description', gate.description],
    ['Reference URL', gate.referenceUrl],
    ['From Version', gate.fromVersion],
    ...(gate.toVersion === null ? [] : [['To Version', gate.toVersion]]),
  ];
  io.stdout.write(facts.map(([name, value]) => `${name}: ${value}\n`).join(''));
}

/** The schema for editors. */
export function printSchema(io: CliIo): void {
  io.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
}
