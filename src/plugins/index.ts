/**
 * `teleferric/plugin`: what the author of a plugin imports.
 */
export {
  definePlugin,
  PermanentError,
  RetryableError,
  type BatchContext,
  type ExporterPlugin,
  type IngestOptions,
  type IngestOutcome,
  type Plugin,
  type PluginContext,
  type PluginLog,
  type ProcessorPlugin,
  type ReceiverContext,
  type ReceiverPlugin,
} from './define.js';
export * from '../views/index.js';
