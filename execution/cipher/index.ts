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
  isKeyWrapMode,
  unwrapKey,
  wrapKey,
} from './key-wrap.ts';
export { type CipherMode, type CipherParameters, type CipherPlan, planOf } from './parameters.ts';
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
