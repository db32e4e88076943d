/** Lease: a service's L3 versions, each sealed to the gateway process's own ephemeral key (D3, D7). */
import { byteString, optional, repeated, required, structure, Tag } from '../kmip/index.ts';
import { VendorTag } from '../objects/index.ts';
import { copied, count, MeshCodecError, mapped, serviceName, tenantId, word } from './fields.ts';
import type { LeasedVersion, LeaseRefusal, LeaseRequest, LeaseResponse } from './messages.ts';

export const leaseRequest = mapped(
  structure(Tag.RequestPayload, {
    tenant: required(VendorTag.Tenant, tenantId),
    service: required(VendorTag.Service, serviceName),
    recipientPublicKey: required(VendorTag.RecipientPublicKey, byteString),
    appliedHead: required(VendorTag.AppliedHead, count),
  }),
  (w): LeaseRequest => ({ ...w, recipientPublicKey: copied(w.recipientPublicKey) }),
  (value) => value,
);

const versionCodec = mapped(
  structure(VendorTag.LeasedVersion, {
    version: required(VendorTag.KeyVersion, count),
    use: required(VendorTag.LeasedUse, word(['encrypt', 'decrypt'])),
    enc: required(VendorTag.EncapsulatedKey, byteString),
    ct: required(VendorTag.SealedKey, byteString),
  }),
  (w): LeasedVersion => ({ ...w, enc: copied(w.enc), ct: copied(w.ct) }),
  (value) => value,
);

const refusals = [
  'LINK_CLOSED',
  'LINK_EXPIRED',
  'TENANT_UNKNOWN',
  'SERVICE_UNKNOWN',
  'SEALED',
  'NOT_AUTHORISED',
] as const satisfies readonly LeaseRefusal[];

export const leaseResponse = mapped(
  structure(Tag.ResponsePayload, {
    outcome: required(VendorTag.OutcomeCode, word(['granted', 'behind', 'refused'])),
    head: required(VendorTag.Head, count),
    ttlMs: optional(VendorTag.TtlMs, count),
    graceMs: optional(VendorTag.GraceMs, count),
    reason: optional(VendorTag.LeaseRefusal, word(refusals)),
    versions: repeated(VendorTag.LeasedVersion, versionCodec),
  }),
  ({ outcome, head, ttlMs, graceMs, reason, versions }): LeaseResponse => {
    switch (outcome) {
      case 'behind':
        return { outcome, head };
      case 'refused':
        if (reason === undefined) throw new MeshCodecError('a refused lease lacks its reason');
        return { outcome, head, reason };
      case 'granted':
        if (ttlMs === undefined || graceMs === undefined || versions === undefined) {
          throw new MeshCodecError('a granted lease lacks its times or its keys');
        }
        return { outcome, head, ttlMs, graceMs, versions };
    }
  },
  (value) => value,
);
