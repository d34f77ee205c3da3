// A host that ends in one of several ways without closing its collector, right after it was told OK three times.
import { Collector } from '../../../dist/index.js';
import { SPAN, stored } from './pipeline.mjs';

const [how, directory] = process.argv.slice(2);
const collector = await Collector.start({ config: stored(directory) });
const outcomes = await Promise.all([1, 2, 3].map(() => collector.ingest('traces', SPAN)));
process.stdout.write(outcomes.map(({ outcome }) => outcome).join(' '));
if (how === 'exit') process.exit(0);
if (how === 'throw') throw new Error('uncaught');
if (how === 'kill') process.kill(process.pid, 'SIGKILL');
collector.unref();
