/**
 * Spans and log records of the SDK as OTLP protobuf, fields from the last to the first.
 */
import type { ProtobufLogsSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';

import type { Writer } from '../protobuf/writer.js';
import { writeAttributes, writeValue } from './otlp-bytes.js';
import { writeFixed32, writeHex, writeInteger, writeTime } from './fields.js';

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
  writeFixed32(writer, 16, flagsOf(spanContext.traceFlags, parent?.isRemote));
  const before = writer.written;
  if (status.code !== 0) writeInteger(writer, 3, status.code);
  if (status.message) writer.textField(2, status.message);
  writer.close(15, before);
  writeCount(writer, 14, span.droppedLinksCount);
  for (let index = links.length - 1; index >= 0; index -= 1) writeLink(writer, links[index] as Span['links'][number]);
  writeCount(writer, 12, span.droppedEventsCount);
  for (let index = events.length - 1; index >= 0; index -= 1)
    writeEvent(writer, events[index] as Span['events'][number]);
  writeCount(writer, 10, span.droppedAttributesCount);
  writeAttributes(writer, 9, span.attributes);
  writeTime(writer, 8, span.endTime);
  writeTime(writer, 7, span.startTime);
  // The SDK counts kinds from 0, the protocol from 1.
  writeInteger(writer, 6, span.kind + 1);
  writer.textField(5, span.name);
  if (parent?.spanId) writeHex(writer, 4, parent.spanId);
  writeIds(writer, spanContext);
}

function writeEvent(writer: Writer, event: Span['events'][number]): void {
  const before = writer.written;
  writeCount(writer, 4, event.droppedAttributesCount);
  if (event.attributes) writeAttributes(writer, 3, event.attributes);
  writer.textField(2, event.name);
  writeTime(writer, 1, event.time);
  writer.close(11, before);
}

function writeLink(writer: Writer, { context, attributes, droppedAttributesCount }: Span['links'][number]): void {
  const before = writer.written;
  writeFixed32(writer, 6, flagsOf(context.traceFlags, context.isRemote));
  writeCount(writer, 5, droppedAttributesCount);
  if (attributes) writeAttributes(writer, 4, attributes);
  writeIds(writer, context);
  writer.close(13, before);
}

/** Trace, span and state, which have the same numbers wherever they are. */
function writeIds(writer: Writer, { traceId, spanId, traceState }: SpanContext): void {
  const state = traceState?.serialize();
  if (state) writer.textField(3, state);
  writeHex(writer, 2, spanId);
  writeHex(writer, 1, traceId);
}

/** Bits 0 to 7 as the context has them, bit 8 for "bit 9 is known", bit 9 for a context from elsewhere. */
function flagsOf(traceFlags: number, remote: boolean | undefined): number {
  return (traceFlags & 0xff) | 0x100 | (remote ? 0x200 : 0);
}

function writeCount(writer: Writer, field: number, count: number | undefined): void {
  if (count) writeInteger(writer, field, count);
}

/** `LogRecord`. */
export function writeLogRecord(writer: Writer, record: LogRecords[number]): void {
  const { spanContext, severityNumber, severityText, eventName, body } = record;
  if (eventName) writer.textField(12, eventName);
  writeTime(writer, 11, record.hrTimeObserved);
  if (spanContext?.spanId) writeHex(writer, 10, spanContext.spanId);
  if (spanContext?.traceId) writeHex(writer, 9, spanContext.traceId);
  if (spanContext?.traceFlags) writeFixed32(writer, 8, spanContext.traceFlags);
  writeCount(writer, 7, record.droppedAttributesCount);
  writeAttributes(writer, 6, record.attributes);
  if (body !== undefined) {
    const before = writer.written;
    writeValue(writer, body);
    writer.close(5, before);
  }
  if (severityText) writer.textField(3, severityText);
  writeCount(writer, 2, severityNumber);
  writeTime(writer, 1, record.hrTime);
}
