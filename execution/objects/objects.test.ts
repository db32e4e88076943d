// Managed objects: their life, their attributes, their bytes.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseServiceName, parseTenantId } from '../../contracts/index.ts';
import {
  type Attribute,
  attribute,
  attributes,
  KmipError,
  ObjectType,
  ResultReason,
  RevocationReasonCode,
  V1_0,
  V1_4,
} from '../kmip/index.ts';
import {
  activate,
  appliesTo,
  attributeNamesOf,
  attributesNamed,
  attributesOf,
  decodeObject,
  destroy,
  encodeObject,
  fieldsFromTemplate,
  isGatewayKey,
  isSensitive,
  keyMaterialOf,
  knownTo,
  type LifecycleEvent,
  type ManagedObject,
  make,
  materialOf,
  nameAttribute,
  namesOf,
  ObjectCodecError,
  revoke,
  ruledNames,
  ruleOf,
  State,
  settle,
  transitions,
  usageRefusal,
  withIndexes,
  withKeyBlock,
  withoutNames,
  withValue,
} from './index.ts';

const NOW = 1_700_000_000;

function object(change: Partial<ManagedObject> = {}): ManagedObject {
  return {
    uid: 'u',
    tenant: parseTenantId('acme'),
    service: parseServiceName('billing'),
    objectType: ObjectType.SymmetricKey,
    state: State.PreActive,
    dates: { initial: NOW - 10, lastChange: NOW - 10 },
    usageMask: 12,
    cryptographicAlgorithm: 3,
    cryptographicLength: 256,
    keyFormatType: 1,
    digest: Uint8Array.from(randomBytes(32)),
    wrapped: Uint8Array.from(randomBytes(100)),
    attributes: [],
    revision: 1,
    ...change,
  };
}

const isReason = (reason: number) => (error: unknown) =>
  error instanceof KmipError && error.resultReason === reason && error.message !== '';

const KEY: readonly Attribute[] = [
  attribute('Cryptographic Algorithm', 3),
  attribute('Cryptographic Length', 256),
  attribute('Cryptographic Usage Mask', 12),
];

function template(extra: readonly Attribute[], operation: 'create' | 'register' = 'create') {
  return fieldsFromTemplate({
    operation,
    objectType: ObjectType.SymmetricKey,
    attributes: [...KEY, ...extra],
    nowS: NOW,
  });
}

const states = Object.values(State);
const doing: Record<LifecycleEvent, (o: ManagedObject) => ManagedObject> = {
  activate: (o) => activate(o, NOW),
  deactivate: (o) => revoke(o, { code: RevocationReasonCode.Superseded }, NOW),
  compromise: (o) => revoke(o, { code: RevocationReasonCode.KeyCompromise }, NOW),
  destroy: (o) => destroy(o, NOW),
};

test('every state and event: exactly the transitions of KMIP 1.4 section 3.22', () => {
  for (const state of states) {
    for (const [event, act] of Object.entries(doing) as [
      LifecycleEvent,
      (o: ManagedObject) => ManagedObject,
    ][]) {
      const before = object({ state });
      const next = transitions[state][event];
      if (next === undefined) {
        // §11.21 has another reason for Revoke than §11.20 and §11.22 for Activate and Destroy.
        const isRevoke = event === 'deactivate' || event === 'compromise';
        const reason = isRevoke ? ResultReason.IllegalOperation : ResultReason.PermissionDenied;
        assert.throws(() => act(before), isReason(reason), `${state} ${event}`);
        continue;
      }
      const after = act(before);
      assert.equal(after.state, next);
      assert.equal(after.revision, before.revision + 1);
      assert.equal(after.dates.lastChange, NOW);
      assert.equal(before.state, state, 'the object that went in is not changed');
    }
  }
});

