/**
 * Rules over the whole configuration: what must be there, what is referred to, and each component's own rules.
 */
import { SECTIONS } from './components/registry.js';
import type { DecodedConfig } from './decode-config.js';
import type { FeatureGates } from './feature-gates.js';
import type { ConfigIssue } from './issues.js';
import { nearest } from './schema/suggest.js';
import { reporter, validate, validationIssue } from './schema/validate.js';
import type { ValidateContext } from './schema/validate.js';
import { serviceSpec } from './service/service.js';
import { readResource } from './service/telemetry-resource.js';
import type { ConfigNode } from './tree/node.js';

/** Reports everything that breaks a rule. */
export function validateConfig(config: DecodedConfig, gates: FeatureGates, root: ConfigNode): readonly ConfigIssue[] {
  const context: ValidateContext = { issues: [], root };
  if (SECTIONS.every((section) => config.components[section].size === 0)) {
    return [validationIssue('empty configuration file', [], context)];
  }
  const allowsNone = gates.isEnabled('service.AllowNoPipelines');
  const { receivers, exporters } = config.components;
  if (!allowsNone && receivers.size === 0)
    context.issues.push(validationIssue('no receiver configuration specified in config', [], context));
  if (!allowsNone && exporters.size === 0)
    context.issues.push(validationIssue('no exporter configuration specified in config', [], context));
  for (const section of SECTIONS) {
    for (const { id, definition, config: value } of config.components[section].values()) {
      validate(definition.spec, value, [section, id], context);
    }
  }
  checkConnectorIds(config, context);
  validate(serviceSpec, config.service, ['service'], context);
  readResource(config.service.telemetry.resource, reporter(['service', 'telemetry', 'resource'], context));
  checkExtensions(config, context);
  if (!allowsNone && config.pipelines.length === 0) {
    const path = ['service', 'pipelines'];
    context.issues.push(validationIssue('service::pipelines: service must have at least one pipeline', path, context));
  }
  for (const pipeline of config.pipelines) checkPipeline(config, pipeline, gates, context);
  return context.issues;
}

/** One id must not mean a connector and something else in the same list. */
function checkConnectorIds({ components }: DecodedConfig, context: ValidateContext): void {
  for (const id of components.connectors.keys()) {
    for (const [section, word] of [
      ['exporters', 'exporter'],
      ['receivers', 'receiver'],
    ] as const) {
      if (!components[section].has(id)) continue;
      const quoted = JSON.stringify(id);
      const text =
        `connectors::${id}: ambiguous ID: Found both ${quoted} ${word} and ${quoted} connector. ` +
        `Change one of the components' IDs to eliminate ambiguity (e.g. rename ${quoted} connector to ${JSON.stringify(`${id}/connector`)})`;
      context.issues.push(validationIssue(text, ['connectors', id], context));
    }
  }
}

function checkExtensions({ components, service }: DecodedConfig, context: ValidateContext): void {
  for (const [index, id] of service.extensions.entries()) {
    if (components.extensions.has(id)) continue;
    const text = `service::extensions: references extension ${JSON.stringify(id)} which is not configured`;
    const suggestion = nearest(id, components.extensions.keys());
    context.issues.push(validationIssue(text, ['service', 'extensions', String(index)], context, suggestion));
  }
}

function checkPipeline(
  { components, service }: DecodedConfig,
  { key, id }: DecodedConfig['pipelines'][number],
  gates: FeatureGates,
  context: ValidateContext,
): void {
  const path = ['service', 'pipelines', key];
  const report = (message: string, below: readonly string[], suggestion: string | null = null): void => {
    context.issues.push(
      validationIssue(`service::pipelines::${id.id}: ${message}`, [...path, ...below], context, suggestion),
    );
  };
  if (id.type === 'profiles' && !gates.isEnabled('service.profilesSupport')) {
    const text = `service::pipelines: pipeline ${JSON.stringify(id.id)}: profiling signal support is at alpha level, gated under the "service.profilesSupport" feature gate`;
    context.issues.push(validationIssue(text, path, context));
  }
  const pipeline = service.pipelines[key];
  if (pipeline === undefined) return;
  if (pipeline.receivers.length === 0) report('must have at least one receiver', ['receivers']);
  if (pipeline.exporters.length === 0) report('must have at least one exporter', ['exporters']);
  const seen = new Set<string>();
  for (const [index, processor] of pipeline.processors.entries()) {
    if (seen.has(processor))
      report(`references processor ${JSON.stringify(processor)} multiple times`, ['processors', String(index)]);
    seen.add(processor);
  }
  const sources = {
    receivers: [components.receivers, components.connectors],
    processors: [components.processors],
    exporters: [components.exporters, components.connectors],
  } as const;
  for (const list of ['receivers', 'processors', 'exporters'] as const) {
    for (const [index, ref] of pipeline[list].entries()) {
      if (sources[list].some((known) => known.has(ref))) continue;
      const names = sources[list].flatMap((known) => [...known.keys()]);
      const text = `references ${list.slice(0, -1)} ${JSON.stringify(ref)} which is not configured`;
      report(text, [list, String(index)], nearest(ref, names));
    }
  }
}
