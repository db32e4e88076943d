/** Machines of a tenant that prove who they are with a certificate (mutual TLS, D10). Their roles are granted as anybody's. */

import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { parseLeaf } from '../domain/certificates.ts';
import { claimFingerprint, lockTenant, requireTenant } from '../domain/lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import { MAX_MACHINE_CLIENTS_PER_TENANT } from '../limits.ts';
import { asTenant } from '../store/transactions.ts';
import { factsOf, refuseEndOfSelfRule } from './standing.ts';

export interface MachineClientView {
  name: string;
  /** To which roles are granted. */
  principal: string;
  fingerprint: string;
  createdAt: string;
}

export const clientId = (client: { readonly tenant: string; readonly name: string }): string =>
  `client:${client.tenant}/${client.name}`;

/** Throws INVALID_CERTIFICATE, KEY_FINGERPRINT_TAKEN, ALREADY_EXISTS, LIMIT_REACHED, TENANT_UNKNOWN. */
export async function registerClient(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  client: { readonly name: string; readonly certificate: string },
): Promise<MachineClientView> {
  const { fingerprint, pem } = parseLeaf(client.certificate);
  const { name } = client;
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const present = await trx
      .selectFrom('machine_clients')
      .select('name')
      .where('tenant', '=', tenant)
      .limit(MAX_MACHINE_CLIENTS_PER_TENANT)
      .execute();
    if (present.some((row) => row.name === name))
      throw new CmkError('ALREADY_EXISTS', `${tenant} has a client ${name}`);
    if (present.length >= MAX_MACHINE_CLIENTS_PER_TENANT)
      throw new CmkError('LIMIT_REACHED', `a tenant has at most ${MAX_MACHINE_CLIENTS_PER_TENANT} clients`);
    await claimFingerprint(trx, { fingerprint, role: 'client', tenant, name });
    const row = await trx
      .insertInto('machine_clients')
      .values({ tenant, name, fingerprint, certificate: pem })
      .returningAll()
      .executeTakeFirstOrThrow();
    await audit(trx, who, {
      tenant,
      action: 'client.register',
      subject: clientId({ tenant, name }),
      outcome: 'accepted',
      detail: { fingerprint },
    });
    return viewOf(row);
  });
}

export async function listClients(
  cmk: Cmk,
  tenant: string,
  page: PageRequest,
): Promise<Page<MachineClientView>> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('machine_clients')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('name')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('name', '>', after);
    return toPage(await query.execute(), page, (row) => row.name, viewOf);
  });
}

/**
 * Refused from the next request on, also on open connections. Its roles go with it, so that nobody gets them by taking its
 * name. Throws CLIENT_UNKNOWN, LAST_OF_ITS_ROLE.
 */
export async function removeClient(cmk: Cmk, who: Actor, tenant: string, name: string): Promise<void> {
  await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const before = await factsOf(trx, tenant);
    const removed = await trx
      .deleteFrom('machine_clients')
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .returning('fingerprint')
      .executeTakeFirst();
    if (removed === undefined) throw new CmkError('CLIENT_UNKNOWN', `${tenant} has no client ${name}`);
    await trx.deleteFrom('identities').where('fingerprint', '=', removed.fingerprint).execute();
    const principal = clientId({ tenant, name });
    for (const table of ['role_grants', 'access_group_members'] as const)
      await trx.deleteFrom(table).where('tenant', '=', tenant).where('principal', '=', principal).execute();
    await refuseEndOfSelfRule(trx, tenant, before);
    await audit(trx, who, {
      tenant,
      action: 'client.remove',
      subject: principal,
      outcome: 'accepted',
      detail: removed,
    });
  });
}

const viewOf = (row: {
  tenant: string;
  name: string;
  fingerprint: string;
  created_at: Date;
}): MachineClientView => ({
  name: row.name,
  principal: clientId(row),
  fingerprint: row.fingerprint,
  createdAt: instant(row.created_at),
});
