/**
 * Every use of a limited object comes to the core, which counts it in the transaction of the use. Processing what is
 * protected is not limited (KMIP 1.4 §3.21).
 */
import { UsageLimitsUnit } from '../../kmip/index.ts';
import { type ManagedObject, takeUsage, usageLimitsOf } from '../../objects/index.ts';

/**
 * The object after a use that protects `sizeBytes`; the same object when it has no limits. `objects` is 0 for the later
 * parts of an operation, whose first part was counted. Its revision stays: the count is news for nobody but the core.
 * Throws Permission Denied when less than that is left.
 */
export function spend(object: ManagedObject, sizeBytes: number, objects: 0 | 1 = 1): ManagedObject {
  const limits = usageLimitsOf(object);
  if (limits === undefined) return object;
  const cost = BigInt(limits.unit === UsageLimitsUnit.Byte ? sizeBytes : objects);
  if (cost === 0n && objects === 0) return object;
  return takeUsage(object, cost);
}