test('whatever happens: destroyed material never comes back, a compromise is never forgotten', () => {
  const events = fc.array(fc.constantFrom(...(Object.keys(doing) as LifecycleEvent[])), { maxLength: 8 });
  const dates = fc.record({
    activation: fc.option(fc.integer({ min: NOW - 5, max: NOW + 5 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(events, dates, (list, { activation }) => {
      let current = object(
        activation === undefined ? {} : { dates: { initial: 1, lastChange: 1, activation } },
      );
      let wasDestroyed = false;
      let wasCompromised = false;
      for (const event of list) {
        try {
          current = doing[event](current);
          wasDestroyed ||= event === 'destroy';
          wasCompromised ||= event === 'compromise';
        } catch (error) {
          assert.ok(error instanceof KmipError);
        }
        assert.equal(current.wrapped === null, wasDestroyed);
        const seen = settle(current, NOW + 1_000).state;
        if (wasCompromised) assert.ok(seen === State.Compromised || seen === State.DestroyedCompromised);
        if (wasDestroyed) assert.ok(seen === State.Destroyed || seen === State.DestroyedCompromised);
      }
    }),
  );
});

test('dates take effect when they come, and only forward', () => {
  const dates = { initial: NOW, lastChange: NOW, activation: NOW + 10, deactivation: NOW + 20 };
  const before = object({ dates });
  assert.equal(settle(before, NOW + 9), before);
  assert.equal(settle(before, NOW + 10).state, State.Active);
  assert.equal(settle(before, NOW + 20).state, State.Deactivated);
  assert.equal(settle(object({ dates, state: State.Compromised }), NOW + 30).state, State.Compromised);
});

test('a revocation notes why and when; an occurrence date goes with a compromise only', () => {
  const active = object({ state: State.Active });
  const compromised = revoke(
    active,
    { code: 2, message: 'laptop stolen', compromiseOccurrence: NOW - 5 },
    NOW,
  );
  assert.deepEqual(compromised.revocationReason, { code: 2, message: 'laptop stolen' });
  assert.equal(compromised.dates.compromise, NOW);
  assert.equal(compromised.dates.compromiseOccurrence, NOW - 5);
  assert.equal(revoke(active, { code: 2 }, NOW).dates.compromiseOccurrence, active.dates.initial);
  assert.equal(revoke(active, { code: 1 }, NOW).dates.deactivation, NOW);
  assert.throws(
    () => revoke(active, { code: 1, compromiseOccurrence: 1 }, NOW),
    isReason(ResultReason.InvalidField),
  );
  assert.throws(() => revoke(active, { code: 99 }, NOW), isReason(ResultReason.InvalidField));
});

test('use: state, mask and dates are all asked', () => {
  const active = object({ state: State.Active });
  assert.equal(usageRefusal(active, 'protect', 4, NOW), null);
  assert.match(usageRefusal(active, 'protect', 16, NOW) ?? '', /Usage Mask/);
  assert.match(usageRefusal(object(), 'protect', 4, NOW) ?? '', /Pre-Active/);
  const old = object({ state: State.Deactivated });
  assert.equal(usageRefusal(old, 'process', 8, NOW), null);
  assert.match(usageRefusal(old, 'protect', 4, NOW) ?? '', /Deactivated/);
  const dates = { ...active.dates, protectStop: NOW - 1, processStart: NOW + 1 };
  assert.match(usageRefusal({ ...active, dates }, 'protect', 4, NOW) ?? '', /Protect Stop/);
  assert.match(usageRefusal({ ...active, dates }, 'process', 8, NOW) ?? '', /Process Start/);
});

test('every attribute of KMIP 1.4 has a rule, and the two tables agree on instances', () => {
  assert.deepEqual([...ruledNames].sort(), Object.keys(attributes).sort());
  for (const [name, definition] of Object.entries(attributes)) {
    assert.equal(ruleOf(name).multiple, definition.multiple, name);
    assert.equal(ruleOf(name).since, definition.since, name);
  }
});

test('a row says what its own table of section 3 says', () => {
  for (const name of ruledNames) {
    const rule = ruleOf(name);
    // What clients change or delete, they may also give first (§3, table 54).
    if (rule.clientModifies !== false) assert.notEqual(rule.firstSetBy, 'server', name);
    if (rule.deletable !== false) assert.ok(!rule.always && rule.clientModifies !== false, name);
    assert.ok(rule.appliesTo.size > 0, name);
    assert.match(rule.clause, /^3\.\d+$/);
  }
  assert.equal(new Set(ruledNames.map((name) => ruleOf(name).clause)).size, ruledNames.length);
  const clauses = ruledNames.map((name) => Number(ruleOf(name).clause.slice(2)));
  assert.deepEqual(
    clauses,
    Array.from({ length: 51 }, (_, i) => i + 1).filter((n) => n !== 39),
    'every section once, in order; §3.39 is every name with x- or y-',
  );
  assert.ok(appliesTo('Certificate Type', ObjectType.Certificate));
  assert.ok(!appliesTo('Certificate Type', ObjectType.SymmetricKey));
});

test('whatever an object is, each attribute that always has a value has one, and none is foreign to its type', () => {
  for (const objectType of Object.values(ObjectType)) {
    const seen = object({ objectType, subtype: 1 });
    const names = new Set(attributeNamesOf(seen, NOW));
    for (const name of names) assert.ok(appliesTo(name, objectType), `${name} on ${objectType}`);
    for (const name of ruledNames) {
      // What stands in a certificate is read from it when it is registered; nothing is in these bytes.
      if (/Certificate|Signature/.test(name)) continue;
      if (ruleOf(name).always && appliesTo(name, objectType))
        assert.ok(names.has(name), `${name} on ${objectType}`);
    }
  }
});

test('a template: Pre-Active without an Activation Date, Active with one that has come', () => {
  assert.equal(template([]).state, State.PreActive);
  assert.equal(template([attribute('Activation Date', NOW)]).state, State.Active);
  assert.equal(template([attribute('Activation Date', NOW + 1)]).state, State.PreActive);
});

test('a template: what cannot be is refused with its reason', () => {
  const cases: readonly (readonly [readonly Attribute[], number])[] = [
    [[make.text('No Such Attribute', 'x')], ResultReason.InvalidField],
    [[attribute('State', 2)], ResultReason.InvalidField],
    [[attribute('Initial Date', 1)], ResultReason.InvalidField],
    [[make.text('y-mine', 'x')], ResultReason.InvalidField],
    [[attribute('Cryptographic Usage Mask', 1)], ResultReason.InvalidField],
    [[make.text('Activation Date', 'tomorrow')], ResultReason.InvalidField],
    [[make.text('Name', 'not a structure')], ResultReason.InvalidField],
    [[attribute('Activation Date', 10), attribute('Deactivation Date', 5)], ResultReason.InvalidField],
    [Array.from({ length: 65 }, (_, i) => nameAttribute(`n${i}`)), ResultReason.IndexOutOfBounds],
  ];
  for (const [extra, reason] of cases) assert.throws(() => template(extra), isReason(reason));
  const bare = (list: readonly Attribute[]) => () =>
    fieldsFromTemplate({ operation: 'create', objectType: 2, attributes: list, nowS: NOW });
  assert.throws(bare([attribute('Cryptographic Algorithm', 3)]), isReason(ResultReason.MissingData));
  assert.throws(bare([attribute('Cryptographic Usage Mask', 3)]), isReason(ResultReason.MissingData));
  const wrongLength = [
    ...KEY.filter((a) => a.attributeName !== 'Cryptographic Length'),
    attribute('Cryptographic Length', 255),
  ];
  assert.throws(bare(wrongLength), isReason(ResultReason.InvalidField));
});

test('a registered key: attributes and key block may both speak, but not differ', () => {
  const registered = (cryptographicLength: number) => () =>
    fieldsFromTemplate({
      operation: 'register',
      objectType: 2,
      attributes: KEY,
      nowS: NOW,
      keyBlock: { cryptographicAlgorithm: 3, cryptographicLength },
    });
  assert.equal(registered(256)().cryptographicLength, 256);
  assert.throws(registered(128), isReason(ResultReason.InvalidField));
});

test('attributes: computed ones follow the fields, instances are numbered, versions are respected', () => {
  const two = [nameAttribute('one'), nameAttribute('two'), make.text('x-a', 'b')];
  const seen = object({ attributes: two, state: State.Active });
  const names = attributesNamed(seen, ['Name'], NOW);
  assert.deepEqual(
    names.map((a) => a.attributeIndex),
    [undefined, 1],
  );
  assert.equal(attributesNamed(seen, ['State'], NOW)[0]?.attributeValue.value, State.Active);
  assert.deepEqual(attributesNamed(seen, ['Contact Information'], NOW), []);
  assert.ok(attributeNamesOf(seen, NOW).includes('Digest'));
  const old = knownTo(V1_0, attributesOf(seen, NOW)).map((a) => a.attributeName);
  const current = knownTo(V1_4, attributesOf(seen, NOW)).map((a) => a.attributeName);
  assert.ok(current.includes('Sensitive') && !old.includes('Sensitive'));
  assert.ok(old.includes('x-a'));
  assert.equal(isSensitive(object({ attributes: [make.boolean('Sensitive', true)] })), true);
});

test('an index stays what it is, whatever happens to other instances and whoever makes it happen', () => {
  const notes = ['a', 'b', 'c'].map((value) => make.text('x-note', value));
  const stored = decodeObject(encodeObject(object({ attributes: notes })));
  const without = { ...stored, attributes: stored.attributes.filter((a) => a.attributeValue.value !== 'a') };
  const grown = { ...without, attributes: [...without.attributes, make.text('x-note', 'd')] };
  for (const seen of [grown, decodeObject(encodeObject(grown))]) {
    assert.deepEqual(
      attributesNamed(seen, ['x-note'], NOW).map((a) => [a.attributeIndex, a.attributeValue.value]),
      [
        [1, 'b'],
        [2, 'c'],
        [3, 'd'],
      ],
    );
  }
});

test('a name that is lost is noted, the others stay', () => {
  const before = object({ attributes: [nameAttribute('a'), nameAttribute('b')] });
  const after = withoutNames(before, new Set(['a']), NOW);
  assert.deepEqual(namesOf(after), ['b']);
  assert.equal(
    after.attributes.find((a) => a.attributeName === 'y-name-conflict')?.attributeValue.value,
    'a',
  );
  assert.equal(after.revision, before.revision + 1);
});

const anyObject: fc.Arbitrary<ManagedObject> = fc
  .record({
    state: fc.constantFrom(...states),
    uid: fc.string({ unit: 'grapheme', minLength: 1 }),
    usageMask: fc.integer({ min: 0, max: 0xfffff }),
    revision: fc.nat(),
    names: fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), { maxLength: 4 }),
    wrapped: fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 })),
    activation: fc.integer(),
    isKey: fc.boolean(),
    message: fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
  })
  .map(({ names, activation, isKey, message, ...rest }) => {
    const { cryptographicAlgorithm, cryptographicLength, ...bare } = object();
    return {
      ...(isKey ? { ...bare, cryptographicAlgorithm, cryptographicLength } : bare),
      ...rest,
      dates: { initial: 1, lastChange: 2, activation },
      revocationReason: message === undefined ? { code: 1 } : { code: 1, message },
      attributes: names.map((n) => nameAttribute(n)),
    } as ManagedObject;
  });

