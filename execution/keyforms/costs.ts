/**
 * What OpenSSL computes with numbers of any length, and looks at no limit of its own: the public half of a DSA or
 * Diffie-Hellman key while it reads it, the key that a password stands for, and all that an RSA key with long primes is
 * used for. It does so on the thread that serves everybody, so that only keys that take little time are given to it. Strict
 * DER: whatever else OpenSSL would take is not read here.
 */
import { DerError, type DerItem, DerTag, itemAt, magnitude, readItems, readSequence } from './der.ts';
import { oids } from './names.ts';
import { isOid } from './oid.ts';
import { MAX_MODULUS_BITS } from './rsa.ts';

/** A number as long as the largest modulus, with its sign. */
const MAX_NUMBER_BYTES = MAX_MODULUS_BITS / 8 + 1;
const DER_HEADER_BYTES = 4;
/** PKCS#1, X.500 and RSASSA-PSS. */
const RSA = [oids.rsa, '2.5.8.1.1', '1.2.840.113549.1.1.10'];
/** OpenSSL reads both. */
const DSA = [oids.dsa, '1.3.14.3.2.12'];
/** FIPS 186-4 §4.2: the private number of DSA is below Q, which has 256 bits at most; others have made it 512. */
const MAX_DSA_NUMBER_BYTES = 65;

/** Iterations behind one password: far more than any common tool takes, and well under a second. */
const MAX_PASSWORD_ITERATIONS = 200_000;
/** What is inside shows only after it was read: an RSA key of 4096 bits, and no number that would take long. */
const MAX_ENCRYPTED_KEY_BYTES = 2_560;
const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';

function holds(rule: () => boolean): boolean {
  try {
    return rule();
  } catch (error) {
    if (error instanceof DerError) return false;
    throw error;
  }
}

/** Of an RSAPrivateKey (RFC 8017 A.1.2) with two primes: version, n, e, d, and the five that OpenSSL computes with. */
const RSA_NUMBERS = 9;
const FIRST_OF_PRIMES = 4;
/** Primes are about half as long as their modulus. */
const MAX_PRIME_BYTES = MAX_MODULUS_BITS / 16 + 64;

function isUsableRsa(numbers: readonly DerItem[]): boolean {
  return (
    numbers.length === RSA_NUMBERS &&
    numbers.every(
      ({ tag, content }, i) =>
        tag === DerTag.Integer &&
        content.length <= (i < FIRST_OF_PRIMES ? MAX_NUMBER_BYTES : MAX_PRIME_BYTES),
    )
  );
}

/**
 * Whether an RSA private key of PKCS#1 is used in good time: OpenSSL looks at the modulus, and older ones then compute
 * with primes and exponents of any length. False for what is none.
 */
export function isUsedInTime(pkcs1: Uint8Array): boolean {
  return holds(() => isUsableRsa(readSequence(pkcs1)));
}

/** Whether a PrivateKeyInfo (RFC 5208 §5) is read in good time. False for what is none. */
export function isReadInTime(pkcs8: Uint8Array): boolean {
  return holds(() => {
    const items = readSequence(pkcs8);
    itemAt(items, 0, DerTag.Integer);
    const [type, parameters] = readItems(itemAt(items, 1, DerTag.Sequence).content);
    const key = itemAt(items, 2, DerTag.OctetString).content;
    const isOneOf = (oids: readonly string[]) =>
      type !== undefined && oids.some((oid) => isOid(type.content, oid));
    if (isOneOf(RSA)) return isUsedInTime(key);
    const domain = parameters?.tag === DerTag.Sequence ? readItems(parameters.content) : [];
    // The domain of DSA and Diffie-Hellman is a list of numbers; curves have other parameters.
    const longest = isOneOf(DSA) ? MAX_DSA_NUMBER_BYTES : MAX_NUMBER_BYTES;
    return (
      domain.every(({ tag, content }) => tag !== DerTag.Integer || content.length <= MAX_NUMBER_BYTES) &&
      key.length <= longest + DER_HEADER_BYTES
    );
  });
}

/** Whether an EncryptedPrivateKeyInfo (RFC 5208 §6) is opened in good time. False for what is none. */
export function isOpenedInTime(encrypted: Uint8Array): boolean {
  return holds(() => {
    if (encrypted.length > MAX_ENCRYPTED_KEY_BYTES) return false;
    const algorithm = readItems(itemAt(readSequence(encrypted), 0, DerTag.Sequence).content);
    return iterationsOf(algorithm) <= MAX_PASSWORD_ITERATIONS;
  });
}

/** RFC 8018 Appendix A: of PBES2 by way of its PBKDF2, and of the older schemes. @throws DerError: any other. */
function iterationsOf(algorithm: readonly DerItem[]): number {
  const type = itemAt(algorithm, 0, DerTag.ObjectIdentifier).content;
  const parameters = readItems(itemAt(algorithm, 1, DerTag.Sequence).content);
  if (isOid(type, PBES2)) {
    const derivation = readItems(itemAt(parameters, 0, DerTag.Sequence).content);
    if (!isOid(itemAt(derivation, 0, DerTag.ObjectIdentifier).content, PBKDF2)) {
      throw new DerError('the key is not derived with PBKDF2');
    }
    return countIn(readItems(itemAt(derivation, 1, DerTag.Sequence).content));
  }
  return countIn(parameters);
}

function countIn(parameters: readonly DerItem[]): number {
  itemAt(parameters, 0, DerTag.OctetString);
  const digits = magnitude(itemAt(parameters, 1, DerTag.Integer).content);
  return digits.length > 4 ? Number.POSITIVE_INFINITY : Buffer.from(digits).reduce((n, b) => n * 256 + b, 0);
}
