/**
 * Regular expressions in Go's syntax (RE2), as far as they can be judged before Rust compiles them: the syntaxes of Go
 * and Rust are close relatives, JavaScript's is checked after translating the differences.
 */

/** What is wrong with a pattern, or null. */
export function regexpError(pattern: string): string | null {
  if (/\(\?<?[=!]/.test(pattern.replaceAll(/\\[\s\S]/g, ''))) return 'invalid or unsupported Perl syntax: look-around';
  if (/\\[1-9]/.test(pattern.replaceAll('\\\\', ''))) return 'invalid escape sequence: back-reference';
  try {
    // eslint-disable-next-line no-new -- compiling is the check
    new RegExp(translate(pattern));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Forms that RE2 has and JavaScript writes otherwise. */
function translate(pattern: string): string {
  return pattern
    .replaceAll('(?P<', '(?<')
    .replaceAll(/\(\?[imsU]+(?:-[imsU]+)?\)/g, '')
    .replaceAll(/\(\?[imsU]*(?:-[imsU]+)?:/g, '(?:')
    .replaceAll(/\[:\^?[a-z]+:\]/g, 'a')
    .replaceAll(/\\[AzZ]/g, '')
    .replaceAll(/\\Q([\s\S]*?)(?:\\E|$)/g, '')
    .replaceAll(/\\x\{[0-9a-fA-F]+\}/g, 'a')
    .replaceAll(/\\[pP](?:\{[^}]*\}|[A-Z])/g, 'a');
}
