import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  attribute,
  customAttribute,
  decodeTtlv,
  encodeTtlv,
  ItemType,
  isKnownOperation,
  type KmipObject,
  type KnownOperation,
  ObjectType,
  Operation,
  OperationV2,
  operationName,
  operationSchemas,
  type RequestOf,
  type ResponseOf,
  schemasOf,
  structureItem,
  Tag,
  TagV2,
  type Ttlv,
  tagSince,
  transparentKeys,
  V1_0,
  V1_2,
  type Version,
} from '../index.ts';

const bytes = Buffer.from('0123456789abcdef', 'hex');
const uniqueIdentifier = 'uid';
const cryptographicParameters = { blockCipherMode: 9, tagLength: 128, saltLength: 20 };
const templateAttribute = {
  name: [{ nameValue: 'template', nameType: 1 }],
  attribute: [
    attribute('Cryptographic Algorithm', 3),
    attribute('Object Group', 'g', 1),
    customAttribute('x-a', { tag: Tag.Data, type: ItemType.Integer, value: 1 }),
  ],
};
const attributeList = [
  attribute('State', 2),
  attribute('Link', { linkType: 0x101, linkedObjectIdentifier: 'o' }),
];
const keyBlock = {
  keyFormatType: 1,
  keyCompressionType: 1,
  keyValue: { keyMaterial: bytes, attribute: attributeList },
  cryptographicAlgorithm: 3,
  cryptographicLength: 64,
};
const keyInformation = { uniqueIdentifier: 'kek', cryptographicParameters };
const wrappedKeyBlock = {
  keyFormatType: 1,
  keyValue: bytes,
  keyWrappingData: {
    wrappingMethod: 1,
    encryptionKeyInformation: keyInformation,
    macSignatureKeyInformation: keyInformation,
    macSignature: bytes,
    ivCounterNonce: bytes,
    encodingOption: 1,
  },
};
const keyWrappingSpecification = {
  wrappingMethod: 1,
  encryptionKeyInformation: keyInformation,
  macSignatureKeyInformation: keyInformation,
  attributeName: ['Name', 'Link'],
  encodingOption: 1,
};
const object: KmipObject = { objectType: ObjectType.SymmetricKey, keyBlock };
const stream = { correlationValue: bytes, initIndicator: true, finalIndicator: false };
const getRequest = {
  uniqueIdentifier,
  keyFormatType: 1,
  keyWrapType: 1,
  keyCompressionType: 1,
  keyWrappingSpecification,
};
const check = { uniqueIdentifier, usageLimitsCount: 5n, cryptographicUsageMask: 12, leaseTime: 60 };
const pairIds = { privateKeyUniqueIdentifier: 'private', publicKeyUniqueIdentifier: 'public' };
const privateAndPublic = {
  privateKeyTemplateAttribute: templateAttribute,
  publicKeyTemplateAttribute: templateAttribute,
};
const made = { uniqueIdentifier, templateAttribute };

type Samples = {
  readonly [O in KnownOperation]: {
    readonly request: Required<RequestOf<O>>;
    readonly response: Required<ResponseOf<O>>;
  };
};

