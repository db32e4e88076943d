/**
 * The private key out of a PKCS#12 container (RFC 7292) that somebody else made. Containers in DER are understood, with
 * their keys in bags that are encrypted one by one, as all common tools write them; OpenSSL decrypts.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { KmipError } from '../kmip/index.ts';
import { isOpenedInTime, isReadInTime } from './costs.ts';
import { DerError, type DerItem, DerTag, itemAt, readDer, readItems, readSequence } from './der.ts';
import { isOid } from './oid.ts';
import { pkcs12Oids as oids } from './pkcs12.ts';

export interface OpenedPkcs12 {
  readonly key: KeyObject;
  readonly friendlyName: string | undefined;
}

interface KeyBag {
  /** DER, encrypted where `isShrouded`. */
  readonly key: Uint8Array;
  readonly isShrouded: boolean;
  readonly friendlyName: string | undefined;
}

/**
 * The first private key, or the one with the friendly name, which is compared without regard to case (§3.45).
 *
 * @throws KmipError Invalid Field: no such container, no such key, or another password.
 */
export function openPkcs12(container: Uint8Array, password: Uint8Array, friendlyName?: string): OpenedPkcs12 {
  let bags: readonly KeyBag[];
  try {
    bags = keyBags(container);
  } catch (error) {
    if (error instanceof DerError) throw KmipError.invalidField('the key material is no PKCS#12 container');
    throw error;
  }
  const wanted = friendlyName?.toLowerCase();
  const bag = bags.find((each) => wanted === undefined || each.friendlyName?.toLowerCase() === wanted);
  if (bag === undefined) throw KmipError.invalidField('the PKCS#12 container holds no such private key');
  return { key: keyIn(bag, password), friendlyName: bag.friendlyName };
}

function keyIn({ key, isShrouded }: KeyBag, password: Uint8Array): KeyObject {
  if (!(isShrouded ? isOpenedInTime(key) : isReadInTime(key))) {
    throw KmipError.invalidField(
      'the key in the PKCS#12 container is none that is read here: in DER, of at most 4096 bits, under PBKDF2 or an older scheme with at most 200,000 iterations',
    );
  }
  const buffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    return createPrivateKey({
      key: buffer(key),
      format: 'der',
      type: 'pkcs8',
      ...(isShrouded ? { passphrase: buffer(password) } : {}),
    });
  } catch {
    throw KmipError.invalidField('the PKCS#12 container does not open with the password that is linked');
  }
}

/** The content of [0] that stands beside the identifier of its type. */
function explicit(items: readonly DerItem[], index: number): Uint8Array {
  return itemAt(items, index, DerTag.Context0).content;
}

function dataIn(contentInfo: Uint8Array): Uint8Array | undefined {
  const items = readItems(contentInfo);
  if (!isOid(itemAt(items, 0, DerTag.ObjectIdentifier).content, oids.data)) return undefined;
  const octets = readDer(explicit(items, 1));
  if (octets.tag !== DerTag.OctetString) throw new DerError('data is no OCTET STRING');
  return octets.content;
}

function keyBags(container: Uint8Array): KeyBag[] {
  const safe = dataIn(itemAt(readSequence(container), 1, DerTag.Sequence).content);
  if (safe === undefined) throw new DerError('the container is not protected by a password');
  return readSequence(safe).flatMap((contentInfo) => {
    const contents = dataIn(contentInfo.content);
    return contents === undefined ? [] : readSequence(contents).flatMap(({ content }) => keyBag(content));
  });
}

function keyBag(bag: Uint8Array): KeyBag[] {
  const items = readItems(bag);
  const type = itemAt(items, 0, DerTag.ObjectIdentifier).content;
  const isShrouded = isOid(type, oids.shroudedKeyBag);
  if (!isShrouded && !isOid(type, oids.keyBag)) return [];
  const attributes = items[2]?.tag === DerTag.Set ? readItems(items[2].content) : [];
  return [{ key: explicit(items, 1), isShrouded, friendlyName: friendlyNameIn(attributes) }];
}

function friendlyNameIn(attributes: readonly DerItem[]): string | undefined {
  for (const { content } of attributes) {
    const items = readItems(content);
    if (!isOid(itemAt(items, 0, DerTag.ObjectIdentifier).content, oids.friendlyName)) continue;
    const [name] = readItems(itemAt(items, 1, DerTag.Set).content);
    if (name?.tag === DerTag.BmpString && name.content.length % 2 === 0) {
      return Buffer.from(name.content).swap16().toString('utf16le');
    }
  }
  return undefined;
}
