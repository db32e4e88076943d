/** Symmetric encryption and key wrapping as KMIP means them; shared by gateway and core. */
export {
  type DecryptInput,
  decryptWith,
  type Encrypted,
  type EncryptInput,
  encryptWith,
  takesRandomGcmIv,
} from './aes.ts';
export {
  aesKeyWrapper,
  type KeyWrapper,
  type PlainKey,
  unwrapKey,
  wrapKey,
  wrapKeyBlock,
} from './key-wrap.ts';
export { type CipherMode, type CipherParameters, type CipherPlan, planOf } from './parameters.ts';
export { randomIv } from './random-iv.ts';
