/** Usage Limits (KMIP 1.4 §3.21): how often, or for how many bytes, an object may still protect something. */
import { type Attribute, attribute, attributeValue, KmipError, UsageLimitsUnit } from '../kmip/index.ts';
import type { ManagedObject } from './managed-object.ts';

export const USAGE_LIMITS = 'Usage Limits';

export interface UsageLimits {
  readonly total: bigint;
  /** What is left; never more than the total. */
  readonly left: bigint;
  readonly unit: number;
}

export function limitsIn(given: Attribute): UsageLimits {
  const {
    usageLimitsTotal: total,
    usageLimitsCount: count = total,
    usageLimitsUnit: unit,
  } = attributeValue(given, USAGE_LIMITS);
  return { total, left: count < total ? count : total, unit };
}

export function usageLimitsOf({ attributes }: Pick<ManagedObject, 'attributes'>): UsageLimits | undefined {
  const given = attributes.find(({ attributeName }) => attributeName === USAGE_LIMITS);
  return given === undefined ? undefined : limitsIn(given);
}

/** Whether something has been taken: from then on a client neither changes nor deletes the limits. */
export function isAllocated(object: ManagedObject): boolean {
  const limits = usageLimitsOf(object);
  return limits !== undefined && limits.left < limits.total;
}

export function usageLimitsAttribute({ total, left, unit }: UsageLimits): Attribute {
  return attribute(USAGE_LIMITS, { usageLimitsTotal: total, usageLimitsCount: left, usageLimitsUnit: unit });
}

/**
 * The limits as a client sets them: the total and the unit are the client's, the count is the server's.
 *
 * @throws KmipError Invalid Field
 */
export function newUsageLimits(given: Attribute): Attribute {
  const { total, unit } = limitsIn(given);
  if (total < 0n) throw KmipError.invalidField('Usage Limits Total is not negative');
  if (unit !== UsageLimitsUnit.Byte && unit !== UsageLimitsUnit.Object) {
    throw KmipError.invalidField('Usage Limits count in Byte or Object');
  }
  return usageLimitsAttribute({ total, left: total, unit });
}

/**
 * The object with `count` units taken. Throws Permission Denied when less is left.
 */
export function takeUsage(object: ManagedObject, count: bigint): ManagedObject {
  const limits = usageLimitsOf(object);
  if (limits === undefined) return object;
  if (limits.left <= 0n || count > limits.left) {
    throw KmipError.permissionDenied('the Usage Limits of the object do not allow this use');
  }
  const taken = usageLimitsAttribute({ ...limits, left: limits.left - count });
  const attributes = object.attributes.map((a) => (a.attributeName === USAGE_LIMITS ? taken : a));
  return { ...object, attributes };
}
