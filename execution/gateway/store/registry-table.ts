/**
 * What the core has pushed besides objects: who may connect, whose certificates are trusted, which tenants are closed.
 * Kept on disk, so that a gateway that starts without its core still knows its callers, and whom to refuse.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type KeyFingerprint, parseTenantId, type TenantId } from '../../../contracts/index.ts';
import type { GatewayIdentity } from '../../mesh/index.ts';

export interface Issuer {
  readonly fingerprint: string;
  readonly pem: string;
}

export interface TenantEpochs {
  readonly tenant: TenantId;
  readonly closedEpoch: number;
  readonly openedEpoch: number;
}

export class RegistryTable {
  readonly #db: DatabaseSync;
  readonly #meta: StatementSync;
  readonly #setMeta: StatementSync;
  readonly #putIdentity: StatementSync;
  readonly #removeIdentity: StatementSync;
  readonly #putIssuer: StatementSync;
  readonly #putTenant: StatementSync;
  readonly #identity: StatementSync;
  readonly #issuer: StatementSync;
  readonly #tenant: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#meta = db.prepare('SELECT value FROM meta WHERE name = ?');
    this.#setMeta = db.prepare('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)');
    this.#putIdentity = db.prepare('INSERT OR REPLACE INTO identities (fingerprint, body) VALUES (?, ?)');
    this.#removeIdentity = db.prepare('DELETE FROM identities WHERE fingerprint = ?');
    this.#putIssuer = db.prepare('INSERT OR REPLACE INTO issuers (fingerprint, pem) VALUES (?, ?)');
    this.#putTenant = db.prepare(
      // Epochs only grow, whichever process writes last.
      `INSERT INTO tenants (tenant, closed_epoch, opened_epoch) VALUES (?, ?, ?) ON CONFLICT (tenant) DO UPDATE SET
         closed_epoch = max(closed_epoch, excluded.closed_epoch),
         opened_epoch = max(opened_epoch, excluded.opened_epoch)`,
    );
    this.#identity = db.prepare('SELECT body FROM identities WHERE fingerprint = ?');
    this.#issuer = db.prepare('SELECT fingerprint, pem FROM issuers WHERE fingerprint = ?');
    this.#tenant = db.prepare(
      'SELECT tenant, closed_epoch AS closedEpoch, opened_epoch AS openedEpoch FROM tenants WHERE tenant = ?',
    );
  }

  meta(name: string): string | undefined {
    return (this.#meta.get(name) as { value: string } | undefined)?.value;
  }

  setMeta(name: string, value: string): void {
    this.#setMeta.run(name, value);
  }

  identities(): GatewayIdentity[] {
    const rows = this.#db.prepare('SELECT body FROM identities').all() as { body: string }[];
    return rows.map(({ body }) => JSON.parse(body) as GatewayIdentity);
  }

  identity(fingerprint: KeyFingerprint): GatewayIdentity | undefined {
    const row = this.#identity.get(fingerprint) as { body: string } | undefined;
    return row === undefined ? undefined : (JSON.parse(row.body) as GatewayIdentity);
  }

  issuer(fingerprint: string): Issuer | undefined {
    const row = this.#issuer.get(fingerprint) as { fingerprint: string; pem: string } | undefined;
    return row === undefined ? undefined : { fingerprint: row.fingerprint, pem: row.pem };
  }

  tenant(tenant: TenantId): TenantEpochs | undefined {
    const row = this.#tenant.get(tenant) as { closedEpoch: number; openedEpoch: number } | undefined;
    return row === undefined
      ? undefined
      : { tenant, closedEpoch: row.closedEpoch, openedEpoch: row.openedEpoch };
  }

  putIdentity(identity: GatewayIdentity): void {
    this.#putIdentity.run(identity.fingerprint, JSON.stringify(identity));
  }

  removeIdentity(fingerprint: KeyFingerprint): void {
    this.#removeIdentity.run(fingerprint);
  }

  issuers(): Issuer[] {
    const rows = this.#db.prepare('SELECT fingerprint, pem FROM issuers ORDER BY fingerprint').all();
    return (rows as { fingerprint: string; pem: string }[]).map(({ fingerprint, pem }) => ({
      fingerprint,
      pem,
    }));
  }

  putIssuer(issuer: Issuer): void {
    this.#putIssuer.run(issuer.fingerprint, issuer.pem);
  }

  tenants(): TenantEpochs[] {
    const rows = this.#db
      .prepare('SELECT tenant, closed_epoch AS closedEpoch, opened_epoch AS openedEpoch FROM tenants')
      .all() as { tenant: string; closedEpoch: number; openedEpoch: number }[];
    return rows.map((row) => ({ ...row, tenant: parseTenantId(row.tenant) }));
  }

  putTenant(epochs: TenantEpochs): void {
    this.#putTenant.run(epochs.tenant, epochs.closedEpoch, epochs.openedEpoch);
  }

  /** Before a snapshot is taken as the whole truth. */
  clear(): void {
    this.#db.exec('DELETE FROM identities; DELETE FROM issuers; DELETE FROM tenants;');
  }
}
