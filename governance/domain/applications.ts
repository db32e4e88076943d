/** Applications: a certificate's key, the services it may use and the operations it may ask for (D10). */

import { type Selectable, sql } from 'kysely';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createJob, nonEmpty } from '../dispatch/jobs.ts';
import { CmkError } from '../errors.ts';
import { MAX_APPLICATIONS_PER_TENANT, PROVISION_DEADLINE_MS } from '../limits.ts';
import { refuseUntold } from '../simulation/targets.ts';
import type { ApplicationRow } from '../store/schema.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { type CertificateView, describeCertificate, parseLeaf, whyUntrusted } from './certificates.ts';
import { issuerCertificates } from './issuers.ts';
import { claimFingerprint, lockTenant, requireServed, requireTenant, tenantRegions } from './lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from './pages.ts';
import { requireRevision } from './revisions.ts';

export interface Registration {
  readonly name: string;
  readonly services: readonly string[];
  readonly certificate: string;
  /** KMIP operations by name; every one that the role allows when left out. */
  readonly operations?: readonly string[];
  /** That it is for tests: it may use what drills cut off (simulation/targets.ts). */
  readonly drillTarget?: boolean;
}

export interface ApplicationView {
  name: string;
  services: string[];
  operations: string[] | null;
  fingerprint: string;
  /** The one that was registered last; others of the same key are let in as well (D10). */
  certificate: CertificateView;
  state: 'provisioning' | 'active' | 'failed' | 'removing';
  createdAt: string;
  regions: { region: string; state: string; error: string | null }[];
}

export interface Registered {
  readonly created: boolean;
  readonly application: ApplicationView;
  readonly job: string | null;
  /** Why regions may refuse it all the same, for whoever registers it. */
  readonly warnings: string[];
}

type Application = Selectable<ApplicationRow>;

/**
 * The same registration again is answered as it is; a renewed certificate of the same key replaces the old one.
 * Errors: KEY_FINGERPRINT_TAKEN, ALREADY_EXISTS, SERVICE_UNKNOWN, DRILL_TARGET.
 */
export async function registerApplication(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  wish: Registration,
): Promise<Registered> {
  const { fingerprint, pem } = parseLeaf(wish.certificate);
  const untrusted = whyUntrusted(pem, await issuerCertificates(cmk));
  const warnings = untrusted === undefined ? [] : [untrusted];
  const services = [...new Set(wish.services)].sort();
  const operations = wish.operations === undefined ? null : [...new Set(wish.operations)].sort();
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    await requireServed(trx, tenant);
    await requireServices(trx, tenant, services);
    const present = await trx
      .selectFrom('applications')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('name', '=', wish.name)
      .executeTakeFirst();
    if (present !== undefined) {
      await replaceCertificate(trx, present, { fingerprint, services, operations, pem });
      return { created: false, application: await viewNamed(trx, tenant, wish.name), job: null, warnings };
    }
    await refuseUntold(trx, tenant, services, wish.drillTarget);
    await refuseTooMany(trx, tenant);
    await claimFingerprint(trx, { fingerprint, role: 'application', tenant, name: wish.name });
    await trx
      .insertInto('applications')
      .values({ tenant, name: wish.name, services, operations, fingerprint, certificate: pem })
      .execute();
    const regions = await tenantRegions(trx, tenant);
    const identity = {
      fingerprint,
      role: 'application' as const,
      name: wish.name,
      tenant,
      services,
      ...(operations === null ? {} : { operations }),
    };
    const tasks = nonEmpty(regions.map((region) => ({ region, payload: { identity } })));
    if (tasks === undefined) throw new CmkError('NO_REGIONS', `${tenant} lives in no region`);
    await trx
      .insertInto('application_regions')
      .values(
        regions.map((region) => ({
          tenant,
          application: wish.name,
          region,
          state: 'provisioning' as const,
          error: null,
        })),
      )
      .execute();
    const job = await createJob(cmk, trx, {
      kind: 'IDENTITY_PUT',
      tasks,
      correlationId: who.correlationId,
      deadlineMs: PROVISION_DEADLINE_MS,
    });
    await audit(trx, who, {
      tenant,
      action: 'application.register',
      subject: `application:${tenant}/${wish.name}`,
      outcome: 'accepted',
      detail: {
        fingerprint,
        services,
        operations,
        job,
        warnings,
        ...(wish.drillTarget === true ? { drillTarget: true } : {}),
      },
    });
    return { created: true, application: await viewNamed(trx, tenant, wish.name), job, warnings };
  });
}

/** The key is refused in each region, on open connections too, as soon as it has done the job; name and key are free once all have. */
export async function removeApplication(
  cmk: Cmk,
  who: Actor,
  removal: {
    readonly tenant: string;
    readonly name: string;
    readonly reason?: string;
    /** Only if it is at this revision (revisions.ts). */
    readonly ifMatch?: string;
  },
): Promise<{ application: ApplicationView; job: string }> {
  const { tenant, name, reason = `application ${name} was removed`, ifMatch } = removal;
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const { fingerprint } = await requireApplication(trx, tenant, name);
    if (ifMatch !== undefined) requireRevision(await viewNamed(trx, tenant, name), ifMatch);
    const regions = await trx
      .selectFrom('application_regions')
      .select('region')
      .where('tenant', '=', tenant)
      .where('application', '=', name)
      .orderBy('region')
      .execute();
    const payload = { fingerprint, reason };
    const tasks = nonEmpty(regions.map(({ region }) => ({ region, payload })));
    if (tasks === undefined) throw new CmkError('NO_REGIONS', `application ${name} is in no region`);
    const job = await createJob(cmk, trx, {
      kind: 'IDENTITY_REMOVE',
      tasks,
      correlationId: who.correlationId,
      deadlineMs: null,
      cancelsOlder: true,
    });
    await trx
      .updateTable('application_regions')
      .set({ state: 'removing', error: null, updated_at: new Date() })
      .where('tenant', '=', tenant)
      .where('application', '=', name)
      .execute();
    await audit(trx, who, {
      tenant,
      action: 'application.remove',
      subject: `application:${tenant}/${name}`,
      outcome: 'accepted',
      detail: { fingerprint, reason, job },
    });
    return { application: await viewNamed(trx, tenant, name), job };
  });
}

