/** MAC (KMIP 1.4 §4.33): with a symmetric key or secret data. */
import { type Mac, macOf, macPlanOf, type Part, partOf } from '../../../cipher/index.ts';
import {
  type CryptographicParameters,
  CryptographicUsageMask,
  ObjectType,
  Operation,
  type RequestOf,
  type ResponseOf,
} from '../../../kmip/index.ts';
import type { ManagedObject } from '../../../objects/index.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import { dataOf, keyFor, noteUse, parametersOf, requireType, streamFor } from '../cryptography.ts';
import { openMaterial } from '../objects.ts';

const use = { purpose: 'protect', mask: CryptographicUsageMask.MACGenerate } as const;

export const macHandler: Handler<typeof Operation.MAC> = async (request, context) => {
  const part = partOf(request);
  const data = dataOf(request, part);
  if (part.kind === 'next') return await goOn(request, part, data, context);
  const uid = uidOf(request, context);
  const object = await keyFor(context, uid, use, data.length);
  noteUse(context, object);
  const work = await startMac(request, object, context);
  if (part.kind === 'whole') {
    work.update(data);
    return { uniqueIdentifier: uid, macData: work.final() };
  }
  const stream = context.turn.open({
    operation: Operation.MAC,
    uid,
    work,
    discard: () => work.discard(),
  });
  context.turn.count(stream, data.length);
  work.update(data);
  return { uniqueIdentifier: uid, correlationValue: stream.correlationValue };
};

async function goOn(
  request: RequestOf<typeof Operation.MAC>,
  part: Part & { kind: 'next' },
  data: Uint8Array,
  context: OperationContext,
): Promise<ResponseOf<typeof Operation.MAC>> {
  const wanted = { operation: Operation.MAC, uid: request.uniqueIdentifier, use } as const;
  const { stream, uid } = await streamFor(context, part, wanted, data.length);
  stream.work.update(data);
  if (part.isLast) return { uniqueIdentifier: uid, macData: stream.work.final() };
  return { uniqueIdentifier: uid, correlationValue: stream.correlationValue };
}

/** A code under the object's key, as the request or the object says. Throws as `macPlanOf` and `macOf`. */
export async function startMac(
  request: { readonly cryptographicParameters?: CryptographicParameters | undefined },
  object: ManagedObject,
  context: OperationContext,
): Promise<Mac> {
  requireType(object, ObjectType.SymmetricKey, ObjectType.SecretData);
  const parameters = parametersOf(request, object);
  const plan = macPlanOf(object.cryptographicAlgorithm, parameters, context.allowWeak);
  using key = await openMaterial(context, object);
  return macOf(key, plan);
}
