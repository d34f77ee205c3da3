/**
 * An exporter under test: a collector whose otlp receiver feeds one exporter, and the scripted peer it sends to.
 */
import { exporterTo, exporterType, startCollector, type Running, type Setup } from './collector.js';
import { named } from './fixtures.js';
import { Cleanup } from './poll.js';
import type { Signal } from './proto.js';
import { GrpcSink, HttpSink, type AnySink, type Fate, type GrpcAnswer, type HttpAnswer } from './sinks.js';
import { sendTo, type Outcome, type Transport } from './wire.js';

/** An answer for either kind of peer. */
export interface Answers {
  readonly grpc: GrpcAnswer | Fate;
  readonly http: HttpAnswer | Fate;
}

/** Says yes. */
export const ACCEPT: Answers = { grpc: {}, http: {} };

/** Everything that one test opens; close it in the end. */
export class Exporting {
  readonly #cleanup = new Cleanup();

  /** A peer of that kind that gives these answers in turn, and the last one ever after. */
  async sink(kind: Transport, ...answers: readonly Answers[]): Promise<AnySink> {
    const at = (index: number): Answers => answers[Math.min(index, answers.length - 1)] ?? ACCEPT;
    const sink =
      kind === 'grpc'
        ? await GrpcSink.start({ answer: (_, index) => at(index).grpc })
        : await HttpSink.start({ answer: (_, index) => at(index).http });
    return this.keep(sink);
  }

  keep<S extends AnySink>(sink: S): S {
    return this.#cleanup.add(sink, (it) => it.close());
  }

  /** A collector that sends everything to `sink`, with more settings for the exporter. */
  async collector(sink: AnySink, exporter: object, setup: Omit<Setup, 'exporters'> = {}): Promise<Running> {
    const exporters = { [exporterType(sink)]: exporterTo(sink, { ...exporter }) };
    return this.start({ ...setup, exporters });
  }

  async start(setup: Setup): Promise<Running> {
    return this.#cleanup.add(await startCollector(setup), (it) => it.close(0));
  }

  close(): Promise<void> {
    return this.#cleanup.run();
  }
}

/** No queue, so that the sender learns how it went. */
export const UNQUEUED = { sending_queue: { enabled: false } };

/** Quick retries without jitter. */
export const RETRY = {
  retry_on_failure: {
    initial_interval: '10ms',
    max_interval: '10ms',
    multiplier: 1,
    randomization_factor: 0,
    max_elapsed_time: '20s',
  },
};

/** Sends one named item over gRPC. */
export function sendNamed(to: Running, name: string, signal: Signal = 'logs'): Promise<Outcome> {
  return sendTo(to, 'grpc', signal, named(signal, name));
}
