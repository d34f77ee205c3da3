/**
 * Every refusal that is the collector's own, on both transports: its status, and what clients of any make read of it:
 * RetryInfo, `Retry-After` and `grpc-retry-pushback-ms` say the same, or nothing where no other attempt can help
 * (reliability design, section 5).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { exporterTo, startCollector, type Running, type Setup } from '../support/collector.js';
import { named } from '../support/fixtures.js';
import { Cleanup, eventually } from '../support/poll.js';
import { decodeStatus, encodeRequest, method, NAMES } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import { callHttp, GrpcConnection, TRANSPORTS, type Transport } from '../support/wire.js';

const cleanup = new Cleanup();
let stuck: HttpSink;

beforeAll(async () => {
  stuck = cleanup.add(await HttpSink.start({ answer: () => 'hang' }), (it) => it.close());
});
afterAll(() => cleanup.run());

/** What a sender is told. */
interface Told {
  readonly code: number;
  readonly message: string;
  readonly retryInfoMs: number | null;
  /** Seconds; over HTTP. */
  readonly retryAfter: string | null;
  /** Over gRPC. */
  readonly pushback: string | null;
}

async function send(collector: Running, transport: Transport, body: Uint8Array): Promise<Told> {
  if (transport === 'http') {
    const { status, headers, body: answer } = await callHttp(collector.http, { path: NAMES.logs.path, body });
    const { message, retryDelayMs } = status === 200 ? { message: '', retryDelayMs: null } : decodeStatus(answer);
    const retryAfter = headers['retry-after'] ?? null;
    return { code: status, message, retryInfoMs: retryDelayMs, retryAfter, pushback: null };
  }
  const connection = await GrpcConnection.open(collector.grpc);
  try {
    const reply = await connection.call({ path: method('logs'), message: body });
    const pushback = (reply.trailers['grpc-retry-pushback-ms'] ?? reply.headers['grpc-retry-pushback-ms']) as
      | string
      | undefined;
    const { code, message, retryDelayMs } = reply;
    return { code, message, retryInfoMs: retryDelayMs, retryAfter: null, pushback: pushback ?? null };
  } finally {
    await connection.close();
  }
}

/** What a request in a queue, or before a full one, counts beside its bytes. */
const WAITING_BYTES = 1024;
const small = encodeRequest('logs', named('logs', 'x'));
const medium = encodeRequest('logs', named('logs', 'x'.repeat(150_000)));
const large = encodeRequest('logs', named('logs', 'x'.repeat(700_000)));

/** A collector whose target never answers. */
function toStuck(exporter: object, more: Partial<Setup> = {}): Setup {
  return { exporters: { otlp_http: exporterTo(stuck, exporter as Record<string, unknown>) }, ...more };
}

const QUEUE_OF_ONE = { sending_queue: { queue_size: 1, num_consumers: 1 } };
const QUOTA = { quota: { bytes_per_second: 1 } };

interface Situation {
  readonly name: string;
  readonly setup: () => Setup;
  /** Leads to the situation. */
  readonly before?: (collector: Running) => Promise<unknown>;
  readonly body?: Uint8Array;
  /** Once the request is under way. */
  readonly meanwhile?: (collector: Running) => Promise<unknown>;
  readonly codes: { readonly [transport in Transport]: number };
  /** When to come again, in milliseconds; none if never. */
  readonly wait: readonly [least: number, most: number] | null;
  /** Over gRPC: `wait` says the same as RetryInfo. */
  readonly pushback: 'none' | 'never' | 'wait';
  readonly message: RegExp;
}

const UNAVAILABLE = { grpc: 14, http: 503 };
const MALFORMED = { grpc: 3, http: 400 };
const ANY_WAIT = [1000, 30_000] as const;

