/** A certificate, its key and the authorities trusted beside it, read from files and checked before anybody uses them. */
import { X509Certificate } from 'node:crypto';
import { open } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { errorCode, errorMessage, OkcmError } from './errors.ts';
import { checkPurpose, checkValidity } from './tls-identity.ts';

/** Bytes of one file of certificates or keys. */
export const MAX_PEM_BYTES = 1024 * 1024;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** PEM of each, and what the certificate says. */
export interface TlsMaterial extends TlsFiles {
  readonly certificate: X509Certificate;
  readonly authorities: readonly X509Certificate[];
}

export interface ReadOptions {
  readonly purpose: 'server' | 'client';
  /** Whether a certificate whose time is not now is refused; at a start it is better than none. */
  readonly mustBeValid: boolean;
}

/** Errors: TLS_FILES, with the file and what is wrong with it. */
export async function readTlsMaterial(
  files: TlsFiles,
  { purpose, mustBeValid }: ReadOptions,
): Promise<TlsMaterial> {
  const [cert, key, ca] = await Promise.all([readText(files.cert), readText(files.key), readText(files.ca)]);
  const [certificate] = certificatesIn(cert, files.cert);
  const authorities = certificatesIn(ca, files.ca);
  if (certificate === undefined) throw wrong(files.cert, 'holds no certificate');
  if (authorities.length === 0) throw wrong(files.ca, 'holds no certificate');
  try {
    createSecureContext({ cert, key, ca });
  } catch (error) {
    throw wrong(files.key, `does not go with ${files.cert}: ${errorMessage(error)}`, error);
  }
  const refusal =
    checkPurpose(certificate, purpose) ?? (mustBeValid ? checkValidity(certificate, new Date()) : undefined);
  if (refusal !== undefined) throw wrong(files.cert, refusal.message);
  return { cert, key, ca, certificate, authorities };
}

/** Every certificate of a PEM text. Errors: TLS_FILES. `path` is for the message alone. */
export function certificatesIn(pem: string, path: string): X509Certificate[] {
  return (pem.match(CERTIFICATE) ?? []).map((block) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw wrong(path, `holds a certificate that cannot be read: ${errorMessage(error)}`, error);
    }
  });
}

/** Errors: TLS_FILES when the file cannot be read or is larger than `maxBytes`. */
export async function readBounded(path: string, maxBytes: number): Promise<Buffer> {
  let file: Awaited<ReturnType<typeof open>> | undefined;
  try {
    file = await open(path, 'r');
    const { size } = await file.stat();
    if (size > maxBytes) throw wrong(path, `holds ${size} bytes, the limit is ${maxBytes}`);
    return await file.readFile();
  } catch (error) {
    if (error instanceof OkcmError) throw error;
    throw wrong(path, `cannot be read (${errorCode(error) ?? errorMessage(error)})`);
  } finally {
    await file?.close();
  }
}

async function readText(path: string): Promise<string> {
  return (await readBounded(path, MAX_PEM_BYTES)).toString('utf8');
}

function wrong(path: string, what: string, cause?: unknown): OkcmError {
  return new OkcmError('TLS_FILES', `${path} ${what}`, { cause });
}
