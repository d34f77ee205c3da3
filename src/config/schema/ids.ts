/**
 * Component ids (`TYPE` or `TYPE/NAME`) and pipeline ids (`SIGNAL` or `SIGNAL/NAME`).
 */
import type { Signal } from '../native-types.js';

/** The signals, in the order they are shown. */
export const SIGNALS = ['traces', 'metrics', 'logs', 'profiles'] as const satisfies readonly Signal[];

const TYPE = /^[a-zA-Z][0-9a-zA-Z_]{0,62}$/;
const NAME = /^[^\p{Z}\p{C}\p{S}]+$/u;
const NAME_BYTES_MAX = 1024;

/** An id in its parts. */
export interface ParsedId {
  /** Component type, or signal. */
  readonly type: string;
  /** Empty if there is none. */
  readonly name: string;
  /** Both, trimmed. */
  readonly id: string;
}

/** An id, or why it is none, as the Collector words it. */
export type IdResult = { readonly ok: true; readonly value: ParsedId } | { readonly ok: false; readonly reason: string };

/** Parses a component id. */
export function parseComponentId(text: string): IdResult {
  return parse(text, (type) => (TYPE.test(type) ? null : `invalid character(s) in type ${JSON.stringify(type)}`));
}

/** Parses a pipeline id; its type is a {@link Signal}. */
export function parsePipelineId(text: string): IdResult {
  return parse(text, (signal) => (isSignal(signal) ? null : `unknown pipeline signal: ${JSON.stringify(signal)}`));
}

/** Whether a word is a signal. */
export function isSignal(word: string): word is Signal {
  return (SIGNALS as readonly string[]).includes(word);
}

function parse(text: string, typeError: (type: string) => string | null): IdResult {
  const slash = text.indexOf('/');
  const hasName = slash >= 0;
  const type = (hasName ? text.slice(0, slash) : text).trim();
  const name = hasName ? text.slice(slash + 1).trim() : '';
  const quoted = JSON.stringify(text);
  if (type === '') {
    return refuse(hasName ? `in ${quoted} id: the part before / should not be empty` : 'id must not be empty');
  }
  if (hasName) {
    if (name === '') return refuse(`in ${quoted} id: the part after / should not be empty`);
    const reason = nameError(name);
    if (reason !== null) return refuse(`in ${JSON.stringify(name)} id: ${reason}`);
  }
  const reason = typeError(type);
  if (reason !== null) return refuse(`in ${quoted} id: ${reason}`);
  return { ok: true, value: { type, name, id: hasName ? `${type}/${name}` : type } };
}

function nameError(name: string): string | null {
  const length = Buffer.byteLength(name);
  if (length > NAME_BYTES_MAX) {
    return `name ${JSON.stringify(name)} is longer than ${NAME_BYTES_MAX} characters (${length} characters)`;
  }
  return NAME.test(name) ? null : `invalid character(s) in name ${JSON.stringify(name)}`;
}

function refuse(reason: string): IdResult {
  return { ok: false, reason };
}
