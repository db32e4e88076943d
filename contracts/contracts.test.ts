import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Value } from 'typebox/value';
import {
  entityOf,
  InvalidNameError,
  type JobKind,
  type JobPayload,
  jobKinds,
  jobs,
  laneOf,
  parseKeyFingerprint,
  parseTenantId,
} from './index.ts';

const FINGERPRINT = 'ab'.repeat(32);
const SEALED = { enc: 'AA', ct: 'AA' };
const DRILL = '0b5c1b8e-4f0e-4e9f-8d58-0d8f3c2f7a11';
const NOW = '2026-01-02T03:04:05.678Z';

/** One valid payload of every kind: a new kind that is forgotten here does not compile. */
const examples: { readonly [K in JobKind]: JobPayload<K> } = {
  TENANT_PROVISION: { tenant: 'acme' },
  SERVICE_PROVISION: { tenant: 'acme', service: 'payments' },
  LINK_PREPARE: { tenant: 'acme', epoch: 1 },
  LINK: { tenant: 'acme', epoch: 1, provedAt: NOW, expiresAt: NOW, secret: SEALED },
  ROTATE_LINK: { tenant: 'acme', epoch: 2, provedAt: NOW, expiresAt: NOW, secret: SEALED },
  RENEW: { tenant: 'acme', epoch: 1, provedAt: NOW, expiresAt: NOW },
  UNLINK: { tenant: 'acme', epoch: 1, reason: 'contract ended' },
  KEY_ROTATE: { tenant: 'acme', service: 'payments' },
  KEY_COMPROMISE: { tenant: 'acme', reason: 'a stolen backup' },
  ROTATION_POLICY: { tenant: 'acme', rotateAfterSeconds: 3600 },
  KEY_INSPECT: { tenant: 'acme' },
  KEY_DESTROY: { tenant: 'acme', version: 1, dependents: 0, reason: 'retired' },
  USE_INSPECT: { tenant: 'acme' },
  DRILL_CUT: { drill: DRILL, tenant: 'acme', service: 'payments', until: NOW },
  DRILL_RESTORE: { drill: DRILL, tenant: 'acme', service: 'payments' },
  IDENTITY_PUT: { identity: { fingerprint: FINGERPRINT, role: 'application', name: 'shop', tenant: 'acme' } },
  IDENTITY_REMOVE: { fingerprint: FINGERPRINT, reason: 'lost laptop' },
  ISSUER_PUT: { fingerprint: FINGERPRINT, certificate: '-----BEGIN CERTIFICATE-----' },
  GOVERNANCE_KEYS: { keys: [{ keyId: 'cmk-2', publicKey: '-----BEGIN PUBLIC KEY-----' }] },
  REGION_KEY_MAKE: { keyId: 'region:north-2' },
  REGION_KEY_USE: { keyId: 'region:north-2' },
  MANIFEST_READ: { class: 'service', after: 'acme payments' },
};

test('every job kind accepts its example and refuses a field that it does not know', () => {
  for (const kind of jobKinds) {
    assert.ok(Value.Check(jobs[kind].payload, examples[kind]), kind);
    assert.ok(!Value.Check(jobs[kind].payload, { ...examples[kind], key: 'plain' }), `${kind} is closed`);
    assert.ok(!Value.Check(jobs[kind].payload, {}), `${kind} requires its fields`);
  }
});

test('the jobs of a link are one entity, and of nothing else', () => {
  const link = jobKinds.filter((kind) => entityOf(kind, examples[kind]) === 'link:acme');
  assert.deepEqual(link.toSorted(), ['LINK', 'LINK_PREPARE', 'RENEW', 'ROTATE_LINK', 'UNLINK']);
  for (const kind of jobKinds) assert.doesNotMatch(entityOf(kind, examples[kind]), /undefined/, kind);
});

test('each key is an entity of its own, and looking at keys waits for none of them', () => {
  const rotating = [
    entityOf('KEY_ROTATE', { tenant: 'acme' }),
    entityOf('KEY_ROTATE', { tenant: 'acme', service: 'payments' }),
    entityOf('KEY_ROTATE', { tenant: 'acme', service: 'billing' }),
    entityOf('KEY_INSPECT', { tenant: 'acme' }),
  ];
  assert.equal(new Set(rotating).size, rotating.length);
  // What is asked of one key keeps its order.
  for (const kind of ['KEY_ROTATE', 'KEY_COMPROMISE', 'ROTATION_POLICY', 'KEY_DESTROY'] as const)
    assert.equal(entityOf(kind, { ...examples[kind], service: 'payments' }), 'keys:acme/payments', kind);
});

test('a drill is an entity apart from the link and the keys: it waits for neither, and neither for it', () => {
  const drills = jobKinds.filter((kind) => entityOf(kind, examples[kind]) === 'drill:acme');
  assert.deepEqual(drills.toSorted(), ['DRILL_CUT', 'DRILL_RESTORE']);
});

test('only what takes something away is urgent, and the drill that measures it', () => {
  assert.deepEqual(jobKinds.filter((kind) => laneOf(kind) === 'urgent').toSorted(), [
    'DRILL_CUT',
    'DRILL_RESTORE',
    'GOVERNANCE_KEYS',
    'IDENTITY_REMOVE',
    'KEY_COMPROMISE',
    'UNLINK',
  ]);
});

test('an epoch is a positive 31-bit integer', () => {
  for (const epoch of [0, -1, 1.5, 2 ** 31, '1', null]) {
    assert.ok(!Value.Check(jobs.LINK_PREPARE.payload, { tenant: 'acme', epoch }), String(epoch));
  }
});

test('an instant is one that there is', () => {
  const at = (expiresAt: string) => Value.Check(jobs.RENEW.result, { epoch: 1, expiresAt });
  for (const good of ['2026-11-26T13:37:58.000Z', '2024-02-29T00:00:00.000Z', '9999-12-31T23:59:59.999Z'])
    assert.ok(at(good), good);
  for (const bad of [
    '2026-13-01T00:00:00.000Z',
    '2026-02-29T00:00:00.000Z',
    '2026-04-31T00:00:00.000Z',
    '2026-01-01T24:00:00.000Z',
    '2026-01-01T00:60:00.000Z',
    '0000-01-01T00:00:00.000Z',
    '2026-01-01T00:00:00Z',
  ])
    assert.ok(!at(bad), bad);
});

test('names are parsed, never assumed', () => {
  assert.equal(parseTenantId('acme-2'), 'acme-2');
  for (const bad of ['', '-a', 'a-', 'A', 'a_b', 'a'.repeat(64), 'a/b', "a'b", 7, undefined]) {
    assert.throws(() => parseTenantId(bad), InvalidNameError, String(bad));
  }
  assert.throws(() => parseKeyFingerprint('AB'.repeat(32)), /lower-case/);
});
