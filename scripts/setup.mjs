// Brings a clone to the point where it runs: npm packages, the native addon, the TypeScript build. Each step is
// skipped when nothing it depends on has changed. Needs nothing but Node and, for the addon, a Rust toolchain.
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fail, must, root, versionOf } from './shell.mjs';

const RUST_FLOOR = [1, 88];
const NODE_FLOORS = [
  [20, 19],
  [22, 12],
];

const steps = [
  {
    name: 'npm packages',
    inputs: ['package.json', 'package-lock.json'],
    output: 'node_modules',
    async build() {
      // Not `npm ci`: it refuses a lock file that was written where other platforms' optional packages are not served.
      await must('installing npm packages', 'npm', ['install', '--no-save', '--no-audit', '--no-fund'], {
        quiet: true,
      });
    },
  },
  {
    name: 'native core (a few minutes the first time)',
    inputs: ['native/crates', 'native/Cargo.toml', 'native/Cargo.lock'],
    output: 'native/teleferric.node',
    async build() {
      requireRust();
      await must('building the native core', 'cargo', ['build', '--release', '--locked', '-p', 'teleferric-node'], {
        cwd: path.join(root, 'native'),
      });
      copyFileSync(builtAddon(), path.join(root, 'native/teleferric.node'));
    },
  },
  {
    name: 'TypeScript',
    inputs: ['src', 'tsconfig.json', 'package-lock.json'],
    output: 'dist',
    async build() {
      await must('compiling TypeScript', process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']);
    },
  },
];

requireNode();
mkdirSync(path.join(root, '.teleferric'), { recursive: true });
for (const step of steps) await bring(step);

async function bring({ name, inputs, output, build }) {
  const stamp = path.join(root, '.teleferric', `${output.replaceAll('/', '-')}.stamp`);
  const wanted = fingerprint(inputs);
  const target = path.join(root, output);
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const started = Date.now();
  process.stderr.write(`teleferric: setting up ${name}\n`);
  await build();
  writeFileSync(stamp, wanted);
  process.stderr.write(`teleferric: ${name} ready after ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

/** A digest of names, sizes and times of all files below `inputs`: cheap enough for every start. */
function fingerprint(inputs) {
  const hash = createHash('sha256').update(process.version);
  const visit = (file) => {
    const stat = statSync(file);
    if (stat.isDirectory()) {
      for (const name of readdirSync(file).toSorted()) visit(path.join(file, name));
    } else {
      hash.update(`${path.relative(root, file)}\0${stat.size}\0${stat.mtimeMs}\n`);
    }
  };
  for (const input of inputs) visit(path.join(root, input));
  return hash.digest('hex');
}

function builtAddon() {
  const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'native/target');
  const name = { win32: 'teleferric_node.dll', darwin: 'libteleferric_node.dylib' }[process.platform];
  return path.join(target, 'release', name ?? 'libteleferric_node.so');
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const enough = NODE_FLOORS.some(([a, b], index) =>
    index === NODE_FLOORS.length - 1 ? major > a || (major === a && minor >= b) : major === a && minor >= b,
  );
  if (!enough) fail(`Node ^20.19 or >=22.12 is needed, this is ${process.version}`);
}

function requireRust() {
  const remedy = 'install Rust from your package manager or with rustup, then run this again';
  const version = versionOf('cargo');
  if (version === null) fail(`building from source needs a Rust toolchain, but cargo was not found; ${remedy}`);
  const [major, minor] = (/(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
  if (major < RUST_FLOOR[0] || (major === RUST_FLOOR[0] && minor < RUST_FLOOR[1])) {
    fail(`Rust ${RUST_FLOOR.join('.')} or newer is needed, found "${version}"; ${remedy}`);
  }
}
