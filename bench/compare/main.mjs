// Compares teleferric with its peers on this machine. See README.md here; `--help` lists the flags.
import { estimates, runCampaign } from './campaign.mjs';
import { writeCharts } from './charts.mjs';
import { parseFlags, usage } from './flags.mjs';
import { selectPeers } from './peers/index.mjs';
import { endAll } from './processes.mjs';
import { formatDuration } from './progress.mjs';
import { writeReport } from './report.mjs';
import { readResults } from './results.mjs';
import { selectCells } from './scenarios.mjs';

process.once('exit', endAll);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

try {
  await main(parseFlags(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`compare: ${error.message}\n`);
  process.exitCode = 1;
}

async function main(flags) {
  if (flags.help) {
    process.stdout.write(usage);
    return;
  }
  const cells = selectCells(flags);
  const peers = selectPeers(flags.peers);
  if (cells.length === 0) throw new Error('no cell matches --only and --tags');
  if (flags.list) {
    listCells(cells, peers, flags.settings);
    return;
  }
  const results = flags['report-only'] ? readResults(flags.out) : await runCampaign({ ...flags, cells, peers });
  const written = [await writeReport(flags.out, results), ...(await writeCharts(flags.out, results))];
  for (const file of written) process.stdout.write(`${file}\n`);
}

function listCells(cells, peers, settings) {
  const seconds = estimates(cells, peers, settings);
  for (const { id, tag, title } of cells) {
    process.stdout.write(`${id.padEnd(22)} ${tag.padEnd(12)} ${formatDuration(seconds[id]).padStart(8)}  ${title}\n`);
  }
  const total = Object.values(seconds).reduce((sum, each) => sum + each, 0);
  process.stdout.write(`cells: ${cells.length}, about ${formatDuration(total)}\n`);
}
