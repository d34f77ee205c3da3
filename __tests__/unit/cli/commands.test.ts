import { spawnSync } from 'node:child_process';

import { parse } from 'yaml';

import { FakeIo } from './fake-io.js';

const good =
  'yaml:{receivers: {nop: }, exporters: {nop: }, service: {pipelines: {traces: {receivers: [nop], exporters: [nop]}}}}';

async function command(...argv: string[]) {
  const io = new FakeIo();
  const code = await io.run(...argv);
  return { code, out: io.out, err: io.err };
}

describe('arguments', () => {
  it.each([['-v'], ['--version']])('prints the version for %s', async (flag) => {
    await expect(command(flag)).resolves.toEqual({ code: 0, out: 'teleferric version 0.1.0\n', err: '' });
  });

  it.each([[['--help']], [['help']], [['help', 'send']], [['send', '--help']]])('helps for %j', async (argv) => {
    const { code, out } = await command(...argv);
    expect(code).toBe(0);
    expect(out).toMatch(/^Usage: teleferric/);
  });

  it.each([
    [['foo'], 'Error: unknown command "foo" for "teleferric"'],
    [['a.yaml'], 'Error: unknown command "a.yaml" for "teleferric" (to run a configuration, write --config a.yaml)'],
    [['validate', 'a.yaml'], 'Error: unexpected argument "a.yaml"; configurations are named by --config a.yaml'],
    [['--confg', 'x'], "Error: unknown option '--confg'\n(Did you mean --config?)"],
    [['-config', 'x'], "Error: unknown option '-config'"],
    [['--config'], "Error: option '--config <location>' argument missing"],
    [['validate'], 'Error: at least one config flag must be provided'],
    [['validate', '--config', 'x:y'], 'Error: '],
    [['featuregate', 'nope'], 'Error: feature gate "nope" not found'],
    [['--config', good, '--feature-gates', 'nope'], 'Error: no such feature gate "nope"'],
    [['completion', 'ksh'], 'Error: '],
    [['queue', 'status'], 'Error: name a configuration by --config, or a folder by --directory'],
    [['queue', 'status', '--config', good], 'Error: there is no file_storage in the configuration'],
    [['queue', 'status', 'a.yaml'], 'Error: unexpected argument "a.yaml"'],
    [['queue', 'inspect', '--limit', '-1'], 'Error: '],
    [['queue', 'purge', '--directory', '/tmp'], "Error: required option '--queue <name>' not specified"],
    [['send', '--count', '0'], 'Error: '],
    [['send', '--signals', 'spans'], 'Error: '],
    [['send', '--tls', '--insecure'], 'Error: plaintext and TLS are asked for at once'],
    [['send', '--endpoint', 'host'], 'Error: endpoint host has no port'],
    [['send', '--header', 'x'], 'Error: '],
  ])('refuses %j with one error and code 1', async (argv, text) => {
    const { code, out, err } = await command(...argv);
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err.startsWith(text)).toBe(true);
  });
});

describe('validate', () => {
  it('is silent about a good configuration', async () => {
    await expect(command('validate', '--config', good)).resolves.toEqual({ code: 0, out: '', err: '' });
  });

  it('names an unset variable before the fault that it caused', async () => {
    const text =
      'yaml:{receivers: {nop: }, exporters: {otlp: {endpoint: "${env:NOT_SET_HERE}"}}, ' +
      'service: {pipelines: {traces: {receivers: [nop], exporters: [otlp]}}}}';
    const { code, err } = await command('validate', '--config', text);
    expect(code).toBe(1);
    expect(err).toMatch(
      /^Warning: Configuration references unset environment variable \(.*name: NOT_SET_HERE\)\nError: exporters::otlp: requires a non-empty "endpoint"/,
    );
  });

  it('reports every fault of a bad one', async () => {
    const { code, err } = await command(
      'validate',
      '--config',
      good,
      '--set',
      'service.pipelines.traces.receivers=[a, b]',
    );
    expect(code).toBe(1);
    expect(err).toContain('service::pipelines::traces: references receiver "a" which is not configured');
    expect(err).toContain('service::pipelines::traces: references receiver "b" which is not configured');
    expect(err).not.toContain('invalid configuration: ');
  });
});

