// What a client may bring is bounded so that every object which is accepted can be stored, announced and read again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseServiceName, parseTenantId } from '../../contracts/index.ts';
import { processorMs } from '../../testkit/clocks.ts';
import {
  type Attribute,
  attribute,
  ItemType,
  KmipError,
  ObjectType,
  ResultReason,
  RevocationReasonCode,
  Tag,
  type Ttlv,
} from '../kmip/index.ts';
import {
  checkCounts,
  decodeObject,
  encodeObject,
  fieldsFromTemplate,
  MAX_ATTRIBUTES_BYTES,
  MAX_MATERIAL_BYTES,
  MAX_OBJECT_BYTES,
  MAX_REVOCATION_MESSAGE_BYTES,
  type ManagedObject,
  make,
  materialOf,
  nameAttribute,
  nameOf,
  revoke,
  State,
} from './index.ts';

const NOW = 1_700_000_000;

function object(change: Partial<ManagedObject> = {}): ManagedObject {
  return {
    uid: 'u'.repeat(128),
    tenant: parseTenantId('acme'),
    service: parseServiceName('billing'),
    objectType: ObjectType.SymmetricKey,
    state: State.Active,
    dates: { initial: NOW, lastChange: NOW, activation: NOW },
    usageMask: 12,
    wrapped: new Uint8Array(100),
    attributes: [],
    revision: 1,
    ...change,
  };
}

const isReason = (reason: number) => (error: unknown) =>
  error instanceof KmipError && error.resultReason === reason && error.message !== '';
const isInvalid = isReason(ResultReason.InvalidField);

function template(...extra: readonly Attribute[]) {
  return fieldsFromTemplate({
    operation: 'create',
    objectType: ObjectType.SymmetricKey,
    attributes: [
      attribute('Cryptographic Algorithm', 3),
      attribute('Cryptographic Length', 256),
      attribute('Cryptographic Usage Mask', 12),
      ...extra,
    ],
    nowS: NOW,
  });
}

function nested(depth: number): Ttlv {
  return depth === 0
    ? { tag: Tag.AttributeValue, type: ItemType.Integer, value: 1 }
    : { tag: Tag.AttributeValue, type: ItemType.Structure, value: [nested(depth - 1)] };
}

test('a Name is bounded in bytes, since an index of the database holds it whole', () => {
  assert.equal(nameOf(nameAttribute('a'.repeat(1024))).length, 1024);
  assert.equal(nameOf(nameAttribute('鍵'.repeat(341))).length, 341);
  assert.throws(() => nameOf(nameAttribute('a'.repeat(1025))), isInvalid);
  assert.throws(() => nameOf(nameAttribute('鍵'.repeat(342))), isInvalid);
  assert.throws(
    () => template(nameAttribute('鍵'.repeat(1024))),
    isInvalid,
    'the only Name of a template too',
  );
});

test('U+0000 is refused in every text that a database may meet', () => {
  assert.throws(() => nameOf(nameAttribute('a\0b')), isInvalid);
  assert.throws(() => template(nameAttribute('a\0b')), isInvalid);
  assert.throws(() => template(attribute('Object Group', 'a\0b')), isInvalid);
  assert.throws(() => template(make.text('x-note\0', 'a')), isInvalid);
  assert.throws(() => template(make.text('x-note', 'a\0b')), isInvalid);
  const inside: Ttlv = { tag: Tag.KeyMaterial, type: ItemType.TextString, value: 'a\0b' };
  const structure: Ttlv = { tag: Tag.AttributeValue, type: ItemType.Structure, value: [inside] };
  assert.throws(() => template({ attributeName: 'x-note', attributeValue: structure }), isInvalid);
});

test('attributes are bounded in bytes, items and depth', () => {
  const note = (sizeBytes: number, n = 0) => make.text(`x-note-${n}`, 'a'.repeat(sizeBytes));
  template(note(MAX_ATTRIBUTES_BYTES - 400));
  assert.throws(() => template(note(MAX_ATTRIBUTES_BYTES)), isInvalid);
  assert.throws(() => checkCounts([note(70_000, 1), note(70_000, 2)]), isInvalid);
  const many: Ttlv = {
    tag: Tag.AttributeValue,
    type: ItemType.Structure,
    value: Array.from({ length: 9_000 }, () => ({
      tag: Tag.KeyMaterial,
      type: ItemType.Structure,
      value: [],
    })),
  };
  assert.throws(() => template({ attributeName: 'x-many', attributeValue: many }), isInvalid);
  template({ attributeName: 'x-flat', attributeValue: nested(1) });
  for (const depth of [2, 25]) {
    const attributeValue = nested(depth);
    assert.throws(() => template({ attributeName: 'x-deep', attributeValue }), isInvalid, 'KMIP 1.4 §3.39');
  }
  assert.throws(() => checkCounts([{ attributeName: 'x-deep', attributeValue: nested(25) }]), isInvalid);
});

test('no object is encoded that could not be decoded again', () => {
  const large = object({ wrapped: new Uint8Array(MAX_OBJECT_BYTES) });
  assert.throws(() => encodeObject(large), isInvalid);
  fc.assert(
    fc.property(fc.integer({ min: MAX_OBJECT_BYTES - 600, max: MAX_OBJECT_BYTES }), (sizeBytes) => {
      const before = object({ wrapped: new Uint8Array(sizeBytes) });
      let bytes: Uint8Array;
      try {
        bytes = encodeObject(before);
      } catch (error) {
        assert.ok(isInvalid(error));
        return;
      }
      assert.deepEqual(decodeObject(bytes), before);
    }),
  );
});

test('an object as large as it may be can still be revoked: room is kept for what the server adds', () => {
  const value = { objectType: ObjectType.OpaqueObject, opaqueDataType: 1 } as const;
  const { bytes } = materialOf({ ...value, opaqueDataValue: new Uint8Array(MAX_MATERIAL_BYTES) });
  assert.throws(
    () => materialOf({ ...value, opaqueDataValue: new Uint8Array(MAX_MATERIAL_BYTES + 1) }),
    isInvalid,
  );
  const attributes = [make.text('x-note', 'a'.repeat(MAX_ATTRIBUTES_BYTES - 50))];
  checkCounts(attributes);
  const full = object({ attributes, wrapped: Buffer.concat([bytes ?? Buffer.alloc(0), Buffer.alloc(512)]) });
  const code = RevocationReasonCode.KeyCompromise;
  const message = 'm'.repeat(MAX_REVOCATION_MESSAGE_BYTES);
  const revoked = revoke(full, { code, message }, NOW);
  assert.equal(decodeObject(encodeObject(revoked)).state, State.Compromised);
  assert.throws(() => revoke(full, { code, message: `${message}m` }, NOW), isInvalid);
});

test('more attributes than an object could hold are refused before they are compared with each other', () => {
  const names = Array.from({ length: 2_000 }, (_, i) => nameAttribute(`name ${i}`));
  const tookMs = processorMs(() =>
    assert.throws(() => template(...names), isReason(ResultReason.IndexOutOfBounds)),
  );
  assert.ok(tookMs < 200, `took ${tookMs} ms`);
});
