import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  answerAnyVersion,
  attribute,
  CryptographicAlgorithm,
  customAttribute,
  decodeRequest,
  decodeTtlv,
  decodeXml,
  encodeResponse,
  encodeTtlv,
  encodeXml,
  failedItem,
  ItemType,
  isKnownOperation,
  KmipError,
  ObjectType,
  Operation,
  OperationV2,
  operationSchemas,
  type RequestMessage,
  ResultReason,
  responseHeaderFor,
  State,
  successItem,
  Tag,
  type Ttlv,
} from '../index.ts';

/** What the handler was asked, and an answer for each operation. */
let asked: RequestMessage | undefined;
let refusals: KmipError[] = [];
type Answers = Partial<Record<number, unknown>>;

function handlerOf(answers: Answers): (request: Uint8Array) => Uint8Array {
  return (request) => {
    const message = decodeRequest(request);
    asked = message;
    const items = message.items.map((item) => {
      const { operation } = item;
      if (!isKnownOperation(operation)) return failedItem(item, KmipError.operationNotSupported('unknown'));
      const { request: requestSchema, response } = operationSchemas[operation];
      requestSchema.read(item.payload, message.header.protocolVersion);
      const answer = answers[operation];
      if (answer === undefined) return failedItem(item, KmipError.itemNotFound('nothing'));
      return successItem(item, response.write(answer as never, message.header.protocolVersion));
    });
    return encodeResponse({ header: responseHeaderFor(message.header, 1, items.length), items });
  };
}

const header = (minor: number, count: number, more = ''): string => `<RequestHeader>
  <ProtocolVersion>
    <ProtocolVersionMajor type="Integer" value="2"/><ProtocolVersionMinor type="Integer" value="${minor}"/>
  </ProtocolVersion>${more}<BatchCount type="Integer" value="${count}"/></RequestHeader>`;
const batchItem = (operation: string, payload: string): string =>
  `<BatchItem><Operation type="Enumeration" value="${operation}"/><RequestPayload>${payload}</RequestPayload></BatchItem>`;

/** The answer to one item, as XML without its header. */
async function ask(operation: string, payload: string, answers: Answers = {}, minor = 1): Promise<string> {
  return askAll([batchItem(operation, payload)], answers, minor);
}
async function askAll(
  items: readonly string[],
  answers: Answers = {},
  minor = 1,
  more = '',
): Promise<string> {
  asked = undefined;
  refusals = [];
  const xml = `<RequestMessage>${header(minor, items.length, more)}${items.join('')}</RequestMessage>`;
  const bytes = await answerAnyVersion(encodeTtlv(decodeXml(xml)), handlerOf(answers), {
    onRefused: (error) => refusals.push(error),
  });
  const text = encodeXml(decodeTtlv(bytes));
  assert.match(
    text,
    new RegExp(
      `^<ResponseMessage><ResponseHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="2"/>
<ProtocolVersionMinor type="Integer" value="${minor}"/></ProtocolVersion>`.replace('\n', ''),
    ),
  );
  return text.replace(/^.*?<\/ResponseHeader>/, '').replace('</ResponseMessage>', '');
}
function payloadAsked<O extends keyof typeof operationSchemas>(operation: O): unknown {
  const [item] = asked?.items ?? [];
  assert.ok(item !== undefined && item.operation === operation);
  return operationSchemas[operation].request.read(item.payload);
}
const uid = '<UniqueIdentifier type="TextString" value="u"/>';

