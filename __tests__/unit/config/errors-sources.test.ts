// Every error text of sources and feature gates, as a user sees it.
import { loadConfig } from '../../../src/config/index.js';
import { isCollectorError } from '../../../src/errors.js';
import { BASE, failureOf, load, problems, world } from './harness.js';

const from = (sources: string[], sets: string[] = []): Promise<string> =>
  problems(
    loadConfig({
      sources,
      sets,
      environment: world({
        files: { 'ok.yaml': BASE, 'bad.yaml': 'a: [1', 'text.yaml': 'hello', 'list.yaml': '- 1' },
      }),
    }),
  );

it.each<[string[], string[], string]>([
  [[], [], 'at least one config flag must be provided'],
  [['foo:bar'], [], 'unsupported scheme on URI "foo:bar"'],
  [['1:2'], [], 'invalid uri: "1:2"'],
  [
    ['none.yaml'],
    [],
    'cannot retrieve the configuration: unable to read the file file:none.yaml: open none.yaml: no such file or directory',
  ],
  [
    ['http://u:p@h/x'],
    [],
    'cannot retrieve the configuration: failed to load resource from uri "http://h/x". status code: 404',
  ],
  [
    ['env:1x'],
    [],
    'cannot retrieve the configuration: environment variable "1x" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$',
  ],
  [
    ['bad.yaml'],
    [],
    'retrieved value (type=string) cannot be used as a Conf: assuming string type since contents are not valid YAML: yaml: line 1: Flow sequence in block collection must be sufficiently indented and end with a ] (bad.yaml:1:6)',
  ],
  [['text.yaml'], [], 'retrieved value (type=string) cannot be used as a Conf (text.yaml:1:1)'],
  [['list.yaml'], [], 'retrieved value (type=[]interface {}) cannot be used as a Conf (list.yaml:1:1)'],
  [['yaml:3'], [], 'retrieved value (type=int) cannot be used as a Conf (yaml#1:1:1)'],
  [['ok.yaml'], ['a.b'], 'missing equal sign'],
  [
    ['ok.yaml'],
    ['foo.bar=1'],
    "'' has invalid keys: foo (--set=foo.bar:1:1; expected one of receivers, processors, exporters, connectors, extensions, service)",
  ],
])('%j %j', async (sources, sets, message) => {
  const found = await from(sources, sets);
  expect(found.split('\n').at(-1)).toBe(message);
});

describe('sources', () => {
  it('an empty configuration is told as such', async () => {
    await expect(problems(load(''))).resolves.toBe('invalid configuration: empty configuration file (c.yaml:1:1)');
    await expect(problems(load('service: ', { purpose: 'validate' }))).resolves.toBe(
      'empty configuration file (c.yaml:1:1)',
    );
  });
});

describe('feature gates', () => {
  it.each([
    ['x', 'no such feature gate "x". valid gates: [confmap.enableMergeAppendOption'],
    ['service.profileSupport', '(did you mean "service.profilesSupport"?)'],
    ['service.profilesSupport,,', 'empty feature gate identifier at index 1; empty feature gate identifier at index 2'],
  ])('%s', async (flag, message) => {
    const error = await failureOf(load(BASE, { featureGates: [flag] }));
    expect(isCollectorError(error, 'FEATURE_GATE')).toBe(true);
    expect(error.message).toContain(message);
  });
});
