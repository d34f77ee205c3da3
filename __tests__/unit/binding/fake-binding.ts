// A stand-in for the addon: records calls, answers what the test says, wakes the collector when told to.
import type { NativeBinding, NativeCollectorClass } from '../../../src/binding/index.js';
import type { NativeExchange } from '../../../src/binding/load.js';

/** What is answered to the request with this number. */
export interface ToldAnswer {
  readonly number: number;
  readonly head: string | null;
  readonly body: string;
}

/** As the addon hands answers over. */
export const byTurns = (answers: readonly ToldAnswer[]): (number | string | null)[] =>
  answers.flatMap(({ number, head, body }) => [number, head, body]);

/** What the fake answers; every field may be replaced while it runs. */
export interface FakeAnswers {
  start: () => Promise<string>;
  reload: () => Promise<string>;
  drain: (deadlineMs: number | null) => Promise<string>;
  flush: (deadlineMs: number | null) => Promise<string>;
  ingest: () => Promise<string>;
  takeAnswers: () => readonly ToldAnswer[];
  catalogue: () => string;
  snapshot: (into: Float64Array) => number;
  status: () => string;
  stop: () => void;
}

export class FakeAddon implements NativeBinding {
  readonly calls: string[] = [];
  readonly documents: string[] = [];
  readonly collectors: FakeCollector[] = [];
  lost = 0;
  readonly drops: object[] = [];
  answers: FakeAnswers = {
    start: () => Promise.resolve(listening('127.0.0.1:4317')),
    reload: () => Promise.resolve(listening('127.0.0.1:4317')),
    drain: () => Promise.resolve('{"ok":true}'),
    flush: () => Promise.resolve('{"ok":true,"remaining_items":0}'),
    ingest: () => Promise.resolve('{"outcome":"accepted"}'),
    takeAnswers: () => [],
    catalogue: () => '{"version":1,"length":0,"series":[]}',
    snapshot: () => 1,
    status: () => '{"components":[]}',
    stop: () => {},
  };

  readonly NativeCollector: NativeBinding['NativeCollector'] = fakeClass(this);

  /** Only workers, which load the addon by themselves, make one. */
  readonly NativePluginWorker = Object as unknown as NativeBinding['NativePluginWorker'];

  nativeVersion(): string {
    return '0.1.0';
  }

  nativeComponents(): string {
    return '{}';
  }

  nativeStorage(): string {
    return '{"ok":true}';
  }

  /** Reports events from every collector. */
  emit(...events: object[]): void {
    for (const collector of this.collectors) collector.emit(events);
  }
}

function fakeClass(addon: FakeAddon): NativeBinding['NativeCollector'] {
  return class extends FakeCollector {
    constructor(wake: () => void, onAnswer: () => void) {
      super(addon, wake, onAnswer);
      addon.collectors.push(this);
    }
  };
}

class FakeCollector implements NativeCollectorClass {
  readonly #addon: FakeAddon;
  readonly #wake: () => void;
  /** As the core does when it has answered. */
  readonly answer: () => void;
  readonly #outcomes: ToldAnswer[] = [];
  #events: object[] = [];

  constructor(addon: FakeAddon, wake: () => void, onAnswer: () => void) {
    this.#addon = addon;
    this.#wake = wake;
    this.answer = onAnswer;
  }

  emit(events: readonly object[]): void {
    this.#events.push(...events);
    this.#wake();
  }

  start(config: string): Promise<string> {
    this.#addon.calls.push('start');
    this.#addon.documents.push(config);
    return this.#addon.answers.start();
  }

  reload(config: string): Promise<string> {
    this.#addon.calls.push('reload');
    this.#addon.documents.push(config);
    return this.#addon.answers.reload();
  }

  drain(deadlineMs: number | null): Promise<string> {
    this.#addon.calls.push(`drain ${deadlineMs}`);
    return this.#addon.answers.drain(deadlineMs);
  }

  flush(deadlineMs: number | null): Promise<string> {
    this.#addon.calls.push(`flush ${deadlineMs}`);
    return this.#addon.answers.flush(deadlineMs);
  }

  stop(): void {
    this.#addon.calls.push('stop');
    this.#addon.answers.stop();
  }

  ingest(number: number, head: string, body: Uint8Array): void {
    this.#addon.calls.push(`ingest ${head} ${body.length}`);
    const told = this.#addon.answers.ingest();
    void told.then((outcome) => {
      this.#outcomes.push({ number, head: outcome, body: '' });
      this.answer();
    });
  }

  exchange(number: number, head: string): NativeExchange {
    const { calls } = this.#addon;
    calls.push(`exchange ${number} ${head}`);
    return {
      write: (bytes) => calls.push(`write ${bytes.length}`) > 0,
      room: () => Promise.resolve(''),
      wanted: () => Promise.resolve('true'),
      finish: () => void calls.push('finish'),
      abort: () => void calls.push('abort'),
    };
  }

  takeAnswers(): (number | string | null)[] {
    return byTurns([...this.#outcomes.splice(0), ...this.#addon.answers.takeAnswers()]);
  }

  pluginHost(): number {
    return 1;
  }

  vacatePlugin(port: string, seat: number, message: string): void {
    this.#addon.calls.push(`vacatePlugin ${port} ${seat} ${message}`);
  }

  closePlugin(port: string): void {
    this.#addon.calls.push(`closePlugin ${port}`);
  }

  countPluginRestart(component: string): void {
    this.#addon.calls.push(`countPluginRestart ${component}`);
  }

  metricsCatalogue(): string {
    return this.#addon.answers.catalogue();
  }

  metricsSnapshot(into: Float64Array): number {
    return this.#addon.answers.snapshot(into);
  }

  takeEvents(): string {
    const text = JSON.stringify({ events: this.#events, lost: this.#addon.lost });
    this.#events = [];
    this.#addon.lost = 0;
    return text;
  }

  takeDrops(): string {
    return JSON.stringify(this.#addon.drops.splice(0));
  }

  status(): string {
    return this.#addon.answers.status();
  }
}

/** The answer of a start that opened one gRPC listener. */
export function listening(address: string): string {
  return JSON.stringify({ ok: true, listeners: [{ component: 'otlp', protocol: 'grpc', address }] });
}

/** The answer of a refused start or reload. */
export function refusing(code: string, message: string): string {
  return JSON.stringify({ ok: false, error: { code, message } });
}
