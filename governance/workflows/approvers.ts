/** Who could approve now: so that no rule comes to hold that nobody can satisfy, and that what changes them is noticed. */
import { sql } from 'kysely';
import type { AccessChange } from '../access/changes.ts';
import type { Trx } from '../store/transactions.ts';

/**
 * How many people may approve; of `among`, where it is not null. Machines may not (access/openkcm.cedar). Whom an issuer says
 * to be in a group that holds the role is not known here: each of its people may be, and nobody knows how many they are.
 */
export async function countApprovers(
  trx: Trx,
  tenant: string,
  among: readonly string[] | null,
  developmentOperators: readonly string[],
): Promise<number> {
  const asked = among === null ? null : [...among];
  const { rows } = await sql<{ people: string; unknown: boolean }>`
    WITH grants AS (
      SELECT principal, group_name FROM role_grants WHERE tenant = ${tenant} AND role = 'approver'
    ), issuers AS (
      SELECT split_part(a.claim, ':', 1) AS name FROM access_groups a JOIN grants g ON g.group_name = a.name
        WHERE a.tenant = ${tenant} AND a.claim IS NOT NULL
    ), approvers AS (
      SELECT principal FROM grants
      UNION SELECT m.principal FROM access_group_members m JOIN grants g USING (group_name) WHERE m.tenant = ${tenant}
      UNION SELECT unnest(${[...developmentOperators]}::text[])
      UNION SELECT member FROM unnest(${asked}::text[]) member JOIN issuers ON name = split_part(member, ':', 1)
    )
    SELECT count(*) FILTER (WHERE principal NOT LIKE 'client:%'
                              AND (${asked}::text[] IS NULL OR principal = ANY (${asked}::text[]))) AS people,
           ${asked}::text[] IS NULL AND EXISTS (SELECT FROM issuers) AS unknown
      FROM approvers`.execute(trx);
  const [row] = rows;
  return row?.unknown === true ? Infinity : Number(row?.people ?? 0);
}

/** Whether the change makes somebody an approver, or makes them none: by the role, or by a group that holds it. */
export async function changesApprovers(trx: Trx, tenant: string, change: AccessChange): Promise<boolean> {
  if ('role' in change) return change.role === 'approver';
  const held = await trx
    .selectFrom('role_grants')
    .select('id')
    .where('tenant', '=', tenant)
    .where('role', '=', 'approver')
    .where('group_name', '=', change.group)
    .executeTakeFirst();
  return held !== undefined;
}
