import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { cells } from '../scenarios.mjs';
import { collectorConfig, compressionLevel } from './collector-config.mjs';
import { peers, prepare, selectPeers } from './index.mjs';
import { manifest, otelcol, otelcolVersion } from './otelcol.mjs';
import { rotel } from './rotel.mjs';
import { teleferric } from './teleferric.mjs';

const ports = { listen: '127.0.0.1:1', next: '127.0.0.1:2', spare: '127.0.0.1:3', installed: { program: 'program' } };
const cellOf = (id) => cells.find((cell) => cell.id === id);
const configOf = (id) => collectorConfig(cellOf(id), ports);

test('every peer configures every cell it takes part in', () => {
  for (const cell of cells) {
    for (const peer of peers) {
      if (peer.absent(cell) !== null) continue;
      const { command, args, ack } = peer.configure(cell, ports);
      assert.ok(command && args.every((arg) => typeof arg === 'string'), `${peer.id} ${cell.id}`);
      assert.ok(ack === 'delivery' || ack === 'acceptance', `${peer.id} ${cell.id}`);
      assert.ok(Array.isArray(peer.notes(cell)));
    }
  }
});

test('teleferric and the Collector get the same document but for the key of pass-through', () => {
  for (const cell of cells) {
    const [mine, theirs] = [teleferric, otelcol].map((peer) =>
      JSON.parse(peer.configure(cell, ports).files['config.yaml']),
    );
    for (const exporter of Object.values(mine.exporters)) {
      assert.equal(exporter.compressed_passthrough, cell.kept ? 'single' : 'off');
      delete exporter.compressed_passthrough;
    }
    if (cell.kept) for (const exporter of Object.values(theirs.exporters)) delete exporter.compression_params;
    assert.deepEqual(mine, theirs);
  }
});

test('pass-through has no queue and no retries, so that the answer is the backend’s', () => {
  const { processors, exporters } = configOf('s3-traces-grpc');
  assert.deepEqual(processors, {});
  assert.deepEqual(exporters.otlp_grpc.sending_queue, { enabled: false });
  assert.deepEqual(exporters.otlp_grpc.retry_on_failure, { enabled: false });
  assert.equal(exporters.otlp_grpc.compression, 'none');
});

test('an outage is met with a limit, a queue and retries', () => {
  const { processors, exporters, service } = configOf('overload-down-http');
  assert.deepEqual(service.pipelines.traces.processors, ['memory_limiter', 'batch']);
  assert.equal(processors.memory_limiter.limit_mib, 1024);
  assert.equal(exporters.otlp_http.sending_queue.enabled, true);
  assert.equal(exporters.otlp_http.retry_on_failure.max_elapsed_time, '0s');
  assert.equal(otelcol.configure(cellOf('overload-down-http'), ports).env.GOMEMLIMIT, '819MiB');
});

test('edits become processors', () => {
  assert.deepEqual(configOf('rename-logs').processors.attributes.actions, [
    { key: 'renamed.route', from_attribute: 'http.route', action: 'insert' },
    { key: 'http.route', action: 'delete' },
  ]);
  assert.deepEqual(configOf('filter-logs').processors.filter.logs, {
    log_record: ['attributes["http.request.method"] == "GET"'],
  });
});

test('the level of compression is set wherever there is a key', () => {
  assert.deepEqual(configOf('gzip-logs-http').exporters.otlp_http.compression_params, { level: compressionLevel });
  assert.equal(configOf('gzip-logs-grpc').exporters.otlp_grpc.compression_params, undefined);
});

test('Rotel batches only where the others do', () => {
  assert.ok(rotel.configure(cellOf('s3-traces-grpc'), ports).args.includes('--disable-batching'));
  const { args } = rotel.configure(cellOf('batch-s1-traces'), ports);
  assert.equal(args[args.indexOf('--batch-max-size') + 1], '8192');
});

test('what a peer cannot do has a reason', () => {
  assert.equal(teleferric.absent(cellOf('filter-logs')), null);
  assert.match(rotel.absent(cellOf('zstd-logs-grpc')), /zstd/);
  assert.equal(otelcol.absent(cellOf('filter-logs')), null);
});

test('the manifest has one version line, the pinned one', () => {
  const versions = readFileSync(manifest, 'utf8').match(/ v\d+\.\d+\.\d+/g);
  assert.ok(versions.length >= 9);
  assert.ok(versions.every((version) => version === ` v${otelcolVersion}`));
});

test('a peer that cannot be installed is reported with the reason', async () => {
  const broken = { id: 'x', title: 'X', install: () => Promise.reject(new Error('no network')) };
  assert.deepEqual(await prepare(broken, {}), { id: 'x', title: 'X', reason: 'no network' });
});

test('peers are selected by name, teleferric always', () => {
  assert.deepEqual(
    selectPeers('rotel').map(({ id }) => id),
    ['teleferric', 'rotel'],
  );
  assert.throws(() => selectPeers('nope'), /unknown peers: nope/);
});
