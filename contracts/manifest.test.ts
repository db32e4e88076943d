/** The order, the digests and the words in which both planes speak of what a region holds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Value } from 'typebox/value';
import {
  identityState,
  jobs,
  keysState,
  LAST_EPOCH,
  MAX_MANIFEST_ITEMS,
  ManifestItem,
  manifestDigest,
  parseKeysState,
  parseTenantWord,
  serviceKey,
  tenantWord,
} from './index.ts';

const name = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,8}[a-z0-9])?$/);

test('services are in the order of tenants, whatever the names are', () => {
  fc.assert(
    fc.property(name, name, name, name, (tenantA, serviceA, tenantB, serviceB) => {
      const [a, b] = [serviceKey(tenantA, serviceA), serviceKey(tenantB, serviceB)];
      const byTenant = tenantA === tenantB ? serviceA < serviceB : tenantA < tenantB;
      assert.equal(a < b, byTenant);
    }),
  );
});

test('a digest tells items, states and their borders apart', () => {
  const digests = [
    [],
    [{ key: 'a', state: 'none' }],
    [{ key: 'a', state: 'closed' }],
    [{ key: 'an', state: 'one' }],
    [
      { key: 'a', state: 'none' },
      { key: 'b', state: 'none' },
    ],
  ].map(manifestDigest);
  assert.equal(new Set(digests).size, digests.length);
});

test('words of tenants are read as they were said', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.integer({ min: 0, max: LAST_EPOCH }),
      fc.integer({ min: 0, max: LAST_EPOCH }),
      (hasKeys, open, closed) => {
        const word = tenantWord({ hasKeys, open, closed });
        const read = parseTenantWord(word);
        assert.equal(read?.epoch, hasKeys ? open : 0);
        assert.equal(read?.word === 'bare', !hasKeys);
        assert.ok(Value.Check(ManifestItem, { key: 'acme', state: word }));
      },
    ),
  );
  for (const bad of ['', 'open', 'open:0', 'open:-1', `open:${LAST_EPOCH + 1}`, 'Closed'])
    assert.equal(parseTenantWord(bad), undefined, bad);
});

test('an identity is the same however its services and operations are ordered, and another with any other right', () => {
  const identity = {
    role: 'application',
    name: 'shop',
    tenant: 'acme',
    services: ['b', 'a'],
    operations: ['Get', 'Create'],
  };
  const state = identityState(identity);
  assert.equal(
    identityState({ ...identity, services: ['a', 'b', 'a'], operations: ['Create', 'Get'] }),
    state,
  );
  for (const other of [
    { ...identity, role: 'gateway' },
    { ...identity, name: 'shop2' },
    { ...identity, tenant: 'rival' },
    { ...identity, services: ['a'] },
    { ...identity, operations: ['Get'] },
    { ...identity, operations: undefined },
    { ...identity, operations: [] },
  ])
    assert.notEqual(identityState(other), state, JSON.stringify(other));
  assert.ok(Value.Check(ManifestItem, { key: 'ab'.repeat(32), state }));
});

test('states of keys are read as they were said', () => {
  const state = keysState(7, [[1, 'active']]);
  assert.equal(parseKeysState(state)?.counter, 7);
  assert.notEqual(keysState(7, [[1, 'deactivated']]), state);
  assert.equal(parseKeysState('damaged'), undefined);
});

test('the largest answer fits a status message', () => {
  const items = Array.from({ length: MAX_MANIFEST_ITEMS }, () => ({
    key: serviceKey('t'.repeat(63), 's'.repeat(63)),
    state: 'x'.repeat(64),
  }));
  const answer = { items, upTo: serviceKey('t'.repeat(63), 's'.repeat(63)) };
  assert.ok(Value.Check(jobs.MANIFEST_READ.result, answer));
  assert.ok(Buffer.byteLength(JSON.stringify(answer)) <= 32 * 1024);
});
