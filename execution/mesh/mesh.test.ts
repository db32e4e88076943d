// The mesh's codecs through the public door: what goes in comes out, and what does not follow its shape is refused.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  parseApplicationName,
  parseCorrelationId,
  parseKeyFingerprint,
  parseServiceName,
  parseTenantId,
} from '../../contracts/index.ts';
import {
  decodeRequest,
  encodeRequest,
  ItemType,
  KmipError,
  LATEST_VERSION,
  ObjectType,
  Operation,
} from '../kmip/index.ts';
import { type ManagedObject, make, nameAttribute, State, VendorTag } from '../objects/index.ts';
import {
  decodeMeshRequest,
  decodeMeshResponse,
  decodePush,
  encodeMeshFailure,
  encodeMeshRequest,
  encodeMeshResponse,
  encodePush,
  encodePushAnswer,
  MAX_ANNOUNCED_OBJECTS,
  MAX_LEASED_KEYS,
  MAX_LIVING_VERSIONS,
  MAX_WANTED_VERSIONS,
  MeshOperation,
  type MeshRequest,
  type MeshResponse,
  meshPayload,
  type Push,
  readPushAnswer,
} from './index.ts';

const tenant = parseTenantId('acme');
const service = parseServiceName('billing');
const fingerprint = parseKeyFingerprint('ab'.repeat(32));
const application = parseApplicationName('app-1');
const caller = { fingerprint, tenant, application };

function object(uid = 'uid-1'): ManagedObject {
  return {
    uid,
    tenant,
    service,
    objectType: ObjectType.SymmetricKey,
    state: State.PreActive,
    dates: { initial: 1_700_000_000, lastChange: 1_700_000_001 },
    usageMask: 12,
    cryptographicAlgorithm: 3,
    cryptographicLength: 256,
    digest: Uint8Array.from(randomBytes(32)),
    wrapped: Uint8Array.from(randomBytes(120)),
    attributes: [nameAttribute('a name'), make.text('x-note', 'ü')],
    revision: 7,
  };
}

function requestRoundTrip<O extends MeshOperation>(operation: O, value: MeshRequest<O>): void {
  const decoded = decodeMeshRequest(encodeMeshRequest(operation, value));
  assert.equal(decoded.operation, operation);
  assert.deepEqual(meshPayload(operation, decoded.item), value);
}

function responseRoundTrip<O extends MeshOperation>(operation: O, value: MeshResponse<O>): void {
  const { item } = decodeMeshRequest(encodeMeshRequest(MeshOperation.Sync, { after: 0 }));
  const answered = encodeMeshResponse(operation, { ...item, operation }, value);
  assert.deepEqual(decodeMeshResponse(operation, answered), value);
}

const pushes: readonly Push[] = [
  { kind: 'identity.put', identity: { ...caller, services: [service], operations: null } },
  { kind: 'identity.put', identity: { ...caller, services: [], operations: ['Get', 'Encrypt'] } },
  { kind: 'identity.remove', fingerprint },
  { kind: 'issuer.put', fingerprint: 'cd'.repeat(32), certificatePem: '-----BEGIN CERTIFICATE-----\n' },
  { kind: 'tenant.closed', tenant, epoch: 3 },
  { kind: 'tenant.opened', tenant, epoch: 4 },
  { kind: 'service.flush', tenant, service },
  { kind: 'service.flush', tenant, service, version: 7 },
  { kind: 'service.rotated', tenant, service },
  { kind: 'service.rotated', tenant, service, version: 8 },
  { kind: 'object.put', object: object() },
  { kind: 'object.destroyed', tenant, uid: 'uid-9' },
  { kind: 'announce.asked', asked: 1_764_115_200_000_000 },
];

/** The gateway holds all that it may need. */
const withoutKeys: MeshResponse<typeof MeshOperation.Lease> = {
  outcome: 'granted',
  head: 5,
  ttlMs: 1,
  graceMs: 0,
  activeVersion: 1,
  living: [1],
  etag: '1-1-1',
  keys: [],
  wrapBudget: 1,
  isSpent: false,
};

