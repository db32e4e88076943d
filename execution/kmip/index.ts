/**
 * KMIP 1.0 to 1.4 in TypeScript: codec, names, schemas, messages, operations, attributes, client and server kit.
 * It depends on Node.js and nothing else, and knows nothing of the system that it was written for.
 */
export {
  type AttributeDefinition,
  type AttributeName,
  type AttributeValueOf,
  attribute,
  attributeDefinition,
  attributeNameOfTag,
  attributes,
  attributeValue,
  customAttribute,
  isCustomAttribute,
  isStandardAttribute,
} from './attributes.ts';
export { EncodingError, type EncodingErrorCode, encodingErrors } from './encodings/error.ts';
export { decodeJson, encodeJson } from './encodings/json.ts';
export {
  formatOfContentType,
  type MessageEncoding,
  type MessageFormat,
  messageFormats,
} from './encodings/message-format.ts';
export { decodeXml, encodeXml, ttlvOfXml } from './encodings/xml.ts';
export { parseXml, type XmlElement } from './encodings/xml-parser.ts';
export { hintFor, KmipError, type KmipErrorOptions, resultReasonHints } from './errors.ts';
export {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  errorResponse,
  failedItem,
  MAX_BATCH_ITEMS,
  peekVersion,
  readRequest,
  readResponse,
  responseHeaderFor,
  successItem,
  writeRequest,
  writeResponse,
} from './messages/messages.ts';
export { withinMaximumSize } from './messages/response-size.ts';
export { messageRefusal, refuseMessage } from './messages/rules.ts';
export type {
  RequestHeader,
  RequestItem,
  RequestMessage,
  ResponseHeader,
  ResponseItem,
  ResponseMessage,
} from './messages/schemas.ts';
export * from './names/cryptography.ts';
export {
  enumName,
  isVendorEnum,
  isVendorTag,
  namesByValue,
  operationName,
  operationSince,
  resultReasonName,
  resultStatusName,
  tagName,
  VENDOR_ENUM_FIRST,
  VENDOR_ENUM_LAST,
} from './names/lookup.ts';
export * from './names/masks.ts';
export * from './names/messages.ts';
export * from './names/objects.ts';
export * from './names/profiles.ts';
export * from './names/server.ts';
export { enumerationKnown, resultReasonFor } from './names/since.ts';
export { Tag, type TagName, tagSince, VENDOR_TAG_FIRST, VENDOR_TAG_LAST } from './names/tags.ts';
export { AsynchronousIndicatorV2, OperationV2, TagV2, UniqueIdentifierV2 } from './names/v2.ts';
export {
  type Attribute,
  attestationCredential,
  type Credential,
  type CryptographicParameters,
  cryptographicParameters,
  deviceCredential,
  type MessageExtension,
  messageExtension,
  protocolVersion,
  type TemplateAttribute,
  templateAttribute,
  usernameAndPasswordCredential,
} from './objects/base.ts';
export {
  type KeyBlock,
  type KeyMaterial,
  type KeyValue,
  type KeyWrappingData,
  type KeyWrappingSpecification,
  keyBlock,
  keyWrappingData,
  keyWrappingSpecification,
  type PlainKeyValue,
  plainKeyValue,
} from './objects/key-block.ts';
export { type KmipObject, managedObject } from './objects/managed.ts';
export { transparentKeys } from './objects/transparent-keys.ts';
export { defineOperation, type OperationDefinition } from './operations/define.ts';
export {
  isKnownOperation,
  type KnownOperation,
  operationSchemas,
  type RequestOf,
  type ResponseOf,
  schemasOf,
} from './operations/index.ts';
export * from './schema/index.ts';
export {
  type Call,
  type CallHeader,
  type CallResult,
  type CallResults,
  call,
  decodeCalls,
  encodeCalls,
} from './transport/calls.ts';
export {
  DEFAULT_TIMEOUT_MS,
  KmipClient,
  type KmipClientOptions,
  type RequestOptions,
  type SendOptions,
} from './transport/client.ts';
export { ClientConnection, type ClientConnectionOptions } from './transport/client-connection.ts';
export { clientErrors, KmipClientError, type KmipClientErrorCode } from './transport/client-errors.ts';
export {
  DEFAULT_HTTPS_SERVER_LIMITS,
  type HttpsServerLimits,
  KMIP_HTTPS_PATH,
  type ServeHttpsOptions,
  serveKmipHttps,
} from './transport/https-server.ts';
export {
  type CloseReason,
  DEFAULT_SERVER_LIMITS,
  type PlainAnswers,
  type ServeOptions,
  ServerConnection,
  type ServerLimits,
  serveKmip,
} from './transport/server-connection.ts';
export { decodeTtlv } from './ttlv/decode.ts';
export { encodeTtlv } from './ttlv/encode.ts';
export { TtlvError, type TtlvErrorCode, ttlvErrors } from './ttlv/error.ts';
export {
  DEFAULT_MAX_FRAME_BYTES,
  FrameError,
  FrameReader,
  type FrameReaderOptions,
} from './ttlv/frame-reader.ts';
export {
  childOf,
  ItemType,
  itemTypeName,
  retag,
  structureItem,
  type Ttlv,
  type TtlvStructure,
} from './ttlv/item.ts';
export { DEFAULT_TTLV_LIMITS, type TtlvLimits } from './ttlv/limits.ts';
export { type AnyVersionOptions, answerAnyVersion } from './v2/bridge.ts';
export {
  compareVersions,
  isSupported,
  knows,
  LATEST_VERSION,
  SUPPORTED_VERSIONS,
  V1_0,
  V1_1,
  V1_2,
  V1_3,
  V1_4,
  type Version,
  versionText,
} from './version.ts';
