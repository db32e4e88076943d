/**
 * Reads Cryptographic Parameters (KMIP 1.4 §3.6) into what the symmetric ciphers of this folder need, and refuses what
 * they cannot do instead of guessing.
 */
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  enumName,
  KmipError,
  PaddingMethod,
  ResultReason,
} from '../kmip/index.ts';
import { type CipherDefinition, type CipherMode, cipherDefinitions, modeName } from './ciphers.ts';
import { requireWeakAllowed } from './hashes.ts';
import type { BlockPadding } from './paddings.ts';

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
  /** Bits. */
  readonly counterLength?: number | undefined;
  readonly initialCounterValue?: number | undefined;
}

export interface CipherPlan {
  readonly cipher: CipherDefinition;
  readonly mode: CipherMode;
  readonly padding: BlockPadding;
  /** Bytes of the IV that the server makes when the client sends none; 0 for a mode without IV. */
  readonly ivSizeBytes: number;
  /** What a client's IV may have, in bytes, from and to. */
  readonly ivSizes: readonly [min: number, max: number];
  /** Bytes; 0 for a mode without authentication. */
  readonly tagSizeBytes: number;
  /** The client said `Random IV = false`: it means to bring its own. */
  readonly ivIsClients: boolean;
  /** CTR with a counter of its own beside the nonce, and ChaCha20: where it starts. */
  readonly counter?: { readonly sizeBytes: number; readonly initial: number };
}

/** NIST SP 800-38D §8.2.2: the IV size that a random IV should have. */
export const GCM_IV_SIZE_BYTES = 12;
/** OpenSSL's limit for a GCM IV; the specification of GCM allows more, nobody uses it. */
export const MAX_GCM_IV_SIZE_BYTES = 128;
/** NIST SP 800-38D §5.2.1.2 lists these; its 4 and 8 are for protocols that bound what a forger can try: not here. */
export const MIN_TAG_SIZE_BYTES = 12;
export const MAX_TAG_SIZE_BYTES = 16;
/** NIST SP 800-38C appendix A.1: from 7, for data up to 2^64 bytes, to 13, for 64 KiB. */
const CCM_IV_SIZES = [7, 13] as const;
/** RFC 3686 §4: the counter of CTR where only its start is said. */
const CTR_COUNTER_BITS = 32;

const paddings: Readonly<Record<number, BlockPadding>> = {
  [PaddingMethod.None]: 'none',
  [PaddingMethod.PKCS5]: 'pkcs5',
  [PaddingMethod.Zeros]: 'zeros',
  [PaddingMethod.ANSIX9_23]: 'x9.23',
  [PaddingMethod.ISO10126]: 'iso10126',
};
/** Paddings of block modes, as Query and the reference list them. */
export const servedBlockPaddings: readonly number[] = Object.keys(paddings).map(Number);

/**
 * The plan for a key of `algorithm` under `parameters`. AES without a mode means GCM, with a random 96-bit IV and a
 * 128-bit tag.
 *
 * @throws KmipError Feature Not Supported (algorithm, mode, padding or IV layout that is not served), Invalid Field
 * (contradiction), Missing Data (no mode where there is no default), General Failure (impossible tag length: the
 * reason that the profiles' test cases ask for).
 */
export function planOf(
  algorithm: number,
  parameters: CipherParameters | undefined,
  allowWeak = false,
): CipherPlan {
  const p = parameters ?? {};
  const cipher = cipherOf(algorithm, p, allowWeak);
  const mode = modeOf(cipher, p);
  if (p.fixedFieldLength !== undefined || p.invocationFieldLength !== undefined) {
    // Deterministic IVs need state that outlives restarts; random ones do not (D5).
    throw KmipError.featureNotSupported(
      'Fixed and Invocation Field Length are not served; send a whole IV/Counter/Nonce or none',
    );
  }
  const counter = counterOf(mode, p);
  return {
    cipher,
    mode,
    padding: paddingOf(mode, p.paddingMethod),
    ...ivOf(cipher, mode, p.ivLength, counter?.sizeBytes ?? 0),
    tagSizeBytes: isAuthenticated(mode) ? tagSizeOf(mode, p.tagLength) : 0,
    ivIsClients: p.randomIV === false,
    ...(counter === undefined ? {} : { counter }),
  };
}

