/** Check (KMIP 1.4 §4.10): would a use of the object be allowed? It grants nothing and changes nothing. */
import { KmipError, type Operation } from '../../../kmip/index.ts';
import { type Handler, uidOf } from '../context.ts';
import { readObject } from '../objects.ts';
import { usageLimitsOf } from '../usage-limits.ts';

export const checkHandler: Handler<typeof Operation.Check> = async (request, context) => {
  const uid = uidOf(request, context);
  const object = await readObject(context, uid);
  const refuse = (what: string): never => {
    // §4.10: a refusal empties the ID Placeholder, so that nothing after it in the batch uses the object.
    context.batch.idPlaceholder = undefined;
    throw KmipError.permissionDenied(what);
  };
  const { cryptographicUsageMask: mask, usageLimitsCount: count } = request;
  if (mask !== undefined && (object.usageMask & mask) !== mask) {
    refuse('the Cryptographic Usage Mask of the object does not allow this use');
  }
  const limits = usageLimitsOf(object);
  if (count !== undefined && limits !== undefined && count > limits.left)
    refuse('the Usage Limits of the object do not allow that many');
  // Objects carry no lease of their own: any lease time that a client wants to count is fine.
  return { uniqueIdentifier: uid };
};
