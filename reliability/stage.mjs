// What a fault run plays on: a collector with a queue on disk, who sends to it, and what it sends to.
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from './folder.mjs';
import { audit, Auditor, judgeAccount, Oracle, queuesOf } from './oracle.mjs';
import { Collector, freePort } from './process.mjs';
import { Producer } from './producer.mjs';
import { Target } from './target.mjs';

export const QUIET_MS_MAX = 120_000;

/** Collector, producer and target around one folder. */
export class Stage {
  /** The exporter whose queue everything goes through. */
  exporter = 'otlp_http';

  /** `standby` is for a second target, which `exporter`, a function of its URL, puts into the configuration. */
  static async make({ connections, standby = false, exporter = () => ({}), Server = Target, ...settings }) {
    const stage = new Stage();
    stage.folder = temporaryFolder('faults');
    stage.oracle = new Oracle();
    stage.target = new Server(stage.oracle);
    await stage.target.open();
    stage.standby = new Server(stage.oracle);
    if (standby) await stage.standby.open();
    const [port, metricsPort] = [await freePort(), await freePort()];
    const places = { folder: stage.folder, port, metricsPort, targetPort: stage.target.port };
    const more = exporter(`http://127.0.0.1:${stage.standby.port}`);
    stage.collector = new Collector({ ...places, exporter: more, ...settings });
    stage.newProducer = (pace) => new Producer({ port, oracle: stage.oracle, connections, ...pace });
    stage.auditor = new Auditor(stage.collector);
    return stage;
  }

  /** The files of the log. */
  files() {
    const folder = path.join(this.folder, 'teleferric');
    return readdirSync(folder).map((name) => path.join(folder, name));
  }

  /** With everything well again: waits until what was taken has arrived, then sends a fresh request. */
  async settle({ mayMiss = false } = {}) {
    this.target.set('take');
    if (!this.target.isOpen) await this.target.open();
    const isQuiet = async () =>
      (await this.collector.metric('otelcol_exporter_queue_size')) === 0 && (mayMiss || this.oracle.missing() === 0);
    // A long backlog takes its time; one from which nothing comes any more is lost.
    let [delivered, end] = [-1, 0];
    while (!(await isQuiet())) {
      if (this.oracle.delivered > delivered)
        [delivered, end] = [this.oracle.delivered, performance.now() + QUIET_MS_MAX];
      if (performance.now() > end) break;
      await sleep(100);
    }
    const producer = this.newProducer();
    const { id, accepted } = await producer.send();
    await producer.stop();
    end = performance.now() + QUIET_MS_MAX;
    if (!accepted) return ['a fresh request is refused'];
    while (!this.oracle.isDelivered(id) && performance.now() < end) await sleep(20);
    if (!this.oracle.isDelivered(id)) return ['a fresh request does not arrive'];
    return this.#account(mayMiss);
  }

  /** What is wrong with the collector's account, when all is delivered and until then. */
  async #account(damaged) {
    const id = `${this.exporter} traces`;
    const end = performance.now() + QUIET_MS_MAX;
    let queue;
    do {
      await sleep(20);
      queue = queuesOf(await this.collector.page()).get(id);
    } while (queue?.held !== 0 && performance.now() < end);
    if (queue?.held !== 0) return [`the account of queue ${id} does not come to rest: ${JSON.stringify(queue)}`];
    const faults = [...(await audit(this.collector)), ...judgeAccount(this.oracle, queue, { damaged })];
    return [...faults, ...((await this.auditor?.end()) ?? [])];
  }

  async end() {
    await this.collector.kill();
    this.target.set('take');
    await this.target.close();
    await this.standby.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
