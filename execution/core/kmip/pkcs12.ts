/**
 * A private key as a PKCS#12 container (KMIP 1.4 §4.11): with the chain of certificates that the links lead to, under the
 * password that the PKCS#12 Password Link names.
 */
import { keyObjectOf, pkcs12Container } from '../../keyforms/index.ts';
import { CertificateType, KeyFormatType, KmipError, LinkType, ObjectType } from '../../kmip/index.ts';
import { isDestroyed, type ManagedObject } from '../../objects/index.ts';
import { friendlyNameIn, linkedPassword } from './containers.ts';
import type { OperationContext } from './context.ts';
import { linkedFrom } from './links.ts';
import { openMaterial, readObject } from './objects.ts';

/** Certificates of one chain. */
const MAX_CHAIN = 16;
/** §3.45 */
const DEFAULT_FRIENDLY_NAME = 'alias';

/** The one object that links of this type lead to. @throws KmipError Invalid Field: there are several. */
async function linked(
  context: OperationContext,
  { attributes }: ManagedObject,
  linkType: number,
): Promise<ManagedObject | undefined> {
  const [uid, ...more] = linkedFrom(attributes, linkType);
  if (uid === undefined) return undefined;
  if (more.length > 0) {
    throw KmipError.invalidField('an object of the chain has several links where one is followed');
  }
  return readObject(context, uid);
}

async function passwordOf(context: OperationContext, key: ManagedObject): Promise<ManagedObject> {
  const password = await linkedPassword(key.attributes, (uid) => readObject(context, uid));
  if (password !== undefined) return password;
  throw KmipError.keyFormatTypeNotSupported(
    'for PKCS#12 the key needs one PKCS#12 Password Link, to Secret Data of type Password',
  );
}

async function certificateFor(
  context: OperationContext,
  key: ManagedObject,
): Promise<ManagedObject | undefined> {
  const own = await linked(context, key, LinkType.PKCS_12CertificateLink);
  if (own !== undefined) return own;
  const publicKey = await linked(context, key, LinkType.PublicKeyLink);
  return publicKey && (await linked(context, publicKey, LinkType.CertificateLink));
}

async function chainOf(context: OperationContext, key: ManagedObject): Promise<Uint8Array[]> {
  const chain: Uint8Array[] = [];
  const seen = new Set<string>();
  let next = await certificateFor(context, key);
  while (next !== undefined && !seen.has(next.uid)) {
    if (next.objectType !== ObjectType.Certificate || next.subtype !== CertificateType.X_509) break;
    if (isDestroyed(next.state)) break;
    if (seen.size === MAX_CHAIN)
      throw KmipError.invalidField(`a chain has at most ${MAX_CHAIN} certificates`);
    seen.add(next.uid);
    using certificate = await openMaterial(context, next);
    chain.push(certificate.use((bytes) => Uint8Array.from(bytes)));
    next = await linked(context, next, LinkType.CertificateLink);
  }
  return chain;
}

/**
 * The container, for the answer. `material` is that of the key, borrowed.
 *
 * @throws KmipError Key Format Type Not Supported (no password, or a key that cannot be read), Invalid Field, and as
 * reading the linked objects does.
 */
export async function pkcs12Of(
  context: OperationContext,
  object: ManagedObject,
  material: Uint8Array,
): Promise<Uint8Array> {
  const { objectType, keyFormatType = KeyFormatType.Raw, cryptographicAlgorithm, attributes } = object;
  using password = await openMaterial(context, await passwordOf(context, object));
  const certificates = await chainOf(context, object);
  return password.use((bytes) =>
    pkcs12Container({
      key: keyObjectOf({ objectType, keyFormatType, cryptographicAlgorithm, material }),
      certificates,
      password: bytes,
      friendlyName: friendlyNameIn(attributes) ?? DEFAULT_FRIENDLY_NAME,
    }),
  );
}
