/**
 * Views of spans, their events, links and status.
 */
import { Scope, type Resource } from './resource.js';
import { EVENT, LINK, SPAN, STATUS } from './schema.js';
import { AttributedView, bytesOf, hexOf, present, TracedView, View } from './view.js';

/** What a span does. */
export const SpanKind = { UNSPECIFIED: 0, INTERNAL: 1, SERVER: 2, CLIENT: 3, PRODUCER: 4, CONSUMER: 5 } as const;
/** A value of {@link SpanKind}, or one that a later version of OTLP defines. */
export type SpanKind = number;

/** How an operation ended. */
export const StatusCode = { UNSET: 0, OK: 1, ERROR: 2 } as const;
/** A value of {@link StatusCode}, or one that a later version of OTLP defines. */
export type StatusCode = number;

const { fields } = SPAN;

/** A span of a batch. */
export class Span extends TracedView {
  get scope(): Scope {
    return this.origin.parent!.viewAs(Scope);
  }

  get resource(): Resource {
    return this.scope.resource;
  }

  /** 16 hexadecimal digits in lower case; empty for a root span. */
  get parentSpanId(): string {
    return hexOf(this.parentSpanIdBytes);
  }
  set parentSpanId(value: string) {
    this.origin.set(fields.parentSpanId, bytesOf('parentSpanId', value));
  }

  /** A copy of the 8 bytes; empty for a root span. */
  get parentSpanIdBytes(): Uint8Array {
    return this.origin.value(fields.parentSpanId) as Uint8Array;
  }

  /** As in the W3C header `tracestate`. */
  get traceState(): string {
    return this.origin.text(fields.traceState);
  }
  set traceState(value: string) {
    this.origin.set(fields.traceState, value);
  }

  /** Bits 0 to 7 are the W3C trace flags, bit 8 says that bit 9 tells whether the parent is remote. */
  get flags(): number {
    return this.origin.number(fields.flags);
  }
  set flags(value: number) {
    this.origin.set(fields.flags, value);
  }

  get name(): string {
    return this.origin.text(fields.name);
  }
  set name(value: string) {
    this.origin.set(fields.name, value);
  }

  get kind(): SpanKind {
    return this.origin.number(fields.kind);
  }
  set kind(value: SpanKind) {
    this.origin.set(fields.kind, value);
  }

  /** Nanoseconds since the Unix epoch. */
  get startTimeUnixNano(): bigint {
    return this.origin.wide(fields.startTimeUnixNano);
  }
  set startTimeUnixNano(value: bigint) {
    this.origin.set(fields.startTimeUnixNano, value);
  }

  /** Nanoseconds since the Unix epoch. */
  get endTimeUnixNano(): bigint {
    return this.origin.wide(fields.endTimeUnixNano);
  }
  set endTimeUnixNano(value: bigint) {
    this.origin.set(fields.endTimeUnixNano, value);
  }

  events(): IterableIterator<SpanEvent> {
    return present(this.origin.list(fields.events), SpanEvent);
  }

  /** How many events the sender left out. */
  get droppedEventsCount(): number {
    return this.origin.number(fields.droppedEventsCount);
  }
  set droppedEventsCount(value: number) {
    this.origin.set(fields.droppedEventsCount, value);
  }

  links(): IterableIterator<SpanLink> {
    return present(this.origin.list(fields.links), SpanLink);
  }

  /** How many links the sender left out. */
  get droppedLinksCount(): number {
    return this.origin.number(fields.droppedLinksCount);
  }
  set droppedLinksCount(value: number) {
    this.origin.set(fields.droppedLinksCount, value);
  }

  /** A status that is absent reads as unset. */
  get status(): SpanStatus {
    return this.origin.only(fields.status).viewAs(SpanStatus);
  }
}

/** How a span ended. */
export class SpanStatus extends View {
  get code(): StatusCode {
    return this.origin.number(STATUS.fields.code);
  }
  set code(value: StatusCode) {
    this.origin.set(STATUS.fields.code, value);
  }

  /** For people; meant for errors. */
  get message(): string {
    return this.origin.text(STATUS.fields.message);
  }
  set message(value: string) {
    this.origin.set(STATUS.fields.message, value);
  }
}

/** Something that happened at one time during a span. */
export class SpanEvent extends AttributedView {
  /** Nanoseconds since the Unix epoch. */
  get timeUnixNano(): bigint {
    return this.origin.wide(EVENT.fields.timeUnixNano);
  }
  set timeUnixNano(value: bigint) {
    this.origin.set(EVENT.fields.timeUnixNano, value);
  }

  get name(): string {
    return this.origin.text(EVENT.fields.name);
  }
  set name(value: string) {
    this.origin.set(EVENT.fields.name, value);
  }
}

/** A reference from a span to another one. */
export class SpanLink extends TracedView {
  /** As in the W3C header `tracestate`. */
  get traceState(): string {
    return this.origin.text(LINK.fields.traceState);
  }
  set traceState(value: string) {
    this.origin.set(LINK.fields.traceState, value);
  }

  /** As those of a span. */
  get flags(): number {
    return this.origin.number(LINK.fields.flags);
  }
  set flags(value: number) {
    this.origin.set(LINK.fields.flags, value);
  }
}
