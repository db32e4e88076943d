/** By which key this process signs: the configured one at first, then whichever governance has gone over to. */
import { sql } from 'kysely';
import {
  ExchangeableSigner,
  isKey,
  type KeyDirectory,
  publicPemOf,
  type Signer,
} from '../../orbital/index.ts';
import { OkcmError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import { SIGNING_KEY_POLL_MS } from '../limits.ts';
import { type Periodic, startPeriodic } from '../periodic.ts';
import { asPlatform, type Db } from '../store/transactions.ts';
import { activateTrusted, goOver } from './own-keys.ts';

export interface SigningParts {
  readonly db: Db;
  readonly configured: Signer;
  readonly directory: KeyDirectory;
  readonly logger: Logger;
}

export class Signing {
  readonly signer: ExchangeableSigner;
  readonly #parts: SigningParts;
  #following: Periodic | undefined;
  /** What is missing here, so that it is told once. */
  #missing: string | undefined;

  private constructor(parts: SigningParts) {
    this.#parts = parts;
    this.signer = new ExchangeableSigner(parts.configured);
  }

  /** @throws OkcmError CMK_SIGNING_KEY when nothing that this process could sign would count */
  static async open(parts: SigningParts): Promise<Signing> {
    const signing = new Signing(parts);
    await signing.#introduce();
    await signing.#follow();
    const { configured } = parts;
    if ((await signing.#stateOf(signing.signer.keyId)) === 'retired')
      throw new OkcmError('CMK_SIGNING_KEY', `the signing key ${configured.keyId} is retired`, {
        hint: 'Put the file of the key that signs now into "orbital.keyDirectory"; okcm signing-key list names it.',
      });
    return signing;
  }

  start(): Periodic {
    this.#following = startPeriodic('signing key', SIGNING_KEY_POLL_MS, this.#parts.logger, () =>
      this.#follow(),
    );
    return this.#following;
  }

  /** Looks now which key signs. */
  wake(): void {
    this.#following?.wake();
  }

  /** The key of that name, made where there is none. */
  async keyOf(keyId: string): Promise<Signer> {
    const { configured, directory } = this.#parts;
    return keyId === configured.keyId ? configured : await directory.ensure(keyId);
  }

  /** A key that was configured by hand and is not known yet signs from now on: whoever did that has told the regions. */
  async #introduce(): Promise<void> {
    const { db, configured } = this.#parts;
    const publicKey = publicPemOf(configured.privateKey);
    await asPlatform(db, async (trx) => {
      await sql`LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE`.execute(trx);
      const present = await trx
        .selectFrom('signing_keys')
        .select('public_key')
        .where('key_id', '=', configured.keyId)
        .executeTakeFirst();
      if (present?.public_key === publicKey) return;
      if (present !== undefined)
        throw new OkcmError('CMK_SIGNING_KEY', `${configured.keyId} is the name of another signing key`, {
          hint: 'Give the key in "orbital.signingKey" another "keyId": names of keys are never used twice.',
        });
      await trx
        .insertInto('signing_keys')
        .values({ key_id: configured.keyId, public_key: publicKey, state: 'announced' })
        .execute();
      await goOver(trx, configured.keyId);
    });
  }

  async #follow(): Promise<void> {
    const { db, configured, directory, logger } = this.#parts;
    const active = await activateTrusted({ db });
    if (active === undefined) return;
    const { keyId } = active;
    if (keyId === this.signer.keyId && isKey(this.signer, active.publicKey)) return;
    const { found, strange } = await directory.findAmong(configured, active);
    if (found !== undefined) {
      this.signer.use(found);
      logger.info({ keyId }, 'jobs are signed by another key');
      this.#missing = undefined;
      return;
    }
    const missing = `${keyId} ${strange ?? ''}`;
    if (this.#missing !== missing)
      logger.error(
        { keyId, ...(strange === undefined ? {} : { file: strange }) },
        strange === undefined
          ? 'the key that signs jobs is not on this machine: the one before goes on'
          : 'what lies here under the name of the key that signs jobs is another key: the one before goes on',
      );
    this.#missing = missing;
  }

  async #stateOf(keyId: string): Promise<string | undefined> {
    const row = await asPlatform(this.#parts.db, (trx) =>
      trx.selectFrom('signing_keys').select('state').where('key_id', '=', keyId).executeTakeFirst(),
    );
    return row?.state;
  }
}
