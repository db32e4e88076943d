/** Which lane a request takes: held to the same table as the gateway. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  attribute,
  CryptographicAlgorithm,
  call,
  type KnownOperation,
  LATEST_VERSION,
  NameType,
  ObjectType,
  Operation,
  type RequestOf,
} from '../../kmip/index.ts';
import { routeOf } from '../../routing/index.ts';
import { createCall } from '../operations.ts';
import { isIdempotent } from '../retries.ts';
import { type LaneName, laneOf, type Subject, slowestOf, subjectOf } from './lane-of.ts';

function subject<O extends KnownOperation>(operation: O, payload: RequestOf<O>): Subject {
  return subjectOf(operation, call(operation, payload).encode(LATEST_VERSION));
}
const lane = (one: Subject, isHeld = false): LaneName => laneOf(one, () => isHeld);
const create = (payload: RequestOf<typeof Operation.Create>): Subject => subject(Operation.Create, payload);
const aes = attribute('Cryptographic Algorithm', CryptographicAlgorithm.AES);

describe('the lane of a request', () => {
  it('is hot for data keys that are made, as a gateway makes them', () => {
    assert.equal(lane(subjectOf(Operation.Create, createCall().encode(LATEST_VERSION))), 'hot');
    const { SymmetricKey } = ObjectType;
    assert.equal(lane(create({ objectType: SymmetricKey, templateAttribute: { attribute: [aes] } })), 'hot');
    const others: RequestOf<typeof Operation.Create>[] = [
      { objectType: ObjectType.SecretData, templateAttribute: { attribute: [aes] } },
      {
        objectType: SymmetricKey,
        templateAttribute: {
          attribute: [attribute('Cryptographic Algorithm', CryptographicAlgorithm.HMAC_SHA256)],
        },
      },
      {
        objectType: SymmetricKey,
        templateAttribute: {
          attribute: [aes, attribute('Usage Limits', { usageLimitsTotal: 5n, usageLimitsUnit: 1 })],
        },
      },
      {
        objectType: SymmetricKey,
        templateAttribute: {
          name: [{ nameValue: 't', nameType: NameType.UninterpretedTextString }],
          attribute: [aes],
        },
      },
    ];
    for (const other of others)
      assert.equal(lane(create(other)), 'lifecycle', JSON.stringify(other.objectType));
  });

  it('follows the table for every operation on a key that is held, that is not, and on a service', () => {
    for (const operation of Object.values(Operation)) {
      const of = (uid: string | undefined): Subject => ({
        operation,
        uid,
        makesL4: false,
        usesNewL4: false,
        isPart: false,
      });
      assert.equal(lane(of('key'), true), routeOf(operation, 'L4') === 'core' ? 'lifecycle' : 'hot');
      assert.equal(lane(of('l3:orders')), routeOf(operation, 'L3') === 'core' ? 'lifecycle' : 'hot');
      const unknown = lane(of('key'), false);
      if (routeOf(operation, 'unknown') !== 'core') assert.equal(unknown, 'hot');
      else assert.equal(unknown, routeOf(operation, 'L4') === 'local' ? 'first' : 'lifecycle');
      const none = lane(of(undefined));
      assert.equal(none, routeOf(operation, 'none') === 'core' ? 'lifecycle' : 'hot');
    }
  });

  it('is that of its slowest operation for a message', () => {
    assert.equal(slowestOf(['hot', 'lifecycle', 'first']), 'lifecycle');
    assert.equal(slowestOf(['hot', 'first']), 'first');
    assert.equal(slowestOf(['hot', 'hot']), 'hot');
  });

  it('is hot for what uses the key that the same message has made', () => {
    const get = call(Operation.Get, {}).encode(LATEST_VERSION);
    assert.equal(lane(subjectOf(Operation.Get, get, true)), 'hot');
    assert.equal(lane(subjectOf(Operation.Get, get, false)), 'lifecycle');
  });
});

describe('what may be carried out twice', () => {
  it('is nothing that makes, moves or ends an object', () => {
    const changing = [
      Operation.Create,
      Operation.CreateKeyPair,
      Operation.Register,
      Operation.Import,
      Operation.ReKey,
      Operation.ReKeyKeyPair,
      Operation.DeriveKey,
      Operation.Certify,
      Operation.ReCertify,
      Operation.CreateSplitKey,
      Operation.JoinSplitKey,
      Operation.Activate,
      Operation.Revoke,
      Operation.Destroy,
      Operation.Archive,
      Operation.Recover,
      Operation.AddAttribute,
      Operation.DeleteAttribute,
      Operation.GetUsageAllocation,
      Operation.RNGSeed,
    ];
    for (const operation of changing) {
      assert.ok(!isIdempotent({ operation, uid: 'a', makesL4: false, usesNewL4: false, isPart: false }));
    }
    assert.ok(isIdempotent(subject(Operation.Encrypt, { uniqueIdentifier: 'a', data: new Uint8Array(1) })));
    const part = { uniqueIdentifier: 'a', data: new Uint8Array(1), initIndicator: true };
    assert.ok(!isIdempotent(subject(Operation.Encrypt, part)));
  });
});
