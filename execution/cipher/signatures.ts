/**
 * Sign and Signature Verify (KMIP 1.4 §4.31, §4.32) with RSA (PKCS#1 v1.5 and PSS, RFC 8017 §8), ECDSA and DSA (DER),
 * Ed25519 and Ed448. Data is hashed as it comes; the key is needed at the end only, so that no stream holds one.
 */
import {
  constants,
  createHash,
  createSign,
  createVerify,
  type KeyObject,
  privateEncrypt,
  publicDecrypt,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { KmipError } from '../kmip/index.ts';
import { Gathered } from './gathered.ts';
import type { HashFunction } from './hashes.ts';
import { modulusBytes } from './rsa.ts';
import { encodePss, isPssEncoding } from './rsa-encoding.ts';
import type { SignaturePlan } from './signature-plan.ts';

/** Data to sign. `sign` ends it. */
export interface Signing {
  readonly heldBytes: number;
  update(data: Uint8Array): void;
  /** @throws KmipError Cryptographic Failure */
  sign(key: KeyObject): Buffer;
  discard(): void;
}

/** Data whose signature is to be verified. `isValid` ends it. */
export interface Verifying {
  readonly heldBytes: number;
  update(data: Uint8Array): void;
  isValid(key: KeyObject, signature: Uint8Array): boolean;
  discard(): void;
}

export function startSigning(plan: SignaturePlan): Signing {
  if (plan.scheme === 'eddsa') {
    const gathered = new Gathered();
    return {
      get heldBytes() {
        return gathered.sizeBytes;
      },
      update: (data) => gathered.add(data),
      sign: (key) => gathered.lend((whole) => signed(() => sign(null, whole, key))),
      discard: () => gathered.wipe(),
    };
  }
  if (plan.scheme === 'pss') {
    const hash = createHash(plan.hash.name);
    return {
      heldBytes: 0,
      update: (data) => void hash.update(data),
      sign: (key) => signDigest(key, plan, hash.digest()),
      discard: () => undefined,
    };
  }
  const signing = createSign(plan.hash.name);
  return {
    heldBytes: 0,
    update: (data) => void signing.update(data),
    sign: (key) => signed(() => signing.sign({ key, dsaEncoding: 'der' })),
    discard: () => undefined,
  };
}

export function startVerifying(plan: SignaturePlan): Verifying {
  if (plan.scheme === 'eddsa') {
    const gathered = new Gathered();
    return {
      get heldBytes() {
        return gathered.sizeBytes;
      },
      update: (data) => gathered.add(data),
      isValid: (key, signature) =>
        gathered.lend((whole) => isTrue(() => verify(null, whole, key, signature))),
      discard: () => gathered.wipe(),
    };
  }
  if (plan.scheme === 'pss') {
    const hash = createHash(plan.hash.name);
    return {
      heldBytes: 0,
      update: (data) => void hash.update(data),
      isValid: (key, signature) => verifyDigest(key, plan, hash.digest(), signature),
      discard: () => undefined,
    };
  }
  const verifying = createVerify(plan.hash.name);
  return {
    heldBytes: 0,
    update: (data) => void verifying.update(data),
    isValid: (key, signature) => isTrue(() => verifying.verify({ key, dsaEncoding: 'der' }, signature)),
    discard: () => undefined,
  };
}

/**
 * Digested Data (KMIP 1.4 §4.31), signed as it is: with RSA. OpenSSL behind Node hashes by itself what EC and DSA keys
 * sign.
 *
 * @throws KmipError Feature Not Supported (another key), Invalid Field (no digest of this hash), Cryptographic Failure.
 */
export function signDigest(key: KeyObject, plan: SignaturePlan, messageDigest: Uint8Array): Buffer {
  const rsa = rsaPlanFor(plan, messageDigest);
  if (rsa.scheme === 'pkcs1') {
    const digestInfo = Buffer.concat([rsa.hash.digestInfo, messageDigest]);
    return signed(() => privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, digestInfo));
  }
  // KMIP 1.4 §3.6 has the "block size" of the mask's hash; RFC 8017 §A.2.3, whose SHA-1 is its default too, the size.
  const saltSizeBytes = rsa.saltSizeBytes ?? rsa.maskHash.sizeBytes;
  const encoded = encodePss(messageDigest, modulusBits(key), saltSizeBytes, rsa);
  if (encoded === null) throw KmipError.invalidField('the key is too short for this hash and Salt Length');
  return signed(() => privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded));
}

/** As `signDigest`. With PSS, a mask hash that nobody named may be the default or that of the message. */
export function verifyDigest(
  key: KeyObject,
  plan: SignaturePlan,
  messageDigest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const rsa = rsaPlanFor(plan, messageDigest);
  // RFC 8017 §8.1.2 step 1.
  if (signature.length !== modulusBytes(key)) return false;
  return isTrue(() => {
    if (rsa.scheme === 'pkcs1') {
      const expected = Buffer.concat([rsa.hash.digestInfo, messageDigest]);
      const opened = publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature);
      return opened.length === expected.length && timingSafeEqual(opened, expected);
    }
    const opened = publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
    const masks: readonly HashFunction[] = rsa.isMaskNamed ? [rsa.maskHash] : [rsa.maskHash, rsa.hash];
    return masks.some((maskHash) =>
      isPssEncoding(opened, messageDigest, modulusBits(key), rsa.saltSizeBytes, { hash: rsa.hash, maskHash }),
    );
  });
}

function rsaPlanFor(plan: SignaturePlan, messageDigest: Uint8Array) {
  if (plan.scheme !== 'pkcs1' && plan.scheme !== 'pss') {
    throw KmipError.featureNotSupported('Digested Data is signed with RSA keys only; send Data');
  }
  if (messageDigest.length !== plan.hash.sizeBytes) {
    throw KmipError.invalidField(
      `Digested Data has ${messageDigest.length} bytes; the Hashing Algorithm makes ${plan.hash.sizeBytes}`,
    );
  }
  return plan as SignaturePlan & { scheme: 'pkcs1' | 'pss' };
}

function modulusBits(key: KeyObject): number {
  return key.asymmetricKeyDetails?.modulusLength ?? 0;
}

function signed(work: () => Buffer): Buffer {
  try {
    return work();
  } catch (error) {
    if (error instanceof KmipError) throw error;
    throw KmipError.cryptographicFailure('the data could not be signed with this key');
  }
}

/** A signature that cannot even be read is not valid. */
function isTrue(work: () => boolean): boolean {
  try {
    return work();
  } catch (error) {
    if (error instanceof KmipError) throw error;
    return false;
  }
}
