// The processor `filter`: both forms of its conditions, and what is refused before the core reads them.
import { load, loadOver, nativeOf, problems } from './harness.js';

const within = (keys: string): string =>
  `processors: {filter: {${keys}}}\nservice: {pipelines: {traces: {processors: [filter]}}}`;

/** Conditions as the core reads them. */
const group = (
  at: string,
  signal: string,
  context: string | null,
  error_mode: string,
  ...conditions: readonly string[]
): object => ({ at, signal, context, error_mode, conditions });

test('conditions of both forms become groups, each with its place and its error mode', async () => {
  const loaded = await loadOver(
    within(`
      error_mode: propagate,
      metric_conditions: ['metric.name == "a"', 'datapoint.flags == 1'],
      trace_conditions: [{conditions: ['span.name == "a"']}, {context: spanevent, conditions: ['name == "b"', 'name == "c"'], error_mode: silent}],
      logs: {log_record: ['body == "d"'], resource: ['attributes["e"] == nil']}`),
  );
  expect(nativeOf(loaded, 'processors', 'filter')['groups']).toEqual([
    group('trace_conditions::0', 'traces', null, 'propagate', 'span.name == "a"'),
    group('trace_conditions::1', 'traces', 'spanevent', 'silent', 'name == "b"', 'name == "c"'),
    group('metric_conditions', 'metrics', null, 'propagate', 'metric.name == "a"', 'datapoint.flags == 1'),
    group('logs::resource', 'logs', 'resource', 'propagate', 'attributes["e"] == nil'),
    group('logs::log_record', 'logs', 'log', 'propagate', 'body == "d"'),
  ]);
});

test('without a word the error mode is the Collector’s', async () => {
  const loaded = await loadOver(within('trace_conditions: ["true"]'));
  expect(nativeOf(loaded, 'processors', 'filter')['groups']).toMatchObject([{ error_mode: 'ignore' }]);
});

test.each([
  ['error_mode: loud', 'unknown error mode loud, valid modes are: [ignore silent propagate]'],
  ['trace_conditions: [a, {conditions: [b]}]', 'mixes conditions and groups'],
  ['trace_conditions: [7]', 'expected a condition, or a group with context, conditions and error_mode'],
  ['trace_conditions: [{conditions: a}]', 'conditions must be a list of texts'],
  ['trace_conditions: [{conditions: [1]}]', 'conditions must be a list of texts'],
  ['trace_conditions: [{condition: [a]}]', 'has invalid keys: condition'],
  [
    'log_conditions: [{context: span, conditions: [a]}]',
    'unknown context "span" for logs, valid contexts are: [log scope resource]',
  ],
  [
    'log_conditions: [{conditions: [a], error_mode: loud}]',
    'unknown error mode "loud", valid modes are: [ignore silent propagate]',
  ],
  ['spans: {include: {match_type: strict}}', 'spans is not supported: write conditions'],
  ['logs: {exclude: {match_type: strict}}', 'exclude is not supported: write conditions'],
  ['traces: {spans: [a]}', "'traces' has invalid keys: spans"],
])('%s is refused', async (keys, line) => {
  const message = await problems(load(`receivers: {nop: }\nexporters: {nop: }\n${within(keys)}`));
  expect(message).toContain(line);
});
