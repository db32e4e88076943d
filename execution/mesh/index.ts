/** What gateway and core say to each other: shapes, limits, codecs. Everything on the wire is KMIP (D8). */
export { MeshCodecError } from './fields.ts';
export * from './limits.ts';
export * from './messages.ts';
export * from './operations.ts';
export { pushCodec } from './push.ts';
export * from './subscription.ts';
