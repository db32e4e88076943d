/**
 * May they? Asked before a handler, a validator or even the body of a request is looked at. Each route names a permission;
 * openkcm.cedar says who has it, of the tenant in the path, in a query that the route asks for, or of the job; or else of
 * the installation. What the request then
 * reaches in the database is no wider than that answer (store/reach.ts).
 */
import type { FastifyContextConfig, FastifyRequest } from 'fastify';
import { OkcmError } from '../../platform/errors.ts';
import { ourAccessPolicy, type TenantFacts } from '../access/policy.ts';
import type { Principal, Standing } from '../access/principal.ts';
import { factsOf, standingOf } from '../access/standing.ts';
import type { Cmk } from '../context.ts';
import { ownerOfJob } from '../domain/jobs.ts';
import { CmkError } from '../errors.ts';
import type { Reach } from '../store/reach.ts';
import { asSystem } from '../store/transactions.ts';
import { propertiesOf } from './openapi.ts';

/** What is known of a request once it has been let in. */
export interface Access {
  readonly principal: Principal;
  readonly standing: Standing;
  /** That the request is about, where it was looked up and exists. */
  readonly tenant: string | undefined;
  readonly reach: Reach;
}

/** As much of a route as is looked at here. */
export interface AddedRoute {
  readonly method: string | string[];
  readonly url: string;
  readonly config?: FastifyContextConfig | undefined;
}

export interface Gatekeeper {
  /**
   * Of each route as it is added; undefined where it is public. Throws when it names no permission, or one that cannot be
   * asked of what it is about.
   */
  permissionOf(route: AddedRoute): string | undefined;
  /** Throws FORBIDDEN, with what was found out so far. */
  admit(request: FastifyRequest, principal: Principal): Promise<Access>;
}

export class Forbidden extends CmkError {
  /** In whose audit log it belongs; absent for the platform's. */
  readonly tenant: string | undefined;
  readonly permission: string;
  constructor(permission: string, tenant: string | undefined, about: string) {
    super('FORBIDDEN', `${permission} is not permitted to you for ${about}`);
    this.permission = permission;
    this.tenant = tenant;
  }
}

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const NOBODY: Standing = new Map();

export function createGatekeeper(cmk: Cmk): Gatekeeper {
  const policy = ourAccessPolicy();
  return {
    permissionOf(route) {
      if (route.config?.public === true) return undefined;
      const [method = 'GET'] = [route.method].flat();
      const permission = route.config?.permission;
      const resource = route.url.includes('/:tenant') ? 'Tenant' : 'Installation';
      if (permission !== undefined && policy.knows(permission, resource)) return permission;
      throw new OkcmError(
        'ROUTE_WITHOUT_PERMISSION',
        `${method} ${route.url} names ${permission === undefined ? 'no permission' : `"${permission}"`}`,
        {
          hint: `Name one in the route's config; governance/access/openkcm.cedarschema has to let it be asked of a ${resource}.`,
        },
      );
    },

    async admit(request, principal) {
      const { permission } = request.routeOptions.config;
      // No such route: whoever has proved who they are is told so.
      if (permission === undefined)
        return { principal, standing: NOBODY, tenant: undefined, reach: { kind: 'members', tenants: [] } };
      const named = isOfJob(request) ? await tenantOfJob(cmk, request) : tenantNamed(request);
      const { standing, facts } =
        // Holds no role anywhere and needs none: nothing has to be looked up.
        principal.duty === 'development'
          ? { standing: NOBODY, facts: assumed(named) }
          : await lookUp(cmk, principal, named);
      // A tenant that is not there is refused as one of somebody else's: who has no business there learns nothing.
      const about = facts ?? assumed(named);
      if (
        !policy.knows(permission, about === undefined ? 'Installation' : 'Tenant') ||
        !policy.permits({
          principal,
          standing,
          permission,
          ...(about === undefined ? {} : { tenant: about }),
        })
      )
        throw new Forbidden(
          permission,
          mayBeTold(principal, standing, facts),
          about?.tenant ?? 'this installation',
        );
      return { principal, standing, tenant: facts?.tenant, reach: reachOf(principal, standing, facts) };
    },
  };
}

/**
 * The tenant that reads of the refusal in its own log: of its own people, and of whoever runs the platform. A stranger must
 * not be able to fill it, nor to hold its lock.
 */
const mayBeTold = (
  { duty }: Principal,
  standing: Standing,
  facts: TenantFacts | undefined,
): string | undefined =>
  facts !== undefined && (standing.has(facts.tenant) || duty === 'operator') ? facts.tenant : undefined;

/** About one tenant: that one. Else whatever the principal belongs to. */
function reachOf(principal: Principal, standing: Standing, about: TenantFacts | undefined): Reach {
  if (principal.duty === 'development') return { kind: 'system' };
  if (principal.duty === 'operator') return { kind: 'operator' };
  return { kind: 'members', tenants: about === undefined ? [...standing.keys()] : [about.tenant] };
}

const assumed = (tenant: string | undefined): TenantFacts | undefined =>
  tenant === undefined ? undefined : { tenant, governsItself: false };

async function lookUp(
  cmk: Cmk,
  principal: Principal,
  tenant: string | undefined,
): Promise<{ standing: Standing; facts: TenantFacts | undefined }> {
  return await asSystem(cmk.db, async (trx) => ({
    standing: await standingOf(trx, principal),
    facts: tenant === undefined ? undefined : await factsOf(trx, tenant),
  }));
}

/**
 * A query counts where the route asks for it: anywhere else it would choose whose permission is looked at.
 * Throws INVALID_REQUEST for what cannot be the name of a tenant, so that nothing odd gets as far as the policy.
 */
function tenantNamed(request: FastifyRequest): string | undefined {
  const { tenant: inPath } = request.params as { tenant?: unknown };
  const { tenant: inQuery } = request.query as { tenant?: unknown };
  const named = inPath ?? (asksForTenant(request) ? inQuery : undefined);
  if (named === undefined) return undefined;
  if (typeof named !== 'string' || !NAME.test(named))
    throw new CmkError(
      'INVALID_REQUEST',
      'the tenant is not 1 to 63 lower-case letters, digits and inner hyphens',
    );
  return named;
}

const asksForTenant = ({ routeOptions }: FastifyRequest): boolean =>
  'tenant' in propertiesOf(routeOptions.schema?.querystring);

/** `/v1/jobs/{id}` and what is below it. */
const isOfJob = ({ routeOptions }: FastifyRequest): boolean =>
  routeOptions.url?.startsWith('/v1/jobs/:id') === true;

async function tenantOfJob(cmk: Cmk, { params }: FastifyRequest): Promise<string | undefined> {
  const job = await cmk.manager.getJob(String((params as { id?: unknown }).id));
  return job === undefined ? undefined : await asSystem(cmk.db, (trx) => ownerOfJob(trx, job));
}
