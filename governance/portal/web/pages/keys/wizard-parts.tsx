/** What both wizards end with, and which keystores they begin with. */

import { Link } from 'wouter';
import type { ListTenantKeysResponse } from '../../../../client/types.gen.ts';
import { EVERY, useApi } from '../../api/hooks.ts';
import { Badge } from '../../design/badge.tsx';
import { Facts } from '../../design/page.tsx';
import { Loaded } from '../../design/states.tsx';
import { useMay } from '../../session/may.ts';
import { LinkActions, LinkTable } from './links.tsx';

export type MasterKey = ListTenantKeysResponse['items'][number];

interface Keystore {
  readonly name: string;
  readonly kind: string;
  readonly isOwn: boolean;
}

/** The tenant's own ones, and those for all where one may see them. */
export function useKeystores(tenant: string): readonly Keystore[] {
  const { operate } = useMay();
  const query = { limit: 200 };
  const own = useApi('listTenantKeystores', { path: { tenant }, query }, { every: EVERY.slow });
  const all = useApi('listKeystores', { query }, { every: EVERY.slow, enabled: operate.allowed });
  const known = new Map<string, Keystore>();
  for (const { name, kind, tenant: owner } of [...(all.data?.items ?? []), ...(own.data?.items ?? [])])
    known.set(name, { name, kind, isOwn: owner !== null });
  return [...known.values()];
}

/** The key is there: what the keystore said of it, and the link, live. */
export function LinkStep({ tenant, masterKey }: { readonly tenant: string; readonly masterKey: MasterKey }) {
  const links = useApi('getTenantLinks', { path: { tenant } }, { every: EVERY.live });
  return (
    <>
      <Facts
        of={[
          ['Alias', masterKey.alias],
          ['State', <Badge key="state" state={masterKey.state} tip={masterKey.means} />],
          ['Keystore', masterKey.keystore],
          ['Reference', masterKey.reference],
          ['Key configuration', masterKey.keyConfiguration ?? '–'],
        ]}
      />
      <p>
        The keystore has wrapped and unwrapped something with it. Nothing stands on it yet: that is what
        linking does, which may take the approval of others.
      </p>
      <Loaded of={links}>
        {(data) => (
          <>
            <div className="actions">
              <LinkActions tenant={tenant} links={data} />
            </div>
            <LinkTable links={data} />
          </>
        )}
      </Loaded>
      <p>
        <Link href={`/tenants/${tenant}/keys`}>All keys of {tenant}</Link>
      </p>
    </>
  );
}
