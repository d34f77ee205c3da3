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
  runPlugin,
  startPlugin,
  type LoggedLine,
  type PluginModule,
  type PluginOptions,
  type PluginOutcome,
  type RunningPlugin,
  type TestedPlugin,
} from './plugin.js';
export * from '../views/index.js';
