// The mesh's codecs through the public door: what goes in comes out, and what does not follow its shape is refused.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
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
  KmipError,
  LATEST_VERSION,
  ObjectType,
  Operation,
} from '../kmip/index.ts';
import { type ManagedObject, make, nameAttribute, State } from '../objects/index.ts';
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
  { kind: 'object.put', object: object() },
  { kind: 'object.destroyed', tenant, uid: 'uid-9' },
];

test('every request comes out as it went in', () => {
  const correlationId = parseCorrelationId('c-1');
  const message = Uint8Array.from([1, 2, 3]);
  requestRoundTrip(MeshOperation.Tunnel, { message, caller, correlationId });
  requestRoundTrip(MeshOperation.Tunnel, { message, caller, correlationId, items: [], idPlaceholder: 'x' });
  requestRoundTrip(MeshOperation.Tunnel, { message, caller, correlationId, items: [0, 3] });
  requestRoundTrip(MeshOperation.Announce, { objects: [object('a'), object('b')] });
  requestRoundTrip(MeshOperation.Lease, {
    tenant,
    service,
    recipientPublicKey: Uint8Array.from(randomBytes(1216)),
    appliedHead: 9_000_000_000,
  });
  requestRoundTrip(MeshOperation.Heartbeat, {
    appliedHead: 0,
    backlog: 3,
    leases: [{ tenant, service }],
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
    versions: [{ version: 2, use: 'encrypt', enc: Uint8Array.from([1]), ct: Uint8Array.from([2]) }],
  });
  responseRoundTrip(MeshOperation.Heartbeat, { head: 5, renewed: [{ tenant, service, ttlMs: 1 }] });
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

test('a name that breaks its grammar is refused as a KMIP error', () => {
  const value = { tenant: 'UPPER', service, recipientPublicKey: new Uint8Array(1), appliedHead: 0 };
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
