/**
 * Failures as KMIP tells them: a Result Reason and a message, both always present, since clients read both
 * (KMIP 1.4 §6.10, §6.11, §11).
 */
import { EncodingError } from './encodings/error.ts';
import { resultReasonName } from './names/lookup.ts';
import { ResultReason, ResultStatus } from './names/messages.ts';
import { SchemaError } from './schema/index.ts';
import { TtlvError } from './ttlv/error.ts';

/** For each reason of KMIP 1.4 §9.1.3.2.29: what whoever meets it can do. */
export const resultReasonHints: Readonly<Record<ResultReason, string>> = {
  [ResultReason.ItemNotFound]:
    'check the unique identifier or name, and that this identity may see the object',
  [ResultReason.ResponseTooLarge]: 'raise Maximum Response Size, or ask for less in one message',
  [ResultReason.AuthenticationNotSuccessful]: 'present a certificate that the server has registered',
  [ResultReason.InvalidMessage]: 'the message breaks the protocol: the message text names the byte or field',
  [ResultReason.OperationNotSupported]: 'ask Query for the operations that the server supports',
  [ResultReason.MissingData]: 'add the field or attribute that the message text names',
  [ResultReason.InvalidField]: 'correct the field or attribute that the message text names',
  [ResultReason.FeatureNotSupported]: 'leave out the option that the message text names',
  [ResultReason.OperationCanceledByRequester]:
    'the operation was cancelled on request; send it again if it is still wanted',
  [ResultReason.CryptographicFailure]:
    'check that key, parameters, nonce, additional data and tag are those used to encrypt or sign',
  [ResultReason.IllegalOperation]:
    'the object is in a state that does not allow this; read its State attribute',
  [ResultReason.PermissionDenied]:
    'the identity, the usage mask, the state or a date forbids this; the message text says which',
  [ResultReason.ObjectArchived]: 'Recover the object first',
  [ResultReason.IndexOutOfBounds]: 'no such instance, or no room for another one, of this attribute',
  [ResultReason.ApplicationNamespaceNotSupported]:
    'ask Query for the application namespaces that the server supports',
  [ResultReason.KeyFormatTypeNotSupported]: 'ask for another Key Format Type, or for none',
  [ResultReason.KeyCompressionTypeNotSupported]: 'ask for another Key Compression Type, or for none',
  [ResultReason.EncodingOptionError]: 'wrap attributes with TTLV Encoding only',
  [ResultReason.KeyValueNotPresent]:
    'the server holds only attributes of this object; see Key Value Location',
  [ResultReason.AttestationRequired]: 'send an attestation credential',
  [ResultReason.AttestationFailed]: 'renew the attestation',
  [ResultReason.Sensitive]: 'ask for the key wrapped: its Sensitive attribute is set',
  [ResultReason.NotExtractable]: 'the key cannot leave the server: its Extractable attribute is not set',
  [ResultReason.ObjectAlreadyExists]: 'set Replace Existing, or import under another unique identifier',
  [ResultReason.GeneralFailure]:
    'try again later; if it persists, give the correlation id to whoever runs the server',
};

/** What to do about a reason, or undefined for a vendor's reason. */
export function hintFor(resultReason: number): string | undefined {
  return (resultReasonHints as Readonly<Record<number, string>>)[resultReason];
}

export type KmipErrorOptions = {
  readonly resultStatus?: ResultStatus;
  readonly cause?: unknown;
};

/**
 * A failed operation, on either side of the wire. The message becomes the Result Message that the peer reads: it
 * never holds key material, nor what another tenant owns.
 */
export class KmipError extends Error {
  readonly resultReason: number;
  readonly resultStatus: ResultStatus;

  constructor(resultReason: number, message: string, options: KmipErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'KmipError';
    this.resultReason = resultReason;
    this.resultStatus = options.resultStatus ?? ResultStatus.OperationFailed;
  }

  /** `ITEM_NOT_FOUND`: stable, for logs and metrics. */
  get code(): string {
    const name = resultReasonName(this.resultReason);
    return name.startsWith('0x') ? `REASON_${name}` : name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
  }

  /** What whoever meets the error can do. */
  get hint(): string | undefined {
    return hintFor(this.resultReason);
  }

