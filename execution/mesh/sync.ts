/** Sync and Subscribe: how a gateway catches up, and how it asks for what comes next (D7). */
import { boolean, repeated, required, structure, Tag } from '../kmip/index.ts';
import { VendorTag } from '../objects/index.ts';
import { bounded, count, mapped } from './fields.ts';
import { MAX_SYNC_PUSHES } from './limits.ts';
import type { SubscribeRequest, SubscribeResponse, SyncRequest, SyncResponse } from './messages.ts';
import { pushCodec } from './push.ts';

export const syncRequest = mapped(
  structure(Tag.RequestPayload, { after: required(VendorTag.After, count) }),
  (w): SyncRequest => w,
  (value) => value,
);

export const syncResponse = mapped(
  structure(Tag.ResponsePayload, {
    head: required(VendorTag.Head, count),
    snapshot: required(VendorTag.Snapshot, boolean),
    more: required(VendorTag.More, boolean),
    pushes: repeated(VendorTag.Push, pushCodec),
  }),
  ({ pushes, ...rest }): SyncResponse => ({ ...rest, pushes: bounded(pushes, MAX_SYNC_PUSHES, 'pushes') }),
  (value) => value,
);

/** The same shape as Sync's request; the answer is the head, and then this connection is the core's to ask on. */
export const subscribeRequest = mapped(
  structure(Tag.RequestPayload, { after: required(VendorTag.After, count) }),
  (w): SubscribeRequest => w,
  (value) => value,
);

export const subscribeResponse = mapped(
  structure(Tag.ResponsePayload, { head: required(VendorTag.Head, count) }),
  (w): SubscribeResponse => w,
  (value) => value,
);
