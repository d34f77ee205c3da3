/**
 * Everything the configuration reads from outside itself, behind one interface, so that tests can hold the world still.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';

/** The outside world as the configuration sees it. */
export interface Environment {
  /** The value of an environment variable; undefined if unset. */
  variable(name: string): string | undefined;
  /** The text of a file. */
  readFile(path: string): Promise<string>;
  /** The answer to a GET; the text is empty unless the status is 200. */
  fetchText(url: string, signal: AbortSignal | null): Promise<{ readonly status: number; readonly text: string }>;
  /** Memory this process may use, in bytes: the cgroup's limit if there is one, else the host's. */
  memory(): MemoryTotal;
  /** Processors this process may use. */
  parallelism(): number;
}

/** How much memory there is, and who says so. */
export interface MemoryTotal {
  readonly bytes: number;
  readonly from: 'cgroup' | 'host';
}

/** How long an HTTP configuration source may take, and how large any source may be. */
export const FETCH_TIMEOUT_MS = 10_000;
/** Largest configuration source, in bytes. */
export const SOURCE_BYTES_MAX = 16 * 1024 * 1024;

/** The real world. */
export function processEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  return {
    variable: (name) => (Object.hasOwn(env, name) ? env[name] : undefined),
    readFile: readTextFile,
    fetchText,
    memory: readMemoryTotal,
    parallelism: availableParallelism,
  };
}

async function readTextFile(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (bytes.length > SOURCE_BYTES_MAX) throw new Error(`file is larger than ${SOURCE_BYTES_MAX} bytes`);
  return bytes.toString('utf8');
}

async function fetchText(url: string, signal: AbortSignal | null): Promise<{ status: number; text: string }> {
  const timeout = AbortSignal.timeout(FETCH_TIMEOUT_MS);
  const response = await fetch(url, { signal: signal === null ? timeout : AbortSignal.any([signal, timeout]) }).catch(
    (error: unknown) => {
      // The reason, such as a refused connection, hides behind "fetch failed".
      throw (error as { cause?: unknown }).cause ?? error;
    },
  );
  if (response.status !== 200) {
    await response.body?.cancel();
    return { status: response.status, text: '' };
  }
  return { status: 200, text: await readBody(response) };
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > SOURCE_BYTES_MAX) throw new Error(`answer is larger than ${SOURCE_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Where the kernel says how much memory this control group may use: version 2, then version 1. */
const CGROUP_LIMIT_FILES = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

function readMemoryTotal(): MemoryTotal {
  const host = totalmem();
  for (const file of CGROUP_LIMIT_FILES) {
    const limit = readNumberFile(file);
    // version 1 says "no limit" by a number near 2^63
    if (limit !== null && limit > 0 && limit < host) return { bytes: limit, from: 'cgroup' };
  }
  return { bytes: host, from: 'host' };
}

function readNumberFile(path: string): number | null {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return /^\d+$/.test(text) ? Number(text) : null;
  } catch {
    return null;
  }
}
