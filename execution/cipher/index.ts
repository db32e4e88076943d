/** Cryptographic operations and key wrapping as KMIP means them; shared by gateway and core. */

export type { CipherMode } from './ciphers.ts';
export { type HashFunction, hashFunctionOf } from './hashes.ts';
export {
  aesKeyWrapper,
  isKeyWrapMode,
  unwrapKey,
  wrapKey,
} from './key-wrap.ts';
export { MAX_GATHERED_BYTES, MAX_RNG_BYTES, MAX_STREAM_BYTES, STREAM_IDLE_MS } from './limits.ts';
export { isSameMac, type Mac, type MacParameters, type MacPlan, macOf, macPlanOf } from './mac.ts';
export { type CipherParameters, type CipherPlan, planOf } from './parameters.ts';
export { type Part, type PartFields, partOf } from './parts.ts';
export { randomIv, writeRandomIv } from './random-iv.ts';
export { type AsymmetricOptions, type AsymmetricParameters, decryptWithRsa, encryptWithRsa } from './rsa.ts';
export { type ServedCipher, type ServedCryptography, servedCryptography } from './served.ts';
export { type SignaturePlan, signaturePlanOf } from './signature-plan.ts';
export {
  type Signing,
  signDigest,
  startSigning,
  startVerifying,
  type Verifying,
  verifyDigest,
} from './signatures.ts';
export {
  type NewStream,
  type Stream,
  type StreamedOperation,
  type StreamOwner,
  StreamTable,
  StreamTurn,
  type StreamWork,
} from './streams.ts';
export {
  type CipherSetup,
  type DecryptInput,
  type Decryptor,
  decryptor,
  decryptWith,
  type Encrypted,
  type EncryptInput,
  type Encryptor,
  encryptor,
  encryptWith,
  takesRandomNonce,
} from './symmetric.ts';
export {
  checkWrappingKeys,
  type KeyAuthenticator,
  type KeyWrapper,
  type PlainKey,
  type Unwrappers,
  unwrapKeyValue,
  type Wrappers,
  wrapKeyBlock,
} from './wrapped-key-block.ts';
