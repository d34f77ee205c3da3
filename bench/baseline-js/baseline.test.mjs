import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileStep } from './edits.mjs';
import { countItems, loadSignal, recordsOf, requestFromJson } from './otlp.mjs';

const signals = {
  traces: (records) => ({ resourceSpans: [{ scopeSpans: [{ spans: records }] }] }),
  metrics: (records) => ({
    resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: records } }] }] }],
  }),
  logs: (records) => ({ resourceLogs: [{ scopeLogs: [{ logRecords: records }] }] }),
};
const record = (...pairs) => ({ attributes: pairs.map(([key, stringValue]) => ({ key, value: { stringValue } })) });

/** A request of two records, through the wire. */
function decoded(otlp) {
  const object = signals[otlp.signal]([record(['a', '1'], ['b', '2']), record(['a', '9'])]);
  return otlp.request.decode(otlp.request.encode(otlp.request.fromObject(object)).finish());
}

const keysAfter = (otlp, request) =>
  [...recordsOf(otlp, request)].map(({ attributes }) => attributes.map(({ key }) => key));

for (const signal of Object.keys(signals)) {
  test(`${signal}: steps edit every record`, () => {
    const otlp = loadSignal(signal);
    const apply = (step) => {
      const request = decoded(otlp);
      compileStep(otlp, step)(request);
      return keysAfter(otlp, request);
    };
    assert.deepEqual(apply(null), [['a', 'b'], ['a']]);
    assert.deepEqual(apply({ action: 'insert', key: 'b', value: 'x' }), [
      ['a', 'b'],
      ['a', 'b'],
    ]);
    assert.deepEqual(apply({ action: 'rename', key: 'b', to: 'c' }), [['a', 'c'], ['a']]);
    assert.deepEqual(apply({ action: 'delete', key: 'a' }), [['b'], []]);
    assert.deepEqual(apply({ action: 'filter', key: 'a', value: '1' }), [['a']]);
    assert.equal(countItems(otlp, decoded(otlp)), 2);
  });
}

test('ids in OTLP/JSON are hexadecimal', () => {
  const otlp = loadSignal('traces');
  const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', attributes: [] };
  const request = requestFromJson(otlp, JSON.stringify(signals.traces([span])));
  const [{ traceId }] = recordsOf(otlp, request);
  assert.equal(Buffer.from(traceId).toString('hex'), span.traceId);
});
