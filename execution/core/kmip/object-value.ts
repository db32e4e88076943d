/** An object as Get and Export return it (KMIP 1.4 §4.11, §4.40): in the form, and under the wrapping, that was asked for. */
import type { PlainKey } from '../../cipher/index.ts';
import {
  KeyFormatType,
  type KeyWrappingSpecification,
  KeyWrapType,
  KmipError,
  type KmipObject,
  ObjectType,
  WrappingMethod,
} from '../../kmip/index.ts';
import {
  attributesNamed,
  hasKeyBlock,
  isDestroyed,
  isExtractable,
  isSensitive,
  keyMaterialOf,
  knownTo,
  type ManagedObject,
  shapeOf,
  withKeyBlock,
  withTemplate,
  withValue,
} from '../../objects/index.ts';
import type { OperationContext } from './context.ts';
import { inForm, requireOwnForm, type WantedForm } from './forms.ts';
import { openMaterial, openPlain, openStored } from './objects.ts';
import { pkcs12Of } from './pkcs12.ts';
import { wrapped } from './wrapping.ts';

export interface WantedValue extends WantedForm {
  readonly keyWrapType?: number | undefined;
  readonly keyWrappingSpecification?: KeyWrappingSpecification | undefined;
}

/** §11.12. @throws KmipError Object Archived, Illegal Operation, Not Extractable, Sensitive */
function requireReadable(object: ManagedObject, leavesEncrypted: boolean): void {
  if (isDestroyed(object.state)) {
    throw KmipError.illegalOperation('the object has been destroyed; only its attributes are left');
  }
  if (object.dates.archive !== undefined) {
    throw KmipError.objectArchived('the object is archived; Recover it first');
  }
  if (object.wrapped === null && object.objectType !== ObjectType.Template) {
    throw KmipError.illegalOperation(
      'the key value is kept elsewhere; see the Key Value Location of the object',
    );
  }
  if (!isExtractable(object)) throw KmipError.notExtractable('the object is not Extractable');
  if (isSensitive(object) && !leavesEncrypted) {
    throw KmipError.sensitive('the object is Sensitive; ask for it wrapped');
  }
}

/** §9.1.3.2.48. @throws KmipError Feature Not Supported (unknown), Invalid Field (a contradiction). */
function checkWrapType({ keyWrapType, keyWrappingSpecification }: WantedValue): void {
  if (keyWrapType === undefined || keyWrapType === KeyWrapType.NotWrapped) return;
  if (keyWrapType !== KeyWrapType.AsRegistered) {
    throw KmipError.featureNotSupported(`Key Wrap Type ${keyWrapType} is not known`);
  }
  if (keyWrappingSpecification !== undefined) {
    throw KmipError.invalidField(
      'Key Wrap Type As Registered and a Key Wrapping Specification exclude each other',
    );
  }
}

/** A key that came wrapped leaves as it came, unless the client asks for anything else of it. */
function leavesAsRegistered(object: ManagedObject, wanted: WantedValue): boolean {
  const { keyWrapType, keyWrappingSpecification, keyFormatType, keyCompressionType } = wanted;
  if (object.keyWrappingData === undefined || keyWrappingSpecification !== undefined) return false;
  if (keyWrapType === KeyWrapType.AsRegistered) return true;
  const isOther = keyFormatType !== undefined && keyFormatType !== object.keyFormatType;
  return keyWrapType === undefined && !isOther && keyCompressionType === undefined;
}

/**
 * The object's value. What the result refers to is wiped with the answer (`context.lent`).
 *
 * @throws KmipError as §11.12 has it.
 */