/** Both payloads of every operation with every field: the compiler sees to it that none is forgotten. */
const samples: Samples = {
  [Operation.Create]: { request: { objectType: 2, templateAttribute }, response: { objectType: 2, ...made } },
  [Operation.CreateKeyPair]: {
    request: { commonTemplateAttribute: templateAttribute, ...privateAndPublic },
    response: { ...pairIds, ...privateAndPublic },
  },
  [Operation.Register]: { request: { objectType: 2, templateAttribute, object }, response: made },
  [Operation.ReKey]: { request: { uniqueIdentifier, offset: 10, templateAttribute }, response: made },
  [Operation.ReKeyKeyPair]: {
    request: {
      privateKeyUniqueIdentifier: 'private',
      offset: 10,
      commonTemplateAttribute: templateAttribute,
      ...privateAndPublic,
    },
    response: { ...pairIds, ...privateAndPublic },
  },
  [Operation.DeriveKey]: {
    request: {
      objectType: 2,
      uniqueIdentifier: ['a', 'b'],
      derivationMethod: 1,
      derivationParameters: {
        cryptographicParameters,
        initializationVector: bytes,
        derivationData: bytes,
        salt: bytes,
        iterationCount: 1000,
      },
      templateAttribute,
    },
    response: made,
  },
  [Operation.Certify]: {
    request: { uniqueIdentifier, certificateRequestType: 2, certificateRequest: bytes, templateAttribute },
    response: made,
  },
  [Operation.ReCertify]: {
    request: {
      uniqueIdentifier,
      certificateRequestType: 2,
      certificateRequest: bytes,
      offset: 5,
      templateAttribute,
    },
    response: made,
  },
  [Operation.Locate]: {
    request: {
      maximumItems: 10,
      offsetItems: 1,
      storageStatusMask: 1,
      objectGroupMember: 1,
      attribute: attributeList,
    },
    response: { locatedItems: 2, uniqueIdentifier: ['a', 'b'] },
  },
  [Operation.Check]: { request: check, response: check },
  [Operation.Get]: { request: getRequest, response: { objectType: 2, uniqueIdentifier, object } },
  [Operation.GetAttributes]: {
    request: { uniqueIdentifier, attributeName: ['State', 'Link'] },
    response: { uniqueIdentifier, attribute: attributeList },
  },
  [Operation.GetAttributeList]: {
    request: { uniqueIdentifier },
    response: { uniqueIdentifier, attributeName: ['State', 'Link'] },
  },
  [Operation.AddAttribute]: {
    request: { uniqueIdentifier, attribute: attribute('Name', { nameValue: 'n', nameType: 1 }) },
    response: { uniqueIdentifier, attribute: attribute('Name', { nameValue: 'n', nameType: 1 }, 1) },
  },
  [Operation.ModifyAttribute]: {
    request: { uniqueIdentifier, attribute: attribute('Description', 'd') },
    response: { uniqueIdentifier, attribute: attribute('Description', 'd') },
  },
  [Operation.DeleteAttribute]: {
    request: { uniqueIdentifier, attributeName: 'Name', attributeIndex: 1 },
    response: { uniqueIdentifier, attribute: attribute('Name', { nameValue: 'n', nameType: 1 }, 1) },
  },
  [Operation.ObtainLease]: {
    request: { uniqueIdentifier },
    response: { uniqueIdentifier, leaseTime: 3600, lastChangeDate: 1_700_000_000 },
  },
  [Operation.GetUsageAllocation]: {
    request: { uniqueIdentifier, usageLimitsCount: 100n },
    response: { uniqueIdentifier },
  },
  [Operation.Activate]: { request: { uniqueIdentifier }, response: { uniqueIdentifier } },
  [Operation.Revoke]: {
    request: {
      uniqueIdentifier,
      revocationReason: { revocationReasonCode: 2, revocationMessage: 'lost' },
      compromiseOccurrenceDate: 1_700_000_000,
    },
    response: { uniqueIdentifier },
  },
  [Operation.Destroy]: { request: { uniqueIdentifier }, response: { uniqueIdentifier } },
  [Operation.Archive]: { request: { uniqueIdentifier }, response: { uniqueIdentifier } },
  [Operation.Recover]: { request: { uniqueIdentifier }, response: { uniqueIdentifier } },
  [Operation.Validate]: {
    request: {
      certificate: [{ certificateType: 1, certificateValue: bytes }],
      uniqueIdentifier: ['a'],
      validityDate: 1_700_000_000,
    },
    response: { validityIndicator: 1 },
  },
  [Operation.Query]: {
    request: { queryFunction: [1, 2, 3] },
    response: {
      operation: [1, 2],
      objectType: [2, 7],
      vendorIdentification: 'vendor',
      serverInformation: structureItem(Tag.ServerInformation, []),
      applicationNamespace: ['ns'],
      extensionInformation: [{ extensionName: 'e', extensionTag: 0x540001, extensionType: 1 }],
      attestationType: [1],
      rngParameters: [{ rngAlgorithm: 3, drbgAlgorithm: 5 }],
      profileInformation: [{ profileName: 1, serverURI: 'uri', serverPort: 5696 }],
      validationInformation: [
        {
          validationAuthorityType: 2,
          validationAuthorityCountry: 'de',
          validationAuthorityURI: 'uri',
          validationVersionMajor: 1,
          validationVersionMinor: 0,
          validationType: 3,
          validationLevel: 1,
          validationCertificateIdentifier: 'id',
          validationCertificateURI: 'uri',
          validationVendorURI: 'uri',
          validationProfile: ['a', 'b'],
        },
      ],
      capabilityInformation: [
        {
          streamingCapability: false,
          asynchronousCapability: false,
          attestationCapability: false,
          batchUndoCapability: true,
          batchContinueCapability: true,
          unwrapMode: 2,
          destroyAction: 6,
          shreddingAlgorithm: 2,
          rngMode: 3,
        },
      ],
      clientRegistrationMethod: [5],
    },
  },
  [Operation.DiscoverVersions]: {
    request: { protocolVersion: [{ major: 1, minor: 4 }, V1_0] },
    response: { protocolVersion: [{ major: 1, minor: 4 }] },
  },
  [Operation.Cancel]: {
    request: { asynchronousCorrelationValue: bytes },
    response: { asynchronousCorrelationValue: bytes, cancellationResult: 1 },
  },
  [Operation.Poll]: {
    request: { asynchronousCorrelationValue: bytes },
    response: structureItem(Tag.ResponsePayload, [
      { tag: Tag.UniqueIdentifier, type: ItemType.TextString, value: 'a' },
    ]),
  },
  [Operation.Notify]: {
    request: {
      uniqueIdentifier,
      attribute: [attribute('State', 2), { attributeName: 'Name', attributeIndex: 1 }],
    },
    response: {},
  },
  [Operation.Put]: {
    request: {
      uniqueIdentifier,
      putFunction: 2,
      replacedUniqueIdentifier: 'old',
      object,
      attribute: attributeList,
    },
    response: {},
  },
  [Operation.Encrypt]: {
    request: {
      uniqueIdentifier,
      cryptographicParameters,
      data: bytes,
      ivCounterNonce: bytes,
      ...stream,
      authenticatedEncryptionAdditionalData: bytes,
    },
    response: {
      uniqueIdentifier,
      data: bytes,
      ivCounterNonce: bytes,
      correlationValue: bytes,
      authenticatedEncryptionTag: bytes,
    },
  },
  [Operation.Decrypt]: {
    request: {
      uniqueIdentifier,
      cryptographicParameters,
      data: bytes,
      ivCounterNonce: bytes,
      ...stream,
      authenticatedEncryptionAdditionalData: bytes,
      authenticatedEncryptionTag: bytes,
    },
    response: { uniqueIdentifier, data: bytes, correlationValue: bytes },
  },
  [Operation.Sign]: {
    request: { uniqueIdentifier, cryptographicParameters, data: bytes, digestedData: bytes, ...stream },
    response: { uniqueIdentifier, signatureData: bytes, correlationValue: bytes },
  },
  [Operation.SignatureVerify]: {
    request: {
      uniqueIdentifier,
      cryptographicParameters,
      data: bytes,
      digestedData: bytes,
      signatureData: bytes,
      ...stream,
    },
    response: { uniqueIdentifier, validityIndicator: 1, data: bytes, correlationValue: bytes },
  },
  [Operation.MAC]: {
    request: { uniqueIdentifier, cryptographicParameters, data: bytes, ...stream },
    response: { uniqueIdentifier, macData: bytes, correlationValue: bytes },
  },
  [Operation.MACVerify]: {
    request: { uniqueIdentifier, cryptographicParameters, data: bytes, macData: bytes, ...stream },
    response: { uniqueIdentifier, validityIndicator: 1, correlationValue: bytes },
  },
  [Operation.RNGRetrieve]: { request: { dataLength: 32 }, response: { data: bytes } },
  [Operation.RNGSeed]: { request: { data: bytes }, response: { dataLength: 8 } },
  [Operation.Hash]: {
    request: { cryptographicParameters, data: bytes, ...stream },
    response: { data: bytes, correlationValue: bytes },
  },
  [Operation.CreateSplitKey]: {
    request: {
      objectType: 5,
      uniqueIdentifier,
      splitKeyParts: 5,
      splitKeyThreshold: 3,
      splitKeyMethod: 3,
      primeFieldSize: 2n ** 130n,
      templateAttribute,
    },
    response: { uniqueIdentifier: ['a', 'b'], templateAttribute },
  },
  [Operation.JoinSplitKey]: {
    request: { objectType: 7, uniqueIdentifier: ['a', 'b'], secretDataType: 1, templateAttribute },
    response: made,
  },
  [Operation.Import]: {
    request: { uniqueIdentifier, replaceExisting: true, keyWrapType: 1, attribute: attributeList, object },
    response: { uniqueIdentifier },
  },
  [Operation.Export]: {
    request: getRequest,
    response: { objectType: 2, uniqueIdentifier, attribute: attributeList, object },
  },
  [OperationV2.SetAttribute]: {
    request: {
      uniqueIdentifier,
      newAttribute: structureItem(TagV2.NewAttribute, [
        { tag: Tag.Sensitive, type: ItemType.Boolean, value: true },
      ]),
    },
    response: { uniqueIdentifier },
  },
};

