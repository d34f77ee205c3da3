/**
 * Views of log records.
 */
import { encodedAnyValue, readAnyValue, readHeldValue, type AnyValue, type AnyValueInput } from './any-value.js';
import { Scope, type Resource } from './resource.js';
import { LOG_RECORD } from './schema.js';
import { TracedView } from './view.js';

/** How severe a log record is. Each level has four steps: `INFO2` is `INFO + 1`. */
export const SeverityNumber = { UNSPECIFIED: 0, TRACE: 1, DEBUG: 5, INFO: 9, WARN: 13, ERROR: 17, FATAL: 21 } as const;
/** From 1 (`TRACE`) to 24 (`FATAL4`), 0 if not set. */
export type SeverityNumber = number;

const { fields } = LOG_RECORD;
const BODY = [fields.body];

/** A log record of a batch. */
export class LogRecord extends TracedView {
  get scope(): Scope {
    return this.origin.parent!.viewAs(Scope);
  }

  get resource(): Resource {
    return this.scope.resource;
  }

  /** When it happened, in nanoseconds since the Unix epoch; 0 if that is not known. */
  get timeUnixNano(): bigint {
    return this.origin.wide(fields.timeUnixNano);
  }
  set timeUnixNano(value: bigint) {
    this.origin.set(fields.timeUnixNano, value);
  }

  /** When it was collected, in nanoseconds since the Unix epoch. */
  get observedTimeUnixNano(): bigint {
    return this.origin.wide(fields.observedTimeUnixNano);
  }
  set observedTimeUnixNano(value: bigint) {
    this.origin.set(fields.observedTimeUnixNano, value);
  }

  get severityNumber(): SeverityNumber {
    return this.origin.number(fields.severityNumber);
  }
  set severityNumber(value: SeverityNumber) {
    this.origin.set(fields.severityNumber, value);
  }

  /** The severity in the words of its source. */
  get severityText(): string {
    return this.origin.text(fields.severityText);
  }
  set severityText(value: string) {
    this.origin.set(fields.severityText, value);
  }

  /** Null if it is empty or absent. */
  get body(): AnyValue {
    const edit = this.origin.editOf(fields.body)?.value as Buffer | undefined;
    if (edit !== undefined) return readAnyValue(edit, 0, edit.length);
    return readHeldValue(this.origin.bytes, this.origin.from, this.origin.to, fields.body.number);
  }
  set body(value: AnyValueInput) {
    this.origin.replace(BODY, fields.body, encodedAnyValue(value));
  }

  /** Bits 0 to 7 are the W3C trace flags. */
  get flags(): number {
    return this.origin.number(fields.flags);
  }
  set flags(value: number) {
    this.origin.set(fields.flags, value);
  }

  /** The name of the event that it records; empty for a record that is none. */
  get eventName(): string {
    return this.origin.text(fields.eventName);
  }
  set eventName(value: string) {
    this.origin.set(fields.eventName, value);
  }
}
