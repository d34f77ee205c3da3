// The product as it is installed: what is inside, and that its commands and its library work.
import { readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { jest } from '@jest/globals';

import { withDefaultPorts } from '../cli/ports.js';
import { install, listing, pack, removeAll, ROOT, run, script, type Packed } from './install.js';

jest.setTimeout(180_000);

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

let packed: Packed;
let folder: string;

beforeAll(async () => {
  packed = await pack();
  folder = await install('both', [packed.root, packed.binding]);
});
afterAll(removeAll);

/** The manifest of an installed package. */
function installed(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')) as Record<
    string,
    unknown
  >;
}

describe('the tarballs', () => {
  it('have no scripts, tests or sources, and everything that is promised', async () => {
    const files = await listing(packed.root);
    const places = new Set(files.map((file) => file.split('/')[0]));
    expect([...places].toSorted()).toEqual(
      ['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'dist', 'package.json', 'schema'].toSorted(),
    );
    expect(files.filter((file) => !/\.(d\.c?ts|c?js|json|md)$|^LICENSE$/.test(file))).toEqual([]);
    expect(files.filter((file) => /__tests__|\.test\.|\.rs$|native\/|\.node$/.test(file))).toEqual([]);
    for (const file of ['bin/teleferric.js', 'dist/index.js', 'dist/index.d.ts', 'schema/teleferric.schema.json']) {
      expect(files).toContain(file);
    }
    const declared = files.filter((file) => file.endsWith('.d.ts'));
    expect(declared).toContain('dist/binding/generated/config.d.ts');
  });

  it('of the addon have the addon and its papers', async () => {
    const files = await listing(packed.binding);
    expect(files.toSorted()).toEqual(['LICENSE', 'README.md', 'package.json', 'teleferric.node']);
  });

  it('run nothing at install time and need nothing of development', () => {
    const root = installed('teleferric');
    expect(root['scripts']).toBeUndefined();
    expect(root['devDependencies']).toBeUndefined();
    expect(Object.keys(root['dependencies'] as object).toSorted()).toEqual(['commander', 'prom-client', 'yaml', 'zod']);
    const platforms = Object.entries(root['optionalDependencies'] as Record<string, string>);
    expect(platforms).toHaveLength(8);
    for (const [name, version] of platforms) {
      expect(name).toMatch(/^@teleferric\/binding-(linux|darwin|win32)-(x64|arm64)/);
      expect(version).toBe(manifest.version);
    }
    const binding = Object.keys(root['optionalDependencies'] as object).find((name) => {
      try {
        return installed(name)['scripts'] === undefined;
      } catch {
        return false;
      }
    });
    expect(installed(binding ?? '')).toMatchObject({
      version: manifest.version,
      os: [process.platform],
      cpu: [process.arch],
    });
  });

  it('are told with their sizes, and the package itself is small', () => {
    const lines = packed.printed.trim().split('\n');
    expect(lines).toEqual([
      `${packed.root} ${statSync(packed.root).size}`,
      `${packed.binding} ${statSync(packed.binding).size}`,
    ]);
    expect(statSync(packed.root).size).toBeLessThan(500_000);
  });
});

describe('the command', () => {
  it('tells its version', async () => {
    await expect(run(folder, ['npx', 'teleferric', '--version'])).resolves.toMatchObject({
      code: 0,
      stdout: `teleferric version ${manifest.version}\n`,
    });
  });

  it('validates', async () => {
    const exporters = 'exporters: {nop: }\n';
    const service = 'service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n';
    script(folder, 'good.yaml', `receivers: {otlp: {protocols: {grpc: }}}\n${exporters}${service}`);
    script(folder, 'bad.yaml', `receivers: {otlp: {protocols: {gprc: }}}\n${exporters}${service}`);
    const good = await run(folder, ['npx', 'teleferric', 'validate', '--config', 'good.yaml']);
    expect(good).toMatchObject({ code: 0, stdout: '' });
    const bad = await run(folder, ['npx', 'teleferric', 'validate', '--config', 'bad.yaml']);
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain('gprc');
  });

  it('runs without a configuration and takes what send makes', () =>
    withDefaultPorts(async () => {
      // Not through npx, whose shell would hide the signal's way.
      const bin = join('node_modules', 'teleferric', 'bin', 'teleferric.js');
      let sent: ReturnType<typeof run> | null = null;
      const collector = await run(folder, [process.execPath, bin], (_stdout, stderr, end) => {
        if (sent !== null || !stderr.includes('Ctrl-C')) return;
        sent = run(folder, ['npx', 'teleferric', 'send', '--count', '100']);
        void sent.finally(end);
      });
      expect(collector.code).toBe(0);
      expect(collector.stdout).toContain('Traces\t{"resource spans"');
      const report = await (sent as ReturnType<typeof run> | null);
      expect(report).toMatchObject({ code: 0 });
      expect(report?.stdout).toMatch(/^accepted +100$/m);
    }));
});

/** Starts a collector, hands it a request, closes it, and prints what happened. */
const USE = `
const config = {
  receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } },
  exporters: { nop: null },
  service: {
    telemetry: { logs: { output_paths: [] }, metrics: { level: 'none' } },
    pipelines: { traces: { receivers: ['otlp'], exporters: ['nop'] } },
  },
};
async function use() {
  const collector = await Collector.start({ config });
  const span = Uint8Array.from([0x0a, 4, 0x12, 2, 0x12, 0]);
  const { outcome } = await collector.ingest('traces', span);
  const { accepted } = collector.stats().signals.traces;
  await collector.close();
  console.log(outcome, accepted, collector.state);
}
use();
`;

describe('the library', () => {
  it.each([
    ['import', 'use.mjs', `import { Collector } from 'teleferric';${USE}`],
    ['require', 'use.cjs', `const { Collector } = require('teleferric');${USE}`],
  ])('works by %s', async (_name, file, text) => {
    const { code, stdout } = await run(folder, [process.execPath, '--no-warnings', script(folder, file, text)]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'accepted 1 closed\n' });
  });

  it('has exporters for the SDK, which bring nothing of it and say what is missing', async () => {
    const imported = `import { TeleferricSpanExporter } from 'teleferric/sdk';\nconsole.log(TeleferricSpanExporter.name);`;
    const required = `console.log(require('teleferric/sdk').TeleferricSpanExporter.name);`;
    const files = [script(folder, 'sdk.mjs', imported), script(folder, 'sdk.cjs', required)];
    const without = await run(folder, [process.execPath, 'sdk.mjs']);
    expect(without.stderr).toMatch(/Cannot find package '@opentelemetry\/[\w-]+'/);
    // `api` is there, as prom-client has it.
    for (const name of ['core', 'otlp-transformer'].map((last) => join('node_modules/@opentelemetry', last))) {
      symlinkSync(join(ROOT, name), join(folder, name));
    }
    for (const file of files) {
      const { code, stdout } = await run(folder, [process.execPath, '--no-warnings', file]);
      expect({ file, code, stdout }).toEqual({ file, code: 0, stdout: 'TeleferricSpanExporter\n' });
    }
  });

  it('has declarations that stand by themselves', async () => {
    script(
      folder,
      'typed.mts',
      `import { Collector, loadConfig, type CollectorStats, type IngestOutcome } from 'teleferric';
       const collector = new Collector({ config: 'receivers: {}' });
       const outcome: IngestOutcome = await collector.ingest('logs', new Uint8Array());
       const stats: CollectorStats = collector.stats();
       const threads: number = (await loadConfig({ object: {} })).native.service.threads;
       // @ts-expect-error -- no such signal
       await collector.ingest('spans', new Uint8Array());
       export { outcome, stats, threads };`,
    );
    script(
      folder,
      'typed.cts',
      `import { Collector, defineConfig } from 'teleferric';
       const config = defineConfig({ receivers: { otlp: { protocols: { grpc: {} } } } });
       // @ts-expect-error -- no such protocol
       defineConfig({ receivers: { otlp: { protocols: { grcp: {} } } } });
       export const collector: Collector = new Collector({ config });`,
    );
    const options = ['--strict', '--noEmit', '--module', 'node16', '--target', 'es2023', '--types', 'node'];
    const types = ['--typeRoots', join(ROOT, 'node_modules/@types'), '--lib', 'es2023,esnext.disposable'];
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { code, stdout } = await run(folder, [process.execPath, tsc, ...options, ...types, 'typed.mts', 'typed.cts']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  });
});

describe('the package without its addon', () => {
  it('says in one error what is missing and what to do', async () => {
    const alone = await install('alone', [packed.root], '--omit=optional');
    const bin = join('node_modules', 'teleferric', 'bin', 'teleferric.js');
    const { code, stdout, stderr } = await run(alone, [process.execPath, bin]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    const lines = stderr.trim().split('\n');
    expect(lines[0]).toMatch(
      /^Error: the native addon for \S+ \S+.* could not be loaded: install @teleferric\/binding-/,
    );
    expect(lines.length).toBeLessThanOrEqual(3);
    expect(stderr).not.toMatch(/^\s+at /m);
    // What needs no addon works.
    expect((await run(alone, [process.execPath, bin, 'components'])).code).toBe(0);
  });
});
