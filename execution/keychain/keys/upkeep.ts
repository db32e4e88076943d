/**
 * What the region does for a tenant's keys by itself: one small piece of work for each call, in the caller's transaction.
 * `due_at` of the tenant's head says when to look again; the manifest says what to do.
 */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import { KeychainError } from '../errors.ts';
import { REFUSED_WORK_RETRY_MS } from '../limits.ts';
import { lockTenant, lookAgainAt } from '../links/link-store.ts';
import { resealLinks } from '../links/reseal.ts';
import type { Realm } from '../realm.ts';
import { ivkOf } from '../root/ivks.ts';
import type { Db } from '../tables.ts';
import { retireL2 } from './destruction.ts';
import type { KeyEvent } from './key-events.ts';
import { activeOf } from './key-history.ts';
import { historyOf, type Manifest } from './manifest.ts';
import { rewrap } from './rewrap.ts';
import { prepareL3, rotateKey } from './rotation.ts';
import { dueAtMs, type Work, workDue } from './schedule.ts';
import { findTenant, type StoredTenant, saveTenant } from './tenant-keys.ts';
import { readUsage, WRAPS_BEFORE_ROTATION } from './usage.ts';

/** Tenants for which something is to be done, the longest due first; those under an older IVK come last. */
export async function tenantsWithWork(db: Db, realm: Realm, limit: number): Promise<TenantId[]> {
  const due = await db
    .selectFrom('keychain.link_heads')
    .select('tenant')
    .where('due_at', '<=', new Date(realm.now()))
    .orderBy('due_at')
    .limit(limit)
    .execute();
  const tenants = new Set(due.map((row) => row.tenant as TenantId));
  for (const tenant of tenants.size < limit ? await tenantsUnderOlderIvk(db, realm, limit) : []) {
    if (tenants.size < limit) tenants.add(tenant);
  }
  return [...tenants];
}

async function tenantsUnderOlderIvk(db: Db, realm: Realm, limit: number): Promise<TenantId[]> {
  const { activeIvk } = realm.root();
  const tenants: TenantId[] = [];
  for (const table of ['keychain.link_heads', 'keychain.links'] as const) {
    const rows = await db
      .selectFrom(table)
      .select('tenant')
      .where('ivk', '<', activeIvk)
      .orderBy('ivk')
      .limit(limit)
      .execute();
    tenants.push(...rows.map((row) => row.tenant as TenantId));
  }
  return tenants;
}

/**
 * One piece of work, if there is any. Events tell what was done.
 * @throws KeychainError LINK_CLOSED and LINK_EXPIRED where the work needs a living link: `postpone` it then.
 */
export async function upkeep(tx: Db, realm: Realm, tenant: TenantId): Promise<readonly KeyEvent[]> {
  const { epochs, manifestCounter } = await lockTenant(tx, tenant);
  await resealLinks(tx, realm, tenant);
  const stored = await findTenant(tx, realm, tenant);
  if (stored === null) return [];
  if (manifestCounter !== null && stored.counter > manifestCounter) return await recover(tx, realm, stored);
  if (stored.manifest.closedEpoch < epochs.closed) {
    await saveTenant(tx, realm, stored, { ...stored.manifest, closedEpoch: epochs.closed });
    return [];
  }
  if (ivkOf(stored.regionalSecret) !== realm.root().activeIvk) {
    await saveTenant(tx, realm, stored, stored.manifest);
    return [];
  }
  const due = [
    ...workDue(stored.manifest, realm.rotation, realm.now()),
    ...(await spentBudgets(tx, tenant, stored.manifest)),
  ];
  for (const work of due) {
    const events = await unlessRefused(() => done(tx, realm, tenant, work));
    if (events !== null) return events;
  }
  // Whatever could not be done now is looked at again, but not at once.
  const retryMs = due.length === 0 ? null : realm.now() + REFUSED_WORK_RETRY_MS;
  await lookAgainAt(tx, tenant, retryMs ?? dueAtMs(stored.manifest, realm.rotation, realm.now()));
  return [];
}

/**
 * A store of its own kept a change whose transaction failed: nobody was told. Everybody drops what they hold of the tenant and
 * asks anew.
 */
async function recover(tx: Db, realm: Realm, stored: StoredTenant): Promise<readonly KeyEvent[]> {
  await saveTenant(tx, realm, stored, stored.manifest);
  const { tenant, manifest } = stored;
  return Object.keys(manifest.services).map((service) => ({
    kind: 'recovered',
    tenant,
    service: service as ServiceName,
  }));
}

/** These are said before anything is written: one key at its limit keeps no other from being rotated. Null: refused. */
async function unlessRefused(work: () => Promise<readonly KeyEvent[]>): Promise<readonly KeyEvent[] | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KeychainError && (error.code === 'LIMIT_REACHED' || error.code === 'KEY_STATE'))
      return null;
    throw error;
  }
}

/** After a failure: the next look at this tenant is `delayMs` away. */
export async function postpone(db: Db, realm: Realm, tenant: TenantId, delayMs: number): Promise<void> {
  await lookAgainAt(db, tenant, realm.now() + delayMs);
}

/** L3 keys whose active version has wrapped enough (D5). */
async function spentBudgets(tx: Db, tenant: TenantId, manifest: Manifest): Promise<Work[]> {
  const spent: Work[] = [];
  for (const [service, versions] of await readUsage(tx, tenant)) {
    const history = historyOf(manifest, service);
    const wraps = history === undefined ? 0 : (versions.get(activeOf(history).version) ?? 0);
    if (wraps >= WRAPS_BEFORE_ROTATION) spent.push({ kind: 'rotate-l3', service });
  }
  return spent;
}

async function done(tx: Db, realm: Realm, tenant: TenantId, work: Work): Promise<readonly KeyEvent[]> {
  switch (work.kind) {
    case 'rewrap':
      return await rewrap(tx, realm, tenant, work.service as ServiceName);
    case 'retire':
      return await retireL2(tx, realm, tenant, work.version);
    case 'rotate-l2':
      return (await rotateKey(tx, realm, tenant, null)).events;
    case 'prepare-l3':
      return (await prepareL3(tx, realm, tenant, work.service as ServiceName)).events;
    case 'rotate-l3':
      return (await rotateKey(tx, realm, tenant, work.service as ServiceName)).events;
  }
}