test('every object comes back from its bytes as it was', () => {
  fc.assert(
    fc.property(anyObject, (before) => {
      const attributes = withIndexes(before.attributes);
      const written = decodeObject(encodeObject(before));
      assert.deepEqual(written, { ...before, attributes });
      assert.deepEqual(decodeObject(encodeObject(written)), written);
    }),
  );
});

test('damaged bytes are refused as such, and nothing else is thrown', () => {
  const bytes = Buffer.from(encodeObject(object({ attributes: [nameAttribute('x')] })));
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ flip;
      try {
        decodeObject(damaged);
      } catch (error) {
        assert.ok(error instanceof ObjectCodecError);
      }
    }),
  );
});

test('material: what is registered comes back, each type in its own structure', () => {
  const key = Uint8Array.from(randomBytes(32));
  const keyBlock = {
    keyFormatType: 1,
    keyValue: { keyMaterial: key },
    cryptographicAlgorithm: 3,
    cryptographicLength: 256,
  } as const;
  const split = {
    splitKeyParts: 3,
    keyPartIdentifier: 2,
    splitKeyThreshold: 2,
    splitKeyMethod: 3,
    primeFieldSize: 2n ** 256n + 297n,
  };
  for (const given of [
    { objectType: ObjectType.SymmetricKey, keyBlock },
    { objectType: ObjectType.PublicKey, keyBlock },
    { objectType: ObjectType.PrivateKey, keyBlock },
    { objectType: ObjectType.SecretData, secretDataType: 1, keyBlock },
    { objectType: ObjectType.PGPKey, pgpKeyVersion: 4, keyBlock },
    { objectType: ObjectType.SplitKey, ...split, keyBlock },
  ] as const) {
    const { bytes, attributes, ...facts } = materialOf(given);
    assert.deepEqual(bytes, key);
    assert.deepEqual(attributes, []);
    const { objectType } = given;
    const held = decodeObject(encodeObject(object({ objectType, ...facts })));
    assert.deepEqual(withKeyBlock(held, keyBlock), given);
  }
  for (const given of [
    { objectType: ObjectType.Certificate, certificateType: 1, certificateValue: key },
    { objectType: ObjectType.OpaqueObject, opaqueDataType: 0x80000001, opaqueDataValue: key },
  ] as const) {
    const { bytes, ...facts } = materialOf(given);
    const { objectType } = given;
    assert.deepEqual(withValue(object({ objectType, ...facts }), bytes ?? new Uint8Array()), given);
  }
});

