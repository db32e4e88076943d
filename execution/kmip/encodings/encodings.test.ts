import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type AttributeName,
  attribute,
  attributes,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  customAttribute,
  decodeJson,
  decodeXml,
  EncodingError,
  type EncodingErrorCode,
  encodeJson,
  encodeTtlv,
  encodeXml,
  encodingErrors,
  ItemType,
  KmipError,
  ObjectType,
  Operation,
  parseXml,
  ResultReason,
  readRequest,
  structureItem,
  Tag,
  type Ttlv,
  ttlvOfXml,
  writeRequest,
} from '../index.ts';

/** KMIP Profiles 1.4 §5.4.1.6, §5.5.1.6: how each type is written. */
const written: readonly [name: string, item: Ttlv, xml: string, json: string][] = [
  [
    'an Integer',
    { tag: Tag.BatchCount, type: ItemType.Integer, value: -10 },
    '<BatchCount type="Integer" value="-10"/>',
    '{"tag":"BatchCount","type":"Integer","value":-10}',
  ],
  [
    'a mask',
    { tag: Tag.CryptographicUsageMask, type: ItemType.Integer, value: 0x0c },
    '<CryptographicUsageMask type="Integer" value="Encrypt Decrypt"/>',
    '{"tag":"CryptographicUsageMask","type":"Integer","value":"Encrypt|Decrypt"}',
  ],
  [
    'a mask with a bit that has no name',
    { tag: Tag.CryptographicUsageMask, type: ItemType.Integer, value: 0x01000004 },
    '<CryptographicUsageMask type="Integer" value="Encrypt 0x01000000"/>',
    '{"tag":"CryptographicUsageMask","type":"Integer","value":"Encrypt|0x01000000"}',
  ],
  [
    'a small Long Integer',
    { tag: Tag.UsageLimitsTotal, type: ItemType.LongInteger, value: -5n },
    '<UsageLimitsTotal type="LongInteger" value="-5"/>',
    '{"tag":"UsageLimitsTotal","type":"LongInteger","value":-5}',
  ],
  [
    'a Long Integer that a double cannot hold',
    { tag: Tag.UsageLimitsTotal, type: ItemType.LongInteger, value: 2n ** 53n + 1n },
    '<UsageLimitsTotal type="LongInteger" value="9007199254740993"/>',
    '{"tag":"UsageLimitsTotal","type":"LongInteger","value":"0x0020000000000001"}',
  ],
  [
    'a Big Integer',
    { tag: Tag.Modulus, type: ItemType.BigInteger, value: 0x80n },
    '<Modulus type="BigInteger" value="0000000000000080"/>',
    '{"tag":"Modulus","type":"BigInteger","value":"0x0000000000000080"}',
  ],
  [
    'a negative Big Integer',
    { tag: Tag.Modulus, type: ItemType.BigInteger, value: -1n },
    '<Modulus type="BigInteger" value="ffffffffffffffff"/>',
    '{"tag":"Modulus","type":"BigInteger","value":"0xffffffffffffffff"}',
  ],
  [
    'an Enumeration with a name',
    { tag: Tag.HashingAlgorithm, type: ItemType.Enumeration, value: 6 },
    '<HashingAlgorithm type="Enumeration" value="SHA_256"/>',
    '{"tag":"HashingAlgorithm","type":"Enumeration","value":"SHA_256"}',
  ],
  [
    'an Enumeration without one',
    { tag: Tag.OpaqueDataType, type: ItemType.Enumeration, value: 0x80000001 },
    '<OpaqueDataType type="Enumeration" value="0x80000001"/>',
    '{"tag":"OpaqueDataType","type":"Enumeration","value":"0x80000001"}',
  ],
  [
    'a Boolean',
    { tag: Tag.Sensitive, type: ItemType.Boolean, value: true },
    '<Sensitive type="Boolean" value="true"/>',
    '{"tag":"Sensitive","type":"Boolean","value":true}',
  ],
  [
    'a Text String',
    { tag: Tag.NameValue, type: ItemType.TextString, value: '<a href="?b&amp;c">\n\té' },
    '<NameValue type="TextString" value="&lt;a href=&quot;?b&amp;amp;c&quot;&gt;&#xA;&#x9;é"/>',
    '{"tag":"NameValue","type":"TextString","value":"<a href=\\"?b&amp;c\\">\\n\\té"}',
  ],
  [
    'a Byte String',
    { tag: Tag.Data, type: ItemType.ByteString, value: Buffer.from([0, 0xab, 0xff]) },
    '<Data type="ByteString" value="00abff"/>',
    '{"tag":"Data","type":"ByteString","value":"00abff"}',
  ],
  [
    'a Date-Time',
    { tag: Tag.ActivationDate, type: ItemType.DateTime, value: 6 },
    '<ActivationDate type="DateTime" value="1970-01-01T00:00:06+00:00"/>',
    '{"tag":"ActivationDate","type":"DateTime","value":"1970-01-01T00:00:06+00:00"}',
  ],
  [
    'a Date-Time beyond the years of four digits',
    { tag: Tag.ActivationDate, type: ItemType.DateTime, value: 253_402_300_800 },
    '<ActivationDate type="DateTime" value="0x0000003afff44180"/>',
    '{"tag":"ActivationDate","type":"DateTime","value":"0x0000003afff44180"}',
  ],
  [
    'an Interval',
    { tag: Tag.LeaseTime, type: ItemType.Interval, value: 4_294_967_295 },
    '<LeaseTime type="Interval" value="4294967295"/>',
    '{"tag":"LeaseTime","type":"Interval","value":4294967295}',
  ],
  [
    "a vendor's structure",
    structureItem(0x54abcd, []),
    '<TTLV tag="0x54abcd"></TTLV>',
    '{"tag":"0x54abcd","type":"Structure","value":[]}',
  ],
];

