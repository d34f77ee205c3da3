// A cluster whose second worker wants the address of the first.
import cluster from 'node:cluster';
import { once } from 'node:events';

import { Collector } from '../../../dist/index.js';
import { nowhere } from './pipeline.mjs';

if (cluster.isPrimary) {
  const first = cluster.fork();
  const [address] = await once(first, 'message');
  const second = cluster.fork({ ADDRESS: address });
  const [error] = await once(second, 'message');
  const third = cluster.fork();
  const [other] = await once(third, 'message');
  console.log(JSON.stringify({ error, differs: other !== address }));
  for (const worker of [first, third]) worker.send('close');
} else {
  const said = await Collector.start({ config: nowhere(process.env.ADDRESS) }).then(
    (collector) => {
      process.once('message', () => void collector.close().then(() => process.disconnect()));
      return collector.listening()[0].address;
    },
    (error) => ({ code: error.code, message: error.message }),
  );
  process.send(said, () => typeof said === 'string' || process.disconnect());
}
