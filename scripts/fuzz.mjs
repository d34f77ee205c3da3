// Fuzzes everything that reads bytes from a peer: builds the targets of native/fuzz with coverage instrumentation, on
// the stable toolchain, and runs each for some seconds (default 5), starting from its kept corpus.
//
//   npm run fuzz -- [seconds] [target…]
//
// Ends with status 1 if a target crashes; the input that did it stays in native/fuzz/target/artifacts. What is found on
// the way is kept in native/fuzz/target/found for the next run.
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fail, must, root, run, versionOf } from './shell.mjs';

const home = path.join(root, 'native/fuzz');
const target = path.join(home, 'target');

/** Largest input, bytes; what one input may take. */
const LIMITS = ['-max_len=4096', '-rss_limit_mb=1024', '-timeout=5'];

/** What `cargo fuzz` asks of a nightly compiler, said to LLVM itself. */
const INSTRUMENTATION = [
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=4',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
  '-Cllvm-args=-sanitizer-coverage-trace-compares',
  '-Ccodegen-units=1',
];

const [first, ...rest] = process.argv.slice(2);
const seconds = first === undefined ? 5 : Number(first);
if (!(seconds > 0)) fail(`"${first}" is no number of seconds`);
const all = readdirSync(path.join(home, 'corpus')).toSorted();
const unknown = rest.find((name) => !all.includes(name));
if (unknown !== undefined) fail(`no target "${unknown}"; there are ${all.join(', ')}`);

const bin = await build();
let crashed = 0;
for (const name of rest.length > 0 ? rest : all) {
  const { status, line } = await fuzz(name);
  process.stdout.write(`${line}\n`);
  if (status !== 0) crashed += 1;
}
process.exit(crashed === 0 ? 0 : 1);

/** The folder of the instrumented binaries. */
async function build() {
  const version = versionOf('cargo');
  if (version === null) fail('fuzzing needs a Rust toolchain and a C++ compiler');
  const triple = /^host: (.*)$/m.exec((await must('asking rustc', 'rustc', ['-vV'], { quiet: true })).trim())?.[1];
  // Naming the triple keeps the flags away from build scripts and macros, which are not linked with libFuzzer.
  const args = ['build', '--release', '--locked', '--features', 'fuzzing', '--bins', '--target', triple];
  await must('building the fuzz targets', 'cargo', args, {
    cwd: home,
    env: { RUSTFLAGS: INSTRUMENTATION.join(' '), CARGO_TARGET_DIR: target },
    quiet: true,
  });
  return path.join(target, triple, 'release');
}

/** Runs one target; resolves with its exit status and one line about it. */
async function fuzz(name) {
  const found = path.join(target, 'found', name);
  const artifacts = path.join(target, 'artifacts', name);
  for (const folder of [found, artifacts]) mkdirSync(folder, { recursive: true });
  const args = [
    found,
    path.join(home, 'corpus', name),
    `-max_total_time=${seconds}`,
    `-artifact_prefix=${artifacts}${path.sep}`,
    '-print_final_stats=1',
    ...LIMITS,
  ];
  const { status, output } = await run(path.join(bin, name), args, { cwd: home, quiet: true });
  const number = (pattern) => [...output.matchAll(pattern)].at(-1)?.[1] ?? '?';
  const runs = number(/stat::number_of_executed_units:\s+(\d+)/g);
  const coverage = number(/ cov: (\d+)/g);
  const inputs = number(/ corp: (\d+)/g);
  const artifact = number(/Test unit written to (\S+)/g);
  const result = status === 0 ? 'ok' : `CRASHED, input: ${artifact}`;
  return { status, line: `${name.padEnd(14)} ${runs} runs, ${coverage} edges, ${inputs} inputs: ${result}` };
}
