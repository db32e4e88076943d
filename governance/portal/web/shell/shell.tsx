import { type ReactNode, useEffect, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { EVERY } from '../api/hooks.ts';
import { Button } from '../design/button.tsx';
import { Icon, type IconName } from '../design/icons.tsx';
import { useMay } from '../session/may.ts';
import type { Session } from '../session/session.ts';
import { usePending } from './pending.ts';
import { ThemeSwitch } from './theme-switch.tsx';

interface Place {
  readonly to: string;
  readonly title: string;
  readonly icon: IconName;
}

export function Shell({ session, children }: { readonly session: Session; readonly children: ReactNode }) {
  const [path] = useLocation();
  const [isOpen, setOpen] = useState(false);
  // Whoever has chosen a page wants to see it.
  useEffect(() => setOpen(false), [path]);
  return (
    <>
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <div className="shell">
        <header className="topbar">
          <button
            type="button"
            className="button button-icon nav-toggle"
            aria-label="Menu"
            aria-expanded={isOpen}
            aria-controls="places"
            onClick={() => setOpen(!isOpen)}
          >
            <Icon name="menu" />
          </button>
          <Link href="/" className="brand">
            <Icon name="key" />
            OpenKCM
          </Link>
          <span className="muted cluster">{session.cluster}</span>
          <div className="topbar-end">
            <ThemeSwitch />
            <Link href="/settings" className="who" data-tip={session.principal}>
              {session.name}
            </Link>
          </div>
        </header>
        <nav id="places" className="side-nav" aria-label="Portal" data-open={isOpen}>
          <Places path={path} />
        </nav>
        <main id="content" tabIndex={-1}>
          {session.development && <DevelopmentWord />}
          {children}
        </main>
      </div>
    </>
  );
}

function Places({ path }: { readonly path: string }) {
  const { operate } = useMay();
  const pending = usePending(EVERY.slow);
  const places: (Place & { readonly count?: number })[] = [
    { to: '/', title: 'Overview', icon: 'overview' },
    { to: '/tenants', title: 'Tenants', icon: 'tenant' },
    { to: '/approvals', title: 'Approvals', icon: 'approve', count: pending.items.length },
    ...(operate.allowed
      ? ([
          { to: '/jobs', title: 'Jobs', icon: 'job' },
          { to: '/audit', title: 'Audit', icon: 'audit' },
          { to: '/regions', title: 'Regions', icon: 'region' },
          { to: '/keystores', title: 'Keystores', icon: 'key' },
          { to: '/signing-keys', title: 'Signing keys', icon: 'signing' },
          { to: '/drift', title: 'Drift', icon: 'drift' },
        ] satisfies Place[])
      : []),
    { to: '/settings', title: 'Settings', icon: 'settings' },
  ];
  return (
    <ul>
      {places.map(({ to, title, icon, count = 0 }) => {
        const isHere = to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`);
        return (
          <li key={to}>
            <Link href={to} aria-current={isHere ? 'page' : undefined}>
              <Icon name={icon} />
              {title}
              {count > 0 && (
                <span className="count">
                  {count}
                  <span className="sr-only"> pending</span>
                </span>
              )}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}

const WORD_READ = 'okcm-development-read';

/** Said once in each window: with the token of a development installation everything is permitted. */
function DevelopmentWord() {
  const [isRead, setRead] = useState(() => sessionStorage.getItem(WORD_READ) !== null);
  if (isRead) return null;
  const read = () => {
    sessionStorage.setItem(WORD_READ, '1');
    setRead(true);
  };
  return (
    <div className="notice notice-warn">
      <div>
        <p>This is a development installation. Whoever signs in with its token may do everything.</p>
        <Button onPress={read}>Understood</Button>
      </div>
    </div>
  );
}
