/**
 * Obtain Lease (KMIP 1.4 §4.17): how long the client may go on with what it knows of the object. Nothing is written down:
 * a lease binds the client, and the server's own use of a key follows each change at once.
 */
import type { Operation } from '../../../kmip/index.ts';
import { leaseFor } from '../../../objects/index.ts';
import { type Handler, uidOf } from '../context.ts';
import { readObject } from '../objects.ts';

export const obtainLeaseHandler: Handler<typeof Operation.ObtainLease> = async (request, context) => {
  const uid = uidOf(request, context);
  const object = await readObject(context, uid);
  return {
    uniqueIdentifier: uid,
    leaseTime: leaseFor(object, context.nowS),
    lastChangeDate: object.dates.lastChange,
  };
};
