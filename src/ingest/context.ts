/**
 * What a host says of a request that it hands over, checked: its own authentication and routing were in charge.
 */
import type { HostContext } from '../binding/index.js';
import { ownOptions, wrongOption } from '../config/index.js';

/** What the host's own checks found out about a request. */
export interface RequestContext {
  /**
   * Whose request it is: for quotas, fair turns in queues, and telling repeats apart. It counts before whatever headers
   * and certificates say. 1 to 256 bytes. @default as for a request over the network
   */
  readonly tenant?: string | undefined;
  /**
   * Who has authenticated; the `attributes` and `resource` processors set it with `from_context: auth.subject`. 1 to 256
   * bytes. @default nobody
   */
  readonly principal?: string | undefined;
  /**
   * The class of the request while the collector is overloaded, and in queues with `priority`: 0 is refused last and sent
   * first, 3 the other way round. It holds until the `batch` processor mixes requests.
   * @default by what is in the request, see `service.priorities`
   */
  readonly priority?: RequestPriority | undefined;
}

/** The classes of requests, by falling importance. */
export type RequestPriority = 0 | 1 | 2 | 3;

const KNOWN = { tenant: true, principal: true, priority: true } as const;
const NAME_BYTES_MAX = 256;

/** @throws CollectorError `INVALID_ARGUMENT` naming the first thing that is wrong */
export function checkContext(context: RequestContext | null | undefined): HostContext | null {
  if (context === null || context === undefined) return null;
  // An async function would seem to say nothing.
  if (typeof (context as { readonly then?: unknown }).then === 'function') {
    throw wrongOption('context', 'an object, not a promise of one');
  }
  const { tenant, principal, priority } = ownOptions('context', context, KNOWN);
  if (priority !== undefined && ![0, 1, 2, 3].includes(priority)) throw wrongOption('context.priority', '0, 1, 2 or 3');
  return {
    tenant: checkName('context.tenant', tenant),
    principal: checkName('context.principal', principal),
    priority: priority ?? null,
  };
}

function checkName(argument: string, name: string | undefined): string | null {
  if (name === undefined) return null;
  if (typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= NAME_BYTES_MAX) return name;
  throw wrongOption(argument, `text of 1 to ${NAME_BYTES_MAX} bytes`);
}
