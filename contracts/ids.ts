/**
 * Names that cross the planes. Each is a branded string: a `TenantId` cannot be passed where a `RegionId`
 * is meant, and the only way to make one is to parse it.
 */

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type TenantId = Branded<'TenantId'>;
export type RegionId = Branded<'RegionId'>;
export type ServiceName = Branded<'ServiceName'>;
export type ApplicationName = Branded<'ApplicationName'>;
/** Lower-case hex SHA-256 of a certificate's SubjectPublicKeyInfo: an identity survives the renewal of its certificate. */
export type KeyFingerprint = Branded<'KeyFingerprint'>;
/** Opaque to whoever reads it; runs from the REST call through the job to the log line in the region. */
export type CorrelationId = Branded<'CorrelationId'>;

/** A name that does not follow its grammar. Carries what was expected, never the value of a secret. */
export class InvalidNameError extends Error {
  readonly code = 'OKCM_INVALID_NAME';
  constructor(kind: string, value: unknown, expected: string) {
    super(`${kind} must be ${expected}; got ${JSON.stringify(value)?.slice(0, 80) ?? 'nothing'}`);
    this.name = 'InvalidNameError';
  }
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const LABEL_RULE = '1 to 63 lower-case letters, digits and inner hyphens';

function parser<T extends string>(kind: string, pattern: RegExp, expected: string): (value: unknown) => T {
  return (value) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw new InvalidNameError(kind, value, expected);
    return value as T;
  };
}

export const parseTenantId = parser<TenantId>('tenant', LABEL, LABEL_RULE);
export const parseRegionId = parser<RegionId>('region', LABEL, LABEL_RULE);
export const parseServiceName = parser<ServiceName>('service', LABEL, LABEL_RULE);
export const parseApplicationName = parser<ApplicationName>('application', LABEL, LABEL_RULE);
export const parseKeyFingerprint = parser<KeyFingerprint>(
  'key fingerprint',
  /^[0-9a-f]{64}$/,
  '64 lower-case hexadecimal digits (SHA-256 of the SubjectPublicKeyInfo)',
);
export const parseCorrelationId = parser<CorrelationId>(
  'correlation id',
  /^[A-Za-z0-9_.:-]{1,64}$/,
  '1 to 64 letters, digits and _ . : -',
);
