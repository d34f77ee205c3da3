/**
 * Extension `file_storage`: a folder in which sending queues keep their requests. The log in it is teleferric's own, so
 * keys about the Collector's database have no effect.
 */
import { ns } from '../schema/duration.js';
import { block, bool, choice, duration, ignored, int, key, object, optional, string } from '../schema/spec.js';
import type { IsSet, ObjectOf, Report } from '../schema/spec.js';
import { define } from './definition.js';
import type { NativeFolder } from './definition.js';

const MIB = 1024 * 1024;
/** A log is cut into at least so many segments, so that space becomes free bit by bit. */
const SEGMENTS_MIN = 8;
const SEGMENT_BYTES_MIN = 64 * 1024;
const PERMISSIONS = /^0?[0-7]{3}$/;

const noDatabase = 'has no effect: there is no database that grows';

const compaction = object({
  on_start: key(bool(), false, 'Compact when starting'),
  on_rebound: key(bool(), false, 'Compact when much is free'),
  directory: key(string(), '', 'Where to'),
  rebound_needed_threshold_mib: key(int(), 100, 'Size from which a rebound counts', 'MiB'),
  rebound_trigger_threshold_mib: key(int(), 10, 'What must be left', 'MiB'),
  max_transaction_size: key(int(), 65_536, 'Size of a step'),
  check_interval: key(duration(), ns('5s'), 'How often to look'),
  cleanup_on_start: key(bool(), false, 'Remove what an earlier one left'),
});

const encryption = object(
  {
    key_file: key(string(), '', 'File with the key: 32 random bytes, or as many in hexadecimal'),
    key_env: key(string(), '', 'Variable of the environment with the key, instead of `key_file`'),
  },
  {
    validate: ({ key_file: file, key_env: variable }, report) => {
      if ((file === '') === (variable === '')) report('one of `key_file` and `key_env` must be given', 'key_file');
    },
  },
);

const fields = {
  directory: key(string(), '/var/lib/otelcol/file_storage', 'Folder; the log is in `teleferric` below it'),
  create_directory: key(bool(), true, 'Make the folder if it is not there'),
  directory_permissions: key(string(), '0750', 'Permissions of a folder that is made, octal'),
  timeout: key(duration({ min: 0 }), ns('1s'), 'How long to wait for another process that uses the folder'),
  max_bytes: key(int({ min: 2 * SEGMENT_BYTES_MIN }), 1024 * MIB, 'Most that the log takes on the disk', 'bytes'),
  segment_bytes: key(
    int({ min: SEGMENT_BYTES_MIN }),
    64 * MIB,
    'Size of a file of the log, reserved as a whole; at most an eighth of `max_bytes`',
    'bytes',
  ),
  reserve_free: key(int({ min: 0, max: 100 }), 5, 'Share of the file system that is left to others', 'percent'),
  sync: key(
    choice(['group', 'never'], (word) => `invalid sync: ${JSON.stringify(word)}`),
    'group' as const,
    'When an answer is given: `group` after the disk has the request, many with one sync; `never` before',
  ),
  on_full: key(
    choice(['refuse', 'drop_oldest'], (word) => `invalid on_full: ${JSON.stringify(word)}`),
    'refuse' as const,
    'What happens when the log is full and no `lag_policy` makes room: `refuse` new requests, or `drop_oldest` of all queues, counted as `queue_full`',
  ),
  on_corruption: key(
    choice(['quarantine', 'fail'], (word) => `invalid on_corruption: ${JSON.stringify(word)}`),
    'quarantine' as const,
    'What happens when the log is damaged at the start: `quarantine` goes on with the rest; `fail` reads all of the log, and does not start and changes nothing if something is missing',
  ),
  scrub_bytes_per_second: key(
    int({ min: 0 }),
    MIB,
    'How much of the log is looked through in a second for damage, over and over with an hour for each time at least; 0 is none',
    'bytes',
  ),
  encryption: block(
    optional(encryption, 'default'),
    'What requests are encrypted with on the disk; off unless written. A log that is encrypted opens with its key alone',
  ),
  fsync: key(bool(), false, 'The Collector’s word for `sync`: written, it is `group` or `never`'),
  max_size: key(int({ min: 0 }), 0, 'The Collector’s word for `max_bytes`; 0 leaves it at that', 'bytes'),
  recreate: ignored(key(bool(), false, 'Put a damaged database aside'), 'has no effect: damage is put aside always'),
  compaction: ignored(block(compaction, 'Making the database smaller'), noDatabase),
};

const spec = object(fields, { settle, validate: check });

/** `file_storage`, decoded. */
export type FileStorageConfig = ObjectOf<typeof fields>;

/** Keys of ours count before the Collector's, if both are written. */
function settle(config: FileStorageConfig, isSet: IsSet): FileStorageConfig {
  const sync = !isSet('sync') && isSet('fsync') ? (config.fsync ? 'group' : 'never') : config.sync;
  const maxBytes = !isSet('max_bytes') && config.max_size > 0 ? config.max_size : config.max_bytes;
  const segmentBytes = Math.max(Math.min(config.segment_bytes, Math.floor(maxBytes / SEGMENTS_MIN)), SEGMENT_BYTES_MIN);
  return { ...config, sync, max_bytes: maxBytes, segment_bytes: segmentBytes };
}

function check(config: FileStorageConfig, report: Report): void {
  if (config.directory === '') report('directory must be specified', 'directory');
  if (!PERMISSIONS.test(config.directory_permissions)) {
    const text = `directory_permissions value must be a valid octal representation: ${config.directory_permissions}`;
    report(text, 'directory_permissions');
  }
}

/** What a queue needs to know of the folder. */
function toNative(config: FileStorageConfig): NativeFolder {
  return {
    directory: config.directory,
    create_directory: config.create_directory,
    directory_permissions: Number.parseInt(config.directory_permissions, 8),
    timeout: config.timeout,
    max_bytes: config.max_bytes,
    segment_bytes: config.segment_bytes,
    reserve_free_percent: config.reserve_free,
    sync: config.sync === 'group',
    on_full: config.on_full,
    on_corruption: config.on_corruption,
    scrub_bytes_per_second: config.scrub_bytes_per_second,
    encryption: toNativeEncryption(config.encryption),
  };
}

function toNativeEncryption(written: FileStorageConfig['encryption']): NativeFolder['encryption'] {
  if (written === null) return null;
  const { key_file: file, key_env: variable } = written;
  return { key_file: file === '' ? null : file, key_env: variable === '' ? null : variable };
}

export const fileStorageExtension = define({
  kind: 'extension',
  type: 'file_storage',
  doc: 'A folder in which sending queues with `storage` keep their requests over restarts.',
  stability: { extension: 'beta' },
  spec,
  provides: 'storage',
  syncs: ({ sync }) => sync === 'group',
  toNative,
});
