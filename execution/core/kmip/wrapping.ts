/** Handing a key out wrapped by others (KMIP 1.4 §2.1.6, §4.11): which keys may wrap, and with what parameters. */
import { checkWrappingKeys, type PlainKey, takesRandomNonce, wrapKeyBlock } from '../../cipher/index.ts';
import {
  attributeValue,
  type CryptographicParameters,
  CryptographicUsageMask,
  type KeyBlock,
  type KeyWrappingSpecification,
  KmipError,
  ObjectType,
  Operation,
  ResultReason,
} from '../../kmip/index.ts';
import type { ManagedObject } from '../../objects/index.ts';
import { spendRandomIv } from '../store/random-ivs.ts';
import { sizeOf } from './budget.ts';
import { type OperationContext, RefusedError, requirePermitted } from './context.ts';
import { authenticatorOf, type OpenedKey, wrapperOf } from './key-wrapping.ts';
import { noteObject, openMaterial, readObject, readToProtect } from './objects.ts';
import { readWrappingKey } from './unwrapping.ts';

const PARAMETERS = 'Cryptographic Parameters';

/**
 * §2.1.6: the parameters must be among those of the key; where none are given, its first are meant. A key that has none
 * takes what it is given: most clients never set the attribute.
 *
 * @throws KmipError Item Not Found
 */
function parametersFor(
  key: ManagedObject,
  given: CryptographicParameters | undefined,
): CryptographicParameters | undefined {
  const own = key.attributes
    .filter((a) => a.attributeName === PARAMETERS)
    .map((a) => attributeValue(a, PARAMETERS));
  if (given === undefined || own.length === 0) return given ?? own[0];
  if (own.some((instance) => fits(given, instance))) return given;
  throw KmipError.itemNotFound('the wrapping key has no such Cryptographic Parameters');
}

/** Whether the key's instance says all that was asked for. */
function fits(given: CryptographicParameters, instance: CryptographicParameters): boolean {
  return Object.entries(given).every(([name, value]) => {
    const other = (instance as Record<string, unknown>)[name];
    return value instanceof Uint8Array
      ? other instanceof Uint8Array && Buffer.from(value).equals(other)
      : value === other;
  });
}

async function open(
  context: OperationContext,
  uid: string,
  usageMask: (key: ManagedObject) => number,
  sizeBytes: number,
): Promise<OpenedKey> {
  const key = await readWrappingKey(uid, (wanted) => readObject(context, wanted));
  const object = await readToProtect(context, uid, usageMask(key), sizeBytes);
  noteObject(context, object, 'OBJECT_USED');
  return { object, secret: await openMaterial(context, object) };
}

/** D5: nonces that are chosen at random come out of a budget per key. */
async function spendNonce(
  context: OperationContext,
  { object }: OpenedKey,
  parameters: CryptographicParameters | undefined,
): Promise<void> {
  const { objectType, cryptographicAlgorithm: algorithm = 0, uid } = object;
  if (objectType !== ObjectType.SymmetricKey || parameters?.blockCipherMode === undefined) return;
  if (!takesRandomNonce({ algorithm, parameters }) || (await spendRandomIv(context.tx, uid))) return;
  throw new RefusedError(
    ResultReason.PermissionDenied,
    'as many random IVs as are safe have been used with the wrapping key; use another',
    'IV_BUDGET_SPENT',
    uid,
  );
}

/** §3.19 has bits of their own for wrapping, but none for MACs and signatures: they are those of MAC and Sign. */
function requireMayAuthenticate(context: OperationContext, { objectType }: ManagedObject): void {
  requirePermitted(context, objectType === ObjectType.SymmetricKey ? Operation.MAC : Operation.Sign);
}

const maskToWrap = () => CryptographicUsageMask.WrapKey;
const maskToAuthenticate = ({ objectType }: ManagedObject) =>
  objectType === ObjectType.SymmetricKey ? CryptographicUsageMask.MACGenerate : CryptographicUsageMask.Sign;

/** What Usage Limits count in bytes (§3.21): all that is wrapped, a transparent key and its attributes as they are written. */
function protectedBytes({ material, attributes = [] }: PlainKey): number {
  const sizeBytes = material instanceof Uint8Array ? material.length : sizeOf(material).bytes;
  return attributes.reduce((sum, { attributeValue: value }) => sum + sizeOf(value).bytes, sizeBytes);
}

/**
 * The key block wrapped as the specification asks. Borrows the key's material, which may be in the result where it is
 * signed only.
 *
 * @throws KmipError Item Not Found, Illegal Operation and Permission Denied as §11.12 has them for wrapping keys, Encoding
 * Option Error, Invalid Field, Feature Not Supported, Cryptographic Failure.
 */
export async function wrapped(
  context: OperationContext,
  key: PlainKey,
  specification: KeyWrappingSpecification,
): Promise<KeyBlock> {
  checkWrappingKeys(specification);
  const { encryptionKeyInformation, macSignatureKeyInformation } = specification;
  const { version } = context;
  const sizeBytes = protectedBytes(key);
  const opened: OpenedKey[] = [];
  const use = async (
    information: { uniqueIdentifier: string; cryptographicParameters?: CryptographicParameters | undefined },
    usageMask: (key: ManagedObject) => number,
  ) => {
    const found = await open(context, information.uniqueIdentifier, usageMask, sizeBytes);
    opened.push(found);
    return { found, parameters: parametersFor(found.object, information.cryptographicParameters) };
  };
  try {
    const encryption = encryptionKeyInformation && (await use(encryptionKeyInformation, maskToWrap));
    const authentication =
      macSignatureKeyInformation && (await use(macSignatureKeyInformation, maskToAuthenticate));
    if (authentication) requireMayAuthenticate(context, authentication.found.object);
    if (encryption) await spendNonce(context, encryption.found, encryption.parameters);
    return wrapKeyBlock(
      key,
      specification,
      {
        encryption: encryption && wrapperOf(encryption.found, { parameters: encryption.parameters, version }),
        authentication:
          authentication &&
          authenticatorOf(authentication.found, { parameters: authentication.parameters, version }),
      },
      version,
    );
  } finally {
    for (const { secret } of opened) secret.wipe();
  }
}
