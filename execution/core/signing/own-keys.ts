/**
 * The keys by which this region signs. Private halves lie in files, one for each key, and nowhere else; which of them is in
 * use stands in the region's database, so that all its cores go over together (D11).
 */
import { sql } from 'kysely';
import {
  ExchangeableSigner,
  isKey,
  type KeyDirectory,
  type NamedKey,
  publicPemOf,
  type Signer,
} from '../../../orbital/index.ts';
import type { Logger } from '../../../platform/log.ts';
import { SIGNING_KEY_POLL_MS } from '../limits.ts';
import type { RegionDb, RegionTx } from '../store/tables.ts';

export interface OwnKeysParts {
  readonly db: RegionDb;
  /** The key that the configuration names. */
  readonly configured: Signer;
  readonly directory: KeyDirectory;
  readonly logger: Logger;
}

export class OwnKeys {
  /** Signs by the key that is in use, from SIGNING_KEY_POLL_MS after the region has gone over to it. */
  readonly signer: ExchangeableSigner;
  readonly #parts: OwnKeysParts;
  /** What is missing here, so that it is told once. */
  #missing: string | undefined;

  constructor(parts: OwnKeysParts) {
    this.#parts = parts;
    this.signer = new ExchangeableSigner(parts.configured);
  }

  /** A configured key that is not known yet was put there by a person, and is used from now on. Follows until `stop`. */
  async start(): Promise<{ stop(): void }> {
    const { db, configured, logger } = this.#parts;
    await db.transaction().execute(async (tx) => {
      const rows = await this.#rows(tx);
      const isNew = rows.length > 0 && !rows.some(({ keyId }) => keyId === configured.keyId);
      if (isNew) {
        await this.#insert(tx, configured);
        await this.use(tx, configured.keyId);
      }
    });
    await this.follow();
    const timer = setInterval(() => {
      this.follow().catch((err: unknown) => logger.warn({ err }, 'the signing key in use is not known'));
    }, SIGNING_KEY_POLL_MS).unref();
    return { stop: () => clearInterval(timer) };
  }

  /**
   * The public half of the key of that name, made where there is none; PEM. Of one that is known it is what was answered before,
   * whichever core has its file: a second one under its name would be another key.
   */
  async make(tx: RegionTx, keyId: string): Promise<string> {
    const { configured, directory } = this.#parts;
    // The first rotation finds no rows: what is in use has to be known before there is a second.
    if ((await this.#rows(tx)).length === 0) {
      await this.#insert(tx, configured);
      await this.use(tx, configured.keyId);
    }
    const known = await this.#row(tx, keyId);
    if (known !== undefined) {
      await this.#find(known);
      return known.publicKey;
    }
    const made = keyId === configured.keyId ? configured : await directory.ensure(keyId);
    await this.#insert(tx, made);
    return publicPemOf(made.privateKey);
  }

  /** From the commit on the region signs by that key. False where it does not know it, or its file is not here. */
  async use(tx: RegionTx, keyId: string): Promise<boolean> {
    const row = await this.#row(tx, keyId);
    if (row === undefined || (await this.#find(row)) === undefined) return false;
    const now = sql<Date>`now()`;
    await tx
      .updateTable('core.own_keys')
      .set({ state: 'former', since: now })
      .where('state', '=', 'active')
      .where('key_id', '<>', keyId)
      .execute();
    await tx
      .updateTable('core.own_keys')
      .set({ state: 'active', since: now })
      .where('key_id', '=', keyId)
      .where('state', '<>', 'active')
      .execute();
    return true;
  }

  /** Goes over to the key that the region uses now. Without its file the one before goes on, until governance retires it. */
  async follow(): Promise<void> {
    const rows = await this.#rows(this.#parts.db);
    const active = rows.find(({ state }) => state === 'active');
    if (active === undefined) return;
    if (active.keyId === this.signer.keyId && isKey(this.signer, active.publicKey)) return;
    const next = await this.#find(active);
    if (next === undefined) return;
    this.signer.use(next);
    this.#parts.logger.info({ keyId: active.keyId }, 'the region signs by another key');
  }

  /** Undefined, and told once, where its file is not on this machine, or another key lies under its name. */
  async #find(key: NamedKey): Promise<Signer | undefined> {
    const { configured, directory, logger } = this.#parts;
    const { found, strange } = await directory.findAmong(configured, key);
    const { keyId } = key;
    const missing = found === undefined ? `${keyId} ${strange ?? ''}` : undefined;
    if (missing !== undefined && missing !== this.#missing)
      logger.error(
        { keyId, ...(strange === undefined ? {} : { file: strange }) },
        strange === undefined
          ? 'the signing key of the region is not on this machine'
          : 'what lies here under the name of the region’s signing key is another key',
      );
    this.#missing = missing;
    return found;
  }

  async #row(db: RegionTx, keyId: string) {
    return (await this.#rows(db)).find((row) => row.keyId === keyId);
  }

  async #rows(db: RegionDb | RegionTx) {
    return await db
      .selectFrom('core.own_keys')
      .select(['key_id as keyId', 'public_key as publicKey', 'state'])
      .execute();
  }

  async #insert(tx: RegionTx, { keyId, privateKey }: Signer): Promise<void> {
    await tx
      .insertInto('core.own_keys')
      .values({ key_id: keyId, public_key: publicPemOf(privateKey), state: 'made' })
      .onConflict((conflict) => conflict.column('key_id').doNothing())
      .execute();
  }
}
