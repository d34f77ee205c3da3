// `teleferric top`: what is read from a page, what is shown of it, and what is said when there is none.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { parseMetricsPage } from '../../../src/cli/metrics-page.js';
import { topView } from '../../../src/cli/top-view.js';
import { eventually } from '../../support/poll.js';
import { FakeIo } from './fake-io.js';

/** A page after so many seconds at which 100 spans a second came, and half of them went. */
const page = (seconds: number): string => `
# HELP otelcol_receiver_accepted_spans Number of spans
# TYPE otelcol_receiver_accepted_spans counter
otelcol_receiver_accepted_spans_total{receiver="otlp",transport="grpc"} ${seconds * 100}
otelcol_receiver_refused_spans{receiver="otlp",transport="http"} 7
otelcol_exporter_sent_spans{exporter="otlp_grpc",server_address="h"} ${seconds * 50}
otelcol_exporter_in_flight_requests{exporter="otlp_grpc",data_type="traces"} 3
otelcol_exporter_queue_size{exporter="otlp_grpc",data_type="traces"} 250
otelcol_exporter_queue_capacity{exporter="otlp_grpc",data_type="traces"} 1000
teleferric_queue_enqueued_items_total{exporter="otlp_grpc",data_type="traces"} ${seconds * 100}
teleferric_queue_held_items{exporter="otlp_grpc",data_type="traces"} ${seconds * 40}
teleferric_queue_left_items_total{exporter="otlp_grpc",data_type="traces",outcome="delivered"} ${seconds * 50}
teleferric_queue_left_items_total{exporter="otlp_grpc",data_type="traces",outcome="expired"} ${seconds * 10}
teleferric_queue_left_items_total{exporter="otlp_grpc",data_type="traces",outcome="damaged"} 0
teleferric_breaker_state{exporter="otlp_grpc",endpoint="h:4317"} 2
teleferric_breaker_transitions_total{exporter="otlp_grpc",endpoint="h:4317",to="open"} 4
teleferric_dropped_items_total{reason="expired"} ${seconds * 10}
teleferric_dropped_items_total{reason="damaged"} 0
teleferric_memory_used_bytes 1048576
teleferric_memory_limit_bytes 2097152
otelcol_process_uptime 3725
target_info{service_name="teleferric",service_version="1.2.3"} 1
`;
const reading = (seconds: number) => ({ samples: parseMetricsPage(page(seconds)), atMs: seconds * 1000 });

describe('a page', () => {
  it('is read with its labels, whatever is in them', () => {
    const text = 'a_total{x="1, \\"2\\"",y="\\\\ }"} 5 1700\n# a comment\nb 1e3\nbad{ line\nc NaN\n';
    expect(parseMetricsPage(text)).toEqual([
      { name: 'a', labels: { x: '1, "2"', y: '\\ }' }, value: 5 },
      { name: 'b', labels: {}, value: 1000 },
    ]);
  });
});

describe('the view', () => {
  it('shows totals, and rates since the reading before', () => {
    const lines = topView(reading(14), reading(10), 100).map((line) => line.replaceAll(/ {2,}/g, '|'));
    expect(lines).toEqual(
      expect.arrayContaining([
        'teleferric 1.2.3, up 1h 2m',
        'telemetry held 1.0 of 2.0 MiB, at most 0.0; process 0.0 MiB, 0 CPUs',
        'otlp grpc|traces|100|0|1400|0',
        'otlp http|traces|0|0|0|7',
        'otlp_grpc|traces|50|0|0|250/1000|25 %|3',
        'otlp_grpc|traces|1400|560|delivered 700, expired 140',
        'otlp_grpc|h:4317|open|4|0',
        'expired|10|140',
      ]),
    );
    expect(lines.join('\n')).not.toContain('damaged');
  });

  it('has no rates at first, counts a new process from 0, and keeps to the width', () => {
    const row = (before: number | null): string | undefined =>
      topView(reading(2), before === null ? null : { ...reading(9), atMs: before }, 100).find((line) =>
        line.startsWith('otlp grpc'),
      );
    expect(row(null)).toMatch(/^otlp grpc +traces +- +- +200/);
    expect(row(1000)).toMatch(/^otlp grpc +traces +200 +0 +200/);
    expect(topView(reading(2), null, 30).every((line) => line.length <= 30)).toBe(true);
  });
});

describe('the command', () => {
  let server: Server;
  let url: string;
  let asked = 0;

  beforeAll(async () => {
    server = createServer((request, response) => response.end(request.url === '/metrics' ? page((asked += 1)) : 'x'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  it('prints one text where there is no terminal', async () => {
    const io = new FakeIo();
    await expect(io.run('top', '--url', `${url}/metrics`, '--interval', '0.1')).resolves.toBe(0);
    expect(io.out).toMatch(/^teleferric 1\.2\.3, up/);
    expect(io.out).toMatch(/^otlp grpc +traces +[1-9]\d* /m);
  });

  it('draws again on a terminal until a signal ends it', async () => {
    const io = new FakeIo();
    Object.assign(io.stdout, { isTTY: true, columns: 60, rows: 8 });
    const running = io.run('top', '--url', `${url}/metrics`, '--interval', '0.1');
    await eventually(() => io.out.split('\u001B[H').length > 3);
    io.signal('SIGINT');
    await expect(running).resolves.toBe(0);
    expect(io.out).toContain('more lines');
    expect(io.out.endsWith('\u001B[?25h\u001B[?1049l')).toBe(true);
  });

  it.each([
    [['--url', 'nothing'], 'Error: "nothing" is no URL, such as http://localhost:8888/metrics'],
    [['--interval', '0'], "Error: option '--interval <seconds>' argument '0' is invalid. It must be between"],
    [['a.yaml'], 'Error: unexpected argument "a.yaml"'],
    [
      ['--config', 'yaml:{service: {telemetry: {metrics: {level: none}}}}'],
      'Error: the configuration has no metrics page (service::telemetry::metrics)',
    ],
  ])('refuses %j', async (argv, text) => {
    const io = new FakeIo();
    await expect(io.run('top', ...argv)).resolves.toBe(1);
    expect(io.err.startsWith(text)).toBe(true);
  });

  it('says what is wrong when nothing answers, and when something else does', async () => {
    const other = new FakeIo();
    await expect(other.run('top', '--url', `${url}/other`)).resolves.toBe(1);
    expect(other.err).toBe(`Error: ${url}/other is no metrics page\n`);
    const gone = createServer();
    await once(gone.listen(0, '127.0.0.1'), 'listening');
    const { port } = gone.address() as AddressInfo;
    await once(gone.close(), 'close');
    const io = new FakeIo();
    await expect(io.run('top', '--url', `http://127.0.0.1:${port}/metrics`)).resolves.toBe(1);
    expect(io.err).toMatch(/^Error: no metrics from http:.*ECONNREFUSED.*; is a collector running/);
  });
});
