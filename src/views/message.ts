/**
 * One message of a batch: where it stands, what was changed in it, and its new form. The typed views are names on top of
 * this. A change is a piece: a range of the old content that goes, and what is written instead.
 */
import { DELIMITED } from '../protobuf/wire-types.js';
import type { Writer } from '../protobuf/writer.js';
import { Cursor } from './cursor.js';
import { countItems, leadsToItems } from './items.js';
import { checkScalar, defaultOf, readNumbers, readScalar, writeScalar, type Scalar } from './scalar.js';
import { Search } from './search.js';
import { type Field, type MessageType } from './schema.js';

/** What comes instead of a range of a message's old content. */
export interface Piece {
  /** Where the range begins. */
  readonly start: number;
  /** Where it ends; the start for what is inserted. */
  readonly end: number;
  /** Writes what comes instead, if anything. */
  write(writer: Writer): void;
}

/** What the messages of one batch have in common. */
export interface Totals {
  /** Items that were dropped. */
  dropped: number;
  /** About how many bytes are put in by changes. */
  growth: number;
  /** The text that was asked for last. */
  readonly search: Search;
}

/** About what a changed field gains besides its text: tags, and longer lengths above it. */
const OVERHEAD_BYTES = 16;

/** A message from which values are remembered. */
const LONG_BYTES = 4096;

const NOTHING = Buffer.alloc(0);

export class Message implements Piece {
  readonly totals: Totals;
  readonly type: MessageType;
  /** The message that holds this one, in this field; null for the request. */
  readonly parent: Message | null;
  readonly field: Field | null;
  /** The whole field in the parent's bytes; empty, at the place where it belongs, if the message is not there. */
  readonly start: number;
  readonly end: number;
  /** The content is `from..to` of these bytes. */
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
  /** Whether it was dropped itself; what is inside a dropped message may say no. */
  dropped = false;

  private view: object | null = null;
  /** All changes. */
  private pieces: Piece[] | null = null;
  /** Those of singular fields, to be found again. */
  private fieldEdits: FieldEdit[] | null = null;
  /** Values that were read, of a long message. */
  private memory: Map<Field, Scalar | undefined> | null = null;
  /** What goes from the parent when this message is written anew: the earlier pieces that it was joined of. */
  private gaps: readonly Gap[] = NO_GAPS;
  private touched = false;
  private children: Map<Field, readonly Message[]> | null = null;
  /** Items dropped inside. */
  private itemsDropped = 0;
  /** How many children are left of those that hold this message in being: it goes with the last of them. */
  private holders = 0;

  private constructor(
    type: MessageType,
    totals: Totals,
    parent: Message | null,
    field: Field | null,
    start: number,
    end: number,
    bytes: Buffer,
    from: number,
    to: number,
  ) {
    this.type = type;
    this.totals = totals;
    this.parent = parent;
    this.field = field;
    this.start = start;
    this.end = end;
    this.bytes = bytes;
    this.from = from;
    this.to = to;
  }

  /** A whole request. */
  static request(type: MessageType, bytes: Buffer): Message {
    const totals = { dropped: 0, growth: 0, search: new Search() };
    return new Message(type, totals, null, null, 0, bytes.length, bytes, 0, bytes.length);
  }

  /** Whether anything was changed here or below. */
  get changed(): boolean {
    return this.touched;
  }

  /** Whether it or a message above it was dropped. */
  get gone(): boolean {
    return this.dropped || this.parent?.gone === true;
  }

  /** Its one view, made when it is asked for first. A message is only seen through the view of its own type. */
  viewAs<V extends object>(View: new (message: Message) => V): V {
    return (this.view ??= new View(this)) as V;
  }

  /** The messages of a field, in order and with those that were dropped. Pieces of a singular one are not joined. */
  list(field: Field): readonly Message[] {
    const known = this.children?.get(field);
    if (known !== undefined) return known;
    const found: Message[] = [];
    const { type } = field;
    const cursor = new Cursor(this.bytes, this.from, this.to);
    while (cursor.find(field.number, DELIMITED)) {
      const { start, from, to } = cursor;
      found.push(new Message(type, this.totals, this, field, start, to, this.bytes, from, to));
    }
    if (field.repeated && found.length > 0 && leadsToItems(type)) this.held.holders += found.length;
    return this.remember(field, found);
  }

