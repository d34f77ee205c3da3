/**
 * The code of docs/embedding.md: whole programs (`run`) are run, the rest is compiled against the package's types, and
 * what is shown of frameworks is what the tests of the frameworks use.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';

import { jest } from '@jest/globals';

import { blocksOf, compile, isCode, type Block } from '../support/documents.js';
import { folderWith, ROOT } from '../support/installed.js';

jest.setTimeout(60_000);

const blocks = blocksOf('docs/embedding.md').filter(isCode);
const programs = blocks.filter(({ words }) => words.includes('run'));
const fragments = blocks.filter(({ words }) => !words.includes('run'));

test.each(programs)('the program in line $line runs to its end', async ({ words, code }) => {
  const folder = folderWith('docs', ['teleferric']);
  const file = path.join(folder, words.includes('cjs') ? 'program.cjs' : 'program.mjs');
  writeFileSync(file, code);
  const child = spawn(process.execPath, [file], {
    env: { ...process.env, NODE_OPTIONS: '', PORT: '0' },
    // In a group of its own, so that workers of a program that fails do not outlive the test.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = text(child.stderr);
  // Whatever goes on until it is told to end says first that it listens, workers each for itself.
  const listening = Number(/WORKERS = (\d)/.exec(code)?.[1] ?? 1);
  let lines = 0;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    lines += chunk.split('\n').length - 1;
    if (code.includes('SIGTERM') && lines === listening) child.kill('SIGTERM');
  });
  try {
    const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
    expect({ status, signal, errors: errorsIn(await said) }).toEqual({ status: 0, signal: null, errors: [] });
  } finally {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      process.kill(-child.pid, 'SIGKILL');
  }
});

/** Lines that are not of the collector's log, and those of it that tell of an error. */
function errorsIn(output: string): readonly string[] {
  return output.split('\n').filter((line) => line !== '' && !/^\S+\t(?:debug|info|warn)\t/.test(line));
}

/** What the fragments take as given. */
const GIVEN = `
type Handler = (request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => void;
declare const Collector: typeof import('teleferric').Collector;
declare const loadConfig: typeof import('teleferric').loadConfig;
declare const isCollectorError: typeof import('teleferric').isCollectorError;
declare const collector: import('teleferric').Collector;
declare const body: Uint8Array;
declare const otlp: Handler;
declare function verdictOf(authorization: unknown): { readonly tenant: string } | null;
`;

/** What the fragments below a heading take as given besides. */
const GIVEN_BELOW: Readonly<Record<string, string>> = {
  Express: `import express from 'express';\nconst app = express();\n`,
  Fastify: `import fastify from 'fastify';\nconst app = fastify();\n`,
  Koa: `import Koa from 'koa';\nconst app = new Koa();\n`,
  Hono: `import { Hono } from 'hono';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
const app = new Hono<{ Bindings: HttpBindings }>();
`,
  gRPC: `import { Server } from '@grpc/grpc-js';\nconst server = new Server();\n`,
};

const before = ({ heading }: Block): string => GIVEN_BELOW[heading] ?? '';

test('the fragments compile', async () => {
  const packages = ['express', 'fastify', 'koa', 'hono', '@hono/node-server', '@grpc/grpc-js', 'prom-client'];
  expect(await compile(fragments, { packages, given: GIVEN, before })).toBe('');
});

test('what is shown of frameworks is what is tested', () => {
  const folder = path.join(ROOT, '__tests__/frameworks/hosts');
  const tested = readdirSync(folder).map((name) => indented(readFileSync(path.join(folder, name), 'utf8')));
  const shown = fragments.filter(({ heading }) => heading in GIVEN_BELOW);
  expect(shown.map(({ heading }) => heading)).toEqual(Object.keys(GIVEN_BELOW));
  for (const { code } of shown) expect(tested.some((source) => source.includes(indented(code)))).toBe(true);
});

/** Without the white space before lines, which is another inside a function. */
const indented = (code: string): string => code.replaceAll(/^ +/gm, '');
