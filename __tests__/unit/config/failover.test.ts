// Rules of the connector `failover`.
import { failureOf, load, problems } from './harness.js';

const config = (failover: string, pipelines: string): string => `
receivers: {nop: }
exporters: {nop: }
connectors: {failover: {${failover}}}
service:
  pipelines:
    traces: {receivers: [nop], exporters: [failover]}
${pipelines}`;
const FIRST = '    traces/1: {receivers: [failover], exporters: [nop]}\n';
const SECOND = '    traces/2: {receivers: [failover], exporters: [nop]}\n';

it.each([
  ['', 'connectors::failover: No pipelines are defined in the priority list'],
  ['priority_levels: [[traces/1], []]', 'connectors::failover: a priority level needs a pipeline'],
  ['priority_levels: [[traces/1], [traces/1]]', 'connectors::failover: references pipeline "traces/1" multiple times'],
  ['priority_levels: [[traces/1]], retry_interval: 0s', 'connectors::failover: Retry interval must be positive'],
])('refuses %s', async (keys, line) => {
  await expect(problems(load(config(keys, FIRST)))).resolves.toContain(line);
});

it.each([
  [
    'priority_levels: [[traces/1], [traces/9]]',
    FIRST,
    'connector "failover" priority_levels: pipeline "traces/9" does not receive from it',
  ],
  [
    'priority_levels: [[traces/1]]',
    FIRST + SECOND,
    'connector "failover" pipeline "traces/2" receives from it, but is in none of its priority_levels',
  ],
  [
    'priority_levels: [[traces/1], [logs/1]]',
    `${FIRST}    logs: {receivers: [nop], exporters: [failover]}\n    logs/1: {receivers: [failover], exporters: [nop]}\n`,
    'connector "failover" is for one signal, but gets traces and logs',
  ],
  [
    'priority_levels: [[traces]]',
    '    traces/1: {receivers: [failover], exporters: [failover]}\n',
    'cycle detected: connector "failover" (traces to traces) -> connector "failover" (traces to traces)',
  ],
])('refuses %s with other pipelines', async (keys, pipelines, line) => {
  const error = await failureOf(load(config(keys, pipelines)));
  expect(error.code).toBe('CONFIG_GRAPH');
  expect(error.message).toContain(line);
});

it('hands its levels to the core, and says which keys have no effect', async () => {
  const keys = 'priority_levels: [[traces/1], [traces/2]], retry_gap: 30s, max_retries: 3';
  const loaded = await load(config(keys, FIRST + SECOND));
  expect(loaded.native.connectors).toEqual([
    {
      id: 'failover',
      type: 'failover',
      config: { priority_levels: [['traces/1'], ['traces/2']], retry_interval: 600e9 },
    },
  ]);
  const warned = loaded.diagnostics.map(({ message }) => message).join('\n');
  expect(warned).toContain('retry_gap');
  expect(warned).toContain('max_retries');
});
