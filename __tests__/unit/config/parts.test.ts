// The small parts: ids, suggestions, feature gates, regular expressions, memory, attribute values.
import { FEATURE_GATES, FeatureGates, printConfig } from '../../../src/config/index.js';
import type { Diagnostic, FeatureGate } from '../../../src/config/index.js';
import { addressOf } from '../../../src/config/blocks/grpc-client.js';
import { regexpError } from '../../../src/config/blocks/regexp.js';
import { parseComponentId, parsePipelineId } from '../../../src/config/schema/ids.js';
import { editDistance, nearest } from '../../../src/config/schema/suggest.js';
import { defaultMemoryBytes } from '../../../src/config/to-native.js';
import { CollectorError } from '../../../src/errors.js';
import { BASE, MIB, load, loadOver, nativeOf } from './harness.js';

describe('ids', () => {
  it.each([
    ['otlp', 'otlp', ''],
    [' otlp / a ', 'otlp', 'a'],
    ['otlp/a/b', 'otlp', 'a/b'],
    ['a_1/é-ü.x', 'a_1', 'é-ü.x'],
  ])('%j', (text, type, name) => {
    expect(parseComponentId(text)).toMatchObject({ ok: true, value: { type, name } });
  });

  it.each([
    ['', 'id must not be empty'],
    [' ', 'id must not be empty'],
    ['1a', 'in "1a" id: invalid character(s) in type "1a"'],
    [`${'a'.repeat(64)}`, `in "${'a'.repeat(64)}" id: invalid character(s) in type "${'a'.repeat(64)}"`],
    ['a/b\tc', 'in "b\\tc" id: invalid character(s) in name "b\\tc"'],
    [
      `a/${'b'.repeat(1025)}`,
      `in "${'b'.repeat(1025)}" id: name "${'b'.repeat(1025)}" is longer than 1024 characters (1025 characters)`,
    ],
  ])('%j is refused', (text, reason) => {
    expect(parseComponentId(text)).toEqual({ ok: false, reason });
  });

  it('pipelines are named by signal', () => {
    expect(parsePipelineId('profiles/x')).toMatchObject({ ok: true, value: { type: 'profiles', name: 'x' } });
    expect(parsePipelineId('trace')).toEqual({ ok: false, reason: 'in "trace" id: unknown pipeline signal: "trace"' });
  });
});

describe('suggestions', () => {
  it.each([
    ['htttp', ['grpc', 'http'], 'http'],
    ['grcp', ['grpc', 'http'], 'grpc'],
    ['SendBatchSize', ['send_batch_size', 'timeout'], 'send_batch_size'],
    ['send-batch-size', ['send_batch_size'], 'send_batch_size'],
    ['zipkin', ['nop', 'otlp'], null],
    ['x', ['y'], null],
    ['', ['a'], null],
    ['a'.repeat(100), ['b'], null],
  ])('%s among %j: %s', (wrong, names, expected) => {
    expect(nearest(wrong, names as string[])).toBe(expected);
  });

  it('counts a swap of neighbours as one', () => {
    expect([
      editDistance('ab', 'ba'),
      editDistance('', 'abc'),
      editDistance('kitten', 'sitting'),
      editDistance('a', 'a'),
    ]).toEqual([1, 3, 3, 0]);
  });
});

