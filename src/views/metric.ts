/**
 * Views of metrics.
 */
import { Attributes } from './attributes.js';
import {
  ExponentialHistogramDataPoint,
  HistogramDataPoint,
  NumberDataPoint,
  SummaryDataPoint,
  type DataPoint,
} from './data-point.js';
import type { Message } from './message.js';
import { Scope, type Resource } from './resource.js';
import { METRIC, type Field, type MessageType } from './schema.js';
import { DroppableView } from './view.js';

/** Over what time the values of a metric are told. */
export const AggregationTemporality = { UNSPECIFIED: 0, DELTA: 1, CUMULATIVE: 2 } as const;
/** A value of {@link AggregationTemporality}, or one that a later version of OTLP defines. */
export type AggregationTemporality = number;

/** What kind of data points a metric has. */
export type MetricKind = 'gauge' | 'sum' | 'histogram' | 'exponentialHistogram' | 'summary';

const { fields } = METRIC;

/** The view of a data point of each kind of metric. */
const POINTS: readonly (readonly [Field, new (message: Message) => DataPoint])[] = [
  [fields.gauge, NumberDataPoint],
  [fields.sum, NumberDataPoint],
  [fields.histogram, HistogramDataPoint],
  [fields.exponentialHistogram, ExponentialHistogramDataPoint],
  [fields.summary, SummaryDataPoint],
];

/** A metric of a batch, with its data points. */
export class Metric extends DroppableView {
  #metadata: Attributes | null = null;

  get scope(): Scope {
    return this.origin.parent!.viewAs(Scope);
  }

  get resource(): Resource {
    return this.scope.resource;
  }

  get name(): string {
    return this.origin.text(fields.name);
  }
  set name(value: string) {
    this.origin.set(fields.name, value);
  }

  get description(): string {
    return this.origin.text(fields.description);
  }
  set description(value: string) {
    this.origin.set(fields.description, value);
  }

  /** A unit of UCUM, such as `ms` or `By`. */
  get unit(): string {
    return this.origin.text(fields.unit);
  }
  set unit(value: string) {
    this.origin.set(fields.unit, value);
  }

  /** What was known of the metric where it came from. Not attributes of its points. */
  get metadata(): Attributes {
    return (this.#metadata ??= new Attributes(this.origin, fields.metadata));
  }

  /** The kind of its data points; null for a metric without any data. */
  get kind(): MetricKind | null {
    return (this.#data?.field?.name ?? null) as MetricKind | null;
  }

  /** `UNSPECIFIED` for gauges and summaries, which have none. Setting it on those is a TypeError. */
  get aggregationTemporality(): AggregationTemporality {
    return (this.#dataValue('aggregationTemporality') ?? AggregationTemporality.UNSPECIFIED) as AggregationTemporality;
  }
  set aggregationTemporality(value: AggregationTemporality) {
    this.#setDataValue('aggregationTemporality', value);
  }

  /** Whether a sum never falls; false for other kinds. Setting it on those is a TypeError. */
  get isMonotonic(): boolean {
    return this.#dataValue('isMonotonic') === true;
  }
  set isMonotonic(value: boolean) {
    this.#setDataValue('isMonotonic', value);
  }

  /** The data points, of whatever kind; `kind` of a point tells which. */
  dataPoints(): IterableIterator<DataPoint> {
    return pointsOf(this.#allData());
  }

  /** The data that counts: the last, should there be several. */
  get #data(): Message | undefined {
    return this.#allData().at(-1)?.[0];
  }

  /** All data, in order, with the view of its points. */
  #allData(): (readonly [Message, new (message: Message) => DataPoint])[] {
    const found = POINTS.flatMap(([field, View]) => this.origin.list(field).map((data) => [data, View] as const));
    return found.toSorted(([a], [b]) => a.start - b.start);
  }

  #dataValue(name: string): unknown {
    const data = this.#data;
    const field = data?.type.fields[name];
    return field === undefined ? undefined : data!.value(field);
  }

  #setDataValue(name: string, value: unknown): void {
    const data = this.#data;
    const field = (data?.type as MessageType | undefined)?.fields[name];
    if (field === undefined) throw new TypeError(`${name}: a metric of kind ${this.kind} has none`);
    data!.set(field, value);
  }
}

function pointsOf(
  data: readonly (readonly [Message, new (message: Message) => DataPoint])[],
): IterableIterator<DataPoint> {
  // All lists are read before the first point is seen: the metric has to know when its last point was dropped.
  const lists = data.map(([message, View]) => [message.list(message.type.fields['dataPoints']!), View] as const);
  return (function* () {
    for (const [points, View] of lists) {
      for (const point of points) if (!point.dropped) yield point.viewAs(View);
    }
  })();
}
