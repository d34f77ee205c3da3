/**
 * The public names of teleferric, and nothing else.
 */
export { Collector, inspectStorage, purgeQueue, replayDeadLetters } from './collector/index.js';
export type {
  CloseOptions,
  CollectorEvents,
  CollectorOptions,
  CollectorState,
  CollectorStats,
  ConfigInput,
  DeadLetter,
  Encoding,
  HostMetrics,
  IngestOptions,
  IngestOutcome,
  Listener,
  Logger,
  PurgeOptions,
  StorageLocation,
  ReloadOptions,
  ReplayOptions,
  Signal,
  SignalTotals,
  StorageReplay,
  StorageSurvey,
  StorageTally,
  StoredHold,
  StoredLog,
  StoredRequest,
} from './collector/index.js';
export { CollectorError, ERROR_CODES, isCollectorError, type ErrorCode } from './errors.js';
export { loadConfig } from './config/index.js';
export type { Diagnostic, LoadedConfig, LoadOptions } from './config/index.js';
