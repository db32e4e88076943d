/** Announce (D6): keys that a gateway made become the region's. Idempotent by UID and digest; tombstones win. */

import { sql } from 'kysely';
import { errorCode, errorMessage } from '../../../platform/errors.ts';
import { inTransaction } from '../../../platform/postgres.ts';
import { ParentKind, parseHeader } from '../../envelope/index.ts';
import { KmipError } from '../../kmip/index.ts';
import type { AnnounceOutcome, AnnounceRequest, AnnounceResponse, Push } from '../../mesh/index.ts';
import {
  checkCounts,
  isDestroyed,
  isFresh,
  isGatewayKey,
  type ManagedObject,
  NAME_CONFLICT,
  namesOf,
  nowSeconds,
  ObjectCodecError,
  withoutNames,
  wrappedDigest,
} from '../../objects/index.ts';
import { isL3Address } from '../../routing/index.ts';
import { appendAudit, type NewAuditEvent } from '../audit/trail.ts';
import { asKmipError } from '../kmip/objects.ts';
import { noteAnnounced } from '../store/gateways.ts';
import { claimNames, insertRow, insertRows, lockObject, markServed, updateObject } from '../store/objects.ts';
import { appendPushes } from '../store/pushes.ts';
import type { RegionTx } from '../store/tables.ts';
import { mayServe } from './authorise.ts';
import type { MeshDependencies } from './dependencies.ts';
import type { GatewayPeer } from './gateways.ts';

const MAX_UID_LENGTH = 128;

/** Why an announced object cannot be what a gateway makes; null when it can. */
function objection(object: ManagedObject): string | null {
  const { uid, tenant, service, wrapped, attributes } = object;
  if (uid.length === 0 || uid.length > MAX_UID_LENGTH || isL3Address(uid)) return 'MALFORMED_UID';
  if (!isGatewayKey(object) || wrapped === null) return 'NOT_AN_L4';
  // Throws: an object whose attributes break our rules is not storable.
  checkCounts(attributes);
  try {
    const header = parseHeader(wrapped);
    if (header.parentKind !== ParentKind.L3 || header.parentId !== `${tenant}/${service}`)
      return 'WRONG_PARENT';
  } catch {
    return 'MALFORMED_ENVELOPE';
  }
  return null;
}

export async function announce(
  deps: MeshDependencies,
  peer: GatewayPeer,
  { objects, answers }: AnnounceRequest,
): Promise<AnnounceResponse> {
  const known = await knownServices(deps, objects);
  return inTransaction(deps.db, async (tx) => {
    const events: NewAuditEvent[] = [];
    const outcomes: AnnounceOutcome[] = [];
    const stored = await storePlain(
      tx,
      objects.filter((object) => isPlain(peer, object, known)),
    );
    for (const object of objects) {
      const isStored = stored.delete(object);
      outcomes.push(
        isStored
          ? { uid: object.uid, outcome: 'accepted' }
          : await announceApart(deps, tx, peer, object, known, events),
      );
    }
    // Before the trail: every transaction locks the counter of pushes first.
    if (deps.shareKeys) await appendPushes(tx, newKeysIn(objects, outcomes));
    await appendAudit(
      tx,
      { source: deps.instance },
      events.map((event) => ({ ...event, peer: peer.identity.name })),
    );
    if (answers !== undefined) await noteAnnounced(tx, peer.identity.fingerprint, answers);
    return { outcomes };
  });
}

async function knownServices(
  deps: MeshDependencies,
  objects: readonly ManagedObject[],
): Promise<ReadonlySet<string>> {
  const known = new Set<string>();
  const asked = new Set<string>();
  for (const { tenant, service } of objects) {
    const name = `${tenant}/${service}`;
    if (asked.has(name)) continue;
    asked.add(name);
    try {
      if (await deps.keychain.hasService(tenant, service)) known.add(name);
    } catch (error) {
      throw KmipError.from(asKmipError(error));
    }
  }
  return known;
}

/** Classes of SQLSTATE that blame the values: data exception, integrity violation, program limit exceeded. */
const VALUE_SQLSTATE = /^(?:22|23|54)...$/;

/** An object that cannot be stored, whoever offers it again: its values break our rules or the database's. */
function isNotStorable(error: unknown): boolean {
  return (
    error instanceof KmipError ||
    error instanceof ObjectCodecError ||
    VALUE_SQLSTATE.test(errorCode(error) ?? '')
  );
}

/** What the region has not known before, as it knows it now: for the other gateways (D6). */
function newKeysIn(objects: readonly ManagedObject[], outcomes: readonly AnnounceOutcome[]): Push[] {
  return outcomes.flatMap((outcome, index): readonly Push[] => {
    const object = outcome.outcome === 'name-conflict' ? outcome.object : objects[index];
    const isNew = outcome.outcome === 'accepted' || outcome.outcome === 'name-conflict';
    return !isNew || object === undefined ? [] : [{ kind: 'object.put', object }];
  });
}

/** Whether nothing is to be decided about the object but whether its UID is free: so it is with nearly all of them. */
function isPlain(peer: GatewayPeer, object: ManagedObject, known: ReadonlySet<string>): boolean {
  try {
    return (
      mayServe(peer, object.tenant) &&
      known.has(`${object.tenant}/${object.service}`) &&
      objection(object) === null &&
      namesOf(object).length === 0
    );
  } catch {
    return false;
  }
}

