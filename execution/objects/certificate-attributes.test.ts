// What a certificate says of itself (KMIP 1.4 §3.9–3.16), whatever a client brings as one.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { asn1, type DerNode, encodeDer } from '../keyforms/index.ts';
import {
  type Attribute,
  type AttributeName,
  type AttributeValueOf,
  attribute,
  attributeValue,
  CertificateType,
  DigitalSignatureAlgorithm,
  KmipError,
  ResultReason,
} from '../kmip/index.ts';
import { nameText } from './certificate-names.ts';
import {
  certificateAttributes,
  checkCounts,
  MAX_TOLD_ALTERNATIVE_NAMES,
  withCertificateAttributes,
} from './index.ts';

const UTF8 = 0x0c;
const BMP = 0x1e;
const bytes = (text: string) => Buffer.from(text, 'latin1');
const isInvalid = (error: unknown) =>
  error instanceof KmipError && error.resultReason === ResultReason.InvalidField;

function part(oid: string, tag: number, value: Uint8Array): DerNode {
  return asn1.sequence(asn1.oid(oid), asn1.tagged(tag, value));
}
const name = (...rdns: DerNode[][]) => asn1.sequence(...rdns.map((rdn) => asn1.set(...rdn)));

/** As much of a certificate as attributes are taken from. */
function certificate(options: { subject?: DerNode; names?: DerNode[]; algorithm?: string } = {}): Buffer {
  const { subject = name([part('2.5.4.3', UTF8, bytes('subject'))]), names = [], algorithm } = options;
  const signature = asn1.sequence(asn1.oid(algorithm ?? '1.2.840.10045.4.3.2'));
  const extension = asn1.sequence(asn1.oid('2.5.29.17'), asn1.octets([asn1.sequence(...names)]));
  const tbs = asn1.sequence(
    asn1.tagged(0xa0, [asn1.small(2)]),
    asn1.integer(Uint8Array.of(0x80, 1)),
    signature,
    name([part('2.5.4.10', UTF8, bytes('ACME'))], [part('2.5.4.3', UTF8, bytes('issuer'))]),
    asn1.sequence(),
    subject,
    asn1.sequence(),
    ...(names.length === 0 ? [] : [asn1.tagged(0xa3, [asn1.sequence(extension)])]),
  );
  return encodeDer(asn1.sequence(tbs, signature, asn1.bits(bytes('signature'))));
}

function told<N extends AttributeName>(
  attributes: readonly Attribute[],
  wanted: N,
): AttributeValueOf<N> | undefined {
  const found = attributes.filter((a) => a.attributeName === wanted);
  assert.ok(found.length <= 1, wanted);
  return found[0] === undefined ? undefined : attributeValue(found[0], wanted);
}

