import {
  DEFAULT_NAMING,
  isLabelShown,
  isShown,
  labelName,
  pageHelp,
  pageName,
} from '../../../src/telemetry/metric-names.js';

const full = { withoutScopeInfo: false, withoutUnits: false, withoutTypeSuffix: false };

describe('pageName', () => {
  it.each([
    [
      'otelcol_receiver_accepted_spans',
      'counter',
      'otelcol_receiver_accepted_spans',
      'otelcol_receiver_accepted_spans_total',
    ],
    ['otelcol_process_uptime', 'counter', 'otelcol_process_uptime', 'otelcol_process_uptime_seconds_total'],
    ['otelcol_process_cpu_seconds', 'counter', 'otelcol_process_cpu_seconds', 'otelcol_process_cpu_seconds_total'],
    ['otelcol_process_memory_rss', 'gauge', 'otelcol_process_memory_rss', 'otelcol_process_memory_rss_bytes'],
    ['otelcol_exporter_queue_size', 'gauge', 'otelcol_exporter_queue_size', 'otelcol_exporter_queue_size'],
    [
      'http.server.request.duration',
      'histogram',
      'http_server_request_duration',
      'http_server_request_duration_seconds',
    ],
    [
      'http.client.request.body.size',
      'histogram',
      'http_client_request_body_size',
      'http_client_request_body_size_bytes',
    ],
    ['teleferric_dropped_items_total', 'counter', 'teleferric_dropped_items_total', 'teleferric_dropped_items_total'],
  ] as const)('writes %s (%s) plainly and in full', (name, kind, plain, suffixed) => {
    expect(pageName(name, kind, DEFAULT_NAMING)).toBe(plain);
    expect(pageName(name, kind, full)).toBe(suffixed);
  });
});

describe('labels, help and levels', () => {
  it('makes label names that Prometheus takes', () => {
    expect(['error.type', 'a-b', '9x'].map(labelName)).toEqual(['error_type', 'a_b', '_9x']);
  });

  it('ends HELP with a stability tag, once', () => {
    expect(pageHelp('otelcol_receiver_accepted_spans', 'Number of spans.')).toBe('Number of spans [Alpha]');
    expect(pageHelp('otelcol_x', 'Text [Stable]')).toBe('Text [Stable]');
    expect(pageHelp('otelcol_processor_batch_batch_send_size', 'Size')).toBe('Size [Development]');
  });

  it.each([
    ['otelcol_processor_batch_batch_send_size', false, true],
    ['otelcol_processor_batch_batch_send_size_bytes', false, false],
    ['otelcol_exporter_enqueue_size_bytes', false, false],
    ['otelcol_exporter_enqueue_failed_spans', true, true],
    ['otelcol_processor_internal_duration', false, false],
    ['rpc.server.call.duration', false, false],
    ['otelcol_receiver_accepted_spans', true, true],
  ] as const)('shows %s by level', (name, basic, normal) => {
    expect([isShown(name, 'basic'), isShown(name, 'normal'), isShown(name, 'detailed')]).toEqual([basic, normal, true]);
  });

  it('hides error labels of failed sends below detailed', () => {
    const name = 'otelcol_exporter_send_failed_spans';
    expect(isLabelShown(name, 'error.type', 'normal')).toBe(false);
    expect(isLabelShown(name, 'error_permanent', 'normal')).toBe(false);
    expect(isLabelShown(name, 'exporter', 'normal')).toBe(true);
    expect(isLabelShown(name, 'error.type', 'detailed')).toBe(true);
  });
});
