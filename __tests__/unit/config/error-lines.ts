/**
 * Short ways to write one wrong key over the base configuration, and to find the line it gives. Holds no tests.
 */

/** Text over the base, and the line it gives, without the place. */
export type Row = readonly [text: string, line: string];
export const exporter = (keys: string): string => `exporters: {otlp_grpc: {endpoint: "h:1", ${keys}}}`;
export const httpExporter = (keys: string): string => `exporters: {otlp_http: {endpoint: "http://h", ${keys}}}`;
export const grpc = (keys: string): string => `receivers: {otlp: {protocols: {grpc: {${keys}}}}}`;
export const http = (keys: string): string => `receivers: {otlp: {protocols: {http: {${keys}}}}}`;
export const action = (keys: string): string => `processors: {attributes: {actions: [{${keys}}]}}`;
export const limiter = (keys: string): string =>
  `processors: {memory_limiter: {check_interval: 1s, limit_mib: 100, ${keys}}}`;
export const telemetry = (keys: string): string => `service: {telemetry: {${keys}}}`;

/** Where a text is, and advice, in brackets at the end. */
const PLACE = /^ \((?:c|base)\.yaml:\d+:\d+(?:; .*)?\)$/;

export function expectLine(message: string, line: string): void {
  const lines = message.replace(/^(?:invalid configuration|failed to build pipelines): /, '').split('\n');
  const found = lines.find((candidate) => candidate.startsWith(line));
  expect(found ?? message).toContain(line);
  expect(found?.slice(line.length)).toMatch(PLACE);
}
