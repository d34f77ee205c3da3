/**
 * A batch of telemetry as its bytes, with views that read and change it in place.
 */
import { countItems } from './items.js';
import type { LogRecord } from './log-record.js';
import { Message } from './message.js';
import type { DataPoint } from './data-point.js';
import type { Metric } from './metric.js';
import { readPlain, writePlain, type Longs, type PlainMessage } from './plain.js';
import { Resource, type Scope } from './resource.js';
import { REQUESTS, type MessageType, type Signal } from './schema.js';
import type { Span } from './span.js';
import { present } from './view.js';
import { Writer } from '../protobuf/writer.js';

/** How a batch becomes a plain object. */
export interface ToObjectOptions {
  /**
   * What 64-bit integers become. `number` is not exact above 2^53, where times are.
   *
   * @default 'string'
   */
  readonly longs?: Longs;
}

/**
 * An OTLP request: the resources, scopes and records of one signal.
 *
 * Nothing is parsed until it is asked for, and then only what is needed. Changes are seen by all later reads and take
 * effect in {@link encode}. Fields that this version does not know, and the order of all fields, are kept. The bytes are
 * not copied: they must stay as they are while the batch is used.
 *
 * Whatever reads throws a {@link MalformedBatchError} where the bytes are no OTLP request. Text that is no UTF-8 is no
 * error: it reads with U+FFFD in place of what is wrong, and stays as it is unless it is set.
 */
export class Batch {
  readonly signal: Signal;
  readonly #type: MessageType;
  /** What {@link encode} returns as long as nothing is changed. */
  #bytes: Uint8Array;
  #request: Message;
  /** Items of the request as it is without changes; null until somebody asks. */
  #itemsRead: number | null = null;
  /** Items that went when the whole was replaced. */
  #itemsReplaced = 0;

  /**
   * @param signal what the bytes hold
   * @param bytes an export request of OTLP in protobuf, uncompressed
   */
  constructor(signal: Signal, bytes: Uint8Array) {
    if (!Object.hasOwn(REQUESTS, signal)) throw new TypeError(`unknown signal: ${String(signal)}`);
    if (!(bytes instanceof Uint8Array)) throw new TypeError('a batch is made of a Uint8Array');
    this.signal = signal;
    this.#type = REQUESTS[signal];
    this.#bytes = bytes;
    this.#request = Message.request(this.#type, bufferOf(bytes));
  }

  /** A batch of a plain object, as {@link toObject} returns it. Throws as {@link replace} does. */
  static from(signal: Signal, object: object): Batch {
    const batch = new Batch(signal, new Uint8Array(0));
    batch.#load(object);
    return batch;
  }

  /** How many spans, data points, log records or profile samples there are. Reads the outline of the whole batch. */
  get items(): number {
    return this.#itemsAtFirst - this.#request.totals.dropped;
  }

  /** How many of them were dropped, or are not there any more since {@link replace}. */
  get droppedItems(): number {
    return this.#itemsReplaced + this.#request.totals.dropped;
  }

  /** Whether a text may be somewhere in the batch, as of its records. */
  mayContain(text: string): boolean {
    return this.#request.mayContain(text);
  }

  resources(): IterableIterator<Resource> {
    return present(this.#request.list(this.#type.list[0]!), Resource);
  }

  *scopes(): IterableIterator<Scope> {
    for (const resource of this.resources()) yield* resource.scopes();
  }

  /** The spans of all scopes; none in a batch of another signal. */
  *spans(): IterableIterator<Span> {
    if (this.signal === 'traces') for (const scope of this.scopes()) yield* scope.spans();
  }

  /** The log records of all scopes; none in a batch of another signal. */
  *logRecords(): IterableIterator<LogRecord> {
    if (this.signal === 'logs') for (const scope of this.scopes()) yield* scope.logRecords();
  }

  /** The metrics of all scopes; none in a batch of another signal. */
  *metrics(): IterableIterator<Metric> {
    if (this.signal === 'metrics') for (const scope of this.scopes()) yield* scope.metrics();
  }

  /** The data points of all metrics; none in a batch of another signal. */
  *dataPoints(): IterableIterator<DataPoint> {
    for (const metric of this.metrics()) yield* metric.dataPoints();
  }

  /**
   * The request with all changes. The very bytes that the batch was made of if nothing was changed, and no bytes at all if
   * nothing is left. The batch can be changed and encoded again.
   */
  encode(): Uint8Array {
    const request = this.#request;
    if (!request.changed) return this.#bytes;
    const writer = new Writer(request.bytes, request.totals.growth);
    request.writeContent(writer);
    return writer.finish();
  }

  /**
   * The whole request, with all changes, as a plain object like those of protobufjs: fields in `lowerCamelCase`, absent
   * ones left out, enums as numbers, identifiers and other byte strings as Uint8Array. Fields that this version does not
   * know are left out.
   */
  toObject({ longs = 'string' }: ToObjectOptions = {}): PlainMessage {
    const bytes = bufferOf(this.encode());
    return readPlain(this.#type, bytes, 0, bytes.length, longs);
  }

  /**
   * Puts a plain object in place of the whole request. 64-bit integers may be strings, bigint, safe integers or objects
   * with `low` and `high`. Views that were taken before belong to what is gone.
   *
   * Throws a TypeError or RangeError with the path of what does not fit, such as a field that OTLP does not have, and
   * leaves the batch as it was.
   */
  replace(object: object): void {
    const { items, droppedItems } = this;
    this.#load(object);
    this.#itemsReplaced = droppedItems + Math.max(0, items - this.items);
  }

  #load(object: object): void {
    if (typeof object !== 'object' || object === null) throw new TypeError('a batch is replaced by an object');
    const writer = new Writer();
    writePlain(writer, this.#type, object);
    const bytes = writer.finish();
    this.#bytes = bytes;
    this.#request = Message.request(this.#type, bytes);
    this.#itemsRead = null;
  }

  get #itemsAtFirst(): number {
    const { bytes } = this.#request;
    return (this.#itemsRead ??= countItems(this.#type, bytes, 0, bytes.length));
  }
}

/** The same memory as a Buffer. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