describe('print-config', () => {
  it('shows what breaks the rules when asked not to check them', async () => {
    const text = `yaml:{processors: {batch: {send_batch_size: 10, send_batch_max_size: 5}}, service: {pipelines: {traces: {receivers: [x]}}}}`;
    expect((await command('print-config', '--config', text)).code).toBe(1);
    const { code, out } = await command('print-config', '--validate=false', '--config', text);
    expect(code).toBe(0);
    expect(parse(out)).toMatchObject({ processors: { batch: { send_batch_max_size: 5, timeout: '200ms' } } });
  });

  it('prints YAML that loads again, under both names', async () => {
    const first = await command('print-config', '--config', good);
    expect(first.code).toBe(0);
    const again = await command('print-initial-config', '--config', `yaml:${first.out}`);
    expect(again.out).toBe(first.out);
  });

  it('hides secrets unless told otherwise, in both formats', async () => {
    const set = ['--set', 'exporters={otlp_http: {endpoint: "http://x", headers: {authorization: hush}}}'];
    const secret = ['--config', good, ...set, '--set', 'service.pipelines.traces.exporters=[otlp_http]'];
    const json = await command('print-config', ...secret, '--format', 'json');
    expect(JSON.parse(json.out)).toMatchObject({
      exporters: { otlp_http: { headers: { authorization: '[REDACTED]' } } },
    });
    const open = await command('print-config', ...secret, '--mode=unredacted');
    expect(open.out).toContain('authorization: hush');
  });
});

describe('components, featuregate, schema', () => {
  it('lists canonical names as YAML', async () => {
    const { code, out } = await command('components');
    expect(code).toBe(0);
    const listing = parse(out) as Record<string, { name?: string; scheme?: string }[]>;
    expect(listing['buildinfo']).toMatchObject({ command: 'teleferric', version: '0.1.0' });
    expect(listing['exporters']?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['debug', 'otlp_grpc', 'otlp_http']),
    );
    expect(listing['exporters']?.map(({ name }) => name)).not.toContain('otlp');
    expect(listing['providers']?.map(({ scheme }) => scheme)).toEqual(expect.arrayContaining(['env', 'file', 'yaml']));
  });

  it('shows gates as a table and one in detail', async () => {
    const { out } = await command('featuregate', '--feature-gates', 'service.AllowNoPipelines');
    expect(out).toMatch(/^ID +Enabled {2}Stage +Description\n/);
    expect(out).toMatch(/^service\.AllowNoPipelines +true +Alpha /m);
    const one = await command('featuregate', 'service.AllowNoPipelines');
    expect(one.out).toContain('Enabled: false\nStage: Alpha\n');
  });

  it('prints the schema as JSON', async () => {
    const { code, out } = await command('schema');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ type: 'object' });
  });
});

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])('knows commands and flags in %s', async (shell) => {
    const { code, out } = await command('completion', shell);
    expect(code).toBe(0);
    for (const word of ['validate', 'print-config', 'featuregate', 'send']) expect(out).toContain(word);
    expect(out).toMatch(shell === 'fish' ? /-l compression/ : /--compression/);
  });

  it('completes in a real bash', async () => {
    const { out } = await command('completion', 'bash');
    const script = `${out}\nCOMP_WORDS=(teleferric send --pro); COMP_CWORD=2; _teleferric; echo "\${COMPREPLY[@]}"
COMP_WORDS=(teleferric va); COMP_CWORD=1; _teleferric; echo "\${COMPREPLY[@]}"
COMP_WORDS=(teleferric queue st); COMP_CWORD=2; _teleferric; echo "\${COMPREPLY[@]}"`;
    const { stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect(stdout).toBe('--protocol\nvalidate\nstatus\n');
  });
});
