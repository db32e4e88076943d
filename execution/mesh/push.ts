/**
 * Pushes on the wire. Inside a response (effects, sync) a push is a structure. On the second connection, where the core
 * asks and the gateway answers, it is KMIP's own: `object.put` travels as Put (KMIP 1.4 §5.2), everything else as
 * Notify (§5.1), with the push itself in the Message Extension (§6.16).
 */
import { optional, required, structure, Tag, type Ttlv, textString } from '../kmip/index.ts';
import { managedObjectCodec, VendorTag } from '../objects/index.ts';
import {
  count,
  keyFingerprint,
  MeshCodecError,
  mapped,
  present,
  serviceName,
  tenantId,
  word,
} from './fields.ts';
import { identityCodec } from './identity.ts';
import type { NumberedPush, Push } from './messages.ts';

const kinds = [
  'identity.put',
  'identity.remove',
  'issuer.put',
  'tenant.closed',
  'tenant.opened',
  'service.flush',
  'object.put',
  'object.destroyed',
  'service.rotated',
  'announce.asked',
] as const satisfies readonly Push['kind'][];

const wire = structure(VendorTag.Push, {
  number: required(VendorTag.PushNumber, count),
  kind: required(VendorTag.PushKind, word(kinds)),
  tenant: optional(VendorTag.Tenant, tenantId),
  service: optional(VendorTag.Service, serviceName),
  epoch: optional(VendorTag.Epoch, count),
  version: optional(VendorTag.KeyVersion, count),
  uid: optional(Tag.UniqueIdentifier, textString),
  asked: optional(VendorTag.Asked, count),
  fingerprint: optional(VendorTag.CallerFingerprint, keyFingerprint),
  issuerFingerprint: optional(VendorTag.IssuerFingerprint, textString),
  certificatePem: optional(VendorTag.CertificatePem, textString),
  identity: optional(VendorTag.Identity, identityCodec),
  object: optional(VendorTag.ManagedObject, managedObjectCodec),
});

type Wire = Parameters<typeof wire.write>[0];

function needed<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw new MeshCodecError(`a push lacks its ${field}`);
  return value;
}

function bodyOf(w: Wire): Push {
  const { kind } = w;
  switch (kind) {
    case 'identity.put':
      return { kind, identity: needed(w.identity, 'identity') };
    case 'identity.remove':
      return { kind, fingerprint: needed(w.fingerprint, 'fingerprint') };
    case 'issuer.put':
      return {
        kind,
        fingerprint: needed(w.issuerFingerprint, 'fingerprint'),
        certificatePem: needed(w.certificatePem, 'certificate'),
      };
    case 'tenant.closed':
    case 'tenant.opened':
      return { kind, tenant: needed(w.tenant, 'tenant'), epoch: needed(w.epoch, 'epoch') };
    case 'service.flush':
    case 'service.rotated':
      return {
        kind,
        tenant: needed(w.tenant, 'tenant'),
        service: needed(w.service, 'service'),
        ...present({ version: w.version }),
      };
    case 'object.put':
      return { kind, object: needed(w.object, 'object') };
    case 'object.destroyed':
      return { kind, tenant: needed(w.tenant, 'tenant'), uid: needed(w.uid, 'UID') };
    case 'announce.asked':
      return { kind, asked: needed(w.asked, 'moment') };
  }
}

const whole = mapped(
  wire,
  (w): NumberedPush => ({ number: w.number, push: bodyOf(w) }),
  ({ number, push }): Wire =>
    push.kind === 'issuer.put'
      ? { number, kind: push.kind, issuerFingerprint: push.fingerprint, certificatePem: push.certificatePem }
      : { number, ...push },
);

/** Pushes as structures; `writeHead` and `readHead` leave out the body, for a Put that carries it elsewhere. */
export const pushCodec = {
  ...whole,
  writeHead: (number: number, kind: Push['kind']) => wire.write({ number, kind }),
  readHead(item: Ttlv): { number: number; kind: Push['kind'] } {
    const { number, kind } = wire.read(item);
    return { number, kind };
  },
};
