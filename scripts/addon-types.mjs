// TypeScript declarations of the addon, from the lines of JSON that napi's macros write while it compiles.

/** The declarations as one file. `records` are the contents of the macros' files. */
export function addonDeclarations(records) {
  const definitions = records
    .join('\n')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const bodies = new Map();
  for (const { kind, name, def } of definitions) {
    if (kind === 'impl') bodies.set(name, (bodies.get(name) ?? '') + def);
  }
  const declared = definitions.flatMap(({ kind, name, js_doc: doc, def }) => {
    if (kind === 'fn') return [`${doc}export declare ${def};\n`];
    if (kind === 'struct') return [`${doc}export declare class ${name} {\n${members(bodies.get(name) ?? '')}}\n`];
    if (kind === 'interface') return [`${doc}export interface ${name} {\n${members(def)}}\n`];
    if (kind === 'impl') return [];
    throw new Error(`no declaration for ${kind} ${name}`);
  });
  const heading = '// Generated from native/crates/node by `npm run generate`. Do not edit.\n';
  return [heading, ...declared].join('\n');
}

/** The members of a class or an interface, indented and ended. */
function members(body) {
  const lines = body.split('\n').map((line) => {
    const text = line.trim();
    if (text.startsWith('*')) return `   ${text}`;
    return text.startsWith('/**') ? `  ${text}` : `  ${text};`;
  });
  return `${lines.join('\n')}\n`;
}
