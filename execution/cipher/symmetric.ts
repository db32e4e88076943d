/**
 * Encrypt and Decrypt (KMIP 1.4 §4.29, §4.30) with a symmetric key: the one implementation that gateway and core share,
 * so that a key gives the same answer wherever the request is served. Data comes whole (`encryptWith`, `decryptWith`)
 * or in parts (`encryptor`, `decryptor`), with the same result.
 */
import {
  gcm,
  MAX_GCM_IV_BYTES,
  MIN_GCM_TAG_BYTES,
  type SecretBytes,
  SecretWipedError,
} from '../envelope/index.ts';
import { KmipError, ResultReason } from '../kmip/index.ts';
import { modeName } from './ciphers.ts';
import { Gathered } from './gathered.ts';
import { type Ready, type ReadyToEncrypt, readyToDecrypt, readyToEncrypt } from './modes.ts';
import { decryptFailure, joined } from './paddings.ts';
import {
  type CipherParameters,
  type CipherPlan,
  isAuthenticated,
  isNonceMode,
  MIN_RANDOM_NONCE_BYTES,
  planOf,
} from './parameters.ts';
import { randomIv } from './random-iv.ts';

const NOTHING = new Uint8Array(0);

/** Everything but the data. */
export interface CipherSetup {
  /** KMIP 1.4 §9.1.3.2.13, of the key. */
  readonly algorithm: number;
  readonly parameters?: CipherParameters | undefined;
  readonly iv?: Uint8Array | undefined;
  readonly aad?: Uint8Array | undefined;
  /**
   * Where the authentication tag travels. KMIP got a field for it in 1.4 (§2.1.23); for older clients it is the end
   * of Data. Default `field`.
   */
  readonly tag?: 'field' | 'appended';
  /** Whether weak algorithms are served. Default false. */
  readonly allowWeak?: boolean | undefined;
}

export interface EncryptInput extends CipherSetup {
  readonly data: Uint8Array;
}

export interface Encrypted {
  readonly data: Uint8Array;
  /** Only when the server chose it. */
  readonly iv?: Uint8Array;
  readonly tag?: Uint8Array;
}

export interface DecryptInput extends EncryptInput {
  readonly authenticationTag?: Uint8Array | undefined;
}

/** Data to encrypt that comes in parts. After an error, and after `final`, it is of no more use. */
export interface Encryptor {
  /** Only when the server chose it. */
  readonly iv?: Uint8Array;
  /** Bytes held back until the end. */
  readonly heldBytes: number;
  update(data: Uint8Array): Uint8Array;
  final(): { readonly data: Uint8Array; readonly tag?: Uint8Array };
  /** Zeroises what is held back, and ends the cipher. */
  discard(): void;
}

/** Data to decrypt that comes in parts. What has a tag comes out at the end only, once the tag is found right. */
export interface Decryptor {
  readonly heldBytes: number;
  update(data: Uint8Array): Buffer;
  final(authenticationTag?: Uint8Array): Buffer;
  discard(): void;
}

/**
 * Whether this request makes the server choose a random nonce that must not come again: those are counted against a
 * budget per key (D5).
 */
export function takesRandomNonce(
  input: Pick<CipherSetup, 'algorithm' | 'parameters' | 'iv' | 'allowWeak'>,
): boolean {
  if (input.iv !== undefined) return false;
  return isNonceMode(planOf(input.algorithm, input.parameters, input.allowWeak).mode);
}

/**
 * @throws KmipError Invalid Message (an IV that must be sent is not), Invalid Field (sizes), Feature Not Supported,
 * Missing Data, Cryptographic Failure.
 */
export function encryptWith(key: SecretBytes, input: EncryptInput): Encrypted {
  const plan = checkedPlan(input);
  const { iv, chosen } = ivToEncrypt(plan, input.iv);
  const { data, tag } = run(
    () => {
      if (iv !== undefined && isEngines(plan, iv, key)) return encryptGcm(key, plan, input, iv);
      const ready = readyToEncrypt(key, plan, iv, input.aad);
      return { data: wholeThrough(ready, input.data), tag: ready.tag?.() };
    },
    () => KmipError.cryptographicFailure('the data could not be encrypted'),
  );
  const ivPart = chosen && iv !== undefined ? { iv } : {};
  if (tag === undefined) return { data, ...ivPart };
  return input.tag === 'appended'
    ? { data: Buffer.concat([data, tag]), ...ivPart }
    : { data, tag, ...ivPart };
}

