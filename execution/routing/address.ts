/**
 * How an application addresses the L3 of its service: the unique identifier `l3:<service>` (D9). It is a name for
 * "the service's key of today", never the identifier of an object: Locate does not show it and Get refuses it.
 */
export const L3_ADDRESS_PREFIX = 'l3:';

/** A service's name, as everywhere in the system: 1 to 63 lower-case letters, digits and inner hyphens. */
const SERVICE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** True of everything that claims to be an L3 address, a malformed one included: it must not pass for a UID. */
export function isL3Address(uid: string): boolean {
  return uid.startsWith(L3_ADDRESS_PREFIX);
}

/** The service of a well-formed L3 address; undefined for a UID and for an address whose service cannot exist. */
export function serviceOfL3Address(uid: string): string | undefined {
  if (!isL3Address(uid)) return undefined;
  const service = uid.slice(L3_ADDRESS_PREFIX.length);
  return SERVICE.test(service) ? service : undefined;
}

export function l3Address(service: string): string {
  return `${L3_ADDRESS_PREFIX}${service}`;
}
