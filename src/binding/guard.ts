/**
 * Whatever the addon throws becomes a `CollectorError` with code `INTERNAL`.
 */
import { CollectorError, isCollectorError, messageOf } from '../errors.js';

/** What `call` returns; what it throws as a `CollectorError`. @param what method of the addon */
export function guard<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw wrap(what, error);
  }
}

/** As {@link guard}, for what comes later. */
export async function guardAsync<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw wrap(what, error);
  }
}

/** Errors of the addon may come from another realm: their shape is looked at, never their class. */
export function wrap(what: string, error: unknown): CollectorError {
  if (isCollectorError(error)) return error;
  return new CollectorError('INTERNAL', `the native addon failed in ${what}: ${messageOf(error)}`, { cause: error });
}