/**
 * The plain data, in a buffer of its own that the caller may wipe.
 *
 * @throws KmipError Cryptographic Failure when the data, tag, IV or additional data are not what was encrypted; else
 * as `encryptWith`.
 */
export function decryptWith(key: SecretBytes, input: DecryptInput): Buffer {
  const plan = checkedPlan(input);
  const iv = ivToDecrypt(plan, input.iv);
  if (!isAuthenticated(plan.mode)) {
    return run(() => wholeThrough(readyToDecrypt(key, plan, iv, input.aad), input.data), decryptFailure);
  }
  const { data, tag } = splitTag(plan, input.data, input.authenticationTag, input.tag);
  return run(() => {
    if (iv !== undefined && isEngines(plan, iv, key))
      return decryptGcm(key, { iv, aad: input.aad, data, tag });
    const ready = readyToDecrypt(key, plan, iv, input.aad);
    return ready.kind === 'whole' ? ready.run(data, tag) : wholeThrough(ready, data);
  }, decryptFailure);
}

/** @throws KmipError as `encryptWith`, and Invalid Field past MAX_GATHERED_BYTES of a mode that needs its data whole. */
export function encryptor(key: SecretBytes, input: CipherSetup): Encryptor {
  const plan = checkedPlan(input);
  const { iv, chosen } = ivToEncrypt(plan, input.iv);
  const failure = () => KmipError.cryptographicFailure('the data could not be encrypted');
  const ready: ReadyToEncrypt = run(() => readyToEncrypt(key, plan, iv, input.aad), failure);
  const gathered = new Gathered();
  return {
    ...(chosen && iv !== undefined ? { iv } : {}),
    get heldBytes() {
      return gathered.sizeBytes;
    },
    update(data) {
      if (ready.kind === 'flow') return run(() => ready.update(data), failure);
      gathered.add(data);
      return Buffer.alloc(0);
    },
    final() {
      const data = run(
        () => (ready.kind === 'flow' ? ready.final() : gathered.lend((whole) => ready.run(whole))),
        failure,
      );
      const tag = ready.tag?.();
      if (tag === undefined) return { data };
      return input.tag === 'appended' ? { data: Buffer.concat([data, tag]) } : { data, tag };
    },
    discard() {
      gathered.wipe();
      ready.end();
    },
  };
}

/** @throws KmipError as `decryptWith`, and Invalid Field past MAX_GATHERED_BYTES of a mode that needs its data whole. */
export function decryptor(key: SecretBytes, input: CipherSetup): Decryptor {
  const plan = checkedPlan(input);
  const iv = ivToDecrypt(plan, input.iv);
  const ready: Ready = run(() => readyToDecrypt(key, plan, iv, input.aad), decryptFailure);
  const gathered = new Gathered();
  return {
    get heldBytes() {
      return gathered.sizeBytes;
    },
    update(data) {
      if (ready.kind === 'flow') return run(() => ready.update(data), decryptFailure);
      gathered.add(data);
      return Buffer.alloc(0);
    },
    final(authenticationTag) {
      if (ready.kind === 'flow') return run(() => ready.final(), decryptFailure);
      return gathered.lend((whole) => {
        if (!isAuthenticated(plan.mode)) return run(() => ready.run(whole), decryptFailure);
        const { data, tag } = splitTag(plan, whole, authenticationTag, input.tag);
        return run(() => ready.run(data, tag), decryptFailure);
      });
    },
    discard() {
      gathered.wipe();
      ready.end();
    },
  };
}

/** All data at once through a cipher, in one buffer. What came out of a failing one is zeroised, and the cipher ended. */
function wholeThrough(ready: Ready, data: Uint8Array): Buffer {
  let first: Buffer | undefined;
  try {
    if (ready.kind === 'whole') return ready.run(data);
    first = ready.update(data);
    return joined(first, ready.final());
  } catch (error) {
    first?.fill(0);
    ready.end();
    throw error;
  }
}

/** One message: by the engine, which costs a fraction of a cipher of the runtime's. */
function encryptGcm(key: SecretBytes, plan: CipherPlan, input: EncryptInput, iv: Uint8Array) {
  const sealed = Buffer.alloc(input.data.length + plan.tagSizeBytes);
  key.use((bytes) => gcm.seal(bytes, iv, input.aad ?? NOTHING, input.data, sealed));
  return { data: sealed.subarray(0, input.data.length), tag: sealed.subarray(input.data.length) };
}

