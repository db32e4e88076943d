import assert from 'node:assert/strict';
import { it } from 'node:test';
import { call, decodeRequest, encodeCalls, LATEST_VERSION, Operation } from '../../kmip/index.ts';
import { namedKeys } from './named-keys.ts';

const itemsOf = (...calls: Parameters<typeof encodeCalls>[0]) =>
  decodeRequest(encodeCalls(calls, LATEST_VERSION)).items;

const attributes = (uniqueIdentifier?: string) => call(Operation.GetAttributes, { uniqueIdentifier });
const wrapped = (uniqueIdentifier?: string) =>
  call(Operation.Get, {
    uniqueIdentifier,
    keyWrappingSpecification: {
      wrappingMethod: 1,
      encryptionKeyInformation: { uniqueIdentifier: 'wrapping' },
    },
  });

it('an item is about the keys that it names, wherever in it, or about the one in the placeholder', () => {
  assert.deepEqual(namedKeys(itemsOf(attributes('a')), undefined), ['a']);
  assert.deepEqual(namedKeys(itemsOf(wrapped('a')), undefined), ['a', 'wrapping']);
  assert.deepEqual(namedKeys(itemsOf(wrapped()), 'held'), ['held', 'wrapping']);
  assert.deepEqual(namedKeys(itemsOf(attributes('a'), attributes('a'), attributes('b')), undefined), [
    'a',
    'b',
  ]);
  assert.deepEqual(namedKeys(itemsOf(attributes()), 'held'), ['held']);
});

it('what searches, claims a Name, makes a key, or names none may be about any key of the tenant', () => {
  const ofAny = [
    call(Operation.Locate, {}),
    call(Operation.DeleteAttribute, { uniqueIdentifier: 'a', attributeName: 'Name' }),
    call(Operation.ReKey, { uniqueIdentifier: 'a' }),
  ];
  for (const each of ofAny) {
    assert.equal(namedKeys(itemsOf(each), 'held'), undefined);
    assert.equal(namedKeys(itemsOf(attributes('a'), each), 'held'), undefined);
  }
  assert.equal(namedKeys(itemsOf(attributes()), undefined), undefined);
  assert.equal(namedKeys(itemsOf(wrapped()), undefined), undefined);
});
