/** Which symmetric ciphers are served, in which modes, and how OpenSSL calls them. */
import { BlockCipherMode, CryptographicAlgorithm, KmipError, ResultReason } from '../kmip/index.ts';

/** `wrap` and `wrap-pad`: RFC 3394 and RFC 5649. `chacha20` and `poly1305`: RFC 8439, without and with its tag. */
export type CipherMode =
  | 'gcm'
  | 'cbc'
  | 'ctr'
  | 'ecb'
  | 'cfb'
  | 'ofb'
  | 'pcbc'
  | 'ccm'
  | 'xts'
  | 'wrap'
  | 'wrap-pad'
  | 'chacha20'
  | 'poly1305';

export interface CipherDefinition {
  readonly title: string;
  /** By Block Cipher Mode. */
  readonly modes: Readonly<Record<number, CipherMode>>;
  readonly defaultMode?: CipherMode;
  readonly blockSizeBytes: number;
  /** Sizes of its keys. */
  readonly keySizesBytes: readonly number[];
  /** OpenSSL's name without the mode, by the size of the key. */
  readonly nameOf: (keySizeBytes: number) => string;
  /** DES in one and two keys is Triple DES with keys repeated, which is the form that OpenSSL 3 still has. */
  readonly repeatsKey?: boolean;
  /** Served only where the configuration allows weak algorithms. */
  readonly isWeak: boolean;
}

const { CBC, ECB, PCBC, CFB, OFB, CTR, CCM, GCM, XTS, AESKeyWrapPadding, NISTKeyWrap, AEAD } =
  BlockCipherMode;

const common = { [CBC]: 'cbc', [ECB]: 'ecb', [PCBC]: 'pcbc', [CFB]: 'cfb', [OFB]: 'ofb' } as const;
const aesModes = {
  ...common,
  [CTR]: 'ctr',
  [CCM]: 'ccm',
  [GCM]: 'gcm',
  [XTS]: 'xts',
  [AESKeyWrapPadding]: 'wrap-pad',
  [NISTKeyWrap]: 'wrap',
} as const;

export const cipherDefinitions: Readonly<Record<number, CipherDefinition>> = {
  [CryptographicAlgorithm.AES]: {
    title: 'AES',
    modes: aesModes,
    defaultMode: 'gcm',
    blockSizeBytes: 16,
    keySizesBytes: [16, 24, 32],
    nameOf: (size) => `aes-${size * 8}`,
    isWeak: false,
  },
  [CryptographicAlgorithm.Camellia]: {
    title: 'Camellia',
    modes: { ...common, [CTR]: 'ctr' },
    blockSizeBytes: 16,
    keySizesBytes: [16, 24, 32],
    nameOf: (size) => `camellia-${size * 8}`,
    isWeak: false,
  },
  [CryptographicAlgorithm.DES3]: {
    title: 'Triple DES',
    modes: common,
    blockSizeBytes: 8,
    keySizesBytes: [16, 24],
    nameOf: () => 'des-ede3',
    repeatsKey: true,
    isWeak: false,
  },
  [CryptographicAlgorithm.DES]: {
    title: 'DES',
    modes: common,
    blockSizeBytes: 8,
    keySizesBytes: [8],
    nameOf: () => 'des-ede3',
    repeatsKey: true,
    isWeak: true,
  },
  [CryptographicAlgorithm.ChaCha20]: {
    title: 'ChaCha20',
    modes: {},
    defaultMode: 'chacha20',
    blockSizeBytes: 1,
    keySizesBytes: [32],
    nameOf: () => 'chacha20',
    isWeak: false,
  },
  [CryptographicAlgorithm.ChaCha20Poly1305]: {
    title: 'ChaCha20-Poly1305',
    modes: { [AEAD]: 'poly1305' },
    defaultMode: 'poly1305',
    blockSizeBytes: 1,
    keySizesBytes: [32],
    nameOf: () => 'chacha20',
    isWeak: false,
  },
};

const modeNames: Readonly<Record<CipherMode, string>> = {
  gcm: 'GCM',
  cbc: 'CBC',
  ctr: 'CTR',
  ecb: 'ECB',
  cfb: 'CFB',
  ofb: 'OFB',
  pcbc: 'PCBC',
  ccm: 'CCM',
  xts: 'XTS',
  wrap: 'NIST key wrap',
  'wrap-pad': 'AES key wrap with padding',
  chacha20: 'ChaCha20',
  poly1305: 'ChaCha20-Poly1305',
};

/** For messages. */
export function modeName(mode: CipherMode): string {
  return modeNames[mode];
}

/** Sizes of AES keys with XTS: two keys in one. OpenSSL has no AES-192 there. */
const XTS_KEY_SIZES = [32, 64];

/** OpenSSL's whole name. @throws KmipError Cryptographic Failure: the key has no size of this cipher. */
export function opensslName(cipher: CipherDefinition, mode: CipherMode, keySizeBytes: number): string {
  const sizes = mode === 'xts' ? XTS_KEY_SIZES : cipher.keySizesBytes;
  if (!sizes.includes(keySizeBytes)) {
    throw new KmipError(
      ResultReason.CryptographicFailure,
      `a key for ${cipher.title} with ${modeName(mode)} has ${sizes.join(', ')} bytes; this one has ${keySizeBytes}`,
    );
  }
  switch (mode) {
    case 'wrap':
    case 'wrap-pad':
      return `id-aes${keySizeBytes * 8}-${mode}`;
    case 'xts':
      return `aes-${keySizeBytes * 4}-xts`;
    case 'pcbc':
      return opensslName(cipher, 'cbc', keySizeBytes);
    case 'ecb':
      // OpenSSL calls ECB of Triple DES by the cipher's bare name.
      return cipher.repeatsKey === true ? cipher.nameOf(keySizeBytes) : `${cipher.nameOf(keySizeBytes)}-ecb`;
    case 'chacha20':
      return 'chacha20';
    case 'poly1305':
      return 'chacha20-poly1305';
    default:
      return `${cipher.nameOf(keySizeBytes)}-${mode}`;
  }
}

/** A key of 8 or 16 bytes as the 24 of Triple DES: K K K, or K1 K2 K1. The copy is the caller's to wipe. */
export function tripleDesKey(key: Uint8Array): Buffer {
  const whole = Buffer.alloc(24);
  for (let at = 0; at < whole.length; at += key.length) {
    whole.set(key.subarray(0, Math.min(key.length, whole.length - at)), at);
  }
  return whole;
}
