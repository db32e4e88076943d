/**
 * Sessions of people who are signed in to the portal. A browser holds a cookie that no script reads and that says nothing
 * to anybody else; CMK holds the tokens of the provider behind it (sealed-session.ts), and gets the next access token when
 * one ends. What somebody may do is asked of the access token for each request, as everywhere: a session is no permission.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../platform/log.ts';
import { QueueFullError, Semaphore } from '../../platform/semaphore.ts';
import { CmkError } from '../errors.ts';
import {
  MAX_PORTAL_SESSIONS,
  MAX_PORTAL_SESSIONS_EACH,
  PORTAL_IDLE_MS,
  PORTAL_LOOKUPS,
  PORTAL_REFRESH_CLAIM_MS,
  PORTAL_REFRESH_MARGIN_MS,
  PORTAL_SESSION_MS,
  PORTAL_USE_NOTED_MS,
} from '../limits.ts';
import { asSystem, type Db, type Trx } from '../store/transactions.ts';
import {
  newSessionCookie,
  openTokens,
  readSessionCookie,
  sealTokens,
  type Tokens,
} from './sealed-session.ts';

export interface FreshTokens extends Tokens {
  readonly expiresAtMs: number;
}

/**
 * Gets the next tokens from the provider of that name; undefined: it gives none, and the person signs in anew. Rejects when
 * the provider does not say.
 */
export type Refresh = (issuer: string, refreshToken: string) => Promise<FreshTokens | undefined>;

/** Tells the provider of that name that nobody needs this token any more. */
export type Revoke = (issuer: string, refreshToken: string) => Promise<void>;

export interface LiveSession {
  /** Who signed in. The token has to be theirs each time: a provider gives further ones, and may err, or lie. */
  readonly principal: string;
  readonly accessToken: string;
  /** Of the session itself. */
  readonly expiresAt: Date;
}

const REFRESH_WAIT_MS = 100;

export class PortalSessions {
  readonly #db: Db;
  readonly #refresh: Refresh;
  readonly #revoke: Revoke;
  readonly #logger: Logger;
  readonly #lookups = new Semaphore(PORTAL_LOOKUPS);

  constructor(options: {
    readonly db: Db;
    readonly refresh: Refresh;
    readonly revoke: Revoke;
    readonly logger: Logger;
  }) {
    this.#db = options.db;
    this.#refresh = options.refresh;
    this.#revoke = options.revoke;
    this.#logger = options.logger;
  }

