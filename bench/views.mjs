// What a plugin costs a span: views on the bytes beside decoding, changing and encoding with protobufjs.
//   edit    reads one attribute, sets another, drops the spans of one route in ten
//   redact  reads all attributes, replaces the texts that have a dot and two digits, and the span's name
//   mask    hides the e-mail addresses, which one span in twenty has
//   look    reads one attribute and changes nothing; protobufjs decodes only
// Batches alternate, so that other work on the machine disturbs both alike; what both make is compared first.
//
//   node bench/views.mjs [--pairs N] [--spans N,N] [--work NAME,NAME] [--dist FOLDER]
import { deepStrictEqual } from 'node:assert';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { loadSignal, recordListsOf, recordsOf } from './baseline-js/otlp.mjs';
import { medianWithInterval } from './compare/statistics.mjs';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '25' },
    work: { type: 'string', default: 'edit,redact,mask,look' },
    spans: { type: 'string', default: '50,1000' },
    dist: { type: 'string', default: path.join(import.meta.dirname, '../dist') },
  },
});
const { Batch } = await import(path.resolve(values.dist, 'testing/index.js'));
const otlp = loadSignal('traces');
const { request: Request } = otlp;

const DROPPED_ROUTE = '/health';
const SECRET = /\.\d\d/;
const ADDRESS = /[\w.+-]+@[\w-]+\.[\w.-]+/g;
/** Spans in one measurement: some tens of milliseconds or more. */
const SPANS_MEASURED = 20_000;

process.stdout.write('work     spans a batch   bytes a span   views, ns a span   protobufjs, ns a span   ratio\n');
const works = {
  edit: [editViews, editObjects],
  redact: [redactViews, redactObjects],
  mask: [maskViews, maskObjects],
  look: [lookAtViews, lookAtObjects],
};
for (const work of values.work.split(',')) {
  for (const spans of values.spans.split(',').map(Number)) compare(work, spans, Number(values.pairs));
}

function compare(work, spans, pairs) {
  const [withViews, withObjects] = works[work];
  const bytes = Request.encode(Request.fromObject(requestOf(spans))).finish();
  deepStrictEqual(Request.decode(withViews(bytes)), Request.decode(withObjects(bytes)));
  const rounds = Math.ceil(SPANS_MEASURED / spans);
  // Both are compiled before anything counts.
  for (let round = 0; round < 3; round += 1) [withViews, withObjects].forEach((run) => cpuOf(run, bytes, rounds));
  const [views, objects] = [[], []];
  for (let pair = 0; pair < pairs; pair += 1) {
    const turns = [
      () => views.push(cpuOf(withViews, bytes, rounds) / rounds / spans),
      () => objects.push(cpuOf(withObjects, bytes, rounds) / rounds / spans),
    ];
    if (pair % 2 === 1) turns.reverse();
    for (const turn of turns) turn();
  }
  const { median, low, high } = medianWithInterval(objects.map((ns, index) => ns / views[index]));
  const [mine, theirs] = [views, objects].map((list) => medianWithInterval(list).median.toFixed(0));
  process.stdout.write(
    `${work.padEnd(6)}   ${String(spans).padStart(13)}   ${(bytes.length / spans).toFixed(0).padStart(12)}   ${mine.padStart(16)}   ${theirs.padStart(21)}   ${median.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})\n`,
  );
}

/** CPU time of the process, in nanoseconds, garbage collection included. */
function cpuOf(run, bytes, rounds) {
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) run(bytes);
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
}

function editViews(bytes) {
  const batch = new Batch('traces', bytes);
  for (const span of batch.spans()) {
    if (span.attributes.get('http.route') === DROPPED_ROUTE) span.drop();
    else span.attributes.set('team', 'checkout');
  }
  return batch.encode();
}

function editObjects(bytes) {
  const request = Request.decode(bytes);
  for (const { holder, key: list } of recordListsOf(otlp, request)) {
    holder[list] = holder[list].filter(({ attributes }) => {
      const route = attributes.find(({ key }) => key === 'http.route');
      if (route?.value?.stringValue === DROPPED_ROUTE) return false;
      const team = attributes.find(({ key }) => key === 'team');
      if (team === undefined) attributes.push({ key: 'team', value: { stringValue: 'checkout' } });
      else team.value = { stringValue: 'checkout' };
      return true;
    });
  }
  return Request.encode(request).finish();
}

