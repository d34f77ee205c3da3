// Measuring one scenario: the program of this folder bare for allocations, under callgrind for instructions and under
// DHAT for copies. No count depends on time.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { run } from '../../scripts/shell.mjs';
import { COUNTS, rounded } from './compare.mjs';
import { totalOf } from './profile.mjs';

/** Requests of the bare runs, before and while allocations are counted: whole rounds of every scenario. */
const BARE_REQUESTS = { warmUp: 1000, requests: 1000 };

/**
 * Copies in vector instructions whatever the processor is: with "enhanced rep movsb" a copy would count one instruction
 * a byte on some and next to none on others.
 */
const ENVIRONMENT = { GLIBC_TUNABLES: 'glibc.cpu.hwcaps=-ERMS' };

/** Stack frames that reach from a copy to the peer that makes it. */
const COPY_FRAMES = 40;

/** The function that every peer runs in; see `meter.rs`. */
const PEER = /gates::meter::Peer<.*>::poll/;

/** All scenarios of the program at `binary`: `{ name, payloadBytes, round, warmUp, requests }`. */
export async function scenariosOf(binary) {
  return JSON.parse(await output(binary, ['list']));
}

/** The counts of a scenario, each per request and rounded to what repeats. */
export async function measure(binary, scenario) {
  const counts = {
    instructions: totalOf(await callgrind(binary, scenario)) / scenario.requests,
    ...(await allocations(binary, scenario)),
    copiedBytes: await copiedBytes(binary, scenario),
  };
  return Object.fromEntries(COUNTS.map((count) => [count.key, rounded(count, counts[count.key])]));
}

/** What callgrind writes about the measured requests of a scenario. */
export function callgrind(binary, { name, warmUp, requests }) {
  const tool = ['--tool=callgrind', '--collect-atstart=no'];
  return underValgrind([...tool, '--callgrind-out-file='], [binary, 'replay', name, warmUp, requests]);
}

/** Where a scenario allocates, as text. */
export function sites(binary, { name }) {
  return output(binary, ['sites', name, BARE_REQUESTS.warmUp, BARE_REQUESTS.requests]);
}

async function allocations(binary, { name }) {
  const { warmUp, requests } = BARE_REQUESTS;
  const counted = JSON.parse(await output(binary, ['allocations', name, warmUp, requests]));
  return { allocations: counted.allocations / requests, allocatedBytes: counted.allocatedBytes / requests };
}

/** DHAT cannot be told when to begin, so the run is made twice, once with more requests: few, since copies repeat. */
async function copiedBytes(binary, { name, round, warmUp, requests }) {
  const more = round * Math.max(1, Math.round(requests / round / 4));
  const copied = async (count) => {
    const tool = ['--tool=dhat', '--mode=copy', `--num-callers=${COPY_FRAMES}`, '--dhat-out-file='];
    return copiedOf(JSON.parse(await underValgrind(tool, [binary, 'replay', name, warmUp, count])));
  };
  return ((await copied(more + more)) - (await copied(more))) / more;
}

/** Bytes that anything but the peers has copied, by DHAT's output. */
export function copiedOf({ pps: points, ftbl: frames }) {
  const byPeer = frames.map((frame) => PEER.test(frame));
  const ours = points.filter((point) => !point.fs.some((frame) => byPeer[frame]));
  return ours.reduce((sum, point) => sum + point.tb, 0);
}

/** Runs a command under a tool, the last of whose options takes the output file, and resolves with that file's text. */
async function underValgrind(options, command) {
  const folder = mkdtempSync(path.join(tmpdir(), 'teleferric-gates-'));
  try {
    const file = path.join(folder, 'out');
    const [last, ...others] = options.toReversed();
    await output('valgrind', [...others.toReversed(), `${last}${file}`, ...command]);
    return readFileSync(file, 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What a command prints; rejects if it fails, and shows its output then. */
async function output(command, args) {
  const { status, output: text } = await run(command, args.map(String), { env: ENVIRONMENT, quiet: true });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed (exit ${status})`);
  return text;
}
