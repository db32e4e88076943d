/** Who is signed in: asked of the portal's own routes, beside the API. */
import { type UseQueryResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { send } from '../api/client.ts';
import { SESSION } from '../api/hooks.ts';
import { isSignedOut } from '../api/signed-out.ts';

export interface Session {
  readonly principal: string;
  readonly name: string;
  readonly person: boolean;
  readonly duty: 'operator' | 'development' | null;
  readonly expiresAt: string;
  readonly development: boolean;
  readonly cluster: string;
}

export interface SignInOptions {
  readonly development: boolean;
  readonly providers: readonly { readonly name: string; readonly title: string }[];
}

/** Notices a session that has ended while nothing else was asked. */
const CHECK_MS = 60_000;

/** null: nobody is signed in. */
export const useSession = (): UseQueryResult<Session | null> =>
  useQuery({
    queryKey: SESSION,
    queryFn: async ({ signal }): Promise<Session | null> => {
      try {
        return (await send('GET', '/portal/session', undefined, signal)) as Session;
      } catch (error) {
        if (isSignedOut(error)) return null;
        throw error;
      }
    },
    staleTime: CHECK_MS,
    refetchInterval: CHECK_MS,
  });

export const useSignInOptions = (): UseQueryResult<SignInOptions> =>
  useQuery({
    queryKey: ['sign-in'],
    queryFn: async ({ signal }) => (await send('GET', '/portal/sign-in', undefined, signal)) as SignInOptions,
  });

/** A development installation takes a token; everywhere else the provider's own page asks who it is. */
export function useTokenSignIn() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (token: string) => (await send('POST', '/portal/session', { token })) as Session,
    onSuccess: (session) => queries.setQueryData(SESSION, session),
  });
}

export function useSignOut() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => send('DELETE', '/portal/session'),
    // What was seen before is nobody's any more.
    onSuccess: () => {
      queries.clear();
      location.assign('/portal/sign-in');
    },
  });
}
