/** Check (KMIP 1.4 §4.10): would a use of the object be allowed? It grants nothing and changes nothing. */
import { KmipError, ObjectType, Operation, operationSchemas, type ResponseOf } from '../../../kmip/index.ts';
import { leaseFor, type ManagedObject, usageLimitsOf } from '../../../objects/index.ts';
import { type Handler, type OperationContext, RefusalWithPayload, uidOf } from '../context.ts';
import { readObject } from '../objects.ts';

type CheckAnswer = ResponseOf<typeof Operation.Check>;

export const checkHandler: Handler<typeof Operation.Check> = async (request, context) => {
  const uid = uidOf(request, context);
  const object = await readObject(context, uid);
  if (object.objectType === ObjectType.Template) {
    throw KmipError.illegalOperation('a template is not used, so there is nothing to check');
  }
  const { cryptographicUsageMask: mask, usageLimitsCount: count, leaseTime } = request;
  const limits = usageLimitsOf(object);
  const refused: CheckAnswer = {
    ...(count !== undefined && limits !== undefined && count > limits.left
      ? { usageLimitsCount: count }
      : {}),
    ...(mask !== undefined && (object.usageMask & mask) !== mask ? { cryptographicUsageMask: mask } : {}),
    ...(leaseTime !== undefined && leaseTime > longestLease(object, context) ? { leaseTime } : {}),
  };
  if (Object.keys(refused).length === 0) return { uniqueIdentifier: uid };
  // A refusal empties the ID Placeholder, so that nothing after it in the batch uses the object.
  context.batch.idPlaceholder = undefined;
  throw new RefusalWithPayload(
    'the object may not be used as asked: the answer holds what in the request is too much',
    operationSchemas[Operation.Check].response.write(refused, context.version),
  );
};

/** Zero where no lease would be given. */
function longestLease(object: ManagedObject, { nowS }: OperationContext): number {
  try {
    return leaseFor(object, nowS);
  } catch (error) {
    if (error instanceof KmipError) return 0;
    throw error;
  }
}
