// A collector that writes requests down for a destination, and requests that can be told apart there.

/** Writes down in `directory`, and sends to `target`. */
export const configOf = (directory, target) => ({
  receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } },
  exporters: {
    otlp_http: {
      endpoint: target,
      compression: 'none',
      retry_on_failure: { initial_interval: '20ms', max_interval: '100ms' },
      circuit_breaker: { enabled: false },
      sending_queue: { storage: 'file_storage', queue_size: 100_000 },
    },
  },
  extensions: { file_storage: { directory, create_directory: true } },
  service: {
    threads: 2,
    extensions: ['file_storage'],
    telemetry: { logs: { output_paths: [] }, metrics: { level: 'none' } },
    pipelines: { traces: { receivers: ['otlp'], exporters: ['otlp_http'] } },
  },
});

/** A field that is short. */
const within = (tag, bytes) => Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);

/** A request with one span, which has the number in its name. */
export function spanOf(number) {
  const name = Buffer.from(`n${String(number).padStart(9, '0')}.`);
  return within(0x0a, within(0x12, within(0x12, within(0x2a, name))));
}

/** The numbers in a body. */
export const numbersIn = (body) =>
  Array.from(body.toString('latin1').matchAll(/n(\d{9})\./g), ([, digits]) => Number(digits));
