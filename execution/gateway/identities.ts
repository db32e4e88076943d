/**
 * The applications that may connect, by the fingerprint of their key (D10), and the authorities that sign for them.
 * In memory for every request, in the store for the next start.
 */
import type { KeyFingerprint } from '../../contracts/index.ts';
import type { GatewayIdentity } from '../mesh/index.ts';
import { MAX_ISSUERS } from './limits.ts';
import type { Issuer, RegistryTable } from './store/registry-table.ts';

export class Identities {
  readonly #table: RegistryTable;
  readonly #identities = new Map<KeyFingerprint, GatewayIdentity>();
  readonly #issuers = new Map<string, string>();

  constructor(table: RegistryTable) {
    this.#table = table;
    this.reload();
  }

  get(fingerprint: string): GatewayIdentity | undefined {
    // A fingerprint that does not parse as one is simply not in the map.
    return this.#identities.get(fingerprint as KeyFingerprint);
  }

  get size(): number {
    return this.#identities.size;
  }

  /** PEM of every issuer that was pushed. */
  issuers(): readonly string[] {
    return [...this.#issuers.values()];
  }

  /** Inside the caller's transaction, as every change here. */
  put(identity: GatewayIdentity): void {
    this.#table.putIdentity(identity);
    this.#identities.set(identity.fingerprint, identity);
  }

  remove(fingerprint: KeyFingerprint): void {
    this.#table.removeIdentity(fingerprint);
    this.#identities.delete(fingerprint);
  }

  /** Returns whether the set of trusted issuers has changed; false too when there are too many. */
  putIssuer(issuer: Issuer): boolean {
    if (this.#issuers.get(issuer.fingerprint) === issuer.pem) return false;
    if (!this.#issuers.has(issuer.fingerprint) && this.#issuers.size >= MAX_ISSUERS) return false;
    this.#table.putIssuer(issuer);
    this.#issuers.set(issuer.fingerprint, issuer.pem);
    return true;
  }

  /** Another process has applied the change to the store: takes over what stands there. Returns whether there is such an identity. */
  adopt(fingerprint: KeyFingerprint): boolean {
    const identity = this.#table.identity(fingerprint);
    if (identity === undefined) this.#identities.delete(fingerprint);
    else this.#identities.set(fingerprint, identity);
    return identity !== undefined;
  }

  /** The same for an issuer. Returns whether the set of trusted issuers has changed. */
  adoptIssuer(fingerprint: string): boolean {
    const issuer = this.#table.issuer(fingerprint);
    if (issuer === undefined || this.#issuers.get(fingerprint) === issuer.pem) return false;
    this.#issuers.set(fingerprint, issuer.pem);
    return true;
  }

  reload(): void {
    this.#identities.clear();
    for (const identity of this.#table.identities()) this.#identities.set(identity.fingerprint, identity);
    this.#issuers.clear();
    for (const { fingerprint, pem } of this.#table.issuers()) this.#issuers.set(fingerprint, pem);
  }
}