describe('certificate attributes', () => {
  test('names, serial number, algorithm and length', () => {
    const value = certificate({
      names: [
        asn1.tagged(0x82, bytes('a.example')),
        asn1.tagged(0x81, bytes('ops@example.com')),
        asn1.tagged(0x87, Uint8Array.of(192, 0, 2, 1)),
        asn1.tagged(0x87, Buffer.from('20010db8000000000000000000000001', 'hex')),
        asn1.tagged(0xa4, [name([part('2.5.4.3', UTF8, bytes('directory'))])]),
        asn1.tagged(0x88, Uint8Array.of(42)),
      ],
    });
    const found = certificateAttributes(CertificateType.X_509, value);
    assert.equal(told(found, 'Certificate Length'), value.length);
    assert.equal(told(found, 'Digital Signature Algorithm'), DigitalSignatureAlgorithm.ECDSAWithSHA256);
    const identifier = told(found, 'X.509 Certificate Identifier');
    // As it stands in the certificate: with the sign.
    assert.deepEqual(identifier?.certificateSerialNumber, Uint8Array.of(0, 0x80, 1));
    assert.deepEqual(told(found, 'Certificate Identifier'), {
      issuer: 'CN=issuer,O=ACME',
      serialNumber: '008001',
    });
    assert.deepEqual(told(found, 'Certificate Subject'), {
      certificateSubjectDistinguishedName: 'CN=subject',
      certificateSubjectAlternativeName: [
        'a.example',
        'ops@example.com',
        '192.0.2.1',
        '2001:db8:0:0:0:0:0:1',
        'CN=directory',
        '#88012a',
      ],
    });
    const subject = told(found, 'X.509 Certificate Subject');
    assert.equal(subject?.subjectAlternativeName?.length, 6);
    assert.deepEqual(subject.subjectAlternativeName[0], Uint8Array.from([0x82, 9, ...bytes('a.example')]));
  });

  test('an empty subject is the empty text, and an unknown algorithm is left out', () => {
    const value = certificate({
      subject: name(),
      names: [asn1.tagged(0x82, bytes('x'))],
      algorithm: '1.2.3.4',
    });
    const found = certificateAttributes(CertificateType.X_509, value);
    assert.equal(told(found, 'Certificate Subject')?.certificateSubjectDistinguishedName, '');
    assert.equal(told(found, 'Digital Signature Algorithm'), undefined);
  });

  test('text of every kind, escaped as RFC 4514 has it', () => {
    for (const [node, text] of [
      [name([part('2.5.4.3', UTF8, bytes('a,b+c"d\\e;f<g>'))]), 'CN=a\\,b\\+c\\"d\\\\e\\;f\\<g\\>'],
      [name([part('2.5.4.3', UTF8, bytes('#hash '))]), 'CN=\\#hash\\ '],
      [name([part('2.5.4.3', UTF8, bytes('nul\0'))]), 'CN=nul\\00'],
      [name([part('2.5.4.3', BMP, Buffer.from('6771', 'hex'))]), 'CN=東'],
      [name([part('2.5.4.3', 0x02, Uint8Array.of(5))]), 'CN=#05'],
      [name([part('1.2.840.113549.1.9.1', 0x16, bytes('a@b'))]), 'emailAddress=a@b'],
      [name([part('2.999.3', UTF8, bytes('x'))]), '2.999.3=x'],
      [
        name(
          [part('2.5.4.6', 0x13, bytes('DE'))],
          [part('2.5.4.3', UTF8, bytes('a')), part('2.5.4.11', UTF8, bytes('b'))],
        ),
        'CN=a+OU=b,C=DE',
      ],
    ] as const) {
      assert.equal(nameText(encodeDer(node)), text);
    }
  });

  test('more alternative names than attributes have room for: the first of them are told', () => {
    const names = Array.from({ length: 1_000 }, (_, i) => asn1.tagged(0x82, bytes(`host-${i}.example.com`)));
    const found = certificateAttributes(CertificateType.X_509, certificate({ names }));
    assert.equal(
      told(found, 'Certificate Subject')?.certificateSubjectAlternativeName?.length,
      MAX_TOLD_ALTERNATIVE_NAMES,
    );
    const long = Array.from({ length: 30 }, () => asn1.tagged(0x82, Buffer.alloc(2_000, 'a')));
    checkCounts(certificateAttributes(CertificateType.X_509, certificate({ names: long })));
    const subject = name([part('2.5.4.3', UTF8, Buffer.alloc(5_000, 'a'))]);
    assert.throws(() => certificateAttributes(CertificateType.X_509, certificate({ subject })), isInvalid);
  });

  test('what a client says of the value does not count beside the value', () => {
    const said = [
      attribute('Digital Signature Algorithm', DigitalSignatureAlgorithm.DSAWithSHA_1),
      attribute('Object Group', 'kept'),
    ];
    const all = withCertificateAttributes(said, CertificateType.X_509, certificate());
    assert.equal(told(all, 'Digital Signature Algorithm'), DigitalSignatureAlgorithm.ECDSAWithSHA256);
    assert.equal(told(all, 'Object Group'), 'kept');
  });

  test('of a PGP certificate only the length is told', () => {
    const found = certificateAttributes(CertificateType.PGP, bytes('whatever'));
    assert.deepEqual(found, [attribute('Certificate Length', 8)]);
  });

  test('what is no certificate is Invalid Field, never another error', () => {
    const value = certificate({ names: [asn1.tagged(0x82, bytes('a.example'))] });
    const attempt = (candidate: Uint8Array): void => {
      try {
        checkCounts(certificateAttributes(CertificateType.X_509, candidate));
      } catch (error) {
        assert.ok(isInvalid(error), String(error));
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt));
    fc.assert(
      fc.property(fc.nat(value.length - 1), fc.nat(255), (at, byte) => {
        const broken = Uint8Array.from(value);
        broken[at] = byte;
        attempt(broken);
      }),
    );
    for (let size = 0; size < value.length; size++) {
      assert.throws(() => certificateAttributes(CertificateType.X_509, value.subarray(0, size)), isInvalid);
    }
  });
});
