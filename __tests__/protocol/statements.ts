/**
 * The numbered statements of the OTLP conformance checklist: what a receiver and an exporter of OTLP must do. Tests take
 * their names from here, and statements.test.ts holds the files to it.
 */

// This file names tests, it is none.
/* eslint-disable jest/no-export */

/** Text of each statement by its number. */
export const STATEMENTS: Readonly<Record<number, string>> = {
  1: 'listens on 4317 (gRPC) and 4318 (HTTP) by default and accepts all three stable signals on each',
  2: 'a valid request yields success, and every span / data point / log record arrives downstream exactly once, in order within its scope',
  3: 'a zero-length protobuf body and JSON {} yield success',
  4: 'a request with Resource* but no items yields success and forwards nothing',
  5: 'unknown protobuf fields at every level are ignored',
  6: 'resource, scope, both schema_urls, dropped counts, flags (all 32 bits), trace_state and entity_refs survive the round trip',
  7: 'attributes of every AnyValue kind (incl. empty, nested array/kvlist, bytes) survive the round trip',
  8: 'histogram sum/min/max presence survives (absent stays absent, 0 stays 0)',
  9: 'NaN and ±Infinity points survive in binary and JSON',
  10: 'success responses carry no rejected count and no error message',
  11: 'a downstream temporary failure gives UNAVAILABLE / 503',
  12: 'a downstream permanent failure gives INTERNAL / 500 (or the status the error carries)',
  13: 'a refusal for memory pressure or a full queue is retryable (UNAVAILABLE / 503)',
  14: 'a downstream RetryInfo on 429/503-class errors appears as Retry-After (HTTP) and as a RetryInfo detail (gRPC)',
  15: 'two concurrent requests on one connection are both served without waiting for each other',
  16: 'on shutdown, in-flight requests finish; new ones are refused with a retryable outcome',
  17: 'exact full method names; an unknown service or method gives UNIMPLEMENTED',
  18: 'gzip-compressed messages are accepted; also snappy and zstd',
  19: 'an unknown grpc-encoding gives UNIMPLEMENTED and lists supported ones in grpc-accept-encoding',
  20: 'a message over the limit, before or after decompression, gives RESOURCE_EXHAUSTED without RetryInfo, and the connection stays usable',
  21: 'malformed protobuf gives a non-retryable code (grpc-go: INTERNAL)',
  22: 'max_recv_msg_size_mib changes the limit',
  23: 'keepalive max age closes connections gracefully (GOAWAY) without losing requests',
  24: 'metadata keys are lower case; -bin keys are binary',
  25: 'paths /v1/traces, /v1/metrics, /v1/logs work over HTTP/1.1, and over HTTP/2 with TLS ALPN',
  26: 'application/x-protobuf and application/json, with parameters and any letter case, are accepted on the same port',
  27: 'other Content-Type gives 415; a non-POST gives 405; an unknown path gives 404',
  28: "the response Content-Type equals the request's media type for success and errors",
  29: 'malformed protobuf and malformed JSON give 400 with a decodable Status body in the same encoding',
  30: 'gzip bodies are accepted; so are zstd, zlib, deflate, snappy, lz4; corrupt ones give 400',
  31: 'an unsupported Content-Encoding gives 400 with a Status body',
  32: 'a body over the limit is refused without being buffered (413 by the specification, 400 in the reference Collector), also for a small compressed bomb',
  33: 'chunked transfer encoding and Expect: 100-continue work',
  34: 'CORS preflight is answered when origins are configured',
  35: 'hex ids in upper or lower case decode to the same bytes; a 31-digit trace id gives 400',
  36: 'base64 bytesValue decodes; output is standard padded base64',
  37: 'int64 as string and as number both decode; values above 2^53 keep precision in both forms',
  38: 'uint64 timestamps as strings decode exactly; output uses strings',
  39: 'integer enums decode; output uses integers',
  40: 'unknown keys with object, array, string, number and null values are skipped at every depth',
  41: 'snake_case keys are accepted on input (leniency) and never produced',
  42: '"NaN", "Infinity", "-Infinity" decode for doubles',
  43: 'empty parentSpanId ("") and a missing one are equal',
  44: 'the four example files of the protocol repository (trace, metrics, logs, events) are accepted',
  45: 'sends to <endpoint>/v1/<signal> without doubling slashes; per-signal endpoints are used unchanged',
  46: 'sets Content-Type, Content-Encoding and User-Agent',
  47: 'retries exactly the retryable gRPC codes; drops on the others',
  48: 'retries RESOURCE_EXHAUSTED only with RetryInfo, or when it answered for the request already',
  49: 'retries exactly 429, 502, 503, 504; drops on 400, 404, 408, 413, 500, and on 401 and 403 unless it answered for the request already',
  50: 'retries on connection refused, reset, and per-attempt timeout',
  51: 'waits at least RetryInfo / Retry-After (seconds and HTTP-date forms)',
  52: 'backoff grows up to the cap with jitter; gives up after max elapsed time and counts the drop',
  53: 'a partial success is never retried and is reported to the operator',
  54: 'an empty partial success, an empty body, and an unknown 2xx body type count as full success',
  55: 'a 2xx with an unparsable body is not retried',
  56: 'does not send empty envelopes',
  57: 'several requests can be in flight; the number is configurable',
  58: 'an oversized response is a non-retryable failure',
  59: 'splitting a batch copies resource, scope and schema_urls to each part; merging never joins different ones',
  60: 'one slow or failing destination does not block another that has its own queue',
  61: 'TLS: https scheme forces TLS; custom CA, client certificate, server-name override and skip-verify work',
  62: 'custom headers reach the server on both transports; names are case-insensitive',
};

/** A test of one statement; `variant` tells tests of the same statement apart. */
export function statement(number: number, variant: string, run: () => Promise<void>, timeoutMs?: number): void {
  const text = STATEMENTS[number];
  if (text === undefined) throw new Error(`there is no statement ${number}`);
  // eslint-disable-next-line jest/valid-title, jest/expect-expect -- the title is the statement's, the body the caller's
  test(`${number} ${text}${variant === '' ? '' : ` [${variant}]`}`, run, timeoutMs);
}
