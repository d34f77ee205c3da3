/**
 * Resolution hook for plugins beside which this package is not installed, as when the collector was started by `npx`: what
 * they import of it is the copy that runs.
 */

/** As Node gives it, of which only this matters. */
interface ResolveContext {
  readonly parentURL?: string | undefined;
}

const OWN = /^teleferric(?:\/|$)/;

/** For `module.registerHooks`, where `nextResolve` returns, and for `module.register`, where it promises. */
export function resolve<C extends ResolveContext, R>(
  specifier: string,
  context: C,
  nextResolve: (specifier: string, context: C) => R,
): R {
  // From within it a package finds itself.
  return nextResolve(specifier, OWN.test(specifier) ? { ...context, parentURL: import.meta.url } : context);
}
