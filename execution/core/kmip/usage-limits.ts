/**
 * Usage Limits (KMIP 1.4 §3.21): how often, or for how many bytes, an object may still protect something. Every such use
 * comes to the core, which counts it in the transaction of the use. Processing what is protected is not limited.
 */
import { type Attribute, attribute, attributeValue, KmipError, UsageLimitsUnit } from '../../kmip/index.ts';
import type { ManagedObject } from '../../objects/index.ts';

const NAME = 'Usage Limits';

interface UsageLimits {
  readonly total: bigint;
  readonly left: bigint;
  readonly unit: number;
}

/** What the attribute says; the count is the server's, and never more than the total. */
function limitsIn(given: Attribute): UsageLimits {
  const {
    usageLimitsTotal: total,
    usageLimitsCount: count = total,
    usageLimitsUnit: unit,
  } = attributeValue(given, NAME);
  return { total, left: count < total ? count : total, unit };
}

export function usageLimitsOf({ attributes }: ManagedObject): UsageLimits | undefined {
  const given = attributes.find(({ attributeName }) => attributeName === NAME);
  return given === undefined ? undefined : limitsIn(given);
}

/** §3.21: a client may change the limits until the first of them is spent. */
export function isSpent(object: ManagedObject): boolean {
  const limits = usageLimitsOf(object);
  return limits !== undefined && limits.left < limits.total;
}

/**
 * The object after a use that protects `sizeBytes`; the same object when it has no limits. `objects` is 0 for the later
 * parts of an operation, whose first part was counted. Its revision stays: the count is news for nobody but the core.
 * Throws Permission Denied when less than that is left.
 */
export function spend(object: ManagedObject, sizeBytes: number, objects: 0 | 1 = 1): ManagedObject {
  const limits = usageLimitsOf(object);
  if (limits === undefined) return object;
  const { total, left, unit } = limits;
  if (unit !== UsageLimitsUnit.Byte && unit !== UsageLimitsUnit.Object) {
    throw KmipError.permissionDenied(
      'the Usage Limits of the object count in a unit that is not served here',
    );
  }
  const cost = BigInt(unit === UsageLimitsUnit.Byte ? sizeBytes : objects);
  if (cost === 0n && objects === 0) return object;
  // Also when nothing is to be spent: an object at its limit protects nothing, not even no bytes.
  if (left <= 0n || cost > left)
    throw KmipError.permissionDenied('the Usage Limits of the object do not allow this use');
  const spent = attribute(NAME, {
    usageLimitsTotal: total,
    usageLimitsCount: left - cost,
    usageLimitsUnit: unit,
  });
  return { ...object, attributes: object.attributes.map((a) => (a.attributeName === NAME ? spent : a)) };
}
