/** Gateways: the certificates with which they serve, registered in the region that they serve in. */

import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createJob } from '../dispatch/jobs.ts';
import { CmkError } from '../errors.ts';
import { MAX_GATEWAYS_PER_REGION, PROVISION_DEADLINE_MS } from '../limits.ts';
import { asPlatform } from '../store/transactions.ts';
import { parseLeaf } from './certificates.ts';
import { claimFingerprint, requireRegion } from './lookups.ts';

/** The same gateway with the same key is answered as it is; a renewed certificate of that key replaces the old one. */
export async function addGateway(
  cmk: Cmk,
  who: Actor,
  region: string,
  gateway: { readonly name: string; readonly certificate: string },
): Promise<{ created: boolean; job: string | null; fingerprint: string }> {
  const { fingerprint, pem } = parseLeaf(gateway.certificate);
  return await asPlatform(cmk.db, async (trx) => {
    await requireRegion(trx, region);
    const rows = await trx.selectFrom('gateways').selectAll().where('region', '=', region).execute();
    const present = rows.find((row) => row.name === gateway.name);
    if (present !== undefined) {
      if (present.fingerprint !== fingerprint || present.state === 'removing')
        throw new CmkError(
          'ALREADY_EXISTS',
          `gateway ${gateway.name} of ${region} is registered with another key`,
        );
      await trx
        .updateTable('gateways')
        .set({ certificate: pem })
        .where('region', '=', region)
        .where('name', '=', gateway.name)
        .execute();
      return { created: false, job: null, fingerprint };
    }
    if (rows.length >= MAX_GATEWAYS_PER_REGION)
      throw new CmkError('LIMIT_REACHED', `a region has at most ${MAX_GATEWAYS_PER_REGION} gateways`);
    await claimFingerprint(trx, {
      fingerprint,
      role: 'gateway',
      tenant: null,
      name: `${region}/${gateway.name}`,
    });
    await trx
      .insertInto('gateways')
      .values({
        region,
        name: gateway.name,
        fingerprint,
        certificate: pem,
        state: 'provisioning',
        error: null,
      })
      .execute();
    const job = await createJob(cmk, trx, {
      kind: 'IDENTITY_PUT',
      tasks: [{ region, payload: { identity: { fingerprint, role: 'gateway', name: gateway.name } } }],
      correlationId: who.correlationId,
      deadlineMs: PROVISION_DEADLINE_MS,
    });
    await audit(trx, who, {
      action: 'gateway.register',
      subject: `gateway:${region}/${gateway.name}`,
      outcome: 'accepted',
      detail: { fingerprint, job },
    });
    return { created: true, job, fingerprint };
  });
}

/** The gateway is refused as soon as the region has done the job; its name and key are free again then. */
export async function removeGateway(
  cmk: Cmk,
  who: Actor,
  region: string,
  name: string,
): Promise<{ job: string }> {
  return await asPlatform(cmk.db, async (trx) => {
    const gateway = await trx
      .selectFrom('gateways')
      .select('fingerprint')
      .where('region', '=', region)
      .where('name', '=', name)
      .executeTakeFirst();
    if (gateway === undefined) throw new CmkError('GATEWAY_UNKNOWN', `${region} has no gateway ${name}`);
    const { fingerprint } = gateway;
    const job = await createJob(cmk, trx, {
      kind: 'IDENTITY_REMOVE',
      tasks: [{ region, payload: { fingerprint, reason: `gateway ${name} was removed` } }],
      correlationId: who.correlationId,
      deadlineMs: null,
      cancelsOlder: true,
    });
    await trx
      .updateTable('gateways')
      .set({ state: 'removing', error: null, updated_at: new Date() })
      .where('region', '=', region)
      .where('name', '=', name)
      .execute();
    await audit(trx, who, {
      action: 'gateway.remove',
      subject: `gateway:${region}/${name}`,
      outcome: 'accepted',
      detail: { fingerprint, job },
    });
    return { job };
  });
}