describe('a message of KMIP 2', () => {
  it('is asked as one of 1.4 and answered in its own version', async () => {
    for (const minor of [0, 1]) {
      const answers = { [Operation.DiscoverVersions]: { protocolVersion: [{ major: 1, minor: 4 }] } };
      const text = await ask('DiscoverVersions', '', answers, minor);
      assert.deepEqual(asked?.header.protocolVersion, { major: 1, minor: 4 });
      assert.match(
        text,
        /<ResponsePayload><ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"\/>/,
      );
    }
  });

  it('of another minor version is left to the handler', () => {
    const xml = `<RequestMessage>${header(2, 1)}${batchItem('Query', '')}</RequestMessage>`;
    assert.throws(
      () => answerAnyVersion(encodeTtlv(decodeXml(xml)), handlerOf({})),
      /2\.2 is not supported; ask for 1\.4/,
    );
  });

  it('may say how it wants to be answered', async () => {
    for (const [value, wanted] of [
      ['Mandatory', true],
      ['Optional', true],
      ['Prohibited', false],
    ] as const) {
      const more = `<AsynchronousIndicator type="Enumeration" value="${value}"/>`;
      await askAll(
        [batchItem('Query', '<QueryFunction type="Enumeration" value="QueryOperations"/>')],
        {},
        0,
        more,
      );
      assert.equal(asked?.header.asynchronousIndicator, wanted);
    }
  });

  it('learns of SetAttribute from Query', async () => {
    const answers = {
      [Operation.Query]: { operation: [Operation.Query], objectType: [ObjectType.SymmetricKey] },
    };
    const text = await ask('Query', '<QueryFunction type="Enumeration" value="QueryOperations"/>', answers);
    assert.match(
      text,
      /<Operation type="Enumeration" value="Query"\/><Operation type="Enumeration" value="SetAttribute"\/><ObjectType/,
    );
  });
});

