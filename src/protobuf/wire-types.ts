/**
 * How values stand in a message: the low three bits of a tag.
 */
export const VARINT = 0;
export const FIXED64 = 1;
export const DELIMITED = 2;
export const FIXED32 = 5;
