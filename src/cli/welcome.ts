/**
 * What someone reads who has started the built-in configuration: where it listens, and what to do next.
 */
import { packageVersion, type Listener } from '../collector/index.js';

/** Names and forms of addresses by protocol. */
const FORMS: Readonly<Record<string, { readonly name: string; readonly show: (address: string) => string }>> = {
  grpc: { name: 'OTLP/gRPC', show: (address) => address },
  http: { name: 'OTLP/HTTP', show: (address) => `http://${address}` },
  metrics: { name: 'metrics', show: (address) => `http://${address}/metrics` },
  health: { name: 'health', show: (address) => `http://${address}/` },
};

/** The text, lines aligned. */
export function welcomeText(listeners: readonly Listener[]): string {
  const rows = listeners.map(({ protocol, address }) => {
    const form = FORMS[protocol] ?? { name: protocol, show: (plain: string) => plain };
    return [form.name, form.show(address)] as const;
  });
  return [
    '',
    `teleferric ${packageVersion()} is ready`,
    '',
    ...columns(rows),
    '',
    ...columns([
      ['send something', 'npx teleferric send'],
      ['your own configuration', 'npx teleferric --config collector.yaml'],
      ['stop', 'Ctrl-C'],
    ]),
    '',
    '',
  ].join('\n');
}

function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}   ${text}`);
}
