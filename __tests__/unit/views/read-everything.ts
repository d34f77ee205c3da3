/**
 * Reads all that views have to say, by asking every getter and walking every list.
 */
import { Attributes } from '../../../src/views/attributes.js';
import type { Batch } from '../../../src/views/index.js';

/** Getters that lead up, or tell of the batch and not of the message. */
const LEFT_OUT = new Set(['scope', 'resource', 'metric', 'dropped']);
const LISTS = ['scopes', 'spans', 'logRecords', 'metrics', 'dataPoints', 'events', 'links', 'exemplars'];

type Snapshot = Record<string, unknown>;

export function readEverything(batch: Batch): readonly Snapshot[] {
  return Array.from(batch.resources(), snapshot);
}

function snapshot(view: object): Snapshot {
  const found: Snapshot = {};
  for (const name of getters(view)) found[name] = valueOf((view as Snapshot)[name]);
  for (const name of LISTS) {
    const list = (view as Record<string, undefined | (() => Iterable<object>)>)[name];
    if (typeof list === 'function') found[name] = Array.from(list.call(view), snapshot);
  }
  return found;
}

function valueOf(value: unknown): unknown {
  if (value instanceof Attributes) return [value.size, ...value];
  const isView = typeof value === 'object' && value !== null && getters(value).includes('code');
  return isView ? snapshot(value) : value;
}

/** Names of the public getters of a view; those of the prototypes at the top are not ours. */
function getters(view: object): string[] {
  const names: string[] = [];
  for (
    let prototype = Object.getPrototypeOf(view) as object | null;
    prototype !== null && prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype) as object | null
  ) {
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (get !== undefined && !LEFT_OUT.has(name) && name !== 'head') names.push(name);
    }
  }
  return names;
}
