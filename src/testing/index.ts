/**
 * `teleferric/testing`: tests of plugins without a running collector and without its native part.
 */
export {
  joined,
  logs,
  metrics,
  TEST_TIME_UNIX_NANO,
  traces,
  type AttributesFixture,
  type EventFixture,
  type ExponentialPointFixture,
  type HistogramPointFixture,
  type LinkFixture,
  type LogFixture,
  type MetricFixture,
  type NumberPointFixture,
  type PointFixture,
  type ScopeFixture,
  type SourceFixture,
  type SpanFixture,
  type SummaryPointFixture,
  type WideInteger,
} from './fixtures.js';
export {
  runExporter,
  startExporter,
  type ExporterModule,
  type ExportOutcome,
  type RunningExporter,
  type TestedExporter,
} from './exporter.js';
export {
  runPlugin,
  startPlugin,
  type PluginModule,
  type PluginOutcome,
  type RunningPlugin,
  type TestedPlugin,
} from './processor.js';
export {
  startReceiver,
  type EmittedRequest,
  type ReceiverModule,
  type ReceiverOptions,
  type RunningReceiver,
  type TestedReceiver,
} from './receiver.js';
export type { Closable, LoggedLine, ModuleOf, PluginOptions, PluginParts } from './set-up.js';
export * from '../views/index.js';
