/**
 * Which tenants this gateway must refuse: their link epoch was closed and no later one has been opened (D1). Epochs
 * only grow, so a late or repeated push revives nothing.
 */
import type { TenantId } from '../../contracts/index.ts';
import type { RegistryTable } from './store/registry-table.ts';

interface Epochs {
  readonly closedEpoch: number;
  readonly openedEpoch: number;
}

export class Tenants {
  readonly #table: RegistryTable;
  readonly #epochs = new Map<TenantId, Epochs>();

  constructor(table: RegistryTable) {
    this.#table = table;
    this.reload();
  }

  isClosed(tenant: TenantId): boolean {
    const epochs = this.#epochs.get(tenant);
    return epochs !== undefined && epochs.closedEpoch >= epochs.openedEpoch && epochs.closedEpoch > 0;
  }

  /** Inside the caller's transaction. Returns whether the tenant has just become closed. */
  close(tenant: TenantId, epoch: number): boolean {
    const before = this.isClosed(tenant);
    const { closedEpoch, openedEpoch } = this.#of(tenant);
    this.#set(tenant, { closedEpoch: Math.max(closedEpoch, epoch), openedEpoch });
    return !before && this.isClosed(tenant);
  }

  open(tenant: TenantId, epoch: number): void {
    const { closedEpoch, openedEpoch } = this.#of(tenant);
    this.#set(tenant, { closedEpoch, openedEpoch: Math.max(openedEpoch, epoch) });
  }

  /** Another process has applied the change to the store: takes over what stands there. */
  adopt(tenant: TenantId): void {
    const epochs = this.#table.tenant(tenant);
    if (epochs !== undefined) this.#epochs.set(tenant, epochs);
  }

  /** After a snapshot was applied, or a transaction rolled back. */
  reload(): void {
    this.#epochs.clear();
    for (const { tenant, closedEpoch, openedEpoch } of this.#table.tenants()) {
      this.#epochs.set(tenant, { closedEpoch, openedEpoch });
    }
  }

  #of(tenant: TenantId): Epochs {
    return this.#epochs.get(tenant) ?? { closedEpoch: 0, openedEpoch: 0 };
  }

  #set(tenant: TenantId, epochs: Epochs): void {
    this.#table.putTenant({ tenant, ...epochs });
    this.#epochs.set(tenant, epochs);
  }
}
