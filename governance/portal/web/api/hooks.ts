/** Asking CMK from components: answers that stay fresh while somebody looks at them, and changes that tell what became of them. */
import {
  QueryClient,
  type UseMutationResult,
  type UseQueryResult,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { ApiProblem } from '../../../client/problem.ts';
import { toast } from '../design/toasts.ts';
import { type AnswerOf, call, type Name, type RequestOf } from './client.ts';
import { outcomeOf } from './outcome.ts';
import { isSignedOut } from './signed-out.ts';

/** How often a visible page asks again. Hidden ones do not ask (`refetchIntervalInBackground` stays off). */
export const EVERY = { live: 1_500, list: 2_000, slow: 15_000 } as const;
const MAX_ATTEMPTS = 2;

export const SESSION = ['session'] as const;

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 1_000,
        gcTime: 60_000,
        retry: (failures, error) => !(error instanceof ApiProblem) && failures < MAX_ATTEMPTS,
      },
    },
  });
}

interface Asking {
  /** Milliseconds; left out: as the page is opened, and after each change. */
  readonly every?: number | undefined;
  readonly enabled?: boolean;
}

export function useApi<K extends Name>(
  name: K,
  request: RequestOf<K>,
  { every, enabled = true }: Asking = {},
): UseQueryResult<AnswerOf<K>> {
  const queries = useQueryClient();
  return useQuery({
    queryKey: [name, request],
    queryFn: async ({ signal }) => {
      try {
        return await call(name, request, signal);
      } catch (error) {
        signOutAt(queries, error);
        throw error;
      }
    },
    enabled,
    // Of what was refused nothing changes by asking often.
    refetchInterval: ({ state }) =>
      every === undefined || state.error instanceof ApiProblem ? EVERY.slow : every,
    // The page before stays until the next one is there; what belongs to another tenant never does.
    placeholderData: ofTheSame(request),
  });
}

interface Changing<K extends Name> {
  /** Told when it was carried out; left out: what the answer says of itself. */
  readonly done?: string | ((answer: AnswerOf<K>) => string | undefined);
  readonly onDone?: (answer: AnswerOf<K>) => void;
  /** The form shows the error itself. */
  readonly quiet?: boolean;
}

export function useChange<K extends Name>(
  name: K,
  { done, onDone, quiet = false }: Changing<K> = {},
): UseMutationResult<AnswerOf<K>, Error, RequestOf<K>> {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (request: RequestOf<K>) => call(name, request),
    onSuccess: (answer) => {
      const said = typeof done === 'function' ? done(answer) : done;
      toast(said === undefined ? outcomeOf(answer) : { tone: 'ok', title: said });
      onDone?.(answer);
    },
    onError: (error) => {
      signOutAt(queries, error);
      if (!quiet) toast({ tone: 'bad', title: error.message, error });
    },
    onSettled: () => void queries.invalidateQueries(),
  });
}

const ofTheSame =
  (request: object) =>
  <T>(before: T | undefined, asked: { readonly queryKey: readonly unknown[] } | undefined): T | undefined =>
    asked !== undefined && isAboutTheSame(asked.queryKey[1], request) ? before : undefined;

const isAboutTheSame = (before: unknown, request: object): boolean =>
  typeof before === 'object' &&
  before !== null &&
  JSON.stringify(Reflect.get(before, 'path')) === JSON.stringify(Reflect.get(request, 'path')) &&
  tenantIn(before) === tenantIn(request);

/** Where the tenant stands in the query and not in the path. */
function tenantIn(request: object): unknown {
  const query: unknown = Reflect.get(request, 'query');
  return typeof query === 'object' && query !== null ? Reflect.get(query, 'tenant') : undefined;
}

/** A session that has ended anywhere has ended: the page to sign in comes, and afterwards this one again. */
function signOutAt(queries: QueryClient, error: unknown): void {
  if (isSignedOut(error)) void queries.resetQueries({ queryKey: SESSION });
}
