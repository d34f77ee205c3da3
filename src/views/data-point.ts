/**
 * Views of the data points of all kinds of metrics, and of exemplars.
 */
import { exact } from './cursor.js';
import { Attributes } from './attributes.js';
import type { Message } from './message.js';
import { Metric } from './metric.js';
import { checkScalar } from './scalar.js';
import {
  BUCKETS,
  EXEMPLAR,
  EXPONENTIAL_HISTOGRAM_DATA_POINT,
  HISTOGRAM_DATA_POINT,
  NUMBER_DATA_POINT,
  SUMMARY_DATA_POINT,
  VALUE_AT_QUANTILE,
  type Field,
} from './schema.js';
import { bytesOf, DroppableView, hexOf, present, TRACE_ID_BYTES } from './view.js';

/** A data point of any kind. `kind` tells them apart. */
export type DataPoint = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint;

/** Bit of `flags`: there is no value, the series has ended. */
export const NO_RECORDED_VALUE = 1;

/** What data points of all kinds have. */
abstract class Point extends DroppableView {
  #attributes: Attributes | null = null;

  get metric(): Metric {
    return this.origin.parent!.parent!.viewAs(Metric);
  }

  get attributes(): Attributes {
    return (this.#attributes ??= new Attributes(this.origin, this.field('attributes')));
  }

  /** Since when the value was gathered, in nanoseconds since the Unix epoch; 0 if not known. */
  get startTimeUnixNano(): bigint {
    return this.origin.wide(this.field('startTimeUnixNano'));
  }
  set startTimeUnixNano(value: bigint) {
    this.origin.set(this.field('startTimeUnixNano'), value);
  }

  /** When the value was taken, in nanoseconds since the Unix epoch. */
  get timeUnixNano(): bigint {
    return this.origin.wide(this.field('timeUnixNano'));
  }
  set timeUnixNano(value: bigint) {
    this.origin.set(this.field('timeUnixNano'), value);
  }

  /** See {@link NO_RECORDED_VALUE}. */
  get flags(): number {
    return this.origin.number(this.field('flags'));
  }
  set flags(value: number) {
    this.origin.set(this.field('flags'), value);
  }
}

/** A point of a gauge or a sum. */
export class NumberDataPoint extends Point {
  get kind(): 'number' {
    return 'number';
  }

  /** Integers are numbers where that is exact and bigint otherwise; undefined if there is no value. */
  get value(): number | bigint | undefined {
    return readNumber(this.origin, NUMBER_FIELDS);
  }
  /** A bigint becomes an integer. A number becomes an integer if it is one and was one before, and a double otherwise. */
  set value(value: number | bigint) {
    setNumber(this.origin, NUMBER_FIELDS, value);
  }

  exemplars(): IterableIterator<Exemplar> {
    return present(this.origin.list(NUMBER_DATA_POINT.fields.exemplars), Exemplar);
  }
}

/** What points of both kinds of histograms have. */
abstract class Distribution extends Point {
  /** How many values there were. */
  get count(): bigint {
    return this.origin.wide(this.field('count'));
  }
  set count(value: bigint) {
    this.origin.set(this.field('count'), value);
  }

  /** Undefined if it is not known. */
  get sum(): number | undefined {
    return this.origin.optional(this.field('sum')) as number | undefined;
  }
  set sum(value: number | undefined) {
    setOptional(this.origin, this.field('sum'), value);
  }

  /** Undefined if it is not known. */
  get min(): number | undefined {
    return this.origin.optional(this.field('min')) as number | undefined;
  }
  set min(value: number | undefined) {
    setOptional(this.origin, this.field('min'), value);
  }

  /** Undefined if it is not known. */
  get max(): number | undefined {
    return this.origin.optional(this.field('max')) as number | undefined;
  }
  set max(value: number | undefined) {
    setOptional(this.origin, this.field('max'), value);
  }

  exemplars(): IterableIterator<Exemplar> {
    return present(this.origin.list(this.field('exemplars')), Exemplar);
  }
}

/** A point of a histogram with buckets of given bounds. */
export class HistogramDataPoint extends Distribution {
  get kind(): 'histogram' {
    return 'histogram';
  }

  /** Values in each bucket: one more than there are bounds, or none. */
  get bucketCounts(): readonly bigint[] {
    return this.origin.values(HISTOGRAM_DATA_POINT.fields.bucketCounts) as bigint[];
  }

  /** Upper bounds of all buckets but the last, inclusive and rising. */
  get explicitBounds(): readonly number[] {
    return this.origin.values(HISTOGRAM_DATA_POINT.fields.explicitBounds) as number[];
  }
}

/** Buckets of an exponential histogram. */
export interface Buckets {
  /** Index of the first bucket. */
  readonly offset: number;
  readonly bucketCounts: readonly bigint[];
}

/** A point of an exponential histogram, whose buckets grow by powers of a base. */
export class ExponentialHistogramDataPoint extends Distribution {
  get kind(): 'exponentialHistogram' {
    return 'exponentialHistogram';
  }

