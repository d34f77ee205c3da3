// The command line of the comparison.
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const resultsFolder = fileURLToPath(new URL('../results', import.meta.url));
const cacheFolder = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'teleferric-bench');

const full = { pairs: 12, seconds: 5, warmup: 1, soak: 300, overload: 60 };
const quick = { pairs: 2, seconds: 1, warmup: 0.3, soak: 10, overload: 5 };

export const usage = `usage: node bench/compare/main.mjs [flags]

  --quick            short windows and few pairs, for trying
  --pairs N          runs of each contender in a cell (${full.pairs})
  --seconds S        length of a measured window (${full.seconds})
  --warmup S         time before each window (${full.warmup})
  --soak S           length of a soak (${full.soak})
  --overload S       length of an overload (${full.overload})
  --only REGEX       only cells whose id matches
  --tags LIST        only cells with these tags, comma-separated
  --peers LIST       only these peers, comma-separated; teleferric is always in
  --cache DIR        where peers are installed
  --out DIR          where results, report and charts go (bench/results)
  --resume           go on with the results in --out; cells that are done are kept
  --report-only      make report and charts from the results in --out
  --list             print the cells and how long each takes
`;

export function parseFlags(args) {
  const text = { type: 'string' };
  const flag = { type: 'boolean', default: false };
  const { values } = parseArgs({
    args,
    options: {
      ...Object.fromEntries(
        ['pairs', 'seconds', 'warmup', 'soak', 'overload', 'only', 'tags', 'peers'].map((name) => [name, text]),
      ),
      cache: { type: 'string', default: cacheFolder },
      out: { type: 'string', default: resultsFolder },
      quick: flag,
      resume: flag,
      'report-only': flag,
      list: flag,
      help: { ...flag, short: 'h' },
    },
  });
  const defaults = values.quick ? quick : full;
  const settings = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [
      name,
      values[name] === undefined ? value : positive(name, values[name]),
    ]),
  );
  if (!Number.isInteger(settings.pairs)) throw new Error(`--pairs must be a whole number, not ${values.pairs}`);
  return { ...values, settings, cache: path.resolve(values.cache), out: path.resolve(values.out) };
}

function positive(name, text) {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0, not ${text}`);
  return value;
}
