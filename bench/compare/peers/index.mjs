// The contenders. Each peer is an object:
//
//   id, title
//   install({ cache, progress })  puts it into the cache if it is not there; resolves with what `configure` needs
//   version(installed)            runs it, and resolves with its version
//   configure(cell, { listen, next, spare, installed })
//                                 { command, args, env, files, ack, deviations? }: what to start in a folder with these
//                                 files, whether it answers on `delivery` or on `acceptance`, and properties of the cell
//                                 that are otherwise here
//   absent(cell)                  why it cannot do the cell, or null
//   notes(cell)                   in what it differs from the others there
import { baselineJs } from './baseline-js.mjs';
import { otelcol } from './otelcol.mjs';
import { rotel } from './rotel.mjs';
import { teleferric } from './teleferric.mjs';

export const peers = [teleferric, otelcol, rotel, baselineJs];

/** A second, identical teleferric: its ratio to the first must contain 1. */
export const control = { ...teleferric, id: 'control', title: 'teleferric again (A/A control)' };

/** The peers named in `--peers` (comma-separated), always with teleferric. */
export function selectPeers(wanted) {
  if (wanted === undefined) return peers;
  const names = wanted.split(',');
  const unknown = names.filter((name) => !peers.some(({ id }) => id === name));
  if (unknown.length > 0)
    throw new Error(`unknown peers: ${unknown.join(', ')} (there are ${peers.map(({ id }) => id).join(', ')})`);
  return peers.filter(({ id }) => id === teleferric.id || names.includes(id));
}

/** Installs one peer and asks for its version; a failure is an answer, not an error. */
export async function prepare(peer, context) {
  const { id, title } = peer;
  try {
    const installed = await peer.install(context);
    return { id, title, installed, version: await peer.version(installed) };
  } catch (error) {
    return { id, title, reason: error.message };
  }
}