  /** Bucket bounds are powers of `2 ** (2 ** -scale)`. */
  get scale(): number {
    return this.origin.number(EXPONENTIAL.scale);
  }

  /** Values that are zero, or at most `zeroThreshold`. */
  get zeroCount(): bigint {
    return this.origin.wide(EXPONENTIAL.zeroCount);
  }

  get zeroThreshold(): number {
    return this.origin.number(EXPONENTIAL.zeroThreshold);
  }

  /** Buckets of positive values; without any if absent. */
  get positive(): Buckets {
    return readBuckets(this.origin.only(EXPONENTIAL.positive));
  }

  /** Buckets of negative values; without any if absent. */
  get negative(): Buckets {
    return readBuckets(this.origin.only(EXPONENTIAL.negative));
  }
}

/** A value at a quantile of a summary. */
export interface ValueAtQuantile {
  /** From 0 to 1. */
  readonly quantile: number;
  readonly value: number;
}

/** A point of a summary: count, sum and quantiles. */
export class SummaryDataPoint extends Point {
  get kind(): 'summary' {
    return 'summary';
  }

  /** How many values there were. */
  get count(): bigint {
    return this.origin.wide(SUMMARY_DATA_POINT.fields.count);
  }
  set count(value: bigint) {
    this.origin.set(SUMMARY_DATA_POINT.fields.count, value);
  }

  get sum(): number {
    return this.origin.number(SUMMARY_DATA_POINT.fields.sum);
  }
  set sum(value: number) {
    this.origin.set(SUMMARY_DATA_POINT.fields.sum, value);
  }

  get quantileValues(): readonly ValueAtQuantile[] {
    const { quantile, value } = VALUE_AT_QUANTILE.fields;
    return this.origin
      .list(SUMMARY_DATA_POINT.fields.quantileValues)
      .map((each) => ({ quantile: each.number(quantile), value: each.number(value) }));
  }
}

/** A measurement that went into a data point. */
export class Exemplar extends DroppableView {
  #attributes: Attributes | null = null;

  /** Attributes of the measurement that the point does not have. */
  get filteredAttributes(): Attributes {
    return (this.#attributes ??= new Attributes(this.origin, EXEMPLAR.fields.filteredAttributes));
  }

  /** Nanoseconds since the Unix epoch. */
  get timeUnixNano(): bigint {
    return this.origin.wide(EXEMPLAR.fields.timeUnixNano);
  }
  set timeUnixNano(value: bigint) {
    this.origin.set(EXEMPLAR.fields.timeUnixNano, value);
  }

  /** As that of a {@link NumberDataPoint}. */
  get value(): number | bigint | undefined {
    return readNumber(this.origin, EXEMPLAR.fields);
  }
  set value(value: number | bigint) {
    setNumber(this.origin, EXEMPLAR.fields, value);
  }

  /** 32 hexadecimal digits in lower case; empty if not set. */
  get traceId(): string {
    return hexOf(this.traceIdBytes);
  }
  set traceId(value: string) {
    this.origin.set(EXEMPLAR.fields.traceId, bytesOf('traceId', value, TRACE_ID_BYTES));
  }

  /** A copy of the 16 bytes; empty if not set. */
  get traceIdBytes(): Uint8Array {
    return this.origin.value(EXEMPLAR.fields.traceId) as Uint8Array;
  }

  /** 16 hexadecimal digits in lower case; empty if not set. */
  get spanId(): string {
    return hexOf(this.spanIdBytes);
  }
  set spanId(value: string) {
    this.origin.set(EXEMPLAR.fields.spanId, bytesOf('spanId', value));
  }

  /** A copy of the 8 bytes; empty if not set. */
  get spanIdBytes(): Uint8Array {
    return this.origin.value(EXEMPLAR.fields.spanId) as Uint8Array;
  }
}

const EXPONENTIAL = EXPONENTIAL_HISTOGRAM_DATA_POINT.fields;

/** The two fields of a value that is an integer or a double. */
interface NumberFields {
  readonly asInt: Field;
  readonly asDouble: Field;
}

const NUMBER_FIELDS = NUMBER_DATA_POINT.fields;

function readNumber(message: Message, { asInt, asDouble }: NumberFields): number | bigint | undefined {
  const found = message.last([asInt, asDouble]);
  if (found === undefined) return undefined;
  const value = message.optional(found);
  return typeof value === 'bigint' ? exact(value) : (value as number | undefined);
}

function setNumber(message: Message, { asInt, asDouble }: NumberFields, value: number | bigint): void {
  const fields = [asInt, asDouble];
  const integer = typeof value === 'bigint' || (Number.isSafeInteger(value) && message.last(fields) === asInt);
  const field = integer ? asInt : asDouble;
  message.replace(fields, field, checkScalar(field, value));
}

function setOptional(message: Message, field: Field, value: number | undefined): void {
  message.replace([field], field, value === undefined ? undefined : checkScalar(field, value));
}

function readBuckets(message: Message): Buckets {
  const { offset, bucketCounts } = BUCKETS.fields;
  return { offset: message.number(offset), bucketCounts: message.values(bucketCounts) as bigint[] };
}
