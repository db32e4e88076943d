/** What an operator is refused, beside what keychain and shares refuse; with the status of the HTTP answer. */

export const unsealingErrors = {
  ALREADY_UNSEALED: {
    status: 409,
    meaning: 'the region is unsealed already',
    remedy: 'to approve a change of its seal: okcm region approve CHANGE',
  },
  NOT_BY_SHARES: {
    status: 409,
    meaning: 'the region is not sealed by shares',
    remedy: 'it opens by itself once its seal answers; okcm region seal-status says which seal that is',
  },
  WRONG_TARGET: {
    status: 409,
    meaning: 'the change does not fit the seal in the configuration',
    remedy:
      'to move to another seal, set "seal" to the new one and "previousSeal" to the old one, and restart the core',
  },
  HOLDERS_NEEDED: { status: 400, meaning: 'the new shares have no holders', remedy: 'name them: --holder …' },
  HOLDERS_UNWANTED: {
    status: 400,
    meaning: 'the seal in the configuration has no holders',
    remedy: 'leave the holders out, or set "seal" to shamir',
  },
  CHANGE_PENDING: {
    status: 409,
    meaning: 'another change of the seal waits for its approval',
    remedy: 'approve it, cancel it, or wait until it is forgotten',
  },
  CHANGE_UNKNOWN: {
    status: 404,
    meaning: 'no such change of the seal is pending',
    remedy: 'it was done, cancelled, or forgotten: okcm region seal-status',
  },
  CHANGE_UNCONFIRMED: {
    status: 409,
    meaning: 'the new shares are not yet known to be safe',
    remedy: 'whoever began the change confirms it once the shares are written',
  },
} as const;
export type UnsealingErrorCode = keyof typeof unsealingErrors;

export class UnsealingError extends Error {
  readonly code: UnsealingErrorCode;
  readonly hint: string;
  constructor(code: UnsealingErrorCode, detail?: string) {
    const { meaning, remedy } = unsealingErrors[code];
    super(detail === undefined ? meaning : `${meaning}: ${detail}`);
    this.name = 'UnsealingError';
    this.code = code;
    this.hint = remedy;
  }
}
