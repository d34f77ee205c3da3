// The reference of the public API as Markdown, from the declarations that the compiler has emitted to dist and the
// comments in them. By the compiler's own API: the usual generators do not run with this version of it.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SyntaxKind, isClassDeclaration, isFunctionDeclaration, isInterfaceDeclaration } from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

const HEAD = `# API

Generated from the doc comments in \`src\`; do not edit. [embedding.md](embedding.md) tells how to use it, and
[components.md](components.md) has the keys of components, whose types are those of \`Configuration\`.
`;

const GROUPS = ['Classes', 'Functions', 'Constants', 'Types'];
const TAGS = /(?:^|\s)@(param|returns|throws|default|deprecated|example|see)\b/;

/** @returns the text, and the names of all symbols that have no comment */
export function apiReference(root) {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const api = new API({ cwd: root });
  const undocumented = [];
  const parts = [HEAD];
  try {
    for (const [name, { import: entry }] of Object.entries(manifest.exports)) {
      if (entry === undefined) continue;
      const of = name === '.' ? '' : ` of \`${path.posix.join(manifest.name, name)}\``;
      parts.push(...render(exportsOf(api, path.join(root, entry.types)), of, undocumented));
    }
  } finally {
    api.close();
  }
  return { text: `${parts.join('\n').trimEnd()}\n`, undocumented };
}

/** The names of a module and what they stand for, sorted. */
function exportsOf(api, file) {
  const project = api.updateSnapshot({ openFiles: [file] }).getDefaultProjectForFile(file);
  const { checker, program } = project;
  const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)));
  const found = symbols.map((symbol) => {
    // Whatever an entry exports, it exports again from elsewhere.
    const [declaration] = checker.getAliasedSymbol(symbol).declarations;
    return { name: symbol.name, node: declaration.resolve(project) };
  });
  return found.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** @param of which module, behind the headings */
function render(entries, of, undocumented) {
  return GROUPS.flatMap((group) => {
    const texts = entries.filter(({ node }) => groupOf(node) === group).map((entry) => section(entry, undocumented));
    return texts.length === 0 ? [] : [`## ${group}${of}\n`, ...texts];
  });
}

function groupOf(node) {
  if (isClassDeclaration(node)) return 'Classes';
  if (isFunctionDeclaration(node)) return 'Functions';
  return node.kind === SyntaxKind.VariableDeclaration ? 'Constants' : 'Types';
}

function section({ name, node }, undocumented) {
  // The comment of a constant stands before its statement.
  const whole = node.kind === SyntaxKind.VariableDeclaration ? node.parent.parent : node;
  const comment = commentOf(whole);
  if (comment === null) undocumented.push(name);
  const isClass = isClassDeclaration(node);
  const lines = [`### ${name}\n`, ...describe(comment)];
  if (!isClass) lines.push(code(bare(whole)), '');
  const members = isClass || isInterfaceDeclaration(node) ? node.members : [];
  for (const member of members) {
    const signature = bare(member);
    // A setter is its getter's.
    if (signature.startsWith('#') || /^(?:private|protected|set)\b/.test(signature)) continue;
    const about = commentOf(member);
    if (isClass) lines.push(`#### ${titleOf(signature)}\n`, code(signature), '', ...describe(about));
    // What a pattern of keys means stands at the key that it follows.
    else if (about !== null && !signature.includes('[')) lines.push(`- \`${titleOf(signature)}\`: ${inline(about)}`);
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

/** A member's name, as it is used. */
function titleOf(signature) {
  const words = signature.replace(/^(?:(?:readonly|static|get|set|abstract)\s+)*/, '');
  const name = /^(?:\[[^\]]*\]|[\w$]+)/.exec(words)?.[0] ?? words;
  return name.replaceAll('`', "'");
}

/** The text of a declaration without comments. */
function bare(node) {
  return node
    .getText()
    .replaceAll(/\/\*\*[\s\S]*?\*\//g, '')
    .replaceAll(/\n\s*(?=\n)/g, '')
    .replace(/^export declare /, '')
    .replace(/^export /, '')
    .replaceAll(/^(?: {4})+/gm, (spaces) => ' '.repeat(spaces.length / 2))
    .trim();
}

/** The comment right before a declaration: its text, and its tags in order. */
function commentOf(node) {
  const before = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(leading(node));
  if (before === null) return null;
  const text = before[1]
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .replaceAll(/\{@link ([^}]+)\}/g, (_link, target) => `\`${target.trim().replace('.prototype', '')}\``);
  const [summary, ...rest] = text.split(TAGS);
  const tags = [];
  for (let at = 0; at < rest.length; at += 2) tags.push({ tag: rest[at], text: rest[at + 1].trim() });
  return { summary: summary.trim(), tags };
}

function leading(node) {
  const full = node.getFullText();
  return full.slice(0, full.length - node.getText().length);
}

function describe(comment) {
  if (comment === null) return [];
  const examples = comment.tags.filter(({ tag }) => tag === 'example').map(({ text }) => text);
  const tags = comment.tags.filter(({ tag }) => tag !== 'example').map((each) => `- ${tagText(each)}`);
  const paragraphs = [flowing(comment.summary), tags.join('\n'), ...examples].filter((text) => text !== '');
  return paragraphs.flatMap((text) => [text, '']);
}

/** Lines of a paragraph as one; a list stays one. */
function flowing(text) {
  return text.replaceAll(/(?<!\n)\n(?!\n|- )/g, ' ');
}

function inline({ summary, tags }) {
  return [summary, ...tags.map(tagText)]
    .filter((text) => text !== '')
    .join(' ')
    .replaceAll(/\s*\n\s*/g, ' ');
}

function tagText({ tag, text }) {
  const said = text.replaceAll(/\s*\n\s*/g, ' ').replace(/^\{(\w+)\}/, '`$1`');
  switch (tag) {
    case 'param':
      return `Parameter ${said.replace(/^([\w.]+)(?: -)?/, '`$1`:')}`;
    case 'returns':
      return `Returns ${said}`;
    case 'throws':
      return `Throws ${said}`;
    case 'default':
      return `Default: ${said}`;
    case 'deprecated':
      return `Deprecated: ${said}`;
    default:
      return `See ${said}`;
  }
}

function code(text) {
  return `\`\`\`ts\n${text}\n\`\`\``;
}
