import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  decodeTtlv,
  encodeTtlv,
  ItemType,
  structureItem,
  Tag,
  type Ttlv,
  TtlvError,
  type TtlvErrorCode,
  ttlvErrors,
} from '../index.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/[^0-9A-Fa-f]/g, ''), 'hex');

/** KMIP 1.4 §9.1.2 */
const examples: readonly [name: string, bytes: string, item: Ttlv][] = [
  ['Integer 8', '42002002000000040000000800000000', { tag: 0x420020, type: ItemType.Integer, value: 8 }],
  [
    'Long Integer 123456789000000000',
    '420020030000000801B69B4BA5749200',
    { tag: 0x420020, type: ItemType.LongInteger, value: 123456789000000000n },
  ],
  [
    'Big Integer 1234567890000000000000000000',
    '42002004000000100000000003FD35EB6BC2DF4618080000',
    { tag: 0x420020, type: ItemType.BigInteger, value: 1234567890000000000000000000n },
  ],
  [
    'Enumeration 255',
    '4200200500000004000000FF00000000',
    { tag: 0x420020, type: ItemType.Enumeration, value: 255 },
  ],
  [
    'Boolean true',
    '42002006000000080000000000000001',
    { tag: 0x420020, type: ItemType.Boolean, value: true },
  ],
  [
    'Text String',
    '420020070000000B48656C6C6F20576F726C640000000000',
    { tag: 0x420020, type: ItemType.TextString, value: 'Hello World' },
  ],
  [
    'Byte String',
    '42002008000000030102030000000000',
    { tag: 0x420020, type: ItemType.ByteString, value: Buffer.from([1, 2, 3]) },
  ],
  [
    'Date-Time',
    '42002009000000080000000047DA67F8',
    { tag: 0x420020, type: ItemType.DateTime, value: 1205495800 },
  ],
  [
    'Interval of 10 days',
    '4200200A00000004000D2F0000000000',
    { tag: 0x420020, type: ItemType.Interval, value: 864000 },
  ],
  [
    'Structure',
    '42002001000000204200040500000004000000FE000000004200050200000004000000FF00000000',
    structureItem(0x420020, [
      { tag: 0x420004, type: ItemType.Enumeration, value: 254 },
      { tag: 0x420005, type: ItemType.Integer, value: 255 },
    ]),
  ],
];

const tag = fc.oneof(
  fc.integer({ min: 0x420000, max: 0x42ffff }),
  fc.integer({ min: 0x540000, max: 0x54ffff }),
);
/** Plain objects: what the decoder makes has a prototype, and deepEqual is strict about it. */
const plain = { noNullPrototype: true } as const;
const scalar: fc.Arbitrary<Ttlv> = fc.oneof(
  fc.record(
    { tag, type: fc.constant(ItemType.Integer), value: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) },
    plain,
  ),
  fc.record(
    { tag, type: fc.constant(ItemType.LongInteger), value: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) },
    plain,
  ),
  fc.record(
    { tag, type: fc.constant(ItemType.BigInteger), value: fc.bigInt(-(2n ** 600n), 2n ** 600n) },
    plain,
  ),
  fc.record({ tag, type: fc.constant(ItemType.Enumeration), value: fc.nat({ max: 2 ** 32 - 1 }) }, plain),
  fc.record({ tag, type: fc.constant(ItemType.Boolean), value: fc.boolean() }, plain),
  fc.record({ tag, type: fc.constant(ItemType.TextString), value: fc.string({ unit: 'grapheme' }) }, plain),
  fc.record(
    {
      tag,
      type: fc.constant(ItemType.ByteString),
      value: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    },
    plain,
  ),
  fc.record({ tag, type: fc.constant(ItemType.DateTime), value: fc.maxSafeInteger() }, plain),
  fc.record({ tag, type: fc.constant(ItemType.Interval), value: fc.nat({ max: 2 ** 32 - 1 }) }, plain),
);
const { item } = fc.letrec<{ item: Ttlv }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    scalar,
    fc.record(
      { tag, type: fc.constant(ItemType.Structure), value: fc.array(tie('item'), { maxLength: 6 }) },
      plain,
    ),
  ),
}));

function refusal(bytes: Uint8Array, limits?: Parameters<typeof decodeTtlv>[1]): TtlvError {
  try {
    decodeTtlv(bytes, limits);
  } catch (error) {
    assert.ok(error instanceof TtlvError, `${String(error)} is not a TtlvError`);
    return error;
  }
  return assert.fail('the bytes were accepted');
}

function refuses(code: TtlvErrorCode, text: string, limits?: Parameters<typeof decodeTtlv>[1]): TtlvError {
  const error = refusal(hex(text), limits);
  assert.equal(error.code, code, error.message);
  return error;
}

