/** The derivation methods (KMIP 1.4 §4.6, §9.1.3.2.21), each from its inputs to the secret that it makes. */
import { createHash, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { encryptWith } from '../../../cipher/index.ts';
import { SecretBytes } from '../../../envelope/index.ts';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  type CryptographicParameters,
  DerivationMethod,
  enumName,
  HashingAlgorithm,
  KmipError,
} from '../../../kmip/index.ts';
import { MAX_PBKDF2_ROUNDS } from '../../limits.ts';
import type { OperationContext } from '../context.ts';
import { runSlowCrypto } from '../slow-crypto.ts';
import { cmacPrf } from './cmac.ts';
import { hashingAlgorithmOf, hashNamed, hmacPrf, type Prf } from './hashes.ts';
import { counterMode, doublePipelineMode, feedbackMode } from './sp800-108.ts';

export interface DerivationInput {
  readonly key: SecretBytes;
  readonly keyAlgorithm: number | undefined;
  readonly data: Uint8Array | undefined;
  readonly parameters: CryptographicParameters;
  readonly iv: Uint8Array | undefined;
  readonly salt: Uint8Array | undefined;
  readonly iterationCount: number | undefined;
  /** Bytes to derive. */
  readonly sizeBytes: number;
}

type Method = (input: DerivationInput, context: OperationContext) => Promise<SecretBytes> | SecretBytes;

/** The first `sizeBytes` of `output`, which is wiped. §4.6: more than there is is an error, of §11.7's reason. */
export function leading(output: Buffer, sizeBytes: number): SecretBytes {
  try {
    if (sizeBytes > output.length) {
      throw KmipError.cryptographicFailure(
        `the derivation makes ${output.length * 8} bits; the Cryptographic Length asks for more`,
      );
    }
    return SecretBytes.fill(sizeBytes, (bytes) => bytes.set(output.subarray(0, sizeBytes)));
  } finally {
    output.fill(0);
  }
}

function dataOf({ data }: DerivationInput): Uint8Array {
  if (data === undefined || data.length === 0) {
    throw KmipError.invalidField('the method needs Derivation Data, or a Secret Data object in its place');
  }
  return data;
}

/** The hash that the parameters name, by itself or inside an HMAC; else that of the key, where it is for one HMAC. */
function hashFor(
  { parameters, keyAlgorithm }: DerivationInput,
  first: 'parameters' | 'key',
): number | undefined {
  const named = parameters.hashingAlgorithm ?? hashingAlgorithmOf(parameters.cryptographicAlgorithm);
  const own = hashingAlgorithmOf(keyAlgorithm);
  return first === 'key' ? (own ?? named) : (named ?? own);
}

function requireHash(hash: number | undefined): string {
  if (hash !== undefined) return hashNamed(hash);
  throw KmipError.invalidField('the Cryptographic Parameters name no Hashing Algorithm');
}

const derive = promisify(pbkdf2);

/** PKCS#5 (RFC 8018 §5.2); with HMAC-SHA-1, its default, unless the parameters name another hash. */
const pbkdf2Method: Method = async (input, context) => {
  const { key, salt, iterationCount, sizeBytes } = input;
  if (salt === undefined || iterationCount === undefined) {
    throw KmipError.invalidField('PBKDF2 needs a Salt and an Iteration Count');
  }
  const hash = hashNamed(hashFor(input, 'parameters') ?? HashingAlgorithm.SHA_1);
  const blocks = Math.ceil(sizeBytes / createHash(hash).digest().length);
  if (iterationCount < 1 || iterationCount * blocks > MAX_PBKDF2_ROUNDS) {
    throw KmipError.invalidField(
      `Iteration Count is 1 to ${Math.floor(MAX_PBKDF2_ROUNDS / blocks)} for that length`,
    );
  }
  const password = context.lent.copyOf(key);
  const output = await runSlowCrypto(
    context,
    () => derive(password, salt, iterationCount, sizeBytes, hash),
    (late) => late.fill(0),
  );
  return leading(output, sizeBytes);
};