const operations = Object.keys(operationSchemas).map(Number).filter(isKnownOperation);

/** Tags of fields below `item` that KMIP 1.`minor` does not know. Values of attributes are the caller's. */
function newerThan(item: Ttlv, minor: number): readonly number[] {
  if (item.type !== ItemType.Structure || item.tag === Tag.AttributeValue) return [];
  return item.value.flatMap((child) => [
    ...((tagSince(child.tag) ?? 0) > minor ? [child.tag] : []),
    ...newerThan(child, minor),
  ]);
}

/** Reads and writes without the types, for a number known at run time only. */
function payloads(
  operation: KnownOperation,
): readonly ['request' | 'response', Ttlv, (version: Version) => Ttlv][] {
  const { request, response } = schemasOf(operation);
  const sample = samples[operation];
  return [
    [
      'request',
      request.write(sample.request as never),
      (version) => request.write(sample.request as never, version),
    ],
    [
      'response',
      response.write(sample.response as never),
      (version) => response.write(sample.response as never, version),
    ],
  ];
}

describe('operations', () => {
  it('are all of KMIP 1.4 and Set Attribute', () => {
    assert.deepEqual(
      operations.toSorted((a, b) => a - b),
      [...Object.values(Operation), OperationV2.SetAttribute].toSorted((a, b) => a - b),
    );
    for (const operation of operations) assert.equal(operationSchemas[operation].operation, operation);
    assert.equal(isKnownOperation(0x80000001), false);
  });

  for (const operation of operations) {
    it(`${operationName(operation)}: both payloads travel and come back whole`, () => {
      const { request, response } = schemasOf(operation);
      const sample = samples[operation];
      for (const [side, item] of payloads(operation)) {
        const arrived = decodeTtlv(encodeTtlv(item));
        assert.deepEqual((side === 'request' ? request : response).read(arrived), sample[side], side);
      }
    });

    it(`${operationName(operation)}: nothing that an older peer does not know is written`, () => {
      for (const [, , write] of payloads(operation)) {
        for (const minor of [0, 1, 2, 3]) {
          // An operation is asked of versions that know it; its required fields are as old as it is.
          const since = newerOperation(operation);
          if (minor >= since) assert.deepEqual(newerThan(write({ major: 1, minor }), minor), []);
        }
      }
    });
  }
});