describe('each type', () => {
  for (const [name, item, xml, json] of written) {
    it(`${name} is written as the profiles say, and read again`, () => {
      assert.equal(encodeXml(item), xml);
      assert.equal(encodeJson(item), json);
      assert.deepEqual(decodeXml(xml), item);
      assert.deepEqual(decodeJson(json), item);
    });
  }
});

/** The value under a tag as XML and JSON read it, when written otherwise than we write it. */
const readings: readonly [name: string, tag: number, type: ItemType, text: string, value: unknown][] = [
  ['an Integer in hexadecimal', Tag.BatchCount, ItemType.Integer, '0xfffffff6', -10],
  ['a mask in hexadecimal', Tag.CryptographicUsageMask, ItemType.Integer, '0x0000000C', 12],
  ['a mask in decimal', Tag.CryptographicUsageMask, ItemType.Integer, '12', 12],
  ['a mask of names and numbers', Tag.CryptographicUsageMask, ItemType.Integer, 'Encrypt|Decrypt 0x10', 28],
  ['a Long Integer in hexadecimal', Tag.UsageLimitsTotal, ItemType.LongInteger, '0xffffffffffffffff', -1n],
  ['a Big Integer of few bytes', Tag.Modulus, ItemType.BigInteger, '0x7f', 127n],
  ['an Enumeration in hexadecimal', Tag.State, ItemType.Enumeration, '0x00000002', 2],
  ['a name in another case', Tag.ResultReason, ItemType.Enumeration, 'IndexOutofBounds', 0x0e],
  ['a name without underscores', Tag.HashingAlgorithm, ItemType.Enumeration, 'SHA256', 6],
  ['a name with its own punctuation', Tag.KeyFormatType, ItemType.Enumeration, 'PKCS#1', 3],
  [
    'an RSA algorithm with the suffix',
    Tag.DigitalSignatureAlgorithm,
    ItemType.Enumeration,
    'SHA_256WithRSAEncryptionPKCS_1V1_5',
    5,
  ],
  [
    'an RSA algorithm without it',
    Tag.DigitalSignatureAlgorithm,
    ItemType.Enumeration,
    'SHA_256WithRSAEncryption',
    5,
  ],
  ['a Boolean in hexadecimal', Tag.Sensitive, ItemType.Boolean, '0x0000000000000001', true],
  ['a Boolean as a digit', Tag.Sensitive, ItemType.Boolean, '0', false],
  [
    'a Date-Time with a zone',
    Tag.ActivationDate,
    ItemType.DateTime,
    '2001-01-01T10:00:00+10:00',
    978_307_200,
  ],
  ['a Date-Time in Zulu', Tag.ActivationDate, ItemType.DateTime, '2001-01-01T00:00:00.75Z', 978_307_200],
  ['a Date-Time in hexadecimal', Tag.ActivationDate, ItemType.DateTime, '0x000000003a4fc880', 978_307_200],
  ['an Interval in hexadecimal', Tag.LeaseTime, ItemType.Interval, '0x00000e10', 3600],
];

