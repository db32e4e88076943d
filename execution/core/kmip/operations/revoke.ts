/** Revoke (KMIP 1.4 §4.20): deactivated, or compromised, for the reason given. */
import type { Operation } from '../../../kmip/index.ts';
import { revoke } from '../../../objects/index.ts';
import { type Handler, uidOf } from '../context.ts';
import { readForChange, saveObject } from '../objects.ts';

export const revokeHandler: Handler<typeof Operation.Revoke> = async (request, context) => {
  const uid = uidOf(request, context);
  const object = await readForChange(context, uid);
  const { revocationReasonCode: code, revocationMessage: message } = request.revocationReason;
  const { compromiseOccurrenceDate: compromiseOccurrence } = request;
  const revoked = revoke(
    object,
    {
      code,
      ...(message === undefined ? {} : { message }),
      ...(compromiseOccurrence === undefined ? {} : { compromiseOccurrence }),
    },
    context.nowS,
  );
  await saveObject(context, revoked, 'OBJECT_REVOKED');
  return { uniqueIdentifier: uid };
};
