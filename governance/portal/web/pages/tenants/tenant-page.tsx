import type { ReactNode } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { Page } from '../../design/page.tsx';
import { useMay, type Verdict } from '../../session/may.ts';

/** Of the address. Only on pages below /tenants/:tenant. */
export function useTenant(): string {
  const { tenant } = useParams<{ tenant: string }>();
  return tenant;
}

interface Props {
  /** Of this part; the tenant's name is added. */
  readonly title: string;
  readonly heading?: ReactNode;
  readonly intro?: ReactNode;
  readonly actions?: ReactNode;
  /** What it takes to look at it. */
  readonly may?: Verdict;
  readonly children: ReactNode;
}

const PARTS: readonly (readonly [path: string, title: string, forOperators?: boolean])[] = [
  ['', 'Tenant', true],
  ['/chain', 'Key chain'],
  ['/keys', 'Keys'],
  ['/rotation', 'Rotation'],
  ['/systems', 'Systems'],
  ['/workflows', 'Workflows'],
  ['/outage', 'What would stop'],
  ['/jobs', 'Jobs', true],
  ['/access', 'Access'],
  ['/notifications', 'Notifications'],
  ['/audit', 'Audit'],
];

/** One part of a tenant, below the tabs that lead to the others. */
export function TenantPage({ title, heading, intro, actions, may, children }: Props) {
  const tenant = useTenant();
  const { look, audit } = useMay(tenant);
  const [path] = useLocation();
  const base = `/tenants/${tenant}`;
  const parts = PARTS.filter(
    ([part, , forOperators]) =>
      (look.allowed || forOperators === true) && (part !== '/audit' || audit.allowed),
  );
  const verdict = may ?? look;
  return (
    <Page
      title={`${title} · ${tenant}`}
      heading={heading ?? (title === 'Tenant' ? tenant : `${tenant}: ${title.toLowerCase()}`)}
      up={{ to: '/tenants', title: 'Tenants' }}
      intro={intro}
      actions={actions}
    >
      <nav className="tabs" aria-label={`Parts of ${tenant}`}>
        {parts.map(([part, name]) => {
          const to = base + part;
          const isHere = path === to || (part !== '' && path.startsWith(`${to}/`));
          return (
            <Link key={part} href={to} aria-current={isHere ? 'page' : undefined}>
              {name}
            </Link>
          );
        })}
      </nav>
      {verdict.allowed ? children : <p className="state state-empty">{verdict.reason}.</p>}
    </Page>
  );
}