describe('attributes under their own tags', () => {
  const attributes = `<Attributes>
    <CryptographicAlgorithm type="Enumeration" value="AES"/>
    <CryptographicLength type="Integer" value="256"/>
    <Name><NameValue type="TextString" value="a"/><NameType type="Enumeration" value="UninterpretedTextString"/></Name>
    <Name><NameValue type="TextString" value="b"/><NameType type="Enumeration" value="UninterpretedTextString"/></Name>
    <Attribute>
      <VendorIdentification type="TextString" value="x"/><AttributeName type="TextString" value="own"/>
      <AttributeValue type="TextString" value="v"/>
    </Attribute>
    <Attribute>
      <VendorIdentification type="TextString" value="ACME"/><AttributeName type="TextString" value="own"/>
      <AttributeValue type="Integer" value="1"/>
    </Attribute>
  </Attributes>`;
  const name = (value: string) => ({ nameValue: value, nameType: 1 });
  const text = (value: string): Ttlv => ({ tag: Tag.AttributeValue, type: ItemType.TextString, value });
  const expected = [
    attribute('Cryptographic Algorithm', CryptographicAlgorithm.AES),
    attribute('Cryptographic Length', 256),
    attribute('Name', name('a')),
    attribute('Name', name('b'), 1),
    customAttribute('x-own', text('v')),
    customAttribute('x-ACME/own', { tag: Tag.AttributeValue, type: ItemType.Integer, value: 1 }),
  ];
  const key = '<ObjectType type="Enumeration" value="SymmetricKey"/>';

  it('make a Template-Attribute', async () => {
    const answer = {
      objectType: ObjectType.SymmetricKey,
      uniqueIdentifier: 'u',
      templateAttribute: { attribute: [attribute('Cryptographic Length', 256)] },
    };
    const got = await ask('Create', key + attributes, { [Operation.Create]: answer });
    assert.deepEqual(payloadAsked(Operation.Create), {
      objectType: ObjectType.SymmetricKey,
      templateAttribute: { attribute: expected },
    });
    assert.match(
      got,
      /<ResponsePayload><ObjectType [^>]*SymmetricKey"\/><UniqueIdentifier [^>]*"u"\/><\/ResponsePayload>/,
    );
  });

  it('make three, for a pair', async () => {
    const of = (tag: string, length: number): string =>
      `<${tag}><CryptographicLength type="Integer" value="${length}"/></${tag}>`;
    const payload = of('CommonAttributes', 1) + of('PrivateKeyAttributes', 2) + of('PublicKeyAttributes', 3);
    await ask('CreateKeyPair', payload);
    const template = (length: number) => ({ attribute: [attribute('Cryptographic Length', length)] });
    assert.deepEqual(payloadAsked(Operation.CreateKeyPair), {
      commonTemplateAttribute: template(1),
      privateKeyTemplateAttribute: template(2),
      publicKeyTemplateAttribute: template(3),
    });
  });

  it('are what Locate looks for', async () => {
    const got = await ask('Locate', `<MaximumItems type="Integer" value="2"/>${attributes}`, {
      [Operation.Locate]: { locatedItems: 1, uniqueIdentifier: ['u'] },
    });
    assert.deepEqual(payloadAsked(Operation.Locate), { maximumItems: 2, attribute: expected });
    assert.match(
      got,
      /<ResponsePayload><LocatedItems [^>]*"1"\/><UniqueIdentifier [^>]*"u"\/><\/ResponsePayload>/,
    );
  });

  it('are read by reference, and come back as they went in', async () => {
    const references = `<AttributeReference type="Enumeration" value="State"/>
      <AttributeReference><VendorIdentification type="TextString" value="ACME"/><AttributeName type="TextString" value="own"/></AttributeReference>`;
    const got = await ask('GetAttributes', uid + references, {
      [Operation.GetAttributes]: {
        uniqueIdentifier: 'u',
        attribute: [...expected, attribute('State', State.Active)],
      },
    });
    assert.deepEqual(payloadAsked(Operation.GetAttributes), {
      uniqueIdentifier: 'u',
      attributeName: ['State', 'x-ACME/own'],
    });
    const state = '<State type="Enumeration" value="Active"/>';
    const wanted = encodeXml(decodeXml(attributes)).replace('</Attributes>', `${state}</Attributes>`);
    assert.ok(got.includes(`<ResponsePayload>${uid}${wanted}</ResponsePayload>`), got);
  });

  it('are listed by reference', async () => {
    const got = await ask('GetAttributeList', uid, {
      [Operation.GetAttributeList]: { uniqueIdentifier: 'u', attributeName: ['State', 'y-own'] },
    });
    assert.match(
      got,
      /<AttributeReference type="Enumeration" value="State"\/><AttributeReference><VendorIdentification type="TextString" value="y"\/><AttributeName type="TextString" value="own"\/>/,
    );
  });

  it('are added and modified one at a time, and deleted by reference', async () => {
    const fresh = '<NewAttribute><ContactInformation type="TextString" value="me"/></NewAttribute>';
    const me = attribute('Contact Information', 'me');
    const answer = { uniqueIdentifier: 'u', attribute: me };
    for (const [operation, tag] of [
      ['AddAttribute', Operation.AddAttribute],
      ['ModifyAttribute', Operation.ModifyAttribute],
    ] as const) {
      const got = await ask(operation, uid + fresh, { [tag]: answer });
      assert.deepEqual(payloadAsked(tag), { uniqueIdentifier: 'u', attribute: me });
      assert.ok(got.includes(`<ResponsePayload>${uid}</ResponsePayload>`), got);
    }
    const reference = '<AttributeReference type="Enumeration" value="ContactInformation"/>';
    await ask('DeleteAttribute', uid + reference, { [Operation.DeleteAttribute]: answer });
    assert.deepEqual(payloadAsked(Operation.DeleteAttribute), {
      uniqueIdentifier: 'u',
      attributeName: 'Contact Information',
    });
  });

  it('stay under their tags for SetAttribute', async () => {
    const fresh = '<NewAttribute><ContactInformation type="TextString" value="me"/></NewAttribute>';
    const got = await ask('SetAttribute', uid + fresh, {
      [OperationV2.SetAttribute]: { uniqueIdentifier: 'u' },
    });
    assert.ok(got.includes('value="Success"'), got);
  });

  it('are those of a key, inside its Key Value', async () => {
    const block = (inner: string): string => `<SymmetricKey><KeyBlock>
      <KeyFormatType type="Enumeration" value="Raw"/>
      <KeyValue><KeyMaterial type="ByteString" value="0102"/>${inner}</KeyValue>
      <CryptographicAlgorithm type="Enumeration" value="AES"/><CryptographicLength type="Integer" value="16"/>
      </KeyBlock></SymmetricKey>`;
    const inner = '<Attributes><ContactInformation type="TextString" value="me"/></Attributes>';
    await ask('Register', `${key}<Attributes></Attributes>${block(inner)}`);
    const { object } = payloadAsked(Operation.Register) as { object: never };
    const answer = { objectType: ObjectType.SymmetricKey, uniqueIdentifier: 'u', object };
    const got = await ask('Get', uid, { [Operation.Get]: answer });
    assert.ok(got.includes(encodeXml(decodeXml(block(inner)))), got);
  });
});

