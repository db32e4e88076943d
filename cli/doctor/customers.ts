/** What CMK's database says of tenants' links and of where their L1 keys lie: closed, not to be used, without a credential. */
import { sql } from 'kysely';
import {
  bringsCredential,
  filesOf,
  type KeystoreKind,
  keystoreKinds,
} from '../../governance/keystores/configs.ts';
import type { Trx } from '../../governance/store/transactions.ts';
import { judgeSecretFile, statSecret } from './files.ts';
import { finding, passed, type Verdict } from './verdict.ts';

/** Tenants that nobody serves, by decision: what does not open there is no news. */
const ENDED = ['blocking', 'blocked', 'terminating', 'terminated'] as const;
/** Tenants, keys and keystores that are told one by one, each kind for itself. */
const MAX_TOLD = 100;

export interface CustomerFacts {
  /** Of tenants that are served: links that somebody has closed, or is closing. */
  readonly closed: readonly {
    readonly tenant: string;
    readonly regions: number;
    readonly reason: string;
    /** Undefined while a region still has to. */
    readonly at?: string | undefined;
  }[];
  /** L1 keys that their keystore refuses, or of which nothing clear is heard. */
  readonly keys: readonly {
    readonly tenant: string;
    readonly alias: string;
    readonly keystore: string;
    readonly state: string;
  }[];
  readonly keystores: readonly {
    readonly name: string;
    readonly kind: string;
    readonly config: Readonly<Record<string, unknown>>;
    /** Whether CMK has ever found one of its keys to be usable. */
    readonly hasServed: boolean;
  }[];
}

export function judgeLinks({ closed }: CustomerFacts): Verdict[] {
  const checked = 'links of tenants';
  if (closed.length === 0) return [passed(checked, 'none is closed')];
  return closed.map(({ tenant, regions, reason, at }) => {
    const where = regions === 1 ? 'one region' : `${regions} regions`;
    const when = at === undefined ? 'is being closed' : `was closed at ${at}`;
    const told = `the link of ${tenant} ${when} in ${where}: ${reason}`;
    return finding(at === undefined ? 'LINK_CLOSING' : 'LINK_CLOSED', checked, told, { tenant, regions });
  });
}

export function judgeKeys({ keys }: CustomerFacts): Verdict[] {
  const checked = 'L1 keys';
  if (keys.length === 0) return [passed(checked, 'none is in trouble')];
  return keys.map(({ tenant, alias, keystore, state }) =>
    finding('KEY_IN_TROUBLE', checked, `${tenant}/${alias} at keystore ${keystore} is ${state}`, {
      tenant,
      alias,
      keystore,
      keyState: state,
    }),
  );
}

/** Of files that keystores name, whether CMK could read them; nothing of them is read, and no keystore is called. */
export async function judgeKeystores({ keystores }: CustomerFacts): Promise<Verdict[]> {
  const verdicts = await Promise.all(keystores.map(judgeKeystore));
  return verdicts.flat();
}

async function judgeKeystore({ name, kind, config, hasServed }: CustomerFacts['keystores'][number]) {
  const checked = `keystore ${name}`;
  const facts = { keystore: name, kind };
  const verdicts: Verdict[] = [];
  for (const file of filesOf(config)) {
    // The development keystore is made with its first key; of authorities' certificates everybody may read.
    if (file === config['path'] || file === config['caFile']) continue;
    const what = 'credential of the keystore';
    const [trouble] = judgeSecretFile({ what, file }, ...(await statSecret(file)));
    if (trouble !== undefined && trouble.state !== 'ok')
      verdicts.push(finding('KEYSTORE_WITHOUT_CREDENTIAL', checked, trouble.found, { ...facts, file }));
  }
  if (verdicts.length > 0) return verdicts;
  const known = keystoreKinds.find((each): each is KeystoreKind => each === kind);
  if (hasServed || known === undefined || bringsCredential(known, config))
    return [passed(checked, hasServed ? `${kind}, has served` : kind, facts)];
  const field = kind === 'azure-key-vault' ? 'clientSecretFile' : 'credentialsFile';
  const told = `${kind} names no credential, and none that the host may have for it has opened a key yet`;
  return [finding('KEYSTORE_UNPROVED', checked, told, { ...facts, field })];
}

/** Reads only. */
export async function gatherCustomers(trx: Trx): Promise<CustomerFacts> {
  const closed = await sql<{ tenant: string; regions: number; reason: string | null; at: Date | null }>`
    SELECT tenant, count(*)::int AS regions, min(reason) AS reason,
           CASE WHEN bool_and(state = 'closed') THEN max(closed_at) END AS at
      FROM (SELECT DISTINCT ON (tenant, region) tenant, region, state, reason, closed_at
              FROM links WHERE state <> 'failed' ORDER BY tenant, region, epoch DESC) newest
     WHERE state IN ('closing', 'closed') AND NOT EXISTS (
       SELECT FROM tenant_states s WHERE s.tenant = newest.tenant AND s.state IN (${sql.join(ENDED)}))
     GROUP BY tenant ORDER BY tenant LIMIT ${MAX_TOLD}`.execute(trx);
  const keys = await trx
    .selectFrom('l1_keys')
    .select(['tenant', 'alias', 'keystore', 'state', 'warning'])
    .where((eb) => eb.or([eb('state', '<>', 'ENABLED'), eb('warning', 'is not', null)]))
    // One that no link stands on stops nobody.
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('links')
          .select('links.tenant')
          .whereRef('links.tenant', '=', 'l1_keys.tenant')
          .whereRef('links.key_alias', '=', 'l1_keys.alias'),
      ),
    )
    .where('tenant', 'not in', (eb) =>
      eb.selectFrom('tenant_states').select('tenant').where('state', 'in', ENDED),
    )
    .orderBy('tenant')
    .orderBy('alias')
    .limit(MAX_TOLD)
    .execute();
  const keystores = await trx
    .selectFrom('keystores')
    .select((eb) => [
      'name',
      'kind',
      'config',
      eb
        .exists(
          eb
            .selectFrom('l1_keys')
            .select('alias')
            .whereRef('l1_keys.keystore', '=', 'keystores.name')
            .where('enabled_at', 'is not', null),
        )
        .as('served'),
    ])
    .orderBy('name')
    .limit(MAX_TOLD)
    .execute();
  return {
    closed: closed.rows.map(({ tenant, regions, reason, at }) => ({
      tenant,
      regions,
      reason: reason ?? 'nobody said why',
      at: at?.toISOString(),
    })),
    keys: keys.map(({ tenant, alias, keystore, state, warning }) => ({
      tenant,
      alias,
      keystore,
      state: state === 'ENABLED' ? (warning ?? state) : state,
    })),
    keystores: keystores.map(({ name, kind, config, served }) => ({
      name,
      kind,
      config,
      hasServed: Boolean(served),
    })),
  };
}
