/** What is done in a session with a token. Everything here blocks for as long as the token takes. */
import { randomBytes } from 'node:crypto';
import type { TokenCall, TokenResults } from './pkcs11-calls.ts';
import type { Graphene, Mechanism, TokenObject, TokenSession } from './pkcs11-library.ts';
import { keyUri, parseKeyUri, type TokenKeyName } from './pkcs11-uri.ts';
import { type KeyFacts, KeystoreError, LINK_SECRET_BYTES } from './provider.ts';

const KEY_BYTES = 32;
/** Some tokens do not tell the length of a key that was unwrapped. */
const UNTOLD = 0;
/** RFC 5649 §4.1, of material of 25 to 32 bytes; an AES key of that many has 32. */
const WRAPPED_KEY_BYTES = KEY_BYTES + 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_BYTES = 16;
const IMPORT_MODULUS_BITS = 3072;
const ASSOCIATED_DATA = Buffer.from('openkcm link secret');

export function carryOut(
  graphene: Graphene,
  session: TokenSession,
  call: TokenCall,
): TokenResults[keyof TokenResults] {
  switch (call.what) {
    case 'login':
      return {};
    case 'inspect':
      return inspect(graphene, session, call.reference);
    case 'generate': {
      const key = usableKey(graphene, session, call.reference);
      const plaintext = randomBytes(LINK_SECRET_BYTES);
      const nonce = randomBytes(NONCE_BYTES);
      const sealed = session
        .createCipher(gcm(graphene, nonce), key)
        .once(plaintext, Buffer.alloc(LINK_SECRET_BYTES + TAG_BYTES));
      return { plaintext, wrapped: Buffer.concat([nonce, sealed]) };
    }
    case 'unwrap': {
      const key = usableKey(graphene, session, call.reference);
      const wrapped = Buffer.from(call.wrapped);
      if (wrapped.length !== NONCE_BYTES + LINK_SECRET_BYTES + TAG_BYTES)
        throw new KeystoreError('UNKNOWN', 'the wrapped secret is not of this keystore');
      const plaintext = session
        .createDecipher(gcm(graphene, wrapped.subarray(0, NONCE_BYTES)), key)
        .once(wrapped.subarray(NONCE_BYTES), Buffer.alloc(LINK_SECRET_BYTES + TAG_BYTES));
      return { plaintext };
    }
    case 'create': {
      const id = randomBytes(KEY_ID_BYTES);
      session.generateKey(graphene.KeyGenMechanism.AES, {
        ...l1Template(graphene, id),
        valueLen: KEY_BYTES,
      });
      return { reference: keyUri({ id }) };
    }
    case 'begin-import':
      return beginImport(graphene, session);
    case 'finish-import':
      finishImport(graphene, session, call);
      return {};
  }
}

function inspect(graphene: Graphene, session: TokenSession, reference: string): KeyFacts {
  const key = findKey(graphene, session, parseKeyUri(reference));
  if (key === undefined) {
    const { id } = parseKeyUri(reference);
    const waits = id !== undefined && findImportKey(graphene, session, id) !== undefined;
    if (!waits) throw new KeystoreError('NOT_FOUND', `the token has no key ${reference}`);
    return { state: 'PENDING_IMPORT', reference, version: null };
  }
  const { encrypt, decrypt, valueLen } = key.getAttribute({ encrypt: null, decrypt: null, valueLen: null });
  if (valueLen !== KEY_BYTES && valueLen !== UNTOLD)
    throw new KeystoreError('UNKNOWN', 'the key is no AES-256 key');
  return {
    state: encrypt === true && decrypt === true ? 'ENABLED' : 'DISABLED',
    reference: keyUri(nameOf(key)),
    version: null,
  };
}

function usableKey(graphene: Graphene, session: TokenSession, reference: string): TokenObject {
  const key = findKey(graphene, session, parseKeyUri(reference));
  if (key === undefined) throw new KeystoreError('NOT_FOUND', `the token has no key ${reference}`);
  const { encrypt, decrypt } = key.getAttribute({ encrypt: null, decrypt: null });
  if (encrypt !== true || decrypt !== true) throw new KeystoreError('DISABLED');
  return key;
}

/**
 * The pair that the material travels under: its private half stays in the token, under the id that the key will have,
 * until the import is done.
 */
