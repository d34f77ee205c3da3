// The addon without the classes around it, and the documents it takes.
import { loadBinding, type NativeCollectorClass } from '../../src/binding/load.js';
import { loadConfig } from '../../src/config/index.js';

export const addon = loadBinding();

const live = new Set<NativeCollectorClass>();

/** A collector that is stopped after the test. */
export function make(onEvent: () => void = () => {}): NativeCollectorClass {
  const collector = new addon.NativeCollector(onEvent, () => {});
  live.add(collector);
  return collector;
}

/** Stops what tests made. */
export function stopAll(): void {
  for (const collector of live) collector.stop();
  live.clear();
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