function nested(depth: number): Buffer {
  const bytes = Buffer.alloc(depth * 8);
  for (let level = 0; level < depth; level++) {
    bytes.writeUIntBE(0x420008, level * 8, 3);
    bytes.writeUInt8(ItemType.Structure, level * 8 + 3);
    bytes.writeUInt32BE((depth - level - 1) * 8, level * 8 + 4);
  }
  return bytes;
}

describe('TTLV', () => {
  for (const [name, bytes, expected] of examples) {
    it(`reads and writes the specification's ${name}`, () => {
      assert.deepEqual(decodeTtlv(hex(bytes)), expected);
      assert.equal(Buffer.from(encodeTtlv(expected)).toString('hex').toUpperCase(), bytes);
    });
  }

  it('gives back every tree that it wrote', () => {
    fc.assert(
      fc.property(item, (tree) => {
        assert.deepEqual(decodeTtlv(encodeTtlv(tree)), tree);
      }),
      { numRuns: 500 },
    );
  });

  it('writes negative Big Integers with as few bytes as hold them', () => {
    for (const [value, bytes] of [
      [0n, 8],
      [-1n, 8],
      [2n ** 63n - 1n, 8],
      [-(2n ** 63n), 8],
      [2n ** 63n, 16],
      [-(2n ** 63n) - 1n, 16],
      [2n ** 127n, 24],
    ] as const) {
      const encoded = encodeTtlv({ tag: Tag.P, type: ItemType.BigInteger, value });
      assert.equal(encoded.length - 8, bytes, String(value));
      assert.equal(decodeTtlv(encoded).value, value);
    }
  });

  it('reads the largest Date-Time of all, which stands for none, as the largest that it tells apart', () => {
    const { value } = decodeTtlv(hex('42002009000000087FFFFFFFFFFFFFFF'));
    assert.equal(value, Number.MAX_SAFE_INTEGER);
  });

  it('does not copy Byte Strings', () => {
    const bytes = hex('42002008000000030102030000000000');
    const decoded = decodeTtlv(bytes);
    bytes.fill(0xff);
    assert.deepEqual(decoded.value, Buffer.from([0xff, 0xff, 0xff]));
  });
});