  /** The message of a singular field; an empty one if it is not there, which comes into being with its first change. */
  only(field: Field): Message {
    const known = this.children?.get(field);
    if (known !== undefined) return known[0]!;
    const found = this.list(field);
    if (found.length === 1) return found[0]!;
    const made = found.length === 0 ? this.absent(field) : this.joined(field, found);
    this.remember(field, [made]);
    return made;
  }

  /** The value of a singular field, or undefined if it is absent. Byte strings are copies. */
  optional(field: Field): Scalar | undefined {
    const edit = this.editOf(field);
    if (edit !== undefined) return edit.field === field ? edit.value : undefined;
    return this.to - this.from > LONG_BYTES ? this.remembered(field) : this.scanFor(field);
  }

  /** The value of a singular field, or its default. */
  value(field: Field): Scalar {
    return this.optional(field) ?? defaultOf(field);
  }

  /** The field of a oneof that is set. */
  last(fields: readonly Field[]): Field | undefined {
    const edit = this.editOf(fields[0]!);
    if (edit !== undefined) return edit.field;
    let found: Field | undefined;
    const cursor = new Cursor(this.bytes, this.from, this.to);
    while (cursor.next()) found = fields.find(({ number }) => number === cursor.number) ?? found;
    return found;
  }

  text(field: Field): string {
    return this.value(field) as string;
  }

  number(field: Field): number {
    return this.value(field) as number;
  }

  /** A 64-bit integer. */
  wide(field: Field): bigint {
    return this.value(field) as bigint;
  }

  /** Whether a text stands somewhere in the content; true once anything was changed. */
  mayContain(text: string): boolean {
    return this.touched || this.totals.search.finds(text, this.bytes, this.from, this.to);
  }

  /** The values of a list of numbers or texts. */
  values(field: Field): Scalar[] {
    const values: Scalar[] = [];
    const cursor = new Cursor(this.bytes, this.from, this.to);
    while (cursor.next()) {
      if (cursor.number !== field.number) continue;
      if (cursor.wire !== DELIMITED) cursor.expect(field.wire);
      const { from, to } = cursor;
      if (field.wire === DELIMITED) values.push(readScalar(field, this.bytes, from, to));
      else for (const value of readNumbers(field, this.bytes, cursor.wire, from, to)) values.push(value);
    }
    return values;
  }

  /** Sets a singular field. Throws a TypeError or RangeError for a value that does not fit. */
  set(field: Field, value: unknown): void {
    this.replace([field], field, checkScalar(field, value));
  }

  /** Sets one field instead of all of `fields`, which stand for one value; nothing is left of them without a value. */
  replace(fields: readonly Field[], field: Field, value: Scalar | undefined): void {
    const size = typeof value === 'string' || value instanceof Uint8Array ? value.length : 0;
    this.totals.growth += size + OVERHEAD_BYTES;
    const known = this.editOf(field);
    if (known !== undefined) {
      known.field = field;
      known.value = value;
      return;
    }
    const cursor = new Cursor(this.bytes, this.from, this.to);
    let [start, end] = [this.to, this.to];
    while (cursor.next()) {
      if (!fields.some(({ number }) => number === cursor.number)) continue;
      // The last occurrence is what counts, and its place is taken.
      if (start < end) this.add(new Gap(start, end));
      ({ start, to: end } = cursor);
    }
    const edit = new FieldEdit(start, end, fields, field, value);
    (this.fieldEdits ??= []).push(edit);
    this.add(edit);
  }

  /** The edit of a field, which may be one of another field that took its place. */
  editOf(field: Field): FieldEdit | undefined {
    return this.fieldEdits?.find(({ fields }) => fields.includes(field));
  }

  /** Adds a change. */
  add(piece: Piece): void {
    (this.pieces ??= []).push(piece);
    this.touch();
  }

  /** Leaves the message out, and what is empty without it. */
  drop(): void {
    if (this.parent === null || this.gone) return;
    const items = countItems(this.type, this.bytes, this.from, this.to) - this.itemsDropped;
    this.totals.dropped += items;
    this.countDropped(items);
    this.dropped = true;
    this.touch();
    if (!leadsToItems(this.type)) return;
    const { held } = this.parent;
    held.holders -= 1;
    if (held.holders === 0) held.drop();
  }

