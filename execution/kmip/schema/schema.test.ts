import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  anyItem,
  byteString,
  enumeration,
  type Infer,
  ItemType,
  integer,
  optional,
  repeated,
  repeatedOnce,
  required,
  SchemaError,
  type SchemaErrorCode,
  structure,
  structureItem,
  Tag,
  type Ttlv,
  textString,
  V1_2,
  V1_3,
  V1_4,
} from '../index.ts';

/** As a vendor would write one, with its own tags. */
const inner = structure(0x540002, {
  label: required(0x540003, textString),
  secret: optional(0x540004, byteString, { since: 3 }),
});
const outer = structure(0x540001, {
  operation: required(Tag.Operation, enumeration),
  inner: repeated(0x540002, inner),
  count: optional(0x540005, integer, { since: 4 }),
  note: repeatedOnce(0x540006, textString),
  anything: optional(0x540007, anyItem),
});
type Outer = Infer<typeof outer>;

const whole: Outer = {
  operation: 1,
  inner: [{ label: 'a' }, { label: 'b', secret: Buffer.from([1]) }],
  count: 3,
  note: ['x', 'y'],
  anything: { tag: 0x540007, type: ItemType.Boolean, value: true },
};

const operation: Ttlv = { tag: Tag.Operation, type: ItemType.Enumeration, value: 1 };
const note: Ttlv = { tag: 0x540006, type: ItemType.TextString, value: 'x' };
const count: Ttlv = { tag: 0x540005, type: ItemType.Integer, value: 1 };
const unknown: Ttlv = { tag: 0x5400ff, type: ItemType.Integer, value: 1 };
const label: Ttlv = { tag: 0x540003, type: ItemType.TextString, value: 'a' };

function refuses(code: SchemaErrorCode, path: string, fields: readonly Ttlv[], offset?: number): void {
  assert.throws(
    () => outer.read(structureItem(0x540001, fields)),
    (error: unknown) => {
      assert.ok(error instanceof SchemaError, String(error));
      assert.equal(error.code, code);
      assert.equal(error.path, path);
      if (offset !== undefined) assert.equal(error.offset, offset);
      return true;
    },
  );
}

describe('a structure', () => {
  it('reads what it wrote, and writes its fields in their order', () => {
    const item = outer.write(whole);
    assert.deepEqual(outer.read(item), whole);
    assert.deepEqual(
      item.value.map((field) => field.tag),
      [Tag.Operation, 0x540002, 0x540002, 0x540005, 0x540006, 0x540006, 0x540007],
    );
  });

  it('leaves absent fields absent', () => {
    const least: Outer = { operation: 1, note: ['x'] };
    const item = outer.write({ ...least, count: undefined, inner: [] });
    assert.equal(item.value.length, 2);
    assert.deepEqual(outer.read(item), least);
  });

  it('writes no field that the version does not know, at any depth', () => {
    const { count: _, ...known } = whole;
    assert.deepEqual(outer.read(outer.write(whole, V1_3)), known);
    assert.deepEqual(outer.read(outer.write(whole, V1_2)).inner, [{ label: 'a' }, { label: 'b' }]);
  });

  it('refuses an unknown field of its own version and ignores one of another minor version', () => {
    refuses('SCHEMA_UNKNOWN', '0x540001/0x5400ff', [operation, note, unknown], 40);
    const item = structureItem(0x540001, [operation, note, unknown]);
    assert.deepEqual(outer.read(item, V1_3), { operation: 1, note: ['x'] });
    assert.throws(() => outer.read(item, V1_4), SchemaError);
  });

  it('understands a field that is newer than the message, since ignoring it could change the meaning', () => {
    assert.equal(outer.read(structureItem(0x540001, [operation, count, note]), V1_2).count, 1);
  });

  it('says what is missing, and where', () => {
    refuses('SCHEMA_MISSING', '0x540001/0x540006', [operation]);
    refuses('SCHEMA_MISSING', '0x540001/Operation', [note]);
    const second = structureItem(0x540002, []);
    refuses(
      'SCHEMA_MISSING',
      '0x540001/0x540002[1]/0x540003',
      [operation, structureItem(0x540002, [label]), second],
      48,
    );
  });

  it('refuses a field twice, or out of order', () => {
    refuses('SCHEMA_REPEATED', '0x540001/Operation[1]', [operation, { ...operation }, note], 24);
    refuses('SCHEMA_REPEATED', '0x540001/Operation[1]', [operation, note, { ...operation }]);
    refuses('SCHEMA_ORDER', '0x540001/0x540005', [operation, note, count]);
  });

  it('refuses another type', () => {
    refuses(
      'SCHEMA_TYPE',
      '0x540001/Operation',
      [{ tag: Tag.Operation, type: ItemType.Integer, value: 1 }, note],
      8,
    );
    assert.throws(() => outer.read({ tag: 0x540001, type: ItemType.Integer, value: 1 }), {
      code: 'SCHEMA_TYPE',
    });
    assert.throws(() => outer.read(structureItem(0x540002, [])), { code: 'SCHEMA_MISSING' });
  });

  it('does not write what lacks a required field, whatever the types were told', () => {
    const broken = { operation: 1 } as unknown as Outer;
    assert.throws(() => outer.write(broken), { code: 'SCHEMA_MISSING', tag: 0x540006 });
    assert.throws(() => outer.write({ ...whole, note: [] }), { code: 'SCHEMA_MISSING' });
  });

  it('says no value in its errors', () => {
    const item = structureItem(0x540001, [
      { tag: Tag.Operation, type: ItemType.TextString, value: 'hunter2' },
      note,
    ]);
    assert.throws(
      () => outer.read(item),
      (error: Error) => !error.message.includes('hunter2'),
    );
  });
});