export async function objectValue(
  context: OperationContext,
  object: ManagedObject,
  wanted: WantedValue,
): Promise<KmipObject> {
  checkWrapType(wanted);
  const { keyWrappingSpecification: specification } = wanted;
  const asRegistered = leavesAsRegistered(object, wanted);
  const wrapping = asRegistered ? object.keyWrappingData : specification;
  // What is only signed can be read by everybody (§3.48).
  const isEncrypted = wrapping !== undefined && wrapping.wrappingMethod !== WrappingMethod.MACSign;
  requireReadable(object, isEncrypted);
  if (!hasKeyBlock(object.objectType)) {
    if (specification !== undefined) {
      throw KmipError.illegalOperation('an object without a key block cannot be wrapped');
    }
    requireOwnForm(object, wanted);
    if (object.objectType === ObjectType.Template) return withTemplate(object);
    using value = await openStored(context, object);
    return withValue(object, context.lent.copyOf(value));
  }
  if (asRegistered) return registeredValue(context, object, wanted);
  const key = await plainKey(context, object, wanted);
  if (specification === undefined) return plainValue(object, key);
  const attributes = attributesNamed(object, specification.attributeName ?? [], context.nowS);
  const block = await wrapped(
    context,
    { ...key, attributes: knownTo(context.version, attributes) },
    specification,
  );
  // What was only signed is still the key itself.
  if (block.keyValue instanceof Uint8Array) context.lent.keep(block.keyValue);
  return withKeyBlock(object, block);
}

async function registeredValue(
  context: OperationContext,
  object: ManagedObject,
  { keyFormatType, keyCompressionType }: WantedForm,
): Promise<KmipObject> {
  const { keyFormatType: own = KeyFormatType.Raw, keyWrappingData } = object;
  if ((keyFormatType ?? own) !== own) {
    throw KmipError.keyFormatTypeNotSupported(
      'a key that is wrapped as registered keeps its Key Format Type',
    );
  }
  if (keyCompressionType !== undefined && keyCompressionType !== object.keyCompressionType) {
    throw KmipError.keyCompressionTypeNotSupported(
      'a key that is wrapped as registered is not compressed anew',
    );
  }
  using value = await openStored(context, object);
  return withKeyBlock(object, {
    keyFormatType: own,
    keyCompressionType: object.keyCompressionType,
    keyValue: context.lent.copyOf(value),
    ...shapeOf(object),
    keyWrappingData,
  });
}

async function plainKey(
  context: OperationContext,
  object: ManagedObject,
  wanted: WantedForm,
): Promise<PlainKey> {
  const { keyFormatType: own = KeyFormatType.Raw } = object;
  const isAsHeld = (wanted.keyFormatType ?? own) === own;
  // A container that is wanted as it is stays closed.
  using secret = await (isAsHeld ? openPlain : openMaterial)(context, object);
  const held = context.lent.copyOf(secret);
  if (
    !isAsHeld &&
    wanted.keyFormatType === KeyFormatType.PKCS_12 &&
    object.objectType === ObjectType.PrivateKey
  ) {
    const material = await pkcs12Of(context, object, held);
    return { keyFormatType: KeyFormatType.PKCS_12, material, ...shapeOf(object) };
  }
  const form = inForm(object, held, wanted, (bytes) => context.lent.keep(bytes));
  return {
    keyFormatType: form.keyFormatType,
    keyCompressionType: form.keyCompressionType,
    material: keyMaterialOf(form.keyFormatType, form.material),
    ...shapeOf(object),
  };
}

function plainValue(object: ManagedObject, key: PlainKey): KmipObject {
  const { material, attributes: _, ...block } = key;
  return withKeyBlock(object, { ...block, keyValue: { keyMaterial: material } });
}

/** The object around nothing, as Export returns one that has been destroyed, or whose value never was here (§4.40). */
export function emptyValue(object: ManagedObject): KmipObject {
  if (object.objectType === ObjectType.Template) return withTemplate(object);
  if (!hasKeyBlock(object.objectType)) return withValue(object, new Uint8Array());
  const { keyFormatType = KeyFormatType.Raw, keyCompressionType } = object;
  return withKeyBlock(object, { keyFormatType, keyCompressionType, ...shapeOf(object) });
}
