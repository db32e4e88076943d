// Certificates for tests: one authority, and certificates by role, as PEM strings and as files.
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCa, issue, type KeyAndCertificate } from '../platform/pki.ts';
import { temporaryDirectory } from './directories.ts';

const DAYS = 2;

export interface TestPki {
  readonly ca: KeyAndCertificate;
  /** For a server on localhost and 127.0.0.1. */
  server(commonName?: string): Promise<KeyAndCertificate>;
  /** For a client, with these URI names. */
  client(commonName: string, uris?: readonly string[]): Promise<KeyAndCertificate>;
  /** Good for both ends, as a gateway needs it: a server to applications, a client to the core. */
  both(commonName: string, uris?: readonly string[]): Promise<KeyAndCertificate>;
}

export async function testPki(commonName = 'test authority'): Promise<TestPki> {
  const ca = await createCa({ commonName, days: DAYS + 1 });
  const local = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] };
  return {
    ca,
    server: (name = 'localhost') => issue({ ca, commonName: name, ...local, usages: ['server'], days: DAYS }),
    client: (name, uris = []) => issue({ ca, commonName: name, uris, usages: ['client'], days: DAYS }),
    both: (name, uris = []) =>
      issue({ ca, commonName: name, uris, ...local, usages: ['client', 'server'], days: DAYS }),
  };
}

export interface PemFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

/** Writes what command-line clients want as files, into a temporary directory unless another is given. */
export async function pemFiles(
  pair: KeyAndCertificate,
  ca: { readonly certificatePem: string },
  directory = temporaryDirectory('pem'),
): Promise<PemFiles> {
  const files = {
    certFile: join(directory, 'cert.pem'),
    keyFile: join(directory, 'key.pem'),
    caFile: join(directory, 'ca.pem'),
  };
  await writeFile(files.certFile, pair.certificatePem);
  await writeFile(files.keyFile, pair.privateKeyPem, { mode: 0o600 });
  await chmod(files.keyFile, 0o600);
  await writeFile(files.caFile, ca.certificatePem);
  return files;
}
