import { once } from 'node:events';
import { PassThrough } from 'node:stream';

import type { HostExchange } from '../../../src/binding/index.js';
import { peerOf, relay } from '../../../src/receivers/door.js';

/** An exchange that has room for so many pieces before each wait. */
class Narrow {
  readonly said: string[] = [];
  widen: () => void = () => {};

  write(bytes: Uint8Array): boolean {
    this.said.push(String(bytes));
    return false;
  }

  room(): Promise<void> {
    return new Promise((resolve) => {
      this.widen = resolve;
    });
  }

  finish(): void {
    this.said.push('finish');
  }

  abort(): void {
    this.said.push('abort');
  }
}

function relayed(): { source: PassThrough; narrow: Narrow } {
  const source = new PassThrough({ highWaterMark: 4 });
  const narrow = new Narrow();
  relay(source, narrow as unknown as HostExchange);
  return { source, narrow };
}

test('a source is paused until there is room, and so is who writes to it', async () => {
  const { source, narrow } = relayed();
  const paused = once(source, 'pause');
  source.write('one');
  await paused;
  source.write('two');
  expect(source.write('three')).toBe(false);
  source.end();
  expect(narrow.said).toEqual(['one']);
  while (!narrow.said.includes('finish')) {
    const before = narrow.said.filter((word) => word !== 'finish').length;
    narrow.widen();
    await new Promise((resolve) => setImmediate(resolve));
    expect(narrow.said.filter((word) => word !== 'finish').length).toBeLessThanOrEqual(before + 1);
  }
  expect(narrow.said).toEqual(['one', 'two', 'three', 'finish']);
});

test('a source that breaks off is no complete body', async () => {
  const { source, narrow } = relayed();
  const paused = once(source, 'pause');
  source.write('one');
  await paused;
  source.destroy();
  await once(source, 'close');
  expect(narrow.said).toEqual(['one', 'abort']);
});

test.each([
  ['127.0.0.1', '127.0.0.1:7'],
  ['::ffff:127.0.0.1', '127.0.0.1:7'],
  ['fe80::1%eth0', '[fe80::1]:7'],
])('the address %s is told as %s', (remoteAddress, peer) => {
  expect(peerOf({ remoteAddress, remotePort: 7 })).toBe(peer);
});
