/**
 * Exporter `file`: writes telemetry to files.
 */
import type { NativeFileConfig } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { block, bool, duration, id, ignored, int, key, object, optional, string } from '../schema/spec.js';
import type { ObjectOf, Report } from '../schema/spec.js';
import { define, forSignals } from './definition.js';

const DIRECTORY_PERMISSIONS = '0755';

const rotation = object({
  max_megabytes: key(int({ min: 0 }), 100, 'Size at which a new file is begun; 0 is 100', 'MB'),
  max_days: key(int({ min: 0 }), 0, 'How long old files are kept; 0 is for ever', 'days'),
  max_backups: key(int({ min: 0 }), 100, 'How many old files are kept; 0 is all', 'files'),
  localtime: key(bool(), false, 'Name old files by local time instead of UTC'),
});

const groupBy = object({
  enabled: key(bool(), false, 'Write one file per value of a resource attribute; `path` then needs one `*`'),
  resource_attribute: key(
    string(),
    'fileexporter.path_segment',
    'Resource attribute whose value takes the place of the `*`',
  ),
  max_open_files: key(int(), 100, 'Files kept open at once; the one unused longest is closed first', 'files'),
});

const compressionParams = object({
  level: key(int(), 0, 'Effort, 1 to 22; 0 is the library’s default'),
});

const fields = {
  path: key(string(), '', 'File to write; required'),
  format: key(
    string(),
    'json',
    '`json` is one OTLP/JSON object per line, `proto` is protobuf, each request after its length',
  ),
  compression: key(string(), '', 'Empty or `zstd`'),
  compression_params: block(compressionParams, 'Fine tuning of the compression'),
  encoding: ignored(
    key(optional(id('extensions'), 'off'), null, 'Id of an encoding extension'),
    'has no effect: this version has no encoding extensions',
  ),
  append: key(bool(), false, 'Go on with a file that exists instead of emptying it; not with rotation or compression'),
  rotation: block(optional(rotation, 'default'), 'Begin new files by size; one file unless written'),
  flush_interval: key(
    duration({ min: Number.NEGATIVE_INFINITY }),
    ns('1s'),
    'Longest time data stays in memory; 0 is 1s',
  ),
  group_by: block(groupBy, 'Write several files'),
  create_directory: key(bool(), false, 'Create the directory of `path` if there is none'),
  directory_permissions: key(
    string(),
    DIRECTORY_PERMISSIONS,
    'Permissions of a created directory, octal and in quotes',
  ),
};

type FileExporter = ObjectOf<typeof fields>;
const spec = object(fields, { validate: check });

function check(exporter: FileExporter, report: Report): void {
  const { path, append, group_by: group } = exporter;
  if (path === '') report('path must be non-empty', 'path');
  if (exporter.format !== 'json' && exporter.format !== 'proto') report('format type is not supported', 'format');
  if (exporter.compression !== '' && exporter.compression !== 'zstd')
    report('compression is not supported', 'compression');
  if (append && exporter.compression !== '')
    report('append and compression enabled at the same time is not supported', 'append');
  if (append && exporter.rotation !== null)
    report('append and rotation enabled at the same time is not supported', 'append');
  if (exporter.flush_interval < 0) report('flush_interval must be larger than zero', 'flush_interval');
  if (exporter.create_directory && octal(exporter.directory_permissions) === null) {
    report('directory_permissions value must be a valid octal representation', 'directory_permissions');
  }
  if (group.enabled) checkGroupBy(exporter, report);
}

function checkGroupBy({ path, group_by: group }: FileExporter, report: Report): void {
  const stars = path.split('*').length - 1;
  if (path !== '' && stars !== 1) report('path must contain exactly one * when group_by is enabled', 'path');
  if (path.startsWith('*')) report('path must not start with * when group_by is enabled', 'path');
  if (group.resource_attribute === '')
    report('resource_attribute must not be empty when group_by is enabled', 'group_by', 'resource_attribute');
  if (group.max_open_files <= 0) report('max_open_files must be larger than zero', 'group_by', 'max_open_files');
}

function octal(text: string): string | null {
  return /^0?[0-7]{1,4}$/.test(text) ? text.padStart(4, '0') : null;
}

function toNative(exporter: FileExporter): NativeFileConfig {
  const { group_by: group, rotation: files } = exporter;
  return {
    path: exporter.path,
    format: exporter.format === 'proto' ? 'proto' : 'json',
    compression: exporter.compression,
    compression_params: { level: exporter.compression_params.level },
    append: exporter.append,
    rotation:
      files === null ? null : { ...files, max_megabytes: files.max_megabytes === 0 ? 100 : files.max_megabytes },
    flush_interval: exporter.flush_interval === 0 ? ns('1s') : exporter.flush_interval,
    group_by: group.enabled
      ? { resource_attribute: group.resource_attribute, max_open_files: group.max_open_files }
      : null,
    create_directory: exporter.create_directory,
    directory_permissions: octal(exporter.directory_permissions) ?? DIRECTORY_PERMISSIONS,
  };
}

export const fileExporter = define({
  kind: 'exporter',
  type: 'file',
  doc: 'Writes telemetry to a file, as OTLP/JSON lines or protobuf records, with rotation by size.',
  stability: { ...forSignals('alpha', ['traces', 'metrics', 'logs']), profiles: 'development' },
  spec,
  toNative,
});
