/** What this gateway writes for the region's trail can always be handed over, whatever a client put into a request. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCorrelationId } from '../../contracts/index.ts';
import { decodeMeshRequest, encodeMeshRequest, MeshOperation, meshPayload } from '../mesh/index.ts';
import { type Actor, Audit } from './audit.ts';
import { anIdentity, anObject, freshStore, silent } from './fixture.test.ts';
import { MAX_AUDIT_TEXT_LENGTH } from './limits.ts';
import type { Store } from './store/store.ts';

const by: Actor = {
  requester: { identity: anIdentity('a'), peer: '127.0.0.1:1' },
  correlationId: parseCorrelationId('gw-1'),
};

async function eventsOf(store: Store) {
  await store.commit(() => undefined); // behind whatever was written before
  const message = encodeMeshRequest(MeshOperation.Heartbeat, {
    appliedHead: 0,
    backlog: 0,
    leases: [],
    audit: store.audit.oldest(100).events,
  });
  const { item } = decodeMeshRequest(message);
  return meshPayload(MeshOperation.Heartbeat, item).audit;
}

describe('audit events', () => {
  it('hold texts that every reader takes: well-formed, without U+0000, bounded', async () => {
    const store = freshStore();
    const audit = new Audit(store, silent);
    const poison = `l3:${'a'.repeat(124)}\u{1F600}`.slice(0, 128);
    assert.equal(poison.isWellFormed(), false);
    audit.refused({ event: 'OPERATION_REFUSED', outcome: 'refused', uid: poison });
    audit.refused({
      event: 'OPERATION_REFUSED',
      outcome: 'refused',
      uid: 'a\0b',
      reason: 'x'.repeat(10_000),
    });
    const [first, second] = await eventsOf(store);
    assert.equal(first?.uid, `l3:${'a'.repeat(124)}\uFFFD`);
    assert.equal(second?.uid, 'a\uFFFDb');
    assert.equal(second?.reason?.length, MAX_AUDIT_TEXT_LENGTH);
    store.close();
  });

  it('tell of every key that was given out, gathered into few writes', async () => {
    const store = freshStore();
    const audit = new Audit(store, silent);
    const objects = Array.from({ length: 20 }, () => anObject());
    for (const object of objects) audit.read(object, by);
    await audit.flush();
    const events = await eventsOf(store);
    assert.deepEqual(
      events.map(({ event, outcome, operation, uid }) => ({ event, outcome, operation, uid })),
      objects.map(({ uid }) => ({ event: 'OBJECT_READ', outcome: 'success', operation: 'Get', uid })),
    );
    assert.equal(events[0]?.application, 'app');
    assert.equal(events[0]?.peer, '127.0.0.1:1');
    store.close();
  });
});