describe('feature gates', () => {
  const GATES: readonly FeatureGate[] = [
    { id: 'a', stage: 'Alpha', description: '', referenceUrl: '', fromVersion: 'v1', toVersion: null, hasEffect: true },
    { id: 'b', stage: 'Beta', description: '', referenceUrl: '', fromVersion: 'v1', toVersion: null, hasEffect: false },
    {
      id: 's',
      stage: 'Stable',
      description: '',
      referenceUrl: '',
      fromVersion: 'v1',
      toVersion: 'v9',
      hasEffect: true,
    },
    {
      id: 'd',
      stage: 'Deprecated',
      description: '',
      referenceUrl: '',
      fromVersion: 'v1',
      toVersion: 'v9',
      hasEffect: true,
    },
  ];
  const states = (flags: string[], diagnostics: Diagnostic[] = []): string =>
    FeatureGates.parse(flags, diagnostics, GATES)
      .list()
      .filter(({ enabled }) => enabled)
      .map(({ id }) => id)
      .join('');

  it('start by their stage, and follow the flags in order', () => {
    expect([states([]), states(['']), states(['a,-b']), states(['+a', '-a']), states(['-a', 'a'])]).toEqual([
      'bs',
      'bs',
      'as',
      'bs',
      'abs',
    ]);
  });

  it.each([
    ['-s', 'feature gate "s" is stable, can not be disabled'],
    ['d', 'feature gate "d" is deprecated, can not be enabled'],
    ['zz', 'no such feature gate "zz". valid gates: [a b s d]'],
    [',', 'empty feature gate identifier at index 0; empty feature gate identifier at index 1'],
    ['-s,zz', 'feature gate "s" is stable, can not be disabled; no such feature gate "zz". valid gates: [a b s d]'],
  ])('%s is refused', (flag, message) => {
    expect(() => states([flag])).toThrow(new CollectorError('FEATURE_GATE', message));
  });

  it('give notice of what is settled or has no effect', () => {
    const diagnostics: Diagnostic[] = [];
    states(['s,-d,b'], diagnostics);
    expect(diagnostics.map(({ severity, message }) => [severity, message])).toEqual([
      [
        'info',
        'Feature gate "s" is stable and already enabled. It will be removed in version v9 and continued use of the gate after version v9 will result in an error.',
      ],
      [
        'info',
        'Feature gate "d" is deprecated and already disabled. It will be removed in version v9 and continued use of the gate after version v9 will result in an error.',
      ],
      ['warning', 'feature gate "b" has no effect in this collector'],
    ]);
  });

  it('are listed by id, and found one by one', () => {
    const ids = FEATURE_GATES.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted());
    expect(FeatureGates.parse([]).get('service.profilesSupport')).toMatchObject({ stage: 'Alpha', enabled: false });
    expect(() => FeatureGates.parse([]).get('x')).toThrow('feature gate "x" not found');
  });

  it('service.profilesSupport lets profiles in', async () => {
    const text = 'service: {pipelines: {profiles: {receivers: [nop], exporters: [nop]}}}';
    const loaded = await loadOver(text, { featureGates: ['service.profilesSupport'] });
    expect(loaded.native.service.pipelines.at(-1)?.signal).toBe('profiles');
  });
});

/** The overload control beside a limiter that is in use and one that is not. */
async function overloadLimited(shed: string): Promise<unknown> {
  const limiter = `{check_interval: 1s, limit_mib: 50, spike_limit_mib: 20${shed}}`;
  const pipelines = '{pipelines: {traces: {processors: [memory_limiter]}}}';
  const text = `processors: {memory_limiter: ${limiter}, memory_limiter/unused: {check_interval: 1s, limit_mib: 9, shed: true}}
service: ${pipelines}`;
  return (await loadOver(text)).native.service.overload;
}

