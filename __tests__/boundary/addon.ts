// The addon without the classes around it, and the documents it takes.
import { Answers, type IngestHead, type IngestOutcome } from '../../src/binding/index.js';
import { loadBinding, type NativeCollectorClass } from '../../src/binding/load.js';
import { loadConfig } from '../../src/config/index.js';

export const addon = loadBinding();

const live = new Map<NativeCollectorClass, Answers>();

/** A collector that is stopped after the test. */
export function make(onEvent: () => void = () => {}): NativeCollectorClass {
  const collector = new addon.NativeCollector(onEvent, () => answers.settle());
  const answers = new Answers(collector);
  live.set(collector, answers);
  return collector;
}

/** Stops what tests made. */
export function stopAll(): void {
  for (const collector of live.keys()) collector.stop();
  live.clear();
}

/** The head of a traces request in protobuf, or of another. */
export function headOf(words: Partial<Record<keyof IngestHead, unknown>> = {}): string {
  return JSON.stringify({ signal: 'traces', encoding: 'proto', metadata: [], ...words });
}

/** What becomes of a traces request. */
export async function ingest(collector: NativeCollectorClass, body: Uint8Array): Promise<IngestOutcome> {
  const answers = live.get(collector);
  if (answers === undefined) throw new Error('the collector is none of the live ones');
  return answers.outcome((number) => collector.ingest(number, headOf(), body));
}

/** A plain traces pipeline; nothing listens. */
export const PLAIN = {
  receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } },
  exporters: { nop: null },
  service: { threads: 2, pipelines: { traces: { receivers: ['otlp'], exporters: ['nop'] } } },
};

/** The document of a configuration. */
export async function documentOf(config: object = PLAIN): Promise<Record<string, unknown>> {
  const { native } = await loadConfig({ object: config });
  return JSON.parse(JSON.stringify(native)) as Record<string, unknown>;
}

/** The same as text. */
export async function document(config: object = PLAIN): Promise<string> {
  return JSON.stringify(await documentOf(config));
}

/** What `start`, `reload` and `drain` resolve with. */
export interface Answer {
  readonly ok: boolean;
  readonly listeners?: readonly { readonly component: string; readonly protocol: string; readonly address: string }[];
  readonly error?: { readonly code: string; readonly message: string };
}

export const read = async (answer: Promise<string>): Promise<Answer> => JSON.parse(await answer) as Answer;

/** A traces request with one span, in protobuf. */
export function oneSpan(): Uint8Array {
  // resource_spans { scope_spans { spans { name: "work" } } }
  return Uint8Array.from([0x0a, 10, 0x12, 8, 0x12, 6, 0x2a, 4, ...Buffer.from('work')]);
}
