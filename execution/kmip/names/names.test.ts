import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as kmip from '../index.ts';
import {
  isVendorEnum,
  isVendorTag,
  Operation,
  OperationV2,
  operationName,
  operationSince,
  Tag,
  TagV2,
  tagName,
  tagSince,
} from '../index.ts';

describe('tags', () => {
  it('are the 292 of KMIP 1.4, without gap or double', () => {
    const values = Object.values(Tag).sort((a, b) => a - b);
    assert.deepEqual(
      values,
      Array.from({ length: 292 }, (_, index) => 0x420001 + index),
    );
  });

  it('have the numbers of the specification', () => {
    for (const [name, value] of [
      ['ActivationDate', 0x420001],
      ['IVCounterNonce', 0x42003d],
      ['MACSignature', 0x42004d],
      ['UniqueBatchItemID', 0x420093],
      ['UniqueIdentifier', 0x420094],
      ['X_509CertificateIdentifier', 0x4200b5],
      ['FIPS186Variation', 0x4200dc],
      ['AuthenticatedEncryptionTag', 0x4200ff],
      ['ReplaceExisting', 0x420124],
    ] as const) {
      assert.equal(Tag[name], value);
      assert.equal(tagName(value), name);
    }
    assert.equal(tagName(TagV2.NewAttribute), 'NewAttribute');
    assert.equal(tagName(0x540001), '0x540001');
  });

  it('know since when they exist', () => {
    assert.equal(tagSince(Tag.Password), 0);
    assert.equal(tagSince(Tag.DeviceIdentifier), 1);
    assert.equal(tagSince(Tag.KeyValueLocation), 2);
    assert.equal(tagSince(Tag.OffsetItems), 3);
    assert.equal(tagSince(Tag.KeyWrapType), 4);
    assert.equal(tagSince(TagV2.NewAttribute), undefined);
    assert.equal(tagSince(0x540001), undefined);
    assert.equal(tagSince(0x420000), undefined);
  });

  it('tell vendors apart', () => {
    assert.deepEqual([0x53ffff, 0x540000, 0x54ffff, 0x550000].map(isVendorTag), [false, true, true, false]);
    assert.deepEqual([0x7fffffff, 0x80000000, 0x8fffffff, 0x90000000].map(isVendorEnum), [
      false,
      true,
      true,
      false,
    ]);
  });
});

describe('enumerations', () => {
  it('name no value twice', () => {
    for (const [table, entries] of Object.entries(kmip)) {
      if (typeof entries !== 'object' || !/^[A-Z][a-zA-Z0-9]+$/.test(table)) continue;
      const values = Object.values(entries);
      assert.equal(new Set(values).size, values.length, table);
    }
  });

  it('have as many values as the specification', () => {
    for (const [table, count] of [
      [kmip.Operation, 43],
      [kmip.ResultReason, 25],
      [kmip.ObjectType, 9],
      [kmip.KeyFormatType, 22],
      [kmip.CryptographicAlgorithm, 40],
      [kmip.RecommendedCurve, 68],
      [kmip.HashingAlgorithm, 17],
      [kmip.DigitalSignatureAlgorithm, 19],
      [kmip.LinkType, 13],
      [kmip.ProfileName, 156],
      [kmip.CryptographicUsageMask, 20],
    ] as const) {
      assert.equal(Object.keys(table).length, count);
    }
  });

  it('know since when an operation exists', () => {
    assert.equal(operationSince(Operation.Put), 0);
    assert.equal(operationSince(Operation.DiscoverVersions), 1);
    assert.equal(operationSince(Operation.Encrypt), 2);
    assert.equal(operationSince(Operation.Import), 4);
    assert.equal(operationSince(OperationV2.SetAttribute), undefined);
    assert.equal(operationSince(0x80000001), undefined);
  });

  it('keep KMIP 2 out of the tables of KMIP 1', () => {
    assert.equal(OperationV2.SetAttribute, 0x31);
    assert.equal(operationName(0x31), 'SetAttribute');
    assert.ok(!(Object.values(Operation) as number[]).includes(0x31));
  });
});
