/**
 * Extensions that components need: authenticators, middlewares, storage. The Collector finds a missing one when it
 * starts, not when it validates, so this check belongs to `run`.
 */
import { SECTIONS } from './components/registry.js';
import type { Section } from './components/definition.js';
import type { DecodedConfig } from './decode-config.js';
import type { ConfigIssue } from './issues.js';
import { locate } from './tree/node.js';
import type { ConfigNode } from './tree/node.js';

/** Reports references that cannot be resolved, for the components in use. */
export function checkReferences(
  { components }: DecodedConfig,
  used: Readonly<Record<Section, ReadonlySet<string>>>,
  root: ConfigNode,
): readonly ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  for (const section of SECTIONS) {
    for (const id of used[section]) {
      const component = components[section].get(id);
      for (const { id: ref, as } of component?.definition.references?.(component.config) ?? []) {
        const isThere = used.extensions.has(ref);
        if (isThere && components.extensions.get(ref)?.definition.provides === as) continue;
        const kind = section.slice(0, -1);
        const reason = reasonFor(as, ref, isThere, kind);
        const text = `cannot start pipelines: failed to start ${JSON.stringify(id)} ${kind}: ${reason}`;
        const path = [section, id];
        issues.push({
          stage: 'graph',
          path,
          text,
          position: locate(root, path),
          expected: null,
          suggestion: null,
          related: [],
          component: null,
        });
      }
    }
  }
  return issues;
}

/** One that exists is of the wrong kind. */
function reasonFor(as: 'authenticator' | 'middleware' | 'storage', ref: string, exists: boolean, kind: string): string {
  const quoted = JSON.stringify(ref);
  if (as === 'storage')
    return exists ? 'requested extension is not a storage extension' : 'no storage client extension found';
  if (as === 'middleware') {
    return exists
      ? `requested extension is not a ${side(kind)} middleware`
      : `failed to resolve middleware ${quoted}: middleware not found`;
  }
  return exists
    ? `requested authenticator is not a ${side(kind)} authenticator`
    : `failed to resolve authenticator ${quoted}: authenticator not found`;
}

function side(kind: string): string {
  return kind === 'exporter' ? 'client' : 'server';
}