const nameOfType: Readonly<Record<ItemType, string>> = {
  [ItemType.Structure]: 'Structure',
  [ItemType.Integer]: 'Integer',
  [ItemType.LongInteger]: 'LongInteger',
  [ItemType.BigInteger]: 'BigInteger',
  [ItemType.Enumeration]: 'Enumeration',
  [ItemType.Boolean]: 'Boolean',
  [ItemType.TextString]: 'TextString',
  [ItemType.ByteString]: 'ByteString',
  [ItemType.DateTime]: 'DateTime',
  [ItemType.Interval]: 'Interval',
};

describe('other forms of the same value', () => {
  for (const [name, tag, type, text, value] of readings) {
    it(name, () => {
      const tagText = `0x${tag.toString(16)}`;
      const xml = `<TTLV tag="${tagText}" name="Whatever" type="${nameOfType[type]}" value="${text}"/>`;
      const json = JSON.stringify({ tag: tagText, type: `0x0${type.toString(16)}`, value: text });
      assert.deepEqual(decodeXml(xml), { tag, type, value });
      assert.deepEqual(decodeJson(json), { tag, type, value });
    });
  }

  it('a document with a declaration, comments, a name space and white space', () => {
    const xml = `\ufeff<?xml version="1.0" encoding="UTF-8"?>
      <!-- one --><Attribute xmlns="urn:oasis:tc:kmip:xmlns">
        <AttributeName type='TextString' value = 'x-a&#x20;&apos;&#98;&amp;'/> <!-- two - three -->
      </Attribute >\n`;
    assert.deepEqual(
      decodeXml(Buffer.from(xml)),
      structureItem(Tag.Attribute, [{ tag: Tag.AttributeName, type: ItemType.TextString, value: "x-a 'b&" }]),
    );
  });
});

describe('an Attribute Value', () => {
  const tree = (name: string, value: Ttlv): Ttlv =>
    structureItem(Tag.Attribute, [{ tag: Tag.AttributeName, type: ItemType.TextString, value: name }, value]);
  const writtenValue = (text: string): string | undefined =>
    /AttributeValue[^>]*value="([^"]*)"/.exec(text)?.[1];

  for (const [name, value, text] of [
    ['Cryptographic Algorithm', attribute('Cryptographic Algorithm', CryptographicAlgorithm.DES3), 'DES3'],
    ['Object Type', attribute('Object Type', ObjectType.PGPKey), 'PGPKey'],
    [
      'Cryptographic Usage Mask',
      attribute('Cryptographic Usage Mask', CryptographicUsageMask.Sign | CryptographicUsageMask.Verify),
      'Sign Verify',
    ],
    ['x-own', customAttribute('x-own', { tag: Tag.P, type: ItemType.Enumeration, value: 1 }), '0x00000001'],
  ] as const) {
    it(`of ${name} is named as that attribute names it`, () => {
      const item = tree(name, value.attributeValue);
      assert.equal(writtenValue(encodeXml(item)), text);
      assert.deepEqual(decodeXml(encodeXml(item)), item);
      assert.deepEqual(decodeJson(encodeJson(item)), item);
    });
  }

  it('has the names of every standard attribute that is an enumeration', () => {
    for (const name of Object.keys(attributes) as AttributeName[]) {
      const value: Ttlv = { tag: Tag.AttributeValue, type: ItemType.Enumeration, value: 1 };
      const direct: Ttlv = { tag: attributes[name].tag, type: ItemType.Enumeration, value: 1 };
      const plain = /value="([^"]*)"/.exec(encodeXml(direct))?.[1];
      assert.equal(writtenValue(encodeXml(tree(name, value))), plain, name);
    }
  });
});

