import { Suspense } from 'react';
import { Redirect, Route, Switch, useLocation, useSearch } from 'wouter';
import { Page } from '../design/page.tsx';
import { EmptyState, Loading, ProblemBox } from '../design/states.tsx';
import { Tips } from '../design/tips.tsx';
import { ToastList } from '../design/toast-list.tsx';
import { useMe } from '../session/may.ts';
import { type Session, useSession } from '../session/session.ts';
import { SignIn } from '../session/sign-in.tsx';
import { pages } from './pages.ts';
import { Shell } from './shell.tsx';
import { Stumble } from './stumble.tsx';

export function App() {
  return (
    <>
      <Signed />
      <ToastList />
      <Tips />
    </>
  );
}

/** Somebody is known, or is asked to sign in and led back to where they were. */
function Signed() {
  const session = useSession();
  const [path] = useLocation();
  const search = useSearch();
  if (session.data === undefined) {
    if (session.error !== null)
      return (
        <main>
          <ProblemBox error={session.error} onRetry={() => void session.refetch()} />
        </main>
      );
    return (
      <main>
        <Loading />
      </main>
    );
  }
  const onSignIn = path === '/sign-in';
  const back = new URLSearchParams(search).get('return');
  if (session.data === null) {
    const here = `${path}${search === '' ? '' : `?${search}`}`;
    return <SignIn back={onSignIn ? insideOf(back) : here} />;
  }
  if (onSignIn) return <Redirect to={insideOf(back)} replace />;
  return <SignedIn session={session.data} />;
}

/** A way back within the portal; whatever else the address may say leads to the overview. */
function insideOf(back: string | null): string {
  const within = back?.startsWith('/portal/') === true ? back.slice('/portal'.length) : back;
  return within !== null && /^\/(?![/\\])/.test(within) ? within : '/';
}

function SignedIn({ session }: { readonly session: Session }) {
  const me = useMe();
  return (
    <Shell session={session}>
      {me.data === undefined ? (
        me.error === null ? (
          <Loading />
        ) : (
          <ProblemBox error={me.error} onRetry={() => void me.refetch()} />
        )
      ) : (
        <Stumble>
          <Suspense fallback={<Loading />}>
            <Switch>
              {pages.map(({ path, page }) => (
                <Route key={path} path={path} component={page} />
              ))}
              <Route>
                <Page title="There is no such page">
                  <EmptyState title="The address leads nowhere. Begin at the overview." />
                </Page>
              </Route>
            </Switch>
          </Suspense>
        </Stumble>
      )}
    </Shell>
  );
}
