/** What is declared, what is there, and how both are named: the words that reader, planner and executor share. */

/** In the order in which they can be made: whatever needs something stands behind it. */
export const kinds = [
  'Issuer',
  'Keystore',
  'Tenant',
  'ApproverGroup',
  'ApprovalRule',
  'Service',
  'KeyConfiguration',
  'Key',
  'Link',
  'Workspace',
  'System',
  'Application',
] as const;
export type Kind = (typeof kinds)[number];

export interface Id {
  readonly kind: Kind;
  /** Of a Tenant, and of the Link of one, this is its name; null: it belongs to the installation. */
  readonly tenant: string | null;
  readonly name: string;
}

/** By which a thing is found again. */
export const keyOf = ({ kind, tenant, name }: Id): string => `${kind} ${tenant ?? ''} ${name}`;

/** For people: `System acme/erp`, `Tenant acme`. */
export const titleOf = ({ kind, tenant, name }: Id): string =>
  `${kind} ${tenant === null || tenant === name ? name : `${tenant}/${name}`}`;

export const isNamedByTenant = (kind: Kind): boolean => kind === 'Tenant' || kind === 'Link';

export type Value = string | number | boolean | null | readonly string[];
export type Fields = Readonly<Record<string, Value>>;

/** Why something cannot be, as CMK or this command says it. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** Where a declaration stands. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** A declaration in the form in which it is compared. */
export interface Declared {
  readonly id: Id;
  /** What it says; what it is silent about is left as it is. */
  readonly fields: Fields;
  /** What only making it takes, and nothing tells afterwards. */
  readonly making: {
    /** PEM. */
    readonly certificate?: string;
    readonly create?: boolean;
    readonly drillTarget?: boolean;
  };
  /** What has to be there first, if it is declared at all. */
  readonly needs: readonly Id[];
  readonly at: Place;
}

/** That a link was closed. */
export interface Closure {
  readonly reason: string;
  /** Who asked for it, as the audit log names people; absent where CMK did it by itself, or does not tell. */
  readonly by?: string;
  /** When the last region had closed it, or when it was asked for where one still has to; ISO 8601. */
  readonly at?: string;
}

/** Something that CMK has. */
export interface Thing {
  readonly id: Id;
  readonly fields: Fields;
  /** Of a link that somebody has closed. It is not opened again unasked. */
  readonly closed?: Closure;
}

export interface PendingProposal {
  readonly id: string;
  readonly tenant: string;
  readonly action: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** CMK as far as the declarations are concerned. */
export interface Actual {
  readonly things: ReadonlyMap<string, Thing>;
  /** States of those tenants that are concerned and exist. */
  readonly tenants: ReadonlyMap<string, string>;
  /** What could not be read, by scope (`scopeOf`). */
  readonly unread: ReadonlyMap<string, Problem>;
}

/** What is read in one go: a kind, in a tenant or in the installation. Tenants are listed together. */
export const scopeOf = ({ kind, tenant }: Id): string =>
  kind === 'Tenant' ? 'Tenant' : `${kind} ${tenant ?? ''}`;