describe('TTLV that is refused', () => {
  it('too few bytes for an item', () => {
    refuses('TTLV_TRUNCATED', '');
    refuses('TTLV_TRUNCATED', '420020');
    refuses('TTLV_TRUNCATED', '4200200200000004 00000008');
  });
  it('bytes after the message', () => void refuses('TTLV_TRAILING', '42002002000000040000000800000000 00'));
  it('a tag of neither family', () => void refuses('TTLV_TAG', '43002002000000040000000800000000'));
  it('a type that does not exist', () => {
    refuses('TTLV_TYPE', '42002000000000040000000800000000');
    refuses('TTLV_TYPE', '4200200B000000040000000800000000');
  });
  it('a length that the type does not allow', () => {
    refuses('TTLV_LENGTH', '42002002000000080000000800000000');
    refuses('TTLV_LENGTH', '42002006000000040000000100000000');
    refuses('TTLV_LENGTH', '4200200400000004 0000000800000000');
    refuses('TTLV_LENGTH', '4200200400000000');
    refuses('TTLV_LENGTH', '4200200100000004 0000000000000000');
  });
  it('padding that is not zero', () => {
    assert.equal(refuses('TTLV_PADDING', '42002002000000040000000800000001').offset, 15);
    refuses('TTLV_PADDING', '42002008000000030102030000000100');
  });
  it('a Boolean of 2', () => void refuses('TTLV_VALUE', '42002006000000080000000000000002'));
  it('a Text String that is not UTF-8', () => {
    refuses('TTLV_VALUE', '4200200700000002 C0AF000000000000');
    refuses('TTLV_VALUE', '4200200700000003 EDA0800000000000');
  });
  it('a Date-Time that cannot be told from its neighbour', () =>
    void refuses('TTLV_VALUE', '42002009000000087FFFFFFFFFFFFFFE'));
  it('an item that reaches beyond its structure', () => {
    const error = refuses(
      'TTLV_TRUNCATED',
      '42000801000000184200080100000008 4200200200000004 0000000800000000',
    );
    assert.equal(error.offset, 16);
    assert.deepEqual(error.path, ['Attribute', 'Attribute', 'CompromiseDate']);
    assert.match(error.message, /byte 16 \(Attribute\/Attribute\/CompromiseDate\)/);
  });
  it('structures nested 1000 deep', () => {
    assert.equal(refusal(nested(1000)).code, 'TTLV_TOO_DEEP');
    assert.equal(refusal(nested(1000), { maxDepth: 1_000_000 }).code, 'TTLV_TOO_DEEP');
    assert.doesNotThrow(() => decodeTtlv(nested(32)));
    assert.equal(refusal(nested(33)).code, 'TTLV_TOO_DEEP');
  });
  it('a length of 4 GB, without allocating it', () => {
    const before = process.memoryUsage().arrayBuffers;
    for (const type of ['01', '04', '07', '08']) {
      refuses('TTLV_TRUNCATED', `420020${type}FFFFFFFF0000000000000000`);
      refuses('TTLV_TRUNCATED', `420020${type}FFFFFFF80000000000000000`);
    }
    assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000);
  });
  it('more items than the limit', () => {
    const bytes = encodeTtlv(
      structureItem(
        Tag.Attribute,
        Array.from({ length: 20 }, () => structureItem(Tag.Name, [])),
      ),
    );
    assert.equal(refusal(bytes, { maxItems: 20 }).code, 'TTLV_TOO_MANY');
    assert.doesNotThrow(() => decodeTtlv(bytes, { maxItems: 21 }));
  });
  it('more bytes than the limit', () => {
    assert.equal(refusal(Buffer.alloc(17), { maxBytes: 16 }).code, 'TTLV_TOO_LARGE');
  });
  it('a Big Integer beyond the limit', () => {
    refuses('TTLV_LENGTH', `4200200400000018${'00'.repeat(24)}`, { maxBigIntegerBytes: 16 });
  });

  it('never with another error than TtlvError, whatever the bytes', () => {
    const total = (bytes: Uint8Array): void => {
      try {
        const decoded = decodeTtlv(bytes);
        // What was accepted has one reading: written again it reads the same.
        assert.deepEqual(decodeTtlv(encodeTtlv(decoded)), decoded);
      } catch (error) {
        assert.ok(error instanceof TtlvError, String(error));
        assert.ok(error.code in ttlvErrors);
        assert.ok(error.offset >= 0 && error.offset <= bytes.length);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), total), { numRuns: 500 });
    const mutation = fc.record({
      tree: item,
      at: fc.nat(),
      bit: fc.nat({ max: 7 }),
      cut: fc.nat({ max: 24 }),
    });
    fc.assert(
      fc.property(mutation, ({ tree, at, bit, cut }) => {
        const bytes = encodeTtlv(tree);
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
        total(bytes);
        total(encodeTtlv(tree).subarray(0, Math.max(0, bytes.length - cut)));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('trees that cannot be written', () => {
  const bad: readonly [string, TtlvErrorCode, Ttlv][] = [
    ['a foreign tag', 'TTLV_TAG', { tag: 0x430001, type: ItemType.Boolean, value: true }],
    ['an Integer beyond 32 bits', 'TTLV_VALUE', { tag: Tag.P, type: ItemType.Integer, value: 2 ** 31 }],
    ['an Integer with a fraction', 'TTLV_VALUE', { tag: Tag.P, type: ItemType.Integer, value: 1.5 }],
    ['a negative Enumeration', 'TTLV_VALUE', { tag: Tag.P, type: ItemType.Enumeration, value: -1 }],
    [
      'an Interval that is no number',
      'TTLV_VALUE',
      { tag: Tag.P, type: ItemType.Interval, value: Number.NaN },
    ],
    [
      'a Long Integer beyond 64 bits',
      'TTLV_VALUE',
      { tag: Tag.P, type: ItemType.LongInteger, value: 2n ** 63n },
    ],
    [
      'a Date-Time beyond the safe integers',
      'TTLV_VALUE',
      { tag: Tag.P, type: ItemType.DateTime, value: 2 ** 53 },
    ],
    ['a lone surrogate', 'TTLV_VALUE', { tag: Tag.P, type: ItemType.TextString, value: 'a\ud800' }],
    ['a huge Big Integer', 'TTLV_LENGTH', { tag: Tag.P, type: ItemType.BigInteger, value: 1n << 70_000n }],
  ];
  for (const [name, code, tree] of bad) {
    it(name, () => {
      assert.throws(
        () => encodeTtlv(structureItem(Tag.Attribute, [tree])),
        (error) => error instanceof TtlvError && error.code === code,
      );
    });
  }

  it('too deep a tree, without exhausting the stack', () => {
    let tree: Ttlv = structureItem(Tag.Attribute, []);
    for (let depth = 0; depth < 20_000; depth++) tree = structureItem(Tag.Attribute, [tree]);
    assert.throws(() => encodeTtlv(tree), { code: 'TTLV_TOO_DEEP' });
    assert.throws(() => encodeTtlv(tree, { maxDepth: 1_000_000 }), { code: 'TTLV_TOO_DEEP' });
  });

  it('say no value in their message', () => {
    const secret = 'correct horse \ud800';
    assert.throws(
      () => encodeTtlv({ tag: Tag.Password, type: ItemType.TextString, value: secret }),
      (error: Error) => !error.message.includes('horse') && error.message.includes('Password'),
    );
  });
});
