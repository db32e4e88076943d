/** How an entry of a plan becomes requests: for each kind, how it is made, changed and removed. */
import type { Client, Proposal } from '../../governance/client/index.ts';
import { CmkRefusal } from '../cmk/client.ts';
import { CliError } from '../errors.ts';
import type { Change, Entry } from './entries.ts';
import type { Declared, Fields, Id, Kind } from './things.ts';

/** What CMK answered: proposals that others have to approve, and remarks. */
export interface Outcome {
  readonly proposals: readonly Proposal[];
  readonly notes: readonly string[];
}

const REASON = 'declared no longer';

/** Errors: those of CmkClient, and PROPOSAL_FAILED. */
export async function carryOut(api: Client, entry: Entry): Promise<Outcome> {
  const { id, declared, action } = entry;
  const answered = new Answers();
  if (action === 'remove') await remove[id.kind]?.(api, entry, answered);
  else if (declared !== undefined) {
    const todo = new Set(entry.changes.flatMap(({ field, waits }) => (waits === undefined ? [field] : [])));
    const has = (field: string): boolean => todo.has(field);
    if (action === 'create' || action === 'reopen') await make[id.kind](api, declared, answered);
    else await change[id.kind]?.(api, { id, declared, has, changes: entry.changes }, answered);
  }
  return answered;
}

class Answers implements Outcome {
  readonly proposals: Proposal[] = [];
  readonly notes: string[] = [];
  /** Errors: PROPOSAL_FAILED. */
  async decided(asking: Promise<{ readonly proposal: Proposal }>): Promise<void> {
    const { proposal } = await asking;
    if (proposal.error !== null)
      throw new CliError(
        'PROPOSAL_FAILED',
        `${proposal.action}: ${proposal.error.detail} (${proposal.error.code})`,
      );
    if (proposal.state === 'pending') this.proposals.push(proposal);
  }
}

/** A field as it is declared: its type was held against the schema, and is what the request takes. */
const text = (fields: Fields, field: string): string => String(fields[field]);
const list = (fields: Fields, field: string): string[] => {
  const value = fields[field];
  return Array.isArray(value) ? value.map(String) : [];
};
const seconds = (fields: Fields, field: string): number | null => {
  const value = fields[field];
  return typeof value === 'number' ? value : null;
};
const orNull = (fields: Fields, field: string): string | null => {
  const value = fields[field];
  return typeof value === 'string' ? value : null;
};
/** Those of the fields that are stated, and not null, under the names that they have in a request. */
const given = (fields: Fields, ...names: string[]): Record<string, never> =>
  Object.fromEntries(
    names.flatMap((name) =>
      fields[name] === undefined || fields[name] === null ? [] : [[name, fields[name]]],
    ),
  ) as Record<string, never>;

const tenantOf = ({ tenant, name }: Id): string => tenant ?? name;

type Make = (api: Client, declared: Declared, answers: Answers) => Promise<void>;

const make: Readonly<Record<Kind, Make>> = {
  Issuer: async (api, { making }) => {
    await api.createIssuer({ body: { certificate: making.certificate ?? '' } });
  },
  Keystore: async (api, { id, fields }) => {
    const config = Object.entries(fields).flatMap(([field, value]) =>
      field.startsWith('config.') ? [[field.slice('config.'.length), value]] : [],
    );
    // Held against the schema of its kind when it was read.
    const body = { name: id.name, kind: fields['kind'], config: Object.fromEntries(config) } as never;
    if (id.tenant === null) await api.createKeystore({ body });
    else await api.createTenantKeystore({ path: { tenant: id.tenant }, body });
  },
  Tenant: async (api, { id, fields }, answers) => {
    const body = {
      id: id.name,
      ...given(fields, 'displayName', 'regions', 'policy', 'rotateLinkAfterSeconds'),
      ...(fields['provisioned'] === true ? {} : { provision: false }),
    };
    await api.createTenant({ body });
    if (typeof fields['rotateKeyAfterSeconds'] === 'number') await setKeyRotation(api, id, fields, answers);
  },
  ApproverGroup: setGroup,
  ApprovalRule: setRule,
  Service: async (api, { id, fields }, answers) => {
    await api.createTenantService({ path: { tenant: tenantOf(id) }, body: { name: id.name } });
    if (typeof fields['rotateAfterSeconds'] === 'number') await setServiceRotation(api, id, fields, answers);
  },
  KeyConfiguration: async (api, { id, fields }) => {
    const body = { name: id.name, ...given(fields, 'description') };
    await api.createTenantKeyConfiguration({ path: { tenant: tenantOf(id) }, body });
  },
  Key: async (api, { id, fields, making }) => {
    const key = await api.createTenantKey({
      path: { tenant: tenantOf(id) },
      body: {
        alias: id.name,
        keystore: text(fields, 'keystore'),
        ...given(fields, 'reference', 'keyConfiguration'),
        ...(making.create === true ? { create: true } : {}),
      },
    });
    if (fields['primary'] === true && !key.primary) await makePrimary(api, id, key.keyConfiguration);
  },
  Link: link,
  Workspace: async (api, { id, fields }) => {
    const path = { tenant: tenantOf(id) };
    await api.createTenantWorkspace({
      path,
      body: { name: id.name, ...given(fields, 'displayName', 'externalId') },
    });
    if (list(fields, 'services').length > 0) await setServices(api, id, fields);
  },
  System: async (api, { id, fields }) => {
    await api.createTenantSystem({
      path: { tenant: tenantOf(id) },
      body: {
        name: id.name,
        kind: text(fields, 'kind'),
        externalId: text(fields, 'externalId'),
        ...given(fields, 'service', 'keyConfiguration'),
      },
    });
  },
  Application: register,
};