interface GcmInput {
  readonly iv: Uint8Array;
  readonly aad: Uint8Array | undefined;
  readonly data: Uint8Array;
  readonly tag: Uint8Array;
}

function decryptGcm(key: SecretBytes, { iv, aad, data, tag }: GcmInput): Buffer {
  const plain = Buffer.alloc(data.length);
  // What is not authentic is zeroised by the engine: it leaves this function on no path.
  if (key.use((bytes) => gcm.open(bytes, iv, aad ?? NOTHING, data, tag, plain))) return plain;
  throw decryptFailure();
}

/** AES-GCM in sizes that the engine takes; what is not, the runtime's ciphers do, or say what is wrong with it. */
function isEngines({ mode, tagSizeBytes, cipher }: CipherPlan, iv: Uint8Array, key: SecretBytes): boolean {
  return (
    mode === 'gcm' &&
    cipher.keySizesBytes.includes(key.sizeBytes) &&
    iv.length >= 1 &&
    iv.length <= MAX_GCM_IV_BYTES &&
    tagSizeBytes >= MIN_GCM_TAG_BYTES
  );
}

function splitTag(
  plan: CipherPlan,
  data: Uint8Array,
  given: Uint8Array | undefined,
  place: CipherSetup['tag'],
): { data: Uint8Array; tag: Uint8Array } {
  if (given !== undefined) {
    if (given.length === plan.tagSizeBytes) return { data, tag: given };
    throw KmipError.invalidField(
      `the Authenticated Encryption Tag has ${given.length} bytes, Tag Length says ${plan.tagSizeBytes}`,
    );
  }
  if (place !== 'appended') {
    throw new KmipError(ResultReason.InvalidMessage, 'the Authenticated Encryption Tag is missing');
  }
  const at = data.length - plan.tagSizeBytes;
  if (at < 0) throw KmipError.cryptographicFailure('Data is shorter than its authentication tag');
  return { data: data.subarray(0, at), tag: data.subarray(at) };
}

function checkedPlan(input: CipherSetup): CipherPlan {
  const plan = planOf(input.algorithm, input.parameters, input.allowWeak);
  if (input.aad !== undefined && !isAuthenticated(plan.mode)) {
    throw KmipError.invalidField(`${modeName(plan.mode)} takes no Authenticated Encryption Additional Data`);
  }
  return plan;
}

function ivToEncrypt(plan: CipherPlan, given: Uint8Array | undefined) {
  if (given !== undefined) checkIv(plan, given);
  const chosen = given === undefined && plan.ivSizeBytes > 0;
  if (chosen && plan.ivIsClients) {
    throw new KmipError(ResultReason.InvalidMessage, 'IV/Counter/Nonce is missing, and Random IV is false');
  }
  // The budget of D5 is for 96 random bits: of fewer, two would be the same long before it is spent.
  if (chosen && isNonceMode(plan.mode) && plan.ivSizeBytes < MIN_RANDOM_NONCE_BYTES) {
    throw KmipError.invalidField(
      `a random IV/Counter/Nonce of ${modeName(plan.mode)} has at least ${MIN_RANDOM_NONCE_BYTES} bytes; send a shorter one yourself`,
    );
  }
  return { iv: chosen ? randomIv(plan.ivSizeBytes) : given, chosen };
}

function ivToDecrypt(plan: CipherPlan, given: Uint8Array | undefined): Uint8Array | undefined {
  if (given !== undefined) checkIv(plan, given);
  else if (plan.ivSizeBytes > 0) {
    // The profiles' test cases (CS-BC-M-11) ask for this reason.
    throw new KmipError(
      ResultReason.InvalidMessage,
      'IV/Counter/Nonce is missing; Decrypt needs the one that Encrypt used',
    );
  }
  return given;
}

function checkIv(plan: CipherPlan, iv: Uint8Array): void {
  const [min, max] = plan.ivSizes;
  if (max === 0) throw KmipError.invalidField(`${modeName(plan.mode)} takes no IV/Counter/Nonce`);
  const isNonce = plan.mode !== 'chacha20' || iv.length % 4 === 0;
  if (iv.length < min || iv.length > max || !isNonce) {
    throw KmipError.invalidField(
      `IV/Counter/Nonce has ${iv.length} bytes; ${modeName(plan.mode)} takes ${plan.ivSizeBytes}`,
    );
  }
}

/** OpenSSL's own words may name internals; the client gets ours. */
function run<T>(work: () => T, failure: () => KmipError): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof KmipError || error instanceof SecretWipedError) throw error;
    throw failure();
  }
}
