/**
 * Keys that name other components: authenticators and middlewares (extensions), and what a server or client does
 * with them. This version has no authenticator nor middleware, so any reference fails at start, as the Collector's
 * does when the extension is missing.
 */
import { id, key, list, object, optional, block, string } from '../schema/spec.js';
import type { Infer } from '../schema/spec.js';

const clientAuthObject = object({
  authenticator: key(
    id('extensions'),
    '',
    'Id of the extension that adds credentials; it must be in `service.extensions`',
  ),
});

const serverAuthObject = object({
  authenticator: key(
    id('extensions'),
    '',
    'Id of the extension that checks callers; it must be in `service.extensions`',
  ),
  request_params: key(list(string()), [], 'Query parameters handed to the authenticator as headers'),
});

const middleware = object({
  id: key(id('extensions'), '', 'Id of the extension'),
});

/** `auth` of clients, and of gRPC servers. */
export const clientAuth = block(optional(clientAuthObject, 'off'), 'Authentication');
/** `auth` of HTTP servers. */
export const serverAuth = block(optional(serverAuthObject, 'off'), 'Authentication');
/** `middlewares`. */
export const middlewares = key(list(middleware), [], 'Extensions that see every request; the first is outermost');

/** A decoded `auth` block. */
export type Auth = Infer<typeof clientAuth.spec>;

/** The extensions a decoded server or client names. */
export function referencedExtensions(value: {
  readonly auth: { readonly authenticator: string } | null;
  readonly middlewares: readonly { readonly id: string }[];
}): readonly { readonly id: string; readonly as: 'authenticator' | 'middleware' }[] {
  const refs = value.middlewares.map((item) => ({ id: item.id, as: 'middleware' as const }));
  return value.auth === null ? refs : [{ id: value.auth.authenticator, as: 'authenticator' as const }, ...refs];
}
