// A strict reader of the Prometheus text format: what promtool would refuse fails the test that calls it.
const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{((?:${LABEL})(?:,${LABEL})*)\\})? (\\S+)$`);

interface Reading {
  family: string;
  type: string;
  seen: Set<string>;
}

export function checkExposition(text: string): void {
  if (!text.endsWith('\n')) throw new Error('the page does not end with a line end');
  const families = new Set<string>();
  let current: Reading | null = null;
  let help = '';
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, helpName] = /^# HELP (\S+) .+$/.exec(line) ?? [];
    const [, typeName, type] = /^# TYPE (\S+) (counter|gauge|histogram|summary|untyped)$/.exec(line) ?? [];
    if (helpName !== undefined) {
      if (families.has(helpName)) throw new Error(`second HELP of ${helpName}`);
      families.add(helpName);
      help = helpName;
    } else if (typeName !== undefined && type !== undefined) {
      if (typeName !== help) throw new Error(`TYPE of ${typeName} without its HELP`);
      current = { family: typeName, type, seen: new Set() };
    } else {
      checkSample(line, current);
    }
  }
}

function checkSample(line: string, current: Reading | null): void {
  const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || current === null) throw new Error(`no sample: ${line}`);
  const suffixes =
    current.type === 'histogram'
      ? ['_bucket', '_sum', '_count']
      : current.type === 'summary'
        ? ['', '_sum', '_count']
        : [''];
  if (!suffixes.some((suffix) => name === current.family + suffix)) throw new Error(`${name} under ${current.family}`);
  const series = `${name}{${labels.split(',').toSorted().join(',')}}`;
  if (current.seen.has(series)) throw new Error(`twice: ${series}`);
  current.seen.add(series);
  if (!/^(NaN|[+-]Inf)$/.test(value ?? '') && Number.isNaN(Number(value))) throw new Error(`no number: ${line}`);
}
