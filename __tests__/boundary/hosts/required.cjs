// A host that is no ES module.
const { Collector } = require('../../../dist/index.cjs');

async function main() {
  const { nowhere, SPAN } = await import('./pipeline.mjs');
  const collector = await Collector.start({ config: nowhere() });
  const { outcome } = await collector.ingest('traces', SPAN);
  await collector.close();
  const imported = await import('../../../dist/index.js');
  console.log(outcome, imported.Collector === Collector);
}
void main();
