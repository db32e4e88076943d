/** Tunnel: a client's own bytes, unchanged, beside who sent them (D8, D9). */
import {
  byteString,
  integer,
  optional,
  repeated,
  required,
  structure,
  Tag,
  textString,
} from '../kmip/index.ts';
import { VendorTag } from '../objects/index.ts';
import { copied, correlationId, mapped, present } from './fields.ts';
import { callerCodec } from './identity.ts';
import type { TunnelRequest, TunnelResponse } from './messages.ts';
import { pushCodec } from './push.ts';

/** A structure of its own: "all items" (absent) and "no item" (empty) are different things. */
const selection = structure(VendorTag.ItemSelection, { indexes: repeated(VendorTag.ItemIndex, integer) });

export const tunnelRequest = mapped(
  structure(Tag.RequestPayload, {
    idPlaceholder: optional(Tag.UniqueIdentifier, textString),
    caller: required(VendorTag.Caller, callerCodec),
    correlationId: required(VendorTag.CorrelationId, correlationId),
    items: optional(VendorTag.ItemSelection, selection),
    message: required(VendorTag.TunnelledMessage, byteString),
  }),
  ({ message, caller, correlationId: id, items, idPlaceholder }): TunnelRequest => ({
    message: copied(message),
    caller,
    correlationId: id,
    ...present({ items: items === undefined ? undefined : (items.indexes ?? []), idPlaceholder }),
  }),
  ({ items, ...rest }) => ({ ...rest, items: items === undefined ? undefined : { indexes: items } }),
);

export const tunnelResponse = mapped(
  structure(Tag.ResponsePayload, {
    idPlaceholder: optional(Tag.UniqueIdentifier, textString),
    message: required(VendorTag.TunnelledMessage, byteString),
    effects: repeated(VendorTag.Push, pushCodec),
  }),
  ({ message, idPlaceholder, effects }): TunnelResponse => ({
    message: copied(message),
    effects: effects ?? [],
    ...present({ idPlaceholder }),
  }),
  (value) => value,
);
