import { loadBinding, platformPackage } from '../../../src/binding/load.js';
import { isCollectorError } from '../../../src/errors.js';
import { FakeAddon } from './fake-binding.js';

const linux = { env: {}, platform: 'linux', arch: 'x64', libc: 'glibc', version: '0.1.0' } as const;

function failure(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('expected a failure');
}

function loadNothing(place: string): unknown {
  throw new Error(`cannot open ${place}\nRequire stack: …`);
}

describe('platformPackage', () => {
  it.each([
    ['linux', 'x64', 'glibc', '@teleferric/binding-linux-x64-gnu'],
    ['linux', 'arm64', 'musl', '@teleferric/binding-linux-arm64-musl'],
    ['darwin', 'arm64', '', '@teleferric/binding-darwin-arm64'],
    ['win32', 'x64', '', '@teleferric/binding-win32-x64-msvc'],
    ['freebsd', 'x64', '', null],
    ['linux', 'ia32', 'glibc', null],
  ])('names the package of %s %s %s', (platform, arch, libc, name) => {
    expect(platformPackage(platform, arch, libc)).toBe(name);
  });
});

describe('loadBinding', () => {
  it('takes the path of TELEFERRIC_BINDING and nothing else', () => {
    const places: string[] = [];
    const addon = new FakeAddon();
    const load = (place: string): unknown => {
      places.push(place);
      return addon;
    };
    expect(loadBinding({ ...linux, env: { TELEFERRIC_BINDING: '/x.node' }, load })).toBe(addon);
    expect(places).toEqual(['/x.node']);
  });

  it('falls back from the platform package to the checkout', () => {
    const addon = new FakeAddon();
    const load = (place: string): unknown => {
      if (place.startsWith('@')) throw new Error(`Cannot find module '${place}'`);
      return addon;
    };
    expect(loadBinding({ ...linux, load })).toBe(addon);
  });

  it('says platform, libc, remedy and every place when nothing loads', () => {
    const error = failure(() => loadBinding({ ...linux, load: loadNothing }));
    expect(isCollectorError(error, 'BINDING_MISSING')).toBe(true);
    const { message, cause } = error as Error;
    expect(message).toContain('linux x64 glibc');
    expect(message).toContain('install @teleferric/binding-linux-x64-gnu');
    expect(message).toContain('native/teleferric.node: cannot open');
    expect(message).not.toContain('Require stack');
    expect((cause as Error).cause).toBeInstanceOf(Error);
  });

  it('names an unsupported platform as such', () => {
    const error = failure(() => loadBinding({ ...linux, platform: 'aix', libc: '', load: loadNothing }));
    expect((error as Error).message).toContain('no binary is published for this platform');
  });

  it('refuses an addon of another version instead of trying elsewhere', () => {
    const error = failure(() => loadBinding({ ...linux, version: '9.9.9', load: () => new FakeAddon() }));
    expect(isCollectorError(error, 'BINDING_MISMATCH')).toBe(true);
    expect((error as Error).message).toMatch(/version 0\.1\.0, but teleferric is 9\.9\.9/);
  });

  it('refuses a module that is not the addon', () => {
    const error = failure(() => loadBinding({ ...linux, load: () => ({}) }));
    expect((error as Error).message).toContain('not the teleferric addon');
  });
});
