/** Announce: keys that a gateway made, and what the core made of them (D6). */
import { optional, repeated, required, structure, Tag, textString } from '../kmip/index.ts';
import { managedObjectCodec, VendorTag } from '../objects/index.ts';
import { bounded, count, MeshCodecError, mapped, present, word } from './fields.ts';
import { MAX_ANNOUNCED_OBJECTS } from './limits.ts';
import type { AnnounceOutcome, AnnounceRequest, AnnounceResponse } from './messages.ts';

export const announceRequest = mapped(
  structure(Tag.RequestPayload, {
    objects: repeated(VendorTag.ManagedObject, managedObjectCodec),
    answers: optional(VendorTag.Asked, count),
  }),
  ({ objects, answers }): AnnounceRequest => ({
    objects: bounded(objects, MAX_ANNOUNCED_OBJECTS, 'announced objects'),
    ...present({ answers }),
  }),
  (value) => value,
);

const outcomeWire = structure(VendorTag.AnnounceOutcome, {
  uid: required(Tag.UniqueIdentifier, textString),
  outcome: required(
    VendorTag.OutcomeCode,
    word(['accepted', 'known', 'tombstone', 'name-conflict', 'refused']),
  ),
  reason: optional(VendorTag.OutcomeReason, textString),
  object: optional(VendorTag.ManagedObject, managedObjectCodec),
});

const outcomeCodec = mapped(
  outcomeWire,
  ({ uid, outcome, reason, object }): AnnounceOutcome => {
    switch (outcome) {
      case 'accepted':
      case 'known':
      case 'tombstone':
        return { uid, outcome };
      case 'name-conflict':
        if (object === undefined) throw new MeshCodecError('a name conflict lacks its object');
        return { uid, outcome, object };
      case 'refused':
        return { uid, outcome, reason: reason ?? '' };
    }
  },
  (value) => value,
);

export const announceResponse = mapped(
  structure(Tag.ResponsePayload, { outcomes: repeated(VendorTag.AnnounceOutcome, outcomeCodec) }),
  ({ outcomes }): AnnounceResponse => ({ outcomes: bounded(outcomes, MAX_ANNOUNCED_OBJECTS, 'outcomes') }),
  (value) => value,
);
