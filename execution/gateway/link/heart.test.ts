/** The heartbeat's verdict is about the core: nothing that a client made us write may turn it (D7). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { createLogger } from '../../../platform/log.ts';
import { generateKeyPair } from '../../envelope/index.ts';
import { KmipClientError, KmipError } from '../../kmip/index.ts';
import { type AuditEvent, MeshOperation } from '../../mesh/index.ts';
import { FakeCore, freshStore, REGION, silent } from '../fixture.test.ts';
import { Identities } from '../identities.ts';
import { LeaseBook } from '../keys/lease-book.ts';
import { HEARTBEAT_INTERVAL_MS, MIN_RECONNECT_MS, RECONNECT } from '../limits.ts';
import { Tenants } from '../tenants.ts';
import { CoreLink } from './core-link.ts';
import { Heart } from './heart.ts';
import { PushApplier } from './push-applier.ts';
import { PushFeed } from './push-feed.ts';

const FIRST_RETRY_MS = MIN_RECONNECT_MS + RECONNECT.baseMs;

const event = (id: string, uid?: string): AuditEvent => ({
  id,
  at: '2026-01-01T00:00:00.000Z',
  event: 'OPERATION_REFUSED',
  outcome: 'refused',
  ...(uid === undefined ? {} : { uid }),
});

async function setUp() {
  const core = new FakeCore();
  const taken: AuditEvent[] = [];
  core.answers[MeshOperation.Heartbeat] = ({ audit }) => {
    taken.push(...audit);
    return { head: 0, renewed: [], unknown: [] };
  };
  core.answers[MeshOperation.Sync] = () => ({ head: 0, pushes: [], snapshot: false, more: false });
  const log: { reason?: string }[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'debug',
    destination: { write: (line: string) => void log.push(JSON.parse(line) as { reason?: string }) },
  });
  const store = freshStore();
  const link = new CoreLink({ open: core.open, logger: silent });
  const tenants = new Tenants(store.registry);
  const applier = new PushApplier({
    store,
    tenants,
    identities: new Identities(store.registry),
    logger: silent,
    effects: {
      tenantClosed: () => undefined,
      serviceFlushed: () => undefined,
      serviceRotated: () => undefined,
      objectChanged: () => undefined,
      identityRemoved: () => undefined,
      issuersChanged: () => undefined,
    },
  });
  const feed = new PushFeed({
    link,
    applier,
    logger: silent,
    subscribe: () => ({ close: () => undefined }),
  });
  const leases = new LeaseBook({
    region: REGION,
    link,
    tenants,
    logger: silent,
    keyPair: await generateKeyPair(),
    currency: { isCurrent: true, appliedHead: 0, sync: async () => undefined, observeHead: () => undefined },
    onEnded: () => undefined,
  });
  const heart = new Heart({ link, store, applier, feed, leases, logger });
  return {
    core,
    taken,
    log,
    store,
    link,
    heart,
    async stop() {
      await heart.stop();
      feed.close();
      leases.close();
      store.close();
    },
  };
}

describe('a heartbeat', () => {
  it('drops and logs an audit event that no message can carry, and hands over the others', async () => {
    const { heart, store, link, taken, log, stop } = await setUp();
    store.audit.append(event('1'));
    store.audit.append(event('2', 'l3:\uD83D'));
    store.audit.append({ ...event('3'), outcome: 7 as unknown as 'refused', at: 5 as unknown as string });
    store.audit.append(event('4'));
    await heart.beat();
    assert.equal(link.isUp, true);
    assert.deepEqual(
      taken.map(({ id }) => id),
      ['1', '4'],
    );
    assert.equal(log.filter(({ reason }) => reason === 'AUDIT_UNSENDABLE').length, 2);
    assert.equal(store.audit.size, 0, 'the events are not tried again');
    await stop();
  });

  it('goes on without the audit events that the core fails on, and keeps them', async () => {
    const { core, heart, store, link, taken, log, stop } = await setUp();
    let refuses = true;
    core.answers[MeshOperation.Heartbeat] = ({ audit }) => {
      if (refuses && audit.length > 0) throw KmipError.generalFailure('the trail cannot be written');
      taken.push(...audit);
      return { head: 0, renewed: [], unknown: [] };
    };
    store.audit.append(event('1'));
    await heart.beat();
    assert.equal(link.isUp, true);
    assert.equal(store.audit.size, 1);
    assert.ok(log.some(({ reason }) => reason === 'AUDIT_NOT_TAKEN'));
    refuses = false;
    await heart.beat();
    assert.equal(taken[0]?.id, '1');
    assert.equal(store.audit.size, 0);
    await stop();
  });

  it('still finds a core that is away, or that answers with a failure', async () => {
    const { core, heart, link, stop } = await setUp();
    await heart.beat();
    assert.equal(link.isUp, true);
    core.isCut = true;
    await heart.beat();
    assert.equal(link.isUp, false);
    core.isCut = false;
    core.answers[MeshOperation.Heartbeat] = () => {
      throw new KmipClientError('KMIP_TIMEOUT', 'never');
    };
    await heart.beat();
    assert.equal(link.isUp, false);
    await stop();
  });

  it('finds a core again at once that was away for a moment, whichever lane noticed', async (t) => {
    const { heart, link, core, stop } = await setUp();
    t.mock.timers.enable({ apis: ['setTimeout'] });
    await heart.start();
    link.markDown(new Error('a connection was lost'));
    t.mock.timers.tick(FIRST_RETRY_MS);
    await turnOfTheLoop();
    assert.equal(link.isUp, true, 'not a whole interval later');
    core.isCut = true;
    await heart.beat();
    assert.equal(link.isUp, false);
    core.isCut = false;
    t.mock.timers.tick(HEARTBEAT_INTERVAL_MS);
    await turnOfTheLoop();
    assert.equal(link.isUp, true);
    await stop();
  });
});
