// The suite for the parts: builds and runs the Rust cases and the crossings of the JavaScript boundary, and shows all
// figures together. Needs no peers and no network beyond loopback. See --help.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `Measures the parts of teleferric one by one, each against a rival, in about four minutes.

  node bench/suite.mjs [options]

Options:
  --parts LIST         which halves run: rust, boundary (default rust,boundary)
  --duration SECONDS   time for each case (default 1.5 in rust, 1 at the boundary)
  --sizes N,N,...      records per request, instead of each case's own choice
  --threads N,N,...    thread counts of the cases that share something
  --filter REGEX       only cases whose name matches
  --json FILE          writes all figures there as well
  --help               prints this

Times are per record, block, request or call; p50, p95 and p99 are over blocks of them. A ratio is the rival's time by
ours, or at the boundary ours by the control's, with its 95 % interval or its range over the rounds. Ratios travel;
times belong to the machine and its load.
`;

const home = path.dirname(fileURLToPath(import.meta.url));

/** Both halves take the same flags and write their figures to a file of JSON. */
const HALVES = {
  rust: { title: 'Parts of the data plane', command: rust },
  boundary: { title: 'JavaScript boundary', command: boundary },
};

process.exitCode = await start();

/** Reads the flags and does what they say; gives the exit status. */
async function start() {
  try {
    const { values } = parseArgs({
      options: {
        parts: { type: 'string', default: Object.keys(HALVES).join(',') },
        duration: { type: 'string' },
        sizes: { type: 'string' },
        threads: { type: 'string' },
        filter: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    return values.help ? help() : await main(values);
  } catch (error) {
    process.stderr.write(`bench: ${error.message}\n`);
    return 2;
  }
}

function help() {
  process.stdout.write(HELP);
  return 0;
}

/** Runs the halves one after another; 1 if one of them failed. */
async function main({ parts, json, ...flags }) {
  const names = parts.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !Object.hasOwn(HALVES, name));
  if (unknown !== undefined) throw new Error(`no part "${unknown}"; there are ${Object.keys(HALVES).join(', ')}`);
  const passed = ['duration', 'sizes', 'threads', 'filter'].flatMap((flag) =>
    flags[flag] === undefined ? [] : [`--${flag}`, flags[flag]],
  );
  const scratch = mkdtempSync(path.join(tmpdir(), 'teleferric-bench-'));
  const report = { machine: machine(), started: new Date().toISOString(), parts: {} };
  let failed = 0;
  try {
    for (const name of names) {
      const { title, command } = HALVES[name];
      const figures = path.join(scratch, `${name}.json`);
      process.stdout.write(`\n== ${title}\n`);
      const { program, args } = await command();
      const status = await run(program, [...args, ...passed, '--json', figures]);
      if (status !== 0) failed = 1;
      report.parts[name] = readFigures(figures) ?? { failed: `exit status ${status}` };
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  return failed;
}

/** Builds the Rust cases and finds out where cargo has put the program. */
async function rust() {
  const args = ['build', '--release', '-p', 'teleferric-bench-parts', '--message-format=json-render-diagnostics'];
  let messages = '';
  const status = await run('cargo', args, (text) => {
    messages += text;
  });
  if (status !== 0) throw new Error('the Rust cases could not be built');
  const built = messages
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .findLast(({ executable }) => typeof executable === 'string');
  return { program: built.executable, args: [] };
}

/** The boundary builds its control addon by itself, because it can do without. */
async function boundary() {
  return { program: process.execPath, args: [path.join(home, 'boundary/main.mjs')] };
}

/** Runs a program to its end and gives its exit status. */
function run(program, args, onOutput) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: home, stdio: ['ignore', onOutput ? 'pipe' : 'inherit', 'inherit'] });
    child.stdout?.setEncoding('utf8').on('data', onOutput);
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** What a half wrote, or null if it did not come that far. */
function readFigures(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** What the times belong to. */
function machine() {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model ?? 'unknown',
    parallelism: availableParallelism(),
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
  };
}
