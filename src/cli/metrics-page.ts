/**
 * Reads a metrics page in the Prometheus text format, as far as a collector writes it.
 */

/** One line of a page. */
export interface PageSample {
  /** Without `_total`, which a page has or not as it is configured. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** The samples of a page; lines that are none are passed over. */
export function parseMetricsPage(text: string): readonly PageSample[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', number] = LINE.exec(line) ?? [];
    const value = Number(number);
    if (name === undefined || Number.isNaN(value)) return [];
    const pairs = Array.from(labels.matchAll(LABEL), ([, key = '', quoted = '']) => [key, unescaped(quoted)] as const);
    return [{ name: name.replace(/_total$/, ''), labels: Object.fromEntries(pairs), value }];
  });
}

function unescaped(quoted: string): string {
  return quoted.replaceAll(/\\(.)/g, (_, sign: string) => (sign === 'n' ? '\n' : sign));
}
