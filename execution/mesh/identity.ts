/** Callers and registered identities on the wire (D8, D10). */
import { optional, repeated, required, structure, textString } from '../kmip/index.ts';
import { VendorTag } from '../objects/index.ts';
import { applicationName, bounded, keyFingerprint, mapped, serviceName, tenantId } from './fields.ts';
import type { Caller, GatewayIdentity } from './messages.ts';

const MAX_SERVICES = 64;
const MAX_OPERATIONS = 64;

const callerShape = {
  fingerprint: required(VendorTag.CallerFingerprint, keyFingerprint),
  tenant: required(VendorTag.Tenant, tenantId),
  application: required(VendorTag.Application, applicationName),
} as const;

export const callerCodec = mapped(
  structure(VendorTag.Caller, callerShape),
  (wire): Caller => wire,
  (value) => ({ fingerprint: value.fingerprint, tenant: value.tenant, application: value.application }),
);

const permitted = structure(VendorTag.PermittedOperations, {
  operations: repeated(VendorTag.PermittedOperation, textString),
});

export const identityCodec = mapped(
  structure(VendorTag.Identity, {
    ...callerShape,
    services: repeated(VendorTag.Service, serviceName),
    permitted: optional(VendorTag.PermittedOperations, permitted),
  }),
  ({ permitted: list, services, ...caller }): GatewayIdentity => ({
    ...caller,
    services: bounded(services, MAX_SERVICES, 'services'),
    operations: list === undefined ? null : bounded(list.operations, MAX_OPERATIONS, 'operations'),
  }),
  ({ operations, ...rest }) => ({
    ...rest,
    permitted: operations === null ? undefined : { operations },
  }),
);