describe('a message', () => {
  const message = {
    header: { protocolVersion: { major: 1, minor: 4 }, batchCount: 1 },
    items: [
      {
        operation: Operation.Query,
        payload: structureItem(Tag.RequestPayload, [
          { tag: Tag.QueryFunction, type: ItemType.Enumeration, value: 1 },
        ]),
      },
    ],
  };

  it('is the same in every encoding', () => {
    const tree = writeRequest(message);
    assert.deepEqual(readRequest(decodeXml(encodeXml(tree))), readRequest(tree));
    assert.deepEqual(readRequest(decodeJson(encodeJson(tree))), readRequest(tree));
    assert.deepEqual(encodeTtlv(decodeXml(encodeXml(tree))), encodeTtlv(tree));
  });

  it('that cannot be read is an Invalid Message', () => {
    for (const decode of [() => decodeXml('<Nonsense/>'), () => decodeJson('[]')]) {
      try {
        decode();
        assert.fail('it was read');
      } catch (error) {
        assert.equal(KmipError.from(error).resultReason, ResultReason.InvalidMessage);
      }
    }
  });

  it('can be taken from a file of several, and changed before it is read', () => {
    const file = parseXml(
      '<KMIP><RequestMessage/><ResponseMessage><TimeStamp type="DateTime" value="$NOW"/></ResponseMessage></KMIP>',
    );
    const [, response] = file.children;
    assert.ok(response !== undefined);
    assert.throws(() => ttlvOfXml(response), { code: 'ENCODING_VALUE' });
    const children = response.children.map((child) => ({
      ...child,
      attributes: new Map([...child.attributes, ['value', '1970-01-01T00:00:01Z']]),
    }));
    assert.deepEqual(
      ttlvOfXml({ ...response, children }),
      structureItem(Tag.ResponseMessage, [{ tag: Tag.TimeStamp, type: ItemType.DateTime, value: 1 }]),
    );
  });
});

const plain = { noNullPrototype: true } as const;
const tag = fc.oneof(
  fc.constantFrom(...Object.values(Tag)),
  fc.integer({ min: 0x420001, max: 0x4202ff }),
  fc.integer({ min: 0x540000, max: 0x54ffff }),
);
// biome-ignore lint/suspicious/noControlCharactersInRegex: XML does not have them
const noXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
const text = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('&', ';', '<', '>', '"', "'", '#', 'x', '\r', '\n', '\t', ' ', ']') }),
    fc.constantFrom(...Object.keys(attributes)),
  )
  .filter((value) => !noXml.test(value));
const leaf = <T extends ItemType, V>(type: T, value: fc.Arbitrary<V>, of = tag) =>
  fc.record({ tag: of, type: fc.constant(type), value }, plain) as unknown as fc.Arbitrary<Ttlv>;
const small = fc.nat({ max: 0x50 });
const scalar: fc.Arbitrary<Ttlv> = fc.oneof(
  leaf(ItemType.Integer, fc.oneof(small, fc.integer())),
  leaf(ItemType.Integer, fc.integer(), fc.constantFrom(Tag.CryptographicUsageMask, Tag.AttributeValue)),
  leaf(ItemType.LongInteger, fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
  leaf(ItemType.BigInteger, fc.bigInt(-(2n ** 600n), 2n ** 600n)),
  leaf(ItemType.Enumeration, fc.oneof(small, fc.nat({ max: 2 ** 32 - 1 }))),
  leaf(ItemType.Enumeration, small, fc.constant(Tag.AttributeValue)),
  leaf(ItemType.Boolean, fc.boolean()),
  leaf(ItemType.TextString, text),
  leaf(ItemType.TextString, text, fc.constant(Tag.AttributeName)),
  leaf(
    ItemType.ByteString,
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  ),
  leaf(
    ItemType.DateTime,
    fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(-62_135_596_800, 253_402_300_799)),
  ),
  leaf(ItemType.Interval, fc.nat({ max: 2 ** 32 - 1 })),
);
const { item } = fc.letrec<{ item: Ttlv }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    scalar,
    leaf(ItemType.Structure, fc.array(tie('item'), { maxLength: 6 })),
  ),
}));

