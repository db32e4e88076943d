/**
 * DiscoverVersions, KMIP 1.4 §4.26. Finds a protocol version that both sides speak (§5.4: also from server to client).
 */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { protocolVersion } from '../objects/base.ts';
import { repeated, structure } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const discoverVersions = defineOperation({
  operation: Operation.DiscoverVersions,
  request: structure(Tag.RequestPayload, {
    protocolVersion: repeated(Tag.ProtocolVersion, protocolVersion),
  }),
  response: structure(Tag.ResponsePayload, {
    protocolVersion: repeated(Tag.ProtocolVersion, protocolVersion),
  }),
});