function redactViews(bytes) {
  const batch = new Batch('traces', bytes);
  for (const span of batch.spans()) {
    for (const [key, value] of span.attributes) {
      if (typeof value === 'string' && SECRET.test(value)) span.attributes.set(key, '***');
    }
    span.name = span.name.toUpperCase();
  }
  return batch.encode();
}

function redactObjects(bytes) {
  const request = Request.decode(bytes);
  for (const span of recordsOf(otlp, request)) {
    for (const { value } of span.attributes) {
      if (value.stringValue && SECRET.test(value.stringValue)) value.stringValue = '***';
    }
    span.name = span.name.toUpperCase();
  }
  return Request.encode(request).finish();
}

function maskViews(bytes) {
  const batch = new Batch('traces', bytes);
  for (const span of batch.spans()) {
    if (!span.mayContain('@')) continue;
    for (const [key, value] of span.attributes) {
      if (typeof value === 'string' && value.includes('@')) span.attributes.set(key, value.replace(ADDRESS, '***'));
    }
  }
  return batch.encode();
}

function maskObjects(bytes) {
  const request = Request.decode(bytes);
  for (const span of recordsOf(otlp, request)) {
    for (const { value } of span.attributes) {
      if (value.stringValue?.includes('@')) value.stringValue = value.stringValue.replace(ADDRESS, '***');
    }
  }
  return Request.encode(request).finish();
}

function lookAtViews(bytes) {
  const batch = new Batch('traces', bytes);
  let found = 0;
  for (const span of batch.spans()) if (span.attributes.get('http.route') === DROPPED_ROUTE) found += 1;
  if (found === 0) throw new Error('nothing found');
  return batch.encode();
}

function lookAtObjects(bytes) {
  const request = Request.decode(bytes);
  let found = 0;
  for (const { attributes } of recordsOf(otlp, request)) {
    if (attributes.find(({ key }) => key === 'http.route')?.value?.stringValue === DROPPED_ROUTE) found += 1;
  }
  if (found === 0) throw new Error('nothing found');
  return bytes;
}

/** Spans of an HTTP server as the OpenTelemetry SDKs make them: ten attributes, one event in four. */
function requestOf(spans) {
  const resource = {
    attributes: [
      text('service.name', 'checkout'),
      text('service.version', '4.2.0'),
      text('host.name', 'node-17.eu-west-1.example.internal'),
      text('telemetry.sdk.language', 'nodejs'),
    ],
  };
  const scope = { name: '@opentelemetry/instrumentation-http', version: '0.203.0' };
  const scopeSpans = [{ scope, spans: Array.from({ length: spans }, (_, index) => spanOf(index)) }];
  return { resourceSpans: [{ resource, scopeSpans }] };
}

function spanOf(index) {
  const route = index % 10 === 0 ? DROPPED_ROUTE : `/api/carts/:id/items/${index % 7}`;
  const start = 1_700_000_000_000_000_000n + BigInt(index) * 1_000_003n;
  const id = (bytes) => Buffer.from(Array.from({ length: bytes }, (_, at) => (index * 31 + at * 17 + 1) & 0xff));
  return {
    traceId: id(16),
    spanId: id(8),
    parentSpanId: id(8),
    name: `GET ${route}`,
    kind: 2,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + 12_345_678n),
    attributes: [
      text('http.request.method', 'GET'),
      text('url.scheme', 'https'),
      text('server.address', 'shop.example.com'),
      { key: 'server.port', value: { intValue: '443' } },
      text('url.path', `/api/carts/${index}/items/${index % 7}`),
      text('http.route', route),
      { key: 'http.response.status_code', value: { intValue: '200' } },
      text('user_agent.original', 'Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0'),
      text('network.peer.address', '10.1.21.3'),
      text('network.protocol.version', '1.1'),
      ...(index % 20 === 7 ? [text('enduser.id', `user${index}@example.com`)] : []),
    ],
    events: index % 4 === 0 ? [{ timeUnixNano: String(start + 5n), name: 'cache.miss', attributes: [] }] : [],
    status: {},
  };
}

function text(key, stringValue) {
  return { key, value: { stringValue } };
}