  write(writer: Writer): void {
    if (this.dropped) return;
    const before = writer.written;
    this.writeContent(writer);
    writer.close(this.field!.number, before);
  }

  /** Writes the new form of the content, from its end to its start. */
  writeContent(writer: Writer): void {
    let end = this.to;
    const pieces = inOrder(this.pieces ?? []);
    for (let index = pieces.length - 1; index >= 0; index -= 1) {
      const piece = pieces[index]!;
      writer.keep(this.bytes, piece.end, end);
      piece.write(writer);
      end = piece.start;
    }
    writer.keep(this.bytes, this.from, end);
  }

  /** What the children of this message hold in being: the data of a metric are no level of their own. */
  private get held(): Message {
    return this.field === null || this.field.repeated ? this : this.parent!;
  }

  /** The value as it was before any change. The last occurrence is what counts, so the whole message is passed. */
  private scanFor(field: Field): Scalar | undefined {
    const { bytes } = this;
    const cursor = new Cursor(bytes, this.from, this.to);
    let from = -1;
    let to = -1;
    while (cursor.find(field.number, field.wire)) ({ from, to } = cursor);
    return from < 0 ? undefined : readScalar(field, bytes, from, to);
  }

  /** The same for a long message, such as a scope with all its records, which is not passed again for each of them. */
  private remembered(field: Field): Scalar | undefined {
    this.memory ??= new Map();
    if (!this.memory.has(field)) this.memory.set(field, this.scanFor(field));
    const value = this.memory.get(field);
    return value instanceof Uint8Array ? value.slice() : value;
  }

  private countDropped(items: number): void {
    this.itemsDropped += items;
    this.parent?.countDropped(items);
  }

  private touch(): void {
    if (this.touched) return;
    this.touched = true;
    for (const gap of this.gaps) this.parent!.add(gap);
    this.parent?.add(this);
  }

  private remember(field: Field, messages: readonly Message[]): readonly Message[] {
    (this.children ??= new Map()).set(field, messages);
    return messages;
  }

  /** A message that is not there; it would stand at the start. */
  private absent(field: Field): Message {
    return new Message(field.type, this.totals, this, field, this.from, this.from, NOTHING, 0, 0);
  }

  /** One message of its pieces: laid side by side they are the whole. */
  private joined(field: Field, found: readonly Message[]): Message {
    const bytes = Buffer.concat(found.map((piece) => piece.bytes.subarray(piece.from, piece.to)));
    const { start, end } = found.at(-1)!;
    const message = new Message(field.type, this.totals, this, field, start, end, bytes, 0, bytes.length);
    // The whole takes the last piece's place once it is changed.
    message.gaps = found.slice(0, -1).map((piece) => new Gap(piece.start, piece.end));
    return message;
  }
}

/** A range that goes. */
export class Gap implements Piece {
  readonly start: number;
  readonly end: number;

  constructor(start: number, end: number) {
    this.start = start;
    this.end = end;
  }

  write(): void {}
}

/** A singular field that was set. */
export class FieldEdit implements Piece {
  readonly start: number;
  readonly end: number;
  /** The fields that it stands for. */
  readonly fields: readonly Field[];
  field: Field;
  value: Scalar | undefined;

  constructor(start: number, end: number, fields: readonly Field[], field: Field, value: Scalar | undefined) {
    this.start = start;
    this.end = end;
    this.fields = fields;
    this.field = field;
    this.value = value;
  }

  write(writer: Writer): void {
    if (this.value !== undefined) writeScalar(writer, this.field, this.value);
  }
}

const NO_GAPS: readonly Gap[] = [];

/** Pieces by their place; they hardly ever come in another order. What is inserted goes before what begins there. */
function inOrder(pieces: Piece[]): readonly Piece[] {
  for (let index = 1; index < pieces.length; index += 1) {
    if (byPlace(pieces[index - 1]!, pieces[index]!) > 0) return pieces.toSorted(byPlace);
  }
  return pieces;
}

function byPlace(a: Piece, b: Piece): number {
  return a.start - b.start || a.end - b.end;
}
