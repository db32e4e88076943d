/** Proposals that wait for somebody, in the tenants that one may look at. */
import { useQueries } from '@tanstack/react-query';
import type { Proposal } from '../../../client/types.gen.ts';
import { call } from '../api/client.ts';
import { EVERY, useApi } from '../api/hooks.ts';
import { useMe } from '../session/may.ts';

/** Looked at for this list; the tenants' own pages have the rest. */
export const MAX_TENANTS = 25;

export interface Pending {
  readonly items: readonly Proposal[];
  readonly isLoading: boolean;
  readonly isCut: boolean;
}

/** The tenants that somebody belongs to; with the development token, those that are there. */
export function useOwnTenants(): { readonly tenants: readonly string[]; readonly isCut: boolean } {
  const { data: me } = useMe();
  const everything = me?.duty === 'development';
  const all = useApi(
    'listTenants',
    { query: { limit: MAX_TENANTS } },
    { every: EVERY.slow, enabled: everything },
  );
  const names = everything
    ? (all.data?.items ?? []).map(({ id }) => id)
    : (me?.tenants ?? []).map(({ tenant }) => tenant);
  return {
    tenants: names.slice(0, MAX_TENANTS),
    isCut: names.length > MAX_TENANTS || (everything && all.data?.next !== undefined),
  };
}

/** @param every Milliseconds: the page that shows them asks more often than the count beside its name. */
export function usePending(every: number): Pending {
  const { tenants, isCut } = useOwnTenants();
  const answers = useQueries({
    queries: tenants.map((tenant) => {
      const request = { path: { tenant }, query: { state: 'pending' as const, limit: 20 } };
      return {
        queryKey: ['listTenantProposals', request],
        queryFn: ({ signal }: { signal: AbortSignal }) => call('listTenantProposals', request, signal),
        refetchInterval: every,
      };
    }),
  });
  return {
    items: answers
      .flatMap(({ data }) => data?.items ?? [])
      .sort((a, b) => b.createdAt.localeCompare(a.createdAt)),
    isLoading: answers.some(({ isPending }) => isPending),
    isCut,
  };
}
