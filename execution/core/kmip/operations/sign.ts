/** Sign (KMIP 1.4 §4.31): with a private key, over Data or its digest. In parts, the key is opened for the last only. */
import { type Part, partOf, signaturePlanOf, signDigest, startSigning } from '../../../cipher/index.ts';
import {
  CryptographicUsageMask,
  KmipError,
  ObjectType,
  Operation,
  type RequestOf,
  type ResponseOf,
} from '../../../kmip/index.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import {
  asymmetricOptions,
  dataOf,
  keyFor,
  keyObject,
  noteUse,
  parametersOf,
  requireType,
  streamFor,
} from '../cryptography.ts';

const use = { purpose: 'protect', mask: CryptographicUsageMask.Sign } as const;

export const signHandler: Handler<typeof Operation.Sign> = async (request, context) => {
  const part = partOf(request);
  const { digestedData } = request;
  if (part.kind === 'next') return await goOn(request, part, context);
  requireOne(request, part);
  const data = digestedData ?? dataOf(request, part);
  const uid = uidOf(request, context);
  const object = await keyFor(context, uid, use, data.length);
  noteUse(context, object);
  requireType(object, ObjectType.PrivateKey);
  const key = await keyObject(context, object);
  const plan = signaturePlanOf(key, parametersOf(request, object), asymmetricOptions(context));
  if (digestedData !== undefined) {
    return { uniqueIdentifier: uid, signatureData: signDigest(key, plan, digestedData) };
  }
  const signing = startSigning(plan);
  if (part.kind === 'whole') {
    signing.update(data);
    return { uniqueIdentifier: uid, signatureData: signing.sign(key) };
  }
  const stream = context.turn.open({
    operation: Operation.Sign,
    uid,
    work: { plan, signing },
    discard: () => signing.discard(),
    heldBytes: () => signing.heldBytes,
  });
  context.turn.count(stream, data.length);
  signing.update(data);
  return { uniqueIdentifier: uid, correlationValue: stream.correlationValue };
};

async function goOn(
  request: RequestOf<typeof Operation.Sign>,
  part: Part & { kind: 'next' },
  context: OperationContext,
): Promise<ResponseOf<typeof Operation.Sign>> {
  requireOne(request, part);
  const data = dataOf(request, part);
  const wanted = { operation: Operation.Sign, uid: request.uniqueIdentifier, use } as const;
  const { stream, uid, object } = await streamFor(context, part, wanted, data.length);
  stream.work.signing.update(data);
  if (!part.isLast) return { uniqueIdentifier: uid, correlationValue: stream.correlationValue };
  const key = await keyObject(context, object);
  return { uniqueIdentifier: uid, signatureData: stream.work.signing.sign(key) };
}

/** Throws Invalid Field: a digest is whole already, and stands in the place of Data. */
export function requireOne(
  { data, digestedData }: { data?: Uint8Array | undefined; digestedData?: Uint8Array | undefined },
  part: Part,
): void {
  if (digestedData === undefined) return;
  if (part.kind !== 'whole') throw KmipError.invalidField('Digested Data does not come in parts');
  if (data !== undefined) throw KmipError.invalidField('send Data or Digested Data, not both');
}
