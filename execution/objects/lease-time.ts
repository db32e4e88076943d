/** Lease Time (KMIP 1.4 §3.20, §4.17): how long a client may rely on its copy of an object before it asks again. */
import { KmipError } from '../kmip/index.ts';
import { appliesTo } from './attribute-rules.ts';
import type { ManagedObject } from './managed-object.ts';
import { isDestroyed, settle } from './state-machine.ts';

/** Seconds: the longest lease that is granted, and the attribute's value on every cryptographic object. */
export const LEASE_TIME_S = 3_600;

/**
 * Seconds that a lease obtained at `nowS` lasts: never beyond the Deactivation Date of an object that is still in use.
 *
 * @throws KmipError Permission Denied (§11.18) for an object that is destroyed, or of a type that has no leases.
 */
export function leaseFor(before: ManagedObject, nowS: number): number {
  const object = settle(before, nowS);
  if (isDestroyed(object.state)) {
    throw KmipError.permissionDenied('the object has been destroyed: no lease is given for it');
  }
  if (!appliesTo('Lease Time', object.objectType)) {
    throw KmipError.permissionDenied('leases are given for cryptographic objects only');
  }
  const { deactivation } = object.dates;
  const leftS = deactivation === undefined || deactivation <= nowS ? LEASE_TIME_S : deactivation - nowS;
  return Math.min(leftS, LEASE_TIME_S);
}
