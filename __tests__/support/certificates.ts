/**
 * Certificates for tests of TLS, made anew by the openssl command so that none can expire in the repository.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its key, PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  /** What server and client are signed by. */
  readonly ca: string;
  /** For `localhost` and 127.0.0.1. */
  readonly server: KeyPair;
  readonly client: KeyPair;
  /** Signs nothing that is in use. */
  readonly otherCa: string;
  /** Signed by the other authority. */
  readonly stranger: KeyPair;
}

let made: Certificates | null = null;

/** The same for all tests of a file. */
export function certificates(): Certificates {
  made ??= make();
  return made;
}

function make(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'teleferric-tls-'));
  try {
    const ca = authority(folder, 'ca');
    const other = authority(folder, 'other');
    return {
      ca: ca.cert,
      server: signed(folder, 'server', 'ca', 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth'),
      client: signed(folder, 'client', 'ca', 'extendedKeyUsage=clientAuth'),
      otherCa: other.cert,
      stranger: signed(folder, 'stranger', 'other', 'extendedKeyUsage=clientAuth'),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(folder: string, args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}

function pair(folder: string, name: string): KeyPair {
  const read = (ending: string): string => readFileSync(join(folder, `${name}.${ending}`), 'utf8');
  return { cert: read('crt'), key: read('key') };
}

function authority(folder: string, name: string): KeyPair {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
  openssl(folder, ['req', '-x509', ...EC_KEY, ...files, '-days', '2', '-subj', `/CN=${name}`]);
  return pair(folder, name);
}

function signed(folder: string, name: string, by: string, extensions: string): KeyPair {
  writeFileSync(join(folder, `${name}.ext`), extensions);
  openssl(folder, ['req', ...EC_KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`]);
  const signer = ['-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-CAcreateserial'];
  const files = ['-in', `${name}.csr`, '-out', `${name}.crt`, '-extfile', `${name}.ext`];
  openssl(folder, ['x509', '-req', ...files, ...signer, '-days', '2']);
  return pair(folder, name);
}
