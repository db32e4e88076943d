/** Get Usage Allocation (KMIP 1.4 §4.18): a share of what the Usage Limits of an object still allow, taken for good. */
import { CryptographicUsageMask, KmipError, type Operation } from '../../../kmip/index.ts';
import { takeUsage, usageLimitsOf, usageRefusal } from '../../../objects/index.ts';
import { updateBody } from '../../store/objects.ts';
import { type Handler, uidOf } from '../context.ts';
import { noteObject, readForChange } from '../objects.ts';

/** The uses that protect something. */
const PROTECTING =
  CryptographicUsageMask.Sign |
  CryptographicUsageMask.Encrypt |
  CryptographicUsageMask.WrapKey |
  CryptographicUsageMask.MACGenerate |
  CryptographicUsageMask.DeriveKey |
  CryptographicUsageMask.ContentCommitment |
  CryptographicUsageMask.CertificateSign |
  CryptographicUsageMask.CRLSign |
  CryptographicUsageMask.GenerateCryptogram |
  CryptographicUsageMask.TranslateEncrypt |
  CryptographicUsageMask.TranslateWrap;

export const getUsageAllocationHandler: Handler<typeof Operation.GetUsageAllocation> = async (
  request,
  context,
) => {
  const uid = uidOf(request, context);
  const { usageLimitsCount: count } = request;
  if (count <= 0n) throw KmipError.invalidField('Usage Limits Count is a number above zero');
  const object = await readForChange(context, uid);
  if (usageLimitsOf(object) === undefined) {
    throw KmipError.illegalOperation('the object has no Usage Limits: it may be used without an allocation');
  }
  if ((object.usageMask & PROTECTING) === 0) {
    throw KmipError.illegalOperation(
      'the Cryptographic Usage Mask of the object allows nothing that protects',
    );
  }
  // §4.18: while protection is enabled, after the Activation Date and before the Protect Stop Date.
  const refusal = usageRefusal(object, 'protect', 0, context.nowS);
  if (refusal !== null) throw KmipError.permissionDenied(refusal);
  const taken = takeUsage(object, count);
  // The core alone counts, so that no gateway has to hear of it.
  await updateBody(context.tx, { ...taken, dates: { ...taken.dates, lastChange: context.nowS } });
  noteObject(context, object, 'USAGE_ALLOCATED');
  return { uniqueIdentifier: uid };
};
