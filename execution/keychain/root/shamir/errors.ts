/** Every way in which a share or a ceremony is refused. A refused share is named: its number and its holder. */

export const shareErrors = {
  MALFORMED_SHARE: {
    meaning: 'this is no share',
    remedy: 'decrypt the share file with the identity of its holder, and present what comes out',
  },
  FOREIGN_CLUSTER: { meaning: 'the share belongs to another cluster', remedy: 'present it there' },
  FOREIGN_REGION: { meaning: 'the share belongs to another region', remedy: 'present it there' },
  OTHER_SET: {
    meaning: 'the share belongs to another set of this region',
    remedy: 'okcm region seal-status names the set that opens the region: compare it with the manifest',
  },
  UNKNOWN_INDEX: {
    meaning: 'the manifest has no share of this number',
    remedy: 'compare the share file with the manifest',
  },
  WRONG_SHARE: {
    meaning: 'the share is not the one in the manifest',
    remedy: 'the share file is damaged or forged: fetch a copy',
  },
  DUPLICATE_SHARE: {
    meaning: 'the share was presented already',
    remedy: 'let another holder present theirs',
  },
  SHARES_REJECTED: {
    meaning: 'every share is right, and together they do not open the region',
    remedy: 'find out who wrote to the database, and restore it whole',
  },
  MANIFEST_REJECTED: {
    meaning: 'the manifest of the shares is damaged or not signed by the region',
    remedy: 'find out who wrote to the database, and restore it whole',
  },
  INVALID_PLAN: {
    meaning: 'the ceremony cannot be held like this',
    remedy:
      '2 to 255 holders with names and age recipients of their own, and a threshold from 2 to their number',
  },
} as const;
export type ShareErrorCode = keyof typeof shareErrors;

/** Messages name shares and holders, and never quote a share. */
export class ShareError extends Error {
  readonly code: ShareErrorCode;
  readonly hint: string;
  constructor(code: ShareErrorCode, detail?: string, options?: { cause?: unknown }) {
    const { meaning, remedy } = shareErrors[code];
    super(detail === undefined ? meaning : `${detail}: ${meaning}`, options);
    this.name = 'ShareError';
    this.code = code;
    this.hint = remedy;
  }
}