/**
 * Stores those whose UID is free, all in one statement: one by one each would cost three round trips to the database, and
 * whoever is waiting for its own keys to be announced before a search would wait for all of them (D6). Nothing is
 * stored when the database refuses one of them: then each is tried apart.
 */
async function storePlain(tx: RegionTx, objects: readonly ManagedObject[]): Promise<Set<ManagedObject>> {
  const first = new Map<string, ManagedObject>();
  for (const object of objects) if (!first.has(object.uid)) first.set(object.uid, object);
  await sql`savepoint announced`.execute(tx);
  try {
    const stored = await insertRows(tx, [...first.values()]);
    await sql`release savepoint announced`.execute(tx);
    return new Set([...first.values()].filter(({ uid }) => stored.has(uid)));
  } catch (error) {
    if (!isNotStorable(error)) throw error;
    await sql`rollback to savepoint announced`.execute(tx);
    return new Set();
  }
}

/** Behind a savepoint of its own, so that an object which cannot be stored does not keep the others out. */
async function announceApart(
  deps: MeshDependencies,
  tx: RegionTx,
  peer: GatewayPeer,
  object: ManagedObject,
  known: ReadonlySet<string>,
  events: NewAuditEvent[],
): Promise<AnnounceOutcome> {
  const own: NewAuditEvent[] = [];
  await sql`savepoint announced`.execute(tx);
  try {
    const outcome = await announceOne(tx, peer, object, known, own);
    await sql`release savepoint announced`.execute(tx);
    events.push(...own);
    return outcome;
  } catch (error) {
    if (!isNotStorable(error)) throw error;
    await sql`rollback to savepoint announced`.execute(tx);
    const { uid, tenant } = object;
    const reason = 'NOT_STORABLE';
    deps.logger.error(
      { uid, tenant, reason, gateway: peer.identity.name, cause: errorMessage(error) },
      'an announced key cannot be stored',
    );
    events.push({ event: 'ANNOUNCEMENT_REFUSED', outcome: 'refused', reason, tenant, uid });
    return { uid, outcome: 'refused', reason };
  }
}

async function announceOne(
  tx: RegionTx,
  peer: GatewayPeer,
  object: ManagedObject,
  known: ReadonlySet<string>,
  events: NewAuditEvent[],
): Promise<AnnounceOutcome> {
  const { uid, tenant, service, wrapped } = object;
  const refuse = (reason: string): AnnounceOutcome => {
    events.push({ event: 'ANNOUNCEMENT_REFUSED', outcome: 'refused', reason, tenant, uid });
    return { uid, outcome: 'refused', reason };
  };
  if (!mayServe(peer, tenant)) return refuse('GATEWAY_NOT_AUTHORISED');
  if (!known.has(`${tenant}/${service}`)) return refuse('SERVICE_UNKNOWN');
  const reason = objection(object);
  if (reason !== null || wrapped === null) return refuse(reason ?? 'NOT_AN_L4');

  if (await insertRow(tx, object)) return settleNames(tx, object, events);
  const found = await lockObject(tx, { tenant, services: [service] }, uid);
  if (found.outcome !== 'found') return refuse(found.outcome === 'foreign' ? found.reason : 'UID_TAKEN');
  if (isDestroyed(found.object.state)) return { uid, outcome: 'tombstone' };
  const digest = wrappedDigest(wrapped);
  const now = found.object.wrapped;
  // Import may have put another key in the place of the one that was announced first: that is the gateway's now. What
  // it still tells of the one before is old news, and a push tells it so.
  if (found.wrappedDigest !== digest && (now === null || wrappedDigest(now) !== digest)) {
    return found.object.revision > object.revision ? { uid, outcome: 'known' } : refuse('UID_TAKEN');
  }
  // Announced anew since it has been served there: the only thing about a key that gateways decide (KMIP 1.4 §3.34).
  if (!isFresh(object)) await markServed(tx, uid);
  // The answer to the first announcement may have been lost: tell again what it told.
  const isLoser = found.object.attributes.some((a) => a.attributeName === NAME_CONFLICT);
  return isLoser ? { uid, outcome: 'name-conflict', object: found.object } : { uid, outcome: 'known' };
}

/** Claims the new object's names. What it loses becomes `y-name-conflict`, and the gateway is told (D6). */
async function settleNames(
  tx: RegionTx,
  object: ManagedObject,
  events: NewAuditEvent[],
): Promise<AnnounceOutcome> {
  const { uid, tenant } = object;
  // A key that was made and destroyed again before the gateway could announce it claims nothing.
  if (isDestroyed(object.state)) return { uid, outcome: 'accepted' };
  const lost = await claimNames(tx, tenant, uid, namesOf(object));
  if (lost.size === 0) return { uid, outcome: 'accepted' };
  const without = withoutNames(object, lost, nowSeconds());
  await updateObject(tx, without);
  events.push({ event: 'NAME_CONFLICT', outcome: 'failed', reason: 'NAME_TAKEN', tenant, uid });
  return { uid, outcome: 'name-conflict', object: without };
}
