// Markdown tables and numbers as the report writes them.

/** A table; columns are `[title, align]`, where align is `left` or `right`. */
export function table(columns, rows) {
  const rule = columns.map(([, align]) => (align === 'right' ? '---:' : '---'));
  return [line(columns.map(([title]) => title)), line(rule), ...rows.map(line)].join('\n');
}

const line = (cells) => `| ${cells.map((cell) => String(cell ?? '').replaceAll('|', '\\|')).join(' | ')} |`;

/** Three significant digits, thousands separated. */
export function number(value) {
  if (value === undefined || value === null || Number.isNaN(value)) return '-';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}

/** A ratio with its interval: `3.21x [3.10, 3.40]`. */
export function ratio(value) {
  if (value === undefined) return '-';
  return `${value.median.toFixed(2)}x [${value.low.toFixed(2)}, ${value.high.toFixed(2)}]`;
}

export function percent(share) {
  return share === undefined ? '-' : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

/** The distinct texts of a list, as one. */
export function joined(texts) {
  return [...new Set(texts.filter((text) => text))].join('; ');
}
