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
const FIRST = [
  [20, 19, 0],
  [22, 12, 0],
];

/** The newest version of each major from the oldest that we run on, and the first ones that we promise to run on. */
export async function newestVersions() {
  const newest = new Map((await published()).map((version) => [version[0], version]));
  return texts([...newest.values(), ...FIRST]);
}

/** All versions that we promise to run on. */
export async function promisedVersions() {
  const isPromised = (version) => FIRST.some((first) => first[0] === version[0] && !isNewer(first, version));
  const [newestFirst] = FIRST.at(-1);
  return texts((await published()).filter((version) => version[0] > newestFirst || isPromised(version)));
}

/** What is published from the oldest on, as lists of numbers, old before new. */
async function published() {
  const { stdout } = await run('npm', ['view', PACKAGE, 'versions', '--json'], { maxBuffer: 1 << 24 });
  return JSON.parse(stdout)
    .map((version) => version.split('.').map(Number))
    .filter((numbers) => numbers[0] >= OLDEST && !numbers.some(Number.isNaN))
    .toSorted(byAge);
}

const texts = (versions) => versions.toSorted(byAge).map((numbers) => numbers.join('.'));

const byAge = (one, other) => (isNewer(one, other) ? 1 : -1);

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
