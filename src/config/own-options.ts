/**
 * Options objects of public functions: read once, own properties only, unknown keys refused.
 */
import { CollectorError, messageOf } from '../errors.js';
import { nearest } from './schema/suggest.js';

/**
 * The options as an object without a prototype; what is undefined is left out.
 * @param what the call, for messages
 * @param known all keys, so that the compiler misses none
 * @throws {CollectorError} `INVALID_ARGUMENT` for anything but an object with known keys that can be read
 */
export function ownOptions<T extends object>(what: string, options: T, known: Readonly<Record<keyof T, true>>): T {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) throw refusal(`options of ${what} must be an object`);
  const own = Object.create(null) as Record<string, unknown>;
  let key = '';
  try {
    if (Array.isArray(given)) throw refusal(`options of ${what} must be an object`);
    for (key of Object.keys(given)) {
      if (!Object.hasOwn(known, key)) throw unknownKey(what, key, Object.keys(known));
      const value = (given as Readonly<Record<string, unknown>>)[key];
      if (value !== undefined) own[key] = value;
    }
  } catch (error) {
    if (error instanceof CollectorError) throw error;
    // A getter or a proxy of the host's.
    throw refusal(`options of ${what} cannot be read: ${messageOf(error)}`, { key }, error);
  }
  return own as T;
}

/** The refusal of an argument or option that has the wrong type or value. */
export function wrongOption(argument: string, expected: string): CollectorError {
  return refusal(`${argument} must be ${expected}`, { argument });
}

function unknownKey(what: string, key: string, known: readonly string[]): CollectorError {
  const suggestion = nearest(key, known);
  const hint = suggestion === null ? `one of ${known.join(', ')}` : `did you mean "${suggestion}"?`;
  return refusal(`unknown option ${JSON.stringify(key)} of ${what} (${hint})`, { key, suggestion });
}

function refusal(message: string, details: object | null = null, cause?: unknown): CollectorError {
  return new CollectorError('INVALID_ARGUMENT', message, {
    ...(details !== null && { details }),
    ...(cause !== undefined && { cause }),
  });
}
