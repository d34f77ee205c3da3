/**
 * From the core's refusal of a configuration to the error that leaves the package.
 */
import type { NativeRefusal } from '../binding/index.js';
import { CollectorError, type ErrorCode } from '../errors.js';

/** A configuration that passed our checks but not the core's is a bug; anything else is the environment's doing. */
export function refused({ code, message, path }: NativeRefusal, otherwise: ErrorCode): CollectorError {
  const text = path === null ? message : `${path}: ${message}`;
  return new CollectorError(codeOf(code, text) ?? otherwise, text, { details: { code, path } });
}

function codeOf(code: string, text: string): ErrorCode | null {
  if (code === 'INVALID_CONFIG') return 'NATIVE_REFUSED';
  if (code === 'CLOSED' || code === 'INTERNAL') return code;
  return text.includes(': bind: ') ? 'BIND_FAILED' : null;
}
