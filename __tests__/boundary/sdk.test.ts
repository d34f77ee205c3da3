// The exporters for the SDK wherever Node runs JavaScript.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { jest } from '@jest/globals';

jest.setTimeout(60_000);

test('every thread and process exports to a collector of its own', async () => {
  const file = fileURLToPath(new URL('sdk-places.mjs', import.meta.url));
  const child = spawn(process.execPath, [file], { env: { ...process.env, NODE_OPTIONS: '' } });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({ main: 100, inThread: 100, inChild: 100, code: 0 });
});