interface Wanted {
  readonly id: Id;
  readonly declared: Declared;
  /** Whether the field is to be changed, and by nobody yet. */
  readonly has: (field: string) => boolean;
  readonly changes: readonly Change[];
}
type Alter = (api: Client, wanted: Wanted, answers: Answers) => Promise<void>;

/** Kinds of which the API changes something; of the others no plan has a change. */
const change: Readonly<Partial<Record<Kind, Alter>>> = {
  Tenant: async (api, { id, declared: { fields }, has }, answers) => {
    const path = { tenant: id.name };
    if (has('displayName'))
      await api.updateTenant({ path, body: { displayName: text(fields, 'displayName') } });
    if (has('provisioned')) await api.provisionTenant({ path });
    if (has('rotateLinkAfterSeconds')) {
      const rotateAfterSeconds = seconds(fields, 'rotateLinkAfterSeconds');
      await answers.decided(api.setTenantLinkRotationPolicy({ path, body: { rotateAfterSeconds } }));
    }
    if (has('rotateKeyAfterSeconds')) await setKeyRotation(api, id, fields, answers);
  },
  ApproverGroup: (api, { declared }, answers) => setGroup(api, declared, answers),
  ApprovalRule: (api, { declared }, answers) => setRule(api, declared, answers),
  Service: (api, { id, declared: { fields } }, answers) => setServiceRotation(api, id, fields, answers),
  KeyConfiguration: async (api, { id, declared: { fields } }) => {
    const path = { tenant: tenantOf(id), name: id.name };
    await api.updateTenantKeyConfiguration({ path, body: { description: text(fields, 'description') } });
  },
  Key: async (api, { id, declared: { fields }, has }) => {
    const tenant = tenantOf(id);
    let configuration = orNull(fields, 'keyConfiguration');
    if (has('keyConfiguration') && configuration !== null) {
      const path = { tenant, name: configuration };
      const { keys } = await api.getTenantKeyConfiguration({ path });
      const members = [...keys.map(({ alias }) => alias), id.name];
      await api.updateTenantKeyConfiguration({ path, body: { keys: members } });
    }
    if (!has('primary')) return;
    configuration ??= (await api.getTenantKey({ path: { tenant, alias: id.name } })).keyConfiguration;
    await makePrimary(api, id, configuration);
  },
  Link: (api, { declared }, answers) => link(api, declared, answers),
  Workspace: (api, { id, declared: { fields } }) => setServices(api, id, fields),
  System: async (api, { id, declared: { fields }, has }) => {
    const path = { tenant: tenantOf(id), name: id.name };
    if (has('service')) await api.updateTenantSystem({ path, body: { service: orNull(fields, 'service') } });
    if (!has('keyConfiguration')) return;
    const keyConfiguration = orNull(fields, 'keyConfiguration');
    if (keyConfiguration === null) await api.unlinkTenantSystem({ path });
    else await api.linkTenantSystem({ path, body: { keyConfiguration } });
  },
  // The same registration with a renewed certificate replaces the old one.
  Application: (api, { declared }, answers) => register(api, declared, answers),
};

type Remove = (api: Client, entry: Entry, answers: Answers) => Promise<void>;

