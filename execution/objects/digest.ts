/**
 * The digests of managed objects: one for clients (KMIP 1.4 §3.17), one by which gateway and core recognise that they
 * speak of the same key.
 */
import { hash } from 'node:crypto';

/** SHA-256 of the plain material: the mandatory instance of the Digest attribute. 32 bytes. */
export function materialDigest(material: Uint8Array): Uint8Array {
  return hash('sha256', material, 'buffer');
}

/** SHA-256 of the envelope, lower-case hex: an announcement repeated with the same UID and this is the same key (D6). */
export function wrappedDigest(wrapped: Uint8Array): string {
  return hash('sha256', wrapped, 'hex');
}
