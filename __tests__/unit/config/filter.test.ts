// The processor `filter`: both forms of its conditions, and what is refused before the core reads them.
import { load, loadOver, nativeOf, problems } from './harness.js';

const within = (keys: string): string =>
  `processors: {filter: {${keys}}}\nservice: {pipelines: {traces: {processors: [filter]}}}`;

/** A condition as the core reads it. */
const row = (at: string, signal: string, context: string | null, error_mode: string, text: string): object => ({
  at,
  signal,
  context,
  error_mode,
  text,
});

test('conditions of both forms become one list, each with its place and its error mode', async () => {
  const loaded = await loadOver(
    within(`
      error_mode: propagate,
      trace_conditions: ['span.name == "a"', {context: spanevent, conditions: ['name == "b"', 'name == "c"'], error_mode: silent}],
      logs: {log_record: ['body == "d"'], resource: ['attributes["e"] == nil']}`),
  );
  expect(nativeOf(loaded, 'processors', 'filter')['conditions']).toEqual([
    row('trace_conditions::0', 'traces', null, 'propagate', 'span.name == "a"'),
    row('trace_conditions::1', 'traces', 'spanevent', 'silent', 'name == "b"'),
    row('trace_conditions::1', 'traces', 'spanevent', 'silent', 'name == "c"'),
    row('logs::resource::0', 'logs', 'resource', 'propagate', 'attributes["e"] == nil'),
    row('logs::log_record::0', 'logs', 'log', 'propagate', 'body == "d"'),
  ]);
});

test('without a word the error mode is the Collector’s', async () => {
  const loaded = await loadOver(within('trace_conditions: [true]').replace('[true]', '["true"]'));
  expect(nativeOf(loaded, 'processors', 'filter')['conditions']).toMatchObject([{ error_mode: 'ignore' }]);
});

test.each([
  ['error_mode: loud', 'unknown error mode loud, valid modes are: [ignore silent propagate]'],
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
