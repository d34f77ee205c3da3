/**
 * The collector: its class, its options, and what it gives back.
 */
export { Collector, type CollectorInternals, type CollectorState } from './collector.js';
export type { CollectorEvents } from './events.js';
export type { BreakerEvent, BreakerState } from './breakers.js';
export type {
  CloseOptions,
  CollectorOptions,
  ConfigInput,
  ConfigPart,
  FlushOptions,
  FlushOutcome,
  HostMetrics,
  Logger,
  ReloadOptions,
} from './options.js';
export type { Compression, IngestOptions, RequestContext, RequestPriority } from '../ingest/index.js';
export type { CollectorMetrics, CounterOptions, GaugeOptions, HistogramOptions, SummaryOptions } from './metrics.js';
export type { MetricsFeedOptions } from './metrics-feed.js';
export type { GrpcServiceOptions, HttpHandlerOptions } from './mounts.js';
export type { CollectorStats, SignalTotals } from './stats.js';
export { GeneratorRun, type GeneratorPlan, type GeneratorReport, type GeneratorTarget } from './generator.js';
export {
  inspectStorage,
  purgeQueue,
  replayDeadLetters,
  type PurgeOptions,
  type ReplayOptions,
  type StorageLocation,
} from './storage.js';
export type {
  DeadLetter,
  DropEvent,
  Encoding,
  IngestOutcome,
  Listener,
  RefusalReason,
  Signal,
  StorageReplay,
  StorageSurvey,
  StorageTally,
  StoredHold,
  StoredLog,
  StoredRequest,
} from '../binding/index.js';
export type { GrpcCall, GrpcCallback, GrpcMethod, GrpcService } from '../receivers/grpc-services.js';
export type { HttpHandler, NodeRequest, NodeResponse } from '../receivers/http-handler.js';
export { packageVersion } from '../binding/index.js';
