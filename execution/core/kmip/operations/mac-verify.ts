/** MAC Verify (KMIP 1.4 §4.34). */
import { isSameMac, type Part, partOf } from '../../../cipher/index.ts';
import {
  CryptographicUsageMask,
  KmipError,
  Operation,
  type RequestOf,
  type ResponseOf,
  ValidityIndicator,
} from '../../../kmip/index.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import { dataOf, keyFor, noteUse, streamFor } from '../cryptography.ts';
import { startMac } from './mac.ts';
import { validity } from './signature-verify.ts';

const use = { purpose: 'process', mask: CryptographicUsageMask.MACVerify } as const;

export const macVerifyHandler: Handler<typeof Operation.MACVerify> = async (request, context) => {
  const part = partOf(request);
  const data = dataOf(request, part);
  if (part.kind === 'next') return await goOn(request, part, data, context);
  const { macData } = request;
  if (part.kind === 'whole') requireMac(macData);
  const uid = uidOf(request, context);
  const object = await keyFor(context, uid, use, data.length);
  noteUse(context, object);
  const mac = await startMac(request, object, context);
  if (part.kind === 'whole') {
    mac.update(data);
    const isValid = isSameMac(mac.final(), requireMac(macData));
    return { uniqueIdentifier: uid, validityIndicator: validity(isValid) };
  }
  const stream = context.turn.open({
    operation: Operation.MACVerify,
    uid,
    work: { mac, expected: macData },
    discard: () => mac.discard(),
  });
  context.turn.count(stream, data.length);
  mac.update(data);
  return {
    uniqueIdentifier: uid,
    validityIndicator: ValidityIndicator.Unknown,
    correlationValue: stream.correlationValue,
  };
};

/** The code to compare with may come with any part. */
async function goOn(
  request: RequestOf<typeof Operation.MACVerify>,
  part: Part & { kind: 'next' },
  data: Uint8Array,
  context: OperationContext,
): Promise<ResponseOf<typeof Operation.MACVerify>> {
  const wanted = { operation: Operation.MACVerify, uid: request.uniqueIdentifier, use } as const;
  const { stream, uid } = await streamFor(context, part, wanted, data.length);
  const { work, correlationValue } = stream;
  work.expected ??= request.macData;
  work.mac.update(data);
  if (!part.isLast) {
    return { uniqueIdentifier: uid, validityIndicator: ValidityIndicator.Unknown, correlationValue };
  }
  const isValid = isSameMac(work.mac.final(), requireMac(work.expected));
  return { uniqueIdentifier: uid, validityIndicator: validity(isValid) };
}

function requireMac(macData: Uint8Array | undefined): Uint8Array {
  if (macData === undefined) throw KmipError.missingData('MAC Data is required');
  return macData;
}
