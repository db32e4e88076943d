/** Derive Key (KMIP 1.4 §4.6): a symmetric key or Secret Data from objects that are held here already. */
import { randomUUID } from 'node:crypto';
import type { SecretBytes } from '../../../envelope/index.ts';
import {
  type Attribute,
  CryptographicAlgorithm,
  DerivationMethod,
  KeyFormatType,
  KmipError,
  LinkType,
  ObjectType,
  type Operation,
  type RequestOf,
  SecretDataType,
} from '../../../kmip/index.ts';
import {
  fieldsFromTemplate,
  type ManagedObject,
  materialDigest,
  symmetricKeyLengths,
  type TemplateFields,
} from '../../../objects/index.ts';
import { MAX_DERIVATION_INPUT_BYTES, MAX_DERIVED_BYTES, MAX_DERIVED_KEY_LINKS } from '../../limits.ts';
import type { Handler, OperationContext } from '../context.ts';
import { agreedSecret } from '../derivation/agreement.ts';
import { type Bases, basesOf, parametersFor, readBases, requireDerivable } from '../derivation/bases.ts';
import { methodOf } from '../derivation/methods.ts';
import { madeHere } from '../generator.ts';
import { linkedFrom, linkTo, withAttributes, withoutLinks } from '../links.ts';
import {
  addObject,
  noteObject,
  openMaterial,
  readForChange,
  saveObject,
  sealMaterial,
  serviceForNew,
} from '../objects.ts';
import { decidedBy, protectionOf } from '../split-keys/parts.ts';
import { attributesMeant } from '../templates.ts';
import { spend } from '../usage-limits.ts';

type DeriveRequest = RequestOf<typeof Operation.DeriveKey>;

/** The new object's attributes, with a link to each base. @throws KmipError Invalid Field */
async function newFields(
  context: OperationContext,
  { objectType, templateAttribute, derivationMethod }: DeriveRequest,
  bases: readonly ManagedObject[],
): Promise<TemplateFields> {
  const { nowS } = context;
  if (objectType !== ObjectType.SymmetricKey && objectType !== ObjectType.SecretData) {
    throw KmipError.invalidField('only symmetric keys and Secret Data are derived');
  }
  const meant = await attributesMeant(context, templateAttribute);
  const links: readonly Attribute[] = bases.map(({ uid }) => linkTo(LinkType.DerivationBaseObjectLink, uid));
  const fields = fieldsFromTemplate({
    operation: 'register',
    objectType,
    attributes: [...decidedBy(revealedBy(derivationMethod, bases), madeHere(meant, 'derived')), ...links],
    nowS,
  });
  return { ...fields, dates: { ...fields.dates, originalCreation: nowS } };
}

/**
 * All methods but one go one way. What was encrypted is the derivation data again for whoever has the key: a Secret Data
 * object in its place stays as protected (§3.48, §3.50) as it was.
 */
function revealedBy(method: number, bases: readonly ManagedObject[]): readonly Attribute[] {
  if (method !== DerivationMethod.ENCRYPT) return [];
  return protectionOf(bases.filter((base) => base.objectType === ObjectType.SecretData));
}

/** Bytes to derive; Triple DES counts 56 bits for each 8 bytes of key. @throws KmipError Invalid Field */
function sizeBytesOf({ objectType, cryptographicAlgorithm, cryptographicLength }: TemplateFields): number {
  if (cryptographicLength === undefined) {
    throw KmipError.invalidField('Cryptographic Length is required: it says how much is derived');
  }
  const isKey = objectType === ObjectType.SymmetricKey;
  if (isKey && cryptographicAlgorithm === undefined) {
    throw KmipError.invalidField('Cryptographic Algorithm is required for a key');
  }
  const lengths = isKey ? symmetricKeyLengths[cryptographicAlgorithm ?? 0] : undefined;
  if (lengths !== undefined && !lengths.includes(cryptographicLength)) {
    throw KmipError.invalidField(
      `Cryptographic Length must be one of ${lengths.join(', ')} for this algorithm; got ${cryptographicLength}`,
    );
  }
  const perByte = isKey && cryptographicAlgorithm === CryptographicAlgorithm.DES3 ? 7 : 8;
  const sizeBytes = cryptographicLength / perByte;
  if (!Number.isInteger(sizeBytes) || sizeBytes < 1 || sizeBytes > MAX_DERIVED_BYTES) {
    throw KmipError.invalidField(
      `Cryptographic Length is a multiple of 8 bits, up to ${MAX_DERIVED_BYTES} bytes`,
    );
  }
  return sizeBytes;
}