const situations: readonly Situation[] = [
  {
    name: 'load is shed',
    setup: () => toStuck({}, { service: { limits: { memory_mib: 1 }, priorities: [{ class: 3, signals: ['logs'] }] } }),
    before: async (collector) => {
      await send(collector, 'http', large);
      await send(collector, 'http', medium);
      await eventually(() => collector.metric('teleferric_degradation_level') > 0);
    },
    codes: UNAVAILABLE,
    wait: ANY_WAIT,
    pushback: 'none',
    message: /overloaded and refuses class 3/,
  },
  {
    name: 'memory is spent',
    setup: () => toStuck({}, { service: { limits: { memory_mib: 1 } } }),
    before: (collector) => send(collector, 'http', large),
    body: large,
    codes: UNAVAILABLE,
    wait: ANY_WAIT,
    pushback: 'none',
    message: /memory budget exhausted/,
  },
  {
    name: 'the queue is full',
    setup: () => toStuck(QUEUE_OF_ONE),
    before: (collector) => send(collector, 'http', small),
    codes: UNAVAILABLE,
    wait: ANY_WAIT,
    pushback: 'none',
    message: /sending queue is full/,
  },
  {
    name: 'there is no room in the queue in time',
    setup: () => {
      const setup = toStuck({ sending_queue: { queue_size: 1, num_consumers: 1, block_on_overflow: true } });
      const local = { endpoint: '127.0.0.1:0' };
      return {
        ...setup,
        receivers: { otlp: { protocols: { grpc: local, http: local }, admission_timeout: '50ms' } },
      };
    },
    before: (collector) => send(collector, 'http', small),
    codes: UNAVAILABLE,
    wait: ANY_WAIT,
    pushback: 'none',
    message: /sending queue is full/,
  },
  {
    name: 'the disk is full',
    setup: () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'teleferric-refusals-'));
      cleanup.add(folder, () => rmSync(folder, { recursive: true, force: true }));
      return toStuck(
        { sending_queue: { storage: 'file_storage', dead_letter: { enabled: false } } },
        {
          extensions: { file_storage: { directory: folder, max_bytes: 2 * 1024 * 1024 } },
          service: { extensions: ['file_storage'] },
        },
      );
    },
    before: async (collector) => {
      for (let count = 0; count < 40; count += 1) {
        if ((await send(collector, 'http', medium)).code !== 200) return;
      }
      throw new Error('the disk is never full');
    },
    body: medium,
    codes: UNAVAILABLE,
    wait: ANY_WAIT,
    pushback: 'none',
    message: /./,
  },
  {
    name: 'the collector stops',
    setup: () => toStuck({ sending_queue: { queue_size: 1, num_consumers: 1, block_on_overflow: true } }),
    before: (collector) => send(collector, 'http', small),
    meanwhile: async (collector) => {
      // The one in the queue, and the one that waits for room in it.
      const waiting = 2 * (small.length + WAITING_BYTES);
      await eventually(() => collector.metric('teleferric_memory_used_bytes') >= waiting);
      void collector.close(5000);
    },
    codes: UNAVAILABLE,
    wait: ANY_WAIT,
    pushback: 'none',
    message: /shutting down/,
  },
  {
    name: 'a tenant is over its quota',
    setup: () => toStuck({}, { service: { tenants: QUOTA } }),
    before: (collector) => send(collector, 'http', small),
    codes: { grpc: 8, http: 429 },
    wait: [10, 30_000],
    pushback: 'wait',
    message: /the tenant is over its rate/,
  },
  {
    name: 'a message is too large',
    setup: () => toStuck({}, { grpc: { max_recv_msg_size_mib: 1 }, http: { max_request_body_size: 1024 * 1024 } }),
    body: Buffer.alloc(1024 * 1024 + 1),
    codes: { grpc: 8, http: 413 },
    wait: null,
    pushback: 'never',
    message: /larger than/,
  },
  {
    name: 'data cannot be read',
    setup: () => toStuck({}),
    body: small.subarray(0, -1),
    codes: MALFORMED,
    wait: null,
    pushback: 'none',
    message: /./,
  },
];

describe.each(TRANSPORTS)('over %s', (transport) => {
  test.each(situations.map((situation) => [situation.name, situation] as const))('%s', async (_, situation) => {
    const collector = await startCollector(situation.setup());
    try {
      await situation.before?.(collector);
      const answer = send(collector, transport, situation.body ?? small);
      await situation.meanwhile?.(collector);
      const told = await answer;
      expect(told).toMatchObject({
        code: situation.codes[transport],
        message: expect.stringMatching(situation.message) as unknown,
      });
      expectHints(told, transport, situation);
    } finally {
      await collector.close(0);
    }
  });
});

function expectHints(told: Told, transport: Transport, { wait, pushback }: Situation): void {
  if (wait === null) {
    expect([told.retryInfoMs, told.retryAfter]).toEqual([null, null]);
  } else {
    expect(told.retryInfoMs).toBeGreaterThanOrEqual(wait[0]);
    expect(told.retryInfoMs).toBeLessThanOrEqual(wait[1]);
    const seconds = Math.ceil((told.retryInfoMs ?? Number.NaN) / 1000);
    expect(told.retryAfter).toBe(transport === 'http' ? String(seconds) : null);
  }
  const expected = { none: null, never: '-1', wait: String(Math.floor(told.retryInfoMs ?? Number.NaN)) }[pushback];
  expect(told.pushback).toBe(transport === 'grpc' ? expected : null);
}
