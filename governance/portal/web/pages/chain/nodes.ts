/** The key chain of one region as what hangs on what: L1, the tenant key, the service keys, the gateways that hold copies. */
import type {
  GetTenantLinksResponse,
  ListTenantInventoryResponse,
  ListTenantKeysResponse,
  Region,
  Service,
  Tenant,
} from '../../../../client/types.gen.ts';
import { type Tone, toneOf } from '../../api/words.ts';
import { linkMeans } from '../keys/link-words.ts';

export interface Node {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly tone: Tone;
  readonly detail: string;
  /** Where more about it is. */
  readonly to: string | undefined;
  readonly facts: readonly (readonly [string, string])[];
}

export interface Lane {
  readonly region: string;
  readonly linkState: string;
  readonly linkMeans: string;
  readonly linkTone: Tone;
  readonly epoch: number;
  /** In the order in which one opens the next. */
  readonly levels: readonly {
    readonly title: string;
    readonly nodes: readonly Node[];
    readonly none: string;
  }[];
}

export interface ChainFacts {
  readonly tenant: Tenant;
  readonly links: GetTenantLinksResponse;
  readonly keys: ListTenantKeysResponse['items'];
  readonly services: readonly Service[];
  readonly inventory: ListTenantInventoryResponse['items'];
  /** Operators' knowledge; undefined for whoever may not see it. */
  readonly regions: readonly Region[] | undefined;
}

export function lanesOf(facts: ChainFacts): Lane[] {
  return facts.tenant.regions.map(({ region }) => laneOf(facts, region));
}

function laneOf(facts: ChainFacts, region: string): Lane {
  const link = facts.links.regions.find((each) => each.region === region);
  const linkState = link?.state ?? 'none';
  return {
    region,
    linkState,
    linkMeans: link === undefined ? 'Never linked here' : linkMeans(link),
    linkTone: toneOf(linkState),
    epoch: link?.epoch ?? 0,
    levels: [
      {
        title: 'Master key (L1)',
        nodes: masterKeys(facts, region),
        none: 'None: keys stand on the regional secret alone',
      },
      { title: 'Tenant key (L2)', nodes: tenantKeys(facts, region), none: 'Not made yet' },
      { title: 'Service keys (L3)', nodes: serviceKeys(facts, region), none: 'No service yet' },
      {
        title: 'Gateways',
        nodes: gateways(facts, region),
        none: facts.regions === undefined ? 'Operators of the platform see them' : 'None is registered',
      },
    ],
  };
}

function masterKeys({ links, keys, tenant }: ChainFacts, region: string): Node[] {
  const link = links.regions.find((each) => each.region === region);
  const aliases = [...new Set([link?.key, link?.rotation?.key].filter((key) => typeof key === 'string'))];
  return aliases.map((alias) => {
    const key = keys.find((each) => each.alias === alias);
    return {
      id: `${region}/l1/${alias}`,
      name: alias,
      state: key?.state ?? 'UNKNOWN',
      tone: toneOf(key?.state ?? 'UNKNOWN'),
      detail: key?.keystore ?? 'removed',
      to: key === undefined ? undefined : `/tenants/${tenant.id}/keys/key/${alias}`,
      facts: [
        ['Keystore', key?.keystore ?? '–'],
        ['Reference', key?.reference ?? '–'],
        ['It means', key?.means ?? 'nothing is known of it'],
        ['Checked', key?.checkedAt ?? '–'],
        ['Proved', link?.provedAt ?? '–'],
      ],
    };
  });
}

function tenantKeys({ tenant, inventory, links }: ChainFacts, region: string): Node[] {
  const here = tenant.regions.find((each) => each.region === region);
  if (here === undefined || here.l2Version === null) return [];
  const told = inventory.find((each) => each.region === region)?.inventory?.l2;
  const link = links.regions.find((each) => each.region === region);
  const isOpen = link === undefined || ['none', 'active', 'rotating'].includes(link.state);
  const state = isOpen ? here.state : link.state;
  return [
    {
      id: `${region}/l2`,
      name: `version ${here.l2Version}`,
      state,
      tone: toneOf(state),
      detail: told === undefined ? 'versions not asked for' : `${told.living} living`,
      to: `/tenants/${tenant.id}/rotation`,
      facts: [
        ['Lease ends', link?.expiresAt ?? '–'],
        ['Rotates next', told?.nextRotationAt ?? '–'],
        ...(told?.versions.map(
          ({ version, state: each, dependents }) =>
            [`Version ${version}`, `${each}, ${dependents} service key versions under it`] as const,
        ) ?? []),
      ],
    },
  ];
}

function serviceKeys({ tenant, services, inventory }: ChainFacts, region: string): Node[] {
  const told = inventory.find((each) => each.region === region)?.inventory?.services;
  return services.map((service) => {
    const here = service.regions.find((each) => each.region === region);
    const versions = told?.find((each) => each.service === service.name)?.l3;
    const objects = versions?.versions.reduce((sum, { dependents }) => sum + dependents, 0);
    return {
      id: `${region}/l3/${service.name}`,
      name: service.name,
      state: here?.state ?? service.state,
      tone: toneOf(here?.state ?? service.state),
      detail: here?.l3Version == null ? 'no version yet' : `version ${here.l3Version}`,
      to: `/tenants/${tenant.id}/rotation`,
      facts: [
        ['Objects known to the core', objects === undefined ? 'not asked for' : String(objects)],
        ['Rotates next', versions?.nextRotationAt ?? '–'],
        ['Error', here?.error ?? '–'],
        ...(versions?.versions.map(
          ({ version, state, dependents }) =>
            [`Version ${version}`, `${state}, ${dependents} objects`] as const,
        ) ?? []),
      ],
    };
  });
}

function gateways({ regions }: ChainFacts, region: string): Node[] {
  const here = regions?.find((each) => each.name === region);
  return (here?.report?.gateways ?? []).map((gateway) => {
    const state = gateway.connected ? 'connected' : 'unreachable';
    return {
      id: `${region}/gateway/${gateway.name}`,
      name: gateway.name,
      state,
      tone: toneOf(state),
      detail: `${gateway.leases} leases, of all tenants`,
      to: `/regions/${region}`,
      facts: [
        ['Leases', `${gateway.leases}, of all tenants`],
        ['Not announced yet', String(gateway.backlog)],
        ['Behind', `${gateway.head - gateway.appliedHead} pushes`],
        ['Last seen', gateway.lastSeenAt],
      ],
    };
  });
}
