import { Collector } from '../../../src/collector/index.js';
import { PANICS_MAX } from '../../../src/collector/probation.js';
import { FakeAddon, listening, refusing } from '../binding/fake-binding.js';

const yaml = (exporter: string, reload = '{}'): string => `
receivers: {nop: }
exporters: {${exporter}: }
service:
  reload: ${reload}
  telemetry: {metrics: {level: none}, logs: {output_paths: []}}
  pipelines: {traces: {receivers: [nop], exporters: [${exporter}]}}
`;

const FATAL = { kind: 'fatal', component: 'otlp', message: 'listener died' };

/** A collector that was started with exporter `nop`, and what it told. */
async function started(): Promise<{ addon: FakeAddon; collector: Collector; told: string[] }> {
  const addon = new FakeAddon();
  const collector = await Collector.start({ config: yaml('nop') }, { addon });
  const told: string[] = [];
  collector.on('error', ({ message }) => told.push(`error ${message}`));
  collector.on('probation', (failure) => told.push(failure === null ? 'passed' : `failed ${failure.message}`));
  return { addon, collector, told };
}

/** The types of the exporters that the core was given, one configuration after another. */
function exporters({ documents }: FakeAddon): string[] {
  return documents.map((text) => (JSON.parse(text) as { exporters: { type: string }[] }).exporters[0]?.type ?? '');
}

function probationOf(collector: Collector): Promise<unknown> {
  return new Promise((resolve) => {
    collector.once('probation', resolve);
  });
}

describe('probation', () => {
  it('goes back to the configuration before when a component fails for good', async () => {
    const { addon, collector, told } = await started();
    const before = collector.configuration;
    await collector.reload(yaml('debug'));
    const over = probationOf(collector);
    addon.emit(FATAL, FATAL);
    await over;
    expect(told).toEqual(['failed otlp: listener died']);
    expect(collector.configuration).toBe(before);
    expect([collector.state, exporters(addon)]).toEqual(['running', ['nop', 'debug', 'nop']]);
    // Its sources are the ones from before as well, and it is not on probation.
    await collector.reload();
    expect(exporters(addon).at(-1)).toBe('nop');
    await collector.close();
  });

  it('ends a failure afterwards as ever', async () => {
    const { addon, collector, told } = await started();
    const over = probationOf(collector);
    await collector.reload(yaml('debug', '{probation: 1ms}'));
    await expect(over).resolves.toBeNull();
    addon.emit(FATAL);
    expect(told).toEqual(['passed', 'error otlp: listener died']);
    await collector.close();
  });

  it.each(['{probation: 0s}', '{on_failure: exit}'])('is not there with %s', async (reload) => {
    const { addon, collector, told } = await started();
    await collector.reload(yaml('debug', reload));
    addon.emit(FATAL);
    expect(told).toEqual(['error otlp: listener died']);
    await collector.close();
  });

  it('goes back to the last that passed, also when the failure comes during the change', async () => {
    const { addon, collector, told } = await started();
    await collector.reload(yaml('debug'));
    const over = probationOf(collector);
    addon.answers.reload = () => {
      addon.answers.reload = () => Promise.resolve(listening('127.0.0.1:1'));
      addon.emit(FATAL);
      return Promise.resolve(listening('127.0.0.1:2'));
    };
    await collector.reload(yaml('file', '{}').replace('file: ', 'file: {path: /dev/null}'));
    await over;
    expect(told).toEqual(['failed otlp: listener died']);
    expect(exporters(addon)).toEqual(['nop', 'debug', 'file', 'nop']);
    await collector.close();
  });

  it('goes on with the first probation when a second change is refused', async () => {
    const { addon, collector, told } = await started();
    await collector.reload(yaml('debug'));
    addon.answers.reload = () => Promise.resolve(refusing('START_FAILED', 'no'));
    await expect(collector.reload(yaml('nop'))).rejects.toThrow('no');
    addon.answers.reload = () => Promise.resolve(listening('127.0.0.1:1'));
    const over = probationOf(collector);
    addon.emit(FATAL);
    await over;
    expect(told).toEqual(['failed otlp: listener died']);
    await collector.close();
  });

  it('is an error when there is no way back', async () => {
    const { addon, collector, told } = await started();
    await collector.reload(yaml('debug'));
    addon.answers.reload = () => Promise.resolve(refusing('START_FAILED', 'address in use'));
    const error = new Promise((resolve) => {
      collector.once('error', resolve);
    });
    addon.emit(FATAL);
    await error;
    expect(told).toEqual(['failed otlp: listener died', 'error otlp: listener died']);
    await collector.close();
  });

  it.each([
    [PANICS_MAX - 1, 'passed'],
    [PANICS_MAX, `failed ${PANICS_MAX} panics since the reload`],
  ])('of %d panics says: %s', async (more, expected) => {
    const { addon, collector, told } = await started();
    let panics = 7;
    const series = { name: 'teleferric_panics_total', help: '', type: 'counter', labels: {}, offset: 0, bounds: [] };
    addon.answers.catalogue = () => JSON.stringify({ version: 1, length: 1, series: [series] });
    addon.answers.snapshot = (into) => {
      into[0] = panics;
      return 1;
    };
    const over = probationOf(collector);
    await collector.reload(yaml('debug', '{probation: 1ms}'));
    panics += more;
    await over;
    expect(told).toEqual([expected]);
    await collector.close();
  });
});
