/**
 * What to tell the user about telemetry keys that are accepted but do nothing in this version, and about old forms.
 */
import type { Diagnostic } from '../issues.js';
import { child, locate } from '../tree/node.js';
import type { ConfigNode } from '../tree/node.js';
import type { ServiceOptions } from './service.js';
import { readResource } from './telemetry-resource.js';

/** Warnings, each at the key it is about. */
export function telemetryDiagnostics({ telemetry }: ServiceOptions, root: ConfigNode): readonly Diagnostic[] {
  const out: Diagnostic[] = [];
  const warn = (message: string, ...below: readonly string[]): void => {
    const path = ['service', 'telemetry', ...below];
    out.push({ severity: 'warning', message, path, position: locate(root, path), fields: {} });
  };
  const { logs, metrics, traces } = telemetry;
  if (logs.processors.length > 0) {
    warn(
      'service::telemetry::logs::processors has no effect: this version does not export its own logs',
      'logs',
      'processors',
    );
  }
  if (traces.processors.length > 0 && traces.level !== 'none') {
    warn(
      'service::telemetry::traces::processors has no effect: this version does not trace itself',
      'traces',
      'processors',
    );
  }
  if (metrics.views !== null) {
    warn('service::telemetry::metrics::views has no effect in this version', 'metrics', 'views');
  }
  for (const [index, reader] of metrics.readers.entries()) {
    if (reader.periodic === null) continue;
    const name = `service::telemetry::metrics::readers::${index}`;
    const where = ['metrics', 'readers', String(index)];
    warn(
      `${name} has no effect: this version serves its own metrics to Prometheus only, it does not push them`,
      ...where,
    );
    const headers = headersOf(root, index);
    if (headers?.kind === 'map')
      warn(`${name}: headers as a map are the old v0.2.0 form; write a list of {name, value}`, ...where);
  }
  const resource = readResource(telemetry.resource, () => undefined);
  if (resource.usesLegacy) {
    warn(
      'service::telemetry::resource: inline attributes are the old form; write attributes: [{name, value}]',
      'resource',
    );
  }
  if (resource.usesDetection)
    warn('service::telemetry::resource::detection/development has no effect in this version', 'resource');
  return out;
}

function headersOf(root: ConfigNode, index: number): ConfigNode | undefined {
  const readers = child(child(child(child(root, 'service'), 'telemetry'), 'metrics'), 'readers');
  const reader = readers?.kind === 'list' ? readers.items[index] : undefined;
  return child(child(child(child(reader, 'periodic'), 'exporter'), 'otlp'), 'headers');
}
