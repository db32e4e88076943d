/** Every way in which sealed data can be refused. Nothing here says how close an attempt came. */

export const sealedDataErrors = {
  MALFORMED: 'these bytes are no sealed data: wrong magic, cut short, or out of bounds',
  UNSUPPORTED: 'the format version, suite or kind of data key is unknown: a newer release wrote it',
  NOT_ACCEPTED: 'the data names a data key that is not accepted here; see `accept`',
  WRONG_KEY: 'the data key, the associated data or the header is another one than that which sealed this',
  NOT_AUTHENTIC: 'the data was altered, or its parts were put in another order',
  TRUNCATED: 'the data ends before its end: what came before is authentic, and not all there was',
  TOO_LARGE: 'a message has at most 2^32 chunks',
  CLOSED: 'the data keys have been closed',
} as const;
export type SealedDataErrorCode = keyof typeof sealedDataErrors;

export class SealedDataError extends Error {
  readonly code: SealedDataErrorCode;

  constructor(code: SealedDataErrorCode, detail?: string) {
    super(detail === undefined ? sealedDataErrors[code] : `${sealedDataErrors[code]} (${detail})`);
    this.name = 'SealedDataError';
    this.code = code;
  }
}
