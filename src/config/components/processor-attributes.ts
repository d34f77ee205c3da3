/**
 * Processor `attributes`: changes attributes of spans, log records and data points.
 */
import { actions, checkActions, toNativeActions, toNativeValue, valueError } from '../blocks/attribute-actions.js';
import { regexpError } from '../blocks/regexp.js';
import type { NativeAttributesConfig, NativeMatchSettings, NativeMatchAttribute, Signal } from '../native-types.js';
import {
  attributeValue,
  block,
  bool,
  choice,
  ignored,
  int,
  key,
  list,
  object,
  optional,
  string,
} from '../schema/spec.js';
import type { AttributeValue, Infer, ObjectOf, Report } from '../schema/spec.js';
import { define, forSignals } from './definition.js';

const SPAN_KINDS = [
  'SPAN_KIND_CLIENT',
  'SPAN_KIND_CONSUMER',
  'SPAN_KIND_INTERNAL',
  'SPAN_KIND_PRODUCER',
  'SPAN_KIND_SERVER',
];
const SEVERITY_MAX = 24;

const strings = list(string());
const attribute = object({
  key: key(string(), '', 'Name of the attribute'),
  value: key(attributeValue(), null, 'Value it must have; none matches any'),
});
const library = object({
  name: key(string(), '', 'Name of the scope'),
  version: key(optional(string(), 'off'), null, 'Version of the scope; none matches any'),
});
const severityNumber = object({
  min: key(int({ min: 0, max: SEVERITY_MAX }), 0, 'Lowest severity number that matches'),
  match_undefined: key(bool(), false, 'Whether records without a severity match'),
});
const regexpCache = object({
  cacheenabled: key(bool(), false, 'Remember results'),
  cachemaxnumentries: key(int({ min: 0 }), 0, 'How many'),
});

const matchFields = {
  match_type: key(
    choice(['strict', 'regexp', ''], (word) => `unrecognized match_type: '${word}', valid types are: [regexp strict]`),
    '',
    'How texts are compared: `strict` (equal) or `regexp`; required',
  ),
  regexp: ignored(
    block(optional(regexpCache, 'off'), 'Cache of regular expressions'),
    'has no effect: patterns are compiled once and matched in linear time',
  ),
  services: key(strings, [], 'Values of `service.name`; spans only'),
  span_names: key(strings, [], 'Names of spans'),
  span_kinds: key(strings, [], `Kinds of spans: ${SPAN_KINDS.join(', ')}`),
  log_bodies: key(strings, [], 'Bodies of log records that are texts'),
  log_severity_texts: key(strings, [], 'Severity texts of log records'),
  log_severity_number: block(optional(severityNumber, 'off'), 'Severity numbers of log records'),
  metric_names: key(strings, [], 'Names of metrics'),
  attributes: key(list(attribute), [], 'Attributes that must all be there'),
  resources: key(list(attribute), [], 'Resource attributes that must all be there'),
  libraries: key(list(library), [], 'Instrumentation scopes'),
};

type Match = ObjectOf<typeof matchFields>;
const match = object(matchFields, { validate: checkMatch });

const spec = object(
  {
    actions: key(actions, [], 'What to do, in order; required'),
    include: block(optional(match, 'default'), 'What to act on; everything unless written'),
    exclude: block(optional(match, 'default'), 'What to leave alone, of what `include` lets through'),
  },
  {
    validate: ({ actions: values }, report) => {
      if (values.length === 0) report('missing required field "actions"', 'actions');
      checkActions(values, 'actions', report);
    },
  },
);

const TEXT_LISTS = [
  'services',
  'span_names',
  'span_kinds',
  'log_bodies',
  'log_severity_texts',
  'metric_names',
] as const;

