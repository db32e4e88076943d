/** Who could approve now: so that no rule comes to hold that nobody can satisfy, and that what changes them is noticed. */
import { sql } from 'kysely';
import type { AccessChange } from '../access/changes.ts';
import type { Trx } from '../store/transactions.ts';

/** How many people may approve; of `among`, where it is not null. Machines may not (access/openkcm.cedar). */
export async function countApprovers(
  trx: Trx,
  tenant: string,
  among: readonly string[] | null,
  developmentOperators: readonly string[],
): Promise<number> {
  const asked = among === null ? null : [...among];
  const { rows } = await sql<{ people: string }>`
    WITH grants AS (
      SELECT principal, group_name FROM role_grants WHERE tenant = ${tenant} AND role = 'approver'
    ), approvers AS (
      SELECT principal FROM grants
      UNION SELECT m.principal FROM access_group_members m JOIN grants g USING (group_name) WHERE m.tenant = ${tenant}
      UNION SELECT unnest(${[...developmentOperators]}::text[])
    )
    SELECT count(*) AS people FROM approvers
      WHERE principal NOT LIKE 'client:%' AND (${asked}::text[] IS NULL OR principal = ANY (${asked}::text[]))`.execute(
    trx,
  );
  return Number(rows[0]?.people ?? 0);
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
