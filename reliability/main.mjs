// Fault runs from the command line. See README.md here.
import { parseArgs } from 'node:util';
import { fairness } from './fairness.mjs';
import { endAll } from './process.mjs';
import { reload } from './reload.mjs';
import { scenarios } from './scenarios.mjs';

const usage = `usage: npm run faults -- SCENARIO [flags]

  kill     kill -9 under load               --cycles N (10)
  restarts kill -9 at starts, queue full    --cycles N (10)
  stop     SIGTERM, much is queued          --requests N (2000)
  outage   target away for a while          --seconds S (30)
  overload ten times too much is offered    --seconds S (30)
  slow     one of three targets is slow     --seconds S (30)
  damage   bytes on the disk change         --cycles N (10)
  reload   another configuration            --cycles N (10)
  storm    50 targets refuse everything     --seconds S (30)
  failover one of two endpoints fails       --cycles N (10)
  freeze   all of it stands still           --seconds S (30)
  fairness one tenant sends too much        --seconds S (30)

  --connections N  requests at once (32)
  --rate R         requests a second, in outage and freeze (500)
`;

process.once('exit', endAll);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

const number = { type: 'string' };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cycles: number,
    requests: number,
    seconds: number,
    connections: number,
    rate: number,
    help: { type: 'boolean' },
  },
});
const scenario = { ...scenarios, reload, fairness }[positionals[0]];
if (values.help || scenario === undefined || positionals.length > 1) {
  process.stdout.write(usage);
  process.exit(values.help ? 0 : 2);
}
const defaults = { cycles: 10, requests: 2000, seconds: 30, connections: 32, rate: 500 };
const options = Object.fromEntries(
  Object.entries(defaults).map(([name, value]) => [name, values[name] === undefined ? value : Number(values[name])]),
);
if (Object.values(options).some((value) => !(value > 0))) {
  process.stderr.write('all flags take numbers above 0\n');
  process.exit(2);
}
const found = await scenario(options);
process.stdout.write(`${JSON.stringify({ scenario: positionals[0], ...found }, null, 2)}\n`);
process.exitCode = found.faults.length === 0 ? 0 : 1;
