// What the hosts of this folder run: a pipeline to nowhere, or to a storage whose destination is away.
export const SPAN = Uint8Array.from([0x0a, 4, 0x12, 2, 0x12, 0]);

const telemetry = { logs: { output_paths: [], error_output_paths: [] }, metrics: { level: 'none' } };

/** @param {string} endpoint where its receiver listens */
export const nowhere = (endpoint = '127.0.0.1:0') => ({
  receivers: { otlp: { protocols: { http: { endpoint } } } },
  exporters: { nop: null },
  service: { threads: 1, telemetry, pipelines: { traces: { receivers: ['otlp'], exporters: ['nop'] } } },
});

/** @param {string} directory of the storage */
export const stored = (directory) => ({
  receivers: { otlp: { ack: 'persisted', protocols: { http: { endpoint: '127.0.0.1:0' } } } },
  exporters: { otlp_http: { endpoint: 'http://127.0.0.1:1', sending_queue: { storage: 'file_storage' } } },
  // Small, since a log reserves its files as a whole.
  extensions: { file_storage: { directory, max_bytes: 8 << 20, segment_bytes: 1 << 20 } },
  service: {
    threads: 1,
    telemetry,
    extensions: ['file_storage'],
    pipelines: { traces: { receivers: ['otlp'], exporters: ['otlp_http'] } },
  },
});