function beginImport(graphene: Graphene, session: TokenSession): TokenResults['begin-import'] {
  const id = randomBytes(KEY_ID_BYTES);
  const label = 'openkcm import';
  const { publicKey } = session.generateKeyPair(
    graphene.KeyGenMechanism.RSA,
    {
      token: false,
      label,
      id,
      modulusBits: IMPORT_MODULUS_BITS,
      publicExponent: Buffer.from([1, 0, 1]),
      wrap: true,
      encrypt: true,
      verify: false,
    },
    {
      token: true,
      private: true,
      sensitive: true,
      extractable: false,
      label,
      id,
      unwrap: true,
      decrypt: false,
      sign: false,
    },
  );
  const { modulus, publicExponent } = publicKey.getAttribute({ modulus: null, publicExponent: null });
  if (!Buffer.isBuffer(modulus) || !Buffer.isBuffer(publicExponent))
    throw new KeystoreError('UNKNOWN', 'the token made a key pair without a public half');
  return { reference: keyUri({ id }), ticket: id.toString('hex'), modulus, exponent: publicExponent };
}

/** Both unwrappings happen inside the token: the material is in no other memory (PKCS#11 2.40, §2.1.21, step by step). */
function finishImport(
  graphene: Graphene,
  session: TokenSession,
  { ticket, wrapped }: { readonly ticket: string; readonly wrapped: Uint8Array },
): void {
  const id = Buffer.from(ticket, 'hex');
  const privateKey = findImportKey(graphene, session, id);
  if (privateKey === undefined) throw new KeystoreError('NOT_FOUND', 'no import of this key is open');
  const bytes = Buffer.from(wrapped);
  const blockBytes = IMPORT_MODULUS_BITS / 8;
  const noKey = new KeystoreError('UNKNOWN', 'the material is no AES-256 key');
  if (bytes.length !== blockBytes + WRAPPED_KEY_BYTES) throw noKey;
  const wrapping = session.unwrapKey(
    { name: 'RSA_PKCS_OAEP', params: new graphene.RsaOaepParams() },
    privateKey,
    bytes.subarray(0, blockBytes),
    {
      class: graphene.ObjectClass.SECRET_KEY,
      keyType: graphene.KeyType.AES,
      token: false,
      private: true,
      sensitive: true,
      extractable: false,
      unwrap: true,
    },
  );
  const key = session.unwrapKey(
    'AES_KEY_WRAP_PAD',
    wrapping,
    bytes.subarray(blockBytes),
    l1Template(graphene, id),
  );
  try {
    // A key that the token cannot use is none, whatever its attributes say.
    const block = Buffer.alloc(LINK_SECRET_BYTES);
    session
      .createCipher(gcm(graphene, randomBytes(NONCE_BYTES)), key)
      .once(block, Buffer.alloc(block.length + TAG_BYTES));
  } catch {
    key.destroy();
    throw noKey;
  }
  privateKey.destroy();
}

const l1Template = (graphene: Graphene, id: Buffer) => ({
  class: graphene.ObjectClass.SECRET_KEY,
  keyType: graphene.KeyType.AES,
  label: 'openkcm l1',
  id,
  token: true,
  private: true,
  sensitive: true,
  extractable: false,
  encrypt: true,
  decrypt: true,
});

const gcm = (graphene: Graphene, nonce: Buffer): Mechanism => ({
  name: 'AES_GCM',
  params: new graphene.AesGcm240Params(nonce, ASSOCIATED_DATA, TAG_BYTES * 8),
});

function findKey(graphene: Graphene, session: TokenSession, name: TokenKeyName): TokenObject | undefined {
  return findOne(session, {
    class: graphene.ObjectClass.SECRET_KEY,
    keyType: graphene.KeyType.AES,
    token: true,
    ...(name.id && { id: name.id }),
    ...(name.label !== undefined && { label: name.label }),
  });
}

const findImportKey = (graphene: Graphene, session: TokenSession, id: Buffer): TokenObject | undefined =>
  findOne(session, {
    class: graphene.ObjectClass.PRIVATE_KEY,
    keyType: graphene.KeyType.RSA,
    token: true,
    id,
  });

function findOne(session: TokenSession, template: Record<string, unknown>): TokenObject | undefined {
  const found = session.find(template);
  if (found.length > 1) throw new KeystoreError('UNKNOWN', 'the token has several keys of this name');
  return found.length === 0 ? undefined : found.items(0);
}

function nameOf(key: TokenObject): TokenKeyName {
  const { id, label } = key.getAttribute({ id: null, label: null });
  return {
    ...(Buffer.isBuffer(id) && { id }),
    ...(typeof label === 'string' && { label: label.trimEnd() }),
  };
}
