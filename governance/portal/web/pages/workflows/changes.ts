/**
 * What a proposal would change, as what is now and what would be: read from its parameters and from what stands there at
 * the moment. Words alone; the page draws them.
 */
import type {
  ApprovalRules,
  GetTenantLinksResponse,
  ListTenantGroupsResponse,
  ListTenantRolesResponse,
  ListTenantRotationPolicyResponse,
  Proposal,
  Tenant,
} from '../../../../client/types.gen.ts';
import { duration } from '../../api/words.ts';

export interface Present {
  readonly tenant: Tenant | undefined;
  readonly links: GetTenantLinksResponse | undefined;
  readonly policy: ListTenantRotationPolicyResponse | undefined;
  readonly rules: ApprovalRules | undefined;
  readonly roles: ListTenantRolesResponse['items'] | undefined;
  readonly groups: ListTenantGroupsResponse['items'] | undefined;
}

export interface WordChange {
  readonly what: string;
  readonly now: readonly string[];
  readonly after: readonly string[];
}

type Parameters = Proposal['parameters'];

const text = (parameters: Parameters, name: string): string => {
  const value = parameters[name];
  return typeof value === 'string'
    ? value
    : value === undefined || value === null
      ? '–'
      : JSON.stringify(value);
};
const list = (parameters: Parameters, name: string): string[] => {
  const value = parameters[name];
  return Array.isArray(value) ? value.map(String) : [];
};
const keyName = (parameters: Parameters): string =>
  parameters['service'] === undefined
    ? 'The tenant key (L2)'
    : `The service key of ${text(parameters, 'service')} (L3)`;

export function changesOf({ action, parameters, tenant }: Proposal, present: Present): WordChange[] {
  switch (action) {
    case 'link':
    case 'switch-key':
      return linkChanges(present, (region) => `${region}: linked, on ${text(parameters, 'key')}`);
    case 'unlink':
      return linkChanges(present, unlinked);
    case 'rotate-link':
      return linkChanges(
        present,
        (region, now) => `${region}: the next epoch, on ${now?.key ?? 'the same key'}`,
      );
    case 'link-rotation-policy':
      return [
        {
          what: 'The link rotates by itself',
          now: [oftenWords(present.policy?.link.rotateAfterSeconds, 'never')],
          after: [oftenWords(seconds(parameters), 'never')],
        },
      ];
    case 'rotation-policy': {
      const service = parameters['service'] ?? null;
      const set = present.policy?.items.find((item) => item.service === service)?.rotateAfterSeconds;
      return [
        {
          what: `${keyName(parameters)} rotates by itself`,
          now: [oftenWords(set, 'as each region does')],
          after: [oftenWords(seconds(parameters), 'as each region does')],
        },
      ];
    }
    case 'compromise-key':
      return [
        {
          what: `${keyName(parameters)}, in ${regionWords(parameters)}`,
          now: ['Its versions encrypt and decrypt'],
          after: [
            'A new version is active',
            'Every older one is compromised for ever',
            'Gateways fetch the key anew at once',
          ],
        },
      ];
    case 'destroy-key':
      return [
        {
          what: `${keyName(parameters)}, version ${text(parameters, 'version')}, in ${text(parameters, 'region')}`,
          now: [`${text(parameters, 'dependents')} depend on it`],
          after: ['Destroyed: what depends on it can never be read again'],
        },
      ];
    case 'block-tenant':
      return tenantChange(present, tenant, 'blocked: its keys are closed in every region');
    case 'unblock-tenant':
      return tenantChange(present, tenant, 'active; its keys stay closed until it is linked anew');
    case 'terminate-tenant':
      return tenantChange(present, tenant, 'terminated: its link secrets are erased, for ever');
    case 'approval-rule':
      return [ruleChange(parameters, present)];
    case 'approver-group':
      return [groupChange(parameters, present)];
    case 'change-access':
      return [accessChange(parameters, present)];
    default:
      return [{ what: action, now: ['–'], after: [JSON.stringify(parameters)] }];
  }
}

