/**
 * What a plugin has thrown, as the core takes it.
 */
import type { PluginKind } from '../config/plugin-modules.js';
import { messageOf } from '../errors.js';

/** Why the work on a batch failed. */
export interface PluginFailure {
  readonly message: string;
  readonly stack: string | null;
  readonly kind: 'thrown' | 'timeout';
  /** Whether the same batch would fail again. */
  readonly permanent: boolean;
  /** When to try again, milliseconds. */
  readonly delayMs: number | null;
}

/** Longest text that is passed on, characters. */
const MESSAGE_MAX = 1024;
const STACK_MAX = 8192;

/** Reads anything that was thrown. Errors are told by name: those of another copy of the package count too. */
export function failureOf(error: unknown, kind: PluginKind, isLate: boolean): PluginFailure {
  const { name, delayMs } = partsOf(error);
  // A processor may have failed on what passes, and its sender has the batch; an exporter has to say so.
  const isRetryable = name === 'RetryableError' || isLate || (kind === 'processor' && name !== 'PermanentError');
  return {
    message: messageOf(error).slice(0, MESSAGE_MAX),
    stack: stackOf(error),
    kind: isLate ? 'timeout' : 'thrown',
    permanent: !isRetryable,
    delayMs: isRetryable && typeof delayMs === 'number' && delayMs > 0 && Number.isFinite(delayMs) ? delayMs : null,
  };
}

/** The stack of anything that was thrown, also by code of another realm; null if it has none. */
export function stackOf(error: unknown): string | null {
  const { stack } = partsOf(error);
  return typeof stack === 'string' ? stack.slice(0, STACK_MAX) : null;
}

function partsOf(error: unknown): { name?: unknown; stack?: unknown; delayMs?: unknown } {
  return typeof error === 'object' && error !== null ? error : {};
}
