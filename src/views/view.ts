/**
 * What views have in common: the message they name the fields of, attributes, and identifiers as hexadecimal text.
 */
import { Attributes } from './attributes.js';
import type { Message } from './message.js';
import type { Field } from './schema.js';

/** Bytes of the identifier of a trace. */
export const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/** A view of one message of a batch. There is one view of each message; it is valid as long as its batch. */
export abstract class View {
  protected readonly origin: Message;

  /** @internal */
  constructor(origin: Message) {
    this.origin = origin;
  }

  /**
   * Whether a text may be somewhere inside, in any field or in whatever is below. Compares bytes and parses nothing: where
   * it says no, there is nothing to look for. Says yes after a change.
   */
  mayContain(text: string): boolean {
    return this.origin.mayContain(text);
  }

  /** A field by its name, for fields that several messages have. */
  protected field(name: string): Field {
    return this.origin.type.fields[name]!;
  }
}

/** A view of something that can be left out of its batch. */
export abstract class DroppableView extends View {
  /** Leaves it out. What holds nothing any more without it is left out as well. Dropping twice is dropping once. */
  drop(): void {
    this.origin.drop();
  }

  /** Whether it, or what it is in, was dropped. Changes to what was dropped have no effect. */
  get dropped(): boolean {
    return this.origin.gone;
  }
}

/** A view of something with attributes. */
export abstract class AttributedView extends DroppableView {
  #attributes: Attributes | null = null;

  get attributes(): Attributes {
    return (this.#attributes ??= new Attributes(this.origin, this.field('attributes')));
  }

  /** How many attributes the sender left out, for want of room. */
  get droppedAttributesCount(): number {
    return this.origin.number(this.field('droppedAttributesCount'));
  }
  set droppedAttributesCount(value: number) {
    this.origin.set(this.field('droppedAttributesCount'), value);
  }
}

/** A view of something that belongs to a span. */
export abstract class TracedView extends AttributedView {
  /** 32 hexadecimal digits in lower case; empty if not set. */
  get traceId(): string {
    return hexOf(this.traceIdBytes);
  }
  set traceId(value: string) {
    this.origin.set(this.field('traceId'), bytesOf('traceId', value, TRACE_ID_BYTES));
  }

  /** A copy of the 16 bytes; empty if not set. */
  get traceIdBytes(): Uint8Array {
    return this.origin.value(this.field('traceId')) as Uint8Array;
  }

  /** 16 hexadecimal digits in lower case; empty if not set. */
  get spanId(): string {
    return hexOf(this.spanIdBytes);
  }
  set spanId(value: string) {
    this.origin.set(this.field('spanId'), bytesOf('spanId', value, SPAN_ID_BYTES));
  }

  /** A copy of the 8 bytes; empty if not set. */
  get spanIdBytes(): Uint8Array {
    return this.origin.value(this.field('spanId')) as Uint8Array;
  }
}

/** Bytes as hexadecimal digits in lower case. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** The bytes of an identifier. Throws a TypeError that names the field. */
export function bytesOf(name: string, digits: string, length: number = SPAN_ID_BYTES): Uint8Array {
  if (typeof digits !== 'string' || !/^[0-9a-f]*$/i.test(digits) || ![0, 2 * length].includes(digits.length)) {
    throw new TypeError(`${name}: expected ${2 * length} hexadecimal digits, or none`);
  }
  return Buffer.from(digits, 'hex');
}

/** Views of those messages that were not dropped. */
export function* present<V extends object>(
  messages: readonly Message[],
  Made: new (message: Message) => V,
): IterableIterator<V> {
  for (const message of messages) if (!message.dropped) yield message.viewAs(Made);
}
