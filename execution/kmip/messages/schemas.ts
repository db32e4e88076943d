/** Headers and batch items (KMIP 1.4 §7.2) as schemas. Payloads stay raw: the operation decides how they are read. */
import { Tag } from '../names/tags.ts';
import { authentication, messageExtension, nonce, protocolVersion } from '../objects/base.ts';
import {
  anyStructure,
  boolean,
  byteString,
  dateTime,
  enumeration,
  type Infer,
  integer,
  optional,
  repeated,
  required,
  structure,
  textString,
} from '../schema/index.ts';

/** KMIP 1.4 table 282 */
export const requestHeader = structure(Tag.RequestHeader, {
  protocolVersion: required(Tag.ProtocolVersion, protocolVersion),
  maximumResponseSize: optional(Tag.MaximumResponseSize, integer),
  clientCorrelationValue: optional(Tag.ClientCorrelationValue, textString, { since: 4 }),
  serverCorrelationValue: optional(Tag.ServerCorrelationValue, textString, { since: 4 }),
  asynchronousIndicator: optional(Tag.AsynchronousIndicator, boolean),
  attestationCapableIndicator: optional(Tag.AttestationCapableIndicator, boolean, { since: 2 }),
  attestationType: repeated(Tag.AttestationType, enumeration, { since: 2 }),
  authentication: optional(Tag.Authentication, authentication),
  batchErrorContinuationOption: optional(Tag.BatchErrorContinuationOption, enumeration),
  batchOrderOption: optional(Tag.BatchOrderOption, boolean),
  timeStamp: optional(Tag.TimeStamp, dateTime),
  batchCount: required(Tag.BatchCount, integer),
});
export type RequestHeader = Infer<typeof requestHeader>;

/** KMIP 1.4 table 283 */
export const requestItem = structure(Tag.BatchItem, {
  operation: required(Tag.Operation, enumeration),
  uniqueBatchItemId: optional(Tag.UniqueBatchItemID, byteString),
  payload: required(Tag.RequestPayload, anyStructure),
  messageExtension: optional(Tag.MessageExtension, messageExtension),
});
export type RequestItem = Infer<typeof requestItem>;

/** KMIP 1.4 table 284 */
export const responseHeader = structure(Tag.ResponseHeader, {
  protocolVersion: required(Tag.ProtocolVersion, protocolVersion),
  timeStamp: required(Tag.TimeStamp, dateTime),
  nonce: optional(Tag.Nonce, nonce, { since: 2 }),
  attestationType: repeated(Tag.AttestationType, enumeration, { since: 2 }),
  clientCorrelationValue: optional(Tag.ClientCorrelationValue, textString, { since: 4 }),
  serverCorrelationValue: optional(Tag.ServerCorrelationValue, textString, { since: 4 }),
  batchCount: required(Tag.BatchCount, integer),
});
export type ResponseHeader = Infer<typeof responseHeader>;

/** KMIP 1.4 table 285 */
export const responseItem = structure(Tag.BatchItem, {
  operation: optional(Tag.Operation, enumeration),
  uniqueBatchItemId: optional(Tag.UniqueBatchItemID, byteString),
  resultStatus: required(Tag.ResultStatus, enumeration),
  resultReason: optional(Tag.ResultReason, enumeration),
  resultMessage: optional(Tag.ResultMessage, textString),
  asynchronousCorrelationValue: optional(Tag.AsynchronousCorrelationValue, byteString),
  payload: optional(Tag.ResponsePayload, anyStructure),
  messageExtension: optional(Tag.MessageExtension, messageExtension),
});
export type ResponseItem = Infer<typeof responseItem>;

export type RequestMessage = { readonly header: RequestHeader; readonly items: readonly RequestItem[] };
export type ResponseMessage = { readonly header: ResponseHeader; readonly items: readonly ResponseItem[] };
