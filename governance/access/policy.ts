/**
 * Decisions about access, made by Cedar (https://docs.cedarpolicy.com): deny by default, a forbid before every permit. The
 * policies and the schema that they are held against lie beside this file; what does not fit together is refused at start.
 */
import './compiled-once.ts'; // before Cedar's module is
import { readFileSync } from 'node:fs';
import {
  type EntityJson,
  type EntityUidJson,
  preparsePolicySet,
  preparseSchema,
  schemaToJson,
  statefulIsAuthorized,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs';
import { OkcmError } from '../../platform/errors.ts';
import type { Principal, Standing, TenantRole } from './principal.ts';
import { tenantRoles } from './principal.ts';

/** What decisions about a tenant need to know of it. */
export interface TenantFacts {
  readonly tenant: string;
  readonly governsItself: boolean;
}

export interface Question {
  readonly principal: Principal;
  readonly standing: Standing;
  readonly permission: string;
  /** Absent for what concerns the installation. */
  readonly tenant?: TenantFacts;
}

export type ResourceKind = 'Tenant' | 'Installation';

export interface AccessPolicy {
  /** Whether such a permission can be asked for at all, of this kind of thing. */
  knows(permission: string, resource: ResourceKind): boolean;
  /** Throws when the question itself makes no sense: nothing is permitted then. */
  permits(question: Question): boolean;
}

/** Cedar keeps what was parsed by name, for the whole process. */
let loaded = 0;
const INSTALLATION = 'openkcm';
/** One person's, machine's or tenant's own policy would be a second place where access is granted, beside roles. */
const NAMES_SOMEBODY = /\b(?:Principal|Tenant|Role)[\s\u0085]*::/;
const COMMENT = /\/\/[^\n]*/g;
const read = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8');

let ours: AccessPolicy | undefined;

/** The policies of OpenKCM, parsed once for a process: that takes a fifth of a second. Errors: as `loadAccessPolicy`. */
export function ourAccessPolicy(): AccessPolicy {
  ours ??= loadAccessPolicy();
  return ours;
}

/** Errors: ACCESS_POLICY, with what Cedar says of the policies or their schema. */
export function loadAccessPolicy(
  text: { readonly schema: string; readonly policies: string } = {
    schema: read('./openkcm.cedarschema'),
    policies: read('./openkcm.cedar'),
  },
): AccessPolicy {
  if ([text.policies, text.policies.replace(COMMENT, '')].some((one) => NAMES_SOMEBODY.test(one)))
    throw refused([
      { message: 'a policy names a principal, a tenant or a role of one: say it by attributes' },
    ]);
  const policies = { staticPolicies: text.policies };
  const verdict = validate({ schema: text.schema, policies });
  if (verdict.type === 'failure') throw refused(verdict.errors);
  const faults = [...verdict.validationErrors, ...verdict.validationWarnings];
  if (faults.length > 0)
    throw refused(faults.map(({ policyId, error }) => ({ message: `${policyId}: ${error.message}` })));
  const name = `openkcm-${++loaded}`;
  for (const parsed of [preparseSchema(name, text.schema), preparsePolicySet(name, policies)])
    if (parsed.type === 'failure') throw refused(parsed.errors);
  const known = permissionsIn(text.schema);
  /** As many as there are permissions, duties, sets of roles and kinds of tenants: some thousand. */
  const decided = new Map<string, boolean>();
  return {
    knows: (permission, resource) => known.get(permission)?.has(resource) === true,
    permits(question) {
      if (!known.has(question.permission)) return decide(name, question);
      const facts = factsThatDecide(question);
      const decision = decided.get(facts) ?? decide(name, question);
      decided.set(facts, decision);
      return decision;
    },
  };
}

/**
 * All that a decision rests on: who somebody is and which tenant it is about is told by roles and attributes alone, since
 * policies name nobody (NAMES_SOMEBODY). Asking Cedar costs most of a millisecond.
 */
function factsThatDecide({ principal: { person, duty }, standing, permission, tenant }: Question): string {
  const roles = tenant === undefined ? [] : [...(standing.get(tenant.tenant) ?? [])].sort();
  const about = tenant === undefined ? ['Installation'] : ['Tenant', tenant.governsItself];
  return JSON.stringify([permission, person, duty, roles, about]);
}

const refused = (errors: readonly { readonly message: string }[]): OkcmError =>
  new OkcmError(
    'ACCESS_POLICY',
    `the access policies cannot be used: ${errors.map((e) => e.message).join('; ')}`,
  );

/** Every action that can be asked for, and of what. */
function permissionsIn(schema: string): ReadonlyMap<string, ReadonlySet<string>> {
  const json = schemaToJson(schema);
  if (json.type === 'failure') throw refused(json.errors);
  const actions = Object.entries(json.json['']?.actions ?? {});
  return new Map(
    actions.map(([action, { appliesTo }]) => [action, new Set<string>(appliesTo?.resourceTypes ?? [])]),
  );
}

function decide(name: string, { principal, standing, permission, tenant }: Question): boolean {
  const who = { type: 'Principal', id: principal.id };
  const resource: EntityUidJson =
    tenant === undefined ? { type: 'Installation', id: INSTALLATION } : { type: 'Tenant', id: tenant.tenant };
  const roles = tenant === undefined ? [] : [...(standing.get(tenant.tenant) ?? [])];
  const entities: EntityJson[] = [
    {
      uid: who,
      attrs: { person: principal.person },
      parents: [
        ...(principal.duty === null ? [] : [{ type: 'Duty', id: principal.duty }]),
        ...(tenant === undefined ? [] : roles.map((role) => roleIn(tenant.tenant, role))),
      ],
    },
    ...(tenant === undefined ? [] : tenantEntities(tenant)),
  ];
  const answer = statefulIsAuthorized({
    principal: who,
    action: { type: 'Action', id: permission },
    resource,
    context: {},
    preparsedSchemaName: name,
    validateRequest: true,
    preparsedPolicySetId: name,
    entities,
  });
  if (answer.type === 'failure') throw refused(answer.errors);
  const { decision, diagnostics } = answer.response;
  // A policy that could not be evaluated might have been a forbid.
  if (diagnostics.errors.length > 0) throw refused(diagnostics.errors.map(({ error }) => error));
  return decision === 'allow';
}

const roleIn = (tenant: string, role: TenantRole) => ({ type: 'Role', id: `${tenant}/${role}` });

function tenantEntities({ tenant, governsItself }: TenantFacts): EntityJson[] {
  const uid = { type: 'Tenant', id: tenant };
  const role = (name: TenantRole) => ({ __entity: roleIn(tenant, name) });
  return [
    {
      uid,
      attrs: {
        administrators: role('administrator'),
        keyAdministrators: role('key-administrator'),
        auditors: role('auditor'),
        approvers: role('approver'),
        governsItself,
      },
      parents: [],
    },
    ...tenantRoles.map((name) => ({ uid: roleIn(tenant, name), attrs: {}, parents: [uid] })),
  ];
}
