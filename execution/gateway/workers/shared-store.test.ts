/** Two processes on one store, as far as one process can play both: two connections to one file. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type NumberedPush, type Push, UNNUMBERED } from '../../mesh/index.ts';
import { anIdentity, anObject, REGION, SERVICE, silent, storePath, TENANT } from '../fixture.test.ts';
import { Identities } from '../identities.ts';
import { IvBudget } from '../keys/iv-budget.ts';
import { PushApplier } from '../link/push-applier.ts';
import { Store } from '../store/store.ts';
import { Tenants } from '../tenants.ts';

const SHARED = { isShared: true } as const;

class Process {
  readonly store: Store;
  readonly identities: Identities;
  readonly tenants: Tenants;
  readonly applier: PushApplier;
  readonly effects: string[] = [];

  constructor(path: string) {
    this.store = Store.open(path, REGION, SHARED);
    const { appliedHead } = this.store;
    this.identities = new Identities(this.store.registry);
    this.tenants = new Tenants(this.store.registry);
    const note = (what: string) => (about: unknown) => void this.effects.push(`${what} ${String(about)}`);
    this.applier = new PushApplier({
      store: this.store,
      identities: this.identities,
      tenants: this.tenants,
      logger: silent,
      isShared: true,
      appliedHead,
      effects: {
        tenantClosed: note('closed'),
        serviceFlushed: note('flushed'),
        serviceRotated: note('rotated'),
        objectChanged: (uid, now) => void this.effects.push(`changed ${uid} ${now?.revision ?? 'gone'}`),
        identityRemoved: note('removed'),
        issuersChanged: () => void this.effects.push('issuers'),
      },
    });
  }

  apply(...pushes: readonly NumberedPush[]): void {
    assert.ok(this.applier.applyInOrder(pushes));
  }
}

const numbered = (first: number, ...pushes: readonly Push[]): NumberedPush[] =>
  pushes.map((push, index) => ({ number: first + index, push }));

let path: string;
let early: Process;
let late: Process;

beforeEach(() => {
  path = storePath();
  early = new Process(path);
  late = new Process(path);
});
afterEach(() => {
  early.store.close();
  late.store.close();
});

describe('two processes that apply the same pushes to one store', () => {
  const identity = anIdentity('a');

  it('agree on who may connect, however late one of them is', () => {
    const pushes = numbered(
      1,
      { kind: 'identity.put', identity },
      { kind: 'identity.remove', fingerprint: identity.fingerprint },
    );
    early.apply(...pushes);
    for (const push of pushes) late.apply(push);
    assert.equal(late.identities.get(identity.fingerprint), undefined);
    assert.deepEqual(late.store.registry.identities(), []);
    assert.ok(late.effects.includes(`removed ${identity.fingerprint}`));
    assert.deepEqual(
      [early.applier.appliedHead, late.applier.appliedHead, late.store.appliedHead],
      [2, 2, 2],
    );
  });

  it('never take back what the other has written after them', () => {
    const [put, remove, again] = numbered(
      1,
      { kind: 'identity.put', identity },
      { kind: 'identity.remove', fingerprint: identity.fingerprint },
      { kind: 'identity.put', identity },
    );
    assert.ok(put !== undefined && remove !== undefined && again !== undefined);
    early.apply(put, remove, again);
    late.apply(put);
    late.apply(remove);
    assert.equal(late.store.appliedHead, 3);
    late.apply(again);
    for (const each of [early, late]) assert.deepEqual(each.identities.get(identity.fingerprint), identity);
    const third = new Process(path);
    assert.deepEqual(third.identities.get(identity.fingerprint), identity);
    assert.equal(third.applier.appliedHead, 3);
    third.store.close();
  });

  it('keep a key that comes with an answer, which no head tells of', () => {
    early.apply(...numbered(1, { kind: 'identity.put', identity }));
    const object = anObject();
    late.applier.applyEffects([{ number: UNNUMBERED, push: { kind: 'object.put', object } }]);
    assert.equal(early.store.objects.get(TENANT, object.uid)?.announced, true);
  });

  it('both end what a closure ends, also when the tenant is open again by then', () => {
    const pushes = numbered(
      1,
      { kind: 'tenant.closed', tenant: TENANT, epoch: 1 },
      { kind: 'tenant.opened', tenant: TENANT, epoch: 2 },
    );
    early.apply(...pushes);
    for (const push of pushes) late.apply(push);
    assert.ok(late.effects.includes(`closed ${TENANT}`));
    for (const each of [early, late]) assert.equal(each.tenants.isClosed(TENANT), false);
    const [row] = late.store.registry.tenants();
    assert.deepEqual(row, { tenant: TENANT, closedEpoch: 1, openedEpoch: 2 });
  });

  it('both forget what they hold of an object that has changed', () => {
    const object = anObject({ revision: 2 });
    const [put, destroyed] = numbered(
      1,
      { kind: 'object.put', object },
      { kind: 'object.destroyed', tenant: TENANT, uid: object.uid },
    );
    assert.ok(put !== undefined && destroyed !== undefined);
    for (const each of [early, late]) each.apply(put);
    for (const each of [early, late]) each.apply(destroyed);
    for (const each of [early, late])
      assert.deepEqual([...new Set(each.effects)], [`changed ${object.uid} 2`, `changed ${object.uid} gone`]);
    assert.equal(late.store.keys.peek(TENANT, object.uid), undefined);
  });

  it('both hear of rotations and flushes', () => {
    const [rotated] = numbered(1, { kind: 'service.rotated', tenant: TENANT, service: SERVICE, version: 2 });
    assert.ok(rotated !== undefined);
    for (const each of [early, late]) {
      each.apply(rotated);
      assert.deepEqual(each.effects, [`rotated ${TENANT}`]);
    }
  });
});

describe('two processes that write to one store', () => {
  it('see each other’s keys at once, and count them when they look', async () => {
    const object = anObject();
    await early.store.commit(() => {
      early.store.objects.insertNew(object);
      early.store.audit.append({ id: 'one', at: new Date().toISOString(), event: 'X', outcome: 'success' });
    });
    assert.equal(late.store.keys.peek(TENANT, object.uid)?.object.uid, object.uid);
    late.store.refresh();
    assert.deepEqual([late.store.objects.backlog, late.store.audit.size], [1, 1]);
    late.store.audit.acknowledge(late.store.audit.oldest(10).upTo);
    early.store.refresh();
    assert.equal(early.store.audit.size, 0);
  });

  it('wait for each other’s transactions without standing still', async () => {
    const other = new DatabaseSync(path, { timeout: 0 });
    other.exec('BEGIN IMMEDIATE');
    const object = anObject();
    let isDone = false;
    const committed = late.store
      .commit(() => late.store.objects.insertNew(object))
      .then(() => {
        isDone = true;
      });
    const startedAt = performance.now();
    await delay(50);
    assert.ok(performance.now() - startedAt < 1_000, 'the process stood still');
    assert.equal(isDone, false);
    other.exec('COMMIT');
    other.close();
    await committed;
    assert.ok(early.store.keys.peek(TENANT, object.uid) !== undefined);
  });

  it('spend random IVs out of one budget', async () => {
    const budgets = [
      new IvBudget(early.store, { limit: 10 }),
      new IvBudget(late.store, { limit: 10 }),
    ] as const;
    for (let n = 0; n < 4; n++) for (const budget of budgets) budget.spend('key');
    for (const budget of budgets) await budget.write();
    assert.equal(budgets[1].spentOf('key'), 8);
    budgets[1].spend('key');
    budgets[1].spend('key');
    assert.equal(budgets[1].trySpend('key'), false);
    await budgets[1].write();
    budgets[0].spend('key');
    await budgets[0].write();
    assert.equal(budgets[0].trySpend('key'), false);
  });
});
