/** Who may speak to the region: identities by key fingerprint, and issuers of application certificates (D10). */
import { X509Certificate } from 'node:crypto';
import type {
  Identity,
  JobPayload,
  KeyFingerprint,
  ServiceName,
  TenantId,
} from '../../../contracts/index.ts';
import {
  InvalidNameError,
  parseApplicationName,
  parseKeyFingerprint,
  parseServiceName,
  parseTenantId,
} from '../../../contracts/index.ts';
import type { GatewayIdentity, Push } from '../../mesh/index.ts';
import type { RegionDb } from './tables.ts';

export interface RegisteredIdentity {
  readonly fingerprint: KeyFingerprint;
  readonly role: Identity['role'];
  readonly name: string;
  readonly tenant: TenantId | null;
  readonly services: readonly ServiceName[];
  /** KMIP operation names; null: all that the role allows. */
  readonly operations: readonly string[] | null;
}

export async function findIdentity(
  db: RegionDb,
  fingerprint: string,
): Promise<RegisteredIdentity | undefined> {
  const row = await db
    .selectFrom('core.identities')
    .selectAll()
    .where('fingerprint', '=', fingerprint)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    fingerprint: parseKeyFingerprint(row.fingerprint),
    role: row.role,
    name: row.name,
    tenant: row.tenant === null ? null : parseTenantId(row.tenant),
    services: row.services.map(parseServiceName),
    operations: row.operations,
  };
}

/** Of `fingerprints`, those that are registered as gateways: for the recheck of open connections. */
export async function registeredGateways(
  db: RegionDb,
  fingerprints: readonly string[],
): Promise<Set<string>> {
  if (fingerprints.length === 0) return new Set();
  const rows = await db
    .selectFrom('core.identities')
    .select('fingerprint')
    .where('role', '=', 'gateway')
    .where('fingerprint', 'in', [...fingerprints])
    .execute();
  return new Set(rows.map((row) => row.fingerprint));
}

/** What a gateway needs of an application's entry; its name follows the grammar or IDENTITY_PUT refused it. */
function asGatewayIdentity(identity: Identity, tenant: string): GatewayIdentity {
  return {
    fingerprint: parseKeyFingerprint(identity.fingerprint),
    tenant: parseTenantId(tenant),
    application: parseApplicationName(identity.name),
    services: (identity.services ?? []).map(parseServiceName),
    operations: identity.operations ?? null,
  };
}

/**
 * Idempotent. Returns what the gateways must hear. Throws InvalidNameError for an application without a tenant or
 * with a name that is no label, and for a gateway with a tenant.
 */
export async function putIdentity(db: RegionDb, { identity }: JobPayload<'IDENTITY_PUT'>): Promise<Push> {
  // Pushes go to every gateway: one that may serve a single tenant only would still hear of all.
  if (identity.role === 'gateway' && identity.tenant !== undefined) {
    throw new InvalidNameError('tenant', identity.tenant, 'absent: a gateway serves its whole region');
  }
  const isApplication = identity.role === 'application';
  const push: Push = isApplication
    ? { kind: 'identity.put', identity: asGatewayIdentity(identity, parseTenantId(identity.tenant)) }
    : { kind: 'identity.remove', fingerprint: parseKeyFingerprint(identity.fingerprint) };
  const values = {
    role: identity.role,
    name: identity.name,
    tenant: identity.tenant ?? null,
    services: [...(identity.services ?? [])],
    operations: identity.operations === undefined ? null : [...identity.operations],
    updated_at: new Date(),
  };
  await db
    .insertInto('core.identities')
    .values({ fingerprint: identity.fingerprint, ...values })
    .onConflict((conflict) => conflict.column('fingerprint').doUpdateSet(values))
    .execute();
  return push;
}

/** Idempotent: removing what is not there still tells the gateways. */
export async function removeIdentity(db: RegionDb, fingerprint: string): Promise<Push> {
  const parsed = parseKeyFingerprint(fingerprint);
  await db.deleteFrom('core.identities').where('fingerprint', '=', parsed).execute();
  return { kind: 'identity.remove', fingerprint: parsed };
}

/** Throws InvalidNameError unless the text is the certificate of an authority: every gateway will load it. */
export async function putIssuer(db: RegionDb, issuer: JobPayload<'ISSUER_PUT'>): Promise<Push> {
  const { fingerprint, certificate } = issuer;
  if (!isAuthority(certificate))
    throw new InvalidNameError('issuer', fingerprint, 'the PEM certificate of an authority');
  const values = { certificate, updated_at: new Date() };
  await db
    .insertInto('core.issuers')
    .values({ fingerprint, ...values })
    .onConflict((conflict) => conflict.column('fingerprint').doUpdateSet(values))
    .execute();
  return { kind: 'issuer.put', fingerprint, certificatePem: certificate };
}

function isAuthority(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch {
    return false;
  }
}
