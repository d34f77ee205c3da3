/**
 * `teleferric top`: shows what a running collector does, from its metrics page, again and again.
 */
import { setTimeout as delay } from 'node:timers/promises';

import { loadConfig } from '../config/index.js';
import { CollectorError, messageOf } from '../errors.js';
import type { CliIo } from './io.js';
import { parseMetricsPage } from './metrics-page.js';
import type { ConfigFlags } from './run.js';
import { topView, type Reading } from './top-view.js';

/** Flags of `top`. */
export interface TopFlags extends ConfigFlags {
  readonly url?: string;
  /** Seconds between two readings. */
  readonly interval: number;
  readonly once: boolean;
}

/** Where a collector without configuration has its page. */
const DEFAULT_URL = 'http://localhost:8888/metrics';
const ANSWER_MS_MAX = 5000;
/** A terminal that does not tell its size. */
const COLUMNS = 80;
const ROWS = 24;
/** The other screen, without cursor; and back. */
const ENTER = '\u001B[?1049h\u001B[?25l';
const LEAVE = '\u001B[?25h\u001B[?1049l';

/**
 * Until a signal ends it; with `once`, or where there is no terminal, one text with the rates of one interval.
 * @throws {CollectorError} when nothing answers at first; later that is shown, and tried again
 */
export async function top(flags: TopFlags, io: CliIo): Promise<void> {
  const url = await pageUrl(flags);
  const ending = new AbortController();
  const removers = (['SIGINT', 'SIGTERM'] as const).map((name) => io.onSignal(name, () => ending.abort()));
  try {
    const first = await read(url);
    if (flags.once || io.stdout.isTTY !== true) await printOnce(first, url, flags.interval, ending.signal, io);
    else await refresh(first, url, flags.interval, ending.signal, io);
  } finally {
    for (const remove of removers) remove();
  }
}

async function printOnce(first: Reading, url: string, seconds: number, ending: AbortSignal, io: CliIo): Promise<void> {
  if (!(await pause(seconds, ending))) return;
  const lines = topView(await read(url), first, Number.POSITIVE_INFINITY);
  io.stdout.write(`${lines.join('\n')}\n`);
}

async function refresh(first: Reading, url: string, seconds: number, ending: AbortSignal, io: CliIo): Promise<void> {
  io.stdout.write(ENTER);
  try {
    let [before, now, trouble]: [Reading | null, Reading, string | null] = [null, first, null];
    do {
      draw(topView(now, before, io.stdout.columns ?? COLUMNS), trouble ?? url, io);
      if (!(await pause(seconds, ending))) return;
      try {
        [before, now, trouble] = [now, await read(url), null];
      } catch (error) {
        trouble = messageOf(error);
      }
    } while (!ending.aborted);
  } finally {
    io.stdout.write(LEAVE);
  }
}

/** Writes over what is there, so that nothing flickers. The last line tells where the numbers come from. */
function draw(lines: readonly string[], last: string, { stdout }: CliIo): void {
  const rows = stdout.rows ?? ROWS;
  const shown =
    lines.length <= rows - 1 ? lines : [...lines.slice(0, rows - 2), `… ${lines.length - rows + 2} more lines`];
  const foot = last.slice(0, stdout.columns ?? COLUMNS);
  stdout.write(`\u001B[H${shown.map((line) => `${line}\u001B[K\r\n`).join('')}\u001B[J\u001B[${rows};1H${foot}`);
}

/** @returns whether the time passed without an end */
async function pause(seconds: number, signal: AbortSignal): Promise<boolean> {
  try {
    await delay(seconds * 1000, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}

async function read(url: string): Promise<Reading> {
  let text: string;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    if (!answer.ok) throw new Error(`it answers with status ${answer.status}`);
    text = await answer.text();
  } catch (error) {
    // what fetch says itself is no more than that it failed
    const { cause = error } = error as { readonly cause?: unknown };
    const hint = 'is a collector running, and is its metrics page there?';
    throw new CollectorError('INVALID_STATE', `no metrics from ${url}: ${messageOf(cause)}; ${hint}`, { cause: error });
  }
  const samples = parseMetricsPage(text);
  if (samples.length === 0) throw new CollectorError('INVALID_STATE', `${url} is no metrics page`);
  return { samples, atMs: performance.now() };
}

async function pageUrl({ url, config: sources, set: sets, featureGates }: TopFlags): Promise<string> {
  if (url !== undefined) {
    if (!URL.canParse(url)) throw new CollectorError('INVALID_ARGUMENT', `"${url}" is no URL, such as ${DEFAULT_URL}`);
    return url;
  }
  if (sources.length === 0) return DEFAULT_URL;
  const { config } = await loadConfig({ sources, sets, featureGates, purpose: 'look' });
  const [reader] = config.service.telemetry.metrics.readers;
  if (reader === undefined) {
    throw new CollectorError('INVALID_ARGUMENT', 'the configuration has no metrics page (service::telemetry::metrics)');
  }
  const { host, port } = reader.prometheus;
  const reached = ['', '0.0.0.0', '::', '[::]'].includes(host) ? 'localhost' : host;
  return `http://${reached.includes(':') && !reached.startsWith('[') ? `[${reached}]` : reached}:${port}/metrics`;
}