  static itemNotFound(message: string): KmipError {
    return new KmipError(ResultReason.ItemNotFound, message);
  }
  static responseTooLarge(message: string): KmipError {
    return new KmipError(ResultReason.ResponseTooLarge, message);
  }
  static authenticationNotSuccessful(message: string): KmipError {
    return new KmipError(ResultReason.AuthenticationNotSuccessful, message);
  }
  static invalidMessage(message: string): KmipError {
    return new KmipError(ResultReason.InvalidMessage, message);
  }
  static operationNotSupported(message: string): KmipError {
    return new KmipError(ResultReason.OperationNotSupported, message);
  }
  static missingData(message: string): KmipError {
    return new KmipError(ResultReason.MissingData, message);
  }
  static invalidField(message: string): KmipError {
    return new KmipError(ResultReason.InvalidField, message);
  }
  static featureNotSupported(message: string): KmipError {
    return new KmipError(ResultReason.FeatureNotSupported, message);
  }
  static operationCanceledByRequester(message: string): KmipError {
    return new KmipError(ResultReason.OperationCanceledByRequester, message);
  }
  static cryptographicFailure(message: string): KmipError {
    return new KmipError(ResultReason.CryptographicFailure, message);
  }
  static illegalOperation(message: string): KmipError {
    return new KmipError(ResultReason.IllegalOperation, message);
  }
  static permissionDenied(message: string): KmipError {
    return new KmipError(ResultReason.PermissionDenied, message);
  }
  static objectArchived(message: string): KmipError {
    return new KmipError(ResultReason.ObjectArchived, message);
  }
  static indexOutOfBounds(message: string): KmipError {
    return new KmipError(ResultReason.IndexOutOfBounds, message);
  }
  static applicationNamespaceNotSupported(message: string): KmipError {
    return new KmipError(ResultReason.ApplicationNamespaceNotSupported, message);
  }
  static keyFormatTypeNotSupported(message: string): KmipError {
    return new KmipError(ResultReason.KeyFormatTypeNotSupported, message);
  }
  static keyCompressionTypeNotSupported(message: string): KmipError {
    return new KmipError(ResultReason.KeyCompressionTypeNotSupported, message);
  }
  static encodingOptionError(message: string): KmipError {
    return new KmipError(ResultReason.EncodingOptionError, message);
  }
  static keyValueNotPresent(message: string): KmipError {
    return new KmipError(ResultReason.KeyValueNotPresent, message);
  }
  static attestationRequired(message: string): KmipError {
    return new KmipError(ResultReason.AttestationRequired, message);
  }
  static attestationFailed(message: string): KmipError {
    return new KmipError(ResultReason.AttestationFailed, message);
  }
  static sensitive(message: string): KmipError {
    return new KmipError(ResultReason.Sensitive, message);
  }
  static notExtractable(message: string): KmipError {
    return new KmipError(ResultReason.NotExtractable, message);
  }
  static objectAlreadyExists(message: string): KmipError {
    return new KmipError(ResultReason.ObjectAlreadyExists, message);
  }
  static generalFailure(message: string): KmipError {
    return new KmipError(ResultReason.GeneralFailure, message);
  }

  /**
   * Any thrown thing as a KmipError. Decoding errors keep their message, which names the byte or field; everything
   * else becomes General Failure with a message that tells the peer nothing, and stays as the cause.
   */
  static from(error: unknown): KmipError {
    if (error instanceof KmipError) return error;
    if (error instanceof TtlvError || error instanceof EncodingError)
      return new KmipError(ResultReason.InvalidMessage, error.message, { cause: error });
    if (error instanceof SchemaError) {
      return new KmipError(reasonOfSchemaError(error), error.message, { cause: error });
    }
    return new KmipError(ResultReason.GeneralFailure, 'the server failed to process the request', {
      cause: error,
    });
  }
}

/** KMIP 1.4 §11.1: an unknown field of the same version is Invalid Field, other faults of form are Invalid Message. */
function reasonOfSchemaError(error: SchemaError): ResultReason {
  switch (error.code) {
    case 'SCHEMA_UNKNOWN':
    case 'SCHEMA_VALUE':
      return ResultReason.InvalidField;
    case 'SCHEMA_TYPE':
    case 'SCHEMA_MISSING':
    case 'SCHEMA_REPEATED':
    case 'SCHEMA_ORDER':
      return ResultReason.InvalidMessage;
  }
}
