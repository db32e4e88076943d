/**
 * What CMK has, of all that is declared or was: lists in pages, a few requests at once. Tenants are listed together; of one
 * tenant only those kinds are read that the declarations speak of. Nothing is asked that is sure to be refused.
 */
import { type Client, everyItem, type GetMeResponse, type Tenant } from '../../governance/client/index.ts';
import { CliError } from '../errors.ts';
import { keystoreFields } from './declared.ts';
import { inParallel } from './in-parallel.ts';
import { MAX_NAMED_LOOKUPS, MAX_PROPOSALS_READ, MAX_REQUESTS, PAGE_SIZE } from './limits.ts';
import { endsAll, isUnreachable, problemOf } from './problems.ts';
import { readers, tenantThing } from './readers.ts';
import {
  type Actual,
  type Declared,
  type Id,
  type Kind,
  keyOf,
  type PendingProposal,
  type Problem,
  scopeOf,
  type Thing,
} from './things.ts';

interface Scope {
  readonly kind: Kind;
  readonly tenant: string | null;
  readonly wanted: readonly Declared[];
}

/** Errors: CMK_UNREACHABLE, and CMK_REFUSED of what nobody is refused for one thing alone. */
export async function readActual(
  api: Client,
  me: GetMeResponse,
  declared: readonly Declared[],
  recorded: readonly Id[],
  tell: (text: string) => void,
): Promise<Actual> {
  const concerned = [...declared.map(({ id }) => id), ...recorded];
  const views = await readTenants(api, [...new Set(concerned.flatMap(({ tenant }) => tenant ?? []))]);
  const things = new Map<string, Thing>();
  const unread = new Map<string, Problem>();
  const scopes = scopesOf(declared, concerned);
  let done = 0;
  await inParallel(scopes, MAX_REQUESTS, async (scope) => {
    try {
      for (const thing of await readScope(api, scope, me, views)) things.set(keyOf(thing.id), thing);
    } catch (error) {
      if (endsAll(error) || isUnreachable(error)) throw error;
      unread.set(scopeOf({ ...scope, name: '' }), problemOf(error));
    }
    done++;
    tell(`${done} of ${scopes.length} lists`);
  });
  return { things, unread, tenants: new Map([...views].map(([id, { state }]) => [id, state])) };
}

function scopesOf(declared: readonly Declared[], concerned: readonly Id[]): Scope[] {
  const wanted = Map.groupBy(declared, ({ id }) => scopeOf(id));
  const scopes = new Map<string, Scope>();
  for (const id of concerned) {
    const scope = scopeOf(id);
    if (!scopes.has(scope))
      scopes.set(scope, {
        kind: id.kind,
        tenant: id.kind === 'Tenant' ? null : id.tenant,
        wanted: wanted.get(scope) ?? [],
      });
  }
  return [...scopes.values()];
}

async function readTenants(api: Client, names: readonly string[]): Promise<Map<string, Tenant>> {
  const found = new Map<string, Tenant>();
  const wanted = new Set(names);
  const keep = async (tenants: AsyncIterable<Tenant>): Promise<void> => {
    for await (const tenant of tenants) if (wanted.has(tenant.id)) found.set(tenant.id, tenant);
  };
  if (names.length > MAX_NAMED_LOOKUPS)
    await keep(everyItem(api.listTenants, { query: { limit: PAGE_SIZE } }));
  else
    await inParallel(names, MAX_REQUESTS, (search) =>
      keep(everyItem(api.listTenants, { query: { limit: PAGE_SIZE, search } })),
    );
  return found;
}

async function readScope(
  api: Client,
  { kind, tenant, wanted }: Scope,
  me: GetMeResponse,
  views: ReadonlyMap<string, Tenant>,
): Promise<Thing[]> {
  switch (kind) {
    case 'Tenant': {
      const declared = Map.groupBy(wanted, ({ id }) => id.name);
      return await inParallel([...views.values()], MAX_REQUESTS, (view) =>
        tenantThing(api, view, declared.get(view.id) ?? [], isInside(me, view.id)),
      );
    }
    case 'Issuer':
      return await readIssuers(api, wanted);
    default:
      if (tenant === null) return await readKeystores(api);
      // What is not there yet has nothing in it.
      if (!views.has(tenant)) return [];
      // Each refusal stands in the audit log, and only so many are answered: what is known to be refused is not asked.
      if (!isInside(me, tenant))
        throw new CliError('NOT_PERMITTED', `what ${tenant} has is not yours to see`);
      return await readers[kind](api, tenant, wanted);
  }
}

async function readKeystores(api: Client): Promise<Thing[]> {
  const found: Thing[] = [];
  for await (const { name, kind, config } of everyItem(api.listKeystores, { query: { limit: PAGE_SIZE } }))
    found.push({ id: { kind: 'Keystore', tenant: null, name }, fields: keystoreFields(kind, config) });
  return found;
}

/** CMK knows an issuer by the fingerprint of its key alone: it is whichever declaration has that. */
async function readIssuers(api: Client, wanted: readonly Declared[]): Promise<Thing[]> {
  const known = new Set<string>();
  for await (const { fingerprint } of everyItem(api.listIssuers, { query: { limit: PAGE_SIZE } }))
    known.add(fingerprint);
  return wanted
    .filter(({ fields }) => known.has(String(fields['fingerprint'])))
    .map(({ id, fields }) => ({ id, fields }));
}

const isInside = ({ duty, tenants }: GetMeResponse, tenant: string): boolean =>
  duty === 'development' || (duty === null && tenants.some((each) => each.tenant === tenant));

/** The pending proposals of every tenant named, but for those that are not to be seen: what is asked there is refused anyway. */
export async function readProposals(
  api: Client,
  me: GetMeResponse,
  tenants: readonly string[],
): Promise<PendingProposal[]> {
  const visible = tenants.filter((tenant) => isInside(me, tenant));
  const found = await inParallel(visible, MAX_REQUESTS, async (tenant) => {
    const query = { state: 'pending', limit: MAX_PROPOSALS_READ } as const;
    return (await api.listTenantProposals({ path: { tenant }, query })).items;
  });
  return found.flat();
}
