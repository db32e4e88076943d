/** What gateway and core say to each other: shapes, limits, codecs. Everything on the wire is KMIP (D8). */
export { decodeAuditEvents, encodeAuditEvent } from './audit.ts';
export { MeshCodecError } from './fields.ts';
export * from './limits.ts';
export * from './messages.ts';
export * from './operations.ts';
export { pushCodec } from './push.ts';
export { withEncoded } from './spliced.ts';
export * from './subscription.ts';
