/** Signature Verify (KMIP 1.4 §4.32): with a public key or the one in a certificate. No served signature holds its data. */
import {
  type Part,
  partOf,
  signaturePlanOf,
  startVerifying,
  type Verifying,
  verifyDigest,
} from '../../../cipher/index.ts';
import {
  CryptographicUsageMask,
  KmipError,
  Operation,
  type RequestOf,
  type ResponseOf,
  ValidityIndicator,
} from '../../../kmip/index.ts';
import type { ManagedObject } from '../../../objects/index.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import {
  asymmetricOptions,
  dataOf,
  keyFor,
  keyObject,
  noteUse,
  parametersOf,
  streamFor,
} from '../cryptography.ts';
import { requireOne } from './sign.ts';

const use = { purpose: 'process', mask: CryptographicUsageMask.Verify } as const;

export const signatureVerifyHandler: Handler<typeof Operation.SignatureVerify> = async (request, context) => {
  const part = partOf(request);
  if (part.kind === 'next') return await goOn(request, part, context);
  requireOne(request, part);
  const { digestedData, signatureData } = request;
  const data = digestedData ?? dataOf(request, part);
  const uid = uidOf(request, context);
  const object = await keyFor(context, uid, use, data.length);
  noteUse(context, object);
  const key = await keyObject(context, object);
  const plan = signaturePlanOf(key, parametersOf(request, object), asymmetricOptions(context));
  if (digestedData !== undefined) {
    const isValid = verifyDigest(key, plan, digestedData, requireSignature(signatureData));
    return { uniqueIdentifier: uid, validityIndicator: validity(isValid) };
  }
  const verifying = startVerifying(plan);
  if (part.kind === 'whole') {
    const signature = requireSignature(signatureData);
    verifying.update(data);
    return { uniqueIdentifier: uid, validityIndicator: validity(verifying.isValid(key, signature)) };
  }
  const stream = context.turn.open({
    operation: Operation.SignatureVerify,
    uid,
    work: { plan, verifying, signature: signatureData },
    discard: () => verifying.discard(),
    heldBytes: () => verifying.heldBytes,
  });
  context.turn.count(stream, data.length);
  verifying.update(data);
  return {
    uniqueIdentifier: uid,
    validityIndicator: ValidityIndicator.Unknown,
    correlationValue: stream.correlationValue,
  };
};

/** The signature may come with any part. */
async function goOn(
  request: RequestOf<typeof Operation.SignatureVerify>,
  part: Part & { kind: 'next' },
  context: OperationContext,
): Promise<ResponseOf<typeof Operation.SignatureVerify>> {
  requireOne(request, part);
  const data = dataOf(request, part);
  const wanted = { operation: Operation.SignatureVerify, uid: request.uniqueIdentifier, use } as const;
  const { stream, uid, object } = await streamFor(context, part, wanted, data.length);
  const { work } = stream;
  work.signature ??= request.signatureData;
  work.verifying.update(data);
  if (part.isLast) return await last(context, object, uid, work);
  return {
    uniqueIdentifier: uid,
    validityIndicator: ValidityIndicator.Unknown,
    correlationValue: stream.correlationValue,
  };
}

async function last(
  context: OperationContext,
  object: ManagedObject,
  uid: string,
  work: { readonly verifying: Verifying; readonly signature: Uint8Array | undefined },
): Promise<ResponseOf<typeof Operation.SignatureVerify>> {
  const key = await keyObject(context, object);
  const isValid = work.verifying.isValid(key, requireSignature(work.signature));
  return { uniqueIdentifier: uid, validityIndicator: validity(isValid) };
}

function requireSignature(signature: Uint8Array | undefined): Uint8Array {
  if (signature === undefined) throw KmipError.missingData('Signature Data is required');
  return signature;
}

/** KMIP 1.4 §9.1.3.2.23 */
export function validity(isValid: boolean): number {
  return isValid ? ValidityIndicator.Valid : ValidityIndicator.Invalid;
}
