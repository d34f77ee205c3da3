/**
 * TLS, client and server side (`configtls`): keys, rules and the native form.
 */
import type { NativeTlsClient, NativeTlsServer, NativeTlsCommon } from '../native-types.js';
import { block, bool, duration, ignored, key, list, object, optional, string } from '../schema/spec.js';
import type { Infer, ObjectOf, Report } from '../schema/spec.js';
import { orNull } from './native.js';

/** Versions that can be written, oldest first. */
const VERSIONS = ['1.0', '1.1', '1.2', '1.3'] as const;
const VERSION_MIN = '1.2';
const CURVES = ['P256', 'P384', 'P521', 'X25519', 'X25519MLKEM768'];

const tpm = object({
  enabled: key(bool(), false, 'Keep the private key in a trusted platform module'),
  path: key(string(), '', 'Device or socket of the module'),
  owner_auth: key(string({ opaque: true }), '', 'Owner password'),
  auth: key(string({ opaque: true }), '', 'Key password'),
});

const common = {
  ca_file: key(
    string(),
    '',
    'File with the certificates (PEM) that peers must descend from; empty takes the system roots',
  ),
  ca_pem: key(string({ opaque: true }), '', 'The same certificates as text, instead of `ca_file`'),
  include_system_ca_certs_pool: key(bool(), false, 'Trust the system roots beside the given certificates'),
  cert_file: key(string(), '', 'File with the certificate chain (PEM) to show; needs a key'),
  cert_pem: key(string({ opaque: true }), '', 'The same chain as text, instead of `cert_file`'),
  key_file: key(string(), '', 'File with the private key (PEM); needs a certificate'),
  key_pem: key(string({ opaque: true }), '', 'The same key as text, instead of `key_file`'),
  min_version: key(string(), '', `Oldest version to speak, in quotes; empty is "${VERSION_MIN}"`),
  max_version: key(string(), '', 'Newest version to speak, in quotes; empty is the newest there is'),
  cipher_suites: key(list(string()), [], 'Cipher suites by name; empty takes the library’s choice'),
  include_insecure_cipher_suites: key(bool(), false, 'Allow suites known to be weak in `cipher_suites`'),
  curve_preferences: key(
    list(string()),
    [],
    `Key exchanges in order of preference: ${CURVES.join(', ')}; empty takes the library’s choice`,
  ),
  reload_interval: key(duration(), 0, 'How often certificate files are read again; 0 is never'),
  tpm: ignored(block(tpm, 'Trusted platform module'), 'has no effect: this collector keeps keys in files or text'),
};

const clientFields = {
  ...common,
  insecure: key(bool(), false, 'Speak plaintext; has no effect when a CA is given'),
  insecure_skip_verify: key(bool(), false, 'Accept any certificate: for tests only'),
  server_name_override: key(string(), '', 'Name to expect in the peer’s certificate, and to send as SNI'),
};

const serverFields = {
  ...common,
  client_ca_file: key(
    string(),
    '',
    'File with the certificates (PEM) that clients must descend from; makes client certificates required',
  ),
  client_ca_file_reload: key(
    bool(),
    false,
    'Read `client_ca_file` again when it changes, checked at most once a second',
  ),
};

/** Client TLS: a plain block, always there. */
export const clientTls = object(clientFields, { validate: checkClient });
/** Server TLS: off unless written. */
export const serverTls = optional(object(serverFields, { validate: checkServer }), 'off');

type Common = ObjectOf<typeof common>;
export type ClientTls = Infer<typeof clientTls>;
export type ServerTls = NonNullable<Infer<typeof serverTls>>;

function checkClient(tls: ObjectOf<typeof clientFields>, report: Report): void {
  checkCommon(tls, report);
}

function checkServer(tls: ObjectOf<typeof serverFields>, report: Report): void {
  checkCommon(tls, report);
  const hasCertificate = tls.cert_file !== '' || tls.cert_pem !== '';
  const hasKey = tls.key_file !== '' || tls.key_pem !== '';
  if (!hasCertificate && !hasKey && !tls.tpm.enabled) {
    report('TLS configuration must include both certificate and key for server connections');
  }
}

function checkCommon(tls: Common, report: Report): void {
  if (tls.ca_file !== '' && tls.ca_pem !== '')
    report('provide either a CA file or the PEM-encoded string, but not both', 'ca_pem');
  if (tls.cert_file !== '' && tls.cert_pem !== '') {
    report('provide either certificate file or PEM, but not both', 'cert_pem');
  }
  if (tls.key_file !== '' && tls.key_pem !== '') {
    report('provide either key file or PEM, but not both', 'key_pem');
  }
  const hasCertificate = tls.cert_file !== '' || tls.cert_pem !== '';
  const hasKey = tls.key_file !== '' || tls.key_pem !== '';
  if (hasCertificate !== hasKey && !tls.tpm.enabled) {
    report('TLS configuration must include both certificate and key (CertFile/CertPem and KeyFile/KeyPem)');
  }
  checkVersions(tls, report);
  for (const curve of tls.curve_preferences) {
    if (!CURVES.includes(curve))
      report(`invalid curve type: ${curve}. Expected values are [${CURVES.join(' ')}]`, 'curve_preferences');
  }
}

function checkVersions(tls: Common, report: Report): void {
  const min = rank(tls.min_version === '' ? VERSION_MIN : tls.min_version);
  const max = rank(tls.max_version === '' ? '1.3' : tls.max_version);
  if (min < 0)
    report(`invalid TLS min_version: unsupported TLS version: ${JSON.stringify(tls.min_version)}`, 'min_version');
  if (max < 0)
    report(`invalid TLS max_version: unsupported TLS version: ${JSON.stringify(tls.max_version)}`, 'max_version');
  if (min >= 0 && max >= 0 && min > max) {
    report('invalid TLS configuration: min_version cannot be greater than max_version', 'min_version');
  }
}

function rank(version: string): number {
  return (VERSIONS as readonly string[]).indexOf(version);
}

/** @returns the native form; `insecure` is settled, since a CA switches TLS on */
export function toNativeClientTls(tls: ClientTls): NativeTlsClient {
  return {
    common: toNativeCommon(tls),
    insecure: tls.insecure && tls.ca_file === '' && tls.ca_pem === '',
    insecure_skip_verify: tls.insecure_skip_verify,
    server_name_override: orNull(tls.server_name_override),
  };
}

export function toNativeServerTls(tls: ServerTls | null): NativeTlsServer | null {
  if (tls === null) return null;
  return {
    common: toNativeCommon(tls),
    client_ca_file: orNull(tls.client_ca_file),
    client_ca_file_reload: tls.client_ca_file_reload,
  };
}

function toNativeCommon(tls: Common): NativeTlsCommon {
  return {
    ca_file: orNull(tls.ca_file),
    ca_pem: orNull(tls.ca_pem),
    cert_file: orNull(tls.cert_file),
    cert_pem: orNull(tls.cert_pem),
    key_file: orNull(tls.key_file),
    key_pem: orNull(tls.key_pem),
    min_version: tls.min_version === '' ? VERSION_MIN : tls.min_version,
    max_version: orNull(tls.max_version),
    cipher_suites: tls.cipher_suites,
    include_insecure_cipher_suites: tls.include_insecure_cipher_suites,
    curve_preferences: tls.curve_preferences,
    include_system_ca_certs_pool: tls.include_system_ca_certs_pool,
    reload_interval: tls.reload_interval,
  };
}
