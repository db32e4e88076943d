import { useQueries } from '@tanstack/react-query';
import { Link } from 'wouter';
import { call } from '../../api/client.ts';
import { EVERY } from '../../api/hooks.ts';
import { Badge } from '../../design/badge.tsx';
import { Section } from '../../design/page.tsx';
import { EmptyState } from '../../design/states.tsx';
import { Time } from '../../design/time.tsx';
import { useMe } from '../../session/may.ts';
import { useOwnTenants } from '../../shell/pending.ts';

/** Of each tenant that one belongs to, whether its keys can be used, and where. */
export function OwnTenants() {
  const { data: me } = useMe();
  const { tenants, isCut } = useOwnTenants();
  const links = useQueries({
    queries: tenants.map((tenant) => ({
      queryKey: ['getTenantLinks', { path: { tenant } }],
      queryFn: ({ signal }: { signal: AbortSignal }) => call('getTenantLinks', { path: { tenant } }, signal),
      refetchInterval: EVERY.list,
    })),
  });
  if (me?.duty === 'operator' && tenants.length === 0) return null;
  return (
    <Section
      title="Your tenants"
      intro={isCut ? <Link href="/tenants">The rest is in the list of tenants</Link> : undefined}
    >
      {tenants.length === 0 ? (
        <EmptyState title="You belong to no tenant yet" />
      ) : (
        <ul className="cards">
          {tenants.map((tenant, index) => (
            <li key={tenant} className="card">
              <div className="card-head">
                <h3>
                  <Link href={`/tenants/${tenant}`}>{tenant}</Link>
                </h3>
                <Badge state={links[index]?.data?.state ?? 'none'} />
              </div>
              <ul>
                {(links[index]?.data?.regions ?? []).map(({ region, state, key, expiresAt }) => (
                  <li key={region} className="row">
                    {region} <Badge state={state} />
                    <span className="muted small">
                      {key ?? 'no key'}
                      {state === 'active' && (
                        <>
                          , lease ends <Time at={expiresAt} />
                        </>
                      )}
                    </span>
                  </li>
                ))}
              </ul>
              <p>
                <Link href={`/tenants/${tenant}/chain`}>
                  Key chain<span className="sr-only"> of {tenant}</span>
                </Link>
              </p>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
