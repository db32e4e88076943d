/** Who asks, once they have proved it, and what they are in which tenant. */

/** What somebody can be in a tenant; what each may do is said in openkcm.cedar. */
export const tenantRoles = ['administrator', 'key-administrator', 'auditor', 'approver'] as const;
export type TenantRole = (typeof tenantRoles)[number];

/** What somebody can be for the whole installation. `development`: holds a token of a development installation's file. */
export type Duty = 'operator' | 'development';

export interface Principal {
  /**
   * Names one person or machine for good: `ISSUER:SUBJECT` of a token, `client:TENANT/NAME` of a certificate, a bare name of
   * a development token. It stands in the audit log, and roles are granted to it.
   */
  readonly id: string;
  /** For people to read; whoever issues tokens may change it at any time. */
  readonly name: string;
  readonly person: boolean;
  readonly duty: Duty | null;
  /** As the issuer says, each as `ISSUER:GROUP`. */
  readonly groups: readonly string[];
}

/** By tenant. A tenant that is not there is one that the principal has nothing to do with. */
export type Standing = ReadonlyMap<string, ReadonlySet<TenantRole>>;

export const isTenantRole = (role: string): role is TenantRole => tenantRoles.some((known) => known === role);

/** Printable ASCII without spaces: ids stand in logs, in audit events and in URLs. */
export const PRINCIPAL_PATTERN = '^[\\x21-\\x7e]{1,255}$';
const PRINCIPAL = new RegExp(PRINCIPAL_PATTERN);
export const isPrincipalId = (id: string): boolean => PRINCIPAL.test(id);
