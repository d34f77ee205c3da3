// The versions of Node that the npm registry has as packages.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The package that has the executable for this machine. */
const PACKAGE = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;

const OLDEST = 20;

/** The first versions that `engines` of package.json names. */
const FIRST = ['20.19.0', '22.12.0'];

/** The newest version of each major from the oldest that we run on, and the first ones that we promise to run on. */
export async function newestVersions() {
  const { stdout } = await run('npm', ['view', PACKAGE, 'versions', '--json'], { maxBuffer: 1 << 24 });
  const newest = new Map();
  for (const version of JSON.parse(stdout)) {
    const numbers = version.split('.').map(Number);
    if (numbers[0] < OLDEST || numbers.some(Number.isNaN)) continue;
    const known = newest.get(numbers[0]);
    if (known === undefined || isNewer(numbers, known)) newest.set(numbers[0], numbers);
  }
  const all = [...[...newest.values()].map((numbers) => numbers.join('.')), ...FIRST];
  return all.toSorted((one, other) => (isNewer(one.split('.').map(Number), other.split('.').map(Number)) ? 1 : -1));
}

function isNewer(one, other) {
  const at = one.findIndex((number, index) => number !== other[index]);
  return at >= 0 && one[at] > other[at];
}

/** Installs a version into a folder of its own, hands its executable to `work`, and removes it again. */
export async function withNode(version, work) {
  const folder = await mkdtemp(path.join(tmpdir(), 'teleferric-node-'));
  try {
    await writeFile(path.join(folder, 'package.json'), '{ "private": true }\n');
    await run('npm', ['install', '--no-audit', '--no-fund', `${PACKAGE}@${version}`], { cwd: folder });
    const executable = process.platform === 'win32' ? 'node.exe' : 'node';
    return await work(path.join(folder, 'node_modules', PACKAGE, 'bin', executable));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
