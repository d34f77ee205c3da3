/**
 * Spans and log records of the SDK as OTLP protobuf, fields from the last to the first.
 */
import type { ProtobufLogsSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';

import { writeAttributes, writeValue } from './otlp-bytes.js';
import type { Writer } from './protobuf.js';

/** Spans as the SDK gives them to exporters. */
export type Spans = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0];
/** Log records as the SDK gives them to exporters. */
export type LogRecords = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0];

type Span = Spans[number];
type SpanContext = ReturnType<Span['spanContext']>;

/** `Span`. */
export function writeSpan(writer: Writer, span: Span): void {
  const spanContext = span.spanContext();
  const { parentSpanContext: parent, status, events, links } = span;
  writer.fixed32(16, flagsOf(spanContext.traceFlags, parent?.isRemote));
  const before = writer.length;
  if (status.code !== 0) writer.integer(3, status.code);
  if (status.message) writer.text(2, status.message);
  writer.message(15, before);
  writeCount(writer, 14, span.droppedLinksCount);
  for (let index = links.length - 1; index >= 0; index -= 1) writeLink(writer, links[index] as Span['links'][number]);
  writeCount(writer, 12, span.droppedEventsCount);
  for (let index = events.length - 1; index >= 0; index -= 1)
    writeEvent(writer, events[index] as Span['events'][number]);
  writeCount(writer, 10, span.droppedAttributesCount);
  writeAttributes(writer, 9, span.attributes);
  writer.time(8, span.endTime);
  writer.time(7, span.startTime);
  // The SDK counts kinds from 0, the protocol from 1.
  writer.integer(6, span.kind + 1);
  writer.text(5, span.name);
  if (parent?.spanId) writer.hex(4, parent.spanId);
  writeIds(writer, spanContext);
}

function writeEvent(writer: Writer, event: Span['events'][number]): void {
  const before = writer.length;
  writeCount(writer, 4, event.droppedAttributesCount);
  if (event.attributes) writeAttributes(writer, 3, event.attributes);
  writer.text(2, event.name);
  writer.time(1, event.time);
  writer.message(11, before);
}

function writeLink(writer: Writer, { context, attributes, droppedAttributesCount }: Span['links'][number]): void {
  const before = writer.length;
  writer.fixed32(6, flagsOf(context.traceFlags, context.isRemote));
  writeCount(writer, 5, droppedAttributesCount);
  if (attributes) writeAttributes(writer, 4, attributes);
  writeIds(writer, context);
  writer.message(13, before);
}

/** Trace, span and state, which have the same numbers wherever they are. */
function writeIds(writer: Writer, { traceId, spanId, traceState }: SpanContext): void {
  const state = traceState?.serialize();
  if (state) writer.text(3, state);
  writer.hex(2, spanId);
  writer.hex(1, traceId);
}

/** Bits 0 to 7 as the context has them, bit 8 for "bit 9 is known", bit 9 for a context from elsewhere. */
function flagsOf(traceFlags: number, remote: boolean | undefined): number {
  return (traceFlags & 0xff) | 0x100 | (remote ? 0x200 : 0);
}

function writeCount(writer: Writer, field: number, count: number | undefined): void {
  if (count) writer.integer(field, count);
}

/** `LogRecord`. */
export function writeLogRecord(writer: Writer, record: LogRecords[number]): void {
  const { spanContext, severityNumber, severityText, eventName, body } = record;
  if (eventName) writer.text(12, eventName);
  writer.time(11, record.hrTimeObserved);
  if (spanContext?.spanId) writer.hex(10, spanContext.spanId);
  if (spanContext?.traceId) writer.hex(9, spanContext.traceId);
  if (spanContext?.traceFlags) writer.fixed32(8, spanContext.traceFlags);
  writeCount(writer, 7, record.droppedAttributesCount);
  writeAttributes(writer, 6, record.attributes);
  if (body !== undefined) {
    const before = writer.length;
    writeValue(writer, body);
    writer.message(5, before);
  }
  if (severityText) writer.text(3, severityText);
  writeCount(writer, 2, severityNumber);
  writer.time(1, record.hrTime);
}