test('material: a transparent symmetric key is the raw one in other words', () => {
  const key = Uint8Array.from(randomBytes(16));
  const keyMaterial = keyMaterialOf(7, key);
  const keyBlock = { keyFormatType: 7, keyValue: { keyMaterial } } as const;
  const { bytes } = materialOf({ objectType: ObjectType.SymmetricKey, keyBlock });
  assert.deepEqual(bytes, key);
});

test('material: a wrapped key value is held as it came, with how it was wrapped', () => {
  const keyWrappingData = {
    wrappingMethod: 1,
    encryptionKeyInformation: {
      uniqueIdentifier: 'kek',
      cryptographicParameters: { blockCipherMode: 0x0d },
    },
    ivCounterNonce: Uint8Array.of(1, 2, 3),
    encodingOption: 1,
  };
  const keyBlock = { keyFormatType: 1, keyValue: new Uint8Array(40), keyWrappingData };
  const { bytes, ...facts } = materialOf({ objectType: ObjectType.SymmetricKey, keyBlock });
  assert.deepEqual(bytes, keyBlock.keyValue);
  const held = decodeObject(encodeObject(object(facts)));
  assert.deepEqual(held.keyWrappingData, keyWrappingData);
  assert.ok(!isGatewayKey(held), 'no gateway may take it for a key');
});

