/**
 * Counting what a request holds (spans, data points, log records, samples) without views.
 */
import { DELIMITED } from '../protobuf/wire-types.js';
import { Cursor } from './cursor.js';
import { type Field, type MessageType } from './schema.js';

/** The items in the message of type `type` in `from..to`. */
export function countItems(type: MessageType, bytes: Uint8Array, from: number, to: number): number {
  if (type.item) return 1;
  const fields = waysToItems(type);
  if (fields.length === 0) return 0;
  let items = 0;
  const cursor = new Cursor(bytes, from, to);
  while (cursor.next()) {
    for (const field of fields) {
      if (field.number !== cursor.number) continue;
      cursor.expect(DELIMITED);
      items += countItems(field.type, bytes, cursor.from, cursor.to);
    }
  }
  return items;
}

/** Whether messages of this type are items or hold some. */
export function leadsToItems(type: MessageType): boolean {
  return type.item || waysToItems(type).length > 0;
}

const ways = new Map<MessageType, readonly Field[]>();

function waysToItems(type: MessageType): readonly Field[] {
  let found = ways.get(type);
  if (found === undefined) {
    // Values are what types refer to in circles, and they hold no items.
    ways.set(type, []);
    found = type.list.filter((field) => field.kind === 'message' && leadsToItems(field.type));
    ways.set(type, found);
  }
  return found;
}
