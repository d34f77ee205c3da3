/**
 * What can be said about a configuration: errors (issues, collected together) and diagnostics (it works, but…),
 * each with its path and place in the text, and how they are rendered for people.
 */

/** A place in a configuration source. */
export interface Position {
  /** File name, `env:NAME`, address, or the flag it came from. */
  readonly source: string;
  /** From 1; 0 for a configuration written in code. */
  readonly line: number;
  /** From 1; 0 for a configuration written in code. */
  readonly column: number;
}

/** In which step an issue was found; each step stops before the next. */
export type IssueStage = 'decode' | 'validate' | 'graph';

/** One thing that is wrong with a configuration. */
export interface ConfigIssue {
  readonly stage: IssueStage;
  /** Keys and list indexes from the top. */
  readonly path: readonly string[];
  /** What is wrong, as the Collector words it, with the Collector's form of the path where it has one. */
  readonly text: string;
  /** Where it is written, if it is written anywhere. */
  readonly position: Position | null;
  /** What would have been right, in words. */
  readonly expected: string | null;
  /** The valid name nearest to a wrong one. */
  readonly suggestion: string | null;
  /** Further places with the same fault, when one line tells of several unknown keys. */
  readonly related: readonly { readonly position: Position; readonly suggestion: string | null }[];
  /** The component whose configuration could not be read: the Collector nests such errors under it. */
  readonly component: { readonly section: string; readonly id: string } | null;
}

/** Something worth knowing that does not stop the collector. */
export interface Diagnostic {
  readonly severity: 'warning' | 'info';
  /** Lower case, no full stop; the Collector's text where it has one. */
  readonly message: string;
  readonly path: readonly string[];
  readonly position: Position | null;
  /** Facts beside the message, for structured logs. */
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

/** `otelcol.yaml:12:5`; only the source for what was not written in a text. */
export function formatPosition(position: Position): string {
  if (position.line === 0) return position.source;
  return `${position.source}:${position.line}:${position.column}`;
}

/** One line: the Collector's text, then place and advice in brackets. */
export function formatIssue(issue: ConfigIssue): string {
  const notes: string[] = [];
  const note = (position: Position | null, suggestion: string | null): void => {
    const place = position === null ? '' : formatPosition(position);
    if (place !== '' && !notes.includes(place)) notes.push(place);
    if (suggestion !== null) notes.push(`did you mean ${JSON.stringify(suggestion)}?`);
  };
  note(issue.position, issue.suggestion);
  for (const { position, suggestion } of issue.related) note(position, suggestion);
  if (issue.suggestion === null && issue.expected !== null) notes.push(`expected ${issue.expected}`);
  return notes.length === 0 ? issue.text : `${issue.text} (${notes.join('; ')})`;
}

const DECODING_FAILED = 'decoding failed due to the following error(s):';

/**
 * Decoding errors as the Collector nests them: one list for the whole text, within it one list per component.
 */
export function formatDecodeIssues(issues: readonly ConfigIssue[]): string {
  const groups = new Map<string, { head: string | null; lines: string[] }>();
  for (const issue of issues.slice(0, ISSUES_SHOWN_MAX)) {
    const { component } = issue;
    const key = component === null ? '' : `${component.section}\n${component.id}`;
    let group = groups.get(key);
    if (group === undefined) {
      const head =
        component === null
          ? null
          : `'${component.section}' error reading configuration for ${JSON.stringify(component.id)}: ${DECODING_FAILED}`;
      group = { head, lines: [] };
      groups.set(key, group);
    }
    group.lines.push(formatIssue(issue));
  }
  const blocks = Array.from(groups.values(), ({ head, lines }) =>
    head === null ? lines.join('\n') : `${head}\n\n${lines.join('\n')}`,
  );
  return `cannot unmarshal the configuration: ${DECODING_FAILED}\n\n${[...blocks, ...moreThan(issues)].join('\n')}`;
}

/** Validation and graph errors: one per line. */
export function formatIssues(issues: readonly ConfigIssue[]): string {
  return [...issues.slice(0, ISSUES_SHOWN_MAX).map(formatIssue), ...moreThan(issues)].join('\n');
}

/** Issues that a message spells out; programs get all of them in the error's details. */
export const ISSUES_SHOWN_MAX = 200;

function moreThan(issues: readonly ConfigIssue[]): string[] {
  return issues.length > ISSUES_SHOWN_MAX ? [`and ${issues.length - ISSUES_SHOWN_MAX} more`] : [];
}
