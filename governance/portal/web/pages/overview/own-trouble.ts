/** Of the tenants that one belongs to: links and master keys that need somebody. */
import { useQueries } from '@tanstack/react-query';
import { call } from '../../api/client.ts';
import { EVERY } from '../../api/hooks.ts';
import { useOwnTenants } from '../../shell/pending.ts';
import type { Alert } from './alert.ts';

const SHOWN = ['failed', 'expired', 'closing'];

export function useOwnTrouble(enabled: boolean): Alert[] {
  const { tenants } = useOwnTenants();
  const links = useQueries({
    queries: tenants.map((tenant) => ({
      queryKey: ['getTenantLinks', { path: { tenant } }],
      queryFn: ({ signal }: { signal: AbortSignal }) => call('getTenantLinks', { path: { tenant } }, signal),
      // OwnTenants, on the same page, asks again and again.
      enabled,
    })),
  });
  const keys = useQueries({
    queries: tenants.map((tenant) => {
      const request = { path: { tenant } };
      return {
        queryKey: ['listTenantKeys', request],
        queryFn: ({ signal }: { signal: AbortSignal }) => call('listTenantKeys', request, signal),
        refetchInterval: EVERY.list,
        enabled,
      };
    }),
  });
  return [
    ...links.flatMap(({ data }) =>
      (data?.regions ?? [])
        .filter(({ state, error }) => SHOWN.includes(state) || error !== null)
        .map(
          ({ region, state, error, expiresAt }): Alert => ({
            id: `link/${data?.tenant ?? ''}/${region}`,
            tone: state === 'closing' ? 'busy' : state === 'expired' ? 'warn' : 'bad',
            title: `${data?.tenant ?? ''}: the link in ${region} is ${state}${error === null ? '' : `: ${error}`}`,
            to: `/tenants/${data?.tenant ?? ''}/keys`,
            ...(state === 'expired' ? { since: expiresAt } : {}),
          }),
        ),
    ),
    ...keys.flatMap(({ data }, index) => {
      const tenant = tenants[index] ?? '';
      return (data?.items ?? [])
        .filter(({ state, warning }) => state !== 'ENABLED' || warning !== null)
        .map(
          ({ alias, state, means, warning, stateSince }): Alert => ({
            id: `key/${tenant}/${alias}`,
            tone: state === 'ENABLED' ? 'warn' : 'bad',
            title: `${tenant}: the master key ${alias}: ${warning?.means ?? means}`,
            to: `/tenants/${tenant}/keys/key/${alias}`,
            since: warning?.since ?? stateSince,
          }),
        );
    }),
  ];
}
