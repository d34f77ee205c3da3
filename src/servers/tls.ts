/**
 * TLS of the servers that Node runs for the collector: what a `tls` block means to them, and certificates that are
 * replaced while they run.
 */
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureVersion, type Server, type TlsOptions } from 'node:tls';

import { CollectorError, messageOf } from '../errors.js';

/** TLS of a listener: files or PEM text. */
export interface EndpointTls {
  readonly certFile: string | null;
  readonly certPem: string | null;
  readonly keyFile: string | null;
  readonly keyPem: string | null;
  /** "1.0" to "1.3"; null is Node's. */
  readonly minVersion: string | null;
  readonly maxVersion: string | null;
  /** Suites of TLS 1.2 by their IANA names, those of 1.3 are always offered; none is Node's choice. */
  readonly cipherSuites: readonly string[];
  /** `P256` and so on, as the Collector calls them; none is Node's choice. */
  readonly curves: readonly string[];
  /** Asks clients for a certificate signed by it. */
  readonly clientCaFile: string | null;
  /** How often the files are read again, in milliseconds; 0 is never. */
  readonly reloadMs: number;
}

/** The suites of TLS 1.2 that the core offers, as OpenSSL calls them. */
const SUITES: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
};
const CURVES: Readonly<Record<string, string>> = { P256: 'P-256', P384: 'P-384', P521: 'P-521', X25519: 'X25519' };

/**
 * What Node's servers want for it. Reads the files.
 * @param purpose what the listener is for, in messages
 * @throws CollectorError `START_FAILED` when a file cannot be read, or holds no certificate or key
 */
export function tlsOptions(purpose: string, tls: EndpointTls): TlsOptions {
  const options = { ...materialOf(purpose, tls), ...choicesOf(tls) };
  try {
    createSecureContext(options);
  } catch (cause) {
    throw new CollectorError('START_FAILED', `${purpose}: cannot use TLS: ${messageOf(cause)}`, { cause });
  }
  return options;
}

/** The files of a server: has it use them as they become. */
export class Certificates {
  readonly #server: Server;
  readonly #purpose: string;
  readonly #tls: EndpointTls;
  readonly #failed: (error: CollectorError) => void;
  #known: string;

  /**
   * Looks at the files as often as `tls` says, until the server is closed.
   * @param failed is told, once, of files that cannot be used; those before stay in use
   */
  static watch(
    server: Server,
    purpose: string,
    tls: EndpointTls,
    failed: (error: CollectorError) => void,
  ): Certificates {
    const certificates = new Certificates(server, purpose, tls, failed);
    if (tls.reloadMs === 0) return certificates;
    const timer = setInterval(() => certificates.renew(), tls.reloadMs).unref();
    server.once('close', () => clearInterval(timer));
    return certificates;
  }

  private constructor(server: Server, purpose: string, tls: EndpointTls, failed: (error: CollectorError) => void) {
    this.#server = server;
    this.#purpose = purpose;
    this.#tls = tls;
    this.#failed = failed;
    this.#known = fingerprint(purpose, tls);
  }

  /** Looks at the files now. */
  renew(): void {
    const now = fingerprint(this.#purpose, this.#tls);
    if (now === this.#known) return;
    this.#known = now;
    try {
      this.#server.setSecureContext(tlsOptions(this.#purpose, this.#tls));
    } catch (error) {
      this.#failed(error as CollectorError);
    }
  }
}

/** What changes with the content of a file, and with whether it can be read. */
function fingerprint(purpose: string, tls: EndpointTls): string {
  try {
    return JSON.stringify(materialOf(purpose, tls));
  } catch (error) {
    return messageOf(error);
  }
}

function materialOf(purpose: string, tls: EndpointTls): TlsOptions {
  const read = (file: string | null, pem: string | null): string | undefined => {
    if (file === null) return pem ?? undefined;
    try {
      return readFileSync(file, 'utf8');
    } catch (cause) {
      throw new CollectorError('START_FAILED', `${purpose}: cannot read TLS file ${file}: ${messageOf(cause)}`, {
        cause,
      });
    }
  };
  const clientCa = read(tls.clientCaFile, null);
  return {
    cert: read(tls.certFile, tls.certPem),
    key: read(tls.keyFile, tls.keyPem),
    ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  };
}

/** What is spoken; what only others have is passed over, as by the core. */
function choicesOf({ minVersion, maxVersion, cipherSuites, curves }: EndpointTls): TlsOptions {
  const ciphers = cipherSuites.flatMap((name) => SUITES[name] ?? []);
  const groups = curves.flatMap((name) => CURVES[name] ?? []);
  return {
    ...(minVersion !== null && { minVersion: secureVersion(minVersion) }),
    ...(maxVersion !== null && { maxVersion: secureVersion(maxVersion) }),
    ...(ciphers.length > 0 && { ciphers: ciphers.join(':') }),
    ...(groups.length > 0 && { ecdhCurve: groups.join(':') }),
  };
}

function secureVersion(version: string): SecureVersion {
  return version === '1.0' ? 'TLSv1' : (`TLSv${version}` as SecureVersion);
}
