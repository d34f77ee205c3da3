// Runs every test, Rust, then TypeScript, then the benchmarks' own, and closes with the sums over all runners.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { must, root, run } from './shell.mjs';

const only = process.argv.slice(2);
const totals = { passed: 0, failed: 0, skipped: 0 };

if (only.length === 0 || only.includes('rust')) {
  await rustTests('native', ['--workspace', '--no-fail-fast']);
  // What fuzzing found and what it starts from, replayed without instrumentation.
  await rustTests('native/fuzz', []);
}

if (only.length === 0 || only.includes('typescript')) {
  const jest = await run(
    process.execPath,
    // A failed test may leave handles open; the run must end all the same.
    ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', '--ci', '--forceExit'],
    { env: { FORCE_COLOR: '0' } },
  );
  const line = /^Tests:\s+(.*)$/m.exec(jest.output)?.[1] ?? '';
  const number = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0);
  const failedSuites = Number(/^Test Suites:.*?(\d+) failed/m.exec(jest.output)?.[1] ?? 0);
  add(number('passed'), Math.max(number('failed'), failedSuites), number('skipped'));
  if (jest.status !== 0 && number('failed') + failedSuites === 0) add(0, 1, 0);
}

if (only.length === 0 || only.includes('bench')) {
  const bench = path.join(root, 'bench');
  await rustTests('bench', ['--workspace', '--no-fail-fast']);
  if (!existsSync(path.join(bench, 'node_modules'))) {
    // As the set-up does, and for the same reason not `npm ci`.
    const args = ['install', '--no-save', '--no-audit', '--no-fund'];
    await must('installing the packages of the benchmarks', 'npm', args, { cwd: bench, quiet: true });
  }
  const folders = ['compare', 'baseline-js', 'boundary', 'gates', 'event-loop'].map((name) => `bench/${name}/`);
  const { status, output } = await run(process.execPath, ['--test', '--test-reporter=tap', ...folders]);
  const number = (word) => Number(new RegExp(`^# ${word} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  add(number('pass'), number('fail') + number('cancelled'), number('skipped'));
  if (status !== 0 && number('fail') + number('cancelled') === 0) add(0, 1, 0);
}

const tail = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed${tail}\n`);
process.exit(totals.failed === 0 ? 0 : 1);

async function rustTests(folder, args) {
  const { status, output } = await run('cargo', ['test', '--locked', ...args], { cwd: path.join(root, folder) });
  const before = totals.failed;
  for (const [, ...counts] of output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm)) {
    add(...counts);
  }
  if (status !== 0 && totals.failed === before) add(0, 1, 0);
}

function add(passed, failed, skipped) {
  totals.passed += Number(passed);
  totals.failed += Number(failed);
  totals.skipped += Number(skipped);
}