test('every request comes out as it went in', () => {
  const correlationId = parseCorrelationId('c-1');
  const message = Uint8Array.from([1, 2, 3]);
  requestRoundTrip(MeshOperation.Tunnel, { message, caller, correlationId });
  requestRoundTrip(MeshOperation.Tunnel, { message, caller, correlationId, items: [], idPlaceholder: 'x' });
  requestRoundTrip(MeshOperation.Tunnel, { message, caller, correlationId, items: [0, 3] });
  requestRoundTrip(MeshOperation.Announce, { objects: [object('a'), object('b')] });
  requestRoundTrip(MeshOperation.Announce, { objects: [], answers: 1_764_115_200_000_000 });
  requestRoundTrip(MeshOperation.Lease, {
    tenant,
    service,
    recipientPublicKey: Uint8Array.from(randomBytes(1216)),
    appliedHead: 9_000_000_000,
    held: [],
    wanted: [],
  });
  requestRoundTrip(MeshOperation.Lease, {
    tenant,
    service,
    recipientPublicKey: Uint8Array.from(randomBytes(1216)),
    appliedHead: 1,
    held: [1, 2, 3, 5, 4_294_967_295],
    wanted: [4],
    wraps: { version: 3, left: 2 ** 36 },
  });
  requestRoundTrip(MeshOperation.Heartbeat, {
    appliedHead: 0,
    backlog: 3,
    leases: [
      { tenant, service },
      { tenant, service, idleMs: 1_500 },
    ],
    audit: [
      {
        id: 'e1',
        at: '2026-01-01T00:00:00.000Z',
        event: 'CONNECTION_REFUSED',
        outcome: 'refused',
        reason: 'EXPIRED',
      },
    ],
  });
  requestRoundTrip(MeshOperation.Sync, { after: 12 });
  requestRoundTrip(MeshOperation.Subscribe, { after: 12 });
});

test('every response comes out as it went in', () => {
  responseRoundTrip(MeshOperation.Tunnel, {
    message: Uint8Array.from([9]),
    effects: pushes.map((push, i) => ({ number: i + 1, push })),
  });
  responseRoundTrip(MeshOperation.Announce, {
    outcomes: [
      { uid: 'a', outcome: 'accepted' },
      { uid: 'b', outcome: 'tombstone' },
      { uid: 'c', outcome: 'name-conflict', object: object('c') },
      { uid: 'd', outcome: 'refused', reason: 'why' },
    ],
  });
  responseRoundTrip(MeshOperation.Lease, { outcome: 'behind', head: 5 });
  responseRoundTrip(MeshOperation.Lease, { outcome: 'refused', reason: 'LINK_EXPIRED', head: 5 });
  responseRoundTrip(MeshOperation.Lease, {
    outcome: 'granted',
    head: 5,
    ttlMs: 300_000,
    graceMs: 900_000,
    activeVersion: 2,
    living: [1, 2, 7],
    etag: '2-3-10',
    leaseKey: { enc: Uint8Array.from([1]), ct: Uint8Array.from([2]) },
    keys: [{ version: 2, sealed: Uint8Array.from([3]) }],
    wrapBudget: 2 ** 26,
    isSpent: false,
  });
  responseRoundTrip(MeshOperation.Lease, { ...withoutKeys, isSpent: true, wrapBudget: 0 });
  responseRoundTrip(MeshOperation.Heartbeat, {
    head: 5,
    renewed: [{ tenant, service, ttlMs: 1, etag: '2-3-10' }],
    unknown: [{ tenant, service }],
  });
  responseRoundTrip(MeshOperation.Sync, { head: 5, snapshot: false, more: true, pushes: [] });
  responseRoundTrip(MeshOperation.Subscribe, { head: 5 });
});

test('every push travels as KMIP Put or Notify and is answered', () => {
  pushes.forEach((push, i) => {
    const { item, numbered } = decodePush(encodePush({ number: i + 1, push }));
    assert.deepEqual(numbered, { number: i + 1, push });
    assert.equal(item.operation, push.kind === 'object.put' ? Operation.Put : Operation.Notify);
    assert.equal(item.messageExtension?.criticalityIndicator, true);
    readPushAnswer(encodePushAnswer(item));
    assert.throws(
      () => readPushAnswer(encodePushAnswer(item, KmipError.generalFailure('disk full'))),
      /disk full/,
    );
  });
});

test('an answer does not share memory with the message it came in', () => {
  const bytes = encodeMeshRequest(MeshOperation.Announce, { objects: [object()] });
  const { item } = decodeMeshRequest(bytes);
  const [decoded] = meshPayload(MeshOperation.Announce, item).objects;
  const before = Uint8Array.from(decoded?.wrapped ?? []);
  bytes.fill(0);
  assert.deepEqual(decoded?.wrapped, before);
});

test('more objects than an announcement may hold are refused', () => {
  const objects = Array.from({ length: MAX_ANNOUNCED_OBJECTS + 1 }, (_, i) => object(`u${i}`));
  const { item } = decodeMeshRequest(encodeMeshRequest(MeshOperation.Announce, { objects }));
  assert.throws(() => meshPayload(MeshOperation.Announce, item), KmipError);
});