describe('every tree', () => {
  it('survives XML', () => {
    fc.assert(fc.property(item, (tree) => assert.deepEqual(decodeXml(encodeXml(tree)), tree)));
  });
  it('survives JSON', () => {
    fc.assert(fc.property(item, (tree) => assert.deepEqual(decodeJson(encodeJson(tree)), tree)));
  });
  it('survives the way to TTLV and back through bytes of text', () => {
    fc.assert(
      fc.property(item, (tree) => {
        const bytes = encodeTtlv(tree);
        assert.deepEqual(encodeTtlv(decodeXml(Buffer.from(encodeXml(tree)))), bytes);
        assert.deepEqual(encodeTtlv(decodeJson(Buffer.from(encodeJson(tree)))), bytes);
      }),
    );
  });
});

const refusal = (work: () => unknown): EncodingError => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof EncodingError, String(error));
    assert.ok(error.code in encodingErrors);
    return error;
  }
  assert.fail('it was accepted');
};

/** Of the processor, whatever else the machine does. */
function takesLess(started: NodeJS.CpuUsage, limitMs: number): void {
  const { user, system } = process.cpuUsage(started);
  assert.ok((user + system) / 1000 < limitMs, `${(user + system) / 1000} ms`);
}

describe('what is refused', () => {
  const nested = (depth: number): string => `${'<Attribute>'.repeat(depth)}${'</Attribute>'.repeat(depth)}`;
  const xml: readonly [string, EncodingErrorCode, string | Uint8Array][] = [
    [
      'entities that expand',
      'ENCODING_SYNTAX',
      '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><NameValue type="TextString" value="&b;"/>',
    ],
    ['an entity of its own', 'ENCODING_SYNTAX', '<NameValue type="TextString" value="&lol;"/>'],
    ['an ampersand alone', 'ENCODING_SYNTAX', '<NameValue type="TextString" value="a & b; c"/>'],
    ['a reference to half a character', 'ENCODING_SYNTAX', '<NameValue type="TextString" value="&#xD800;"/>'],
    ['a reference to nothing', 'ENCODING_SYNTAX', '<NameValue type="TextString" value="&#0;"/>'],
    ['a reference beyond Unicode', 'ENCODING_SYNTAX', '<NameValue type="TextString" value="&#x110000;"/>'],
    ['an external entity', 'ENCODING_SYNTAX', '<!DOCTYPE x SYSTEM "file:///etc/passwd"><Data/>'],
    ['a processing instruction', 'ENCODING_SYNTAX', '<?php ?><Attribute/>'],
    ['CDATA', 'ENCODING_SYNTAX', '<Attribute><![CDATA[x]]></Attribute>'],
    ['text', 'ENCODING_SYNTAX', '<Attribute>x</Attribute>'],
    ['another encoding', 'ENCODING_SYNTAX', '<?xml version="1.0" encoding="UTF-16"?><Attribute/>'],
    ['nothing', 'ENCODING_SYNTAX', ''],
    ['two documents', 'ENCODING_SYNTAX', '<Attribute/><Attribute/>'],
    ['an open element', 'ENCODING_SYNTAX', '<Attribute>'],
    ['a crossed element', 'ENCODING_SYNTAX', '<Attribute><Name></Attribute></Name>'],
    ['an attribute twice', 'ENCODING_SYNTAX', '<Data type="ByteString" value="" value="00"/>'],
    ['an unknown attribute', 'ENCODING_SYNTAX', '<Data type="ByteString" values="00"/>'],
    ['a value without quotes', 'ENCODING_SYNTAX', '<Data type=ByteString/>'],
    ['a comment in a comment', 'ENCODING_SYNTAX', '<!-- <!-- -- --><Attribute/>'],
    ['a control character', 'ENCODING_UTF8', '<NameValue type="TextString" value="\u0001"/>'],
    ['half a character', 'ENCODING_UTF8', '<NameValue type="TextString" value="\ud800"/>'],
    ['broken UTF-8', 'ENCODING_UTF8', Buffer.from('3c41c3283e', 'hex')],
    ['an overlong form', 'ENCODING_UTF8', Buffer.from([0x3c, 0xc0, 0xaf])],
    ['deep nesting', 'ENCODING_TOO_DEEP', nested(100_000)],
    ['one structure too deep', 'ENCODING_TOO_DEEP', nested(33)],
    ['many items', 'ENCODING_TOO_MANY', `<Attribute>${'<Name/>'.repeat(10_000)}</Attribute>`],
    ['an unknown tag', 'ENCODING_TAG', '<Nonsense/>'],
    ['a foreign tag', 'ENCODING_TAG', '<TTLV tag="0x430001"/>'],
    ['no tag', 'ENCODING_TAG', '<TTLV type="Integer" value="1"/>'],
    ['an unknown type', 'ENCODING_TYPE', '<Data type="Blob" value="00"/>'],
    ['a structure with a value', 'ENCODING_VALUE', '<Attribute value="1"/>'],
    ['a value with items', 'ENCODING_VALUE', '<Data type="ByteString" value=""><Name/></Data>'],
    ['no value', 'ENCODING_VALUE', '<BatchCount type="Integer"/>'],
  ];
  for (const [name, code, source] of xml) {
    it(`XML with ${name}`, () => {
      const started = process.cpuUsage();
      assert.equal(refusal(() => decodeXml(source)).code, code);
      takesLess(started, 500);
    });
  }

  it('XML with a name without end, which is not repeated in the error', () => {
    const error = refusal(() => decodeXml(`<${'a'.repeat(100_000)}/>`));
    assert.equal(error.code, 'ENCODING_SYNTAX');
    assert.ok(error.message.length < 1_000);
  });

  it('JSON with more properties than items have, before it builds them', () => {
    const properties = Array.from({ length: 1_000 }, (_, index) => `"k${index}":1`).join(',');
    assert.match(refusal(() => decodeJson(`{${properties}`)).message, /a property that KMIP does not know/);
  });

  const deep = (depth: number): string => '{"tag":"Attribute","value":['.repeat(depth) + ']}'.repeat(depth);
  const json: readonly [string, EncodingErrorCode, string | Uint8Array][] = [
    ['no JSON', 'ENCODING_SYNTAX', '{"tag":'],
    ['an array', 'ENCODING_SYNTAX', '[]'],
    ['null', 'ENCODING_SYNTAX', 'null'],
    ['an item that is no object', 'ENCODING_SYNTAX', '{"tag":"Attribute","value":[1]}'],
    ['a property twice', 'ENCODING_SYNTAX', '{"tag":"BatchCount","type":"Integer","value":1,"value":2}'],
    ['an unknown property', 'ENCODING_SYNTAX', '{"tag":"Data","type":"ByteString","value":"","more":1}'],
    ['a prototype', 'ENCODING_SYNTAX', '{"tag":"Data","type":"ByteString","value":"","__proto__":{"a":1}}'],
    ['half a character', 'ENCODING_UTF8', '{"tag":"NameValue","type":"TextString","value":"\\ud800"}'],
    ['broken UTF-8', 'ENCODING_UTF8', Buffer.from('7b22c3287d', 'hex')],
    ['deep nesting', 'ENCODING_TOO_DEEP', '['.repeat(1_000_000)],
    ['deep structures', 'ENCODING_TOO_DEEP', deep(33)],
    [
      'many items',
      'ENCODING_TOO_MANY',
      `{"tag":"Attribute","value":[${'{"tag":"Name","value":[]},'.repeat(10_000)}]}`,
    ],
    ['an unknown tag', 'ENCODING_TAG', '{"tag":"Nonsense","value":[]}'],
    ['a tag that is a number', 'ENCODING_TAG', '{"tag":4325377,"value":[]}'],
    ['an unknown type', 'ENCODING_TYPE', '{"tag":"Data","type":"Blob","value":""}'],
    ['a name of the prototype', 'ENCODING_TYPE', '{"tag":"Data","type":"constructor","value":""}'],
    ['a structure that is no array', 'ENCODING_VALUE', '{"tag":"Attribute","value":{}}'],
    ['a number that is no number', 'ENCODING_VALUE', '{"tag":"BatchCount","type":"Integer","value":1e999}'],
    ['a fraction', 'ENCODING_VALUE', '{"tag":"BatchCount","type":"Integer","value":1.5}'],
    [
      'a Long Integer that lost its last digits',
      'ENCODING_VALUE',
      '{"tag":"UsageLimitsTotal","type":"LongInteger","value":9007199254740993}',
    ],
    ['no value', 'ENCODING_VALUE', '{"tag":"Data","type":"ByteString"}'],
  ];
  for (const [name, code, source] of json) {
    it(`JSON with ${name}`, () => {
      const started = process.cpuUsage();
      assert.equal(refusal(() => decodeJson(source)).code, code);
      takesLess(started, 500);
    });
  }

  for (const [name, tag, type, value] of [
    ['an Integer beyond 32 bits', 'BatchCount', 'Integer', '2147483648'],
    ['an Integer that is no number', 'BatchCount', 'Integer', 'Encrypt'],
    ['a mask without such a bit', 'CryptographicUsageMask', 'Integer', 'Encrypt Fly'],
    ['a Long Integer beyond 64 bits', 'UsageLimitsTotal', 'LongInteger', '9223372036854775808'],
    ['a Long Integer of many digits', 'UsageLimitsTotal', 'LongInteger', '9'.repeat(1_000_000)],
    ['a Big Integer of half bytes', 'Modulus', 'BigInteger', '123'],
    ['a Big Integer of nothing', 'Modulus', 'BigInteger', ''],
    ['a huge Big Integer', 'Modulus', 'BigInteger', '00'.repeat(8193)],
    ['an unknown name', 'State', 'Enumeration', 'Sleeping'],
    ['a name of the prototype', 'State', 'Enumeration', 'constructor'],
    ['a name where there are none', 'OpaqueDataType', 'Enumeration', 'Raw'],
    ['a Boolean of both', 'Sensitive', 'Boolean', '2'],
    ['half a byte', 'Data', 'ByteString', 'abc'],
    ['bytes that are none', 'Data', 'ByteString', '0x00zz'],
    ['a day that does not exist', 'ActivationDate', 'DateTime', '2023-02-29T00:00:00Z'],
    ['a zone that does not exist', 'ActivationDate', 'DateTime', '2023-02-28T00:00:00+99:00'],
    ['a date alone', 'ActivationDate', 'DateTime', '2023-02-28'],
    ['an Interval below zero', 'LeaseTime', 'Interval', '-1'],
  ] as const) {
    it(`${name}, in both`, () => {
      const started = process.cpuUsage();
      assert.equal(
        refusal(() => decodeXml(`<${tag} type="${type}" value="${value}"/>`)).code,
        'ENCODING_VALUE',
      );
      assert.equal(refusal(() => decodeJson(JSON.stringify({ tag, type, value }))).code, 'ENCODING_VALUE');
      takesLess(started, 500);
    });
  }

  it('text beyond the limit, before it is parsed', () => {
    const long = `<NameValue type="TextString" value="${'é'.repeat(600)}"/>`;
    assert.equal(refusal(() => decodeXml(long, { maxBytes: 1000 })).code, 'ENCODING_TOO_LARGE');
    assert.equal(refusal(() => decodeXml(Buffer.from(long), { maxBytes: 1000 })).code, 'ENCODING_TOO_LARGE');
    assert.equal(refusal(() => encodeXml(decodeXml(long), { maxBytes: 1000 })).code, 'ENCODING_TOO_LARGE');
    assert.equal(refusal(() => encodeJson(decodeXml(long), { maxBytes: 1000 })).code, 'ENCODING_TOO_LARGE');
  });

  it('megabytes of one attribute, one name or one comment, in a moment', () => {
    const large = 'a'.repeat(8_000_000);
    const started = process.cpuUsage();
    refusal(() => decodeXml(`<State type="Enumeration" value="${large}"/>`));
    refusal(() => decodeXml(`<${large}/>`));
    refusal(() => decodeXml(`<!--${large}`));
    refusal(() => decodeXml(`<NameValue type="TextString" value="${'&amp'.repeat(2_000_000)}"/>`));
    refusal(() => decodeXml(`<Attribute ${'a="" '.repeat(1_000_000)}/>`));
    refusal(() => decodeXml(`${' '.repeat(8_000_000)}x`));
    refusal(() => decodeJson(`{"tag":"State","type":"Enumeration","value":"${large}"}`));
    refusal(() => decodeJson(`"${'\\"'.repeat(4_000_000)}`));
    takesLess(started, 3000);
  });

  it('trees that have no text', () => {
    const control: Ttlv = { tag: Tag.NameValue, type: ItemType.TextString, value: 'secret\u0000' };
    const half: Ttlv = { tag: Tag.NameValue, type: ItemType.TextString, value: 'secret\ud800' };
    let deep: Ttlv = structureItem(Tag.Attribute, []);
    for (let depth = 0; depth < 20_000; depth++) deep = structureItem(Tag.Attribute, [deep]);
    assert.equal(refusal(() => encodeXml(control)).code, 'ENCODING_UTF8');
    assert.deepEqual(decodeJson(encodeJson(control)), control);
    for (const encode of [encodeXml, encodeJson]) {
      assert.equal(refusal(() => encode(half)).code, 'ENCODING_UTF8');
      assert.equal(refusal(() => encode(deep)).code, 'ENCODING_TOO_DEEP');
      const foreign: Ttlv = { tag: 0x430001, type: ItemType.Boolean, value: true };
      assert.equal(refusal(() => encode(foreign)).code, 'ENCODING_TAG');
      const wide: Ttlv = { tag: Tag.P, type: ItemType.Integer, value: 2 ** 31 };
      assert.equal(refusal(() => encode(wide)).code, 'ENCODING_VALUE');
    }
  });

  it('with the place, and without the value', () => {
    const secret = 'correct-horse';
    const error = refusal(() =>
      decodeXml(`<Attribute>\n<State type="Enumeration" value="${secret}"/></Attribute>`),
    );
    assert.equal(error.offset, 12);
    assert.deepEqual(error.path, ['Attribute', 'State']);
    assert.ok(!error.message.includes('horse'));
    const broken = refusal(() => decodeJson(`{"tag":"NameValue","type":"TextString","value":"${secret}" x}`));
    assert.ok(!broken.message.includes('horse') && broken.cause === undefined);
    const half = refusal(() =>
      encodeXml({ tag: Tag.Password, type: ItemType.TextString, value: `${secret}\u0000` }),
    );
    assert.ok(!half.message.includes('horse') && half.message.includes('Password'));
  });

  it('never with another error, whatever the text', () => {
    const total = (decode: () => Ttlv): void => {
      try {
        const tree = decode();
        encodeTtlv(tree);
      } catch (error) {
        assert.ok(error instanceof EncodingError, String(error));
      }
    };
    const mutation = fc.record({
      tree: item,
      at: fc.nat(),
      put: fc.string({ unit: 'binary', maxLength: 3 }),
    });
    fc.assert(
      fc.property(mutation, ({ tree, at, put }) => {
        const xml = encodeXml(tree);
        const json = encodeJson(tree);
        total(() => decodeXml(xml.slice(0, at % xml.length) + put + xml.slice((at % xml.length) + 1)));
        total(() => decodeJson(json.slice(0, at % json.length) + put + json.slice((at % json.length) + 1)));
      }),
      { numRuns: 500 },
    );
  });
});
