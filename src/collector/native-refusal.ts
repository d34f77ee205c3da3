/**
 * From the core's refusal of a configuration to the error that leaves the package.
 */
import cluster from 'node:cluster';

import type { NativeRefusal } from '../binding/index.js';
import { CollectorError, type ErrorCode } from '../errors.js';

/** Node lets the workers of a cluster share what its own servers listen on; the core's listeners are not among them. */
const IN_CLUSTER =
  'workers of a cluster do not share the listeners of the native core: run one collector in the primary, write `engine: node` at the protocol, whose port Node shares, or give each worker ports of its own, such as 4318 + cluster.worker.id';

/** A configuration that passed our checks but not the core's is a bug; anything else is the environment's doing. */
export function refused({ code, message, path }: NativeRefusal, otherwise: ErrorCode): CollectorError {
  const text = path === null ? message : `${path}: ${message}`;
  const isTaken = cluster.isWorker && text.includes('address already in use');
  const hinted = isTaken ? `${text} (${IN_CLUSTER})` : text;
  return new CollectorError(codeOf(code, text) ?? otherwise, hinted, { details: { code, path } });
}

function codeOf(code: string, text: string): ErrorCode | null {
  if (code === 'INVALID_CONFIG') return 'NATIVE_REFUSED';
  if (code === 'CLOSED' || code === 'INTERNAL') return code;
  return text.includes(': bind: ') ? 'BIND_FAILED' : null;
}