function checkMatch(value: Match, report: Report): void {
  if (value.match_type === '')
    report("error creating processor: unrecognized match_type: '', valid types are: [regexp strict]", 'match_type');
  if (value.match_type === 'regexp') {
    for (const name of TEXT_LISTS) {
      for (const [index, pattern] of value[name].entries()) {
        const reason = regexpError(pattern);
        if (reason !== null) report(`error parsing regexp: ${reason}: \`${pattern}\``, name, String(index));
      }
    }
  }
  if (value.match_type === 'strict' && value.span_kinds.some((kind) => !SPAN_KINDS.includes(kind))) {
    report(
      `span_kinds string must match one of the standard span kinds when match_type=strict: [${SPAN_KINDS.join(' ')}]`,
      'span_kinds',
    );
  }
  for (const name of ['attributes', 'resources'] as const) {
    for (const [index, item] of value[name].entries()) {
      if (item.key === '')
        report("error creating processor. Can't have empty key in the list of attributes", name, String(index));
      const reason = valueError(item.value);
      if (reason !== null) report(`value ${reason}`, name, String(index), 'value');
    }
  }
}

/** Match blocks name things that only some signals have. */
function checkSignal(config: Infer<typeof spec>, signal: Signal): string | null {
  for (const value of [config.include, config.exclude]) {
    const fault = value === null ? null : matchFault(value, signal);
    if (fault !== null) return fault;
  }
  return null;
}

function matchFault(value: Match, signal: Signal): string | null {
  const common = someWritten(value.attributes, value.libraries, value.resources);
  if (signal === 'traces') {
    if (someWritten(value.log_bodies)) return 'log_bodies should not be specified for trace spans';
    if (someWritten(value.log_severity_texts)) return 'log_severity_texts should not be specified for trace spans';
    if (value.log_severity_number !== null) return 'log_severity_number should not be specified for trace spans';
    if (common || someWritten(value.services, value.span_names, value.span_kinds)) return null;
    return 'at least one of "attributes", "libraries",  or "resources" field must be specified';
  }
  if (signal === 'logs') {
    if (someWritten(value.span_names, value.services, value.span_kinds)) {
      return 'services, span_names, and span_kinds are not valid for log records';
    }
    if (common || someWritten(value.log_bodies, value.log_severity_texts) || value.log_severity_number !== null)
      return null;
    return 'at least one of "attributes", "libraries", "span_kinds", "resources", "log_bodies", "log_severity_texts" or "log_severity_number" field must be specified';
  }
  return null;
}

function someWritten(...lists: readonly (readonly unknown[])[]): boolean {
  return lists.some((items) => items.length > 0);
}

function toNative(config: Infer<typeof spec>): NativeAttributesConfig {
  return {
    actions: toNativeActions(config.actions),
    include: toNativeMatch(config.include),
    exclude: toNativeMatch(config.exclude),
  };
}

function toNativeMatch(value: Match | null): NativeMatchSettings | null {
  if (value === null) return null;
  return {
    match_type: value.match_type === 'regexp' ? 'regexp' : 'strict',
    services: value.services,
    span_names: value.span_names,
    span_kinds: value.span_kinds,
    log_bodies: value.log_bodies,
    log_severity_texts: value.log_severity_texts,
    log_severity_number: value.log_severity_number,
    metric_names: value.metric_names,
    attributes: value.attributes.map(toNativeMatchAttribute),
    resources: value.resources.map(toNativeMatchAttribute),
    libraries: value.libraries,
  };
}

function toNativeMatchAttribute(item: {
  readonly key: string;
  readonly value: AttributeValue | null;
}): NativeMatchAttribute {
  return { key: item.key, value: toNativeValue(item.value) };
}

export const attributesProcessor = define({
  kind: 'processor',
  type: 'attributes',
  doc: 'Sets, changes, hashes, converts or removes attributes of spans, log records and metric data points, of all of them or of those that match.',
  stability: forSignals('beta', ['traces', 'metrics', 'logs']),
  spec,
  toNative,
  checkSignal,
});