describe('memory', () => {
  it.each([
    ['command', { bytes: 1000 * MIB, from: 'cgroup' }, 600 * MIB],
    ['command', { bytes: 8192 * MIB, from: 'host' }, 2048 * MIB],
    ['command', { bytes: 512 * MIB, from: 'host' }, 256 * MIB],
    ['command', { bytes: 65_536 * MIB, from: 'host' }, 4096 * MIB],
    ['embedded', { bytes: 65_536 * MIB, from: 'host' }, 256 * MIB],
  ] as const)('%s with %j takes %d', (host, memory, bytes) => {
    expect(defaultMemoryBytes(host, memory)).toBe(bytes);
  });

  it('limits.memory_mib beats the default, a memory_limiter in use beats both', async () => {
    const fixed = await loadOver('service: {limits: {memory_mib: 77}}');
    expect(fixed.native.service.memory_limit_bytes).toBe(77 * MIB);
    const text = `processors: {memory_limiter: {check_interval: 1s, limit_mib: 50}, memory_limiter/2: {check_interval: 1s, limit_mib: 60}, memory_limiter/unused: {check_interval: 1s, limit_mib: 900}}
service: {limits: {memory_mib: 77}, pipelines: {traces: {processors: [memory_limiter, memory_limiter/2]}}}`;
    expect((await loadOver(text)).native.service.memory_limit_bytes).toBe(60 * MIB);
  });

  it('load is shed unless a limiter does without, and then below its soft limit', async () => {
    const { native } = await loadOver('service: {limits: {memory_mib: 77}}');
    expect(native.service.overload).toEqual({ memory_bytes: 77 * MIB, shed: true, priorities: [] });
    expect(await overloadLimited('')).toEqual({ memory_bytes: 30 * MIB, shed: false, priorities: [] });
    expect(await overloadLimited(', shed: true')).toEqual({ memory_bytes: 30 * MIB, shed: true, priorities: [] });
  });

  it('priorities cross with signals, numbers of severities and attributes', async () => {
    const rules = `[{class: 0, signals: [logs], severity: error, resource_attributes: {service.name: pay}}, {class: 3}]`;
    const { native } = await loadOver(`service: {priorities: ${rules}}`);
    expect(native.service.overload.priorities).toEqual([
      { class: 0, signals: ['logs'], severity: 17, resource_attributes: [['service.name', 'pay']] },
      { class: 3, signals: [], severity: 1, resource_attributes: [] },
    ]);
    for (const [bad, text] of [
      ['{class: 4}', /class/],
      ['{class: 1, signals: [spans]}', /unknown signal "spans"/],
      ['{class: 1, severity: bad}', /unknown severity "bad"/],
    ] as const) {
      await expect(loadOver(`service: {priorities: [${bad}]}`)).rejects.toThrow(text);
    }
  });

  it('tenants have the common quota where theirs does not say otherwise', async () => {
    const tenants = `{header: X-Scope-OrgID, trusted_proxies: [10.0.0.0/8, '::1'], client_certificate: uri,
      quota: {bytes_per_second: 1000, burst: 2s}, overrides: {acme: {bytes_per_second: 0, items_per_second: 7}}}`;
    const { native } = await loadOver(`service: {tenants: ${tenants}}`);
    expect(native.service.tenants).toEqual({
      header: 'x-scope-orgid',
      trusted_proxies: ['10.0.0.0/8', '::1'],
      client_certificate: 'uri',
      quota: { bytes_per_second: 1000, items_per_second: 0, burst: 2e9, in_flight_bytes: 0 },
      overrides: [
        { name: 'acme', quota: { bytes_per_second: 0, items_per_second: 7, burst: 2e9, in_flight_bytes: 0 } },
      ],
    });
  });

  it.each([
    ['header: x-tenant', /needs 'trusted_proxies': any sender could choose/],
    ['header: "x tenant", trusted_proxies: ["::1"]', /invalid header "x tenant"/],
    ['trusted_proxies: ["::1"]', /'trusted_proxies' needs 'header'/],
    ['header: a, trusted_proxies: ["10.0.0.0/33"]', /"10.0.0.0\/33" is no address or network/],
    ['header: a, trusted_proxies: [proxy.test]', /"proxy.test" is no address or network/],
    ['client_certificate: serial', /invalid client_certificate: "serial"/],
    ['client_certificate: uri, overrides: {"": {}}', /1 to 256 bytes/],
    ['quota: {burst: 0s}', /'burst' must be at least 1ms/],
    ['client_certificate: uri, overrides: {a: {items_per_second: -1}}', /'items_per_second' must be at least 0/],
  ])('tenants: {%s} is refused', async (text, message) => {
    await expect(loadOver(`service: {tenants: {${text}}}`)).rejects.toThrow(message);
  });

  it('the service part of the native document is complete', async () => {
    const { native } = await load(BASE);
    expect(native.service).toEqual({
      threads: 0,
      memory_limit_bytes: 2048 * MIB,
      user_agent: expect.stringMatching(/^test\/1 \([a-z0-9]+\/[a-z0-9]+\)$/),
      telemetry_level: 'normal',
      drain_timeout: 25e9,
      limits: { max_items: 1_000_000, max_depth: 128, max_attributes: 0, max_connections: 12_000 },
      overload: { memory_bytes: 2048 * MIB, shed: true, priorities: [] },
      tenants: null,
      pipelines: [{ id: 'traces', signal: 'traces', receivers: ['nop'], processors: [], exporters: ['nop'] }],
    });
  });
});

describe('attribute values and patterns', () => {
  it.each([
    ['x', { string: 'x' }],
    ['"1"', { string: '1' }],
    ['1', { int: '1' }],
    ['0x10', { int: '16' }],
    ['9223372036854775807', { int: '9223372036854775807' }],
    ['1.5', { double: 1.5 }],
    ['1.0', { double: 1 }],
    ['true', { bool: true }],
    ['"${NUM}"', { int: '7' }],
  ])('%s keeps its kind', async (text, native) => {
    const over = `processors: {resource: {attributes: [{key: a, action: insert, value: ${text}}]}}
service: {pipelines: {traces: {processors: [resource]}}}`;
    const loaded = await loadOver(over, {}, { variables: { NUM: '7' } });
    expect(nativeOf(loaded, 'processors', 'resource')).toMatchObject({ actions: [{ value: native }], include: null });
    const again = await load(printConfig(loaded.config));
    expect(again.native).toEqual(loaded.native);
  });

  it.each([
    '^a.*$',
    '(?P<x>\\d+)',
    '(?i)abc',
    '[[:alpha:]]+',
    '\\Aabc\\z',
    '\\p{Greek}',
    '\\x{10FFFF}',
    '(?i:a)b',
    'a{2,3}?',
  ])('%s is a pattern', (pattern) => {
    expect(regexpError(pattern)).toBeNull();
  });

  it.each(['(', '[', 'a**', '(?=a)', '(?<!a)', '(a)\\1', '*'])('%s is none', (pattern) => {
    expect(regexpError(pattern)).not.toBeNull();
  });

  it.each([
    ['h:1', 'h:1'],
    ['http://h:1', 'h:1'],
    ['dns:///h:1', 'h:1'],
    ['dns://8.8.8.8/h:1', 'h:1'],
    ['passthrough:///h:1', 'h:1'],
    ['[::1]:1', '[::1]:1'],
  ])('the address of %s is %s', (endpoint, address) => {
    expect(addressOf(endpoint)).toBe(address);
  });
});
