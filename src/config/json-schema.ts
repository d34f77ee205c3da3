/**
 * The JSON Schema of a configuration, for editors: completion, documentation on hover, unknown keys underlined.
 */
import { z } from 'zod';

import { SECTIONS, inSection } from './components/registry.js';
import type { ComponentDefinition, Section } from './components/definition.js';
import { toZod } from './schema/zod.js';
import { serviceSpec } from './service/service.js';

/** A JSON Schema document or part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

const TITLE = 'teleferric configuration';
/** What each section is for. */
export const SECTION_DOCS: Readonly<Record<Section, string>> = {
  receivers: 'Where data comes from',
  processors: 'What is done to data on its way',
  exporters: 'Where data goes',
  connectors: 'What joins pipelines',
  extensions: 'What runs beside the pipelines',
};
/** What `service` is for. */
export const SERVICE_DOC = 'Pipelines, extensions and what the collector tells about itself';

/** The schema, draft 7, which editors know best. */
export function configJsonSchema(): JsonSchema {
  const definitions: Record<string, unknown> = {};
  const properties: Record<string, unknown> = {};
  for (const section of SECTIONS) properties[section] = sectionSchema(section, definitions);
  properties['service'] = inline(toZod(serviceSpec), definitions, SERVICE_DOC);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: TITLE,
    description: 'OpenTelemetry Collector configuration as teleferric reads it',
    type: 'object',
    properties,
    additionalProperties: false,
    definitions,
  };
}

/** Component ids are `type` or `type/name`, so a section matches its keys by pattern. */
function sectionSchema(section: Section, definitions: Record<string, unknown>): JsonSchema {
  const patterns: Record<string, unknown> = {};
  for (const definition of inSection(section)) {
    const name = `${definition.kind}_${definition.type}`;
    definitions[name] = inline(toZod(definition.spec), definitions, definition.doc);
    patterns[idPattern(definition)] = { $ref: `#/definitions/${name}` };
  }
  return {
    description: SECTION_DOCS[section],
    anyOf: [{ type: 'object', patternProperties: patterns, additionalProperties: false }, { type: 'null' }],
  };
}

function idPattern({ type, aliases }: ComponentDefinition): string {
  const types = [type, ...aliases];
  return `^\\s*(${types.join('|')})\\s*(/.+)?$`;
}

/** A zod schema as a part of the document, its own definitions moved to the top. */
function inline(schema: z.ZodType, definitions: Record<string, unknown>, description: string): JsonSchema {
  const {
    $schema: _draft,
    definitions: own,
    ...rest
  } = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
  }) as Record<string, unknown> & { definitions?: Record<string, unknown> };
  Object.assign(definitions, own);
  return { description, ...rest };
}
