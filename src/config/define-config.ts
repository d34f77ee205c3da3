/**
 * Configurations written in code.
 */
import type { Configuration } from './generated/configuration.js';

/**
 * Gives back the configuration it is given. What it is for is its type: keys, words, ids and durations are checked when
 * the program is compiled, and editors complete and explain them.
 *
 * @example
 * ```ts
 * export default defineConfig({
 *   receivers: { otlp: { protocols: { grpc: { endpoint: '127.0.0.1:4317' } } } },
 *   exporters: { 'otlp_http/backend': { endpoint: 'https://backend:4318', timeout: '5s' } },
 *   service: { pipelines: { traces: { receivers: ['otlp'], exporters: ['otlp_http/backend'] } } },
 * });
 * ```
 */
export function defineConfig(config: Configuration): Configuration {
  return config;
}
