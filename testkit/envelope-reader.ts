/**
 * A second reader of envelopes, written from execution/envelope/README.md alone. It shares no code with the first, on
 * purpose: it proves that page, and it is what a thief would write.
 */
import { createDecipheriv, createSecretKey, hkdfSync } from 'node:crypto';

const [ID_AT, SALT_BYTES, NONCE_BYTES, TAG_BYTES] = [11, 16, 12, 16];

export interface ReaderContext {
  readonly region: string;
  readonly tenant: string;
  readonly service: string;
  readonly level: string;
  readonly objectId: string;
  readonly version: number;
  readonly revision: number;
}

export interface ReadHeader {
  readonly parentKind: number;
  readonly parentVersion: number;
  readonly parentId: string;
  readonly nonceAt: number;
}

export function readHeader(envelope: Buffer): ReadHeader {
  const nonceAt = ID_AT + envelope.readUInt8(10) + SALT_BYTES;
  return {
    parentKind: envelope.readUInt8(5),
    parentVersion: envelope.readUInt32BE(6),
    parentId: envelope.toString('utf8', ID_AT, nonceAt - SALT_BYTES),
    nonceAt,
  };
}

/** The plaintext, if `key` is the parent and the envelope was made for one of these contexts. */
export function readEnvelope(
  key: Buffer,
  envelope: Buffer,
  contexts: readonly ReaderContext[],
): Buffer | undefined {
  const { nonceAt } = readHeader(envelope);
  const salt = envelope.subarray(nonceAt - SALT_BYTES, nonceAt);
  // As a key object at once, and not once more for each context.
  const subkey = createSecretKey(derive(key, salt, Buffer.from('openkcm/envelope/v1/subkey')));
  const nonce = envelope.subarray(nonceAt, nonceAt + NONCE_BYTES);
  for (const context of contexts) {
    const gcm = createDecipheriv('aes-256-gcm', subkey, nonce);
    gcm.setAAD(Buffer.concat([envelope.subarray(0, nonceAt), contextBytes(context)]));
    gcm.setAuthTag(envelope.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([gcm.update(envelope.subarray(nonceAt + NONCE_BYTES, -TAG_BYTES)), gcm.final()]);
    } catch {
      // Another key, or another context.
    }
  }
  return undefined;
}

export function contextBytes(context: ReaderContext): Buffer {
  const { region, tenant, service, level, objectId, version, revision } = context;
  return Buffer.concat([
    ...['openkcm/context/v1', region, tenant, service, level, objectId].map(text),
    number(version),
    number(revision),
  ]);
}

/** HKDF-SHA256 to 32 bytes. */
export function derive(key: Buffer, salt: Buffer, info: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, 32));
}

function text(value: string): Buffer {
  const utf8 = Buffer.from(value);
  return Buffer.concat([Buffer.from([utf8.length >> 8, utf8.length & 255]), utf8]);
}

function number(value: number): Buffer {
  return Buffer.from(value.toString(16).padStart(16, '0'), 'hex');
}
