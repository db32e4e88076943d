/** How the things of each kind are read in one tenant, and into which fields. Each reads every page. */
import {
  type Client,
  everyItem,
  type GetTenantLinksResponse,
  type Proposal,
  type Tenant,
} from '../../governance/client/index.ts';
import { CmkRefusal } from '../cmk/client.ts';
import { certificateWord, keystoreFields } from './declared.ts';
import { PAGE_SIZE } from './limits.ts';
import type { Closure, Declared, Fields, Id, Kind, Thing } from './things.ts';

/** What is read of a tenant: `wanted` are the declarations that this is read for. */
export type Reader = (api: Client, tenant: string, wanted: readonly Declared[]) => Promise<Thing[]>;

const query = { limit: PAGE_SIZE };

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
const sorted = (values: readonly string[]): string[] => [...values].sort();
const thing = (kind: Kind, tenant: string | null, name: string, fields: Fields): Thing => ({
  id: { kind, tenant, name } satisfies Id,
  fields,
});

type TenantKind = Exclude<Kind, 'Issuer' | 'Tenant'>;

export const readers: Readonly<Record<TenantKind, Reader>> = {
  Keystore: async (api, tenant) =>
    (await all(everyItem(api.listTenantKeystores, { path: { tenant }, query })))
      .filter((keystore) => keystore.tenant === tenant)
      .map(({ name, kind, config }) => thing('Keystore', tenant, name, keystoreFields(kind, config))),
  ApproverGroup: async (api, tenant) =>
    (await api.getTenantApprovalRules({ path: { tenant } })).groups.map(({ name, members }) =>
      thing('ApproverGroup', tenant, name, { members: sorted(members) }),
    ),
  ApprovalRule: async (api, tenant) =>
    (await api.getTenantApprovalRules({ path: { tenant } })).rules.map(({ action, approvals, groups }) =>
      thing('ApprovalRule', tenant, action, { approvals, groups: sorted(groups) }),
    ),
  Service: async (api, tenant, wanted) => {
    const services = await all(everyItem(api.listTenantServices, { path: { tenant }, query }));
    const policies = await policiesFor(api, tenant, wanted, 'rotateAfterSeconds');
    return services.map(({ name }) =>
      thing('Service', tenant, name, { rotateAfterSeconds: policies.get(name) ?? null }),
    );
  },
  KeyConfiguration: async (api, tenant) =>
    (await all(everyItem(api.listTenantKeyConfigurations, { path: { tenant }, query }))).map(
      ({ name, description }) => thing('KeyConfiguration', tenant, name, { description }),
    ),
  Key: async (api, tenant, wanted) =>
    (await all(everyItem(api.listTenantKeys, { path: { tenant }, query }))).map((key) => {
      // A key may be declared by the name that it was registered by.
      const declared = wanted.find(({ id }) => id.name === key.alias)?.fields['reference'];
      return thing('Key', tenant, key.alias, {
        keystore: key.keystore,
        reference: key.named !== null && key.named === declared ? key.named : key.reference,
        ...(key.keyConfiguration === null ? {} : { keyConfiguration: key.keyConfiguration }),
        primary: key.primary,
      });
    }),
  Link: async (api, tenant) => {
    const links = await api.getTenantLinks({ path: { tenant } });
    return linkOf(links, isClosed(links) ? await closureOf(api, links) : undefined);
  },
  Workspace: async (api, tenant) =>
    (await all(everyItem(api.listTenantWorkspaces, { path: { tenant }, query }))).map(
      ({ name, displayName, externalId, services }) =>
        thing('Workspace', tenant, name, { displayName, externalId, services: sorted(services) }),
    ),
  System: async (api, tenant) =>
    (await all(everyItem(api.listTenantSystems, { path: { tenant }, query }))).map(
      ({ name, kind, externalId, service, keyConfiguration }) =>
        thing('System', tenant, name, { kind, externalId, service, keyConfiguration }),
    ),
  Application: async (api, tenant) =>
    (await all(everyItem(api.listTenantApplications, { path: { tenant }, query })))
      // One that is being removed is gone: its name is free once every region has done it.
      .filter(({ state }) => state !== 'removing')
      .map(({ name, services, operations, fingerprint, certificate }) =>
        thing('Application', tenant, name, {
          services: sorted(services),
          operations: operations === null ? null : sorted(operations),
          fingerprint,
          certificate: certificateWord(certificate),
        }),
      ),
};

