// Options of every public function: strict, read once, own keys only; and the forms that a configuration may have.
import { Collector, inspectStorage, isCollectorError, purgeQueue, replayDeadLetters } from '../../../src/index.js';
import { checkOptions, toLoadOptions, type CollectorOptions } from '../../../src/collector/options.js';

/** The message of an `INVALID_ARGUMENT`. */
async function refusal(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (isCollectorError(error, 'INVALID_ARGUMENT')) return error.message;
    throw error;
  }
  throw new Error('expected the call to be refused');
}

const idle = (): Collector => new Collector({ config: 'receivers: {}' });
const body = new Uint8Array();
const unwilling = (): never => {
  throw new Error('not today');
};

describe('an unknown key is refused with what may have been meant', () => {
  it.each<[string, string, (options: object) => unknown]>([
    ['confg', 'unknown option "confg" of Collector (did you mean "config"?)', (options) => new Collector(options)],
    [
      'configlocations',
      'unknown option "configlocations" of Collector (did you mean "configLocations"?)',
      (options) => Collector.start(options),
    ],
    ['sets', 'unknown option "sets" of reload (did you mean "set"?)', (options) => idle().reload(options)],
    [
      'deadlineMS',
      'unknown option "deadlineMS" of close (did you mean "deadlineMs"?)',
      (options) => idle().close(options),
    ],
    [
      'encodings',
      'unknown option "encodings" of ingest (did you mean "encoding"?)',
      (options) => idle().ingest('logs', body, options),
    ],
    [
      'deadLetter',
      'unknown option "deadLetter" of purgeQueue (did you mean "deadLetters"?)',
      (options) => purgeQueue('none', 'queue', options),
    ],
    [
      'max',
      'unknown option "max" of replayDeadLetters (one of limit)',
      (options) => replayDeadLetters('none', 'q', options),
    ],
    [
      'keyfile',
      'unknown option "keyfile" of storage (did you mean "keyFile"?)',
      (options) => inspectStorage(options as { directory: string }),
    ],
  ])('%s', async (key, message, call) => {
    await expect(refusal(() => call({ [key]: 1 }))).resolves.toBe(message);
  });
});

describe('options', () => {
  it.each<[object, string]>([
    [{ config: 1 }, 'config must be a path, YAML text, an object, or a list of these'],
    [{ config: [null] }, 'config must be a path, YAML text, an object, or a list of these'],
    [{ config: [] }, 'at least one of config and configLocations must be given'],
    [{ configLocations: 'a.yaml' }, 'configLocations must be a list of texts'],
    [{ set: [1] }, 'set must be a list of texts'],
    [{ host: 'mine' }, 'host must be embedded or command'],
    [{ logger: {} }, 'logger must be an object with the method debug'],
    [{ metrics: {} }, 'metrics.registry must be an object with the method registerMetric'],
    [
      { metrics: { registry: null, label: {} } },
      'unknown option "label" of Collector, metrics (did you mean "labels"?)',
    ],
  ])('%j are refused', async (options, message) => {
    await expect(refusal(() => toLoadOptions(checkOptions(options)))).resolves.toBe(message);
  });

  it('count with their own keys only, and are read once', () => {
    const inherited = Object.create({ config: 'receivers: {}', confg: 1 }) as CollectorOptions;
    expect(checkOptions(inherited).config).toBeUndefined();
    let reads = 0;
    const read = Object.defineProperty({}, 'set', { enumerable: true, get: () => (reads++ === 0 ? ['a=1'] : 'b') });
    expect(toLoadOptions({ ...checkOptions(read), config: '' }).sets).toEqual(['a=1']);
    expect(reads).toBe(1);
  });

  it('that throw when they are read are refused', async () => {
    const trap = new Proxy({ config: '' }, { get: unwilling });
    await expect(refusal(() => new Collector(trap))).resolves.toBe('options of Collector cannot be read: not today');
  });

  it.each([-1, Number.NaN, '5s', true])('have no deadline of %p', async (deadlineMs) => {
    await expect(refusal(() => idle().close({ deadlineMs: deadlineMs as number }))).resolves.toBe(
      'deadlineMs must be a number of milliseconds, at least 0, or null',
    );
  });
});

describe('a configuration', () => {
  it.each([
    ['collector.yaml', 'collector.yaml'],
    ['./a b/collector.yaml', './a b/collector.yaml'],
    ['C:\\collector.yaml', 'C:\\collector.yaml'],
    ['env:COLLECTOR', 'env:COLLECTOR'],
    ['yaml:receivers: {}', 'yaml:receivers: {}'],
    ['https://host/c.yaml', 'https://host/c.yaml'],
    ['receivers: {}', 'yaml:receivers: {}'],
    ['receivers:\n  nop:\n', 'yaml:receivers:\n  nop:\n'],
    ['service:', 'yaml:service:'],
    ['{"receivers":{}}', 'yaml:{"receivers":{}}'],
    ['', 'yaml:'],
  ])('written %j is a location or a text', (config, source) => {
    expect(toLoadOptions({ config }).sources).toEqual([source]);
  });

  it('may be a list, whose parts stand behind configLocations in order', () => {
    const object = { service: { threads: 1 } };
    const { sources } = toLoadOptions({ configLocations: ['a'], config: ['b', object, 'service: {}'] });
    expect(sources).toEqual(['a', 'b', object, 'yaml:service: {}']);
  });
});