const hashMethod: Method = (input) => {
  const name = requireHash(hashFor(input, 'parameters'));
  return leading(
    input.key.use((bytes) => createHash(name).update(bytes).digest()),
    input.sizeBytes,
  );
};

/** §4.6: the key says which HMAC it is for; parameters count for a key that does not. */
const hmacMethod: Method = (input) => {
  const prf = hmacPrf(requireHash(hashFor(input, 'key')), input.key);
  return leading(prf(dataOf(input)), input.sizeBytes);
};

const authenticated: ReadonlySet<number> = new Set([
  BlockCipherMode.GCM,
  BlockCipherMode.CCM,
  BlockCipherMode.AEAD,
]);
const withoutIv: ReadonlySet<number> = new Set([BlockCipherMode.ECB]);

/** "An empty IV is assumed if not provided": all bits zero, so that the same request derives the same key. */
function ivFor({ iv, parameters, keyAlgorithm }: DerivationInput): Uint8Array | undefined {
  const { blockCipherMode: mode } = parameters;
  if (mode === undefined)
    throw KmipError.invalidField('the Cryptographic Parameters name no Block Cipher Mode');
  if (iv !== undefined || withoutIv.has(mode)) return iv;
  if (authenticated.has(mode)) {
    throw KmipError.invalidField(
      `${enumName(BlockCipherMode, mode)} derives nothing without an Initialization Vector`,
    );
  }
  return new Uint8Array(keyAlgorithm === CryptographicAlgorithm.DES3 ? 8 : 16);
}

const encryptMethod: Method = (input) => {
  const { key, keyAlgorithm, parameters, sizeBytes } = input;
  if (keyAlgorithm === undefined) throw KmipError.invalidField('only a symmetric key encrypts');
  const data = dataOf(input);
  const encrypted = encryptWith(key, { algorithm: keyAlgorithm, parameters, data, iv: ivFor(input) });
  return leading(Buffer.from(encrypted.data), sizeBytes);
};

/** The PRF of SP 800-108: CMAC for a block cipher's key, HMAC otherwise. */
function prfFor(input: DerivationInput): Prf {
  const { parameters, keyAlgorithm, key } = input;
  const hash = hashFor(input, 'parameters');
  const isCmac =
    parameters.blockCipherMode === BlockCipherMode.CMAC ||
    (hash === undefined && keyAlgorithm === CryptographicAlgorithm.AES);
  return isCmac ? cmacPrf(key) : hmacPrf(requireHash(hash), key);
}

function sp800108(mode: typeof counterMode): Method {
  return (input) => {
    const kdf = { prf: prfFor(input), fixedInput: dataOf(input), iv: input.iv ?? new Uint8Array(0) };
    return SecretBytes.fill(input.sizeBytes, (out) => mode(kdf, out));
  };
}

/** All but Asymmetric Key, which takes no derivation key. */
const methods: Readonly<Record<number, Method>> = {
  [DerivationMethod.PBKDF2]: pbkdf2Method,
  [DerivationMethod.HASH]: hashMethod,
  [DerivationMethod.HMAC]: hmacMethod,
  [DerivationMethod.ENCRYPT]: encryptMethod,
  [DerivationMethod.NIST800_108_C]: sp800108(counterMode),
  [DerivationMethod.NIST800_108_F]: sp800108(feedbackMode),
  [DerivationMethod.NIST800_108_DPI]: sp800108(doublePipelineMode),
};

/** @throws KmipError Invalid Field: there is no such method (§11.7). */
export function methodOf(derivationMethod: number): Method {
  const method = Object.hasOwn(methods, derivationMethod) ? methods[derivationMethod] : undefined;
  if (method !== undefined) return method;
  throw KmipError.invalidField(`Derivation Method ${derivationMethod} is not served here`);
}
