import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type AttributeName,
  type AttributeValueOf,
  attribute,
  attributeDefinition,
  attributeNameOfTag,
  attributes,
  attributeValue,
  customAttribute,
  ItemType,
  isCustomAttribute,
  isStandardAttribute,
  KmipError,
  ResultReason,
  Tag,
  tagSince,
} from './index.ts';

const bytes = Buffer.from([1, 2, 3]);
/** A value with every field of every standard attribute: the compiler sees to it that none is forgotten. */
const samples: { readonly [N in AttributeName]: Required<AttributeValueOf<N>> } = {
  'Unique Identifier': 'id',
  Name: { nameValue: 'key', nameType: 1 },
  'Object Type': 2,
  'Cryptographic Algorithm': 3,
  'Cryptographic Length': 256,
  'Cryptographic Parameters': {
    blockCipherMode: 9,
    paddingMethod: 1,
    hashingAlgorithm: 6,
    keyRoleType: 3,
    digitalSignatureAlgorithm: 5,
    cryptographicAlgorithm: 3,
    randomIV: true,
    ivLength: 96,
    tagLength: 128,
    fixedFieldLength: 32,
    invocationFieldLength: 64,
    counterLength: 32,
    initialCounterValue: 1,
    saltLength: 32,
    maskGenerator: 1,
    maskGeneratorHashingAlgorithm: 6,
    pSource: bytes,
    trailerField: 1,
  },
  'Cryptographic Domain Parameters': { qlength: 256, recommendedCurve: 7 },
  'Certificate Type': 1,
  'Certificate Length': 900,
  'X.509 Certificate Identifier': { issuerDistinguishedName: bytes, certificateSerialNumber: bytes },
  'X.509 Certificate Subject': { subjectDistinguishedName: bytes, subjectAlternativeName: [bytes, bytes] },
  'X.509 Certificate Issuer': { issuerDistinguishedName: bytes, issuerAlternativeName: [bytes] },
  'Certificate Identifier': { issuer: 'CN=a', serialNumber: '1' },
  'Certificate Subject': {
    certificateSubjectDistinguishedName: 'CN=b',
    certificateSubjectAlternativeName: ['b'],
  },
  'Certificate Issuer': {
    certificateIssuerDistinguishedName: 'CN=a',
    certificateIssuerAlternativeName: ['a'],
  },
  'Digital Signature Algorithm': 5,
  Digest: { hashingAlgorithm: 6, digestValue: bytes, keyFormatType: 1 },
  'Operation Policy Name': 'default',
  'Cryptographic Usage Mask': 12,
  'Lease Time': 3600,
  'Usage Limits': { usageLimitsTotal: 2n ** 40n, usageLimitsCount: 10n, usageLimitsUnit: 1 },
  State: 2,
  'Initial Date': 1,
  'Activation Date': 2,
  'Process Start Date': 3,
  'Protect Stop Date': 4,
  'Deactivation Date': 5,
  'Destroy Date': 6,
  'Compromise Occurrence Date': 7,
  'Compromise Date': 8,
  'Revocation Reason': { revocationReasonCode: 1, revocationMessage: 'lost' },
  'Archive Date': 9,
  'Object Group': 'group',
  Fresh: true,
  Link: { linkType: 0x101, linkedObjectIdentifier: 'other' },
  'Application Specific Information': { applicationNamespace: 'ssl', applicationData: 'www' },
  'Contact Information': 'ops',
  'Last Change Date': 10,
  'Alternative Name': { alternativeNameValue: 'a@b', alternativeNameType: 4 },
  'Key Value Present': false,
  'Key Value Location': { keyValueLocationValue: 'safe', keyValueLocationType: 1 },
  'Original Creation Date': 11,
  'Random Number Generator': {
    rngAlgorithm: 3,
    cryptographicAlgorithm: 3,
    cryptographicLength: 256,
    hashingAlgorithm: 6,
    drbgAlgorithm: 5,
    recommendedCurve: 7,
    fips186Variation: 1,
    predictionResistance: true,
  },
  'PKCS#12 Friendly Name': 'friend',
  Description: 'text',
  Comment: 'text',
  Sensitive: true,
  'Always Sensitive': true,
  Extractable: false,
  'Never Extractable': false,
};
const names = Object.keys(attributes) as AttributeName[];

describe('standard attributes', () => {
  for (const name of names) {
    it(`${name} travels and comes back`, () => {
      const wire = attribute(name, samples[name] as AttributeValueOf<typeof name>);
      assert.equal(wire.attributeValue.tag, Tag.AttributeValue);
      assert.deepEqual(attributeValue(wire), samples[name]);
      assert.deepEqual(attributeValue(wire, name), samples[name]);
    });
  }

  it('are the fifty of the specification, with a tag of their own and no older than it', () => {
    assert.equal(names.length, 50);
    assert.equal(new Set(names.map((name) => attributes[name].tag)).size, 50);
    for (const name of names) {
      const { tag, since } = attributeDefinition(name);
      assert.equal(since, tagSince(tag), name);
      assert.equal(attributeNameOfTag(tag), name);
    }
    assert.equal(attributeNameOfTag(Tag.KeyBlock), undefined);
  });

  it('have types: a length is a number', () => {
    const length: number = attributeValue(attribute('Cryptographic Length', 256), 'Cryptographic Length');
    assert.equal(length, 256);
    // @ts-expect-error a Cryptographic Length is not a string
    assert.equal(attribute('Cryptographic Length', '256').attributeValue.type, ItemType.Integer);
  });

  it('carry an index where one is given', () => {
    assert.equal(attribute('Object Group', 'a', 2).attributeIndex, 2);
    assert.ok(!('attributeIndex' in attribute('Object Group', 'a')));
  });

  it('are refused as Invalid Field when the value has another type', () => {
    const wrong = { attributeName: 'State', attributeValue: attribute('Description', 'x').attributeValue };
    const invalid = (error: unknown): boolean =>
      error instanceof KmipError &&
      error.resultReason === ResultReason.InvalidField &&
      error.message.includes('State');
    assert.throws(() => attributeValue(wrong), invalid);
    assert.throws(() => attributeValue(attribute('Description', 'x'), 'State'), invalid);
    const torn = { attributeName: 'State', attributeValue: attribute('Link', samples.Link).attributeValue };
    assert.throws(() => attributeValue(torn, 'State'), invalid);
  });
});

describe('custom attributes', () => {
  it('hold an item of any type', () => {
    const custom = customAttribute('x-purpose', {
      tag: Tag.Data,
      type: ItemType.TextString,
      value: 'backup',
    });
    assert.deepEqual(custom.attributeValue, {
      tag: Tag.AttributeValue,
      type: ItemType.TextString,
      value: 'backup',
    });
    assert.throws(() => attributeValue(custom), KmipError);
  });

  it('are told by their names', () => {
    assert.deepEqual(['x-a', 'y-a', 'X-a', 'Name'].map(isCustomAttribute), [true, true, false, false]);
    assert.deepEqual(['Name', 'x-a', 'toString'].map(isStandardAttribute), [true, false, false]);
  });
});
