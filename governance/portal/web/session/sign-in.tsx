import { type FormEvent, useEffect } from 'react';
import { useSearch } from 'wouter';
import { Button } from '../design/button.tsx';
import { Field } from '../design/fields.tsx';
import { FormValues } from '../design/form-values.ts';
import { Icon } from '../design/icons.tsx';
import { EmptyState, Loaded, Notice, ProblemBox } from '../design/states.tsx';
import { type SignInOptions, useSignInOptions, useTokenSignIn } from './session.ts';

/** Why a provider led back here without a session: what the portal's server puts into the address. */
const WHY_NOT = new Map([
  ['unknown-provider', 'CMK knows no such identity provider.'],
  ['provider-away', 'The identity provider does not answer at the moment. Try again in a while.'],
  ['busy', 'Too many people are signing in at the moment. Try again in a while.'],
  ['not-begun-here', 'This sign-in was not begun in this browser, or took too long. Begin it here.'],
  ['refused-by-provider', 'The identity provider did not let you in.'],
  ['not-accepted-here', 'The identity provider let you in, but CMK does not accept its token for you.'],
]);

/** @param back Where somebody wanted to go, within the portal. */
export function SignIn({ back }: { readonly back: string }) {
  const options = useSignInOptions();
  const error = new URLSearchParams(useSearch()).get('error');
  useEffect(() => {
    document.title = 'Sign in · OpenKCM';
  }, []);
  return (
    <main className="sign-in">
      <p className="brand">
        <Icon name="key" />
        OpenKCM
      </p>
      <h1>Sign in</h1>
      <p className="intro">The portal of the key management. You see and do what your roles permit.</p>
      {error !== null && (
        <Notice tone="bad">
          <p role="alert">{WHY_NOT.get(error) ?? 'Nobody was signed in.'}</p>
        </Notice>
      )}
      <Loaded of={options}>{(loaded) => <Ways options={loaded} back={back} />}</Loaded>
    </main>
  );
}

function Ways({
  options: { development, providers },
  back,
}: {
  readonly options: SignInOptions;
  readonly back: string;
}) {
  return (
    <div className="stack">
      {providers.map(({ name, title }) => (
        <a
          key={name}
          className="button button-main"
          href={`/portal/sign-in/${encodeURIComponent(name)}?return=${encodeURIComponent(`/portal${back}`)}`}
        >
          Sign in with {title}
        </a>
      ))}
      {development && <TokenForm />}
      {providers.length === 0 && !development && (
        <EmptyState title="No identity provider is configured for people">
          <p>Name one with the client id of the portal in the configuration of CMK.</p>
        </EmptyState>
      )}
    </div>
  );
}

function TokenForm() {
  const signIn = useTokenSignIn();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    signIn.mutate(new FormValues(new FormData(event.currentTarget)).text('token'));
  };
  return (
    <form className="form card" onSubmit={submit}>
      <h2>With a development token</h2>
      <Field
        of={{
          name: 'token',
          label: 'Token',
          type: 'password',
          required: true,
          hint: 'Of this installation: the file cmk/token in its home.',
        }}
      />
      {signIn.error !== null && <ProblemBox error={signIn.error} />}
      <div className="form-actions">
        <Button type="submit" tone="main" busy={signIn.isPending}>
          Sign in
        </Button>
      </div>
    </form>
  );
}
