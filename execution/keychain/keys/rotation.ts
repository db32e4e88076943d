/**
 * New versions of L2 and L3. Each function is one caller's transaction under the lock of the tenant, so that of two
 * cores that rotate the same key at once the second rotates what the first one made. No request waits for any of it:
 * what was wrapped under an older version still opens.
 */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import { KeychainError } from '../errors.ts';
import { type LinkFacts, lockTenant } from '../links/link-store.ts';
import type { Realm } from '../realm.ts';
import { type KeyRecord, L2 } from '../stores/key-store.ts';
import type { Db } from '../tables.ts';
import type { KeyEvent } from './key-events.ts';
import { activeOf, compromise, type KeyHistory, prepare, rotate } from './key-history.ts';
import { livingWrappingKey, openLivingL2 } from './l2-access.ts';
import { assertRoomToGrow, historyOf, type Manifest, stillExposed, withService } from './manifest.ts';
import {
  activeL2,
  l2Parent,
  loadTenant,
  newSecret,
  type StoredTenant,
  saveTenant,
  sealL2,
  sealL3,
  youngest,
} from './tenant-keys.ts';

export interface Rotated {
  /** The active version. */
  readonly version: number;
  readonly events: readonly KeyEvent[];
}

/**
 * A new active version of the tenant's L2 (`service` null) or of a service's L3. What stands under an older L2 is wrapped
 * anew afterwards, by `rewrap`.
 * @throws KeychainError TENANT_UNKNOWN, SERVICE_UNKNOWN, LINK_CLOSED, LINK_EXPIRED, SEALED, LIMIT_REACHED, STORE_UNAVAILABLE.
 */
export async function rotateKey(
  tx: Db,
  realm: Realm,
  tenant: TenantId,
  service: ServiceName | null,
): Promise<Rotated> {
  const { facts, stored } = await locked(tx, realm, tenant);
  const manifest =
    service === null
      ? await withNewL2(tx, realm, facts, stored, rotate)
      : await withNewL3(tx, realm, facts, stored, service, rotate);
  const version = activeOf(service === null ? manifest.l2 : required(manifest, service)).version;
  return { version, events: [{ kind: 'rotated', tenant, service, version }] };
}

/** The next L3 version, Pre-Active: gateways come to hold it before anybody wraps under it. @throws as `rotateKey`. */
export async function prepareL3(
  tx: Db,
  realm: Realm,
  tenant: TenantId,
  service: ServiceName,
): Promise<Rotated> {
  const { facts, stored } = await locked(tx, realm, tenant);
  const manifest = await withNewL3(tx, realm, facts, stored, service, prepare);
  const { version } = youngest(required(manifest, service));
  return { version, events: [{ kind: 'prepared', tenant, service, version }] };
}

/**
 * Emergency: a new version at once, every older one Compromised. Of an L2 it takes all L3 of the tenant along, since who
 * had that L2 and the database had them too. @throws as `rotateKey`.
 */
export async function compromiseKey(
  tx: Db,
  realm: Realm,
  tenant: TenantId,
  service: ServiceName | null,
): Promise<Rotated> {
  const { facts, stored } = await locked(tx, realm, tenant);
  if (service !== null) {
    const manifest = await withNewL3(tx, realm, facts, stored, service, compromise);
    const { version } = activeOf(required(manifest, service));
    return { version, events: [{ kind: 'compromised', tenant, service, version }] };
  }
  return await compromiseTenant(tx, realm, facts, stored);
}

async function compromiseTenant(
  tx: Db,
  realm: Realm,
  facts: LinkFacts,
  stored: StoredTenant,
): Promise<Rotated> {
  const { tenant } = stored;
  const wrapping = await livingWrappingKey(tx, realm, facts, stored);
  using _wipesWrapping = wrapping.key;
  using fresh = newSecret();
  const nowMs = realm.now();
  const l2 = compromise(stored.manifest.l2, wrapping.version, nowMs, realm.limits);
  const version = youngest(l2).version;
  const parent = l2Parent(tenant, version, fresh);
  const put: KeyRecord[] = [sealL2(realm, tenant, wrapping, youngest(l2), fresh)];
  const events: KeyEvent[] = [{ kind: 'compromised', tenant, service: null, version }];
  let manifest: Manifest = { ...stored.manifest, l2 };
  for (const [name, before] of Object.entries(stored.manifest.services)) {
    // It was parsed when the service was provisioned, and is authentic since.
    const service = name as ServiceName;
    const history = compromise(before, version, nowMs, realm.limits);
    using l3 = newSecret();
    put.push(sealL3(realm, tenant, service, parent, youngest(history), l3));
    manifest = withService(manifest, service, history);
    events.push({ kind: 'compromised', tenant, service, version: youngest(history).version });
  }
  await saveTenant(tx, realm, stored, manifest, { put, remove: [] });
  return { version, events };
}

type Step = typeof rotate;

async function withNewL2(
  tx: Db,
  realm: Realm,
  facts: LinkFacts,
  stored: StoredTenant,
  step: Step,
): Promise<Manifest> {
  const wrapping = await livingWrappingKey(tx, realm, facts, stored);
  using _wipesWrapping = wrapping.key;
  using fresh = newSecret();
  const l2 = step(stored.manifest.l2, wrapping.version, realm.now(), realm.limits);
  const manifest: Manifest = { ...stored.manifest, l2 };
  assertRoomToGrow(manifest);
  const record = sealL2(realm, stored.tenant, wrapping, youngest(l2), fresh);
  await saveTenant(tx, realm, stored, manifest, { put: [record], remove: [] });
  return manifest;
}

async function withNewL3(
  tx: Db,
  realm: Realm,
  facts: LinkFacts,
  stored: StoredTenant,
  service: ServiceName,
  step: Step,
): Promise<Manifest> {
  const { tenant } = stored;
  const before = required(stored.manifest, service);
  const parent = activeL2(stored.manifest);
  // Opened also where a version waits and nothing is wrapped: a closed link permits no change either.
  using l2 = await openLivingL2(tx, realm, facts, stored, ({ version }) => version === parent);
  const history = step(before, parent, realm.now(), realm.limits);
  const manifest = stillExposed(withService(stored.manifest, service, history), service);
  if (step !== compromise) assertRoomToGrow(manifest);
  const put = madeBy(before, history) ? [sealFresh(realm, tenant, service, l2.version(parent), history)] : [];
  await saveTenant(tx, realm, stored, manifest, { put, remove: [] });
  return manifest;
}

/** Whether the step made a version, rather than activate the one that waited. */
function madeBy(before: KeyHistory, after: KeyHistory): boolean {
  return youngest(after).version !== youngest(before).version;
}

function sealFresh(
  realm: Realm,
  tenant: TenantId,
  service: ServiceName,
  l2: ReturnType<typeof l2Parent>,
  history: KeyHistory,
): KeyRecord {
  using l3 = newSecret();
  return sealL3(realm, tenant, service, l2, youngest(history), l3);
}

async function locked(tx: Db, realm: Realm, tenant: TenantId) {
  const facts = await lockTenant(tx, tenant);
  return { facts, stored: await loadTenant(tx, realm, tenant, [L2]) };
}

/** @throws KeychainError SERVICE_UNKNOWN */
export function required(manifest: Manifest, service: ServiceName): KeyHistory {
  const history = historyOf(manifest, service);
  if (history === undefined) throw new KeychainError('SERVICE_UNKNOWN', service);
  return history;
}
