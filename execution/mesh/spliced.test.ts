import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeAuditEvent } from './audit.ts';
import { MAX_MESH_MESSAGE_BYTES } from './limits.ts';
import { decodeMeshRequest, encodeMeshRequest, MeshOperation, meshPayload } from './operations.ts';
import { withEncoded } from './spliced.ts';

const heartbeat = (ids: readonly string[]) => ({
  appliedHead: 7,
  backlog: 3,
  leases: [],
  audit: ids.map((id) => ({
    id,
    at: '2026-01-01T00:00:00.000Z',
    event: 'OBJECT_READ',
    outcome: 'success' as const,
  })),
});

test('entries that are encoded already make the message that encoding them with it would have made', () => {
  const whole = encodeMeshRequest(MeshOperation.Heartbeat, heartbeat(['1', '2', '3']));
  const parts = heartbeat(['2', '3']).audit.map(encodeAuditEvent);
  const spliced = withEncoded(encodeMeshRequest(MeshOperation.Heartbeat, heartbeat(['1'])), parts);
  assert.deepEqual(Buffer.from(spliced), Buffer.from(whole));
  const { item } = decodeMeshRequest(spliced);
  assert.equal(meshPayload(MeshOperation.Heartbeat, item).audit.length, 3);
});

test('a message that becomes too large is not made', () => {
  const message = encodeMeshRequest(MeshOperation.Heartbeat, heartbeat([]));
  assert.equal(withEncoded(message, []), message);
  assert.throws(() => withEncoded(message, [new Uint8Array(MAX_MESH_MESSAGE_BYTES)]), {
    code: 'OKCM_MESH_MALFORMED',
  });
});
