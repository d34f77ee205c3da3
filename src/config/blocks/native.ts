/**
 * Small conversions that every mapping to the native document uses.
 */

/** The Collector's empty string is the document's null. */
export function orNull(text: string): string | null {
  return text === '' ? null : text;
}
