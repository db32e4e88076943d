/**
 * Keys that this region may hold without the core knowing (D6): a gateway answers Create before it announces. A unique
 * identifier that is not found is therefore not known to be nobody's before every gateway of the region has announced
 * what it had made by then. So they are asked to, all of them at once, over whichever core each is subscribed to; whoever
 * comes while a round is under way shares the next one.
 */
import type { Logger } from '../../../platform/log.ts';
import {
  ELSEWHERE_CHECK_MS,
  ELSEWHERE_SPACING_MS,
  ELSEWHERE_WAIT_MS,
  GATEWAY_FORGOTTEN_MS,
  GATEWAY_SILENT_MS,
} from '../limits.ts';
import { askForAnnouncements, type GatewayStanding, gatewayStandings } from '../store/gateways.ts';
import type { RegionDb } from '../store/tables.ts';

/** What gateways make: other identifiers are nobody's if they are not the core's. */
const GATEWAY_UID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function mayBeAGatewayKey(uid: string): boolean {
  return GATEWAY_UID.test(uid);
}

export class Elsewhere {
  readonly #db: RegionDb;
  readonly #logger: Logger;
  #running: Promise<readonly GatewayStanding[]> | undefined;
  #next: Promise<readonly GatewayStanding[]> | undefined;
  #told: (() => void) | undefined;

  constructor(db: RegionDb, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  /**
   * Resolves with the names of gateways, but for the one that asks, which may hold keys that they have not announced:
   * none, when each of them has announced all that it had made before this was called. Takes ELSEWHERE_WAIT_MS at most,
   * twice where a round is under way; nothing where there is no other gateway.
   */
  async unannounced(asking: string): Promise<readonly string[]> {
    const others = await gatewayStandings(this.#db, GATEWAY_FORGOTTEN_MS);
    if (others.every(({ fingerprint }) => fingerprint === asking)) return [];
    const missing = await this.#follow();
    return missing.filter(({ fingerprint }) => fingerprint !== asking).map(({ name }) => name);
  }

  /** A gateway has told, to whichever core, that it has announced what it was asked for. */
  told(): void {
    this.#told?.();
  }

  /** A round that begins after this call. */
  #follow(): Promise<readonly GatewayStanding[]> {
    const before = this.#running;
    if (before === undefined) return this.#start();
    this.#next ??= before
      .catch(() => undefined)
      .then(() => new Promise((resolve) => setTimeout(resolve, ELSEWHERE_SPACING_MS)))
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  #start(): Promise<readonly GatewayStanding[]> {
    const running = this.#round().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #round(): Promise<readonly GatewayStanding[]> {
    const endMs = performance.now() + ELSEWHERE_WAIT_MS;
    const asked = await askForAnnouncements(this.#db);
    for (;;) {
      const standings = await gatewayStandings(this.#db, GATEWAY_FORGOTTEN_MS);
      const missing = standings.filter(({ announcedUpTo }) => announcedUpTo < asked);
      // Nobody waits for a gateway that is out of reach itself.
      const isWorthWaiting = missing.some(({ silentMs }) => silentMs < GATEWAY_SILENT_MS);
      if (!isWorthWaiting || performance.now() >= endMs) {
        if (missing.length > 0) {
          const gateways = missing.map(({ name }) => name);
          this.#logger.warn(
            { reason: 'GATEWAYS_UNHEARD', gateways },
            'gateways have not announced what they have made, though they were asked to',
          );
        }
        return missing;
      }
      await this.#wait(Math.min(ELSEWHERE_CHECK_MS, endMs - performance.now()));
    }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#told = undefined;
        resolve();
      };
      const timer = setTimeout(done, Math.max(1, ms));
      this.#told = done;
    });
  }
}
