/**
 * Reads Cryptographic Parameters (KMIP 1.4 §3.6) into what the ciphers of this folder need, and refuses what they
 * cannot do instead of guessing.
 */
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  enumName,
  KmipError,
  PaddingMethod,
  ResultReason,
} from '../kmip/index.ts';

/** The fields of KMIP's Cryptographic Parameters that a symmetric cipher looks at; the decoded structure fits as it is. */
export interface CipherParameters {
  readonly blockCipherMode?: number | undefined;
  readonly paddingMethod?: number | undefined;
  readonly cryptographicAlgorithm?: number | undefined;
  readonly randomIV?: boolean | undefined;
  /** Bits. */
  readonly ivLength?: number | undefined;
  /** Bytes. */
  readonly tagLength?: number | undefined;
  readonly fixedFieldLength?: number | undefined;
  readonly invocationFieldLength?: number | undefined;
  readonly counterLength?: number | undefined;
  readonly initialCounterValue?: number | undefined;
}

export type CipherMode = 'gcm' | 'cbc' | 'ctr' | 'ecb';

export interface CipherPlan {
  readonly mode: CipherMode;
  /** PKCS#5 padding; else the data must fill whole blocks, where the mode has blocks. */
  readonly padded: boolean;
  /** Bytes of the IV that the server makes when the client sends none; 0 for a mode without IV. */
  readonly ivSizeBytes: number;
  /** Bytes; 0 for a mode without authentication. */
  readonly tagSizeBytes: number;
  /** The client said `Random IV = false`: it means to bring its own. */
  readonly ivIsClients: boolean;
}

export const BLOCK_SIZE_BYTES = 16;
/** NIST SP 800-38D §8.2.2: the IV size that a random IV should have. */
export const GCM_IV_SIZE_BYTES = 12;
/** OpenSSL's limit for a GCM IV; the specification of GCM allows more, nobody uses it. */
export const MAX_GCM_IV_SIZE_BYTES = 128;
/** NIST SP 800-38D §5.2.1.2 lists these; its 4 and 8 are for protocols that bound what a forger can try: not here. */
export const MIN_TAG_SIZE_BYTES = 12;
export const MAX_TAG_SIZE_BYTES = 16;

const modes: Readonly<Record<number, CipherMode>> = {
  [BlockCipherMode.GCM]: 'gcm',
  [BlockCipherMode.CBC]: 'cbc',
  [BlockCipherMode.CTR]: 'ctr',
  [BlockCipherMode.ECB]: 'ecb',
};

/**
 * The plan for AES under `parameters`; GCM with a random 96-bit IV and a 128-bit tag where they are absent.
 *
 * @throws KmipError Feature Not Supported (mode, padding or IV layout that is not served), Invalid Field (contradiction),
 * General Failure (impossible tag length: the reason that the profiles' test cases ask for).
 */
export function planOf(parameters: CipherParameters | undefined): CipherPlan {
  const p = parameters ?? {};
  if (p.cryptographicAlgorithm !== undefined && p.cryptographicAlgorithm !== CryptographicAlgorithm.AES) {
    const name = enumName(CryptographicAlgorithm, p.cryptographicAlgorithm);
    throw new KmipError(ResultReason.InvalidField, `Cryptographic Algorithm ${name} does not fit an AES key`);
  }
  const mode = p.blockCipherMode === undefined ? 'gcm' : modes[p.blockCipherMode];
  if (mode === undefined) {
    const name = enumName(BlockCipherMode, p.blockCipherMode ?? 0);
    throw new KmipError(
      ResultReason.FeatureNotSupported,
      `Block Cipher Mode ${name} is not served; use GCM, CBC, CTR or ECB`,
    );
  }
  refuseIvLayout(p);
  const ivSizeBytes = ivSizeOf(mode, p.ivLength);
  return {
    mode,
    padded: paddingOf(mode, p.paddingMethod),
    ivSizeBytes,
    tagSizeBytes: mode === 'gcm' ? tagSizeOf(p.tagLength) : 0,
    ivIsClients: p.randomIV === false,
  };
}

/** Deterministic IVs (§3.6: fixed field, invocation field, counter) need state that outlives restarts; random ones do not. */
function refuseIvLayout(p: CipherParameters): void {
  for (const [name, value] of [
    ['Fixed Field Length', p.fixedFieldLength],
    ['Invocation Field Length', p.invocationFieldLength],
    ['Counter Length', p.counterLength],
    ['Initial Counter Value', p.initialCounterValue],
  ] as const) {
    if (value !== undefined) {
      throw new KmipError(
        ResultReason.FeatureNotSupported,
        `${name} is not served; send a whole IV/Counter/Nonce or none`,
      );
    }
  }
}

function ivSizeOf(mode: CipherMode, ivLengthBits: number | undefined): number {
  const usual = mode === 'ecb' ? 0 : mode === 'gcm' ? GCM_IV_SIZE_BYTES : BLOCK_SIZE_BYTES;
  if (ivLengthBits === undefined || ivLengthBits === usual * 8) return usual;
  const free = mode === 'gcm' && ivLengthBits % 8 === 0;
  if (free && ivLengthBits >= GCM_IV_SIZE_BYTES * 8 && ivLengthBits <= MAX_GCM_IV_SIZE_BYTES * 8)
    return ivLengthBits / 8;
  throw new KmipError(
    ResultReason.InvalidField,
    `IV Length ${ivLengthBits} does not fit ${mode.toUpperCase()}; it takes ${usual * 8} bits`,
  );
}

function tagSizeOf(tagLength: number | undefined): number {
  const size = tagLength ?? MAX_TAG_SIZE_BYTES;
  if (size < MIN_TAG_SIZE_BYTES || size > MAX_TAG_SIZE_BYTES) {
    throw new KmipError(
      ResultReason.GeneralFailure,
      `Tag Length is ${MIN_TAG_SIZE_BYTES} to ${MAX_TAG_SIZE_BYTES} bytes; got ${size}`,
    );
  }
  return size;
}

function paddingOf(mode: CipherMode, paddingMethod: number | undefined): boolean {
  if (paddingMethod === undefined || paddingMethod === PaddingMethod.None) return false;
  if (paddingMethod !== PaddingMethod.PKCS5) {
    const name = enumName(PaddingMethod, paddingMethod);
    throw new KmipError(
      ResultReason.FeatureNotSupported,
      `Padding Method ${name} is not served; use PKCS5 or None`,
    );
  }
  if (mode === 'gcm' || mode === 'ctr') {
    throw new KmipError(
      ResultReason.InvalidField,
      `${mode.toUpperCase()} encrypts bytes, not blocks: it takes no padding`,
    );
  }
  return true;
}