export interface ApplicationFilter {
  readonly state?: ApplicationView['state'];
  /** A service that it may use. */
  readonly service?: string;
  readonly fingerprint?: string;
  /** With which its name begins. */
  readonly search?: string;
}

/** The state that `stateOf` would say, for a filter to compare with. */
const STATE = sql<ApplicationView['state']>`(
  SELECT CASE WHEN bool_or(r.state = 'removing') THEN 'removing' WHEN bool_or(r.state = 'failed') THEN 'failed'
              WHEN bool_and(r.state = 'active') THEN 'active' ELSE 'provisioning' END
    FROM application_regions r WHERE r.tenant = applications.tenant AND r.application = applications.name)`;

export async function listApplications(
  cmk: Cmk,
  tenant: string,
  filter: ApplicationFilter,
  page: PageRequest,
): Promise<Page<ApplicationView>> {
  const { state, service, fingerprint, search } = filter;
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('applications')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('name')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('name', '>', after);
    if (state !== undefined) query = query.where(STATE, '=', state);
    if (service !== undefined) query = query.where(sql<boolean>`${service} = ANY (services)`);
    if (fingerprint !== undefined) query = query.where('fingerprint', '=', fingerprint);
    if (search !== undefined) query = query.where(sql<boolean>`starts_with(name, lower(${search}))`);
    return toPage(
      await viewsOf(trx, tenant, await query.execute()),
      page,
      (view) => view.name,
      (view) => view,
    );
  });
}

/** Throws TENANT_UNKNOWN, APPLICATION_UNKNOWN. */
export async function getApplication(cmk: Cmk, tenant: string, name: string): Promise<ApplicationView> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    return await viewNamed(trx, tenant, name);
  });
}

async function requireApplication(trx: Trx, tenant: string, name: string): Promise<Application> {
  const row = await trx
    .selectFrom('applications')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .executeTakeFirst();
  if (row === undefined) throw new CmkError('APPLICATION_UNKNOWN', `${tenant} has no application ${name}`);
  return row;
}

async function requireServices(trx: Trx, tenant: string, services: readonly string[]): Promise<void> {
  const rows = await trx
    .selectFrom('services')
    .select('name')
    .where('tenant', '=', tenant)
    .where('name', 'in', [...services])
    .execute();
  const missing = services.find((service) => !rows.some((row) => row.name === service));
  if (missing !== undefined) throw new CmkError('SERVICE_UNKNOWN', `${tenant} has no service ${missing}`);
}

async function replaceCertificate(
  trx: Trx,
  present: Application,
  wish: {
    fingerprint: string;
    services: readonly string[];
    operations: readonly string[] | null;
    pem: string;
  },
): Promise<void> {
  const same =
    present.fingerprint === wish.fingerprint &&
    JSON.stringify([present.services, present.operations]) ===
      JSON.stringify([wish.services, wish.operations]);
  const [view] = await viewsOf(trx, present.tenant, [present]);
  if (!same || view?.state === 'removing')
    throw new CmkError(
      'ALREADY_EXISTS',
      `application ${present.name} is registered differently, or being removed`,
    );
  await trx
    .updateTable('applications')
    .set({ certificate: wish.pem })
    .where('tenant', '=', present.tenant)
    .where('name', '=', present.name)
    .execute();
}

async function refuseTooMany(trx: Trx, tenant: string): Promise<void> {
  const { count } = await trx
    .selectFrom('applications')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  if (Number(count) >= MAX_APPLICATIONS_PER_TENANT)
    throw new CmkError('LIMIT_REACHED', `a tenant has at most ${MAX_APPLICATIONS_PER_TENANT} applications`);
}

async function viewNamed(trx: Trx, tenant: string, name: string): Promise<ApplicationView> {
  const [view] = await viewsOf(trx, tenant, [await requireApplication(trx, tenant, name)]);
  if (view === undefined) throw new Error('an application without a view');
  return view;
}

async function viewsOf(trx: Trx, tenant: string, rows: readonly Application[]): Promise<ApplicationView[]> {
  if (rows.length === 0) return [];
  const regions = await trx
    .selectFrom('application_regions')
    .selectAll()
    .where('tenant', '=', tenant)
    .where(
      'application',
      'in',
      rows.map((row) => row.name),
    )
    .orderBy('region')
    .execute();
  return rows.map((row) => {
    const own = regions.filter((region) => region.application === row.name);
    return {
      name: row.name,
      services: row.services,
      operations: row.operations,
      fingerprint: row.fingerprint,
      certificate: describeCertificate(row.certificate),
      state: stateOf(own.map((region) => region.state)),
      createdAt: instant(row.created_at),
      regions: own.map(({ region, state, error }) => ({ region, state, error })),
    };
  });
}

function stateOf(states: readonly string[]): ApplicationView['state'] {
  if (states.includes('removing')) return 'removing';
  if (states.includes('failed')) return 'failed';
  return states.every((state) => state === 'active') ? 'active' : 'provisioning';
}
