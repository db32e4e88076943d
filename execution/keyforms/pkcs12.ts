/**
 * PKCS#12 containers (RFC 7292): a private key with its chain of certificates, under a password. The key is encrypted by
 * OpenSSL (PBES2, AES-256); certificates are public and stand in the clear; a MAC covers both.
 */
import { createHash, createHmac, type KeyObject, randomBytes } from 'node:crypto';
import { KmipError } from '../kmip/index.ts';
import { asn1, type DerNode, DerTag, encodeDer } from './der.ts';

export interface Pkcs12Content {
  readonly key: KeyObject;
  /** DER; the one for the key first. */
  readonly certificates: readonly Uint8Array[];
  /** ASCII. Borrowed. */
  readonly password: Uint8Array;
  readonly friendlyName: string;
}

export const pkcs12Oids = {
  data: '1.2.840.113549.1.7.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  sha256: '2.16.840.1.101.3.4.2.1',
} as const;

/** RFC 7292 §5.1: the version of every PFX. */
const VERSION = 3;
const SALT_BYTES = 16;
/** What the MAC adds is integrity only: the key has a derivation of its own. */
const MAC_ITERATIONS = 10_000;
const SHA256_BLOCK_BYTES = 64;
/** RFC 7292 §B.3: the derived bytes are a MAC key. */
const MAC_KEY_ID = 3;

/** A BMPString (UTF-16, most significant byte first). */
function bmp(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16();
}

/** RFC 7292 §B.1: a password as a BMPString with its end. Without the detour over a string, which nobody can wipe. */
function bmpPassword(password: Uint8Array): Buffer {
  if (password.some((byte) => byte === 0 || byte > 0x7f)) {
    throw KmipError.invalidField('the password of a PKCS#12 container is ASCII text');
  }
  const text = Buffer.alloc(password.length * 2 + 2);
  for (const [i, byte] of password.entries()) text.writeUInt8(byte, 2 * i + 1);
  return text;
}

/** RFC 7292 §B.2 with SHA-256 and as many bytes as it makes, so that one round of its outer loop is all. */
function macKey(password: Uint8Array, salt: Uint8Array): Buffer {
  const secret = bmpPassword(password);
  const whole = (length: number) => Math.ceil(length / SHA256_BLOCK_BYTES) * SHA256_BLOCK_BYTES;
  const saltBytes = whole(salt.length);
  const input = Buffer.alloc(SHA256_BLOCK_BYTES + saltBytes + whole(secret.length), MAC_KEY_ID);
  input.fill(salt, SHA256_BLOCK_BYTES, SHA256_BLOCK_BYTES + saltBytes);
  input.fill(secret, SHA256_BLOCK_BYTES + saltBytes);
  let key = createHash('sha256').update(input).digest();
  secret.fill(0);
  input.fill(0);
  for (let i = 1; i < MAC_ITERATIONS; i++) key = createHash('sha256').update(key).digest();
  return key;
}

function tagged(item: DerNode): DerNode {
  return asn1.tagged(DerTag.Context0, [item]);
}

function attribute(oid: string, value: DerNode): DerNode {
  return asn1.sequence(asn1.oid(oid), asn1.set(value));
}

function contentInfo(content: DerNode): DerNode {
  return asn1.sequence(asn1.oid(pkcs12Oids.data), tagged(asn1.octets([content])));
}

function keyBag({ key, password }: Pkcs12Content, attributes: readonly DerNode[]): DerNode {
  const encrypted = key.export({
    format: 'der',
    type: 'pkcs8',
    cipher: 'aes-256-cbc',
    passphrase: Buffer.from(password.buffer, password.byteOffset, password.length),
  });
  const value = asn1.tagged(DerTag.Context0, encrypted);
  return asn1.sequence(asn1.oid(pkcs12Oids.shroudedKeyBag), value, asn1.set(...attributes));
}

function certificateBag(certificate: Uint8Array, attributes: readonly DerNode[]): DerNode {
  const bag = asn1.sequence(asn1.oid(pkcs12Oids.x509Certificate), tagged(asn1.octets(certificate)));
  const kept = attributes.length === 0 ? [] : [asn1.set(...attributes)];
  return asn1.sequence(asn1.oid(pkcs12Oids.certificateBag), tagged(bag), ...kept);
}

/** @throws KmipError Invalid Field: the password is not ASCII. */
export function pkcs12Container(content: Pkcs12Content): Buffer {
  const { certificates, password, friendlyName } = content;
  const name = attribute(pkcs12Oids.friendlyName, asn1.tagged(DerTag.BmpString, bmp(friendlyName)));
  const [first] = certificates;
  const identifier =
    first === undefined ? randomBytes(SALT_BYTES) : createHash('sha1').update(first).digest();
  const own = [name, attribute(pkcs12Oids.localKeyId, asn1.octets(identifier))];
  const bags = [
    contentInfo(asn1.sequence(keyBag(content, own))),
    ...(certificates.length === 0
      ? []
      : [
          contentInfo(
            asn1.sequence(...certificates.map((der, i) => certificateBag(der, i === 0 ? own : []))),
          ),
        ]),
  ];
  const safe = encodeDer(asn1.sequence(...bags));
  const salt = randomBytes(SALT_BYTES);
  const key = macKey(password, salt);
  const mac = createHmac('sha256', key).update(safe).digest();
  key.fill(0);
  const digest = asn1.sequence(asn1.sequence(asn1.oid(pkcs12Oids.sha256), asn1.null()), asn1.octets(mac));
  return encodeDer(
    asn1.sequence(
      asn1.small(VERSION),
      asn1.sequence(asn1.oid(pkcs12Oids.data), tagged(asn1.octets(safe))),
      asn1.sequence(digest, asn1.octets(salt), asn1.small(MAC_ITERATIONS)),
    ),
  );
}
