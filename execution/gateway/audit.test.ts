/** What this gateway writes for the region's trail can always be handed over, whatever a client put into a request. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseCorrelationId } from '../../contracts/index.ts';
import { createLogger } from '../../platform/log.ts';
import {
  decodeAuditEvents,
  decodeMeshRequest,
  encodeAuditEvent,
  encodeMeshRequest,
  MeshOperation,
  meshPayload,
  withEncoded,
} from '../mesh/index.ts';
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
  const { events, encoded } = store.audit.oldest(100);
  const message = withEncoded(
    encodeMeshRequest(MeshOperation.Heartbeat, { appliedHead: 0, backlog: 0, leases: [], audit: events }),
    encoded,
  );
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

  it('of the hot path are what the general codec makes of them, and are told apart', async () => {
    const store = freshStore();
    const audit = new Audit(store, silent, { correlationText: (number) => `gw-${number}` });
    const objects = [anObject(), anObject({ uid: 'Schlüssel' }), anObject()];
    for (const { uid } of objects) audit.noteRead(uid, by.requester, 7);
    await store.commit(() => {
      for (const object of objects) audit.created(object, by);
    });
    await audit.flush();
    const { encoded } = store.audit.oldest(100);
    const events = encoded.flatMap(decodeAuditEvents);
    assert.equal(events.length, 6);
    assert.equal(new Set(events.map(({ id }) => id)).size, 6);
    assert.deepEqual(Buffer.concat(encoded), Buffer.concat(events.map(encodeAuditEvent)), 'byte for byte');
    assert.ok(events.every(({ at }) => Math.abs(Date.parse(at) - Date.now()) < 60_000));
    const created = events.filter(({ event }) => event === 'OBJECT_CREATED');
    assert.deepEqual(
      created.map(({ operation, uid, correlationId }) => ({ operation, uid, correlationId })),
      objects.map(({ uid }) => ({ operation: 'Create', uid, correlationId: 'gw-1' })),
    );
    store.close();
  });

  it('wait for a store that is out of order, and are not lost while there is room', async () => {
    const store = freshStore();
    const audit = new Audit(store, silent, { maxNoted: 3 });
    const { commit } = store;
    store.commit = () => Promise.reject(new Error('the disk is gone'));
    for (let i = 0; i < 3; i++) audit.noteRead(`uid-${i}`, by.requester, i);
    await audit.flush();
    assert.equal(audit.waiting, 3);
    assert.equal(audit.isFull, true, 'what must be recorded is refused');
    store.commit = commit;
    await audit.flush();
    assert.equal(audit.isFull, false);
    assert.deepEqual(
      (await eventsOf(store)).map(({ uid }) => uid),
      ['uid-0', 'uid-1', 'uid-2'],
    );
    audit.close();
    store.close();
  });

  it('past the room in memory and store are let go where that was chosen: counted, logged, and told of later', async () => {
    const store = freshStore();
    const lost: string[] = [];
    const lines: string[] = [];
    const log = { write: (line: string) => void lines.push(line) };
    const audit = new Audit(store, createLogger({ name: 'test', level: 'error', destination: log }), {
      whenFull: 'drop',
      maxWaiting: 2,
      onLost: (event) => lost.push(event),
    });
    for (let i = 0; i < 2; i++) audit.noteRead(`uid-${i}`, by.requester, i);
    await audit.flush();
    assert.equal(audit.isFull, false, 'nothing is refused');
    audit.noteRead('uid-2', by.requester, 2);
    assert.equal(audit.createdEntry('uid-3', by.requester, 3), undefined);
    assert.deepEqual(lost, ['OBJECT_READ', 'OBJECT_CREATED']);
    assert.match(lines.join(), /AUDIT_LOST/);
    const { encodedUpTo } = store.audit.oldest(10);
    await store.commit(() => store.audit.acknowledge(0, encodedUpTo));
    for (let i = 0; i < 300 && store.audit.size === 0; i++) await delay(10);
    const [told] = await eventsOf(store);
    assert.equal(told?.event, 'AUDIT_LOST');
    assert.equal(told?.reason, '2 audit events were let go');
    audit.close();
    store.close();
  });
});
