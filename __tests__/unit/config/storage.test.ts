// `sending_queue.storage` and `file_storage`: what Rust is told, and what follows from which keys are written.
import type { NativeSendingQueue } from '../../../src/config/native-types.js';
import { loadOver } from './harness.js';

const HOUR = 3600 * 1e9;
const MIB = 1024 * 1024;

interface Delivery {
  readonly sending_queue: NativeSendingQueue;
  readonly retry_on_failure: { readonly max_elapsed_time: number };
}

/** The exporter's native form with these keys, beside a `file_storage` with those. */
async function delivery(exporterKeys: string, storageKeys = '', type = 'otlp_grpc'): Promise<Delivery> {
  const endpoint = type === 'otlp_grpc' ? 'localhost:4317' : 'http://localhost:4318';
  const { native } = await loadOver(`
extensions: {file_storage: {${storageKeys === '' ? 'directory: /data' : storageKeys}}}
exporters: {${type}: {endpoint: "${endpoint}", ${exporterKeys}}}
service: {extensions: [file_storage], pipelines: {traces: {exporters: [${type}]}}}`);
  return native.exporters[0]?.config as unknown as Delivery;
}

const STORED = 'sending_queue: {storage: file_storage}';

describe('file_storage', () => {
  it('tells each queue where it lies', async () => {
    const { sending_queue: queue } = await delivery(STORED);
    expect(queue.storage).toEqual({
      directory: '/data',
      create_directory: true,
      directory_permissions: 0o750,
      timeout: 1e9,
      max_age: 24 * HOUR,
      max_bytes: 1024 * MIB,
      segment_bytes: 64 * MIB,
      reserve_free_percent: 5,
      sync: true,
      lag_policy: 'block',
      on_full: 'refuse',
      on_corruption: 'quarantine',
      scrub_bytes_per_second: MIB,
      encryption: null,
      dead_letter_bytes: 256 * MIB,
    });
  });

  it.each([
    ['', 'max_bytes: 8388608', 2 * MIB],
    ['dead_letter: {max_bytes: 1048576}', 'max_bytes: 8388608', MIB],
    ['dead_letter: {max_bytes: 4294967296}', '', 256 * MIB],
    ['dead_letter: {enabled: false}', '', null],
    ['dead_letter: {enabled: true}', 'max_bytes: 262144', null],
  ])('has room for dead letters, with "%s" and "%s"', async (queueKeys, storageKeys, expected) => {
    const { sending_queue: queue } = await delivery(
      `sending_queue: {storage: file_storage, ${queueKeys}}`,
      storageKeys,
    );
    expect(queue.storage?.dead_letter_bytes).toBe(expected);
  });

  it('lets old requests go where that is written', async () => {
    const { sending_queue: queue } = await delivery(
      'sending_queue: {storage: file_storage, lag_policy: detach}',
      'on_full: drop_oldest',
    );
    expect(queue.storage).toMatchObject({ lag_policy: 'detach', on_full: 'drop_oldest' });
    await expect(delivery('sending_queue: {lag_policy: detach}')).rejects.toThrow(
      '`lag_policy` is supported only with `storage`',
    );
    const failing = await delivery(STORED, 'on_corruption: fail');
    expect(failing.sending_queue.storage?.on_corruption).toBe('fail');
    await expect(delivery(STORED, 'on_full: drop')).rejects.toThrow('invalid on_full: "drop"');
  });

  it.each([
    ['key_file: /keys/queue', { key_file: '/keys/queue', key_env: null }],
    ['key_env: QUEUE_KEY', { key_file: null, key_env: 'QUEUE_KEY' }],
  ])('is encrypted with %s', async (keys, expected) => {
    const { sending_queue: queue } = await delivery(STORED, `encryption: {${keys}}`);
    expect(queue.storage?.encryption).toEqual(expected);
  });

  it.each(['encryption: {}', 'encryption: {key_file: a, key_env: B}'])('refuses %s', async (keys) => {
    await expect(delivery(STORED, keys)).rejects.toThrow('one of `key_file` and `key_env` must be given');
  });

  it('is what dead letters need', async () => {
    const message = '`dead_letter` is supported only with `storage`';
    await expect(delivery('sending_queue: {dead_letter: {enabled: true}}')).rejects.toThrow(message);
    await expect(delivery('sending_queue: {dead_letter: {enabled: false}}')).resolves.toBeDefined();
  });

  it.each([
    ['fsync: false', { sync: false }],
    ['fsync: true', { sync: true }],
    ['sync: never', { sync: false }],
    ['sync: group, fsync: false', { sync: true }],
    ['max_size: 16777216', { max_bytes: 16 * MIB, segment_bytes: 2 * MIB }],
    ['max_bytes: 8388608, max_size: 16777216', { max_bytes: 8 * MIB, segment_bytes: MIB }],
    ['directory_permissions: "0700"', { directory_permissions: 0o700 }],
  ])('reads %s', async (keys, expected) => {
    const { sending_queue: queue } = await delivery(STORED, keys);
    expect(queue.storage).toMatchObject(expected);
  });

  it.each([
    ['directory_permissions: "rwx"', 'directory_permissions value must be a valid octal representation: rwx'],
    ['directory: ""', 'directory must be specified'],
    ['sync: always', 'invalid sync: "always"'],
  ])('refuses %s', async (keys, message) => {
    await expect(delivery(STORED, keys)).rejects.toThrow(message);
  });
});

describe.each(['otlp_grpc', 'otlp_http'])('a stored queue of %s', (type) => {
  it.each([
    ['', 0, 24 * HOUR],
    ['retry_on_failure: {max_elapsed_time: 0s},', 0, 0],
    ['retry_on_failure: {max_elapsed_time: 10m},', 600e9, 24 * HOUR],
  ])('gives up by age, with "%s"', async (retry, elapsed, age) => {
    const { sending_queue: queue, retry_on_failure: native } = await delivery(`${retry} ${STORED}`, '', type);
    expect(native.max_elapsed_time).toBe(elapsed);
    expect(queue.storage?.max_age).toBe(age);
  });

  it('keeps the age that is written', async () => {
    const { sending_queue: queue } = await delivery('sending_queue: {storage: file_storage, max_age: 2h}', '', type);
    expect(queue.storage?.max_age).toBe(2 * HOUR);
  });

  it('leaves retries of a queue in memory as they are', async () => {
    const { sending_queue: queue, retry_on_failure: native } = await delivery('sending_queue: {}', '', type);
    expect(queue.storage).toBeNull();
    expect(native.max_elapsed_time).toBe(300e9);
  });
});
