/**
 * How a key of a token is called: a PKCS#11 URI (RFC 7512) with an id, a label (`object`), or both. Nothing else of the RFC
 * is taken: the token and its library are the keystore's.
 */
import { KeystoreError } from './provider.ts';

export interface TokenKeyName {
  readonly id?: Buffer;
  readonly label?: string;
}

const MAX_ID_BYTES = 64;
const MAX_LABEL_LENGTH = 64;
const PART = /^(id|object|type)=((?:[A-Za-z0-9\-._~:[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2})+)$/;

/** Errors: KeystoreError NOT_FOUND, since no key can be called so. */
export function parseKeyUri(uri: string): TokenKeyName {
  const name: { id?: Buffer; label?: string } = {};
  const bad = (why: string) => new KeystoreError('NOT_FOUND', `${uri} is no pkcs11: URI of a key: ${why}`);
  if (!uri.startsWith('pkcs11:')) throw bad('it does not begin so');
  for (const part of uri.slice('pkcs11:'.length).split(';')) {
    const [, attribute, value] = PART.exec(part) ?? [];
    if (attribute === undefined || value === undefined) throw bad(`"${part}" is not understood`);
    const bytes = Buffer.from(
      value.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      ),
      'latin1',
    );
    if (attribute === 'id' && name.id === undefined && bytes.length <= MAX_ID_BYTES) name.id = bytes;
    else if (attribute === 'object' && name.label === undefined && bytes.length <= MAX_LABEL_LENGTH)
      name.label = bytes.toString('utf8');
    else if (attribute !== 'type' || value !== 'secret-key') throw bad(`"${part}" is not expected`);
  }
  if (name.id === undefined && name.label === undefined) throw bad('it names neither id nor object');
  return name;
}

/** The one form that the same key always gets: by its id, or by its label where it has none. */
export const keyUri = ({ id, label = '' }: TokenKeyName): string =>
  id !== undefined && id.length > 0
    ? `pkcs11:id=${[...id].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')};type=secret-key`
    : `pkcs11:object=${encodeURIComponent(label)};type=secret-key`;