const seconds = (parameters: Parameters): number | null => {
  const value = parameters['rotateAfterSeconds'];
  return typeof value === 'number' ? value : null;
};

const oftenWords = (value: number | null | undefined, unset: string): string =>
  value === null || value === undefined ? unset : value === 0 ? 'never' : `every ${duration(value)}`;

const regionWords = (parameters: Parameters): string =>
  list(parameters, 'regions').join(', ') || 'every region';

type RegionLink = GetTenantLinksResponse['regions'][number];

function unlinked(region: string, now: RegionLink | undefined): string {
  if (now === undefined || now.state === 'none') return `${region}: left as it is`;
  if (now.state === 'closed' || now.state === 'closing') return `${region}: stays closed`;
  return `${region}: closed for ever in this epoch; nobody can use the keys`;
}

function linkChanges(
  { links, tenant }: Present,
  after: (region: string, now: RegionLink | undefined) => string,
): WordChange[] {
  const regions =
    tenant?.regions.map(({ region }) => region) ?? links?.regions.map(({ region }) => region) ?? [];
  const of = (region: string) => links?.regions.find((each) => each.region === region);
  return [
    {
      what: 'The link',
      now: regions.map((region) => {
        const link = of(region);
        if (link === undefined || link.state === 'none') return `${region}: never linked`;
        return `${region}: ${link.state}${link.key === null ? '' : `, on ${link.key}`}, epoch ${link.epoch}`;
      }),
      after: regions.map((region) => after(region, of(region))),
    },
  ];
}

const tenantChange = ({ tenant }: Present, name: string, after: string): WordChange[] => [
  { what: `The tenant ${name}`, now: [tenant?.state ?? '–'], after: [after] },
];

function ruleChange(parameters: Parameters, { rules }: Present): WordChange {
  const action = text(parameters, 'action');
  const now = rules?.rules.find((rule) => rule.action === action);
  const rule = parameters['rule'];
  const wanted =
    typeof rule === 'object' && rule !== null ? (rule as { approvals: number; groups: string[] }) : undefined;
  const words = (approvals: number, groups: readonly string[]): string[] => [
    `${approvals} by others than the proposer`,
    groups.length === 0 ? 'by whoever is an approver' : `from ${groups.join(', ')}`,
  ];
  const fallback = [
    `No rule of its own: the policy ${rules?.policy.name ?? ''} asks for ${rules?.policy.approvals ?? '–'}`,
  ];
  return {
    what: `Approvals for ${action}`,
    now: now === undefined ? fallback : words(now.approvals, now.groups),
    after: wanted === undefined ? fallback : words(wanted.approvals, wanted.groups),
  };
}

function groupChange(parameters: Parameters, { rules }: Present): WordChange {
  const name = text(parameters, 'group');
  const now = rules?.groups.find((group) => group.name === name);
  return {
    what: `Approvers in ${name}`,
    now: now === undefined ? ['There is no such group'] : now.members,
    after: parameters['members'] === null ? ['The group is removed'] : list(parameters, 'members'),
  };
}

function accessChange(parameters: Parameters, { roles, groups }: Present): WordChange {
  const change = text(parameters, 'change');
  const who =
    parameters['principal'] === undefined
      ? `group ${text(parameters, 'group')}`
      : text(parameters, 'principal');
  if (change === 'grant' || change === 'withdraw') {
    const role = text(parameters, 'role');
    const holders = (roles ?? [])
      .filter((each) => each.role === role)
      .map(({ principal, group }) => principal ?? `group ${group ?? ''}`);
    return {
      what: `Who is ${role}`,
      now: holders.length === 0 ? ['nobody'] : holders,
      after: change === 'grant' ? [...new Set([...holders, who])] : holders.filter((each) => each !== who),
    };
  }
  const name = text(parameters, 'group');
  const members = groups?.find((group) => group.name === name)?.members ?? [];
  const after =
    change === 'remove-group'
      ? ['The group is removed']
      : change === 'add-member'
        ? [...new Set([...members, who])]
        : members.filter((each) => each !== who);
  return { what: `Members of ${name}`, now: members.length === 0 ? ['nobody'] : members, after };
}
