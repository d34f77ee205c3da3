/**
 * The whole tree to decoded sections: top-level keys, component ids and types, each component's own keys, `service`.
 */
import { COMPONENTS, REMOVED_TYPES, SECTIONS, findComponent, inSection } from './components/registry.js';
import type { ComponentDefinition, Section } from './components/definition.js';
import type { ConfigIssue, Diagnostic, Position } from './issues.js';
import { FAILED, decode } from './schema/decode.js';
import { parseComponentId, parsePipelineId } from './schema/ids.js';
import type { ParsedId } from './schema/ids.js';
import { defaultOfSpec } from './schema/spec.js';
import { nearest } from './schema/suggest.js';
import { serviceSpec } from './service/service.js';
import type { ServiceOptions } from './service/service.js';
import { child, goType, isNull } from './tree/node.js';
import type { ConfigNode, MapEntry, MapNode } from './tree/node.js';

/** A component that was read. */
export interface DecodedComponent {
  readonly id: string;
  /** The type as written, which may be an alias. */
  readonly writtenType: string;
  readonly definition: ComponentDefinition;
  readonly config: unknown;
  /** Shown only if the component is used. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Everything that was read. */
export interface DecodedConfig {
  readonly components: Readonly<Record<Section, ReadonlyMap<string, DecodedComponent>>>;
  readonly service: ServiceOptions;
  /** Pipeline ids by the key of `service.pipelines`. */
  readonly pipelines: readonly { readonly key: string; readonly id: ParsedId }[];
}

/** Decodes; faults go to `issues`, and the result is only good if there are none. */
export function decodeConfig(root: MapNode, issues: ConfigIssue[], diagnostics: Diagnostic[]): DecodedConfig {
  checkTopLevel(root, issues);
  const components = {} as Record<Section, ReadonlyMap<string, DecodedComponent>>;
  for (const section of SECTIONS) components[section] = decodeSection(section, child(root, section), issues);
  const service = decode(serviceSpec, child(root, 'service'), 'service', {
    issues,
    diagnostics,
    base: ['service'],
    component: null,
  });
  return {
    components,
    service: service === FAILED ? (defaultOfSpec(serviceSpec) as ServiceOptions) : service,
    pipelines: decodePipelineIds(child(child(root, 'service'), 'pipelines'), issues),
  };
}

function checkTopLevel(root: MapNode, issues: ConfigIssue[]): void {
  const known = [...SECTIONS, 'service'];
  const unknown = Array.from(root.entries.keys())
    .filter((name) => !known.includes(name))
    .toSorted();
  const [first, ...others] = unknown;
  if (first === undefined) return;
  const placeOf = (name: string): { position: Position; suggestion: string | null } => ({
    position: root.entries.get(name)?.at ?? root.at,
    suggestion: nearest(name, known),
  });
  issues.push({
    ...issue(`'' has invalid keys: ${unknown.join(', ')}`, [first], placeOf(first).position),
    expected: `one of ${known.join(', ')}`,
    suggestion: placeOf(first).suggestion,
    related: others.map(placeOf),
  });
}

function decodeSection(
  section: Section,
  node: ConfigNode | undefined,
  issues: ConfigIssue[],
): Map<string, DecodedComponent> {
  const decoded = new Map<string, DecodedComponent>();
  if (node === undefined || isNull(node)) return decoded;
  if (node.kind !== 'map') {
    issues.push(issue(`'${section}' expected a map, got '${goType(node)}'`, [section], node.at));
    return decoded;
  }
  const seen = new Set<string>();
  for (const [key, entry] of node.entries) {
    const id = parseId(section, key, entry, seen, issues);
    if (id === null) continue;
    const component = decodeComponent(section, id, entry, issues);
    if (component !== null) decoded.set(id.id, component);
  }
  return decoded;
}

function parseId(
  section: Section,
  key: string,
  entry: MapEntry,
  seen: Set<string>,
  issues: ConfigIssue[],
): ParsedId | null {
  const parsed = parseComponentId(key);
  if (!parsed.ok) {
    issues.push(issue(`'${section}' ${parsed.reason}`, [section, key], entry.at));
    return null;
  }
  const { id } = parsed.value;
  if (seen.has(id)) {
    issues.push(
      issue(`'${section}' duplicate name ${JSON.stringify(key)} after unmarshaling ${id}`, [section, key], entry.at),
    );
    return null;
  }
  seen.add(id);
  return parsed.value;
}

function decodeComponent(
  section: Section,
  id: ParsedId,
  entry: MapEntry,
  issues: ConfigIssue[],
): DecodedComponent | null {
  const definition = findComponent(section, id.type);
  if (definition === undefined) {
    issues.push(unknownType(section, id, entry.at));
    return null;
  }
  const diagnostics: Diagnostic[] = [];
  const path = [section, id.id];
  if (definition.type !== id.type) diagnostics.push(aliasWarning(definition, id, path, entry.at));
  const context = { issues, diagnostics, base: path, component: { section, id: id.id } };
  const config = decode(definition.spec, entry.node, '', context);
  if (config === FAILED) return null;
  return { id: id.id, writtenType: id.type, definition, config, diagnostics };
}

function unknownType(section: Section, id: ParsedId, at: Position): ConfigIssue {
  const path = [section, id.id];
  const removed = REMOVED_TYPES.get(id.type);
  if (removed !== undefined) return issue(`'${section}' ${removed}`, path, at);
  const types = inSection(section).map((definition) => definition.type);
  const text = `'${section}' unknown type: ${JSON.stringify(id.type)} for id: ${JSON.stringify(id.id)} (valid values: [${types.join(' ')}])`;
  const elsewhere = COMPONENTS.find(
    (definition) => definition.type === id.type || definition.aliases.includes(id.type),
  );
  const expected =
    elsewhere === undefined ? null : `under ${elsewhere.kind}s, where ${JSON.stringify(id.type)} belongs`;
  const suggestion = nearest(id.type, [...types, ...inSection(section).flatMap(({ aliases }) => aliases)]);
  return { ...issue(text, path, at), suggestion, expected };
}

function aliasWarning(
  definition: ComponentDefinition,
  id: ParsedId,
  path: readonly string[],
  position: Position,
): Diagnostic {
  return {
    severity: 'warning',
    message: `${JSON.stringify(id.type)} alias is deprecated; use ${JSON.stringify(definition.type)} instead`,
    path,
    position,
    fields: { 'otelcol.component.id': id.id, 'otelcol.component.kind': definition.kind },
  };
}

function decodePipelineIds(node: ConfigNode | undefined, issues: ConfigIssue[]): DecodedConfig['pipelines'] {
  if (node?.kind !== 'map') return [];
  const out: { key: string; id: ParsedId }[] = [];
  const seen = new Set<string>();
  for (const [key, entry] of node.entries) {
    const path = ['service', 'pipelines', key];
    const parsed = parsePipelineId(key);
    if (!parsed.ok) {
      const suggestion = nearest(key.split('/')[0]?.trim() ?? '', ['traces', 'metrics', 'logs', 'profiles']);
      issues.push({ ...issue(`'service.pipelines' ${parsed.reason}`, path, entry.at), suggestion });
    } else if (seen.has(parsed.value.id)) {
      const text = `'service.pipelines' duplicate name ${JSON.stringify(key)} after unmarshaling ${parsed.value.id}`;
      issues.push(issue(text, path, entry.at));
    } else {
      seen.add(parsed.value.id);
      out.push({ key, id: parsed.value });
    }
  }
  return out;
}

function issue(text: string, path: readonly string[], position: Position | null): ConfigIssue {
  return { stage: 'decode', path, text, position, expected: null, suggestion: null, related: [], component: null };
}
