// Keys that OpenSSL would compute with for seconds or hours while it reads them are refused before it sees them.
import assert from 'node:assert/strict';
import { generateKeyPairSync, generatePrimeSync, randomBytes, sign } from 'node:crypto';
import { test } from 'node:test';
import { processorMs } from '../../testkit/clocks.ts';
import { KeyFormatType, KmipError, ObjectType, ResultReason } from '../kmip/index.ts';
import { asn1, type DerNode, DerTag, encodeDer, keyObjectOf, openPkcs12, pkcs12Container } from './index.ts';
import { completeRsa } from './rsa.ts';

const isInvalid = (error: unknown) =>
  error instanceof KmipError && error.resultReason === ResultReason.InvalidField;

const number = (sizeBytes: number) => asn1.integer(Buffer.alloc(sizeBytes, 0x7f));

function discretePkcs8(oid: string, domain: readonly number[], privateBytes: number): Buffer {
  const identifier = asn1.sequence(asn1.oid(oid), asn1.sequence(...domain.map(number)));
  return encodeDer(asn1.sequence(asn1.small(0), identifier, asn1.octets([number(privateBytes)])));
}

function assertRefusedAtOnce(run: () => unknown): void {
  const tookMs = processorMs(() => assert.throws(run, isInvalid));
  assert.ok(tookMs < 500, `took ${tookMs} ms`);
}

const read = (material: Uint8Array) => () =>
  keyObjectOf({ objectType: ObjectType.PrivateKey, keyFormatType: KeyFormatType.PKCS_8, material });

test('a private key of DSA or Diffie-Hellman with huge numbers is refused before its public half is computed', () => {
  const dsa = '1.2.840.10040.4.1';
  assertRefusedAtOnce(read(discretePkcs8(dsa, [2_048, 20, 2_048], 2_048)));
  assertRefusedAtOnce(read(discretePkcs8(dsa, [1_024, 20, 1_024], 20_000)));
  assertRefusedAtOnce(read(discretePkcs8('1.3.14.3.2.12', [1_024, 20, 1_024], 1_024)));
  assertRefusedAtOnce(read(discretePkcs8('1.2.840.113549.1.3.1', [1_024, 1_024], 20_000)));
});

test('an RSA private key with primes that are none of its modulus is not used', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const { n = '', e = '', d = '' } = privateKey.export({ format: 'jwk' });
  const own = [n, e, d].map((digits) => asn1.integer(Buffer.from(digits, 'base64url')));
  const long = Array.from({ length: 5 }, () => {
    const digits = randomBytes(1_200);
    digits[1_199] = (digits[1_199] ?? 0) | 1;
    return asn1.integer(digits);
  });
  const tree = asn1.sequence(asn1.small(0), ...own, ...long);
  const pkcs1 = encodeDer(tree);
  const identifier = asn1.sequence(asn1.oid('1.2.840.113549.1.1.1'), asn1.null());
  const pkcs8 = encodeDer(asn1.sequence(asn1.small(0), identifier, asn1.octets([tree])));
  for (const [keyFormatType, material] of [
    [KeyFormatType.PKCS_1, pkcs1],
    [KeyFormatType.PKCS_8, pkcs8],
  ] as const) {
    assertRefusedAtOnce(() => {
      const key = keyObjectOf({ objectType: ObjectType.PrivateKey, keyFormatType, material });
      sign('sha256', Buffer.from('data'), key);
    });
  }
});

/** A container in which the key is encrypted under what `algorithm` says. */
function container(bag: DerNode): Buffer {
  const data = (content: DerNode) =>
    asn1.sequence(asn1.oid('1.2.840.113549.1.7.1'), asn1.tagged(DerTag.Context0, [asn1.octets([content])]));
  return encodeDer(asn1.sequence(asn1.small(3), data(asn1.sequence(data(asn1.sequence(bag))))));
}

function shrouded(derivation: DerNode, sizeBytes = 64): Buffer {
  const aes = asn1.sequence(asn1.oid('2.16.840.1.101.3.4.1.42'), asn1.octets(Buffer.alloc(16)));
  const algorithm = asn1.sequence(asn1.oid('1.2.840.113549.1.5.13'), asn1.sequence(derivation, aes));
  const key = asn1.sequence(algorithm, asn1.octets(Buffer.alloc(sizeBytes)));
  return container(
    asn1.sequence(asn1.oid('1.2.840.113549.1.12.10.1.2'), asn1.tagged(DerTag.Context0, [key])),
  );
}

test('a container whose password takes long to try is refused before it is tried', () => {
  const password = Buffer.from('secret');
  const salt = asn1.octets(Buffer.alloc(8));
  const pbkdf2 = (iterations: number) =>
    asn1.sequence(asn1.oid('1.2.840.113549.1.5.12'), asn1.sequence(salt, asn1.small(iterations)));
  assertRefusedAtOnce(() => openPkcs12(shrouded(pbkdf2(5_000_000)), password));
  assertRefusedAtOnce(() => openPkcs12(shrouded(pbkdf2(1_000), 8_192), password));
  const scrypt = asn1.sequence(
    asn1.oid('1.3.6.1.4.1.11591.4.11'),
    asn1.sequence(salt, asn1.small(16_384), asn1.small(8), asn1.small(50)),
  );
  assertRefusedAtOnce(() => openPkcs12(shrouded(scrypt), password));
});

test('a container holds no key in the clear that could not be given by itself', () => {
  const key = discretePkcs8('1.2.840.10040.4.1', [2_048, 20, 2_048], 2_048);
  const bag = asn1.sequence(
    asn1.oid('1.2.840.113549.1.12.10.1.1'),
    asn1.tagged(DerTag.Context0, Uint8Array.from(key)),
  );
  assertRefusedAtOnce(() => openPkcs12(container(bag), Buffer.from('secret')));
});

test('the largest keys that are served are read', () => {
  const { privateKey } = generateKeyPairSync('dsa', { modulusLength: 2_048, divisorLength: 256 });
  assert.ok(read(privateKey.export({ type: 'pkcs8', format: 'der' }))().equals(privateKey));
  const { privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 4_096 });
  const password = Buffer.from('secret');
  const whole = pkcs12Container({ key, certificates: [], password, friendlyName: 'a' });
  assert.ok(openPkcs12(whole, password).key.equals(key));
});

test('an RSA modulus that is no product of two primes is told from one in good time', () => {
  const bytes = (value: bigint) => Buffer.from(value.toString(16).padStart(384, '0'), 'hex');
  const half = generatePrimeSync(768, { bigint: true });
  const prime = generatePrimeSync(1_536, { bigint: true });
  const e = 65_537n;
  let tookMs = 0;
  for (const [n, group] of [
    [prime, prime - 1n],
    [half * half, half * (half - 1n)],
  ] as const) {
    let k = 1n;
    while ((k * group + 1n) % e !== 0n) k++;
    const d = bytes((k * group + 1n) / e);
    tookMs += processorMs(() => {
      assert.throws(() => completeRsa({ n: bytes(n), d }), isInvalid);
      assert.throws(() => completeRsa({ n: bytes(n), dp: d }), isInvalid);
    });
  }
  assert.ok(tookMs < 700, `took ${tookMs} ms`);
});
