/**
 * The action list of the processors `attributes` and `resource`: keys, rules and the native form.
 */
import type { NativeActionSettings, NativeAttributeValue } from '../native-types.js';
import { attributeValue, choice, key, list, object, string } from '../schema/spec.js';
import type { AttributeValue, ObjectOf, Report } from '../schema/spec.js';
import { orNull } from './native.js';
import { regexpError } from './regexp.js';

const ACTIONS = ['insert', 'update', 'upsert', 'delete', 'hash', 'extract', 'convert'] as const;
const CONVERTED_TYPES = ['int', 'double', 'string', 'bool'];

const fields = {
  key: key(string(), '', 'Attribute to act on'),
  action: key(
    choice(
      [...ACTIONS, ''],
      (word) => `error creating AttrProc due to unsupported action ${JSON.stringify(word.toLowerCase())}`,
      { fold: true },
    ),
    '',
    '`insert` if absent, `update` if present, `upsert` either way, `delete`, `hash` (SHA-256), `extract` by pattern, `convert` to a type',
  ),
  value: key(attributeValue(), null, 'Value to set: a string, whole number, number or boolean'),
  from_attribute: key(string(), '', 'Attribute whose value to set'),
  from_context: key(string(), '', 'Request context to set: `metadata.<key>`, `auth.<key>` or `client.address`'),
  pattern: key(
    string(),
    '',
    'Regular expression: names of attributes to delete or hash, or named groups to extract from the value',
  ),
  converted_type: key(string(), '', `Type to convert to: ${CONVERTED_TYPES.join(', ')}`),
};

/** One action. */
export const actions = list(object(fields));

type Action = ObjectOf<typeof fields>;

/** Reports everything wrong with a list of actions, in the Collector's words. */
export function checkActions(values: readonly Action[], listKey: string, report: Report): void {
  for (const [index, action] of values.entries()) {
    const fault = checkAction(action, index);
    if (fault !== null) report(fault, listKey, String(index));
  }
}

function checkAction(action: Action, index: number): string | null {
  const { action: kind } = action;
  if (kind === '') return `error creating AttrProc due to unsupported action "" at the ${index}-th actions`;
  if (kind === 'delete' || kind === 'hash') {
    if (action.key === '' && action.pattern === '') {
      return `error creating AttrProc due to missing required field (at least one of "key" and "pattern" have to be used) at the ${index}-th actions`;
    }
  } else if (action.key === '') {
    return `error creating AttrProc due to missing required field "key" at the ${index}-th actions`;
  }
  switch (kind) {
    case 'insert':
    case 'update':
    case 'upsert':
      return checkSetting(action, index);
    case 'delete':
    case 'hash':
      return checkRemoving(action, index);
    case 'extract':
      return checkExtract(action, index);
    case 'convert':
      return checkConvert(action, index);
  }
}

function sources(action: Action): number {
  return [action.value !== null, action.from_attribute !== '', action.from_context !== ''].filter(Boolean).length;
}

function checkSetting(action: Action, index: number): string | null {
  const count = sources(action);
  if (count === 0) {
    return `error creating AttrProc. Either field "value", "from_attribute" or "from_context" setting must be specified for ${index}-th action`;
  }
  if (count > 1) return `error creating AttrProc due to multiple value sources being set at the ${index}-th actions`;
  if (action.pattern !== '') return unused(action, 'the "pattern" field. This', index);
  if (action.converted_type !== '') return unused(action, 'the "converted_type" field. This', index);
  const reason = valueError(action.value);
  return reason === null ? null : `error creating AttrProc: value of the ${index}-th action ${reason}`;
}

function checkRemoving(action: Action, index: number): string | null {
  if (action.value !== null || action.from_attribute !== '') {
    return unused(action, '"value" or "from_attribute" field. These', index);
  }
  if (action.pattern !== '' && regexpError(action.pattern) !== null) return badPattern(action, index);
  return action.converted_type === '' ? null : unused(action, 'the "converted_type" field. This', index);
}

function checkExtract(action: Action, index: number): string | null {
  if (sources(action) > 0) return unused(action, 'a value source field. These', index);
  if (action.pattern === '') {
    return `error creating AttrProc due to missing required field "pattern" for action "extract" at the ${index}-th action`;
  }
  if (action.converted_type !== '') return unused(action, 'the "converted_type" field. This', index);
  if (regexpError(action.pattern) !== null) return badPattern(action, index);
  const { named, unnamed } = countGroups(action.pattern);
  if (named + unnamed === 0) {
    return `error creating AttrProc. Field "pattern" contains no named matcher groups at the ${index}-th actions`;
  }
  if (unnamed > 0) {
    return `error creating AttrProc. Field "pattern" contains at least one unnamed matcher group at the ${index}-th actions`;
  }
  return null;
}

function checkConvert(action: Action, index: number): string | null {
  if (sources(action) > 0 || action.pattern !== '') {
    return unused(action, 'value sources or "pattern" field. These', index);
  }
  const { converted_type: type } = action;
  if (type === '') {
    return `error creating AttrProc due to missing required field "converted_type" for action "convert" at the ${index}-th action`;
  }
  if (CONVERTED_TYPES.includes(type)) return null;
  return `error creating AttrProc due to invalid value "${type}" in field "converted_type" for action "convert" at the ${index}-th action`;
}

function unused(action: Action, what: string, index: number): string {
  return `error creating AttrProc. Action "${action.action}" does not use ${what} must not be specified for ${index}-th action`;
}

function badPattern(action: Action, index: number): string {
  return `error creating AttrProc. Field "pattern" has invalid pattern: "${action.pattern}" to be set at the ${index}-th actions`;
}

/** Capturing groups of a valid pattern; brackets in classes and escaped ones are text. */
function countGroups(pattern: string): { named: number; unnamed: number } {
  const bare = pattern.replaceAll(/\\[\s\S]/g, '').replaceAll(/\[\^?\]?(?:\[:[^\]]*:\]|[^\]])*\]/g, '');
  const named = bare.match(/\(\?P?<[A-Za-z_]/g)?.length ?? 0;
  const unnamed = bare.match(/\((?!\?)/g)?.length ?? 0;
  return { named, unnamed };
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Why a written value is no attribute value, or null. */
export function valueError(value: AttributeValue | null): string | null {
  if (value === null) return null;
  if ('unfit' in value) return 'must be a string, a number or a boolean';
  if ('int' in value) {
    const int = BigInt(value.int);
    return int < INT64_MIN || int > INT64_MAX ? 'does not fit 64 bits' : null;
  }
  return 'double' in value && !Number.isFinite(value.double) ? 'must be a finite number' : null;
}

/** The native form; what is unfit does not get past validation. */
export function toNativeValue(value: AttributeValue | null): NativeAttributeValue | null {
  return value === null || 'unfit' in value ? null : value;
}

export function toNativeActions(values: readonly Action[]): NativeActionSettings[] {
  return values.map((action) => ({
    key: orNull(action.key),
    // an empty action does not get past validation
    action: action.action === '' ? 'upsert' : action.action,
    value: toNativeValue(action.value),
    from_attribute: orNull(action.from_attribute),
    from_context: orNull(action.from_context),
    pattern: orNull(action.pattern),
    converted_type:
      action.converted_type === '' ? null : (action.converted_type as NativeActionSettings['converted_type']),
  }));
}
