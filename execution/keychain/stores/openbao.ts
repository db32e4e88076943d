/**
 * OpenBao, or a Vault, as the home of keys: one secret for each tenant, which holds all of it, so that one check-and-set
 * makes a change whole. It knows nothing of the caller's transaction. Keys are envelopes there as everywhere: whoever
 * reads the OpenBao, or a backup of it, reads no key.
 */
import type { TenantId } from '../../../contracts/index.ts';
import { KeychainError } from '../errors.ts';
import type { OpenBaoServer } from '../openbao-client.ts';
import type { Db } from '../tables.ts';
import type { KeyStore, StoredRecords, TenantChange } from './key-store.ts';
import { changed, decodeDocument, encodeDocument } from './openbao-document.ts';
import { checkSize, KvClient, type KvSecret, type WriteOutcome } from './openbao-kv.ts';
import { nameOf, type OpenBaoLayout, placeOf, type SecretPlace } from './openbao-layout.ts';

export type OpenBaoStoreOptions = Omit<OpenBaoServer, 'namespace'> &
  OpenBaoLayout & {
    /** What stands before the region in every path: the mount may be shared with others. */
    readonly prefix: string;
    readonly region: string;
  };

/** Talks to nobody until it is used. */
export class OpenBaoKeyStore implements KeyStore {
  readonly kind = 'openbao';
  readonly isTransactional = false;
  readonly #options: OpenBaoStoreOptions;
  readonly #kv: KvClient;

  constructor(options: OpenBaoStoreOptions) {
    const { url, tokenFile, ca, timeoutMs } = options;
    this.#options = options;
    this.#kv = new KvClient({ url, tokenFile, ...(ca === undefined ? {} : { ca }), timeoutMs });
  }

  async read(_db: Db, tenant: TenantId, services: readonly string[]): Promise<StoredRecords | null> {
    const stored = await this.#stored(this.#placeOf(tenant));
    if (stored === null) return null;
    return {
      ...stored.records,
      keys: stored.records.keys.filter(({ service }) => services.includes(service)),
    };
  }

  async write(_tx: Db, tenant: TenantId, change: TenantChange): Promise<void> {
    const place = this.#placeOf(tenant);
    const [stored] = await Promise.all([this.#stored(place), this.#kv.checkMount(place)]);
    if (change.record.counter !== (stored?.records.counter ?? 0) + 1)
      throw new KeychainError('CONFLICT', tenant);
    const text = encodeDocument(changed(stored?.records ?? null, change));
    checkSize(place, text);
    if (stored === null) await this.#kv.prepare(place);
    const outcome = await this.#kv.write(place, stored?.version ?? 0, text);
    if (outcome.kind !== 'written') await this.#settle(place, tenant, change.record.counter, text, outcome);
  }

  /**
   * A write that was not plainly done may be done all the same: the answer was lost, or something on the way asked
   * twice and brought back the second refusal. What is stored now tells. @throws KeychainError unless it is ours.
   */
  async #settle(
    place: SecretPlace,
    tenant: TenantId,
    counter: number,
    text: string,
    outcome: Exclude<WriteOutcome, { kind: 'written' }>,
  ): Promise<void> {
    const now = await this.#stored(place);
    if (now?.text === text) return;
    // There is one change of each counter, and that one is not ours.
    const isLost = outcome.kind === 'outdated' || now?.records.counter === counter;
    throw isLost ? new KeychainError('CONFLICT', tenant) : outcome.error;
  }

  async #stored(place: SecretPlace): Promise<(KvSecret & { records: StoredRecords }) | null> {
    const secret = await this.#kv.read(place);
    if (secret === null) return null;
    return { ...secret, records: decodeDocument(secret.text, nameOf(place)) };
  }

  #placeOf(tenant: TenantId): SecretPlace {
    return placeOf(this.#options, this.#options.prefix, this.#options.region, tenant);
  }
}