  /**
   * What the browser is to keep. Of one person the session that was not used for longest makes room; undefined: there is none.
   * `recorded` is part of the same transaction.
   */
  async begin(
    principal: string,
    issuer: string | null,
    tokens: FreshTokens,
    recorded: (trx: Trx) => Promise<void>,
  ): Promise<{ readonly cookie: string; readonly expiresAt: Date } | undefined> {
    const { cookie, session } = newSessionCookie();
    const now = Date.now();
    const expiresAt = new Date(
      tokens.refresh === undefined
        ? Math.min(tokens.expiresAtMs, now + PORTAL_SESSION_MS)
        : now + PORTAL_SESSION_MS,
    );
    const begun = await asSystem(this.#db, async (trx) => {
      await forgetEnded(trx, now);
      await forgetOldest(trx, principal);
      const { count } = await trx
        .selectFrom('portal_sessions')
        .select((of) => of.fn.countAll<string>().as('count'))
        .executeTakeFirstOrThrow();
      if (Number(count) >= MAX_PORTAL_SESSIONS) return false;
      await trx
        .insertInto('portal_sessions')
        .values({
          id: session.id,
          principal,
          issuer,
          sealed: sealTokens(session, tokens),
          token_expires_at: new Date(tokens.expiresAtMs),
          expires_at: expiresAt,
          used_at: new Date(now),
        })
        .execute();
      await recorded(trx);
      return true;
    });
    return begun ? { cookie, expiresAt } : undefined;
  }

  /**
   * Undefined: nobody is signed in by this cookie, or not any longer. `from`: the address that asks, where it is known.
   * Errors: PORTAL_BUSY.
   */
  async find(cookie: string, from: string | undefined): Promise<LiveSession | undefined> {
    const session = readSessionCookie(cookie);
    if (session === undefined) return undefined;
    // While another request, here or in another process, is getting the next token, this one goes on with the present one, or
    // waits where that has ended.
    for (const giveUpAt = performance.now() + PORTAL_REFRESH_CLAIM_MS; performance.now() < giveUpAt; ) {
      const row = await this.#lookUp(from, () => this.#read(session.id));
      const tokens = row === undefined ? undefined : openTokens(session, row.sealed);
      if (row === undefined || tokens === undefined) return undefined;
      const now = Date.now();
      const { issuer, principal, expires_at: expiresAt } = row;
      const live = { principal, accessToken: tokens.access, expiresAt };
      if (row.token_expires_at.getTime() - PORTAL_REFRESH_MARGIN_MS > now) {
        if (now - row.used_at.getTime() > PORTAL_USE_NOTED_MS) await this.#use(session.id, now);
        return live;
      }
      if (tokens.refresh === undefined || issuer === null)
        return row.token_expires_at.getTime() > now ? live : undefined;
      if (await this.#claim(session.id, row.token_expires_at, now)) {
        const fresh = await this.#next(issuer, tokens.refresh);
        // A provider that is away has said nothing: the session lives, and asks again when the claim is over.
        if (fresh === 'away') return row.token_expires_at.getTime() > now ? live : undefined;
        if (fresh === undefined) {
          await this.#lookUp(from, () => this.#forget(session.id));
          return undefined;
        }
        // Not every provider gives another refresh token each time.
        const kept = { access: fresh.access, refresh: fresh.refresh ?? tokens.refresh };
        if (!(await this.#keep(session.id, sealTokens(session, kept), fresh.expiresAtMs))) {
          // Somebody has signed out in the meantime, and could not know of these.
          this.#revokeLater(issuer, kept.refresh);
          return undefined;
        }
        return { principal, accessToken: fresh.access, expiresAt };
      }
      if (row.token_expires_at.getTime() > now) return live;
      await delay(REFRESH_WAIT_MS);
    }
    return undefined;
  }

  /**
   * Whose it was; undefined: nobody's. Also at its provider, which is told in the background: the session is over whatever it
   * answers. `from` and errors: as find.
   */
  async end(cookie: string, from: string | undefined): Promise<string | undefined> {
    const session = readSessionCookie(cookie);
    if (session === undefined) return undefined;
    const ended = await this.#lookUp(from, () => this.#forget(session.id));
    if (ended === undefined) return undefined;
    const { principal, issuer, sealed } = ended;
    const refreshToken = openTokens(session, sealed)?.refresh;
    if (issuer !== null && refreshToken !== undefined) this.#revokeLater(issuer, refreshToken);
    return principal;
  }

  #revokeLater(issuer: string, refreshToken: string): void {
    this.#revoke(issuer, refreshToken).catch((error: unknown) =>
      this.#logger.warn(
        { err: error, issuer },
        'a refresh token of a session that has ended was not revoked',
      ),
    );
  }

  /** For what anybody can ask for who sends a cookie of the right length. */
  async #lookUp<T>(from: string | undefined, ask: () => Promise<T>): Promise<T> {
    try {
      return await this.#lookups.run(ask, from);
    } catch (error) {
      if (error instanceof QueueFullError) throw new CmkError('PORTAL_BUSY', error.message);
      throw error;
    }
  }

  #forget(id: string) {
    return asSystem(this.#db, (trx) =>
      trx
        .deleteFrom('portal_sessions')
        .where('id', '=', id)
        .returning(['principal', 'issuer', 'sealed'])
        .executeTakeFirst(),
    );
  }

  async #next(issuer: string, refreshToken: string): Promise<FreshTokens | 'away' | undefined> {
    try {
      return await this.#refresh(issuer, refreshToken);
    } catch (error) {
      this.#logger.warn({ err: error, issuer }, 'a provider gives no further token now; it is asked again');
      return 'away';
    }
  }

  #read(id: string) {
    const now = new Date();
    return asSystem(this.#db, (trx) =>
      trx
        .selectFrom('portal_sessions')
        .select(['principal', 'issuer', 'sealed', 'token_expires_at', 'expires_at', 'used_at'])
        .where('id', '=', id)
        .where('expires_at', '>', now)
        .where('used_at', '>', new Date(now.getTime() - PORTAL_IDLE_MS))
        .executeTakeFirst(),
    );
  }

  async #use(id: string, now: number): Promise<void> {
    await asSystem(this.#db, (trx) =>
      trx
        .updateTable('portal_sessions')
        .set({ used_at: new Date(now) })
        .where('id', '=', id)
        .execute(),
    );
  }

  /** Whether it is this request that asks the provider: one refresh token is good once with many of them. */
  async #claim(id: string, endsAt: Date, now: number): Promise<boolean> {
    const { numUpdatedRows } = await asSystem(this.#db, (trx) =>
      trx
        .updateTable('portal_sessions')
        .set({ refreshing_until: new Date(now + PORTAL_REFRESH_CLAIM_MS) })
        .where('id', '=', id)
        // Whoever was refreshed in the meantime has another.
        .where('token_expires_at', '=', endsAt)
        .where((of) =>
          of.or([of('refreshing_until', 'is', null), of('refreshing_until', '<', new Date(now))]),
        )
        .executeTakeFirst(),
    );
    return numUpdatedRows > 0n;
  }

  /** False: the session is not there any more. */
  async #keep(id: string, sealed: Buffer, tokenExpiresAtMs: number): Promise<boolean> {
    const { numUpdatedRows } = await asSystem(this.#db, (trx) =>
      trx
        .updateTable('portal_sessions')
        .set({
          sealed,
          token_expires_at: new Date(tokenExpiresAtMs),
          used_at: new Date(),
          refreshing_until: null,
        })
        .where('id', '=', id)
        .executeTakeFirst(),
    );
    return numUpdatedRows > 0n;
  }
}

async function forgetEnded(trx: Trx, now: number): Promise<void> {
  await trx
    .deleteFrom('portal_sessions')
    .where((of) =>
      of.or([of('expires_at', '<', new Date(now)), of('used_at', '<', new Date(now - PORTAL_IDLE_MS))]),
    )
    .execute();
}

async function forgetOldest(trx: Trx, principal: string): Promise<void> {
  await trx
    .deleteFrom('portal_sessions')
    .where('id', 'in', (of) =>
      of
        .selectFrom('portal_sessions')
        .select('id')
        .where('principal', '=', principal)
        .orderBy('used_at', 'desc')
        .offset(MAX_PORTAL_SESSIONS_EACH - 1),
    )
    .execute();
}
