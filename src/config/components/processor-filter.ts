/**
 * Processor `filter`: leaves out items for which a condition holds.
 */
import type { NativeFilterConfig, NativeGroupSettings, Signal } from '../native-types.js';
import { any, block, choice, key, list, object, optional, string } from '../schema/spec.js';
import type { ObjectOf, Report } from '../schema/spec.js';
import { define, forSignals } from './definition.js';

const ERROR_MODES = ['ignore', 'silent', 'propagate'] as const;
type ErrorMode = (typeof ERROR_MODES)[number];

/** Contexts of each signal, as a group may name them; the first is that of its records. */
const CONTEXTS: Readonly<Record<Signal, readonly string[]>> = {
  traces: ['span', 'spanevent', 'scope', 'resource'],
  metrics: ['metric', 'datapoint', 'scope', 'resource'],
  logs: ['log', 'scope', 'resource'],
  profiles: ['profile', 'scope', 'resource'],
};

const errorMode = choice(
  ERROR_MODES,
  (word) => `unknown error mode ${word}, valid modes are: [ignore silent propagate]`,
);

const conditions = list(string());
const listOf = (what: string) =>
  key(list(any()), [], `Conditions on ${what}: texts, or groups with \`context\`, \`conditions\` and \`error_mode\``);
const textsOn = (what: string) => key(conditions, [], `Conditions on ${what}`);
const matcher = () => key(any(), null, 'Not supported: write conditions');

const fields = {
  error_mode: key(
    errorMode,
    'ignore',
    'What happens when a condition cannot be asked: it does not hold and a line is logged (`ignore`), or not (`silent`), or the request is refused (`propagate`)',
  ),
  trace_conditions: listOf('spans, their events, scopes and resources'),
  metric_conditions: listOf('metrics, data points, scopes and resources'),
  log_conditions: listOf('log records, scopes and resources'),
  profile_conditions: listOf('profiles, scopes and resources'),
  traces: block(
    optional(
      object({
        resource: textsOn('resources'),
        span: textsOn('spans'),
        spanevent: textsOn('events of spans'),
      }),
    ),
    'Conditions for traces in their older form',
  ),
  metrics: block(
    optional(
      object({
        resource: textsOn('resources'),
        metric: textsOn('metrics'),
        datapoint: textsOn('data points'),
        include: matcher(),
        exclude: matcher(),
      }),
    ),
    'Conditions for metrics in their older form',
  ),
  logs: block(
    optional(
      object({
        resource: textsOn('resources'),
        log_record: textsOn('log records'),
        include: matcher(),
        exclude: matcher(),
      }),
    ),
    'Conditions for logs in their older form',
  ),
  profiles: block(
    optional(object({ resource: textsOn('resources'), profile: textsOn('profiles') })),
    'Conditions for profiles in their older form',
  ),
  spans: matcher(),
};

type Filter = ObjectOf<typeof fields>;
const spec = object(fields, { validate: check });

/** The keys with groups, and the older blocks with the context that each of their lists is about. */
const GROUPS = [
  ['trace_conditions', 'traces'],
  ['metric_conditions', 'metrics'],
  ['log_conditions', 'logs'],
  ['profile_conditions', 'profiles'],
] as const;
const OLDER = [
  ['traces', 'resource', 'resource'],
  ['traces', 'span', 'span'],
  ['traces', 'spanevent', 'spanevent'],
  ['metrics', 'resource', 'resource'],
  ['metrics', 'metric', 'metric'],
  ['metrics', 'datapoint', 'datapoint'],
  ['logs', 'resource', 'resource'],
  ['logs', 'log_record', 'log'],
  ['profiles', 'resource', 'resource'],
  ['profiles', 'profile', 'profile'],
] as const;

const MATCHERS = 'is not supported: write conditions, such as trace_conditions: [\'span.name == "health"\']';

function check(filter: Filter, report: Report): void {
  if (filter.spans !== null) report(`spans ${MATCHERS}`, 'spans');
  for (const signal of ['metrics', 'logs'] as const) {
    for (const name of ['include', 'exclude'] as const) {
      if (filter[signal] !== null && filter[signal][name] !== null) report(`${name} ${MATCHERS}`, signal, name);
    }
  }
  for (const [name, signal] of GROUPS) {
    for (const [index, item] of filter[name].entries()) {
      const fault = groupFault(item, signal);
      if (fault !== null) report(fault, name, String(index));
    }
    if (new Set(filter[name].map((item) => typeof item)).size > 1) report('mixes conditions and groups', name);
  }
}

interface Group {
  readonly context: string | null;
  readonly conditions: readonly string[];
  readonly error_mode: ErrorMode | null;
}

/** What keeps an item of a list from being a text or a group. */
function groupFault(item: unknown, signal: Signal): string | null {
  if (typeof item === 'string') return null;
  if (!isRecord(item)) return 'expected a condition, or a group with context, conditions and error_mode';
  const unknown = Object.keys(item).filter((name) => !['context', 'conditions', 'error_mode'].includes(name));
  if (unknown.length > 0) return `has invalid keys: ${unknown.join(', ')}`;
  const { context = '', conditions: texts, error_mode: mode = '' } = item;
  if (!Array.isArray(texts) || texts.some((text) => typeof text !== 'string'))
    return 'conditions must be a list of texts';
  if (context !== '' && !CONTEXTS[signal].some((each) => each === context)) {
    return `unknown context ${JSON.stringify(context)} for ${signal}, valid contexts are: [${CONTEXTS[signal].join(' ')}]`;
  }
  if (mode !== '' && !ERROR_MODES.some((each) => each === mode)) {
    return `unknown error mode ${JSON.stringify(mode)}, valid modes are: [${ERROR_MODES.join(' ')}]`;
  }
  return null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The groups of a list without faults. Conditions without a group are one: they are about the same thing. */
function groupsOf(items: readonly unknown[], at: string): readonly (Group & { readonly at: string })[] {
  const texts = items.filter((item) => typeof item === 'string');
  if (texts.length > 0) return [{ at, context: null, conditions: texts, error_mode: null }];
  return (items as readonly Partial<Group>[]).map((group, index) => ({
    at: `${at}::${index}`,
    context: group.context || null,
    conditions: group.conditions ?? [],
    error_mode: group.error_mode || null,
  }));
}

function toNative(filter: Filter): NativeFilterConfig {
  const groups: NativeGroupSettings[] = [];
  for (const [name, signal] of GROUPS) {
    for (const group of groupsOf(filter[name], name)) {
      groups.push({ ...group, signal, error_mode: group.error_mode ?? filter.error_mode });
    }
  }
  for (const [signal, name, context] of OLDER) {
    const lists = filter[signal] as Readonly<Record<string, readonly string[]>> | null;
    const texts = lists?.[name] ?? [];
    if (texts.length > 0) {
      const at = `${signal}::${name}`;
      groups.push({ at, signal, context, error_mode: filter.error_mode, conditions: texts });
    }
  }
  return { groups };
}

export const filterProcessor = define({
  kind: 'processor',
  type: 'filter',
  doc: 'Leaves out resources, scopes, spans, span events, metrics, data points, log records and profiles for which one of its conditions holds, and whatever is empty without them.',
  stability: forSignals('alpha', ['traces', 'metrics', 'logs', 'profiles']),
  spec,
  toNative,
});
