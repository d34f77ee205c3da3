// Packs what is published: the package `teleferric` and the package with the native core of this machine's platform.
// Writes both tarballs into the folder given, or into .teleferric/pack, and prints their paths and sizes. A second
// argument names another addon than native/teleferric.node.
//
// The committed manifest names no platform packages, so that a clone installs before they are published; the packed
// one does. Nothing in either package runs at install time.
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { must, root } from './shell.mjs';

const target = path.resolve(process.argv[2] ?? path.join(root, '.teleferric/pack'));
const addon = path.resolve(process.argv[3] ?? path.join(root, 'native/teleferric.node'));
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const scratch = mkdtempSync(path.join(tmpdir(), 'teleferric-pack-'));

try {
  mkdirSync(target, { recursive: true });
  const { platformPackage } = await import('../dist/binding/load.js');
  const libc = process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  const own = platformPackage(process.platform, process.arch, process.platform === 'linux' ? libc : '');
  for (const folder of [await rootPackage(), bindingPackage(own, libc)]) {
    const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', target];
    const output = await must(`packing ${folder}`, 'npm', args, { cwd: folder, quiet: true });
    const file = path.join(target, output.trim().split('\n').at(-1));
    process.stdout.write(`${file} ${statSync(file).size}\n`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function rootPackage() {
  const folder = path.join(scratch, 'root');
  mkdirSync(folder);
  for (const name of manifest.files.filter((file) => file !== 'dist')) {
    cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  await compileInto(path.join(folder, 'dist'));
  const { devDependencies: _, scripts: __, napi, ...packed } = manifest;
  const names = napi.targets.map(packageOf);
  packed.optionalDependencies = Object.fromEntries(names.map((name) => [name, manifest.version]));
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(packed, null, 2)}\n`);
  return folder;
}

/** Afresh, since a build in place keeps what became of deleted sources; and with the declarations that tsc leaves out. */
async function compileInto(folder) {
  const args = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--outDir', folder];
  await must('compiling TypeScript', process.execPath, args);
  cpSync(path.join(root, 'src/binding/generated'), path.join(folder, 'binding/generated'), { recursive: true });
}

function bindingPackage(name, libc) {
  const folder = path.join(scratch, 'binding');
  mkdirSync(folder);
  copyFileSync(addon, path.join(folder, 'teleferric.node'));
  copyFileSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'));
  writeFileSync(path.join(folder, 'README.md'), `# ${name}\n\nThe native core of teleferric for one platform.\n`);
  const packed = {
    name,
    version: manifest.version,
    description: 'The native core of teleferric for one platform',
    license: manifest.license,
    engines: manifest.engines,
    os: [process.platform],
    cpu: [process.arch],
    ...(process.platform === 'linux' && { libc: [libc] }),
    main: 'teleferric.node',
    files: ['teleferric.node'],
  };
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(packed, null, 2)}\n`);
  return folder;
}

/** The package of a Rust target, named as Node names platforms. */
function packageOf(triple) {
  const [cpu, , system, abi] = triple.split('-');
  const arch = { x86_64: 'x64', aarch64: 'arm64' }[cpu];
  const platform = { linux: 'linux', darwin: 'darwin', windows: 'win32' }[system];
  return `@teleferric/binding-${[platform, arch, abi].filter(Boolean).join('-')}`;
}
