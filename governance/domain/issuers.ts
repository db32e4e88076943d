/** Certificate authorities whose certificates regions accept, beside the registration of each key (D10). */

import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createJob, createRegionalJob, nonEmpty } from '../dispatch/jobs.ts';
import { CmkError } from '../errors.ts';
import { MAX_ISSUERS, PROVISION_DEADLINE_MS } from '../limits.ts';
import { asPlatform, type Trx } from '../store/transactions.ts';
import { parseIssuer } from './certificates.ts';
import { regionNames } from './lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from './pages.ts';

export interface IssuerView {
  fingerprint: string;
  subject: string;
  createdAt: string;
  regions: { region: string; state: string; error: string | null }[];
}

/** An issuer that is known already is answered as it is. */
export async function addIssuer(
  cmk: Cmk,
  who: Actor,
  pem: string,
): Promise<{ created: boolean; fingerprint: string; job: string | null }> {
  const issuer = parseIssuer(pem);
  const { fingerprint } = issuer;
  return await asPlatform(cmk.db, async (trx) => {
    const known = await trx.selectFrom('issuers').select('fingerprint').limit(MAX_ISSUERS).execute();
    if (known.some((row) => row.fingerprint === fingerprint))
      return { created: false, fingerprint, job: null };
    if (known.length >= MAX_ISSUERS) throw new CmkError('LIMIT_REACHED', `there are ${MAX_ISSUERS} issuers`);
    await trx
      .insertInto('issuers')
      .values({ fingerprint, subject: issuer.subject, certificate: issuer.pem })
      .execute();
    const regions = await regionNames(trx);
    if (regions.length > 0)
      await trx
        .insertInto('issuer_regions')
        .values(
          regions.map((region) => ({ fingerprint, region, state: 'provisioning' as const, error: null })),
        )
        .execute();
    const tasks = nonEmpty(
      regions.map((region) => ({ region, payload: { fingerprint, certificate: issuer.pem } })),
    );
    const job =
      tasks === undefined
        ? null
        : await createJob(cmk, trx, {
            kind: 'ISSUER_PUT',
            tasks,
            correlationId: who.correlationId,
            deadlineMs: PROVISION_DEADLINE_MS,
          });
    await audit(trx, who, {
      action: 'issuer.register',
      subject: `issuer:${fingerprint}`,
      outcome: 'accepted',
      detail: { subject: issuer.subject, job },
    });
    return { created: true, fingerprint, job };
  });
}

/** PEM of each. */
export async function issuerCertificates(cmk: Cmk): Promise<string[]> {
  const rows = await asPlatform(cmk.db, (trx) =>
    trx.selectFrom('issuers').select('certificate').limit(MAX_ISSUERS).execute(),
  );
  return rows.map(({ certificate }) => certificate);
}

/** A region that has just been enrolled gets every issuer that the others have. */
export async function issuersInto(cmk: Cmk, trx: Trx, who: Actor, region: string): Promise<void> {
  const issuers = await trx
    .selectFrom('issuers')
    .select(['fingerprint', 'certificate'])
    .limit(MAX_ISSUERS)
    .execute();
  for (const { fingerprint, certificate } of issuers) {
    await trx
      .insertInto('issuer_regions')
      .values({ fingerprint, region, state: 'provisioning', error: null })
      .execute();
    await createRegionalJob(cmk, trx, {
      kind: 'ISSUER_PUT',
      task: { region, payload: { fingerprint, certificate } },
      correlationId: who.correlationId,
      deadlineMs: PROVISION_DEADLINE_MS,
    });
  }
}

export async function listIssuers(cmk: Cmk, page: PageRequest): Promise<Page<IssuerView>> {
  return await asPlatform(cmk.db, async (trx) => {
    let query = trx
      .selectFrom('issuers')
      .selectAll()
      .orderBy('fingerprint')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('fingerprint', '>', after);
    const rows = await query.execute();
    const states = await trx.selectFrom('issuer_regions').selectAll().orderBy('region').execute();
    return toPage(
      rows,
      page,
      (row) => row.fingerprint,
      (row) => ({
        fingerprint: row.fingerprint,
        subject: row.subject,
        createdAt: instant(row.created_at),
        regions: states
          .filter((state) => state.fingerprint === row.fingerprint)
          .map(({ region, state, error }) => ({ region, state, error })),
      }),
    );
  });
}
