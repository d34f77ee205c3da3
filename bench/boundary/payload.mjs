// Requests of log records for `ingest`, written by hand: the boundary is measured, and only their size counts.

/** Bytes of one record with all that stands around it, more or less. */
const RECORD_BYTES = 500;

/**
 * An export request with so many log records of about 500 bytes.
 * @param {number} records
 */
export function logs(records) {
  const text = 'handled a request; '.repeat(RECORD_BYTES).slice(0, RECORD_BYTES - 33);
  const value = field(1, Buffer.from(text));
  const attribute = Buffer.concat([field(1, Buffer.from('http.route')), field(2, field(1, Buffer.from('/cart')))]);
  const record = Buffer.concat([field(5, value), field(6, attribute)]);
  const service = Buffer.concat([field(1, Buffer.from('service.name')), field(2, field(1, Buffer.from('shop')))]);
  const scope = Buffer.concat(Array.from({ length: records }, () => field(2, record)));
  return field(1, Buffer.concat([field(1, field(1, service)), field(2, scope)]));
}

/** A field with a length: tag, length, content. */
function field(number, content) {
  const length = [];
  let rest = content.length;
  for (; rest > 127; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length, rest]), content]);
}