const remove: Readonly<Partial<Record<Kind, Remove>>> = {
  Tenant: async (api, { id, changes }, answers) => {
    const request = { path: { tenant: id.name }, body: { reason: REASON } };
    const blocks = changes.some(({ to }) => to === 'blocked');
    await answers.decided(blocks ? api.blockTenant(request) : api.terminateTenant(request));
    if (blocks) answers.notes.push(`${id.name} is blocked first; the next run ends it`);
  },
  ApproverGroup: (api, { id }, answers) =>
    answers.decided(api.removeTenantApproverGroup({ path: { tenant: tenantOf(id), name: id.name } })),
  ApprovalRule: (api, { id }, answers) =>
    answers.decided(api.removeTenantApprovalRule({ path: { tenant: tenantOf(id), action: id.name } })),
  KeyConfiguration: async (api, { id }) => {
    await api.removeTenantKeyConfiguration({ path: { tenant: tenantOf(id), name: id.name } });
  },
  Link: (api, { id }, answers) =>
    answers.decided(api.unlinkTenant({ path: { tenant: tenantOf(id) }, body: { reason: REASON } })),
  Workspace: async (api, { id }) => {
    await api.removeTenantWorkspace({ path: { tenant: tenantOf(id), name: id.name } });
  },
  System: async (api, { id }) => {
    await api.removeTenantSystem({ path: { tenant: tenantOf(id), name: id.name } });
  },
  Application: async (api, { id }) => {
    await api.removeTenantApplication({
      path: { tenant: tenantOf(id), name: id.name },
      query: { reason: REASON },
    });
  },
};

async function setGroup(api: Client, { id, fields }: Declared, answers: Answers): Promise<void> {
  const path = { tenant: tenantOf(id), name: id.name };
  await answers.decided(api.setTenantApproverGroup({ path, body: { members: list(fields, 'members') } }));
}

async function setRule(api: Client, { id, fields }: Declared, answers: Answers): Promise<void> {
  const body = { approvals: Number(fields['approvals']), groups: list(fields, 'groups') };
  const path = { tenant: tenantOf(id), action: id.name };
  await answers.decided(api.setTenantApprovalRule({ path, body }));
}

async function link(api: Client, { id, fields, making }: Declared, answers: Answers): Promise<void> {
  const { drillTarget } = making;
  const body = { key: text(fields, 'key'), ...(drillTarget === undefined ? {} : { drillTarget }) };
  try {
    await answers.decided(api.linkTenant({ path: { tenant: tenantOf(id) }, body }));
  } catch (error) {
    // Somebody was faster, and wanted the same.
    if (!(error instanceof CmkRefusal && error.problem === 'ALREADY_LINKED')) throw error;
  }
}

async function register(api: Client, { id, fields, making }: Declared, answers: Answers): Promise<void> {
  const { warnings } = await api.createTenantApplication({
    path: { tenant: tenantOf(id) },
    body: {
      name: id.name,
      services: list(fields, 'services'),
      certificate: making.certificate ?? '',
      ...given(fields, 'operations'),
      ...(making.drillTarget === undefined ? {} : { drillTarget: making.drillTarget }),
    },
  });
  answers.notes.push(...warnings);
}

async function setServices(api: Client, id: Id, fields: Fields): Promise<void> {
  const path = { tenant: tenantOf(id), name: id.name };
  await api.setTenantWorkspaceServices({ path, body: { services: list(fields, 'services') } });
}

async function setKeyRotation(api: Client, id: Id, fields: Fields, answers: Answers): Promise<void> {
  const rotateAfterSeconds = seconds(fields, 'rotateKeyAfterSeconds');
  await answers.decided(
    api.setTenantRotationPolicy({ path: { tenant: id.name }, body: { rotateAfterSeconds } }),
  );
}

async function setServiceRotation(api: Client, id: Id, fields: Fields, answers: Answers): Promise<void> {
  const body = { service: id.name, rotateAfterSeconds: seconds(fields, 'rotateAfterSeconds') };
  await answers.decided(api.setTenantRotationPolicy({ path: { tenant: tenantOf(id) }, body }));
}

async function makePrimary(api: Client, id: Id, configuration: string | null): Promise<void> {
  if (configuration === null) throw new CliError('NOT_FOUND', `${id.name} is in no key configuration`);
  const path = { tenant: tenantOf(id), name: configuration };
  await api.updateTenantKeyConfiguration({ path, body: { primaryKey: id.name } });
}
