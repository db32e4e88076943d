/**
 * Lease: a service's L3 versions, sealed to the gateway process's own ephemeral key (D3, D7). The answer lists every
 * living version by number, and brings keys only for those that the gateway is likely to need, or asked for.
 */
import {
  boolean,
  byteString,
  optional,
  repeated,
  required,
  structure,
  Tag,
  textString,
} from '../kmip/index.ts';
import { VendorTag } from '../objects/index.ts';
import {
  bounded,
  copied,
  count,
  MeshCodecError,
  mapped,
  present,
  serviceName,
  tenantId,
  word,
} from './fields.ts';
import { MAX_LEASED_KEYS, MAX_WANTED_VERSIONS } from './limits.ts';
import type { LeasedKey, LeaseRefusal, LeaseRequest, LeaseResponse } from './messages.ts';
import { versionList } from './version-list.ts';

const wrapsLeft = structure(VendorTag.WrapsLeft, {
  version: required(VendorTag.KeyVersion, count),
  left: required(VendorTag.WrapCount, count),
});

export const leaseRequest = mapped(
  structure(Tag.RequestPayload, {
    tenant: required(VendorTag.Tenant, tenantId),
    service: required(VendorTag.Service, serviceName),
    recipientPublicKey: required(VendorTag.RecipientPublicKey, byteString),
    appliedHead: required(VendorTag.AppliedHead, count),
    held: required(VendorTag.HeldVersions, versionList),
    wanted: required(VendorTag.WantedVersions, versionList),
    wraps: optional(VendorTag.WrapsLeft, wrapsLeft),
  }),
  ({ recipientPublicKey, wanted, wraps, ...rest }): LeaseRequest => ({
    ...rest,
    recipientPublicKey: copied(recipientPublicKey),
    wanted: bounded(wanted, MAX_WANTED_VERSIONS, 'versions asked for by name'),
    ...present({ wraps }),
  }),
  (value) => value,
);

const leasedKey = mapped(
  structure(VendorTag.LeasedVersion, {
    version: required(VendorTag.KeyVersion, count),
    sealed: required(VendorTag.SealedKey, byteString),
  }),
  ({ version, sealed }): LeasedKey => ({ version, sealed: copied(sealed) }),
  (value) => value,
);

const leaseKey = structure(VendorTag.LeaseKey, {
  enc: required(VendorTag.EncapsulatedKey, byteString),
  ct: required(VendorTag.SealedKey, byteString),
});

const refusals = [
  'LINK_CLOSED',
  'LINK_EXPIRED',
  'TENANT_UNKNOWN',
  'SERVICE_UNKNOWN',
  'SEALED',
  'NOT_AUTHORISED',
] as const satisfies readonly LeaseRefusal[];

const grant = structure(VendorTag.LeaseGrant, {
  activeVersion: required(VendorTag.KeyVersion, count),
  living: required(VendorTag.LivingVersions, versionList),
  etag: required(VendorTag.LeaseEtag, textString),
  leaseKey: optional(VendorTag.LeaseKey, leaseKey),
  keys: repeated(VendorTag.LeasedVersion, leasedKey),
  wrapBudget: required(VendorTag.WrapCount, count),
  isSpent: required(VendorTag.WrapsSpent, boolean),
  ttlMs: required(VendorTag.TtlMs, count),
  graceMs: required(VendorTag.GraceMs, count),
});

type Granted = Extract<LeaseResponse, { outcome: 'granted' }>;

function grantOf({
  leaseKey: sealed,
  keys,
  ...rest
}: ReturnType<typeof grant.read>): Omit<Granted, 'outcome' | 'head'> {
  if (!rest.living.includes(rest.activeVersion)) throw new MeshCodecError('the active version does not live');
  const list = bounded(keys, MAX_LEASED_KEYS, 'leased keys');
  if (sealed === undefined && list.length > 0) throw new MeshCodecError('leased keys lack their lease key');
  return {
    ...rest,
    keys: list,
    ...(sealed === undefined ? {} : { leaseKey: { enc: copied(sealed.enc), ct: copied(sealed.ct) } }),
  };
}

export const leaseResponse = mapped(
  structure(Tag.ResponsePayload, {
    outcome: required(VendorTag.OutcomeCode, word(['granted', 'behind', 'refused'])),
    head: required(VendorTag.Head, count),
    reason: optional(VendorTag.LeaseRefusal, word(refusals)),
    grant: optional(VendorTag.LeaseGrant, grant),
  }),
  ({ outcome, head, reason, grant: granted }): LeaseResponse => {
    switch (outcome) {
      case 'behind':
        return { outcome, head };
      case 'refused':
        if (reason === undefined) throw new MeshCodecError('a refused lease lacks its reason');
        return { outcome, head, reason };
      case 'granted':
        if (granted === undefined) throw new MeshCodecError('a granted lease lacks its keys');
        return { outcome, head, ...grantOf(granted) };
    }
  },
  (value) => {
    if (value.outcome !== 'granted') return value;
    const { outcome, head, ...rest } = value;
    return { outcome, head, grant: rest };
  },
);
