import * as fc from 'fast-check';

import { Batch, type Attributes } from '../../../src/views/index.js';
import { REQUESTS, type Signal } from '../../../src/views/schema.js';
import { KEYS, requests } from './random.js';
import { readEverything } from './read-everything.js';
import { decodeReference, encodeReference, meaning, type Fields } from './reference.js';

/** The same list of the batch and of the plain object, at one level. */
interface Level {
  readonly views: (batch: Batch) => Iterable<Target>;
  readonly objects: (request: Fields) => readonly Place[];
}

/** What all views of a level can do; which setters there are depends on the level. */
type Target = { readonly attributes?: Attributes; drop(): void } & object;

/** A plain object and what holds it, from the top. */
interface Place {
  readonly path: readonly { readonly holder: Fields; readonly list: string; readonly object: Fields }[];
  readonly object: Fields;
}

interface Edit {
  readonly level: string;
  /** Which of the level, counted around. */
  readonly index: number;
  readonly action: 'drop' | 'set' | 'delete' | 'text';
  readonly key: string;
  readonly value: string | number | boolean;
}

const edits: fc.Arbitrary<Edit> = fc.record({
  level: fc.constantFrom('resources', 'scopes', 'records', 'parts'),
  index: fc.nat(20),
  action: fc.constantFrom('drop', 'set', 'set', 'delete', 'text'),
  key: fc.constantFrom(...KEYS),
  value: fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.integer(),
    fc.boolean(),
    fc.double({ noInteger: true, noNaN: true }),
  ),
});

const STABLE: readonly Signal[] = ['traces', 'metrics', 'logs'];

describe('edits of views', () => {
  it.each(STABLE)('are what they are on objects: %s', (signal) => {
    fc.assert(
      fc.property(requests(signal), fc.array(edits, { maxLength: 8 }), (object, list) => {
        const bytes = encodeReference(signal, object);
        const request = decodeObject(signal, bytes);
        const batch = new Batch(signal, bytes);
        const before = batch.items;
        for (const edit of list) {
          editView(batch, edit);
          editObject(signal, request, edit);
        }
        const encoded = batch.encode();
        expect(decodeReference(signal, encoded)).toEqual(meaning(REQUESTS[signal], request));
        const again = new Batch(signal, encoded);
        expect([again.items, batch.droppedItems]).toEqual([batch.items, before - batch.items]);
        expect(readEverything(batch)).toEqual(readEverything(again));
      }),
      { numRuns: 20 },
    );
  });
});

/** A request as protobufjs has it, with numbers that stay numbers. */
function decodeObject(signal: Signal, bytes: Buffer): Fields {
  return new Batch(signal, bytes).toObject();
}

function levelOf(level: string, signal: Signal): Level {
  const [resources, scopes, records] = LISTS[signal as 'traces' | 'metrics' | 'logs'];
  switch (level) {
    case 'resources':
      return {
        views: (batch) => batch.resources() as Iterable<Target>,
        objects: (request) => below(request, [resources]),
      };
    case 'scopes':
      return { views: (batch) => batch.scopes(), objects: (request) => below(request, [resources, scopes]) };
    case 'records':
      return {
        views: (batch) => [...batch.spans(), ...batch.metrics(), ...batch.logRecords()],
        objects: (request) => below(request, [resources, scopes, records]),
      };
    default:
      return {
        views: (batch) => [...batch.dataPoints(), ...[...batch.spans()].flatMap((span) => [...span.events()])],
        objects: (request) =>
          signal === 'metrics'
            ? below(request, [resources, scopes, records]).flatMap(pointsOf)
            : below(request, [resources, scopes, records, 'events']),
      };
  }
}

const LISTS = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
} as const;

const METRIC_KINDS = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];

function below(object: Fields, lists: readonly string[]): readonly Place[] {
  let places: readonly Place[] = [{ path: [], object }];
  for (const list of lists) places = places.flatMap((place) => inside(place, place.object, list));
  return places;
}

function inside({ path, object: parent }: Place, holder: Fields, list: string): Place[] {
  const objects = (holder[list] ?? []) as Fields[];
  return objects.map((object) => ({ path: [...path, { holder, list, object: parent }], object }));
}

function pointsOf(metric: Place): Place[] {
  const kind = METRIC_KINDS.find((name) => metric.object[name] !== undefined);
  return kind === undefined ? [] : inside(metric, metric.object[kind] as Fields, 'dataPoints');
}

function editView(batch: Batch, { level, index, action, key, value }: Edit): void {
  const views = [...levelOf(level, batch.signal).views(batch)];
  const view = views[index % views.length] as (Target & Record<string, unknown>) | undefined;
  if (view === undefined) return;
  const attributes = view.attributes ?? (view['metadata'] as Attributes);
  if (action === 'drop') view.drop();
  else if (action === 'delete') attributes.delete(key);
  else if (action === 'set') attributes.set(key, value);
  else for (const name of textsOf(level, batch.signal)) view[name] = String(value);
}

/** Setters of texts at a level, which are called like the fields. */
function textsOf(level: string, signal: Signal): readonly string[] {
  if (level === 'resources') return ['schemaUrl'];
  if (level === 'scopes') return ['schemaUrl', 'version'];
  if (level === 'parts') return signal === 'traces' ? ['name'] : [];
  return { traces: ['name', 'traceState'], metrics: ['unit', 'description'], logs: ['severityText'], profiles: [] }[
    signal
  ];
}

function editObject(signal: Signal, request: Fields, { level, index, action, key, value }: Edit): void {
  const places = levelOf(level, signal).objects(request);
  const place = places[index % places.length];
  if (place === undefined) return;
  if (action === 'drop') {
    dropObject(place);
  } else if (action === 'text') {
    for (const name of textsOf(level, signal)) {
      const holder = name === 'version' ? headOf(place.object, level) : place.object;
      holder[name] = String(value);
    }
  } else {
    // An absent resource comes into being with its first attribute.
    const holder = headOf(place.object, level, action === 'set');
    const list = level === 'records' && signal === 'metrics' ? 'metadata' : 'attributes';
    holder[list] = editList((holder[list] ?? []) as Fields[], action, key, plainValue(value));
  }
}

/** The message with the attributes of an entry; a passing one if it is absent and stays so. */
function headOf(object: Fields, level: string, make = true): Fields {
  const name = { resources: 'resource', scopes: 'scope' }[level];
  if (name === undefined) return object;
  if (make) object[name] ??= {};
  return (object[name] ?? {}) as Fields;
}

function editList(list: Fields[], action: string, key: string, value: Fields): Fields[] {
  const has = (each: Fields) => (each['key'] ?? '') === key;
  if (action === 'delete') return list.filter((each) => !has(each));
  const first = list.find(has);
  if (first === undefined) return [...list, { key, value }];
  first['value'] = value;
  return list.filter((each) => each === first || !has(each));
}

/** As the collector's filter does: what is empty without the object goes as well, up to the resource. */
function dropObject({ path, object }: Place): void {
  let gone = object;
  for (const { holder, list, object: parent } of path.toReversed()) {
    holder[list] = (holder[list] as Fields[]).filter((each) => each !== gone);
    if (list === 'events' || (holder[list] as Fields[]).length > 0) return;
    gone = parent;
  }
}

function plainValue(value: string | number | boolean): Fields {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? { intValue: String(value) } : { doubleValue: value };
}
