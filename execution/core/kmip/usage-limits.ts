/**
 * Every use of a limited object comes to the core, which counts it in the transaction of the use. Processing what is
 * protected is not limited (KMIP 1.4 §3.21).
 */
import { UsageLimitsUnit } from '../../kmip/index.ts';
import { type ManagedObject, takeUsage, usageLimitsOf } from '../../objects/index.ts';

/**
 * The object after one use that protects `sizeBytes`; the same object when it has no limits. Its revision stays: the
 * count is news for nobody but the core. Throws Permission Denied when less than that is left.
 */
export function spend(object: ManagedObject, sizeBytes: number): ManagedObject {
  const limits = usageLimitsOf(object);
  if (limits === undefined) return object;
  return takeUsage(object, limits.unit === UsageLimitsUnit.Byte ? BigInt(sizeBytes) : 1n);
}
