// The gates on cost: counts the instructions, allocations and copied bytes of a request in fixed replays and fails if
// they have grown since they were recorded in bench/gates/baseline.json. Nothing is timed, so a busy machine does no harm.
//
//   npm run gates -- [scenario…]             measure and compare, all scenarios or those named
//   npm run gates -- --record [scenario…]    measure and record
//   npm run gates -- --profile scenario…     show where the instructions go
//   npm run gates -- --sites scenario…       show where allocations come from
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';

import { compare, line } from '../bench/gates/compare.mjs';
import { callgrind, measure, scenariosOf, sites } from '../bench/gates/measure.mjs';
import { profile } from '../bench/gates/profile.mjs';
import { fail, must, root, versionOf } from './shell.mjs';

const bench = path.join(root, 'bench');
const baseline = path.join(bench, 'gates/baseline.json');

/**
 * A build of its own: linking across crates at the end would take longer than all replays, and with one unit a crate a
 * new function does not move the others about.
 */
const PROFILE = ['inherits="release"', 'lto="off"', 'codegen-units=1'];

const flags = ['--record', '--profile', '--sites'];
const args = process.argv.slice(2);
const flag = args.find((arg) => arg.startsWith('--'));
const names = args.filter((arg) => arg !== flag);
if (flag !== undefined && !flags.includes(flag)) fail(`no option "${flag}"; there are ${flags.join(', ')}`);

await checkTools();
const binary = await build();
const all = await scenariosOf(binary);
const unknown = names.find((name) => !all.some((scenario) => scenario.name === name));
if (unknown !== undefined) {
  fail(`no scenario "${unknown}"; there are ${all.map((scenario) => scenario.name).join(', ')}`);
}
const chosen = names.length > 0 ? all.filter((scenario) => names.includes(scenario.name)) : all;

if (flag === '--profile') await show(async (one) => profile(await callgrind(binary, one), one.requests));
else if (flag === '--sites') await show((one) => sites(binary, one));
else await gate();

/** Measures, compares and, if asked to, records. */
async function gate() {
  const recorded = existsSync(baseline) ? JSON.parse(readFileSync(baseline, 'utf8')) : { rustc: null, scenarios: {} };
  const rustc = versionOf('rustc');
  const measured = await measureAll(recorded.scenarios);
  const whole = chosen.length === all.length;
  if (flag === '--record') {
    const scenarios = sorted(whole ? measured : { ...recorded.scenarios, ...measured });
    writeFileSync(baseline, `${JSON.stringify({ rustc, scenarios }, null, 2)}\n`);
    process.stdout.write(`recorded in ${path.relative(root, baseline)}\n`);
    return;
  }
  const rounds = Object.fromEntries(all.map(({ name, round }) => [name, round]));
  const { failures, notices } = compare(recorded.scenarios, measured, { rounds, whole });
  if (notices.length > 0) say(['', 'better than recorded; record it with `npm run gates -- --record`:', ...notices]);
  if (failures.length === 0) {
    say(['', 'gates: passed']);
    return;
  }
  say(['', 'worse than recorded:', ...failures, '']);
  if (rustc !== recorded.rustc) say([`The record was made with ${recorded.rustc}, and this is ${rustc}.`]);
  say([
    'To see why: `npm run gates -- --profile <scenario>` and `npm run gates -- --sites <scenario>`, on both commits.',
    'If it is worth its cost: `npm run gates -- --record`, and give the reason in the commit.',
    'gates: failed',
  ]);
  process.exitCode = 1;
}

/** The counts of all chosen scenarios, each told as soon as it and those before it are there. */
async function measureAll(recorded) {
  const counts = [];
  const waiting = [...chosen.entries()];
  let told = 0;
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [place, scenario] = next;
      counts[place] = await measure(binary, scenario).catch((error) => fail(`${scenario.name}: ${error.message}`));
      for (; counts[told] !== undefined; told += 1) {
        const { name, payloadBytes } = chosen[told];
        say([line(name, recorded[name], counts[told], payloadBytes)]);
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return Object.fromEntries(chosen.map(({ name }, place) => [name, counts[place]]));
}

async function show(text) {
  if (names.length === 0) fail(`${flag} needs a scenario; there are ${all.map(({ name }) => name).join(', ')}`);
  for (const scenario of chosen) say([scenario.name, '', await text(scenario), '']);
}

/** Builds the program that replays and resolves with its path. */
async function build() {
  const options = PROFILE.flatMap((setting) => ['--config', `profile.gates.${setting}`]);
  const what = ['--locked', '--profile', 'gates', '--package', 'teleferric-bench-gates'];
  await must('building the replays', 'cargo', ['build', ...options, ...what], { cwd: bench, quiet: true });
  const metadata = ['metadata', '--format-version', '1', '--no-deps', '--locked'];
  const { target_directory: target } = JSON.parse(
    await must('asking cargo', 'cargo', metadata, { cwd: bench, quiet: true }),
  );
  return path.join(target, 'gates/gates');
}

/** Everything that measuring needs; valgrind is installed where that can be done without asking. */
async function checkTools() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    fail(`the gates count on Linux on x86-64, and this is ${process.platform} on ${process.arch}`);
  }
  if (versionOf('cargo') === null) fail('the gates need a Rust toolchain and a C compiler');
  if (versionOf('valgrind') !== null) return;
  if (process.getuid() !== 0 || versionOf('apt-get') === null) {
    fail('valgrind is missing; install it with your package manager, on Debian with `apt-get install valgrind`');
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await must('updating the list of packages', 'apt-get', ['update', '-q'], { env, quiet: true });
  const install = ['install', '-q', '-y', '--no-install-recommends', 'valgrind'];
  await must('installing valgrind', 'apt-get', install, { env, quiet: true });
}

/** The same object with its keys in order, at every level. */
function sorted(value) {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

function say(lines) {
  process.stdout.write(`${lines.join('\n')}\n`);
}
