/** What a principal is in which tenant, asked anew for each request: a role that was taken away is gone at once. */
import { sql } from 'kysely';
import { CmkError } from '../errors.ts';
import { MAX_TENANTS_PER_PRINCIPAL } from '../limits.ts';
import type { Trx } from '../store/transactions.ts';
import type { TenantFacts } from './policy.ts';
import { isTenantRole, type Principal, type Standing, type TenantRole, tenantRoles } from './principal.ts';

/** Roles that were granted to the principal, to a group that it is in, or to one that its issuer says it is in: but no issuer makes approvers. */
export async function standingOf(trx: Trx, { id, groups }: Principal): Promise<Standing> {
  const { rows } = await sql<{ tenant: string; role: string }>`
    SELECT tenant, role FROM role_grants WHERE principal = ${id}
    UNION
    SELECT g.tenant, g.role FROM role_grants g
      JOIN access_group_members m ON m.tenant = g.tenant AND m.group_name = g.group_name
      WHERE m.principal = ${id}
    UNION
    SELECT g.tenant, g.role FROM role_grants g
      JOIN access_groups a ON a.tenant = g.tenant AND a.name = g.group_name
      WHERE a.claim = ANY (${[...groups]}::text[]) AND g.role <> 'approver'
    ORDER BY tenant LIMIT ${MAX_TENANTS_PER_PRINCIPAL * tenantRoles.length}`.execute(trx);
  const standing = new Map<string, Set<TenantRole>>();
  for (const { tenant, role } of rows) {
    if (!isTenantRole(role)) continue;
    const roles = standing.get(tenant) ?? new Set<TenantRole>();
    standing.set(tenant, roles.add(role));
  }
  return standing;
}

/** Which of these principals are approvers of the tenant now. */
export async function approversAmong(
  trx: Trx,
  tenant: string,
  principals: readonly string[],
): Promise<string[]> {
  const { rows } = await sql<{ principal: string }>`
    SELECT p.principal FROM unnest(${[...principals]}::text[]) AS p (principal) WHERE EXISTS (
      SELECT FROM role_grants g WHERE g.tenant = ${tenant} AND g.role = 'approver' AND (g.principal = p.principal
        OR EXISTS (SELECT FROM access_group_members m
                     WHERE m.tenant = g.tenant AND m.group_name = g.group_name AND m.principal = p.principal)))`.execute(
    trx,
  );
  return rows.map(({ principal }) => principal);
}

/** Undefined where there is no such tenant. A group counts for as many approvers as are needed, since its members may change; not one by claim. */
export async function factsOf(trx: Trx, tenant: string): Promise<TenantFacts | undefined> {
  const { rows } = await sql<{ governs_itself: boolean }>`
    SELECT EXISTS (SELECT FROM role_grants g WHERE g.tenant = t.tenant AND g.role = 'administrator')
       AND (SELECT coalesce(sum(CASE WHEN g.principal IS NULL THEN t.quorum ELSE 1 END), 0)
              FROM role_grants g LEFT JOIN access_groups a ON a.tenant = g.tenant AND a.name = g.group_name
              WHERE g.tenant = t.tenant AND g.role = 'approver' AND a.claim IS NULL) >= t.quorum AS governs_itself
      FROM tenants t WHERE t.tenant = ${tenant}`.execute(trx);
  const [row] = rows;
  return row === undefined ? undefined : { tenant, governsItself: row.governs_itself };
}

/**
 * After a change, in its transaction: a tenant that could decide for itself still can. Else whoever runs the platform could
 * appoint people again (openkcm.cedar). Throws LAST_OF_ITS_ROLE.
 */
export async function refuseEndOfSelfRule(
  trx: Trx,
  tenant: string,
  before: TenantFacts | undefined,
): Promise<void> {
  if (before?.governsItself === true && (await factsOf(trx, tenant))?.governsItself !== true)
    throw new CmkError('LAST_OF_ITS_ROLE', `${tenant} would be left with too few who decide`);
}

/**
 * Whether the principal is in a group of the tenant: as a member, or because its issuer says so. For rules that name groups,
 * such as who has to approve what.
 */
export async function isInGroup(
  trx: Trx,
  tenant: string,
  group: string,
  { id, groups }: Pick<Principal, 'id' | 'groups'>,
): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`
    SELECT EXISTS (SELECT FROM access_group_members m
                     WHERE m.tenant = ${tenant} AND m.group_name = ${group} AND m.principal = ${id})
        OR EXISTS (SELECT FROM access_groups a WHERE a.tenant = ${tenant} AND a.name = ${group}
                     AND a.claim = ANY (${[...groups]}::text[])) AS found`.execute(trx);
  return rows[0]?.found === true;
}
