/** Activate, Revoke and Destroy (KMIP 1.4 §4.19–4.21): serialised here for the whole region (D6). */
import type { Operation } from '../../../kmip/index.ts';
import { activate, destroy, revoke } from '../../../objects/index.ts';
import { type Handler, uidOf } from '../context.ts';
import { readForChange, saveObject } from '../objects.ts';

/** KMIP 1.4 §4.19 */
export const activateHandler: Handler<typeof Operation.Activate> = async (request, context) => {
  const uid = uidOf(request, context);
  const object = await readForChange(context, uid);
  await saveObject(context, activate(object, context.nowS), 'OBJECT_ACTIVATED');
  return { uniqueIdentifier: uid };
};

/** KMIP 1.4 §4.20 */
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

/** KMIP 1.4 §4.21. The envelope is deleted with the row's next version; the attributes stay as the tombstone. */
export const destroyHandler: Handler<typeof Operation.Destroy> = async (request, context) => {
  const uid = uidOf(request, context);
  const object = await readForChange(context, uid);
  await saveObject(context, destroy(object, context.nowS), 'OBJECT_DESTROYED');
  return { uniqueIdentifier: uid };
};
