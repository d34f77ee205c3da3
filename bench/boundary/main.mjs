// What it costs to cross between JavaScript and the data plane: each crossing of the product's addon beside a control
// addon in C++ that does the same and nothing else. See --help.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { controlCalls, controlPromises, placesOf, productCalls, productPromises } from './cases.mjs';
import { loadControl } from './control.mjs';
import { nativeVersion, startCollector, startNative } from './product.mjs';
import { figures, table } from './report.mjs';
import { measure } from './runner.mjs';

const HELP = `Measures the crossings between JavaScript and the data plane, beside a control addon in C++.

Options:
  --duration SECONDS   time for each case (default 1)
  --sizes N,N,...      log records per request, of about 500 bytes each (default 1,130)
  --threads N          data-plane threads of the collectors (default 1)
  --filter REGEX       only cases whose name matches
  --json FILE          writes all figures there as well
  --help               prints this
`;

process.exitCode = await start();

/** Reads the flags and does what they say; gives the exit status. */
async function start() {
  try {
    const { values } = parseArgs({
      options: {
        duration: { type: 'string', default: '1' },
        sizes: { type: 'string', default: '1,130' },
        threads: { type: 'string', default: '1' },
        filter: { type: 'string', default: '' },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    await main({
      seconds: positive('duration', Number(values.duration)),
      records: values.sizes.split(',').map((size) => positive('sizes', Number(size))),
      threads: Math.max(...values.threads.split(',').map((count) => positive('threads', Number(count)))),
      filter: new RegExp(values.filter),
      json: values.json,
    });
    return 0;
  } catch (error) {
    const reason = error.cause === undefined ? '' : `: ${error.cause.message}`;
    process.stderr.write(`bench/boundary: ${error.message}${reason}\n`);
    return 2;
  }
}

function positive(flag, value) {
  if (value > 0) return value;
  throw new RangeError(`--${flag} needs positive numbers`);
}

async function main({ seconds, records, threads, filter, json }) {
  const { addon, reason } = await loadControl();
  if (addon === null) process.stdout.write(`control addon absent: ${reason}\n`);
  const native = await startNative('nop', threads);
  const talkative = await startNative('debug', threads);
  const collector = await startCollector(threads);
  const promises = addon === null ? { cases: [], close: () => {} } : controlPromises(addon, records);
  try {
    const sections = [
      {
        title: 'calls that return at once',
        cases: [
          ...(addon === null ? [] : controlCalls(addon, records, placesOf(native))),
          ...productCalls(native, nativeVersion),
        ],
      },
      {
        title: 'promises waited for (compare with each other only)',
        cases: [...promises.cases, ...productPromises({ native, talkative, collector }, records)],
      },
    ];
    const results = [];
    for (const { title, cases } of sections) {
      const chosen = cases.filter(({ name }) => filter.test(name));
      if (chosen.length === 0) continue;
      const rows = figures(chosen, await measure(chosen, { seconds }));
      process.stdout.write(table(title, rows));
      results.push({ title, cases: rows });
    }
    if (json !== undefined) {
      const text = JSON.stringify({ duration_s: seconds, control_absent: reason, sections: results }, null, 2);
      writeFileSync(json, `${text}\n`);
    }
  } finally {
    promises.close();
    native.close();
    talkative.close();
    await collector.close();
  }
}