export function isAuthenticated(mode: CipherMode): boolean {
  return mode === 'gcm' || mode === 'ccm' || mode === 'poly1305';
}

/** Bytes of the shortest nonce that the server chooses at random: D5 counts on them. */
export const MIN_RANDOM_NONCE_BYTES = 12;

/**
 * Modes whose key stream begins with the nonce: two messages under the same one give each other away, and with some of
 * these the authenticator too.
 */
export function isNonceMode(mode: CipherMode): boolean {
  return isAuthenticated(mode) || mode === 'ctr' || mode === 'chacha20';
}

function cipherOf(algorithm: number, p: CipherParameters, allowWeak: boolean): CipherDefinition {
  const { ChaCha20, ChaCha20Poly1305 } = CryptographicAlgorithm;
  let wanted = p.cryptographicAlgorithm ?? algorithm;
  // One key, two uses: the same 256 bits serve the cipher alone and with its authenticator.
  const isChaCha = algorithm === ChaCha20 || algorithm === ChaCha20Poly1305;
  if (isChaCha && p.blockCipherMode === BlockCipherMode.AEAD) wanted = ChaCha20Poly1305;
  const fits = wanted === algorithm || (isChaCha && (wanted === ChaCha20 || wanted === ChaCha20Poly1305));
  if (!fits) {
    const [name, own] = [wanted, algorithm].map((value) => enumName(CryptographicAlgorithm, value));
    throw KmipError.invalidField(`Cryptographic Algorithm ${name} does not fit a key of ${own}`);
  }
  const cipher = Object.hasOwn(cipherDefinitions, wanted) ? cipherDefinitions[wanted] : undefined;
  if (cipher === undefined) {
    throw KmipError.featureNotSupported(
      `keys of Cryptographic Algorithm ${enumName(CryptographicAlgorithm, wanted)} do not encrypt here`,
    );
  }
  if (cipher.isWeak) requireWeakAllowed(allowWeak, enumName(CryptographicAlgorithm, wanted));
  return cipher;
}

function modeOf(cipher: CipherDefinition, { blockCipherMode }: CipherParameters): CipherMode {
  if (blockCipherMode === undefined) {
    if (cipher.defaultMode !== undefined) return cipher.defaultMode;
    throw KmipError.missingData(`a Block Cipher Mode is required for a key of ${cipher.title}`);
  }
  const mode = Object.hasOwn(cipher.modes, blockCipherMode) ? cipher.modes[blockCipherMode] : undefined;
  if (mode !== undefined) return mode;
  const name = enumName(BlockCipherMode, blockCipherMode);
  if (blockCipherMode === BlockCipherMode.CMAC || blockCipherMode === BlockCipherMode.CBC_MAC) {
    throw KmipError.invalidField(`${name} authenticates and does not encrypt: use MAC`);
  }
  const served = Object.keys(cipher.modes).map((value) => enumName(BlockCipherMode, Number(value)));
  throw KmipError.featureNotSupported(
    `Block Cipher Mode ${name} is not served with ${cipher.title}; it takes ${served.join(', ')}`,
  );
}

/** §3.6: a counter that starts where the client says, after a nonce that fills the rest of the block. */
function counterOf(mode: CipherMode, p: CipherParameters): CipherPlan['counter'] {
  const { counterLength, initialCounterValue } = p;
  if (counterLength === undefined && initialCounterValue === undefined) return undefined;
  if (mode !== 'ctr' && (mode !== 'chacha20' || counterLength !== undefined)) {
    throw KmipError.featureNotSupported(
      'Counter Length and Initial Counter Value are served with CTR, and the latter with ChaCha20',
    );
  }
  const initial = initialCounterValue ?? 0;
  const bits = counterLength ?? CTR_COUNTER_BITS;
  if (bits % 8 !== 0 || bits < 16 || bits > 64) {
    throw KmipError.invalidField('Counter Length is 16 to 64 bits, in steps of 8');
  }
  if (initial < 0 || initial >= 2 ** bits)
    throw KmipError.invalidField('Initial Counter Value does not fit the counter');
  return { sizeBytes: bits / 8, initial };
}

