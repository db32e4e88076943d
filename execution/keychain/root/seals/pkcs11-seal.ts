/**
 * The PKCS#11 seal (D2): an AES-256 key that was made in the region's token and never leaves it encrypts the unseal
 * key with AES-GCM. The key is made by its label when a region is first sealed; a key that the token would hand out is
 * refused.
 */
import { createHash, randomBytes } from 'node:crypto';
import { Type } from 'typebox';
import { readPrivate } from '../../../../platform/config-file.ts';
import { errorMessage } from '../../../../platform/errors.ts';
import { KEY_BYTES, SecretBytes } from '../../../envelope/index.ts';
import { KeychainError } from '../../errors.ts';
import type { SealProvider } from '../seal-provider.ts';
import { bindingBytes, blobSchema, decodeBlob, encodeBlob } from './blob.ts';
import {
  type Graphene,
  loadGraphene,
  type TokenKey,
  type TokenSession,
  tokenAnswer,
  withToken,
} from './pkcs11-module.ts';

export const PKCS11_SEAL_KIND = 'pkcs11';

export interface Pkcs11SealOptions {
  /** The vendor's PKCS#11 library, an absolute path. */
  readonly module: string;
  readonly tokenLabel: string;
  readonly keyLabel: string;
  /** Mode 0600. Read whenever the seal is used, so that a PIN can be changed without a restart. */
  readonly pinFile: string;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_BYTES = 16;
const MAX_PIN_FILE_BYTES = 1024;

const Hex = Type.String({ pattern: '^[0-9a-f]{2,256}$' });
const Base64 = Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 256 });
const Blob = blobSchema(PKCS11_SEAL_KIND, {
  keyLabel: Type.String({ minLength: 1, maxLength: 64 }),
  keyId: Hex,
  nonce: Base64,
  ciphertext: Base64,
});

/** What the token says when it, and not the blob, is the trouble: worth another try. */
const PASSING =
  /^CKR_(DEVICE_|TOKEN_NOT|SESSION_|SLOT_|CRYPTOKI_NOT|HOST_MEMORY|FUNCTION_CANCELED|USER_NOT_LOGGED)/;
const PIN_REFUSED = /^CKR_(PIN_|USER_PIN_)/;

/** Talks to no token until it is used. */
export function createPkcs11Seal(options: Pkcs11SealOptions): SealProvider {
  // A token locks after a few wrong PINs, and a sealed region tries its seal for ever: no PIN is tried twice.
  let refusedPin: string | undefined;

  async function withKey<T>(
    find: (graphene: Graphene, session: TokenSession) => TokenKey,
    fn: (graphene: Graphene, session: TokenSession, key: TokenKey) => T,
  ): Promise<T> {
    const graphene = await loadGraphene();
    const pin = (
      await readPrivate(options.pinFile, MAX_PIN_FILE_BYTES).catch((cause: unknown) => {
        throw new KeychainError('SEAL_REJECTED', errorMessage(cause), { cause });
      })
    ).trimEnd();
    const digest = createHash('sha256').update(pin).digest('hex');
    if (digest === refusedPin) {
      throw new KeychainError(
        'SEAL_REJECTED',
        `the token refused the PIN of ${options.pinFile}; it is not tried again`,
      );
    }
    try {
      return withToken(graphene, options, pin, (session) => fn(graphene, session, find(graphene, session)));
    } catch (cause) {
      if (cause instanceof KeychainError) throw cause;
      const answer = tokenAnswer(cause) ?? 'no reason given';
      if (PIN_REFUSED.test(answer)) refusedPin = digest;
      const code = PASSING.test(answer) ? 'SEAL_UNAVAILABLE' : 'SEAL_REJECTED';
      throw new KeychainError(code, `the token "${options.tokenLabel}" says ${answer}`, { cause });
    }
  }

  return {
    kind: PKCS11_SEAL_KIND,
    sealUnsealKey: (unsealKey, binding) =>
      withKey(
        (graphene, session) => findOrMake(graphene, session, options.keyLabel),
        (graphene, session, key) => {
          const nonce = randomBytes(NONCE_BYTES);
          const ciphertext = unsealKey.use((bytes) =>
            session
              .createCipher(gcm(graphene, nonce, bindingBytes(binding)), key)
              .once(view(bytes), Buffer.alloc(bytes.length + TAG_BYTES)),
          );
          return encodeBlob(PKCS11_SEAL_KIND, {
            keyLabel: options.keyLabel,
            keyId: idOf(key),
            nonce: nonce.toString('base64'),
            ciphertext: ciphertext.toString('base64'),
          });
        },
      ),
    openUnsealKey: async (blob, binding) => {
      const { keyId, keyLabel, nonce, ciphertext } = decodeBlob(Blob, blob);
      return await withKey(
        (graphene, session) => {
          const key = findKey(graphene, session, { label: keyLabel, id: Buffer.from(keyId, 'hex') });
          if (key === undefined) {
            throw new KeychainError('SEAL_REJECTED', `the token has no key "${keyLabel}" with id ${keyId}`);
          }
          return key;
        },
        (graphene, session, key) => {
          const plain = session
            .createDecipher(gcm(graphene, Buffer.from(nonce, 'base64'), bindingBytes(binding)), key)
            .once(Buffer.from(ciphertext, 'base64'), Buffer.alloc(KEY_BYTES + TAG_BYTES));
          const opened = SecretBytes.take(plain);
          if (opened.sizeBytes === KEY_BYTES) return opened;
          opened.wipe();
          throw new KeychainError('SEAL_REJECTED', 'what the token opened is no unseal key');
        },
      );
    },
  };
}

function gcm(graphene: Graphene, nonce: Buffer, associatedData: Buffer) {
  return { name: 'AES_GCM', params: new graphene.AesGcm240Params(nonce, associatedData, TAG_BYTES * 8) };
}

function findOrMake(graphene: Graphene, session: TokenSession, label: string): TokenKey {
  const key =
    findKey(graphene, session, { label }) ??
    session.generateKey(graphene.KeyGenMechanism.AES, {
      class: graphene.ObjectClass.SECRET_KEY,
      keyType: graphene.KeyType.AES,
      valueLen: KEY_BYTES,
      label,
      id: randomBytes(KEY_ID_BYTES),
      token: true,
      private: true,
      sensitive: true,
      extractable: false,
      encrypt: true,
      decrypt: true,
    });
  const { neverExtractable, alwaysSensitive, valueLen } = key.getAttribute({
    neverExtractable: null,
    alwaysSensitive: null,
    valueLen: null,
  });
  if (neverExtractable !== true || alwaysSensitive !== true || valueLen !== KEY_BYTES) {
    throw new KeychainError(
      'SEAL_REJECTED',
      `the key "${label}" is no AES-256 key that never left the token; choose another label`,
    );
  }
  return key;
}

function findKey(
  graphene: Graphene,
  session: TokenSession,
  wanted: { label: string; id?: Buffer },
): TokenKey | undefined {
  const found = session.find({
    class: graphene.ObjectClass.SECRET_KEY,
    keyType: graphene.KeyType.AES,
    token: true,
    ...wanted,
  });
  if (found.length > 1)
    throw new KeychainError('SEAL_REJECTED', `the token has several keys "${wanted.label}"`);
  return found.length === 0 ? undefined : found.items(0);
}

function idOf(key: TokenKey): string {
  const { id } = key.getAttribute({ id: null });
  return Buffer.isBuffer(id) ? id.toString('hex') : '';
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
