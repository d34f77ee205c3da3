/**
 * `service.tenants`: who requests belong to, and what each may send.
 */
import { isIP } from 'node:net';

import type { NativeTenantControl, NativeTenantQuota } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { block, choice, duration, int, key, list, map, object, optional, string } from '../schema/spec.js';
import type { Infer, ObjectOf, Report, Spec } from '../schema/spec.js';

/** As in `flow/src/tenant.rs`. */
const NAME_BYTES_MAX = 256;
const BURST_MIN = ns('1ms');

const BYTES_PER_SECOND = 'Uncompressed bytes a second';
const ITEMS_PER_SECOND = 'Spans, data points, log records or samples a second';
const BURST = 'How much of both rates may add up while it is not used';
const IN_FLIGHT_BYTES = 'Bytes of requests that are in the collector at one time; a single one always passes';

const quotaSpec = object({
  bytes_per_second: key(int({ min: 0 }), 0, `${BYTES_PER_SECOND}; 0 is without limit`, 'bytes/s'),
  items_per_second: key(int({ min: 0 }), 0, `${ITEMS_PER_SECOND}; 0 is without limit`, 'items/s'),
  burst: key(duration({ min: BURST_MIN }), ns('1s'), BURST),
  in_flight_bytes: key(int({ min: 0 }), 0, `${IN_FLIGHT_BYTES}; 0 is without limit`, 'bytes'),
});

type Quota = Infer<typeof quotaSpec>;

const ownQuotaSpec = object({
  bytes_per_second: key(
    orAsOthers(int({ min: 0 })),
    null,
    `${BYTES_PER_SECOND}; as \`quota\` unless written`,
    'bytes/s',
  ),
  items_per_second: key(
    orAsOthers(int({ min: 0 })),
    null,
    `${ITEMS_PER_SECOND}; as \`quota\` unless written`,
    'items/s',
  ),
  burst: key(orAsOthers(duration({ min: BURST_MIN })), null, `${BURST}; as \`quota\` unless written`),
  in_flight_bytes: key(orAsOthers(int({ min: 0 })), null, `${IN_FLIGHT_BYTES}; as \`quota\` unless written`, 'bytes'),
});

function orAsOthers(spec: Spec<number>): Spec<number | null> {
  return optional(spec, 'off');
}

const fields = {
  header: key(
    string(),
    '',
    'Header that names the tenant, such as `x-scope-orgid`; believed only from `trusted_proxies`. Empty is none',
  ),
  trusted_proxies: key(list(string()), [], 'Addresses and networks (`10.0.0.0/8`) of proxies that set `header`'),
  client_certificate: key(
    optional(
      choice(['common_name', 'dns_name', 'uri'], (word) => `invalid client_certificate: ${JSON.stringify(word)}`),
      'off',
    ),
    null,
    'What in a verified client certificate (`tls.client_ca_file` of the receiver) names the tenant: `common_name` of its subject, the first `dns_name` or the first `uri` among its alternative names',
  ),
  quota: block(quotaSpec, 'What each tenant may send, and all requests without one together'),
  overrides: key(map(ownQuotaSpec), {}, 'Quotas of single tenants, by name'),
};

/** The block. */
export const tenantsSpec = object(fields, { validate: check });

/** The block, decoded. */
export type Tenants = Infer<typeof tenantsSpec>;

function check(tenants: ObjectOf<typeof fields>, report: Report): void {
  const { header, trusted_proxies: proxies, overrides } = tenants;
  if (header !== '' && !/^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/.test(header)) report(`invalid header "${header}"`, 'header');
  if (header !== '' && proxies.length === 0) {
    report("'header' needs 'trusted_proxies': any sender could choose its tenant without", 'header');
  }
  if (header === '' && proxies.length > 0) report("'trusted_proxies' needs 'header'", 'trusted_proxies');
  for (const [index, proxy] of proxies.entries()) {
    if (!isNetwork(proxy)) report(`"${proxy}" is no address or network`, 'trusted_proxies', String(index));
  }
  // They need neither header nor certificate: a program that embeds the collector can name tenants too.
  for (const name of Object.keys(overrides)) {
    const bytes = Buffer.byteLength(name);
    if (bytes === 0 || bytes > NAME_BYTES_MAX) {
      report(`the name of a tenant has 1 to ${NAME_BYTES_MAX} bytes`, 'overrides', name);
    }
  }
}

/** An address, with or without the number of leading bits that count. */
function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = address.includes('%') ? 0 : isIP(address);
  return version !== 0 && Number(bits ?? 0) <= (version === 4 ? 32 : 128);
}

/** The block as Rust takes it. */
export function nativeTenants(tenants: Tenants): NativeTenantControl {
  const { header, trusted_proxies, client_certificate, quota, overrides } = tenants;
  return {
    header: header === '' ? null : header.toLowerCase(),
    trusted_proxies,
    client_certificate,
    quota: nativeQuota(quota),
    overrides: Object.entries(overrides).map(([name, own]) => ({
      name,
      quota: nativeQuota({
        bytes_per_second: own.bytes_per_second ?? quota.bytes_per_second,
        items_per_second: own.items_per_second ?? quota.items_per_second,
        burst: own.burst ?? quota.burst,
        in_flight_bytes: own.in_flight_bytes ?? quota.in_flight_bytes,
      }),
    })),
  };
}

function nativeQuota({ bytes_per_second, items_per_second, burst, in_flight_bytes }: Quota): NativeTenantQuota {
  return { bytes_per_second, items_per_second, burst, in_flight_bytes };
}