function ivOf(
  cipher: CipherDefinition,
  mode: CipherMode,
  ivLengthBits: number | undefined,
  counterSizeBytes: number,
): Pick<CipherPlan, 'ivSizeBytes' | 'ivSizes'> {
  const [usual, sizes] = usualIv(cipher, mode, counterSizeBytes);
  if (ivLengthBits === undefined) return { ivSizeBytes: usual, ivSizes: sizes };
  const [min, max] = sizes;
  // A random IV of less than 96 bits would repeat too soon.
  const least = mode === 'gcm' ? GCM_IV_SIZE_BYTES : min;
  const size = ivLengthBits / 8;
  if (!Number.isInteger(size) || size < least || size > max || (min === 0 && size > 0)) {
    throw KmipError.invalidField(
      `IV Length ${ivLengthBits} does not fit ${modeName(mode)}; it takes ${usual * 8} bits`,
    );
  }
  return { ivSizeBytes: size, ivSizes: [size, size] };
}

function usualIv(
  cipher: CipherDefinition,
  mode: CipherMode,
  counterSizeBytes: number,
): readonly [usual: number, sizes: readonly [number, number]] {
  const exactly = (size: number) => [size, [size, size]] as const;
  switch (mode) {
    case 'ecb':
    case 'wrap':
    case 'wrap-pad':
      return exactly(0);
    case 'gcm':
      return [GCM_IV_SIZE_BYTES, [1, MAX_GCM_IV_SIZE_BYTES]];
    case 'ccm':
      return [GCM_IV_SIZE_BYTES, CCM_IV_SIZES];
    case 'poly1305':
      return exactly(GCM_IV_SIZE_BYTES);
    case 'chacha20':
      // Nonces of 96 bits (RFC 8439) and of 64; 128 are a counter and a nonce, as OpenSSL takes them.
      return [GCM_IV_SIZE_BYTES, [8, counterSizeBytes === 0 ? 16 : GCM_IV_SIZE_BYTES]];
    case 'ctr':
      return exactly(cipher.blockSizeBytes - counterSizeBytes);
    case 'xts':
    case 'cbc':
    case 'cfb':
    case 'ofb':
    case 'pcbc':
      return exactly(cipher.blockSizeBytes);
  }
}

function tagSizeOf(mode: CipherMode, tagLength: number | undefined): number {
  const size = tagLength ?? MAX_TAG_SIZE_BYTES;
  const isOdd = mode === 'ccm' && size % 2 === 1;
  const least = mode === 'poly1305' ? MAX_TAG_SIZE_BYTES : MIN_TAG_SIZE_BYTES;
  if (size < least || size > MAX_TAG_SIZE_BYTES || isOdd) {
    throw new KmipError(
      ResultReason.GeneralFailure,
      `Tag Length is ${least} to ${MAX_TAG_SIZE_BYTES} bytes, with CCM an even number; got ${size}`,
    );
  }
  return size;
}

function paddingOf(mode: CipherMode, paddingMethod: number | undefined): BlockPadding {
  if (paddingMethod === undefined || paddingMethod === PaddingMethod.None) return 'none';
  const name = enumName(PaddingMethod, paddingMethod);
  if (mode !== 'cbc' && mode !== 'ecb' && mode !== 'pcbc') {
    throw KmipError.invalidField(`${modeName(mode)} takes no padding; leave Padding Method ${name} out`);
  }
  const padding = Object.hasOwn(paddings, paddingMethod) ? paddings[paddingMethod] : undefined;
  if (padding !== undefined) return padding;
  if (paddingMethod === PaddingMethod.SSL3 || paddingMethod === PaddingMethod.X9_31) {
    throw KmipError.featureNotSupported(`Padding Method ${name} is not served; use PKCS5 or None`);
  }
  throw KmipError.invalidField(`Padding Method ${name} is not one of block ciphers`);
}
