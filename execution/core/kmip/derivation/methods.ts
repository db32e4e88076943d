/** The derivation methods (KMIP 1.4 §4.6, §9.1.3.2.21), each from its inputs to the secret that it makes. */
import { createHash, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { encryptWith, hashFunctionOf, planOf } from '../../../cipher/index.ts';
import { SecretBytes } from '../../../envelope/index.ts';
import {
  BlockCipherMode,
  type CryptographicParameters,
  DerivationMethod,
  enumName,
  HashingAlgorithm,
  KmipError,
} from '../../../kmip/index.ts';
import { MAX_PBKDF2_ROUNDS } from '../../limits.ts';
import type { OperationContext } from '../context.ts';
import { slowly } from '../slow-crypto.ts';
import { hashIn, isHmacKey, prfOf, prfPlan } from './prf.ts';
import { counterMode, doublePipelineMode, feedbackMode } from './sp800-108.ts';

export interface DerivationInput {
  readonly key: SecretBytes;
  readonly keyUid: string;
  readonly keyAlgorithm: number | undefined;
  readonly data: Uint8Array | undefined;
  readonly parameters: CryptographicParameters;
  readonly iv: Uint8Array | undefined;
  readonly salt: Uint8Array | undefined;
  readonly iterationCount: number | undefined;
  /** Bytes to derive. */
  readonly sizeBytes: number;
}

type Method = (input: DerivationInput, context: OperationContext) => SecretBytes;

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

const derive = promisify(pbkdf2);

/** PKCS#5 (RFC 8018 §5.2); with HMAC-SHA-1, its default, unless the parameters name another hash. */
const pbkdf2Method: Method = (input, context) => {
  const { key, keyUid, salt, iterationCount, sizeBytes } = input;
  if (salt === undefined || iterationCount === undefined) {
    throw KmipError.invalidField('PBKDF2 needs a Salt and an Iteration Count');
  }
  const hash =
    hashIn(input.parameters, context.allowWeak) ?? hashFunctionOf(HashingAlgorithm.SHA_1, context.allowWeak);
  const blocks = Math.ceil(sizeBytes / hash.sizeBytes);
  if (iterationCount < 1 || iterationCount * blocks > MAX_PBKDF2_ROUNDS) {
    throw KmipError.invalidField(
      `Iteration Count is 1 to ${Math.floor(MAX_PBKDF2_ROUNDS / blocks)} for that length`,
    );
  }
  const password = context.lent.copyOf(key);
  const output = slowly(context, {
    key: JSON.stringify([
      'PBKDF2',
      keyUid,
      Buffer.from(salt).toString('hex'),
      iterationCount,
      sizeBytes,
      hash.name,
    ]),
    run: () => derive(password, salt, iterationCount, sizeBytes, hash.name),
    discard: (made) => void made.fill(0),
  });
  return leading(Buffer.from(output), sizeBytes);
};

const hashMethod: Method = ({ key, parameters, sizeBytes }, { allowWeak }) => {
  const hash = hashIn(parameters, allowWeak);
  if (hash === undefined) {
    throw KmipError.invalidField('the Cryptographic Parameters name no Hashing Algorithm');
  }
  return leading(
    key.use((bytes) => createHash(hash.name).update(bytes).digest()),
    sizeBytes,
  );
};

/** §4.6: the key says which HMAC it is for; parameters count for a key that does not. */
const hmacMethod: Method = (input, { allowWeak }) => {
  const { key, keyAlgorithm, parameters, sizeBytes } = input;
  const { hashingAlgorithm, cryptographicAlgorithm } = parameters;
  const plan = isHmacKey(keyAlgorithm)
    ? prfPlan(keyAlgorithm, {}, allowWeak)
    : prfPlan(undefined, { hashingAlgorithm, cryptographicAlgorithm }, allowWeak);
  return leading(prfOf(key, plan)(dataOf(input)), sizeBytes);
};

const authenticated: ReadonlySet<number> = new Set([
  BlockCipherMode.GCM,
  BlockCipherMode.CCM,
  BlockCipherMode.AEAD,
]);

/** "An empty IV is assumed if not provided": all bits zero, so that the same request derives the same key. */
function ivFor(
  { iv, parameters, keyAlgorithm = 0 }: DerivationInput,
  allowWeak: boolean,
): Uint8Array | undefined {
  const { blockCipherMode: mode } = parameters;
  if (mode === undefined)
    throw KmipError.invalidField('the Cryptographic Parameters name no Block Cipher Mode');
  if (iv !== undefined) return iv;
  if (authenticated.has(mode)) {
    throw KmipError.invalidField(
      `${enumName(BlockCipherMode, mode)} derives nothing without an Initialization Vector`,
    );
  }
  const { ivSizeBytes } = planOf(keyAlgorithm, parameters, allowWeak);
  return ivSizeBytes === 0 ? undefined : new Uint8Array(ivSizeBytes);
}

const encryptMethod: Method = (input, { allowWeak }) => {
  const { key, keyAlgorithm, parameters, sizeBytes } = input;
  if (keyAlgorithm === undefined) throw KmipError.invalidField('only a symmetric key encrypts');
  const data = dataOf(input);
  const encrypted = encryptWith(key, {
    algorithm: keyAlgorithm,
    parameters,
    data,
    iv: ivFor(input, allowWeak),
    allowWeak,
  });
  return leading(Buffer.from(encrypted.data), sizeBytes);
};

/** The PRF is CMAC for a block cipher's key, and an HMAC otherwise. */
function sp800108(mode: typeof counterMode): Method {
  return (input, { allowWeak }) => {
    const { key, keyAlgorithm, parameters, sizeBytes } = input;
    const { hashingAlgorithm, cryptographicAlgorithm, blockCipherMode } = parameters;
    const named = { hashingAlgorithm, cryptographicAlgorithm, blockCipherMode };
    const prf = prfOf(key, prfPlan(keyAlgorithm, named, allowWeak));
    const kdf = { prf, fixedInput: dataOf(input), iv: input.iv ?? new Uint8Array(0) };
    return SecretBytes.fill(sizeBytes, (out) => mode(kdf, out));
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
