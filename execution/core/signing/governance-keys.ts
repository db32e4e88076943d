/**
 * The keys by which governance signs, as this region knows them: those of its configuration, until a message of governance or
 * a person in the region has said otherwise. What was retired stays refused, whatever the configuration says (D11).
 */
import { sql } from 'kysely';
import {
  adoptKeys,
  canonicalPem,
  type KnownKey,
  type NamedKey,
  type TrustedKey,
  trustedOf,
  trustRefusals,
  withConfigured,
} from '../../../orbital/index.ts';
import { OkcmError } from '../../../platform/errors.ts';
import type { RegionDb, RegionTx } from '../store/tables.ts';

export class TrustRefusedError extends OkcmError {
  override readonly name = 'TrustRefusedError';
  readonly why: keyof typeof trustRefusals;
  constructor(why: keyof typeof trustRefusals) {
    super('CORE_KEYS_REFUSED', trustRefusals[why]);
    this.why = why;
  }
}

export class GovernanceKeys {
  readonly #db: RegionDb;
  readonly #configured: readonly NamedKey[];

  /** `configured`: as the configuration names them, in PEM. @throws OkcmError CORE_KEYS_REFUSED for what is no Ed25519 key */
  constructor(db: RegionDb, configured: readonly NamedKey[]) {
    this.#db = db;
    this.#configured = configured.map(({ keyId, publicKey }) => {
      const pem = canonicalPem(publicKey);
      if (pem === undefined) throw new TrustRefusedError('NOT_A_KEY');
      return { keyId, publicKey: pem };
    });
  }

  /** Of this moment: what another core of the region has been told counts here, too. */
  async trusted(): Promise<readonly TrustedKey[]> {
    return trustedOf(await this.known(this.#db));
  }

  async known(db: RegionDb | RegionTx): Promise<readonly KnownKey[]> {
    const rows = await db
      .selectFrom('core.governance_keys')
      .select(['key_id', 'public_key', 'state'])
      .orderBy('key_id')
      .execute();
    const stored = rows.map(({ key_id, public_key, state }) => ({
      keyId: key_id,
      publicKey: public_key,
      state,
    }));
    return withConfigured(stored, this.#configured);
  }

  /**
   * Trusts these and no others from the commit on; answers their names. `signedBy`: the key that vouches for them, undefined
   * where a person does. @throws TrustRefusedError
   */
  async adopt(
    tx: RegionTx,
    wanted: readonly NamedKey[],
    signedBy: string | undefined,
  ): Promise<readonly string[]> {
    await sql`lock table core.governance_keys in share row exclusive mode`.execute(tx);
    const known = await this.known(tx);
    const adopted = adoptKeys(known, wanted, signedBy);
    if (!adopted.ok) throw new TrustRefusedError(adopted.why);
    for (const { keyId, publicKey, state } of adopted.keys) {
      const isNews = known.find((key) => key.keyId === keyId)?.state !== state;
      await tx
        .insertInto('core.governance_keys')
        .values({ key_id: keyId, public_key: publicKey, state })
        .onConflict((conflict) =>
          conflict.column('key_id').doUpdateSet(isNews ? { state, since: sql<Date>`now()` } : { state }),
        )
        .execute();
    }
    return adopted.keys.filter(({ state }) => state === 'trusted').map(({ keyId }) => keyId);
  }
}
