// TypeScript declarations of the configuration document, from the JSON Schema that the Rust types emit. Knows the
// few forms that schemars writes for plain structs; anything else is an error, so that nothing is typed by guess.

/** The declarations as one file. `schema` is `{ document, components: { kind: { type: schema } } }`. */
export function documentTypes({ document, components }) {
  const types = new Map();
  const kinds = Object.entries(components).map(([kind, byType]) => {
    const rows = Object.entries(byType).map(([type, schema]) => `  readonly ${type}: ${declare(schema, types)};`);
    return `/** Settings of ${kind} by type. */\nexport interface Native${capital(kind)} {\n${rows.join('\n')}\n}\n`;
  });
  declare(document, types);
  return [
    '// Generated from the Rust types by `npm run generate`. Do not edit.',
    '//',
    '// The configuration document as the native core reads it: complete, null for what is absent, durations in whole',
    '// nanoseconds.',
    '',
    ...types.values(),
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
  const heading = comment(schema.description, '');
  if (schema.oneOf) {
    const variants = schema.oneOf.map((variant) => object(variant, name));
    types.set(name, `${heading}export type ${nativeName(name)} =\n  | ${variants.join('\n  | ')};\n`);
  } else if (schema.type === 'object') {
    const empty = Object.keys(schema.properties ?? {}).length === 0;
    const body = empty ? 'Readonly<Record<string, never>>;' : object(schema, name, '\n');
    types.set(
      name,
      `${heading}export ${empty ? 'type' : 'interface'} ${nativeName(name)} ${empty ? '= ' : ''}${body}\n`,
    );
  } else {
    throw new Error(`${name}: no TypeScript form for ${JSON.stringify(schema)}`);
  }
}

/** The fields of a struct; on one line unless `newline` is given. */
function object(schema, name, newline = ' ') {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([field, property]) => {
    if (!required.has(field) && !nullable(property)) throw new Error(`${name}.${field}: not required`);
    const heading = newline === '\n' ? comment(property.description, '  ') : '';
    const indent = newline === '\n' ? '  ' : '';
    return `${heading}${indent}readonly ${field}: ${expression(property, `${name}.${field}`)};`;
  });
  return `{${newline}${fields.join(newline)}${newline}}`;
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
      if (schema.prefixItems)
        return `readonly [${schema.prefixItems.map((item) => expression(item, where)).join(', ')}]`;
      return `ReadonlyArray<${expression(schema.items, where)}>`;
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
