// TypeScript declarations of the configuration document, from the JSON Schema that the Rust types emit. Knows the
// few forms that schemars writes for plain structs; anything else is an error, so that nothing is typed by guess.

/** The declarations as one file. `schema` is `{ document, components: { kind: { type: schema } } }`. */
export function documentTypes({ document, components }) {
  const types = new Map();
  const kinds = Object.entries(components).map(([kind, byType]) => {
    const rows = Object.entries(byType).map(([type, schema]) => `  ${type}: ${declare(schema, types)};`);
    return `/** Settings of ${kind} by type. */\nexport interface Native${capital(kind)} {\n${rows.join('\n')}\n}\n`;
  });
  declare(document, types);
  return [
    '// Generated from the Rust types by `npm run generate`. Do not edit.',
    '//',
    '// The configuration document as the native core reads it: complete, null for what is absent, durations in whole',
    '// nanoseconds.',
    '',
    ...[...types.values()],
    ...kinds,
  ].join('\n');
}

/** Declares a named struct and everything it refers to; returns its name. */
function declare(schema, types) {
  for (const [name, definition] of Object.entries(schema.$defs ?? {})) struct(name, definition, types);
  struct(schema.title, schema, types);
  return nativeName(schema.title);
}

function struct(name, schema, types) {
  if (types.has(name)) return;
  if (schema.type !== 'object') throw new Error(`${name}: only structs are declared, found ${JSON.stringify(schema)}`);
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([field, property]) => {
    if (!required.has(field) && !nullable(property)) throw new Error(`${name}.${field}: not required`);
    return `${comment(property.description, '  ')}  ${field}: ${expression(property, `${name}.${field}`)};\n`;
  });
  const body = fields.length > 0 ? `{\n${fields.join('')}}` : '{}';
  types.set(name, `${comment(schema.description, '')}export interface ${nativeName(name)} ${body}\n`);
}

function expression(schema, where) {
  if (schema === true) return 'unknown';
  if (schema.$ref) return nativeName(schema.$ref.split('/').at(-1));
  if (schema.anyOf) return schema.anyOf.map((part) => expression(part, where)).join(' | ');
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (Array.isArray(schema.type)) return schema.type.map((type) => expression({ ...schema, type }, where)).join(' | ');
  switch (schema.type) {
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      if (schema.prefixItems) return `[${schema.prefixItems.map((item) => expression(item, where)).join(', ')}]`;
      return `Array<${expression(schema.items, where)}>`;
    default:
      if (schema.properties === undefined && schema.type === undefined) return 'unknown';
      throw new Error(`${where}: no TypeScript form for ${JSON.stringify(schema)}`);
  }
}

function nullable(schema) {
  return Array.isArray(schema.type)
    ? schema.type.includes('null')
    : (schema.anyOf ?? []).some((p) => p.type === 'null');
}

function comment(text, indent) {
  return text ? `${indent}/** ${text.replaceAll('\n', ' ').replaceAll('*/', '* /')} */\n` : '';
}

function nativeName(name) {
  return `Native${name}`;
}

function capital(word) {
  return word[0].toUpperCase() + word.slice(1);
}
