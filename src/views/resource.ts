/**
 * Views of resources and instrumentation scopes, which are the same for all signals.
 */
import { Attributes } from './attributes.js';
import { LogRecord } from './log-record.js';
import type { Message } from './message.js';
import { Metric } from './metric.js';
import { ENTITY_REF, INSTRUMENTATION_SCOPE, RESOURCE } from './schema.js';
import { Span } from './span.js';
import { DroppableView, present } from './view.js';

/** What a resource refers to as an entity. */
export interface EntityRef {
  readonly schemaUrl: string;
  readonly type: string;
  /** Keys of the resource's attributes that identify the entity. */
  readonly idKeys: readonly string[];
  /** Keys of the resource's attributes that describe the entity. */
  readonly descriptionKeys: readonly string[];
}

/** An entry of a request: a resource or scope, which may be absent and reads as empty then, and what belongs to it. */
abstract class Entry extends DroppableView {
  #attributes: Attributes | null = null;

  get attributes(): Attributes {
    return (this.#attributes ??= new Attributes(this.head, this.head.type.fields['attributes']!));
  }

  /** How many attributes the sender left out, for want of room. */
  get droppedAttributesCount(): number {
    return this.head.number(this.head.type.fields['droppedAttributesCount']!);
  }
  set droppedAttributesCount(value: number) {
    this.head.set(this.head.type.fields['droppedAttributesCount']!, value);
  }

  /** The schema that the attributes of what is in here follow; empty if not set. */
  get schemaUrl(): string {
    return this.origin.text(this.field('schemaUrl'));
  }
  set schemaUrl(value: string) {
    this.origin.set(this.field('schemaUrl'), value);
  }

  /** The resource or scope itself. */
  protected abstract get head(): Message;

  /** What the entry is a list of. */
  protected list(name?: string): readonly Message[] {
    const field = this.origin.type.list.find(({ repeated }) => repeated)!;
    return name === undefined || field.name === name ? this.origin.list(field) : [];
  }
}

/** A resource and what it has sent. */
export class Resource extends Entry {
  get entityRefs(): readonly EntityRef[] {
    const { schemaUrl, type, idKeys, descriptionKeys } = ENTITY_REF.fields;
    return this.head.list(RESOURCE.fields.entityRefs).map((entity) => ({
      schemaUrl: entity.text(schemaUrl),
      type: entity.text(type),
      idKeys: entity.values(idKeys) as string[],
      descriptionKeys: entity.values(descriptionKeys) as string[],
    }));
  }

  scopes(): IterableIterator<Scope> {
    return present(this.list(), Scope);
  }

  protected override get head(): Message {
    return this.origin.only(this.field('resource'));
  }
}

/** An instrumentation scope and its records. */
export class Scope extends Entry {
  get resource(): Resource {
    return this.origin.parent!.viewAs(Resource);
  }

  get name(): string {
    return this.head.text(INSTRUMENTATION_SCOPE.fields.name);
  }
  set name(value: string) {
    this.head.set(INSTRUMENTATION_SCOPE.fields.name, value);
  }

  get version(): string {
    return this.head.text(INSTRUMENTATION_SCOPE.fields.version);
  }
  set version(value: string) {
    this.head.set(INSTRUMENTATION_SCOPE.fields.version, value);
  }

  /** The spans; none in a batch of another signal. */
  spans(): IterableIterator<Span> {
    return present(this.list('spans'), Span);
  }

  /** The log records; none in a batch of another signal. */
  logRecords(): IterableIterator<LogRecord> {
    return present(this.list('logRecords'), LogRecord);
  }

  /** The metrics; none in a batch of another signal. */
  metrics(): IterableIterator<Metric> {
    return present(this.list('metrics'), Metric);
  }

  protected override get head(): Message {
    return this.origin.only(this.field('scope'));
  }
}
