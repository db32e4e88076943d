/** Every way in which an envelope can be refused. Nothing here says how close an attempt came. */

export const envelopeErrors = {
  MALFORMED: 'the bytes are no envelope: wrong magic, truncated, or out of bounds; the record is damaged',
  UNSUPPORTED_FORMAT: 'the format version or algorithm is unknown; a newer release wrote it',
  WRONG_PARENT:
    'another key, or another version of it, wrapped this; open it with the one that the header names',
  AUTHENTICATION_FAILED:
    'altered, swapped with another record, or rolled back: it does not belong where it was found',
  TOO_LARGE: 'the plaintext is larger than an envelope may hold',
} as const;
export type EnvelopeErrorCode = keyof typeof envelopeErrors;

export class EnvelopeError extends Error {
  readonly code: EnvelopeErrorCode;
  constructor(code: EnvelopeErrorCode, detail?: string) {
    super(detail === undefined ? envelopeErrors[code] : `${envelopeErrors[code]} (${detail})`);
    this.name = 'EnvelopeError';
    this.code = code;
  }
}
