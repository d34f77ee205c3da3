/**
 * The processor `filter` between a receiver and an exporter: what is left out, what is left, and how mistakes are told.
 */
import { ACCEPT, Exporting, UNQUEUED } from '../support/exporting.js';
import { named } from '../support/fixtures.js';
import { decodeRequest, encodeRequest, SIGNALS, type Signal } from '../support/proto.js';
import { sendTo, TRANSPORTS, type Transport } from '../support/wire.js';

let exporting: Exporting;
beforeEach(() => {
  exporting = new Exporting();
});
afterEach(() => exporting.close());

/** Conditions that say the same of each signal's items, which are told apart by name. */
const DROPS_B: Readonly<Record<Signal, object>> = {
  traces: { trace_conditions: ['span.name == "b"'] },
  metrics: { metric_conditions: ['metric.name == "b"'] },
  logs: { log_conditions: ['log.body == "b"'] },
};

const COUNTED = { traces: 'spans', metrics: 'datapoints', logs: 'logs' } as const;

/** What arrives of one request with `names`, and what its sender is told. */
async function through(by: Transport, signal: Signal, filter: object, ...names: readonly string[]) {
  const sink = await exporting.sink(by, ACCEPT);
  const collector = await exporting.collector(sink, UNQUEUED, { processors: { filter } });
  const outcome = await sendTo(collector, by, signal, named(signal, ...names));
  await collector.memoryIsFree();
  const filtered = collector.metric(`otelcol_processor_filter_${COUNTED[signal]}.filtered`);
  return { outcome, filtered, arrived: sink.received.map(({ body }) => decodeRequest(signal, body)) };
}

describe.each(TRANSPORTS)('over %s', (by) => {
  test.each(SIGNALS)('%s lose what a condition names', async (signal) => {
    const { outcome, filtered, arrived } = await through(by, signal, DROPS_B[signal], 'a', 'b', 'c');
    expect([outcome.ok, filtered]).toEqual([true, 1]);
    expect(arrived).toEqual([decodeRequest(signal, encodeRequest(signal, named(signal, 'a', 'c')))]);
  });

  test('a request that loses everything is accepted and goes nowhere', async () => {
    const { outcome, arrived } = await through(by, 'logs', { logs: { log_record: ['true'] } }, 'a', 'b');
    expect([outcome.ok, arrived]).toEqual([true, []]);
  });

  test('a condition that cannot be asked refuses the request if it is to', async () => {
    const conditions = { log_conditions: ['Len(log.severity_number) == 1'] };
    const refused = await through(by, 'logs', { ...conditions, error_mode: 'propagate' }, 'a');
    expect([refused.outcome.ok, refused.arrived]).toEqual([false, []]);
    const ignored = await through(by, 'logs', conditions, 'a');
    expect([ignored.outcome.ok, ignored.arrived.length]).toEqual([true, 1]);
  });
});

test('a condition that is none keeps the collector from starting', async () => {
  const filter = { log_conditions: ['log.bodi == "b"'] };
  const starting = through('http', 'logs', filter, 'a');
  await expect(starting).rejects.toThrow(
    'log_conditions: unable to parse OTTL condition "log.bodi == \\"b\\"": no path "bodi" in context "log" (column 1)',
  );
});
