// What a host process must live through, from the command line. See README.md here.
import { parseArgs } from 'node:util';

import { exits, pairs } from './exits.mjs';
import { level } from './level.mjs';
import { newestVersions, promisedVersions, withNode } from './node-versions.mjs';
import { node } from './node.mjs';

const usage = `usage: npm run survival -- SCENARIO [flags]

  cycles         collectors start, work and close        --count N (1000)
  reloads        one collector changes again and again   --count N (1000)
  workers        threads with collectors are terminated  --count N (240) --seed N (1)
  exits          processes end, at any state             --short
  node-versions  all of it, short, on each Node          --only VERSION | --every
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string' },
    seed: { type: 'string' },
    short: { type: 'boolean' },
    only: { type: 'string' },
    every: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
const number = (name, standard) => Number(values[name] ?? standard);
const say = (text) => process.stdout.write(`${text}\n`);

const scenarios = {
  cycles: () => level('cycles.mjs', { warmUp: [100], count: number('count', 1000) }, say),
  reloads: () => level('reloads.mjs', { warmUp: [40], count: number('count', 1000) }, say),
  // Isolates that end at other times than they began leave holes between others.
  workers: () =>
    level(
      'workers.mjs',
      { count: number('count', 240), more: [number('seed', 1)], noiseKib: { mallocKib: 2048 } },
      say,
    ),
  exits: () => ended(values.short === true),
  'node-versions': async () => everyNode(await chosenVersions()),
};

const scenario = scenarios[positionals[0]];
if (values.help || positionals.length !== 1 || scenario === undefined) {
  process.stdout.write(usage);
  process.exit(values.help ? 0 : 2);
}
const all = await scenario();
for (const fault of all) say(`FAULT ${fault}`);
say(all.length === 0 ? 'survived' : `${all.length} faults`);
process.exit(all.length === 0 ? 0 : 1);

async function ended(short) {
  const chosen = pairs(!short);
  return exits(chosen, {
    onDone: ({ state, ending }, { acknowledged, faults }) => {
      const word = faults.length === 0 ? 'ok' : 'FAULT';
      say(`${word.padEnd(6)}${state.padEnd(10)} ${ending.padEnd(12)} ${acknowledged} acknowledged`);
    },
  });
}

async function chosenVersions() {
  if (values.only !== undefined) return [values.only];
  return values.every === true ? promisedVersions() : newestVersions();
}

/** The short forms on each version of Node, one after another. */
async function everyNode(versions) {
  const faults = [];
  for (const version of versions) {
    const found = await withNode(version, async (executable) => {
      const runs = [
        ['smoke.mjs', []],
        ['main.mjs', ['cycles', '--count', '100']],
        ['main.mjs', ['workers', '--count', '24']],
        ['main.mjs', ['exits', '--short']],
      ];
      const failed = [];
      for (const [script, args] of runs) {
        const { code, signal, stdout, stderr } = await node(script, args, executable);
        if (code !== 0) failed.push(`${script} ${args.join(' ')} ended with ${code ?? signal}: ${stdout}${stderr}`);
      }
      return failed;
    });
    say(`${found.length === 0 ? 'ok' : 'FAULT'}`.padEnd(6) + version);
    for (const fault of found) say(fault);
    if (found.length > 0) faults.push(`${found.length} on Node ${version}`);
  }
  return faults;
}
