/** PKCS#12 containers that clients register (KMIP 1.4 §3.45, §4.3), opened with the password that is linked to them. */
import { openPkcs12 } from '../../keyforms/index.ts';
import {
  type Attribute,
  attributeValue,
  KmipError,
  LinkType,
  ObjectType,
  SecretDataType,
} from '../../kmip/index.ts';
import type { ManagedObject } from '../../objects/index.ts';
import { linkedFrom } from './links.ts';
import type { Shelf } from './unwrapping.ts';

export const FRIENDLY_NAME = 'PKCS#12 Friendly Name';

export function friendlyNameIn(attributes: readonly Attribute[]): string | undefined {
  const name = attributes.find((a) => a.attributeName === FRIENDLY_NAME);
  return name && attributeValue(name, FRIENDLY_NAME);
}

/**
 * The one password that the links lead to; undefined where they lead to none, to several, or to something else.
 *
 * @throws KmipError as `read` does, but for Item Not Found.
 */
export async function linkedPassword(
  attributes: readonly Attribute[],
  read: Shelf['read'],
): Promise<ManagedObject | undefined> {
  const [uid, ...more] = linkedFrom(attributes, LinkType.PKCS_12PasswordLink);
  if (uid === undefined || uid.includes('\0') || more.length > 0) return undefined;
  const password = await found(read(uid));
  const isPassword =
    password?.objectType === ObjectType.SecretData && password.subtype === SecretDataType.Password;
  return isPassword ? password : undefined;
}

async function found(reading: Promise<ManagedObject>): Promise<ManagedObject | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof KmipError && error.code === 'ITEM_NOT_FOUND') return undefined;
    throw error;
  }
}

export interface OpenedContainer {
  /** The key in PKCS#8, the caller's to wipe. */
  readonly pkcs8: Buffer;
  readonly friendlyName: string | undefined;
}

/** @throws KmipError Invalid Field: no password (§11.4), or the container does not open with it. */
export async function openContainer(
  container: Uint8Array,
  attributes: readonly Attribute[],
  shelf: Shelf,
): Promise<OpenedContainer> {
  const password = await linkedPassword(attributes, (uid) => shelf.read(uid));
  if (password === undefined) {
    throw KmipError.invalidField(
      'a key in PKCS#12 needs one PKCS#12 Password Link, to Secret Data of type Password',
    );
  }
  using secret = await shelf.open(password);
  const wanted = friendlyNameIn(attributes);
  const { key, friendlyName } = secret.use((bytes) => openPkcs12(container, bytes, wanted));
  return { pkcs8: key.export({ format: 'der', type: 'pkcs8' }), friendlyName };
}