const leaseRequest: MeshRequest<typeof MeshOperation.Lease> = {
  tenant,
  service,
  recipientPublicKey: new Uint8Array(1),
  appliedHead: 0,
  held: [],
  wanted: [],
};

/** The list of versions that a gateway holds, as it arrives at the core. */
function heldAfterwards(held: readonly number[]): readonly number[] {
  const { item } = decodeMeshRequest(encodeMeshRequest(MeshOperation.Lease, { ...leaseRequest, held }));
  return meshPayload(MeshOperation.Lease, item).held;
}

test('any list of versions comes out ascending and without repetitions', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 0xffff_ffff }))),
      (list) => {
        assert.deepEqual(
          heldAfterwards(list),
          [...new Set(list)].sort((a, b) => a - b),
        );
      },
    ),
  );
});

test('versions that are neighbours take no room', () => {
  const all = Array.from({ length: MAX_LIVING_VERSIONS }, (_, i) => i + 1);
  const one = encodeMeshRequest(MeshOperation.Lease, { ...leaseRequest, held: [1] });
  assert.equal(encodeMeshRequest(MeshOperation.Lease, { ...leaseRequest, held: all }).length, one.length);
  assert.deepEqual(heldAfterwards(all), all);
});

test('lists of versions that are no lists, or name too many, are refused before they take memory', () => {
  const runs = (...numbers: number[]) => {
    const bytes = Buffer.alloc(numbers.length * 4);
    for (const [i, number] of numbers.entries()) bytes.writeUInt32BE(number, i * 4);
    return bytes;
  };
  const hostile = {
    'cut off': runs(1),
    'from nothing': runs(0, 1),
    backwards: runs(5, 4),
    overlapping: runs(1, 5, 5, 6),
    'not joined': runs(1, 5, 6, 7),
    'four billion': runs(1, 0xffff_ffff),
    'one too many': runs(1, MAX_LIVING_VERSIONS, MAX_LIVING_VERSIONS + 9, MAX_LIVING_VERSIONS + 9),
  };
  for (const [name, bytes] of Object.entries(hostile)) {
    const { item } = decodeMeshRequest(encodeMeshRequest(MeshOperation.Lease, leaseRequest));
    const value = item.payload.value.map((field) =>
      field.tag === VendorTag.HeldVersions ? { ...field, type: ItemType.ByteString, value: bytes } : field,
    );
    const changed = { ...item, payload: { ...item.payload, value } } as typeof item;
    assert.throws(() => meshPayload(MeshOperation.Lease, changed), KmipError, name);
  }
});

test('more versions by name, or more keys, than a lease may hold are refused', () => {
  const wanted = Array.from({ length: MAX_WANTED_VERSIONS + 1 }, (_, i) => i + 1);
  const { item } = decodeMeshRequest(encodeMeshRequest(MeshOperation.Lease, { ...leaseRequest, wanted }));
  assert.throws(() => meshPayload(MeshOperation.Lease, item), KmipError);
  const keys = Array.from({ length: MAX_LEASED_KEYS + 1 }, () => ({ version: 1, sealed: new Uint8Array(1) }));
  const leaseKey = { enc: new Uint8Array(1), ct: new Uint8Array(1) };
  const hostile = [
    { ...withoutKeys, keys, leaseKey },
    { ...withoutKeys, keys: keys.slice(0, 1) },
    { ...withoutKeys, activeVersion: 2 },
  ];
  for (const value of hostile) {
    const answer = encodeMeshResponse(
      MeshOperation.Lease,
      { ...item, operation: MeshOperation.Lease },
      value,
    );
    assert.throws(() => decodeMeshResponse(MeshOperation.Lease, answer), KmipError);
  }
});

test('a name that breaks its grammar is refused as a KMIP error', () => {
  const value = { ...leaseRequest, tenant: 'UPPER' };
  const { item } = decodeMeshRequest(
    encodeMeshRequest(MeshOperation.Lease, value as MeshRequest<0x80000003>),
  );
  assert.throws(() => meshPayload(MeshOperation.Lease, item), KmipError);
});

test("an application's operation is refused on this port, and told where to go", () => {
  const bytes = encodeRequest({
    header: { protocolVersion: LATEST_VERSION, batchCount: 1 },
    items: [{ operation: Operation.Query, payload: { tag: 0x420079, type: 1, value: [] } }],
  });
  assert.throws(() => decodeMeshRequest(bytes), /gateway/);
  const [item] = decodeRequest(bytes).items;
  assert.ok(item);
  assert.throws(
    () => decodeMeshResponse(MeshOperation.Sync, encodeMeshFailure(item, KmipError.permissionDenied('no'))),
    (error: unknown) => error instanceof KmipError && error.message === 'no',
  );
});