describe('what KMIP 1 cannot say', () => {
  const refused: readonly [string, number, string, string][] = [
    [
      'an attribute that is none',
      ResultReason.InvalidField,
      'AddAttribute',
      `${uid}<NewAttribute><Data type="ByteString" value=""/></NewAttribute>`,
    ],
    [
      'two new attributes',
      ResultReason.InvalidMessage,
      'AddAttribute',
      `${uid}<NewAttribute></NewAttribute>`,
    ],
    [
      'the instance by its value',
      ResultReason.FeatureNotSupported,
      'DeleteAttribute',
      `${uid}<CurrentAttribute><Comment type="TextString" value="c"/></CurrentAttribute>`,
    ],
    [
      'every instance',
      ResultReason.FeatureNotSupported,
      'DeleteAttribute',
      `${uid}<AttributeReference type="Enumeration" value="Name"/>`,
    ],
    [
      'where to protect',
      ResultReason.FeatureNotSupported,
      'Create',
      '<ObjectType type="Enumeration" value="SymmetricKey"/><Attributes></Attributes><ProtectionStorageMasks></ProtectionStorageMasks>',
    ],
    [
      'an identifier by operation',
      ResultReason.FeatureNotSupported,
      'Get',
      '<UniqueIdentifier type="Enumeration" value="Create"/>',
    ],
    [
      'no attributes at all',
      ResultReason.InvalidMessage,
      'Create',
      '<ObjectType type="Enumeration" value="SymmetricKey"/>',
    ],
  ];
  for (const [name, reason, operation, payload] of refused) {
    it(`${name}: the handler is not asked`, async () => {
      const text = await ask(operation, payload);
      assert.equal(asked, undefined);
      assert.deepEqual(
        refusals.map(({ resultReason }) => resultReason),
        [reason],
      );
      const reasonName = Object.entries(ResultReason).find(([, value]) => value === reason)?.[0];
      assert.match(
        text,
        new RegExp(`^<BatchItem><Operation type="Enumeration" value="${operation}"/>.*${reasonName}`),
      );
    });
  }

  it('fails the whole message among others', async () => {
    const bad = batchItem('Get', '<UniqueIdentifier type="Integer" value="0"/>');
    const text = await askAll([batchItem('Get', uid), bad]);
    assert.equal(asked, undefined);
    assert.match(text, /^<BatchItem><ResultStatus type="Enumeration" value="OperationFailed"\/>/);
  });

  it('the ID Placeholder is left out', async () => {
    await ask('Activate', '<UniqueIdentifier type="Enumeration" value="IDPlaceholder"/>');
    assert.deepEqual(payloadAsked(Operation.Activate), {});
  });
});

describe('messages of KMIP 1', () => {
  it('pass as they are', async () => {
    const request = Buffer.from('not even a message');
    const answer = Buffer.from('nor this');
    assert.equal(await answerAnyVersion(request, (got) => (got === request ? answer : request)), answer);
  });
});