async function derive(
  context: OperationContext,
  request: DeriveRequest,
  bases: Bases,
  sizeBytes: number,
): Promise<SecretBytes> {
  if (bases.kind === 'agreement') return agreedSecret(context, bases, sizeBytes);
  const { derivationMethod, derivationParameters: given } = request;
  const { key: base, dataObject } = bases;
  // §4.6: HMAC goes by the key's own algorithm, and parameters that do not match are no error there.
  const parameters =
    derivationMethod === DerivationMethod.HMAC
      ? (given.cryptographicParameters ?? parametersFor(base, undefined))
      : parametersFor(base, given.cryptographicParameters);
  using key = await openMaterial(context, base);
  using dataSecret = dataObject === undefined ? undefined : await openMaterial(context, dataObject);
  const data = dataSecret === undefined ? given.derivationData : context.lent.copyOf(dataSecret);
  for (const input of [data, given.salt, given.initializationVector]) {
    if (input !== undefined && input.length > MAX_DERIVATION_INPUT_BYTES) {
      throw KmipError.invalidField(
        `a derivation takes inputs of at most ${MAX_DERIVATION_INPUT_BYTES} bytes`,
      );
    }
  }
  // D5: an IV that the client chose is on its own head, and in the trail.
  if (derivationMethod === DerivationMethod.ENCRYPT && given.initializationVector !== undefined) {
    noteObject(context, base, 'CLIENT_IV_USED');
  }
  return methodOf(derivationMethod)(
    {
      key,
      keyUid: base.uid,
      keyAlgorithm: base.cryptographicAlgorithm,
      data,
      parameters,
      iv: given.initializationVector,
      salt: given.salt,
      iterationCount: given.iterationCount,
      sizeBytes,
    },
    context,
  );
}

/** Each base is used and gets its link; in one order, so that two derivations do not wait for each other in turn. */
async function useBases(
  context: OperationContext,
  bases: readonly ManagedObject[],
  derivedUid: string,
  sizeBytes: number,
): Promise<void> {
  for (const uid of bases.map((base) => base.uid).sort()) {
    const base = await readForChange(context, uid);
    requireDerivable(base, context.nowS);
    const others = linkedFrom(base.attributes, LinkType.DerivedKeyLink).slice(1 - MAX_DERIVED_KEY_LINKS);
    const used = spend(base, sizeBytes);
    const attributes = [
      ...withoutLinks(used.attributes, LinkType.DerivedKeyLink),
      ...[...others, derivedUid].map((other) => linkTo(LinkType.DerivedKeyLink, other)),
    ];
    await saveObject(context, withAttributes(used, attributes, context.nowS), 'OBJECT_USED');
  }
}

export const deriveKeyHandler: Handler<typeof Operation.DeriveKey> = async (request, context) => {
  const { derivationMethod, derivationParameters, uniqueIdentifier } = request;
  const objects = await readBases(context, uniqueIdentifier);
  const fields = await newFields(context, request, objects);
  const sizeBytes = sizeBytesOf(fields);
  const bases = basesOf(derivationMethod, objects, derivationParameters.derivationData);
  using secret = await derive(context, request, bases, sizeBytes);
  const uid = randomUUID();
  const service = serviceForNew(context);
  const derived: ManagedObject = {
    ...fields,
    uid,
    tenant: context.requester.scope.tenant,
    service,
    keyFormatType: KeyFormatType.Raw,
    ...(fields.objectType === ObjectType.SecretData ? { subtype: SecretDataType.Seed } : {}),
    digest: secret.use(materialDigest),
    wrapped: await sealMaterial(context, service, uid, secret),
    revision: 1,
  };
  await useBases(context, objects, uid, sizeBytes);
  await addObject(context, derived, 'OBJECT_CREATED');
  return { uniqueIdentifier: uid };
};
