/** Where data keys come from, and how the one that a message names is found again. */
import { randomFillSync } from 'node:crypto';
import { l3Address } from '../../routing/index.ts';
import { OpenKcmError } from '../errors.ts';
import type { CipherOptions, Ciphertext, CreateOptions, EncryptOptions, KeyMaterial } from '../operations.ts';
import type { KeyReference } from './header.ts';
import { DATA_KEY_BYTES } from './message-keys.ts';
import { SealedDataError } from './sealed-data-error.ts';
import { SecretKey } from './secret-key.ts';

/** What a client of a gateway does for data keys. */
export interface KeyServer {
  create(options: CreateOptions): Promise<string>;
  get(uid: string): Promise<KeyMaterial>;
  encrypt(uid: string, data: Uint8Array, options: EncryptOptions): Promise<Ciphertext>;
  decrypt(uid: string, ciphertext: Ciphertext, options: CipherOptions): Promise<Uint8Array>;
}

/**
 * `created` (the default): each data key is an object of the region, made by Create and fetched by Get. It can be found,
 * revoked and destroyed; who destroys it has shredded what it sealed. `create` adds attributes, such as a name.
 *
 * `service`: data keys are made here and wrapped under the key of a service, `l3:<service>`. They exist nowhere but in
 * the messages, take no place in any store, and live as long as the service's key.
 */
export type DataKeySource =
  | { readonly kind: 'created'; readonly create?: Pick<CreateOptions, 'attributes'> | undefined }
  | { readonly kind: 'service'; readonly service: string };

export interface FoundKey {
  readonly reference: KeyReference;
  readonly key: SecretKey;
}

/** What a wrapped data key is bound to, so that no other data of the service passes for one. */
const WRAPPED_AS = Buffer.from('openkcm/sealed-data/v1/data-key', 'utf8');

/** A data key that no message has used. @throws OpenKcmError */
export async function makeKey(server: KeyServer, source: DataKeySource): Promise<FoundKey> {
  if (source.kind === 'created') {
    const uid = await server.create({ ...source.create, algorithm: 'AES', lengthBits: DATA_KEY_BYTES * 8 });
    return { reference: { kind: 'created', uid }, key: await getKey(server, uid) };
  }
  const { service } = source;
  const key = SecretKey.fill(DATA_KEY_BYTES, (bytes) => void randomFillSync(bytes));
  try {
    const { data: wrapped } = await key.use((bytes) =>
      server.encrypt(l3Address(service), bytes, { additionalData: WRAPPED_AS }),
    );
    return { reference: { kind: 'service', service, wrapped: Buffer.from(wrapped) }, key };
  } catch (error) {
    key.wipe();
    throw error;
  }
}

/** The data key that a message names. @throws OpenKcmError; SealedDataError WRONG_KEY when it is no such key. */
export async function findKey(server: KeyServer, reference: KeyReference): Promise<FoundKey> {
  if (reference.kind === 'created') return { reference, key: await getKey(server, reference.uid) };
  const { service, wrapped } = reference;
  const bytes = await server.decrypt(l3Address(service), { data: wrapped }, { additionalData: WRAPPED_AS });
  return { reference, key: checked(SecretKey.take(bytes)) };
}

async function getKey(server: KeyServer, uid: string): Promise<SecretKey> {
  const { algorithm, key } = await server.get(uid);
  if (algorithm === 'AES') return checked(key);
  key.wipe();
  throw new OpenKcmError('INVALID_REQUEST', 'Get: the data key is no AES key', { operation: 'Get' });
}

function checked(key: SecretKey): SecretKey {
  if (key.sizeBytes === DATA_KEY_BYTES) return key;
  key.wipe();
  throw new SealedDataError('WRONG_KEY', 'a data key has 256 bits');
}