test('material: what cannot be held is refused', () => {
  const plain = { keyFormatType: 1, keyValue: { keyMaterial: new Uint8Array(16) } };
  const part = { splitKeyParts: 3, keyPartIdentifier: 1, splitKeyThreshold: 2, splitKeyMethod: 4 };
  for (const given of [
    { objectType: ObjectType.SymmetricKey, keyBlock: { keyFormatType: 1, keyValue: new Uint8Array(40) } },
    { objectType: ObjectType.SymmetricKey, keyBlock: { ...plain, keyWrappingData: { wrappingMethod: 1 } } },
    { objectType: ObjectType.SplitKey, ...part, keyPartIdentifier: 4, keyBlock: plain },
    { objectType: ObjectType.SplitKey, ...part, splitKeyThreshold: 4, keyBlock: plain },
    { objectType: ObjectType.SplitKey, ...part, splitKeyMethod: 1, keyBlock: plain },
    { objectType: ObjectType.SplitKey, ...part, splitKeyMethod: 3, keyBlock: plain },
    { objectType: ObjectType.SplitKey, ...part, splitKeyParts: 65, keyBlock: plain },
  ] as const) {
    assert.throws(() => materialOf(given), isReason(ResultReason.InvalidField));
  }
  const absent = materialOf({ objectType: ObjectType.SymmetricKey, keyBlock: { keyFormatType: 1 } });
  assert.equal(absent.bytes, null);
});
