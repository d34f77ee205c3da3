/**
 * Where configuration text comes from: `SCHEME:BODY`, in flags and inside `${…}`.
 */
import { CollectorError, messageOf } from '../../errors.js';
import type { Environment } from '../environment.js';
import type { Diagnostic, Position } from '../issues.js';
import { scalar } from './node.js';
import type { ConfigNode } from './node.js';
import { YamlError, parseYaml } from './parse-yaml.js';

/** A scheme and what follows its colon. */
export interface Location {
  readonly scheme: string;
  readonly body: string;
}

/** The schemes of the standard distributions. */
export const SCHEMES = ['env', 'file', 'http', 'https', 'yaml'] as const;

const URI = /^([A-Za-z][A-Za-z0-9+.-]+):([\s\S]*)$/;
const VARIABLE_NAME = '^[a-zA-Z_][a-zA-Z0-9_]*$';
const VARIABLE = new RegExp(VARIABLE_NAME);

/** Splits `SCHEME:BODY`; null if the text has no scheme. */
export function parseLocation(text: string): Location | null {
  const match = URI.exec(text);
  return match === null ? null : { scheme: match[1] ?? '', body: match[2] ?? '' };
}

/** What a location held. */
export interface Retrieved {
  readonly node: ConfigNode;
  /** The text, for use inside a longer string or for a string field. */
  readonly text: string;
  /** Why `node` is a string although the text looked like more. */
  readonly hint: string | null;
}

/** What reading a location needs. */
export interface RetrieveContext {
  readonly environment: Environment;
  readonly signal: AbortSignal | null;
  readonly diagnostics: Diagnostic[];
}

/**
 * Reads a location.
 * @param name what positions inside the text shall call their source
 * @param at where it is referred to, for diagnostics; null for a flag
 */
export async function retrieve(
  location: Location,
  name: string,
  at: Position | null,
  context: RetrieveContext,
): Promise<Retrieved> {
  const { scheme, body } = location;
  if (scheme === 'env') return retrieveVariable(body, name, at, context);
  if (scheme === 'http') {
    const message = 'configuration is read over plain HTTP, where others can read and change it; use https';
    context.diagnostics.push({ severity: 'warning', message, path: [], position: at, fields: { source: name } });
  }
  return fromYaml(await readText(scheme, body, context), name);
}

/** Not for `env`, whose text may be missing. */
async function readText(scheme: string, body: string, context: RetrieveContext): Promise<string> {
  if (scheme === 'yaml') return body;
  const uri = `${scheme}:${body}`;
  if (scheme === 'file') {
    try {
      return await context.environment.readFile(body);
    } catch (error) {
      throw new CollectorError('CONFIG_UNREADABLE', `unable to read the file ${uri}: ${reasonOf(error, body)}`, {
        cause: error,
      });
    }
  }
  const shown = JSON.stringify(withoutUserinfo(uri));
  let answer: { readonly status: number; readonly text: string };
  try {
    answer = await context.environment.fetchText(uri, context.signal);
  } catch (error) {
    const message = `unable to download the file via HTTP GET for uri ${shown}: ${messageOf(error)}`;
    throw new CollectorError('CONFIG_UNREADABLE', message, { cause: error });
  }
  if (answer.status === 200) return answer.text;
  throw new CollectorError(
    'CONFIG_UNREADABLE',
    `failed to load resource from uri ${shown}. status code: ${answer.status}`,
  );
}

function retrieveVariable(body: string, name: string, at: Position | null, context: RetrieveContext): Retrieved {
  const cut = body.indexOf(':-');
  const variable = cut < 0 ? body : body.slice(0, cut);
  const fallback = cut < 0 ? null : body.slice(cut + 2);
  if (!VARIABLE.test(variable)) {
    const text = `environment variable ${JSON.stringify(variable)} has invalid name: must match regex ${VARIABLE_NAME}`;
    throw new CollectorError('CONFIG_EXPANSION', text);
  }
  const value = context.environment.variable(variable);
  if (value === undefined) {
    if (fallback === '') return { node: scalar('string', '', at ?? startOf(name)), text: '', hint: null };
    if (fallback !== null) return fromYaml(fallback, name);
    context.diagnostics.push(note('warning', 'Configuration references unset environment variable', variable, at));
  } else if (value === '') {
    context.diagnostics.push(note('info', 'Configuration references empty environment variable', variable, at));
  }
  return fromYaml(value ?? '', name);
}

function note(severity: Diagnostic['severity'], message: string, name: string, position: Position | null): Diagnostic {
  return { severity, message, path: [], position, fields: { name } };
}

/** Text to a node: YAML if it is, else the text itself; a YAML string keeps its text, quotes and all. */
function fromYaml(text: string, name: string): Retrieved {
  try {
    const node = parseYaml(text, name);
    if (node.kind === 'scalar' && node.type === 'string')
      return { node: scalar('string', text, node.at), text, hint: null };
    return { node, text, hint: null };
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    const hint = `assuming string type since contents are not valid YAML: ${error.message} (${error.at.source}:${error.at.line}:${error.at.column})`;
    return { node: scalar('string', text, startOf(name)), text, hint };
  }
}

function startOf(source: string): Position {
  return { source, line: 1, column: 1 };
}

/** Go's words for the common reasons, else ours. */
function reasonOf(error: unknown, path: string): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return `open ${path}: no such file or directory`;
  if (code === 'EACCES') return `open ${path}: permission denied`;
  if (code === 'EISDIR') return `read ${path}: is a directory`;
  return messageOf(error);
}

/** An address as positions and errors show it: without a user name, password or query. */
export function withoutUserinfo(uri: string): string {
  try {
    const url = new URL(uri);
    return `${url.protocol}//${url.host}${url.pathname}`;
  } catch {
    return uri.replace(/\/\/[^/@]*@/, '//').replace(/\?.*$/, '');
  }
}