function newerOperation(operation: number): number {
  if (operation === OperationV2.SetAttribute || operation >= Operation.Import) return 4;
  if (operation >= Operation.Encrypt) return 2;
  return operation >= Operation.ReKeyKeyPair ? 1 : 0;
}

describe('managed objects', () => {
  const objects: readonly KmipObject[] = [
    { objectType: ObjectType.Certificate, certificateType: 1, certificateValue: bytes },
    { objectType: ObjectType.SymmetricKey, keyBlock: wrappedKeyBlock },
    { objectType: ObjectType.PublicKey, keyBlock },
    { objectType: ObjectType.PrivateKey, keyBlock: { keyFormatType: 4 } },
    {
      objectType: ObjectType.SplitKey,
      splitKeyParts: 3,
      keyPartIdentifier: 1,
      splitKeyThreshold: 2,
      splitKeyMethod: 1,
      primeFieldSize: 7n,
      keyBlock,
    },
    { objectType: ObjectType.Template, attribute: attributeList },
    { objectType: ObjectType.SecretData, secretDataType: 1, keyBlock },
    { objectType: ObjectType.OpaqueObject, opaqueDataType: 0x80000001, opaqueDataValue: bytes },
    { objectType: ObjectType.PGPKey, pgpKeyVersion: 4, keyBlock },
  ];
  const { request } = schemasOf(Operation.Register);

  for (const managed of objects) {
    it(`of type ${managed.objectType} travel and come back`, () => {
      const payload = { objectType: managed.objectType, templateAttribute: {}, object: managed };
      assert.deepEqual(request.read(decodeTtlv(encodeTtlv(request.write(payload)))), payload);
    });
  }

  it('are there once', () => {
    const item = request.write({ objectType: 2, templateAttribute: {}, object });
    const key = item.value[2];
    assert.ok(key !== undefined);
    assert.throws(() => request.read({ ...item, value: [...item.value, { ...key }] }), {
      code: 'SCHEMA_REPEATED',
    });
    assert.throws(() => request.read({ ...item, value: item.value.slice(0, 2) }), { code: 'SCHEMA_MISSING' });
  });

  it('may have transparent key material', () => {
    const material = transparentKeys[0x0b].write({ modulus: 2n ** 2047n + 1n, publicExponent: 65537n });
    const transparent: KmipObject = {
      objectType: ObjectType.PublicKey,
      keyBlock: { keyFormatType: 0x0b, keyValue: { keyMaterial: material } },
    };
    const payload = { objectType: 3, templateAttribute: {}, object: transparent };
    assert.deepEqual(request.read(decodeTtlv(encodeTtlv(request.write(payload)))), payload);
  });
});

describe('fields of later versions', () => {
  it('are not sent to a peer that does not know them', () => {
    const { response } = schemasOf(Operation.Encrypt);
    const sample = samples[Operation.Encrypt].response;
    const { correlationValue: _1, authenticatedEncryptionTag: _2, ...known } = sample;
    assert.deepEqual(response.read(response.write(sample, V1_2)), known);
  });
});