/** By service; '' is the tenant's own. Asked only where a declaration speaks of it: few tenants have any. */
async function policiesFor(
  api: Client,
  tenant: string,
  wanted: readonly Declared[],
  field: string,
): Promise<Map<string, number | null>> {
  if (wanted.every(({ fields }) => fields[field] === undefined)) return new Map();
  const policies = await all(everyItem(api.listTenantRotationPolicy, { path: { tenant }, query }));
  return new Map(policies.map(({ service, rotateAfterSeconds }) => [service ?? '', rotateAfterSeconds]));
}

/** No link that there never was, and none that has failed: both are made by asking. */
function linkOf({ tenant, state, regions }: GetTenantLinksResponse, closed: Closure | undefined): Thing[] {
  const keys = new Set(
    regions.flatMap(({ key, rotation }) =>
      rotation !== null && rotation.state !== 'failed' ? [rotation.key] : (key ?? []),
    ),
  );
  const link = thing('Link', tenant, tenant, { key: [...keys].sort().join(', ') });
  switch (state) {
    case 'none':
    case 'failed':
      return [];
    default:
      return [closed === undefined ? link : { ...link, closed }];
  }
}

const isClosed = ({ state }: GetTenantLinksResponse): boolean => state === 'closing' || state === 'closed';

/** Whoever asked for it did so by a proposal, of which the closing jobs are; the kill switch and drift ask nobody. */
async function closureOf(api: Client, { tenant, regions }: GetTenantLinksResponse): Promise<Closure> {
  const ended = regions.filter(({ state }) => state === 'closing' || state === 'closed');
  const jobs = new Set(ended.map(({ job }) => job));
  const asked = (await decidedProposals(api, tenant)).find((proposal) =>
    proposal.jobs.some(({ job }) => jobs.has(job)),
  );
  const closedAt = ended.some(({ state }) => state === 'closing')
    ? undefined
    : ended
        .flatMap((region) => region.closedAt ?? [])
        .sort()
        .at(-1);
  const at = closedAt ?? asked?.decidedAt ?? asked?.createdAt;
  return {
    reason: ended.find(({ reason }) => reason !== null)?.reason ?? 'nobody said why',
    ...(asked === undefined ? {} : { by: asked.proposer }),
    ...(at === undefined ? {} : { at }),
  };
}

/** The newest of those that were carried out; none where they are not to be seen: then nothing is said of who it was. */
async function decidedProposals(api: Client, tenant: string): Promise<readonly Proposal[]> {
  try {
    const query = { state: 'executed', limit: PAGE_SIZE } as const;
    return (await api.listTenantProposals({ path: { tenant }, query })).items;
  } catch (error) {
    if (error instanceof CmkRefusal && error.status === 403) return [];
    throw error;
  }
}

/** Without its rotation policy where that is not to be seen: whoever runs the platform has no business with it. */
export async function tenantThing(
  api: Client,
  view: Tenant,
  wanted: readonly Declared[],
  isInside: boolean,
): Promise<Thing> {
  const { id, displayName, policy, state, rotateLinkAfterSeconds } = view;
  const fields = {
    displayName,
    regions: view.regions.map(({ region }) => region).sort(),
    policy,
    provisioned: state !== 'requested',
    rotateLinkAfterSeconds,
  };
  if (!isInside) return thing('Tenant', id, id, fields);
  const policies = await policiesFor(api, id, wanted, 'rotateKeyAfterSeconds');
  return thing('Tenant', id, id, { ...fields, rotateKeyAfterSeconds: policies.get('') ?? null });
}
