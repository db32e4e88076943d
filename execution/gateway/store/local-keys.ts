/** Keys in the local file, or in memory that looks like one: every answer at once, every write in the file's transactions. */
import type { TenantId } from '../../../contracts/index.ts';
import { KmipError } from '../../kmip/index.ts';
import { type ManagedObject, namesOf } from '../../objects/index.ts';
import { GatewayRefusal } from '../refusals.ts';
import type {
  HeldRow,
  KeyStore,
  KeyStoreOptions,
  KeyStoreStatus,
  Settlement,
  WaitingKeys,
} from './key-store.ts';
import type { ObjectTable } from './object-table.ts';

/** What of the file the keys need: its table, and its transactions. */
export interface LocalFile {
  readonly objects: ObjectTable;
  transaction<T>(work: () => T): T;
  commit(write: () => void): Promise<void>;
}

export class LocalKeys implements KeyStore {
  readonly kind: 'sqlite' | 'memory';
  readonly answersAtOnce = true;
  readonly head = undefined;
  readonly #file: LocalFile;
  readonly #objects: ObjectTable;
  readonly #keysPerTenant: number;

  constructor(kind: 'sqlite' | 'memory', file: LocalFile, { keysPerTenant }: KeyStoreOptions) {
    this.kind = kind;
    this.#file = file;
    this.#objects = file.objects;
    this.#keysPerTenant = keysPerTenant;
  }

  get held(): number {
    return this.#objects.held;
  }

  get backlog(): number {
    return this.#objects.backlog;
  }

  status(): KeyStoreStatus {
    return { kind: this.kind, durable: this.kind === 'sqlite', up: true };
  }

  peek(tenant: TenantId, uid: string): HeldRow | undefined {
    return this.#objects.get(tenant, uid);
  }

  isAnothers(tenant: TenantId, uid: string): boolean {
    return this.#objects.isAnothers(tenant, uid);
  }

  async load(): Promise<void> {}

  isNameTaken(tenant: TenantId, name: string): boolean {
    return this.#objects.nameHolder(tenant, name) !== undefined;
  }

  insert(objects: readonly ManagedObject[], beside: () => void): Promise<void> {
    return this.#file.commit(() => {
      for (const object of objects) {
        for (const name of namesOf(object)) if (this.isNameTaken(object.tenant, name)) throw nameTaken(name);
        if (this.#objects.heldBy(object.tenant) >= this.#keysPerTenant) throw new GatewayRefusal('KEY_QUOTA');
        this.#objects.insertNew(object);
      }
      beside();
    });
  }

  markServed(tenant: TenantId, uid: string): Promise<void> {
    return this.#file.commit(() => this.#objects.markServed(tenant, uid));
  }

  apply(object: ManagedObject): boolean {
    return this.#objects.apply(object);
  }

  destroy(tenant: TenantId, uid: string): void {
    this.#objects.destroy(tenant, uid);
  }

  noteHead(): void {}

  mayWait(tenant: TenantId, uid: string): boolean {
    return this.#objects.isWaiting(tenant, uid);
  }

  backlogOf(tenant: TenantId): number {
    return this.#objects.backlogOf(tenant);
  }

  async waiting(limit: number, tenant?: TenantId): Promise<WaitingKeys> {
    return this.#objects.waiting(limit, tenant);
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    this.#file.transaction(() => {
      for (const settlement of settlements) this.#settleOne(settlement);
    });
  }

  randomIvsUsed(uid: string): number {
    return this.#objects.randomIvsUsed(uid);
  }

  async addRandomIvs(spent: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, number>> {
    const totals = new Map<string, number>();
    await this.#file.commit(() => {
      for (const [uid, more] of spent) totals.set(uid, this.#objects.addRandomIvs(uid, more));
    });
    return totals;
  }

  async close(): Promise<void> {}

  #settleOne(settlement: Settlement): void {
    switch (settlement.outcome) {
      case 'announced':
        this.#objects.markAnnounced(settlement.known.tenant, settlement.known.uid, settlement.known);
        return;
      case 'changed':
        this.#objects.apply(settlement.object);
        // Also when a push has brought the same revision before.
        this.#objects.markAnnounced(settlement.known.tenant, settlement.known.uid, settlement.known);
        return;
      case 'destroyed':
        this.#objects.destroy(settlement.tenant, settlement.uid);
        return;
      case 'refused':
        this.#objects.markRefused(settlement.tenant, settlement.uid);
        return;
    }
  }
}

/** KMIP 1.4 §11.2. */
export function nameTaken(name: string): KmipError {
  return KmipError.invalidField(`the Name "${name.slice(0, 80)}" belongs to another object`);
}
